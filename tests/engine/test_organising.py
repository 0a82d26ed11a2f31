"""Organising through the engine and through its process: what is said of clips, and clips that are elsewhere."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.engine import messages as m
from soundsearch.engine.client import EngineClient
from soundsearch.engine.service import Engine
from soundsearch.errors import CatalogueError
from soundsearch.records import CollectClips, Filter, MarkClips, Organised, Query, Tag, TagClips
from soundsearch.settings import Places


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    (folder / "Drums").mkdir(parents=True)
    for number in range(3):
        noise = 0.1 * np.random.default_rng(number).standard_normal(4_800)
        soundfile.write(folder / "Drums" / f"kick {number}.wav", noise, 48_000)
    return folder


@pytest.fixture
def engine(tmp_path: Path, starter: str, sounds: Path) -> Iterator[Engine]:
    opened = Engine(Places(tmp_path / "data"), model=starter)
    scan(opened, str(sounds))
    yield opened
    opened.close()


def scan(engine: Engine, *roots: str) -> Any:
    return finish(engine.scan(roots, workers=1))


def finish(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_details_name_tags_with_their_sources_collections_and_what_is_similar(engine: Engine) -> None:
    ids = [hit.clip.id for hit in engine.search(Query())]
    finish(engine.organising.act(TagClips((ids[0],), ("punchy",))))
    finish(engine.organising.act(CollectClips((ids[0], ids[1]), "Best")))
    assert engine.chosen.encoder  # loaded, as after the first search
    details = engine.organising.details(ids[0])
    assert details is not None
    assert details.tags == (Tag("Drums", "folder"), Tag("punchy", "user"))
    assert details.collections == ("Best",)
    assert {clip.id for clip in details.similar} == set(ids[1:])
    assert engine.organising.details(999) is None


def test_a_root_that_moved_is_located_and_keeps_everything(engine: Engine, sounds: Path) -> None:
    ids = [hit.clip.id for hit in engine.search(Query())]
    finish(engine.organising.act(MarkClips((ids[1],), rating=5)))
    moved = sounds.with_name("elsewhere")
    sounds.rename(moved)
    assert engine.organising.locate_root(str(sounds), str(moved)) == str(moved)
    report = scan(engine, str(moved))
    assert (report.found, report.unchanged, report.embedded) == (3, 3, 0)
    clip = engine.clips([ids[1]])[0]
    assert (clip.path, clip.rating) == (str(moved / "Drums" / "kick 1.wav"), 5)
    with pytest.raises(CatalogueError, match="belongs to the library already"):
        engine.organising.locate_root(str(sounds), str(moved / "Drums"))
    with pytest.raises(CatalogueError, match="There is no folder"):
        engine.organising.locate_root(str(moved), str(sounds))


def test_a_missing_clip_is_located_or_forgotten(engine: Engine, sounds: Path, tmp_path: Path) -> None:
    ids = [hit.clip.id for hit in engine.search(Query())]
    finish(engine.organising.act(MarkClips((ids[0],), favourite=True)))
    (sounds / "Drums" / "kick 0.wav").rename(tmp_path / "outside.wav")
    (sounds / "Drums" / "kick 1.wav").unlink()
    scan(engine)
    assert [clip.id for clip in engine.organising.missing()] == ids[:2]
    for path, said in (
        (tmp_path / "outside.wav", "lies in no folder"),
        (tmp_path / "nothing.wav", "There is no file"),
        (sounds / "Drums" / "kick 2.wav", "is another sound"),
    ):
        with pytest.raises(CatalogueError, match=said):
            engine.organising.locate_clip(ids[0], str(path))
    edited = sounds / "found again.wav"
    soundfile.write(edited, np.zeros(4_800), 48_000)  # not even its content is the same
    assert engine.organising.locate_clip(ids[0], str(edited)) == str(sounds)
    report = scan(engine, str(sounds))
    assert (report.found, report.added, report.missing) == (2, 0, 1)
    assert engine.clips([ids[0]])[0].favourite
    assert finish(engine.organising.forget((ids[0], ids[1], ids[2]))) == 1
    assert engine.organising.missing() == ()
    assert len(engine.clips(ids)) == 2


def test_a_clip_located_where_a_copy_of_it_was_listed_becomes_one_with_it(engine: Engine, sounds: Path) -> None:
    ids = [hit.clip.id for hit in engine.search(Query())]
    finish(engine.organising.act(MarkClips((ids[0],), rating=3)))
    shutil.copy(sounds / "Drums" / "kick 0.wav", sounds / "copy.wav")
    scan(engine)
    (sounds / "Drums" / "kick 0.wav").unlink()
    scan(engine)
    engine.organising.locate_clip(ids[0], str(sounds / "copy.wav"))
    report = scan(engine)
    assert (report.found, report.missing, report.failed) == (3, 0, ())
    assert engine.clips([ids[0]])[0].rating == 3


def test_a_large_selection_does_not_hold_up_other_requests(tmp_path: Path, starter: str) -> None:
    """10,000 clips are rated, that is taken back and made again, while a clip is fetched over and over."""
    places = Places(tmp_path / "data")
    places.create()
    ids = _fill(places.catalogue, 10_000)
    answers: dict[int, tuple[float, Any]] = {}
    arrived = threading.Event()

    def receive(message: m.Message) -> None:
        if isinstance(message, m.Reply | m.Failed):
            answers[message.id] = (time.monotonic(), message)
            arrived.set()

    client = EngineClient(places.data_dir, receive, starter, "cpu")
    client.start()

    def wait_for(request: int) -> Any:
        deadline = time.monotonic() + 60
        while request not in answers and time.monotonic() < deadline:
            arrived.wait(0.05)
            arrived.clear()
        assert isinstance(answers[request][1], m.Reply), answers[request]
        return answers[request][1].value

    try:
        wait_for(client.send(m.FetchClips((ids[0],))))
        waits = []
        for request in (m.Organise(MarkClips(tuple(ids), rating=4)), m.Undo(), m.Redo()):
            order = client.send(request)
            while order not in answers:
                began = time.monotonic()
                asked = client.send(m.FetchClips((ids[0],)))
                wait_for(asked)
                waits.append(answers[asked][0] - began)
            assert answers[order][1].value.said == "rating of 10,000 clips"
        assert len(waits) > 20
        assert np.median(waits) < 0.1
        assert wait_for(client.send(m.FetchClips((ids[-1],))))[0].rating == 4
        said = wait_for(client.send(m.Organise(CollectClips((ids[0],), "One"))))
        assert said == Organised("addition of 1 clip to “One”", "addition of 1 clip to “One”")
        assert [c.name for c in wait_for(client.send(m.ListCollections()))] == ["One"]
    finally:
        client.close()


def _fill(path: Path, count: int) -> list[int]:
    catalogue = Catalogue(path)
    root = catalogue.add_root(b"/nowhere", b"/").id
    catalogue.list_files(root, [FoundFile(b"%06d.wav" % i, 100, 1) for i in range(count)], [])
    vector = np.array([1, 0], np.float32)
    done = [
        Analysis(file.clip_id, file.clip_id.to_bytes(16, "big"), 100, 1, 1.0, 48_000, 1, "WAV", b"", vector)
        for file in catalogue.pending("b", [root])
    ]
    catalogue.record("b", done, [])
    ids: list[int] = catalogue.select(Filter())[0].tolist()
    catalogue.close()
    return ids

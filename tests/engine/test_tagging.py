"""Proposals, decisions, undo, and labels that are written into files, on a scanned library."""

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soundsearch.audio import tag_writing
from soundsearch.audio.metadata import UcsFields, read_tags
from soundsearch.engine.labels import Label
from soundsearch.engine.service import Engine
from soundsearch.errors import CatalogueError
from soundsearch.records import TagClips, TagProposals
from soundsearch.settings import Places
from tests.bundles import small_library
from tests.engine.conftest import run_scan

SET = "rain,wind,door slam,kick drum"


def drive(steps: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder with a library, scanned, whose everyday sounds are known."""
    home = tmp_path_factory.mktemp("tagging")
    small_library(home / "Sounds")
    engine = Engine(Places(home / "data"), model=str(tiny_model))
    run_scan(engine, home / "Sounds")
    drive(engine.tagging.propose(SET, [str(home / "Sounds")]))
    engine.close()
    return home


@pytest.fixture
def tagged(prepared: Path, tmp_path: Path, tiny_model: Path) -> Iterator[Engine]:
    """An engine on a copy of it."""
    shutil.copytree(prepared / "data", tmp_path / "data")
    shutil.copytree(prepared / "Sounds", tmp_path / "Sounds")
    engine = Engine(Places(tmp_path / "data"), model=str(tiny_model))
    engine.organising.locate_root(str(prepared / "Sounds"), str(tmp_path / "Sounds"))
    run_scan(engine, tmp_path / "Sounds")
    yield engine
    engine.close()


def propose(engine: Engine, bar: float = 0.0, **options: Any) -> TagProposals:
    (root,) = engine.status().roots
    return drive(engine.tagging.propose(SET, [root.path], bar=bar, **options))


def tables(engine: Engine) -> list[Any]:
    return [engine._catalogue._db.query(f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("tags", "refused")]


def accept(proposals: TagProposals) -> list[tuple[int, list[tuple[str, float]]]]:
    return [(clip.clip_id, [(tag.label, tag.score) for tag in clip.tags if tag.accepted]) for clip in proposals.clips]


def test_every_analysed_clip_gets_labels_in_order_of_score(tagged: Engine) -> None:
    proposals = propose(tagged, 0.0, for_review=False)
    assert [clip.path for clip in proposals.clips] == sorted(clip.path for clip in proposals.clips)
    assert len(proposals.clips) == tagged.status().embedded
    for clip in proposals.clips:
        assert {tag.label for tag in clip.tags} == set(SET.split(","))
        assert [tag.score for tag in clip.tags] == sorted((tag.score for tag in clip.tags), reverse=True)
        assert all(tag.accepted for tag in clip.tags)
    assert not any(tag.accepted for clip in propose(tagged, 1.0).clips for tag in clip.tags)
    assert tables(tagged) == [[], []]


def test_applying_keeps_what_people_said_and_undo_restores_exactly(tagged: Engine) -> None:
    first, second = (clip.clip_id for clip in propose(tagged, for_review=False).clips[:2])
    drive(tagged.organising.act(TagClips((first,), ("Rain", "mine"))))
    before = tables(tagged)
    accepted = [(first, [("rain", 0.9), ("wind", 0.8)]), (second, [("rain", 0.7)])]
    done = drive(tagged.tagging.apply(SET, accepted, [(second, ["wind"])]))
    tags = {clip.clip.id: {(t.label, t.source, t.score) for t in clip.tags if t.source != "folder"}
            for i in (first, second) if (clip := tagged.organising.details(i))}  # fmt: skip
    assert tags[first] == {("Rain", "user", None), ("mine", "user", None), ("wind", "auto", 0.8)}
    assert tags[second] == {("rain", "auto", 0.7)}
    assert done.undo == "automatic tags of 2 clips"
    drive(tagged.organising.undo())
    assert tables(tagged) == before
    drive(tagged.organising.redo())
    assert {clip.id: clip.tags for clip in tagged.clips([second])}[second][-1] == "rain"


def test_a_refused_label_is_not_proposed_again_nor_one_that_is_there(tagged: Engine) -> None:
    clip = propose(tagged, for_review=False).clips[0].clip_id
    drive(tagged.tagging.apply(SET, [(clip, [("rain", 0.9)])], [(clip, ["wind"])]))
    drive(tagged.organising.act(TagClips((clip,), ("kick drum",), ("rain",))))
    left = next(found for found in propose(tagged).clips if found.clip_id == clip)
    assert {"rain", "wind", "kick drum"}.isdisjoint(tag.label for tag in left.tags)
    whole = next(found for found in propose(tagged, for_review=False).clips if found.clip_id == clip)
    assert {tag.label for tag in whole.tags if not tag.accepted} == {"rain", "wind"}


def test_applying_again_replaces_the_set_and_no_other(tagged: Engine) -> None:
    clip = propose(tagged, for_review=False).clips[0].clip_id
    drive(tagged.tagging.apply("other", [(clip, [("other", 0.6)])]))
    drive(tagged.tagging.apply(SET, [(clip, [("rain", 0.9)])]))
    drive(tagged.tagging.apply(SET, [(clip, [("wind", 0.8)])]))
    assert {row[1] for row in tables(tagged)[0]} == {"other", "wind"}


def test_of_the_parts_of_a_category_only_the_best_is_accepted(tagged: Engine) -> None:
    labels = [Label("rain", ("rain",)), Label("storm", ("storm",))]
    labels += [Label(f"rain {kind}", (kind,), parent="rain") for kind in ("wood", "metal", "cloth")]
    labels += [Label("wind gust", ("gust",), parent="wind")]
    scores = np.array([0.9, 0.8, 0.6, 0.9, 0.7, 0.6], np.float32)
    (clip,) = tagged._catalogue.tags.clips((), [propose(tagged).clips[0].clip_id])

    def accepted() -> list[str]:
        (found,) = tagged.tagging._proposals(labels, [clip], scores[None], 0.5, for_review=True)
        return [tag.label for tag in found.tags if tag.accepted]

    assert accepted() == ["rain", "rain metal", "storm", "wind gust"]
    drive(tagged.organising.act(TagClips((clip.clip_id,), ("rain cloth",))))
    assert accepted() == ["rain", "storm", "wind gust"]  # a person has said which rain it is


def test_a_user_s_tags_teach_the_label(tagged: Engine) -> None:
    proposals = propose(tagged, for_review=False)
    clip = proposals.clips[0]
    score = {tag.label: tag.score for tag in clip.tags}["rain"]
    drive(tagged.organising.act(TagClips((clip.clip_id,), ("rain",))))
    after = next(found for found in propose(tagged, for_review=False).clips if found.clip_id == clip.clip_id)
    assert {tag.label: tag.score for tag in after.tags}["rain"] > score


def test_labels_go_into_the_files_and_nothing_is_embedded_again(tagged: Engine, tmp_path: Path) -> None:
    clips = [clip for clip in propose(tagged, for_review=False).clips if clip.path.endswith((".wav", ".flac"))]
    wanted = {clip.clip_id: ["doors wood", "wood creak"] for clip in clips[:2]}
    report = drive(tagged.tagging.write("ucs", wanted))
    assert (report.written, report.failed) == (2, ())
    for clip in clips[:2]:
        tags = read_tags(clip.path)
        assert tags.labels == ("doors wood", "wood creak")
        assert tags.ucs == UcsFields("DOORWood", "DOORS", "WOOD")
        sources = {(tag.label, tag.source) for tag in tagged.organising.details(clip.clip_id).tags}
        assert ("doors wood", "file") in sources
    scanned = run_scan(tagged, tmp_path / "Sounds")
    assert (scanned.changed, scanned.embedded, scanned.added, scanned.missing) == (0, 0, 0, 0)
    Path(clips[0].path).rename(tmp_path / "Sounds" / "renamed.wav")  # known by its new bytes, wherever it goes
    moved = run_scan(tagged, tmp_path / "Sounds")
    assert (moved.moved, moved.embedded, moved.missing) == (1, 0, 0)


def test_a_job_that_is_stopped_leaves_the_file_as_it_was(tagged: Engine) -> None:
    clip = next(clip for clip in propose(tagged).clips if clip.path.endswith(".wav"))
    before = Path(clip.path).read_bytes()
    steps = tagged.tagging.write(SET, {clip.clip_id: ["rain"]})
    next(steps)
    steps.close()
    now = Path(clip.path).read_bytes()
    assert now == before or read_tags(clip.path).labels == ("rain",)
    assert not list(Path(clip.path).parent.glob(".soundsearch*"))


def test_writing_removes_what_an_earlier_kill_left_in_the_folder(
    tagged: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = next(clip for clip in propose(tagged).clips if clip.path.endswith(".wav"))
    left = Path(clip.path).with_name(".soundsearch-abcdefgh.part")
    left.write_bytes(b"half a sound")
    drive(tagged.tagging.write(SET, {clip.clip_id: ["rain"]}))
    assert left.exists()  # of today: it may be being written
    monkeypatch.setattr(tag_writing, "LEFT_S", -1.0)
    drive(tagged.tagging.write(SET, {clip.clip_id: ["wind"]}))
    assert not left.exists()


def test_a_file_that_cannot_be_written_is_named_and_the_others_are_done(tagged: Engine) -> None:
    clips = [clip for clip in propose(tagged).clips if clip.path.endswith(".wav")]
    Path(clips[0].path).write_bytes(b"RIFF")
    report = drive(tagged.tagging.write(SET, {clip.clip_id: ["rain"] for clip in clips}))
    assert [failure.path for failure in report.failed] == [clips[0].path]
    assert report.written == len(clips) - 1


def test_a_folder_without_clips_is_said_to_be_one(tagged: Engine, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as error:
        drive(tagged.tagging.propose(SET, [str(tmp_path / "nowhere")]))
    assert error.value.hint

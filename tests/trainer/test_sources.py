"""Sources: folders, manifests, shards and catalogues give the same items, and none of them guesses."""

import json
import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.errors import CatalogueError, TrainingError
from soundsearch.records import CollectClips
from tests.listed import listed
from trainer import shards
from trainer.data import Item
from trainer.sources import Collected, collect, split_name


def sound(path: Path, hz: float = 440.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.sin(np.arange(4410) * hz / 7000), 44_100, subtype="PCM_16")
    return path


def by_name(found: Collected) -> dict[str, Item]:
    return {Path(item.path).name: item for item in found.items}


def test_folders_and_names_become_tags_and_nothing_else_is_read(tmp_path: Path) -> None:
    sound(tmp_path / "Drums" / "Neat Kit" / "KICK_01.wav")
    sound(tmp_path / "Rain on tent.wav")
    for odd in ("._kick.wav", ".hidden/kick.wav", "__MACOSX/kick.wav", "notes.pdf"):
        sound(tmp_path / "x.wav").rename(tmp_path / "y")
        (tmp_path / odd).parent.mkdir(exist_ok=True)
        (tmp_path / "y").rename(tmp_path / odd)
    (tmp_path / "labels.csv").write_text("path,tags\nRain on tent.wav,wrong\n")
    found = collect(tmp_path)
    assert found.kind == "folders" and not found.streamed
    items = by_name(found)
    assert set(items) == {"KICK_01.wav", "Rain on tent.wav"}
    assert items["KICK_01.wav"].tags == ("kick drum",) and items["KICK_01.wav"].tag_sources == ("name",)
    assert items["KICK_01.wav"].pack == "Drums/Neat Kit" and items["KICK_01.wav"].split == ""
    assert items["Rain on tent.wav"].tags == ("rain on tent",)
    assert found.problems == ("labels.csv in the folder is not read: give it as the source to train on what it says.",)
    pieces = {row.piece: row for row in found.cleaning}
    assert not pieces["neat"].kept and "pack" in pieces["neat"].reason and pieces["neat"].clips == 1
    assert pieces["kick"].tag == "kick drum" and pieces["kick"].example.endswith("KICK_01.wav")


def test_the_order_of_clips_does_not_depend_on_the_disk(tmp_path: Path) -> None:
    for name in ("cats/2.wav", "ants/1.wav", "ants/10.wav", "Bees/3.wav", "0.wav"):
        sound(tmp_path / name)
    places = [os.path.relpath(item.path, tmp_path) for item in collect(tmp_path).items]
    assert places == ["0.wav", "Bees/3.wav", "ants/1.wav", "ants/10.wav", "cats/2.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="names are Unicode there")
def test_names_that_are_not_utf8_are_clips_too(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 snare.wav")
    sound(tmp_path / "x.wav").rename(path)
    (item,) = collect(tmp_path).items
    assert item.path == path and "snare drum" in item.tags


def test_folders_and_patterns_choose_clips(tmp_path: Path) -> None:
    for name in ("Drums/kick.wav", "Drums/Old/snare.wav", "Rain/rain.wav"):
        sound(tmp_path / name)
    assert set(by_name(collect(tmp_path, folders=["Drums"]))) == {"kick.wav", "snare.wav"}
    assert set(by_name(collect(tmp_path, folders=[str(tmp_path / "Drums" / "Old")]))) == {"snare.wav"}
    assert set(by_name(collect(tmp_path, exclude=["Drums/Old"]))) == {"kick.wav", "rain.wav"}
    assert "snare.wav" not in by_name(collect(tmp_path, exclude=["*snare*"]))
    with pytest.raises(TrainingError, match="no clips"):
        collect(tmp_path, folders=["Dru"])


def test_what_is_written_beside_a_clip_and_in_it_counts(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_text("rain, tin roof\nHeavy rain falls on a tin roof.\n", encoding="utf-8")
    sound(tmp_path / "b.wav")
    (tmp_path / "b.json").write_text(json.dumps({"text": ["a dog barks"], "tag": ["dog", "bark"]}))
    sound(tmp_path / "broken.wav")
    (tmp_path / "broken.json").write_text("{not json")
    with av.open(str(tmp_path / "c.flac"), "w") as file:
        stream = file.add_stream("flac", rate=44_100, layout="mono")
        file.metadata.update(
            {"keywords": "Whoosh; Fast", "description": "A fast whoosh passes from left to right", "genre": "Pop"}
        )
        frame = av.AudioFrame.from_ndarray(np.ones((1, 4410), np.int16), format="s16", layout="mono")
        frame.sample_rate = 44_100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    items = by_name(collect(tmp_path))
    assert items["a.wav"].tags[:2] == ("rain", "tin roof")
    assert items["a.wav"].captions == ("Heavy rain falls on a tin roof.",)
    assert items["b.wav"].captions == ("a dog barks",) and items["b.wav"].tag_sources[:2] == ("sidecar", "sidecar")
    assert items["c.flac"].tags[:2] == ("whoosh", "fast")
    assert items["c.flac"].captions == ("A fast whoosh passes from left to right",)
    assert items["broken.wav"].tags == ("broken",)


def test_numbers_of_recordings_make_groups(tmp_path: Path) -> None:
    for name in ("1-19898-A.wav", "1-19898-B.wav", "1-20000-A.wav"):
        sound(tmp_path / "chainsaw" / name)
    items = by_name(collect(tmp_path))
    assert items["1-19898-A.wav"].group == items["1-19898-B.wav"].group != ""
    assert items["1-20000-A.wav"].group == ""


def test_manifests_are_taken_at_their_word(tmp_path: Path) -> None:
    sound(tmp_path / "Kick_01.wav")
    table = tmp_path / "clips.csv"
    table.write_text(
        'path,tags,caption,label,split,group\nKick_01.wav,"Boom;BD",,boom,val,g1\nKick_01.wav,,,thud,,\n'
        "gone.wav,x,,,Training,\nKick_01.wav,,,,,\n"
    )
    found = collect(table)
    assert found.kind == "manifest" and not found.cleaning
    first, second, third, fourth = found.items
    assert first.tags == ("Boom", "BD") and first.split == "validation" and first.group == "g1"
    assert first.tag_sources == ("manifest", "manifest")
    assert second.tags == ("thud",) and third.split == "train" and fourth.tags == ()
    assert any("without tags" in problem for problem in found.problems)


def test_names_of_splits() -> None:
    names = ("train", "VAL", "valid", " test ", "evaluation", "fold 3", "")
    assert [split_name(name) for name in names] == ["train", "validation", "validation", "test", "test", "", ""]


def test_shards_give_the_items_they_were_made_of(tmp_path: Path) -> None:
    sound(tmp_path / "in" / "Dogs" / "bark.wav")
    sound(tmp_path / "in" / "rain.wav")
    items = collect(tmp_path / "in").items
    shards.write(items, tmp_path / "out", print)
    found = collect(tmp_path / "out")
    assert found.kind == "shards"
    assert [(i.path, i.tags, i.split) for i in found.items] == [(i.path, i.tags, i.split) for i in items]
    assert collect(str(tmp_path / "out" / "train" / "{0..0}.tar")).items == found.items


def filled_catalogue(folder: Path, root: Path) -> Path:
    """A catalogue of a root's clips: one collected, with a user's tag and a guess, one on a drive that is not there."""
    path = folder / "catalogue.sqlite"
    catalogue = Catalogue(path)
    known = catalogue.add_root(os.fsencode(root), os.fsencode(root))
    gone = catalogue.add_root(b"/not/there", b"/not")
    names = [b"Drums/kick.wav", b"Rain/rain.wav", b"bad.wav"]
    catalogue.list_files(known.id, [FoundFile(name, 1, 1) for name in names], [])
    catalogue.list_files(gone.id, [FoundFile(b"far.wav", 1, 1)], [])
    catalogue.set_root_seen(gone.id, None)
    files = listed(catalogue, known.id)
    kick, bad = files[names[0]], files[names[2]]
    catalogue.record("", [Analysis(kick, b"k" * 16, 1, 1)], [(bad, "it is empty")])
    with catalogue._db.transaction():
        catalogue._db.execute("INSERT INTO tags SELECT id, 'Favourite boom', 'user', NULL FROM contents")
        catalogue._db.execute("INSERT INTO tags SELECT id, 'guessed', 'auto', 0.9 FROM contents")
    list(catalogue.organiser.act(CollectClips((kick,), "Loud")))
    catalogue.close()
    return path


def test_a_catalogue_gives_what_people_said_and_names_say_but_no_guesses(tmp_path: Path) -> None:
    for name in ("Drums/kick.wav", "Rain/rain.wav", "bad.wav"):
        sound(tmp_path / "sounds" / name)
    path = filled_catalogue(tmp_path / "data", tmp_path / "sounds")
    for source in (path, tmp_path / "data"):
        found = collect(source)
        items = by_name(found)
        assert found.kind == "catalogue" and set(items) == {"kick.wav", "rain.wav"}
        assert items["kick.wav"].tags == ("Favourite boom", "kick drum")
        assert items["kick.wav"].tag_sources == ("user", "name")
        assert items["kick.wav"].digest and not items["rain.wav"].digest, "a copy is known without decoding"
        assert items["rain.wav"].path == str(tmp_path / "sounds" / "Rain" / "rain.wav")
        assert any("not there" in problem for problem in found.problems)
    assert set(by_name(collect(path, folders=[str(tmp_path / "sounds" / "Drums")]))) == {"kick.wav"}


def test_collections_choose_clips_beside_folders(tmp_path: Path) -> None:
    for name in ("Drums/kick.wav", "Rain/rain.wav"):
        sound(tmp_path / "sounds" / name)
    path, rain = filled_catalogue(tmp_path / "data", tmp_path / "sounds"), str(tmp_path / "sounds" / "Rain")
    assert set(by_name(collect(path, collections=["Loud"]))) == {"kick.wav"}
    assert set(by_name(collect(path, folders=[rain]))) == {"rain.wav"}
    assert set(by_name(collect(path, folders=[rain], collections=["Loud"]))) == {"kick.wav", "rain.wav"}
    with pytest.raises(TrainingError, match="no clips"):
        collect(path, collections=["Quiet"])
    with pytest.raises(TrainingError, match="no collections"):
        collect(tmp_path / "sounds", collections=["Loud"])


def test_an_archive_among_sounds_is_no_shard(tmp_path: Path) -> None:
    sound(tmp_path / "kick.wav")
    (tmp_path / "backup.tar").write_bytes(b"")
    assert collect(tmp_path).kind == "folders"


def test_clips_that_nothing_is_said_about_cannot_be_learned_from(tmp_path: Path) -> None:
    for k in range(3):
        sound(tmp_path / f"{k:03}.wav")
    with pytest.raises(TrainingError, match="Nothing tells what is heard"):
        collect(tmp_path)


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalogue.sqlite").write_bytes(b"no database at all, but some text that is long enough")
    with pytest.raises(CatalogueError):
        collect(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.pdf").write_text("x")
    for source, reason in (("empty", "no clips"), ("letter.pdf", "no source"), ("missing", "There is no")):
        with pytest.raises(TrainingError, match=reason):
            collect(tmp_path / source)

"""Items: manifests in every spelling, and the sound of a clip wherever it is held."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsearch.errors import DecodeError, TrainingError
from trainer.data import Item, fingerprint, load_samples, read_manifest, readable


def test_manifests_in_both_formats_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    table = tmp_path / "clips.csv"
    table.write_text("path,caption,tags,label,split,esc_class\na.wav,a dog,dog;pet,dog,val,dog\n", encoding="utf-8-sig")
    row = {"audio": "a.wav", "captions": ["a dog"], "tags": ["dog", "pet"], "label": "dog", "split": "val"}
    lines = tmp_path / "clips.jsonl"
    lines.write_text(json.dumps({**row, "esc_class": "dog"}) + "\n\n")
    expected = Item(str(tmp_path / "a.wav"), ("a dog",), "dog", ("dog", "pet"), "val", class_name="dog")
    assert read_manifest(table) == read_manifest(lines) == [expected]


@pytest.mark.parametrize(("name", "text"), [("a.csv", "name\nx\n"), ("a.jsonl", "{not json"), ("missing.csv", None)])
def test_a_manifest_that_is_none_is_refused(name: str, text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(TrainingError, match=name):
        read_manifest(tmp_path / name)


def test_separators_quotes_and_odd_bytes_of_tables(tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_bytes(b'path;tags\n"a;b\n.wav";"kick|snare, tom"\ncaf\xe9.wav;x\n')
    first, second = read_manifest(table)
    assert Path(first.path).name == "a;b\n.wav" and first.tags == ("kick", "snare", "tom")
    assert os.fsencode(Path(second.path).name) == b"caf\xe9.wav"
    (tmp_path / "clips.tsv").write_text("path\tcaption\nx.wav\ta dog, far away|a bark\n")
    assert read_manifest(tmp_path / "clips.tsv")[0].captions == ("a dog, far away", "a bark")
    (tmp_path / "list.jsonl").write_text("[1, 2]\n")
    with pytest.raises(TrainingError, match="line 1"):
        read_manifest(tmp_path / "list.jsonl")


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_the_first_seconds_are_those_of_the_whole(rate: int, tmp_path: Path) -> None:
    samples = np.random.default_rng(1).uniform(-0.9, 0.9, round(3.7 * rate))
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    item = Item(str(tmp_path / "a.wav"), ())
    whole, part = load_samples(item, 48_000, None), load_samples(item, 48_000, 1.5)
    assert len(part) == 72_000 and np.array_equal(whole[:72_000], part)


def test_a_clip_in_memory_sounds_like_its_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-30_000, 30_000, (4410, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 44_100)
    file = Item(str(tmp_path / "a.flac"), ())
    held = Item("elsewhere", (), encoded=(tmp_path / "a.flac").read_bytes())
    assert np.array_equal(load_samples(file, 32_000), load_samples(held, 32_000))
    assert fingerprint(file) == fingerprint(held)
    assert fingerprint(file).duration_s == pytest.approx(0.1)
    assert fingerprint(Item("made", (), samples=samples[:, 0] / np.float32(32768))).digest != fingerprint(file).digest
    for junk in (b"", b"fLaC", b"junk" * 50, (tmp_path / "a.flac").read_bytes()[:60]):
        with pytest.raises(DecodeError):
            load_samples(Item("x", (), encoded=junk), 48_000)


def test_clips_that_cannot_be_read_are_left_out_and_named_in_order(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(100) / 2, 44_100)
    items = [Item(str(tmp_path / name), ()) for name in ("a.wav", "gone.wav", "a.wav", "lost.wav")]
    messages: list[str] = []
    kept, samples = readable(items, lambda item: load_samples(item, 44_100), messages.append)
    assert len(kept) == len(samples) == 2 and kept[0] is items[0] and kept[1] is items[2]
    assert ["gone" in messages[0], "lost" in messages[1]] == [True, True] and len(messages) == 2

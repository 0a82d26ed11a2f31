"""Shards: a model at 48 kHz sees the very same samples, every clip comes once, and damage costs only what it hit."""

import io
import json
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.audio.features import FrontEnd, features, int16_step
from soundsearch.errors import TrainingError
from trainer import shards
from trainer.data import Item, load_samples

FUSED = FrontEnd()


def clips(folder: Path, count: int, *, rate: int = 44_100, seconds: float = 0.1) -> list[Item]:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    items = []
    for k in range(count):
        samples = rng.uniform(-0.9, 0.9, (round(seconds * rate), 2))
        soundfile.write(folder / f"{k}.wav", samples, rate, subtype="PCM_24")
        items.append(Item(str(folder / f"{k}.wav"), (f"sound {k}",) * (k % 2), tags=(f"tag {k}", "all")))
    return items


def no_problem(message: str) -> None:
    raise AssertionError(message)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    items = clips(tmp_path / "in", 7)
    splits = ["train", "test", "train", "validation", "train", "train", "test"]
    written = shards.write(items, tmp_path / "out", no_problem, 2, splits=splits)
    assert written == shards.Written(4, {"train": 4, "test": 2, "validation": 1}, 0)
    assert json.loads((tmp_path / "out" / "train" / "sizes.json").read_text()) == {"0.tar": 2, "1.tar": 2}
    found = shards.items(str(tmp_path / "out"), no_problem)
    assert [item.path for item in found] == [item.path for item in items]
    assert [item.captions for item in found] == [item.captions for item in items]
    assert [item.tags for item in found] == [item.tags for item in items]
    assert {item.split for item in found} == {""}, "what the source said, not what was made of it"
    assert shards.count(str(tmp_path / "out")) == 7
    (tmp_path / "out" / "train" / "sizes.json").unlink()
    assert shards.count(str(tmp_path / "out")) == 7


@pytest.mark.parametrize(
    ("rate", "seconds"), [(44_100, 0.3), (96_000, 0.3), (8_000, 2.0), (48_000, 13.0), (44_100, 13.0)]
)
def test_features_from_a_shard_equal_those_from_the_folder(rate: int, seconds: float, tmp_path: Path) -> None:
    (item,) = clips(tmp_path / "in", 1, rate=rate, seconds=seconds)
    shards.write([item], tmp_path / "out", no_problem)
    (shard,) = shards.items(str(tmp_path / "out"), no_problem)
    for max_s in (12.0, 60.0):
        ours, theirs = (load_samples(i, 48_000, max_s) for i in (item, shard))
        assert np.array_equal(int16_step(ours), int16_step(theirs))
        assert np.array_equal(features(ours, FUSED).mel, features(theirs, FUSED).mel)


def test_every_16_bit_value_survives_the_step_and_the_file() -> None:
    values = np.arange(-32767, 32768) / np.float32(32767)
    item = Item("all", (), samples=values.astype(np.float32))
    again = Item("all", (), encoded=shards.flac_of(item), full_scale=shards.FULL_SCALE)
    assert np.array_equal(int16_step(load_samples(again, 48_000)), int16_step(values.astype(np.float32)))


def test_the_layout_is_that_of_the_published_sets(tmp_path: Path) -> None:
    items = clips(tmp_path / "in", 2)
    shards.write(items, tmp_path / "out", no_problem, texts=lambda item: (f"The sound of {item.tags[0]}", "all"))
    with tarfile.open(tmp_path / "out" / "train" / "0.tar") as tar:
        assert tar.getnames() == ["0.flac", "0.json", "1.flac", "1.json"]
        row = json.loads(tar.extractfile("0.json").read())  # type: ignore[union-attr]
        audio, rate = soundfile.read(io.BytesIO(tar.extractfile("0.flac").read()))  # type: ignore[union-attr]
    assert rate == 48_000 and audio.ndim == 1
    assert row["text"] == ["The sound of tag 0"] and row["tag"] == ["tag 0", "all"]
    assert row["text_augment_all"] == ["The sound of tag 0", "all"] and "original_data" in row


def foreign_shard(path: Path, rows: list[tuple[bytes, bytes]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for k, (audio, row) in enumerate(rows):
            for kind, data in (("flac", audio), ("json", row)):
                info = tarfile.TarInfo(f"{k}.{kind}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def flac(value: int = 1000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(4800, value, np.int16), 48_000, format="FLAC")
    return file.getvalue()


def test_shards_of_others_are_read_with_their_captions_and_full_scale(tmp_path: Path) -> None:
    row = {"text": ["a dog"], "tag": ["dog"], "text_augment_t5": "a dog barks", "original_data": {"x": 1}}
    rows = [(flac(), json.dumps(row).encode()), (flac(), json.dumps({**row, "text_augment_t5": None}).encode())]
    foreign_shard(tmp_path / "set" / "valid" / "0.tar", rows)
    first, second = shards.items(str(tmp_path / "set"), no_problem)
    assert first.captions == ("a dog barks", "a dog") and second.captions == ("a dog",)
    assert first.tags == ("dog",) and first.split == "valid"
    assert load_samples(first, 48_000)[0] == np.float32(1000 / 32768)


def test_a_damaged_member_costs_itself_only(tmp_path: Path) -> None:
    good = json.dumps({"text": ["x"], "tag": []}).encode()
    foreign_shard(tmp_path / "0.tar", [(flac(), good), (flac(), b"{"), (b"", good), (flac(), b"[]"), (flac(), good)])
    messages: list[str] = []
    assert len(shards.items(str(tmp_path), messages.append)) == 2
    assert len(messages) == 3 and all("0.tar" in message for message in messages)


@pytest.mark.parametrize("keep", [0, 100, 700, 30_000])
def test_a_damaged_shard_costs_what_lies_behind_the_damage(keep: int, tmp_path: Path) -> None:
    shards.write(clips(tmp_path / "in", 9), tmp_path / "out", no_problem, 3)
    broken = tmp_path / "out" / "train" / "1.tar"
    data = broken.read_bytes()
    broken.write_bytes(data[:keep] + bytes(200) * bool(keep) if keep < len(data) else data)
    messages: list[str] = []
    found = shards.items(str(tmp_path / "out"), messages.append)
    whole = {item.path for item in found}
    assert {str(tmp_path / "in" / f"{k}.wav") for k in (0, 1, 2, 6, 7, 8)} <= whole
    assert any("1.tar is damaged" in message for message in messages), messages


def test_a_file_that_is_no_tar_is_named_and_skipped(tmp_path: Path) -> None:
    shards.write(clips(tmp_path / "in", 2), tmp_path / "out", no_problem)
    (tmp_path / "out" / "train" / "1.tar").write_text("this is a letter, not an archive\n" * 40)
    messages: list[str] = []
    assert len(shards.items(str(tmp_path / "out"), messages.append)) == 2
    assert len(messages) == 1 and "1.tar" in messages[0]
    (tmp_path / "out" / "train" / "0.tar").unlink()
    with pytest.raises(TrainingError, match="Nothing can be read"):
        shards.items(str(tmp_path / "out"), messages.append)


def test_clips_that_cannot_be_read_are_left_out_of_shards(tmp_path: Path) -> None:
    items = clips(tmp_path / "in", 2)
    messages: list[str] = []
    written = shards.write([*items, Item(str(tmp_path / "gone.wav"), ())], tmp_path / "out", messages.append)
    assert written.left_out == 1 and "gone.wav" in messages[0]
    with pytest.raises(TrainingError, match="Not one"):
        shards.write([Item("gone.wav", ())], tmp_path / "none", messages.append)
    with pytest.raises(TrainingError, match="holds shards already"):
        shards.write(items, tmp_path / "out", no_problem)


@pytest.mark.parametrize("recipe_name", ["projection", "full"])
def test_shards_train_to_the_very_losses_of_their_folder(recipe_name: str, tmp_path: Path) -> None:
    from soundsearch.model.bundle import Bundle
    from tests import bundles
    from tests.trainer.runs import drain, make_run
    from trainer.config import recipe

    folder = clips(tmp_path / "in", 8, rate=44_100, seconds=0.4)
    shards.write(folder, tmp_path / "out", no_problem, 3, splits=["train", "test"] * 4)
    bundles.dual_bundle(tmp_path / "tiny", "htsat-fused", "roberta")
    bundle = Bundle.open(tmp_path / "tiny")
    config = recipe(recipe_name, steps=4, evaluate_every=2, batch_size=4, checkpoint_every=100)
    losses = []
    for name, items in (("a", folder), ("b", shards.items(str(tmp_path / "out"), no_problem))):
        run, _ = make_run(bundle, items, config, tmp_path / name)
        drain(run.steps())
        losses.append([entry["loss"] for entry in run.state.history if "loss" in entry])
    assert len(losses[0]) >= 2 and losses[0] == losses[1]


def test_hours_are_cut_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MAX_S", 0.05)
    items = [replace(item, duration_s=0.1) for item in clips(tmp_path / "in", 1)]
    messages: list[str] = []
    shards.write(items, tmp_path / "out", messages.append)
    assert "Only the first" in messages[0] and "0.wav" in messages[0]
    assert len(load_samples(shards.items(str(tmp_path / "out"), no_problem)[0], 48_000)) == 2400


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """25 clips in 5 shards."""
    folder = tmp_path_factory.mktemp("many")
    shards.write(clips(folder / "in", 25), folder / "out", no_problem, 5)
    return str(folder / "out")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 9), epoch=st.integers(0, 9), ranks=st.integers(1, 8), shuffled=st.integers(1, 30))
def test_an_epoch_gives_every_clip_to_one_rank_once(
    many: str, seed: int, epoch: int, ranks: int, shuffled: int
) -> None:
    def epoch_of(rank: int, skip: int = 0) -> list[str]:
        options = {"rank": rank, "ranks": ranks, "skip": skip, "shuffled": shuffled}
        return [i.path for i in shards.stream(many, seed=seed, epoch=epoch, on_problem=no_problem, **options)]

    taken = [epoch_of(rank) for rank in range(ranks)]
    counts = Counter(path for paths in taken for path in paths)
    assert len(counts) == 25 and set(counts.values()) == {1}
    assert epoch_of(0) == taken[0], "the same seed and epoch give the same order"
    assert epoch_of(ranks - 1, skip=2) == taken[-1][2:], "a run goes on where it was"


def test_epochs_differ(many: str) -> None:
    first, second = (
        [i.path for i in shards.stream(many, seed=1, epoch=epoch, on_problem=no_problem)] for epoch in (0, 1)
    )
    assert first != second and sorted(first) == sorted(second)


def test_a_shard_is_never_run_as_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pipe:touch made.tar").write_bytes(b"")
    with pytest.raises(TrainingError):
        shards.items("pipe:touch made.tar", lambda _: None)
    assert not Path("made.tar").exists()


def test_what_holds_no_shards_is_said(tmp_path: Path) -> None:
    assert not shards.is_source(str(tmp_path)) and shards.is_source("x/{0..3}.tar")
    with pytest.raises(TrainingError, match="no shards"):
        shards.items(str(tmp_path / "*.tar"), no_problem)

"""soundsearch-train eval from outside: every kind of data, tables, lists of what to leave out, and what it says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.trainer.published import MAKERS, sound, table
from trainer import cli


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all data sets side by side."""
    root = tmp_path_factory.mktemp("published")
    for name, make in MAKERS.items():
        make(root / name)
    return root


@pytest.fixture
def evaluate(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run eval on a tiny model; returns the JSON, or the messages where it fails."""

    def run(*arguments: object) -> Any:
        code = cli.main(["--json", "eval", str(tiny_model), *map(str, arguments)])
        captured = capsys.readouterr()
        return json.loads(captured.out) if code == 0 else captured.err

    return run


def test_captions_of_a_published_set(everything: Path, evaluate: Any) -> None:
    result = evaluate(everything / "AudioCaps")
    assert (result["data"], result["clips"], result["captions_per_clip"]) == ("AudioCaps", 1, 5)
    assert result["text_to_audio"]["queries"] == 5
    assert result["text_to_audio"]["recall_1"]["value"] == 1  # there is only one clip
    assert evaluate(everything / "AudioCaps", "--captions-per-clip", 1)["text_to_audio"]["queries"] == 1
    assert evaluate(everything / "Clotho", "--split", "development")["clips"] == 1


def test_classes_folds_and_a_probe(everything: Path, evaluate: Any) -> None:
    result = evaluate(everything / "GTZAN", "--probe", "linear", "--prompt", "{label} music")
    assert result["zero_shot"]["prompts"] == ["{label} music"]
    assert (result["zero_shot"]["classes"], result["clips"]) == (10, 20)
    assert (result["probe"]["folds"], result["probe"]["clips"]) == (2, 20)
    assert "probe" not in evaluate(everything / "GTZAN")


def test_several_labels_and_a_probe_from_the_other_splits(everything: Path, evaluate: Any) -> None:
    result = evaluate(everything / "FSD50K", "--probe", "mlp")
    assert (result["clips"], result["probe"]["learned_from"]) == (1, 2)
    assert result["zero_shot"]["classes"] == 4
    assert 0 <= result["probe"]["map"] <= 1


def test_one_command_for_each_table(everything: Path, evaluate: Any) -> None:
    rows = {number: evaluate(everything, "--table", number) for number in (2, 3, 4)}
    assert {len(rows[number]["row"]) for number in (2, 3)} == {4, 12}
    assert all(cell["value"] is not None for row in rows.values() for cell in row["row"])
    assert [one["data"] for one in rows[4]["sets"]] == ["ESC-50", "FSD50K", "UrbanSound8K", "VGGSound"]


def test_what_a_table_lacks_is_said(everything: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", str(tiny_model), str(everything / "Clotho"), "--table", "3"]) == 0
    captured = capsys.readouterr()
    assert "left empty in the table: AudioCaps." in captured.err
    assert "Clotho, clips to measure on: 1" in captured.err
    title, columns, row = captured.out.splitlines()[:3]
    assert title.split() == ["Table", "3", "AudioCaps", "Clotho"]
    assert columns.split()[:4] == ["in", "%", "T→A", "R@1"]
    assert row.split()[1:] == ["–"] * 6 + ["100.0"] * 6
    assert all(line.rstrip() == line for line in captured.out.splitlines())


def test_overlaps_are_left_out(everything: Path, evaluate: Any, tmp_path: Path) -> None:
    overlap = tmp_path / "overlap.txt"
    table(overlap, "12341", "2-12342-A-0.wav")
    assert evaluate(everything / "ESC-50")["clips"] == 5
    assert evaluate(everything / "ESC-50", "--exclude", overlap)["clips"] == 3
    table(tmp_path / "FSD50K" / "FSD50K.ground_truth" / "dev.csv", "fname,labels,mids,split", "12345,Bark,/m/a,train")
    assert evaluate(everything / "ESC-50", "--exclude", overlap, "--exclude", tmp_path / "FSD50K")["clips"] == 2


def test_own_clips_by_manifest_and_by_folders(evaluate: Any, tmp_path: Path) -> None:
    for name in ("dog/bark", "dog/growl", "rain/roof"):
        sound(tmp_path / "sounds" / f"{name}.wav")
    manifest = tmp_path / "own.csv"
    rows = ("sounds/dog/bark.wav,a dog|a bark,dog", "sounds/dog/growl.wav,a dog,dog", "sounds/rain/roof.wav,rain,rain")
    table(manifest, "path,captions,kind", *rows)
    result = evaluate(manifest, "--class-column", "kind")
    assert result["text_to_audio"]["queries"] == 3  # the shared caption is asked once
    assert result["zero_shot"]["classes"] == 2
    each = evaluate(manifest, "--captions-per-clip", 2)
    assert each["text_to_audio"]["queries"] == 4
    folders = evaluate(tmp_path / "sounds")
    assert folders["clips"] == 3
    assert folders["tag_to_audio"]["queries"] == folders["zero_shot"]["classes"] > 0


def test_a_clip_that_cannot_be_read_is_named_and_not_counted(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound(tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    table(tmp_path / "own.csv", "path,caption", "good.wav,rain", "bad.wav,wind", "gone.wav,snow")
    assert cli.main(["eval", str(tiny_model), str(tmp_path / "own.csv")]) == 0
    captured = capsys.readouterr()
    assert "Left out" in captured.err
    assert "bad.wav" in captured.err
    assert "gone.wav" in captured.err
    assert captured.out.splitlines()[0].endswith(": 1 clip, 2 left out")
    assert "text → audio   1.000 (1.000 to 1.000)" in captured.out


def test_people_read_zero_shot_and_probe(
    everything: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["eval", str(tiny_model), str(everything / "GTZAN"), str(everything / "FSD50K"), "--probe", "linear"]
    assert cli.main([*arguments, "--quiet"]) == 0
    captured = capsys.readouterr()
    assert not captured.err
    assert "20 clips of GTZAN" in captured.out
    assert 'over 10 classes, 20 clips, "This is a {label} song."' in captured.out
    assert "probe (linear) accuracy" in captured.out
    assert "probe (linear) mAP" in captured.out
    assert "2 folds" in captured.out
    assert "learned from 2 clips" in captured.out


def test_the_same_vectors_as_the_program_makes(tiny_model: Path, tmp_path: Path) -> None:
    """A clip held in memory, as from a shard, and the file it came from are one sound."""
    from soundsearch.model.bundle import Bundle
    from soundsearch.model.clap import ClapEncoder
    from trainer.data import Item
    from trainer.exam import embed_items

    path = tmp_path / "long.flac"
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * rng.standard_normal(48_000 * 11), 48_000, subtype="PCM_16")
    encoder = ClapEncoder(Bundle.open(tiny_model), "cpu")
    items = [Item(str(path), ()), Item("shard/0", (), encoded=path.read_bytes())]
    said: list[str] = []
    kept, rows = embed_items(items, encoder, said.append)
    assert (kept, said) == (items, ["2 of 2 clips heard"])
    assert rows[0].tobytes() == rows[1].tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{root}/ESC-50", "--prompt", "a sound"], "A prompt needs {label}."),
        (["{root}/ESC-50", "--split", "9"], "There are no clips to measure on."),
        (["{root}/ESC-50", "--dataset", "Clotho"], "does not have the layout of Clotho"),
        (["{root}/ESC-50", "--exclude", "{root}/none.txt"], "Cannot read the list"),
        (["{root}/none.csv"], "Cannot read the manifest"),
        (["{root}/ESC-50", "--table", "2"], "There are no clips to measure on."),
    ],
)
def test_what_cannot_be_done_is_said(everything: Path, evaluate: Any, arguments: list[str], message: str) -> None:
    assert message in evaluate(*[argument.replace("{root}", str(everything)) for argument in arguments])

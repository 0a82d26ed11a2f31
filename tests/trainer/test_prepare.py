"""prepare: what a person and a script learn of a source before anything is trained."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.bundles import write_tone
from trainer import audit, cli
from trainer.data import Item
from trainer.sources import collect


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Forty clips in two kits and a folder, one broken, one silent, one twice."""
    folder = tmp_path / "sounds"
    for k, word in enumerate(("kick", "snare", "closed hat", "tom", "clap", "shaker") * 3):
        for kit in ("Drums/Zorblatt Kit", "Drums/Neat Kit"):
            (folder / kit).mkdir(parents=True, exist_ok=True)
            write_tone(folder / kit / f"SND_{word}_{k:02}_128bpm.wav", 200 + 10 * k + len(kit))
    (folder / "Rain").mkdir()
    for k in range(2):
        write_tone(folder / "Rain" / f"heavy rain {k}.wav", 900)
    (folder / "Rain" / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(folder / "Rain" / "silence.wav", np.zeros(4410), 44_100)
    return folder


def run(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_a_script_gets_one_json_value(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads(run("prepare", library, "--json", capsys=capsys))
    assert (result["clips"], result["usable"], result["kind"]) == (40, 38, "folders")
    assert dict(result["tags"])["closed hi-hat"] == 6 and dict(result["tags"])["rain"] == 2
    assert sum(result["splits"].values()) == 38 and result["packs"] == 2
    reasons = {Path(clip["path"]).name: clip["reason"] for clip in result["left_out"]}
    assert set(reasons) == {"broken.wav", "silence.wav"} and "silent" in reasons["silence.wav"]
    pieces = {row["piece"]: row for row in result["cleaning"]}
    assert pieces["128bpm"]["reason"] == "a tempo" and not pieces["128bpm"]["kept"]
    assert pieces["snd"]["clips"] == 36 and pieces["kick"]["tag"] == "kick drum"
    assert len(result["examples"]) == 4 and all(example["texts"] for example in result["examples"])
    assert any("copies" in problem for problem in result["problems"])
    assert result["leaks"] == []


def test_a_person_gets_a_screen(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run("prepare", library, "--captions", "template", "--quiet", capsys=capsys)
    assert text.startswith("38 clips can be trained on, 0 min 8 s; 2 cannot")
    for part in ("kick drum 6", "128bpm (a tempo)", "The sound", "broken.wav", "Next: soundsearch-train fit"):
        assert part in text
    lines = text.splitlines()
    assert len(lines) < 50 and max(len(line) for line in lines) <= 120


def test_words_are_corrected_from_the_command_line(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--json", "--keep-words", "snd", "--drop-words", "heavy", "--exclude", "Drums/Neat Kit"]
    result = json.loads(run("prepare", library, *options, capsys=capsys))
    tags = dict(result["tags"])
    assert tags["snd"] == 18 and "heavy" not in tags and result["clips"] == 22


def test_shards_hold_what_the_folder_holds(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    text = run("prepare", library, "--to-shards", out, "--samples-per-shard", "10", capsys=capsys)
    assert "Wrote 38 clips" in text and (out / "train" / "sizes.json").is_file()
    written = {item.path: item for item in collect(out).items}
    usable, left_out = audit.hear(collect(library).items)
    assert len(left_out) == 2 and list(written) == [item.path for item in usable]
    assert all(written[item.path].tags == item.tags and written[item.path].pack == item.pack for item in usable)
    assert (
        json.loads(run("prepare", out, "--json", capsys=capsys))["splits"]
        == json.loads(run("prepare", library, "--json", capsys=capsys))["splits"]
    )
    assert cli.main(["prepare", str(library), "--to-shards", str(out)]) == 1
    assert "holds shards already" in capsys.readouterr().err


def test_large_shards_are_looked_at_and_not_held(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("prepare", library, "--to-shards", tmp_path / "set", capsys=capsys)
    monkeypatch.setattr("trainer.shards.IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr("trainer.commands.prepare.LOOKED_AT", 10)
    assert collect(tmp_path / "set").streamed
    result = json.loads(run("prepare", tmp_path / "set", "--json", capsys=capsys))
    assert result["clips"] == 10 and "hold 38 clips" in result["problems"][0]
    assert cli.main(["prepare", str(tmp_path / "set"), "--to-shards", str(tmp_path / "b")]) == 1


def test_nothing_to_train_on_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.wav").write_bytes(b"")
    assert cli.main(["prepare", str(tmp_path)]) == 1
    assert "None of the clips can be used" in capsys.readouterr().err
    assert cli.main(["prepare", str(tmp_path / "missing")]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="names are Unicode there")
def test_names_that_are_not_utf8_are_printed_all_the_same(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.wav", 400)
    (tmp_path / "x.wav").rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 kick.wav"))
    command = [sys.executable, "-m", "trainer.cli", "prepare", str(tmp_path)]
    for option in ([], ["--json"]):
        done = subprocess.run([*command, *option], capture_output=True)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["usable"] == 1


def test_complaints_tell_what_will_be_hard() -> None:
    items = [Item(str(k), (), tags=("all", f"tag {k}")) for k in range(10)]
    text = " ".join(audit.complaints([*items, Item("9", (), tags=("all",))]))
    assert "11 clips are few" in text and "10 of 11 tags" in text
    assert "On nearly every clip" in text and "copies" in text
    fine = [Item(str(k), (), tags=("kick", "snare")[k % 2 :][:1]) for k in range(60)]
    assert audit.complaints(fine) == []


def test_broken_files_of_every_kind_are_named_once(shared_data: Path) -> None:
    found = collect(shared_data / "bad")
    usable, left_out = audit.hear(found.items)
    assert len(usable) + len(left_out) == len(found.items)
    reasons = {Path(clip.path).name: clip.reason for clip in left_out}
    assert "picture" in reasons["png_renamed.wav"] and "empty" in reasons["zero_byte.wav"]
    assert len(reasons) == len(left_out)

"""The command line as scripts outside the project call it."""

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soundsearch import cli
from soundsearch.audio.metadata import read_tags
from soundsearch.cli import main
from soundsearch.model.bundle import Bundle, write_manifest
from tests.bundles import small_library, tiny, write_tone

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return small_library(tmp_path / "Sounds")


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command in this process; returns exit code, stdout and stderr."""

    def run_one(*arguments: str | Path) -> tuple[int, str, str]:
        common = ["--data-dir", str(tmp_path / "data"), "--model", str(tiny_model)]
        try:
            code = main([*common, *map(str, arguments)])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        captured = capsysbinary.readouterr()
        return code, os.fsdecode(captured.out), os.fsdecode(captured.err)

    return run_one


def value(answer: tuple[int, str, str]) -> Any:
    """The one JSON value on stdout of a command that was done."""
    code, out, _ = answer
    assert code == 0
    return json.loads(out)


def test_scan_and_search(run: Run, library: Path) -> None:
    report = value(run("scan", library, "--json"))
    numbers = ["found", "added", "changed", "unchanged", "moved", "missing", "removed", "embedded", "seconds"]
    assert set(report) == {*numbers, "failed"}
    assert all(isinstance(report[name], int | float) for name in numbers)
    assert report["failed"] == [{"path": str(library / "broken.wav"), "reason": report["failed"][0]["reason"]}]
    hits = value(run("search", "a low tone", "--limit", "4", "--json"))
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]
    assert set(hits[0]) == {"rank", "path", "similarity", "strength", "duration_s", "start_s", "end_s", "tags"}
    assert all(hit["strength"] in ("strong", "fair", "weak") for hit in hits)
    assert [hit["similarity"] for hit in hits] == sorted((hit["similarity"] for hit in hits), reverse=True)
    assert hits[0]["start_s"] is None and isinstance(hits[0]["tags"], list)
    assert len(value(run("search", "a low tone", "--json"))) == 13


def test_common_options_go_before_or_after(run: Run, library: Path, tmp_path: Path) -> None:
    run("scan", library, "--quiet")
    assert value(run("--json", "search", "a tone")) == value(run("search", "a tone", "--json"))
    other = value(run("status", "--json", "--data-dir", tmp_path / "other"))
    assert other["clips"] == 0


def test_search_options(run: Run, library: Path) -> None:
    run("scan", library)
    low, high = str(library / "Low" / "tone 01.wav"), str(library / "High" / "tone 10.wav")
    assert value(run("search", "--like", low, "--json"))[0]["path"] == low
    assert value(run("search", "--like", f"{low}@0.0-0.1", "--json"))
    assert value(run("search", "--unlike", high, "--json"))[-1]["path"] == high
    plain = value(run("search", "a tone", "--json"))
    assert value(run("search", "a tone", "--not", "a hiss", "--json")) != plain
    quoted = value(run("search", "a tone -hiss", "--json"))
    assert value(run("search", "--json", "--", "a tone", "-hiss")) == quoted
    assert value(run("search", "a", "tone", "-hiss", "--json")) == quoted
    assert value(run("search", "-hiss", "--json"))
    assert value(run("search", "--not", "hiss", "--json")) == value(run("search", "-hiss", "--json"))
    listed = value(run("search", "dur<1", "--json"))
    assert {hit["strength"] for hit in listed} == {"strong"} and len(listed) == 13
    mixed = value(run("search", "a tone", "--like", low, "--weight", "1", "--json"))
    assert [hit["path"] for hit in mixed] == [hit["path"] for hit in plain]
    assert value(run("search", "a tone folder:low", "--json", "--limit", "3"))[2]["tags"] == ["Low"]
    assert {Path(h["path"]).name for h in value(run("search", 'dur<1 "tone 03"', "--json"))} == {"tone 03.wav"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["search"],
        ["search", ""],
        ["search", "kick dur<long"],
        ["search", "kick", "--limit", "0"],
        ["search", "kick", "--weight", "2"],
        ["embed", "--out", "x.npy"],
        ["embed", "a.wav", "--text", "b", "--out", "x.npy"],
        ["embed", "a.wav"],
        ["models", "use"],
        ["frobnicate"],
        ["scan", "--device", "abacus"],
        ["scan", ""],
        ["search", "--not", ""],
        ["search", "dog", "--limit", "many"],
        ["search", "dog", "--bogus"],
        ["status", "surplus"],
        [],
    ],
)
def test_wrong_usage_is_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and err


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "/nowhere/at/all"],
        ["search", "--like", "/nowhere.wav"],
        ["embed", "/nowhere.wav", "--out", "x.npy"],
        ["search", "kick", "--model", "no-such-model"],
        ["models", "download", "no-such-model"],
        ["models", "check", "clap-htsat-fused"],
    ],
)
def test_what_cannot_be_done_is_1_with_a_hint(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments, "--json")
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 2  # message and hint


def test_embed(run: Run, library: Path, tmp_path: Path) -> None:
    files = [library / "Low" / "tone 02.wav", library / "High" / "tone 08.wav"]
    out = tmp_path / "rows.npy"
    assert value(run("embed", *files, "--out", out, "--json"))["shape"] == [2, 32]
    rows = np.load(out)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    run("embed", files[1], "--out", out)
    assert np.load(out)[0].tobytes() == rows[1].tobytes()
    assert value(run("embed", "--text", "a dog", "a cat", "--out", out, "--json"))["shape"] == [2, 32]
    assert value(run("embed", "--text", "a dog", "--text", "a cat", "--out", out, "--json"))["shape"] == [2, 32]


def test_embed_writes_nothing_when_a_file_cannot_be_read(run: Run, library: Path, tmp_path: Path) -> None:
    code, stdout, err = run(
        "embed", library / "Low" / "tone 02.wav", library / "broken.wav", "--out", tmp_path / "x.npy"
    )
    assert (code, stdout) == (1, "") and "broken.wav" in err
    assert not list(tmp_path.glob("x.npy*"))


def test_duplicates(run: Run, library: Path) -> None:
    run("scan", library)
    (group,) = value(run("duplicates", "--json"))
    assert set(group) == {"kind", "similarity", "keep", "clips"}
    assert (group["kind"], group["similarity"]) == ("exact", 1.0)
    assert {Path(clip["path"]).name for clip in group["clips"]} == {"tone 00.wav", "copy of tone 00.wav"}
    assert group["keep"] == group["clips"][0]["path"]
    code, out, _ = run("duplicates")
    assert code == 0 and out.startswith("2 exact copies\n  keep  ")


def test_status_and_verify(run: Run, library: Path, tmp_path: Path) -> None:
    run("scan", library)
    status = value(run("status", "--json"))
    wanted = ["clips", "embedded", "failed", "missing", "roots", "model", "index_bytes", "catalogue_bytes", "version"]
    assert set(wanted) <= set(status)
    assert (status["clips"], status["embedded"], status["failed"], status["roots"]) == (14, 13, 1, [str(library)])
    assert value(run("verify", "--json")) == {"ok": True, "problems": []}
    for file in (tmp_path / "data" / "index").rglob("vectors-*.npy"):
        file.write_bytes(file.read_bytes()[:-3] + b"abc")
    code, out, _ = run("verify", "--json")
    assert code == 1 and json.loads(out)["ok"] is False
    assert value(run("verify", "--repair", "--json"))["ok"] is True
    assert value(run("verify", "--json"))["problems"] == []


def test_personal_models_are_listed_used_undone_and_removed(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    folder = tmp_path / "data" / "models" / "mine"
    shutil.copytree(tiny_model, folder)
    write_manifest(
        folder, name="mine", title="Mine", description="", licence="", front_end=Bundle.open(tiny_model).front_end,
        personal={"clips": 412, "tags": ["kick"], "before": 0.41, "after": 0.4, "offered": False, "reason": "No gain."},
    )  # fmt: skip
    listed = next(line for line in run("models", "list")[1].splitlines() if line.startswith("mine"))
    assert listed.split(None, 2)[1:] == [
        "installed", "Your sounds: 412 clips, 1 tag. Finds them 41 % → 40 % (mAP@10). Not recommended: No gain."
    ]  # fmt: skip
    info = next(m for m in value(run("models", "list", "--json")) if m["name"] == "mine")
    assert (info["personal"], info["reason"]) == (True, "No gain.")
    assert value(run("models", "use", "mine", "--json"))["active"] is True
    assert run("models", "back")[0] == 0
    assert value(run("models", "remove", "mine", "--json")) == {"removed": "mine"} and not folder.exists()
    code, _, err = run("models", "remove", "starter")
    assert code == 1 and "comes with the program" in err


def test_models(run: Run, tiny_model: Path) -> None:
    models = value(run("models", "list", "--json"))
    assert {"starter", "clap-htsat-fused", "clap-htsat-unfused", "larger-clap-general"} <= {m["name"] for m in models}
    assert value(run("models", "check", tiny_model, "--json"))["installed"] is True


def test_doctor(run: Run, tmp_path: Path) -> None:
    report = value(run("doctor", "--json"))
    assert set(report) == {"versions", "devices", "codecs", "sound", "paths", "catalogue", "model", "problems"}
    assert report["paths"]["data_dir"] == str(tmp_path / "data") and "cpu" in report["devices"]["available"]
    assert run("doctor")[1]


def test_text_output_is_one_line_a_hit(run: Run, library: Path) -> None:
    write_tone(library / "two\nlines.wav", 300.0)
    (library / os.fsdecode(b"bytes \xff.wav")).write_bytes((library / "two\nlines.wav").read_bytes())
    _, out, _ = run("scan", library)
    assert "15 found" in out or "16 found" in out
    _, out, _ = run("search", "a tone", "--limit", "50")
    assert len(out.splitlines()) == 15 and "two\\nlines.wav" in out
    hits = value(run("search", "a tone", "--limit", "50", "--json"))
    assert {str(library / "two\nlines.wav"), str(library / os.fsdecode(b"bytes \xff.wav"))} <= {h["path"] for h in hits}


def test_without_a_command_the_window_opens(tmp_path: Path) -> None:
    opened = []
    assert main(["--data-dir", str(tmp_path), "--device", "cpu"], lambda *given: opened.append(given) or 0) == 0
    assert opened[0][0].data_dir == tmp_path and opened[0][1:] == (None, "cpu")


def test_a_data_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, _, err = run("status", "--data-dir", tmp_path / "file" / "data")
    assert code == 1 and "--data-dir" in err


def test_an_unexpected_exception_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_engine", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("status")


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_is_130(tmp_path: Path, starter: str, library: Path) -> None:
    for i in range(900):
        write_tone(library / "More" / f"{i}.wav", 60.0 + i / 4)
    command = [sys.executable, "-m", "soundsearch", "--data-dir", str(tmp_path / "data"), "--model", starter]
    process = subprocess.Popen(
        [*command, "scan", str(library), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    embedded = 0
    catalogue = f"{(tmp_path / 'data' / 'catalogue.sqlite').as_uri()}?mode=ro"
    while embedded == 0 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
        with (
            contextlib.suppress(sqlite3.OperationalError),
            contextlib.closing(sqlite3.connect(catalogue, uri=True)) as file,
        ):
            embedded = file.execute("SELECT count(*) FROM embeddings").fetchone()[0]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.strip().endswith("Stopped.")
    assert _status(command)["embedded"] >= embedded > 0


def _status(command: list[str]) -> dict[str, Any]:
    output = subprocess.run([*command, "status", "--json"], capture_output=True, text=True, check=True).stdout
    status: dict[str, Any] = json.loads(output)
    return status


def test_an_empty_library_says_what_to_do(run: Run) -> None:
    code, out, err = run("search", "a dog")
    assert (code, out) == (0, "") and "soundsearch scan FOLDER" in err


def test_clips_that_the_model_has_not_heard(run: Run, library: Path, tmp_path: Path) -> None:
    run("scan", library)
    other = tiny(tmp_path / "other", seed=5)
    code, out, err = run("search", "a dog", "--model", other)
    assert (code, out) == (0, "") and "has not heard these clips yet" in err


def test_a_text_that_is_not_utf8(run: Run, library: Path, tmp_path: Path) -> None:
    run("scan", library)
    assert value(run("search", os.fsdecode(b"dog \xff"), "--json"))
    assert run("embed", "--text", os.fsdecode(b"\xff"), "--out", tmp_path / "x.npy")[0] == 0


def test_a_damaged_catalogue_is_a_finding(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalogue.sqlite").write_bytes(b"garbage" * 1000)
    code, out, err = run("verify", "--json")
    assert code == 1 and json.loads(out)["ok"] is False and err
    report = value(run("doctor", "--json"))
    assert not report["catalogue"]["usable"] and any("catalogue" in problem for problem in report["problems"])


def test_repair_writes_an_index_that_was_removed(run: Run, library: Path, tmp_path: Path) -> None:
    run("scan", library)
    shutil.rmtree(tmp_path / "data" / "index")
    assert value(run("verify", "--repair", "--json"))["ok"] is True
    assert list((tmp_path / "data" / "index").rglob("vectors-*.npy"))


def test_an_offline_root_is_told_on_stderr(run: Run, library: Path) -> None:
    run("scan", library)
    library.rename(library.parent / "unplugged")
    code, out, err = run("scan", "--json")
    assert code == 0 and json.loads(out)["missing"] == 0 and "cannot be reached" in err


def test_embed_into_a_folder_leaves_nothing(run: Run, library: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert run("embed", library / "Low" / "tone 02.wav", "--out", tmp_path / "out")[0] == 1
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_an_output_that_cannot_be_written(tmp_path: Path, redirection: str) -> None:
    command = f"{sys.executable} -m soundsearch --data-dir {tmp_path} status {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if "full" in redirection else 0)


def test_the_window_without_a_display_says_so(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    bare.pop("QT_QPA_PLATFORM", None)
    command = [sys.executable, "-m", "soundsearch", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, env=bare, capture_output=True, text=True)
    assert done.returncode == 1 and "no display" in done.stderr


COMMANDS = ["scan", "search", "tag", "embed", "models", "duplicates", "status", "verify", "export", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself(run: Run, command: str, option: str) -> None:
    code, out, _ = run(command, option)
    assert code == 0 and out.startswith(f"usage: soundsearch {command}")


def test_tags_are_proposed_stored_written_into_files_and_exported(run: Run, library: Path) -> None:
    """A folder that is new to the library is scanned first."""
    below = library / "Low"
    code, out, err = run("tag", below, "--labels", "rain,low tone", "--bar", "0", "--write-files", "--json")
    assert code == 0 and "Scanning" in err
    found = json.loads(out)
    assert [clip["path"] for clip in found] == [str(below / f"tone {i:02}.wav") for i in range(6)]
    for clip in found:
        assert [set(tag) for tag in clip["tags"]] == [{"label", "score", "accepted"}] * 2
        assert all(tag["accepted"] and 0 <= tag["score"] <= 1 for tag in clip["tags"])
        assert set(read_tags(clip["path"]).labels) == {"rain", "low tone"}
    exported = json.loads(run("export", "--format", "json")[1])
    sources = [{(tag["label"], tag["source"]) for tag in clip["tags"]} for clip in exported if clip["state"] == "ready"]
    assert all(tags >= {("rain", "auto"), ("rain", "file"), ("low tone", "auto")} for tags in sources)
    table = list(csv.DictReader(io.StringIO(run("export")[1])))
    assert [row["path"] for row in table] == [clip["path"] for clip in exported]
    assert "rain (file)" in table[0]["tags"]
    assert table[0]["ucs_name"] == ""  # "rain" alone is a category, and no CatID
    assert json.loads(run("scan", below, "--json")[1])["changed"] == 0
    code, _, err = run("tag", library / "nowhere", "--labels", "rain")
    assert code == 1 and "no such folder" in err

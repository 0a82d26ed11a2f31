"""From clips to a proven bundle, as the command line does it; the demo library is the user's."""

import io
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from soundsearch import cli as program
from soundsearch.audio.features import load_features
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder
from soundsearch.settings import resource
from trainer import cli, proof, shards
from trainer.bundles import blend
from trainer.commands.fit import _free_folder
from trainer.data import Item
from trainer.sources import collect

QUICK = ["--recipe", "projection", "--steps", "30", "--evaluate-every", "10", "--batch-size", "24"]


class Stopped:
    """A run in a process of its own that gets Ctrl+C as soon as it trains."""

    def __init__(self, out: Path) -> None:
        self.out = out
        command = [sys.executable, "-m", "trainer.cli", *fit_demo(out)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._stop_when_it_trains)
        self._reader.start()

    def _stop_when_it_trains(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            if line.startswith("Training") and not any(before.startswith("Training") for before in self._said):
                self._process.send_signal(signal.SIGINT)
            self._said.append(line)

    def end(self) -> tuple[int, list[str]]:
        """Wait for its exit code and all that it said."""
        code = self._process.wait(120)
        self._reader.join()
        assert self._process.stderr
        self._process.stderr.close()
        return code, self._said


def fit_demo(out: Path) -> list[str]:
    return ["fit", str(resource("demo")), *QUICK, "--out", str(out)]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    """Begun first: it runs on another processor while the undisturbed one does here."""
    made = Stopped(tmp_path_factory.mktemp("stopped") / "broken")
    yield made
    made.end()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, stopped: Stopped) -> dict[str, Any]:
    """A projection that was trained on the demo library, and what the command said of it."""
    told, said = io.StringIO(), io.StringIO()
    with redirect_stdout(told), redirect_stderr(said):
        code = cli.main([*fit_demo(tmp_path_factory.mktemp("fit") / "mine"), "--json"])
    assert code == 0, said.getvalue()
    return {**json.loads(told.getvalue()), "said": said.getvalue()}


def test_the_bundle_is_the_starters_with_another_projection(fitted: dict[str, Any]) -> None:
    bundle, base = Bundle.open(Path(fitted["bundle"])), Bundle.open(resource("model"))
    assert bundle.tower_id == base.tower_id and bundle.id != base.id
    assert (bundle.folder / "audio.safetensors").stat().st_size == (base.folder / "audio.safetensors").stat().st_size
    personal = bundle.manifest["personal"]
    assert personal["base"]["id"] == base.id and personal["recipe"] == "projection"
    assert personal["clips"] == sum(fitted["clips"].values()) > 60
    assert not (bundle.folder / "training" / "checkpoint.pt").exists()


def test_it_answers_as_it_was_measured(fitted: dict[str, Any]) -> None:
    """What the report says of the model after is what the program computes with the bundle."""
    encoder = ClapEncoder(Bundle.open(Path(fitted["bundle"])), "cpu", "float32")
    row = next(entry for entry in fitted["neighbours"] if entry["after"])
    paths = [entry["path"] for entry in row["after"]]
    audio = np.stack([encoder.embed_features([load_features(path, encoder.bundle.front_end)])[0] for path in paths])
    similarity = audio @ encoder.embed_texts([row["query"]])[0]
    assert (np.diff(similarity) <= 1e-5).all()


def test_the_report_and_the_log_are_there(fitted: dict[str, Any]) -> None:
    folder = Path(fitted["bundle"])
    told = json.loads((folder / "report.json").read_text())
    assert told["gain"] == fitted["gain"] and told["control"] == fitted["control"]
    page = (folder / "report.html").read_text()
    assert ("It helped: its answers are" in page) if fitted["offered"] else (fitted["reason"] in page)
    events = EventAccumulator(str(folder / "training"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "rate", "validation"}
    logged = [event.value for event in events.Scalars("loss")]
    np.testing.assert_allclose(logged, [e["loss"] for e in fitted["history"] if "loss" in e], rtol=1e-5)


def test_splits_keep_to_themselves_and_everything_is_said(fitted: dict[str, Any]) -> None:
    assert min(fitted["clips"].values()) >= 5
    assert [entry["alpha"] for entry in fitted["blend"]["tried"]] == pytest.approx(np.arange(1, 11) / 10)
    assert fitted["offered"] == (fitted["gain"]["map_10"]["low"] > 0 and fitted["control"]["change"]["value"] > -0.02)
    for words in ("Listening to the clips", "Training", "mAP@10 on validation clips"):
        assert words in fitted["said"]


def test_the_program_searches_with_it(
    fitted: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--data-dir", str(tmp_path), "--model", fitted["bundle"], "--quiet", "--json"]
    assert program.main([*told, "scan", str(resource("demo") / "Drums")]) == 0
    capsys.readouterr()
    assert program.main([*told, "search", "snare drum", "--limit", "2"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_blend_lies_between(fitted: dict[str, Any], tmp_path: Path) -> None:
    base, tuned = resource("model"), Path(fitted["bundle"])
    assert cli.main(["--quiet", "blend", str(base), str(tuned), "--alpha", "0.5", "--out", str(tmp_path / "half")]) == 0
    clip = next((resource("demo") / "Drums").rglob("*.*"))
    rows = []
    for folder in (base, tmp_path / "half", tuned):
        encoder = ClapEncoder(Bundle.open(folder), "cpu", "float32")
        rows.append(encoder.embed_features([load_features(str(clip), encoder.bundle.front_end)])[0])
    ends, to_half, from_half = rows[0] @ rows[2], rows[0] @ rows[1], rows[1] @ rows[2]
    assert ends < 0.9999 and to_half > ends and from_half > ends
    assert cli.main(["--quiet", "blend", str(base), str(tuned), "--alpha", "2", "--out", str(tmp_path / "x")]) == 1


def test_the_shares_of_a_blend() -> None:
    import torch

    start, end = {"a": torch.zeros(2), "n": torch.tensor(1)}, {"a": torch.ones(2), "n": torch.tensor(3)}
    assert blend(start, end, 0.25)["a"].tolist() == [0.25, 0.25]
    assert blend(start, end, 0.25)["n"] == 3


def test_ctrl_c_keeps_the_run_and_resume_ends_it(fitted: dict[str, Any], stopped: Stopped) -> None:
    """Stopped by SIGINT while it trains, then resumed: the same losses and model as those of an undisturbed run."""
    code, said = stopped.end()
    assert code == 130, said
    assert any("--resume" in line for line in said), said
    out = stopped.out
    assert (out / "training" / "checkpoint.pt").exists() and not (out / "soundsearch.json").exists()
    assert cli.main([*fit_demo(out), "--quiet", "--resume"]) == 0
    assert json.loads((out / "report.json").read_text())["history"] == fitted["history"]
    assert Bundle.open(out).id == Bundle.open(Path(fitted["bundle"])).id


def test_large_shards_are_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [item for item in collect(resource("demo")).items if item.tags]
    splits = ["validation" if k % 5 == 0 else "test" if k % 5 == 1 else "train" for k in range(len(items))]
    problems: list[str] = []
    shards.write(items, tmp_path / "set", problems.append, samples_per_shard=16, splits=splits)
    damaged = sorted((tmp_path / "set" / "train").glob("*.tar"))[0]
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    monkeypatch.setattr(shards, "IN_MEMORY_BYTES", 0)
    told = ["fit", str(tmp_path / "set"), "--out", str(tmp_path / "out"), "--json", "--steps", "2", "--batch-size", "6"]
    assert cli.main([*told, "--recipe", "projection"]) == 1
    assert "too large" in capsys.readouterr().err
    assert cli.main([*told, "--recipe", "last-stage", "--evaluate-every", "2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["clips"]["train"] > 20 and len([e for e in result["history"] if "loss" in e]) == 2
    assert any("damaged" in problem for problem in result["problems"])


def test_too_little_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = tmp_path / "Kick"
    few.mkdir()
    for file in sorted((resource("demo") / "Drums").rglob("*.*"))[:6]:
        shutil.copy(file, few)
    assert cli.main(["fit", str(tmp_path), "--out", str(tmp_path / "out"), "--quiet"]) == 1
    assert "at least 15" in capsys.readouterr().err
    assert cli.main(["fit", str(tmp_path / "nowhere"), "--quiet"]) == 1
    with pytest.raises(SystemExit, match="2"):
        cli.main(["fit", str(tmp_path), "--recipe", "magic"])


def test_the_verdict_wants_a_sure_gain_and_little_loss() -> None:
    gain = {"value": 0.05, "low": 0.01, "high": 0.09}
    assert proof.verdict(gain, 0.0)[0] and proof.verdict(gain, -0.019)[0]
    assert "changed nothing" in proof.verdict({"value": 0.0, "low": 0.0, "high": 0.0}, 0.0)[1]
    for unsure, change in (({**gain, "low": 0.0}, 0.0), (gain, -0.02), ({**gain, "value": -0.1, "low": -0.2}, 0.1)):
        offered, reason = proof.verdict(unsure, change)
        assert not offered and reason.endswith(".")


def test_questions_ask_tags_and_texts_of_what_answers_them() -> None:
    from trainer.captions.writer import caption_writer

    items = [Item("a", (), tags=("kick", "dry")), Item("b", (), tags=("Kick",)), Item("c", (), tags=("rain",))]
    asked = proof.questions(items, caption_writer("template"))
    table = dict(zip(asked.texts, asked.relevant.tolist(), strict=True))
    assert table["kick"] == [True, True, False] and table["dry"] == [True, False, False]
    assert table["The sounds of kick and dry"] == [True, False, False]


def test_a_finished_model_is_not_written_over(tmp_path: Path) -> None:
    names = []
    for _ in range(2):
        folder = _free_folder(tmp_path, "My  Drums!")
        names.append(folder.name)
        folder.mkdir()
        (folder / "soundsearch.json").write_text("{}")
    assert [*names, _free_folder(tmp_path, "Starter").name] == ["my-drums", "my-drums-2", "starter-2"]

"""What the commands refuse before they spend anybody's time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soundsearch.errors import TrainingError
from trainer import cli
from trainer.bundles import check_free, only_one
from trainer.config import RUN_FOLDER


def test_a_new_model_does_not_go_among_other_files(tmp_path: Path) -> None:
    check_free(tmp_path)
    check_free(tmp_path / "new" / "deep")
    (tmp_path / RUN_FOLDER).mkdir()
    check_free(tmp_path)  # what a broken run left
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(TrainingError, match="holds other files"):
        check_free(tmp_path)
    with pytest.raises(TrainingError, match="is a file"):
        check_free(tmp_path / "thesis.txt")


def test_one_run_at_a_time_and_no_trace_of_one_that_came_to_nothing(tmp_path: Path) -> None:
    out = tmp_path / "model"
    with only_one(out), pytest.raises(TrainingError, match="Another training"), only_one(out):
        pass
    assert not out.exists()
    with only_one(out):
        (out / RUN_FOLDER / "kept").touch()
    assert [entry.name for entry in (out / RUN_FOLDER).iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "nowhere.pt", "--out", "new"], "There is no file nowhere.pt."),
        (["blend", "starter", "nothing", "--alpha", "0.5", "--out", "new"], "no model called 'nothing'"),
        (["eval", "nothing", "."], "no model called 'nothing'"),
        (["fit", ".", "--validation", "0.5", "--test", "0.5"], "leave nothing to learn from"),
        (["fit", ".", "--out", "thesis"], "holds other files"),
    ],
)
def test_refusals_are_a_sentence_and_a_hint(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").touch()
    assert cli.main([*arguments, "--data-dir", str(tmp_path / "data")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[0] and lines[1].endswith(".") and len(lines) == 2
    assert not (tmp_path / "new").exists()


def test_who_reads_only_the_beginning_sees_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from trainer import cli; options = ['prepare', sys.argv[1]]; sys.exit(cli.main(options))"
    demo = Path(__file__).parents[2] / "resources" / "demo" / "Drums"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(demo)], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr and "BrokenPipe" not in ended.stderr

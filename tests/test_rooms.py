"""The rules that the code keeps: style, types, and who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkers import CHECKERS, EARLY, ROOT, Checker

PACKAGES = ("soundsearch", "trainer")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}
HEAVY = {"torch", "transformers", "sqlite3", "numkong", "usearch"}
SLOW_TO_IMPORT = {"av", "soundfile", "sounddevice", "soxr", "scipy", "sklearn"}  # a tenth of a second before the window


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", list(CHECKERS))
def test_the_checker_is_content(name: str, pytestconfig: pytest.Config) -> None:
    started: Checker | None = pytestconfig.stash.get(EARLY, {}).get(name)
    code, said = (started or Checker(name)).end()
    assert code == 0, f"\n{said}"


@pytest.mark.gui
def test_the_window_loads_no_torch_sql_or_index() -> None:
    code = "import sys, soundsearch.gui.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "PySide6" in loaded
    assert not loaded & (HEAVY | SLOW_TO_IMPORT)


def test_the_command_line_loads_torch_only_when_a_model_is_run() -> None:
    code = "import sys, soundsearch.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not {name.split(".")[0] for name in done.stdout.split()} & {"torch", "transformers", "PySide6"}


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py" and p.parent.parent != ROOT], ids=short)
def test_sub_packages_are_empty(path: Path) -> None:
    assert path.read_text() == "", "importing one module of a room must not drag in its neighbours"


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_a_module_has_a_name_that_says_something_and_a_docstring(path: Path) -> None:
    assert path.stem not in VAGUE
    source = path.read_text(encoding="utf-8")
    if source.strip():
        assert ast.get_docstring(ast.parse(source)), "say in a sentence what the module hides"

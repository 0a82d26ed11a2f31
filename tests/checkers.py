"""The checkers of style, types and imports, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECKERS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "mypy go.py": ["-m", "mypy", "--cache-dir=.mypy_cache/go", "go.py"],  # may run beside the other
    "lint-imports": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
}
IN_THE_BACKGROUND = "import os; getattr(os, 'nice', int)(19); "  # half a minute that no test shall notice


class Checker:
    """One that runs; `end` waits for it."""

    def __init__(self, name: str, *, in_background: bool = False) -> None:
        command = [sys.executable, *CHECKERS[name]]
        if in_background:
            command = [sys.executable, "-c", f"{IN_THE_BACKGROUND}os.execv({sys.executable!r}, {command!r})"]
        # One that says more than a pipe holds waits for `end`.
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )

    def end(self) -> tuple[int, str]:
        """Return its exit code, and all that it said."""
        said = self._process.communicate()[0]
        return self._process.returncode, said

    def stop(self) -> None:
        """End it unheard, where the tests end before it."""
        if self._process.returncode is None:
            self._process.terminate()
            self.end()


EARLY = pytest.StashKey[dict[str, Checker]]()

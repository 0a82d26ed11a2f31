"""The checkers of style, types and imports, each in a process of its own."""

import subprocess
import sys
import tempfile
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
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (a pipe would fill up)
        command = [sys.executable, *CHECKERS[name]]
        if in_background:
            command = [sys.executable, "-c", f"{IN_THE_BACKGROUND}os.execv({sys.executable!r}, {command!r})"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=self._said, stderr=subprocess.STDOUT)

    def end(self) -> tuple[int, str]:
        """Return its exit code, and all that it said."""
        with self._said:
            code = self._process.wait()
            self._said.seek(0)
            return code, self._said.read()

    def stop(self) -> None:
        """End it unheard, where the tests end before it."""
        if not self._said.closed:
            self._process.terminate()
            self.end()


EARLY = pytest.StashKey[dict[str, Checker]]()

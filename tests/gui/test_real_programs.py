"""Beside programs that no one here wrote, under a window manager: a file manager and an audio editor."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.gui.conftest import Library
from tests.gui.test_display import Program, Screen, open_soundsearch

FILE_MANAGER, EDITOR, WINDOW_MANAGER = "pcmanfm", "mhwaveedit", "openbox"
NAMES = Library.names
UTF8_NAME = NAMES[1]  # GTK shows, but does not copy, names that are no UTF-8
OURS, THEIRS = (0, 0, 700, 560), (720, 0, 540, 480)
INSIDE_THEIRS = (1100, 300)


def wait_for(condition: Callable[[], object], seconds: float = 20, what: str = "waited in vain") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Desktop(Screen):
    """A screen with a window manager and a home of its own."""

    def __init__(self, display: str, home: Path) -> None:
        super().__init__(display)
        self._home = home
        runtime = home / "run"
        runtime.mkdir(mode=0o700)
        self._env = {
            **os.environ, "DISPLAY": display, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": str(home / "config"), "XDG_CACHE_HOME": str(home / "cache"), "NO_AT_BRIDGE": "1",
        }  # fmt: skip
        self._env.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self._started: list[subprocess.Popen[bytes]] = []
        self.start(WINDOW_MANAGER)
        wait_for(lambda: "_NET_SUPPORTING_WM_CHECK" in self._root_properties(), what="no window manager")

    def _root_properties(self) -> str:
        return subprocess.run(["xprop", "-root"], env=self._env, capture_output=True, text=True).stdout

    def start(self, *command: str) -> None:
        """Start a program in a group of its own, so that it can be ended with its children."""
        quiet = subprocess.DEVNULL
        self._started.append(
            subprocess.Popen(command, env=self._env, stdout=quiet, stderr=quiet, start_new_session=True)
        )

    def open_other(self, title: str, place: tuple[int, int, int, int], *command: str) -> str:
        """Open somebody's program, put its window somewhere, and return its number."""
        self.start(*command)
        window = self.window_of(title)
        self.put(window, place)
        return window

    def put(self, window: str, place: tuple[int, int, int, int]) -> None:
        x, y, width, height = map(str, place)
        self.do("windowsize", window, width, height, "windowmove", window, x, y)
        self.settle()

    def settle(self) -> None:
        """Give the window manager its time."""
        time.sleep(0.4)

    def close(self) -> None:
        super().close()
        for process in reversed(self._started):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)


@pytest.fixture
def desktop(display: str, tmp_path: Path) -> Iterator[Desktop]:
    missing = [p for p in (FILE_MANAGER, EDITOR, WINDOW_MANAGER, "xprop") if not shutil.which(p)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    home = tmp_path / "home"
    home.mkdir()
    made = Desktop(display, home)
    yield made
    made.close()


def program_window(desktop: Desktop) -> str:
    return desktop.window_of("^soundsearch$")


@pytest.fixture
def program(desktop: Desktop, library: Library) -> Program:
    made = open_soundsearch(desktop, library.data)
    desktop.put(program_window(desktop), OURS)
    made.settled()
    return made


def folder(tmp_path: Path, name: str) -> Path:
    made = tmp_path / name
    made.mkdir()
    return made


def is_copied(taken: Path, library: Library) -> bool:
    copy = taken / UTF8_NAME
    return copy.exists() and copy.read_bytes() == (library.sounds / UTF8_NAME).read_bytes()


def test_a_file_manager_copies_what_is_dragged_and_what_is_pasted_into_it(
    desktop: Desktop, program: Program, library: Library, tmp_path: Path
) -> None:
    taken = folder(tmp_path, "taken here")
    window = desktop.open_other("taken here", THEIRS, FILE_MANAGER, "--no-desktop", str(taken))
    x, y, _ = program.last["rows"][1]
    desktop.do("windowactivate", "--sync", program_window(desktop), "mousemove", str(x), str(y), "click", "1")
    desktop.do("sleep", "0.3", "key", "ctrl+c")
    program.wait(lambda said: said["line"] == "Copied 1 file")
    desktop.do("windowactivate", "--sync", window, "mousemove", *map(str, INSIDE_THEIRS), "click", "1")
    desktop.do("sleep", "0.3", "key", "ctrl+v")
    wait_for(lambda: is_copied(taken, library), what="not copied by the clipboard")
    (taken / UTF8_NAME).unlink()
    desktop.settle()
    desktop.drag((x, y), INSIDE_THEIRS)
    wait_for(lambda: is_copied(taken, library), what="not copied by a drag")
    assert (library.sounds / UTF8_NAME).exists()  # copied, not moved


def test_a_file_is_dragged_from_a_file_manager_into_the_query(
    desktop: Desktop, program: Program, library: Library, tmp_path: Path
) -> None:
    given = folder(tmp_path, "given from here")
    shutil.copy(library.sounds / UTF8_NAME, given / "Größe #1 100%.wav")
    window = desktop.open_other("given from here", THEIRS, FILE_MANAGER, "--no-desktop", str(given))
    desktop.do("windowactivate", "--sync", window, "mousemove", *map(str, INSIDE_THEIRS), "click", "1")
    first_icon = (THEIRS[0] + 210, THEIRS[1] + 130)
    desktop.drag(first_icon, (350, 300))
    said = program.wait(lambda said: len(said["draft"]) == 2)
    assert said["draft"] == ["", str(given / "Größe #1 100%.wav")]


def held_by_editor(desktop: Desktop, title: str, target: Path) -> tuple[np.ndarray, int]:
    """Let the editor save all that it has to another file, and read that."""
    window = desktop.window_of(title)
    desktop.do("windowactivate", "--sync", window, "sleep", "0.3", "key", "ctrl+a", "sleep", "0.2", "key", "ctrl+u")
    desktop.window_of("Save selection as")
    desktop.do("sleep", "0.3", "type", "--delay", "8", str(target))
    desktop.do("sleep", "0.2", "key", "Return")
    wait_for(lambda: target.exists() and target.stat().st_size > 1_000, what="the editor saved nothing")
    desktop.settle()
    samples, rate = soundfile.read(target, dtype="int16")
    return samples, rate


def test_an_audio_editor_imports_a_clip_and_a_region_sample_by_sample(
    desktop: Desktop, program: Program, library: Library, tmp_path: Path
) -> None:
    clip = soundfile.read(library.sounds / UTF8_NAME, dtype="int16")[0]
    desktop.open_other("mhWaveEdit", THEIRS, EDITOR, "--driver", "dummy")
    x, y, _ = program.last["rows"][1]
    desktop.drag((x, y), INSIDE_THEIRS)
    held, rate = held_by_editor(desktop, "mhWaveEdit: Türe #3, 100% naß 鼓.wav", tmp_path / "clip.wav")
    np.testing.assert_array_equal(held, clip)
    assert rate == 48_000

    left, top, width, height = program.wait(lambda said: said["shown"])["wave"]
    desktop.do("windowactivate", "--sync", program_window(desktop))
    middle = top + height // 2
    desktop.drag((left + width // 4, middle), (left + width // 2, middle))
    start_s, end_s = program.wait(lambda said: said["region"])["region"]
    start_s, end_s = program.settled()["region"]
    assert (start_s, end_s) == (pytest.approx(0.125, abs=0.01), pytest.approx(0.25, abs=0.01))
    inside = (left + round(width * (start_s + end_s)), middle)  # the clip is half a second long
    desktop.drag(inside, INSIDE_THEIRS)
    title = f"mhWaveEdit: Türe #3, 100% naß 鼓 {start_s:.2f}-{end_s:.2f}"
    held, rate = held_by_editor(desktop, title, tmp_path / "region.wav")
    np.testing.assert_array_equal(held, clip[round(start_s * rate) : round(end_s * rate)])

    desktop.do("windowactivate", "--sync", program_window(desktop))
    desktop.drag(inside, (350, 30))  # into the query it goes as a part of its clip, not as a file
    said = program.wait(lambda said: said["parts"])
    assert said["draft"] == ["", str(library.sounds / UTF8_NAME)]
    assert said["parts"] == [[start_s, end_s]]

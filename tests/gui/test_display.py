"""On a real X screen, with mouse and keyboard, beside another program (Done when 8)."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.gui.conftest import Library

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = Library.names


class Program:
    """A program on the screen; `wait(condition)` gives the first thing it says for which the condition holds."""

    def __init__(self, display: str, *arguments: str) -> None:
        env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "OMP_NUM_THREADS": "1"}
        env.pop("WAYLAND_DISPLAY", None)
        self.process = subprocess.Popen([sys.executable, *arguments], cwd=REPOSITORY, env=env, stdout=subprocess.PIPE)
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.last: dict[str, Any] = {}

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(json.loads(line))

    def wait(self, condition: Callable[[dict[str, Any]], Any], timeout_s: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while not (self.last and condition(self.last)):
            try:
                self.last = self._said.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"never said; last: {self.last}") from None
        return self.last

    def settled(self, pause_s: float = 0.5) -> dict[str, Any]:
        """What it said last, once it says nothing new."""
        while True:
            try:
                self.last = self._said.get(timeout=pause_s)
            except queue.Empty:
                return self.last

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Screen:
    """An X screen with hands."""

    def __init__(self, display: str) -> None:
        self.display = display
        self._programs: list[Program] = []

    def do(self, *arguments: str) -> str:
        env = {**os.environ, "DISPLAY": self.display}
        return subprocess.run(
            ["xdotool", *arguments], env=env, check=True, capture_output=True, text=True, timeout=30
        ).stdout

    def window_of(self, title: str) -> str:
        """Wait for a window. A search fails where another window goes meanwhile, so it is asked again."""
        for _ in range(300):
            try:
                return self.do("search", "--onlyvisible", "--name", title).split()[0]
            except (subprocess.CalledProcessError, IndexError):
                time.sleep(0.1)
        raise AssertionError(f"no window called {title} has come")

    def open(self, title: str, place: tuple[int, int, int, int], *arguments: str) -> Program:
        program = Program(self.display, *arguments)
        self._programs.append(program)
        window = self.window_of(title)
        x, y, width, height = place
        self.do("windowmove", window, str(x), str(y))
        self.do("windowsize", "--sync", window, str(width), str(height))
        self.do("windowfocus", window)
        return program

    def focus(self, title: str) -> None:
        window = self.window_of(title)
        self.do("windowfocus", "--sync", window)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        self.do("mousemove", *map(str, start))
        self.do("mousedown", "1")
        for step in range(1, 13):
            x, y = (round(a + (b - a) * step / 12) for a, b in zip(start, end, strict=True))
            self.do("mousemove", str(x), str(y))
            time.sleep(0.05)
        self.do("mouseup", "1")

    def close(self) -> None:
        for program in self._programs:
            program.end()


@pytest.fixture
def screen(display: str) -> Iterator[Screen]:
    made = Screen(display)
    yield made
    made.close()


def open_soundsearch(screen: Screen, data: Path) -> Program:
    program = screen.open("soundsearch", (0, 0, 700, 600), str(Path(__file__).with_name("shown_program.py")), str(data))
    program.wait(lambda said: len(said["rows"]) == len(NAMES), timeout_s=60)
    time.sleep(0.3)  # the window has its place
    program.wait(lambda said: all(path for _, _, path in said["rows"]))
    return program


def other(screen: Screen, *arguments: str) -> Program:
    return screen.open(
        "other program", (800, 100, 300, 200), str(Path(__file__).with_name("other_program.py")), *arguments
    )


def test_rows_are_dragged_into_another_program(screen: Screen, library: Library) -> None:
    data, sounds = library.data, library.sounds
    taker = other(screen, "take")
    program = open_soundsearch(screen, data)
    for row, name in enumerate(NAMES):
        taker.last = {}
        x, y, _ = program.last["rows"][row]
        screen.drag((x, y), (950, 200))
        said = taker.wait(lambda said: "uris" in said)
        (uri,) = said["uris"]
        assert said["action"] == "CopyAction"
        path = unquote_to_bytes(uri.removeprefix("file://"))
        assert path == os.fsencode(str(sounds / name))
        assert Path(os.fsdecode(path)).read_bytes()[:4] == b"RIFF"


def test_the_whole_selection_is_dragged(screen: Screen, library: Library) -> None:
    data, sounds = library.data, library.sounds
    taker = other(screen, "take")
    program = open_soundsearch(screen, data)
    (x1, y1, _), (x2, y2, _) = program.last["rows"]
    screen.do("mousemove", str(x1), str(y1), "click", "1")
    screen.do("keydown", "shift", "mousemove", str(x2), str(y2), "click", "1", "keyup", "shift")
    screen.drag((x1, y1), (950, 200))
    uris = taker.wait(lambda said: "uris" in said)["uris"]
    paths = [unquote_to_bytes(uri.removeprefix("file://")) for uri in uris]
    assert paths == [os.fsencode(str(sounds / name)) for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_program_becomes_the_query(screen: Screen, library: Library, name: str) -> None:
    data, sounds = library.data, library.sounds
    giver = other(screen, "give", str(sounds / name))
    program = open_soundsearch(screen, data)
    screen.drag((950, 150), (450, 300))
    said = program.wait(lambda said: len(said["draft"]) == 2)
    assert said["draft"] == ["", str(sounds / name)]
    assert giver.wait(lambda said: "action" in said)["action"] == "CopyAction"
    # ... and is answered, by itself and its copy
    said = program.wait(lambda said: len(said["rows"]) == 2)
    assert {path for _, _, path in said["rows"]} == {str(sounds / n) for n in NAMES}


def test_a_folder_of_another_program_starts_the_first_scan(screen: Screen, library: Library, tmp_path: Path) -> None:
    sounds = library.sounds
    other(screen, "give", str(sounds))
    program = screen.open(
        "soundsearch", (0, 0, 700, 600), str(Path(__file__).with_name("shown_program.py")), str(tmp_path / "data")
    )
    program.wait(lambda said: said["first run"], timeout_s=60)
    screen.drag((950, 150), (450, 300))
    said = program.wait(lambda said: len(said["rows"]) == 2, timeout_s=60)
    assert not said["first run"]


def test_keys_as_a_keyboard_sends_them(screen: Screen, library: Library) -> None:
    data = library.data
    program = open_soundsearch(screen, data)
    screen.do("type", "noise a?/")
    program.wait(lambda said: said["draft"][0] == "noise a?/")
    screen.do("key", "ctrl+a", "BackSpace")
    program.wait(lambda said: said["draft"][0] == "" and len(said["rows"]) == 2)
    screen.do("key", "Down")
    program.wait(lambda said: said["focus"] == "Results")
    screen.do("key", "question")
    program.wait(lambda said: said["sheet"])
    screen.focus("Keyboard shortcuts")  # there is no window manager to do it
    screen.do("key", "Escape")
    program.wait(lambda said: not said["sheet"])
    screen.focus("^soundsearch$")
    screen.do("key", "slash")
    program.wait(lambda said: said["focus"] == "Search")
    screen.do("key", "Down", "s")
    program.wait(lambda said: len(said["draft"]) == 2)
    screen.do("key", "alt+Left")
    program.wait(lambda said: len(said["draft"]) == 1)

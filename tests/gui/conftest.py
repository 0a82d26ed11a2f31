"""Real widgets without a screen, an engine and a sound card made up at their borders, and nothing left behind."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtWidgets import QApplication
from shiboken6 import getAllValidWrappers, isValid

from soundsearch.audio.overview import overview
from soundsearch.gui import app as app_module
from soundsearch.gui.audition import Drawn, Loaded, LoadFailed
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.theme import Theme
from soundsearch.settings import Places
from tests.gui.fake_engine import FakeEngine

HERE = Path(__file__).parent
PATIENCE_MS = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gui)
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


class FakePlayer:
    """A player without a sound card: loads at once, and moves only when told. Calls are kept in `calls`."""

    def __init__(self, loaded: Loaded, failed: LoadFailed, drawn: Drawn) -> None:
        self._loaded, self._failed, self._drawn = loaded, failed, drawn
        self.loop = False
        self.gain_db = self.level_db = 0.0
        self.device, self.device_in_use = "", "Speakers"
        self.devices = ("Speakers", "Headphones")
        self.state = "idle"
        self.position_s = 0.0
        self.calls: list[tuple[Any, ...]] = []
        self.bad: set[str] = set()
        self.silent: set[str] = set()  # never loaded

    def look_for_devices(self) -> None:
        self.calls.append(("look_for_devices",))

    def load(self, path: str, level_db: float = 0.0, play_from: float | None = None) -> None:
        self.calls.append(("load", path))
        self.position_s, self.level_db = 0.0, level_db
        if path in self.bad:
            self.state = "idle"
            self._failed(path, "it is empty")
        elif path not in self.silent:
            self.state = "idle"
            self._loaded(path, overview(np.tile(np.float32([0.4, -0.4]), (8_000, 1)), 4_000), 2.0)
        if play_from is not None:
            self.play(play_from)

    def prefetch(self, paths: Any) -> None:
        self.calls.append(("prefetch", *paths))

    def play(self, from_s: float = 0.0, until_s: float | None = None) -> None:
        self.calls.append(("play", from_s) if until_s is None else ("play", from_s, until_s))
        if self.calls[-2][1:] and self.calls[-2][1] in self.bad:
            return
        self.state, self.position_s = "playing", from_s

    def pause(self) -> None:
        self.calls.append(("pause",))
        self.state = "paused"

    def stop(self) -> None:
        self.calls.append(("stop",))
        self.state, self.position_s = "idle", 0.0

    def close(self) -> None:
        self.calls.append(("close",))


@pytest.fixture
def qtbot(qtbot: Any) -> Any:
    """One that waits longer: five seconds can be too few on a busy machine. Tests that pass take no longer."""
    for name in ("waitUntil", "waitSignal"):
        setattr(qtbot, name, partial(getattr(qtbot, name), timeout=PATIENCE_MS))
    return qtbot


def delete_later_now() -> None:
    """Let objects go that were given to deleteLater."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.sendPostedEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture(autouse=True)
def nothing_left(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a thread, a running timer or a window behind."""
    before = set(threading.enumerate())
    yield
    QApplication.clipboard().clear()  # Qt would delete what is on it after Python has ended, and crash
    delete_later_now()
    for thread in set(threading.enumerate()) - before:
        thread.join(2)
    threads = [thread.name for thread in threading.enumerate() if thread not in before]
    windows = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    # Qt's own list: among all of Python's objects, a million once torch is there, each test would look for long.
    timers = [o for o in getAllValidWrappers() if isinstance(o, QTimer) and o.isActive()]
    assert not threads, "close what started them"
    assert not windows, "close the window in the test"
    assert not timers, [(timer.interval(), timer.parent()) for timer in timers]


@dataclass(frozen=True)
class Library:
    """A folder with two clips and a broken file, and a data folder in which it has been scanned."""

    data: Path
    sounds: Path
    names: tuple[str, str] = (os.fsdecode(b"latin-1 \xe9.wav"), "Türe #3, 100% naß 鼓.wav")  # as they are listed


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    home = tmp_path_factory.mktemp("library")
    made = Library(home / "data", home / "sounds #1 %20")
    made.sounds.mkdir()
    noise = 0.2 * np.random.default_rng(1).standard_normal(24_000)
    tone = 0.5 * np.sin(2 * np.pi * 220 * np.arange(24_000) / 48_000)
    for name, samples in zip(made.names, (noise, tone), strict=True):
        soundfile.write(home / "made.wav", samples, 48_000)
        (home / "made.wav").rename(made.sounds / name)  # soundfile itself cannot write such names
    (made.sounds / "broken.wav").write_bytes(b"RIFF")
    command = [sys.executable, "-m", "soundsearch", "--data-dir", str(made.data), "--quiet", "scan", str(made.sounds)]
    subprocess.run(command, cwd=HERE.parents[1], check=True, capture_output=True, timeout=120)
    return made


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    found = qapp.findChild(Theme) or Theme(qapp)
    found.choose("dark")
    return found


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "data")
    made.create()
    return made


@pytest.fixture
def open_window(qtbot: Any, qapp: QApplication, places: Places, theme: Theme) -> Iterator[Callable[..., MainWindow]]:
    """Open the window upon a made-up engine; `window.engine` and `window.fake_player` are the other sides."""
    opened: list[MainWindow] = []

    def open_it(
        engine: FakeEngine, size: tuple[int, int] = (1000, 700), *, settle: bool = True, player: Any = FakePlayer
    ) -> MainWindow:
        made: list[Any] = []

        def make_player(*callbacks: Any) -> Any:
            made.append(player(*callbacks))
            return made[0]

        window = app_module.build(qapp, places, make_client=engine.connect, make_player=make_player)
        window.engine = engine  # type: ignore[attr-defined]
        opened.append(window)
        window.resize(*size)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)  # keys and shortcuts go to the active window only
        # A test before may have closed its window between a key's press and its release: Ctrl would still be held.
        qtbot.keyRelease(window, Qt.Key.Key_Control)
        window.start()
        qtbot.waitUntil(lambda: bool(made))
        window.fake_player = made[0]  # type: ignore[attr-defined]
        if settle:
            qtbot.waitUntil(lambda: window.center.status is not None and window.center.is_settled)
        return window

    yield open_it
    for window in opened:
        if isValid(window):
            window.close()
            window.deleteLater()
    delete_later_now()

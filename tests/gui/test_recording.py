from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from soundsearch.audio.record import Recorder
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.recording import FLOOR_DB
from soundsearch.settings import Places
from tests.audio.test_record import play
from tests.conftest import SoundServer, refresh_devices
from tests.gui.fake_engine import FakeEngine, made_up_clip

Open = Callable[..., MainWindow]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine([made_up_clip(i) for i in range(10)])


def test_r_records_and_r_again_searches_with_it(
    qtbot: Any, open_window: Open, engine: FakeEngine, sound_server: SoundServer, tmp_path: Any, places: Places
) -> None:
    refresh_devices()
    window = open_window(engine)
    strip = window.center.recording
    window.center.results.enter()
    qtbot.waitUntil(lambda: window._audition.state == "playing")
    qtbot.keyClick(window.center.results, Qt.Key.Key_R)
    assert strip.isVisible()
    assert ("stop",) in window.fake_player.calls  # the loudspeaker is not what shall be recorded
    playing = play(sound_server, tmp_path, 0.5)
    qtbot.waitUntil(lambda: strip.meter.level_db > -20)
    strip.grab()
    qtbot.waitUntil(lambda: playing.poll() is not None)
    qtbot.waitUntil(strip.stop.hasFocus)
    qtbot.keyClick(strip.stop, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: len(window.center.search_bar.draft.sounds) == 1)
    assert not strip.isVisible()
    path = window.center.search_bar.draft.sounds[0].path
    assert path.startswith(str(places.data_dir / "recordings"))
    samples, _ = soundfile.read(path)
    assert np.abs(samples).max() > 0.2
    assert window.center.results.hasFocus()


def test_escape_throws_it_away_and_silence_is_said(
    qtbot: Any, open_window: Open, engine: FakeEngine, sound_server: SoundServer, places: Places
) -> None:
    refresh_devices()
    window = open_window(engine)
    strip = window.center.recording
    qtbot.mouseClick(window.center.search_bar.record_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: strip.clock.text() > "0:00.2")
    assert strip.meter.level_db == FLOOR_DB
    qtbot.waitUntil(strip.stop.hasFocus)
    qtbot.keyClick(strip.stop, Qt.Key.Key_Escape)
    assert not strip.isVisible()
    assert not window.recording.is_running
    window.recording.start()
    qtbot.waitUntil(lambda: strip.clock.text() > "0:00.3")
    qtbot.keyClick(strip.stop, Qt.Key.Key_Return)
    qtbot.waitUntil(strip.words.isVisible)
    assert strip.words.text().startswith("The recording is silent.")
    assert strip.again.isVisible()
    qtbot.keyClick(strip.again, Qt.Key.Key_Escape)
    assert not strip.isVisible()
    assert window.center.search_bar.draft.is_empty
    assert not (places.data_dir / "recordings").exists()
    assert QGuiApplication.focusWindow() is not None


def test_the_window_closes_while_it_records(
    qtbot: Any, open_window: Open, engine: FakeEngine, sound_server: SoundServer
) -> None:
    refresh_devices()
    window = open_window(engine)
    window.recording.start()
    recorder = window.recording._recorder
    assert isinstance(recorder, Recorder)
    window.close()
    assert not recorder.is_running

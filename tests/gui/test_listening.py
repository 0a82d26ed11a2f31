"""The player as the user has it: levels, outputs, moments, regions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QMenu

from soundsearch.gui.audition import CEILING_DB, TARGET_LUFS, level_db
from soundsearch.gui.file_exchange import local_path
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.region import Region
from soundsearch.records import Clip, Example
from tests.gui.fake_engine import FakeEngine, made_up_clip

Open = Callable[..., MainWindow]


def said(window: MainWindow) -> str:
    return "\n".join(label.text() for label in window.status_line.findChildren(QLabel))


decibels = st.floats(-70, 6)


def clip_of(lufs: float | None, peak: float | None) -> Clip:
    return made_up_clip(1, loudness_lufs=lufs, peak_db=peak)


@given(st.none() | decibels, st.none() | decibels, st.floats(-48, 12))
def test_a_levelled_clip_never_clips(lufs: float | None, peak: float | None, volume: float) -> None:
    gain = level_db(clip_of(lufs, peak), volume)
    if peak is None:
        assert gain <= 0  # nobody knows how high it goes
    else:
        assert peak + gain + volume <= max(CEILING_DB, CEILING_DB + min(0.0, volume)) + 1e-9


def test_levelled_clips_are_equally_loud_where_there_is_room() -> None:
    for lufs in (-40.0, -23.0, -18.0, -9.0):
        assert lufs + level_db(clip_of(lufs, lufs + 10), -6.0) == pytest.approx(TARGET_LUFS)


@pytest.fixture
def loud_and_quiet() -> FakeEngine:
    return FakeEngine(
        [
            made_up_clip(0, loudness_lufs=-8.0, peak_db=0.0),
            made_up_clip(1, loudness_lufs=-38.0, peak_db=-22.0),
        ]
    )


def test_clips_are_levelled_when_asked_for_and_it_is_remembered(
    qtbot: Any, open_window: Open, loud_and_quiet: FakeEngine
) -> None:
    window = open_window(loud_and_quiet)
    player = window.fake_player  # type: ignore[attr-defined]
    window.center.results.selectRow(0)
    qtbot.waitUntil(lambda: player.state == "playing")
    assert player.level_db == 0
    (level,) = [item for item in window.listening.sound_menu.items() if "equally loud" in item.text]
    assert level.checked is False and level.act is not None
    level.act()
    assert player.level_db == pytest.approx(-10)  # of the clip that plays, at once
    window.center.results.selectRow(1)
    qtbot.waitUntil(lambda: player.level_db == pytest.approx(20))
    window.close()
    again = open_window(loud_and_quiet)
    again.center.results.selectRow(0)
    qtbot.waitUntil(lambda: again.fake_player.level_db == pytest.approx(-10))  # type: ignore[attr-defined]


def test_the_output_is_chosen_remembered_and_its_loss_is_told(
    qtbot: Any, open_window: Open, loud_and_quiet: FakeEngine
) -> None:
    window = open_window(loud_and_quiet)
    player = window.fake_player  # type: ignore[attr-defined]
    menu = window.listening.sound_menu
    assert [item.text for item in menu.items()[:3]] == ["The system's sound output", "Speakers", "Headphones"]
    act = menu.items()[2].act
    assert act is not None
    act()
    player.device_in_use = "Headphones"
    assert player.device == "Headphones"
    assert [item.checked for item in menu.items()[:3]] == [False, False, True]
    window.center.results.selectRow(0)
    qtbot.waitUntil(lambda: window._audition.output == "Headphones")
    player.devices, player.device_in_use = ("Speakers",), "Speakers"
    qtbot.waitUntil(lambda: "Headphones is not there: playing on Speakers" in said(window))
    assert menu.items()[2].text == "Headphones (not connected)"
    player.devices, player.device_in_use = ("Speakers", "Headphones"), "Headphones"
    qtbot.waitUntil(lambda: "Playing on Headphones again" in said(window))


def test_the_sound_menu_opens_by_key_and_looks_for_outputs(
    qtbot: Any, open_window: Open, loud_and_quiet: FakeEngine
) -> None:
    window = open_window(loud_and_quiet)
    window.player.sound_button.setFocus()
    qtbot.keyClick(window.player.sound_button, Qt.Key.Key_Space)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    words = [action.text() for action in menu.actions() if action.text()]
    assert words[-2:] == ["Play all clips about equally loud", "Cut regions where the sound crosses zero"]
    menu.close()
    qtbot.waitUntil(lambda: ("look_for_devices",) in window.fake_player.calls)  # type: ignore[attr-defined]


def play_calls(window: MainWindow) -> list[tuple[Any, ...]]:
    return [call for call in window.fake_player.calls if call[0] == "play"]  # type: ignore[attr-defined]


@pytest.fixture
def two_seconds(tmp_path: Path) -> Path:
    """A clip as long as the made-up player says all are."""
    path = tmp_path / "Kick #1 ü.wav"
    samples = np.random.default_rng(2).integers(-30_000, 30_000, (88_200, 2)).astype(np.int16)
    soundfile.write(path, samples, 44_100, subtype="PCM_16")
    return path


def test_a_region_is_heard_looped_searched_and_copied_by_keys(qtbot: Any, open_window: Open, two_seconds: Path) -> None:
    window = open_window(FakeEngine([replace(made_up_clip(0), path=str(two_seconds), root=str(two_seconds.parent))]))
    wave, player = window.player.wave, window.fake_player  # type: ignore[attr-defined]
    assert not window.player.region_bar.isVisible()
    window.center.results.selectRow(0)
    qtbot.waitUntil(lambda: wave.has_content)
    wave.setFocus()
    wave.set_region(Region(0.5, 1.25))
    assert window.player.region_bar.isVisible()
    assert window.player.region_bar.label.text() == "0.50–1.25 s"
    wave.seek_requested.emit(0.75)
    assert play_calls(window)[-1] == ("play", 0.75, 1.25)  # a click in the region plays to its end
    wave.seek_requested.emit(1.5)
    assert play_calls(window)[-1] == ("play", 1.5)
    qtbot.keyClick(wave, Qt.Key.Key_L)
    assert player.loop == (0.5, 1.25)
    with qtbot.waitSignal(window.player.region_bar.search_requested) as asked:
        qtbot.keyClick(wave, Qt.Key.Key_S)
    assert asked.args == [Example(str(two_seconds), 0.5, 1.25)]
    assert window.center.search_bar.draft.request().likes == (Example(str(two_seconds), 0.5, 1.25),)
    qtbot.keyClick(wave, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "Copied the region as a file" in said(window))
    (url,) = QGuiApplication.clipboard().mimeData().urls()
    made = Path(local_path(url) or "")
    assert made.name == "Kick #1 ü 0.50-1.25.wav"
    kept, rate = soundfile.read(made, dtype="int16")
    np.testing.assert_array_equal(kept, soundfile.read(two_seconds, dtype="int16")[0][22_050:55_125])
    assert rate == 44_100
    player.state = "idle"
    qtbot.waitUntil(lambda: window._audition.state == "idle")
    qtbot.keyClick(wave, Qt.Key.Key_Escape)
    assert wave.region is None and player.loop is True
    assert not window.player.region_bar.isVisible()


def test_shift_space_plays_from_where_it_was_last_begun(
    qtbot: Any, open_window: Open, loud_and_quiet: FakeEngine
) -> None:
    window = open_window(loud_and_quiet)
    window.center.results.selectRow(0)
    window.center.results.setFocus()
    qtbot.waitUntil(lambda: window.player.wave.has_content)
    window.player.wave.seek_requested.emit(1.2)
    qtbot.keyClick(window.center.results, Qt.Key.Key_Escape)
    qtbot.keyClick(window.center.results, Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert play_calls(window)[-1] == ("play", 1.2)


def test_a_hit_opens_and_plays_at_its_moment(qtbot: Any, open_window: Open, loud_and_quiet: FakeEngine) -> None:
    window = open_window(loud_and_quiet)
    ranking = window.center.model._ranking
    starts = np.array([1.25] + [np.nan] * (len(ranking) - 1), np.float32)
    window.center.model._ranking = type(ranking)(
        ranking.clip_ids, ranking.similarity, ranking.strength, None, starts, starts + np.float32(0.05)
    )
    window.center.results.selectRow(0)
    qtbot.waitUntil(lambda: window.player.wave.has_content)
    assert play_calls(window)[-1] == ("play", 1.25)
    span = window.player.wave.span
    assert span.start_s <= 1.25 and span.end_s >= 1.3 and span.width_s == pytest.approx(0.2, abs=0.01)


def test_zoomed_in_the_samples_come_from_the_file(qtbot: Any, open_window: Open, two_seconds: Path) -> None:
    window = open_window(FakeEngine([replace(made_up_clip(0), path=str(two_seconds), root=str(two_seconds.parent))]))
    window.center.results.selectRow(0)
    wave = window.player.wave
    qtbot.waitUntil(lambda: wave.has_content)
    with qtbot.waitSignal(wave.detail_wanted):
        wave.show_part(0.7, 0.702, 1.0)
    qtbot.waitUntil(lambda: wave._detail is not None)
    assert wave._detail is not None
    samples = soundfile.read(two_seconds, dtype="int16", start=30_870, stop=30_958)[0]
    bars = wave._detail.bars(0.7, 0.702, 1)
    np.testing.assert_allclose(bars.high[0] * 32_767, samples.max(axis=0), atol=2)

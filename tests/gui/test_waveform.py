import time
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage

from soundsearch.audio.peaks import Peaks, peaks
from soundsearch.gui.theme import DARK, Theme
from soundsearch.gui.waveform import WaveformView, draw


def pixels(image: QImage) -> np.ndarray:
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)[:, : image.width()].copy()


def tone(hz: float, level: float = 0.9) -> Peaks:
    t = np.arange(48_000) / 48_000
    return peaks((level * np.sin(2 * np.pi * hz * t)).astype(np.float32), 48_000)


@pytest.mark.parametrize("size", [(96, 32), (1, 1), (97, 31), (2000, 56), (3, 200)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    image = draw(tone(440), *size, is_dark=True)
    assert (image.width(), image.height()) == size
    assert pixels(image)[..., 3].any()


def test_no_columns_draw_nothing() -> None:
    empty = np.empty(0, np.int8)
    assert not pixels(draw(Peaks(empty, empty, empty.view(np.uint8)), 96, 32, is_dark=True)).any()


def test_silence_is_a_line_in_the_middle() -> None:
    flat = np.zeros(96, np.int8)
    alpha = pixels(draw(Peaks(flat, flat, np.zeros(96, np.uint8)), 96, 33, is_dark=True))[..., 3]
    assert alpha[16].any()
    assert not alpha[:15].any() and not alpha[18:].any()


def test_louder_is_higher_but_not_in_proportion() -> None:
    def height(level: float) -> int:
        return int(pixels(draw(tone(440, level), 96, 200, is_dark=True))[..., 3].any(1).sum())

    assert height(0.9) > 1.5 * height(0.09) > 0
    assert height(0.09) > 40  # 9 % of full scale would be 18 of 200 pixels


def test_low_is_warm_and_high_is_cool() -> None:
    def color(hz: float) -> np.ndarray:
        p = pixels(draw(tone(hz), 96, 32, is_dark=True))
        return p[p[..., 3] == 255].mean(0)

    low, high = color(60), color(9_000)
    assert low[2] > low[0] + 40  # more red than blue
    assert high[0] > high[2] + 40


def test_left_and_right_are_where_they_sound() -> None:
    samples = np.zeros(48_000, np.float32)
    samples[:4_800] = 0.9 * np.sign(np.sin(np.arange(4_800)))
    alpha = pixels(draw(peaks(samples, 48_000), 96, 64, is_dark=True))[..., 3].astype(int)
    assert alpha[:10].any(0)[:8].any()
    assert not alpha[:10].any(0)[12:].any()


def test_a_mini_waveform_is_drawn_in_a_fraction_of_a_millisecond() -> None:
    made = tone(440)
    times = []
    for _ in range(50):
        began = time.perf_counter()
        draw(made, 96, 32, is_dark=True)
        times.append(time.perf_counter() - began)
    assert np.median(times) < 2e-3  # 0.15 ms on an idle machine


@pytest.fixture
def view(qtbot: Any, theme: Theme) -> WaveformView:
    made = WaveformView(theme)
    qtbot.addWidget(made)
    made.resize(200, 56)
    made.show()
    made.show_clip(tone(440), 4.0)
    return made


def test_a_click_seeks_there(qtbot: Any, view: WaveformView) -> None:
    with qtbot.waitSignal(view.seek_requested) as asked:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 20))
    assert asked.args == [pytest.approx(1.0)]
    assert view.accessibleDescription() == "0:01.0 of 0:04.0"


def test_arrow_keys_seek_and_stay_inside(qtbot: Any, view: WaveformView) -> None:
    asked: list[float] = []
    view.seek_requested.connect(asked.append)
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Home):
        qtbot.keyClick(view, key)
    assert asked == pytest.approx([0, 0.2, 0.4, 0.2, 0])


def test_without_a_clip_nothing_seeks(qtbot: Any, view: WaveformView) -> None:
    view.show_message("It is empty", "error")
    with qtbot.assertNotEmitted(view.seek_requested):
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 20))
        qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.accessibleDescription() == "It is empty"


def test_what_was_heard_is_paler_than_what_comes(view: WaveformView) -> None:
    view.set_position(2.0)
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_ARGB32)
    picture = pixels(image).astype(int)
    middle = picture[image.height() // 2]
    ground = np.array(QColor(DARK.base).getRgb()[2::-1])
    distance = np.abs(middle[:, :3] - ground).sum(1)
    half = image.width() // 2
    assert distance[: half - 6].max() < distance[half + 6 :].max()

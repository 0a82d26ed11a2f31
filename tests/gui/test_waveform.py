import time

import numpy as np
import pytest
from PySide6.QtGui import QImage

from soundsearch.audio.peaks import Peaks, peaks
from soundsearch.gui.waveform import draw


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

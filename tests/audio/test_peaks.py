import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from soundsearch.audio.peaks import PeakBuilder, Peaks, load_peaks, peaks
from soundsearch.errors import DecodeError
from tests.audio.files import RATE, stereo, write
from tests.golden.clap_front_end import NOISE, tone


def test_columns_hold_the_lowest_and_highest_sample() -> None:
    samples = np.zeros(960, np.float32)
    samples[5], samples[15], samples[959] = 1, -0.5, 3
    found = peaks(samples, RATE)
    assert len(found) == 96
    assert (found.high[0], found.low[1], found.high[95]) == (127, -64, 127)
    assert not found.high[1:95].any()
    assert not found.low[2:].any()


@pytest.mark.parametrize(
    ("hz", "brightness"), [(50, 0), (100, 0), (1095, 127.5), (4000, 196.5), (12_000, 255), (20_000, 255)]
)
def test_brightness_is_the_place_of_a_tone_between_100_hz_and_12_khz(hz: float, brightness: float) -> None:
    np.testing.assert_allclose(peaks(tone(hz), RATE).brightness, brightness, atol=2)


def test_silence_has_no_brightness_and_an_offset_is_no_sound() -> None:
    for samples in (np.zeros(5000, np.float32), np.full(48_000, 0.5, np.float32)):
        assert not peaks(samples, RATE).brightness[2:-2].any()


def test_silence_after_a_loud_sound_has_no_colour() -> None:
    samples = np.concatenate([tone(4000, 5), np.zeros(5 * 48_000, np.float32)])
    found = peaks(samples, RATE, 2000)
    assert (found.brightness[:990] > 150).all()
    assert not found.brightness[1010:].any()


def test_bytes_and_back() -> None:
    found = peaks(NOISE, RATE, 2000)
    again = Peaks.from_bytes(found.to_bytes())
    for name in ("low", "high", "brightness"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        assert getattr(again, name).dtype == getattr(found, name).dtype
    assert len(found.to_bytes()) == 6000
    assert len(Peaks.from_bytes(b"")) == 0
    with pytest.raises(ValueError, match="three columns"):
        Peaks.from_bytes(b"1234")


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(1, 4000), elements=st.floats(-1e9, 1e9, width=32)), st.sampled_from([1, 96, 700])
)
def test_any_samples_have_peaks(samples: np.ndarray, n_columns: int) -> None:
    found = peaks(samples, RATE, n_columns)
    assert len(found) == n_columns
    assert (found.low <= found.high).all()


@pytest.mark.parametrize("piece", [4096, 70_001, 480_000])
def test_pieces_give_what_the_whole_gives(piece: int) -> None:
    whole = peaks(NOISE, RATE)
    builder = PeakBuilder(len(NOISE), RATE, 96)
    for start in range(0, len(NOISE), piece):
        builder.add(NOISE[start : start + piece])
    found = builder.finish()
    np.testing.assert_array_equal(found.low, whole.low)
    np.testing.assert_array_equal(found.high, whole.high)
    np.testing.assert_allclose(found.brightness, whole.brightness, atol=12)  # a piece measures at its own places


def test_no_samples_have_no_peaks() -> None:
    with pytest.raises(ValueError, match="without samples"):
        peaks(np.empty(0, np.float32), RATE)


def test_peaks_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sound = stereo(20)
    write(path, sound, RATE, "FLAC", "PCM_24")
    found, expected = load_peaks(str(path)), peaks(sound.mean(1), RATE)
    np.testing.assert_allclose(found.low, expected.low, atol=1)
    np.testing.assert_allclose(found.high, expected.high, atol=1)
    write(path, sound[:10], RATE, "FLAC", "PCM_24")
    assert len(load_peaks(str(path))) == 96
    with pytest.raises(DecodeError):
        load_peaks(str(tmp_path / "gone"))


def test_ten_seconds_take_milliseconds() -> None:
    times = []
    for _ in range(5):
        start = time.process_time()
        peaks(NOISE, RATE)
        times.append(time.process_time() - start)
    assert min(times) < 0.02

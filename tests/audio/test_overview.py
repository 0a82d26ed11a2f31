import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.audio.overview import BASE_FRAMES, Overview, OverviewBuilder, OverviewCache, overview

RATE = 48_000


def noise(n: int, channels: int = 2, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, channels)).astype(np.float32)


def same(one: Overview, other: Overview) -> bool:
    arrays = ((one.low, other.low), (one.high, other.high), (one.brightness, other.brightness))
    return one.n_frames == other.n_frames and all(np.array_equal(a, b) for a, b in arrays)


@given(st.integers(1, 20_000), st.integers(1, 60), st.floats(0, 1), st.floats(0, 1))
def test_bars_hold_every_sample_of_their_part(n: int, n_bars: int, one: float, other: float) -> None:
    samples = noise(n, 1, n)
    made = overview(samples, RATE)
    start, end = sorted((one * n / RATE, other * n / RATE))
    bars = made.bars(start, end, n_bars)
    assert bars.low.shape == bars.high.shape == (n_bars, 1)
    part = samples[round(start * RATE) : round(end * RATE)]
    if len(part) > 1:
        assert bars.low.min() <= part.min() + 1e-4
        assert bars.high.max() >= part.max() - 1e-4
    # ... and nothing from further away than a column on either side
    size = max(made.base * 4, 4 * (end - start) * RATE / n_bars)
    around = samples[max(0, int(start * RATE - size)) : int(end * RATE + size) + 1]
    if len(around):
        assert bars.low.min() >= min(0, around.min()) - 1e-4
        assert bars.high.max() <= max(0, around.max()) + 1e-4


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=12))
def test_pieces_of_any_size_give_the_same_columns(sizes: list[int]) -> None:
    samples = noise(sum(sizes))
    builder, at = OverviewBuilder(len(samples), RATE, 2), 0
    for size in sizes:
        builder.add(samples[at : at + size])
        at += size
    made, whole = builder.finish(), overview(samples, RATE)
    assert np.array_equal(made.low, whole.low) and np.array_equal(made.high, whole.high)
    assert made.n_frames == len(samples)
    assert made.base <= max(1, len(samples) / 16_384)


def test_what_is_not_decoded_yet_is_flat_and_the_length_is_what_was_promised() -> None:
    builder = OverviewBuilder(10 * RATE, RATE, 1)
    builder.add(noise(2 * RATE, 1))
    bars = builder.snapshot().bars(0, 10, 100)
    assert (bars.high[:19] > 0.9).all()
    assert (bars.high[21:] == 0).all() and (bars.low[21:] == 0).all()


def test_brightness_is_where_it_sounds() -> None:
    t = np.arange(4 * RATE) / RATE
    samples = np.where(t < 2, np.sin(2 * np.pi * 150 * t), np.sin(2 * np.pi * 8_000 * t)).astype(np.float32)
    brightness = overview(samples, RATE).bars(0, 4, 40).brightness.astype(int)
    assert brightness[1:19].max() < 60
    assert brightness[21:39].min() > 200


def test_an_hour_is_small_and_drawn_in_milliseconds_at_every_zoom() -> None:
    n = 3600 * RATE // BASE_FRAMES
    low = np.random.default_rng(1).integers(-30_000, 0, (n, 2)).astype(np.int16)
    made = Overview(3600 * RATE, RATE, low, -low, np.zeros(40_000, np.uint8))
    assert low.nbytes * 2 < 6e6
    times = []
    for width in np.geomspace(0.01, 3600, 30):
        began = time.perf_counter()
        made.bars(1800 - width / 2, 1800 + width / 2, 1300)
        times.append(time.perf_counter() - began)
    assert np.median(times) < 4e-3  # 0.4 ms on an idle machine


def test_it_is_kept_for_a_file_as_it_was_and_the_oldest_goes_first(tmp_path: Path) -> None:
    made = overview(noise(100_000), RATE)
    cache = OverviewCache(tmp_path / "overviews", limit_bytes=600_000)
    name = os.fsdecode(b"/sounds/latin-1 \xe9.wav")
    assert cache.load(name, (1, 2)) is None
    cache.keep(name, (1, 2), made)
    found = cache.load(name, (1, 2))
    assert found is not None and same(found, made)
    assert cache.load(name, (1, 3)) is None
    for i in range(3):
        cache.keep(f"/sounds/{i}.wav", (0, 0), made)
    assert cache.load(name, (1, 2)) is None
    assert cache.load("/sounds/2.wav", (0, 0)) is not None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", os.urandom(300)])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, content: bytes) -> None:
    cache = OverviewCache(tmp_path)
    cache.keep("/a.wav", (0, 0), overview(noise(1_000), RATE))
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert cache.load("/a.wav", (0, 0)) is None


def test_without_room_nothing_is_kept_and_nothing_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = OverviewCache(tmp_path / "file")
    cache.keep("/a.wav", (0, 0), overview(noise(1_000), RATE))
    assert cache.load("/a.wav", (0, 0)) is None
    assert "no overview is kept" in caplog.text

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.audio.foreground import EDGE_S, GAP_S, foreground
from soundsearch.records import FloatArray

RATE = 32_000


def hiss(seconds: float, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32) * np.float32(0.01)


def note(seconds: float, hz: float = 800.0) -> FloatArray:
    t = np.arange(round(seconds * RATE)) / RATE
    partials = sum(np.sin(2 * np.pi * hz * k * t) for k in range(1, 12))
    return (0.05 * np.asarray(partials)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.3, 1.3), st.floats(1.0, 6.0)), min_size=1, max_size=4),
    st.floats(0.1, 10.0),
    st.integers(0, 50),
)
def test_notes_in_hiss_are_found_from_begin_to_end(events: list[tuple[float, float]], gain: float, seed: int) -> None:
    samples, at, truth = hiss(60.0, seed), 5.0, []
    for length, pause in events:
        samples[round(at * RATE) : round(at * RATE) + round(length * RATE)] += note(length)
        truth.append((at, at + length))
        at += length + pause
    found = foreground(samples * np.float32(gain), RATE, 10.0)
    # As far as a frame of 32 ms, the next one, and the edges that are added.
    np.testing.assert_allclose(found, np.array(truth), atol=EDGE_S + 0.06)


def test_parts_follow_one_another_within_the_recording_and_long_ones_are_cut() -> None:
    samples = hiss(60.0)
    samples[: 2 * RATE] += note(2.0)
    samples[round(2.4 * RATE) : round(3.4 * RATE)] += note(1.0)
    samples[-RATE:] += note(1.0)
    found = foreground(samples, RATE, 1.5)
    assert len(found) == 3
    assert found[0, 0] == 0 and found[-1, 1] == 60.0
    assert ((found[:, 1] - found[:, 0]) <= 1.5 + 1e-5).all()
    assert (found[1:, 0] > found[:-1, 1]).all()


def test_two_sounds_with_a_short_gap_are_one_part() -> None:
    samples = hiss(30.0)
    for at in (10.0, 10.4 + GAP_S / 2):
        samples[round(at * RATE) : round(at * RATE) + round(0.4 * RATE)] += note(0.4)
    assert len(foreground(samples, RATE, 10.0)) == 1


def test_a_whistle_stands_out_by_two_bands_alone() -> None:
    samples = hiss(30.0)
    t = np.arange(RATE) / RATE
    samples[10 * RATE : 11 * RATE] += (0.3 * np.sin(2 * np.pi * 1500 * t)).astype(np.float32)
    np.testing.assert_allclose(foreground(samples, RATE, 10.0), [[10.0, 11.0]], atol=EDGE_S + 0.06)


def test_what_fills_a_tenth_of_a_recording_is_how_it_is() -> None:
    samples = hiss(30.0)
    for at in range(0, 30, 5):
        samples[at * RATE : (at + 1) * RATE] += note(1.0)
    assert len(foreground(samples, RATE, 10.0)) == 0


@pytest.mark.parametrize("rate", [8_000, 32_000, 48_000])
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.2, 20.0])
def test_nothing_stands_out_of_silence_and_of_steady_hiss(rate: int, seconds: float) -> None:
    count = round(seconds * rate)
    assert foreground(np.zeros(count, np.float32), rate, 10.0).shape == (0, 2)
    steady = np.random.default_rng(1).standard_normal(count).astype(np.float32)
    assert foreground(steady, rate, 10.0).shape == (0, 2)

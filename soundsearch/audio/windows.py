"""Windows of a long clip, and the parts of it that stand out: which there are, and the model input of a run of them.

And what a sound is in noise, as they are. Each is a function of its samples.
"""

from dataclasses import dataclass

import numpy as np

from soundsearch.audio import decode
from soundsearch.audio.features import MARGIN_S, QUIET_PEAK, Features, features
from soundsearch.audio.foreground import foreground
from soundsearch.audio.mel import FrontEnd
from soundsearch.records import FloatArray

# A short event in ten seconds of rain is mostly rain: models that take any length hear the shortest windows that are
# a length of their own to them, but none shorter than this. Measured in docs/moments.md.
SHORT_WINDOW_S = 1.5
ROUNDING_S = 0.01  # the last window ends with the clip, whose length in samples is rounded
# A recording is never silent between its events, and a model hears that. Measured in docs/moments.md.
NOISE_DB = -18.0  # against the sound in it
NOISE_FROM_HZ = 50.0  # pink above, even below
AROUND_S = 5  # before and after a run of windows: what stands out of it, and parts that reach over its ends


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive windows of a clip, and after them the parts there that stand out of it."""

    heard: list[Features]  # (n_windows + n_parts)
    start_s: FloatArray  # as many
    end_s: FloatArray  # as many


def window_length_s(front_end: FrontEnd) -> float:
    """How long windows of long clips are: as long as the model's own, but where it takes any length."""
    longest = front_end.max_samples / front_end.sample_rate
    shortest = min(max(SHORT_WINDOW_S, front_end.min_samples / front_end.sample_rate), longest)
    return shortest if takes_any_length(front_end) else longest


def takes_any_length(front_end: FrontEnd) -> bool:
    """Whether a model hears short sounds as they are, not repeated."""
    return front_end.short == "pad" and front_end.min_samples < front_end.max_samples


def window_starts_s(duration_s: float, window_s: float) -> FloatArray:
    """Where the windows of a clip begin: every half window, and the last at its end. (n,) in seconds."""
    hop_s = window_s / 2
    last = max(0.0, duration_s - window_s)
    starts = np.minimum(np.arange(int(np.ceil(last / hop_s - 1e-6)) + 1) * hop_s, last)
    result: FloatArray = starts.astype(np.float32)
    return result


def load_in_noise(path: str, front_end: FrontEnd, start_s: float | None, end_s: float | None) -> Features | None:
    """The model input of a sound, or of the part of it between two times, as if it lay in a recording.

    Returns:
        None for silence, for what is longer than the model's own window, and for models that repeat what is short:
        nothing was measured there.
    Raises:
        DecodeError: If nothing can be decoded.
    """
    if not takes_any_length(front_end):
        return None
    longest_s = front_end.max_samples / front_end.sample_rate
    waveform = decode.decode(path, start_s, end_s, max_s=longest_s + MARGIN_S)
    if waveform.duration_s > longest_s:
        return None
    samples = decode.resample(decode.mono(waveform), waveform.sample_rate, front_end.sample_rate)
    return features(in_noise(samples, front_end), front_end) if np.abs(samples).max() > QUIET_PEAK else None


def in_noise(samples: FloatArray, front_end: FrontEnd) -> FloatArray:
    """Lay a sound into pink noise that lasts for a window at least: a function of the samples alone.

    Args:
        samples: Mono samples at the front end's rate, shape (n,).
        front_end: Says how long windows are.
    """
    count = max(len(samples), round(window_length_s(front_end) * front_end.sample_rate))
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / front_end.sample_rate)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, NOISE_FROM_HZ)), count)
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / np.mean(noise**2)) * 10 ** (NOISE_DB / 20)
    noise *= level
    noise[: len(samples)] += samples
    result: FloatArray = noise.astype(np.float32)
    return result


def load_run(path: str, front_end: FrontEnd, starts: FloatArray, window_s: float, until_s: float) -> Run:
    """The model input of consecutive windows of a file and of the parts that stand out there, decoded at one go.

    Parts are for models that take any length: the others were not measured with them.

    Args:
        path: As os.fsdecode gives it.
        front_end: What the model was trained on.
        starts: Where the windows begin, ascending, (n,).
        window_s: How long they are.
        until_s: Where the next run begins: a part is of the run in which its middle lies.
    Returns:
        As many windows as there are samples for: a file may be shorter than its header says.
    Raises:
        DecodeError: If nothing can be decoded.
    """
    first_s, last_s = run_span_s(front_end, starts, window_s)
    waveform = decode.decode(path, float(first_s), float(last_s))
    samples = decode.resample(decode.mono(waveform), waveform.sample_rate, front_end.sample_rate)
    return cut_run(samples, first_s, front_end, starts, window_s, until_s)


def run_span_s(front_end: FrontEnd, starts: FloatArray, window_s: float) -> tuple[int, int]:
    """From when to when a clip is decoded for a run of windows, in seconds.

    Whole ones, where both sample grids meet, with a margin for the resampler: equal to the whole clip.
    """
    around_s = AROUND_S if takes_any_length(front_end) else MARGIN_S
    return max(0, int(starts[0]) - around_s), int(np.ceil(starts[-1] + window_s)) + around_s


def cut_run(
    samples: FloatArray, first_s: int, front_end: FrontEnd, starts: FloatArray, window_s: float, until_s: float
) -> Run:
    """As `load_run`, of mono samples at the front end's rate that begin at first_s."""
    rate = front_end.sample_rate
    length = round(window_s * rate)
    spans: list[tuple[float, float]] = []
    heard: list[Features] = []
    for start in starts.tolist():
        at = round((start - first_s) * rate)
        if at + length > len(samples) + ROUNDING_S * rate:
            break
        at = max(0, min(at, len(samples) - length))
        heard.append(features(samples[at : at + length], front_end))
        spans.append((start, start + window_s))
    if takes_any_length(front_end):
        for start, end in (first_s + foreground(samples, rate, front_end.max_samples / rate)).tolist():
            part = samples[round((start - first_s) * rate) : round((end - first_s) * rate)]
            if float(starts[0]) <= (start + end) / 2 < until_s and np.abs(part).max(initial=0) > QUIET_PEAK:
                heard.append(features(part, front_end))
                spans.append((start, end))
    times = np.array(spans, np.float32).reshape(-1, 2)
    return Run(heard, times[:, 0], times[:, 1])

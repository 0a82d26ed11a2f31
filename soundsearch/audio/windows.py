"""Windows of a long clip: which there are, and the model input of a run of them. Each is a function of its samples."""

import numpy as np

from soundsearch.audio import decode
from soundsearch.audio.features import MARGIN_S, Features, features
from soundsearch.audio.mel import FrontEnd
from soundsearch.records import FloatArray

# A short event in ten seconds of rain is mostly rain: models that take any length hear the shortest windows that are
# a length of their own to them, but none shorter than this. Measured in docs/moments.md.
SHORT_WINDOW_S = 1.5
ROUNDING_S = 0.01  # the last window ends with the clip, whose length in samples is rounded


def window_length_s(front_end: FrontEnd) -> float:
    """How long windows of long clips are: as long as the model's own, but where it takes any length."""
    takes_any = front_end.short == "pad" and front_end.min_samples < front_end.max_samples
    longest = front_end.max_samples / front_end.sample_rate
    return min(max(SHORT_WINDOW_S, front_end.min_samples / front_end.sample_rate), longest) if takes_any else longest


def window_starts_s(duration_s: float, window_s: float) -> FloatArray:
    """Where the windows of a clip begin: every half window, and the last at its end. (n,) in seconds."""
    hop_s = window_s / 2
    last = max(0.0, duration_s - window_s)
    starts = np.minimum(np.arange(int(np.ceil(last / hop_s - 1e-6)) + 1) * hop_s, last)
    result: FloatArray = starts.astype(np.float32)
    return result


def load_windows(path: str, front_end: FrontEnd, starts: FloatArray, window_s: float) -> list[Features]:
    """The model input of consecutive windows of a file, decoded at one go.

    Args:
        path: As os.fsdecode gives it.
        front_end: What the model was trained on.
        starts: Where they begin, ascending, (n,).
        window_s: How long they are.
    Returns:
        As many as there are samples for: a file may be shorter than its header says.
    Raises:
        DecodeError: If nothing can be decoded.
    """
    # Cut at whole seconds, where both sample grids meet, with a margin for the resampler: equal to the whole clip.
    first_s = max(0, int(starts[0]) - MARGIN_S)
    waveform = decode.decode(path, float(first_s), float(int(np.ceil(starts[-1] + window_s)) + MARGIN_S))
    samples = decode.resample(decode.mono(waveform), waveform.sample_rate, front_end.sample_rate)
    length = round(window_s * front_end.sample_rate)
    made = []
    for start in starts:
        at = round((float(start) - first_s) * front_end.sample_rate)
        if at + length > len(samples) + ROUNDING_S * front_end.sample_rate:
            break
        at = max(0, min(at, len(samples) - length))
        made.append(features(samples[at : at + length], front_end))
    return made

"""Log-mel of chosen frames of a file of which only a part is decoded, where its kind lets one do so exactly."""

from collections.abc import Callable
from math import gcd

import numpy as np

from soundsearch.audio import decode
from soundsearch.audio.mel import FrontEnd, log_mel_at
from soundsearch.records import FloatArray, IntArray

MARGIN_SAMPLES = 512  # around a part, of the lower rate: then it resamples as the whole does, but for 3e-7
LARGEST_SHARE = 0.5  # of the file: where more is needed the whole is as quick


class NotInPartsError(Exception):
    """The file has to be decoded whole: of another kind, shorter than it says, or needed nearly whole."""


def log_mel_of_file(
    path: str,
    info: decode.AudioInfo,
    frames: IntArray,
    front_end: FrontEnd,
    prepare: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """Return the log-mel of chosen frames of a file, decoding hardly more than those frames read.

    It equals that of the whole file but for the rounding of the resampler and what `prepare` makes of it: 0.004 dB at
    most in ten minutes of rain.

    Args:
        path: As os.fsdecode gives it.
        info: What `probe` says of it.
        frames: Numbers of frames of the whole, in rising order.
        front_end: Without pre-emphasis and normalisation, which would need more of the file.
        prepare: What is done to samples before the transform, one by one.
    Returns:
        Shape (len(frames), n_mels).

    Raises:
        NotInPartsError: If the file has to be decoded whole.
        DecodeError: If it is no audio file that can be read.
    """
    runs, spans = _spans(frames, info, front_end)
    if sum(end - begin for begin, end in spans) > LARGEST_SHARE * info.frames:
        raise NotInPartsError
    parts = decode.parts(path, spans)
    if parts is None:
        raise NotInPartsError
    total = decode.resampled_length(info.frames, info.sample_rate, front_end.sample_rate)
    mel = np.empty((len(frames), front_end.n_mels), np.float32)
    for (first, last), (begin, _), part in zip(runs, spans, parts, strict=True):
        samples = prepare(decode.resample(part, info.sample_rate, front_end.sample_rate))
        offset = begin * front_end.sample_rate // info.sample_rate
        mel[first:last] = log_mel_at(samples, frames[first:last], front_end, offset, total)
    return mel


def _spans(
    frames: IntArray, info: decode.AudioInfo, front_end: FrontEnd
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Runs of frames that are decoded together, and the samples of the file that each run reads.

    Every span begins where the sample grids of file and model meet.
    """
    grid = info.sample_rate // gcd(info.sample_rate, front_end.sample_rate)
    to_file = info.sample_rate / front_end.sample_rate
    margin = int(np.ceil(MARGIN_SAMPLES * max(1.0, to_file)))
    half = front_end.n_fft // 2
    first = np.floor((frames * front_end.hop_samples - half) * to_file).astype(np.int64) - margin
    last = np.ceil((frames * front_end.hop_samples + half) * to_file).astype(np.int64) + margin
    begin = np.maximum(first // grid * grid, 0)
    end = np.minimum(-(-last // grid) * grid, info.frames)
    starts = np.flatnonzero(np.concatenate([[True], begin[1:] > end[:-1]]))
    stops = np.concatenate([starts[1:], [len(frames)]])
    runs = list(zip(starts.tolist(), stops.tolist(), strict=True))
    return runs, [(int(begin[a]), int(end[b - 1])) for a, b in runs]

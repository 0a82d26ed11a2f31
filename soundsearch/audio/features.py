"""Waveform -> what a model takes, by the `FrontEnd` that each bundle brings. Deterministic: nothing here is random."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import soxr

from soundsearch.audio import decode
from soundsearch.audio.decode import AudioInfo
from soundsearch.audio.mel import FrontEnd, front_end_from_hub, log_mel, log_mel_at, mel_bank, n_frames
from soundsearch.audio.partial import NotInPartsError, log_mel_of_file
from soundsearch.errors import DecodeError
from soundsearch.records import FloatArray, IntArray

__all__ = [
    "Features",
    "FrontEnd",
    "features",
    "front_end_from_hub",
    "int16_step",
    "load_features",
    "load_in_parts",
    "log_mel",
    "mel_bank",
    "repeat_pad",
]

MAX_WINDOWS = 12  # views of one clip with long="windows"
PIECE_SAMPLES = 480_000  # of a long clip that is at hand: bounds what the transform copies
QUIET_PEAK = 1e-6  # -120 dBFS: below it there is nothing to normalise but rounding noise
PARTS_MIN_S = 240.0  # of shorter files the model sees so much that decoding them whole is as quick
WHOLE_MAX_S = 600.0  # longer clips are read in blocks and never held whole
MARGIN_S = 1  # resampled on both sides of a part, so that it equals the same part of the whole clip


@dataclass(frozen=True, slots=True)
class Features:
    """Model input of one clip. `mel` is (n_views, n_frames, n_mels): 4 views for fusion, k windows, or 1."""

    mel: FloatArray
    longer: bool


def int16_step(samples: FloatArray) -> FloatArray:
    """Clip to [-1, 1] and truncate toward zero to 16 bits: what LAION's training data went through.

    Source: LAION-AI/CLAP training/data.py, int16_to_float32(float32_to_int16(x)).
    """
    result: FloatArray = np.clip(samples, -1, 1)
    result *= np.float32(32767)
    np.trunc(result, out=result)
    result /= np.float32(32767)
    return result


def repeat_pad(samples: FloatArray, n_samples: int) -> FloatArray:
    """Repeat a clip as often as it fits whole, then add zeros up to n_samples; longer clips stay as they are.

    Raises:
        ValueError: If the clip holds no samples.
    """
    if not len(samples):
        raise ValueError("a clip without samples cannot be repeated")
    if len(samples) >= n_samples:
        return samples
    result = np.zeros(n_samples, np.float32)
    whole = n_samples // len(samples) * len(samples)
    result[:whole].reshape(-1, len(samples))[:] = samples
    return result


def features(samples: FloatArray, front_end: FrontEnd) -> Features:
    """Return the model input of a clip: a pure function of samples and front end.

    Short clips are repeated or padded. Long ones give, with long="fusion", the shrunk whole and the middle one of the
    possible windows of each third; with "crop" the middle window; with "windows" up to MAX_WINDOWS windows that cover
    the clip. `longer` depends on the length alone.

    Args:
        samples: Mono samples at the front end's rate, shape (n_samples,).
        front_end: What the model was trained on.
    Raises:
        ValueError: If there are no samples.
    Source: LAION-AI/CLAP training/data.py, get_audio_features, with its random draws replaced by the middle ones.
    """
    samples = np.ascontiguousarray(samples, np.float32)
    if not len(samples):
        raise ValueError("a clip without samples has no features")
    longer = n_frames(len(samples), front_end) > front_end.max_frames
    if len(samples) <= front_end.max_samples:
        # Level and resolution first: what follows only repeats samples or adds zeros.
        used = len(samples)
        if front_end.short == "repeatpad":
            used *= front_end.max_samples // used
        mel = log_mel(_fill(_prepare(samples, front_end), front_end), front_end, used)
        return Features(_views(mel, front_end), longer)
    if front_end.long == "fusion":
        samples = _normalise(samples) if front_end.peak_normalise else samples
        pieces = (samples[at : at + PIECE_SAMPLES] for at in range(0, len(samples), PIECE_SAMPLES))
        return _fusion(lambda frames: _mel_of_pieces(pieces, len(samples), frames, front_end), len(samples), front_end)
    length = front_end.max_samples
    views = [samples[start : start + length] for start in window_starts(len(samples), front_end)]
    return Features(np.stack([log_mel(_prepare(view, front_end), front_end) for view in views]), longer)


def _views(mel: FloatArray, front_end: FrontEnd) -> FloatArray:
    """One spectrogram as often as the model has views, held once; of four, none can be written to."""
    return np.broadcast_to(mel, (4, *mel.shape)) if front_end.long == "fusion" else mel[None]


def _prepare(samples: FloatArray, front_end: FrontEnd) -> FloatArray:
    """Level and resolution, before the transform. With windows the peak is that of each window."""
    samples = _normalise(samples) if front_end.peak_normalise else samples
    return int16_step(samples) if front_end.int16_step else samples


def _normalise(samples: FloatArray) -> FloatArray:
    peak = np.float32(np.abs(samples).max())
    return samples / peak if peak > QUIET_PEAK else samples


def _fill(samples: FloatArray, front_end: FrontEnd) -> FloatArray:
    """Bring a short clip to the length that the model takes."""
    if front_end.short == "repeatpad":
        return repeat_pad(samples, front_end.max_samples)
    shortest = max(front_end.min_samples, front_end.n_fft)
    return np.pad(samples, (0, max(0, shortest - len(samples))))


def window_starts(n_samples: int, front_end: FrontEnd) -> list[int]:
    """First samples of the windows of a clip that is longer than one, for long="crop" and long="windows"."""
    last = n_samples - front_end.max_samples
    if front_end.long == "crop":
        return [(last + 1) // 2]
    count = min(MAX_WINDOWS, -(-n_samples // front_end.max_samples))
    return [last * i // (count - 1) for i in range(count)]


def _fusion(mel_of: Callable[[IntArray], FloatArray], total: int, front_end: FrontEnd) -> Features:
    """Fused features of a long clip of `total` samples, of which `mel_of` gives the frames asked for, in rising order.

    Only the frames that the shrunk map and the three chunks read are computed: 4,903 of 60,001 in ten minutes.
    """
    size, count = front_end.max_frames, n_frames(total, front_end)
    if count == size:
        mel = mel_of(np.arange(size))
        return Features(_views(mel, front_end), longer=False)
    chunks = [start + np.arange(size) for start in chunk_starts(count, size)]
    low, high, weight = _shrink_taps(count, size)
    needed = np.unique(np.concatenate([low, high, *chunks]))
    mel = mel_of(needed)
    below, above, *views = (mel[np.searchsorted(needed, frames)] for frames in (low, high, *chunks))
    shrunk = below + (above - below) * weight[:, None]
    return Features(np.stack([shrunk, *views]), longer=True)


def chunk_starts(count: int, size: int) -> list[int]:
    """First frames of the front, middle and back chunk: the middle of each third of the possible starts 0..count-size.

    Source: LAION-AI/CLAP training/data.py; the thirds are numpy.array_split's, an empty one stands for {0}.
    """
    runs = np.array_split(np.arange(count - size + 1), 3)
    return [int(run[len(run) // 2]) if len(run) else 0 for run in runs]


def _shrink_taps(count: int, size: int) -> tuple[IntArray, IntArray, FloatArray]:
    """The two frames that each row of the shrunk map lies between, and the weight of the second.

    Bilinear, align_corners false and *not* antialiased, as when the published weights were trained.
    """
    position = np.maximum((np.arange(size) + 0.5) * (count / size) - 0.5, 0)
    low = position.astype(np.int64)
    return low, np.minimum(low + 1, count - 1), (position - low).astype(np.float32)


def _mel_of_pieces(pieces: Iterable[FloatArray], total: int, frames: IntArray, front_end: FrontEnd) -> FloatArray:
    """Log-mel of the sorted `frames` while the clip passes by; holds one piece and the overlap with the next.

    Raises:
        LengthError: If the pieces do not have `total` samples together.
    """
    mel = np.empty((len(frames), front_end.n_mels), np.float32)
    # A frame can be computed when its last sample is here; at the end what is missing is reflected.
    ends = frames * front_end.hop_samples + front_end.n_fft // 2 + (1 if front_end.preemphasis else 0)
    held = np.empty(0, np.float32)
    offset = done = seen = 0
    for piece in pieces:
        held = np.concatenate([held, int16_step(piece) if front_end.int16_step else piece])
        seen += len(piece)
        if seen > total:
            break
        ready = len(frames) if seen == total else int(np.searchsorted(ends, seen, side="right"))
        mel[done:ready] = log_mel_at(held, frames[done:ready], front_end, offset, total)
        done = ready
        keep_from = max(offset, seen - 2 * front_end.n_fft)  # enough for a frame that ends here, and to reflect
        held, offset = held[keep_from - offset :], keep_from
    if seen != total:
        raise LengthError(f"{seen} samples, not {total}")
    return mel


class LengthError(Exception):
    """A file is longer or shorter than its header says."""


def load_in_parts(path: str, info: AudioInfo, front_end: FrontEnd) -> Features | None:
    """Return the model input of a long file of which only what the model sees is decoded: a fifth of ten minutes.

    Args:
        path: As os.fsdecode gives it.
        info: What `probe` says of it.
        front_end: What the model was trained on.
    Returns:
        The same as `load_features`, or None where the file has to be decoded whole or cannot be read.
    """
    if info.duration_s < PARTS_MIN_S or not info.is_exact:
        return None
    total = decode.resampled_length(info.frames, info.sample_rate, front_end.sample_rate)
    try:
        if front_end.long != "fusion":
            return _long_features(_Part(path, info.sample_rate, None, None), info.frames, front_end)
        if front_end.peak_normalise or front_end.preemphasis:
            return None
        prepare = int16_step if front_end.int16_step else _as_it_is
        return _fusion(lambda frames: log_mel_of_file(path, info, frames, front_end, prepare), total, front_end)
    except (NotInPartsError, LengthError, DecodeError):
        return None


def _as_it_is(samples: FloatArray) -> FloatArray:
    return samples


def load_features(path: str, front_end: FrontEnd, start_s: float | None = None, end_s: float | None = None) -> Features:
    """Return the model input of a file or of the part of it between two times.

    Up to ten minutes are decoded whole, but for long files whose parts can be had exactly. Of longer ones no more is
    held than what the model sees, and, with "crop" and "windows", no more decoded.

    Raises:
        DecodeError: If nothing can be decoded.
    """
    info = decode.probe(path)
    if start_s is None and end_s is None and (made := load_in_parts(path, info, front_end)) is not None:
        return made
    part = _Part(path, info.sample_rate, start_s, end_s)
    claimed = round(info.duration_s * info.sample_rate) - part.first
    count = claimed if end_s is None else min(claimed, round(end_s * info.sample_rate) - part.first)
    for counted in (False, True):
        if count <= WHOLE_MAX_S * info.sample_rate:
            waveform = decode.decode(path, start_s, end_s, max_s=WHOLE_MAX_S + 1)
            if waveform.duration_s <= WHOLE_MAX_S:
                samples = decode.resample(decode.mono(waveform), waveform.sample_rate, front_end.sample_rate)
                return features(samples, front_end)
        else:
            try:
                return _long_features(part, count, front_end)
            except LengthError:
                pass
            except DecodeError:
                if counted:
                    raise
        count = sum(len(block.samples) for block in decode.blocks(path, start_s, end_s))  # the header lied
    raise DecodeError("its length changes while it is read", "Try again when nothing writes to it.")


@dataclass(frozen=True, slots=True)
class _Part:
    path: str
    sample_rate: int  # of the file, Hz
    start_s: float | None
    end_s: float | None

    @property
    def first(self) -> int:
        """Number of the first sample, rounded as decode does."""
        return round((self.start_s or 0.0) * self.sample_rate)


def _long_features(part: _Part, count: int, front_end: FrontEnd) -> Features:
    """Features of a part with `count` samples at the file's rate, without ever holding it whole."""
    total = decode.resampled_length(count, part.sample_rate, front_end.sample_rate)
    if front_end.long == "fusion":
        pieces = _mono_pieces(part, front_end)
        if front_end.peak_normalise:
            peak = max(float(np.abs(piece).max(initial=0)) for piece in _mono_pieces(part, front_end))
            pieces = (piece / np.float32(peak if peak > QUIET_PEAK else 1) for piece in pieces)
        return _fusion(lambda frames: _mel_of_pieces(pieces, total, frames, front_end), total, front_end)
    windows = (_window_of_file(part, count, start, front_end) for start in window_starts(total, front_end))
    return Features(np.stack([log_mel(_prepare(window, front_end), front_end) for window in windows]), longer=True)


def _mono_pieces(part: _Part, front_end: FrontEnd) -> Iterator[FloatArray]:
    """The mono samples of a file at the model's rate, equal to resampling the whole at once."""
    if part.sample_rate == front_end.sample_rate:
        yield from (decode.mono(block) for block in decode.blocks(part.path, part.start_s, part.end_s))
        return
    stream = soxr.ResampleStream(part.sample_rate, front_end.sample_rate, 1, dtype="float32", quality="HQ")
    for block in decode.blocks(part.path, part.start_s, part.end_s):
        yield stream.resample_chunk(decode.mono(block))
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _window_of_file(part: _Part, count: int, start: int, front_end: FrontEnd) -> FloatArray:
    """One window of a long file, from sample `start` at the model's rate on.

    It is cut at whole seconds of the part, where both sample grids meet, and resampled with a margin.
    """
    first_s = max(0, start // front_end.sample_rate - MARGIN_S)
    last_s = (start + front_end.max_samples) // front_end.sample_rate + 1 + MARGIN_S
    begin = part.first + first_s * part.sample_rate
    end = part.first + min(count, last_s * part.sample_rate)
    waveform = decode.decode(part.path, begin / part.sample_rate, end / part.sample_rate)
    samples = decode.resample(decode.mono(waveform), waveform.sample_rate, front_end.sample_rate)
    at = start - first_s * front_end.sample_rate
    if len(samples) < at + front_end.max_samples:
        raise LengthError("a window lies behind the end")
    return samples[at : at + front_end.max_samples]

"""The log-mel spectrogram of a waveform, by the `FrontEnd` record that each bundle brings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from soundsearch.records import FloatArray, IntArray

Float64Array = npt.NDArray[np.float64]

CHUNK_FRAMES = 128  # frames transformed at once: 1 MB, which stays in the cache


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """How a checkpoint wants its sound: weights and front end belong together, a mix-up is silent.

    The defaults are those of the fused LAION checkpoints.
    """

    sample_rate: int = 48_000  # Hz
    n_fft: int = 1024  # samples
    window_samples: int = 1024  # length of the Hann window, centred in n_fft
    window_periodic: bool = True
    hop_samples: int = 480
    n_mels: int = 64
    f_min: float = 50.0  # Hz
    f_max: float = 14_000.0  # Hz
    mel: Literal["htk", "slaney", "kaldi"] = "htk"  # slaney is area-normalised, the others have height 1
    log: Literal["db", "ln"] = "db"  # db: 10 log10(max(x, 1e-10)); ln: ln(x + 1e-5)
    log_offset: float = 0.0  # (log + offset) / scale
    log_scale: float = 1.0
    preemphasis: float = 0.0  # y[n] = x[n+1] - preemphasis x[n]
    int16_step: bool = True  # clip and truncate to 16 bits, as in LAION's training data
    peak_normalise: bool = False
    max_samples: int = 480_000  # the model's window
    min_samples: int = 0  # shorter clips are zero-padded to this ("pad")
    short: Literal["repeatpad", "pad"] = "repeatpad"
    long: Literal["fusion", "crop", "windows"] = "fusion"

    @property
    def max_frames(self) -> int:
        """Frames of the model's window; a clip with more is longer."""
        return n_frames(self.max_samples, self)


def front_end_from_hub(config: Mapping[str, Any]) -> FrontEnd:
    """Return the front end that a Hugging Face `preprocessor_config.json` of a CLAP checkpoint describes.

    The mel bank follows from `truncation`, as in transformers: "fusion" is HTK, "rand_trunc" is Slaney. Missing keys
    have the defaults of transformers' class, whose lowest frequency is 0 Hz and not the 50 Hz of every published file.

    Raises:
        ValueError: If a value is none that this front end knows.
    Source: transformers 5.23, ClapFeatureExtractor.
    """
    truncation, padding = config.get("truncation", "fusion"), config.get("padding", "repeatpad")
    if truncation not in ("fusion", "rand_trunc"):
        raise ValueError(f"truncation {truncation!r} is not known")
    if padding not in ("repeatpad", "pad"):
        raise ValueError(f"padding {padding!r} is not known")
    if config.get("top_db") is not None:
        raise ValueError("top_db is not supported")
    sample_rate = int(config.get("sampling_rate", 48_000))
    n_fft = int(config.get("fft_window_size", 1024))
    max_samples = round(float(config.get("max_length_s", 10)) * sample_rate)
    return FrontEnd(
        sample_rate=sample_rate,
        n_fft=n_fft,
        window_samples=n_fft,
        hop_samples=int(config.get("hop_length", 480)),
        n_mels=int(config.get("feature_size", 64)),
        f_min=float(config.get("frequency_min", 0)),
        f_max=float(config.get("frequency_max", 14_000)),
        mel="htk" if truncation == "fusion" else "slaney",
        max_samples=max_samples,
        min_samples=max_samples if padding == "pad" else 0,
        short="repeatpad" if padding == "repeatpad" else "pad",
        long="fusion" if truncation == "fusion" else "crop",
    )


@lru_cache(maxsize=16)
def mel_bank(front_end: FrontEnd) -> FloatArray:
    """Return the mel filter bank, shape (n_fft // 2 + 1, n_mels), read-only.

    Triangles stand on n_mels + 2 points that are evenly spaced on the mel scale. HTK and Slaney triangles are linear in
    Hz, Kaldi's are linear in mel and leave out the last FFT bin.

    Source: HTK 2595 log10(1 + f/700) as in torchaudio.functional.melscale_fbanks; Slaney's scale and area norm as in
    librosa.filters.mel; Kaldi as in torchaudio.compliance.kaldi.get_mel_banks.
    """
    bins = np.arange(front_end.n_fft // 2 + 1, dtype=np.float64) * (front_end.sample_rate / front_end.n_fft)
    points = mel_points(front_end)
    if front_end.mel == "kaldi":
        bins, points = _to_mel(bins, "kaldi"), _to_mel(points, "kaldi")
    left, centre, right = points[:-2], points[1:-1], points[2:]
    rising = (bins[:, None] - left) / (centre - left)
    falling = (right - bins[:, None]) / (right - centre)
    bank = np.maximum(0, np.minimum(rising, falling))
    if front_end.mel == "slaney":
        bank *= 2 / (right - left)
    if front_end.mel == "kaldi":
        bank[-1] = 0
    result: FloatArray = bank.astype(np.float32)
    result.flags.writeable = False
    return result


def mel_points(front_end: FrontEnd) -> Float64Array:
    """Return the corners of the triangles in Hz, shape (n_mels + 2,); triangle i peaks at corner i + 1."""
    ends = _to_mel(np.array([front_end.f_min, front_end.f_max], np.float64), front_end.mel)
    return _to_hz(np.linspace(ends[0], ends[1], front_end.n_mels + 2, dtype=np.float64), front_end.mel)


def _to_mel(hz: Float64Array, scale: str) -> Float64Array:
    if scale == "slaney":  # linear to 1 kHz at 200/3 Hz a mel, then 27 mels for each factor of 6.4
        return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4))
    if scale == "kaldi":
        return 1127 * np.log1p(hz / 700)
    return 2595 * np.log10(1 + hz / 700)


def _to_hz(mel: Float64Array, scale: str) -> Float64Array:
    if scale == "slaney":
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
    if scale == "kaldi":
        return 700 * np.expm1(mel / 1127)
    return 700 * (10 ** (mel / 2595) - 1)


@lru_cache(maxsize=16)
def _window(front_end: FrontEnd) -> FloatArray:
    """Hann window of `window_samples`, centred in n_fft, shape (n_fft,), float32."""
    length = front_end.window_samples
    period = length if front_end.window_periodic else length - 1
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / period)
    window = np.zeros(front_end.n_fft, np.float64)
    start = (front_end.n_fft - length) // 2
    window[start : start + length] = hann
    return window.astype(np.float32)


@lru_cache(maxsize=16)
def _heard_bins(front_end: FrontEnd) -> slice:
    """The bins of the transform that any filter of the bank hears: 300 of 513 with the published CLAP front ends."""
    heard = np.flatnonzero(mel_bank(front_end).any(axis=1))
    return slice(int(heard[0]), int(heard[-1]) + 1)


def spectra(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
    """Transform real frames along the last axis, (..., n) -> (..., n // 2 + 1).

    With scipy: at float32 it takes less than half of numpy's time, and three fifths of numpy's at float64.
    """
    from scipy import fft  # an import of a tenth of a second, which the window must not wait for

    transformed: npt.NDArray[np.complex64] = fft.rfft(frames)
    return transformed


def n_frames(n_samples: int, front_end: FrontEnd) -> int:
    """Number of frames of a centred transform; the pre-emphasis takes one sample."""
    return (n_samples - (1 if front_end.preemphasis else 0)) // front_end.hop_samples + 1


def log_mel(samples: FloatArray, front_end: FrontEnd, used: int | None = None) -> FloatArray:
    """Return the log-mel power spectrogram of a whole waveform, centred and reflected at both ends.

    Computed in float32; the tests compare with a float64 reference (0.01 dB above -40 dB, 1 dB below).

    Args:
        samples: Mono samples at the front end's rate, shape (n_samples,).
        front_end: Rate, window, mel bank and scale of the logarithm.
        used: From which sample on all is silent, default nowhere.
    Returns:
        Shape (n_samples // hop_samples + 1, n_mels), float32. With log="db": power in dB, floored at -100.
    Raises:
        ValueError: If the waveform is not longer than half a transform (n_fft // 2 samples).
    Source: transformers 5.23, ClapFeatureExtractor._np_extract_fbank_features.
    """
    return log_mel_at(samples, np.arange(n_frames(len(samples), front_end)), front_end, used=used)


def log_mel_at(
    samples: FloatArray,
    frames: IntArray,
    front_end: FrontEnd,
    offset: int = 0,
    total: int | None = None,
    used: int | None = None,
) -> FloatArray:
    """Return the log-mel of chosen frames, for which not all of the waveform need be at hand.

    Args:
        samples: The part at hand, which must hold what the frames read.
        frames: Numbers of frames of the whole, in rising order.
        front_end: As for `log_mel`.
        offset: Number of samples[0] in the whole.
        total: Length of the whole, default where the part ends.
        used: From which sample on the whole is silent, default nowhere: frames that hear nothing cost nothing.
    """
    total = offset + len(samples) if total is None else total
    if front_end.preemphasis:
        samples = samples[1:] - np.float32(front_end.preemphasis) * samples[:-1]
        total -= 1
    if total <= front_end.n_fft // 2:
        raise ValueError(f"a waveform must be longer than {front_end.n_fft // 2} samples")
    window, bins = _window(front_end), _heard_bins(front_end)
    bank = mel_bank(front_end)[bins]
    mel = np.zeros((len(frames), front_end.n_mels), np.float32)
    windows = _Windows(samples, front_end, offset, total)
    for some in _chunks(frames, front_end, total, used):
        spectrum = spectra(windows.of(frames[some]) * window)[:, bins]
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        np.matmul(power, bank, out=mel[some])
    if front_end.log == "db":
        logarithm = np.float32(10) * np.log10(np.maximum(mel, np.float32(1e-10)))
        np.maximum(logarithm, np.float32(-100), out=logarithm)  # the float32 next to 1e-10 would be -100.00001
    else:
        logarithm = np.log(mel + np.float32(1e-5))
    if front_end.log_offset or front_end.log_scale != 1:
        logarithm = (logarithm + np.float32(front_end.log_offset)) / np.float32(front_end.log_scale)
    return logarithm


def _chunks(frames: IntArray, front_end: FrontEnd, total: int, used: int | None) -> Iterator[slice]:
    """Frames that are transformed together: none that hears silence alone, those at the ends by themselves."""
    starts = frames * front_end.hop_samples - front_end.n_fft // 2
    first = int(np.searchsorted(starts, 0))
    last = max(first, int(np.searchsorted(starts, total - front_end.n_fft, side="right")))
    heard = len(frames)
    # What is reflected at the end must be silent, too.
    if used is not None and used <= total - front_end.n_fft:
        heard = int(np.searchsorted(starts, used))
    bounds = sorted({0, *range(first, last, CHUNK_FRAMES), last, len(frames)})
    for start, end in pairwise(bounds):
        if start < heard:
            yield slice(start, min(end, heard))


class _Windows:
    """The n_fft samples around frames, of a part of a waveform that is at hand."""

    def __init__(self, samples: FloatArray, front_end: FrontEnd, offset: int, total: int) -> None:
        self._samples, self._offset, self._total = samples, offset, total
        self._size, self._hop = front_end.n_fft, front_end.hop_samples
        held = samples if len(samples) >= self._size else np.pad(samples, (0, self._size - len(samples)))
        self._view = np.lib.stride_tricks.sliding_window_view(held, self._size)

    def of(self, frames: IntArray) -> FloatArray:
        """Windows of frames of which all or none reach over an end of the whole, (k, n_fft)."""
        begin, end = (int(frame) * self._hop - self._size // 2 for frame in (frames[0], frames[-1]))
        if begin < 0 or end + self._size > self._total:
            return self._reflected(frames)
        if frames[-1] - frames[0] == len(frames) - 1:  # neighbours, as frames are sorted: nothing is copied
            return self._view[begin - self._offset : end - self._offset + 1 : self._hop]
        every: FloatArray = self._view[frames * self._hop - (self._size // 2 + self._offset)]
        return every

    def _reflected(self, frames: IntArray) -> FloatArray:
        index = np.abs(frames[:, None] * self._hop + np.arange(-(self._size // 2), self._size // 2))
        last = self._total - 1
        reflected: FloatArray = self._samples[last - np.abs(last - index) - self._offset]
        return reflected

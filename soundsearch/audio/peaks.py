"""The waveform as it is drawn: for each column the lowest and highest sample, and how bright the sound is there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from soundsearch.records import FloatArray

COLUMNS = 96  # of a row of the list
FRAME_SAMPLES = 1024  # of the transform that tells the brightness
FRAMES_PER_COLUMN = 2
HOP_SAMPLES = 512
LOW_HZ, HIGH_HZ = 100.0, 12_000.0  # brightness 0 and 255
SILENCE = 1e-10  # power below which a column has no colour of its own
TRANSFORM_ROWS = 128  # frames transformed at once

Transform = Callable[[FloatArray], npt.NDArray[np.complexfloating]]


@dataclass(frozen=True, slots=True)
class Peaks:
    """What a waveform picture is made of; full scale is 127."""

    low: npt.NDArray[np.int8]  # (n,)
    high: npt.NDArray[np.int8]  # (n,)
    brightness: npt.NDArray[np.uint8]  # (n,), spectral centroid from 100 Hz (0) to 12 kHz (255), evenly in octaves

    def __len__(self) -> int:
        return len(self.low)

    def to_bytes(self) -> bytes:
        """Return 3 n bytes: all low, all high, all brightness."""
        return self.low.tobytes() + self.high.tobytes() + self.brightness.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo `to_bytes`; b"" gives no columns.

        Raises:
            ValueError: If the length is not a multiple of 3.
        """
        n = len(data) // 3
        if len(data) != 3 * n:
            raise ValueError(f"{len(data)} bytes are not three columns of equal length")
        return cls(
            np.frombuffer(data, np.int8, n),
            np.frombuffer(data, np.int8, n, n),
            np.frombuffer(data, np.uint8, n, 2 * n),
        )


class PeakBuilder:
    """Makes the peaks of a clip that comes in pieces, so that hours need no more memory than a piece.

    Brightness is measured in frames of FRAME_SAMPLES, at most FRAMES_PER_COLUMN of them in a column, and no closer than
    HOP_SAMPLES: narrower columns share a frame.
    """

    def __init__(self, n_samples: int, sample_rate: int, n_columns: int, transform: Transform = np.fft.rfft) -> None:
        self._edges = np.arange(n_columns + 1) * n_samples // n_columns
        self._hop = max(HOP_SAMPLES, n_samples // (n_columns * FRAMES_PER_COLUMN))
        self._low = np.full(n_columns, np.inf, np.float32)
        self._high = np.full(n_columns, -np.inf, np.float32)
        self._power = np.zeros(n_samples // self._hop + 2)  # of each frame
        self._moment = np.zeros(n_samples // self._hop + 2)  # power times frequency
        self._sample_rate, self._transform = sample_rate, transform
        self._seen = 0

    def add(self, samples: FloatArray) -> None:
        """Take the next samples of the clip, mono, shape (n,)."""
        begin, end = self._seen, min(self._seen + len(samples), int(self._edges[-1]))
        self._seen += len(samples)
        if begin >= end:
            return  # the clip is longer than announced
        columns = np.arange(
            np.searchsorted(self._edges, begin, side="right") - 1, np.searchsorted(self._edges, end, side="left")
        )
        starts = np.maximum(self._edges[columns] - begin, 0)
        self._low[columns] = np.minimum(self._low[columns], np.minimum.reduceat(samples, starts))
        self._high[columns] = np.maximum(self._high[columns], np.maximum.reduceat(samples, starts))
        self._add_spectra(samples, begin, np.arange(-(-begin // self._hop), -(-end // self._hop)))

    def _add_spectra(self, samples: FloatArray, begin: int, frames: npt.NDArray[np.int64]) -> None:
        """Measure the frames that begin in these samples, the first of which is number `begin`."""
        if len(samples) < FRAME_SAMPLES:
            samples = np.pad(samples, (0, FRAME_SAMPLES - len(samples)))
        starts = np.minimum(frames * self._hop - begin, len(samples) - FRAME_SAMPLES)
        self._power[frames], self._moment[frames] = moments(samples, starts, self._sample_rate, self._transform)

    def finish(self) -> Peaks:
        """Return the peaks; columns that got no samples are flat."""
        seen = self._low <= self._high
        first = self._edges[:-1] // self._hop
        last = np.maximum(first + 1, -(-self._edges[1:] // self._hop))
        ranges = np.stack([first, last], axis=1).ravel()  # reduceat sums from each to the next: every second counts
        power, moment = (np.add.reduceat(sums, ranges)[::2] for sums in (self._power, self._moment))
        return Peaks(
            _to_int8(np.where(seen, self._low, 0)), _to_int8(np.where(seen, self._high, 0)), brightness(power, moment)
        )


def _to_int8(samples: FloatArray) -> npt.NDArray[np.int8]:
    return np.round(np.clip(samples, -1, 1) * 127).astype(np.int8)


def moments(
    samples: FloatArray, starts: npt.NDArray[np.int64], sample_rate: int, transform: Transform = np.fft.rfft
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return power, and power times frequency, of frames of FRAME_SAMPLES; a constant offset is no sound.

    Args:
        samples: Mono, shape (n,), at least FRAME_SAMPLES of them.
        starts: Where the frames begin, shape (n_frames,).
        sample_rate: In Hz.
        transform: Of real frames along the last axis. NumPy's, as the window process must not wait for SciPy.
    """
    window = np.hanning(FRAME_SAMPLES).astype(np.float32)
    frequencies = np.arange(FRAME_SAMPLES // 2 + 1, dtype=np.float32) * np.float32(sample_rate / FRAME_SAMPLES)
    view = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)
    total, moment = np.empty(len(starts)), np.empty(len(starts))
    for row in range(0, len(starts), TRANSFORM_ROWS):
        part = slice(row, row + TRANSFORM_ROWS)
        spectrum = transform(np.clip(view[starts[part]], -8, 8) * window)
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        power[:, 0] = 0
        total[part], moment[part] = power.sum(axis=1), power @ frequencies
    return total, moment


def brightness(power: npt.NDArray[np.float64], moment: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Spectral centroid from 100 Hz (0) to 12 kHz (255), evenly in octaves, of what `moments` gives; silence is 0."""
    centroid = np.divide(moment, power, out=np.full(len(power), LOW_HZ), where=power > SILENCE)
    octaves = np.log(np.clip(centroid, LOW_HZ, HIGH_HZ) / LOW_HZ) / np.log(HIGH_HZ / LOW_HZ)
    result: npt.NDArray[np.uint8] = np.round(octaves * 255).astype(np.uint8)
    return result


def peaks(samples: FloatArray, sample_rate: int, n_columns: int = COLUMNS, transform: Transform = np.fft.rfft) -> Peaks:
    """Return what a picture of the waveform needs: 96 columns for a row of the list, 2000 for the player.

    Args:
        samples: Mono samples, shape (n_samples,); fewer samples than columns repeat.
        sample_rate: In Hz.
        n_columns: Width of the picture.
        transform: As for `moments`; `mel.spectra` takes a third of the time.
    Raises:
        ValueError: If there are no samples.
    """
    if not len(samples):
        raise ValueError("a clip without samples has no peaks")
    if len(samples) < n_columns:
        samples = samples[np.arange(n_columns) * len(samples) // n_columns]
    builder = PeakBuilder(len(samples), sample_rate, n_columns, transform)
    builder.add(samples)
    return builder.finish()


def load_peaks(path: str, n_columns: int = COLUMNS) -> Peaks:
    """Return the peaks of a file, decoded in blocks; what a header promises too much is flat.

    Raises:
        DecodeError: If nothing can be decoded.
    """
    from soundsearch.audio import decode  # brings the codec libraries, which drawing what is known need not

    info = decode.probe(path)
    if info.frames < n_columns:
        waveform = decode.decode(path)
        return peaks(decode.mono(waveform), waveform.sample_rate, n_columns)
    builder = PeakBuilder(info.frames, info.sample_rate, n_columns)
    for block in decode.blocks(path):
        builder.add(decode.mono(block))
    return builder.finish()

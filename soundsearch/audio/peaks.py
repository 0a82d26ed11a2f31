"""The waveform as it is drawn: for each column the lowest and highest sample, and how bright the sound is there."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from soundsearch.audio import decode
from soundsearch.records import FloatArray

FRAME_SAMPLES = 1024  # of the transform that tells the brightness
FRAMES_PER_COLUMN = 2
LOW_HZ, HIGH_HZ = 100.0, 12_000.0  # brightness 0 and 255
SILENCE = 1e-10  # power below which a column has no colour of its own
TRANSFORM_ROWS = 512  # frames transformed at once


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
    """Makes the peaks of a clip that comes in pieces, so that hours need no more memory than a piece."""

    def __init__(self, n_samples: int, sample_rate: int, n_columns: int) -> None:
        self._rate = sample_rate
        self._edges = np.arange(n_columns + 1) * n_samples // n_columns
        self._low = np.full(n_columns, np.inf, np.float32)
        self._high = np.full(n_columns, -np.inf, np.float32)
        self._spectrum_sum = np.zeros(n_columns)
        self._weighted_sum = np.zeros(n_columns)
        self._seen = 0

    def add(self, samples: FloatArray) -> None:
        """Take the next samples of the clip, mono, shape (n,)."""
        begin, end = self._seen, self._seen + len(samples)
        self._seen = end
        columns = np.arange(
            max(0, int(np.searchsorted(self._edges, begin, side="right")) - 1),
            min(len(self._low), int(np.searchsorted(self._edges, end, side="left"))),
        )
        if not len(columns) or not len(samples):
            return
        starts = np.clip(self._edges[columns] - begin, 0, len(samples) - 1)
        self._low[columns] = np.minimum(self._low[columns], np.minimum.reduceat(samples, starts))
        self._high[columns] = np.maximum(self._high[columns], np.maximum.reduceat(samples, starts))
        self._add_spectra(samples, columns, starts)

    def _add_spectra(self, samples: FloatArray, columns: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]) -> None:
        """Sum the power of a few frames of each column, and the power weighted by frequency."""
        if len(samples) < FRAME_SAMPLES:
            samples = np.pad(samples, (0, FRAME_SAMPLES - len(samples)))
        ends = np.append(starts[1:], len(samples))
        parts = (np.arange(FRAMES_PER_COLUMN) + 0.5) / FRAMES_PER_COLUMN
        at = (starts[:, None] + (ends - starts)[:, None] * parts).astype(np.int64) - FRAME_SAMPLES // 2
        at = np.clip(at.ravel(), 0, len(samples) - FRAME_SAMPLES)
        window = np.hanning(FRAME_SAMPLES).astype(np.float32)
        frequencies = np.arange(FRAME_SAMPLES // 2 + 1) * (self._rate / FRAME_SAMPLES)
        view = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)
        owner = np.repeat(columns, FRAMES_PER_COLUMN)
        for row in range(0, len(at), TRANSFORM_ROWS):
            spectrum = np.fft.rfft(np.clip(view[at[row : row + TRANSFORM_ROWS]], -8, 8) * window)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            power[:, 0] = 0  # a constant offset is no sound
            np.add.at(self._spectrum_sum, owner[row : row + TRANSFORM_ROWS], power.sum(1))
            np.add.at(self._weighted_sum, owner[row : row + TRANSFORM_ROWS], power @ frequencies)

    def finish(self) -> Peaks:
        """Return the peaks; columns that got no samples are flat."""
        seen = self._low <= self._high
        loud = self._spectrum_sum > SILENCE
        centroid = np.divide(self._weighted_sum, self._spectrum_sum, out=np.full(len(seen), LOW_HZ), where=loud)
        octaves = np.log(np.clip(centroid, LOW_HZ, HIGH_HZ) / LOW_HZ) / np.log(HIGH_HZ / LOW_HZ)
        return Peaks(
            _to_int8(np.where(seen, self._low, 0)), _to_int8(np.where(seen, self._high, 0)), _to_uint8(octaves)
        )


def _to_int8(samples: FloatArray) -> npt.NDArray[np.int8]:
    return np.round(np.clip(samples, -1, 1) * 127).astype(np.int8)


def _to_uint8(share: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    return np.round(share * 255).astype(np.uint8)


def peaks(samples: FloatArray, sample_rate: int, n_columns: int = 96) -> Peaks:
    """Return what a picture of the waveform needs: 96 columns for a row of the list, 2000 for the player.

    Args:
        samples: Mono samples, shape (n_samples,); fewer samples than columns repeat.
        sample_rate: In Hz.
        n_columns: Width of the picture.
    Raises:
        ValueError: If there are no samples.
    """
    if not len(samples):
        raise ValueError("a clip without samples has no peaks")
    if len(samples) < n_columns:
        samples = samples[np.arange(n_columns) * len(samples) // n_columns]
    builder = PeakBuilder(len(samples), sample_rate, n_columns)
    builder.add(samples)
    return builder.finish()


def load_peaks(path: str, n_columns: int = 96) -> Peaks:
    """Return the peaks of a file, decoded in blocks; what a header promises too much is flat.

    Raises:
        DecodeError: If nothing can be decoded.
    """
    info = decode.probe(path)
    if info.frames < n_columns:
        waveform = decode.decode(path)
        return peaks(decode.mono(waveform), waveform.sample_rate, n_columns)
    builder = PeakBuilder(info.frames, info.sample_rate, n_columns)
    for block in decode.blocks(path):
        builder.add(decode.mono(block))
    return builder.finish()

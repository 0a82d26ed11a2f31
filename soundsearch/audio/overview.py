"""A clip's waveform at every zoom: lowest and highest sample of each few, and of each four of those, and so on.

Hours of sound are drawn from some thousand numbers, whatever part of them is looked at. What took long to work out is
kept on disk: a cache, known by path, size and modification time of the clip, that may be deleted.
"""

import hashlib
import logging
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from soundsearch.audio.peaks import FRAME_SAMPLES, brightness, moments
from soundsearch.records import FloatArray

log = logging.getLogger(__name__)

BASE_FRAMES = 256  # at most in a column of the finest level: an hour at 48 kHz is 5 MB
FINE_COLUMNS = 1 << 15  # columns of short clips, whose samples need not be decoded again when one looks closely
STEP = 4  # columns of a level in one of the next
SMALLEST = 512  # columns, below which no coarser level is worth it
FULL_SCALE = 32_767
HOP_FRAMES = 512  # between two measurements of brightness, or more, so that there are not more than
MAX_SPECTRA = 40_000
CACHE_BYTES = 256_000_000

Level = tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]  # lowest and highest, each (n_columns, n_lanes)


@dataclass(frozen=True, slots=True)
class Bars:
    """What is drawn: `low` and `high` in about [-1, 1], shape (n_bars, n_lanes); `brightness` shape (n_bars,)."""

    low: FloatArray
    high: FloatArray
    brightness: npt.NDArray[np.uint8]  # as in `Peaks`

    def merged(self) -> "Bars":
        """One lane for all."""
        low, high = self.low.min(axis=1, keepdims=True), self.high.max(axis=1, keepdims=True)
        return Bars(low, high, self.brightness)


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """The drawing of a clip, or of its beginning while the rest is being decoded.

    Attributes:
        n_frames: Length of the clip; columns that are not known yet are flat.
        sample_rate: Frames in a second.
        low: Lowest sample of each `base` frames, int16, shape (n_columns, n_lanes).
        high: The highest.
        brightness: Spectral centroid as in `Peaks`, one for each `hop` frames.
        base: Frames in a column.
        hop: Frames between two measurements of brightness.
        first: Frame at which the first column begins.
    """

    n_frames: int
    sample_rate: int
    low: npt.NDArray[np.int16]
    high: npt.NDArray[np.int16]
    brightness: npt.NDArray[np.uint8]
    base: int = BASE_FRAMES
    hop: int = HOP_FRAMES
    first: int = 0
    _levels: list[Level] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        level: Level = self.low, self.high
        self._levels.append(level)
        while len(level[0]) > SMALLEST:
            starts = np.arange(0, len(level[0]), STEP)
            level = np.minimum.reduceat(level[0], starts), np.maximum.reduceat(level[1], starts)
            self._levels.append(level)

    def __len__(self) -> int:
        return len(self.low)

    @property
    def n_lanes(self) -> int:
        """2 for a stereo clip, else 1."""
        return int(self.low.shape[1])

    @property
    def duration_s(self) -> float:
        """Length of the clip in seconds."""
        return self.n_frames / self.sample_rate

    @property
    def loudest(self) -> float:
        """The largest sample, from 0 to 1."""
        low, high = self._levels[-1]
        return max(float(high.max(initial=0)), -float(low.min(initial=0))) / FULL_SCALE

    def bars(self, start_s: float, end_s: float, n_bars: int) -> Bars:
        """Return what a part of the clip looks like in so many bars; outside of the clip they are flat."""
        edges = np.linspace(start_s, end_s, n_bars + 1) * self.sample_rate - self.first  # frames
        size = self.base
        number = 0
        while number + 1 < len(self._levels) and size * STEP <= (edges[-1] - edges[0]) / n_bars:
            size, number = size * STEP, number + 1
        low, high = self._levels[number]
        columns = np.floor(edges / size).astype(np.intp)
        known = (columns[:-1] >= 0) & (columns[:-1] < len(low))
        shape = n_bars, self.n_lanes
        lowest, highest = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        if known.any():
            starts = columns[:-1][known]
            last = int(np.ceil(edges[1:][known][-1] / size))  # the column in which the last bar ends is part of it
            end = min(max(int(starts[-1]) + 1, last), len(low))
            lowest[known] = np.minimum.reduceat(low[:end], starts)
            highest[known] = np.maximum.reduceat(high[:end], starts)
        scale = np.float32(1 / FULL_SCALE)
        return Bars(lowest * scale, highest * scale, self._brightness(edges[:-1] + self.first))

    def _brightness(self, frames: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        if not len(self.brightness):
            return np.zeros(len(frames), np.uint8)
        return self.brightness[np.clip(frames / self.hop, 0, len(self.brightness) - 1).astype(np.intp)]

    def holds(self, start_s: float, end_s: float) -> bool:
        """True if the part between two times is known, as far as the clip goes."""
        start, end = (at * self.sample_rate for at in (start_s, end_s))
        return self.first <= start and min(end, self.n_frames - 1) <= self.first + len(self.low) * self.base

    def detail(self, samples: FloatArray, sample_rate: int, start_s: float) -> "Overview":
        """Return a part of this clip from its samples, for a zoom beyond the columns.

        Args:
            samples: Shape (n, n_channels).
            sample_rate: Theirs in Hz, which need not be that of the overview.
            start_s: Where they begin.
        """
        ratio = sample_rate / self.sample_rate
        lanes = quantised(lanes_of(samples))
        after = np.concatenate([lanes[1:], lanes[-1:]])  # so that neighbours meet in the drawing
        first = round(start_s * sample_rate)
        low, high = np.minimum(lanes, after), np.maximum(lanes, after)
        hop, length = max(1, round(ratio * self.hop)), round(ratio * self.n_frames)
        return Overview(length, sample_rate, low, high, self.brightness, 1, hop, first)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        numbers = np.array([self.n_frames, self.sample_rate, self.base, self.hop])
        with part.open("wb") as file:
            np.savez(file, low=self.low, high=self.high, brightness=self.brightness, numbers=numbers)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read what `save` wrote; None if there is nothing that can be read."""
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                n_frames, sample_rate, base, hop = (int(number) for number in file["numbers"])
                return cls(n_frames, sample_rate, file["low"], file["high"], file["brightness"], base, hop)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None


class OverviewBuilder:
    """Makes the overview of a clip that comes in pieces."""

    def __init__(self, n_frames: int, sample_rate: int, n_lanes: int) -> None:
        """`n_frames` is what the header says."""
        self._n_frames, self._rate, self._n_lanes = n_frames, sample_rate, n_lanes
        self._base = min(BASE_FRAMES, 1 << max(0, (n_frames // FINE_COLUMNS)).bit_length())
        self._hop = max(HOP_FRAMES, -(-n_frames // MAX_SPECTRA))
        self._low: list[npt.NDArray[np.int16]] = []
        self._high: list[npt.NDArray[np.int16]] = []
        self._brightness: list[npt.NDArray[np.uint8]] = []
        self._rest = np.empty((0, n_lanes), np.float32)  # less than a column
        self._seen = 0

    def add(self, samples: FloatArray) -> None:
        """Take the next samples, shape (n, n_lanes)."""
        if not len(samples):
            return
        self._add_spectra(samples)
        self._seen += len(samples)
        samples = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(samples) // self._base * self._base
        self._add_columns(samples[:whole])
        self._rest = samples[whole:].copy()

    def _add_columns(self, samples: FloatArray) -> None:
        if not len(samples):
            return
        starts = np.arange(0, len(samples), self._base)
        self._low.append(quantised(np.minimum.reduceat(samples, starts)))
        self._high.append(quantised(np.maximum.reduceat(samples, starts)))

    def _add_spectra(self, samples: FloatArray) -> None:
        begin, end = self._seen, self._seen + len(samples)
        frames = np.arange(-(-begin // self._hop), -(-end // self._hop)) * self._hop - begin
        if not len(frames):
            return
        mono = samples.mean(axis=1) if self._n_lanes > 1 else samples[:, 0]
        if len(mono) < FRAME_SAMPLES:
            mono = np.pad(mono, (0, FRAME_SAMPLES - len(mono)))
        self._brightness.append(brightness(*moments(mono, np.minimum(frames, len(mono) - FRAME_SAMPLES), self._rate)))

    def snapshot(self) -> Overview:
        """Return what is known so far."""
        return self._made(max(self._n_frames, self._seen))

    def finish(self) -> Overview:
        """Return the whole; its length is that of what was added."""
        self._add_columns(self._rest)
        self._rest = self._rest[:0]
        return self._made(self._seen)

    def _made(self, n_frames: int) -> Overview:
        nothing = np.empty((0, self._n_lanes), np.int16)
        return Overview(
            n_frames,
            self._rate,
            np.concatenate([nothing, *self._low]),
            np.concatenate([nothing, *self._high]),
            np.concatenate([np.empty(0, np.uint8), *self._brightness]),
            self._base,
            self._hop,
        )


def overview(samples: FloatArray, sample_rate: int) -> Overview:
    """Return the overview of samples, shape (n,) or (n, n_channels)."""
    lanes = lanes_of(samples[:, None] if samples.ndim == 1 else samples)
    builder = OverviewBuilder(len(lanes), sample_rate, lanes.shape[1])
    builder.add(lanes)
    return builder.finish()


def lanes_of(samples: FloatArray) -> FloatArray:
    """Two channels as they are; any other number becomes one lane."""
    if samples.shape[1] <= 2:
        return samples
    mean: FloatArray = samples.mean(axis=1, keepdims=True, dtype=np.float32)
    return mean


def quantised(samples: FloatArray) -> npt.NDArray[np.int16]:
    """Samples as int16, limited to full scale."""
    return np.rint(np.clip(samples, -1, 1) * FULL_SCALE).astype(np.int16)


class OverviewCache:
    """Overviews of long clips on disk. What cannot be kept is worked out again."""

    def __init__(self, folder: Path, limit_bytes: int = CACHE_BYTES) -> None:
        self._folder, self._limit = folder, limit_bytes

    def load(self, path: str, stamp: tuple[int, int]) -> Overview | None:
        """The overview of a clip in the state that `stamp` tells, if it is kept."""
        place = self._place(path, stamp)
        found = Overview.load(place)
        if found is not None:
            try:
                os.utime(place)  # the least recently used go first
            except OSError:
                pass
        return found

    def keep(self, path: str, stamp: tuple[int, int], made: Overview) -> None:
        """Keep an overview, and let go of those not used for longest."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            made.save(self._place(path, stamp))
            kept = sorted((file.stat().st_mtime_ns, file.stat().st_size, file) for file in self._folder.iterdir())
            excess = sum(size for _, size, _ in kept) - self._limit
            for _, size, file in kept[:-1]:
                if excess <= 0:
                    break
                file.unlink()
                excess -= size
        except OSError as err:
            log.warning("no overview is kept: %s", err)

    def _place(self, path: str, stamp: tuple[int, int]) -> Path:
        digest = hashlib.blake2b(os.fsencode(path) + b"\0" + repr(stamp).encode(), digest_size=16).hexdigest()
        return self._folder / f"{digest}.npz"

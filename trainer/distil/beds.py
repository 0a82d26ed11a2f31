"""Sounds in beds: clips in noise, rain or traffic beside the same clips alone, for a tower that shall hear both alike.

A recording is never silent between its events. What a bed takes from the embedding of an event, no map of embeddings
brings back (docs/moments.md): the whole tower has to learn it.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from soundsearch.audio.features import FrontEnd, features
from soundsearch.audio.windows import NOISE_FROM_HZ, window_length_s
from soundsearch.records import FloatArray
from trainer.data import Item
from trainer.distil.batches import choices, hear
from trainer.distil.config import DistilConfig
from trainer.distil.phrasing import SOUNDS

BELOW_DB = (0.0, 30.0)  # how far beds lie below their clips
NOISE_SHARE, AMBIENT_SHARE = 0.15, 0.65  # of the beds; the rest are any recordings that last long enough
AMBIENT_S, LONG_S = 2.0, 3.0  # how long recordings of either kind last at least
LONGEST_SLOPE = 1.2  # of noise: the power of 1 / f in amplitude; 0 is white, 0.5 pink, 1 brown
HEARD = 0.6  # share of a window, or of a shorter clip, that is there
KEPT = 0.2  # clips without a bed, and as many beds without a clip, to each clip in a bed
KEPT_S = 3.0  # of which so much is heard: it costs as much as the rest


@dataclass(frozen=True, slots=True)
class InBeds:
    """What one step hears: mel maps (n_frames, n_mels)."""

    clips: list[int]  # which lie in the beds
    in_beds: list[FloatArray]
    alone: list[FloatArray]  # the same windows without
    kept: list[FloatArray]  # whole clips, augmented, and beds without a clip


class Beds:
    """Backgrounds for clips, of other clips and of noise."""

    def __init__(
        self, items: Sequence[Item], samples: Sequence[FloatArray], front_end: FrontEnd, rng: np.random.Generator
    ) -> None:
        """Choose what may be a background: recordings, above all those whose label says that they last."""
        self._items, self._samples, self._front_end, self._rng = items, samples, front_end, rng
        self._words = [frozenset(re.split(r"[\s-]+", item.label.lower())) for item in items]
        ambient = frozenset(tomllib.loads(SOUNDS.read_text(encoding="utf-8"))["beds"]["words"])
        lasts = [
            0 if item.generated else len(wave) / front_end.sample_rate
            for item, wave in zip(items, samples, strict=True)
        ]
        self._long = [row for row, seconds in enumerate(lasts) if seconds >= LONG_S]
        self._ambient: dict[str, list[int]] = {}
        for row, seconds in enumerate(lasts):
            if seconds >= AMBIENT_S and self._words[row] & ambient:
                self._ambient.setdefault(items[row].label, []).append(row)

    def batches(self, config: DistilConfig) -> Iterator[InBeds]:
        """Draw clips, beds and levels for ever."""
        rate, rng = self._front_end.sample_rate, self._rng
        n, most = round(window_length_s(self._front_end) * rate), round(KEPT_S * rate)
        few = max(1, int(KEPT * config.bed_batch))
        for clips in choices(self._items, config.bed_batch, config.real_share, rng):
            pairs = [self._lay(row, n) for row in clips]
            some = rng.choice(clips, min(few, len(clips)), replace=False)
            kept = [hear(self._items[row], self._samples[row], self._front_end, rng)[:most] for row in some]
            kept += [self._bed(None, n) for _ in range(few)]
            in_beds, alone = zip(*pairs, strict=True)
            yield InBeds(clips, *([self._mel(wave) for wave in waves] for waves in (in_beds, alone, kept)))

    def _lay(self, row: int, n: int) -> tuple[FloatArray, FloatArray]:
        """A window of n samples of a clip in a bed, and the same alone."""
        wave = self._samples[row]
        sounding = wave[np.abs(wave) > 1e-5]
        clip = self._cut(wave, n) / (_level(sounding) if len(sounding) else 1.0)
        return clip + self._bed(row, n) * 10 ** (-self._rng.uniform(*BELOW_DB) / 20), clip

    def _cut(self, wave: FloatArray, n: int) -> FloatArray:
        """A window that begins before a clip, in it, or ends behind it."""
        least = max(1, int(HEARD * min(n, len(wave))))
        start = int(self._rng.integers(least - n, max(least - n + 1, len(wave) - least)))
        silence = np.zeros(n, np.float32)
        return np.concatenate([silence, wave, silence])[start + n : start + 2 * n]

    def _bed(self, row: int | None, n: int) -> FloatArray:
        """A background of level 1 whose label has no word in common with that of a clip."""
        kind = self._rng.random()
        if kind >= NOISE_SHARE:
            for _ in range(5):
                other = self._background(kind < NOISE_SHARE + AMBIENT_SHARE)
                if other is not None and (row is None or not self._words[row] & self._words[other]):
                    return self._excerpt(self._samples[other], n)
        hz = np.fft.rfftfreq(n, 1 / self._front_end.sample_rate)
        slope = np.maximum(hz, NOISE_FROM_HZ) ** self._rng.uniform(0, LONGEST_SLOPE)
        noise: FloatArray = np.fft.irfft(np.fft.rfft(self._rng.standard_normal(n)) / slope, n).astype(np.float32)
        return noise / _level(noise)

    def _background(self, is_ambient: bool) -> int | None:
        names = list(self._ambient)
        rows = self._ambient[names[int(self._rng.integers(len(names)))]] if is_ambient and names else self._long
        return rows[int(self._rng.integers(len(rows)))] if rows else None

    def _excerpt(self, wave: FloatArray, n: int) -> FloatArray:
        looped = np.tile(wave, 1 + n // len(wave)) if len(wave) < n else wave
        start = int(self._rng.integers(len(looped) - n + 1))
        part = looped[start : start + n]
        return part / _level(part)

    def _mel(self, wave: FloatArray) -> FloatArray:
        mel: FloatArray = features(wave.astype(np.float32), self._front_end).mel[0]
        return mel


def _level(wave: FloatArray) -> float:
    return max(float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))), 1e-5)

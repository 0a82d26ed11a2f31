"""How a clip is heard in training: decoded once, changed in ways that leave its text true, made into features.

Evaluation hears clips as the program does: whole and unchanged.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soundsearch.audio.features import Features, FrontEnd, features, int16_step, repeat_pad
from soundsearch.records import FloatArray
from trainer.augment import add_noise, mix, place, spec_augment, tilt
from trainer.config import FitConfig
from trainer.data import Item, load_samples

COMMON_LENGTHS = (0.15, 0.25, 0.4, 0.6, 1.0)  # of the longest that the model takes at once
CACHE_BYTES = 1 << 30  # of decoded samples that are kept


class Listener:
    """Hears items through a front end. May be called from several threads."""

    def __init__(
        self, items: Sequence[Item], front_end: FrontEnd, config: FitConfig, known: Sequence[FloatArray] = ()
    ) -> None:
        """Take what may be heard, and, where they are decoded already, the samples of all; else nothing is decoded."""
        self._items, self._config = items, config
        self.front_end = front_end
        self._kept = dict(enumerate(known))
        self._bytes = sum(samples.nbytes for samples in known)

    def part(self, indices: Sequence[int]) -> "Listener":
        """A listener to some of the items; what was decoded is shared."""
        part = Listener([self._items[k] for k in indices], self.front_end, self._config)
        part._kept = {new: self._kept[old] for new, old in enumerate(indices) if old in self._kept}
        part._bytes = sum(samples.nbytes for samples in part._kept.values())
        return part

    def samples(self, index: int) -> FloatArray:
        """Mono samples of an item, at the front end's rate.

        Raises:
            DecodeError: If it cannot be read.
        """
        if (kept := self._kept.get(index)) is not None:
            return kept
        samples = load_samples(self._items[index], self.front_end.sample_rate, self._config.max_s)
        if self.front_end.int16_step:  # before any change, as in LAION's data: shards and files sound the same
            samples = int16_step(samples)
        if self._bytes + samples.nbytes <= CACHE_BYTES:
            self._kept[index] = samples
            self._bytes += samples.nbytes
        return samples

    def whole(self, index: int) -> Features:
        """An item as the program hears it.

        Raises:
            DecodeError: If it cannot be read.
        """
        return features(self.samples(index), self.front_end)

    def changed(self, index: int, seed: Sequence[int], partner: int = -1) -> Features:
        """An item as training hears it: one view, or four for fusion. A pure function of its arguments.

        Raises:
            DecodeError: If it cannot be read.
        """
        rng = np.random.default_rng(list(seed))
        samples = self._piece(self.samples(index), rng)
        if partner >= 0:
            other = self._piece(self.samples(partner), rng)
            longest = max(len(samples), len(other))
            samples = mix(place(samples, longest, rng), place(other, longest, rng), rng)
        samples = self._coloured(samples, rng)
        heard = features(self._moved(samples, rng), self.front_end)
        if self._config.spec_augment:
            heard = replace(heard, mel=spec_augment(heard.mel, rng))
        return heard

    def _piece(self, samples: FloatArray, rng: np.random.Generator) -> FloatArray:
        """A random part of a long clip: as long as one window, or for fusion at least that long."""
        longest = self.front_end.max_samples
        if len(samples) <= longest:
            return samples
        length = int(rng.integers(longest, len(samples) + 1)) if self.front_end.long == "fusion" else longest
        return place(samples, length, rng)

    def _coloured(self, samples: FloatArray, rng: np.random.Generator) -> FloatArray:
        config = self._config
        if config.gain_db:
            samples = samples * np.float32(10 ** (rng.uniform(-config.gain_db, config.gain_db) / 20))
        if config.colour and rng.random() < 0.4:
            samples = tilt(samples, rng, self.front_end.sample_rate)
        if config.colour and rng.random() < 0.3:
            samples = add_noise(samples, rng)
        return samples

    def _moved(self, samples: FloatArray, rng: np.random.Generator) -> FloatArray:
        """A short clip at another offset of its repetition or of its silence."""
        longest = self.front_end.max_samples
        if self.front_end.short != "repeatpad":
            return place(samples, self._common_length(len(samples)), rng)
        if len(samples) >= longest or rng.random() < 0.5:
            return samples
        return np.roll(repeat_pad(samples, longest), int(rng.integers(longest)))

    def _common_length(self, count: int) -> int:
        """The nearest of a few lengths, so that a batch holds few shapes and a tower runs over many clips at once."""
        lengths = [round(share * self.front_end.max_samples) for share in COMMON_LENGTHS]
        return min(lengths, key=lambda length: abs(length - count))

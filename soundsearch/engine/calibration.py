"""What a similarity means in this library, for this kind of query: how likely a hit is right; strong, fair or weak.

Two things of the library itself tell it: how far a hit stands above what unrelated queries of the same make reach, in
their deviations, and how far it has come from the middle of the clips to the best possible similarity. Neither depends
on a model's habit of giving high or low similarities, so a strength means the same for every bundle, for text and for
sound.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundsearch.engine.direction import Direction, Yardstick, spread
from soundsearch.records import FloatArray, Strength

# Logistic regression on labelled clips of the training parts, text, sound and mixtures weighing the same; how well it
# holds for the validation parts stands in docs/ranking.md.
CONSTANT, PER_DEVIATION, PER_SHARE = -5.924, 0.774, 2.695
FAIR, STRONG = 0.2, 0.5  # probabilities
MAKES = 100  # of queries that are remembered: weights can be many
IDENTICAL_SHARE = 0.98  # the sound itself, or a copy of it


@dataclass(frozen=True, slots=True)
class Scale:
    """What unrelated queries reach, and where the middle of the clips lies for this one."""

    background: float
    deviation: float
    middle: float

    def probabilities(self, similarity: FloatArray) -> FloatArray:
        """How likely each hit is what was asked for, 0 to 1."""
        share = (similarity - self.middle) / max(1.0 - self.middle, 1e-6)
        deviations = (similarity - self.background) / self.deviation
        logit = CONSTANT + PER_DEVIATION * deviations + PER_SHARE * share
        likely = 1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0)))
        return np.where(share >= IDENTICAL_SHARE, 1.0, likely).astype(np.float32)

    def strengths(self, similarity: FloatArray) -> npt.NDArray[np.uint8]:
        """Say of each similarity what it is worth."""
        likely = self.probabilities(similarity)
        levels = np.where(likely >= STRONG, Strength.STRONG, np.where(likely >= FAIR, Strength.FAIR, Strength.WEAK))
        return levels.astype(np.uint8)


class Calibration:
    """Calibrates queries on the library itself.

    What unrelated queries reach depends on the make of a query only: it is measured once for each, until the library
    has changed.
    """

    def __init__(self) -> None:
        self._sample: FloatArray | None = None
        self._reached: dict[tuple[object, ...], tuple[float, float]] = {}

    def scale(self, direction: Direction, texts: FloatArray, yardstick: Yardstick) -> Scale:
        """Calibrate a query.

        Args:
            direction: The query.
            texts: Embeddings of everyday descriptions, (n, dimension), always the same.
            yardstick: The query in its library.
        """
        clips = yardstick.sample
        if clips is not self._sample or len(self._reached) > MAKES:
            self._sample = clips
            self._reached.clear()
        if (make := direction.make) not in self._reached:
            self._reached[make] = spread((direction.background(texts, clips) @ clips.T).ravel())
        return Scale(*self._reached[make], spread(yardstick.scores_of_sample)[0])

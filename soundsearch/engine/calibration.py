"""What a similarity means in this library, for this kind of query: strong, fair or weak."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundsearch.engine.direction import Direction, Yardstick, spread
from soundsearch.records import FloatArray, Strength

# How far above the background's middle a hit is fair, and strong: in robust standard deviations (an outlier here and
# there is a background query that does match), and at most this share of the way to the best possible similarity.
FAIR, STRONG = 3.0, 5.0
FAIR_SHARE, STRONG_SHARE = 0.35, 0.6


@dataclass(frozen=True, slots=True)
class Scale:
    """Similarities at which a hit counts as fair and as strong."""

    fair: float
    strong: float

    def strengths(self, similarity: FloatArray) -> npt.NDArray[np.uint8]:
        """Say of each similarity what it is worth."""
        levels = np.where(
            similarity >= self.strong, Strength.STRONG, np.where(similarity >= self.fair, Strength.FAIR, Strength.WEAK)
        )
        return levels.astype(np.uint8)


def scale(direction: Direction, texts: FloatArray, yardstick: Yardstick) -> Scale:
    """Calibrate on the library itself: how do unrelated queries of this make score against its clips?

    Args:
        direction: The query.
        texts: Embeddings of everyday descriptions, (n, dimension).
        yardstick: The query in its library.
    """
    clips = yardstick.sample
    middle, deviation = spread((direction.background(texts, clips) @ clips.T).ravel())
    return Scale(
        fair=middle + min(FAIR * deviation, FAIR_SHARE * (1.0 - middle)),
        strong=middle + min(STRONG * deviation, STRONG_SHARE * (1.0 - middle)),
    )

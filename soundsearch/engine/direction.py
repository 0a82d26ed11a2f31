"""What a query asks for, as vectors: texts and sounds mixed by weight, and how a clip scores against them.

Excluded texts and sounds do not bend the query: a clip loses by how much more it resembles them than clips of this
library usually do. Compared on labelled clips (docs/ranking.md), that kept more of what was wanted than the difference
of the embeddings, for the same share of the unwanted.
"""

from dataclasses import dataclass, replace

import numpy as np

from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import FloatArray

SAMPLE = 1000  # clips that stand for the library
DRAWS = 256  # queries that stand for what people ask
# A clip loses WEIGHT of the wanted's deviation for each of the unwanted's that it lies FREE above the library's middle.
WEIGHT, FREE = 0.8, 0.6


@dataclass(frozen=True, slots=True)
class Direction:
    """The parts of a query as embeddings, each (n, dimension) with unit rows, and how much they count.

    Background queries are mixed in the same shares, so that a strength means the same for text, sound and mixtures.
    """

    texts: FloatArray
    not_texts: FloatArray
    likes: FloatArray
    unlikes: FloatArray
    text_weight: float = 0.5  # of the texts against the likes
    like_weights: tuple[float, ...] = ()  # of each like; none means that all count the same
    unlike_weights: tuple[float, ...] = ()

    @property
    def has_wanted(self) -> bool:
        """False for a query that only says what it does not want."""
        return bool(len(self.texts) or len(self.likes))

    @property
    def make(self) -> tuple[object, ...]:
        """What `background` depends on: which parts there are, and their weights; not what they are."""
        parts = (self.texts, self.not_texts, self.likes, self.unlikes)
        return (*(bool(len(part)) for part in parts), self.text_weight)

    def wanted(self) -> FloatArray:
        """What is wanted, (dimension,), a unit vector; what is not, turned round, if that is all there is."""
        if not self.has_wanted:
            return -self.unwanted()
        return self._mix(_middle(self.texts), _middle(self.likes, self.like_weights))

    def unwanted(self) -> FloatArray:
        """The embedding of what is not wanted, (dimension,), a unit vector or 0."""
        return _unit(_middle(self.not_texts) + _middle(self.unlikes, self.unlike_weights))

    def with_likes(self, more: FloatArray) -> "Direction":
        """The same query whose likes are each heard in another way, too: unit rows (n, dimension), one for each."""
        weights = self.like_weights or (1.0,) * len(self.likes)
        return replace(self, likes=np.concatenate([self.likes, more]), like_weights=2 * weights)

    def background(self, texts: FloatArray, clips: FloatArray) -> FloatArray:
        """Queries of the same make from unrelated texts (n, dimension) and clips (m, dimension): (DRAWS, dimension)."""
        draw = np.random.default_rng(0)

        def some(pool: FloatArray, wanted: FloatArray) -> FloatArray:
            if not len(wanted) or not len(pool):
                return np.zeros((DRAWS, pool.shape[1]), np.float32)
            chosen: FloatArray = pool[draw.integers(len(pool), size=DRAWS)]
            return chosen

        if self.has_wanted:
            return self._mix(some(texts, self.texts), some(clips, self.likes))
        return -_unit(some(texts, self.not_texts) + some(clips, self.unlikes))

    def _mix(self, text: FloatArray, like: FloatArray) -> FloatArray:
        weight = self.text_weight if len(self.texts) and len(self.likes) else float(bool(len(self.texts)))
        return _unit(weight * text + (1.0 - weight) * like)


class Yardstick:
    """How clips score for a query in a library: similarity to what is wanted, less what is too like the unwanted.

    Attributes:
        wanted: The query embedding, (dimension,).
        sample: Clips that stand for the library, (m, dimension).
        scores_of_sample: Their scores, (m,), ascending.
    """

    def __init__(self, direction: Direction, index: VectorIndex) -> None:
        self.wanted = direction.wanted()
        self.sample = index.sample(SAMPLE)
        self._unwanted = direction.unwanted() if direction.has_wanted else np.zeros_like(self.wanted)
        self.has_unwanted = bool(self._unwanted.any())
        if self.has_unwanted:
            self._scale = spread(self.sample @ self.wanted)[1]
            self._middle, self._deviation = spread(self.sample @ self._unwanted)
        self.scores_of_sample = np.sort(self.scores(self.sample))

    def scores(self, vectors: FloatArray) -> FloatArray:
        """Scores of unit rows (n, dimension): (n,), in units of similarity."""
        wanted: FloatArray = vectors @ self.wanted
        if not self.has_unwanted:
            return wanted
        excess = (vectors @ self._unwanted - self._middle) / self._deviation - FREE
        less: FloatArray = wanted - self._scale * WEIGHT * np.maximum(excess, 0.0)
        return less.astype(np.float32)


def spread(scores: FloatArray) -> tuple[float, float]:
    """Middle and standard deviation of scores, by median and median deviation: hits among them do not count."""
    if not len(scores):
        return 0.0, 1.0
    middle = float(np.median(scores))
    return middle, max(1.4826 * float(np.median(np.abs(scores - middle))), 1e-6)


def _middle(rows: FloatArray, weights: tuple[float, ...] = ()) -> FloatArray:
    if not len(rows) or (weights and not sum(weights)):
        return np.zeros(rows.shape[1], np.float32)
    middle: FloatArray = np.average(rows, axis=0, weights=weights or None).astype(np.float32)
    return _unit(middle)


def _unit(rows: FloatArray) -> FloatArray:
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: FloatArray = np.divide(rows, norm, out=np.zeros_like(rows, np.float32), where=norm > 0)
    return unit

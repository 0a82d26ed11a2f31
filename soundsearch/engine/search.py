"""Query vectors, ranking and strengths: what a similarity means in this library, for this kind of query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soundsearch.index import VectorIndex
from soundsearch.records import FloatArray, IntArray, Ranking, Strength

AWAY = 0.5  # how far an excluded text or sound pushes, against the wanted ones
SAMPLE = 1000  # clips that stand for the library in the background
DRAWS = 256  # queries that stand for what people ask
# How far above the background's middle a hit is fair, and strong: in robust standard deviations (an outlier here and
# there is a background query that does match), and at most this share of the way to the best possible similarity.
FAIR, STRONG = 3.0, 5.0
FAIR_SHARE, STRONG_SHARE = 0.35, 0.6


@dataclass(frozen=True, slots=True)
class Direction:
    """The parts of a query as embeddings, each (n, dimension) with unit rows, and the share of the texts.

    Background queries are mixed in the same shares, so that a strength means the same for text, sound and mixtures.
    """

    texts: FloatArray
    not_texts: FloatArray
    likes: FloatArray
    unlikes: FloatArray
    text_weight: float

    def vector(self) -> FloatArray:
        """The query embedding, (dimension,): wanted parts by weight, less AWAY of the unwanted; a unit vector."""
        dimension = self.texts.shape[1]
        return self._mix(*(_middle(part, dimension) for part in (self.texts, self.likes, self.not_texts, self.unlikes)))

    def background(self, texts: FloatArray, clips: FloatArray) -> FloatArray:
        """Queries of the same make from unrelated texts (n, dimension) and clips (m, dimension): (DRAWS, dimension)."""
        draw = np.random.default_rng(0)

        def some(pool: FloatArray, wanted: FloatArray) -> FloatArray:
            if not len(wanted) or not len(pool):
                return np.zeros((DRAWS, self.texts.shape[1]), np.float32)
            chosen: FloatArray = pool[draw.integers(len(pool), size=DRAWS)]
            return chosen

        return self._mix(
            some(texts, self.texts), some(clips, self.likes), some(texts, self.not_texts), some(clips, self.unlikes)
        )

    def _mix(self, text: FloatArray, like: FloatArray, not_text: FloatArray, unlike: FloatArray) -> FloatArray:
        weight = self.text_weight if len(self.texts) and len(self.likes) else float(bool(len(self.texts)))
        wanted = _unit(weight * text + (1.0 - weight) * like)
        unwanted = _unit(not_text + unlike)
        away = AWAY if len(self.texts) or len(self.likes) else 1.0
        return _unit(wanted - away * unwanted)


@dataclass(frozen=True, slots=True)
class Scale:
    """Similarities at which a hit counts as fair and as strong."""

    fair: float
    strong: float

    def strengths(self, similarity: FloatArray) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
        """Say of each similarity what it is worth."""
        levels = np.where(
            similarity >= self.strong, Strength.STRONG, np.where(similarity >= self.fair, Strength.FAIR, Strength.WEAK)
        )
        return levels.astype(np.uint8)


def scale(direction: Direction, texts: FloatArray, index: VectorIndex) -> Scale:
    """Calibrate on the library itself: how do unrelated queries of this make score against its clips?

    Args:
        direction: The query.
        texts: Embeddings of everyday descriptions, (n, dimension).
        index: The library.
    """
    rows = np.random.default_rng(0).permutation(len(index))[:SAMPLE]
    clips = index.vectors[np.sort(rows)]
    scores = direction.background(texts, clips) @ clips.T
    middle = float(np.median(scores))
    deviation = 1.4826 * float(np.median(np.abs(scores - middle)))
    return Scale(
        fair=middle + min(FAIR * deviation, FAIR_SHARE * (1.0 - middle)),
        strong=middle + min(STRONG * deviation, STRONG_SHARE * (1.0 - middle)),
    )


class Selection:
    """The clips that may answer, prepared once for many queries: which clips each content has, in the given order."""

    def __init__(self, clip_ids: IntArray, content_ids: IntArray) -> None:
        """Take clip ids (n,) and their contents (n,), 0 where there is none yet."""
        self.clip_ids = clip_ids
        self._order = np.argsort(content_ids, kind="stable")
        self._contents = content_ids[self._order]
        self._allowed = np.unique(self._contents[self._contents > 0])
        self._covers: tuple[tuple[int, ...], bool] = ((), False)

    def __len__(self) -> int:
        return len(self.clip_ids)

    def covers(self, index: VectorIndex) -> bool:
        """Whether every vector of the index belongs to one of these clips, so that there is nothing to filter."""
        if self._covers[0] != index.stamp:
            self._covers = (index.stamp, bool(np.isin(index.ids, self._allowed).all()))
        return self._covers[1]

    def rank(self, query: FloatArray, index: VectorIndex, limit: int) -> tuple[IntArray, FloatArray]:
        """Rank the clips by the similarity of their contents; exact copies stand together in the given order.

        Args:
            query: Shape (dimension,).
            index: Vectors by content id.
            limit: How many clips at most.
        Returns:
            Clip ids and similarities, best first.
        """
        found, scores = index.search(query, limit, None if self.covers(index) else self._allowed)
        first = np.searchsorted(self._contents, found, "left")
        count = np.searchsorted(self._contents, found, "right") - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        clips = self.clip_ids[self._order[np.repeat(first, count) + within]]
        return clips[:limit], np.repeat(scores, count)[:limit].astype(np.float32)


def listing(clip_ids: Sequence[int] | IntArray) -> Ranking:
    """A ranking of clips that nothing was asked about."""
    ids = np.asarray(clip_ids, np.int64)
    return Ranking(ids, np.zeros(len(ids), np.float32), np.zeros(len(ids), np.uint8))


def arranged(ranking: Ranking, rows: IntArray) -> Ranking:
    """The same hits in another order: place i is filled from `rows[i]`."""
    reasons, start_s, end_s = ranking.reasons, ranking.start_s, ranking.end_s
    return Ranking(
        ranking.clip_ids[rows],
        ranking.similarity[rows],
        ranking.strength[rows],
        None if reasons is None else reasons[rows],
        None if start_s is None else start_s[rows],
        None if end_s is None else end_s[rows],
    )


def _middle(rows: FloatArray, dimension: int) -> FloatArray:
    middle: FloatArray = rows.mean(axis=0) if len(rows) else np.zeros(dimension, np.float32)
    return _unit(middle)


def _unit(rows: FloatArray) -> FloatArray:
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: FloatArray = np.divide(rows, norm, out=np.zeros_like(rows, np.float32), where=norm > 0)
    return unit

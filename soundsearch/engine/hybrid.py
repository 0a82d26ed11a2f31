"""One ranking from meaning and names: reciprocal rank fusion, in which names count as far as they can be believed.

Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
Methods", SIGIR 2009.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundsearch.catalogue.names import NameHits
from soundsearch.engine.calibration import Scale
from soundsearch.engine.direction import Yardstick
from soundsearch.engine.selection import Selection
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import FloatArray, IntArray, Ranking, Reason, Strength

K = 60  # of the paper: how slowly a rank loses its worth
DEPTH = 10  # where a clip stands by meaning whose name can be believed, unless it is heard better than that
MAX_NAMED = 500  # clips found by their names that are looked at
NAME_WEIGHT = 1.0  # of a name that holds all words, against the meaning
EXPECTED_TRUST, EXPECTATIONS = 0.5, 2  # of names of which too few can be compared with what they sound like


@dataclass(frozen=True, slots=True)
class Heard:
    """Clips by meaning, best first: parallel arrays (n,). Times are NaN where the whole clip matched."""

    clip_ids: IntArray
    similarity: FloatArray
    start_s: FloatArray
    end_s: FloatArray


@dataclass(frozen=True, slots=True)
class Called:
    """Clips found by their names, and what is known of the best of them, (m,).

    Attributes:
        names: All.
        clip_ids: The best, in the order of the list.
        contents: Of those, 0 before analysis.
        has_vector: Which of those have one.
        vectors: Of those that have, (k, dimension).
    """

    names: NameHits
    clip_ids: IntArray
    contents: IntArray
    has_vector: npt.NDArray[np.bool_]
    vectors: FloatArray

    def similarity(self, yardstick: Yardstick) -> FloatArray:
        """Scores of the best, (m,), NaN where there is no vector."""
        scores = np.full(len(self.contents), np.nan, np.float32)
        scores[self.has_vector] = yardstick.scores(self.vectors)
        return scores


def look_up(names: NameHits, index: VectorIndex, selection: Selection) -> Called:
    """Look up what is called so and may answer: all that does not need the query's own embedding."""
    best = np.argsort(-names.coverage - names.is_literal, kind="stable")[:MAX_NAMED]
    clip_ids, contents = selection.of_clips(names.clip_ids[best])
    return Called(names, clip_ids, contents, *index.vectors_of(contents))


def hear(yardstick: Yardstick, index: VectorIndex, selection: Selection, limit: int) -> Heard:
    """Find the clips that sound most like a query, `limit` of them if there are as many that may answer."""
    allowed = selection.allowed(index)
    # What is pushed away drops out from among the nearest.
    asked = 4 * limit if yardstick.has_unwanted else limit
    while True:
        contents, scores = index.search(yardstick.wanted, asked, allowed)
        if yardstick.has_unwanted:
            scores = yardstick.scores(index.vectors_of(contents)[1])
            order = np.lexsort((contents, -scores))
            contents, scores = contents[order], scores[order]
        clips, places = selection.of_contents(contents)
        if len(clips) >= limit or len(contents) < asked:
            break
        asked *= 4  # some of the contents belong to clips that are gone
    clips, scores = clips[:limit], scores[places][:limit]
    nowhere = np.full(len(clips), np.nan, np.float32)
    return Heard(clips, scores.astype(np.float32), nowhere, nowhere)


def depth_of(limit: int, unwanted: Sequence[tuple[Called, Yardstick]]) -> int:
    """How many clips must be heard for the best `limit`: what is called like the unwanted makes room for others."""
    return max(4 * limit if any(len(called.names) for called, _ in unwanted) else limit, DEPTH)


def fuse(
    heard: Heard,
    called: Called,
    yardstick: Yardstick,
    scale: Scale,
    index: VectorIndex,
    selection: Selection,
    limit: int,
    unwanted: Sequence[tuple[Called, Yardstick]] = (),
) -> Ranking:
    """Rank what was heard and what is called so together; a literal file name comes first.

    Args:
        heard: By meaning; `depth_of` says how many the order of the first `limit` depends on.
        called: By name.
        yardstick: Scores what only its name has found.
        scale: Says what similarities are worth.
        index: Vectors by content.
        selection: Which clips may answer.
        limit: How many hits at most.
        unwanted: For each text that is not wanted, the clips that are called so, and that text as a query of its own.
    """
    names, named, similarity = called.names, called.clip_ids, called.similarity(yardstick)
    rows = np.searchsorted(names.clip_ids, named)
    is_new = ~np.isin(named, heard.clip_ids)
    clip_ids = np.concatenate([heard.clip_ids, named[is_new]])
    scores = np.concatenate([heard.similarity, similarity[is_new]])
    place = _places(clip_ids, named)
    coverage = np.where(place < 0, 0.0, names.coverage[rows][place] if len(rows) else 0.0)
    is_literal = (place >= 0) & (names.is_literal[rows][place] if len(rows) else False)
    trust = _trust(yardstick, similarity)
    fused = _by_meaning(scores, len(heard.clip_ids), place >= 0, trust, yardstick, _count(index, selection))
    by_name = np.searchsorted(np.sort(-coverage), -coverage)  # equal ones share a place
    fused += NAME_WEIGHT * trust * coverage**2 / (K + 1 + by_name)
    for called, alone in unwanted:
        fused *= 1.0 - _is_called(clip_ids, called, alone)
    order = np.lexsort((clip_ids, -fused, ~is_literal))[:limit]
    strength = scale.strengths(np.nan_to_num(scores, nan=-2.0))
    strength[is_literal] = Strength.STRONG
    reasons = np.where(place < 0, 0, names.reasons[rows][place] if len(rows) else 0).astype(np.uint8)
    reasons[(strength >= Strength.FAIR) & ~np.isnan(scores) | (reasons == 0)] |= np.uint8(Reason.MEANING)
    times = [np.concatenate([t, np.full(is_new.sum(), np.nan, np.float32)]) for t in (heard.start_s, heard.end_s)]
    return Ranking(
        clip_ids[order],
        np.nan_to_num(scores[order]).astype(np.float32),
        strength[order],
        reasons[order],
        times[0][order],
        times[1][order],
    )


def _by_meaning(
    scores: FloatArray, n_heard: int, is_named: npt.NDArray[np.bool_], trust: float, yardstick: Yardstick, count: int
) -> npt.NDArray[np.float64]:
    """What places by meaning are worth, (n,), of clips that were heard, best first, and of those found by name alone.

    A name that can be believed says that a clip was heard badly: it then stands behind the first `DEPTH`, else where
    its similarity puts it among all clips. Neither depends on how many were heard. What has no vector is worth nothing.

    Args:
        scores: (n,), NaN without a vector.
        n_heard: How many of them, the first, are in their order.
        is_named: (n,).
        trust: How far names can be believed.
        yardstick: Says where similarities stand.
        count: How many clips may answer.
    """
    place = np.arange(float(len(scores)))
    behind = np.flatnonzero(is_named & (place >= min(DEPTH, n_heard)))
    behind = behind[np.argsort(-np.nan_to_num(scores[behind], nan=-2.0), kind="stable")]
    sample = yardstick.scores_of_sample
    # A clip is not above itself, however its similarity was rounded.
    above = 1.0 - np.searchsorted(sample, scores[behind] + 1e-6, side="right") / max(1, len(sample))
    believed = min(DEPTH, n_heard) + np.arange(len(behind))
    worth = 1.0 / (K + 1 + place)
    worth[behind] = trust / (K + 1 + believed) + (1.0 - trust) / (K + 1 + np.maximum(above * count, believed))
    return np.where(np.isnan(scores), 0.0, worth)


def _count(index: VectorIndex, selection: Selection) -> int:
    allowed = selection.allowed(index)
    return len(index) if allowed is None else len(allowed)


def _is_called(clip_ids: IntArray, called: Called, yardstick: Yardstick) -> FloatArray:
    """How far the names of clips (n,) say that they are what `yardstick` asks for, 0 to 1: (n,)."""
    place = _places(clip_ids, called.names.clip_ids)
    coverage = np.where(place < 0, 0.0, called.names.coverage[place] if len(called.names) else 0.0)
    return np.asarray(_trust(yardstick, called.similarity(yardstick)) * coverage**2, np.float32)


def _places(wanted: IntArray, among: IntArray) -> IntArray:
    """Where each of `wanted` stands in `among`, -1 where it does not."""
    if not len(among):
        return np.full(len(wanted), -1)
    order = np.argsort(among)
    at = order[np.minimum(np.searchsorted(among[order], wanted), len(among) - 1)]
    return np.where(among[at] == wanted, at, -1)


def _trust(yardstick: Yardstick, similarity: FloatArray) -> float:
    """How far names can be believed here, 0 to 1: do clips of that name sound like the query, more than others do?

    Where they sound no more like it than any clip, files are called at random, or by something else than their sound.
    """
    heard = similarity[~np.isnan(similarity)]
    above = np.searchsorted(yardstick.scores_of_sample, heard) / max(1, len(yardstick.scores_of_sample))
    agreement = (np.sum(2.0 * above - 1.0) + EXPECTATIONS * EXPECTED_TRUST) / (len(heard) + EXPECTATIONS)
    return float(np.clip(agreement, 0.0, 1.0))

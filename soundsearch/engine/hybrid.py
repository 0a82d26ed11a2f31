"""One ranking from meaning and names: reciprocal rank fusion, in which names count as far as they can be believed.

Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
Methods", SIGIR 2009.
"""

from dataclasses import dataclass

import numpy as np

from soundsearch.catalogue.names import NameHits
from soundsearch.engine.calibration import Scale
from soundsearch.engine.direction import Yardstick
from soundsearch.engine.selection import Selection
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import FloatArray, IntArray, Ranking, Reason, Strength

K = 60  # of the paper: how slowly a rank loses its worth
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


def fuse(
    heard: Heard,
    names: NameHits,
    yardstick: Yardstick,
    scale: Scale,
    index: VectorIndex,
    selection: Selection,
    limit: int,
) -> Ranking:
    """Rank what was heard and what is called so together; a literal file name comes first.

    Args:
        heard: By meaning.
        names: By name.
        yardstick: Scores what only its name has found.
        scale: Says what similarities are worth.
        index: Vectors by content.
        selection: Which clips may answer.
        limit: How many hits at most.
    """
    best = np.argsort(-names.coverage - names.is_literal, kind="stable")[:MAX_NAMED]
    named, contents = selection.of_clips(names.clip_ids[best])
    similarity = _similarity(yardstick, index, contents)
    rows = np.searchsorted(names.clip_ids, named)
    is_new = ~np.isin(named, heard.clip_ids)
    clip_ids = np.concatenate([heard.clip_ids, named[is_new]])
    scores = np.concatenate([heard.similarity, similarity[is_new]])
    # Places in the two lists. What has no vector comes last by meaning.
    meaning = np.empty(len(clip_ids))
    meaning[np.argsort(-np.nan_to_num(scores, nan=-2.0), kind="stable")] = np.arange(len(clip_ids))
    fused = np.where(np.isnan(scores), 0.0, 1.0 / (K + 1 + meaning))
    place = _places(clip_ids, named)
    coverage = np.where(place < 0, 0.0, names.coverage[rows][place] if len(rows) else 0.0)
    is_literal = (place >= 0) & (names.is_literal[rows][place] if len(rows) else False)
    by_name = np.searchsorted(np.sort(-coverage), -coverage)  # equal ones share a place
    fused += NAME_WEIGHT * _trust(yardstick, similarity) * coverage**2 / (K + 1 + by_name)
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


def _similarity(yardstick: Yardstick, index: VectorIndex, contents: IntArray) -> FloatArray:
    """Scores of contents, NaN where there is no vector of one."""
    scores = np.full(len(contents), np.nan, np.float32)
    known, vectors = index.vectors_of(contents)
    scores[known] = yardstick.scores(vectors)
    return scores


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

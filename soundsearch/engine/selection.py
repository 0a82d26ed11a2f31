"""Which clips may answer a query, for a ranking: all of them, or those that pass a filter; and rankings by hand."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from soundsearch.catalogue.candidates import Candidates
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import IntArray, Ranking


class Selection(Protocol):
    """The clips that may answer. Contents are what vectors belong to; exact copies share one."""

    def allowed(self, index: VectorIndex, /) -> IntArray | None:
        """Contents of the index that may answer, None for all."""

    def of_contents(self, contents: IntArray) -> tuple[IntArray, IntArray]:
        """Clips that have these contents (n,): clip ids (m,), and for each the place of its content in `contents`.

        In the order of the contents, exact copies side by side in the order of the list.
        """

    def of_clips(self, clip_ids: IntArray) -> tuple[IntArray, IntArray]:
        """Those of these clips that may answer, in the order of the list, and their contents, 0 before analysis."""


class Filtered:
    """The clips that pass a filter, prepared once for many queries."""

    def __init__(self, clip_ids: IntArray, content_ids: IntArray) -> None:
        """Take clip ids (n,) in the order of the list, and their contents (n,), 0 where there is none yet."""
        self.clip_ids = clip_ids
        self._clip_contents = content_ids
        self._order = np.argsort(content_ids, kind="stable")
        self._contents = content_ids[self._order]
        known = self._contents[np.searchsorted(self._contents, 1) :]
        self._allowed = known[np.diff(known, prepend=0) > 0]
        self._covers: tuple[tuple[int, ...], bool] = ((), False)

    def allowed(self, index: VectorIndex) -> IntArray | None:
        """Contents that may answer; None if that is every vector of the index, so that there is nothing to filter."""
        if self._covers[0] != index.stamp:
            self._covers = (index.stamp, bool(np.isin(index.ids, self._allowed).all()))
        return None if self._covers[1] else self._allowed

    def of_contents(self, contents: IntArray) -> tuple[IntArray, IntArray]:
        """See `Selection`."""
        first = np.searchsorted(self._contents, contents, "left")
        count = np.searchsorted(self._contents, contents, "right") - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        clips = self.clip_ids[self._order[np.repeat(first, count) + within]]
        return clips, np.repeat(np.arange(len(contents)), count)

    def of_clips(self, clip_ids: IntArray) -> tuple[IntArray, IntArray]:
        """See `Selection`."""
        kept = np.isin(self.clip_ids, clip_ids)
        return self.clip_ids[kept], self._clip_contents[kept]


class Everything:
    """All clips: asked of the catalogue for what was found, so that nothing is prepared when it has changed."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def allowed(self, _index: VectorIndex, /) -> IntArray | None:
        """All of them."""
        return None

    def of_contents(self, contents: IntArray) -> tuple[IntArray, IntArray]:
        """See `Selection`."""
        clips, have = self._candidates.of_contents(contents)
        order = np.argsort(contents, kind="stable")
        places = order[np.searchsorted(contents[order], have)] if len(have) else have
        best_first = np.argsort(places, kind="stable")
        return clips[best_first], places[best_first]

    def of_clips(self, clip_ids: IntArray) -> tuple[IntArray, IntArray]:
        """See `Selection`."""
        return self._candidates.of_clips(clip_ids)


def listing(clip_ids: Sequence[int] | IntArray) -> Ranking:
    """A ranking of clips that nothing was asked about."""
    ids = np.asarray(clip_ids, np.int64)
    return Ranking(ids, np.zeros(len(ids), np.float32), np.zeros(len(ids), np.uint8))


def arranged(ranking: Ranking, rows: npt.NDArray[np.int64]) -> Ranking:
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

"""Places: which row an id is in, and which ids the rows hold; prepared once until rows come or go."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from soundsearch.records import IntArray

BoolArray = npt.NDArray[np.bool_]
DENSE = 16  # ids up to so many times the number of rows are looked up in a table


class Places:
    """Rows by id.

    Attributes:
        all_ids: Of every row, those that are gone counted, (n,).
        rows: That are not gone, ascending, (m,).
        ids: Of those, (m,).
    """

    def __init__(self, ids: Sequence[IntArray], gone: BoolArray) -> None:
        self.all_ids: IntArray = np.concatenate([np.zeros(0, np.int64), *ids])
        self._gone = gone
        self._is_whole = not gone.any()
        self._asked: tuple[IntArray, BoolArray] | None = None  # the filter that was asked last, and its answer
        self.rows: IntArray = np.flatnonzero(~gone)
        self.ids: IntArray = self.all_ids if self._is_whole else self.all_ids[self.rows]

    @cached_property
    def _order(self) -> tuple[IntArray, IntArray]:
        """Ids ascending, and the row of each. Mostly they have come in that order."""
        if (np.diff(self.ids) > 0).all():
            return self.ids, self.rows
        order = np.argsort(self.ids, kind="stable")
        return self.ids[order], self.rows[order]

    @cached_property
    def _highest(self) -> int:
        return int(self.all_ids.max(initial=0))

    def find(self, ids: IntArray) -> tuple[BoolArray, IntArray]:
        """Which of these ids (k,) have a row, and the rows of those, in the same order."""
        ordered, rows = self._order
        known = np.zeros(len(ids), bool)
        if not len(ordered):
            return known, rows[:0]
        at = np.minimum(np.searchsorted(ordered, ids), len(ordered) - 1)
        known = ordered[at] == ids
        return known, rows[at[known]]

    def may_answer(self, allowed: IntArray) -> BoolArray:
        """Which rows have one of these ids and are not gone, (n,): kept for the next letter of a query.

        Args:
            allowed: Ids in an array that is not written to any more.
        """
        asked = self._asked
        if asked is None or asked[0] is not allowed:
            asked = self._asked = allowed, self._having(allowed)
        return asked[1]

    def _having(self, allowed: IntArray) -> BoolArray:
        if len(self.all_ids) * DENSE < self._highest or self.all_ids.min(initial=0) < 0:
            return np.isin(self.all_ids, allowed) & ~self._gone
        table = np.zeros(self._highest + 1, bool)
        table[allowed[(allowed >= 0) & (allowed <= self._highest)]] = True
        may: BoolArray = table[self.all_ids]
        return may if self._is_whole else may & ~self._gone

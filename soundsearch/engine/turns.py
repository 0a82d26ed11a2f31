"""Turns: in which order the files of a scan are read."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from soundsearch.catalogue.rows import PendingFile
from soundsearch.records import IntArray

InView = Callable[[], Sequence[int]]  # ids of the clips that somebody looks at now


def in_turn(pending: Sequence[PendingFile], in_view: InView) -> Iterator[PendingFile]:
    """Yield every file once: in the order given, but what is in view at the time before all else."""
    ids = np.array([file.clip_id for file in pending], np.int64)
    by_id = np.argsort(ids)
    early: set[int] = set()  # places of those that did not wait for their turn
    for place, file in enumerate(pending):
        while (seen := _first_later(place, early, in_view(), ids, by_id)) is not None:
            early.add(seen)
            yield pending[seen]
        if place not in early:
            yield file
        early.discard(place)


def _first_later(place: int, early: set[int], wanted: Sequence[int], ids: IntArray, by_id: IntArray) -> int | None:
    """The place of the first clip in view whose turn has not come yet."""
    if not wanted:
        return None
    asked = np.asarray(wanted, np.int64)
    places = by_id[np.minimum(np.searchsorted(ids, asked, sorter=by_id), len(ids) - 1)]
    later = (seen for seen in places[ids[places] == asked].tolist() if seen > place and seen not in early)
    return next(later, None)

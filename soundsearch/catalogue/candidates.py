"""Which clips may answer a query, and which contents they have: read in one piece, or only for what was found."""

import json
from collections.abc import Sequence

import numpy as np

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.filters import is_about_states, where
from soundsearch.records import Filter, IntArray

_CONTENT = "CASE state WHEN 'failed' THEN 0 ELSE coalesce(content_id, 0) END"  # one kept for later does not sound now
_ABOUT_CONTENTS = ("duration_s", "sample_rate", "channels")  # columns of the table contents in conditions


class Candidates:
    """Reads clips and their contents for a search. Missing clips never answer."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def select(self, wanted: Filter, with_failed: bool = False) -> tuple[IntArray, IntArray]:
        """Clips that pass a filter, by path: clip ids (n,) and their content ids (n,), 0 before analysis.

        Args:
            wanted: The filter.
            with_failed: Also those that cannot be read: their names can be looked for. A filter that asks for them
                gets them anyway.
        """
        conditions, values = where(wanted)
        states = "!= 'missing'" if with_failed or is_about_states(wanted) else "NOT IN ('missing', 'failed')"
        join = "LEFT JOIN contents ON contents.id = content_id" if _is_about_contents(conditions) else ""
        # Two long strings are read from SQLite three times as fast as rows; group_concat keeps the order.
        clips, contents = self._db.query(
            f"""SELECT group_concat(clip), group_concat(content) FROM (
            SELECT clips.id AS clip, {_CONTENT} AS content FROM clips {join}
            WHERE state {states} {conditions} ORDER BY words, clips.id)""",
            values,
        )[0]
        return _numbers(clips), _numbers(contents)

    def of_contents(self, contents: Sequence[int] | IntArray) -> tuple[IntArray, IntArray]:
        """Clips that have these contents, by path: clip ids (n,) and their content ids (n,)."""
        return self._pairs("state NOT IN ('missing', 'failed') AND content_id", contents)

    def of_clips(self, clip_ids: Sequence[int] | IntArray) -> tuple[IntArray, IntArray]:
        """Those of these clips that are not missing, by path: clip ids (n,) and content ids (n,), 0 before analysis."""
        return self._pairs("state != 'missing' AND id", clip_ids)

    def _pairs(self, condition: str, ids: Sequence[int] | IntArray) -> tuple[IntArray, IntArray]:
        wanted = json.dumps(np.asarray(ids, np.int64).tolist())
        clips, contents = self._db.query(
            f"""SELECT group_concat(clip), group_concat(content) FROM (
            SELECT id AS clip, {_CONTENT} AS content FROM clips
            WHERE {condition} IN (SELECT value FROM json_each(?)) ORDER BY words, id)""",
            (wanted,),
        )[0]
        return _numbers(clips), _numbers(contents)


def _is_about_contents(conditions: str) -> bool:
    return any(column in conditions for column in _ABOUT_CONTENTS)


def _numbers(text: str | None) -> IntArray:
    return np.fromstring(text or "", np.int64, sep=",")

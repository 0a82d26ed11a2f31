"""Tallies: how many clips there are, by root, folder and state, and how many a model has heard, without counting them.

Triggers keep them in step with clips and embeddings, whoever writes those: a count of a million clips would hold up the
engine for a second.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from soundsearch.catalogue.database import Database
from soundsearch.records import ClipState, Folder, Root

_SEPARATOR = os.sep.encode()
_PORTION = 5000  # folders that are read at one go
_COUNTED = "SELECT root_id, folder_of(path), state, count(*) FROM clips GROUP BY 1, 2, 3"
_HEARD = "SELECT bundle, count(*) FROM embeddings JOIN clips USING (content_id) WHERE state = 'ready' GROUP BY bundle"


def folder_of(path: bytes) -> bytes:
    """The folder of a clip, by its path below the root; b"" for the root itself."""
    return path.rpartition(_SEPARATOR)[0]


SQL_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"folder_of": folder_of}


class Tallies:
    """Numbers of clips in an open catalogue."""

    def __init__(self, database: Database) -> None:
        """Work on the tables of an open catalogue."""
        self._db = database

    def states(self, root_ids: Sequence[int] | None = None) -> dict[ClipState, int]:
        """How many clips are in each state; of these roots, or of all."""
        where = "" if root_ids is None else f"WHERE root_id IN ({', '.join('?' * len(root_ids))})"
        sql = f"SELECT state, sum(clips) FROM tallies {where} GROUP BY state"
        known = dict(self._db.query(sql, tuple(root_ids or ())))
        return {state: known.get(state.value, 0) for state in ClipState}

    def roots(self) -> tuple[Root, ...]:
        """All roots with their numbers of clips, by path."""
        rows = self._db.query(
            """SELECT path, online, (SELECT coalesce(sum(clips), 0) FROM tallies WHERE root_id = roots.id)
            FROM roots ORDER BY path"""
        )
        return tuple(Root(os.fsdecode(path), bool(online), clips) for path, online, clips in rows)

    def folders_with_files(self, root_id: int) -> Iterator[list[bytes]]:
        """Folders of a root, below it, with clips that are not missing, in portions."""
        after = None
        while rows := self._db.query(
            """SELECT folder, sum(clips * (state != 'missing')) FROM tallies
            WHERE root_id = ?1 AND (?2 IS NULL OR folder > ?2) GROUP BY folder ORDER BY folder LIMIT ?3""",
            (root_id, after, _PORTION),
        ):
            yield [folder for folder, clips in rows if clips]
            after = rows[-1][0]

    def folders(self) -> tuple[Folder, ...]:
        """Every folder that holds clips that can be heard, and the folders above it up to its root, by path.

        A folder counts all clips below it.
        """
        counts: Counter[bytes] = Counter()
        for root, folder, clips in self._db.query(
            """SELECT roots.path, folder, clips FROM tallies JOIN roots ON roots.id = root_id
            WHERE state = 'ready' AND clips > 0"""
        ):
            inside = root if root.endswith(_SEPARATOR) else root + _SEPARATOR
            while folder:
                counts[inside + folder] += clips
                folder = folder_of(folder)
            counts[root] += clips
        return tuple(Folder(os.fsdecode(path), clips) for path, clips in sorted(counts.items()))

    def heard(self, bundle: str) -> int:
        """How many clips that are not missing have a vector of the bundle."""
        rows = self._db.query("SELECT clips FROM heard WHERE bundle = ?", (bundle,))
        return int(rows[0][0]) if rows else 0

    def are_right(self) -> bool:
        """Count, and compare."""
        for counted, noted in (_COUNTED, "SELECT * FROM tallies"), (_HEARD, "SELECT * FROM heard"):
            if _without_zeros(self._db.query(counted)) != _without_zeros(self._db.query(noted)):
                return False
        return True

    def count_anew(self) -> None:
        """Take what is there for what is noted. Inside a transaction."""
        for table, counted in {"tallies": _COUNTED, "heard": _HEARD}.items():
            self._db.execute(f"DELETE FROM {table}")
            self._db.execute(f"INSERT INTO {table} {counted}")


def _without_zeros(rows: Sequence[tuple[Any, ...]]) -> Mapping[tuple[Any, ...], int]:
    return {row[:-1]: row[-1] for row in rows if row[-1]}

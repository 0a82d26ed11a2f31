"""Moments: embeddings of windows and parts of long clips, in blocks that are committed one by one."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.forgotten import ForgottenLog
from soundsearch.catalogue.rows import Stamp
from soundsearch.records import FloatArray, IntArray

_SEPARATOR = os.sep.encode()


@dataclass(frozen=True, slots=True)
class Unheard:
    """A long content whose windows a bundle has not heard, or not all of them, and a file that holds it."""

    content_id: int
    path: str  # whole path, as os.fsdecode gives it
    size_bytes: int
    modified_ns: int
    duration_s: float
    blocks: int  # that are there already


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of contents, and parts that stand out of them, side by side in the order of their rows."""

    content_ids: IntArray  # (n,)
    start_s: FloatArray  # (n,)
    end_s: FloatArray  # (n,)
    vectors: FloatArray  # (n, dimension), unit rows
    last_seq: int = 0  # of the last block among them


class Moments:
    """The table of windows in an open catalogue.

    Attributes:
        forgotten: Which contents went, and their windows with them.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self.forgotten = ForgottenLog(database)

    def unheard(self, bundle: str, root_ids: Sequence[int], longer_than_s: float) -> list[Unheard]:
        """Contents of clips in these roots that are longer than that and not heard to their end, newest first."""
        marks = ", ".join("?" * len(root_ids))
        rows = self._db.query(
            f"""SELECT contents.id, roots.path, clips.path, size_bytes, max(modified_ns), duration_s,
                (SELECT count(*) FROM moments WHERE bundle = ? AND content_id = contents.id)
            FROM clips JOIN roots ON roots.id = root_id JOIN contents ON contents.id = content_id
            WHERE state = 'ready' AND root_id IN ({marks}) AND duration_s > ? AND NOT EXISTS (
                SELECT 1 FROM moments WHERE bundle = ? AND content_id = contents.id AND is_last)
            GROUP BY contents.id ORDER BY max(modified_ns) DESC""",
            (bundle, *root_ids, longer_than_s, bundle),
        )
        return [
            Unheard(content, os.fsdecode(root.rstrip(_SEPARATOR) + _SEPARATOR + path), size, modified, duration, blocks)
            for content, root, path, size, modified, duration, blocks in rows
        ]

    def record(
        self,
        bundle: str,
        content_id: int,
        block: int,
        starts: FloatArray,
        ends: FloatArray,
        vectors: FloatArray,
        *,
        is_last: bool,
    ) -> None:
        """Commit a block of windows, one transaction.

        Args:
            bundle: What embedded them.
            content_id: What they are windows of; nothing is kept if it is gone meanwhile.
            block: Its number within the content.
            starts: Where they begin, in seconds, (n,).
            ends: Where they end, (n,).
            vectors: Unit rows (n, dimension); kept in half precision, which changes a similarity by less than 0.001.
            is_last: Whether these are the last of the content.
        """
        with self._db.transaction():
            added = self._db.execute(
                """INSERT OR IGNORE INTO moments (bundle, content_id, block, is_last, starts, ends, vectors)
                SELECT ?, id, ?, ?, ?, ?, ? FROM contents WHERE id = ?""",
                (
                    bundle,
                    block,
                    is_last,
                    starts.astype("<f4").tobytes(),
                    ends.astype("<f4").tobytes(),
                    vectors.astype("<f2").tobytes(),
                    content_id,
                ),
            ).rowcount
            if added:
                self._count("changes")

    def windows(self, bundle: str, dimension: int, after_seq: int = 0) -> Windows:
        """All windows of a bundle in the order they came, after a block's sequence number; damaged blocks left out."""
        rows = self._db.query(
            "SELECT content_id, starts, ends, vectors, seq FROM moments WHERE bundle = ? AND seq > ? ORDER BY seq",
            (bundle, after_seq),
        )
        last_seq = rows[-1][4] if rows else after_seq
        rows = [row for row in rows if _is_whole(row[1], row[2], row[3], dimension)]
        counts = [len(row[1]) // 4 for row in rows]
        starts, ends = (
            np.frombuffer(b"".join(row[column] for row in rows), "<f4").astype(np.float32) for column in (1, 2)
        )
        vectors = np.frombuffer(b"".join(row[3] for row in rows), "<f2").reshape(-1, dimension).astype(np.float32)
        contents = np.repeat(np.array([row[0] for row in rows], np.int64), counts)
        return Windows(contents, starts, ends, vectors, last_seq)

    def stamp(self, bundle: str) -> Stamp:
        """Where the windows of a bundle stand now."""
        last = self._db.query("SELECT coalesce(max(seq), 0) FROM moments WHERE bundle = ?", (bundle,))[0][0]
        deletions = self._db.query("SELECT value FROM counters WHERE name = 'deletions'")[0][0]
        return Stamp(int(last), int(deletions), self.forgotten.last)

    def forget(self, bundle: str) -> None:
        """Drop every window of a bundle that is gone for good."""
        with self._db.transaction():
            if self._db.execute("DELETE FROM moments WHERE bundle = ?", (bundle,)).rowcount:
                self._count("deletions")
                self._count("changes")

    def problems(self, bundle: str, dimension: int) -> list[str]:
        """Check the blocks of a bundle; returns a sentence for each trouble."""
        damaged = len(self._damaged(bundle, dimension))
        return [f"{damaged} blocks of moments are damaged."] if damaged else []

    def repair(self, bundle: str, dimension: int) -> None:
        """Take back contents with damaged blocks, so that the next scan for moments hears them again."""
        with self._db.transaction():
            for content_id in self._damaged(bundle, dimension):
                self._db.execute("DELETE FROM moments WHERE bundle = ? AND content_id = ?", (bundle, content_id))
                self._count("deletions")

    def _damaged(self, bundle: str, dimension: int) -> list[int]:
        damaged = []
        for content_id, starts, ends, vectors in self._db.query(
            "SELECT content_id, starts, ends, vectors FROM moments WHERE bundle = ?", (bundle,)
        ):
            is_whole = _is_whole(starts, ends, vectors, dimension)
            rows = np.frombuffer(vectors, "<f2").reshape(-1, dimension) if is_whole else None
            # Half precision: a unit vector is one to 0.001.
            if rows is None or not (np.abs(np.linalg.norm(rows.astype(np.float32), axis=1) - 1) < 5e-3).all():
                damaged.append(content_id)
        return damaged

    def _count(self, name: str) -> None:
        self._db.execute("UPDATE counters SET value = value + 1 WHERE name = ?", (name,))


def _is_whole(starts: bytes, ends: bytes, vectors: bytes, dimension: int) -> bool:
    return len(starts) % 4 == 0 and len(ends) == len(starts) and len(vectors) == len(starts) // 4 * 2 * dimension


def _later(times: bytes, by_s: float) -> bytes:
    """Times as they are kept, moved: SQL needs it once, when an older catalogue is brought up to date."""
    moved: bytes = (np.frombuffer(times[: len(times) // 4 * 4], "<f4") + np.float32(by_s)).astype("<f4").tobytes()
    return moved


SQL_FUNCTIONS = {"later": _later}

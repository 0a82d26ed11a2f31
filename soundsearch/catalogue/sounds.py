"""What each content sounds like, as measured: level, brightness, tempo, key, loop or not. One row for each content."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from types import MappingProxyType

import numpy as np

from soundsearch.catalogue.database import Database
from soundsearch.records import FloatArray, IntArray, Sound

VERSION = 1  # of the analysis; rows with another are measured again by the next scan
_COLUMNS = ", ".join(field.name for field in fields(Sound))
_MARKS = ", ".join("?" * len(fields(Sound)))
_CHUNK = 500  # ids in one statement
_SEPARATOR = os.sep.encode()


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A content that the analysis of now has not seen, and a file that holds it."""

    content_id: int
    root_id: int
    path: str  # whole path, as os.fsdecode gives it
    size_bytes: int
    modified_ns: int
    is_drawn: bool  # its waveform is known


class Sounds:
    """The table of measurements in an open catalogue."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def record(self, sounds: Mapping[int, Sound], peaks: Mapping[int, bytes] = MappingProxyType({})) -> None:
        """Commit measurements by content, one transaction; contents that are gone meanwhile are left out.

        Args:
            sounds: What was measured.
            peaks: Waveforms as they are drawn, for those of the contents that have none yet.
        """
        with self._db.transaction():
            for content_id, sound in sounds.items():
                if self._db.execute("SELECT 1 FROM contents WHERE id = ?", (content_id,)).fetchone():
                    self._db.execute(
                        f"INSERT OR REPLACE INTO sounds (content_id, version, {_COLUMNS}) VALUES (?, ?, {_MARKS})",
                        (content_id, VERSION, *astuple(sound)),
                    )
            for content_id, drawn in peaks.items():
                self._db.execute("UPDATE contents SET peaks = ? WHERE id = ? AND peaks = x''", (drawn, content_id))
            if sounds:
                self._db.execute("UPDATE counters SET value = value + 1 WHERE name = 'changes'")

    def of(self, content_ids: Sequence[int]) -> dict[int, Sound]:
        """Measurements by content id; what is not measured is left out."""
        marks = ", ".join("?" * len(content_ids))
        rows = self._db.query(f"SELECT content_id, {_COLUMNS} FROM sounds WHERE content_id IN ({marks})", content_ids)
        return {row[0]: Sound(*row[1:]) for row in rows}

    def copies(self) -> list[tuple[int, ...]]:
        """Clips that have the same decoded samples, or the same bytes where they are not measured: ids, two or more."""
        rows = self._db.query(
            """SELECT group_concat(clips.id) FROM clips JOIN contents ON contents.id = clips.content_id
            LEFT JOIN sounds ON sounds.content_id = clips.content_id
            WHERE state = 'ready' GROUP BY CASE length(samples) WHEN 16 THEN samples ELSE digest END
            HAVING count(*) > 1"""
        )
        return [tuple(sorted(int(clip_id) for clip_id in ids.split(","))) for (ids,) in rows]

    def durations(self, content_ids: IntArray) -> FloatArray:
        """How long contents are, in seconds, (n,)."""
        known = dict(self._db.query("SELECT id, duration_s FROM contents"))
        return np.array([known.get(content, 0.0) for content in content_ids.tolist()], np.float32)

    def places(self, content_ids: Sequence[int]) -> dict[int, tuple[int, str]]:
        """For each content a clip that holds it within reach: its id and whole path, as os.fsdecode gives it."""
        found: dict[int, tuple[int, str]] = {}
        for start in range(0, len(content_ids), _CHUNK):
            ids = content_ids[start : start + _CHUNK]
            rows = self._db.query(
                f"""SELECT content_id, min(clips.id), roots.path, clips.path FROM clips JOIN roots ON roots.id = root_id
                WHERE state = 'ready' AND online AND content_id IN ({", ".join("?" * len(ids))}) GROUP BY content_id""",
                ids,
            )
            for content, clip_id, root, path in rows:
                found[content] = clip_id, os.fsdecode(root.rstrip(_SEPARATOR) + _SEPARATOR + path)
        return found

    def unmeasured(self, root_ids: Sequence[int]) -> list[Unmeasured]:
        """Contents of clips in these roots that have no measurement of this version, newest first."""
        marks = ", ".join("?" * len(root_ids))
        rows = self._db.query(
            f"""SELECT content_id, root_id, roots.path, clips.path, size_bytes, max(modified_ns), peaks != x''
            FROM clips JOIN roots ON roots.id = root_id JOIN contents ON contents.id = content_id
            WHERE +state = 'ready' AND +root_id IN ({marks}) AND content_id IN (
                SELECT content_id FROM unmeasured
                UNION ALL SELECT content_id FROM sounds WHERE version < ? OR version > ?)
            GROUP BY content_id ORDER BY max(modified_ns) DESC""",
            (*root_ids, VERSION, VERSION),
        )
        found: list[Unmeasured] = []
        for content, root_id, root, path, size, modified, drawn in rows:
            whole = os.fsdecode(root.rstrip(_SEPARATOR) + _SEPARATOR + path)
            found.append(Unmeasured(content, root_id, whole, size, modified, bool(drawn)))
        return found

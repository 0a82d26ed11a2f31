"""The library at large: what a map needs of every clip, read in portions."""

from collections.abc import Iterator
from dataclasses import dataclass

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.filters import folder_tags

_SPLIT = "\x1f"  # cannot be part of a label
PORTION = 5000  # clips in one reading, about 20 ms


@dataclass(frozen=True, slots=True)
class Landmark:
    """One clip of the library, as much as a map shows of it."""

    clip_id: int
    content_id: int
    folders: tuple[str, ...]  # names below the root, outermost first
    brightness_hz: float | None
    labels: tuple[str, ...]  # tags of its content


class Overview:
    """Reads the whole library of an open catalogue."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def clips(self) -> Iterator[list[Landmark]]:
        """Every clip that was analysed, by id, in portions."""
        last = 0
        while rows := self._db.query(
            """SELECT clips.id, clips.content_id, clips.path, brightness_hz, coalesce(
                (SELECT group_concat(label, char(31)) FROM tags WHERE tags.content_id = clips.content_id), '')
            FROM clips LEFT JOIN sounds ON sounds.content_id = clips.content_id
            WHERE state = 'ready' AND clips.id > ? ORDER BY clips.id LIMIT ?""",
            (last, PORTION),
        ):
            last = rows[-1][0]
            yield [
                Landmark(clip, content, folder_tags(path), brightness, tuple(filter(None, labels.split(_SPLIT))))
                for clip, content, path, brightness, labels in rows
            ]

"""A Filter as SQL, and the columns it looks at: what a path says about a clip, in a form that can be compared."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from soundsearch.records import Filter


def where(wanted: Filter) -> tuple[str, tuple[Any, ...]]:
    """A filter as SQL: conditions joined by AND, alternatives inside one by OR."""
    conditions: list[str] = []
    values: list[Any] = []

    def any_of(sql: str, options: Iterable[Any], copies: int = 1) -> None:
        chosen = list(options)
        if chosen:
            conditions.append("(" + " OR ".join([sql] * len(chosen)) + ")")
            values.extend(option for option in chosen for _ in range(copies))

    if wanted.min_duration_s is not None:
        any_of("duration_s >= ?", [wanted.min_duration_s])
    if wanted.max_duration_s is not None:
        any_of("duration_s <= ?", [wanted.max_duration_s])
    tagged = "EXISTS (SELECT 1 FROM tags WHERE tags.content_id = clips.content_id AND {})"
    for word in wanted.words:
        folded = _fold(word)
        any_of(f"instr(words, ?) OR {tagged.format('instr(lower(label), ?)')}", [folded], copies=2)
    # A folder's name is a tag of what is in it.
    any_of(
        f"instr('/' || folder || '/', '/' || ? || '/') OR {tagged.format('lower(label) = ?')}",
        [_fold(tag) for tag in wanted.tags],
        copies=2,
    )
    any_of("instr(folder, ?)", [_fold(name.replace("\\", "/").strip("/")) for name in wanted.folders])
    any_of("extension = ?", wanted.types)
    any_of("sample_rate = ?", wanted.sample_rates)
    any_of("channels = ?", wanted.channels)
    return "".join(f" AND {condition}" for condition in conditions), tuple(values)


def _fold(text: str) -> str:
    """Composed and case-folded, so that a name matches however its disk spells é."""
    return unicodedata.normalize("NFC", text).casefold()


def _readable(path: bytes) -> str:
    """A path below the root for people: what is not UTF-8 as replacement marks, `/` between folders."""
    return path.decode("utf-8", "replace") if os.sep == "/" else os.fsdecode(path).replace(os.sep, "/")


def place(path: bytes) -> tuple[str, str, str]:
    """The columns words, folder and extension of a path below the root."""
    words = _fold(_readable(path))
    return words, words.rpartition("/")[0], PurePosixPath(words).suffix.lstrip(".")


def folder_tags(path: bytes) -> tuple[str, ...]:
    """The names of the folders below the root: in most libraries they are the only words there are."""
    return PurePosixPath(_readable(path)).parts[:-1]

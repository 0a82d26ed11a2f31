"""A Filter as SQL, and the columns it looks at: what a path says about a clip, in a form that can be compared."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from soundsearch.catalogue.conditions import key_spellings
from soundsearch.records import Filter

_TAGGED = "EXISTS (SELECT 1 FROM tags WHERE tags.content_id = clips.content_id AND {})"
_MARKED = "EXISTS (SELECT 1 FROM marks WHERE marks.content_id = clips.content_id AND {})"
_SOUNDS = "EXISTS (SELECT 1 FROM sounds WHERE sounds.content_id = clips.content_id AND {})"
_COLLECTED = (
    "content_id IN (SELECT content_id FROM collection_clips JOIN collections ON collections.id = collection_id"
    " WHERE name = ? COLLATE NOCASE)"
)
LONG_S = 10.0  # what the models hear at once; longer clips have moments
MARK_CONDITIONS = {
    "fav": _MARKED.format("favourite"),
    "tagged": _TAGGED.format("1"),
    "untagged": f"NOT {_TAGGED.format('1')}",
    "loop": _SOUNDS.format("kind = 'loop'"),
    "one-shot": _SOUNDS.format("kind = 'one-shot'"),
    "long": f"duration_s > {LONG_S}",
    "pending": "state = 'pending'",
    "failed": "state = 'failed'",
    "offline": "root_id IN (SELECT id FROM roots WHERE NOT online)",
}


def where(wanted: Filter) -> tuple[str, tuple[Any, ...]]:
    """A filter as SQL: conditions joined by AND, alternatives inside one by OR."""
    parts = [(f" AND {sql}", values) for sql, values in _conditions(wanted)]
    if wanted.without:
        # What is not known of a clip does not hold for it: NULL must not leave it out.
        parts += [(f" AND {sql} IS NOT TRUE", values) for sql, values in _conditions(wanted.without)]
    return "".join(sql for sql, _ in parts), tuple(value for _, values in parts for value in values)


def is_about_states(wanted: Filter) -> bool:
    """Whether a filter asks for clips that cannot be read, which else only their name finds."""
    return "failed" in wanted.marks


def _conditions(wanted: Filter) -> list[tuple[str, list[Any]]]:
    found: list[tuple[str, list[Any]]] = []

    def any_of(sql: str, options: Iterable[Any], copies: int = 1) -> None:
        chosen = list(options)
        if chosen:
            values = [option for option in chosen for _ in range(copies)]
            found.append(("(" + " OR ".join([sql] * len(chosen)) + ")", values))

    def within(sql: str, low: float | None, high: float | None) -> None:
        any_of(sql.format(">= ?"), [low] if low is not None else [])
        any_of(sql.format("<= ?"), [high] if high is not None else [])

    within("duration_s {}", wanted.min_duration_s, wanted.max_duration_s)
    within(_SOUNDS.format("tempo_bpm {}"), wanted.min_bpm, wanted.max_bpm)
    for word in wanted.words:
        folded = _fold(word)
        any_of(f"instr(words, ?) OR {_TAGGED.format('instr(lower(label), ?)')}", [folded], copies=2)
    # A folder's name is a tag of what is in it.
    any_of(
        f"instr('/' || folder || '/', '/' || ? || '/') OR {_TAGGED.format('lower(label) = ?')}",
        [_fold(tag) for tag in wanted.tags],
        copies=2,
    )
    if wanted.folders:  # of a root the whole path, of a folder below it any part
        either = "instr(folder, ?) OR root_id IN (SELECT id FROM roots WHERE path = ?)"
        values = [(_fold(name.replace("\\", "/").strip("/")), os.fsencode(name)) for name in wanted.folders]
        found.append(("(" + " OR ".join([either] * len(values)) + ")", [value for pair in values for value in pair]))
    any_of("extension = ?", wanted.types)
    any_of("sample_rate = ?", wanted.sample_rates)
    any_of("channels = ?", wanted.channels)
    any_of(_SOUNDS.format("key = ?"), [spelling for key in wanted.keys for spelling in key_spellings(key)])
    found += [(f"({MARK_CONDITIONS[mark]})", []) for mark in wanted.marks]
    any_of(_MARKED.format("rating >= ?"), [wanted.min_rating] if wanted.min_rating else [])
    any_of(_MARKED.format("colour = ?"), wanted.colours)
    any_of(_COLLECTED, wanted.collections)
    return found


def _fold(text: str) -> str:
    """Composed and case-folded, so that a name matches however its disk spells é."""
    return unicodedata.normalize("NFC", text).casefold()


def _readable(path: bytes) -> str:
    """A path below the root for people: what is not UTF-8 as replacement marks, `/` between folders."""
    return path.decode("utf-8", "replace") if os.sep == "/" else os.fsdecode(path).replace(os.sep, "/")


def place(path: bytes) -> tuple[str, str, str]:
    """The columns words, folder and extension of a path below the root."""
    words = _fold(_readable(path))
    folder, _, name = words.rpartition("/")
    stem, _, extension = name.rpartition(".")
    return words, folder, extension if stem else ""


def folder_tags(path: bytes) -> tuple[str, ...]:
    """The names of the folders below the root: in most libraries they are the only words there are."""
    return PurePosixPath(_readable(path)).parts[:-1]

"""What stands in the query box: words, the pieces of the query language that became chips, and sounds; its history."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any

from soundsearch.catalogue.query import parse, parse_parts
from soundsearch.engine.messages import Search
from soundsearch.errors import QueryError
from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.records import Example

MAX_HISTORY = 200
SHOWN_HISTORY = 20  # queries of the list that one chooses from


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound, or the part of it between two times, in the query: wanted, or (`liked` False) to keep away from."""

    path: str
    liked: bool = True
    start_s: float | None = None
    end_s: float | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        """What people read: "kick.wav", "rain.wav 0:01.5–0:03.0"."""
        name = display_name(PurePath(self.path).name)
        if self.start_s is None or self.end_s is None:
            return name
        return f"{name} {wording.clock(self.start_s)}–{wording.clock(self.end_s)}"

    @property
    def example(self) -> Example:
        """The same for the engine."""
        return Example(self.path, self.start_s, self.end_s, self.weight)


@dataclass(frozen=True, slots=True)
class Draft:
    """A query that is being made.

    Attributes:
        text: What stands in the box.
        sounds: Examples.
        parts: Filters, excluded words and phrases that became chips, each as the query language writes it.
        text_weight: Share of the words against the sounds, 0 to 1.
    """

    text: str = ""
    sounds: tuple[Sound, ...] = ()
    parts: tuple[str, ...] = ()
    text_weight: float = 0.5

    @property
    def is_empty(self) -> bool:
        """True if everything is listed."""
        return not (self.text.strip() or self.sounds or self.parts)

    @property
    def is_mixed(self) -> bool:
        """True if words and wanted sounds ask together, so that one can be weighed against the other."""
        return bool(self.text.strip()) and any(sound.liked for sound in self.sounds)

    @property
    def title(self) -> str:
        """The query in a line, for lists of queries."""
        sounds = [sound.name if sound.liked else f"not {sound.name}" for sound in self.sounds]
        return " · ".join(piece for piece in (self.text.strip(), *map(part_title, self.parts), *sounds) if piece)

    def request(self) -> Search:
        """The search that answers it."""
        return Search(
            " ".join(piece for piece in (self.text.strip(), *self.parts) if piece),
            tuple(sound.example for sound in self.sounds if sound.liked),
            tuple(sound.example for sound in self.sounds if not sound.liked),
            self.text_weight,
        )

    def lifted(self) -> "Draft":
        """The same query with all that can be a chip taken out of the text."""
        text, _, parts = lift(self.text, len(self.text))
        return replace(self, text=text, parts=tuple(dict.fromkeys((*self.parts, *parts)))) if parts else self


def draft_of(request: Search) -> Draft:
    """The draft that a search was, or could have been, made from."""
    sounds = [
        Sound(example.path, liked, example.start_s, example.end_s, example.weight)
        for liked, examples in ((True, request.likes), (False, request.unlikes))
        for example in examples
    ]
    return Draft(request.text, tuple(sounds), (), request.text_weight).lifted()


def lift(text: str, end: int) -> tuple[str, int, tuple[str, ...]]:
    """Take out of a text what can be a chip.

    Args:
        text: What was typed.
        end: Only what ends here or before: what stands behind is being typed still.

    Returns:
        The text that is left, how many characters before `end` went, and the pieces taken out.
    """
    try:
        found = [part for part in parse_parts(text) if part.kind != "text" and part.end <= end]
    except QueryError:
        return text, 0, ()
    taken: list[str] = []
    gone = 0
    for part in reversed(found):
        source = text[part.start : part.end]
        if source.count('"') % 2 or not _is_sound(source):  # a quotation that is not closed goes on
            continue
        taken.insert(0, source)
        stop = part.end
        while stop < len(text) and text[stop] == " ":
            stop += 1
        text = text[: part.start] + text[stop:]
        gone += min(stop, end) - part.start
    return text, gone, tuple(taken)


def _is_sound(source: str) -> bool:
    try:
        parse(source)
    except QueryError:
        return False
    return True


def kind_of(part: str) -> str:
    """Which filter a piece is: "dur", "tag", ...; "not" or "phrase" for words; "-" before it turns it round."""
    found = parse_parts(part)[0]
    return f"-{found.kind}" if found.is_excluded else found.kind


def part_title(part: str) -> str:
    """A piece of the query language as people say it: "under 2 s", "tag vinyl", "not voice", "“take 2”"."""
    found = parse_parts(part)[0]
    value = display_name(found.value)
    if found.kind == "phrase":
        return f"“{value}”"
    words = {"not": "", "dur": "", "bpm": "", "is": "", "rating": "", "ch": "", "rate": ""}.get(found.kind, found.kind)
    if found.kind in ("dur", "bpm"):
        unit = "s" if found.kind == "dur" else "BPM"
        sign = {"<": "under ", "<=": "up to ", ">": "over ", ">=": "from "}.get(found.operator, "")
        value = f"{sign}{value.replace('-', '–')} {unit}"
    elif found.kind == "rate" and value.isdecimal():
        value = f"{int(value) / 1000:g} kHz"
    elif found.kind == "ch" and value.isdecimal():
        value = wording.channels(int(value))
    elif found.kind == "rating":
        value = f"{value} stars or more" if value != "5" else "5 stars"
    elif found.kind == "is":
        value = {"fav": "favourites"}.get(value, value)
    says = f"{words} {value}".strip()
    return f"not {says}" if found.is_excluded or found.kind == "not" else says


class History:
    """Queries in the order in which they were made, with a place in it, as in a web browser."""

    def __init__(self) -> None:
        self._drafts: list[Draft] = [Draft()]
        self._at = 0

    @property
    def latest(self) -> tuple[Draft, ...]:
        """Queries, the newest first, each once."""
        return tuple(dict.fromkeys(draft for draft in reversed(self._drafts) if not draft.is_empty))

    def visit(self, draft: Draft) -> None:
        """Add a query after the present one; what was ahead is dropped."""
        if draft == self._drafts[self._at]:
            return
        self._drafts = [*self._drafts[: self._at + 1], draft][-MAX_HISTORY:]
        self._at = len(self._drafts) - 1

    def step(self, by: int) -> Draft | None:
        """Go back (-1) or on (1); None at either end."""
        if not 0 <= self._at + by < len(self._drafts):
            return None
        self._at += by
        return self._drafts[self._at]

    def to_json(self) -> str:
        """The newest queries, to be remembered."""
        return json.dumps([asdict(draft) for draft in reversed(self.latest[:SHOWN_HISTORY])])

    def restore(self, text: str) -> None:
        """Take queries of last time; what is damaged is left out."""
        try:
            rows: Sequence[Any] = json.loads(text)
            drafts = [_read(row) for row in rows]
        except (ValueError, TypeError, KeyError, QueryError):
            return
        self._drafts = [*drafts, Draft()]
        self._at = len(self._drafts) - 1


def _read(row: Any) -> Draft:
    parts = tuple(str(part) for part in row["parts"])
    for part in parts:
        parse(part)
    sounds = tuple(Sound(**sound) for sound in row["sounds"])
    return Draft(str(row["text"]), sounds, parts, float(row["text_weight"]))

"""The query language: `wet slap -voice "take 2" dur<2 tag:vinyl` -> texts, excluded texts and a Filter, and back.

Free words describe the sound and are read together as one text. `-word` pushes away. `"take 2"` must occur in name,
folder or a tag. A filter is `field:value`, or `dur<2`, `dur>0.5`; values with spaces are quoted (`folder:"My kit"`).
"""

import difflib
import re
from dataclasses import dataclass, field

import numpy as np

from soundsearch.errors import QueryError
from soundsearch.records import Filter

FIELDS = ("dur", "tag", "folder", "type", "rate", "ch")
LATER = ("bpm", "key", "is")  # known to the language, not answered yet
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<field>[A-Za-z]+)(?P<operator>[:<>])(?P<value>"[^"]*"|[^\s"]*)
    |(?P<minus>-)(?P<excluded>"[^"]*"|[^\s"]+)
    |"(?P<phrase>[^"]*)"
    |(?P<word>[^\s"]+|")""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What was typed. `text` and each of `not_texts` are embedded; `filter` narrows."""

    text: str = ""
    not_texts: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)


def parse(source: str) -> ParsedQuery:
    """Read a query.

    Raises:
        QueryError: If a filter cannot be understood; `position` is the character where it starts.
    """
    words: list[str] = []
    excluded: list[str] = []
    phrases: list[str] = []
    values: dict[str, list[str]] = {name: [] for name in ("tag", "folder", "type", "rate", "ch")}
    duration: tuple[float | None, float | None] = (None, None)
    for match in _TOKEN.finditer(source):
        at = match.start()
        if name := match["field"]:
            value = match["value"].strip('"')
            kind = _field(name.lower(), match["operator"], at)
            if kind is None:
                words.append(match[0].replace('"', ""))
            elif kind == "dur":
                duration = _duration(match["operator"], value, duration, at)
            elif not value:
                raise QueryError(f"The filter {kind}: has no value.", f"Write it like {kind}:{_EXAMPLES[kind]}.", at)
            else:
                values[kind].append(value)
        elif match["minus"]:
            if text := match["excluded"].strip('"'):
                excluded.append(text)
        elif match["phrase"] is not None:
            if phrase := match["phrase"].strip():
                phrases.append(phrase)
        elif match["word"] and match["word"] != '"':
            words.append(match["word"])
    return ParsedQuery(
        " ".join(words),
        tuple(excluded),
        Filter(
            min_duration_s=duration[0],
            max_duration_s=duration[1],
            words=tuple(phrases),
            tags=tuple(values["tag"]),
            folders=tuple(values["folder"]),
            types=tuple(value.lower().lstrip(".") for value in values["type"]),
            sample_rates=tuple(_whole(value, "rate", source) for value in values["rate"]),
            channels=tuple(_whole(value, "ch", source) for value in values["ch"]),
        ),
    )


def format_query(query: ParsedQuery) -> str:
    """Write a query so that `parse` gives it back."""
    wanted = query.filter
    parts = [query.text] if query.text else []
    parts += [f"-{_quoted(text)}" for text in query.not_texts]
    parts += [f'"{phrase}"' for phrase in wanted.words]
    low, high = wanted.min_duration_s, wanted.max_duration_s
    if low is not None and high is not None:
        parts.append(f"dur:{_seconds(low)}-{_seconds(high)}")
    elif low is not None or high is not None:
        parts.append(f"dur>{_seconds(low)}" if low is not None else f"dur<{_seconds(high)}")
    for name, values in [
        ("tag", wanted.tags),
        ("folder", wanted.folders),
        ("type", wanted.types),
        ("rate", wanted.sample_rates),
        ("ch", wanted.channels),
    ]:
        parts += [f"{name}:{_quoted(str(value))}" for value in values]
    return " ".join(parts)


_EXAMPLES = {"tag": "vinyl", "folder": "Drums", "type": "wav", "rate": "48000", "ch": "2"}


def _field(name: str, operator: str, at: int) -> str | None:
    """The filter that is meant, None if it is no filter but a word that holds a colon."""
    if name in FIELDS:
        if operator != ":" and name != "dur":
            raise QueryError(f"The filter {name} does not know {operator}.", f"Write {name}:{_EXAMPLES[name]}.", at)
        return name
    if name in LATER:
        raise QueryError(f"The filter {name}: is not available yet.", f"These are: {', '.join(FIELDS)}.", at)
    if near := difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.7):
        raise QueryError(f"There is no filter {name}{operator}.", f"Did you mean {near[0]}{operator}?", at)
    return None


def _duration(
    operator: str, value: str, so_far: tuple[float | None, float | None], at: int
) -> tuple[float | None, float | None]:
    """Read `<2`, `>0.5` or `:0.5-4`, in seconds; two of them narrow each other."""
    low, high = so_far
    numbers = value.split("-") if operator == ":" else [value]
    if not all(_NUMBER.fullmatch(number) for number in numbers) or len(numbers) != (2 if operator == ":" else 1):
        raise QueryError(
            f"The length dur{operator}{value} is not a number of seconds.", "Write dur<2 or dur:0.5-4.", at
        )
    if operator in ":>":
        low = max(float(numbers[0]), low or 0.0)
    if operator in ":<":
        high = min(float(numbers[-1]), high if high is not None else float("inf"))
    if low is not None and high is not None and low > high:
        raise QueryError(f"No clip is longer than {low:g} s and shorter than {high:g} s.", "Swap the two.", at)
    return low, high


def _whole(value: str, name: str, source: str) -> int:
    if not value.isdecimal():
        at = source.find(value)
        raise QueryError(f"The filter {name}:{value} is not a whole number.", f"Write {name}:{_EXAMPLES[name]}.", at)
    return int(value)


def _seconds(value: float | None) -> str:
    """All digits and no exponent, so that the same number is read back."""
    return np.format_float_positional(value or 0.0, trim="-")


def _quoted(value: str) -> str:
    return f'"{value}"' if not value or re.search(r"\s", value) else value

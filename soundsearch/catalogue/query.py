"""The query language: `wet slap -voice "take 2" dur<2 tag:vinyl` -> texts, excluded texts and a Filter, and back.

Free words describe the sound and are read together as one text. `-word` pushes away. `"take 2"` must occur in name,
folder or a tag. A filter is `field:value`, or `dur<2`, `dur>0.5`; `-tag:voice` leaves out what it would keep. Values
with spaces are quoted (`folder:"My kit"`), and a quotation mark inside is doubled (`tag:"12"" mix"`).

The window may import this module: no SQL stands behind it.
"""

import difflib
import re
from dataclasses import dataclass, field, replace

from soundsearch.catalogue.conditions import CONDITIONS, Condition, quoted
from soundsearch.errors import QueryError
from soundsearch.records import Filter

FIELDS = tuple(CONDITIONS)
_ALIASES = {"color": "colour"}
_QUOTED = r'"(?:[^"]|"")*"'
_FILTER = re.compile(
    rf'(?P<minus>-?)(?P<field>[A-Za-z]+)(?P<operator><=|>=|[:<>])(?P<value>{_QUOTED}|".*|[^\s"]*)', re.S
)
_TOKEN = re.compile(rf'(?P<space>\s+)|-(?P<excluded>{_QUOTED}|[^\s"]+)|(?P<phrase>{_QUOTED})|(?P<word>[^\s"]+)|"')


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of what was typed: `source[start:end]`.

    `kind` is "text" (one word of the description), "not", "phrase", or a filter's name. `value` is without quotation
    marks and signs.
    """

    kind: str
    start: int
    end: int
    value: str
    operator: str = ""  # of a filter: one of : < > <= >=
    is_excluded: bool = False  # a filter with a minus before it


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What was typed. `text` and each of `not_texts` are embedded; `filter` narrows."""

    text: str = ""
    not_texts: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)


def parse_parts(source: str) -> tuple[Part, ...]:
    """Take a query apart, in the order that it was typed; spaces and stray quotation marks are left out.

    Raises:
        QueryError: If there is no such filter; `position` is the character where it starts. Its value is `parse`'s
            to judge.
    """
    parts: list[Part] = []
    at = 0
    while at < len(source):
        if (match := _FILTER.match(source, at)) and (name := _field(match["field"].lower(), match)):
            value = _unquoted(match["value"]).strip()
            parts.append(Part(name, at, match.end(), value, match["operator"], bool(match["minus"])))
        else:
            match = _TOKEN.match(source, at)
            assert match is not None  # a space, a quotation mark, or anything else
            for kind, group in (("not", "excluded"), ("phrase", "phrase"), ("text", "word")):
                if match[group] is not None and (value := _unquoted(match[group]).strip()):
                    parts.append(Part(kind, at, match.end(), value))
        at = match.end()
    return tuple(parts)


def parse(source: str) -> ParsedQuery:
    """Read a query.

    Raises:
        QueryError: If a filter cannot be understood; `position` is the character where it starts.
    """
    parts = parse_parts(source)
    wanted = Filter(words=tuple(part.value for part in parts if part.kind == "phrase"))
    unwanted = Filter()
    for part in parts:
        if condition := CONDITIONS.get(part.kind):
            _check(condition, part)
            if part.is_excluded:
                unwanted = condition.read(unwanted, part.operator, part.value, part.start)
            else:
                wanted = condition.read(wanted, part.operator, part.value, part.start)
    return ParsedQuery(
        " ".join(part.value for part in parts if part.kind == "text"),
        tuple(part.value for part in parts if part.kind == "not"),
        wanted if unwanted == Filter() else replace(wanted, without=unwanted),
    )


def format_query(query: ParsedQuery) -> str:
    """Write a query so that `parse` gives it back."""
    wanted = query.filter
    parts = [query.text] if query.text else []
    parts += [f"-{quoted(text)}" for text in query.not_texts]
    parts += ['"' + phrase.replace('"', '""') + '"' for phrase in wanted.words]
    parts += [written for condition in CONDITIONS.values() for written in condition.write(wanted)]
    if wanted.without:
        parts += [f"-{written}" for condition in CONDITIONS.values() for written in condition.write(wanted.without)]
    return " ".join(parts)


def _field(name: str, match: re.Match[str]) -> str:
    """The filter that is meant, "" if it is no filter but a word that holds a colon."""
    name = _ALIASES.get(name, name)
    if name in CONDITIONS:
        return name
    if near := difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.7):
        operator = match["operator"]
        raise QueryError(f"There is no filter {name}{operator}.", f"Did you mean {near[0]}{operator}?", match.start())
    return ""


def _check(condition: Condition, part: Part) -> None:
    name, hint = condition.name, f"Write it like {condition.example}."
    if part.operator not in condition.operators:
        raise QueryError(f"The filter {name} does not know {part.operator}.", hint, part.start)
    if not part.value:
        raise QueryError(f"The filter {name}{part.operator} has no value.", hint, part.start)
    if part.is_excluded and not condition.is_negatable:
        raise QueryError(f"The filter {name} cannot be turned round with a minus.", hint, part.start)


def _unquoted(value: str) -> str:
    """Without the quotation marks around it; the end of one that is still being typed may be missing."""
    if not value.startswith('"'):
        return value
    inner = value[1:-1] if len(value) > 1 and value.endswith('"') else value[1:]
    return inner.replace('""', '"')

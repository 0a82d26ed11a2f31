"""Filters in the words of a query: put in and taken out by a press, as if they had been typed."""

from soundsearch.catalogue.conditions import quoted
from soundsearch.catalogue.query import parse_parts
from soundsearch.errors import QueryError


def toggled(text: str, name: str, value: str) -> str:
    """The query with a filter that it did not have, or without the one that it had.

    Args:
        text: What stands in the query box.
        name: The filter, "tag" or "folder" say.
        value: What it asks for, as it is.
    """
    try:
        parts = parse_parts(text)
    except QueryError:  # still being typed: it stays, and the filter joins it
        parts = ()
    for part in parts:
        if part.kind == name and part.value.casefold() == value.casefold() and not part.is_excluded:
            return f"{text[: part.start].rstrip()} {text[part.end :].lstrip()}".strip()
    return f"{text.rstrip()} {name}:{quoted(value)}".strip()

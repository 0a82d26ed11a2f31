"""Filters of a query, put in and taken out by a press, as if they had been typed."""

from dataclasses import replace

from soundsearch.catalogue.conditions import quoted
from soundsearch.catalogue.query import parse_parts
from soundsearch.errors import QueryError
from soundsearch.gui.draft import Draft


def toggled(draft: Draft, name: str, value: str) -> Draft:
    """The query with a filter that it did not have, or without the one that it had.

    Args:
        draft: The present query.
        name: The filter, "tag" or "folder" say.
        value: What it asks for, as it is.
    """
    left = tuple(part for part in draft.parts if not _place(part, name, value))
    if left != draft.parts:
        return replace(draft, parts=left)
    if place := _place(draft.text, name, value):  # typed, and not a chip yet
        start, end = place
        return replace(draft, text=f"{draft.text[:start].rstrip()} {draft.text[end:].lstrip()}".strip())
    return replace(draft, parts=(*draft.parts, f"{name}:{quoted(value)}"))


def _place(text: str, name: str, value: str) -> tuple[int, int] | None:
    """Where a filter stands in a text, None if it does not."""
    try:
        parts = parse_parts(text)
    except QueryError:  # still being typed
        return None
    for part in parts:
        if part.kind == name and part.value.casefold() == value.casefold() and not part.is_excluded:
            return part.start, part.end
    return None

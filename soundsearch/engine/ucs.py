"""File names as the Universal Category System wants them: `CatID_FXName_CreatorID_SourceID.wav`.

They are only said, never given: who renames files has other programs that refer to them.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from soundsearch.audio.metadata import clean
from soundsearch.engine.labels import load_labels
from soundsearch.records import Tag

UNKNOWN = "NONE"  # as UCS writes a creator or a source that is not known
LONGEST_FX_NAME, LONGEST_ID = 120, 40  # bytes: together they stay below the 255 that file systems take
# Who is believed first about a sound's category.
SOURCES = ("user", "file", "folder", "auto")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*_]+')  # of Windows, and the mark between the parts


def ucs_name(path: str, tags: Iterable[Tag], creator: str = "", source: str = "") -> str:
    """Return what a clip would be called by UCS; "" for one that no tag and not its name puts into a category.

    A name that is of that form already keeps its parts, but for the category if its tags have another.

    Args:
        path: Its name gives the FXName.
        tags: What is said about it: labels of the set `ucs` have a CatID.
        creator: CreatorID of the user, "" for none.
        source: SourceID of the user, "" for none.
    """
    place = Path(path)
    stem, extension = place.stem, place.suffix
    category, *rest = stem.split("_")
    known = category.partition("-")[0].casefold() in _cat_ids() and len(rest) >= 3
    cat_id = _cat_id(tags)
    if known:
        same = not cat_id or category.partition("-")[0].casefold() == cat_id.casefold()
        return clean("_".join([category if same else cat_id, *rest])) + extension
    if not cat_id:
        return ""
    ids = [_part(text, LONGEST_ID) or UNKNOWN for text in (creator, source)]
    return "_".join([cat_id, _part(stem, LONGEST_FX_NAME) or cat_id, *ids]) + extension


def _cat_id(tags: Iterable[Tag]) -> str:
    """The CatID of the tag that is believed most."""
    by_label = _labels()
    found = [tag for tag in tags if tag.label.casefold() in by_label]
    found.sort(key=lambda tag: (SOURCES.index(tag.source), -(tag.score or 0.0)))
    return by_label[found[0].label.casefold()] if found else ""


def _part(text: str, longest: int) -> str:
    words = clean(_FORBIDDEN.sub(" ", text)).encode()[:longest]
    return words.decode(errors="ignore").strip(" .")


@lru_cache
def _labels() -> dict[str, str]:
    return {label.name.casefold(): label.id for label in load_labels("ucs") if label.id}


@lru_cache
def _cat_ids() -> frozenset[str]:
    return frozenset(cat_id.casefold() for cat_id in _labels().values())

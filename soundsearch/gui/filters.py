"""The filters that are built without typing: which there are, in which words, and the values one may choose from."""

from dataclasses import dataclass

from soundsearch.catalogue.conditions import quoted
from soundsearch.gui import wording


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the library knows words for."""

    tags: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()  # below their roots
    collections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A filter for people. Those with a `unit` have two limits, the others values to choose from."""

    name: str  # in the query language
    title: str
    unit: str = ""
    values: tuple[tuple[str, str], ...] = ()  # value and its title
    presets: tuple[tuple[str, str, str], ...] = ()  # title, at least, at most
    is_open: bool = False  # other values may be typed


def _same(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in values)


NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "dur", "Length", "seconds",
            presets=(("Under 1 s", "", "1"), ("1–5 s", "1", "5"), ("5–30 s", "5", "30"), ("Over 30 s", "30", "")),
        ),
        Kind("type", "Type", values=tuple((e, e.upper()) for e in ("wav", "aif", "aiff", "flac", "mp3", "ogg", "m4a")),
             is_open=True),
        Kind("folder", "Folder", is_open=True),
        Kind("tag", "Tag", is_open=True),
        Kind("bpm", "Tempo", "BPM", presets=(("60–90", "60", "90"), ("90–120", "90", "120"), ("120–150", "120", "150"),
                                              ("150–180", "150", "180"))),
        Kind("key", "Key", values=(*_same(*NOTES), *_same(*(f"{note}m" for note in NOTES)))),
        Kind("is", "Kind", values=(
            ("fav", "favourites"), ("loop", "loops"), ("one-shot", "one-shots"), ("long", "long clips"),
            ("tagged", "with tags"), ("untagged", "without tags"), ("offline", "offline"),
        )),
        Kind("rating", "Rating", values=tuple((str(n), f"{wording.count(n, 'star')}" + (" or more" if n < 5 else ""))
                                              for n in range(1, 6))),
        Kind("ch", "Channels", values=(("1", "mono"), ("2", "stereo"), ("4", "4 channels"), ("6", "6 channels"))),
        Kind("rate", "Sample rate", values=tuple((str(r), f"{r / 1000:g} kHz") for r in
                                                 (22_050, 44_100, 48_000, 88_200, 96_000, 192_000))),
        Kind("in", "Collection"),
    )
}  # fmt: skip
SINGLE = ("rating",)  # of these only one value makes sense


def values_of(kind: Kind, known: Vocabulary) -> tuple[tuple[str, str], ...]:
    """The values one may choose from, each with its title."""
    own = {"tag": known.tags, "folder": known.folders, "in": known.collections}.get(kind.name)
    return kind.values if own is None else _same(*own)


def written(kind: Kind, value: str) -> str:
    """A value in the query language."""
    return f"{kind.name}:{quoted(value)}"


def limits(kind: Kind, low: str, high: str) -> str:
    """Two limits in the query language, "" if there is none. Either may be ""."""
    if low and high:
        return f"{kind.name}:{low}-{high}"
    return f"{kind.name}>{low}" if low else f"{kind.name}<{high}" if high else ""


def read_limits(part: str, kind: Kind) -> tuple[str, str]:
    """The limits as they stand in a piece of the query language."""
    rest = part.removeprefix(kind.name)
    operator, value = rest[0], rest.lstrip("<>=:")
    if operator == "<":
        return "", value
    if operator == ">":
        return value, ""
    low, dash, high = value.partition("-")
    return (low, high) if dash else (low, low)

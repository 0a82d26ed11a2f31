"""Label sets: what clips can be tagged with, and how a model is asked for each label."""

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from soundsearch.audio.metadata import unique_labels
from soundsearch.errors import QueryError
from soundsearch.records import LabelSet
from soundsearch.settings import resource

# The mean of these asked as well as that of eight (zero-shot top-1 of 33 everyday sounds 78 %, and 79 %).
PROMPTS = ("{}", "the sound of {}", "{} sound effect")
MAX_LABELS = 10_000  # in a file: more is not a list of labels
_TITLES = {
    "ucs": ("Universal Category System", "Categories and sub-categories that sound libraries are sorted by"),
    "audioset": ("AudioSet", "Everyday sounds, animals, people, machines, music"),
    "music": ("Music production", "Drums, basses, synths, instruments, vocals, effects"),
    "form": ("Loop, one-shot, ambience", "What a clip is made for"),
}


@dataclass(frozen=True, slots=True)
class Label:
    """A label and the texts that a model is asked with; none for one that is not asked for."""

    name: str
    prompts: tuple[str, ...]
    parent: str = ""  # name of the label that it is part of
    id: str = ""  # its name in the system that it comes from: a UCS CatID


def label_sets() -> tuple[LabelSet, ...]:
    """The sets that come with the program."""
    return tuple(
        LabelSet(name, title, sum(bool(label.prompts) for label in load_labels(name)), description)
        for name, (title, description) in _TITLES.items()
    )


def load_labels(source: str) -> tuple[Label, ...]:
    """The labels of a set.

    Args:
        source: Name of a set, a text file with one label a line, or `a,b,c`. One name alone is a label if its words
            are those of a sound; with a comma behind it, it is one in any case.
    Raises:
        QueryError: If there is no label in it, or it is rather the name of a set or a file, misspelt.
    """
    return _shipped(source) if source in _TITLES else _own(source)


@lru_cache
def _shipped(name: str) -> tuple[Label, ...]:
    with resource(f"labels/{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Label(row["label"], _asked(row["phrases"], row["more"]), row["parent"], row["id"])
            for row in csv.DictReader(file)
        )


def _asked(phrases: str, more: str = "") -> tuple[str, ...]:
    asked = [prompt.format(phrase) for phrase in phrases.split("|") if phrase for prompt in PROMPTS]
    return tuple(dict.fromkeys([*asked, *filter(None, more.split("|"))]))


def _own(source: str) -> tuple[Label, ...]:
    path = Path(source)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):
        is_file = False
    if is_file:
        names = unique_labels(_lines(path))
    elif "," in source or not source.strip():
        names = unique_labels(source.split(","))
    else:
        _check_alone(source)
        names = (" ".join(source.split()),)
    if not names:
        raise QueryError("There are no labels to tag with.", "Name some, as in --labels rain,wind,door.")
    return tuple(Label(name, _asked(name.replace("|", " "))) for name in names)


def _check_alone(source: str) -> None:
    """Refuse a name that stands for a file or a set that is not there: as a label it would say nothing.

    Raises:
        QueryError: If it looks like a path, like the name of a set, or like no sound.
    """
    if Path(source).suffix or Path(source).name != source:
        raise QueryError(f"There is no file {source}.", f"Name a file with one label a line, or {', '.join(_TITLES)}.")
    words = re.findall(r"[^\W\d_]+", source.casefold())
    if words and set(words) <= _sound_words():
        return
    raise QueryError(
        f"There is no label set or file {source}.",
        f"The sets are {', '.join(_TITLES)}. For a label of that name, put a comma behind it: {source},",
    )


@lru_cache
def _sound_words() -> frozenset[str]:
    """Words that the shipped labels and everyday descriptions are made of."""
    texts = [prompt for name in _TITLES for label in _shipped(name) for prompt in (label.name, *label.prompts)]
    texts.append(resource("everyday-sounds.txt").read_text(encoding="utf-8"))
    return frozenset(word for text in texts for word in re.findall(r"[^\W\d_]+", text.casefold()))


def _lines(path: Path) -> list[str]:
    """Labels of a file; a line that begins with # says something about it."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise QueryError(f"Cannot read the labels in {path}: {err}.", "Save it as text in UTF-8.") from err
    if len(lines) > MAX_LABELS:
        raise QueryError(f"{path} has {len(lines):,} lines.", f"A set has at most {MAX_LABELS:,} labels.")
    return [line for line in lines if not line.lstrip().startswith("#")]

"""What the starter was taught: which clips it may learn from, and by which texts each is known."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.cleaning import read_name
from trainer.data import Item

FREE = ("public-domain", "attribution")  # licence classes that weights may be trained on and shipped
# Tags that say where a clip comes from, not what is heard.
_NOT_HEARD = {"sfx", "game", "environmental", "environment", "esc10", "instrument", "one-shot", "loop", "drums", "perc"}
SOUNDS = Path(__file__).with_name("sounds.toml")
_KNOWN = ("a known word", "means")  # why a part of a file's name is believed
_TEMPLATES = ("{}", "{}", "the sound of {}", "{} sound", "a recording of {}")


def trainable(items: Iterable[Item]) -> list[Item]:
    """Keep what weights may be trained on and shipped: the train split, permissive, with an author to credit."""
    return [item for item in items if item.split == "train" and item.licence_class in FREE and item.author]


def relative_to(items: Sequence[Item], folder: Path) -> list[Item]:
    """The same items with paths relative to a folder that they are below."""
    return [replace(item, path=str(Path(item.path).relative_to(folder))) for item in items]


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """The one name of each sound, and what else it is called."""
    return {name: tuple(others) for name, others in tomllib.loads(SOUNDS.read_text(encoding="utf-8"))["names"].items()}


@cache
def _same() -> dict[str, str]:
    """Names of one thing: without this, clips of the same drum would be counted as wrong for each other."""
    return {other: name for name, others in _names().items() for other in others}


@cache
def opposites() -> dict[str, frozenset[str]]:
    """Of each measured word, the words of the other end."""
    table = tomllib.loads(SOUNDS.read_text(encoding="utf-8"))["opposites"]
    return {word: frozenset(others) for word, others in table.items()}


def qualities(item: Item) -> frozenset[str]:
    """The measured words that a clip is known by."""
    return frozenset(item.tags) & opposites().keys()


@cache
def sound_of(label: str) -> str:
    """The one name of what a label says is heard; "crash cymbal 2" is not heard as a number."""
    words = re.sub(r"\s+\d+$", "", label)
    return _same().get(words, words)


@cache
def _read(path: str) -> str:
    """What a file's name says, if it says two things that the vocabulary knows: "low hard tom"; else ""."""
    pieces = read_name(Path(path).stem, drums="Drums" in path).pieces
    known = sorted((piece for piece in pieces if piece.reason in _KNOWN), key=lambda piece: piece.sound)
    words = [piece.tag for piece in known if piece.tag != "drum" or not any(other.sound for other in known[:-1])]
    return " ".join(words) if len(known) > 1 and known[-1].sound else ""


def phrasings(item: Item) -> tuple[str, ...]:
    """All texts that an item may be trained with: captions, names, tags that say what is heard, its file's name."""
    heard = [tag for tag in item.tags if tag not in _NOT_HEARD]
    words = sound_of(item.label)
    texts = [*item.captions]
    if not (item.generated and qualities(item)):  # a pair is told apart by its one measured word
        texts += [words, *_names().get(words, ()), *(f"{words}, {tag}" for tag in heard if tag not in words)]
    if m := re.fullmatch(r"(.+), single note ([A-G]#?\d)", item.captions[0] if item.captions else ""):
        texts.append(f"a {m[1]} playing a note")
    if not item.generated:
        texts.append(_read(item.path))
    return tuple(dict.fromkeys(text for text in texts if text))


def draw_text(item: Item, rng: np.random.Generator) -> str:
    """Choose one text for a step: the caption in half of the cases, else any; a bare name in a template."""
    if item.captions and rng.random() < 0.5:
        return item.captions[int(rng.integers(len(item.captions)))]
    options = phrasings(item)
    text = options[int(rng.integers(len(options)))]
    return _TEMPLATES[int(rng.integers(len(_TEMPLATES)))].format(text) if text == sound_of(item.label) else text


def sampling_weights(items: Sequence[Item]) -> npt.NDArray[np.float64]:
    """Probability of each item: by the square root of how often its label occurs, so that none drowns the rest."""
    names, index, counts = np.unique([sound_of(item.label) for item in items], return_inverse=True, return_counts=True)
    del names
    weights = 1 / np.sqrt(counts[index])
    return np.asarray(weights / weights.sum(), np.float64)

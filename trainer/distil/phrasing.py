"""What the starter was taught: which clips it may learn from, and by which texts each is known."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.data import BoolArray, Item

FREE = ("public-domain", "attribution")  # licence classes that weights may be trained on and shipped
# Names of one thing: without this, clips of the same drum would be counted as wrong for each other.
_SAME = {
    "bass drum": "kick drum",
    "acoustic bass drum": "kick drum",
    "acoustic snare": "snare drum",
    "electric snare": "snare drum",
    "snare": "snare drum",
    "birdsong": "bird song",
    "dog bark": "dog",
}
# Tags that say where a clip comes from, not what is heard.
_NOT_HEARD = {"sfx", "game", "environmental", "environment", "esc10", "instrument", "one-shot", "loop", "drums", "perc"}
_TEMPLATES = ("{}", "{}", "the sound of {}", "{} sound", "a recording of {}")


def trainable(items: Iterable[Item]) -> list[Item]:
    """Keep what weights may be trained on and shipped: the train split, permissive, with an author to credit."""
    return [item for item in items if item.split == "train" and item.licence_class in FREE and item.author]


def relative_to(items: Sequence[Item], folder: Path) -> list[Item]:
    """The same items with paths relative to a folder that they are below."""
    return [replace(item, path=str(Path(item.path).relative_to(folder))) for item in items]


def sound_of(label: str) -> str:
    """The one name of what a label says is heard; "crash cymbal 2" is not heard as a number."""
    words = re.sub(r"\s+\d+$", "", label)
    return _SAME.get(words, words)


def phrasings(item: Item) -> tuple[str, ...]:
    """All texts that an item may be trained with: captions, label, and tags that say what is heard."""
    heard = [tag for tag in item.tags if tag not in _NOT_HEARD]
    words = sound_of(item.label)
    texts = [*item.captions, words, *(f"{words}, {tag}" for tag in heard if tag not in words)]
    if m := re.fullmatch(r"(.+), single note ([A-G]#?\d)", item.captions[0] if item.captions else ""):
        texts.append(f"a {m[1]} playing a note")
    return tuple(dict.fromkeys(text for text in texts if text))


def draw_text(item: Item, rng: np.random.Generator) -> str:
    """Choose one text for a step: the caption in half of the cases, else another phrasing, some in a template."""
    options = phrasings(item)
    if item.captions and rng.random() < 0.5:
        return item.captions[int(rng.integers(len(item.captions)))]
    return _TEMPLATES[int(rng.integers(len(_TEMPLATES)))].format(options[int(rng.integers(len(options)))])


def sampling_weights(items: Sequence[Item]) -> npt.NDArray[np.float64]:
    """Probability of each item: by the square root of how often its label occurs, so that none drowns the rest."""
    names, index, counts = np.unique([sound_of(item.label) for item in items], return_inverse=True, return_counts=True)
    del names
    weights = 1 / np.sqrt(counts[index])
    return np.asarray(weights / weights.sum(), np.float64)


def fits(items: Sequence[Item], texts: Sequence[str], own: Sequence[int]) -> BoolArray:
    """Say which texts fit which clip: its own, those of clips with its label, and any of its phrasings.

    Args:
        items: The clips of a batch.
        texts: The unique texts of the batch.
        own: Which text was drawn for each clip.

    Returns:
        Shape (len(items), len(texts)).
    """
    right = np.zeros((len(items), len(texts)), bool)
    labels: dict[int, set[str]] = {}
    for item, column in zip(items, own, strict=True):
        labels.setdefault(column, set()).add(sound_of(item.label))
    for row, item in enumerate(items):
        mine = set(phrasings(item))
        for column, text in enumerate(texts):
            shared = bool(item.label) and sound_of(item.label) in labels.get(column, ())
            right[row, column] = column == own[row] or text in mine or shared
    return right

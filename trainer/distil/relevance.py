"""Which texts of a batch are right for which of its clips, which are wrong, and which are neither."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from trainer.data import BoolArray, Item
from trainer.distil.phrasing import SOUNDS, opposites, phrasings, qualities, sound_of


@dataclass(frozen=True, slots=True)
class Relevance:
    """Three tables of clips and texts, shape (B, T); what is in none of them is wrong if it is not nearly the same."""

    right: BoolArray
    unknown: BoolArray  # nobody measured whether it is so
    wrong: BoolArray  # however near the texts are


@cache
def _rivals() -> dict[str, frozenset[str]]:
    """Of each sound, those that it is easily taken for."""
    found: dict[str, set[str]] = {}
    for family in tomllib.loads(SOUNDS.read_text(encoding="utf-8"))["families"].values():
        for name in family:
            found.setdefault(name, set()).update(other for other in family if other != name)
    return {name: frozenset(others) for name, others in found.items()}


def relevance(items: Sequence[Item], texts: Sequence[str], own: Sequence[int]) -> Relevance:
    """Judge the pairs of a batch.

    Args:
        items: The clips of the batch.
        texts: The unique texts of the batch.
        own: Which text was drawn for each clip.

    Returns:
        Right are a clip's own text, those of clips with its label, and any of its phrasings; but of a text with a
        measured word nobody knows whether it fits a clip that was not measured, and the opposite word is wrong. A text
        that names a sound is wrong for the sounds that it is easily taken for.
    """
    shape = (len(items), len(texts))
    right, unknown, wrong = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    labels: list[set[str]] = [set() for _ in texts]
    measured: list[frozenset[str]] = [frozenset() for _ in texts]
    for item, column in zip(items, own, strict=True):
        labels[column].add(sound_of(item.label))
        measured[column] |= qualities(item) & frozenset(texts[column].replace(",", "").split())
    words = [frozenset(text.replace(",", "").casefold().split()) for text in texts]
    # "A dark sound" names no sound, though it was drawn for one.
    named = [not measured[k] or any(label in text for label in labels[k]) for k, text in enumerate(texts)]
    for row, item in enumerate(items):
        name, known, mine = sound_of(item.label), qualities(item), set(phrasings(item))
        against = frozenset().union(*(opposites()[word] for word in known))
        rivals = _rivals().get(name, frozenset())
        for column, text in enumerate(texts):
            heard = labels[column]
            if column == own[row] or text in mine:
                right[row, column] = True
            elif words[column] & against or (named[column] and name not in heard and heard & rivals):
                wrong[row, column] = True
            elif name and name in heard:
                (unknown if measured[column] - known else right)[row, column] = True
    return Relevance(right, unknown, wrong)

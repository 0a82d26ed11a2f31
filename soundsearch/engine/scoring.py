"""How well labels fit clips: a calibrated score from 0 to 1 that means the same for every label, set and library.

A label is a direction: the mean of its prompts' embeddings, drawn towards clips that people gave it to and away from
those they refused it for. A similarity says little by itself, for some labels are near to everything. So it is measured
against the label's own distribution over a background of clips, and against the clip's own over everyday descriptions;
a logistic curve makes a probability of the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soundsearch.records import FloatArray, IntArray

# The logistic curve, as `benchmarks/tagging.py --fit` finds it on 33, 75 and 111 labels of three labelled sets.
BY_LABEL, BY_CLIP, OFFSET = 0.80, 0.76, -6.0
# An example weighs as much as the words at about two; at ten it has come to 1.5 times their weight.
MOST_WEIGHT, HALF_WAY = 2.0, 3.0
REFUSED_SHARE = 0.5  # of a refused example against a right one
LEAST_SPREAD = 0.02  # standard deviation of similarities: less would make noise of rounding look like a finding


@dataclass(frozen=True, slots=True)
class Background:
    """What is ordinary: clips (m, d) of the library or of everyday life, and everyday descriptions (t, d)."""

    clips: FloatArray
    texts: FloatArray


def directions(texts: FloatArray, owners: IntArray, n_labels: int) -> FloatArray:
    """Mean direction of each label's prompts.

    Args:
        texts: Embeddings of all prompts, unit rows (n, d).
        owners: Which label each is of, (n,).
        n_labels: How many labels there are.
    Returns:
        Unit rows (n_labels, d); zeros for a label without prompts.
    """
    sums = np.zeros((n_labels, texts.shape[1]), np.float32)
    np.add.at(sums, owners, texts)
    return _unit(sums)


def with_parents(labels: FloatArray, parents: Sequence[int]) -> FloatArray:
    """Draw labels that are part of another towards the mean of their kin: what a category has in common.

    On everyday sounds that raised the share of right UCS sub-categories from 56 % to 57 %, and where a sub-category is
    wrong its category is right more often.

    Args:
        labels: Directions (n, d).
        parents: Index of each label's parent, -1 for none.
    """
    owners = np.asarray(parents)
    asked = np.linalg.norm(labels, axis=1) > 0
    out = labels.copy()
    for parent in np.unique(owners[owners >= 0]):
        kin = (owners == parent) & asked
        if not kin.any():  # a category of which nobody asks for a part
            continue
        out[kin] = _unit(labels[kin] + _unit(labels[kin].mean(axis=0)))
    return out


def with_examples(
    labels: FloatArray,
    right: Mapping[int, FloatArray],
    refused: Mapping[int, FloatArray],
    background: Background,
) -> FloatArray:
    """Draw labels towards clips that they are right for, and away from those that they were refused for.

    Args:
        labels: Directions (n, d).
        right: Clips (k, d) by the label's index.
        refused: The same.
        background: Its middle is what all clips share, and says nothing about a label.
    """
    middle = background.clips.mean(axis=0) if len(background.clips) else 0.0
    out = labels.copy()
    for index in {*right, *refused}:
        for examples, sign in ((right.get(index), 1.0), (refused.get(index), -REFUSED_SHARE)):
            if examples is not None and len(examples):
                weight = sign * MOST_WEIGHT * len(examples) / (len(examples) + HALF_WAY)
                out[index] += weight * _unit(examples.mean(axis=0) - middle)
    return _unit(out)


class Scorer:
    """Labels that were measured against a background once, ready for many clips."""

    def __init__(self, labels: FloatArray, background: Background, worded: FloatArray | None = None) -> None:
        """Measure what is ordinary.

        Args:
            labels: Directions (l, d), drawn towards examples where there are some.
            background: What is ordinary in this library.
            worded: The directions of the words alone, (l, d), if `labels` were drawn towards examples.
        """
        self._labels = labels
        self._worded = labels if worded is None else worded
        self._texts = background.texts
        ordinary = background.clips @ labels.T
        self._mean, self._spread = ordinary.mean(axis=0), ordinary.std(axis=0)
        self._unasked = np.linalg.norm(labels, axis=1) == 0

    def scores(self, clips: FloatArray) -> FloatArray:
        """Score every label for every clip: the calibrated probability that it is right.

        Args:
            clips: Unit rows (n, d).
        Returns:
            Shape (n, l), from 0 to 1; 0 for a label without direction.
        """
        by_label = _standing(clips @ self._labels.T, self._mean, self._spread)
        everyday = clips @ self._texts.T
        by_clip = _standing(
            clips @ self._worded.T, everyday.mean(axis=1, keepdims=True), everyday.std(axis=1, keepdims=True)
        )
        logits = BY_LABEL * by_label + BY_CLIP * by_clip + OFFSET
        probability: FloatArray = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
        probability[:, self._unasked] = 0.0
        return probability


def scores(
    clips: FloatArray, labels: FloatArray, background: Background, worded: FloatArray | None = None
) -> FloatArray:
    """Score labels (l, d) for clips (n, d) at once: see `Scorer`. Returns (n, l)."""
    return Scorer(labels, background, worded).scores(clips)


def raise_parents(probability: FloatArray, parents: Sequence[int]) -> FloatArray:
    """A category is at least as probable as the most probable of its sub-categories."""
    out = probability.copy()
    for index, parent in enumerate(parents):
        if parent >= 0:
            out[:, parent] = np.maximum(out[:, parent], probability[:, index])
    return out


def _standing(similarity: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
    return np.asarray((similarity - mean) / np.maximum(spread, LEAST_SPREAD), np.float32)


def _unit(rows: FloatArray) -> FloatArray:
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: FloatArray = np.divide(rows, norm, out=np.zeros_like(rows, np.float32), where=norm > 0).astype(np.float32)
    return unit

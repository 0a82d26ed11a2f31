"""How well texts find clips and clips find texts: recall@k, mAP@10, median rank, zero-shot accuracy."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from soundsearch.records import FloatArray
from trainer.data import BoolArray, Item

FloatColumn = npt.NDArray[np.float64]
RESAMPLES = 1000
SEED = 3407


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean over queries, with the interval that holds it in 95 % of bootstrap resamples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One direction of retrieval; all but the rank are shares of 1."""

    queries: int
    candidates: int
    recall_1: Measure
    recall_5: Measure
    recall_10: Measure
    map_10: Measure
    median_rank: float  # of the best right answer, from 1


def best_ranks(similarity: FloatArray, relevant: BoolArray) -> FloatColumn:
    """Return the 0-based rank of the best right answer of each query, shape (n_queries,).

    A wrong answer with the same score counts as before it: a model that gives everything one score finds nothing.

    Args:
        similarity: Shape (n_queries, n_candidates).
        relevant: Which candidates are right, same shape; at least one in each row.
    """
    best = np.where(relevant, similarity, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(((similarity >= best) & ~relevant).sum(axis=1), np.float64)


def average_precision_10(similarity: FloatArray, relevant: BoolArray) -> FloatColumn:
    """Return the average precision in the first ten of each query, shape (n_queries,).

    The i-th right answer, at 0-based rank r, adds i / (r + 1); the sum is divided by the number of right answers there
    are, at most 10. With one right answer this is 1 / (r + 1).

    Source: the protocol of Wu et al. (arXiv:2211.06687) and its official code; ties as in `best_ranks`.
    """
    order = np.lexsort((relevant, -similarity), axis=1)[:, :10]
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return np.asarray((precision * hits).sum(axis=1) / np.minimum(relevant.sum(axis=1), 10), np.float64)


def measure(values: FloatColumn, seed: int = SEED) -> Measure:
    """Mean of one value per query, with its bootstrap interval."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Measure(float(values.mean()), float(low), float(high))


def retrieval(similarity: FloatArray, relevant: BoolArray) -> Retrieval:
    """Measure one direction; queries without any right answer are left out."""
    some = relevant.any(axis=1)
    similarity, relevant = similarity[some], relevant[some]
    ranks = best_ranks(similarity, relevant)
    recalls = [measure((ranks < k).astype(np.float64)) for k in (1, 5, 10)]
    return Retrieval(
        queries=len(ranks),
        candidates=similarity.shape[1],
        recall_1=recalls[0],
        recall_5=recalls[1],
        recall_10=recalls[2],
        map_10=measure(average_precision_10(similarity, relevant)),
        median_rank=float(np.median(ranks) + 1),
    )


def caption_matrix(items: Sequence[Item]) -> tuple[list[str], BoolArray]:
    """Unique captions, and which clips carry them: shape (n_captions, n_clips). Shared captions share their clips."""
    captions = list(dict.fromkeys(caption for item in items for caption in item.captions))
    rows = {caption: row for row, caption in enumerate(captions)}
    carried = np.zeros((len(captions), len(items)), bool)
    for column, item in enumerate(items):
        for caption in item.captions:
            carried[rows[caption], column] = True
    return captions, carried


def zero_shot(audio: FloatArray, classes: FloatArray, truth: Sequence[int]) -> Measure:
    """Share of clips (n, d) whose nearest class text (c, d) is the right one, all rows of unit length."""
    guess = (audio @ classes.T).argmax(axis=1)
    return measure((guess == np.asarray(truth)).astype(np.float64))


def report(items: Sequence[Item], audio: FloatArray, texts: dict[str, FloatArray]) -> dict[str, Any]:
    """Measure everything that a manifest allows.

    Args:
        items: The clips.
        audio: Their embeddings, unit rows, shape (n, d).
        texts: The embedding of every text of `wanted_texts(items)`.

    Returns:
        A table for JSON: `clips`, `text_to_audio`, `audio_to_text`, and where there are labels or classes
        `label_to_audio` and `zero_shot`.
    """
    captions, carried = caption_matrix(items)
    table: dict[str, Any] = {"clips": len(items)}
    if captions:
        similarity = np.stack([texts[caption] for caption in captions]) @ audio.T
        table["text_to_audio"] = asdict(retrieval(similarity, carried))
        table["audio_to_text"] = asdict(retrieval(similarity.T, carried.T))
    labels = sorted({item.label for item in items if item.label})
    if labels:
        similarity = np.stack([texts[label] for label in labels]) @ audio.T
        carries = np.array([[item.label == label for item in items] for label in labels])
        table["label_to_audio"] = asdict(retrieval(similarity, carries))
    classes = sorted({item.class_name for item in items if item.class_name})
    if len(classes) > 1:
        chosen = [row for row, item in enumerate(items) if item.class_name]
        truth = [classes.index(items[row].class_name) for row in chosen]
        accuracy = zero_shot(audio[chosen], np.stack([texts[name] for name in classes]), truth)
        table["zero_shot"] = {"classes": len(classes), "clips": len(chosen), "top_1": asdict(accuracy)}
    return table


def wanted_texts(items: Sequence[Item]) -> list[str]:
    """All texts that `report` asks for."""
    groups = ((*item.captions, item.label, item.class_name) for item in items)
    return sorted({text for group in groups for text in group if text})

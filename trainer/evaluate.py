"""How well texts find clips and clips find texts: recall@k, mAP@10, median rank, zero-shot; what a change gained."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from soundsearch.records import FloatArray
from trainer.data import BoolArray, Item

FloatColumn = npt.NDArray[np.float64]
Clusters = Sequence[str] | npt.NDArray[Any]
RESAMPLES = 1000
SEED = 3407
_BLOCK = 1024  # queries that are sorted at once: bounds the memory
PAPER_PROMPT = "This is a sound of {label}."
# The bare label, what the shipped model was trained with, and the paper's: no one template is best for every model.
ENSEMBLE = ("{label}", "the sound of {label}", "a recording of {label}", PAPER_PROMPT)


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

    A wrong answer with the same score counts as before it: a model that gives everything one score finds nothing. And
    neither does one that gives no number: without a score an answer is the last.

    Args:
        similarity: Shape (n_queries, n_candidates).
        relevant: Which candidates are right, same shape; at least one in each row.
    """
    similarity = np.where(np.isnan(similarity), -np.inf, similarity)
    best = np.where(relevant, similarity, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(((similarity >= best) & ~relevant).sum(axis=1), np.float64)


def average_precision_10(similarity: FloatArray, relevant: BoolArray) -> FloatColumn:
    """Return the average precision in the first ten of each query, shape (n_queries,).

    The i-th right answer, at 0-based rank r, adds i / (r + 1); the sum is divided by the number of right answers there
    are, at most 10. With one right answer this is 1 / (r + 1).

    Source: the protocol of Wu et al. (arXiv:2211.06687) and its official code; ties as in `best_ranks`.
    """
    blocks = range(0, len(similarity), _BLOCK)
    parts = [_precision(similarity[at : at + _BLOCK], relevant[at : at + _BLOCK]) for at in blocks]
    return np.concatenate(parts) if parts else np.zeros(0)


def _precision(similarity: FloatArray, relevant: BoolArray) -> FloatColumn:
    # In double precision a right answer can be put right behind all that have its score and before everything below.
    keys = np.where(np.isnan(similarity), np.finfo(np.float64).min / 2, similarity.astype(np.float64))
    keys = -np.where(relevant, np.nextafter(keys, -np.inf), keys)
    size = min(10, keys.shape[1])
    first = np.argpartition(keys, size - 1, axis=1)[:, :size]
    order = np.take_along_axis(first, np.take_along_axis(keys, first, axis=1).argsort(axis=1), axis=1)
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, size + 1)
    return np.asarray((precision * hits).sum(axis=1) / np.minimum(relevant.sum(axis=1), 10), np.float64)


def measure(values: FloatColumn, seed: int = SEED, clusters: Clusters | None = None) -> Measure:
    """Mean of one value per query, with its percentile bootstrap interval.

    Args:
        values: Shape (n,), at least one.
        seed: Of the resampling.
        clusters: Which cluster each value belongs to, (n,); clusters are drawn whole, because the clips of one
            recording and the captions of one clip succeed and fail together. Without it every value is its own.
    """
    rng = np.random.default_rng(seed)
    owner = np.arange(len(values)) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    totals, sizes = np.bincount(owner, values), np.bincount(owner)
    means = np.empty(RESAMPLES)
    for turn in range(RESAMPLES):
        drawn = rng.integers(0, len(totals), len(totals))
        means[turn] = totals[drawn].sum() / sizes[drawn].sum()
    low, high = np.percentile(means, (2.5, 97.5))
    return Measure(float(values.mean()), float(low), float(high))


def paired(before: FloatColumn, after: FloatColumn, seed: int = SEED, clusters: Clusters | None = None) -> Measure:
    """Mean of after - before over the same queries, with its interval; above zero where the low end is.

    Both models answer the same queries, so what makes a query hard for both cancels out: the interval is narrower
    than that of two independent measures.

    Args:
        before: One value per query, shape (n,), as from `average_precision_10`.
        after: The same queries in the same order.
        seed: Of the resampling.
        clusters: As in `measure`: recordings, packs or queries that are drawn whole.

    Raises:
        ValueError: If the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"{before.shape} values cannot be paired with {after.shape}")
    return measure(after - before, seed, clusters)


def retrieval(similarity: FloatArray, relevant: BoolArray, clusters: Clusters | None = None) -> Retrieval:
    """Measure one direction; queries without any right answer are left out.

    Args:
        similarity: Shape (n_queries, n_candidates).
        relevant: Which candidates are right, same shape.
        clusters: Of the queries, (n_queries,), for the intervals.
    """
    some = relevant.any(axis=1)
    if not some.all():  # a copy of a large matrix, seldom needed
        similarity, relevant = similarity[some], relevant[some]
    owners = None if clusters is None else np.asarray(clusters)[some]
    ranks = best_ranks(similarity, relevant)
    recalls = [measure((ranks < k).astype(np.float64), clusters=owners) for k in (1, 5, 10)]
    return Retrieval(
        queries=len(ranks),
        candidates=similarity.shape[1],
        recall_1=recalls[0],
        recall_5=recalls[1],
        recall_10=recalls[2],
        map_10=measure(average_precision_10(similarity, relevant), clusters=owners),
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


def paper_matrix(items: Sequence[Item], captions_per_clip: int) -> tuple[list[str], BoolArray, list[int]]:
    """The queries of the paper's retrieval tables: each clip's first captions, none left out because it is repeated.

    Text to audio pools the ranks of all rows against the clips; audio to text ranks all rows for each clip, where the
    best of its captions gives R@k and the sum over its hits is divided by their number. `retrieval` of the similarity
    and of its transpose computes both. Clips with the same text are all right answers to it.

    Args:
        items: The clips; those with fewer captions bring what they have.
        captions_per_clip: 5 for AudioCaps and Clotho.

    Returns:
        The texts, first captions first; which clips are right for each, (n_texts, n_clips); whose it is, (n_texts,).

    Source: Wu et al. (arXiv:2211.06687), evaluation of retrieval, and its official code.
    """
    pairs = [
        (item.captions[turn], column)
        for turn in range(captions_per_clip)
        for column, item in enumerate(items)
        if turn < len(item.captions)
    ]
    carriers: dict[str, list[int]] = {}
    for text, column in pairs:
        carriers.setdefault(text, []).append(column)
    relevant = np.zeros((len(pairs), len(items)), bool)
    for row, (text, _) in enumerate(pairs):
        relevant[row, carriers[text]] = True
    return [text for text, _ in pairs], relevant, [column for _, column in pairs]


def class_texts(
    labels: Sequence[str], templates: Sequence[str], embed_texts: Callable[[Sequence[str]], FloatArray]
) -> FloatArray:
    """Embed each class as the mean of its prompts: unit rows, shape (n_labels, d), float32.

    Args:
        labels: Class names; underscores are read as spaces.
        templates: Prompts with {label}; several make an ensemble.
        embed_texts: Texts to unit rows.
    """
    words = [label.replace("_", " ") for label in labels]
    total = sum(embed_texts([template.format(label=word) for word in words]) for template in templates)
    rows = np.asarray(total, np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def zero_shot_hits(audio: FloatArray, classes: FloatArray, truth: Sequence[int]) -> FloatColumn:
    """1 for each clip whose right class is nearer than every other, else 0: shape (n,). A tie is no hit.

    Args:
        audio: Clips, unit rows, shape (n, d).
        classes: Class texts, unit rows, shape (c, d).
        truth: The right class of each clip.
    """
    similarity = audio @ classes.T
    right = np.zeros(similarity.shape, bool)
    right[np.arange(len(audio)), np.asarray(truth, int)] = True
    return np.asarray(best_ranks(similarity, right) == 0, np.float64)


def zero_shot(
    audio: FloatArray, classes: FloatArray, truth: Sequence[int], clusters: Clusters | None = None
) -> Measure:
    """Share of clips (n, d) whose nearest class text (c, d) is the right one, all rows of unit length."""
    return measure(zero_shot_hits(audio, classes, truth), clusters=clusters)


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

"""How the CLAP paper measures a model on each kind of data set, and its tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from soundsearch.errors import TrainingError
from soundsearch.records import FloatArray
from trainer import probe
from trainer.data import BoolArray, Item
from trainer.evaluate import ENSEMBLE, SEED, class_texts, measure, paper_matrix, retrieval, zero_shot

EmbedTexts = Callable[[Sequence[str]], FloatArray]
OWN_FOLDS = 5  # where nobody published any


def caption_table(items: Sequence[Item], audio: FloatArray, embed: EmbedTexts, per_clip: int) -> dict[str, Any]:
    """Retrieval as in the paper's tables 2 and 3, with the first captions of each clip.

    Intervals draw clips whole, with all their captions.
    """
    texts, relevant, owners = paper_matrix(items, per_clip)
    unique = list(dict.fromkeys(texts))
    place = {text: row for row, text in enumerate(unique)}
    similarity = embed(unique)[[place[text] for text in texts]] @ audio.T
    return {
        "captions_per_clip": per_clip,
        "text_to_audio": asdict(retrieval(similarity, relevant, np.array(owners))),
        "audio_to_text": asdict(retrieval(similarity.T, relevant.T)),
    }


def class_table(
    items: Sequence[Item], labels: Sequence[str], audio: FloatArray, embed: EmbedTexts, templates: Sequence[str]
) -> dict[str, Any]:
    """Zero-shot top-1 of clips with one class each, with the prompts asked for and with the ensemble."""
    truth = [labels.index(item.class_name) for item in items]
    clusters = _recordings(items)
    table: dict[str, Any] = {}
    for name, prompts in (("zero_shot", templates), ("zero_shot_ensemble", ENSEMBLE)):
        top_1 = zero_shot(audio, class_texts(labels, prompts, embed), truth, clusters)
        table[name] = {"classes": len(labels), "clips": len(items), "prompts": list(prompts), "top_1": asdict(top_1)}
    return table


def tag_table(
    items: Sequence[Item], labels: Sequence[str], audio: FloatArray, embed: EmbedTexts, templates: Sequence[str]
) -> dict[str, Any]:
    """Zero-shot for clips with several labels each: mean average precision over labels, and search by label."""
    truth = truth_of(items, labels)
    table: dict[str, Any] = {}
    for name, prompts in (("zero_shot", templates), ("zero_shot_ensemble", ENSEMBLE)):
        similarity = class_texts(labels, prompts, embed) @ audio.T
        precision = probe.mean_average_precision(similarity.T, truth)
        table[name] = {"classes": len(labels), "clips": len(items), "prompts": list(prompts), "map": precision}
        if name == "zero_shot":
            table["tag_to_audio"] = asdict(retrieval(similarity, truth.T))
    return table


def truth_of(items: Sequence[Item], labels: Sequence[str]) -> BoolArray:
    """Which labels each clip has, by class or by tags, shape (n_items, n_labels)."""
    return np.array([[label == item.class_name or label in item.tags for label in labels] for item in items], bool)


def probe_table(
    kind: probe.Kind, items: Sequence[Item], audio: FloatArray, labels: Sequence[str], measured: BoolArray
) -> dict[str, Any]:
    """Supervised probe on frozen embeddings.

    Args:
        kind: "linear" or "mlp".
        items: All clips, those to learn from and those to measure on.
        audio: Their embeddings, (n, d).
        labels: All labels.
        measured: Which clips are measured, (n,). Where the data set has folds, or all are measured, each fold is asked
            a classifier of the others; else all clips that are not measured are learned from.

    Raises:
        TrainingError: If there is nothing to learn from.
    """
    truth = truth_of(items, labels)
    several = bool((truth.sum(axis=1) > 1).any())
    folds = _folds(items)
    if measured.all():
        score = probe.cross_validated(kind, audio, truth, folds, several=several)
    elif (~measured).any() and truth[~measured].any():
        score = np.zeros(truth.shape, np.float32)
        score[measured] = probe.scores(kind, audio[~measured], truth[~measured], audio[measured], several=several)
    else:
        raise TrainingError("There are no clips to train the probe on.", "It needs those of the other splits too.")
    score, right = score[measured], truth[measured]
    table: dict[str, Any] = {
        "kind": kind,
        "classes": len(labels),
        "learned_from": len(items) if measured.all() else int((~measured).sum()),
        "folds": len(set(folds)) if measured.all() else 0,
        "clips": int(measured.sum()),
        "map": probe.mean_average_precision(score, right),
    }
    if not several:
        clusters = [name for name, wanted in zip(_recordings(items), measured, strict=True) if wanted]
        table["accuracy"] = asdict(measure(probe.hits(score, right), clusters=clusters))
    return table


def _folds(items: Sequence[Item]) -> list[str]:
    """The published folds; else five of our own, that keep the clips of a recording together."""
    if all(item.split.startswith("fold ") for item in items):
        return [item.split for item in items]
    names = _recordings(items)
    unique = sorted(set(names))
    drawn = np.random.default_rng(SEED).permutation(len(unique))
    number = {name: int(drawn[place]) % OWN_FOLDS for place, name in enumerate(unique)}
    return [str(number[name]) for name in names]


def _recordings(items: Sequence[Item]) -> list[str]:
    """What a clip was cut from: itself where nothing is known."""
    return [item.group or item.path for item in items]


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a table: which data set, and where it lies in what was measured there."""

    title: str
    data: str
    place: tuple[str, ...]


def _directions(data: str, measures: Mapping[str, str], first: str, second: str) -> tuple[Column, ...]:
    short = {"text_to_audio": "T→A", "audio_to_text": "A→T"}
    return tuple(
        Column(f"{short[direction]} {title}", data, (direction, name))
        for direction in (first, second)
        for name, title in measures.items()
    )


_MAP = {"map_10": "mAP@10"}
_RECALL = {"recall_1": "R@1", "recall_5": "R@5", "recall_10": "R@10"}
# The tables of Wu et al. (arXiv:2211.06687), in their order of columns.
TABLES: dict[int, tuple[Column, ...]] = {
    2: (
        *_directions("AudioCaps", _MAP, "audio_to_text", "text_to_audio"),
        *_directions("Clotho", _MAP, "audio_to_text", "text_to_audio"),
    ),
    3: (
        *_directions("AudioCaps", _RECALL, "text_to_audio", "audio_to_text"),
        *_directions("Clotho", _RECALL, "text_to_audio", "audio_to_text"),
    ),
    4: (
        Column("zero-shot", "ESC-50", ("zero_shot", "top_1")),
        Column("zero-shot", "UrbanSound8K", ("zero_shot", "top_1")),
        Column("zero-shot", "VGGSound", ("zero_shot", "top_1")),
        Column("supervised", "VGGSound", ("probe", "accuracy")),
        Column("supervised (mAP)", "FSD50K", ("probe", "map")),
    ),
}


def probes(number: int) -> set[str]:
    """The data sets of a table that need a probe."""
    return {column.data for column in TABLES[number] if column.place[0] == "probe"}


def row(number: int, measured: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fill a table's row: `value`, `low` and `high` where there are, null for data sets that were not measured.

    Args:
        number: Of the table, 2 to 4.
        measured: What was measured, by the name of the data set.
    """
    cells = []
    for column in TABLES[number]:
        value: Any = measured.get(column.data)
        for key in column.place:
            value = value.get(key) if value else None
        cells.append({"data": column.data, "column": column.title, **_cell(value)})
    return cells


def _cell(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"value": value}

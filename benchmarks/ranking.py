"""How well searches rank, on labelled clips: the table, the text and the picture of docs/ranking.md.

Run: python -m benchmarks.ranking DATA WORK, with the development data and a folder that keeps the libraries made of it
(a second run takes half a minute). Names are judged on three libraries of the same clips: with their own names, with
numbers in their place, and with each other's names, which is the worst that names can do.
"""

import csv
import itertools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import tagging
from benchmarks.reliability import Judged, draw
from soundsearch.engine.active import ActiveModel
from soundsearch.engine.calibration import FAIR, STRONG, Calibration
from soundsearch.engine.direction import Direction, Yardstick
from soundsearch.engine.selection import Filtered
from soundsearch.engine.service import Engine
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import FloatArray, Query
from soundsearch.settings import Places, resource

DOCS = Path(__file__).parents[1] / "docs"
SENTENCES = ("{}", "{}.", "the sound of {}", "a recording of {}")
TOP = 30  # hits of a query that the calibration is judged by
PAIRS = 30
QUERIES = 250  # sounds that are asked for, of a kind

Row = dict[str, str]


class Judgement:
    """Labelled clips with their vectors, in one order.

    Attributes:
        rows: The lines of the table of the data.
        vectors: (n, dimension).
        labels: (n,)
        captions: (n,)
    """

    def __init__(self, model: ActiveModel, vectors: dict[str, FloatArray], rows: Sequence[Row]) -> None:
        self.rows = [row for row in rows if row["path"] in vectors]
        self.model = model
        self.vectors = np.stack([vectors[row["path"]] for row in self.rows])
        self.labels = np.array([row["label"] for row in self.rows])
        self.captions = np.array([row["caption"] for row in self.rows])
        self.index = VectorIndex(self.vectors.shape[1])
        self.index.add(np.arange(1, len(self.rows) + 1), self.vectors)
        self.index.stamp = (1, 0)

    def of_label(self, least: int = 1) -> list[tuple[str, np.ndarray]]:
        """Labels with at least so many clips, and which clips those are, (n,) bool."""
        return [(str(x), self.labels == x) for x in np.unique(self.labels) if (self.labels == x).sum() >= least]

    def of_caption(self) -> list[tuple[str, np.ndarray]]:
        return [(str(x), self.captions == x) for x in np.unique(self.captions)]

    def yardstick(self, texts: Sequence[str] = (), like: int = -1, not_texts: Sequence[str] = ()) -> Yardstick:
        return Yardstick(self.direction(texts, like, not_texts), self.index)

    def direction(self, texts: Sequence[str] = (), like: int = -1, not_texts: Sequence[str] = ()) -> Direction:
        nothing = np.zeros((0, self.vectors.shape[1]), np.float32)
        return Direction(
            self.model.embed_texts(texts),
            self.model.embed_texts(not_texts),
            self.vectors[like : like + 1] if like >= 0 else nothing,
            nothing,
        )


# -- metrics


def retrieval(orders: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> dict[str, float]:
    """R@1, 5, 10 (a right clip among the first k) and mAP@10 of rankings by clip."""
    hits = [relevant[order[:10]] for order, relevant in zip(orders, right, strict=True)]
    precise = [
        sum((hit[: i + 1].mean()) for i in np.flatnonzero(hit)) / min(10, relevant.sum())
        for hit, relevant in zip(hits, right, strict=True)
    ]
    recall = {f"R@{k}": float(np.mean([hit[:k].any() for hit in hits])) for k in (1, 5, 10)}
    return {**recall, "mAP@10": float(np.mean(precise))}


def average_precision(scores: np.ndarray, right: np.ndarray) -> float:
    places = np.flatnonzero(right[np.argsort(-scores, kind="stable")])
    return float(np.mean((np.arange(len(places)) + 1) / (places + 1)))


def zero_shot(judged: Judgement, scores: np.ndarray) -> dict[str, float]:
    """Of scores (labels, clips): the best label of a clip is its own; AP of a label, and of all pairs together."""
    labels = judged.of_label()
    right = np.stack([relevant for _, relevant in labels])
    names = np.array([label for label, _ in labels])
    top = float(np.mean(names[scores.argmax(axis=0)] == judged.labels))
    each = float(np.mean([average_precision(row, relevant) for row, relevant in zip(scores, right, strict=True)]))
    return {"top-1": top, "tag mAP": each, "mAP of all": average_precision(scores.ravel(), right.ravel())}


# -- what is measured


def by_meaning(judged: Judgement, embed: Callable[[Sequence[str]], FloatArray]) -> dict[str, float]:
    captions = judged.of_caption()
    similarity = embed([caption for caption, _ in captions]) @ judged.vectors.T
    orders = [np.argsort(-row, kind="stable") for row in similarity]
    tags = embed([label for label, _ in judged.of_label()]) @ judged.vectors.T
    return {**zero_shot(judged, tags), **retrieval(orders, [right for _, right in captions])}


def calibrated(judged: Judgement) -> dict[str, float]:
    """The prompt ensemble with probabilities in place of similarities: labels can be compared with one another."""
    rows = []
    for label, _ in judged.of_label():
        direction = judged.direction([label])
        yardstick = Yardstick(direction, judged.index)
        levels = Calibration().scale(direction, judged.model._background(), yardstick)
        rows.append(levels.probabilities(yardstick.scores(judged.vectors)))
    same = by_meaning(judged, judged.model.embed_texts)  # the order of one query's hits does not change
    return {**same, **zero_shot(judged, np.stack(rows))}


def by_name_too(engine: Engine, judged: Judgement, number: dict[str, int]) -> dict[str, float]:
    """Captions as a user types them, in a library whose files are called one way or another."""
    orders = []
    for caption, _ in judged.of_caption():
        hits = engine.search(Query(texts=(caption,)), 10)
        orders.append(np.array([number[hit.clip.path] for hit in hits]))
    return retrieval(orders, [right for _, right in judged.of_caption()])


def few_shot(engine: Engine, clips: tagging.Clips) -> Iterator[tuple[str, dict[str, float]]]:
    """Labels with ten clips and more in the training part, with so many of those as examples, and with none."""
    steps = engine.tagging._background(engine.answering)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            background = stop.value
            break
    train, judged = tagging.part(clips, "train"), tagging.part(clips, "val")
    for shots, n, (precision, top, _) in tagging.taught(engine, train, judged, background):
        yield f"{n} labels, {shots or 'no'} example{'s' * (shots != 1)} each", {"top-1": top, "tag mAP": precision}


Ranker = Callable[[str, str, int], np.ndarray]  # wanted, unwanted or "", how many: rows of a `Judgement`, best first


def meaning_only(judged: Judgement) -> Ranker:
    def rank(wanted: str, unwanted: str, n: int) -> np.ndarray:
        scores = judged.yardstick([wanted], not_texts=[unwanted] if unwanted else ()).scores(judged.vectors)
        return np.argsort(-scores, kind="stable")[:n]

    return rank


def as_searched(engine: Engine, judged: Judgement, data: Path) -> Ranker:
    """The program's own ranking of these clips under the names that they have."""
    number = {str(data / row["path"]): i for i, row in enumerate(judged.rows)}
    clips, contents = engine._catalogue.candidates.select(Query().filter)
    rows = np.array([number.get(clip.path, -1) for clip in engine.clips(clips.tolist())])
    selection = Filtered(clips[rows >= 0], contents[rows >= 0])
    row_of = dict(zip(clips.tolist(), rows.tolist(), strict=True))

    def rank(wanted: str, unwanted: str, n: int) -> np.ndarray:
        query = Query(texts=(wanted,), not_texts=(unwanted,) if unwanted else ())
        return np.array([row_of[clip] for clip in engine.answering.rank(query, selection, n).clip_ids.tolist()])

    return rank


def negation(judged: Judgement, rank: Ranker) -> dict[str, float]:
    """`A -B` against `A`, for the labels B that come in most among the first ten of A, but are not words for it."""
    labels = dict(judged.of_label(5))
    names = list(labels)
    many = {a: max(10, int(labels[a].sum())) for a in names}
    plain = {a: rank(a, "", many[a]) for a in names}
    words = dict(zip(names, judged.model.embed_texts(names), strict=True))
    pairs = []
    for a, b in itertools.permutations(names, 2):
        differs = not set(a.split()) & set(b.split()) and float(words[a] @ words[b]) < 0.6
        if differs and (count := int(labels[b][plain[a][:10]].sum())):
            pairs.append((-count, a, b))
    counts, recalls = np.zeros(4), []
    for _, a, b in sorted(pairs)[:PAIRS]:
        orders = [plain[a], rank(a, b, many[a])]
        counts += [labels[b][order[:10]].sum() for order in orders] + [labels[a][order].sum() for order in orders]
        recalls.append([labels[a][order].sum() / labels[a].sum() for order in orders])
    before, after = np.mean(recalls, axis=0)
    return {
        "pairs": min(len(pairs), PAIRS),
        "B among ten before": int(counts[0]),
        "after": int(counts[1]),
        "B falls by": 1 - counts[1] / counts[0],
        "A's recall before": before,
        "A's after": after,
        "A's falls by": 1 - after / before,
        "all hits of A before": int(counts[2]),
        "A after": int(counts[3]),
        "they fall by": 1 - counts[3] / counts[2],
    }


def judge_strengths(judged: Judgement, fitted: set[str]) -> Iterator[tuple[str, Judged]]:
    """Probabilities and truth of the first hits of queries of each kind; a clip's own hit does not count.

    Held-out labels are those that nothing was `fitted` on.
    """
    draw = np.random.default_rng(0)
    chosen = draw.permutation(len(judged.rows))[:QUERIES].tolist()
    labels = judged.of_label()
    captions = [(c, np.isin(judged.labels, judged.labels[right])) for c, right in judged.of_caption()]
    kinds: dict[str, list[tuple[Direction, np.ndarray, int]]] = {
        "labels": [(judged.direction([label]), right, -1) for label, right in labels],
        "held-out labels": [(judged.direction([label]), right, -1) for label, right in labels if label not in fitted],
        "captions": [(judged.direction([caption]), right, -1) for caption, right in captions],
        "sounds": [(judged.direction(like=i), judged.labels == judged.labels[i], i) for i in chosen],
        "mixtures": [
            (judged.direction([str(judged.labels[i])], i), judged.labels == judged.labels[i], i) for i in chosen
        ],
    }
    if (judged.captions == judged.labels).all():
        del kinds["captions"]
    for kind, queries in kinds.items():
        likely, truth = [], []
        for direction, right, itself in queries:
            yardstick = Yardstick(direction, judged.index)
            levels = Calibration().scale(direction, judged.model._background(), yardstick)
            scores = yardstick.scores(judged.vectors)
            order = np.argsort(-scores, kind="stable")
            order = order[order != itself][:TOP]
            likely.append(levels.probabilities(scores[order]))
            truth.append(right[order])
        yield kind, Judged(np.concatenate(likely), np.concatenate(truth))


# -- libraries


def table(data: Path, name: str) -> list[Row]:
    with (data / name / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def library(work: Path, name: str, *roots: Path) -> Engine:
    """A library that was scanned now or in an earlier run."""
    engine = Engine(Places(work / name), device="cpu")
    for _ in engine.scan([str(root) for root in roots]):
        pass
    return engine


def copies(work: Path, data: Path, rows: Sequence[Row], naming: str) -> dict[str, str]:
    """Copy clips under other names; returns the original's path by that of the copy."""
    originals = [row["path"] for row in rows]
    names = {
        "honest": originals,
        "numbered": [f"{i:04}{Path(path).suffix}" for i, path in enumerate(originals)],
        "misleading": np.random.default_rng(0).permutation(originals).tolist(),
    }[naming]
    made = {}
    for original, name in zip(originals, names, strict=True):
        target = work / f"{naming} names" / Path(name).with_suffix(Path(original).suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(data / original, target)
        made[str(target)] = original
    return made


def vectors_of(engine: Engine, data: Path) -> dict[str, FloatArray]:
    """Vectors by path below the data."""
    index = engine.answering.index()
    clips, contents = engine._catalogue.candidates.select(Query().filter)
    known, vectors = index.vectors_of(contents)
    paths = [os.path.relpath(clip.path, data) for clip in engine.clips(clips[known].tolist())]
    return dict(zip(paths, vectors, strict=True))


def everyday(work: Path, model: ActiveModel) -> Judgement:
    """Sounds and labels that nothing at all was fitted on: those that come with the program to prove models by."""
    control = resource("control")
    engine = library(work, "everyday", control / "audio")
    vectors = vectors_of(engine, control)
    engine.close()
    with (control / "control.csv").open(encoding="utf-8") as file:
        return Judgement(model, vectors, [row | {"caption": row["label"]} for row in csv.DictReader(file)])


def in_several_sentences(model: ActiveModel, texts: Sequence[str]) -> FloatArray:
    """Unit rows (n, dimension): the mean of what each text is in SENTENCES."""
    rows = model.embed_texts([sentence.format(text) for text in texts for sentence in SENTENCES])
    means = rows.reshape(len(texts), len(SENTENCES), -1).mean(axis=1)
    unit: FloatArray = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def measure(data: Path, work: Path) -> dict[str, object]:
    engine = library(work, "whole", data / "captioned", data / "library")
    model, vectors = engine.answering, vectors_of(engine, data)
    rows = {name: table(data, name) for name in ("captioned", "library")}
    parts = {name: Judgement(model, vectors, [row for row in rows[name] if row["split"] == "val"]) for name in rows}
    judged = parts["captioned"]
    result: dict[str, dict[str, float]] = {
        "plain cosine": by_meaning(judged, model.embed_texts),
        "several prompts": by_meaning(judged, lambda texts: in_several_sentences(model, texts)),
        "calibrated": calibrated(judged),
    }
    number = {row["path"]: i for i, row in enumerate(judged.rows)}
    for naming in ("numbered", "misleading", "honest"):
        made = copies(work, data, judged.rows, naming)
        named = library(work, naming, work / f"{naming} names")
        result[f"hybrid, {naming} names"] = by_name_too(
            named, judged, {path: number[original] for path, original in made.items()}
        )
        named.close()
    table_ = data / "captioned" / "captioned.csv"
    result |= few_shot(engine, tagging.load("captioned", table_, data, {str(data / p): v for p, v in vectors.items()}))
    fitted = {row["label"] for some in rows.values() for row in some if row["split"] == "train"}
    parts["everyday"] = everyday(work, model)
    strengths = {f"{name}: {kind}": found for name in parts for kind, found in judge_strengths(parts[name], fitted)}
    draw(strengths, DOCS / "pictures" / "reliability.svg")
    whole = {name: Judgement(model, vectors, rows[name]) for name in rows}
    negations = {}
    for name, all_of_it in whole.items():
        negations[f"{name}, as searched"] = negation(all_of_it, as_searched(engine, all_of_it, data))
        negations[f"{name}, by meaning alone"] = negation(all_of_it, meaning_only(all_of_it))
    answer = {
        "model": model.bundle.id,
        "ranking": result,
        "negation": negations,
        "strengths": {name: found.numbers(FAIR, STRONG) for name, found in strengths.items()},
    }
    engine.close()
    return answer


def written(answer: dict[str, object]) -> str:
    """The tables in Markdown."""
    lines = []
    for part in ("ranking", "negation", "strengths"):
        found: dict[str, dict[str, float]] = answer[part]  # type: ignore[assignment]
        columns = list(dict.fromkeys(itertools.chain.from_iterable(found.values())))
        lines += [f"| {part} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
        for name, values in found.items():
            cells = [values.get(column, "") for column in columns]
            texts = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
            lines.append(f"| {name} | " + " | ".join(texts) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    answer = measure(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
    print(json.dumps(answer, indent=1), file=sys.stderr)
    print(written(answer))

"""How far tag scores can be trusted, what examples bring: `python -m benchmarks.tagging DATA [--library DIR]`.

DATA is the development data. Writes docs/tagging.md and its picture; prints the logistic curve that fits the training
parts best, for engine/scoring.py. --library keeps the scanned library there, for another run.
"""

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from benchmarks.reliability import Judged, draw
from soundsearch.engine import scoring
from soundsearch.engine.labels import PROMPTS
from soundsearch.engine.scoring import Background, Scorer, directions, scores, with_examples
from soundsearch.engine.service import Engine
from soundsearch.engine.tagging import EVERYDAY_STEP, SMALL
from soundsearch.settings import Places, resource

ROOT = Path(__file__).parent.parent
SEEDS, BINS = 5, 10
MOST_CLIPS, LEAST_CLIPS, LEAST_LABELS = 220, 40, 5  # of a library that the curve is fitted on
SHOTS = (0, 1, 2, 5, 10)
SEEN = 0.1  # score from which on a proposal is worth being judged: the many that nobody would propose are easy


@dataclass
class Clips:
    name: str
    vectors: np.ndarray  # (n, d)
    labels: list[str]
    tags: list[set[str]]
    rows: list[dict[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--library", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Places((options.library or Path(folder)).absolute()))
        control = resource("control")
        if not engine.chosen.heard:
            for _ in engine.scan([str(options.data / "captioned"), str(options.data / "library"), str(control)]):
                pass
        vectors = by_path(engine)
        sets = [
            load("captioned, validation", options.data / "captioned/captioned.csv", options.data, vectors),
            load("library, validation", options.data / "library/library.csv", options.data, vectors),
            load("everyday sounds", control / "control.csv", control, vectors),
        ]
        lines = (resource("everyday-sounds.txt").read_text(encoding="utf-8")).splitlines()
        texts = engine.embed_texts([line for line in lines if line.strip()])
        report = [*calibration(engine, sets, texts), *few_shot(engine, sets, texts)]
        made = (
            f"Made by `python -m benchmarks.tagging DATA`, model {engine.chosen.name} ({engine.chosen.bundle.id[:12]})."
        )
        head = ["# Tags: what their scores mean", "", made, ""]
        (ROOT / "docs/tagging.md").write_text("\n".join([*head, *report]) + "\n", encoding="utf-8")
        print("\n".join(report))
        engine.close()


def by_path(engine: Engine) -> dict[str, np.ndarray]:
    index = engine.chosen.index()
    rows = {int(content): row for row, content in enumerate(index.ids)}
    clips = engine._catalogue.tags.clips([root.path for root in engine.status().roots])
    return {clip.path: index.vectors[rows[clip.content_id]] for clip in clips if clip.content_id in rows}


def load(name: str, table: Path, base: Path, vectors: dict[str, np.ndarray]) -> Clips:
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if str(base / row["path"]) in vectors]
    return Clips(
        name,
        np.stack([vectors[str(base / row["path"])] for row in rows]),
        [row["label"] for row in rows],
        [{row["label"], *row.get("tags", "").split(";")} for row in rows],
        rows,
    )


def part(clips: Clips, split: str) -> Clips:
    return some_of(clips, [row.get("split", "val") == split for row in clips.rows])


def some_of(clips: Clips, chosen: Sequence[bool]) -> Clips:
    at = np.flatnonzero(chosen)
    return Clips(
        clips.name, clips.vectors[at], *([field[i] for i in at] for field in (clips.labels, clips.tags, clips.rows))
    )


def worded(engine: Engine, labels: list[str]) -> np.ndarray:
    texts = engine.embed_texts([prompt.format(label) for label in labels for prompt in PROMPTS])
    return directions(texts, np.repeat(np.arange(len(labels)), len(PROMPTS)), len(labels))


# -- calibration


@dataclass
class Judgement:
    """Labels (l,) of a library of clips, what the curve is given (n, l, 2), and which are right (n, l)."""

    name: str
    labels: list[str]
    features: np.ndarray
    truth: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        return 1 / (1 + np.exp(-(self.features @ scoring.CURVE + scoring.OFFSET)))


def judged(engine: Engine, clips: Clips, everyday: np.ndarray, texts: np.ndarray, most: int = 0) -> Judgement:
    """Score a library's own labels for its clips, or for so many of them, as the program does."""
    labels = sorted(set(clips.labels))
    background = clips.vectors if len(clips.vectors) >= SMALL else np.concatenate([clips.vectors, everyday])
    chosen = np.random.default_rng(0).permutation(len(clips.vectors))[: most or None]
    features = Scorer(worded(engine, labels), Background(background, texts)).features(clips.vectors[chosen])
    truth = np.array([[label in clips.tags[i] for label in labels] for i in chosen])
    return Judgement(clips.name, labels, features, truth)


def training_libraries(sets: list[Clips]) -> Iterator[Clips]:
    """The training parts, those clips of them that the starter was not trained on, and each source of some size."""
    for clips in (part(one, "train") for one in sets):
        yield clips
        yield some_of(clips, [row["train_ok"] != "yes" for row in clips.rows])
        for source in sorted({row["source"] for row in clips.rows}):
            library = some_of(clips, [row["source"] == source for row in clips.rows])
            if len(library.labels) >= LEAST_CLIPS and len(set(library.labels)) >= LEAST_LABELS:
                yield library


def calibration(engine: Engine, sets: list[Clips], texts: np.ndarray) -> Iterator[str]:
    everyday = sets[2].vectors[np.argsort([row["path"] for row in sets[2].rows])][::EVERYDAY_STEP]
    training = list(training_libraries(sets[:2]))
    whole = fit([judged(engine, clips, everyday, texts, MOST_CLIPS) for clips in training])
    print(f"fits best: CURVE, OFFSET = {whole.round(2).tolist()}; in use: {scoring.CURVE.tolist(), scoring.OFFSET}")
    known = {label for clips in training for label in clips.labels}
    found = [judged(engine, part(clips, "val"), everyday, texts) for clips in sets]
    yield from (
        "## Calibration",
        "",
        f"The curve was fitted on {len(training)} libraries made of the training parts, each weighing the same, and",
        "on none of these clips; held-out labels are those that no clip of a training part has. Expected calibration",
        f"error over all pairs of clip and label, over those scored {SEEN} or more (shown pairs), and of the best",
        "label of each clip.",
        "",
        "| set | labels | clips | pairs | error | shown pairs | error | best label | of 0.5 and more: right | found |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    )
    plots, held_out = {}, []
    for one in found:
        held = np.array([label not in known for label in one.labels])
        yield row(one.name, one.scores, one.truth)
        yield row(f"{one.name}: held-out labels", one.scores[:, held], one.truth[:, held])
        held_out.append(Judged(one.scores[:, held].ravel(), one.truth[:, held].ravel()))
        plots[one.name] = Judged(one.scores.ravel(), one.truth.ravel())
        plots[f"{one.name}: held out"] = held_out[-1]
    draw({name: shown(plot) for name, plot in plots.items()}, ROOT / "docs/pictures/tags.svg")
    score = np.concatenate([one.scores.ravel() for one in found])
    truth = np.concatenate([one.truth.ravel() for one in found])
    unknown = Judged(*(np.concatenate([getattr(x, name) for x in held_out]) for name in ("likely", "right")))
    for name, all_of in (("all", Judged(score, truth)), ("all: held-out labels", unknown)):
        seen = shown(all_of)
        errors = f"{len(all_of.likely)} | {all_of.error():.3f} | {len(seen.likely)} | {seen.error():.3f}"
        yield f"| {name} | | | {errors} | | | |"
    yield from (
        "",
        "![Shown pairs: what was said, and how many were right](pictures/tags.svg)",
        "",
        "Of all pairs, by score:",
        "",
        "| score | pairs | mean score | share that is right |",
        "|---|---:|---:|---:|",
    )
    for low in np.arange(BINS) / BINS:
        inside = (score >= low) & (score < low + 1 / BINS)
        if inside.any():
            means = f"{score[inside].mean():.2f} | {truth[inside].mean():.2f}"
            yield f"| {low:.1f} to {low + 1 / BINS:.1f} | {inside.sum()} | {means} |"
    yield ""


def shown(found: Judged) -> Judged:
    return Judged(found.likely[found.likely >= SEEN], found.right[found.likely >= SEEN])


def row(name: str, score: np.ndarray, truth: np.ndarray) -> str:
    seen, sure = score >= SEEN, score >= 0.5
    best = truth[np.arange(len(truth)), score.argmax(1)]
    return (
        f"| {name} | {truth.shape[1]} | {len(truth)} | {truth.size} | {ece(score.ravel(), truth.ravel()):.3f} "
        f"| {seen.sum()} | {ece(score[seen], truth[seen]):.3f} | {ece(score.max(1), best):.3f} "
        f"| {truth[sure].mean():.2f} | {truth[sure].sum() / truth.sum():.2f} |"
    )


def fit(libraries: list[Judgement]) -> np.ndarray:
    """Logistic regression, each library weighing alike."""
    x = np.concatenate([one.features.reshape(-1, one.features.shape[-1]) for one in libraries])
    x = np.column_stack([x, np.ones(len(x))])
    y = np.concatenate([one.truth.ravel() for one in libraries]).astype(float)
    weight = np.concatenate([np.full(one.truth.size, 1 / one.truth.size) for one in libraries])
    weight /= weight.sum()

    def loss(curve: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ curve
        gradient = x.T @ (weight * (1 / (1 + np.exp(-z)) - y)) + 2e-4 * np.r_[curve[:-1], 0]
        return float((weight * (np.logaddexp(0, z) - y * z)).sum() + 1e-4 * (curve[:-1] ** 2).sum()), gradient

    return minimize(loss, np.zeros(x.shape[1]), jac=True).x


def ece(score: np.ndarray, truth: np.ndarray) -> float:
    return Judged(score, truth).error() if len(score) else 0.0


# -- examples


def few_shot(engine: Engine, sets: list[Clips], texts: np.ndarray) -> Iterator[str]:
    yield from (
        "## Examples",
        "",
        "Labels with ten clips or more in the training part; some of them, drawn five times, are examples. Judged on",
        "the validation part: mean average precision of scores over all clips, top-1 over clips with such a label,",
        "and the calibration error over shown pairs.",
        "",
        "| set | labels | examples each | mAP | top-1 | error |",
        "|---|---:|---:|---:|---:|---:|",
    )
    for clips in sets[:2]:
        train, judged = part(clips, "train"), part(clips, "val")
        background = Background(np.concatenate([judged.vectors, sets[2].vectors]), texts)
        for shots, n, found in taught(engine, train, judged, background):
            values = " | ".join(f"{value:.3f}" for value in found)
            yield f"| {clips.name} | {n} | {shots} | {values} |"


def taught(
    engine: Engine, train: Clips, judged: Clips, background: Background
) -> Iterator[tuple[int, int, tuple[float, float, float]]]:
    """Examples of each label, how many labels there are, and what `judge` says of the mean of five draws."""
    counts = Counter(train.labels)
    labels = sorted({label for label in judged.labels if counts[label] >= max(SHOTS)})
    rows = worded(engine, labels)
    truth = np.array([[label == own for label in labels] for own in judged.labels])
    of = [np.flatnonzero([name == label for name in train.labels]) for label in labels]
    for shots in SHOTS:
        found = []
        for seed in range(SEEDS if shots else 1):
            draw = np.random.default_rng(seed)
            right = {i: train.vectors[draw.permutation(at)[:shots]] for i, at in enumerate(of) if shots}
            directed = with_examples(rows, right, {}, background)
            found.append(judge(scores(judged.vectors, directed, background, rows), truth))
        precision, top, error = np.mean(found, axis=0).tolist()
        yield shots, len(labels), (precision, top, error)


def judge(score: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    precision = []
    for label in range(truth.shape[1]):
        hits = truth[np.argsort(-score[:, label]), label]
        precision.append((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    has = truth.any(1)
    top = truth[has][np.arange(has.sum()), score[has].argmax(1)].mean()
    seen = score >= SEEN
    return float(np.mean(precision)), float(top), ece(score[seen], truth[seen])


if __name__ == "__main__":
    main()

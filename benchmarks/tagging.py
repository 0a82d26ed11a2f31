"""How far tag scores can be trusted, what examples bring: `python -m benchmarks.tagging DATA [--library DIR]`.

DATA is the development data. Writes docs/tagging.md; prints the logistic curve that fits best, for engine/scoring.py.
--library keeps the scanned library there, for another run.
"""

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from soundsearch.engine import scoring
from soundsearch.engine.labels import PROMPTS
from soundsearch.engine.scoring import Background, directions, scores, with_examples
from soundsearch.engine.service import Engine
from soundsearch.settings import Places, resource

ROOT = Path(__file__).parent.parent
FOLDS, SEEDS, BINS = 5, 5, 10
SHOTS = (0, 1, 2, 5, 10)
SEEN = 0.1  # score from which on a proposal is worth being judged: the many that nobody would propose are easy


@dataclass
class Clips:
    name: str
    vectors: np.ndarray  # (n, d)
    labels: list[str]
    tags: list[set[str]]
    split: list[str]


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
        [row.get("split", "val") for row in rows],
    )


def part(clips: Clips, split: str) -> Clips:
    at = [i for i, name in enumerate(clips.split) if name == split]
    return Clips(clips.name, clips.vectors[at], [clips.labels[i] for i in at], [clips.tags[i] for i in at], [])


def worded(engine: Engine, labels: list[str]) -> np.ndarray:
    texts = engine.embed_texts([prompt.format(label) for label in labels for prompt in PROMPTS])
    return directions(texts, np.repeat(np.arange(len(labels)), len(PROMPTS)), len(labels))


# -- calibration


def calibration(engine: Engine, sets: list[Clips], texts: np.ndarray) -> Iterator[str]:
    everyday = sets[2].vectors
    features, truths = [], []
    for clips in (part(one, "val") for one in sets):
        labels = sorted(set(clips.labels))
        rows, background = worded(engine, labels), np.concatenate([clips.vectors, everyday])
        similarity, ordinary, by_text = clips.vectors @ rows.T, background @ rows.T, clips.vectors @ texts.T
        features.append(
            np.stack(
                [
                    (similarity - ordinary.mean(0)) / ordinary.std(0),
                    (similarity - by_text.mean(1, keepdims=True)) / by_text.std(1, keepdims=True),
                ],
                axis=-1,
            )
        )
        truths.append(np.array([[label in tags for label in labels] for tags in clips.tags]))
    whole = fit(features, truths)
    print(f"fits best: BY_LABEL, BY_CLIP, OFFSET = {whole.round(2).tolist()}")
    print(f"in use: {scoring.BY_LABEL, scoring.BY_CLIP, scoring.OFFSET}")
    held = held_out(features, truths)
    yield from (
        "## Calibration",
        "",
        f"The curve was fitted {FOLDS} times, each time without a fifth of each set's labels, and asked about those.",
        f"Expected calibration error over all pairs of clip and label; over those scored {SEEN} or more (shown pairs);",
        "and of the best label of each clip.",
        "",
        "| set | labels | clips | pairs | shown pairs | best label | of 0.5 and more: right | found |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    )
    for clips, score, truth in zip(sets, held, truths, strict=True):
        yield row(clips.name, score, truth)
    flat = [np.concatenate([block.ravel() for block in blocks]) for blocks in (held, truths)]
    best = [np.concatenate([score.max(1) for score in held]),
            np.concatenate([t[np.arange(len(t)), s.argmax(1)] for s, t in zip(held, truths, strict=True)])]  # fmt: skip
    seen = flat[0] >= SEEN
    yield (
        f"| all | | | {ece(*flat):.3f} | {ece(flat[0][seen], flat[1][seen]):.3f} | {ece(*best):.3f} | "
        f"{flat[1][flat[0] >= 0.5].mean():.2f} | {flat[1][flat[0] >= 0.5].sum() / flat[1].sum():.2f} |"
    )
    yield from (
        "",
        "Of all pairs, by score:",
        "",
        "| score | pairs | mean score | share that is right |",
        "|---|---:|---:|---:|",
    )
    for low in np.arange(BINS) / BINS:
        inside = (flat[0] >= low) & (flat[0] < low + 1 / BINS)
        if inside.any():
            means = f"{flat[0][inside].mean():.2f} | {flat[1][inside].mean():.2f}"
            yield f"| {low:.1f} to {low + 1 / BINS:.1f} | {inside.sum()} | {means} |"
    yield ""


def row(name: str, score: np.ndarray, truth: np.ndarray) -> str:
    seen, sure = score >= SEEN, score >= 0.5
    best = truth[np.arange(len(truth)), score.argmax(1)]
    return (
        f"| {name} | {truth.shape[1]} | {len(truth)} | {ece(score.ravel(), truth.ravel()):.3f} "
        f"| {ece(score[seen], truth[seen]):.3f} | {ece(score.max(1), best):.3f} "
        f"| {truth[sure].mean():.2f} | {truth[sure].sum() / truth.sum():.2f} |"
    )


def held_out(features: list[np.ndarray], truths: list[np.ndarray]) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    folds = [draw.integers(FOLDS, size=truth.shape[1]) for truth in truths]
    scored = [np.zeros(truth.shape) for truth in truths]
    for fold in range(FOLDS):
        known = [labels != fold for labels in folds]
        curve = fit([f[:, k] for f, k in zip(features, known, strict=True)],
                    [t[:, k] for t, k in zip(truths, known, strict=True)])  # fmt: skip
        for score, block, labels in zip(scored, features, known, strict=True):
            score[:, ~labels] = 1 / (1 + np.exp(-(block[:, ~labels] @ curve[:2] + curve[2])))
    return scored


def fit(features: list[np.ndarray], truths: list[np.ndarray]) -> np.ndarray:
    """Logistic regression, each set weighing alike."""
    x = np.concatenate([block.reshape(-1, 2) for block in features])
    x = np.column_stack([x, np.ones(len(x))])
    y = np.concatenate([truth.ravel() for truth in truths]).astype(float)
    weight = np.concatenate([np.full(truth.size, 1 / truth.size) for truth in truths])
    weight /= weight.sum()

    def loss(curve: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ curve
        gradient = x.T @ (weight * (1 / (1 + np.exp(-z)) - y)) + 2e-3 * np.r_[curve[:2], 0]
        return float((weight * (np.logaddexp(0, z) - y * z)).sum() + 1e-3 * (curve[:2] ** 2).sum()), gradient

    return minimize(loss, np.zeros(3), jac=True).x


def ece(score: np.ndarray, truth: np.ndarray) -> float:
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    parts = [bins == b for b in range(BINS) if (bins == b).any()]
    return float(sum(p.mean() * abs(score[p].mean() - truth[p].mean()) for p in parts))


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
        counts = Counter(train.labels)
        labels = sorted({label for label in judged.labels if counts[label] >= max(SHOTS)})
        rows = worded(engine, labels)
        background = Background(np.concatenate([judged.vectors, sets[2].vectors]), texts)
        truth = np.array([[label == own for label in labels] for own in judged.labels])
        for shots in SHOTS:
            found = []
            for seed in range(SEEDS if shots else 1):
                draw = np.random.default_rng(seed)
                own = [np.flatnonzero([name == label for name in train.labels]) for label in labels]
                right = {i: train.vectors[draw.permutation(at)[:shots]] for i, at in enumerate(own) if shots}
                taught = with_examples(rows, right, {}, background)
                found.append(judge(scores(judged.vectors, taught, background, rows), truth))
            values = " | ".join(f"{value:.3f}" for value in np.mean(found, axis=0))
            yield f"| {clips.name} | {len(labels)} | {shots} | {values} |"


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

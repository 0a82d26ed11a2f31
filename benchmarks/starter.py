"""The starter judged against its start, and against chance: one command, a table for people and one for programs.

    python -m benchmarks.starter DATA --start STARTER --out FOLDER [--bundle resources/model] [--bundle OTHER_SEED]

DATA is the development data; STARTER holds `teacher/` and `text/`. The first bundle is the one that is judged; others
are further seeds of its recipe. FOLDER gets `starter.json` and `starter.md`. What is compared:

- untrained: the tagger's class scores carried into text space, with no training (`trainer.distil.teacher`);
- random: the same network with random weights, as many as there are seeds;
- the bundles, question by question against the untrained method (paired bootstrap).
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from benchmarks import starter_exam as exam
from benchmarks import starter_words as words
from soundsearch.audio.features import load_features
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder
from soundsearch.model.mobilenet import MobileNetAudioWithProjection
from soundsearch.records import FloatArray
from trainer import evaluate
from trainer.distil.export import bundle_config, export
from trainer.distil.teacher import FRONT_END, load_teacher
from trainer.distil.text import TextTower

SEEDS = (1, 2, 3)
DEMO = Path(__file__).parents[1] / "resources" / "demo"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="development data, with captioned/ and library/")
    parser.add_argument("--start", type=Path, required=True, help="folder with teacher/ and text/")
    parser.add_argument("--bundle", type=Path, action="append", help="the first is judged (default: resources/model)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    result = judge(options.data, options.start, options.bundle or [Path("resources/model")])
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "starter.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (options.out / "starter.md").write_text(as_markdown(result), encoding="utf-8")
    print(as_markdown(result))


def judge(data: Path, start: Path, bundles: Sequence[Path]) -> dict[str, Any]:
    """Let everyone sit the same exam and compare."""
    with tempfile.TemporaryDirectory() as folder:
        untrained, random = baselines(start, Path(folder))
        paper = Sheet(data)
        sat = {"untrained": paper.sit(untrained)}
        sat |= {f"random {seed}": paper.sit(file) for seed, file in zip(SEEDS, random, strict=True)}
        sat |= {f"bundle {number}": paper.sit(file) for number, file in enumerate(bundles, 1)}
    before = sat["untrained"].outcomes
    measures = {}
    for name, first in sat["bundle 1"].outcomes.items():
        measures[name] = {
            "questions": len(first.values),
            "models": {who: asdict(one.outcomes[name].measure) for who, one in sat.items()},
            "gain": asdict(evaluate.paired(before[name].values, first.values, clusters=first.clusters)),
        }
    return {
        "bundle_id": Bundle.open(bundles[0]).id,
        "demo": demo(bundles[0]),
        "bundles": len(bundles),
        "measures": measures,
        "families": list(exam.FAMILIES),
        "confusion": {who: one.confusion.tolist() for who, one in sat.items() if not who.startswith("random")},
    }


class Sheet:
    """The questions, heard once: all models have one front end."""

    def __init__(self, data: Path) -> None:
        self._captioned, self._library = exam.validation_clips(data, FRONT_END)
        self._classes = exam.all_classes(data)
        self._numbers = words.numbers_of((self._captioned, self._library))
        self._pairs = words.generated()
        self._heard = words.listen(FRONT_END, self._pairs)
        self._texts: dict[tuple[str, str], FloatArray] = {}  # models of one text tower share its embeddings

    def sit(self, folder: Path) -> exam.Paper:
        """Ask one model."""
        encoder = ClapEncoder(Bundle.open(folder), "cpu")
        assert encoder.bundle.front_end == FRONT_END, "another front end: its clips must be heard anew"
        tower = encoder.bundle.digests["text.safetensors"]

        def embed(texts: Sequence[str]) -> FloatArray:
            new = [text for text in dict.fromkeys(texts) if (tower, text) not in self._texts]
            self._texts |= {(tower, text): row for text, row in zip(new, encoder.embed_texts(new), strict=True)}
            return np.stack([self._texts[tower, text] for text in texts])

        captioned, library = (encoder.embed_features(some.heard) for some in (self._captioned, self._library))
        paper = exam.sit(self._captioned, self._library, captioned, library, self._classes, embed)
        said = words.real(self._captioned, self._library, captioned, library, embed, self._numbers)
        said |= words.artificial(self._pairs, self._heard, encoder.embed_features, embed)
        return exam.Paper(paper.outcomes | said, paper.confusion)


def demo(folder: Path) -> dict[str, Any]:
    """How many queries over the demo library have a right clip first, and what the others found."""
    table = json.loads((DEMO / "queries.json").read_text(encoding="utf-8"))
    encoder = ClapEncoder(Bundle.open(folder), "cpu")
    names = [
        file.relative_to(DEMO).as_posix()
        for file in sorted(DEMO.rglob("*"))
        if file.is_file() and file.suffix not in (".csv", ".json", ".md")
    ]
    audio = encoder.embed_features([load_features(str(DEMO / name), encoder.bundle.front_end) for name in names])
    found: dict[str, Any] = {}
    for listed in ("as_typed", "queries"):
        first = np.argmax(encoder.embed_texts([query["text"] for query in table[listed]]) @ audio.T, axis=1)
        missed = [q["text"] for q, row in zip(table[listed], first, strict=True) if names[row] not in q["right"]]
        found[listed] = {"queries": len(first), "right": len(first) - len(missed), "missed": missed}
    return found


class Published(TextTower):
    """The text tower as it was published: the untrained method is compared with that, whatever is shipped."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tensors = load_file(folder / "text_tower.safetensors")
        self._model.load_state_dict({key: value.float() for key, value in self.tensors.items()}, strict=False)


def baselines(start: Path, folder: Path) -> tuple[Path, list[Path]]:
    """Write the untrained method, and towers with random weights, as bundles."""
    text = Published(start / "text")
    config = bundle_config(text)
    teacher = load_teacher(start / "teacher", text, config)  # moves the texts' origin: for the random towers as well
    models = [("untrained", teacher)]
    for seed in SEEDS:
        torch.manual_seed(seed)
        models.append((f"random{seed}", MobileNetAudioWithProjection(config).eval()))
    for name, model in models:
        about = {"name": name, "title": name, "description": ""}
        export(folder / name, model, text, float(np.log(1 / 0.07)), FRONT_END, [], about)
    return folder / "untrained", [folder / name for name, _ in models[1:]]


def percent(measure: dict[str, float]) -> str:
    return f"{100 * measure['value']:.1f} ({100 * measure['low']:.0f} to {100 * measure['high']:.0f})"


def signed(measure: dict[str, float]) -> str:
    return f"{100 * measure['value']:+.1f} ({100 * measure['low']:+.0f} to {100 * measure['high']:+.0f})"


def as_markdown(result: dict[str, Any]) -> str:
    """The measures, one a line, and the families' confusion matrix."""
    table = measure_table(result["measures"], result["bundles"])
    return f"{table}\n\n{confusion_table(result['families'], result['confusion']['bundle 1'])}\n"


def measure_table(measures: dict[str, Any], bundles: int) -> str:
    """In percent: chance, the untrained method, the starter, what it gained, and how far seeds lie apart."""
    seeds = [f"bundle {number}" for number in range(1, bundles + 1)]
    head = ["measure", "random", "untrained", "starter", "gain", *(["seeds"] if bundles > 1 else [])]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for name, row in measures.items():
        models = row["models"]
        chance = np.mean([models[who]["value"] for who in models if who.startswith("random")])
        cells = [f"{100 * chance:.1f}", percent(models["untrained"]), percent(models["bundle 1"]), signed(row["gain"])]
        if bundles > 1:
            cells.append(" / ".join(f"{100 * models[who]['value']:.1f}" for who in seeds))
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def confusion_table(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Who is heard as whom, a family a line, the most frequent first."""
    lines = ["| one-shots of | clips | right | heard as, if not |", "| --- | --- | --- | --- |"]
    for row, (name, heard) in enumerate(zip(names, counts, strict=True)):
        wrong = sorted(((n, names[i]) for i, n in enumerate(heard) if n and i != row), reverse=True)
        said = ", ".join(f"{other} {n}" for n, other in wrong)
        lines.append(f"| {name} | {sum(heard)} | {heard[row]} | {said} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

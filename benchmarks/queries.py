"""One text query, warm, from its letters to ranked clips, against transformers and hnswlib at equal recall.

Run: python -m benchmarks.queries [--clips 100000] [--library FOLDER] [--rounds 20] [--json]. The model is the published
CLAP with random weights on both sides, ours in the precision that the program chooses. Ours is the whole of what the
window waits for in the engine: the query language, the embedding, the search, names, calibration, one ranking of the
best 1,000; the rival embeds in float32 and asks hnswlib for the ten nearest, with the least effort at which it finds
99 % of them. No text is asked twice, so that nothing comes from memory, but for the last row. Needs hnswlib: pip
install soundsearch[bench]; without it the rival only embeds.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import large_library
from benchmarks.rescan import kept
from benchmarks.search import EFFORTS, RECALL, hnswlib, hnswlib_graph
from benchmarks.starter_speed import make_full
from benchmarks.turns import in_words, machine, ratio, shown, spread
from soundsearch.engine.service import Engine, parse_query
from soundsearch.model.clap import load_tokenizer
from soundsearch.settings import Places

WINDOW, FEW = 1000, 10  # hits
TEXTS = [" ".join(words) for words in permutations(large_library.WORDS, 2)]  # 132 of some ten letters


def measure(library: Path, model: Path, clips: int, rounds: int) -> dict[str, Any]:
    """Let both answer each text in turn, milliseconds of each."""
    if not (library / "data").exists():
        large_library.make(library / "data", library / "sounds", clips, str(model))
    engine = Engine(Places(library / "data"), model=str(model))
    while not engine.start_loading():
        time.sleep(0.05)
    if not engine.chosen.index_folder.exists():
        for _ in engine.chosen.store_index():
            pass
    rival, effort, recall = _rival(engine, model, library)
    texts = iter(np.random.default_rng(3).permutation(TEXTS).tolist())

    def ours(text: str) -> object:
        return engine.rank(parse_query(text), WINDOW)

    contestants: dict[str, Callable[[str], object]] = {
        "soundsearch, 1,000 hits": ours,
        "soundsearch, 10 hits": lambda text: engine.rank(parse_query(text), FEW),
        "transformers and hnswlib, 10 hits" if effort else "transformers, the embedding only": rival,
    }
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    again: list[float] = []
    for turn in range(rounds + 1):
        for name, answer in contestants.items():
            text = next(texts)
            seconds = _timed(answer, text)
            if turn:
                taken[name].append(seconds * 1000)
            if turn and answer is ours:
                again.append(_timed(ours, text) * 1000)
    engine.close()
    *_, of_rival = taken
    return {
        "machine": machine(),
        "clips": clips,
        "rival": {"effort": effort, "recall": recall} if effort else {},
        "ms": {name: spread(values) for name, values in taken.items()} | {"soundsearch, asked before": spread(again)},
        "times_as_fast": {
            name: ratio([1 / ms for ms in values], [1 / ms for ms in taken[of_rival]]) for name, values in taken.items()
        },
    }


def _timed(answer: Callable[[str], object], text: str) -> float:
    begun = time.perf_counter()
    answer(text)
    return time.perf_counter() - begun


def _rival(engine: Engine, model: Path, library: Path) -> tuple[Callable[[str], object], int, float]:
    """The rival, with the least effort of its graph that is enough, and the recall of that; 0 without hnswlib."""
    import torch
    from transformers import ClapModel

    clap = ClapModel.from_pretrained(model).eval()
    tokenizer = load_tokenizer(engine.chosen.bundle)

    def embed(text: str) -> np.ndarray:
        ids = torch.tensor([tokenizer.encode(text).ids])
        torch.set_num_threads(os.cpu_count() or 1)  # as it is where nobody changes it; our encoder sets 1
        with torch.inference_mode():
            found = clap.get_text_features(input_ids=ids, attention_mask=torch.ones_like(ids))
        torch.set_num_threads(1)
        return getattr(found, "pooler_output", found)[0].numpy()

    if hnswlib is None:
        return embed, 0, 0.0
    vectors = np.ascontiguousarray(engine.chosen.index().vectors)
    graph = hnswlib_graph(vectors, library)
    queries = [embed(text) for text in TEXTS[:10]]
    wanted = [set(np.argsort(-(vectors @ query))[:FEW].tolist()) for query in queries]
    for effort in EFFORTS:
        graph.set_ef(effort)
        found = [set(graph.knn_query(query, k=FEW, num_threads=1)[0][0].tolist()) for query in queries]
        recall = float(np.mean([len(a & b) / FEW for a, b in zip(found, wanted, strict=True)]))
        if recall >= RECALL:
            break
    return lambda text: graph.knn_query(embed(text), k=FEW, num_threads=1), effort, recall


def as_markdown(result: Mapping[str, Any]) -> str:
    """The table of the page."""
    lines = [in_words(result["machine"]), ""]
    if result["rival"]:
        lines += [f"hnswlib: ef {result['rival']['effort']}, recall@10 {result['rival']['recall']:.3f}.", ""]
    lines += [f"| a text query, {result['clips']:,} clips | ms: median (low-high) | times as fast |", "|---|---:|---:|"]
    for name, value in result["ms"].items():
        faster = result["times_as_fast"].get(name)
        lines.append(f"| {name} | {shown(value)} | {shown(faster, digits=2) if faster else ''} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with kept(options.library) as library:
        model = library / "clap"
        if not model.exists():
            make_full(model)
        result = measure(library, model, options.clips, options.rounds)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


if __name__ == "__main__":
    main()

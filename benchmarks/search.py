"""Exact search against HNSW: milliseconds a query and recall@10, for audio queries and text queries off to the side.

Run: python -m benchmarks.search [CLIPS ...]; prints JSON. The vectors are synthetic: clusters on the sphere, and text
queries that lie away from them as those of CLAP models do.
"""

import json
import sys
import time

import numpy as np

from soundsearch.index import VectorIndex

DIMENSION = 512
QUERIES = 40


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def library(n: int, draw: np.random.Generator) -> np.ndarray:
    centres = unit(draw.standard_normal((max(n // 50, 10), DIMENSION)))
    return unit(centres[draw.integers(len(centres), size=n)] + 0.7 * unit(draw.standard_normal((n, DIMENSION))))


def measure(index: VectorIndex, queries: np.ndarray) -> tuple[list[float], list[list[int]]]:
    times, answers = [], []
    for query in queries:
        begun = time.perf_counter()
        ids, _ = index.search(query, 10)
        times.append((time.perf_counter() - begun) * 1000)
        answers.append(ids.tolist())
    return times, answers


def compare(n: int) -> dict[str, object]:
    draw = np.random.default_rng(0)
    vectors = library(n, draw)
    exact, graph = VectorIndex(DIMENSION, 10**9), VectorIndex(DIMENSION, 1)
    exact.add(np.arange(n), vectors)
    graph.add(np.arange(n), vectors)
    begun = time.perf_counter()
    build = graph.build(1000)
    while build.step():
        pass
    built_s = time.perf_counter() - begun
    audio = vectors[draw.integers(n, size=QUERIES)]
    aside = unit(draw.standard_normal((1, DIMENSION)))
    kinds = {"audio": unit(audio + 0.3 * unit(draw.standard_normal(audio.shape))), "text": unit(0.5 * audio + aside)}
    result: dict[str, object] = {"clips": n, "build_s": round(built_s, 1)}
    for kind, queries in kinds.items():
        exact_ms, truth = measure(exact, queries)
        graph_ms, found = measure(graph, queries)
        recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, found, strict=True)])
        result[kind] = {
            "exact_ms": round(float(np.median(exact_ms)), 2),
            "graph_ms": round(float(np.median(graph_ms)), 2),
            "graph_recall_at_10": round(float(recall), 3),
        }
    return result


if __name__ == "__main__":
    print(json.dumps([compare(int(n)) for n in sys.argv[1:] or ("10000", "30000")], indent=1))

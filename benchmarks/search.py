"""Vector search against hnswlib, faiss and usearch: milliseconds a query at equal recall, with and without filters.

Run: python -m benchmarks.search [CLIPS ...] [--cache FOLDER] [--json]. Vectors are synthetic: clusters on the sphere,
audio-like queries near them, and text-like ones that lie off to the side as those of CLAP models do. Every engine
answers each query in turn. Graphs have the least effort at which they find 99 % of the ten nearest, for each kind of
query by itself; where a search of a graph finds less at any effort, that is said. `pip install .[bench]` installs the
rivals. Graphs of a million vectors take an hour: with --cache they are kept.
"""

import argparse
import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rescan import kept
from benchmarks.turns import in_words, machine
from soundsearch.index.building import GraphBuild
from soundsearch.index.vector_index import VectorIndex

try:
    import hnswlib
except ImportError:
    hnswlib = None
try:
    import faiss
except ImportError:
    faiss = None

DIMENSION = 512
NEAREST = 10
RECALL = 0.99
EFFORTS = (50, 100, 200, 400, 800, 1600)
SHARES = (0.01, 0.5)
M, EF_CONSTRUCTION = 16, 100  # of the rivals' graphs
BATCH = 5000

Search = Callable[[np.ndarray], np.ndarray]  # query (d,) -> ids, best first


@dataclass(frozen=True)
class Contender:
    """An engine and how it searches with each effort; one that is exact has a single effort, 0."""

    name: str
    search: Callable[[int], Search]
    efforts: Sequence[int] = (0,)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def library(n: int, seed: int = 0) -> np.ndarray:
    """Unit rows (n, DIMENSION) in clusters of some fifty."""
    draw = np.random.default_rng(seed)
    centres = unit(draw.standard_normal((max(n // 50, 10), DIMENSION), dtype=np.float32))
    rows = np.empty((n, DIMENSION), np.float32)
    for start in range(0, n, 20_000):
        size = min(20_000, n - start)
        noise = unit(draw.standard_normal((size, DIMENSION), dtype=np.float32))
        rows[start : start + size] = unit(centres[draw.integers(len(centres), size=size)] + 0.7 * noise)
    return rows


def queries(vectors: np.ndarray, n: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5)
    near = vectors[np.sort(draw.integers(len(vectors), size=n))]
    aside = unit(draw.standard_normal((1, DIMENSION)))
    return {"audio": unit(near + 0.3 * unit(draw.standard_normal(near.shape))), "text": unit(0.5 * near + aside)}


def truth(vectors: np.ndarray, asked: np.ndarray, allowed: np.ndarray | None = None) -> list[set[int]]:
    """The nearest ids of every query, by float32 products, in one pass over the vectors."""
    best = np.full((len(asked), 0), -np.inf)
    ids = np.zeros((len(asked), 0), np.int64)
    for start in range(0, len(vectors), 50_000):
        scores = asked @ vectors[start : start + 50_000].T
        if allowed is not None:
            scores[:, ~allowed[start : start + 50_000]] = -np.inf
        top = np.argsort(-scores, axis=1)[:, :NEAREST]
        best = np.concatenate([best, np.take_along_axis(scores, top, 1)], axis=1)
        ids = np.concatenate([ids, top + start], axis=1)
    order = np.argsort(-best, axis=1)[:, :NEAREST]
    return [set(row.tolist()) for row in np.take_along_axis(ids, order, 1)]


def measure(contenders: Sequence[Contender], asked: np.ndarray, wanted: list[set[int]]) -> list[dict[str, Any]]:
    """Time and recall of each at the least effort that is enough: they answer each query in turn."""
    chosen = [(contender, _effort(contender, asked, wanted)) for contender in contenders]
    searches = [contender.search(effort) for contender, effort in chosen]
    times: list[list[float]] = [[] for _ in chosen]
    for _ in range(2):
        for query in asked:
            for search, taken in zip(searches, times, strict=True):
                begun = time.perf_counter()
                search(query)
                taken.append((time.perf_counter() - begun) * 1000)
    rows = []
    for (contender, effort), search, taken in zip(chosen, searches, times, strict=True):
        quartiles = np.percentile(taken, (25, 50, 75))
        row: dict[str, Any] = {"engine": contender.name, "ms": round(float(quartiles[1]), 2)}
        row |= {"quartiles": [round(float(quartiles[0]), 2), round(float(quartiles[2]), 2)]}
        row |= {"recall": round(recall(search, asked, wanted), 3)} | ({"effort": effort} if effort else {})
        rows.append(row)
    return rows


def recall(search: Search, asked: np.ndarray, wanted: list[set[int]]) -> float:
    return float(
        np.mean([len(right & set(search(q).tolist())) / len(right) for q, right in zip(asked, wanted, strict=True)])
    )


def _effort(contender: Contender, asked: np.ndarray, wanted: list[set[int]]) -> int:
    for effort in contender.efforts:
        if recall(contender.search(effort), asked, wanted) >= RECALL:
            return effort
    return contender.efforts[-1]


def ours(vectors: np.ndarray, folder: Path, with_graph: bool) -> tuple[VectorIndex, dict[str, float]]:
    """Our index, saved and opened again; and how long each took."""
    took: dict[str, float] = {}
    if not (folder / "state.json").exists():
        begun = time.perf_counter()
        index = VectorIndex(DIMENSION)
        index.add(np.arange(len(vectors)), vectors)
        index.save(folder)
        took["coded and saved, s"] = round(time.perf_counter() - begun, 2)
    begun = time.perf_counter()
    index = VectorIndex.load(folder, DIMENSION, exact_below=1)
    took["opened, s"] = round(time.perf_counter() - begun, 4)
    if with_graph and not index.uses_graph:
        texts = queries(vectors, 64)["text"][32:]  # others than those that are asked
        begun = time.process_time()
        build = GraphBuild(index, texts, batch=1000)
        while build.step():
            pass
        took["graph, CPU s"] = round(time.process_time() - begun, 1)
        index.save(folder)
        index = VectorIndex.load(folder, DIMENSION, exact_below=1)
    return index, took


def contenders(vectors: np.ndarray, index: VectorIndex, cache: Path, rivals: Sequence[str]) -> list[Contender]:
    exact = VectorIndex(DIMENSION)
    exact._blocks, exact._gone = index._blocks, index._gone
    found = [Contender("soundsearch, scan", lambda _: lambda q: exact.search(q, NEAREST)[0])]
    if index.uses_graph:
        found.append(Contender("soundsearch, graph", lambda _: lambda q: index.search(q, NEAREST)[0]))
    if faiss is not None and "flat" in rivals:
        flat = faiss.IndexFlatIP(DIMENSION)
        flat.add(vectors)
        found.append(Contender("faiss flat", lambda _: lambda q: flat.search(q[None], NEAREST)[1][0]))
    if faiss is not None and "faiss" in rivals:
        hnsw = _faiss_graph(vectors, cache)

        def with_ef(ef: int) -> Search:
            def search(query: np.ndarray) -> np.ndarray:
                hnsw.hnsw.efSearch = ef
                return hnsw.search(query[None], NEAREST)[1][0]

            return search

        found.append(Contender("faiss HNSW", with_ef, EFFORTS))
    if hnswlib is not None and "hnswlib" in rivals:
        graph = hnswlib_graph(vectors, cache)
        found.append(Contender("hnswlib", lambda ef: _hnswlib_search(graph, ef), EFFORTS))
    if "usearch" in rivals:
        from usearch.index import Index

        plain = _usearch_graph(vectors, cache, Index)

        def expanded(ef: int) -> Search:
            def search(query: np.ndarray) -> np.ndarray:
                plain.expansion_search = ef
                return np.asarray(plain.search(query, NEAREST, threads=1).keys)

            return search

        found.append(Contender("usearch, bf16", expanded, EFFORTS))
    return found


def hnswlib_graph(vectors: np.ndarray, cache: Path) -> "hnswlib.Index":
    path = cache / f"hnswlib-{len(vectors)}-{M}.bin"
    graph = hnswlib.Index("ip", vectors.shape[1])
    if path.exists():
        graph.load_index(str(path))
        return graph
    graph.init_index(len(vectors), M=M, ef_construction=EF_CONSTRUCTION, random_seed=0)
    for start in range(0, len(vectors), BATCH):
        end = min(start + BATCH, len(vectors))
        graph.add_items(vectors[start:end], np.arange(start, end), num_threads=1)
    graph.save_index(str(path))
    return graph


def _hnswlib_search(graph: "hnswlib.Index", ef: int, accept: Callable[[int], bool] | None = None) -> Search:
    def search(query: np.ndarray) -> np.ndarray:
        graph.set_ef(ef)
        try:
            return graph.knn_query(query, k=NEAREST, num_threads=1, filter=accept)[0][0]
        except RuntimeError:  # it met fewer that may answer
            return np.zeros(0, np.int64)

    return search


def _faiss_graph(vectors: np.ndarray, cache: Path) -> "faiss.IndexHNSWFlat":
    path = cache / f"faiss-{len(vectors)}-{M}.bin"
    if path.exists():
        return faiss.read_index(str(path))
    graph = faiss.IndexHNSWFlat(DIMENSION, M, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = EF_CONSTRUCTION
    for start in range(0, len(vectors), BATCH):
        graph.add(vectors[start : start + BATCH])
    faiss.write_index(graph, str(path))
    return graph


def _usearch_graph(vectors: np.ndarray, cache: Path, kind: type) -> object:
    path = cache / f"usearch-{len(vectors)}-{M}.bin"
    if path.exists():
        return kind.restore(str(path), view=True)
    graph = kind(ndim=DIMENSION, metric="ip", dtype="bf16", connectivity=M, expansion_add=EF_CONSTRUCTION)
    for start in range(0, len(vectors), BATCH):
        end = min(start + BATCH, len(vectors))
        graph.add(np.arange(start, end, dtype=np.uint64), vectors[start:end], threads=1)
    graph.save(str(path))
    return graph


def filtered(
    vectors: np.ndarray, index: VectorIndex, cache: Path, rivals: Sequence[str], asked: dict[str, np.ndarray]
) -> dict[str, Any]:
    """With a filter that leaves a share of the vectors."""
    result: dict[str, Any] = {}
    exact = VectorIndex(DIMENSION)
    exact._blocks, exact._gone = index._blocks, index._gone
    graph = hnswlib_graph(vectors, cache) if hnswlib is not None and "hnswlib" in rivals else None
    for share in SHARES:
        mask = np.random.default_rng(9).random(len(vectors)) < share
        allowed, lookup = np.flatnonzero(mask), mask.tolist()
        found = [Contender("soundsearch, scan", lambda _, a=allowed: lambda q: exact.search(q, NEAREST, a)[0])]
        if index.uses_graph:
            found.append(Contender("soundsearch, graph", lambda _, a=allowed: lambda q: index.search(q, NEAREST, a)[0]))
        if graph is not None:
            found.append(
                Contender(
                    "hnswlib, callback", lambda ef, ok=lookup: _hnswlib_search(graph, ef, ok.__getitem__), EFFORTS
                )
            )
        for kind, some in asked.items():
            result[f"{share:.0%} allowed, {kind}"] = measure(found, some, truth(vectors, some, mask))
    return result


def compare(
    n: int, cache: Path, n_queries: int, rivals: Sequence[str], with_graph: bool, with_filters: bool = True
) -> dict[str, Any]:
    path = cache / f"library-{n}.npy"
    if not path.exists():
        np.save(path, library(n))
    vectors = np.load(path)
    index, took = ours(vectors, cache / f"index-{n}", with_graph)
    asked = queries(vectors, n_queries)
    engines = contenders(vectors, index, cache, rivals)
    searches = {kind: measure(engines, some, truth(vectors, some)) for kind, some in asked.items()}
    del engines  # a million vectors in each
    if with_filters:
        searches |= filtered(vectors, index, cache, rivals, asked)
    return {"took": took, "searches": searches}


def report(
    sizes: Sequence[int],
    cache: Path,
    n_queries: int,
    rivals: Sequence[str],
    with_graph: bool,
    with_filters: bool = True,
) -> dict[str, Any]:
    """Compare at each size; graphs and vectors are kept in the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    packages = ("numkong", "usearch", "faiss-cpu", "hnswlib")
    return {
        "machine": machine(),
        "versions": {name: _version(name) for name in packages},
        "results": {f"{n:,} clips": compare(n, cache, n_queries, rivals, with_graph, with_filters) for n in sizes},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def as_markdown(result: Mapping[str, Any]) -> str:
    """The tables of the page, in one."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [in_words(result["machine"]), f"{versions}.", ""]
    for size, found in result["results"].items():
        lines.append(f"{size}: " + ", ".join(f"{key} {value}" for key, value in found["took"].items()) + ".")
    lines += [
        "",
        "| clips | queries | engine | ms: median (quartiles) | recall@10 | effort |",
        "|---|---|---|---:|---:|---:|",
    ]
    for size, found in result["results"].items():
        for kind, rows in found["searches"].items():
            for row in rows:
                low, high = row["quartiles"]
                cells = [size.removesuffix(" clips"), kind, row["engine"], f"{row['ms']:.2f} ({low:.2f}-{high:.2f})"]
                lines.append("| " + " | ".join([*cells, f"{row['recall']:.3f}", str(row.get("effort", ""))]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--cache", type=Path, help="keep vectors and graphs in this folder")
    parser.add_argument("--queries", type=int, default=20, help="of each kind")
    parser.add_argument("--rivals", default="flat,faiss,hnswlib,usearch", help="those of them that are installed")
    parser.add_argument("--no-graph", action="store_true", help="measure our scan only")
    parser.add_argument("--no-filters", action="store_true", help="searches among all only")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with kept(options.cache) as cache:
        rivals = options.rivals.split(",")
        result = report(options.clips, cache, options.queries, rivals, not options.no_graph, not options.no_filters)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


if __name__ == "__main__":
    main()

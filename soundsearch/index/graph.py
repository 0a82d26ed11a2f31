"""Graph: near vectors by HNSW, a proposal that is scored again exactly; and how well it must propose. Owns usearch."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from usearch.index import Index

from soundsearch.records import FloatArray, IntArray

log = logging.getLogger(__name__)

M = 16  # links of a node
EF_CONSTRUCTION = 128
EFFORTS = (100, 200, 400, 800)  # candidates kept during a search, from fast to thorough
RECALL = 0.99  # of the ten nearest, for texts and for sounds: a graph that does worse is not used
PROBES = 32  # queries of each kind that say so
NEAREST = 10


class Graph:
    """Ids of vectors, found through the links between them. It only grows; what was removed is told apart by its owner.

    Attributes:
        effort: Candidates kept during a search, as an examination has found it; 0 where none is enough: then it must
            not be used.
        path: Where it was saved, None before.
    """

    def __init__(self, dimension: int) -> None:
        self.effort = 0
        self.path: Path | None = None
        # Eight bits a number: it is a quarter as large, and as good at proposing (docs/performance.md).
        self._index = Index(
            ndim=dimension, metric="ip", dtype="i8", connectivity=M, expansion_add=EF_CONSTRUCTION, multi=False
        )

    def __len__(self) -> int:
        return len(self._index)

    def add(self, ids: IntArray, vectors: FloatArray) -> None:
        """Add vectors (n, dimension) under ids (n,) that are not in it."""
        # One thread: the graph, too, is a function of what is in the catalogue.
        self._index.add(ids.astype(np.uint64), vectors, threads=1)

    def nearest(self, query: FloatArray, n: int, effort: int) -> IntArray:
        """Propose the ids of `n` near vectors."""
        self._index.expansion_search = max(effort, n)  # type: ignore[misc]  # mypy cannot see that it can be set
        found: IntArray = np.asarray(self._index.search(query, n, threads=1).keys).astype(np.int64)
        return found

    def save(self, path: Path) -> None:
        """Write it.

        Raises:
            OSError: If it cannot be written.
        """
        try:
            self._index.save(str(path))
        except RuntimeError as err:
            raise OSError(None, str(err)) from err
        self.path = path

    @classmethod
    def load(cls, path: Path, dimension: int, effort: int, to_grow: bool = False) -> "Graph":
        """Map what `save` wrote, or read it, so that more can be added.

        Raises:
            ValueError: If it is no graph of such vectors.
        """
        graph = cls.__new__(cls)
        graph.effort, graph.path = effort, None if to_grow else path
        found = Index.restore(str(path), view=not to_grow)
        if found is None or found.ndim != dimension:
            raise ValueError(f"{path.name} is no graph")
        graph._index = found
        return graph


class Examination:
    """Finds the least effort at which a graph proposes what an exact search finds, by queries of each kind.

    Texts lie away from the embeddings of sounds, and a graph that was good for sounds lost a third of what a text
    should find (docs/performance.md): so every kind must pass by itself.
    """

    def __init__(self, kinds: Iterable[FloatArray]) -> None:
        """Take queries, (n, dimension) of each kind; a kind without queries is not asked."""
        self._queries = [(kind, query) for kind, rows in enumerate(kinds) for query in rows[:PROBES]]
        self._met: dict[tuple[int, int], list[float]] = {}

    def __len__(self) -> int:
        return len(self._queries)

    def next_query(self) -> FloatArray | None:
        """The query to ask next, None after the last."""
        return self._queries[-1][1] if self._queries else None

    def mark(self, graph: Graph, exact: IntArray) -> None:
        """Compare what the graph proposes for the query with what an exact search has found, (n,)."""
        kind, query = self._queries.pop()
        for effort in EFFORTS:
            found = graph.nearest(query, min(effort, len(graph)), effort)
            self._met.setdefault((kind, effort), []).append(float(np.isin(exact, found).mean()))

    def effort(self) -> int:
        """The least effort that is enough for every kind, 0 if none is."""
        for effort in EFFORTS:
            worst = min((float(np.mean(met)) for (_, at), met in self._met.items() if at == effort), default=0.0)
            if worst >= RECALL:
                return effort
        log.warning("the graph misses too much of what a search should find: search stays exact")
        return 0

"""VectorIndex: the nearest vectors, exactly while there are few, through HNSW when there are many. Owns hnswlib.

A cache: the catalogue holds the same vectors and everything here can be made again from them. Files carry the stamp of
the catalogue they were made from and are written so that a crash leaves the old ones or the new.
"""

import json
import logging
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from soundsearch.errors import IndexStoreError
from soundsearch.records import FloatArray, IntArray

try:
    import hnswlib
except ImportError:  # it has no wheels; without a compiler search stays exact
    hnswlib = None

log = logging.getLogger(__name__)

# Below this an exact scan answers within some 25 ms, and a graph, whose `EF` must be high because text queries lie away
# from the audio vectors, would save ten of them for minutes of building: docs/performance.md has the measurement.
EXACT_BELOW = 100_000
M = 32  # links of a node
EF_CONSTRUCTION = 200
EF = 400  # candidates kept during a search
_GROW = 1.5


class VectorIndex:
    """Unit vectors by id, held in memory; search by dot product.

    Attributes:
        dimension: Length of a vector.
        stamp: What the owner noted when it last brought the index up to date; saved with it.
    """

    def __init__(self, dimension: int, exact_below: int = EXACT_BELOW) -> None:
        self.dimension = dimension
        self.stamp: tuple[int, ...] = ()
        self._exact_below = exact_below
        self._ids = np.zeros(0, np.int64)
        self._vectors = np.zeros((0, dimension), np.float32)
        self._n = 0
        self._graph: Any = None
        self._in_graph = 0  # rows 0.._in_graph are in the graph
        self._by_id: IntArray | None = None  # rows in the order of their ids, once somebody asks for an id

    def __len__(self) -> int:
        return self._n

    @property
    def ids(self) -> IntArray:
        """Ids in the order of their rows, shape (n,)."""
        return self._ids[: self._n]

    @property
    def vectors(self) -> FloatArray:
        """Rows in the order of `ids`, shape (n, dimension)."""
        return self._vectors[: self._n]

    @property
    def uses_graph(self) -> bool:
        """Whether a search without filter goes through HNSW."""
        return self._graph is not None and self._in_graph == self._n

    def add(self, ids: IntArray, vectors: FloatArray) -> None:
        """Add vectors, shape (n, dimension), under ids (n,) that are not in the index yet."""
        if not len(ids):
            return
        self._by_id = None
        if (needed := self._n + len(ids)) > len(self._ids):
            room = max(needed, int(len(self._ids) * _GROW))
            self._ids = np.concatenate([self.ids, np.zeros(room - self._n, np.int64)])
            self._vectors = np.concatenate([self.vectors, np.zeros((room - self._n, self.dimension), np.float32)])
        self._ids[self._n : needed] = ids
        self._vectors[self._n : needed] = vectors
        self._n = needed

    def remove(self, ids: IntArray) -> None:
        """Remove ids; unknown ones are ignored. The graph is built anew when it is next wanted."""
        keep = ~np.isin(self.ids, ids)
        if keep.all():
            return
        self._by_id = None
        self._ids, self._vectors = self.ids[keep], self.vectors[keep]
        self._n = len(self._ids)
        self._graph, self._in_graph = None, 0

    def vectors_of(self, ids: IntArray) -> tuple["np.ndarray[tuple[int], np.dtype[np.bool_]]", FloatArray]:
        """Which of these ids (n,) are in the index, and the vectors of those in the same order, (m, dimension)."""
        if self._by_id is None:
            self._by_id = np.argsort(self.ids, kind="stable")
        ordered = self.ids[self._by_id]
        at = np.searchsorted(ordered, ids)
        known = np.zeros(len(ids), bool)
        known[at < self._n] = ordered[at[at < self._n]] == ids[at < self._n]
        return known, self.vectors[self._by_id[at[known]]]

    def build(self, batch: int = 500) -> "GraphBuild":
        """Bring the graph up to date in steps; a search meanwhile stays exact. Nothing to do while exact is faster."""
        return GraphBuild(self, batch)

    def search(self, query: FloatArray, limit: int, allowed: IntArray | None = None) -> tuple[IntArray, FloatArray]:
        """Return the nearest vectors, best first, equal ones by id.

        Args:
            query: Shape (dimension,).
            limit: How many at most.
            allowed: Ids that may answer, None for all. Filter, then rank: never the other way round.

        Returns:
            Ids (k,) and dot products (k,), k <= limit.
        """
        if not self._n or limit <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        rows: IntArray | None = None
        if allowed is not None:
            rows = np.flatnonzero(np.isin(self.ids, allowed))
        if rows is None and self.uses_graph and limit <= EF:
            self._graph.set_ef(max(EF, limit))
            found, _ = self._graph.knn_query(query, k=min(self._n, max(limit, min(EF, self._n))))
            rows = found[0].astype(np.int64)
        # The graph only proposes: what it found is scored again exactly.
        scores = self.vectors @ query if rows is None else self.vectors[rows] @ query
        ids = self.ids if rows is None else self.ids[rows]
        if limit < len(ids):
            edge = np.partition(scores, len(scores) - limit)[len(scores) - limit]
            kept = np.flatnonzero(scores >= edge)  # with all that equal the last one, so that ids decide
            ids, scores = ids[kept], scores[kept]
        order = np.lexsort((ids, -scores))[:limit]
        return ids[order], scores[order].astype(np.float32)

    # -- files

    def save(self, folder: Path) -> None:
        """Write the index; the state file comes last and names the others, so a crash leaves one whole set.

        Raises:
            IndexStoreError: If it cannot be written. The catalogue still holds everything.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            old = _read_state(folder)
            number = int(old.get("number", 0)) + 1
            names = {"ids": f"ids-{number}.npy", "vectors": f"vectors-{number}.npy"}
            _write(folder / names["ids"], lambda file: np.save(file, self.ids))
            _write(folder / names["vectors"], lambda file: np.save(file, self.vectors))
            if self.uses_graph:
                names["graph"] = f"graph-{number}.bin"
                self._graph.save_index(str(folder / names["graph"]))
            state = {
                "number": number,
                "stamp": list(self.stamp),
                "dimension": self.dimension,
                "files": names,
                "sums": {name: _checksum(folder / name) for name in names.values()},
            }
            _write(folder / "state.json.new", lambda file: file.write(json.dumps(state).encode()))
            (folder / "state.json.new").replace(folder / "state.json")
            for file in folder.iterdir():
                if file.name != "state.json" and file.name not in names.values():
                    file.unlink(missing_ok=True)
        except OSError as err:
            raise IndexStoreError(
                f"Cannot save the search index in {folder}: {err.strerror}.",
                "Make room on the disk; nothing is lost, the index is made again when needed.",
            ) from err

    @classmethod
    def load(cls, folder: Path, dimension: int, exact_below: int = EXACT_BELOW) -> "VectorIndex":
        """Read an index; anything that is missing, damaged or of another dimension gives an empty one."""
        index = cls(dimension, exact_below)
        state = _read_state(folder)
        if not state or state.get("dimension") != dimension:
            return index
        try:
            files: dict[str, str] = state["files"]
            if any(_checksum(folder / name) != state["sums"][name] for name in files.values()):
                raise ValueError("checksum")
            ids, vectors = np.load(folder / files["ids"]), np.load(folder / files["vectors"])
            if vectors.shape != (len(ids), dimension):
                raise ValueError("shape")
            index.add(ids, vectors)
            index.stamp = tuple(state["stamp"])
            if "graph" in files and hnswlib is not None:
                graph = hnswlib.Index("ip", dimension)
                graph.load_index(str(folder / files["graph"]))
                index._graph, index._in_graph = graph, graph.get_current_count()
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as err:
            log.warning("index in %s cannot be used (%s): it is made again", folder, err)
            return cls(dimension, exact_below)
        return index

    @staticmethod
    def problems(folder: Path) -> list[str]:
        """Say what is wrong with the files of a saved index; a folder without one is fine."""
        if not folder.exists() or not any(folder.iterdir()):
            return []
        state = _read_state(folder)
        if not state:
            return ["The search index has no readable state file."]
        return [
            f"The search index file {name} is {'damaged' if (folder / name).exists() else 'missing'}."
            for name, total in state.get("sums", {}).items()
            if _checksum(folder / name) != total
        ]


class GraphBuild:
    """Brings the graph of an index up to date, a batch at a time: `step` until it returns False."""

    def __init__(self, index: VectorIndex, batch: int) -> None:
        self._index = index
        self._batch = batch

    @property
    def done(self) -> int:
        """Vectors in the graph."""
        return self._index._in_graph

    @property
    def total(self) -> int:
        """Vectors in the index."""
        return len(self._index)

    def step(self) -> bool:
        """Add a batch; False when there is nothing (more) to do."""
        index = self._index
        if hnswlib is None or len(index) < index._exact_below or index._in_graph == len(index):
            return False
        if index._graph is None:
            index._graph = hnswlib.Index("ip", index.dimension)
            # One thread and one seed: the graph, too, is a function of what is in the catalogue.
            index._graph.init_index(len(index), M=M, ef_construction=EF_CONSTRUCTION, random_seed=0)
            index._in_graph = 0
        if index._graph.get_max_elements() < len(index):
            index._graph.resize_index(max(len(index), int(index._graph.get_max_elements() * _GROW)))
        end = min(index._in_graph + self._batch, len(index))
        rows = np.arange(index._in_graph, end)
        index._graph.add_items(index.vectors[rows], rows, num_threads=1)
        index._in_graph = end
        return True


def _read_state(folder: Path) -> dict[str, Any]:
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _write(path: Path, write: Callable[[Any], object]) -> None:
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _checksum(path: Path) -> int:
    total = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total = zlib.crc32(block, total)
    except OSError:
        return -1
    return total

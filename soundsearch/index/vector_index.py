"""VectorIndex: the nearest vectors: an exact scan of eight bits a number, and HNSW to propose them when there are many.

A cache: the catalogue holds the same vectors and everything here can be made again from them. What was saved is mapped
from its files, so that a library of a million clips is open at once and takes no memory that others need.
"""

import logging
import secrets
from collections.abc import Collection, Iterator
from copy import copy
from pathlib import Path

import numpy as np

from soundsearch.errors import IndexStoreError
from soundsearch.index import files
from soundsearch.index.block import CHUNK, Block, exact_scores, middle_of
from soundsearch.index.graph import Graph
from soundsearch.index.places import BoolArray, Places
from soundsearch.records import FloatArray, IntArray

log = logging.getLogger(__name__)

# Below this an exact scan answers within some 25 ms, and a graph would save twenty of them for half an hour of
# building: docs/performance.md has the measurement.
EXACT_BELOW = 500_000
NEWER = 20_000  # vectors that came after the graph was made and are scanned beside it; more, and it is made to grow
WORN = 4  # where more than a part of so many is gone, a block or the graph is made anew
WIDE = 0.25  # share that a filter must leave for the graph to be asked: of less, it misses a fifth of the nearest
HALF = 0.5  # share that a filter must leave for the graph to find as much with the same effort (docs/performance.md)
NARROW = 8  # a filter that leaves less than a part of so many is looked at row by row
SPARE = 1.3  # how many more are proposed than wanted
MOST_PROPOSED = 2000  # by the graph: more are found faster by a scan
ROUNDING = 1e-5  # of a dot product in single precision
_GROW = 1.5


class VectorIndex:
    """Unit vectors by id; search by dot product.

    Attributes:
        dimension: Length of a vector.
        stamp: What the owner noted when it last brought the index up to date; saved with it.
    """

    def __init__(self, dimension: int, exact_below: int = EXACT_BELOW) -> None:
        self.dimension = dimension
        self.stamp: tuple[int, ...] = ()
        self._exact_below = exact_below
        self._blocks: list[Block] = []
        self._tail_ids = np.zeros(0, np.int64)  # what came last, in arrays with room for more
        self._tail_vectors = np.zeros((0, dimension), np.float32)
        self._tail = 0
        self._gone = np.zeros(0, bool)  # which rows were removed; a row keeps its place until it is saved
        self._places: Places | None = None
        self._sample: tuple[int, Places, FloatArray] | None = None
        self._graph: Graph | None = None
        self._in_graph = 0  # of the rows that are not gone so many, from the first, are in the graph

    def __len__(self) -> int:
        return len(self._gone) - int(np.count_nonzero(self._gone))

    @property
    def ids(self) -> IntArray:
        """Ids in the order of their rows, shape (n,)."""
        return self._where().ids

    @property
    def vectors(self) -> FloatArray:
        """Rows in the order of `ids`, shape (n, dimension): a view if they lie so, and a copy if not. See `take`."""
        if len(self._blocks) == 1 and len(self._blocks[0]) == len(self):
            return self._blocks[0].vectors
        return self.take(np.arange(len(self)))

    @property
    def uses_graph(self) -> bool:
        """Whether a search without a narrow filter goes through HNSW."""
        return self._graph is not None and self._graph.effort > 0 and len(self) - self._in_graph <= NEWER

    def take(self, rows: IntArray) -> FloatArray:
        """The vectors of some rows, by their places in `ids`, shape (m, dimension)."""
        return self._gather(self._where().rows[rows])

    def snapshot(self) -> "VectorIndex":
        """The index as it is now, to be read from elsewhere while this one changes; nothing is copied but lists."""
        fixed = copy(self)  # arrays and blocks are replaced, never written to where somebody has read
        fixed._blocks = list(self._blocks)
        return fixed

    def sample(self, n: int) -> FloatArray:
        """The vectors of `n` rows by chance, or of all, shape (m, dimension): the same until the index changes."""
        if self._sample is None or self._sample[0] != n or self._sample[1] is not self._where():
            draw = np.random.default_rng(0)
            rows = np.sort(draw.choice(len(self), min(n, len(self)), replace=False, shuffle=False))
            self._sample = n, self._where(), self.take(rows)
        return self._sample[2]

    def add(self, ids: IntArray, vectors: FloatArray) -> None:
        """Add vectors, shape (n, dimension), under ids (n,) that are not in the index yet."""
        if not len(ids):
            return
        self._places = None
        self._gone = np.concatenate([self._gone, np.zeros(len(ids), bool)])
        if len(ids) >= CHUNK:
            self._seal()
            self._blocks.append(Block(np.asarray(ids, np.int64), np.ascontiguousarray(vectors, np.float32)))
        else:
            self._append(ids, vectors)
        if self._tail >= CHUNK:
            self._seal()

    def _append(self, ids: IntArray, vectors: FloatArray) -> None:
        if (needed := self._tail + len(ids)) > len(self._tail_ids):
            room = max(needed, int(len(self._tail_ids) * _GROW))
            more = room - self._tail
            self._tail_ids = np.concatenate([self._tail_ids[: self._tail], np.zeros(more, np.int64)])
            self._tail_vectors = np.concatenate(
                [self._tail_vectors[: self._tail], np.zeros((more, self.dimension), np.float32)]
            )
        self._tail_ids[self._tail : needed] = ids
        self._tail_vectors[self._tail : needed] = vectors
        self._tail = needed

    def _seal(self) -> None:
        """Make a block of the tail."""
        if self._tail:
            self._blocks.append(Block(self._tail_ids[: self._tail], self._tail_vectors[: self._tail]))
        self._tail_ids, self._tail_vectors = self._tail_ids[:0], self._tail_vectors[:0]
        self._tail = 0

    def remove(self, ids: IntArray) -> None:
        """Remove ids; unknown ones are ignored."""
        places = self._where()
        _, rows = places.find(np.unique(ids))
        if not len(rows):
            return
        in_graph = places.rows[: self._in_graph]
        self._in_graph -= int(np.count_nonzero(rows <= in_graph[-1])) if len(in_graph) else 0
        self._gone = self._gone.copy()
        self._gone[rows] = True
        self._places = None

    def vectors_of(self, ids: IntArray) -> tuple[BoolArray, FloatArray]:
        """Which of these ids (n,) are in the index, and the vectors of those in the same order, (m, dimension)."""
        known, rows = self._where().find(ids)
        return known, self._gather(rows)

    def search(self, query: FloatArray, limit: int, allowed: IntArray | None = None) -> tuple[IntArray, FloatArray]:
        """Return the nearest vectors, best first, equal ones by id.

        Args:
            query: Shape (dimension,).
            limit: How many at most.
            allowed: Ids that may answer, None for all. Filter, then rank: never the other way round.

        Returns:
            Ids (k,) and dot products (k,), k <= limit.

        Raises:
            IndexStoreError: If the saved vectors are not what they were.
        """
        query = np.ascontiguousarray(query, np.float32)
        if not len(self) or limit <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        rows = self._proposed(query, limit, allowed)
        near: FloatArray | None = None
        if rows is None:
            rows, near, tolerance = self._scanned(query, limit, allowed)
        ids, scores = self._where().all_ids[rows], exact_scores(self._gather(rows), query)
        if near is not None and not (np.abs(scores - near) <= 2 * tolerance + ROUNDING).all():
            raise IndexStoreError("The search index is damaged.", "Search again: it is made anew from the catalogue.")
        order = np.lexsort((ids, -scores))[:limit]
        return ids[order], scores[order]

    def _proposed(self, query: FloatArray, limit: int, allowed: IntArray | None) -> IntArray | None:
        """Rows that the graph finds, and all that came after it; None where it is not asked or finds too few."""
        if self._graph is None or not self.uses_graph:
            return None
        share = 1.0 if allowed is None else min(1.0, len(allowed) / len(self))
        if share < WIDE:
            return None
        # Half of what an effort finds holds the nearest of half of the vectors: of less, more must be looked at.
        n = int(max(self._graph.effort * max(1.0, HALF / share), limit * SPARE / share))
        if n > MOST_PROPOSED:
            return None
        found = self._graph.nearest(query, min(n, len(self._graph)), self._graph.effort)
        places = self._where()
        rows, newer = places.find(found)[1], places.rows[self._in_graph :]
        if allowed is not None:
            may = places.may_answer(allowed)
            rows, newer = rows[may[rows]], newer[may[newer]]
        if len(rows) < min(limit, len(self)):
            return None
        return np.union1d(rows, newer)  # one that came again is proposed by its old vector, too

    def _scanned(
        self, query: FloatArray, limit: int, allowed: IntArray | None
    ) -> tuple[IntArray, FloatArray | None, float]:
        """Every row that may be among the best by its eight bits, what those say, and how far they may be off."""
        rows: IntArray | None = None
        may = ~self._gone
        if allowed is not None and len(allowed) < len(may) // NARROW:
            rows = np.unique(self._where().find(allowed)[1])
        elif allowed is not None:
            may = self._where().may_answer(allowed)
        count = int(np.count_nonzero(may)) if rows is None else len(rows)
        if count <= limit:
            return np.flatnonzero(may) if rows is None else rows, None, 0.0
        scores, tolerance = self._near(query, rows)
        if rows is None and count < len(may):
            scores[~may] = -np.inf
        # Whatever is among the best if it scores as much more, and they as much less, as the bits may be off; with all
        # that equal the last one, so that ids decide.
        edge = np.partition(scores, len(scores) - limit)[len(scores) - limit] - 2 * tolerance
        chosen = np.flatnonzero(scores >= edge)
        return chosen if rows is None else rows[chosen], scores[chosen], tolerance

    def _near(self, query: FloatArray, rows: IntArray | None) -> tuple[FloatArray, float]:
        """Approximate scores of rows, ascending, or of all; and how far they may be off."""
        parts, tolerance, start = [], 0.0, 0
        for block in self._parts():
            end = start + len(block)
            if rows is None:
                near = block.near(query)
            else:
                first, last = np.searchsorted(rows, (start, end))
                near = block.near(query, rows[first:last] - start)
            parts.append(near.scores)
            tolerance, start = max(tolerance, near.tolerance), end
        return np.concatenate(parts) if len(parts) > 1 else parts[0], tolerance

    # -- rows

    def _parts(self) -> Iterator[Block]:
        """All blocks; the tail as one, for now."""
        yield from self._blocks
        if self._tail:
            yield Block(self._tail_ids[: self._tail], self._tail_vectors[: self._tail])

    def _where(self) -> Places:
        if self._places is None:
            self._places = Places([block.ids for block in self._parts()], self._gone)
        return self._places

    def _gather(self, rows: IntArray) -> FloatArray:
        """The vectors of rows, those that are gone counted, (m, dimension)."""
        blocks = list(self._parts())
        if len(blocks) == 1:
            return np.take(blocks[0].vectors, rows, axis=0)
        found = np.empty((len(rows), self.dimension), np.float32)
        starts = np.cumsum([0, *(len(block) for block in blocks)])
        owners = np.searchsorted(starts, rows, "right") - 1
        for number in np.unique(owners):
            mine = owners == number
            found[mine] = blocks[number].vectors[rows[mine] - starts[number]]
        return found

    # -- files

    def save(self, folder: Path) -> None:
        """Write the index at one go: see `saving`."""
        for _ in self.saving(folder):
            pass

    def saving(self, folder: Path) -> Iterator[None]:
        """Write what is not on the disk yet, in short steps; the index may be used and changed between them.

        Small blocks become part of the next one, so that there are few, and so do those of which much is gone: what is
        written of a million vectors for some that are new is little more than those.

        Raises:
            IndexStoreError: If it cannot be written. The catalogue still holds everything.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known: dict[str, list[int]] = files.read_state(folder).get("files", {})
            stamp = self.stamp
            self._seal()
            first, end = self._unsaved(known)
            new: dict[str, list[int]] = {}
            if first < end:
                for step in self._write(folder, first, end):
                    new = step or new
                    yield
            names = {name for block in self._blocks for name in files.names_of(block.name)}
            kept = {name: entry for name, entry in {**known, **new}.items() if name in names}
            kept |= self._write_graph(folder, known)
            self._write_state(folder, stamp, kept)
        except OSError as err:
            raise IndexStoreError(
                f"Cannot save the search index in {folder}: {err.strerror}.",
                "Make room on the disk; nothing is lost, the index is made again when needed.",
            ) from err

    def _unsaved(self, known: Collection[str]) -> tuple[int, int]:
        """Which blocks are to be written as one: from, to."""
        end = first = len(self._blocks)
        starts = np.cumsum([0, *(len(block) for block in self._blocks)])
        for number, block in enumerate(self._blocks):
            gone = int(np.count_nonzero(self._gone[starts[number] : starts[number + 1]]))
            if any(name not in known for name in files.names_of(block.name)) or gone * WORN > len(block):
                first = number
                break
        while 0 < first < end and starts[first] - starts[first - 1] < 2 * (starts[end] - starts[first]):
            first -= 1
        return first, end

    def _write(self, folder: Path, first: int, end: int) -> Iterator[dict[str, list[int]]]:
        """Write blocks as one and put it in their place; gives its files at last, {} before."""
        starts = np.cumsum([0, *(len(block) for block in self._blocks)])
        start, stop = int(starts[first]), int(starts[end])
        rows = start + np.flatnonzero(~self._gone[start:stop])
        ids = self._where().all_ids[rows]
        middle = middle_of(self._gather(rows[:: max(1, len(rows) // CHUNK)])) if len(rows) else None
        block: Block | None = None
        entries: dict[str, list[int]] = {}
        if middle is not None:
            portions = (self._gather(rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK))
            for step in files.write_block(folder, ids, middle, portions):
                if step is None:
                    yield {}
                else:
                    block, entries = step
        self._blocks[first:end] = [block] if block else []
        # What was removed meanwhile is still so.
        self._gone = np.concatenate([self._gone[:start], self._gone[rows], self._gone[stop:]])
        self._places = None
        yield entries

    def _write_graph(self, folder: Path, known: dict[str, list[int]]) -> dict[str, list[int]]:
        """Write the graph if it is not there; returns its file."""
        if self._graph is None or not self._graph.effort:
            return {}
        path = self._graph.path
        if path is None or path.name not in known:
            path = folder / f"graph-{secrets.token_hex(6)}.usearch"
            self._graph.save(path)
            return {path.name: files.entry_of(path)}
        return {path.name: known[path.name]}

    def _write_state(self, folder: Path, stamp: tuple[int, ...], entries: dict[str, list[int]]) -> None:
        """Say which files are the index now, and which of their rows are gone."""
        saved = [block for block in self._blocks if all(name in entries for name in files.names_of(block.name))]
        gone = np.flatnonzero(self._gone[: sum(len(block) for block in saved)])
        gone_name = f"gone-{secrets.token_hex(6)}.npy"
        files.write(folder / gone_name, lambda file: np.save(file, gone))
        graph = self._graph if self._graph is not None and self._graph.path is not None else None
        state = {
            "stamp": list(stamp),
            "dimension": self.dimension,
            "blocks": [block.name for block in saved],
            "gone": gone_name,
            "graph": None if graph is None or graph.path is None else [graph.path.name, graph.effort, self._in_graph],
            "files": {**entries, gone_name: files.entry_of(folder / gone_name)},
        }
        files.write_state(folder, state)

    @classmethod
    def load(cls, folder: Path, dimension: int, exact_below: int = EXACT_BELOW) -> "VectorIndex":
        """Open an index; anything that is missing, damaged or of another dimension gives an empty one."""
        index = cls(dimension, exact_below)
        state = files.read_state(folder)
        if not state or state.get("dimension") != dimension:
            return index
        try:
            if not all(files.is_whole(folder, name, entry) for name, entry in state["files"].items()):
                raise ValueError("a file is not as it was written")
            index._blocks = [files.open_block(folder, name) for name in state["blocks"]]
            if any(block.vectors.shape[1] != dimension for block in index._blocks):
                raise ValueError("shape")
            index._gone = np.zeros(sum(len(block) for block in index._blocks), bool)
            index._gone[np.load(folder / state["gone"])] = True
            if state["graph"]:
                name, effort, index._in_graph = state["graph"]
                index._graph = Graph.load(folder / name, dimension, effort)
            index.stamp = tuple(state["stamp"])
        except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as err:
            log.warning("index in %s cannot be used (%s): it is made again", folder, err)
            return cls(dimension, exact_below)
        return index

    @staticmethod
    def problems(folder: Path) -> list[str]:
        """Say what is wrong with the files of a saved index; a folder without one is fine."""
        return files.problems(folder)

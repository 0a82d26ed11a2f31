"""Building: the graph of an index is made, or made to grow, in short steps, and examined before it is used."""

import time

import numpy as np

from soundsearch.index.block import exact_scores
from soundsearch.index.graph import NEAREST, PROBES, Examination, Graph
from soundsearch.index.vector_index import NEWER, WORN, VectorIndex
from soundsearch.records import FloatArray

# In a graph of a million a vector takes a millisecond, in a small one a tenth: a step is measured in time.
STEP_S = 0.05
BATCH = 16  # vectors that are added at one go


class GraphBuild:
    """Brings the graph of an index up to date in short steps: `step` until it returns False. Nothing to do while exact
    search is fast; meanwhile, a search stays exact.

    When all vectors are in it, the graph is asked for what texts and sounds should find; it is used if it finds that.
    """

    def __init__(
        self, index: VectorIndex, texts: FloatArray | None = None, *, batch: int = BATCH, step_s: float = STEP_S
    ) -> None:
        """Prepare it.

        Args:
            index: Whose graph.
            texts: Embeddings of texts, (n, dimension): the graph is used if it finds what they should find.
            batch: Vectors that are added at one go, of which a step makes one at least.
            step_s: After which a step begins no other.
        """
        self._index = index
        self._batch, self._step_s = batch, step_s
        self.done = 0
        self.total = 0
        if len(index) < index._exact_below or not self._is_wanted():
            return
        self._ids = index.ids.copy()
        self._graph, self.done = self._begun()
        self.total = len(self._ids)
        sounds = index.take(np.random.default_rng(0).permutation(self.total)[:PROBES])
        self._examination = Examination([sounds] if texts is None else [sounds, texts])

    def _is_wanted(self) -> bool:
        index = self._index
        return index._graph is None or len(index) - index._in_graph > NEWER or self._is_worn()

    def _is_worn(self) -> bool:
        index = self._index
        return index._graph is not None and (len(index._graph) - index._in_graph) * WORN > len(index._graph)

    def _begun(self) -> tuple[Graph, int]:
        """A graph to add to, and how many vectors are in it: the one that is there if that is worth it."""
        index = self._index
        if index._graph is not None and index._graph.path is not None and not self._is_worn():
            return Graph.load(index._graph.path, index.dimension, 0, to_grow=True), index._in_graph
        return Graph(index.dimension), 0

    def step(self) -> bool:
        """Add some vectors, or ask a question; False when there is nothing (more) to do."""
        if not self.total or self._index._graph is self._graph:
            return False
        if self.done < self.total:
            end = time.monotonic() + self._step_s
            self._add()
            while self.done < self.total and time.monotonic() < end:
                self._add()
        elif (query := self._examination.next_query()) is not None:
            rows, _, _ = self._index._scanned(query, NEAREST, self._ids)
            ids, scores = self._index._where().all_ids[rows], exact_scores(self._index._gather(rows), query)
            self._examination.mark(self._graph, ids[np.argsort(-scores, kind="stable")[:NEAREST]])
        else:
            self._install()
            return False
        return True

    def _add(self) -> None:
        ids = self._ids[self.done : self.done + self._batch]
        known, vectors = self._index.vectors_of(ids)  # some may be gone meanwhile
        self._graph.add(ids[known], vectors)
        self.done += len(ids)

    def _install(self) -> None:
        self._graph.effort = self._examination.effort()
        is_in = np.isin(self._index.ids, self._ids)
        self._index._graph = self._graph
        self._index._in_graph = int(len(is_in) if is_in.all() else is_in.argmin())

"""Block: vectors side by side, and the same in eight bits: what an exact search reads first. Owns numkong.

A scan of a million vectors is bound by how fast memory can be read, so it reads a byte for each number. What it finds
is scored again from the vectors themselves: `Near.tolerance` says how far the eight bits may have been off, and what
could have come among the best within that is looked at.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property

import numkong
import numpy as np
import numpy.typing as npt

from soundsearch.records import FloatArray, IntArray

CODED_FROM = 4096  # rows: fewer are scored from the vectors at once, within a millisecond
CODED_TO = 20_000  # rows that are coded while somebody waits, a tenth of a second; more when they are saved
CHUNK = 8192  # rows that are coded at one go
SLICE = 25_000  # rows that are scanned at one go: of 100,000 each of two or four processors gets as many
# Rounding errors of the 512 numbers are independent, so their sum is bell-shaped: one in a billion exceeds this many
# deviations.
DEVIATIONS = 6.0

ByteArray = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Codes:
    """Vectors in eight bits: `middle + scale * byte`. The middle of a library says nothing about the order of hits,
    and without it the bytes are spent on what differs: embeddings of one model lie in a narrow cone.

    Attributes:
        bytes: Shape (n, dimension).
        scales: Of each row, (n,).
        middle: What was taken off, (dimension,).
        reach: Length of the longest row without the middle.
        coarsest: The largest of the scales.
    """

    bytes: ByteArray
    scales: FloatArray
    middle: FloatArray
    reach: float
    coarsest: float


@dataclass(frozen=True, slots=True)
class Near:
    """Scores of rows as the eight bits give them, (n,), and how far they may be off."""

    scores: FloatArray
    tolerance: float


def middle_of(vectors: FloatArray) -> FloatArray:
    """The mean of vectors (n, dimension), by every so many of them."""
    mean: FloatArray = vectors[:: max(1, len(vectors) // CHUNK)].mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def encode(vectors: FloatArray, middle: FloatArray) -> Codes:
    """Code vectors (n, dimension) at one go."""
    rest = vectors - middle
    scales = np.abs(rest).max(axis=1, initial=0.0) / 127
    scales[scales == 0] = 1.0
    bytes_ = np.rint(rest / scales[:, None]).astype(np.int8)
    reach = float(np.sqrt(np.einsum("ij,ij->i", rest, rest).max(initial=0.0)))
    return Codes(bytes_, scales.astype(np.float32), middle, reach, float(scales.max(initial=0.0)))


def joined(parts: list[Codes], middle: FloatArray) -> Codes:
    """Codes with the same middle, one after the other."""
    return Codes(
        np.concatenate([part.bytes for part in parts]),
        np.concatenate([part.scales for part in parts]),
        middle,
        max(part.reach for part in parts),
        max(part.coarsest for part in parts),
    )


class Block:
    """Rows that stay as they are, in memory or in files that are mapped.

    Attributes:
        ids: Of each row, (n,).
        vectors: Unit rows (n, dimension).
        name: Of its files, "" while it has none.
    """

    def __init__(self, ids: IntArray, vectors: FloatArray, codes: Codes | None = None, name: str = "") -> None:
        self.ids = ids
        self.vectors = vectors
        self.name = name
        self._codes = codes

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def codes(self) -> Codes:
        """The vectors in eight bits, coded when they are first asked for."""
        if self._codes is not None:
            return self._codes
        middle = middle_of(self.vectors)
        return joined([encode(chunk, middle) for chunk in chunks(self.vectors)], middle)

    def near(self, query: FloatArray, rows: IntArray | None = None) -> Near:
        """Score rows, or all, approximately.

        Args:
            query: Shape (dimension,).
            rows: Which, (m,).
        """
        if len(self) < CODED_FROM or (self._codes is None and len(self) > CODED_TO):
            return Near(exact_scores(self.vectors if rows is None else self.vectors[rows], query), 0.0)
        codes = self.codes
        bytes_, scales = codes.bytes, codes.scales
        if rows is not None:
            bytes_, scales = np.take(bytes_, rows, axis=0), scales[rows]
        step = float(np.abs(query).max()) / 127 or 1.0
        coded = np.rint(query / step).astype(np.int8)
        scores = _products(coded, bytes_)
        scores *= scales
        scores *= np.float32(step)
        scores += np.float32(query @ codes.middle)
        # A number is off by at most half a step, by its square root of a twelfth on average.
        length = float(np.linalg.norm(query))
        off = np.hypot(codes.coarsest * length, step * codes.reach) / np.sqrt(12.0)
        return Near(scores, DEVIATIONS * float(off))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="search")


def _products(query: ByteArray, rows: ByteArray) -> FloatArray:
    """Dot products of rows (n, dimension) with a query, (n,); many rows are shared among the processors."""
    products = np.empty(len(rows), np.float32)

    def some(start: int) -> None:
        part = slice(start, start + SLICE)
        products[part] = np.asarray(numkong.cdist(query[None], rows[part], "dot"))[0]

    starts = range(0, len(rows), SLICE)
    if len(starts) > 1:
        for _ in _threads().map(some, starts):  # the kernel lets other threads run
            pass
    elif len(rows):
        some(0)
    return products


def exact_scores(vectors: FloatArray, query: FloatArray) -> FloatArray:
    """Dot products of rows (n, dimension) with a query, (n,): of a row the same, whatever rows are beside it."""
    scores: FloatArray = np.einsum("ij,j->i", vectors, query)
    return scores


def chunks(vectors: FloatArray) -> Iterator[FloatArray]:
    """The rows in portions of `CHUNK`; one empty portion of none."""
    for start in range(0, max(1, len(vectors)), CHUNK):
        yield vectors[start : start + CHUNK]

"""The map of the library: its vectors in two dimensions by similarity, drawn once and kept.

Up to LANDMARKS contents are arranged by t-SNE from a start that depends on nothing but the vectors; all others, and
those that come later, are put beside the landmarks that they resemble. So a map stays as it is from one session to the
next, and a million clips cost no more than a pass over them.
"""

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from soundsearch.records import FloatArray, IntArray, Progress

log = logging.getLogger(__name__)

LANDMARKS = 10_000
PERPLEXITY = 30.0
NEIGHBOURS = 90  # three times the perplexity, as is usual
EARLY, LATE = 250, 500  # iterations with and without exaggeration: the published defaults
TOGETHER = 10  # iterations in a step
BESIDE = 3  # landmarks that a later content is put between
SHARPNESS = 40.0  # how much nearer it comes to the one it resembles most
CLUSTERS = 12
BLOCK = 256  # contents in a step: 256 x 10,000 similarities take some 30 ms
KEPT_SHARE = 0.5  # a map that has fewer landmarks left than this share of what it could have is drawn anew


@dataclass(frozen=True, slots=True)
class Atlas:
    """Where contents are. What is no landmark was put beside those that are."""

    ids: IntArray  # (n,), ascending
    places: FloatArray  # (n, 2), most within the square from -1 to 1
    is_landmark: npt.NDArray[np.bool_]  # (n,)
    clusters: npt.NDArray[np.uint8]  # (n,), 0 to CLUSTERS - 1

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read a map; None if there is none, or it is damaged: it is drawn again."""
        try:
            with path.open("rb") as raw, np.load(raw) as file:
                atlas = cls(file["ids"], file["places"], file["is_landmark"], file["clusters"])
        except FileNotFoundError:
            return None
        except Exception as err:  # whatever zip and npy readers make of damaged bytes
            log.warning("the map %s cannot be read and is drawn again: %s", path, err)
            return None
        n = len(atlas.ids)
        shapes = (atlas.places.shape, atlas.is_landmark.shape, atlas.clusters.shape)
        return atlas if shapes == ((n, 2), (n,), (n,)) and np.isfinite(atlas.places).all() else None

    def save(self, path: Path) -> None:
        """Write it so that a crash leaves the old one or the new.

        Raises:
            OSError: If it cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        with new.open("wb") as file:
            np.savez(file, ids=self.ids, places=self.places, is_landmark=self.is_landmark, clusters=self.clusters)
        new.replace(path)


def draw(
    ids: IntArray, take: Callable[[IntArray], FloatArray], known: Atlas | None = None
) -> Generator[Progress, None, Atlas]:
    """Find a place for every content.

    Args:
        ids: Contents, shape (n,).
        take: Gives the unit rows (m, dimension) of some of them, by their places in `ids`.
        known: An earlier map: what has a place there keeps it, unless most of the library came since.

    Returns:
        The map, as the generator's value.
    """
    order = np.argsort(ids)
    ids = ids[order]
    places = np.zeros((len(ids), 2), np.float32)
    is_placed = np.zeros(len(ids), bool)
    is_landmark = np.zeros(len(ids), bool)
    clusters = np.zeros(len(ids), np.uint8)
    if known is not None and _still_holds(known, ids):
        kept = np.isin(ids, known.ids)
        rows = np.searchsorted(known.ids, ids[kept])
        places[kept], is_landmark[kept], is_placed[kept] = known.places[rows], known.is_landmark[rows], True
        clusters[kept] = known.clusters[rows]
    else:
        chosen = np.random.default_rng(0).permutation(len(ids))[:LANDMARKS]
        is_landmark[chosen] = is_placed[chosen] = True
        places[is_landmark] = yield from _arrange(take(order[is_landmark]))
        clusters[is_landmark] = _clusters(places[is_landmark])
    new = np.flatnonzero(~is_placed)
    if not len(new):
        return Atlas(ids, places, is_landmark, clusters)
    landmarks, where, which = take(order[is_landmark]), places[is_landmark], clusters[is_landmark]
    for start in range(0, len(new), BLOCK):
        rows = new[start : start + BLOCK]
        similarity = take(order[rows]) @ landmarks.T
        places[rows] = _between(similarity, where) + _spread(ids[rows], len(ids))
        clusters[rows] = which[similarity.argmax(axis=1)]
        yield Progress("place", start + len(rows), len(new))
    return Atlas(ids, places, is_landmark, clusters)


def _still_holds(known: Atlas, ids: IntArray) -> bool:
    """Whether enough of a map's landmarks are there for what is in the library now."""
    alive = int(np.isin(known.ids[known.is_landmark], ids).sum())
    return alive >= KEPT_SHARE * min(len(ids), LANDMARKS) and alive > 0


def _arrange(vectors: FloatArray) -> Generator[Progress, None, FloatArray]:
    """t-SNE of unit rows (n, dimension) from their two main directions: (n, 2), within the unit square about 0.

    Source: Poličar, Stražar and Zupan, "openTSNE: A Modular Python Library for t-SNE", JSS 2024; the start by Kobak and
    Berens, "The art of using t-SNE for single-cell transcriptomics", 2019.
    """
    n = len(vectors)
    total = EARLY + LATE
    start = _main_directions(vectors)
    if n < 10:  # too few for neighbourhoods
        return _framed(start)
    yield Progress("arrange", 0, total, "steps")  # importing takes a second
    from openTSNE import TSNEEmbedding, affinity, nearest_neighbors

    k = min(NEIGHBOURS, n - 1)
    neighbours, distances = np.empty((n, k), np.int64), np.empty((n, k))
    for first in range(0, n, BLOCK):
        similarity = vectors[first : first + BLOCK] @ vectors.T
        itself = np.arange(len(similarity))
        similarity[itself, first + itself] = -2.0
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(similarity, nearest, 1)
        by_nearness = np.argsort(-near, axis=1, kind="stable")
        neighbours[first : first + BLOCK] = np.take_along_axis(nearest, by_nearness, 1)
        distances[first : first + BLOCK] = 1.0 - np.take_along_axis(near, by_nearness, 1)
        yield Progress("arrange", 0, total, "steps")
    known = nearest_neighbors.PrecomputedNeighbors(neighbours, distances.clip(0))
    likeness = affinity.PerplexityBasedNN(knn_index=known, perplexity=min(PERPLEXITY, k / 3), n_jobs=1)
    spread = start / max(float(start[:, 0].std()), 1e-9) * 1e-4
    method = "bh" if n < 1000 else "fft"
    embedding: Any = TSNEEmbedding(
        spread.astype(np.float64), likeness, negative_gradient_method=method, n_jobs=1, random_state=0
    )
    for done in range(0, total, TOGETHER):
        stage = {"exaggeration": 12, "momentum": 0.5} if done < EARLY else {"momentum": 0.8}
        embedding.optimize(n_iter=TOGETHER, inplace=True, **stage)
        yield Progress("arrange", done + TOGETHER, total, "steps")
    return _framed(np.asarray(embedding))


def _main_directions(vectors: FloatArray) -> FloatArray:
    """The first two principal components, (n, 2), with signs that do not depend on the solver."""
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2), np.float32)
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    main = axes[:, ::-1][:, :2]
    main = main * np.where(main[np.abs(main).argmax(axis=0), np.arange(main.shape[1])] < 0, -1, 1)
    places: FloatArray = (centred @ main).astype(np.float32)
    return places


def _framed(places: Any) -> FloatArray:
    """Centred, its longer side across, scaled so that all but a few far ones lie within the unit square."""
    if not len(places):
        return np.zeros((0, 2), np.float32)
    places = _main_directions(np.asarray(places, np.float32))
    low, high = np.quantile(places, [0.002, 0.998], axis=0)
    reach = max(float((high - low).max()) / 2, 1e-9)
    framed: FloatArray = ((places - (low + high) / 2) / reach).clip(-1, 1).astype(np.float32)
    return framed


def _clusters(places: FloatArray) -> npt.NDArray[np.uint8]:
    """Islands of a map (n, 2), by k-means: a number for each place."""
    if len(places) < 2 * CLUSTERS:
        return np.zeros(len(places), np.uint8)
    from sklearn.cluster import KMeans

    islands = KMeans(CLUSTERS, n_init=3, random_state=0).fit_predict(places)
    return np.asarray(islands, np.uint8)


def _between(similarity: FloatArray, where: FloatArray) -> FloatArray:
    """Places (n, 2) among the landmarks (m, 2) that each row of `similarity` (n, m) has most of."""
    k = min(BESIDE, len(where))
    nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
    near = np.take_along_axis(similarity, nearest, 1)
    weight = np.exp(SHARPNESS * (near - near.max(axis=1, keepdims=True)))
    weight /= weight.sum(axis=1, keepdims=True)
    places: FloatArray = (where[nearest] * weight[..., None]).sum(axis=1).astype(np.float32)
    return places


def _spread(ids: IntArray, n: int) -> FloatArray:
    """A small step aside for each content, always the same one, so that what resembles the same landmark can be told
    apart: (len(ids), 2)."""
    golden = np.float64(0.6180339887498949)
    angle = 2 * np.pi * np.modf(ids * golden)[0]
    radius = np.sqrt(np.modf(ids * golden**2)[0]) / np.sqrt(max(n, 1))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)

"""Hearing: embeds clips by way of pooled features, which are kept: a model of the same tower opens no sound file."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from soundsearch.audio.features import Features
from soundsearch.catalogue.pooled import PooledStore
from soundsearch.catalogue.store import Catalogue
from soundsearch.model.bundle import Bundle
from soundsearch.records import FloatArray, Progress

if TYPE_CHECKING:
    from soundsearch.model.clap import ClapEncoder

WAIT_S = 0.05  # how long a step waits for the model
PROJECT_BATCH = 100  # contents in one step and one transaction, about 0.1 s
_REDUCED = "bfloat16"


class Hearing:
    """A loaded encoder with the store of what its tower makes of clips."""

    def __init__(self, encoder: "ClapEncoder", store: PooledStore) -> None:
        self._encoder = encoder
        self._store = store
        self._tower = tower_key(encoder.bundle, encoder.precision)

    def hear(self, clips: Sequence[Features]) -> tuple[list[FloatArray], FloatArray]:
        """Embed clips that went through the front end. The one method for any thread, also for several at a time.

        Returns:
            Their pooled features, for `keep`; and unit rows (len(clips), dimension), NaN where the model finds nothing
            in a clip.
        """
        pooled = self._encoder.pool_features(clips)
        return pooled, self._encoder.project(pooled)

    def keep(self, digests: Sequence[bytes], pooled: Sequence[FloatArray]) -> None:
        """Keep the pooled features of contents by digest."""
        self._store.put(self._tower, dict(zip(digests, pooled, strict=True)))

    def embed_windows(self, windows: Sequence[Features]) -> FloatArray:
        """Embed windows of long clips, of which nothing is kept: unit rows (n, dimension), NaN for silent ones."""
        return self._encoder.embed_features(windows)

    def kept(self) -> set[bytes]:
        """Digests of the contents that `project` can embed."""
        return self._store.digests(self._tower)

    def project(self, digests: Sequence[bytes]) -> dict[bytes, FloatArray]:
        """Embed contents from what is kept of them: the same bytes as from their sound. Unusable ones are left out."""
        rows = self._store.get(self._tower, digests)
        vectors = self._encoder.project(list(rows.values())) if rows else ()
        return {d: v for d, v in zip(rows, vectors, strict=True) if np.isfinite(v).all()}


def tower_key(bundle: Bundle, precision: str) -> str:
    """What pooled features are kept under: matrix units of less precision give other bytes."""
    return f"{bundle.tower_id} {_REDUCED}" if precision == _REDUCED else bundle.tower_id


def tower_keys(bundle: Bundle) -> tuple[str, ...]:
    """All keys that a bundle's pooled features may be kept under."""
    return tuple(tower_key(bundle, precision) for precision in ("float32", _REDUCED))


def project_kept(
    catalogue: Catalogue, store: PooledStore, bundle: Bundle, hearing: Callable[[], Hearing | None]
) -> Generator[Progress, None, int]:
    """Embed what the bundle has not heard but its tower has, in steps that are kept each; returns how many."""
    unheard = catalogue.unheard_digests(bundle.id)
    if not unheard or all(store.digests(key).isdisjoint(unheard) for key in tower_keys(bundle)):
        return 0
    while (ear := hearing()) is None:  # the model is still being loaded
        time.sleep(WAIT_S)
        yield Progress("model", 0, len(unheard))
    kept = ear.kept()
    usable = [digest for digest in unheard if digest in kept]
    done = embedded = 0
    for some in _batches(usable):
        embedded += catalogue.record_vectors(bundle.id, ear.project(some))
        done += len(some)
        yield Progress("analyse", done, len(usable))
    return embedded


def _batches(digests: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(digests), PROJECT_BATCH):
        yield digests[start : start + PROJECT_BATCH]

"""Duplicates: clips that hold the same sound, exactly or nearly; which one to keep is suggested, nothing is deleted."""

import logging
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache

import numpy as np

from soundsearch.audio.decode import decode, mono, resample
from soundsearch.catalogue.store import Catalogue
from soundsearch.errors import DecodeError
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import Clip, DuplicateGroup, FloatArray, IntArray, Progress

log = logging.getLogger(__name__)

# Copies in another format, at another level or rate, or cut a little shorter stay this similar, and their waveforms
# correlate: benchmarks/duplicates.py counts which are found.
SIMILAR = 0.85
CORRELATED = 0.8
LENGTH_SHARE, LENGTH_S = 0.15, 0.3  # how much shorter a copy may be cut
RATE = 16_000  # of the waveforms that are compared
COMPARED_S = 20.0
ROWS, COLUMNS = 256, 16_384  # embeddings compared with each other in one step, about 0.05 s
LOSSLESS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "CAF", "AU", "WAVPACK", "TTA", "AVR", "SVX", "VOC")


def find_duplicates(
    catalogue: Catalogue, index: VectorIndex, near: bool = False
) -> Generator[Progress, None, tuple[DuplicateGroup, ...]]:
    """Group the clips that hold the same sound.

    Exact copies have the same decoded samples, whatever their format and their tags. Near ones resemble each other by
    embedding, are about as long, and their waveforms correlate.

    Args:
        catalogue: The library.
        index: Embeddings of its contents, which propose near copies.
        near: Also look for near copies.
    Returns:
        The groups, largest first, as the generator's value.
    """
    links = _Links()
    for clip_ids in catalogue.sounds.copies():
        for clip_id in clip_ids[1:]:
            links.join(clip_ids[0], clip_id)
    exact = links.sets()
    yield Progress("duplicates", len(exact), unit="groups")
    similarity: dict[int, float] = {}
    if near:
        fixed = index.snapshot()  # others search, and change, the index between two steps
        ids = fixed.ids
        pairs: list[tuple[int, int]] = []
        for done, found in _alike(ids, fixed.take, catalogue.sounds.durations(ids)):
            pairs += found
            yield Progress("duplicates", done, len(ids))
        places = catalogue.sounds.places(sorted({content for pair in pairs for content in pair}))
        for done, (one, other) in enumerate(pairs):
            yield Progress("compare", done, len(pairs), "pairs")
            if one not in places or other not in places:
                continue
            (a, path), (b, other_path) = places[one], places[other]
            if links.are_joined(a, b):
                continue
            if (correlation := _correlation(path, other_path)) >= CORRELATED:
                links.join(a, b)
                similarity.update({clip: min(similarity.get(clip, 1.0), correlation) for clip in (a, b)})
    groups = []
    for members in links.sets():
        records = sorted(catalogue.clips(members), key=_merit)
        if len(records) > 1:
            kind = "exact" if members in exact else "near"
            lowest = min((similarity.get(clip.id, 1.0) for clip in records), default=1.0)
            groups.append(DuplicateGroup(kind, tuple(clip.id for clip in records), round(lowest, 4)))
    return tuple(sorted(groups, key=lambda group: (-len(group.clip_ids), group.clip_ids)))


def _merit(clip: Clip) -> tuple[object, ...]:
    """What is worth keeping comes first: within reach, lossless, high rate, more channels, longer, older, shorter path.

    What people have said of a clip comes before all that: favourites and ratings.
    """
    return (
        clip.offline,
        not clip.favourite,
        -clip.rating,
        clip.format not in LOSSLESS,
        -clip.sample_rate,
        -clip.channels,
        -round(clip.duration_s, 2),
        clip.modified_ns,
        len(clip.path),
        clip.path,
    )


def _alike(
    ids: IntArray, take: Callable[[IntArray], FloatArray], durations: FloatArray
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Pairs of contents that are similar and about as long; a block of rows in each step.

    Only those are compared whose lengths are near: in the order of length that is a band around the diagonal.
    """
    order = np.argsort(durations, kind="stable")
    ids, durations = ids[order], durations[order]
    for start in range(0, len(ids), ROWS):
        end = min(start + ROWS, len(ids))
        longest = durations[end - 1] * (1 + LENGTH_SHARE) + LENGTH_S
        last = int(np.searchsorted(durations, longest, side="right"))
        these = take(order[start:end])
        for at in range(start, last, COLUMNS):
            part = slice(at, min(at + COLUMNS, last))
            rows, columns = np.nonzero(these @ take(order[part]).T >= SIMILAR)
            rows, columns = rows + start, columns + at
            near = durations[columns] <= durations[rows] * (1 + LENGTH_SHARE) + LENGTH_S
            kept = (columns > rows) & near
            yield start, list(zip(ids[rows[kept]].tolist(), ids[columns[kept]].tolist(), strict=True))


def _correlation(one: str, other: str) -> float:
    """How far two waveforms are the same, 0 to 1, at the shift where they agree best, whatever their level."""
    a, b = _waveform(one), _waveform(other)
    if a is None or b is None:
        return 0.0
    size = 1 << (len(a) + len(b) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(np.abs(product).max())


@lru_cache(maxsize=64)
def _waveform(path: str) -> FloatArray | None:
    """The start of a clip at low rate, as a vector of length 1; None if it cannot be read or is silent."""
    try:
        waveform = decode(path, max_s=COMPARED_S)
    except DecodeError as err:
        log.info("comparing %r: %s", path, err)
        return None
    samples = resample(mono(waveform), waveform.sample_rate, RATE)
    norm = float(np.linalg.norm(samples))
    return samples / np.float32(norm) if norm > 1e-6 else None


class _Links:
    """Sets of clips that belong together."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}

    def _root(self, clip_id: int) -> int:
        while (parent := self._parents.setdefault(clip_id, clip_id)) != clip_id:
            self._parents[clip_id] = self._parents[parent]
            clip_id = parent
        return clip_id

    def are_joined(self, one: int, other: int) -> bool:
        return self._root(one) == self._root(other)

    def join(self, one: int, other: int) -> None:
        self._parents[self._root(other)] = self._root(one)

    def sets(self) -> list[tuple[int, ...]]:
        """The sets, each by id."""
        found: dict[int, list[int]] = {}
        for clip_id in sorted(self._parents):
            found.setdefault(self._root(clip_id), []).append(clip_id)
        return [tuple(members) for members in found.values() if len(members) > 1]

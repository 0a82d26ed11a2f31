"""The map as the window shows it: places from the atlas, and what to colour them by."""

import logging
from collections import Counter
from collections.abc import Generator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

from soundsearch.audio.peaks import HIGH_HZ, LOW_HZ
from soundsearch.catalogue.overview import Landmark
from soundsearch.catalogue.store import Catalogue
from soundsearch.engine.atlas import Atlas, draw
from soundsearch.engine.jobs import apart
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import Grouping, LibraryMap, Progress

log = logging.getLogger(__name__)

MAX_GROUPS = 10  # more colours than that cannot be told apart
OTHERS = "Others"
UNKNOWN = 128  # brightness of what is not measured: the middle of the ramp


def library_map(
    catalogue: Catalogue, index: VectorIndex, path: Path, anew: bool
) -> Generator[Progress, None, LibraryMap]:
    """Draw the map of what the index holds, or bring the saved one up to date.

    Args:
        catalogue: Says which clips there are, and what they are called.
        index: Their vectors.
        path: Where the map of this bundle is kept.
        anew: Forget the saved one.

    Returns:
        The map, as the generator's value.
    """
    known = None if anew else Atlas.load(path)
    fixed = index.snapshot()  # the index goes on changing while a thread draws
    atlas = yield from apart(draw(fixed.ids, fixed.take, known), "map")
    if known is None or not np.array_equal(known.ids, atlas.ids):
        try:
            atlas.save(path)
        except OSError as err:  # a cache
            log.warning("the map cannot be kept in %s: %s", path, err)
    clips: list[Landmark] = []
    for portion in catalogue.overview.clips():
        clips += portion
        yield Progress("place", len(clips))
    contents = np.array([clip.content_id for clip in clips], np.int64)
    rows = np.searchsorted(atlas.ids, contents).clip(max=max(0, len(atlas) - 1))
    is_heard = atlas.ids[rows] == contents if len(atlas) else np.zeros(len(clips), bool)
    rows, clips = rows[is_heard], [clip for clip, heard in zip(clips, is_heard, strict=True) if heard]
    words = [(*clip.folders, *clip.labels) for clip in clips]
    clusters = atlas.clusters[rows]
    return LibraryMap(
        np.array([clip.clip_id for clip in clips], np.int64),
        atlas.places[rows],
        _brightness(clips),
        _grouping([clip.folders for clip in clips], outermost=True),
        _grouping([clip.labels for clip in clips]),
        Grouping(_cluster_names(clusters, words), clusters),
    )


def _brightness(clips: Sequence[Landmark]) -> npt.NDArray[np.uint8]:
    """As in drawn waveforms: 100 Hz is 0, 12 kHz is 255, evenly in octaves."""
    hertz = np.array([clip.brightness_hz or 0.0 for clip in clips])
    octaves = np.log2(hertz.clip(LOW_HZ, HIGH_HZ) / LOW_HZ) / np.log2(HIGH_HZ / LOW_HZ)
    return np.where(hertz > 0, np.rint(255 * octaves), UNKNOWN).astype(np.uint8)


def _grouping(words: Sequence[tuple[str, ...]], *, outermost: bool = False) -> Grouping:
    """Group by the most frequent words; a clip with several belongs to the first of its own that is among them.

    Args:
        words: Of each clip.
        outermost: Only the first word counts, or the second where all share the first.
    """
    if outermost:
        depth = 1 if len({clip[:1] for clip in words}) == 1 else 0
        words = [clip[depth : depth + 1] for clip in words]
    counts = Counter(word for clip in words for word in dict.fromkeys(clip))
    names = tuple(word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_GROUPS])
    number = {name: position for position, name in enumerate(names)}
    of = [next((number[word] for word in clip if word in number), len(names)) for clip in words]
    return Grouping((*names, OTHERS), np.array(of, np.uint8))


def _cluster_names(clusters: npt.NDArray[np.uint8], words: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """For each cluster the word that is frequent in it and rare outside of it; with a number where that is taken."""
    everywhere = Counter(word for clip in words for word in set(clip))
    names: list[str] = []
    for cluster in range(int(clusters.max()) + 1 if len(clusters) else 0):
        members = np.flatnonzero(clusters == cluster).tolist()
        here = Counter(word for row in members for word in set(words[row]))
        # The harmonic mean of "how much of the cluster it names" and "how much of what it names is here"
        fits = sorted((-2 * n / (len(members) + everywhere[word]), word) for word, n in here.items())
        own = next((word for _, word in fits if word not in names), "")
        names.append(own or _numbered(fits[0][1] if fits else "Group", names))
    return tuple(names)


def _numbered(word: str, names: Sequence[str]) -> str:
    """A name that is not taken: "Music 2" where there is "Music" already."""
    return next(name for n in count(2 if word in names else 1) if (name := f"{word} {n}") not in names)

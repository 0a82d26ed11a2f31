"""Moments: windows of long clips, and parts that stand out, are embedded, so that a clip answers with its best one."""

import logging
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from soundsearch.audio.windows import Run, load_run, window_length_s, window_starts_s
from soundsearch.catalogue.moments import Moments, Unheard, Windows
from soundsearch.catalogue.store import Catalogue, KnownRoot, Stamp
from soundsearch.engine.direction import Yardstick, spread
from soundsearch.engine.hearing import Hearing
from soundsearch.engine.hybrid import Heard
from soundsearch.engine.selection import Selection
from soundsearch.errors import DecodeError
from soundsearch.model.bundle import Bundle
from soundsearch.records import FloatArray, IntArray, Progress

log = logging.getLogger(__name__)

LONG_S = 10.0  # clips up to this long are heard whole
BLOCK = 64  # windows decoded at one go and committed in one transaction
SLICE = 8  # windows embedded in one step
OWN = 0.3  # share of a recording's own level that is taken off its moments: docs/moments.md
WAIT_S = 0.05  # how long a step waits for the decoder or the model


def hear_moments(
    catalogue: Catalogue, bundle: Bundle, hearing: Callable[[], Hearing | None], roots: Sequence[KnownRoot]
) -> Generator[Progress, None, int]:
    """Embed the windows of long clips and the parts that stand out of them; returns how many windows.

    Each block is kept: when the generator is closed the next one goes on from there.
    """
    window_s = window_length_s(bundle.front_end)
    waiting = catalogue.moments.unheard(bundle.id, [root.id for root in roots], LONG_S) if roots else []
    plans = [(clip, block) for clip in waiting for block in blocks_of(clip.duration_s, window_s)[clip.blocks :]]
    if not plans:
        return 0
    while (ear := hearing()) is None:
        time.sleep(WAIT_S)
        yield Progress("model", 0, len(plans))
    pool = ThreadPoolExecutor(1, thread_name_prefix="moments")
    total = sum(len(block.starts) for _, block in plans)
    done, begun = 0, time.monotonic()
    left_out: set[int] = set()
    ahead: Future[Run | None] = pool.submit(_load, *plans[0], bundle, window_s)
    try:
        for number, (clip, block) in enumerate(plans):
            while not ahead.done():
                wait_for([ahead], WAIT_S)
                yield Progress("moments", done, total, "windows", detail=clip.path)
            run = ahead.result()
            if number + 1 < len(plans):
                ahead = pool.submit(_load, *plans[number + 1], bundle, window_s)
            if run is None:
                left_out.add(clip.content_id)
            elif clip.content_id not in left_out:
                vectors = np.zeros((0, bundle.dimension), np.float32)
                for at in range(0, len(run.heard), SLICE):
                    vectors = np.concatenate([vectors, ear.embed_windows(run.heard[at : at + SLICE])])
                    windows = done + min(len(vectors), len(block.starts))
                    rate = windows / max(time.monotonic() - begun, 1e-3)
                    yield Progress("moments", windows, total, "windows", rate, clip.path)
                _commit(catalogue, bundle.id, clip, block, run, vectors)
            done += len(block.starts)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return done


@dataclass(frozen=True, slots=True)
class Block:
    """Windows of a clip that are heard at one go."""

    number: int
    starts: FloatArray
    until_s: float  # where the next one begins
    is_last: bool


def blocks_of(duration_s: float, window_s: float) -> list[Block]:
    """The blocks of a clip's windows."""
    starts = window_starts_s(duration_s, window_s)
    begins = [*starts[::BLOCK].tolist(), float("inf")]
    last = len(begins) - 2
    return [Block(n, starts[n * BLOCK : (n + 1) * BLOCK], begins[n + 1], n == last) for n in range(last + 1)]


def _load(clip: Unheard, block: Block, bundle: Bundle, window_s: float) -> Run | None:
    """What the decoding thread does; None for a file that is not what the catalogue knows: the next scan will see."""
    try:
        status = Path(clip.path).stat()
        if (status.st_size, status.st_mtime_ns) != (clip.size_bytes, clip.modified_ns):
            return None
        return load_run(clip.path, bundle.front_end, block.starts, window_s, block.until_s)
    except OSError:
        return None
    except DecodeError as err:  # its header promised more than there is
        log.warning("moments of %r: %s", clip.path, err)
        nothing = np.zeros(0, np.float32)
        return Run([], nothing, nothing)
    except Exception:  # our bug in one clip must not end a scan of a million
        log.exception("moments of %r", clip.path)
        return None


def _commit(catalogue: Catalogue, bundle: str, clip: Unheard, block: Block, run: Run, vectors: FloatArray) -> None:
    good = np.isfinite(vectors).all(axis=1)
    catalogue.moments.record(
        bundle, clip.content_id, block.number, run.start_s[good], run.end_s[good], vectors[good], is_last=block.is_last
    )


class MomentIndex:
    """The windows and parts of a bundle in memory, searched exactly: the best one of each clip."""

    def __init__(self, moments: Moments, bundle: Bundle) -> None:
        self._moments = moments
        self._bundle = bundle
        self._stamp: Stamp | None = None
        self._windows = _none(bundle.dimension)

    def __len__(self) -> int:
        return len(self._windows.content_ids)

    def refresh(self) -> None:
        """Bring it up to date with what any process has committed."""
        stamp = self._moments.stamp(self._bundle.id)
        if stamp == self._stamp:
            return
        kept = self._kept(stamp)
        after = self._stamp.last_seq if kept is not None and self._stamp is not None else 0
        new = self._moments.windows(self._bundle.id, self._bundle.dimension, after)
        self._windows = new if kept is None else _joined(kept, new)
        order = np.argsort(self._windows.content_ids, kind="stable")
        if not np.array_equal(order, np.arange(len(order))):
            self._windows = _chosen(self._windows, order)
        self._stamp = replace(stamp, last_seq=max(after, new.last_seq))  # more may have come meanwhile

    def _kept(self, now: Stamp) -> Windows | None:
        """The windows without those of contents that went since; None where all must be read again."""
        before, windows = self._stamp, self._windows
        if before is None or before.deletions != now.deletions:
            return None
        gone = self._moments.forgotten.between(before.forgotten, now.forgotten)
        if gone is None:
            return None
        stay = ~np.isin(windows.content_ids, np.array(gone.content_ids, np.int64))
        return windows if stay.all() else _chosen(windows, np.flatnonzero(stay))

    def best(
        self, scores_of: Callable[[FloatArray], FloatArray]
    ) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """The best window of each content.

        Args:
            scores_of: Scores of unit rows (n, dimension): (n,).
        Returns:
            Content ids, ascending, the score of the best window of each, its start and end in seconds, and the mean
            score of all windows and parts of the content.
        """
        windows = self._windows
        if not len(windows.content_ids):
            nothing = np.zeros(0, np.float32)
            return np.zeros(0, np.int64), nothing, nothing, nothing, nothing
        scores = scores_of(windows.vectors).astype(np.float32)
        contents, first = np.unique(windows.content_ids, return_index=True)
        highest = np.maximum.reduceat(scores, first)
        counts = np.diff([*first, len(scores)])
        mean = (np.add.reduceat(scores, first, dtype=np.float64) / counts).astype(np.float32)
        rows = np.flatnonzero(scores == np.repeat(highest, counts))
        _, kept = np.unique(windows.content_ids[rows], return_index=True)
        rows = rows[kept]
        return contents, highest, windows.start_s[rows], windows.end_s[rows], mean


def with_moments(
    heard: Heard,
    moments: MomentIndex,
    yardstick: Yardstick,
    selection: Selection,
    limit: int,
    in_noise: Yardstick | None = None,
) -> Heard:
    """Let long clips answer with their best moment: one hit for each clip, at the better of both scores.

    A moment is what stands out of its recording. One that is all like the query gives many windows that score, and the
    best of them is high by chance: a share of how far its windows lie above the library's clips is taken off. As a
    whole it answers at its own score all the same.

    Args:
        heard: Whole clips.
        moments: Windows of long ones.
        yardstick: The query.
        selection: Which clips may answer.
        limit: How many hits at most.
        in_noise: The query as it sounds in a recording, if it does so otherwise. The library's clips lie higher on
            it: moments are brought down to where those lie for the query.
    """
    measure = in_noise or yardstick
    contents, scores, starts, ends, mean = moments.best(measure.scores)
    clips, places = selection.of_contents(contents)
    if not len(clips):
        return heard
    middle = spread(measure.scores_of_sample)[0]
    own = OWN * (mean - middle)
    shift = spread(yardstick.scores_of_sample)[0] - middle
    moment_scores = (np.minimum(scores - own, np.maximum(scores, 1.0)) + shift)[places]  # none is above the same
    ids = np.concatenate([heard.clip_ids, clips])
    similarity = np.concatenate([heard.similarity, moment_scores]).astype(np.float32)
    order = np.lexsort((ids, -similarity))
    _, first = np.unique(ids[order], return_index=True)
    kept = order[np.sort(first)][:limit]
    # A clip that answers as a whole, too, opens at its best moment.
    by_id = np.argsort(clips)
    at = by_id[np.minimum(np.searchsorted(clips[by_id], ids[kept]), len(clips) - 1)]
    is_long = clips[at] == ids[kept]
    start_s, end_s = (np.where(is_long, times[places[at]], np.nan).astype(np.float32) for times in (starts, ends))
    return Heard(ids[kept], similarity[kept], start_s, end_s)


def _none(dimension: int) -> Windows:
    nothing = np.zeros(0, np.float32)
    return Windows(np.zeros(0, np.int64), nothing, nothing, np.zeros((0, dimension), np.float32))


def _chosen(windows: Windows, rows: IntArray) -> Windows:
    return Windows(windows.content_ids[rows], windows.start_s[rows], windows.end_s[rows], windows.vectors[rows])


def _joined(one: Windows, other: Windows) -> Windows:
    return Windows(
        np.concatenate([one.content_ids, other.content_ids]),
        np.concatenate([one.start_s, other.start_s]),
        np.concatenate([one.end_s, other.end_s]),
        np.concatenate([one.vectors, other.vectors]),
    )

"""Measuring: what contents do not say yet, for their analysis was older or had to be quick; no model is needed."""

import logging
import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass

from soundsearch.audio.analysis import Analyser
from soundsearch.audio.decode import blocks, mono, probe
from soundsearch.audio.peaks import COLUMNS, PeakBuilder
from soundsearch.catalogue.sounds import Unmeasured
from soundsearch.catalogue.store import Catalogue, KnownRoot
from soundsearch.errors import DecodeError
from soundsearch.records import Progress, Sound

log = logging.getLogger(__name__)

BATCH = 64  # contents in one transaction
KEEP_S = 2.0  # after which it is kept in any case: of long recordings a batch takes minutes
WAIT_S = 0.05  # how long a step waits for the decoders
AHEAD = 4  # clips decoded ahead, for each worker


@dataclass(frozen=True, slots=True)
class _Measured:
    sound: Sound
    peaks: bytes = b""


def measure_known(catalogue: Catalogue, roots: Sequence[KnownRoot], workers: int) -> Generator[Progress, None, int]:
    """Measure the contents below the roots that the analysis of now has not seen, and draw those that have no waveform.

    Returns how many.

    Each batch is kept: when the generator is closed the next scan goes on from there.
    """
    waiting = catalogue.sounds.unmeasured([root.id for root in roots]) if roots else []
    if not waiting:
        return 0
    pool = ThreadPoolExecutor(workers, thread_name_prefix="measure")
    done, kept = 0, time.monotonic()
    batch: dict[int, _Measured] = {}
    try:
        for clip, found in _measured(pool, waiting, AHEAD * workers):
            if clip is not None:
                done += 1
                if found is not None:
                    batch[clip.content_id] = found
            if len(batch) >= BATCH or done == len(waiting) or (batch and time.monotonic() - kept > KEEP_S):
                sounds = {content: found.sound for content, found in batch.items()}
                catalogue.sounds.record(sounds, {content: found.peaks for content, found in batch.items()})
                batch, kept = {}, time.monotonic()
            yield Progress("measure", done, len(waiting), detail=clip.path if clip else "")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return done


def _measured(
    pool: ThreadPoolExecutor, waiting: Sequence[Unmeasured], ahead: int
) -> Iterator[tuple[Unmeasured | None, _Measured | None]]:
    """Clips with their measures in order; (None, None) whenever there is nothing yet."""
    rest = iter(waiting)
    running: deque[tuple[Unmeasured, Future[_Measured | None]]] = deque()
    while True:
        while len(running) < ahead and (clip := next(rest, None)) is not None:
            running.append((clip, pool.submit(_measure, clip)))
        if not running:
            return
        wait_for([running[0][1]], WAIT_S)
        if running[0][1].done():
            clip, future = running.popleft()
            yield clip, future.result()
        else:
            yield None, None


def _measure(clip: Unmeasured) -> _Measured | None:
    """What a worker thread does; None for a file that is not what the catalogue knows: the next scan will see."""
    try:
        status = os.stat(clip.path)
        if (status.st_size, status.st_mtime_ns) != (clip.size_bytes, clip.modified_ns):
            return None
        return _heard(clip.path)
    except OSError:
        return None
    except DecodeError as err:  # it was readable once: nothing can be said of it, and asking again would not help
        log.warning("measuring %r: %s", clip.path, err)
        return _Measured(Sound())
    except Exception:  # our bug in one clip must not end a scan of a million
        log.exception("measuring %r", clip.path)
        return _Measured(Sound())


def _heard(path: str) -> _Measured:
    """Decode a file once, in blocks, for both."""
    info = probe(path)
    analyser: Analyser | None = None
    drawn = PeakBuilder(info.frames, info.sample_rate, COLUMNS) if info.frames >= COLUMNS else None
    for block in blocks(path):
        if analyser is None:
            analyser = Analyser(block.sample_rate, block.samples.shape[1])
        analyser.add(block.samples)
        if drawn:
            drawn.add(mono(block))
    assert analyser is not None, "blocks() yields or raises"
    return _Measured(analyser.finish(), drawn.finish().to_bytes() if drawn else b"")

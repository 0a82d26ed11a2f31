"""Measuring: loudness, tempo, key, and the waveforms of long recordings, once all can be searched; needs no model."""

import logging
import os
import time
from collections.abc import Generator, Sequence
from concurrent.futures import wait as wait_for
from dataclasses import dataclass

from soundsearch.audio.analysis import Analyser, load_sound
from soundsearch.audio.decode import blocks, mono, probe
from soundsearch.audio.mel import spectra
from soundsearch.audio.peaks import COLUMNS, PeakBuilder
from soundsearch.catalogue.sounds import Unmeasured
from soundsearch.catalogue.store import Catalogue, KnownRoot
from soundsearch.engine.ahead import Ahead
from soundsearch.errors import DecodeError
from soundsearch.records import Progress, Sound

log = logging.getLogger(__name__)

BATCH = 64  # contents in one transaction
KEEP_S = 2.0  # after which it is kept in any case: of long recordings a batch takes minutes
WAIT_S = 0.05  # how long a step waits for the decoders


@dataclass(frozen=True, slots=True)
class _Measured:
    sound: Sound
    peaks: bytes = b""


def measure_contents(catalogue: Catalogue, roots: Sequence[KnownRoot], workers: int) -> Generator[Progress, None, int]:
    """Measure the contents below the roots that the analysis of now has not seen, and draw those that have no waveform.

    Returns how many.

    Each batch is kept: when the generator is closed the next scan goes on from there.
    """
    waiting = catalogue.sounds.unmeasured([root.id for root in roots]) if roots else []
    done, begun = 0, time.monotonic()
    kept, batch = begun, dict[int, _Measured]()
    ahead = Ahead(waiting, _measure, workers, "measure")
    try:
        while (coming := ahead.next) is not None:
            wait_for([coming[1]], WAIT_S)
            for clip, found in ahead.take():
                done += 1
                if found is not None:
                    batch[clip.content_id] = found
            if len(batch) >= BATCH or ahead.is_over or (batch and time.monotonic() - kept > KEEP_S):
                _keep(catalogue, batch)
                kept, batch = time.monotonic(), {}
            rate = done / max(time.monotonic() - begun, 1e-3)
            yield Progress("measure", done, len(waiting), "clips", rate, coming[0].path)
    finally:
        ahead.close()
    return done


def _keep(catalogue: Catalogue, batch: dict[int, _Measured]) -> None:
    sounds = {content: found.sound for content, found in batch.items()}
    catalogue.sounds.record(sounds, {content: found.peaks for content, found in batch.items() if found.peaks})


def _measure(clip: Unmeasured) -> _Measured | None:
    """What a worker thread does; None for a file that is not what the catalogue knows: the next scan will see."""
    try:
        status = os.stat(clip.path)
        if (status.st_size, status.st_mtime_ns) != (clip.size_bytes, clip.modified_ns):
            return None
        return _Measured(load_sound(clip.path)) if clip.is_drawn else _drawn_too(clip.path)
    except OSError:
        return None
    except DecodeError as err:  # it was readable once: nothing can be said of it, and asking again would not help
        log.warning("measuring %r: %s", clip.path, err)
        return _Measured(Sound())
    except Exception:  # our bug in one clip must not end a scan of a million
        log.exception("measuring %r", clip.path)
        return _Measured(Sound())


def _drawn_too(path: str) -> _Measured:
    """Decode a file once, in blocks, for both."""
    info = probe(path)
    analyser: Analyser | None = None
    drawn = PeakBuilder(info.frames, info.sample_rate, COLUMNS, spectra) if info.frames >= COLUMNS else None
    for block in blocks(path):
        if analyser is None:
            analyser = Analyser(block.sample_rate, block.samples.shape[1])
        analyser.add(block.samples)
        if drawn:
            drawn.add(mono(block))
    assert analyser is not None, "blocks() yields or raises"
    return _Measured(analyser.finish(), drawn.finish().to_bytes() if drawn else b"")

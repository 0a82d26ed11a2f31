"""Analysing: decode ahead in threads -> embed a batch -> commit; each batch is kept."""

import hashlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace

import numpy as np

from soundsearch.audio.analysis import analyse as measure
from soundsearch.audio.analysis import load_sound
from soundsearch.audio.decode import decode, mono, probe, resample
from soundsearch.audio.features import WHOLE_MAX_S, Features, FrontEnd, features, load_features, load_in_parts
from soundsearch.audio.metadata import read_tags
from soundsearch.audio.peaks import load_peaks, peaks
from soundsearch.catalogue.store import Analysis, Catalogue, KnownRoot, PendingFile
from soundsearch.engine.hearing import Hearing
from soundsearch.engine.listing import reach
from soundsearch.errors import DecodeError
from soundsearch.model.bundle import Bundle
from soundsearch.records import FloatArray, Progress, ScanReport

log = logging.getLogger(__name__)

STEP_S = 0.15  # a batch is sized to take about this long
WAIT_S = 0.05  # how long a step waits for the decoders
MAX_BATCH = 256
AHEAD = 4  # clips decoded ahead, for each worker
_BLOCK = 1 << 20

Embed = Callable[[Sequence[bytes], Sequence[Features]], FloatArray]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a worker made of a file: an analysis with or without features, or the reason why there is none."""

    analysis: Analysis | None = None
    features: Features | None = None
    reason: str = ""
    gone: bool = False  # not there any more, or changing while it was read: the next scan will see


def analyse(
    catalogue: Catalogue,
    bundle: Bundle,
    hearing: Callable[[], Hearing | None],
    roots: Sequence[KnownRoot],
    report: ScanReport,
    workers: int,
) -> Generator[Progress, None, ScanReport]:
    """Decode ahead in threads, embed in batches of about STEP_S, commit each batch."""
    pending = catalogue.pending(bundle.id, [root.id for root in roots])
    if not pending:
        return report
    known = catalogue.embedded_digests(bundle.id)
    offline: set[int] = set()
    batch: list[_Outcome] = []
    failures: list[tuple[int, str]] = []
    target, done, embedded, moved = 4.0, 0, 0, 0
    ear: Hearing | None = None
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    ahead: deque[tuple[PendingFile, Future[_Outcome]]] = deque()
    waiting = iter(pending)
    started = time.monotonic()
    try:
        while True:
            while len(ahead) < AHEAD * workers and (file := next(waiting, None)) is not None:
                ahead.append((file, pool.submit(_read, file, bundle.front_end, known)))
            if ahead:
                wait_for([ahead[0][1]], WAIT_S)
            while ahead and ahead[0][1].done() and len(batch) < target:
                file, future = ahead.popleft()
                outcome = future.result()
                done += 1
                if outcome.analysis is not None:
                    batch.append(outcome)
                elif outcome.gone:
                    _notice_offline(catalogue, roots, file, offline)
                else:
                    failures.append((file.clip_id, outcome.reason))
            # The model is asked for once there is something to hear: copies and moved clips need none.
            embed: Embed = _no_features
            if any(outcome.features for outcome in batch):
                ear = ear or hearing()
                if ear is None:
                    time.sleep(WAIT_S)
                    yield Progress("model", done, len(pending))
                    continue
                embed = ear.embed
            is_end = done == len(pending)
            if len(batch) >= target or is_end or len(failures) >= MAX_BATCH:
                begun = time.monotonic()
                analyses, unusable = _embed(batch, embed)
                n_moved, n_embedded = catalogue.record(bundle.id, analyses, failures + unusable)
                moved, embedded = moved + n_moved, embedded + n_embedded
                fresh = [analysis for analysis in analyses if analysis.vector is not None]
                known.update(analysis.digest for analysis in fresh)
                if fresh:
                    target *= min(2.0, max(0.5, STEP_S / max(time.monotonic() - begun, 1e-4)))
                    target = min(float(MAX_BATCH), max(1.0, target))
                batch, failures = [], []
            yield Progress(
                "analyse", done, len(pending), "clips", done / max(time.monotonic() - started, 1e-3), _name(ahead)
            )
            if is_end:
                break
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return replace(report, added=report.added - moved, moved=moved, embedded=report.embedded + embedded)


def _no_features(_digests: Sequence[bytes], batch: Sequence[Features]) -> FloatArray:
    assert not batch
    return np.zeros((0, 0), np.float32)


def _name(ahead: Sequence[tuple[PendingFile, Future[_Outcome]]]) -> str:
    return ahead[0][0].path if ahead else ""


def _notice_offline(catalogue: Catalogue, roots: Sequence[KnownRoot], file: PendingFile, offline: set[int]) -> None:
    """A file vanished: if its whole root did, say so once. Its clips stay pending."""
    if file.root_id in offline:
        return
    root = next(root for root in roots if root.id == file.root_id)
    if reach(catalogue, root) is None:
        offline.add(root.id)
        catalogue.set_root_seen(root.id, None)


def _embed(batch: Sequence[_Outcome], embed: Embed) -> tuple[list[Analysis], list[tuple[int, str]]]:
    """Embed what has features; a clip whose vector is not finite fails, its neighbours do not."""
    analyses = [outcome.analysis for outcome in batch if outcome.analysis is not None]
    wanted = [i for i, outcome in enumerate(batch) if outcome.features is not None]
    vectors = embed(
        [analyses[i].digest for i in wanted], [outcome.features for outcome in batch if outcome.features is not None]
    )
    failures: list[tuple[int, str]] = []
    for row, i in enumerate(wanted):
        analyses[i] = replace(analyses[i], vector=vectors[row])
        if not np.isfinite(vectors[row]).all():
            failures.append((analyses[i].clip_id, "the model finds nothing in it"))
    bad = {clip_id for clip_id, _ in failures}
    return [analysis for analysis in analyses if analysis.clip_id not in bad], failures


def _read(file: PendingFile, front_end: FrontEnd, known: set[bytes]) -> _Outcome:
    """What a worker thread does: hash, and unless the same sound is embedded already decode and make features."""
    try:
        before = os.stat(file.path)
        digest = _digest(file.path)
        if digest in known:
            return _Outcome(Analysis(file.clip_id, digest, before.st_size, before.st_mtime_ns))
        analysis, model_input = _hear(file.path, front_end)
        after = os.stat(file.path)
    except DecodeError as err:
        if not os.path.exists(file.path):
            return _Outcome(gone=True)
        return _Outcome(reason=err.message)
    except (FileNotFoundError, NotADirectoryError):
        return _Outcome(gone=True)
    except OSError as err:
        if not os.path.exists(file.path):
            return _Outcome(gone=True)
        return _Outcome(reason=f"it cannot be opened: {(err.strerror or str(err)).lower()}")
    except MemoryError:
        return _Outcome(reason="it does not fit into memory")
    except Exception:  # our bug in one clip must not end a scan of a million
        log.exception("analysing %r", file.path)
        return _Outcome(reason="something went wrong while it was analysed; the log has the details")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return _Outcome(gone=True)  # still being written
    return _Outcome(
        replace(
            analysis,
            clip_id=file.clip_id,
            digest=digest,
            size_bytes=before.st_size,
            modified_ns=before.st_mtime_ns,
            labels=read_tags(file.path).words,
        ),
        model_input,
    )


def _digest(path: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.digest()


def _hear(path: str, front_end: FrontEnd) -> tuple[Analysis, Features]:
    """Decode once for waveform, measures and features; what is too long to hold is read in blocks instead.

    A long file whose parts can be had exactly is only made searchable: waveform and measures, for which all of it has
    to be decoded, follow when everything can be searched.
    """
    info = probe(path)
    in_parts = load_in_parts(path, info, front_end)
    if in_parts is not None:
        return Analysis(0, b"", 0, 0, info.duration_s, info.sample_rate, info.channels, info.format), in_parts
    if info.duration_s <= WHOLE_MAX_S:
        waveform = decode(path)
        samples = mono(waveform)
        drawn = peaks(samples, waveform.sample_rate)
        sound = measure(waveform.samples, waveform.sample_rate)
        model_input = features(resample(samples, waveform.sample_rate, front_end.sample_rate), front_end)
        duration_s, rate, channels = waveform.duration_s, waveform.sample_rate, waveform.samples.shape[1]
    else:
        drawn = load_peaks(path)
        sound = load_sound(path)
        model_input = load_features(path, front_end)
        duration_s, rate, channels = info.duration_s, info.sample_rate, info.channels
    heard = Analysis(0, b"", 0, 0, duration_s, rate, channels, info.format, drawn.to_bytes(), sound=sound)
    return heard, model_input

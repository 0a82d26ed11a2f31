"""Scan: walk -> list -> decode ahead -> embed a batch -> commit. A generator of short steps; each batch is kept."""

import hashlib
import logging
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace

import numpy as np

from soundsearch.audio.decode import decode, is_audio_name, mono, probe, resample
from soundsearch.audio.features import WHOLE_MAX_S, Features, FrontEnd, features, load_features
from soundsearch.audio.metadata import read_tags
from soundsearch.audio.peaks import load_peaks, peaks
from soundsearch.catalogue.pooled import PooledStore
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile, KnownFile, KnownRoot, PendingFile
from soundsearch.engine.hearing import Hearing, project_kept
from soundsearch.errors import DecodeError
from soundsearch.model.bundle import Bundle
from soundsearch.records import ClipState, FloatArray, Progress, ScanReport

log = logging.getLogger(__name__)

LIST_BATCH = 1000  # files listed in one transaction
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


def scan(
    catalogue: Catalogue,
    pooled: PooledStore,
    bundle: Bundle,
    hearing: Callable[[], Hearing | None],
    roots: Sequence[KnownRoot],
    workers: int | None = None,
) -> Generator[Progress, None, ScanReport]:
    """Bring the catalogue up to date with what is below the roots.

    Closing the generator stops the scan; what was committed stays, and the next scan goes on from there.

    Args:
        catalogue: What is brought up to date.
        pooled: Keeps what the audio tower makes of clips; what it holds already is not heard again.
        bundle: Whose front end and id are used.
        hearing: Gives the loaded model, or None while it is still being loaded.
        roots: Which folders.
        workers: Threads that decode; default one for each processor.
    Returns:
        The report, as the generator's value.
    """
    started = time.monotonic()
    report = ScanReport()
    online: list[KnownRoot] = []
    for root in roots:
        mount = reach(catalogue, root)
        catalogue.set_root_seen(root.id, mount)
        if mount is None:
            report = replace(report, offline=(*report.offline, os.fsdecode(root.path)))
            continue
        online.append(root)
        report = yield from _list(catalogue, root, report)
    projected = yield from project_kept(catalogue, pooled, bundle, hearing)
    report = replace(report, embedded=projected)
    report = yield from _analyse(catalogue, bundle, hearing, online, report, workers or os.cpu_count() or 1)
    ids = [root.id for root in online]
    return replace(
        report,
        missing=catalogue.count_states(ids)[ClipState.MISSING],
        failed=catalogue.failures(ids),
        seconds=time.monotonic() - started,
    )


def mount_point(path: bytes) -> bytes:
    """The mount point that a path is on."""
    path = os.path.abspath(path)
    while not os.path.ismount(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def reach(catalogue: Catalogue, root: KnownRoot) -> bytes | None:
    """Return the mount point a root is on, None if it is offline.

    An unplugged drive often leaves its empty mount folder behind: an empty root on another mount point than before is
    offline, not emptied.
    """
    try:
        with os.scandir(root.path) as entries:
            empty = next(entries, None) is None
    except OSError:
        return None
    mount = mount_point(root.path)
    if empty and mount != root.mount and catalogue.files(root.id):
        return None
    return mount


def _walk(top: bytes, unreadable: list[bytes]) -> Iterator[FoundFile]:
    """Every audio file below a folder, in the order of names; links are followed, but no folder twice, and never up.

    A folder that cannot be listed is put into `unreadable`: what was known below it is not missing.
    """
    seen = {_identity(parent) for parent in _parents(top)}
    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            where = _identity(os.path.join(top, folder))
            if where in seen:
                continue
            seen.add(where)
            with os.scandir(os.path.join(top, folder)) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as err:
            log.warning("cannot list %r: %s", os.path.join(top, folder), err)
            unreadable.append(folder)
            continue
        inner = []
        for entry in entries:
            path = os.path.join(folder, entry.name)
            try:
                if entry.is_dir():
                    inner.append(path)
                elif is_audio_name(os.fsdecode(entry.name)):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        yield FoundFile(path, status.st_size, status.st_mtime_ns)
            except OSError:  # a dangling link, or gone between two calls
                continue
        folders += reversed(inner)


def _identity(folder: bytes) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _parents(path: bytes) -> Iterator[bytes]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def _list(catalogue: Catalogue, root: KnownRoot, report: ScanReport) -> Generator[Progress, None, ScanReport]:
    """Compare a root with what is known of it, and commit the differences."""
    known = catalogue.files(root.id)
    unreadable: list[bytes] = []
    added: list[FoundFile] = []
    changed: list[tuple[int, FoundFile]] = []
    back: list[int] = []
    found = n_added = n_changed = 0

    def commit() -> None:
        nonlocal n_added, n_changed
        catalogue.list_files(root.id, added, changed)
        catalogue.mark_found(back)
        n_added, n_changed = n_added + len(added), n_changed + len(changed)
        added.clear()
        changed.clear()
        back.clear()

    for file in _walk(root.path, unreadable):
        found += 1
        before = known.pop(file.path, None)
        if before is None:
            added.append(file)
        elif (before.size_bytes, before.modified_ns) != (file.size_bytes, file.modified_ns):
            changed.append((before.clip_id, file))
        elif before.state is ClipState.MISSING:
            back.append(before.clip_id)
        if len(added) + len(changed) + len(back) >= LIST_BATCH:
            commit()
        if found % LIST_BATCH == 0:
            yield Progress("list", report.found + found, detail=os.fsdecode(root.path))
    commit()
    gone = [] if reach(catalogue, root) is None else _vanished(known, unreadable)
    removed = catalogue.mark_missing(gone)
    yield Progress("list", report.found + found, detail=os.fsdecode(root.path))
    return replace(
        report,
        found=report.found + found,
        added=report.added + n_added,
        changed=report.changed + n_changed,
        unchanged=report.unchanged + found - n_added - n_changed,
        removed=report.removed + removed,
    )


def _vanished(left: dict[bytes, KnownFile], unreadable: Sequence[bytes]) -> list[int]:
    """Known files that the walk did not meet and could have met."""
    if b"" in unreadable:
        return []
    blind = tuple(folder + os.sep.encode() for folder in unreadable)
    return [
        file.clip_id
        for path, file in left.items()
        if file.state is not ClipState.MISSING and not (blind and path.startswith(blind))
    ]


def _analyse(
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
                if (ear := hearing()) is None:
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
    """Decode once for waveform and features; what is too long to hold is read in blocks instead."""
    info = probe(path)
    if info.duration_s <= WHOLE_MAX_S:
        waveform = decode(path)
        samples = mono(waveform)
        drawn = peaks(samples, waveform.sample_rate)
        model_input = features(resample(samples, waveform.sample_rate, front_end.sample_rate), front_end)
        duration_s, rate, channels = waveform.duration_s, waveform.sample_rate, waveform.samples.shape[1]
    else:
        drawn = load_peaks(path)
        model_input = load_features(path, front_end)
        duration_s, rate, channels = info.duration_s, info.sample_rate, info.channels
    heard = Analysis(0, b"", 0, 0, duration_s, rate, channels, info.format, drawn.to_bytes())
    return heard, model_input

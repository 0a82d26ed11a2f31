"""Analysing: files are read ahead in threads, batches of them run through the model in others, each is committed."""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from soundsearch.audio.features import Features
from soundsearch.catalogue.store import Analysis, Catalogue, KnownRoot, PendingFile
from soundsearch.engine.ahead import Ahead
from soundsearch.engine.hearing import Hearing
from soundsearch.engine.listing import reach
from soundsearch.engine.reading import Outcome, read
from soundsearch.engine.turns import InView, in_turn
from soundsearch.model.bundle import Bundle
from soundsearch.records import FloatArray, Progress, ScanReport

STEP_S = 0.15  # a batch is sized to take about this long
KEEP_S = 2.0  # after which one goes on in any case
WAIT_S = 0.05  # how long a step waits for the decoders or the model
MAX_BATCH = 256
IN_TOWER = 2  # batches: one is heard while the other is committed, or while its last clip leaves a processor free

Heard = tuple[list[FloatArray], FloatArray]  # pooled features and vectors, as `Hearing.hear` gives them


def analyse(
    catalogue: Catalogue,
    bundle: Bundle,
    hearing: Callable[[], Hearing | None],
    roots: Sequence[KnownRoot],
    report: ScanReport,
    workers: int,
    in_view: InView,
) -> Generator[Progress, None, ScanReport]:
    """Make the clips below the roots searchable that are not yet: those in view first, then the newest.

    Each batch is kept.

    Returns:
        The report, with what was added to it.
    """
    pending = catalogue.pending(bundle.id, [root.id for root in roots])
    if not pending:
        return report
    run = _Run(catalogue, bundle, hearing, roots, pending, workers, in_view)
    try:
        yield from run.steps()
    finally:
        run.close()
    return replace(report, added=report.added - run.moved, moved=run.moved, embedded=report.embedded + run.embedded)


@dataclass(slots=True)
class _Batch:
    """Clips that are committed together."""

    analyses: list[Analysis] = field(default_factory=list)
    heard: list[tuple[Analysis, Features]] = field(default_factory=list)  # those that go through the model first
    failures: list[tuple[int, str]] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def __len__(self) -> int:
        return len(self.analyses) + len(self.heard) + len(self.failures)

    def add(self, file: PendingFile, outcome: Outcome) -> None:
        if outcome.analysis is None:
            self.failures.append((file.clip_id, outcome.reason))
        elif outcome.features is None:
            self.analyses.append(outcome.analysis)
        else:
            self.heard.append((outcome.analysis, outcome.features))


class _Run:
    """One analysis under way. Files are read ahead; what was read becomes batches, which are heard and committed.

    Only reading and the tower have threads of their own, and neither shares anything with the catalogue.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        bundle: Bundle,
        hearing: Callable[[], Hearing | None],
        roots: Sequence[KnownRoot],
        pending: Sequence[PendingFile],
        workers: int,
        in_view: InView,
    ) -> None:
        self.moved = self.embedded = 0
        self._catalogue, self._bundle, self._hearing, self._roots = catalogue, bundle, hearing, roots
        self._total, self._done, self._started = len(pending), 0, time.monotonic()
        self._known = known = catalogue.embedded_digests(bundle.id)
        self._offline: set[int] = set()
        self._files = Ahead(
            in_turn(pending, in_view), lambda file: read(file, bundle.front_end, known), workers, "decode"
        )
        self._batch, self._target = _Batch(), 1.0
        self._ear: Hearing | None = None
        self._tower = ThreadPoolExecutor(IN_TOWER, thread_name_prefix="hear")
        self._sent: deque[tuple[_Batch, float, Future[Heard]]] = deque()  # with the time
        self._last_heard = 0.0

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself and is forgotten."""
        self._files.close()
        self._known.close()  # a file that is being read then is forgotten
        self._tower.shutdown(wait=False, cancel_futures=True)

    def steps(self) -> Generator[Progress, None, None]:
        """Go on until all is committed."""
        while self._done < self._total:
            self._commit_heard()
            self._take()
            is_model_there = not self._is_due() or self._send()
            yield self._progress() if is_model_there else Progress("model", self._done, self._total)
            self._wait(is_model_there)

    def _progress(self) -> Progress:
        rate = self._done / max(time.monotonic() - self._started, 1e-3)
        coming = self._files.next
        return Progress("analyse", self._done, self._total, "clips", rate, coming[0].path if coming else "")

    def _wait(self, is_model_there: bool) -> None:
        """Until there is something to do, but not for long."""
        waiting: list[Future[Any]] = [future for _, _, future in self._sent][:1]
        if (coming := self._files.next) and not self._is_full():
            waiting.append(coming[1])
        if waiting:
            wait_for(waiting, WAIT_S, FIRST_COMPLETED)
        elif not is_model_there:
            time.sleep(WAIT_S)
            self._started = time.monotonic()

    def _take(self) -> None:
        """Bring what was read into the batch, until that is full."""
        for file, outcome in () if self._is_full() else self._files.take():
            if outcome.gone:
                self._done += 1
                self._notice_offline(file)
            else:
                self._batch.add(file, outcome)
                if self._is_full():
                    break

    def _is_full(self) -> bool:
        return len(self._batch.heard) >= self._target or len(self._batch) >= MAX_BATCH

    def _is_due(self) -> bool:
        """Whether the batch is to go on: the model never waits for more while there is something to hear."""
        is_idle = bool(self._batch.heard) and not self._sent
        is_old = time.monotonic() - self._batch.begun > KEEP_S
        return len(self._batch) > 0 and (is_idle or is_old or self._is_full() or self._files.is_over)

    def _send(self) -> bool:
        """Let the batch go on where there is room; False if the model is still being loaded.

        It is asked for once there is something to hear: copies and moved clips need none.
        """
        batch = self._batch
        if batch.heard:
            if len(self._sent) >= IN_TOWER:
                return True
            self._ear = self._ear or self._hearing()
            if self._ear is None:
                return False
            future = self._tower.submit(self._ear.hear, [features for _, features in batch.heard])
            self._sent.append((batch, time.monotonic(), future))
        else:
            self._record(batch)
        self._batch = _Batch()
        return True

    def _commit_heard(self) -> None:
        """Commit the first batch in the tower if it was heard; a clip whose vector is not finite fails alone."""
        if not self._sent or not self._sent[0][2].done():
            return
        batch, sent, future = self._sent.popleft()
        pooled, vectors = future.result()
        assert self._ear is not None
        self._ear.keep([analysis.digest for analysis, _ in batch.heard], pooled)
        for (analysis, _), vector in zip(batch.heard, vectors, strict=True):
            if np.isfinite(vector).all():
                batch.analyses.append(replace(analysis, vector=vector))
            else:
                batch.failures.append((analysis.clip_id, "the model finds nothing in it"))
        self._record(batch)
        self._choose_size(len(batch.heard), max(sent, self._last_heard))

    def _record(self, batch: _Batch) -> None:
        moved, embedded = self._catalogue.record(self._bundle.id, batch.analyses, batch.failures)
        self.moved, self.embedded = self.moved + moved, self.embedded + embedded
        self._done += len(batch.analyses) + len(batch.failures)

    def _choose_size(self, n_heard: int, since: float) -> None:
        """Make batches as large as takes STEP_S, by the time that the last one took."""
        self._last_heard = time.monotonic()
        wanted = n_heard * STEP_S / max(self._last_heard - since, 1e-4)
        self._target = min(max(wanted, self._target / 2, 1.0), self._target * 2, MAX_BATCH)

    def _notice_offline(self, file: PendingFile) -> None:
        """A file vanished: if its whole root did, say so once. Its clips stay pending."""
        if file.root_id in self._offline:
            return
        root = next(root for root in self._roots if root.id == file.root_id)
        if reach(self._catalogue, root) is None:
            self._offline.add(root.id)
            self._catalogue.set_root_seen(root.id, None)

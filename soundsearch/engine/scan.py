"""Scan: list what is there -> analyse what is new -> measure what is not yet. A generator of short steps."""

import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from threadpoolctl import threadpool_limits

from soundsearch.catalogue.pooled import PooledStore
from soundsearch.catalogue.store import Catalogue, KnownRoot
from soundsearch.engine.analysing import analyse
from soundsearch.engine.hearing import Hearing, project_kept
from soundsearch.engine.listing import list_root, reach
from soundsearch.engine.measuring import measure_contents
from soundsearch.engine.turns import InView
from soundsearch.model.bundle import Bundle
from soundsearch.records import ClipState, Progress, ScanReport


def scan(
    catalogue: Catalogue,
    pooled: PooledStore,
    bundle: Bundle,
    hearing: Callable[[], Hearing | None],
    roots: Sequence[KnownRoot],
    workers: int | None = None,
    in_view: InView = tuple,
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
        in_view: Ids of clips that are wanted before others.
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
        report = yield from list_root(catalogue, root, report)
    if not catalogue.is_complete(bundle.id):
        threads = workers or os.cpu_count() or 1
        # Every processor has a thread of ours. Those that each small matrix product would start wait for one another
        # without sleeping, and cost the full model a third of its clips a second.
        with threadpool_limits(1, user_api="blas"):
            projected = yield from project_kept(catalogue, pooled, bundle, hearing)
            report = replace(report, embedded=projected)
            report = yield from analyse(catalogue, bundle, hearing, online, report, threads, in_view)
            yield from measure_contents(catalogue, online, threads)
        catalogue.note_complete(bundle.id)
    ids = [root.id for root in online]
    return replace(
        report,
        missing=catalogue.tallies.states(ids)[ClipState.MISSING],
        failed=catalogue.failures(ids),
        seconds=time.monotonic() - started,
    )

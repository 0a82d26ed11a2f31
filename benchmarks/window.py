"""How soon the window is seen, and whether it ever hesitates: the real program under a scripted user, as JSON.

    python -m benchmarks.window FOLDER [--seconds S] [--clips N] [--platform offscreen|xcb]

A fresh data folder; the window opens, FOLDER is scanned, and meanwhile queries are typed letter by letter, rows are
gone through with the arrow keys (with audition) and the list is scrolled. With `--clips` there is a library of so many
clips already, and while FOLDER is scanned the session below is played: type, go through 200 rows with
audition, sort by columns, filter, scroll from end to end. Where PulseAudio is installed a private server with a null
sink is the sound output.

A timer of one millisecond in the event loop notes how long it had to wait for its turn: that is how long a key would
have had to wait. What of it was the work of the window's own thread is told beside it; the rest is waiting for a
processor that others use.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import large_library

QUERIES = ("deep kick", "rain on leaves", "door creak", "bright synth lead", "dog")
KEY_MS = 90  # between two letters: a quick typist
ROW_MS = 120  # between two rows
SLOW_MS = 16.0
BINS_MS = (1, 2, 4, 8, 16, 33, 50, 100, 200, 500)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="sounds to scan")
    parser.add_argument("--seconds", type=float, default=60, help="how long the user works at least")
    parser.add_argument("--clips", type=int, default=0, help="clips that are in the library already")
    parser.add_argument("--rows", type=int, default=200, help="rows to go through with the arrow keys")
    parser.add_argument("--platform", default="offscreen", help="Qt platform: offscreen, xcb, ...")
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.began is None:  # the measured process is a fresh one, and its start is the start of Python
        with sound_output(), tempfile.TemporaryDirectory() as data:
            if options.clips:
                large_library.make(Path(data) / "data", Path(data) / "sounds", options.clips)
            command = [sys.executable, "-m", "benchmarks.window", *sys.argv[1:], "--began", repr(time.time())]
            env = {**os.environ, "QT_QPA_PLATFORM": options.platform}
            sys.exit(subprocess.run([*command, "--data", f"{data}/data"], env=env).returncode)
    print(json.dumps(measure(options), indent=1))


@contextmanager
def sound_output() -> Iterator[None]:
    """A sound server of one's own, so that rows are heard on a machine without a sound card."""
    if not (shutil.which("pulseaudio") and shutil.which("parec")):
        yield
        return
    from tests.conftest import SoundServer

    server = SoundServer()
    try:
        yield
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    folder, data, began, seconds = options.folder.absolute(), options.data, options.began, options.seconds
    from PySide6.QtCore import Qt, QTimer

    from soundsearch.gui import app as app_module
    from soundsearch.settings import Places

    places = Places(data)
    places.create()
    handler = app_module.start_logging(places)
    app = app_module.make_application()
    window = app_module.build(app, places)
    told: dict[str, Any] = {}
    window.first_painted.connect(lambda: told.setdefault("first_paint_s", round(time.time() - began, 3)))
    window.first_painted.connect(window.start)
    window.resize(1280, 800)
    window.show()

    gaps: list[tuple[float, float, str]] = []  # waited, own work in it, what the user did
    doing = "start"
    last, last_work = time.perf_counter(), time.thread_time()

    def beat() -> None:
        nonlocal last, last_work
        now, work = time.perf_counter(), time.thread_time()
        gaps.append((1e3 * (now - last), 1e3 * (work - last_work), doing))
        last, last_work = now, work

    pulse = QTimer(window, interval=1, timerType=Qt.TimerType.PreciseTimer)
    pulse.timeout.connect(beat)
    pulse.start()
    heard: list[str] = []
    window._audition.state_changed.connect(lambda state: heard.append(state) if state == "playing" else None)
    answers: list[float] = []
    asked = 0.0

    def answered(_ranking: object) -> None:
        if asked:
            answers.append(1e3 * (time.perf_counter() - asked))

    def searched(_request: object) -> None:
        nonlocal asked
        asked = time.perf_counter()

    bar = window.center.search_bar
    window._bridge.ranked.connect(answered)
    bar.search_requested.connect(searched)
    script = session(window, QUERIES, options.rows) if options.clips else user(window, QUERIES)
    scan_answers = {"during_scan": 0}

    def step() -> None:
        nonlocal doing
        if window._bridge.jobs:
            scan_answers["during_scan"] = len(answers)
        over = time.time() - began > seconds and not window._bridge.jobs
        action = next(script, None) if options.clips or not over else None
        told["scan_runs_at_the_end"] = bool(window._bridge.jobs)
        if action is None:
            pulse.stop()
            window.close()  # waits, hidden, until the engine has finished its step
            return
        doing, act, wait_ms = action
        act()
        QTimer.singleShot(wait_ms, window, step)

    def begin() -> None:
        told["library_known_s"] = round(time.time() - began, 3)
        window._bridge.status_known.disconnect(begin)
        window._bridge.scan(str(folder))
        window.activateWindow()
        QTimer.singleShot(500, window, step)

    window._bridge.status_known.connect(begin)
    ended: list[Any] = []
    window._bridge.job_ended.connect(lambda end: ended.append((round(time.time() - began, 1), str(end.message))))
    code = app.exec()
    handler.close()
    told["heard"] = len(heard)
    waits = sorted(gap for gap, _, _ in gaps)
    works = sorted(work for _, work, _ in gaps)
    slow: dict[str, list[tuple[float, float]]] = {}
    for gap, work, what in gaps:
        if gap > SLOW_MS:
            slow.setdefault(what, []).append((round(gap, 1), round(work, 1)))
    counts = [sum(a <= gap < b for gap in waits) for a, b in zip((0, *BINS_MS), (*BINS_MS, 1e9), strict=True)]
    labels = [f"< {BINS_MS[0]} ms", *(f"{a}-{b} ms" for a, b in itertools.pairwise(BINS_MS)), ">= 500 ms"]
    answers.sort()
    return {
        **told,
        "exit_code": code,
        "seconds": round(time.time() - began, 1),
        "scan_ended_s": ended,
        "clips": window.center.status.clips if window.center.status else 0,
        "turns": len(waits),
        "gap_ms": {"median": pick(waits, 0.5), "p99": pick(waits, 0.99), "longest": pick(waits, 1.0)},
        "own_work_ms": {"median": pick(works, 0.5), "p99": pick(works, 0.99), "longest": pick(works, 1.0)},
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "histogram": dict(zip(labels, counts, strict=True)),
        "most_own_work_ms": [
            {"doing": what, "work": round(work, 1), "gap": round(gap, 1)}
            for gap, work, what in sorted(gaps, key=lambda turn: turn[1], reverse=True)[:12]
        ],
        "gaps_over_16_ms_and_own_work": {what: sorted(values, reverse=True)[:8] for what, values in slow.items()},
        "answer_ms": {
            "count": len(answers),
            **scan_answers,
            "median": pick(answers, 0.5),
            "longest": pick(answers, 1.0),
        },
        "threads": threading.active_count(),
        "sound": window._audition.state,
    }


def pick(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0


def user(window: Any, queries: tuple[str, ...]) -> Any:
    """What the user does, for ever: what it is called, the doing, and how long he waits then."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    bar, results = window.center.search_bar, window.center.results
    while True:
        for query in queries:
            yield "focus", bar.focus_box, 200
            for letter in query:
                yield "type", lambda letter=letter: QTest.keyClicks(bar.box, letter), KEY_MS
            yield "wait", lambda: None, 600
            yield "enter list", lambda: QTest.keyClick(bar.box, Qt.Key.Key_Down), ROW_MS
            for _ in range(15):
                yield "arrow", lambda: QTest.keyClick(results, Qt.Key.Key_Down), ROW_MS
            yield "clear", bar.clear, 400
            for share in range(0, 101, 4):
                scroll = results.verticalScrollBar()
                yield "scroll", lambda share=share, s=scroll: s.setValue(s.maximum() * share // 100), 40
            yield "resize", lambda: window.resize(700, 600), 100
            yield "resize", lambda: window.resize(1280, 800), 100


def session(window: Any, queries: tuple[str, ...], rows: int) -> Any:
    """Once through all that a user does with a large library."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    from soundsearch.gui.draft import Draft
    from soundsearch.gui.result_columns import Column

    bar, results = window.center.search_bar, window.center.results
    header, scroll = results.header, results.verticalScrollBar()

    def click(column: Column) -> None:
        at = QPoint(header.sectionViewportPosition(column) + 12, header.height() // 2)
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)

    for _ in range(2):
        yield "scroll", lambda: None, 500
        for share in range(201):
            yield "scroll", lambda share=share: scroll.setValue(scroll.maximum() * share // 200), 25
    yield "enter list", results.enter, ROW_MS
    for _ in range(rows):
        yield "arrow", lambda: QTest.keyClick(results, Qt.Key.Key_Down), ROW_MS
    for column in (Column.NAME, Column.NAME, Column.NAME, Column.LENGTH, Column.LENGTH, Column.FOLDER, Column.MATCH):
        yield "sort", lambda column=column: click(column), 800
    for query in queries:
        yield "focus", bar.focus_box, 200
        for letter in query:
            yield "type", lambda letter=letter: QTest.keyClicks(bar.box, letter), KEY_MS
        yield "wait", lambda: None, 600
        yield "enter list", lambda: QTest.keyClick(bar.box, Qt.Key.Key_Down), ROW_MS
        for _ in range(15):
            yield "arrow", lambda: QTest.keyClick(results, Qt.Key.Key_Down), ROW_MS
        yield "sort", lambda: click(Column.LENGTH), 500
        yield "sort", lambda: click(Column.LENGTH), 500
        yield "sort", lambda: click(Column.LENGTH), 500
    yield "clear", bar.clear, 500
    for parts in (("dur<1",), ("dur:1-3", "type:wav"), ("folder:kicks",), ('"kick 0001"',), ()):
        yield "filter", lambda parts=parts: bar.set_draft(Draft("", (), parts)), 1000
    for share in range(200, -1, -1):
        yield "scroll", lambda share=share: scroll.setValue(scroll.maximum() * share // 200), 25
    yield "compact", lambda: results.set_compact(True), 300
    yield "resize", lambda: window.resize(700, 600), 200
    yield "resize", lambda: window.resize(1280, 800), 200


if __name__ == "__main__":
    main()

"""How soon the window is seen, and whether it ever hesitates: the real program under a scripted user, as JSON.

    python -m benchmarks.window FOLDER [--seconds S] [--clips N] [--keep FOLDER] [--platform offscreen|xcb]

A fresh data folder; the window opens, FOLDER is scanned, and meanwhile queries are typed letter by letter, rows are
gone through with the arrow keys (with audition) and the list is scrolled. With `--clips` there is a library of so many
clips already, and while FOLDER is scanned the session of `benchmarks.window_user` is played: type, go through 200 rows
with audition, mark, sort by columns, filter, scroll from end to end, point at the map. That library takes minutes to
make: `--keep` names a folder in which it lies or is made to be used again; what is measured is a copy. Where PulseAudio
is installed a private server with a null sink is the sound output.

A timer of one millisecond in the event loop notes how long it had to wait for its turn: that is how long a key would
have had to wait. What of it was the work of the window's own thread is told beside it; the rest is waiting for a
processor that others use, or for another thread of the window's Python.
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

SLOW_MS = 16.0
BINS_MS = (1, 2, 4, 8, 16, 33, 50, 100, 200, 500)
RETRY_MS, RETRIES = 100, 300  # of a step that is not possible yet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="sounds to scan")
    parser.add_argument("--seconds", type=float, default=60, help="how long the user works at least")
    parser.add_argument("--clips", type=int, default=0, help="clips that are in the library already")
    parser.add_argument("--keep", type=Path, help="where that library lies, or is made to be used again")
    parser.add_argument("--rows", type=int, default=200, help="rows to go through with the arrow keys")
    parser.add_argument("--platform", default="offscreen", help="Qt platform: offscreen, xcb, ...")
    parser.add_argument("--json", type=Path, help="also write the answer there")
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.began is None:  # the measured process is a fresh one, and its start is the start of Python
        sys.exit(in_fresh_process(options))
    answer = json.dumps(measure(options), indent=1)
    if options.json:
        options.json.write_text(answer + "\n", encoding="utf-8")
    print(answer)


def in_fresh_process(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        if options.clips:
            kept = (options.keep or Path(folder) / "kept").absolute()
            if not (kept / "data").exists():
                large_library.make(kept / "new", kept / "sounds", options.clips)
                draw_map(kept / "new")
                (kept / "new").rename(kept / "data")
            shutil.copytree(kept / "data", data)
        with sound_output():
            command = [sys.executable, "-m", "benchmarks.window", *sys.argv[1:], "--began", repr(time.time())]
            env = {**os.environ, "QT_QPA_PLATFORM": options.platform}
            return subprocess.run([*command, "--data", str(data)], env=env).returncode


def draw_map(data: Path) -> None:
    """As the program does when the map is first opened: later it is there."""
    from soundsearch.engine.service import Engine
    from soundsearch.settings import Places

    engine = Engine(Places(data))
    for _ in engine.draw_map():
        pass
    engine.close()


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


class Pulse:
    """How long the event loop made a timer wait, what of it was its own work, and what the user did meanwhile."""

    def __init__(self, window: Any) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.turns: list[tuple[float, float, str]] = []
        self.doing = "start"
        self._last, self._last_work = time.perf_counter(), time.thread_time()
        self._timer = QTimer(window, interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self.turns.append((1e3 * (now - self._last), 1e3 * (work - self._last_work), self.doing))
        self._last, self._last_work = now, work

    def report(self) -> dict[str, Any]:
        waits = sorted(wait for wait, _, _ in self.turns)
        works = sorted(work for _, work, _ in self.turns)
        slow: dict[str, list[tuple[float, float]]] = {}
        for wait, work, what in self.turns:
            if wait > SLOW_MS:
                slow.setdefault(what, []).append((round(wait, 1), round(work, 1)))
        counts = [sum(a <= wait < b for wait in waits) for a, b in zip((0, *BINS_MS), (*BINS_MS, 1e9), strict=True)]
        labels = [f"< {BINS_MS[0]} ms", *(f"{a}-{b} ms" for a, b in itertools.pairwise(BINS_MS)), ">= 500 ms"]
        return {
            "turns": len(waits),
            "gap_ms": {"median": pick(waits, 0.5), "p99": pick(waits, 0.99), "longest": pick(waits, 1.0)},
            "own_work_ms": {"median": pick(works, 0.5), "p99": pick(works, 0.99), "longest": pick(works, 1.0)},
            "histogram": dict(zip(labels, counts, strict=True)),
            "most_own_work_ms": [
                {"doing": what, "work": round(work, 1), "gap": round(wait, 1)}
                for wait, work, what in sorted(self.turns, key=lambda turn: turn[1], reverse=True)[:12]
            ],
            "gaps_over_16_ms_and_own_work": {what: sorted(values, reverse=True)[:8] for what, values in slow.items()},
            "turns_while": {what: sum(of == what for _, _, of in self.turns) for what in slow},
        }


class Answers:
    """How long each query waited for its answer."""

    def __init__(self, window: Any) -> None:
        self.waits_ms: list[float] = []
        self.during_scan = 0
        self._bridge, self._asked = window._bridge, 0.0
        window._bridge.ranked.connect(self._answered)
        window.center.search_bar.search_requested.connect(self._searched)

    def _searched(self, _request: object) -> None:
        self._asked = time.perf_counter()

    def _answered(self, _ranking: object) -> None:
        if self._asked:
            self.waits_ms.append(1e3 * (time.perf_counter() - self._asked))
            self.during_scan += bool(self._bridge.jobs)
            self._asked = 0.0  # what comes next is the same query, asked again because the library grew

    def report(self) -> dict[str, Any]:
        waits = sorted(self.waits_ms)
        return {
            "count": len(waits),
            "during_scan": self.during_scan,
            "median": pick(waits, 0.5),
            "longest": pick(waits, 1.0),
        }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    began = options.began
    from PySide6.QtCore import QTimer

    from benchmarks.window_user import User
    from soundsearch.gui import app as app_module
    from soundsearch.settings import Places

    places = Places(options.data)
    places.create()
    handler = app_module.start_logging(places)
    app = app_module.make_application()
    window = app_module.build(app, places)
    told: dict[str, Any] = {}
    window.first_painted.connect(lambda: told.setdefault("first_paint_s", round(time.time() - began, 3)))
    window.first_painted.connect(app_module.keep_for_good)  # as `main` does
    window.first_painted.connect(window.start)
    window.resize(1280, 800)
    window.show()
    pulse, answers = Pulse(window), Answers(window)
    heard: list[str] = []
    window._audition.state_changed.connect(lambda state: heard.append(state) if state == "playing" else None)
    script = User(window).once(options.rows) if options.clips else User(window).for_ever()

    def step() -> None:
        scans = bool(window._bridge.jobs)
        action = next(script, None) if options.clips or scans or time.time() - began < options.seconds else None
        told["scan_runs_at_the_end"] = scans
        if action is None:
            pulse.stop()
            window.close()  # waits, hidden, until the engine has finished its step
            return
        doing, act, wait_ms = action
        attempt(doing, act, wait_ms, RETRIES)

    def attempt(doing: str, act: Any, wait_ms: int, retries: int) -> None:
        pulse.doing = doing
        if act() is False and retries:
            QTimer.singleShot(RETRY_MS, window, lambda: attempt(doing, act, wait_ms, retries - 1))
        else:
            QTimer.singleShot(wait_ms, window, step)

    def begin() -> None:
        told["library_known_s"] = round(time.time() - began, 3)
        window._bridge.status_known.disconnect(begin)
        window._bridge.scan(str(options.folder.absolute()))
        window.activateWindow()
        QTimer.singleShot(500, window, step)

    window._bridge.status_known.connect(begin)
    ended: list[Any] = []
    window._bridge.job_ended.connect(
        lambda end: ended.append((type(end.job.request).__name__, round(time.time() - began, 1), str(end.message)))
    )
    code = app.exec()
    handler.close()
    return {
        **told,
        "exit_code": code,
        "seconds": round(time.time() - began, 1),
        "jobs_ended_s": ended,
        "clips": window.center.status.clips if window.center.status else 0,
        "heard": len(heard),
        **pulse.report(),
        "answer_ms": answers.report(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "threads": threading.active_count(),
        "sound": window._audition.state,
    }


def pick(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0


if __name__ == "__main__":
    main()

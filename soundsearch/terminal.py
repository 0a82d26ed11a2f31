"""What a command writes: results to stdout, progress and messages to stderr."""

import json
import sys
import time
from collections.abc import Generator
from typing import Any

from soundsearch.records import Progress


def drive(steps: Generator[Progress, None, Any] | Any, quiet: bool) -> Any:
    """Run a job to its end with a text bar; returns its result."""
    bar = _Bar(not quiet)
    try:
        while True:
            bar.show(next(steps))
    except StopIteration as stop:
        return stop.value
    finally:
        steps.close()
        bar.end()


class _Bar:
    """One line that is drawn over; on something that is not a terminal, a line every few seconds."""

    def __init__(self, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._is_terminal = sys.stderr.isatty()
        self._shown_at = 0.0
        self._drawn = False

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if not self._is_wanted or now - self._shown_at < (0.1 if self._is_terminal else 5.0):
            return
        self._shown_at = now
        text = f"{_PHASES.get(progress.phase, progress.phase)} {_amount(progress)}"
        if progress.rate and progress.total:
            left = (progress.total - progress.done) / progress.rate
            text += f", {duration(left)} left"
        if self._is_terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


_PHASES = {
    "list": "listing",
    "model": "loading the model,",
    "analyse": "analysing",
    "measure": "measuring",
    "moments": "listening to moments,",
    "duplicates": "looking for copies,",
    "compare": "comparing",
    "index": "building the index",
    "download": "downloading",
    "check": "checking the model",
    "labels": "reading the labels,",
    "background": "hearing everyday sounds,",
    "tag": "tagging",
    "write": "writing tags,",
}


def _amount(progress: Progress) -> str:
    if progress.unit == "bytes":
        return f"{progress.done / 1e6:.1f} of {progress.total / 1e6:.1f} MB"
    unit = progress.unit
    return f"{progress.done:,} of {progress.total:,} {unit}" if progress.total else f"{progress.done:,} {unit}"


def duration(seconds: float) -> str:
    """As on a clock: "0:03.5", "1:02:03"."""
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{int(minutes)}:{rest:04.1f}"
    return f"{int(minutes // 60)}:{int(minutes % 60):02}:{int(rest):02}"


def shown(path: str) -> str:
    """A path on one line, whatever it holds."""
    return "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else repr(c)[1:-1] for c in path)


def print_json(value: Any) -> None:
    """ASCII only: every path, also one that is not UTF-8, comes back whole from any JSON reader."""
    print(json.dumps(value, ensure_ascii=True, allow_nan=False))


def say(text: str) -> None:
    """Tell the user, not the program that reads the results."""
    print(text, file=sys.stderr)

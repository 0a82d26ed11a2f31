"""A scan of a library in which nothing has changed, against looking at the files and nothing else, in processor time.

Run: python -m benchmarks.rescan [--clips 100000] [--library FOLDER] [--rounds 5] [--json]. With --library the made-up
library is kept there for the next time. The limit is `os.scandir` and `stat` of every file, in the same process.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import large_library
from benchmarks.turns import in_words, machine, ratio, shown, spread
from soundsearch.engine.service import Engine
from soundsearch.settings import Places


def look(folder: Path) -> int:
    """What any scan must do: how many files there are, each looked at."""
    count, folders = 0, [os.fsencode(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.path)
                else:
                    entry.stat()
                    count += 1
    return count


def measure(library: Path, clips: int, rounds: int) -> dict[str, Any]:
    """Take turns: seconds of processor time of each, and the longest step of our scan in seconds."""
    if not (library / "data").exists():
        large_library.make(library / "data", library / "sounds", clips)
    engine = Engine(Places(library / "data"))
    longest = 0.0

    def rescan() -> int:
        nonlocal longest
        steps, begun = engine.scan(()), time.perf_counter()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return int(end.value.unchanged)
            now = time.perf_counter()
            longest, begun = max(longest, now - begun), now

    rescan()  # the first notes that nothing is left to do
    longest = 0.0
    ours, alone = [], []
    for _ in range(rounds):
        seconds, found = _timed(lambda: look(library / "sounds"))
        alone.append(seconds)
        seconds, unchanged = _timed(rescan)
        ours.append(seconds)
        assert unchanged == found == clips
    engine.close()
    return {
        "machine": machine(),
        "clips": clips,
        "scandir_and_stat_s": spread(alone),
        "rescan_s": spread(ours),
        "times_the_limit": ratio(ours, alone),
        "longest_step_s": longest,
    }


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def as_markdown(result: Mapping[str, Any]) -> str:
    """The table of the page."""
    lines = [in_words(result["machine"]), ""]
    lines.append(f"| {result['clips']:,} unchanged files | processor time, s | times the limit | longest step, s |")
    lines.append("|---|---:|---:|---:|")
    lines.append(f"| scandir and stat alone | {shown(result['scandir_and_stat_s'], digits=3)} | 1 | |")
    ours, times = shown(result["rescan_s"], digits=3), shown(result["times_the_limit"], digits=2)
    return "\n".join([*lines, f"| a scan | {ours} | {times} | {result['longest_step_s']:.3f} |"])


@contextmanager
def kept(folder: Path | None) -> Iterator[Path]:
    """A folder that is there next time, or a temporary one."""
    if folder is not None:
        yield folder
        return
    with TemporaryDirectory() as temporary:
        yield Path(temporary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with kept(options.library) as library:
        result = measure(library, options.clips, options.rounds)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


if __name__ == "__main__":
    main()

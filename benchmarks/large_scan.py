"""What a scanned clip costs all in all, in libraries of a thousand to a million: real one-shots, the starter, in turn.

Run: python -m benchmarks.large_scan LIBRARIES [--clips 300] [--rounds 2] [--json]. The libraries are made where they
are not kept in that folder yet, of clips of another root that cannot be reached; in each turn each is opened and scans
a folder of new one-shots to the end: list, analyse, measure, save. The vectors that come are indexed as a scan does it;
the graph, which the first scan of a large library makes and later ones only add to, is left out.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.scanning import write_one_shots
from benchmarks.turns import in_words, machine, shown, spread
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.engine.service import Engine
from soundsearch.records import Sound
from soundsearch.settings import Places

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CLIPS, ROUNDS = 300, 2
BATCH = 5_000
PACK = 500  # clips of a folder


def measure(
    libraries: Path, sizes: Sequence[int] = SIZES, clips: int = CLIPS, rounds: int = ROUNDS, model: str | None = None
) -> dict[str, Any]:
    """Scan new one-shots into each library in turn; for each size milliseconds a clip, and the longest step."""
    for size in sizes:
        if not (libraries / str(size)).exists():
            make(libraries / str(size), size, model)
    taken: dict[int, list[tuple[float, float, float]]] = {size: [] for size in sizes}
    with TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for size in sizes if number else sizes[:1]:  # the first turn of all wakes things up, and does not count
                shots = Path(folder) / f"shots {size} {number}"
                write_one_shots(shots, clips if number else 20, seed=number * 10 + sizes.index(size))
                found = _scan(libraries / str(size), shots, model)
                taken[size] += [found] if number else []
    rows = []
    for size, found in taken.items():
        wall, processor, longest = zip(*found, strict=True)
        row = {"clips": size, "ms": spread(wall), "processor_ms": spread(processor), "longest_step_ms": max(longest)}
        rows.append(row)
    return {"machine": machine(), "clips": clips, "rounds": rounds, "sizes": rows}


def _scan(data: Path, shots: Path, model: str | None) -> tuple[float, float, float]:
    """Milliseconds a clip, of processor time too, and of the longest step; the clips are forgotten again."""
    engine = Engine(Places(data), model=model)
    while not engine.start_loading():
        time.sleep(0.05)
    count, longest = len(list(shots.iterdir())), 0.0
    begun, processor = time.perf_counter(), time.process_time()
    steps = engine.scan([str(shots)])
    while True:
        last = time.perf_counter()
        step = next(steps, None)
        if step is None or (step.phase == "index" and step.total):  # the graph is being made
            break
        longest = max(longest, time.perf_counter() - last)
    steps.close()
    result = (time.perf_counter() - begun, time.process_time() - processor)
    for _ in engine.remove_root(str(shots)):
        pass
    engine.close()
    return result[0] * 1000 / count, result[1] * 1000 / count, longest * 1000


def make(data: Path, n: int, model: str | None) -> None:
    """Fill a data folder with `n` clips that are heard and measured, below a root that cannot be reached."""
    places = Places(data)
    places.create()
    engine = Engine(places, model=model)
    bundle = engine.chosen.bundle
    catalogue = Catalogue(places.catalogue)
    root = catalogue.add_root(b"/no such sounds", b"/").id
    draw = np.random.default_rng(n)
    for start in range(0, n, BATCH):
        numbers = range(start, min(start + BATCH, n))
        files = [FoundFile(f"pack {i // PACK:04}/one shot {i:07}.wav".encode(), 1000, i) for i in numbers]
        catalogue.list_files(root, files, [])
        rows = draw.standard_normal((len(files), bundle.dimension), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        analyses = [
            Analysis(i + 1, draw.bytes(16), 1000, i, 1.0, 48_000, 1, "wav", b"\0" * 288, row)
            for i, row in zip(numbers, rows, strict=True)
        ]
        catalogue.record(bundle.id, analyses, [])
        catalogue.sounds.record(dict.fromkeys((i + 1 for i in numbers), Sound()))
    catalogue.close()
    engine.chosen.index().save(engine.chosen.index_folder)
    engine.close()


def as_markdown(result: Mapping[str, Any]) -> str:
    """The table of the page."""
    lines = [in_words(result["machine"]), f"{result['clips']} new one-shots, {result['rounds']} rounds.", ""]
    lines += [
        "| clips in the library | a new one-shot, ms | of processor time, ms | longest step, ms |",
        "|---:" * 4 + "|",
    ]
    for row in result["sizes"]:
        ms, processor = shown(row["ms"], digits=2), shown(row["processor_ms"], digits=2)
        lines.append(f"| {row['clips']:,} | {ms} | {processor} | {row['longest_step_ms']:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", type=Path)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.libraries, clips=options.clips, rounds=options.rounds)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


if __name__ == "__main__":
    main()

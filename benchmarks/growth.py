"""What a clip costs in libraries of a thousand to a million: the bookkeeping of a scan, and a search; with a plot.

Run: python -m benchmarks.growth [SIZES ...] [--plot docs/pictures/growth.svg] [--libraries FOLDER] [--json]. One
catalogue and one index grow; at each size the last clips are measured, in processor time, which other programs change
little. Vectors, digests and waveforms are made up. With --libraries a real scan of new one-shots, with the starter, is
measured too, by benchmarks.large_scan. With --indexes the searches of a size are asked of the index that
benchmarks.search has kept there, where it has: from half a million on that is a graph, which takes long to make.
"""

import argparse
import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import large_scan
from benchmarks.turns import in_words, machine
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.index.vector_index import VectorIndex

DIMENSION = 512
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LAST = 5  # batches that are measured at each size: the index of names is merged in some and not in others
BATCH = 1000
SLICE = 50_000  # vectors that are made at one go
PACK = 500  # clips of a folder
QUERIES = 15
BUNDLE = "growth"
WORDS = ("kick", "snare", "hat", "rain", "door", "pad", "bass", "dog", "wind", "glass", "step", "siren")
SCAN = {"list": "listing a new clip", "record": "keeping its analysis", "rescan": "seeing it unchanged"}


def measure(sizes: Sequence[int], folder: Path, indexes: Path | None = None) -> dict[str, Any]:
    """For each size microseconds a clip of each part of a scan, and search in ms; see `grow` and `search`."""
    found = zip(grow(sizes, folder), search(sizes, folder / "indexes", indexes), strict=True)
    return {"machine": machine(), "sizes": [grown | searched for grown, searched in found]}


def grow(sizes: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    """Grow a catalogue in a folder; for each size microseconds a clip of each part of a scan."""
    catalogue = Catalogue(folder / "catalogue.sqlite")
    root = catalogue.add_root(b"/sounds", b"/").id
    rows = []
    have = 0
    for size in sorted(sizes):
        batches = [(start, min(BATCH, size - start)) for start in range(have, size, BATCH)]
        grown = [_grow(catalogue, root, *batch) for batch in batches][-LAST:]
        costs = {name: float(np.mean([some[name] for some in grown])) for name in grown[0]}
        have = size
        begun = time.process_time()
        folders = [folder for some in catalogue.tallies.folders_with_files(root) for folder in some]
        known = {row[0]: row for folder in folders for some in catalogue.known_rows(root, folder) for row in some}
        costs["rescan"] = (time.process_time() - begun) / len(known)
        del known
        rows.append({"clips": size} | {f"{name}_us": round(costs[name] * 1e6, 2) for name in SCAN})
    catalogue.close()
    return rows


def search(sizes: Sequence[int], folder: Path, indexes: Path | None = None) -> list[dict[str, Any]]:
    """Search an index of each size, of random vectors; one that is kept in `indexes` as `index-SIZE` in its place."""
    rows = []
    for size in sorted(sizes):
        where = (indexes or folder) / f"index-{size}"
        if not where.is_dir():
            where = folder / f"index-{size}"
            draw, made = np.random.default_rng(size), VectorIndex(DIMENSION)
            for start in range(0, size, SLICE):
                made.add(np.arange(start, min(start + SLICE, size)), _unit(draw, min(SLICE, size - start)))
            made.save(where)
        begun = time.perf_counter()
        index = VectorIndex.load(where, DIMENSION)
        opened_ms = round((time.perf_counter() - begun) * 1000, 2)
        rows.append({"search_ms": _search(index), "graph": index.uses_graph, "open_ms": opened_ms})
    return rows


def _unit(draw: np.random.Generator, n: int) -> np.ndarray:
    rows = draw.standard_normal((n, DIMENSION), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _grow(catalogue: Catalogue, root: int, start: int, n: int) -> dict[str, float]:
    """Add clips; returns seconds of processor time a clip, of each part."""
    files = [FoundFile(path_of(start + i), 1000, start + i) for i in range(n)]
    vectors = _unit(np.random.default_rng(start), n)
    pending = range(start + 1, start + n + 1)  # ids of an empty table count from 1
    digests = [hashlib.blake2b(clip.to_bytes(8, "little"), digest_size=16).digest() for clip in pending]
    analyses = [
        Analysis(clip, digest, 1000, file.modified_ns, 1.0, 48_000, 1, "wav", b"\0" * 288, vector)
        for clip, digest, file, vector in zip(pending, digests, files, vectors, strict=True)
    ]
    begun = time.process_time()
    catalogue.list_files(root, files, [])
    listed = time.process_time()
    for at in range(0, n, 100):
        catalogue.record(BUNDLE, analyses[at : at + 100], [])
    recorded = time.process_time()
    return {"list": (listed - begun) / max(n, 1), "record": (recorded - listed) / max(n, 1)}


def path_of(number: int) -> bytes:
    """Folder by folder, as a scan meets them; the folders come in no order."""
    pack = number // PACK
    word, other = WORDS[number % len(WORDS)], WORDS[number * 7 % 11]
    return f"Vendor {pack % 97}/{WORDS[pack % len(WORDS)]} pack {pack:04}/{word}_{other} {number:07}.wav".encode()


def _search(index: VectorIndex) -> dict[str, float]:
    queries = _unit(np.random.default_rng(1), QUERIES)
    index.search(queries[0], 10)
    taken = []
    for query in queries:
        begun = time.perf_counter()
        index.search(query, 10)
        taken.append((time.perf_counter() - begun) * 1000)
    low, median, high = np.percentile(taken, (25, 50, 75))
    return {"low": round(float(low), 3), "median": round(float(median), 3), "high": round(float(high), 3)}


def as_markdown(result: Mapping[str, Any]) -> str:
    """The table of the page."""
    head = [*(f"{text}, us" for text in SCAN.values()), "a search, ms (quartiles)", "opening the index, ms"]
    lines = [in_words(result["machine"]), "", "| clips | " + " | ".join(head) + " |", "|---:" * (len(head) + 1) + "|"]
    for row in result["sizes"]:
        search = f"{row['search_ms']['median']:.2f} ({row['search_ms']['low']:.2f}-{row['search_ms']['high']:.2f})"
        costs = [f"{row[f'{name}_us']:.1f}" for name in SCAN]
        lines.append("| " + " | ".join([f"{row['clips']:,}", *costs, search, f"{row['open_ms']:.1f}"]) + " |")
    return "\n".join(lines)


WIDTH, HEIGHT, MARGIN = 340, 300, 54
COLOURS = ("#1f6fb2", "#c2571a", "#2c8a4b", "#7a4fa3")
Curve = Sequence[tuple[int, float]]  # sizes and values


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Two plots side by side, both axes logarithmic: a scan's bookkeeping a clip, and a search."""
    rows = result["sizes"]
    scan: dict[str, Curve] = {text: [(row["clips"], row[f"{name}_us"]) for row in rows] for name, text in SCAN.items()}
    if "whole" in result:
        whole = [(row["clips"], row["ms"]["median"] * 1000) for row in result["whole"]["sizes"]]
        scan = {"scanning a new one-shot, all in all": whole} | scan
    searches: dict[str, Curve] = {
        "a search": [(row["clips"], row["search_ms"]["median"]) for row in rows],
        "opening the index": [(row["clips"], row["open_ms"]) for row in rows],
    }
    size = f'width="{2 * WIDTH + MARGIN // 2}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *_plot("Scan: µs a clip", scan, 0),
        *_plot("Search: ms", searches, WIDTH),
        "</svg>",
    ]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _plot(title: str, curves: Mapping[str, Curve], left: int) -> list[str]:
    values = [value for curve in curves.values() for _, value in curve]
    sizes = [size for curve in curves.values() for size, _ in curve]
    bottom, top = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 0.4 * len(curves) / 4)
    first, last = (
        math.log10(min(sizes)),
        math.log10(max(sizes)) if max(sizes) > min(sizes) else math.log10(sizes[0]) + 1,
    )
    across, down = WIDTH - 1.5 * MARGIN, HEIGHT - 2 * MARGIN

    def place(size: float, value: float) -> tuple[float, float]:
        x = left + MARGIN + (math.log10(size) - first) / (last - first) * across
        return round(x, 1), round(HEIGHT - MARGIN - (math.log10(value) - bottom) / max(top - bottom, 1) * down, 1)

    parts = [f'<text x="{left + MARGIN}" y="20" font-weight="bold">{title}</text>']
    for power in range(bottom, top + 1):
        x, y = place(min(sizes), 10**power)
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + across}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4}" text-anchor="end">{10**power:g}</text>')
    for power in range(math.ceil(first), math.floor(last) + 1):
        x, y = place(10**power, 10**bottom)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{10**power:,}</text>')
    parts.append(f'<text x="{left + MARGIN + across / 2}" y="{HEIGHT - 16}" text-anchor="middle">clips</text>')
    for number, (name, curve) in enumerate(curves.items()):
        points = [place(size, value) for size, value in curve]
        colour = COLOURS[number]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{left + MARGIN + 6}" y="{38 + 15 * number}" fill="{colour}">{name}</text>')
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--plot", type=Path, help="write the plot there, as SVG")
    parser.add_argument("--libraries", type=Path, help="also scan into libraries that are kept there")
    parser.add_argument("--indexes", type=Path, help="the cache of benchmarks.search")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        result = measure(options.sizes, Path(folder), options.indexes)
    if options.libraries:
        result["whole"] = large_scan.measure(options.libraries)
    if options.plot:
        draw(result, options.plot)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))
    if options.libraries and not options.json:
        print("\n" + large_scan.as_markdown(result["whole"]))


if __name__ == "__main__":
    main()

"""Near copies: which are found, and which clips are taken for copies that are none.

    python -m benchmarks.duplicates DATA

Copies of clips of the development data's validation split are made in five ways; each goes into a library with all
clips of the data. Reported are the share of copies that stand in a group with their original, and the groups that hold
different clips of the data, which are either real near copies in it or mistakes.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from soundsearch.audio.decode import decode, resample
from soundsearch.engine.service import Engine
from soundsearch.settings import Places

WAYS = ("mp3", "half rate", "12 dB lower", "cut", "mono flac")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duplicates") as folder:
        made = build(options.data, Path(folder))
        report(made, Path(folder))
    return 0


def build(data: Path, folder: Path) -> dict[str, str]:
    """Link all clips and write the copies; returns the original of each copy, by path."""
    made: dict[str, str] = {}
    for name in ("captioned", "library"):
        for number, row in enumerate(csv.DictReader((data / name / f"{name}.csv").open(encoding="utf-8"))):
            source = data / row["path"]
            target = folder / "sounds" / row["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)
            if row["split"] == "val" and number % 4 == 0 and float(row["duration_s"]) >= 0.2:
                way = WAYS[len(made) % len(WAYS)]
                made[copy(str(source), folder / "sounds" / "copies", len(made), way)] = str(target)
    return made


def copy(source: str, folder: Path, number: int, way: str) -> str:
    folder.mkdir(exist_ok=True)
    waveform = decode(source)
    samples, rate, ending = waveform.samples, waveform.sample_rate, ".wav"
    if way == "mp3":
        samples, rate, ending = resample(samples[:, :2], rate, 44_100), 44_100, ".mp3"
    elif way == "half rate":
        samples, rate = resample(samples, rate, rate // 2), rate // 2
    elif way == "12 dB lower":
        samples = samples * 0.25
    elif way == "cut":
        samples = samples[int(0.02 * rate) : len(samples) - int(0.05 * len(samples))]
    else:
        samples, ending = samples.mean(axis=1, keepdims=True), ".flac"
    path = folder / f"{number:03} {way}{ending}"
    soundfile.write(path, np.clip(samples, -1, 1), rate)
    return str(path)


def report(made: dict[str, str], folder: Path) -> None:
    engine = Engine(Places(folder / "data"))
    for _ in engine.scan([str(folder / "sounds")]):
        pass
    begun, steps, slowest = time.monotonic(), engine.find_duplicates(near=True), 0.0
    while True:
        at = time.monotonic()
        try:
            next(steps)
        except StopIteration as stop:
            groups = stop.value
            break
        slowest = max(slowest, time.monotonic() - at)
    print(f"{engine.status().clips} clips in {time.monotonic() - begun:.1f} s, slowest step {slowest:.3f} s")
    group_of = {clip.path: n for n, g in enumerate(groups) for clip in engine.clips(g.clip_ids)}
    found = Counter(
        Path(path).name.split(" ", 1)[1].rsplit(".", 1)[0]
        for path, original in made.items()
        if group_of.get(path, -1) == group_of.get(original, -2)
    )
    total = Counter(Path(path).name.split(" ", 1)[1].rsplit(".", 1)[0] for path in made)
    for way in WAYS:
        print(f"{way}: {found[way]} of {total[way]} copies found")
    print(f"{sum(g.kind == 'exact' for g in groups)} exact groups; near groups among the data's own clips:")
    for group in groups:
        own = [clip for clip in engine.clips(group.clip_ids) if clip.path not in made]
        if group.kind == "near" and len(own) > 1:
            print(
                f"  {group.similarity:.2f}  "
                + " | ".join(str(Path(c.path).relative_to(folder / "sounds")) for c in own[:4])
            )


if __name__ == "__main__":
    sys.exit(main())

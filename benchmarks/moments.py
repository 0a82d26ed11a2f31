"""Moments: is an event that is hidden in a ten-minute recording found, and when in it?

    python -m benchmarks.moments DATA [--level LU] [--recordings N] [--minutes M] [--work FOLDER]

DATA is the development data. Events are clips of its validation split, of a kind that no bed holds; each is hidden at
a random place of a bed that is repeated to the length of the recording. Two libraries are scanned: the recordings with
moments, and the events as clips of their own. An event counts where the lone clip is the top hit; it is found where
its recording is the top hit, with the middle of the moment no further than 2.5 s from the middle of the event.
"""

import argparse
import csv
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from soundsearch.audio.analysis import analyse
from soundsearch.audio.decode import decode, mono, resample
from soundsearch.engine.service import Engine
from soundsearch.records import Example, Query
from soundsearch.settings import Places

RATE = 32_000
NEAR_S = 2.5
BEDS = ("fireplace", "wind", "city", "Orage et pluie", "summer-night", "train", "雨 (rain)", "Волны океана", "boat")
# What these beds hold themselves, or sounds much like it.
IN_BEDS = """
rain wind sea water waves river stream thunder storm fire crackling engine bus car train boat helicopter airplane motor
insects crickets cicada cricket bird birds leaves traffic city crowd footsteps step splash hiss noise click tick
chainsaw rustle swoosh whoosh air ship machine vehicle paper wood breath breathing steam gravel walk
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--level", type=float, default=10.0, help="of the event above its bed, in LU")
    parser.add_argument("--recordings", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--work", type=Path, help="folder for the libraries, which are kept there")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="moments"))
    try:
        truth = build(options.data, work, options.recordings, options.minutes, options.level)
        report(work, truth)
    finally:
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)
    return 0


def events(data: Path, count: int) -> list[dict[str, str]]:
    """Clips of 0.5 to 6 s whose captions are their own and whose kind is in no bed."""
    rows = []
    for name in ("captioned", "library"):
        rows += list(csv.DictReader((data / name / f"{name}.csv").open(encoding="utf-8")))
    order = np.random.default_rng(0).permutation(len(rows))
    chosen: list[dict[str, str]] = []
    labels: dict[str, int] = {}
    for split in ("val", "train"):
        for row in (rows[i] for i in order):
            words = set(f"{row['label']} {row['caption']}".lower().replace(",", " ").split())
            is_new = all(row["caption"] != other["caption"] for other in chosen)
            if (
                row["split"] != split
                or not 0.5 <= float(row["duration_s"]) <= 6
                or words & set(IN_BEDS.split())
                or not is_new
            ):
                continue
            if labels.get(row["label"], 0) < 1 and len(chosen) < count:
                labels[row["label"]] = labels.get(row["label"], 0) + 1
                chosen.append(row)
    return chosen


def build(data: Path, work: Path, count: int, minutes: float, level: float) -> list[tuple[dict[str, str], float]]:
    """Write both libraries; returns each event with the middle of it in its recording, in seconds."""
    (work / "long").mkdir(parents=True, exist_ok=True)
    (work / "lone").mkdir(exist_ok=True)
    draw = np.random.default_rng(1)
    beds = [load(next((data / "library" / "Ambience" / "Long").glob(f"{name}.*"))) for name in BEDS]
    truth = []
    for number, row in enumerate(events(data, count)):
        event, bed = load(data / row["path"]), beds[number % len(beds)]
        total = round(minutes * 60 * RATE)
        recording = np.tile(bed, -(-total // len(bed)) + 1)[(start := draw.integers(len(bed))) : start + total]
        recording = recording * 10 ** ((-30.0 - loudness(recording[: 60 * RATE])) / 20)
        at = int(draw.integers(0, total - len(event)))
        recording[at : at + len(event)] += event * 10 ** ((-30.0 + level - loudness(event)) / 20)
        recording /= max(1.0, float(np.abs(recording).max()))
        soundfile.write(work / "long" / f"recording {number:02}.flac", recording, RATE, subtype="PCM_16")
        soundfile.write(work / "lone" / f"event {number:02}.flac", event / max(1.0, np.abs(event).max()), RATE)
        truth.append((row, (at + len(event) / 2) / RATE))
    return truth


def load(path: Path) -> np.ndarray:
    waveform = decode(str(path))
    return resample(mono(waveform), waveform.sample_rate, RATE).astype(np.float64)


def loudness(samples: np.ndarray) -> float:
    lufs = analyse(samples.astype(np.float32)[:, None], RATE).loudness_lufs
    return lufs if lufs is not None else float(10 * np.log10(np.mean(samples**2) + 1e-12))


def scan(folder: Path, data_dir: Path, *, moments: bool) -> Engine:
    engine = Engine(Places(data_dir))
    begun = time.monotonic()
    for _ in engine.scan([str(folder)], moments=moments):
        pass
    print(f"scanned {folder.name} in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return engine


def report(work: Path, truth: list[tuple[dict[str, str], float]]) -> None:
    lone, long = (scan(work / name, work / f"data-{name}", moments=name == "long") for name in ("lone", "long"))
    for kind in ("text", "sound"):
        counts = dict.fromkeys(("lone", "top", "found", "near"), 0)
        missed = []
        for number, (row, middle) in enumerate(truth):
            like = Example(str(work / "lone" / f"event {number:02}.flac"))
            query = Query(texts=(row["caption"],)) if kind == "text" else Query(likes=(like,))
            best = lone.search(query, 1)[0]
            if best.clip.name != f"event {number:02}.flac":
                continue
            counts["lone"] += 1
            hits = long.search(query, len(truth))
            own = next(hit for hit in hits if hit.clip.name == f"recording {number:02}.flac")
            is_top, at = own.rank == 1, (own.start_s or 0.0) + ((own.end_s or 0.0) - (own.start_s or 0.0)) / 2
            is_near = own.start_s is not None and abs(at - middle) <= NEAR_S
            counts["top"] += is_top
            counts["near"] += is_near
            counts["found"] += is_top and is_near
            if not (is_top and is_near):
                rest = f"rank {own.rank}, {abs(at - middle):.1f} s off, {own.similarity:.2f} v {hits[0].similarity:.2f}"
                missed.append(f"  {row['label']} ({row['caption']}, {row['duration_s']} s): {rest}")
        share = counts["found"] / max(1, counts["lone"])
        print(
            f"{kind}: of {len(truth)} events {counts['lone']} are top hits as lone clips; of these the recording is the"
            f" top hit {counts['top']} times, the moment is right {counts['near']} times, both {counts['found']}"
            f" times ({share:.0%})"
        )
        print("\n".join(missed))
    windows = long._catalogue._db.query("SELECT sum(length(vectors) + length(starts)), count(*) FROM moments")[0]
    print(f"windows: {windows[0] / 1e6:.2f} MB in {windows[1]} blocks for {len(truth)} recordings")


if __name__ == "__main__":
    sys.exit(main())

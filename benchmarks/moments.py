"""Moments: is an event that is hidden in a ten-minute recording found, and when in it?

    python -m benchmarks.moments DATA [--levels 0,6,12] [--recordings N] [--draws N] [--minutes M] [--split val]

DATA is the development data. Events are short clips of one split, no two of whose labels share a word, of kinds that no
bed holds. Beds are ten minutes of rain, fire, waves, wind, a helicopter or a boat, made of that split's clips one after
the other. Each event is hidden at a random place of a bed, its loudness so many LU above the bed's; with the level
`inf` the bed is silent.

It counts where, in the same library with the event as one more clip (and its recording without it), that clip is the
top hit; and, read in another way, where it is the top hit of the fifty events as lone clips, without any recording. It
is found where, without lone clips, its recording is the top hit, the middle of the moment no further than 2.5 s from
the middle of the event. It is asked for by its description, and by itself, who as a lone clip is first.

Windows and parts are cut as a scan cuts them, block by block. A block that an event does not touch is heard once for
all recordings of its bed: it depends on its samples alone, so the numbers are those of a scan of every recording.
"""

import argparse
import csv
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsearch.audio.analysis import analyse
from soundsearch.audio.decode import decode, mono, resample
from soundsearch.audio.features import Features, features
from soundsearch.audio.windows import cut_run, in_noise, run_span_s, window_length_s
from soundsearch.catalogue.store import Catalogue
from soundsearch.engine.direction import Direction, Yardstick
from soundsearch.engine.hybrid import Heard, hear
from soundsearch.engine.moments import LONG_S, Block, MomentIndex, blocks_of, with_moments
from soundsearch.index.vector_index import VectorIndex
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder
from soundsearch.records import FloatArray, IntArray
from soundsearch.settings import resource

NEAR_S = 2.5
KINDS = ("text", "sound")
NOTHING = np.zeros((0, 384), np.float32)  # no rows of the starter's dimension
FADE_S = 0.5  # between the clips of a bed
BED_LUFS = -30.0
LOUD = 24.0  # LU above a bed that is silent: any will do, every window is brought to the same peak
BEDS = (("rain",), ("crackling fire",), ("sea waves",), ("helicopter",), ("wind",), ("storm", "boat", "city", "waves"))
# What these beds hold themselves, or sounds much like it.
IN_BEDS = """
rain wind sea water waves river stream thunder storm fire crackling engine bus car train boat helicopter airplane motor
insects crickets cicada cricket bird birds leaves traffic city crowd footsteps step splash hiss noise click tick
chainsaw rustle swoosh whoosh air ship machine vehicle paper wood breath breathing steam gravel walk
"""


@dataclass(frozen=True)
class Stretch:
    """What the program keeps of a block of a recording: its windows, then its parts."""

    block: Block
    start_s: FloatArray  # (n,)
    end_s: FloatArray  # (n,)
    vectors: FloatArray  # (n, dimension)


@dataclass(frozen=True)
class Recording:
    """What the program keeps of a recording: its vector and its moments."""

    whole: FloatArray  # (dimension,)
    stretches: list[Stretch]

    @property
    def n_windows(self) -> int:
        return sum(len(stretch.block.starts) for stretch in self.stretches)

    @property
    def n_parts(self) -> int:
        return sum(len(stretch.start_s) for stretch in self.stretches) - self.n_windows


class Ear:
    """The starter, and how it hears."""

    def __init__(self) -> None:
        self.bundle = Bundle.open(resource("model"))
        self.encoder = ClapEncoder(self.bundle, "cpu", "float32")
        self.front_end = self.bundle.front_end
        self.rate = self.front_end.sample_rate
        self.window_s = window_length_s(self.front_end)
        self._heard: dict[bytes, FloatArray] = {}

    def load(self, path: Path) -> np.ndarray:
        waveform = decode(str(path))
        return resample(mono(waveform), waveform.sample_rate, self.rate).astype(np.float64)

    def hear(self, clips: list[np.ndarray]) -> FloatArray:
        """Embed clips, (n, dimension)."""
        return self._embed([features(clip.astype(np.float32), self.front_end) for clip in clips])

    def hear_recording(self, samples: np.ndarray) -> Recording:
        blocks = blocks_of(len(samples) / self.rate, self.window_s)
        return Recording(self.hear([samples])[0], [self._stretch(samples, block) for block in blocks])

    def hear_again(self, recording: Recording, samples: np.ndarray, begin_s: float, end_s: float) -> Recording:
        """Hear a recording that differs from another between two times."""
        stretches = [
            self._stretch(samples, stretch.block)
            if (span := self._span(stretch.block))[0] < end_s and begin_s < span[1]
            else stretch
            for stretch in recording.stretches
        ]
        return Recording(self.hear([samples])[0], stretches)

    def _span(self, block: Block) -> tuple[int, int]:
        return run_span_s(self.front_end, block.starts, self.window_s)

    def _stretch(self, samples: np.ndarray, block: Block) -> Stretch:
        first_s, last_s = self._span(block)
        piece = samples[first_s * self.rate : last_s * self.rate].astype(np.float32)
        run = cut_run(piece, first_s, self.front_end, block.starts, self.window_s, block.until_s)
        return Stretch(block, run.start_s, run.end_s, self._embed(run.heard))

    def _embed(self, clips: list[Features]) -> FloatArray:
        names = [hashlib.blake2b(clip.mel.tobytes(), digest_size=16).digest() for clip in clips]
        new = [place for place, name in enumerate(names) if name not in self._heard]
        for at in range(0, len(new), 8):
            some = new[at : at + 8]
            rows = self.encoder.embed_features([clips[place] for place in some])
            self._heard |= {names[place]: row for place, row in zip(some, rows, strict=True)}
        return np.stack([self._heard[name] for name in names])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--levels", default="0,6,12", help="of the event above its bed, in LU; inf: no bed")
    parser.add_argument("--recordings", type=int, default=50)
    parser.add_argument(
        "--draws", type=int, default=1, help="of so many recordings, with other events, asked each for itself"
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--split", choices=("val", "train"), default="val")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    levels = [float(level) for level in options.levels.split(",")]
    results = measure(options.data, levels, options.recordings, options.minutes, options.split, options.draws)
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        report(results)
    return 0


def measure(data: Path, levels: list[float], count: int, minutes: float, split: str, draws: int) -> dict[str, object]:
    ear = Ear()
    random = np.random.default_rng(1)
    rows = clips_of(data)
    beds = [bed for names in BEDS if len(bed := make_bed(ear, data, rows, split, names, minutes, random))]
    begun = time.monotonic()
    heard_beds = [ear.hear_recording(bed) for bed in beds]
    seconds = (time.monotonic() - begun) / len(beds)
    counts: dict[tuple[float, str], Counter[str]] = {(level, kind): Counter() for level in levels for kind in KINDS}
    for number in range(draws):
        hidden = draw_events(ear, data, events(rows, split, count, number), len(beds[0]), random)
        for level in levels:
            under = (beds, heard_beds) if level < np.inf else silence(ear, beds)
            for kind, found in ask(ear, *under, hidden, level).items():
                counts[level, kind].update(found)
            print(f"{level:g} LU heard", file=sys.stderr)
    windows = heard_beds[0].n_windows
    parts = [bed.n_parts for bed in heard_beds]
    return {
        "recordings": count,
        "draws": draws,
        "minutes": minutes,
        "window_s": ear.window_s,
        "windows": windows,
        "parts": parts,
        "bytes": round((windows + float(np.mean(parts))) * (2 * ear.bundle.dimension + 8)),
        "seconds": round(seconds, 1),
        "found": [
            {"level": level if level < np.inf else None, "query": kind, **counted}
            for (level, kind), counted in counts.items()
        ],
    }


@dataclass(frozen=True)
class Hidden:
    """Events of one draw, and where they are hidden."""

    clips: list[np.ndarray]
    places: list[int]  # first sample of each in its recording
    lone: FloatArray  # (n, dimension)
    queries: dict[str, list[tuple[Direction, Direction | None]]]  # by kind, one for each event


def draw_events(
    ear: Ear, data: Path, chosen: list[dict[str, str]], n_samples: int, random: np.random.Generator
) -> Hidden:
    clips = [ear.load(data / row["path"]) for row in chosen]
    places = [int(random.integers(0, n_samples - len(clip))) for clip in clips]
    lone = ear.hear(clips)
    noisy = ear.hear([in_noise(clip.astype(np.float32), ear.front_end) for clip in clips])
    by_text = [asking(text) for text in ear.encoder.embed_texts([row["caption"] for row in chosen])]
    by_sound = [asking(like=row, like_in_noise=other) for row, other in zip(lone, noisy, strict=True)]
    return Hidden(clips, places, lone, dict(zip(KINDS, (by_text, by_sound), strict=True)))


def ask(
    ear: Ear, beds: list[np.ndarray], heard: list[Recording], hidden: Hidden, level: float
) -> dict[str, dict[str, int]]:
    """Hide each event in one of the beds, and count by kind of query what is found."""
    recordings = []
    for number, (clip, at) in enumerate(zip(hidden.clips, hidden.places, strict=True)):
        of = number % len(beds)
        gain = 10 ** ((BED_LUFS + (level if level < np.inf else LOUD) - loudness(clip, ear.rate)) / 20)
        recordings.append(hide(ear, beds[of], heard[of], clip * gain, at))
    middles = [(at + len(clip) / 2) / ear.rate for at, clip in zip(hidden.places, hidden.clips, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder), ear.bundle, recordings, heard, hidden.lone)
        return {kind: library.ask(queries, middles) for kind, queries in hidden.queries.items()}


def silence(ear: Ear, beds: list[np.ndarray]) -> tuple[list[np.ndarray], list[Recording]]:
    nothing = np.zeros(len(beds[0]))
    return [nothing], [ear.hear_recording(nothing)]


def clips_of(data: Path) -> list[dict[str, str]]:
    tables = [(data / name / f"{name}.csv").read_text(encoding="utf-8") for name in ("captioned", "library")]
    return [row for table in tables for row in csv.DictReader(table.splitlines())]


def events(rows: list[dict[str, str]], split: str, count: int, draw: int) -> list[dict[str, str]]:
    """Clips of 0.5 to 6 s with a caption of their own, no two of whose labels share a word, of kinds in no bed."""
    chosen: list[dict[str, str]] = []
    taken: set[str] = set()
    for row in (rows[at] for at in np.random.default_rng(draw).permutation(len(rows))):
        words = set(f"{row['label']} {row['caption']}".lower().replace(",", " ").split())
        label = {word for word in row["label"].lower().replace("-", " ").split() if not word.isdigit()}
        if (
            len(chosen) < count
            and row["split"] == split
            and row["caption_src"] != "class-phrase"
            and 0.5 <= float(row["duration_s"]) <= 6
            and not words & set(IN_BEDS.split())
            and not label & taken
            and all(row["caption"] != other["caption"] for other in chosen)
        ):
            chosen.append(row)
            taken |= label
    return chosen


def make_bed(
    ear: Ear,
    data: Path,
    rows: list[dict[str, str]],
    split: str,
    labels: tuple[str, ...],
    minutes: float,
    draw: np.random.Generator,
) -> np.ndarray:
    """Clips with one of the labels, in an order that changes from round to round; empty where there are none."""
    clips = [
        ear.load(data / row["path"])
        for row in rows
        if row["split"] == split and row["label"] in labels and float(row["duration_s"]) >= 4
    ]
    if not clips:
        return np.zeros(0)
    clips = [clip / max(1e-6, np.sqrt(np.mean(clip**2))) for clip in clips]
    fade = round(FADE_S * ear.rate)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade))
    bed = np.zeros(round(minutes * 60 * ear.rate))
    at, order = 0, []
    while at < len(bed):
        order = order or list(draw.permutation(len(clips)))
        clip = clips[order.pop()].copy()
        clip[:fade] *= ramp
        clip[-fade:] *= ramp[::-1]
        bed[at : at + len(clip)] += clip[: len(bed) - at]
        at += len(clip) - fade
    return bed * 10 ** ((BED_LUFS - loudness(bed[: 60 * ear.rate], ear.rate)) / 20)


def loudness(samples: np.ndarray, rate: int) -> float:
    lufs = analyse(samples.astype(np.float32)[:, None], rate).loudness_lufs
    return lufs if lufs is not None else float(10 * np.log10(np.mean(samples**2) + 1e-12))


def hide(ear: Ear, bed: np.ndarray, heard: Recording, event: np.ndarray, at: int) -> Recording:
    samples = bed.copy()
    samples[at : at + len(event)] += event
    return ear.hear_again(heard, samples, at / ear.rate, (at + len(event)) / ear.rate)


def asking(
    text: FloatArray | None = None, like: FloatArray | None = None, like_in_noise: FloatArray | None = None
) -> tuple[Direction, Direction | None]:
    """A query by its description or by a sound, and as it sounds in a recording: what is given has (dimension,)."""
    texts, likes = (NOTHING if row is None else row[None] for row in (text, like))
    direction = Direction(texts, texts[:0], likes, likes[:0])
    return direction, None if like_in_noise is None else direction.with_likes(like_in_noise[None])


@dataclass(frozen=True)
class Answering:
    """The contents that may answer; clips and contents have the same ids here."""

    ids: IntArray

    def allowed(self, _index: VectorIndex, /) -> IntArray | None:
        return self.ids

    def of_contents(self, contents: IntArray) -> tuple[IntArray, IntArray]:
        places = np.flatnonzero(np.isin(contents, self.ids))
        return contents[places], places

    def of_clips(self, clip_ids: IntArray) -> tuple[IntArray, IntArray]:
        kept = clip_ids[np.isin(clip_ids, self.ids)]
        return kept, kept


class Library:
    """Recordings with their events, their beds without, and the events as lone clips, as the program keeps them."""

    def __init__(
        self, folder: Path, bundle: Bundle, recordings: list[Recording], beds: list[Recording], lone: FloatArray
    ) -> None:
        self._count, self._beds = len(recordings), len(beds)
        catalogue = Catalogue(folder / "catalogue.sqlite")
        self._index = VectorIndex(bundle.dimension)
        long = [*recordings, *beds]
        ids = np.arange(1, len(long) + len(lone) + 1)
        for content in ids.tolist():
            catalogue._db.execute(
                "INSERT INTO contents (id, digest, duration_s, sample_rate, channels, format, peaks)"
                " VALUES (?, ?, ?, 32000, 1, 'FLAC', x'')",
                (content, content.to_bytes(16, "big"), 10 * LONG_S),
            )
        self._index.add(ids, np.concatenate([np.stack([recording.whole for recording in long]), lone]))
        for content, recording in enumerate(long, start=1):
            for one in recording.stretches:
                catalogue.moments.record(
                    bundle.id,
                    content,
                    one.block.number,
                    one.start_s,
                    one.end_s,
                    one.vectors,
                    is_last=one.block.is_last,
                )
        self._moments = MomentIndex(catalogue.moments, bundle)
        self._moments.refresh()
        catalogue.close()

    def ask(self, queries: list[tuple[Direction, Direction | None]], middles: list[float]) -> dict[str, int]:
        """How many events are top hits as lone clips; whose recordings are; whose place is right; both.

        And how many are top hits among lone clips alone, and how many of those are found.
        """
        counts = dict.fromkeys(("lone", "top", "near", "found", "first_of_clips", "found_of_those"), 0)
        recordings = np.arange(1, self._count + 1)
        clips = recordings + self._count + self._beds
        for number, query in enumerate(queries):
            own, bed, lone = number + 1, self._count + 1 + number % self._beds, int(clips[number])
            hits = self._rank(*query, recordings)
            place = int(np.flatnonzero(hits.clip_ids == own)[0])
            middle = float(hits.start_s[place] + hits.end_s[place]) / 2
            is_near = abs(middle - middles[number]) <= NEAR_S
            if self._rank(*query, clips).clip_ids[0] == lone:
                counts["first_of_clips"] += 1
                counts["found_of_those"] += place == 0 and is_near
            others = recordings[recordings != own]
            if self._rank(*query, np.concatenate([others, [bed, lone]])).clip_ids[0] == lone:
                counts["lone"] += 1
                counts["top"] += place == 0
                counts["near"] += is_near
                counts["found"] += place == 0 and is_near
        return counts

    def _rank(self, direction: Direction, in_noise: Direction | None, ids: IntArray) -> Heard:
        yardstick, answering = Yardstick(direction, self._index), Answering(ids)
        measure = Yardstick(in_noise, self._index) if in_noise else None
        whole = hear(yardstick, self._index, answering, len(ids))
        return with_moments(whole, self._moments, yardstick, answering, len(ids), measure)


def report(results: dict) -> None:
    parts = results["parts"]
    print(
        f"{results['draws']} x {results['recordings']} recordings of {results['minutes']:g} minutes,"
        f" {results['windows']} windows of {results['window_s']:g} s each and {min(parts)} to {max(parts)} parts:"
        f" {results['bytes'] / 1000:.0f} kB, heard in {results['seconds']:g} s\n"
    )
    print(
        "| above the bed | asked by | top hit as a lone clip | recording is the top hit | right place | both |"
        " first of the lone clips | found of those |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in results["found"]:
        above = "silent bed" if row["level"] is None else f"{row['level']:g} LU"
        share = row["found"] / max(1, row["lone"])
        of_clips = row["found_of_those"] / max(1, row["first_of_clips"])
        print(
            f"| {above} | {row['query']} | {row['lone']} | {row['top']} | {row['near']} |"
            f" {row['found']} ({share:.0%}) | {row['first_of_clips']} | {row['found_of_those']} ({of_clips:.0%}) |"
        )


if __name__ == "__main__":
    sys.exit(main())

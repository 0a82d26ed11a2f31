"""Analysis columns against what the development data's names and folders say: key, tempo, loop and one-shot.

    python -m benchmarks.analysis DATA

Keys: notes in names ("Clarinet G3", "bass_hit_c") against the root of the key; drums, percussion, speech and ambiences
should have none. Tempo: loops made of one-shots of the data at a known tempo, cut to the beat or with a tail; and the
data's own loops, which should be a whole number of beats long; what is no loop should mostly have no tempo.
"""

import argparse
import csv
import re
import sys
import time
from pathlib import Path

import numpy as np

from soundsearch.audio.analysis import analyse
from soundsearch.audio.decode import decode, mono, resample
from soundsearch.records import Sound

RATE = 44_100
NOTE = re.compile(r" ([A-G]#?)-?\d$")
ROOT = re.compile(r"(?:^bass_.*_|loop_drone_|guit_|\[)([a-gC])m?(?:9|_|\]|$)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data: Path = parser.parse_args().data
    rows = list(csv.DictReader((data / "library" / "library.csv").open(encoding="utf-8")))
    sounds, spent = [], 0.0
    for row in rows:
        waveform = decode(str(data / row["path"]))
        begun = time.process_time()
        sounds.append(analyse(waveform.samples, waveform.sample_rate))
        spent += time.process_time() - begun
    total_s = sum(float(row["duration_s"]) for row in rows)
    print(f"{len(rows)} clips, {total_s:.0f} s: {1000 * spent / len(rows):.1f} ms each")
    for split in ("train", "val"):
        chosen = [(row, sound) for row, sound in zip(rows, sounds, strict=True) if row["split"] == split]
        print(f"\n{split}")
        keys(chosen)
        kinds(chosen)
        made_loops(data, [row for row, _ in chosen], seed=len(split))
    return 0


def note(path: str) -> str:
    """The note that a name gives, "" if it gives none."""
    stem = Path(path).stem
    if "Instruments/GM" in path and not re.search("Sound FX|Percussive", path):
        found = NOTE.search(stem)
    else:
        found = ROOT.search(stem)
    return found.group(1).upper() if found else ""


def keys(chosen: list[tuple[dict[str, str], Sound]]) -> None:
    named = [(note(row["path"]), sound.key.rstrip("m")) for row, sound in chosen if note(row["path"])]
    given = [pair for pair in named if pair[1]]
    right = sum(truth == key for truth, key in given)
    print(f"key: {len(named)} names with a note, {len(given)} given, {right} of these right")
    for folder in ("Drums", "Percussion", "Ambience", "Vox"):
        without = [sound for row, sound in chosen if row["path"].startswith(f"library/{folder}")]
        print(f"  {folder}: {sum(bool(sound.key) for sound in without)} of {len(without)} have a key")


def kinds(chosen: list[tuple[dict[str, str], Sound]]) -> None:
    for name, is_one in (
        ("drum one-shots", lambda row: "one-shot" in row["tags"].split(";")),
        ("single notes", lambda row: "Instruments/GM" in row["path"]),
        ("loops", lambda row: row["path"].startswith("library/Loops")),
        ("ambiences", lambda row: row["path"].startswith("library/Ambience")),
        ("speech", lambda row: row["path"].startswith("library/Vox")),
    ):
        some = [sound for row, sound in chosen if is_one(row)]
        loops, shots = (sum(sound.kind == kind for sound in some) for kind in ("loop", "one-shot"))
        tempo = sum(sound.tempo_bpm is not None for sound in some)
        print(f"{name}: {len(some)}, {loops} loop, {shots} one-shot, {tempo} with a tempo")


def made_loops(data: Path, rows: list[dict[str, str]], seed: int) -> None:
    """Beats of one-shots of this split at a known tempo: four to the floor, back beat, hats; cut, or with a tail."""
    draw = np.random.default_rng(seed)
    parts = {
        name: [row for row in rows if name in row["tags"].split(";") and float(row["duration_s"]) < 0.6]
        for name in ("kick drum", "snare drum", "closed hi-hat")
    }
    for tail_s in (0.0, 1.37):
        exact = octave = given = 0
        for _ in range(40):
            bpm, beats = float(draw.uniform(80, 170)), 16
            kick, snare, hat = (load(data / draw.choice([row["path"] for row in part])) for part in parts.values())
            length = round(60 * beats / bpm * RATE)
            made = np.zeros(length + RATE)
            for step in range(2 * beats):
                at = round(30 * step / bpm * RATE)
                drum = hat if step % 2 else snare if step % 4 == 2 else kick
                made[at : at + len(drum)] += drum[: len(made) - at] * draw.uniform(0.7, 1.0)
            made = np.concatenate([made[:length], np.zeros(round(tail_s * RATE))])
            found = analyse((0.5 * made).astype(np.float32)[:, None], RATE).tempo_bpm
            given += found is not None
            exact += found is not None and abs(found / bpm - 1) < 0.02
            octave += found is not None and min(abs(found / bpm / f - 1) for f in (0.5, 1.0, 2.0)) < 0.02
        what = "cut to the beat" if not tail_s else f"with {tail_s} s of silence"
        print(f"made loops {what}: 40, {given} with a tempo, {exact} right within 2 %, {octave} up to an octave")


def load(path: Path) -> np.ndarray:
    waveform = decode(str(path))
    return resample(mono(waveform), waveform.sample_rate, RATE)


if __name__ == "__main__":
    sys.exit(main())

"""A data folder with a large library in it: real files that can be heard, made-up vectors and words."""

import os
from pathlib import Path

import numpy as np
import soundfile

from soundsearch.audio.peaks import Peaks
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.engine.service import Engine
from soundsearch.records import Sound
from soundsearch.settings import Places

WORDS = ("kick", "snare", "hat", "rain", "door", "pad", "bass", "dog", "wind", "glass", "step", "siren")
DIFFERENT = 200  # files that differ; the others are hard links to them
BATCH = 2_000
RATE = 48_000


def make(data: Path, sounds: Path, n: int, model: str | None = None) -> None:
    """Fill a catalogue with `n` clips below a folder that is made too, embedded by a model: default the starter."""
    originals = _write_sounds(sounds.parent / "originals")
    draw = np.random.default_rng(7)
    places = Places(data)
    places.create()
    engine = Engine(places, model=model)
    bundle = engine.chosen.bundle
    engine.close()
    catalogue = Catalogue(places.catalogue)
    root = catalogue.add_root(os.fsencode(sounds), b"/")
    found: list[FoundFile] = []
    for number in range(n):
        word = WORDS[number * 7919 % len(WORDS)]
        name = f"{word} {number:06}.wav"
        folder = sounds / f"{word}s" / f"pack {number % 97:02}"
        if number < len(WORDS) * 97:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            folder.mkdir(parents=True)
        file = folder / name
        os.link(originals[number % DIFFERENT], file)
        seen = file.stat()
        found.append(FoundFile(os.fsencode(file.relative_to(sounds)), seen.st_size, seen.st_mtime_ns))
    for start in range(0, n, 20_000):
        catalogue.list_files(root.id, found[start : start + 20_000], [])
    folders = [folder for some in catalogue.tallies.folders_with_files(root.id) for folder in some]
    known = {row[0]: row[1] for folder in folders for rows in catalogue.known_rows(root.id, folder) for row in rows}
    peaks = [_peaks(draw) for _ in range(DIFFERENT)]
    centres = draw.standard_normal((n // 50 + 1, bundle.dimension))
    for start in range(0, n, BATCH):
        batch = found[start : start + BATCH]
        rows = centres[draw.integers(len(centres), size=len(batch))] + draw.standard_normal(
            (len(batch), bundle.dimension)
        )
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        analyses = [
            Analysis(
                clip_id=known[file.path],
                digest=(start + i).to_bytes(16, "little"),
                size_bytes=file.size_bytes,
                modified_ns=file.modified_ns,
                duration_s=0.2 + (start + i) * 7919 % 1000 / 100,
                sample_rate=RATE,
                channels=1,
                format="wav",
                peaks=peaks[(start + i) % DIFFERENT],
                vector=rows[i].astype(np.float32),
                labels=(WORDS[(start + i) * 7919 % len(WORDS)], f"pack {(start + i) % 97:02}"),
            )
            for i, file in enumerate(batch)
        ]
        catalogue.record(bundle.id, analyses, [])
    catalogue.sounds.record({clip.content_id: Sound() for clip in catalogue.sounds.unmeasured([root.id])})
    catalogue.close()


def _write_sounds(folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    draw = np.random.default_rng(3)
    files = []
    for number in range(DIFFERENT):
        seconds = float(draw.uniform(0.1, 1.5))
        t = np.arange(round(seconds * RATE)) / RATE
        tone = np.sin(2 * np.pi * float(draw.uniform(60, 4000)) * t) * np.exp(-5 * t / seconds)
        files.append(folder / f"{number}.wav")
        soundfile.write(files[-1], 0.4 * tone, RATE, "PCM_16")
    return files


def _peaks(draw: np.random.Generator) -> bytes:
    high = np.clip(127 * np.exp(-np.linspace(0, draw.uniform(1, 6), 96)), 1, 127)
    hue = np.clip(draw.uniform(20, 220) + 30 * draw.standard_normal(96), 0, 255)
    return Peaks((-high).astype(np.int8), high.astype(np.int8), hue.astype(np.uint8)).to_bytes()

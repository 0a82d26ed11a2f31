"""Notes and drums of a General MIDI sound font, rendered by FluidSynth, with the instruments' names as captions."""

import shutil
import struct
import subprocess
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsearch.audio.decode import decode, mono
from soundsearch.errors import TrainingError
from soundsearch.records import FloatArray
from trainer.data import Item
from trainer.distil.phrasing import sound_of

TICKS = 480  # a quarter note; at 120 beats a minute 960 ticks are a second
SLOT_S = 2.0  # from one note to the next
HOLD_S = 1.4
DRUM_CHANNEL = 9
SILENT = 1e-3
SOFT, LOUD = 45, 122  # MIDI velocities that a caption tells
_LOW, _HIGH = 40, 88  # MIDI notes that most instruments sound natural in
_DAMAGE = "Install the package fluidsynth, or set general_midi to an empty text in the recipe."


@dataclass(frozen=True, slots=True)
class Note:
    """One note to render."""

    program: int
    key: int  # MIDI note number
    velocity: int
    drum: bool
    name: str


def plan_notes(table: Path, per_program: int, rng: np.random.Generator, per_drum: int = 1) -> list[Note]:
    """Choose notes for every instrument and drum that is not held out.

    Raises:
        TrainingError: If the table of names cannot be read.
    """
    try:
        names = tomllib.loads(table.read_text(encoding="utf-8"))
        held_programs = set(names["held_out_programs"])
        held_drums = {tuple(pair) for pair in names["held_out_drums"]}
        notes = [
            Note(int(program), int(rng.integers(_LOW, _HIGH)), _velocity(rng), False, name)
            for program, name in names["programs"].items()
            if int(program) not in held_programs
            for _ in range(per_program)
        ]
        notes += [
            Note(int(kit), int(key), _velocity(rng), True, f"{name}, {kit_name} kit")
            for kit, kit_name in names["kits"].items()
            for key, name in names["drums"].items()
            if (int(kit), int(key)) not in held_drums
            for _ in range(per_drum)
        ]
    except (OSError, ValueError, KeyError) as err:
        raise TrainingError(f"Cannot read the instrument names in {table}: {err}.", "Correct the file.") from err
    return notes


def _velocity(rng: np.random.Generator) -> int:
    """How hard a note is struck: mostly as one plays, sometimes very softly or with all force."""
    return int(
        rng.choice((rng.integers(60, 120), rng.integers(20, SOFT + 1), rng.integers(LOUD, 128)), p=(0.7, 0.15, 0.15))
    )


def render(notes: Sequence[Note], font: Path, sample_rate: int) -> list[Item]:
    """Render notes one after the other and cut them apart; silent ones are left out.

    Raises:
        TrainingError: If FluidSynth or the font is not there.
    """
    program = shutil.which("fluidsynth")
    if program is None or not font.is_file():
        raise TrainingError(
            f"Cannot render the sound font {font}: {'it' if program else 'FluidSynth'} is missing.", _DAMAGE
        )
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        midi.write_bytes(midi_file(notes))
        command = [program, "-niq", "-g", "0.5", "-R", "0", "-C", "0", "-r", str(sample_rate), "-F", str(wave)]
        result = subprocess.run([*command, str(font), str(midi)], capture_output=True, check=False)
        if result.returncode or not wave.is_file():
            raise TrainingError(f"FluidSynth could not render {font}.", result.stderr.decode(errors="replace")[-200:])
        samples = mono(decode(str(wave)))
    return [item for number, note in enumerate(notes) if (item := _cut(samples, number, note, sample_rate, font.stem))]


def _cut(samples: FloatArray, number: int, note: Note, sample_rate: int, font: str) -> Item | None:
    start = int(number * SLOT_S * sample_rate)
    clip = samples[start : start + int(SLOT_S * sample_rate)]
    loud = np.flatnonzero(np.abs(clip) > SILENT)
    if not len(loud):
        return None
    clip = clip[: loud[-1] + 1].copy()
    label = sound_of(note.name.split(",")[0])
    captions: tuple[str, ...] = (note.name, label) if note.drum else (f"{label}, single note", f"{label} note", label)
    tag = "soft" if note.velocity <= SOFT else "loud" if note.velocity >= LOUD else ""
    if tag:  # the level is lost when clips are brought to one peak: what is heard is how hard it was struck
        captions = tuple(f"{word} {label}" for word in ((f"a {tag}", tag, "a gentle" if tag == "soft" else "a hard")))
    name = f"rendered/{font}_{'drum' if note.drum else 'program'}_{note.program}_{note.key}_{note.velocity}"
    group, tags = f"rendered_{label}", (tag,) if tag else ()
    return Item(name, captions, label, tags, "train", group, samples=clip, generated=True)


def midi_file(notes: Sequence[Note]) -> bytes:
    """Write the notes as a type 0 Standard MIDI File, one every `SLOT_S` seconds at 120 beats a minute."""
    second = 2 * TICKS
    events = bytearray()
    hold, rest = int(HOLD_S * second), int((SLOT_S - HOLD_S) * second)
    for note in notes:
        channel = DRUM_CHANNEL if note.drum else 0
        events += b"\x00" + bytes([0xC0 | channel, note.program])
        events += b"\x00" + bytes([0x90 | channel, note.key, note.velocity])
        events += _delta(hold) + bytes([0x80 | channel, note.key, 0])
        events += _delta(rest) + bytes([0xB0 | channel, 120, 0])  # all sound off: no tail reaches the next slot
    events += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
    return header + b"MTrk" + struct.pack(">I", len(events)) + bytes(events)


def _delta(ticks: int) -> bytes:
    """Variable-length quantity of the MIDI file format: 7 bits a byte, all but the last marked."""
    out = [ticks & 0x7F]
    while ticks := ticks >> 7:
        out.append(ticks & 0x7F | 0x80)
    return bytes(reversed(out))

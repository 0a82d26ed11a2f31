"""What was learned from, and whose it is: every recording with its author, every generator with its licence."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from trainer.data import Item

RECORDINGS = "training-data.csv"
GENERATED = "generated.csv"
_RECORDING = ("path", "label", "title", "author", "licence", "licence_class", "url", "source")


@dataclass(frozen=True, slots=True)
class Generator:
    """Where clips come from that no microphone heard.

    Attributes:
        kind: First part of the clips' made-up paths.
        clips: How many were learned from.
        author: Of what is heard: the notes, or the program that makes them.
        licence: Of what is heard, as an SPDX name.
        url: Where it is from.
        source: What makes it, in a sentence.
    """

    kind: str
    clips: int
    author: str
    licence: str
    url: str
    source: str


_OURS = ("the soundsearch authors", "Apache-2.0", "trainer/distil")
_GENERATORS = {
    "rendered": (
        "Frank Wen (FluidR3); Michael Cowgill, S. Christian Collins (MuseScore General)", "MIT",
        "https://packages.debian.org/fluid-soundfont-gm https://packages.debian.org/musescore-general-soundfont",
        "Notes and drums of the sound fonts FluidR3 GM and MuseScore General (parts CC0), rendered by FluidSynth.",
    ),
    "synthetic": (*_OURS, "Procedural sounds, made from their captions."),
    "pairs": (*_OURS, "Copies of clips named here and in training-data.csv, made brighter, longer and so on."),
    "spoken": (*_OURS, "Words spoken by espeak-ng, a GPL-3.0-or-later program; its licence does not cover its output."),
}  # fmt: skip


def generators(items: Sequence[Item]) -> list[Generator]:
    """Count the generated clips of each kind.

    Raises:
        ValueError: If there are clips of a kind that nobody has said the licence of.
    """
    counts = Counter(item.path.partition("/")[0] for item in items if item.generated)
    if unknown := sorted(counts.keys() - _GENERATORS.keys()):
        raise ValueError(f"nobody has said whose the generated clips of {unknown[0]}/ are: add them to the generators")
    return [Generator(kind, counts[kind], *_GENERATORS[kind]) for kind in _GENERATORS if counts[kind]]


def write_credits(folder: Path, items: Sequence[Item]) -> None:
    """List every recording with what its licence asks to be told, and every generator.

    Raises:
        OSError: If a file cannot be written.
    """
    recordings = sorted((item for item in items if not item.generated), key=lambda item: item.path)
    _write(folder / RECORDINGS, _RECORDING, [[getattr(item, name) for name in _RECORDING] for item in recordings])
    _write(folder / GENERATED, [field.name for field in fields(Generator)], [astuple(g) for g in generators(items)])


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)

"""What a run learns from: recordings that may be trained on, and clips that are rendered, made and spoken for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsearch.records import FloatArray
from trainer import data
from trainer.data import Item
from trainer.distil import phrasing, signals, soundfont
from trainer.distil.config import DistilConfig
from trainer.distil.speech import spoken_items
from trainer.distil.synth.clips import synthetic_items


@dataclass(frozen=True, slots=True)
class Material:
    """Clips and their mono samples at the tower's rate; recordings first."""

    items: tuple[Item, ...]
    samples: tuple[FloatArray, ...]

    @property
    def recordings(self) -> tuple[Item, ...]:
        """The clips whose authors are to be credited."""
        return tuple(item for item in self.items if not item.generated)


def gather(recipe: DistilConfig, beside: Path, folder: Path, sample_rate: int, say: Callable[[str], None]) -> Material:
    """Read the recordings and make the rest.

    Args:
        recipe: What is wanted.
        beside: Folder of the recipe, which holds its table of instruments.
        folder: Holds the manifests.
        sample_rate: Of the samples, in Hz.
        say: Takes a sentence about each clip that cannot be read.

    Raises:
        TrainingError: If nothing can be read, or a program or sound font is missing.
    """
    items = [item for name in recipe.manifests for item in phrasing.trainable(data.read_manifest(folder / name))]
    recordings, samples = data.readable(items, lambda item: data.load_samples(item, sample_rate), say)
    data.at_least_one(recordings)
    made = [*_rendered(recipe, beside, sample_rate), *synthetic_items(recipe.synthetic_clips, sample_rate, recipe.seed)]
    everything = recordings + made
    heard = samples + [data.load_samples(item, sample_rate) for item in made]
    more = signals.signal_pairs(everything, heard, recipe.paired_clips, sample_rate, recipe.seed)
    more += spoken_items(recipe.spoken_clips, sample_rate, recipe.seed)
    heard += [data.load_samples(item, sample_rate) for item in more]
    return Material((*everything, *more), tuple(heard))


def _rendered(recipe: DistilConfig, beside: Path, sample_rate: int) -> list[Item]:
    if not recipe.general_midi:
        return []
    rng, table = np.random.default_rng(recipe.seed), beside / recipe.general_midi
    items = []
    for font in recipe.soundfonts:
        notes = soundfont.plan_notes(table, recipe.notes_per_program, rng, recipe.notes_per_drum)
        items += soundfont.render(notes, Path(font), sample_rate)
    return items

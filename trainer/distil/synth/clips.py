"""Procedural sounds whose captions are exact, because the sound was made from them."""

from collections.abc import Callable

import numpy as np

from soundsearch.records import FloatArray
from trainer.data import Item
from trainer.distil.synth import drums, effects, games, notes
from trainer.distil.synth.bench import Bench, Made

SILENT = 1e-4
MAKERS: tuple[Callable[[Bench], Made], ...] = (*drums.MAKERS, *notes.MAKERS, *effects.MAKERS, *games.MAKERS)


def synthetic_items(count: int, sample_rate: int, seed: int) -> list[Item]:
    """Make clips, the makers in turn.

    Args:
        count: How many.
        sample_rate: In Hz.
        seed: The same seed gives the same samples.

    Returns:
        Items that carry their samples.
    """
    bench = Bench(sample_rate, np.random.default_rng(seed))
    items = []
    for number in range(count):
        maker = MAKERS[number % len(MAKERS)]
        samples, label, captions = maker(bench)
        samples = samples / (np.abs(samples).max() + SILENT)
        name = f"synthetic/{maker.__name__}_{number}"
        group = f"synthetic_{maker.__name__}"
        audio: FloatArray = samples.astype(np.float32)
        items.append(Item(name, captions, label, group=group, split="train", samples=audio, generated=True))
    return items

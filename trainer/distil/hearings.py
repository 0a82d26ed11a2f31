"""What the lower part of a tower makes of every clip, heard several times: computed once, learned from many times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from soundsearch.audio.features import FrontEnd, features
from soundsearch.model.mobilenet import MobileNetAudio
from soundsearch.records import FloatArray
from trainer.data import Item
from trainer.distil.batches import LENGTHS_S, hear

Key = tuple[int, int]  # clip and hearing
_TOGETHER = 128  # maps that run through the upper part at once


@dataclass(frozen=True, slots=True)
class Hearings:
    """Maps (C, H, W) in float16 behind the first `cut` blocks: [clip][hearing], the first hearing without a change."""

    maps: tuple[tuple[Tensor, ...], ...]
    cut: int

    def pooled(self, tower: MobileNetAudio, keys: Sequence[Key]) -> Tensor:
        """Run the upper part of a tower: shape (len(keys), pooled). Maps of one shape run together."""
        rows: list[Tensor | None] = [None] * len(keys)
        shapes = [self.maps[clip][hearing].shape for clip, hearing in keys]
        for shape in dict.fromkeys(shapes):
            places = [place for place, other in enumerate(shapes) if other == shape]
            for start in range(0, len(places), _TOGETHER):
                some = places[start : start + _TOGETHER]
                maps = torch.stack([self.maps[keys[place][0]][keys[place][1]] for place in some]).float()
                pooled = tower.last(tower.blocks[self.cut :](maps)).mean((2, 3))
                for place, row in zip(some, pooled, strict=True):
                    rows[place] = row
        return torch.stack([row for row in rows if row is not None])


def listen(
    tower: MobileNetAudio,
    cut: int,
    items: Sequence[Item],
    samples: Sequence[FloatArray],
    views: int,
    front_end: FrontEnd,
    rng: np.random.Generator,
) -> Hearings:
    """Hear every clip once as it is, or its first seconds, and otherwise augmented.

    Args:
        tower: Whose lower part hears; not changed.
        cut: How many blocks belong to it.
        items: The clips.
        samples: Their samples.
        views: How many hearings of each.
        front_end: What the tower was made for.
        rng: Of the augmentation.
    """
    longest = int(LENGTHS_S[-1] * front_end.sample_rate)
    maps = []
    with torch.no_grad():
        for item, wave in zip(items, samples, strict=True):
            waves = [wave[:longest], *(hear(item, wave, front_end, rng) for _ in range(views - 1))]
            mels = [torch.from_numpy(features(heard, front_end).mel[:1, None]) for heard in waves]
            maps.append(tuple(_lower(tower, mel, cut) for mel in mels))
    return Hearings(tuple(maps), cut)


def _lower(tower: MobileNetAudio, mel: Tensor, cut: int) -> Tensor:
    maps: Tensor = tower.blocks[:cut](tower.stem(mel.transpose(2, 3)))
    return maps[0].half()

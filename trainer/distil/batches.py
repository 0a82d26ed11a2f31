"""Which clips a step sees, with which texts, and which pairs of them count as right, wrong or neither."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from soundsearch.audio.features import FrontEnd, features
from soundsearch.records import FloatArray
from trainer.augment import augment, change_speed, mask_bands, mix, place
from trainer.data import Item
from trainer.distil.config import DistilConfig
from trainer.distil.phrasing import draw_text, qualities, sampling_weights
from trainer.distil.relevance import relevance
from trainer.distil.text import TextTower

_PITCHED = re.compile(r"\b(note|chord|major|minor|bpm)\b|[A-G]#?\d")
LENGTHS_S = (1.5, 2.5, 4.0, 6.0)  # clips are brought to the nearest of these, so that few are padded far


@dataclass(frozen=True, slots=True)
class Targets:
    """The text side of a batch of B clips and T unique texts."""

    texts: tuple[str, ...]
    own: Tensor  # (B,), int64: the column of each clip's text
    relevant: Tensor  # (B, T), bool
    ignored: Tensor  # (B, T), bool: neither right nor wrong
    anchor_weights: Tensor  # (B,)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sees. Maps of one length are together; the targets are in the same order."""

    mels: tuple[Tensor, ...]  # each (b, 1, n_frames, n_mels)
    targets: Targets


def choices(items: Sequence[Item], size: int, real_share: float, rng: np.random.Generator) -> Iterator[list[int]]:
    """Draw indices for ever: recordings and generated clips by their share, each by its label's rarity."""
    pools = [[i for i, item in enumerate(items) if item.generated is kind] for kind in (False, True)]
    weights = [sampling_weights([items[i] for i in pool]) if pool else np.zeros(0) for pool in pools]
    share = 1.0 if not pools[1] else 0.0 if not pools[0] else real_share
    counts = [round(share * size), size - round(share * size)]
    while True:
        yield [
            int(index)
            for pool, weight, count in zip(pools, weights, counts, strict=True)
            if count
            for index in rng.choice(pool, min(count, len(pool)), replace=False, p=weight)
        ]


def aim(
    config: DistilConfig,
    items: Sequence[Item],
    text: TextTower,
    rng: np.random.Generator,
    mixed: dict[int, int] | None = None,
) -> Targets:
    """Draw a text for each clip of a batch and say which pairs are right.

    Args:
        config: The recipe.
        items: The clips of the batch.
        text: The text tower: texts nearly the same as a clip's own are not wrong for it.
        rng: Where the choice comes from.
        mixed: Rows that also hold the sound of another row.
    """
    alone = [draw_text(item, rng) for item in items]
    drawn = list(alone)
    for row, other in (mixed or {}).items():
        drawn[row] = f"{alone[row]} and {alone[other]}"
    texts = tuple(dict.fromkeys(drawn))
    own = np.array([texts.index(words) for words in drawn])
    judged = relevance(items, texts, own.tolist())
    relevant = judged.right
    embedded = text.embed(texts)
    near = (embedded @ embedded.T).numpy()[own] >= config.near_text
    ignored = (near & ~judged.wrong) | judged.unknown
    for row, other in (mixed or {}).items():  # what is heard in a mix is neither wrong for it nor all of it
        column = own[row]
        ignored[row] |= relevant[row] | relevant[other]
        ignored[:, column] |= relevant[:, column]
        relevant[row] = np.arange(len(texts)) == column
        relevant[:, column] = own == column
    generated = torch.tensor([item.generated for item in items])
    return Targets(
        texts=texts,
        own=torch.from_numpy(own),
        relevant=torch.from_numpy(relevant),
        ignored=torch.from_numpy(ignored & ~relevant),
        anchor_weights=torch.where(generated, config.generated_anchor, 1.0),
    )


def hear(item: Item, samples: FloatArray, front_end: FrontEnd, rng: np.random.Generator) -> FloatArray:
    """One augmented hearing of a clip, its length the nearest of `LENGTHS_S`: samples, shape (n,)."""
    if may_change_speed(item) and rng.random() < 0.4:
        samples = change_speed(samples, rng, front_end.sample_rate)
    n = int(_nearest_length(len(samples) / front_end.sample_rate) * front_end.sample_rate)
    return augment(place(samples, n, rng), rng, front_end.sample_rate)


def batches(
    config: DistilConfig,
    items: Sequence[Item],
    samples: Sequence[FloatArray],
    text: TextTower,
    front_end: FrontEnd,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Draw batches of augmented and mixed clips for ever."""
    for chosen in choices(items, config.batch_size, config.real_share, rng):
        heard = sorted(((hear(items[i], samples[i], front_end, rng), i) for i in chosen), key=lambda pair: len(pair[0]))
        waves, clips = [wave for wave, _ in heard], [items[i] for _, i in heard]
        mixed: dict[int, int] = {}
        for row in range(len(waves) - 1):
            same_length = len(waves[row]) == len(waves[row + 1])
            if same_length and row not in mixed.values() and rng.random() < config.mix_share:
                mixed[row] = row + 1
                waves[row] = mix(waves[row], waves[row + 1], rng)
        targets = aim(config, clips, text, rng, mixed)
        mels = [mask_bands(features(wave, front_end).mel[0], rng) for wave in waves]
        frames = [len(mel) for mel in mels]
        stacks = [np.stack([mel for mel in mels if len(mel) == n])[:, None] for n in dict.fromkeys(frames)]
        yield Batch(tuple(torch.from_numpy(stack) for stack in stacks), targets)


def may_change_speed(item: Item) -> bool:
    """Whether what is said of a clip stays true when it is played a little faster: not of notes, chords and pairs."""
    said = " ".join((item.label, *item.captions))
    return not (qualities(item) or _PITCHED.search(said))


def _nearest_length(seconds: float) -> float:
    return min(LENGTHS_S, key=lambda length: abs(length - seconds))

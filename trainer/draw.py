"""Which clips and texts a step sees, and which pairs of them are right, wrong or neither.

Everything is a pure function of seed and step: a run that goes on after a break needs no state of a generator, and
every rank of a parallel run plans the same batch and takes its own part of it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from soundsearch.errors import TrainingError
from trainer.captions.writer import CaptionWriter
from trainer.config import FitConfig
from trainer.data import BoolArray, Item

HALF = 0.5  # clips and texts that share this much of their tags, and do not fit, are neither right nor wrong


@dataclass(frozen=True, slots=True)
class Draw:
    """One clip of a batch with the text that it is compared by."""

    index: int  # of the item
    seed: tuple[int, ...]  # of what is random in how it is heard
    text: str
    about: frozenset[str]  # tags that the text stands for; empty for a caption
    tags: frozenset[str]  # of the clip
    fitting: frozenset[str]  # all texts that the clip may be trained with
    partner: int = -1  # item that is heard at the same time

    @classmethod
    def of(cls, index: int, seed: tuple[int, ...]) -> Self:
        """A clip without a text."""
        return cls(index, seed, "", frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Targets:
    """The text side of a batch of B clips with T unique texts."""

    texts: tuple[str, ...]
    own: npt.NDArray[np.int64]  # (B,), column of each clip's text
    relevant: BoolArray  # (B, T)
    ignored: BoolArray  # (B, T), neither right nor wrong


def tags_of(item: Item) -> frozenset[str]:
    """The tags of a clip as they are compared: without regard to case."""
    return frozenset(tag.casefold() for tag in item.tags or ((item.label,) if item.label else ()))


class Planner:
    """Plans the batches of a run over listed items."""

    def __init__(self, items: Sequence[Item], writer: CaptionWriter, config: FitConfig) -> None:
        """Write the texts of all items.

        Raises:
            TrainingError: If there are fewer than two clips that have a text.
        """
        self._config = config
        self._texts = [writer.texts(item) for item in items]
        self._tags = [tags_of(item) for item in items]
        self._single = [tuple(item.tags) or ((item.label,) if item.label else ()) for item in items]
        usable = np.array([bool(texts) for texts in self._texts])
        if usable.sum() < 2:
            raise TrainingError(
                "Fewer than two clips have a tag or a caption to learn from.",
                "Name folders and files by what is heard, or bring a manifest with tags.",
            )
        counts = Counter(tag for tags in self._tags for tag in tags)
        self._rarest = [min(tags, key=lambda tag: (counts[tag], tag), default="") for tags in self._tags]
        self._tag_counts = counts
        weights = np.array([1 / np.sqrt(counts[tag] or len(items)) for tag in self._rarest]) * usable
        self._log_weights = np.log(weights, out=np.full(len(items), -np.inf), where=weights > 0)
        self.size = min(config.batch_size, int(usable.sum()))

    @property
    def texts(self) -> list[str]:
        """All texts that are drawn, but for those of mixes."""
        return [text for some in (*self._texts, *self._single) for text in some]

    def draws(self, step: int) -> list[Draw]:
        """The batch of a step, all ranks together."""
        rng = np.random.default_rng([self._config.seed, step])
        chosen = self._balanced(rng) if self._config.balanced else self._in_turn(step)
        mixed = rng.random(len(chosen)) < self._config.mix_share
        return [self._draw(int(i), step, row, rng, bool(mixed[row])) for row, i in enumerate(chosen)]

    def _balanced(self, rng: np.random.Generator) -> list[int]:
        """Distinct clips, rare tags more often, at most `per_tag` of one rarest tag.

        Source: Efraimidis and Spirakis (2006): the largest of log(weight) + Gumbel noise are a weighted sample.
        """
        order = np.argsort(-(self._log_weights + rng.gumbel(size=len(self._log_weights))), kind="stable")
        taken: Counter[str] = Counter()
        chosen: list[int] = []
        for index in order[: np.isfinite(self._log_weights).sum()]:
            tag = self._rarest[index]
            if self._config.per_tag and tag and taken[tag] >= self._config.per_tag:
                continue
            taken[tag] += 1
            chosen.append(int(index))
            if len(chosen) == self.size:
                break
        return chosen

    def _in_turn(self, step: int) -> npt.NDArray[np.int64]:
        """Every clip once in an epoch, in a new order each time; the rest of an epoch that fills no batch is left."""
        usable = np.flatnonzero(np.isfinite(self._log_weights))
        epoch, place = divmod(step, len(usable) // self.size)
        order = np.random.default_rng([self._config.seed, 1, epoch]).permutation(usable)
        return np.asarray(order[place * self.size : (place + 1) * self.size])

    def _draw(self, index: int, step: int, row: int, rng: np.random.Generator, mixed: bool) -> Draw:
        text, about = self._text(index, rng)
        partner = -1
        if mixed:
            partner = int(rng.choice(np.flatnonzero(np.isfinite(self._log_weights))))
            other, other_about = self._text(partner, rng)
            text, about = f"{text} and {other}", about | other_about
        tags = self._tags[index] | (self._tags[partner] if partner >= 0 else frozenset())
        # What is heard in a mix is more than any text of one of its parts says.
        fitting = frozenset(self._texts[index] if partner < 0 else ()) | {text}
        return Draw(index, (self._config.seed, step, row), text, about, tags, fitting, partner)

    def _text(self, index: int, rng: np.random.Generator) -> tuple[str, frozenset[str]]:
        texts, single = self._texts[index], self._single[index]
        if single and rng.random() < self._config.tag_share:
            weights = np.array([1 / np.sqrt(self._tag_counts[tag.casefold()]) for tag in single])
            tag = single[int(rng.choice(len(single), p=weights / weights.sum()))]
            return tag, frozenset({tag.casefold()})
        return texts[int(rng.integers(len(texts)))], self._tags[index]


def targets(draws: Sequence[Draw]) -> Targets:
    """Say which texts of a batch fit which of its clips.

    A text fits a clip that it was written for, a clip with that very text, and every clip that has all the tags that
    the text stands for. Pairs that share half of their tags or more without fitting are neither right nor wrong.
    """
    texts = tuple(dict.fromkeys(draw.text for draw in draws))
    column = {text: k for k, text in enumerate(texts)}
    own = np.array([column[draw.text] for draw in draws])
    about = {draw.text: draw.about for draw in draws}
    place = {tag: k for k, tag in enumerate(sorted({tag for draw in draws for tag in draw.tags | draw.about}))}
    clips = _indicator([draw.tags for draw in draws], place)
    named = _indicator([about[text] for text in texts], place)
    shared, sizes = clips @ named.T, named.sum(axis=1)
    union = clips.sum(axis=1)[:, None] + sizes - shared
    relevant = (shared == sizes) & (sizes > 0)
    for row, draw in enumerate(draws):
        relevant[row, [column[text] for text in draw.fitting if text in column]] = True
        if draw.partner >= 0:  # a part of what is heard: not wrong, but not all of it either
            relevant[row] = np.arange(len(texts)) == own[row]
    ignored = (shared >= HALF * np.maximum(union, 1)) & (shared > 0) & ~relevant
    mixed = np.array([draw.partner >= 0 for draw in draws])
    ignored[mixed] |= ((shared == sizes) & (sizes > 0) & ~relevant)[mixed]
    return Targets(texts, own, relevant, ignored)


def _indicator(sets: Sequence[frozenset[str]], place: dict[str, int]) -> npt.NDArray[np.float32]:
    table = np.zeros((len(sets), len(place)), np.float32)
    for row, members in enumerate(sets):
        table[row, [place[tag] for tag in members]] = 1
    return table

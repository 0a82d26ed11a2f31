"""Batches from shards that are too large to be held: each rank reads its own, in an order drawn by seed and epoch."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from soundsearch.audio.features import Features, FrontEnd
from soundsearch.errors import DecodeError, TrainingError
from soundsearch.records import FloatArray
from trainer import shards
from trainer.captions.writer import CaptionWriter
from trainer.config import FitConfig
from trainer.data import Item, shown
from trainer.draw import Draw, tags_of
from trainer.listen import Listener
from trainer.parallel import Ranks
from trainer.sources import split_name

MOST_HELD = 2000  # clips of each held-out split
ATTEMPTS = 20  # epochs in a row that may bring no clip that can be used
READERS = 4  # threads


def held_out(source: str, on_problem: Callable[[str], None]) -> tuple[list[Item], list[Path]]:
    """The clips of the folders `validation` and `test`, by whatever usual name, and the shards of the others.

    Args:
        source: See `shards.shards_of`.
        on_problem: Told of what is damaged.

    Raises:
        TrainingError: If one of the two folders is not there: nothing could be proven.
    """
    by_split: dict[str, list[Path]] = {}
    for shard in shards.shards_of(source):
        by_split.setdefault(split_name(shard.parent.name) or "train", []).append(shard)
    lacking = [name for name in ("train", "validation", "test") if name not in by_split]
    if lacking:
        raise TrainingError(
            f"The shards have no folder {' and no folder '.join(lacking)}, and are too large to be divided here.",
            "Put some shards into folders train, validation and test; `prepare --to-shards` makes them so.",
        )
    items: list[Item] = []
    for name in ("validation", "test"):
        found = shards.stream(by_split[name], seed=0, epoch=0, on_problem=on_problem, shuffled=1)
        items += [replace(item, split=name) for item in islice(found, MOST_HELD)]
    return items, by_split["train"]


class StreamPlanner:
    """Plans batches as `draw.Planner` does, from a stream; steps must be asked for in order.

    Attributes:
        size: Clips of a batch, all ranks together.
    """

    def __init__(
        self,
        sources: Sequence[Path],
        writer: CaptionWriter,
        config: FitConfig,
        ranks: Ranks,
        front_end: FrontEnd,
        on_problem: Callable[[str], None],
    ) -> None:
        """Take the shards to train on; nothing is read yet."""
        self._sources, self._writer, self._config, self._ranks = sources, writer, config, ranks
        self._front_end, self._on_problem = front_end, on_problem
        self.size = config.batch_size // ranks.count * ranks.count
        self._items = self._endless()
        self._next = 0
        self._listener: Listener | None = None

    def draws(self, step: int) -> list[Draw]:
        """The batch of a step, all ranks together; steps that a resumed run has done are passed over."""
        while self._next < step:
            self._hear_batch()
            self._next += 1
        items, self._listener = self._hear_batch()
        self._next += 1
        rank = self._ranks.rank
        rng = np.random.default_rng([self._config.seed, step, rank])
        self._writer.prepare(items)
        texts = [self._writer.texts(item) for item in items]
        chosen = [own[int(rng.integers(len(own)))] for own in texts]
        mixed = rng.random(len(items)) < self._config.mix_share
        draws = []
        for row, item in enumerate(items):
            partner = int(rng.integers(len(items))) if mixed[row] else -1
            text, about, tags = chosen[row], frozenset[str](), tags_of(item)
            if text not in item.captions:
                about = tags
            if partner >= 0:
                text, about = f"{text} and {chosen[partner]}", frozenset()
                tags |= tags_of(items[partner])
            fitting = frozenset(texts[row] if partner < 0 else ()) | {text}
            draws.append(Draw(row, (self._config.seed, step, rank, row), text, about, tags, fitting, partner))
        return self._ranks.gather_objects(draws)

    def listen(self, draw: Draw) -> Features:
        """Hear a clip of this rank's part of the batch that was drawn last."""
        assert self._listener is not None
        return self._listener.changed(draw.index, draw.seed, draw.partner)

    def _hear_batch(self) -> tuple[list[Item], Listener]:
        """This rank's clips of the next batch, decoded; those that cannot be are said, and others taken instead."""
        wanted = self.size // self._ranks.count
        good: list[Item] = []
        samples: list[FloatArray] = []
        while len(good) < wanted:
            taken = list(islice(self._items, wanted - len(good)))
            with ThreadPoolExecutor(READERS, thread_name_prefix="shards") as pool:
                for item, decoded in zip(taken, pool.map(self._decode, taken), strict=True):
                    if decoded is not None:
                        good.append(item)
                        samples.append(decoded)
        return good, Listener(good, self._front_end, self._config, samples)

    def _decode(self, item: Item) -> FloatArray | None:
        try:
            samples = Listener([item], self._front_end, self._config).samples(0)
        except DecodeError as err:
            self._on_problem(f"{shown(item.path)} of the shards is left out: {err.message}")
            return None
        return samples if len(samples) else None

    def _endless(self) -> Iterator[Item]:
        """Clips with a text that can be heard, epoch after epoch: a damaged one is left out before it is drawn."""
        epoch = barren = 0
        while barren < ATTEMPTS:
            found = shards.stream(
                self._sources,
                seed=self._config.seed,
                epoch=epoch,
                on_problem=self._on_problem,
                rank=self._ranks.rank,
                ranks=self._ranks.count,
            )
            usable = 0
            for item in found:
                if self._writer.texts(item):
                    usable += 1
                    yield item
            epoch += 1
            barren = 0 if usable else barren + 1
        raise TrainingError("Not one clip of the shards has a text.", "Their JSON needs `text` or `tag`.")

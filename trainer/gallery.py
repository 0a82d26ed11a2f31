"""Gallery: clips that models are asked about, heard whole and unchanged, as the program hears them."""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

import numpy as np
import torch

from soundsearch.errors import DecodeError
from soundsearch.records import FloatArray, TrainingProgress
from trainer.config import FitConfig
from trainer.data import Item
from trainer.listen import Listener
from trainer.student import Student

WORKERS = os.cpu_count() or 1
T = TypeVar("T")


def side_by_side(work: Callable[[int], T], count: int, phase: str) -> Generator[TrainingProgress, None, list[T]]:
    """Do something for 0 ... count - 1, one on each core: much faster than one after the other on all cores."""
    results: list[T] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="listen") as pool:
            for at in range(0, count, 2 * WORKERS):
                several = range(at, min(at + 2 * WORKERS, count))
                results += pool.map(work, several)
                yield TrainingProgress(phase, several.stop, count)
    finally:
        torch.set_num_threads(threads)
    return results


class Gallery:
    """Clips with what the tower of the start makes of them.

    Attributes:
        items: The clips.
        pooled: For each, one row for each view: (n_views, audio_width).
    """

    def __init__(self, items: Sequence[Item], pooled: Sequence[FloatArray], listener: Listener) -> None:
        """Take clips that were heard; `hear` makes a gallery of others."""
        self.items, self.pooled = tuple(items), tuple(pooled)
        self._listener = listener

    @classmethod
    def hear(
        cls,
        items: Sequence[Item],
        start: Student,
        config: FitConfig,
        on_problem: Callable[[str], None],
        phase: str = "listen",
    ) -> Generator[TrainingProgress, None, Self]:
        """Hear clips with the start, several at a time; one that cannot be read is left out and said.

        Args:
            items: The clips.
            start: The model before training.
            config: Bounds how much of a clip is heard.
            on_problem: Takes a sentence about each clip that is left out.
            phase: What progress calls it.
        """
        listener = Listener(items, start.front_end, config)

        def pool(index: int) -> FloatArray | str:
            try:
                pooled = start.pool_whole(listener.whole(index))
            except (DecodeError, ValueError) as err:  # ValueError: no samples at all
                return getattr(err, "message", str(err))
            return pooled if np.isfinite(pooled).all() else "it holds values that are no numbers"

        good: list[int] = []
        rows: list[FloatArray] = []
        heard = yield from side_by_side(pool, len(items), phase)
        for index, row in enumerate(heard):
            if isinstance(row, str):
                on_problem(f"{items[index].path} is left out: {row}")
            else:
                good.append(index)
                rows.append(row)
        return cls([items[k] for k in good], rows, listener.part(good))

    def __len__(self) -> int:
        return len(self.items)

    def part(self, indices: Sequence[int]) -> "Gallery":
        """Some of the clips."""
        items, pooled = [self.items[k] for k in indices], [self.pooled[k] for k in indices]
        return Gallery(items, pooled, self._listener.part(indices))

    def with_items(self, items: Sequence[Item]) -> "Gallery":
        """The same clips with other records, in the same order."""
        return Gallery(items, self.pooled, self._listener)

    def embed(self, student: Student, same_tower: bool) -> Generator[None, None, FloatArray]:
        """Embed all clips with a model: unit rows (n, d).

        Args:
            student: Any state of it.
            same_tower: Its tower is that of the start, so that only the projection has to run.
        """
        student.dual.eval()
        if same_tower:
            return student.place(self.pooled)
        rows = []
        for index in range(len(self)):
            rows.append(student.pool_whole(self._listener.whole(index)))
            yield
        return student.place(rows)

    @property
    def listener(self) -> Listener:
        """What hears these clips."""
        return self._listener

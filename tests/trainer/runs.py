"""A run over real sounds with a tiny model, for tests: the demo library's clips, cut short."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from soundsearch.model.bundle import Bundle
from soundsearch.settings import resource
from trainer.captions.writer import caption_writer
from trainer.checkpoint import Checkpoint
from trainer.config import FitConfig
from trainer.data import Item
from trainer.draw import Draw, Planner
from trainer.gallery import Gallery
from trainer.listen import Listener
from trainer.loop import Run
from trainer.parallel import Ranks
from trainer.recipes import Lesson
from trainer.sources import collect
from trainer.student import Student

MAX_S = 4.0  # of a clip


def drain(steps: Generator[Any, None, Any]) -> Any:
    """Run a generator to its end; returns its value."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def demo_items(count: int) -> list[Item]:
    """Clips of the demo library, each with other tags, spread over its folders."""
    found = [item for item in collect(resource("demo")).items if item.tags]
    sets = [set(item.tags) for item in found]
    # None of which says all that another one says: then a text is right for one clip only.
    items = [
        item for k, item in enumerate(found) if not any(sets[k] <= other for j, other in enumerate(sets) if j != k)
    ]
    return items[:: len(items) // count][:count]


def make_run(
    bundle: Bundle,
    items: list[Item],
    config: FitConfig,
    folder: Path,
    state: Checkpoint | None = None,
    ranks: Ranks | None = None,
    plain: bool = False,
    validate: Callable[[], Generator[None, None, float]] | None = None,
) -> tuple[Run, Student]:
    """A run over all items without held-out clips. With `plain`, clips are heard unchanged."""
    from soundsearch.model.clap import load_dual

    ranks = ranks or Ranks("cpu")
    student = Student(load_dual(bundle), bundle, ranks.device)
    start = Student(load_dual(bundle), bundle, ranks.device)
    listener = Listener(items, student.front_end, replace(config, max_s=MAX_S))

    def listen(draw: Draw) -> Any:
        return listener.whole(draw.index) if plain else listener.changed(draw.index, draw.seed, draw.partner)

    if config.recipe == "projection":
        gallery = drain(Gallery.hear(items, start, replace(config, max_s=MAX_S), print))

        def listen(draw: Draw) -> Any:
            return torch.from_numpy(gallery.pooled[draw.index][0])

    def nothing() -> Generator[None, None, float]:
        yield
        return 0.5

    planner = Planner(items, caption_writer(config.captions, seed=config.seed), config)
    lesson = Lesson(student.dual, config)
    state = state or Checkpoint("a test")
    return Run(config, planner, listen, student, lesson, validate or nothing, ranks, folder, state, start), student

"""A personal model for the window: a plan over the library's catalogue to a preview, and to a trained bundle."""

from collections import Counter
from collections.abc import Generator
from pathlib import Path

from soundsearch.errors import TrainingError
from soundsearch.model.bundle import Bundle
from soundsearch.records import Progress, TrainingOutcome, TrainingPlan, TrainingPreview
from trainer.captions.writer import CaptionWriter, caption_writer
from trainer.config import FitConfig, recipe
from trainer.data import Item
from trainer.fit import Job, fit
from trainer.sources import Collected, collect
from trainer.splits import LEAST, split

EXAMPLES = 200  # clips whose texts a preview shows


def preview(plan: TrainingPlan, data_dir: Path, base: Path) -> TrainingPreview:
    """Show what a plan would train on. Nothing is decoded.

    Args:
        plan: Which clips, with which texts.
        data_dir: The library's data folder.
        base: Folder of the model to start from.

    Raises:
        SoundSearchError: If the catalogue or the model cannot be read, or there are no clips.
    """
    del base  # the texts do not depend on it
    found, config = _collect(plan, data_dir), _config(plan)
    made = split(found.items, None, validation=config.validation, test=config.test, seed=plan.seed)
    counts = Counter(item.split for item in made.items)
    tags = Counter(tag for item in made.items for tag in item.tags)
    problems = [*found.problems, *(str(leak) for leak in made.leaks), *made.notes, *_too_few(made.items)]
    return TrainingPreview(
        clips=len(made.items),
        train=counts["train"],
        validation=counts["validation"],
        test=counts["test"],
        tags=tuple(tags.most_common()),
        examples=tuple(_examples(made.items, caption_writer(plan.captions, seed=plan.seed))),
        problems=tuple(problems),
    )


def train(plan: TrainingPlan, data_dir: Path, base: Path, out: Path) -> Generator[Progress, None, TrainingOutcome]:
    """Train and write a bundle, in short steps; closing it stops the run.

    Args:
        plan: What to train on, and how.
        data_dir: The library's data folder.
        base: Folder of the model to start from.
        out: Folder of the new bundle.

    Returns:
        What came of it.

    Raises:
        SoundSearchError: If nothing can be learned, or the folder not be written.
    """
    found = _collect(plan, data_dir)
    job = Job(
        items=found.items,
        base=Bundle.open(base),
        out=out,
        name=plan.name,
        title=plan.name,
        source=f"{len(found.items):,} clips of your library{_place(plan)}",
        problems=found.problems,
    )
    result = yield from fit(job, _config(plan))
    gain = result["gain"]["map_10"]
    return TrainingOutcome(
        name=plan.name,
        folder=str(out),
        before=result["before"]["text_to_audio"]["map_10"]["value"],
        after=result["after"]["text_to_audio"]["map_10"]["value"],
        gain=(gain["value"], gain["low"], gain["high"]),
        control_before=result["control"]["before"]["value"],
        control_after=result["control"]["after"]["value"],
        offered=result["offered"],
        reason=result["reason"],
        report=str(out / "report.html"),
    )


def _collect(plan: TrainingPlan, data_dir: Path) -> Collected:
    return collect(str(data_dir), folders=plan.folders, collections=plan.collections)


def _place(plan: TrainingPlan) -> str:
    places = [f"below {Path(folder).name}" for folder in plan.folders]
    places += [f"in the collection {name}" for name in plan.collections]
    return f" {' or '.join(places)}" if places else ""


def _config(plan: TrainingPlan) -> FitConfig:
    return recipe(plan.recipe, captions=plan.captions, seed=plan.seed)


def _too_few(items: tuple[Item, ...]) -> list[str]:
    usable = sum(1 for item in items if item.tags or item.captions)
    if usable >= 3 * LEAST:
        return []
    return [str(TrainingError(f"Only {usable} clips have tags; at least {3 * LEAST} are needed."))]


def _examples(items: tuple[Item, ...], writer: CaptionWriter) -> list[tuple[str, tuple[str, ...]]]:
    """Clips spread over the list, with their texts."""
    step = max(1, len(items) // EXAMPLES)
    return [(item.path, writer.texts(item)) for item in items[::step][:EXAMPLES]]

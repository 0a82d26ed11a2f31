"""The control list: sounds that nobody trains on, asked before and after to see what a model has forgotten."""

import csv
from collections.abc import Sequence

from soundsearch.records import FloatArray
from soundsearch.settings import resource
from trainer.data import Item
from trainer.evaluate import ENSEMBLE, Clusters, Measure, zero_shot


def control_items() -> list[Item]:
    """The shipped clips, in a fixed order, with their class, recording and credits; nothing is decoded.

    Raises:
        SettingsError: If the program's own files are missing.
    """
    table = resource("control/control.csv")
    with table.open(encoding="utf-8", newline="") as file:
        return [
            Item(
                path=str(table.parent / row["path"]),
                captions=(),
                label=row["label"],
                split="test",
                group=row["group"],
                class_name=row["label"],
                licence=row["licence"],
                licence_class=row["licence_class"],
                author=row["author"],
                title=row["title"],
                url=row["url"],
                source=row["source"],
            )
            for row in csv.DictReader(file)
        ]


def control_prompts() -> dict[str, tuple[str, ...]]:
    """The texts of each class, classes in alphabetical order: an ensemble, whose embeddings are averaged."""
    classes = sorted({item.class_name for item in control_items()})
    return {name: tuple(template.format(label=name) for template in ENSEMBLE) for name in classes}


def control_truth(items: Sequence[Item]) -> list[int]:
    """The number of each clip's class in the order of `control_prompts`."""
    numbers = {name: number for number, name in enumerate(control_prompts())}
    return [numbers[item.class_name] for item in items]


def accuracy(
    audio: FloatArray, class_texts: FloatArray, truth: Sequence[int], clusters: Clusters | None = None
) -> Measure:
    """Share of the control clips that are nearest to their own class.

    Args:
        audio: Clips, unit rows, shape (n, d).
        class_texts: One unit row for each class of `control_prompts`, shape (c, d).
        truth: As from `control_truth`.
        clusters: The recording of each clip, for the interval.
    """
    return zero_shot(audio, class_texts, truth, clusters)

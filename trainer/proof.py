"""What is asked of a model before and after training, on clips that it was not trained on, and what came of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from soundsearch.errors import TrainingError
from soundsearch.records import FloatArray
from trainer.captions.writer import CaptionWriter
from trainer.data import BoolArray, Item
from trainer.draw import tags_of
from trainer.evaluate import (
    FloatColumn,
    average_precision_10,
    best_ranks,
    measure,
    paired,
    retrieval,
    zero_shot_hits,
)

MAX_LOSS = 0.02  # of control accuracy, for a model that is offered
SHOWN = 6  # queries whose nearest clips are shown
NEAREST = 5


@dataclass(frozen=True, slots=True)
class Questions:
    """Texts, and which of the clips answer each: (n_texts, n_clips)."""

    texts: tuple[str, ...]
    relevant: BoolArray


def questions(items: Sequence[Item], writer: CaptionWriter) -> Questions:
    """Ask for every tag as people type it, and for every clip by its main text.

    A tag is answered by the clips that carry it; a main text that was written from tags by the clips that have all of
    them; the user's own caption by the clips that it was given to. A text that every clip answers asks nothing.

    Raises:
        TrainingError: If nothing is left to ask.
    """
    tags = [tags_of(item) for item in items]
    answered: dict[str, BoolArray] = {}
    for tag in sorted({tag for some in tags for tag in some}):
        answered[tag] = np.array([tag in some for some in tags])
    for row, item in enumerate(items):
        texts = writer.texts(item)
        if not texts:
            continue
        if texts[0] in item.captions:
            carries = np.array([texts[0] in other.captions for other in items])
        else:
            carries = np.array([tags[row] <= some for some in tags])
        answered[texts[0]] = answered.get(texts[0], np.zeros(len(items), bool)) | carries
    kept = {text: carries for text, carries in answered.items() if not carries.all()}
    if not kept:
        raise TrainingError(
            "No tag tells one clip from another: every clip that is held out has all of them.",
            "Add clips of other sounds, or name these more closely.",
        )
    return Questions(tuple(kept), np.stack(list(kept.values())))


@dataclass(frozen=True, slots=True)
class Control:
    """The control list as one model answers it: a hit or a miss for each clip."""

    hits: FloatColumn
    clusters: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of clips that are nearest to their own class."""
        return float(self.hits.mean())


def ask_control(audio: FloatArray, class_rows: FloatArray, truth: Sequence[int], clusters: Sequence[str]) -> Control:
    """Answer the control list: clips (n, d), class texts (c, d), the right class and the recording of each clip."""
    return Control(zero_shot_hits(audio, class_rows, truth), tuple(clusters))


def precision(asked: Questions, texts: FloatArray, audio: FloatArray) -> FloatColumn:
    """Average precision in the first ten of each question, (n_texts,)."""
    return average_precision_10(texts @ audio.T, asked.relevant)


def table(asked: Questions, texts: FloatArray, audio: FloatArray) -> dict[str, Any]:
    """Both directions of retrieval, for a report."""
    similarity = texts @ audio.T
    return {
        "text_to_audio": asdict(retrieval(similarity, asked.relevant)),
        "audio_to_text": asdict(retrieval(similarity.T, asked.relevant.T)),
    }


def gains(
    asked: Questions, texts: tuple[FloatArray, FloatArray], audio: tuple[FloatArray, FloatArray]
) -> dict[str, dict[str, float]]:
    """What text to audio search gained from the first model to the second, with paired intervals over the questions."""
    before, after = (text @ clips.T for text, clips in zip(texts, audio, strict=True))
    result = {
        "map_10": paired(average_precision_10(before, asked.relevant), average_precision_10(after, asked.relevant))
    }
    for k in (1, 5, 10):
        found = [(best_ranks(similarity, asked.relevant) < k).astype(np.float64) for similarity in (before, after)]
        result[f"recall_{k}"] = paired(found[0], found[1])
    return {name: asdict(value) for name, value in result.items()}


def control_table(before: Control, after: Control, classes: int) -> dict[str, Any]:
    """What was forgotten, for a report."""
    return {
        "before": asdict(measure(before.hits, clusters=before.clusters)),
        "after": asdict(measure(after.hits, clusters=after.clusters)),
        "change": asdict(paired(before.hits, after.hits, clusters=before.clusters)),
        "classes": classes,
        "clips": len(before.hits),
    }


def neighbours(
    asked: Questions,
    items: Sequence[Item],
    texts: tuple[FloatArray, FloatArray],
    audio: tuple[FloatArray, FloatArray],
) -> list[dict[str, Any]]:
    """The nearest clips of some questions before and after: those that gained most, and the one that lost most."""
    before, after = (text @ clips.T for text, clips in zip(texts, audio, strict=True))
    change = average_precision_10(after, asked.relevant) - average_precision_10(before, asked.relevant)
    order = np.argsort(-change, kind="stable")
    chosen = list(dict.fromkeys([*order[: SHOWN - 1].tolist(), *order[-1:].tolist()]))

    def nearest(similarity: FloatArray, row: int) -> list[dict[str, Any]]:
        best = np.argsort(-similarity[row], kind="stable")[:NEAREST]
        return [{"path": items[k].path, "right": bool(asked.relevant[row, k])} for k in best]

    return [{"query": asked.texts[row], "before": nearest(before, row), "after": nearest(after, row)} for row in chosen]


def verdict(gain: dict[str, float], control_change: float) -> tuple[bool, str]:
    """Say whether a model is offered, and why, in one sentence for the user."""
    points, low, high = (100 * gain[key] for key in ("value", "low", "high"))
    lost = -100 * control_change
    interval = f"{low:+.1f} to {high:+.1f}"
    if high < 0:
        return False, f"It did harm: your sounds are found {-points:.1f} points worse (95 % interval {interval})."
    if control_change <= -MAX_LOSS:
        return False, f"It forgot too much: everyday sounds are recognised {lost:.1f} points less often than before."
    if low == high == 0:
        return False, "It changed nothing that the clips it is proven on could show."
    if low <= 0:
        found = f"{abs(points):.1f} points {'better' if points > 0 else 'worse'}"
        return False, (
            f"It did not surely help: your sounds are found {found}, "
            f"and the true change may be anything from {low:+.1f} to {high:+.1f}."
        )
    return True, f"It helped: your sounds are found {points:+.1f} points better (95 % interval {interval})."


def ensemble(prompts: dict[str, tuple[str, ...]], texts: dict[str, FloatArray]) -> FloatArray:
    """One unit row for each class, the mean of its prompts' embeddings: (c, d)."""
    rows = np.stack([np.mean([texts[prompt] for prompt in prompts[name]], axis=0) for name in prompts])
    unit: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit

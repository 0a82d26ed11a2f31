"""What a starter is asked: its questions over the validation part, and one value for every question it answered.

Values, not means: two models that answered the same questions are compared question by question (`evaluate.paired`).
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsearch.audio.features import Features, FrontEnd, load_features
from soundsearch.records import FloatArray
from trainer import evaluate
from trainer.data import Item, read_manifest

EmbedTexts = Callable[[Sequence[str]], FloatArray]
ONE_SHOTS = ("Bass", "Drums", "FX", "Percussion", "Synth", "UI & Notifications")  # folders of the library
NOT_ONE_SHOTS = ("FX/Game",)
# Tags that say where a clip comes from or how it is used, not what is heard.
NOT_HEARD = {
    "", "drum", "drums", "elec", "enemies", "environment", "environmental", "esc10", "game", "instrument", "inventory",
    "long", "loop", "medieval", "misc", "one-shot", "perc", "powers", "sampled", "sfx",
}  # fmt: skip
# Labels of the library's one-shots by what a producer would call the family; a prompt is the family's name.
FAMILIES = {
    "kick drum": ("kick drum",),
    "snare drum": ("snare drum", "acoustic snare"),
    "tom": ("tom", "high tom"),
    "closed hi-hat": ("closed hi-hat", "pedal hi-hat", "hi-hat"),
    "open hi-hat": ("open hi-hat",),
    "ride cymbal": ("ride cymbal", "ride cymbal 1"),
    "crash cymbal": ("crash cymbal", "crash cymbal 2", "splash cymbal"),
    "hand clap": ("hand clap", "finger snap"),
    "cowbell": ("cowbell", "agogo bell", "low agogo"),
    "side stick": ("side stick", "low wood block"),
    "hand drum": ("tabla", "darbuka", "cuica"),
    "synth bass": ("bass hit", "bass synth"),
    "synth pad": ("pad",),
    "electronic blip": ("electronic blip", "glitch"),
    "interface sound": ("ui sound", "notification", "click"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One value per question of a measure, and which of them succeed and fail together."""

    values: evaluate.FloatColumn
    clusters: tuple[str, ...]

    @property
    def measure(self) -> evaluate.Measure:
        """The mean with its interval."""
        return evaluate.measure(self.values, clusters=self.clusters)


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips with their model input, which all models with one front end share."""

    name: str
    items: tuple[Item, ...]
    heard: tuple[Features, ...]

    def where(self, keep: Callable[[Item], bool]) -> "np.ndarray":
        """Rows of the items that are kept."""
        return np.flatnonzero([keep(item) for item in self.items])


def validation_clips(data: Path, front_end: FrontEnd) -> tuple[Clips, Clips]:
    """The validation part of both sets: captioned sounds, and the sample library."""
    sets = []
    for name in ("captioned", "library"):
        items = tuple(item for item in read_manifest(data / name / f"{name}.csv") if item.split == "val")
        sets.append(Clips(name, items, tuple(load_features(item.path, front_end) for item in items)))
    return sets[0], sets[1]


def is_one_shot(item: Item) -> bool:
    """Whether a clip of the library lies in a folder of one-shots: kits, drums, basses, synths, interface."""
    folder = item.path.replace("\\", "/").rpartition("/library/")[2]
    return folder.startswith(tuple(f"{name}/" for name in ONE_SHOTS)) and not folder.startswith(NOT_ONE_SHOTS)


def all_classes(data: Path) -> list[str]:
    """Every ESC-50 class that the captioned set has a clip of, in either split."""
    with (data / "captioned" / "captioned.csv").open(encoding="utf-8", newline="") as file:
        return sorted({row["esc_class"] for row in csv.DictReader(file) if row["esc_class"]})


def retrieval(name: str, items: Sequence[Item], audio: FloatArray, embed: EmbedTexts) -> Iterator[tuple[str, Outcome]]:
    """Captions to clips: R@1, R@5, R@10 and mAP@10; and clips to captions, mAP@10."""
    captions, carried = evaluate.caption_matrix(items)
    similarity = embed(captions) @ audio.T
    ranks = evaluate.best_ranks(similarity, carried)
    for k in (1, 5, 10):
        yield f"{name}: text to clip, R@{k}", Outcome((ranks < k).astype(np.float64), tuple(captions))
    precision = evaluate.average_precision_10(similarity, carried)
    yield f"{name}: text to clip, mAP@10", Outcome(precision, tuple(captions))
    backwards = evaluate.average_precision_10(similarity.T, carried.T)
    yield f"{name}: clip to text, mAP@10", Outcome(backwards, tuple(item.group for item in items))


def alike(name: str, items: Sequence[Item], audio: FloatArray) -> tuple[str, Outcome]:
    """Precision@10 of clips found by a clip: right are those with a tag in common, of any other recording.

    Other takes of the clip's own recording are not offered: to find those says nothing. Where fewer than ten clips
    are right, the share of those is taken.
    """
    tags = [{*item.tags, item.label} - NOT_HEARD for item in items]
    group = np.array([item.group or item.path for item in items])
    offered = group[:, None] != group[None, :]
    right = np.array([[bool(a & b) for b in tags] for a in tags]) & offered
    order = np.argsort(np.where(offered, -(audio @ audio.T), np.inf), axis=1, kind="stable")[:, :10]
    some = right.any(axis=1)
    hits = np.take_along_axis(right, order, axis=1).sum(axis=1) / np.minimum(right.sum(axis=1).clip(1), 10)
    return f"{name}: clip to clip, precision@10 by tag", Outcome(hits[some], tuple(group[some]))


def zero_shot(
    name: str, items: Sequence[Item], audio: FloatArray, classes: Sequence[str], truth: Sequence[str], embed: EmbedTexts
) -> tuple[str, Outcome, np.ndarray]:
    """Share of clips whose class is the nearest, and the confusion matrix (true class, heard class)."""
    texts = evaluate.class_texts(classes, ("{label}",), embed)
    right = [classes.index(label) for label in truth]
    hits = evaluate.zero_shot_hits(audio, texts, right)
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (right, np.argmax(audio @ texts.T, axis=1)), 1)
    return name, Outcome(hits, tuple(item.group or item.path for item in items)), confusion


def families(clips: Clips, audio: FloatArray, embed: EmbedTexts) -> tuple[str, Outcome, np.ndarray]:
    """Which family each one-shot of the library is heard as."""
    of_label = {label: family for family, labels in FAMILIES.items() for label in labels}
    rows = clips.where(lambda item: is_one_shot(item) and item.label in of_label)
    items = [clips.items[row] for row in rows]
    truth = [of_label[item.label] for item in items]
    name = f"one-shots: {len(FAMILIES)} families, {len(items)} clips"
    return zero_shot(name, items, audio[rows], list(FAMILIES), truth, embed)


@dataclass(frozen=True, slots=True)
class Paper:
    """A model's answers."""

    outcomes: dict[str, Outcome]
    confusion: np.ndarray  # of the families, (true, heard)


def sit(
    captioned: Clips,
    library: Clips,
    sounds: FloatArray,
    samples: FloatArray,
    classes: Sequence[str],
    embed: EmbedTexts,
) -> Paper:
    """Ask a model everything about the validation clips.

    Args:
        captioned: The captioned set.
        library: The sample library.
        sounds: Embeddings of the captioned set, unit rows.
        samples: Embeddings of the library, unit rows.
        classes: All classes of the captioned set.
        embed: Texts to unit rows.
    """
    outcomes: dict[str, Outcome] = {}
    outcomes |= retrieval("captioned", captioned.items, sounds, embed)
    outcomes |= [alike("captioned", captioned.items, sounds)]
    rows = captioned.where(lambda item: bool(item.class_name))
    some = [captioned.items[row] for row in rows]
    truth = [item.class_name for item in some]
    for among in (sorted(set(truth)), list(classes)):
        name = f"captioned: zero-shot among {len(among)} classes, {len(some)} clips"
        name, outcome, _ = zero_shot(name, some, sounds[rows], among, truth, embed)
        outcomes[name] = outcome
    outcomes |= retrieval("library", library.items, samples, embed)
    outcomes |= [alike("library", library.items, samples)]
    for name, rows in (
        ("one-shots", library.where(is_one_shot)),
        ("rest of the library", library.where(lambda item: not is_one_shot(item))),
    ):
        chosen = [library.items[row] for row in rows]
        outcomes |= retrieval(name, chosen, samples[rows], embed)
        outcomes |= [alike(name, chosen, samples[rows])]
    name, outcome, confusion = families(library, samples, embed)
    return Paper({**outcomes, name: outcome}, confusion)

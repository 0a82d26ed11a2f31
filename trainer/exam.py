"""What a model is measured on: a published data set, a manifest or tagged folders; and the measuring itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from soundsearch.audio.features import Features, FrontEnd, features, load_features
from soundsearch.errors import TrainingError
from soundsearch.model.clap import ClapEncoder
from soundsearch.records import FloatArray
from trainer import datasets, evaluate, protocols, sources
from trainer.data import Item, at_least_one, load_samples, read_manifest, readable, shown
from trainer.layouts import Kind, split_name
from trainer.probe import Kind as ProbeKind

Say = Callable[[str], None]
_CHUNK = 32  # clips decoded together, at least


@dataclass(frozen=True, slots=True)
class Exam:
    """Something to measure on.

    Attributes:
        name: Of the data set or the file.
        kind: That of the data set; "own" for clips of one's own, where everything that is said of them is asked.
        items: Clips of all splits: a probe learns from those that are not measured.
        measured: Paths of the clips that are measured.
        labels: Classes or labels of a data set.
        prompts: Zero-shot prompts.
        missing: How many clips a data set's tables name that are not there.
    """

    name: str
    kind: Kind | Literal["own"]
    items: tuple[Item, ...]
    measured: frozenset[str]
    labels: tuple[str, ...]
    prompts: tuple[str, ...]
    missing: int = 0


def of_data_set(
    folder: Path, name: str, *, split: str = "", prompts: Sequence[str] = (), excluded: frozenset[str] = frozenset()
) -> Exam:
    """A published data set.

    Args:
        folder: Where it lies.
        name: Which it is.
        split: Which part is measured; "" is the one that the paper measures.
        prompts: Instead of the paper's.
        excluded: Names or ids of clips that are not measured.

    Raises:
        TrainingError: If it cannot be read.
    """
    data = datasets.load(folder, name)
    measured = frozenset(item.path for item in datasets.without(data.split(split), excluded))
    texts = tuple(prompts) or (data.prompt,)
    return Exam(data.name, data.kind, data.items, measured, data.labels, texts, len(data.missing))


def of_own(
    path: Path,
    *,
    split: str = "",
    prompts: Sequence[str] = (),
    excluded: frozenset[str] = frozenset(),
    class_column: str = "",
) -> Exam:
    """A manifest, or whatever else can be trained on.

    Raises:
        SoundSearchError: If it cannot be read.
    """
    if path.suffix.lower() in sources.MANIFESTS:
        items = tuple(read_manifest(path, class_column))
    else:
        collected = sources.collect(path)
        if collected.streamed:
            raise TrainingError(f"{path} is too large to be measured at once.", "Name some of its shards.")
        items = collected.items
    chosen = [item for item in items if split_name(split) in ("", split_name(item.split))]
    measured = frozenset(item.path for item in datasets.without(chosen, excluded))
    return Exam(path.stem or path.name, "own", items, measured, (), tuple(prompts) or ("{label}",))


def take(
    exam: Exam, encoder: ClapEncoder, say: Say, *, probe: ProbeKind | None = None, captions_per_clip: int = 0
) -> dict[str, Any]:
    """Measure everything that the data allows. Clips of other splits are heard only if a probe learns from them.

    Args:
        exam: What to measure on.
        encoder: The model.
        say: Takes progress, and a sentence about each clip that is left out.
        probe: Also train a classifier.
        captions_per_clip: Ask for the first captions of each clip one by one, as the paper does; 0 is all of them for
            a data set of captions, and for own clips each text once.

    Raises:
        TrainingError: If no clip can be read, or there is nothing to train a probe on.
    """
    labels = exam.labels or _labels(exam.items)
    probe = probe if labels and exam.kind != "captions" else None
    heard, rows = embed_items([item for item in exam.items if probe or item.path in exam.measured], encoder, say)
    inside = np.array([item.path in exam.measured for item in heard], bool)
    items = [item for item in heard if item.path in exam.measured]
    at_least_one(items)
    table: dict[str, Any] = {"clips": len(items), "left_out": len(exam.measured) - len(items)}
    table |= _tables(exam, items, rows[inside], encoder.embed_texts, captions_per_clip)
    if probe:
        table["probe"] = protocols.probe_table(probe, heard, rows, labels, inside)
    return table


def _tables(
    exam: Exam, items: Sequence[Item], audio: FloatArray, embed: protocols.EmbedTexts, captions_per_clip: int
) -> dict[str, Any]:
    most = max(len(item.captions) for item in items)
    if exam.kind == "captions" or (captions_per_clip and most):
        return protocols.caption_table(items, audio, embed, captions_per_clip or most)
    if exam.kind == "classes":
        return protocols.class_table(items, exam.labels, audio, embed, exam.prompts)
    if exam.kind == "tags":
        return protocols.tag_table(items, exam.labels, audio, embed, exam.prompts)
    return _own_tables(exam, items, audio, embed)


def _own_tables(exam: Exam, items: Sequence[Item], audio: FloatArray, embed: protocols.EmbedTexts) -> dict[str, Any]:
    wanted = evaluate.wanted_texts(items)
    table = evaluate.report(items, audio, dict(zip(wanted, embed(wanted), strict=True)))
    chosen = [row for row, item in enumerate(items) if item.class_name]
    classes = sorted({items[row].class_name for row in chosen})
    if len(classes) > 1:
        some = [items[row] for row in chosen]
        table |= protocols.class_table(some, classes, audio[chosen], embed, exam.prompts)
    tags = _labels(items)
    if tags and not any(item.captions or item.label or item.class_name for item in items):
        table |= protocols.tag_table(items, tags, audio, embed, exam.prompts)
    return table


def _labels(items: Sequence[Item]) -> tuple[str, ...]:
    """The classes of own clips; where they have none, their tags."""
    classes = sorted({item.class_name for item in items if item.class_name})
    return tuple(classes or sorted({tag for item in items for tag in item.tags}))


def embed_items(items: Sequence[Item], encoder: ClapEncoder, say: Say) -> tuple[list[Item], FloatArray]:
    """Embed clips whole and unchanged, with progress; those that cannot be read are left out and named.

    Returns:
        The items that were read, and their embeddings: unit rows, shape (n, d).
    """
    front_end = encoder.bundle.front_end
    kept: list[Item] = []
    rows: list[FloatArray] = []
    size = max(encoder.parallel, _CHUNK)
    for start in range(0, len(items), size):
        some, heard = readable(items[start : start + size], lambda item: _hear(item, front_end), say)
        for item, row in zip(some, encoder.embed_features(heard), strict=True):
            if np.isfinite(row).all():
                kept.append(item)
                rows.append(row)
            else:
                say(f"Left out {shown(item.path)}: the model gives no numbers for it.")
        done = min(start + size, len(items))
        if done == len(items) or done // 256 != start // 256:
            say(f"{done:,} of {len(items):,} clips heard")
    return kept, np.stack(rows) if rows else np.zeros((0, encoder.dimension), np.float32)


def _hear(item: Item, front_end: FrontEnd) -> Features:
    """A file as the program hears it: a long one in blocks, never held whole."""
    if item.samples is None and item.encoded is None:
        return load_features(item.path, front_end)
    return features(load_samples(item, front_end.sample_rate, None), front_end)

"""Manifests, licences, captions and batches: what the trainer learns from, as items that name clips."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from soundsearch.audio.decode import decode, mono, resample
from soundsearch.errors import DecodeError, TrainingError
from soundsearch.records import FloatArray

BoolArray = npt.NDArray[np.bool_]
T = TypeVar("T")
FREE = ("public-domain", "attribution")  # licence classes that weights may be trained on and shipped
# Names of one thing: without this, clips of the same drum would be counted as wrong for each other.
_SAME = {
    "bass drum": "kick drum",
    "acoustic bass drum": "kick drum",
    "acoustic snare": "snare drum",
    "electric snare": "snare drum",
    "snare": "snare drum",
    "birdsong": "bird song",
    "dog bark": "dog",
}
# Tags that say where a clip comes from, not what is heard.
_NOT_HEARD = {"sfx", "game", "environmental", "environment", "esc10", "instrument", "one-shot", "loop", "drums", "perc"}
_TEMPLATES = ("{}", "{}", "the sound of {}", "{} sound", "a recording of {}")


@dataclass(frozen=True, slots=True)
class Item:
    """One clip of a manifest, or a generated one (then `samples` is there and `path` is a made-up name)."""

    path: str
    captions: tuple[str, ...]
    label: str = ""
    tags: tuple[str, ...] = ()
    split: str = ""
    group: str = ""
    class_name: str = ""  # of the zero-shot check, "" outside it
    licence: str = ""
    licence_class: str = ""
    author: str = ""
    title: str = ""
    url: str = ""
    source: str = ""
    samples: FloatArray | None = None  # mono, at the front end's sample rate
    generated: bool = False


def read_manifest(path: Path, class_column: str = "esc_class") -> list[Item]:
    """Read a CSV with a header or a JSONL file; clip paths are relative to the manifest or to the folder above it.

    Columns: `path` (or `audio`), `caption` or `captions` (`|`-separated or a list), and, where there are, `label`,
    `tags` (`;`-separated or a list), `split`, `group`, `licence`, `licence_class`, `author`, `title`, `url`, `source`.

    Raises:
        TrainingError: If it cannot be read, or has no row with a clip.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".jsonl":
            rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            rows = list(csv.DictReader(text.splitlines()))
    except OSError as err:
        raise TrainingError(f"Cannot read the manifest {path}: {err.strerror}.", "Check the path.") from err
    except ValueError as err:
        raise TrainingError(f"Cannot read the manifest {path}: {err}.", "Save it as UTF-8 CSV or JSONL.") from err
    items = [_item(row, path.parent, class_column) for row in rows if row.get("path") or row.get("audio")]
    if not items:
        raise TrainingError(f"The manifest {path} names no clips.", "It needs a column called path.")
    return items


def _item(row: dict[str, Any], folder: Path, class_column: str) -> Item:
    name = str(row.get("path") or row.get("audio"))
    path = next((f / name for f in (folder, folder.parent) if (f / name).exists()), folder / name)
    captions = row.get("captions") or row.get("caption") or ()
    tags = row.get("tags") or ()
    return Item(
        path=str(path),
        captions=tuple(captions.split("|")) if isinstance(captions, str) else tuple(captions),
        label=str(row.get("label") or ""),
        tags=tuple(tags.split(";")) if isinstance(tags, str) else tuple(tags),
        split=str(row.get("split") or ""),
        group=str(row.get("group") or ""),
        class_name=str(row.get(class_column) or ""),
        licence=str(row.get("licence") or ""),
        licence_class=str(row.get("licence_class") or ""),
        author=str(row.get("author") or ""),
        title=str(row.get("title") or ""),
        url=str(row.get("url") or ""),
        source=str(row.get("source") or ""),
    )


def trainable(items: Iterable[Item]) -> list[Item]:
    """Keep what weights may be trained on and shipped: the train split, permissive, with an author to credit."""
    return [item for item in items if item.split == "train" and item.licence_class in FREE and item.author]


def readable(
    items: Sequence[Item], read: Callable[[Item], T], on_message: Callable[[str], None]
) -> tuple[list[Item], list[T]]:
    """Read clips, leaving out those that cannot be, and say so: a run is never lost to one bad file.

    Returns:
        The items that were read, and what `read` gave for each.
    """
    kept: list[tuple[Item, T]] = []
    for item in items:
        try:
            kept.append((item, read(item)))
        except DecodeError as err:
            on_message(f"Left out {item.path}: {err.message}")
    return [item for item, _ in kept], [value for _, value in kept]


def at_least_one(items: Sequence[Item]) -> None:
    """Refuse to go on with nothing.

    Raises:
        TrainingError: If there are no items.
    """
    if not items:
        raise TrainingError("None of the clips can be used.", "Check the manifest's paths, splits and licences.")


def relative_to(items: Sequence[Item], folder: Path) -> list[Item]:
    """The same items with paths relative to a folder that they are below."""
    return [replace(item, path=str(Path(item.path).relative_to(folder))) for item in items]


def load_samples(item: Item, sample_rate: int, max_s: float = 12.0) -> FloatArray:
    """Decode the clip of an item to mono at a rate, shape (n_samples,).

    Raises:
        DecodeError: If the clip cannot be read.
    """
    if item.samples is not None:
        return item.samples
    waveform = decode(item.path, max_s=max_s)
    return resample(mono(waveform), waveform.sample_rate, sample_rate)


def sound_of(label: str) -> str:
    """The one name of what a label says is heard; "crash cymbal 2" is not heard as a number."""
    words = re.sub(r"\s+\d+$", "", label)
    return _SAME.get(words, words)


def phrasings(item: Item) -> tuple[str, ...]:
    """All texts that an item may be trained with: captions, label, and tags that say what is heard."""
    heard = [tag for tag in item.tags if tag not in _NOT_HEARD]
    words = sound_of(item.label)
    texts = [*item.captions, words, *(f"{words}, {tag}" for tag in heard if tag not in words)]
    if m := re.fullmatch(r"(.+), single note ([A-G]#?\d)", item.captions[0] if item.captions else ""):
        texts.append(f"a {m[1]} playing a note")
    return tuple(dict.fromkeys(text for text in texts if text))


def draw_text(item: Item, rng: np.random.Generator) -> str:
    """Choose one text for a step: the caption in half of the cases, else another phrasing, some in a template."""
    options = phrasings(item)
    if item.captions and rng.random() < 0.5:
        return item.captions[int(rng.integers(len(item.captions)))]
    return _TEMPLATES[int(rng.integers(len(_TEMPLATES)))].format(options[int(rng.integers(len(options)))])


def sampling_weights(items: Sequence[Item]) -> npt.NDArray[np.float64]:
    """Probability of each item: by the square root of how often its label occurs, so that none drowns the rest."""
    names, index, counts = np.unique([sound_of(item.label) for item in items], return_inverse=True, return_counts=True)
    del names
    weights = 1 / np.sqrt(counts[index])
    return np.asarray(weights / weights.sum(), np.float64)


def fits(items: Sequence[Item], texts: Sequence[str], own: Sequence[int]) -> BoolArray:
    """Say which texts fit which clip: its own, those of clips with its label, and any of its phrasings.

    Args:
        items: The clips of a batch.
        texts: The unique texts of the batch.
        own: Which text was drawn for each clip.

    Returns:
        Shape (len(items), len(texts)).
    """
    right = np.zeros((len(items), len(texts)), bool)
    labels: dict[int, set[str]] = {}
    for item, column in zip(items, own, strict=True):
        labels.setdefault(column, set()).add(sound_of(item.label))
    for row, item in enumerate(items):
        mine = set(phrasings(item))
        for column, text in enumerate(texts):
            shared = bool(item.label) and sound_of(item.label) in labels.get(column, ())
            right[row, column] = column == own[row] or text in mine or shared
    return right

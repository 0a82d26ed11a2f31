"""Items that name clips: what every source gives, what every step takes; manifests, and how an item's sound is read."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import soundfile

from soundsearch.audio.decode import Waveform, blocks, decode, mono, resample
from soundsearch.errors import DecodeError, TrainingError
from soundsearch.records import FloatArray

BoolArray = npt.NDArray[np.bool_]
T = TypeVar("T")
MARGIN_S = 1.0  # decoded and resampled behind the part asked for, so that the part equals that of the whole clip
READERS = 4  # threads that decode; the codec libraries let go of the interpreter
_NO_CHARACTER = re.compile(r"[\ud800-\udfff]+")  # bytes that were not UTF-8, and half surrogates of Windows
_BETWEEN = re.compile(r"[;|,]")


@dataclass(frozen=True, slots=True)
class Item:
    """One clip to learn from, or a generated one (then `samples` is there and `path` is a made-up name).

    `path` is as os.fsdecode gives it. `split` is what the source says until `splits.split` makes it "train",
    "validation" or "test". A clip of a shard has no file: `path` tells where it came from, `encoded` holds its file.
    """

    path: str
    captions: tuple[str, ...]  # written by people, about this clip
    label: str = ""
    tags: tuple[str, ...] = ()
    split: str = ""
    group: str = ""  # clips of one group are never on both sides of a split
    class_name: str = ""  # of the zero-shot check, "" outside it
    licence: str = ""
    licence_class: str = ""
    author: str = ""
    title: str = ""
    url: str = ""
    source: str = ""
    samples: FloatArray | None = field(default=None, repr=False)  # mono, at the front end's sample rate
    generated: bool = False
    pack: str = ""  # sample pack, kit or vendor folder that it came with
    tag_sources: tuple[str, ...] = ()  # of each tag: "name", "folder", "file", "sidecar", "user", "manifest", "shard"
    duration_s: float = 0.0  # 0 while nobody decoded it
    digest: str = ""  # the same for the same sound; "" while nobody looked
    encoded: bytes | None = field(default=None, repr=False)  # an audio file held in memory
    full_scale: int = 32768  # what 1.0 is in the 16-bit samples of `encoded`


def read_manifest(path: Path, class_column: str = "esc_class") -> list[Item]:
    """Read a CSV with a header or a JSONL file; clip paths are relative to the manifest or to the folder above it.

    Columns: `path` (or `audio`), `caption` or `captions` (`|`-separated or a list), and, where there are, `label`,
    `tags` (`;`-, `|`- or `,`-separated, or a list), `split`, `group`, `pack`, `licence`, `licence_class`, `author`,
    `title`, `url`, `source`. Columns may be separated by comma, semicolon or tab.

    Raises:
        TrainingError: If it cannot be read, or has no row with a clip.
    """
    try:
        # Paths may hold bytes that are not UTF-8, as os.fsdecode gives them.
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
        rows = list(_json_rows(text)) if path.suffix.lower() == ".jsonl" else _csv_rows(text)
    except OSError as err:
        raise TrainingError(f"Cannot read the manifest {path}: {err.strerror}.", "Check the path.") from err
    except (ValueError, csv.Error) as err:
        raise TrainingError(f"Cannot read the manifest {path}: {err}.", "Save it as UTF-8 CSV or JSONL.") from err
    items = [item_of_row(row, path.parent, class_column) for row in rows if row.get("path") or row.get("audio")]
    if not items:
        raise TrainingError(f"The manifest {path} names no clips.", "It needs a column called path.")
    return items


def _json_rows(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not an object")
            yield row


def _csv_rows(text: str) -> list[dict[str, Any]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def item_of_row(row: dict[str, Any], folder: Path, class_column: str = "") -> Item:
    """Make an item of a row of a manifest, or of the JSON beside a clip; `folder` is what its path is relative to."""
    name = str(row.get("path") or row.get("audio") or "")
    path = next((f / name for f in (folder, folder.parent) if (f / name).exists()), folder / name)
    captions = row.get("captions") or row.get("caption") or row.get("text") or ()
    tags = row.get("tags") or row.get("tag") or ()
    return Item(
        path=str(path),
        captions=_texts(captions.split("|") if isinstance(captions, str) else captions),
        label=_text(row.get("label")),
        tags=_texts(_BETWEEN.split(tags) if isinstance(tags, str) else tags),
        split=_text(row.get("split")),
        group=_text(row.get("group")),
        class_name=_text(row.get(class_column)),
        licence=_text(row.get("licence")),
        licence_class=_text(row.get("licence_class")),
        author=_text(row.get("author")),
        title=_text(row.get("title")),
        url=_text(row.get("url")),
        source=_text(row.get("source")),
        pack=_text(row.get("pack")),
    )


def _text(value: object) -> str:
    """One line of real characters: bytes that were not UTF-8 are shown as replacement marks."""
    return " ".join(shown(str(value or "")).split())


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for value in values if (text := _text(value))))


def readable(
    items: Sequence[Item], read: Callable[[Item], T], on_message: Callable[[str], None]
) -> tuple[list[Item], list[T]]:
    """Read clips in threads, leaving out those that cannot be, and say so: a run is never lost to one bad file.

    Returns:
        The items that were read, in their order, and what `read` gave for each.
    """

    def attempt(item: Item) -> tuple[Item, T | None, str]:
        try:
            return item, read(item), ""
        except DecodeError as err:
            return item, None, err.message

    kept: list[tuple[Item, T]] = []
    with ThreadPoolExecutor(READERS) as pool:
        for item, value, reason in pool.map(attempt, items):
            if reason:
                on_message(f"Left out {shown(item.path)}: {reason}")
            else:
                kept.append((item, value))  # type: ignore[arg-type]  # read() gave it
    return [item for item, _ in kept], [value for _, value in kept]


def shown(path: str) -> str:
    """A path that can be printed and written as UTF-8: what is no character is shown as a replacement mark."""
    return _NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", path)


def at_least_one(items: Sequence[Item]) -> None:
    """Refuse to go on with nothing.

    Raises:
        TrainingError: If there are no items.
    """
    if not items:
        raise TrainingError("None of the clips can be used.", "Check the manifest's paths, splits and licences.")


def load_samples(item: Item, sample_rate: int, max_s: float | None = 12.0) -> FloatArray:
    """Decode the clip of an item, or its first seconds, to mono at a rate: the same samples as those of the whole clip.

    Args:
        item: Whose samples.
        sample_rate: In Hz.
        max_s: How much of it, None for all.

    Returns:
        Shape (n_samples,), float32.

    Raises:
        DecodeError: If the clip cannot be read.
    """
    if item.samples is not None:
        return item.samples
    waveform = load_waveform(item, None if max_s is None else max_s + MARGIN_S)
    samples = resample(mono(waveform), waveform.sample_rate, sample_rate)
    return samples if max_s is None else samples[: round(max_s * sample_rate)]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What decoding a clip once tells: a digest of its samples, its length and its peak."""

    digest: str
    duration_s: float
    peak: float


def fingerprint(item: Item) -> Fingerprint:
    """Decode the clip of an item, a block at a time. The digest is the same for the same sound in other containers.

    Raises:
        DecodeError: If it cannot be read.
    """
    if item.samples is not None:
        parts: Iterable[Waveform] = (Waveform(item.samples[:, None], 1),)
    else:
        parts = blocks(item.path) if item.encoded is None else (load_waveform(item),)
    digest = hashlib.blake2b(digest_size=16)
    duration_s, peak = 0.0, 0.0
    for part in parts:
        digest.update(f"{part.sample_rate} {part.samples.shape[1]}".encode() if not duration_s else b"")
        digest.update(np.ascontiguousarray(part.samples).tobytes())
        duration_s += part.duration_s
        peak = max(peak, float(np.abs(part.samples).max(initial=0)))
    return Fingerprint(digest.hexdigest(), duration_s, peak)


def load_waveform(item: Item, max_s: float | None = None) -> Waveform:
    """Decode the clip of an item, or its first seconds, as it is stored.

    Raises:
        DecodeError: If the clip cannot be read.
    """
    if item.encoded is None:
        return decode(item.path, max_s=max_s)
    try:
        with soundfile.SoundFile(io.BytesIO(item.encoded)) as file:
            count = -1 if max_s is None else round(max_s * file.samplerate)
            exact = file.subtype == "PCM_16" and item.full_scale != 32768
            samples = file.read(count, dtype="int16" if exact else "float32", always_2d=True)
            rate = int(file.samplerate)
    except (soundfile.SoundFileError, RuntimeError) as err:
        raise DecodeError("its audio in the shard is damaged", "Write the shard again.") from err
    if not len(samples):
        raise DecodeError("it holds no samples", "Write the shard again.")
    scaled = samples.astype(np.float32) / np.float32(item.full_scale) if exact else np.nan_to_num(samples)
    return Waveform(scaled, rate)

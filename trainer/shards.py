"""Shards in the layout of LAION-Audio-630K: `<dataset>/<split>/N.tar` of FLAC and JSON pairs, with `sizes.json`.

Written as mono 48 kHz FLAC through the 16-bit step of the published training data, so that a model at 48 kHz sees the
very samples that it sees in the folder the shards came from. Read by the webdataset library; what is damaged is
skipped with a message.
"""

import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from glob import glob
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from braceexpand import braceexpand

from soundsearch.audio.decode import is_audio_name
from soundsearch.audio.features import int16_step
from soundsearch.errors import DecodeError, TrainingError
from trainer.data import Item, item_of_row, load_samples, shown

SAMPLE_RATE = 48_000  # Hz
FULL_SCALE = 32767  # of the 16-bit step: 1.0 is written as this
IN_MEMORY_BYTES = 2 << 30  # of all shards together; more is streamed
MAX_S = 600.0  # of one clip
READERS = 4  # threads
AHEAD = 64  # clips that are decoded while others are written
SHUFFLED = 1000  # samples that are mixed with each other in a stream
SIZES = "sizes.json"
OURS = "soundsearch"  # key of `original_data`: the item as it was before it became text
_KEPT = ("label", "group", "pack", "split", "licence", "licence_class", "author", "title", "url", "source")
_AUDIO = ("flac", "wav", "ogg", "mp3", "opus")
OnProblem = Callable[[str], None]
Texts = Callable[[Item], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: shards and samples of each split, and how many clips had to be left out."""

    shards: int
    samples: dict[str, int]
    left_out: int


# -- writing


def write(
    items: Sequence[Item],
    folder: Path,
    on_problem: OnProblem,
    samples_per_shard: int = 512,
    texts: Texts | None = None,
    splits: Sequence[str] = (),
) -> Written:
    """Write items as shards, one folder for each split, in their order.

    Read again they are the same items: what the source said, not what was made of it.

    Args:
        items: What to write, as the source gave them.
        folder: The data set's folder, which may hold no shards yet.
        on_problem: Told of clips that cannot be read; they are left out.
        samples_per_shard: At most.
        texts: All texts of an item, the main one first; without it captions, else the tags.
        splits: The folder of each item, default its own split, or "train".

    Raises:
        TrainingError: If it cannot be written, holds shards already, or not one clip can be read.
    """
    if folder.exists() and any(folder.rglob("*.tar")):
        raise TrainingError(f"{folder} holds shards already.", "Delete them, or choose another folder.")
    samples: dict[str, int] = {}
    count = left_out = 0
    try:
        places = splits or [item.split or "train" for item in items]
        for split in dict.fromkeys(places):
            chosen = [(k, items[k]) for k, place in enumerate(places) if place == split]
            sizes = _write_split(chosen, folder / split, on_problem, samples_per_shard, texts or _plain_texts)
            samples[split], count = sum(sizes.values()), count + len(sizes)
            left_out += len(chosen) - samples[split]
    except OSError as err:
        raise TrainingError(
            f"Cannot write shards to {folder}: {err.strerror or err}.", "Choose another --to-shards."
        ) from err
    if not count:
        raise TrainingError("Not one clip can be read, so there is nothing to write.", "See the messages above.")
    return Written(count, samples, left_out)


def _plain_texts(item: Item) -> tuple[str, ...]:
    return item.captions or (", ".join(item.tags),)


def _write_split(
    items: Sequence[tuple[int, Item]], folder: Path, on_problem: OnProblem, per_shard: int, texts: Texts
) -> dict[str, int]:
    import webdataset  # it loads torch, which other sources do without

    folder.mkdir(parents=True, exist_ok=True)
    sizes: dict[str, int] = {}
    samples = _encoded(items, on_problem)
    while part := list(islice(samples, per_shard)):
        name = f"{len(sizes)}.tar"
        # Fixed owner and time: the same items make the same bytes.
        with (
            (folder / name).open("wb") as file,
            webdataset.TarWriter(file, mtime=0, user="", group="", encoder=False) as tar,
        ):
            for key, (index, item, flac) in enumerate(part):
                record = _record(index, item, list(texts(item)))
                text = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
                tar.write({"__key__": str(key), "flac": flac, "json": text})
        sizes[name] = len(part)
    if sizes:
        (folder / SIZES).write_text(json.dumps(sizes), encoding="utf-8")
    return sizes


def _record(index: int, item: Item, texts: list[str]) -> dict[str, Any]:
    """The JSON beside a clip. What LAION's readers need, and the item itself for ours."""
    own = {name: value for name in _KEPT if (value := getattr(item, name))}
    own |= {"index": index, "path": shown(item.path), "full_scale": FULL_SCALE, "captions": list(item.captions)}
    record: dict[str, Any] = {
        "text": texts[:1] or [""], "tag": list(item.tags), "original_data": {OURS: own},
    }  # fmt: skip
    return record | ({"text_augment_all": texts} if len(texts) > 1 else {})


def _encoded(items: Sequence[tuple[int, Item]], on_problem: OnProblem) -> Iterator[tuple[int, Item, bytes]]:
    """FLAC files of items, decoded in threads some way ahead."""

    def attempt(pair: tuple[int, Item]) -> bytes | DecodeError:
        try:
            return flac_of(pair[1])
        except DecodeError as err:
            return err

    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(items), AHEAD):
            part = items[start : start + AHEAD]
            for (index, item), flac in zip(part, pool.map(attempt, part), strict=True):
                if isinstance(flac, DecodeError):
                    on_problem(f"Left out {shown(item.path)}: {flac.message}")
                else:
                    if item.duration_s > MAX_S:
                        on_problem(f"Only the first {MAX_S / 60:.0f} minutes of {shown(item.path)} are written")
                    yield index, item, flac


def flac_of(item: Item) -> bytes:
    """The clip of an item as a mono 48 kHz FLAC file with 16 bits.

    Raises:
        DecodeError: If it cannot be read.
    """
    samples = int16_step(load_samples(item, SAMPLE_RATE, MAX_S))
    if not len(samples):
        raise DecodeError("it holds no samples")
    file = io.BytesIO()
    soundfile.write(file, np.rint(samples * FULL_SCALE).astype(np.int16), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


# -- reading


def is_source(source: str) -> bool:
    """Whether a source names shards: a .tar file, a pattern of them, or a folder of shards.

    A folder with `sizes.json` is one, and so is one with archives and no sounds: a backup among sounds is no shard.
    """
    path = Path(source)
    if not path.is_dir():
        return source.endswith(".tar")
    if any((folder / SIZES).is_file() for folder in (path, *(child for child in path.iterdir() if child.is_dir()))):
        return True
    return bool(_tars_in(path)) and not any(is_audio_name(name) for _, _, names in os.walk(path) for name in names)


def shards_of(source: str) -> list[Path]:
    """The shards that a source names, in the order of their numbers.

    Args:
        source: A folder, a file, or a pattern with `*` or `{0..9}`.

    Raises:
        TrainingError: If there are none.
    """
    path = Path(source)
    if path.is_dir():
        found = [
            tar for folder in (path, *sorted(p for p in path.rglob("*") if p.is_dir())) for tar in _tars_in(folder)
        ]
    else:
        found = [Path(name) for part in braceexpand(source) for name in sorted(glob(part), key=_by_number)]  # noqa: PTH207  # absolute
    if not found:
        raise TrainingError(f"There are no shards in {source}.", "Give a folder of .tar files, or a pattern of them.")
    return found


def _tars_in(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*.tar") if path.is_file()), key=lambda path: _by_number(path.name))


def _by_number(name: str) -> tuple[int, str]:
    number = re.search(r"(\d+)\.tar$", name)
    return int(number[1]) if number else -1, name


def is_large(source: str) -> bool:
    """Whether shards are too large to be held in memory."""
    return sum(shard.stat().st_size for shard in shards_of(source)) > IN_MEMORY_BYTES


def count(source: str) -> int:
    """How many samples the shards of a source hold, by `sizes.json` or by looking."""
    total = 0
    for shard in shards_of(source):
        try:
            total += int(json.loads((shard.parent / SIZES).read_text(encoding="utf-8"))[shard.name])
        except (OSError, ValueError, KeyError):
            total += sum(1 for _ in _samples([shard], lambda _: None))
    return total


def items(source: str, on_problem: OnProblem) -> list[Item]:
    """All items of shards, their audio held in memory, in the order in which they were written.

    Raises:
        TrainingError: If there are no shards, or nothing in them can be read.
    """
    found = list(_samples(shards_of(source), on_problem))
    if not found:
        raise TrainingError(f"Nothing can be read in the shards of {source}.", "Write them again.")
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def stream(
    source: str | Sequence[Path],
    *,
    seed: int,
    epoch: int,
    on_problem: OnProblem,
    rank: int = 0,
    ranks: int = 1,
    skip: int = 0,
    shuffled: int = SHUFFLED,
) -> Iterator[Item]:
    """Items of one epoch, shuffled by seed and epoch; every item goes to one rank.

    Args:
        source: See `shards_of`; or the shards themselves.
        seed: Of the order.
        epoch: Each has its own order.
        on_problem: Told of damaged shards and members; they are skipped.
        rank: Of this process.
        ranks: How many there are. With fewer shards than ranks each reads all shards, and takes every n-th sample.
        skip: How many items of this epoch were taken already.
        shuffled: How many samples are mixed with each other; the order of shards is drawn beside that.

    Raises:
        TrainingError: If there are no shards.
    """
    shards = shards_of(source) if isinstance(source, str) else list(source)
    order = np.random.default_rng([seed, epoch]).permutation(len(shards))
    by_shard = len(shards) >= ranks
    chosen = [shards[k] for k in (order[rank::ranks] if by_shard else order)]
    samples = (item for _, item in _samples(chosen, on_problem))
    if not by_shard:
        samples = (item for k, item in enumerate(samples) if k % ranks == rank)
    for k, item in enumerate(_mixed(samples, shuffled, np.random.default_rng([seed, epoch, rank]))):
        if k >= skip:
            yield item


def _mixed(items: Iterator[Item], size: int, rng: np.random.Generator) -> Iterator[Item]:
    """Draw from a buffer that is kept full."""
    held: list[Item] = []
    for item in items:
        held.append(item)
        if len(held) >= max(1, size):
            place = int(rng.integers(len(held)))
            held[place], held[-1] = held[-1], held[place]
            yield held.pop()
    for place in rng.permutation(len(held)):
        yield held[place]


def _samples(shards: Sequence[Path], on_problem: OnProblem) -> Iterator[tuple[tuple[int, int], Item]]:
    """Items with their place: the number that they were written with, else that of their shard and sample."""
    from webdataset.tariterators import group_by_keys, tar_file_expander  # it loads torch

    for number, shard in enumerate(shards):
        broken: list[Exception] = []

        def note(err: Exception, broken: list[Exception] = broken) -> bool:
            broken.append(err)
            return True

        found = 0
        try:
            with shard.open("rb") as file:
                # Opened here: webdataset would run a shard called "pipe:..." as a command.
                members = tar_file_expander([{"url": str(shard), "stream": file}], handler=note)
                for sample in group_by_keys(members, handler=note):
                    found += 1
                    try:
                        yield _item(sample, shard, (number, found))
                    except ValueError as err:
                        on_problem(f"Left out {sample['__key__']} of {shown(str(shard))}: {err}")
        except (OSError, tarfile.TarError) as err:
            broken.append(err)
        if broken:
            on_problem(f"The shard {shown(str(shard))} is damaged; {found} clips before the damage were read.")


def _item(sample: dict[str, Any], shard: Path, place: tuple[int, int]) -> tuple[tuple[int, int], Item]:
    """An item of one sample.

    Raises:
        ValueError: If it holds no sound, or its JSON is damaged.
    """
    audio = next((sample[kind] for kind in _AUDIO if sample.get(kind)), None)
    if audio is None:
        raise ValueError("it holds no sound")
    try:
        row = json.loads(sample["json"].decode("utf-8", "surrogatepass"))
    except (KeyError, ValueError) as err:
        raise ValueError("its JSON is missing or damaged") from err
    if not isinstance(row, dict):
        raise ValueError("its JSON is not an object")
    given = row.get("original_data")
    own = given.get(OURS) if isinstance(given, dict) else None
    ours = own if isinstance(own, dict) else {}
    said = ours or {"captions": _captions(row), "split": shard.parent.name}
    item = item_of_row({**said, "tags": row.get("tag") or ()}, shard.parent)
    item = replace(
        item,
        path=str(ours.get("path") or f"{shard}/{sample['__key__']}"),
        tag_sources=("shard",) * len(item.tags),
        encoded=audio,
        full_scale=FULL_SCALE if ours.get("full_scale") == FULL_SCALE else item.full_scale,
    )
    return ((0, ours["index"]) if isinstance(ours.get("index"), int) else place), item


def _captions(row: dict[str, Any]) -> list[str]:
    """LAION's captions: `text_augment_all` where it is, else `text`; keyword-to-caption texts come first."""
    texts = row.get("text_augment_all") or row.get("text") or ()
    texts = [texts] if isinstance(texts, str) else list(texts)
    better = row.get("text_augment_t5")
    return [text for text in dict.fromkeys([better, *texts]) if isinstance(text, str) and text.strip()]

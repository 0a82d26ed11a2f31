"""soundsearch-train prepare: what would be trained on, before anything is trained."""

import argparse
import shlex
import shutil
import textwrap
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.commands import source
from trainer.commands.talk import Say
from trainer.data import shown

if TYPE_CHECKING:
    from trainer.data import Item

LOOKED_AT = 1000  # samples of shards that are too large to be held
CAPTION_EXAMPLES = 4
TEXTS = 3  # of each example
TAGS = 24
WORDS = 8  # examples of what cleaning did, of one kind
LINES = 6  # of a list
PATHS = 2  # that a reason names
PLAIN = ("a number", "a single letter")  # what nobody doubts comes last
PROGRESS_S = 5.0
WIDEST = 110  # columns


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source.add_arguments(parser)
    parser.add_argument("--captions", choices=("template", "grammar", "t5", "given"), default="grammar")
    parser.add_argument("--t5", default="", metavar="MODEL", help="folder or hub name of the keyword-to-caption model")
    parser.add_argument("--validation", type=float, default=0.15, help="share of the clips (default: %(default)s)")
    parser.add_argument("--test", type=float, default=0.2, help="share of the clips (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=3407, help="of splits and captions (default: %(default)s)")
    parser.add_argument("--to-shards", type=Path, metavar="DIR", help="write the clips as webdataset shards")
    parser.add_argument("--samples-per-shard", type=int, default=512, metavar="N")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Look at a source, and write it as shards where that is asked for.

    Raises:
        SoundSearchError: If the source cannot be read, or nothing in it can be used.
    """
    from trainer import audit
    from trainer.captions.writer import caption_writer
    from trainer.data import at_least_one
    from trainer.splits import LEAST, NAMES, split

    collected = source.collect(options)
    problems = list(collected.problems)
    listed = _first(options, problems, say) if collected.streamed else collected.items
    heard, left_out = audit.hear(listed, _progress(len(listed), say))
    usable = [item for item in heard if item.tags or item.captions or item.label]
    at_least_one(usable)
    placed = split(usable, None, validation=options.validation, test=options.test, seed=options.seed)
    sizes = {name: sum(item.split == name for item in placed.items) for name in NAMES}
    if not (enough := collected.streamed or min(sizes.values()) >= LEAST):
        problems.insert(
            0,
            f"Too few to train: fit needs {LEAST} clips to learn from, {LEAST} to choose by and {LEAST} for the proof.",
        )
    writer = caption_writer(options.captions, seed=options.seed, t5=options.t5)
    picked = _varied(usable)
    writer.prepare(usable if options.to_shards else picked)
    result = {
        "source": str(options.source),
        "kind": collected.kind,
        "clips": len(listed),
        "usable": len(usable),
        "seconds": round(sum(item.duration_s for item in heard), 1),
        "tags": audit.tag_counts(usable),
        "captioned": sum(bool(item.captions) for item in usable),
        "packs": len({item.pack for item in usable if item.pack}),
        "splits": sizes,
        "enough": enough,
        "cleaning": [{**asdict(row), "kept": row.kept} for row in collected.cleaning],
        "captions": options.captions,
        "examples": [{"path": item.path, "tags": item.tags, "texts": writer.texts(item)} for item in picked],
        "leaks": [str(leak) for leak in placed.leaks],
        "left_out": [asdict(clip) for clip in left_out],
        "problems": [*problems, *placed.notes, *audit.complaints(usable), *writer.notes()],
    }
    if options.to_shards:
        result["shards"] = _write(options, usable, [item.split for item in placed.items], writer.texts, say)
    return result


def _progress(total: int, say: Say) -> "Callable[[int], None]":
    last = time.monotonic()

    def on_progress(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > PROGRESS_S:
            last = time.monotonic()
            say(f"{done:,} of {total:,} clips read")

    return on_progress


def _first(options: argparse.Namespace, problems: list[str], say: Say) -> "list[Item]":
    """Some items of shards that are too large to be held."""
    from soundsearch.errors import TrainingError
    from trainer import shards

    if options.to_shards:
        raise TrainingError("These clips are in shards already.", "Leave out --to-shards.")
    total = shards.count(options.source)
    problems.append(f"The shards hold {total:,} clips: only the first {LOOKED_AT:,} were looked at.")
    say(problems[-1])
    found = shards.stream(options.source, seed=options.seed, epoch=0, on_problem=problems.append, shuffled=1)
    return list(islice(found, LOOKED_AT))


def _varied(items: "Sequence[Item]") -> "list[Item]":
    """Examples from all over the source, those with several tags rather than those with one."""
    places = [len(items) * k // CAPTION_EXAMPLES for k in range(CAPTION_EXAMPLES + 1)]
    parts = [items[low:high] for low, high in pairwise(places)]
    return [max(part, key=lambda item: min(len(item.tags), 4)) for part in parts if part]


def _write(
    options: argparse.Namespace,
    items: "Sequence[Item]",
    splits: Sequence[str],
    texts: "Callable[[Item], Sequence[str]]",
    say: Say,
) -> dict[str, Any]:
    from trainer import shards

    say(f"Writing {len(items):,} clips to {options.to_shards}")
    written = shards.write(items, options.to_shards, say, options.samples_per_shard, texts, splits)
    return {"folder": str(options.to_shards), **asdict(written)}


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person, on about one screen."""
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 40)).columns)
    return "\n".join(line for part in (_head, _words, _captions, _trouble, _next) for line in part(result, width))


def _head(result: dict[str, Any], width: int) -> Iterator[str]:
    minutes, seconds = divmod(round(result["seconds"]), 60)
    left = result["clips"] - result["usable"]
    yield f"{result['usable']:,} clips can be trained on, {minutes} min {seconds} s" + (
        f"; {left:,} cannot" if left else ""
    )
    parts = result["splits"]
    packs = f", from {result['packs']} pack{'s' if result['packs'] > 1 else ''}" if result["packs"] else ""
    yield (
        f"{parts['train']:,} to learn from, {parts['validation']:,} to choose when to stop, {parts['test']:,} "
        f"to prove it on{packs}; packs, recordings and copies stay together"
    )
    if result["captioned"]:
        yield f"with captions of their own: {result['captioned']:,}"
    tags = [f"{tag} {count:,}" for tag, count in result["tags"][:TAGS]]
    more = len(result["tags"]) - len(tags)
    yield from _list(f"{len(result['tags']):,} tags", ", ".join(tags) + (f" and {more:,} more" if more else ""), width)


def _words(result: dict[str, Any], width: int) -> Iterator[str]:
    """What cleaning did, by reason: the words that most clips had."""
    if not result["cleaning"]:
        return
    meant: dict[str, list[str]] = defaultdict(list)
    dropped: dict[str, list[str]] = defaultdict(list)
    for row in result["cleaning"]:
        if row["reason"] == "means":
            meant[row["tag"]].append(row["piece"])
        elif not row["kept"]:
            dropped[row["reason"].partition(":")[0]].append(row["piece"])
    yield ""
    yield "What became of the words in names (all of it: --json; correct it: --keep-words, --drop-words)"
    pairs = [f"{', '.join(dict.fromkeys(pieces[:3]))} → {tag}" for tag, pieces in meant.items()]
    yield from _list("understood", _some(pairs, WORDS), width)
    for reason, pieces in sorted(dropped.items(), key=lambda pair: (pair[0] in PLAIN, -len(pair[1]))):
        yield from _list("left out", f"{_some(list(dict.fromkeys(pieces)), WORDS)} ({reason})", width)


def _captions(result: dict[str, Any], width: int) -> Iterator[str]:
    yield ""
    yield f"Texts that clips will be trained with (--captions {result['captions']})"
    for example in result["examples"]:
        yield f"  {shown(_tail(example['path'], width - 4))}"
        yield from (f"    {textwrap.shorten(shown(text), width - 4)}" for text in example["texts"][:TEXTS])


def _trouble(result: dict[str, Any], width: int) -> Iterator[str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for clip in result["left_out"]:
        reasons[clip["reason"]].append(clip["path"])
    left_out = [f"{reason}: {_some(paths, PATHS)}" for reason, paths in reasons.items()]
    for title, lines in (("Leaks", result["leaks"]), ("Left out", left_out), ("Look at", result["problems"])):
        yield from ["", title] if lines else []
        for line in lines[:LINES]:
            yield from textwrap.wrap(shown(line), width, initial_indent="  ", subsequent_indent="    ")
        if len(lines) > LINES:
            yield f"  and {len(lines) - LINES:,} more (all of them: --json)"


def _next(result: dict[str, Any], width: int) -> Iterator[str]:
    del width
    yield ""
    if "shards" in result:
        written = result["shards"]
        clips = sum(written["samples"].values())
        yield f"Wrote {clips:,} clips in {written['shards']:,} shards to {written['folder']}."
    elif result["enough"]:
        yield f"Next: soundsearch-train fit {shlex.quote(shown(result['source']))} --out my-model"


def _list(name: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(shown(text), width, initial_indent=f"  {name:<12}", subsequent_indent=" " * 14) if text else []


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _tail(path: str, width: int) -> str:
    """The end of a path: that is where it differs from others."""
    return path if len(path) <= width else f"…{path[-(width - 1) :]}"

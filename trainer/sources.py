"""Sources: tagged folders, manifests, shards and catalogues, each as the same items, with what cleaning did."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from soundsearch.audio.decode import is_audio_name
from soundsearch.catalogue.store import Catalogue
from soundsearch.errors import TrainingError
from soundsearch.records import Filter
from trainer import shards
from trainer.data import Item, read_manifest, shown
from trainer.packs import Name, Tagged, tag_names
from trainer.sidecar import Written, read_written

CATALOGUE = "catalogue.sqlite"
MANIFESTS = (".csv", ".tsv", ".jsonl")
EXAMPLES = 3  # clips that a message names
COMMON_SHARE = 0.02  # of the clips with the same description: then it describes a pack, not a clip
_SPLITS = {
    "train": "train", "training": "train", "dev": "validation", "val": "validation", "valid": "validation",
    "validation": "validation", "development": "train", "test": "test", "testing": "test", "eval": "test",
    "evaluation": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A part of names, and what became of it: `tag` is "" for what was dropped."""

    piece: str
    place: str  # "folder" or "name"
    tag: str
    reason: str
    clips: int
    example: str  # path of a clip

    @property
    def kept(self) -> bool:
        """Whether it became a tag."""
        return bool(self.tag)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a source holds. A streamed source is too large for memory: `shards.stream` gives its items."""

    items: tuple[Item, ...]
    kind: str  # "folders", "manifest", "shards" or "catalogue"
    cleaning: tuple[Cleaned, ...] = ()
    problems: tuple[str, ...] = ()
    streamed: bool = False


def collect(
    source: str | Path,
    *,
    folders: Collection[str] = (),
    collections: Collection[str] = (),
    exclude: Collection[str] = (),
    keep_words: Collection[str] = (),
    drop_words: Collection[str] = (),
) -> Collected:
    """Find the clips of a source and what is said about them. Nothing is decoded.

    Args:
        source: A folder of sounds, a CSV or JSONL manifest, a folder or pattern of shards, a data folder of the
            program, or its catalogue.
        folders: Only clips below these or in one of the collections; relative ones are below the source.
        collections: Names of collections, which a catalogue alone has.
        exclude: Leave out clips whose path, or a folder above them, is one of these or matches it as a pattern.
        keep_words: Words of names that are tags whatever the cleaning says.
        drop_words: Words of names that are none.

    Raises:
        TrainingError: If the source cannot be read or holds no clips.
        CatalogueError: If the catalogue cannot be read.
    """
    path = Path(source)
    catalogue = _catalogue_of(path)
    if collections and catalogue is None:
        raise TrainingError(f"{source} has no collections.", "They belong to the library: give its data folder.")
    if shards.is_source(str(source)):
        found = _from_shards(str(source))
    elif catalogue is not None:
        found = _from_catalogue(catalogue, keep_words, drop_words)
    elif path.is_dir():
        found = _from_folder(path, keep_words, drop_words)
    elif path.suffix.lower() in MANIFESTS:
        found = Collected(tuple(_of_manifest(item) for item in read_manifest(path)), "manifest")
    elif path.exists():
        raise TrainingError(f"{path} is no source of clips.", "Give a folder, a CSV or JSONL file, or shards.")
    else:
        raise TrainingError(f"There is no {path}.", "Check the path.")
    base = path if path.is_dir() else path.parent
    collected = _collected(catalogue, collections) if catalogue is not None and collections else frozenset[str]()
    items = [
        item
        for item in found.items
        if (not (folders or collections) or item.digest in collected or _is_in(item.path, base, folders))
        and not _excluded(item, base, exclude)
    ]
    if not items and not found.streamed:
        what = "folders and collections" if collections else "folders"
        raise TrainingError(f"There are no clips in {source}.", f"Check the path and the {what} that were chosen.")
    if items and not any(item.tags or item.captions for item in items):
        raise TrainingError(
            f"Nothing tells what is heard in the clips of {source}.",
            "Put them in folders with names like Kick or Rain, name them so, or list them in a CSV with path and tags.",
        )
    return replace(found, items=tuple(items), problems=(*found.problems, *_complaints(items)))


def _is_in(path: str, base: Path, folders: Collection[str]) -> bool:
    return any(_is_below(path, str(base / folder)) for folder in folders)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _excluded(item: Item, base: Path, patterns: Collection[str]) -> bool:
    relative = os.path.relpath(item.path, base) if patterns else ""
    return any(
        _is_below(item.path, pattern) or _is_below(relative, pattern) or fnmatchcase(relative, pattern)
        for pattern in patterns
    )


def _complaints(items: Sequence[Item]) -> Iterator[str]:
    """What is wrong with items before anybody hears them."""
    if bare := [item.path for item in items if not item.tags and not item.captions]:
        yield f"{_count(len(bare))} without tags or captions: {_some(bare)}"


def _count(number: int) -> str:
    return "1 clip" if number == 1 else f"{number:,} clips"


def _some(paths: Sequence[str]) -> str:
    names = ", ".join(shown(path) for path in paths[:EXAMPLES])
    return f"{names} and {len(paths) - EXAMPLES:,} more" if len(paths) > EXAMPLES else names


# -- manifests and shards


def split_name(name: str) -> str:
    """One of "train", "validation" and "test" for what manifests call them, "" for anything else."""
    return _SPLITS.get(name.strip().lower(), "")


def _of_manifest(item: Item) -> Item:
    """A label is a tag where there is nothing else; all tags are the manifest's."""
    tags = item.tags or ((item.label,) if item.label and not item.captions else ())
    return replace(item, tags=tags, tag_sources=("manifest",) * len(tags), split=split_name(item.split))


def _from_shards(source: str) -> Collected:
    problems: list[str] = []
    if shards.is_large(source):
        return Collected((), "shards", streamed=True)
    items = tuple(replace(item, split=split_name(item.split)) for item in shards.items(source, problems.append))
    return Collected(items, "shards", problems=tuple(problems))


# -- folders


def _from_folder(folder: Path, keep_words: Collection[str], drop_words: Collection[str]) -> Collected:
    paths = list(_sounds(folder))
    places = [Path(path).relative_to(folder) for path in paths]
    problems = [
        f"{file.name} in the folder is not read: give it as the source to train on what it says."
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in MANIFESTS
    ]
    nobody: tuple[str, ...] = ()
    items, cleaning = _tagged(paths, places, read_written(paths), [nobody] * len(paths), keep_words, drop_words)
    return Collected(items, "folders", cleaning, tuple(problems))


def _sounds(folder: Path) -> Iterator[str]:
    """Every file with the name of a sound below a folder, in an order that does not depend on the disk."""
    for top, below, names in os.walk(folder):
        below[:] = sorted((name for name in below if not name.startswith((".", "__MACOSX"))), key=os.fsencode)
        for name in sorted(names, key=os.fsencode):
            if is_audio_name(name):
                yield str(Path(top) / name)


def _tagged(
    paths: Sequence[str],
    places: Sequence[Path],
    written: Sequence[Written],
    given: Sequence[tuple[str, ...]],
    keep_words: Collection[str],
    drop_words: Collection[str],
) -> tuple[tuple[Item, ...], tuple[Cleaned, ...]]:
    """Items of clips that their names, their files and people tell about.

    Args:
        paths: Whole paths.
        places: The same below their root.
        written: What stands in their files and beside them.
        given: Tags by people.
        keep_words: See `collect`.
        drop_words: See `collect`.
    """
    names = [Name(place.parts[:-1], place.stem) for place in places]
    tagged = tag_names(names, keep_words, drop_words)
    takes = Counter((name.folders, number) for name, tag in zip(names, tagged, strict=True) for number in tag.numbers)
    items = []
    for path, name, tag, own, people in zip(paths, names, tagged, _about_clips(written), given, strict=True):
        sources = [(t, "user") for t in people] + [(t, own.where) for t in own.tags]
        sources += zip(tag.tags, tag.tag_sources, strict=True)
        tags = {t.casefold(): (t, source) for t, source in reversed(sources)}
        chosen = list(tags.values())[::-1]
        recordings = [n for n in tag.numbers if takes[name.folders, n] > 1]
        items.append(
            Item(
                path=path,
                captions=own.captions,
                tags=tuple(t for t, _ in chosen),
                tag_sources=tuple(source for _, source in chosen),
                pack=tag.pack,
                group="/".join((*name.folders, recordings[0])) if recordings else "",
            )
        )
    return tuple(items), tuple(_cleaned(paths, tagged))


def _about_clips(written: Sequence[Written]) -> list[Written]:
    """Without descriptions that many clips share: those are about a pack."""
    often = Counter(caption for own in written for caption in own.captions if own.where == "file")
    most = max(1, COMMON_SHARE * len(written))
    return [replace(own, captions=tuple(c for c in own.captions if often[c] <= most)) for own in written]


def _cleaned(paths: Sequence[str], tagged: Sequence[Tagged]) -> Iterable[Cleaned]:
    """Every different thing that cleaning did, the most frequent first."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    example: dict[tuple[str, str, str, str], str] = {}
    for path, tag in zip(paths, tagged, strict=True):
        for key in dict.fromkeys((p.raw.casefold(), where, p.tag, p.reason) for where, p in tag.pieces):
            counts[key] += 1
            example.setdefault(key, path)
    for key, clips in counts.most_common():
        yield Cleaned(*key, clips=clips, example=example[key])


# -- catalogue


def _catalogue_of(path: Path) -> Path | None:
    file = path / CATALOGUE if path.is_dir() else path
    return file if file.name.endswith(".sqlite") and file.is_file() else None


def _collected(path: Path, collections: Collection[str]) -> frozenset[str]:
    """Digests of the items in some collections; what was not analysed is in none."""
    catalogue = Catalogue(path)
    try:
        _, contents = catalogue.select(Filter(collections=tuple(collections)))
        return frozenset(_digest(content) for content in contents.tolist())
    finally:
        catalogue.close()


def _digest(content: int) -> str:
    return f"content {content}"


def _from_catalogue(path: Path, keep_words: Collection[str], drop_words: Collection[str]) -> Collected:
    """Clips that can be reached, with tags by people and by names; what a model guessed is no truth.

    No sound file is opened: the window asks for this between two searches.
    """
    catalogue = Catalogue(path)
    try:
        ids, contents = (array.tolist() for array in catalogue.select(Filter()))
        clips, by_people = catalogue.clips(ids), catalogue.tags_by_people(ids)
    finally:
        catalogue.close()
    here = [clip for clip in clips if not clip.offline]
    problems = [f"{_count(len(clips) - len(here))} on drives that are not there"] if len(here) < len(clips) else []
    items, cleaning = _tagged(
        [clip.path for clip in here],
        [Path(clip.path).relative_to(clip.root) for clip in here],
        [Written()] * len(here),
        [by_people.get(clip.id, ()) for clip in here],
        keep_words,
        drop_words,
    )
    content = dict(zip(ids, contents, strict=True))
    digests = [_digest(content[clip.id]) if content[clip.id] else "" for clip in here]
    items = tuple(replace(item, digest=digest) for item, digest in zip(items, digests, strict=True))
    return Collected(items, "catalogue", cleaning, tuple(problems))

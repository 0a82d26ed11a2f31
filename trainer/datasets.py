"""The published data sets of sound and language, read from a local folder; nothing is downloaded.

`trainer.layouts` knows their tables and folders.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from soundsearch.errors import TrainingError
from trainer.data import Item
from trainer.evaluate import PAPER_PROMPT
from trainer.layouts import LAYOUTS, Files, Kind, split_name


@dataclass(frozen=True, slots=True)
class DataSet:
    """Clips of a data set that are there, with what its tables say of them.

    Attributes:
        name: As published.
        kind: "captions", one class for each clip ("classes"), or several labels ("tags").
        items: All splits. `group` is the recording a clip was cut from, as "freesound 1234" or "youtube abc".
        missing: Clips that the tables name and the folder lacks.
        labels: All classes or labels that the tables name, in alphabetical order.
        test: The split that is measured; "" where all clips are, fold by fold.
        prompt: The paper's text for a class.
    """

    name: str
    kind: Kind
    items: tuple[Item, ...]
    missing: tuple[str, ...]
    labels: tuple[str, ...]
    test: str
    prompt: str = PAPER_PROMPT

    def split(self, name: str = "") -> list[Item]:
        """Clips of a split, by any of its common names; "" is the one that is measured."""
        wanted = split_name(name or self.test)
        return [item for item in self.items if wanted in ("", item.split)]


def recognise(folder: Path) -> list[tuple[str, Path]]:
    """Say which data sets a folder holds: itself, or one in each of its folders, as a list of name and folder."""
    if found := next((name for name, layout in LAYOUTS.items() if layout.there(folder)), ""):
        return [(found, folder)]
    if not folder.is_dir():
        return []
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    direct = [(name, path) for path in below for name, layout in LAYOUTS.items() if layout.there(path)]
    return direct or [
        (name, path)
        for parent in below
        for path in sorted(inner for inner in parent.iterdir() if inner.is_dir())
        for name, layout in LAYOUTS.items()
        if layout.there(path)
    ]


def load(folder: Path, name: str = "") -> DataSet:
    """Read a data set.

    Args:
        folder: As unpacked.
        name: Which it is; "" recognises it.

    Raises:
        TrainingError: If it is not such a data set, its tables cannot be read, or none of its clips are there.
    """
    everything = listed(folder, name)
    items = tuple(item for item in everything.items if item.path)
    if not items:
        raise TrainingError(
            f"None of the {len(everything.items)} clips of {everything.name} are in {folder}.",
            "Put its audio below the same folder as its tables.",
        )
    return replace(everything, items=items)


def listed(folder: Path, name: str = "") -> DataSet:
    """Read the tables of a data set: all its clips, those without audio with an empty path.

    Raises:
        TrainingError: If it is not such a data set, or its tables cannot be read.
    """
    known = {key.lower(): key for key in LAYOUTS}
    if name and name.lower() not in known:
        raise TrainingError(f"There is no data set {name}.", f"Choose one of: {', '.join(LAYOUTS)}.")
    found = known[name.lower()] if name else next((n for n, path in recognise(folder) if path == folder), "")
    if not found or not LAYOUTS[found].there(folder):
        what = f"the layout of {found}" if found else "the layout of a data set that is known"
        raise TrainingError(f"{folder} does not have {what}.", f"Known are: {', '.join(LAYOUTS)}.")
    layout = LAYOUTS[found]
    try:
        items = tuple(layout.read(folder, Files(folder)))
    except (OSError, csv.Error) as err:
        raise TrainingError(f"Cannot read the tables of {found} in {folder}: {err}.", "Unpack it again.") from err
    except (KeyError, ValueError, IndexError) as err:
        raise TrainingError(f"The tables of {found} in {folder} lack {err}.", "Unpack it again.") from err
    missing = tuple(item.title for item in items if not item.path)
    labels = tuple(sorted({label for item in items for label in (item.class_name, *item.tags)} - {""}))
    return DataSet(found, layout.kind, items, missing, labels, layout.test, layout.prompt)


def exclusions(path: Path) -> frozenset[str]:
    """Names and ids of clips to leave out: the lines of a file, or all recordings of a data set's folder.

    A line names a clip by file name, with or without folder and extension, or by its Freesound or YouTube id.

    Raises:
        TrainingError: If it is neither.
    """
    if path.is_dir():
        found = recognise(path)
        if not found:
            raise TrainingError(f"{path} holds no data set that is known.", f"Known are: {', '.join(LAYOUTS)}.")
        return frozenset(item.group for name, folder in found for item in listed(folder, name).items if item.group)
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError as err:
        raise TrainingError(f"Cannot read the list {path}: {err.strerror}.", "Check the path.") from err
    return frozenset(line.strip() for line in lines if line.strip())


def without(items: Sequence[Item], excluded: frozenset[str]) -> list[Item]:
    """Leave out clips that are named, or cut from a recording that is."""
    return [item for item in items if not excluded & names_of(item)]


def names_of(item: Item) -> set[str]:
    """All names by which a list may mean a clip."""
    path = Path(item.path)
    return {item.path, path.name, path.stem, item.title, item.group, item.group.partition(" ")[2]} - {""}

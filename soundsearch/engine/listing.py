"""Listing: walk a root, compare with what is known of it, and commit the differences; names can be searched at once."""

import logging
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from soundsearch.audio.decode import is_audio_name
from soundsearch.catalogue.store import Catalogue, FoundFile, KnownFile, KnownRoot
from soundsearch.records import ClipState, Progress, ScanReport

log = logging.getLogger(__name__)

LIST_BATCH = 1000  # files listed in one transaction


def mount_point(path: bytes) -> bytes:
    """The mount point that a path is on."""
    path = os.path.abspath(path)
    while not os.path.ismount(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def reach(catalogue: Catalogue, root: KnownRoot) -> bytes | None:
    """Return the mount point a root is on, None if it is offline.

    An unplugged drive often leaves its empty mount folder behind: an empty root on another mount point than before is
    offline, not emptied.
    """
    try:
        with os.scandir(root.path) as entries:
            empty = next(entries, None) is None
    except OSError:
        return None
    mount = mount_point(root.path)
    if empty and mount != root.mount and catalogue.files(root.id):
        return None
    return mount


def _walk(top: bytes, unreadable: list[bytes]) -> Iterator[FoundFile]:
    """Every audio file below a folder, in the order of names; links are followed, but no folder twice, and never up.

    A folder that cannot be listed is put into `unreadable`: what was known below it is not missing.
    """
    seen = {_identity(parent) for parent in _parents(top)}
    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            where = _identity(os.path.join(top, folder))
            if where in seen:
                continue
            seen.add(where)
            with os.scandir(os.path.join(top, folder)) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as err:
            log.warning("cannot list %r: %s", os.path.join(top, folder), err)
            unreadable.append(folder)
            continue
        inner = []
        for entry in entries:
            path = os.path.join(folder, entry.name)
            try:
                if entry.is_dir():
                    inner.append(path)
                elif is_audio_name(os.fsdecode(entry.name)):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        yield FoundFile(path, status.st_size, status.st_mtime_ns)
            except OSError:  # a dangling link, or gone between two calls
                continue
        folders += reversed(inner)


def _identity(folder: bytes) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _parents(path: bytes) -> Iterator[bytes]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def list_root(catalogue: Catalogue, root: KnownRoot, report: ScanReport) -> Generator[Progress, None, ScanReport]:
    """Compare a root with what is known of it, and commit the differences."""
    known = catalogue.files(root.id)
    unreadable: list[bytes] = []
    added: list[FoundFile] = []
    changed: list[tuple[int, FoundFile]] = []
    back: list[int] = []
    found = n_added = n_changed = 0

    def commit() -> None:
        nonlocal n_added, n_changed
        catalogue.list_files(root.id, added, changed)
        catalogue.mark_found(back)
        n_added, n_changed = n_added + len(added), n_changed + len(changed)
        added.clear()
        changed.clear()
        back.clear()

    for file in _walk(root.path, unreadable):
        found += 1
        before = known.pop(file.path, None)
        if before is None:
            added.append(file)
        elif (before.size_bytes, before.modified_ns) != (file.size_bytes, file.modified_ns):
            changed.append((before.clip_id, file))
        elif before.state is ClipState.MISSING:
            back.append(before.clip_id)
        if len(added) + len(changed) + len(back) >= LIST_BATCH:
            commit()
        if found % LIST_BATCH == 0:
            yield Progress("list", report.found + found, detail=os.fsdecode(root.path))
    commit()
    gone = [] if reach(catalogue, root) is None else _vanished(known, unreadable)
    removed = catalogue.mark_missing(gone)
    yield Progress("list", report.found + found, detail=os.fsdecode(root.path))
    return replace(
        report,
        found=report.found + found,
        added=report.added + n_added,
        changed=report.changed + n_changed,
        unchanged=report.unchanged + found - n_added - n_changed,
        removed=report.removed + removed,
    )


def _vanished(left: dict[bytes, KnownFile], unreadable: Sequence[bytes]) -> list[int]:
    """Known files that the walk did not meet and could have met."""
    if b"" in unreadable:
        return []
    blind = tuple(folder + os.sep.encode() for folder in unreadable)
    return [
        file.clip_id
        for path, file in left.items()
        if file.state is not ClipState.MISSING and not (blind and path.startswith(blind))
    ]

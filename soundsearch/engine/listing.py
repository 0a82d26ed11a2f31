"""Listing: walk a root, compare with what is known of it, and commit the differences; names can be searched at once."""

import logging
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from soundsearch.audio.decode import is_audio_entry
from soundsearch.catalogue.store import Catalogue, FoundFile, KnownRoot, KnownRow
from soundsearch.records import Progress, ScanReport

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
    if empty and mount != root.mount and any(catalogue.known_rows(root.id)):
        return None
    return mount


def _walk(top: bytes, unreadable: list[bytes]) -> Iterator[list[tuple[bytes, int, int]]]:
    """The audio files of every folder below one, a folder at a time: paths, sizes and times, in no order.

    Links are followed, but no folder twice, and never up. A folder that cannot be listed is put into `unreadable`: what
    was known below it is not missing.
    """
    seen = {_identity(parent) for parent in _parents(top)}
    folders = [b""]
    while folders:
        folder = folders.pop()
        found, inner = [], []
        prefix = os.path.join(folder, b"") if folder else b""
        try:
            where = _identity(os.path.join(top, folder))
            if where in seen:
                continue
            seen.add(where)
            with os.scandir(os.path.join(top, folder)) as listing:
                entries = list(listing)
        except OSError as err:
            log.warning("cannot list %r: %s", os.path.join(top, folder), err)
            unreadable.append(folder)
            continue
        for entry in entries:
            try:
                if entry.is_dir():
                    inner.append(prefix + entry.name)
                elif is_audio_entry(name := entry.name):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        found.append((prefix + name, status.st_size, status.st_mtime_ns))
            except OSError:  # a dangling link, or gone between two calls
                continue
        folders += sorted(inner, reverse=True)
        yield found


def _identity(folder: bytes) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _parents(path: bytes) -> Iterator[bytes]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def list_root(catalogue: Catalogue, root: KnownRoot, report: ScanReport) -> Generator[Progress, None, ScanReport]:
    """Compare a root with what is known of it, and commit the differences.

    A folder whose files are all as they were costs two operations on sets; only where one is not it is looked at file
    by file.
    """
    where = os.fsdecode(root.path)
    present: set[tuple[bytes, int, int]] = set()  # that are not met yet
    for some in catalogue.present_files(root.id):
        present.update(some)
        yield Progress("list", report.found, detail=where)
    known: dict[bytes, KnownRow] | None = None
    unreadable: list[bytes] = []
    added: list[FoundFile] = []
    changed: list[tuple[int, FoundFile]] = []
    back: list[int] = []
    found = n_added = n_changed = reported = 0

    def commit() -> None:
        nonlocal n_added, n_changed
        if added or changed or back:
            catalogue.list_files(root.id, added, changed)
            catalogue.mark_found(back)
        n_added, n_changed = n_added + len(added), n_changed + len(changed)
        added.clear()
        changed.clear()
        back.clear()

    for files in _walk(root.path, unreadable):
        found += len(files)
        before = len(present)
        present.difference_update(files)
        if before - len(present) != len(files):
            if known is None:
                known = {}
                for rows in catalogue.known_rows(root.id):
                    known.update((row[0], row) for row in rows)
                    yield Progress("list", report.found + found, detail=where)
            for path, size_bytes, modified_ns in sorted(files):
                if (row := known.get(path)) is None:
                    added.append(FoundFile(path, size_bytes, modified_ns))
                elif (size_bytes, modified_ns) != row[2:4]:
                    changed.append((row[1], FoundFile(path, size_bytes, modified_ns)))
                    present.discard((path, *row[2:4]))
                elif row[4]:
                    back.append(row[1])
                if len(added) + len(changed) + len(back) >= LIST_BATCH:
                    commit()
                    yield Progress("list", report.found + found, detail=where)
        if found - reported >= LIST_BATCH:
            reported = found
            yield Progress("list", report.found + found, detail=where)
    commit()
    left = [path for path, _, _ in present]
    gone = [] if not left or reach(catalogue, root) is None else _vanished(catalogue, root, left, unreadable)
    removed = catalogue.mark_missing(gone)
    yield Progress("list", report.found + found, detail=where)
    return replace(
        report,
        found=report.found + found,
        added=report.added + n_added,
        changed=report.changed + n_changed,
        unchanged=report.unchanged + found - n_added - n_changed,
        removed=report.removed + removed,
    )


def _vanished(catalogue: Catalogue, root: KnownRoot, left: Sequence[bytes], unreadable: Sequence[bytes]) -> list[int]:
    """Clips of files that the walk did not meet and could have met."""
    if b"" in unreadable:
        return []
    blind = tuple(folder + os.sep.encode() for folder in unreadable)
    gone = {path for path in left if not (blind and path.startswith(blind))}
    return [row[1] for rows in catalogue.known_rows(root.id) for row in rows if row[0] in gone]

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
    """Compare a root with what is known of it, and commit the differences."""
    known: dict[bytes, KnownRow] = {}
    for rows in catalogue.known_rows(root.id):
        known.update({row[0]: row for row in rows})
        yield Progress("list", report.found, detail=os.fsdecode(root.path))
    unreadable: list[bytes] = []
    added: list[FoundFile] = []
    changed: list[tuple[int, FoundFile]] = []
    back: list[int] = []
    found = n_added = n_changed = 0

    def commit() -> None:
        nonlocal n_added, n_changed
        if added or changed or back:
            catalogue.list_files(root.id, added, changed)
            catalogue.mark_found(back)
        n_added, n_changed = n_added + len(added), n_changed + len(changed)
        added.clear()
        changed.clear()
        back.clear()

    reported = 0
    for files in _walk(root.path, unreadable):
        new: list[FoundFile] = []
        for path, size_bytes, modified_ns in files:
            if (before := known.pop(path, None)) is None:
                new.append(FoundFile(path, size_bytes, modified_ns))
                continue
            _, clip_id, known_bytes, known_ns, is_missing = before
            if known_ns != modified_ns or known_bytes != size_bytes:
                changed.append((clip_id, FoundFile(path, size_bytes, modified_ns)))
            elif is_missing:
                back.append(clip_id)
        found += len(files)
        new.sort(key=lambda file: file.path)
        for start in range(0, len(new), LIST_BATCH):
            added += new[start : start + LIST_BATCH]
            if len(added) >= LIST_BATCH:
                commit()
                yield Progress("list", report.found + found, detail=os.fsdecode(root.path))
        if len(added) + len(changed) + len(back) >= LIST_BATCH:
            commit()
        if found - reported >= LIST_BATCH:
            reported = found
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


def _vanished(left: dict[bytes, KnownRow], unreadable: Sequence[bytes]) -> list[int]:
    """Known files that the walk did not meet and could have met."""
    if b"" in unreadable:
        return []
    blind = tuple(folder + os.sep.encode() for folder in unreadable)
    return [
        clip_id
        for path, clip_id, _, _, is_missing in left.values()
        if not is_missing and not (blind and path.startswith(blind))
    ]

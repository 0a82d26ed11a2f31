"""Listing: walk a root, compare with what is known of it, and commit the differences; names can be searched at once."""

import hashlib
import logging
import os
import stat
from array import array
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from soundsearch.audio.decode import is_audio_entry
from soundsearch.catalogue.store import Catalogue, FoundFile, KnownRoot, KnownRow
from soundsearch.records import Progress, ScanReport

log = logging.getLogger(__name__)

LIST_BATCH = 1000  # files listed in one transaction
_SEPARATOR = os.sep.encode()


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
    if empty and mount != root.mount and any(catalogue.tallies.states([root.id]).values()):
        return None
    return mount


@dataclass(frozen=True, slots=True)
class Listing:
    """The audio files of one folder, in the order in which the file system gives them.

    Attributes:
        folder: Below the root, b"" for the root itself.
        names: Of the files, (n,).
        numbers: The size in bytes and the time in ns of each, one after the other, (2 n,).
    """

    folder: bytes
    names: list[bytes]
    numbers: list[int]

    @property
    def digest(self) -> bytes:
        """The same for the same files; another order gives another digest, and the files are compared."""
        text = b"\0".join([*self.names, b""])
        return hashlib.blake2b(text + array("q", self.numbers).tobytes(), digest_size=16).digest()

    def files(self) -> list[FoundFile]:
        """The files by path."""
        prefix = os.path.join(self.folder, b"") if self.folder else b""
        pairs = zip(self.names, self.numbers[::2], self.numbers[1::2], strict=True)
        return [FoundFile(prefix + name, size, modified) for name, size, modified in sorted(pairs)]


def _walk(top: bytes, unreadable: list[bytes]) -> Iterator[Listing]:
    """Every folder below one, in no order.

    Links are followed, but no folder twice, and never up. A folder that cannot be listed is put into `unreadable`: what
    was known below it is not missing.
    """
    seen = {_identity(parent) for parent in _parents(top)}
    folders = [b""]
    while folders:
        folder = folders.pop()
        inner: list[bytes] = []
        names: list[bytes] = []
        numbers: list[int] = []
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
                    inner.append(os.path.join(folder, entry.name))
                elif is_audio_entry(name := entry.name):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        names.append(name)
                        numbers += (status.st_size, status.st_mtime_ns)
            except OSError:  # a dangling link, or gone between two calls
                continue
        folders += sorted(inner, reverse=True)
        yield Listing(folder, names, numbers)


def _identity(folder: bytes) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _parents(path: bytes) -> Iterator[bytes]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def list_root(catalogue: Catalogue, root: KnownRoot, report: ScanReport) -> Generator[Progress, None, ScanReport]:
    """Compare a root with what is known of it, and commit the differences.

    A folder that holds what it held after the last scan costs no more than looking at its files; only where one does
    not, files are compared with clips. What is noted of folders is noted last: a scan that was stopped compares again.
    """
    where = os.fsdecode(root.path)
    noted: dict[bytes, bytes] = {}  # folders that are not met yet; at last those that hold nothing any more
    for some in catalogue.listings.of(root.id):
        noted.update(some)
        yield Progress("list", report.found, detail=where)
    as_they_were: set[bytes] = set()
    digests: dict[bytes, bytes] = {}  # of all other folders with files, which are compared with their clips
    lost: list[int] = []  # clips of those that the walk did not meet
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

    for listing in _walk(root.path, unreadable):
        found += len(listing.names)
        digest = listing.digest
        if noted.get(listing.folder) == digest:
            del noted[listing.folder]
            as_they_were.add(listing.folder)
        elif listing.names:
            noted.pop(listing.folder, None)
            digests[listing.folder] = digest
            known = yield from _known(catalogue, root, listing.folder, report.found + found)
            for file in listing.files():
                if (row := known.pop(file.path, None)) is None:
                    added.append(file)
                elif (file.size_bytes, file.modified_ns) != row[2:4]:
                    changed.append((row[1], file))
                elif row[4]:
                    back.append(row[1])
                if len(added) + len(changed) + len(back) >= LIST_BATCH:
                    commit()
                    yield Progress("list", report.found + found, detail=where)
            lost += [row[1] for row in known.values() if not row[4]]
        if found - reported >= LIST_BATCH:
            reported = found
            yield Progress("list", report.found + found, detail=where)
    commit()
    removed = 0
    if (digests or noted) and reach(catalogue, root) is not None and b"" not in unreadable:
        blind = tuple(folder + _SEPARATOR for folder in unreadable)
        for folders in catalogue.tallies.folders_with_files(root.id):
            for folder in folders:
                if folder not in as_they_were and folder not in digests and not (folder + _SEPARATOR).startswith(blind):
                    known = yield from _known(catalogue, root, folder, report.found + found)
                    lost += [row[1] for row in known.values() if not row[4]]
            yield Progress("list", report.found + found, detail=where)
        removed = catalogue.mark_missing(lost)
        gone = [folder for folder in noted if not (folder + _SEPARATOR).startswith(blind)]
        catalogue.listings.note(root.id, digests, gone)
    yield Progress("list", report.found + found, detail=where)
    return replace(
        report,
        found=report.found + found,
        added=report.added + n_added,
        changed=report.changed + n_changed,
        unchanged=report.unchanged + found - n_added - n_changed,
        removed=report.removed + removed,
    )


def _known(
    catalogue: Catalogue, root: KnownRoot, folder: bytes, found: int
) -> Generator[Progress, None, dict[bytes, KnownRow]]:
    """The clips of one folder, by path."""
    known: dict[bytes, KnownRow] = {}
    for number, rows in enumerate(catalogue.known_rows(root.id, folder)):
        if number:
            yield Progress("list", found, detail=os.fsdecode(root.path))
        known.update((row[0], row) for row in rows)
    return known

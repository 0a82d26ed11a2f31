"""A download of a model that goes on where it stopped and installs only what is right.

While it comes in, a model lies in a hidden folder beside its place: each file as `NAME.part` until its size and
digest are right, and `download.json` with what the server said about it, so that another process can go on. One
rename makes the folder the installed model. The program uses the network here and nowhere else.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import sys
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from soundsearch.errors import Cancelled, ModelError
from soundsearch.model.hub import HubFile, HubModel
from soundsearch.model.transport import CHUNK_BYTES, Answer, Dropped, Line, Refused, host
from soundsearch.records import Progress

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

RECORD = "download.json"  # what was downloaded, with sizes and digests; stays in the installed folder
STEP_S = 0.05  # the longest time between two reports
RATE_WINDOW_S = 3.0
CONNECT_TIMEOUT_S = 8.0  # looking up the name and connecting, all addresses of a host together
ATTEMPTS = 5  # connections in a row that bring nothing new
SPARE_BYTES = 64 << 20  # left free on the disk, for the catalogue
GO_ON = "Run it again: it goes on where it stopped."


def download(
    model: HubModel, folder: Path, endpoint: str, *, timeout_s: float = 20.0, pause_s: float = 0.5
) -> Generator[Progress, None, None]:
    """Bring a model to `folder`, or mend the one that is there.

    Bytes move in a thread; each step waits for it 50 ms at most, whatever the network does. Closing the generator
    stops the thread and keeps what has come. A digest that the table does not know is the one that the server states;
    where it states none, as plain file servers do, only the size is checked.

    Args:
        model: What to download.
        folder: Where the model will be. It appears, or changes, only when all files are right.
        endpoint: Address of the hub or a mirror, with or without a path and a final slash.
        timeout_s: How long a connection may be silent.
        pause_s: Wait before the second connection; it doubles with each that brings nothing new.
    Yields:
        Progress in bytes; `rate` counts what came through the network in the last seconds.
    Raises:
        ModelError: If it cannot be done; what has come is kept, unless it is wrong.
    """
    address = urllib.parse.urlsplit(endpoint.strip())
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ModelError(f"{endpoint!r} is not the address of a model hub.", "It starts with https:// or http://.")
    base = f"{endpoint.strip().rstrip('/')}/{model.repository}/resolve/{model.revision}/"
    transfer = _Transfer(model, folder, base, Line(timeout_s), pause_s)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent / f".{folder.name}.lock", model.title):
            yield from _report(transfer)
    except OSError as err:
        raise _disk_error(err, model.title, folder.parent) from err


def _report(transfer: "_Transfer") -> Generator[Progress, None, None]:
    """Drive the transfer's thread and tell how far it is."""
    thread = threading.Thread(target=transfer.run, name="soundsearch-download", daemon=True)
    thread.start()
    line, samples = transfer.line, deque([(time.monotonic(), 0)])
    try:
        while thread.is_alive():
            now, received = time.monotonic(), line.received
            samples.append((now, received))
            while samples[0][0] < now - RATE_WINDOW_S and len(samples) > 2:
                samples.popleft()
            since, before = samples[0]
            yield transfer.progress((received - before) / max(now - since, STEP_S))
            thread.join(STEP_S)
            # A name look-up cannot be given a time limit: a thread that hangs there is left behind.
            if time.monotonic() - line.connecting_since > CONNECT_TIMEOUT_S:
                raise ModelError(f"{transfer.host} does not answer.", f"Check the network. {GO_ON}")
    finally:
        line.cut()
        thread.join(1.0)
    if transfer.error:
        raise transfer.error
    yield transfer.progress(0.0)


class _Transfer:
    """The work of one download, done in a thread. What has no underscore may be used from outside of it."""

    def __init__(self, model: HubModel, folder: Path, base: str, line: Line, pause_s: float) -> None:
        self.line = line
        self.host = host(base)
        self.error: Exception | None = None
        self._model = model
        self._folder = folder
        self._partial = folder.parent / f".{folder.name}.partial"
        self._base = base
        self._pause_s = pause_s
        self._said: dict[str, dict[str, Any]] = {}  # by file: what the server said, and the digest once right
        self._sizes = {file.name: file.size for file in model.files}
        self._complete = 0  # bytes of the files that are right
        self._current = 0  # bytes there of the file that is coming
        self._detail = ""

    def progress(self, rate: float) -> Progress:
        """How far it is; until all sizes are known the total is the table's estimate."""
        done = self._complete + self._current
        sizes = [size for size in self._sizes.values() if size is not None]
        total = sum(sizes) if len(sizes) == len(self._sizes) else max(sum(sizes), done, self._model.size_bytes)
        return Progress("download", done, total, "bytes", rate, self._detail)

    def run(self) -> None:
        """Do it all; what goes wrong is left in `error` for the thread that asked."""
        try:
            self._install()
        except Cancelled:
            pass
        except OSError as err:  # the network's are translated by the line: this is the disk
            self.error = _disk_error(err, self._model.title, self._folder.parent)
        except Exception as err:  # raised again in the thread that asked
            self.error = err

    def _install(self) -> None:
        self._detail = "checking"
        self._said = self._read_record(self._folder) or {}
        missing = [file for file in self._model.files if not self._is_right(self._folder / file.name, file)]
        if not missing:
            return
        begun = self._read_record(self._partial)
        if begun is None:
            shutil.rmtree(self._partial, ignore_errors=True)
        else:
            self._said.update(begun)
        self._partial.mkdir(exist_ok=True)
        self._check_space()
        self._write_record()
        for file in missing:
            self._fetch(file)
        self._said = {name: {key: said[key] for key in ("size", "sha256")} for name, said in self._said.items()}
        self._write_record()
        if self._folder.exists():  # mended: what else is in it stays
            for path in self._partial.iterdir():
                path.replace(self._folder / path.name)
            self._partial.rmdir()
        else:
            self._partial.rename(self._folder)

    def _check_space(self) -> None:
        there = self._complete + sum(path.stat().st_size for path in self._partial.iterdir())
        needed = max(self._model.size_bytes - there, 0)
        free = shutil.disk_usage(self._partial).free
        if needed + SPARE_BYTES > free:
            raise ModelError(
                f"{self._model.title} needs {needed / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free.",
                f"Free some space on the disk of {self._folder.parent}, or choose another --data-dir.",
            )

    def _fetch(self, file: HubFile) -> None:
        """Bring one file: again and again as long as each try brings something new, and a few times more."""
        self._detail = file.name
        target, part = self._partial / file.name, self._partial / f"{file.name}.part"
        if self._is_right(target, file):
            return
        target.unlink(missing_ok=True)
        furthest, failures = _size(part), 0
        while True:
            try:
                self._complete_part(file, part)
                break
            except Dropped as err:
                failures = 0 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures == ATTEMPTS:
                    message = f"Cannot download {file.name} of {self._model.title}: {err}."
                    raise ModelError(message, GO_ON) from err
                self._detail = f"{file.name}: {err}, trying again"
                self.line.pause(self._pause_s * 2**failures)
        part.replace(target)
        self._complete += self._current
        self._current = 0

    def _complete_part(self, file: HubFile, part: Path) -> None:
        """Make `part` whole and right with one request, or with none if all of it is there."""
        said = self._said.setdefault(file.name, {})
        digest = hashlib.sha256()
        self._current = 0
        if part.exists():
            self._hash(part, digest)
        if not (self._expected(file) and self._current == self._size_of(file)):
            digest = self._receive(file, part, digest)
        expected = self._expected(file)
        found = _git_blob_id(part) if len(expected) == 40 else digest.hexdigest()
        if self._size_of(file) not in (None, self._current) or expected not in ("", found):
            part.unlink()
            raise ModelError(
                f"{file.name} of {self._model.title} arrived damaged: its checksum is wrong.",
                "It was removed. Run it again; if that does not help, another mirror may.",
            )
        said.update(size=self._current, sha256=digest.hexdigest())
        self._sizes[file.name] = self._current
        self._write_record()

    def _receive(self, file: HubFile, part: Path, digest: "hashlib._Hash") -> "hashlib._Hash":
        """Append what the server sends to `part` and return the digest of the whole."""
        with self._ask(file, part) as answer:
            self._note(file, answer)
            if answer.start not in (0, self._current):
                part.unlink()
                raise Dropped("the server sent another part than asked for")
            if answer.start == 0:
                digest, self._current = hashlib.sha256(), 0
            self._detail = file.name
            with part.open("r+b" if answer.start else "wb") as out:
                out.seek(answer.start)
                while data := self.line.read(answer):
                    out.write(data)
                    digest.update(data)
                    self._current += len(data)
                out.flush()
                os.fsync(out.fileno())
        if self._current < (self._size_of(file) or 0):
            raise Dropped("the connection was lost")
        return digest

    def _ask(self, file: HubFile, part: Path) -> Answer:
        """Ask for what is missing of a file."""
        said = self._said[file.name]
        try:
            url = self._base + urllib.parse.quote(file.name)
            return self.line.ask(url, self._current, said.get("etag", ""), said.get("host", ""))
        except Refused as err:
            if err.code == 416:  # nothing comes after our last byte, so what is there cannot be right
                part.unlink(missing_ok=True)
                raise Dropped("the server has no more of it") from err
            verb = {404: "does not have", 401: "refuses", 403: "refuses"}.get(err.code, "gives an error for")
            raise ModelError(
                f"{self.host} {verb} {file.name} of {self._model.repository} (HTTP {err.code}).",
                "Check the address of the hub or mirror.",
            ) from err

    def _note(self, file: HubFile, answer: Answer) -> None:
        """Check what the server says about a file, and keep it for the next process."""
        what = f"{file.name} of {self._model.repository}"
        if answer.is_web_page:
            raise ModelError(
                f"{self.host} answers with a web page instead of {what}.",
                "Check the address, and that the network does not ask for a login.",
            )
        size = file.size if file.size is not None else answer.size
        if size is not None and answer.stated_size not in (None, size):
            raise ModelError(
                f"{self.host} offers {what} with {answer.stated_size:,} bytes; it has {size:,}.",
                "Check the address of the hub or use another mirror.",
            )
        digest = answer.digest_etag if re.fullmatch("[0-9a-f]{64}|[0-9a-f]{40}", answer.digest_etag) else ""
        self._said[file.name].update(etag=answer.etag, host=answer.host, digest=digest, size=size)
        self._sizes[file.name] = size
        self._write_record()

    def _size_of(self, file: HubFile) -> int | None:
        size: int | None = file.size if file.size is not None else self._said.get(file.name, {}).get("size")
        return size

    def _expected(self, file: HubFile) -> str:
        """SHA-256 (64 digits) or git blob id (40 digits) that a file must have, "" while none is known."""
        said = self._said.get(file.name, {})
        return str(file.sha256 or said.get("sha256") or said.get("digest") or "")

    def _is_right(self, path: Path, file: HubFile) -> bool:
        """Check a complete file, and count it if it is as it should be."""
        wanted = file.sha256 or self._said.get(file.name, {}).get("sha256")
        if not wanted or not path.is_file():
            return False
        digest = hashlib.sha256()
        self._current = 0
        self._hash(path, digest)
        size, self._current = self._current, 0
        if digest.hexdigest() != wanted:
            return False
        self._sizes[file.name] = size
        self._said.setdefault(file.name, {}).update(size=size, sha256=wanted)
        self._complete += size
        return True

    def _hash(self, path: Path, digest: "hashlib._Hash") -> None:
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                digest.update(data)
                self._current += len(data)
                self.line.check()

    def _read_record(self, folder: Path) -> dict[str, dict[str, Any]] | None:
        """What is known of the files in a folder; None if they are another model's or revision's."""
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # what the table and the server know still tells right from wrong
            return {}
        same = (record["repository"], record["revision"]) == (self._model.repository, self._model.revision)
        return dict(record["files"]) if same else None

    def _write_record(self) -> None:
        record = {
            "repository": self._model.repository,
            "revision": self._model.revision,
            "licence": self._model.licence,
            "files": self._said,
        }
        new = self._partial / f"{RECORD}.new"
        new.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        new.replace(self._partial / RECORD)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _git_blob_id(path: Path) -> str:
    """SHA-1 that git, and so the hub for small files, knows a file by."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _disk_error(err: OSError, title: str, folder: Path) -> ModelError:
    if err.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ModelError(f"The disk became full while downloading {title}.", f"Free some space. {GO_ON}")
    return ModelError(
        f"Cannot write {title} to {folder}: {err.strerror or err}.",
        "Check that the folder can be written to, or choose another --data-dir.",
    )


@contextmanager
def _locked(path: Path, title: str) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends. The empty file stays."""
    with path.open("a") as file:
        try:
            if sys.platform == "win32":
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as err:
            raise ModelError(
                f"{title} is being downloaded by another soundsearch.", "Wait until that one is done."
            ) from err
        yield

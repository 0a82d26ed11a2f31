"""PooledStore: what audio towers made of the clips, kept so that another projection needs no sound file opened again.

A cache in a file of its own: it may be deleted at any time, and whatever is wrong with it is never an error. A file
that is damaged is thrown away and made again; one that cannot be written is simply not added to.
"""

import logging
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from soundsearch.catalogue.forgotten import ForgottenLog
from soundsearch.records import FloatArray

log = logging.getLogger(__name__)

T = TypeVar("T")

FORMAT = 1  # of this file; another is thrown away
DEFAULT_LIMIT_BYTES = 4_000_000_000  # 360,000 clips of the starter, measured at 11 kB each
_CHUNK = 500  # digests in one statement
# Rows of 3 kB would fill three quarters of SQLite's usual page and waste the rest.
_PAGE_BYTES = 16_384
_TABLES = (
    """CREATE TABLE pooled (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- only grows: the lowest is the oldest
        tower TEXT NOT NULL,
        digest BLOB NOT NULL,                  -- of the content, as in the catalogue
        views INTEGER NOT NULL,
        crc INTEGER NOT NULL,                  -- of the numbers: a flipped bit must not become an embedding
        numbers BLOB NOT NULL,                 -- float32, little endian, (views, width)
        UNIQUE (tower, digest)
    )""",
    "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
)


class PooledStore:
    """The open cache. One connection, one thread. No method raises for what is wrong with the file."""

    def __init__(self, path: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        """Open or create the file.

        Args:
            path: The file.
            limit_bytes: Size that it may grow to; 0 keeps nothing.
        """
        self.path = path
        self._limit_bytes = limit_bytes
        self._connection: sqlite3.Connection | None = None
        if limit_bytes > 0 and not self._open():
            self._throw_away("it is damaged")

    def close(self) -> None:
        """Close the connection; what was kept is on disk."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def size_bytes(self) -> int:
        """Size on disk, what is not yet folded in included."""
        return sum(file.stat().st_size for file in self._files() if file.exists())

    def digests(self, tower: str) -> set[bytes]:
        """Digests of the contents that are kept for a tower."""
        sql = "SELECT digest FROM pooled WHERE tower = ?"
        return self._do(lambda connection: {digest for (digest,) in connection.execute(sql, (tower,))}, set())

    def get(self, tower: str, digests: Sequence[bytes]) -> dict[bytes, FloatArray]:
        """What is kept of these contents: (views, width) float32 by digest; what is not there is left out."""

        def read(connection: sqlite3.Connection) -> dict[bytes, FloatArray]:
            found: dict[bytes, FloatArray] = {}
            for some in _chunks(digests):
                marks = ", ".join("?" * len(some))
                sql = f"SELECT digest, views, crc, numbers FROM pooled WHERE tower = ? AND digest IN ({marks})"
                for digest, views, crc, numbers in connection.execute(sql, (tower, *some)):
                    if zlib.crc32(numbers) == crc and views > 0 and len(numbers) % (4 * views) == 0:
                        found[digest] = np.frombuffer(numbers, "<f4").reshape(views, -1).astype(np.float32)
            return found

        return self._do(read, {})

    def put(self, tower: str, rows: Mapping[bytes, FloatArray]) -> None:
        """Keep rows, one transaction. Where the file is full, the oldest rows of other towers make room first.

        Args:
            tower: What made them: rows of different towers are never mixed up.
            rows: (views, width) float32 by digest of the content; one that is not finite is not kept.
        """
        kept = [
            (tower, digest, len(row), zlib.crc32(numbers := row.astype("<f4").tobytes()), numbers)
            for digest, row in rows.items()
            if row.size and np.isfinite(row).all()
        ]
        wanted_bytes = sum(len(row[-1]) for row in kept)

        def write(connection: sqlite3.Connection) -> None:
            if self._make_room(connection, tower, wanted_bytes):
                sql = "INSERT OR REPLACE INTO pooled (tower, digest, views, crc, numbers) VALUES (?, ?, ?, ?, ?)"
                connection.executemany(sql, kept)

        if kept:
            self._do(write, None, writing=True)

    def tidy(self, log: ForgottenLog, contents: Callable[[], Collection[bytes]]) -> None:
        """Let go of contents that the catalogue has forgotten.

        Args:
            log: Says which went since this was done last.
            contents: Gives the digests of all contents there are, where the log does not go back so far.
        """

        def tidy(connection: sqlite3.Connection) -> None:
            noted = connection.execute("SELECT value FROM state WHERE name = 'forgotten'").fetchone()
            last = log.last
            if noted == (last,):
                return
            known = log.between(noted[0], last) if noted else None
            if known is not None:
                gone = set(known.digests)
            else:
                gone = {digest for (digest,) in connection.execute("SELECT DISTINCT digest FROM pooled")}
                gone.difference_update(contents())
            for (tower,) in connection.execute("SELECT DISTINCT tower FROM pooled").fetchall():
                sql = "DELETE FROM pooled WHERE tower = ? AND digest = ?"  # both: there is an index for that
                connection.executemany(sql, [(tower, digest) for digest in gone])
            connection.execute("INSERT OR REPLACE INTO state VALUES ('forgotten', ?)", (last,))

        self._do(tidy, None, writing=True)

    def keep_towers(self, towers: Collection[str]) -> None:
        """Let go of what towers made that no model has any more."""

        def tidy(connection: sqlite3.Connection) -> None:
            for (tower,) in connection.execute("SELECT DISTINCT tower FROM pooled").fetchall():
                if tower not in towers:
                    connection.execute("DELETE FROM pooled WHERE tower = ?", (tower,))

        self._do(tidy, None, writing=True)

    # -- inside

    def _open(self) -> bool:
        """Open the file and make its tables; False if it is not one of ours or damaged."""
        try:
            self._connection = sqlite3.connect(self.path, timeout=5.0, isolation_level=None)
            execute = self._connection.execute
            execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            execute("PRAGMA journal_mode = WAL")
            execute("PRAGMA synchronous = NORMAL")
            execute("BEGIN IMMEDIATE")
            version = execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _TABLES:
                    execute(statement)
                execute(f"PRAGMA user_version = {FORMAT}")
                version = FORMAT
            execute("COMMIT")
            return bool(version == FORMAT)
        except sqlite3.OperationalError as err:  # locked, full, read-only: no reason to throw it away
            log.warning("pooled features are not kept: %s", err)
            self.close()
            return True
        except (sqlite3.DatabaseError, OSError):
            return False

    def _do(self, work: Callable[[sqlite3.Connection], T], otherwise: T, *, writing: bool = False) -> T:
        """Do something with the file, in a transaction if it is written to; what cannot be done gives `otherwise`."""
        connection = self._connection
        if connection is None:
            return otherwise
        try:
            connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
            done = work(connection)
            connection.execute("COMMIT")
            return done
        except sqlite3.OperationalError as err:  # locked, full, read-only: another time
            log.warning("pooled features: %s", err)
        except sqlite3.DatabaseError as err:
            self._throw_away(str(err))
        finally:
            if self._connection is connection and connection.in_transaction:
                connection.execute("ROLLBACK")
        return otherwise

    def _make_room(self, connection: sqlite3.Connection, tower: str, wanted_bytes: int) -> bool:
        """Let other towers' oldest rows go; False if there are none left."""
        while self._used_bytes(connection) + wanted_bytes > self._limit_bytes:
            sql = "DELETE FROM pooled WHERE id IN (SELECT id FROM pooled WHERE tower != ? ORDER BY id LIMIT ?)"
            if not connection.execute(sql, (tower, _CHUNK)).rowcount:
                return False
        return True

    @staticmethod
    def _used_bytes(connection: sqlite3.Connection) -> int:
        """Bytes in use; free pages are written again before the file grows."""
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _throw_away(self, why: str) -> None:
        log.warning("the cache of pooled features %s is made again: %s", self.path, why)
        self.close()
        try:
            for file in self._files():
                file.unlink(missing_ok=True)
        except OSError as err:
            log.warning("pooled features are not kept: %s", err)
            return
        if not self._open():
            self.close()

    def _files(self) -> list[Path]:
        return [self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))]


def _chunks(digests: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    rest = iter(digests)
    while some := tuple(islice(rest, _CHUNK)):
        yield some

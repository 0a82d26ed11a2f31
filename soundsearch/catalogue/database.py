"""The SQLite file itself: opening, migrations, transactions, and its errors in words that a user understands."""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from soundsearch.errors import CatalogueError

CACHE_KIB = 8192
MAPPED_BYTES = 1 << 30


class Database:
    """One connection, for one thread."""

    def __init__(
        self, path: Path, migrations: Sequence[str], functions: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        """Open or create the file; an older one is copied to `NAME.before-N` and migrated.

        Args:
            path: The file.
            migrations: Scripts; `user_version` counts those that were applied.
            functions: Without side effects, for use in statements and triggers.

        Raises:
            CatalogueError: If it is damaged, newer than this program, or cannot be written.
        """
        self.path = path
        with self._trouble("open"):
            path.parent.mkdir(parents=True, exist_ok=True)
            # isolation_level=None: transactions are begun by hand, in `transaction` only.
            self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self.execute("PRAGMA journal_mode = WAL")
            # A crash of the program loses nothing, one of the power the last batch.
            self.execute("PRAGMA synchronous = NORMAL")
            self.execute("PRAGMA foreign_keys = ON")
            # Few pages of its own, so that a long scan does not grow: what is read often lies in the system's cache.
            # Mapped, a filter over 100,000 clips reads it as fast as 64 MB of own pages, unmapped 2.7 times slower.
            self.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
            for name, function in (functions or {}).items():
                self._connection.create_function(name, -1, function, deterministic=True)
            self._migrate(migrations)

    def close(self) -> None:
        """Close the connection; what was committed is on disk."""
        self._connection.close()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a statement inside a `transaction`."""
        return self._connection.execute(sql, tuple(values))

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Run a statement for each row inside a `transaction`."""
        return self._connection.executemany(sql, rows)

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read rows.

        Raises:
            CatalogueError: If they cannot be read.
        """
        with self._trouble("read"):
            return self.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; IMMEDIATE, so that waiting for another process happens here and not half-way.

        Raises:
            CatalogueError: If it cannot be written; then nothing of it is.
        """
        with self._trouble("write"):
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it already
                    self.execute("ROLLBACK")
                raise
            self.execute("COMMIT")

    @contextmanager
    def _trouble(self, doing: str) -> Iterator[None]:
        """Translate SQLite's errors at the border of this room."""
        try:
            yield
        except (sqlite3.Error, OSError) as err:
            text = str(err)
            if "full" in text:
                hint = "The disk is full: make room and scan again; what was analysed is kept."
            elif "locked" in text:
                hint = "Another soundsearch is busy with it: try again in a moment."
            elif "readonly" in text or "unable to open" in text or isinstance(err, OSError):
                hint = "Check that the data folder can be written, or choose another with --data-dir."
            else:
                hint = "Put a copy from a backup in its place, or move it away and scan again; sounds are not affected."
            raise CatalogueError(f"Cannot {doing} the catalogue {self.path}: {text}.", hint) from err

    def _version(self) -> int:
        return int(self.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self, migrations: Sequence[str]) -> None:
        version = self._version()
        if version > len(migrations):
            raise CatalogueError(f"The catalogue {self.path} was made by a newer soundsearch.", "Update soundsearch.")
        if 0 < version < len(migrations):
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy2(self.path, self.path.with_name(f"{self.path.name}.before-{len(migrations)}"))
        for number in range(version + 1, len(migrations) + 1):
            with self.transaction():
                if self._version() < number:  # another process may have made it while this one waited
                    for statement in _statements(migrations[number - 1]):
                        self.execute(statement)
                    self.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> Iterator[str]:
    """Split a script: `executescript` would commit the transaction it is called in."""
    statement = ""
    for piece in script.split(";")[:-1]:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""Embedded: which contents a model has heard, asked one by one from any thread while a scan goes on."""

import sqlite3
import threading
from pathlib import Path


class EmbeddedDigests:
    """Digests of contents that have a vector of a bundle: those that were committed until now.

    A scan asks for a few; to read all of a million first took seconds and a hundred megabytes.
    """

    def __init__(self, path: Path, bundle: str) -> None:
        """Open a connection of its own, which nothing is written through, to the catalogue at a path."""
        self._bundle = bundle
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA query_only = ON")

    def __contains__(self, digest: object) -> bool:
        """What cannot be found out, or is asked after the end, is not known: a copy is heard once more, and no harm."""
        sql = """SELECT EXISTS (
            SELECT 1 FROM contents JOIN embeddings ON content_id = contents.id WHERE digest = ?1 AND bundle = ?2
            UNION ALL
            SELECT 1 FROM rewritten JOIN embeddings USING (content_id) WHERE digest = ?1 AND bundle = ?2)"""
        with self._lock:
            try:
                return bool(self._connection.execute(sql, (digest, self._bundle)).fetchone()[0])
            except sqlite3.Error:
                return False

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

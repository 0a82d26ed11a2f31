"""Listings: what the folders of a root held when its clips were last in step with them, a digest for each folder."""

from collections.abc import Collection, Iterator, Mapping

from soundsearch.catalogue.database import Database

_PORTION = 5000  # folders that are read at one go


class Listings:
    """Where a folder holds what it held, a scan need not compare its files with the clips one by one."""

    def __init__(self, database: Database) -> None:
        """Work on the tables of an open catalogue."""
        self._db = database

    def of(self, root_id: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Every folder of a root, below it, with its digest, in portions."""
        after = None
        while rows := self._db.query(
            "SELECT folder, digest FROM listings WHERE root_id = ? AND (?2 IS NULL OR folder > ?2)"
            " ORDER BY folder LIMIT ?3",
            (root_id, after, _PORTION),
        ):
            yield rows
            after = rows[-1][0]

    def note(self, root_id: int, digests: Mapping[bytes, bytes], gone: Collection[bytes]) -> None:
        """Keep digests by folder, when the clips of these folders are in step, and forget folders that are gone."""
        if not digests and not gone:
            return
        with self._db.transaction():
            self._db.executemany(
                "DELETE FROM listings WHERE root_id = ? AND folder = ?", [(root_id, folder) for folder in gone]
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO listings (root_id, folder, digest) VALUES (?, ?, ?)",
                [(root_id, folder, digest) for folder, digest in digests.items()],
            )

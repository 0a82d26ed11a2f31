"""Missing: clips that vanished, until the user forgets them or says where they are; and roots that moved."""

import os
from collections.abc import Generator, Sequence

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.filters import place
from soundsearch.catalogue.forgotten import ForgottenLog
from soundsearch.errors import CatalogueError

CHUNK = 500  # clips of one transaction


class Missing:
    """What is not where it was. Nothing here touches a sound file."""

    def __init__(self, database: Database) -> None:
        """Work on the tables of an open catalogue."""
        self._db = database

    def clip_ids(self, limit: int) -> list[int]:
        """Missing clips by name."""
        rows = self._db.query("SELECT id FROM clips WHERE state = 'missing' ORDER BY words, id LIMIT ?", (limit,))
        return [clip for (clip,) in rows]

    def forget(self, clip_ids: Sequence[int]) -> Generator[None, None, int]:
        """Forget those of the clips that are missing; one that is there would come back with the next scan.

        Returns:
            How many were forgotten, as the generator's value; each step is one transaction.
        """
        forgotten = 0
        for start in range(0, len(clip_ids), CHUNK):
            chosen = clip_ids[start : start + CHUNK]
            condition = f"id IN ({', '.join('?' * len(chosen))}) AND state = 'missing'"
            with self._db.transaction():
                rows = self._db.execute(f"SELECT content_id FROM clips WHERE {condition}", chosen).fetchall()
                forgotten += self._db.execute(f"DELETE FROM clips WHERE {condition}", chosen).rowcount
                drop_orphans(self._db, [content for (content,) in rows if content is not None])
                if rows:
                    count(self._db, "changes")
            yield
        return forgotten

    def move_root(self, path: bytes, to: bytes, mount: bytes) -> None:
        """A root is in another folder now: its clips keep everything.

        Raises:
            CatalogueError: If it is no root, or the folder belongs to the library already.
        """
        separator = os.sep.encode()
        for (other,) in self._db.query("SELECT path FROM roots WHERE path != ?", (path,)):
            inside, around = to.rstrip(separator) + separator, other.rstrip(separator) + separator
            if inside.startswith(around) or around.startswith(inside):
                raise CatalogueError(
                    f"{os.fsdecode(to)} belongs to the library already, with {os.fsdecode(other)}.",
                    "Scan that folder: clips that moved there are recognised by their content.",
                )
        with self._db.transaction():
            moved = self._db.execute(
                "UPDATE roots SET path = ?, mount = ?, online = 1 WHERE path = ?", (to, mount, path)
            ).rowcount
            if not moved:
                raise CatalogueError(f"{os.fsdecode(path)} is not a folder of this library.", "It was removed.")
            count(self._db, "changes")

    def move_clip(self, clip_id: int, path: bytes) -> str:
        """A missing clip is this file now. The next scan looks at what is in it.

        Returns:
            The root that holds it.

        Raises:
            CatalogueError: If it lies in no root, or is another clip.
        """
        root_id, root, below = self._place(path)
        known = self._db.query(
            "SELECT id, content_id FROM clips WHERE root_id = ? AND path = ? AND id != ?", (root_id, below, clip_id)
        )
        mine = self._db.query("SELECT content_id FROM clips WHERE id = ? AND state = 'missing'", (clip_id,))
        if not mine:
            raise CatalogueError("This clip is not missing.", "It was found meanwhile, or forgotten.")
        if known and known[0][1] not in (None, mine[0][0]):
            raise CatalogueError(
                f"{os.fsdecode(path)} is another sound, which is in the library already.",
                "Choose the file that was moved or renamed.",
            )
        with self._db.transaction():
            self._db.executemany("DELETE FROM clips WHERE id = ?", [(clip,) for clip, _ in known])
            self._db.execute("DELETE FROM listings WHERE root_id = ?", (root_id,))  # the next scan looks at the file
            self._db.execute(
                "UPDATE clips SET root_id = ?, path = ?, words = ?, folder = ?, extension = ?, state = 'pending',"
                " modified_ns = -1 WHERE id = ?",
                (root_id, below, *place(below), clip_id),
            )
            count(self._db, "changes")
        return os.fsdecode(root)

    def _place(self, path: bytes) -> tuple[int, bytes, bytes]:
        """The root a file lies in, and its path below that."""
        separator = os.sep.encode()
        for root_id, root in self._db.query("SELECT id, path FROM roots"):
            around = root.rstrip(separator) + separator
            if path.startswith(around):
                return root_id, root, path[len(around) :]
        raise CatalogueError(
            f"{os.fsdecode(path)} lies in no folder of the library.",
            "Add its folder: clips that moved there are recognised by their content.",
        )


def drop_orphans(database: Database, candidates: Sequence[int] | None) -> None:
    """Remove those of the contents, or of all, that no clip refers to any more. Inside a transaction."""
    sql = "DELETE FROM contents WHERE NOT EXISTS (SELECT 1 FROM clips WHERE content_id = contents.id)"
    if candidates is None:
        dropped = database.execute(sql).rowcount
    else:
        dropped = 0
        for start in range(0, len(candidates), CHUNK):
            ids = candidates[start : start + CHUNK]
            dropped += database.execute(f"{sql} AND id IN ({', '.join('?' * len(ids))})", ids).rowcount
    if dropped:
        ForgottenLog(database).shorten()


def count(database: Database, name: str) -> None:
    """Let a counter grow, so that who keeps copies looks again. Inside a transaction."""
    database.execute("UPDATE counters SET value = value + 1 WHERE name = ?", (name,))

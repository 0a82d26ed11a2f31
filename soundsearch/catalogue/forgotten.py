"""Forgotten: contents that went, in the order in which they did.

Whoever keeps something of contents lets go of these, and need not compare all that it keeps with all there are: among
a million that takes seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from soundsearch.catalogue.database import Database

KEPT = 100_000  # of the last entries: who has fallen further behind compares all


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went after an entry.

    Attributes:
        content_ids: Numbers of contents, which are never given again.
        digests: Of files whose content went and did not come again.
    """

    content_ids: Sequence[int]
    digests: Sequence[bytes]


class ForgottenLog:
    """Reads the log; triggers write it, whoever forgets a content."""

    def __init__(self, database: Database) -> None:
        """Work on the tables of an open catalogue."""
        self._db = database

    @property
    def last(self) -> int:
        """The number of the last entry, 0 before the first. Entries are numbered one by one."""
        return int(self._db.query("SELECT coalesce(max(seq), 0) FROM forgotten")[0][0])

    def between(self, after: int, last: int) -> Forgotten | None:
        """What went after an entry and until another; None where that is not known any more: compare all then."""
        rows = self._db.query(
            """SELECT seq, forgotten.content_id, forgotten.digest, contents.id IS NULL AND rewritten.content_id IS NULL
            FROM forgotten LEFT JOIN contents USING (digest) LEFT JOIN rewritten USING (digest)
            WHERE seq > ? AND seq <= ? ORDER BY seq""",
            (after, last),
        )
        if len(rows) != last - after:
            return None
        return Forgotten([row[1] for row in rows if row[1]], [row[2] for row in rows if row[3]])

    def shorten(self) -> None:
        """Keep the last entries only. Inside a transaction."""
        self._db.execute("DELETE FROM forgotten WHERE seq <= (SELECT max(seq) FROM forgotten) - ?", (KEPT,))

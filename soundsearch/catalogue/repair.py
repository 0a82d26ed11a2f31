"""Repair: the catalogue's own file is checked, and what is wrong taken back, so that the next scan makes it again."""

import numpy as np

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.missing import count, drop_orphans
from soundsearch.catalogue.tallies import Tallies


class Repair:
    """Looks at everything: seconds in a large library."""

    def __init__(self, database: Database, tallies: Tallies) -> None:
        """Work on the tables of an open catalogue."""
        self._db = database
        self._tallies = tallies

    def problems(self, bundle: str, dimension: int) -> list[str]:
        """Check the file, and the embeddings of a bundle; returns a sentence for each trouble."""
        found = [
            f"The catalogue file is damaged: {row[0]}."
            for row in self._db.query("PRAGMA quick_check")
            if row[0] != "ok"
        ]
        if broken := len(self._db.query("PRAGMA foreign_key_check")):
            found.append(f"{broken} entries point at something that is not there.")
        lost = self._db.query("SELECT count(*) FROM clips WHERE state IN ('ready', 'missing') AND content_id IS NULL")[
            0
        ][0]
        if lost:
            found.append(f"{lost} clips count as analysed but hold no analysis.")
        if damaged := len(self._damaged(bundle, dimension)):
            found.append(f"{damaged} embeddings are damaged.")
        if not self._tallies.are_right():
            found.append("The numbers of clips that are kept by folder are not right.")
        return found

    def mend(self, bundle: str, dimension: int) -> None:
        """Take back what `problems` found wrong, so that the next scan makes it again."""
        with self._db.transaction():
            for seq in self._damaged(bundle, dimension):
                self._db.execute("DELETE FROM embeddings WHERE seq = ?", (seq,))
                count(self._db, "deletions")
            self._db.execute(
                "UPDATE clips SET state = 'pending' WHERE state IN ('ready', 'missing') AND content_id IS NULL"
            )
            drop_orphans(self._db, None)
            self._tallies.count_anew()
            count(self._db, "changes")

    def _damaged(self, bundle: str, dimension: int) -> list[int]:
        damaged = []
        for seq, blob in self._db.query("SELECT seq, vector FROM embeddings WHERE bundle = ?", (bundle,)):
            vector = np.frombuffer(blob, "<f4") if len(blob) == 4 * dimension else np.zeros(0)
            if not abs(float(np.linalg.norm(vector)) - 1.0) < 1e-3:  # NaN fails too
                damaged.append(seq)
        return damaged

"""UndoLog: what organising did to the tables, row by row, and how to take it back exactly.

Temporary triggers write the inverse of each change of a row while a step is recorded; taking a step back runs those in
reverse order, and the triggers write down how to make it again. The log belongs to the connection: it ends with the
session, as people expect of undo, and what a scan does is never in it.

Source of the idea: sqlite.org/undoredo.html.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from soundsearch.catalogue.database import Database

# Every table in which people's words are kept: its key, its other columns.
TABLES = {
    "marks": (("content_id",), ("favourite", "rating", "colour")),
    "tags": (("content_id", "label", "source"), ("score",)),
    "refused": (("content_id", "label"), ("score",)),
    "collections": (("id",), ("name",)),
    "collection_clips": (("collection_id", "content_id"), ("position",)),
    "searches": (("id",), ("name", "query", "sounds", "sort")),
}
STEP_S = 0.05  # how long one transaction takes back rows
MOST_STEPS = 1_000  # that can be taken back


@dataclass(frozen=True, slots=True)
class Step:
    """One action: its name for people, and the rows of the log that belong to it."""

    name: str
    first: int
    last: int


class UndoLog:
    """The steps that can be taken back and made again."""

    def __init__(self, database: Database) -> None:
        """Watch the tables of a database."""
        self._db = database
        self._done: list[Step] = []
        self._undone: list[Step] = []
        with database.transaction():
            for statement in _SWITCH:
                database.execute(statement)
            for table, (key, rest) in TABLES.items():
                for statement in _triggers(table, key, rest):
                    database.execute(statement)

    @property
    def undo_name(self) -> str:
        """What would be taken back, "" if there is nothing."""
        return self._done[-1].name if self._done else ""

    @property
    def redo_name(self) -> str:
        """What would be made again, "" if there is nothing."""
        return self._undone[-1].name if self._undone else ""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction whose changes are written down."""
        with self._db.transaction():
            self._db.execute("UPDATE undo_switch SET is_on = 1")
            yield
            self._db.execute("UPDATE undo_switch SET is_on = 0")
            self._db.execute("UPDATE counters SET value = value + 1 WHERE name = 'changes'")

    def mark(self) -> int:
        """Where the log is now: give it to `add` once the step is done."""
        return int(self._db.query("SELECT coalesce(max(seq), 0) FROM undo_log")[0][0])

    def add(self, name: str, mark: int) -> None:
        """Everything written since `mark` is a new step. A step that changed nothing is none."""
        last = self.mark()
        if last == mark:
            return
        for step in self._undone:
            self._forget(step)
        self._undone.clear()
        self._done.append(Step(name, mark + 1, last))
        if len(self._done) > MOST_STEPS:
            self._forget(self._done.pop(0))

    def undo(self) -> Iterator[None]:
        """Take the last step back, in transactions of STEP_S."""
        yield from self._play(self._done, self._undone)

    def redo(self) -> Iterator[None]:
        """Make again what was taken back last."""
        yield from self._play(self._undone, self._done)

    def carry(self, old: int, new: int) -> None:
        """A content takes the place of another: so it does in what can be taken back. Inside a transaction."""
        self._db.execute("UPDATE undo_log SET content_id = ? WHERE content_id = ?", (new, old))

    def _play(self, source: list[Step], target: list[Step]) -> Iterator[None]:
        step, mark = source.pop(), self.mark()
        while rows := self._db.query(
            "SELECT seq, sql, content_id FROM undo_log WHERE seq BETWEEN ? AND ? ORDER BY seq DESC LIMIT 2000",
            (step.first, step.last),
        ):
            deadline = time.monotonic() + STEP_S
            with self.writing():
                for seq, sql, content_id in rows:
                    self._db.execute(sql, () if content_id is None else (content_id,))
                    self._db.execute("DELETE FROM undo_log WHERE seq = ?", (seq,))
                    if time.monotonic() > deadline:
                        break
            yield
        if (last := self.mark()) > mark:
            target.append(Step(step.name, mark + 1, last))

    def _forget(self, step: Step) -> None:
        with self._db.transaction():
            self._db.execute("DELETE FROM undo_log WHERE seq BETWEEN ? AND ?", (step.first, step.last))


_SWITCH = (
    "CREATE TEMP TABLE undo_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, sql TEXT NOT NULL, content_id INTEGER)",
    "CREATE INDEX temp.undo_log_by_content ON undo_log (content_id)",
    "CREATE TEMP TABLE undo_switch (is_on INTEGER NOT NULL)",
    "INSERT INTO undo_switch VALUES (0)",
)


def _triggers(table: str, key: tuple[str, ...], rest: tuple[str, ...]) -> Iterator[str]:
    """Triggers that write the inverse of each change. The content is a parameter: it may be replaced by another."""
    columns = (*key, *rest)
    content = "{row}.content_id" if "content_id" in columns else "NULL"

    def value(row: str, column: str) -> str:
        return "'?1'" if column == "content_id" else f"quote({row}.{column})"

    def joined(row: str, names: tuple[str, ...], template: str, between: str) -> str:
        return f" || '{between}' || ".join(f"'{template.format(n)}' || {value(row, n)}" for n in names)

    where = joined("{row}", key, "{} = ", " AND ")
    alive = " || ' WHERE EXISTS (SELECT 1 FROM contents WHERE id = ?1)'" if "content_id" in columns else ""
    insert = f"'INSERT OR REPLACE INTO {table} SELECT ' || {joined('old', columns, '', ', ')}{alive}"
    update = f"'UPDATE {table} SET ' || {joined('old', rest, '{} = ', ', ')} || ' WHERE ' || {where.format(row='new')}"
    delete = f"'DELETE FROM {table} WHERE ' || {where.format(row='new')}"
    for event, row, sql in (("INSERT", "new", delete), ("UPDATE", "new", update), ("DELETE", "old", insert)):
        yield (
            f"CREATE TEMP TRIGGER undo_{table}_{event.lower()} AFTER {event} ON main.{table}"
            " WHEN (SELECT is_on FROM undo_switch)"
            f" BEGIN INSERT INTO undo_log (sql, content_id) VALUES ({sql}, {content.format(row=row)}); END"
        )

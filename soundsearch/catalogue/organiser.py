"""Organiser: what people say about clips (marks, tags, collections, saved searches), and the way back from each step.

Everything is said of a content, not of a path: copies share it, and it survives renames and moves.
"""

import json
import unicodedata
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict
from typing import Any

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.filters import folder_tags
from soundsearch.catalogue.undo import UndoLog
from soundsearch.errors import CatalogueError
from soundsearch.records import (
    COLOURS,
    ChangeCollection,
    ChangeSearch,
    CollectClips,
    Collection,
    Example,
    MarkClips,
    Organised,
    OrganisingAction,
    SavedSearch,
    Tag,
    TagClips,
    TagCount,
)

CHUNK = 500  # clips of one transaction: some milliseconds, so that whoever asks in between is answered
MAX_NAME = 200  # characters of a tag or a name

# A clip's content, if people said something of it: SQL.
IF_SAID = """CASE WHEN EXISTS (SELECT 1 FROM marks WHERE marks.content_id = clips.content_id)
    OR EXISTS (SELECT 1 FROM collection_clips WHERE collection_clips.content_id = clips.content_id)
    OR EXISTS (SELECT 1 FROM tags WHERE tags.content_id = clips.content_id AND source = 'user')
    THEN content_id END"""

# From label to label by the index: DISTINCT would read every tag, 0.1 s for a million.
_USER_LABELS = """WITH RECURSIVE labels (label) AS (
    SELECT min(label) FROM tags
    UNION ALL SELECT (SELECT min(label) FROM tags WHERE label > labels.label) FROM labels WHERE label IS NOT NULL
) SELECT label FROM labels WHERE EXISTS (SELECT 1 FROM tags t WHERE t.label = labels.label AND source = 'user')"""

Mark = tuple[bool, int, str]  # favourite, rating, colour
Steps = Generator[None, None, Organised]


class Organiser:
    """What people say about clips. Actions are generators: each step is one transaction, a few milliseconds long."""

    def __init__(self, database: Database) -> None:
        """Work on the tables of an open catalogue."""
        self._db = database
        self._log = UndoLog(database)

    @property
    def log(self) -> UndoLog:
        """What can be taken back; others who write what people decide write it there too."""
        return self._log

    # -- acting

    def act(self, action: OrganisingAction) -> Steps:
        """Do something that can be taken back.

        Raises:
            CatalogueError: If a name, rating or colour cannot be used; then nothing is changed.
        """
        match action:
            case MarkClips(clip_ids):
                columns = _mark_columns(action)
                return self._each(_mark_name(action), clip_ids, lambda contents: self._mark(contents, columns))
            case TagClips(clip_ids, add, remove):
                labels = [self._spelling(_clean(label, "tag")) for label in add]
                name = f"tag {_quoted([*labels, *remove])} of {{}}"
                return self._each(name, clip_ids, lambda contents: self._tag(contents, labels, remove))
            case CollectClips(clip_ids, name, remove=True):
                number = self._collection(name)
                return self._each(
                    f"removal of {{}} from “{_plain(name)}”",
                    clip_ids,
                    lambda contents: self._take_out(contents, number),
                )
            case CollectClips(clip_ids, name):
                return self._collect(clip_ids, _clean(name, "collection"))
            case ChangeCollection(name, to):
                return self._change_collection(name, _clean(to, "collection") if to else "")
            case ChangeSearch(name, to):
                return self._change_search(name, to)

    def undo(self) -> Steps:
        """Take the last action back, exactly; nothing if there is none."""
        name = self._log.undo_name
        if name:
            yield from self._log.undo()
        return self._organised(name)

    def redo(self) -> Steps:
        """Make again what was taken back last."""
        name = self._log.redo_name
        if name:
            yield from self._log.redo()
        return self._organised(name)

    def carry(self, old: int, new: int) -> None:
        """A clip's content was edited in place: what was said of the old one is said of the new one too.

        Inside a transaction of the catalogue.
        """
        for table, others in (
            ("marks", "favourite, rating, colour"),
            ("tags", "label, source, score"),
            ("refused", "label, score"),
            ("collection_clips", "collection_id, position"),
        ):
            # What the file itself said is read from it anew.
            said = " AND source != 'file'" if table == "tags" else ""
            self._db.execute(
                f"INSERT OR IGNORE INTO {table} (content_id, {others}) SELECT ?, {others} FROM {table}"
                f" WHERE content_id = ?{said}",
                (new, old),
            )
        if not self._db.execute("SELECT 1 FROM clips WHERE content_id = ? LIMIT 2", (old,)).fetchall()[1:]:
            self._log.carry(old, new)

    # -- reading

    def marks(self, content_ids: Sequence[int]) -> dict[int, Mark]:
        """Favourite, rating and colour of those contents that have any; few of them at a time."""
        rows = self._db.query(f"SELECT * FROM marks WHERE content_id IN ({_places(content_ids)})", content_ids)
        return {content: (bool(favourite), rating, colour) for content, favourite, rating, colour in rows}

    def collections(self) -> tuple[Collection, ...]:
        """All collections by name, with their numbers of sounds."""
        rows = self._db.query(
            "SELECT name, count(content_id) FROM collections LEFT JOIN collection_clips ON collection_id = id"
            " GROUP BY id ORDER BY name COLLATE NOCASE"
        )
        return tuple(Collection(name, clips) for name, clips in rows)

    def collections_of(self, clip_id: int) -> tuple[str, ...]:
        """Names of the collections in which a clip is."""
        rows = self._db.query(
            "SELECT name FROM collections JOIN collection_clips ON collection_id = collections.id"
            " JOIN clips USING (content_id) WHERE clips.id = ? ORDER BY name COLLATE NOCASE",
            (clip_id,),
        )
        return tuple(name for (name,) in rows)

    def tags_of(self, clip_id: int) -> tuple[Tag, ...]:
        """Tags of a clip with who gave them: its folders first, then people's and files', then a model's."""
        folders = [folder_tags(path) for (path,) in self._db.query("SELECT path FROM clips WHERE id = ?", (clip_id,))]
        rows = self._db.query(
            "SELECT label, source, score FROM tags JOIN clips USING (content_id) WHERE clips.id = ?"
            " ORDER BY source = 'auto', source, label COLLATE NOCASE",
            (clip_id,),
        )
        return (*(Tag(label, "folder") for labels in folders for label in labels), *(Tag(*row) for row in rows))

    def tags(self) -> tuple[TagCount, ...]:
        """All tags, the most frequent first, with their numbers of sounds. Folders are not among them."""
        found: dict[str, tuple[int, list[str]]] = {}
        for label, source, sounds in self._db.query("SELECT label, source, count(*) FROM tags GROUP BY label, source"):
            most, sources = found.get(label, (0, []))
            found[label] = (max(most, sounds), [*sources, source])
        counts = [TagCount(label, sounds, tuple(sources)) for label, (sounds, sources) in found.items()]
        return tuple(sorted(counts, key=lambda tag: (-tag.clips, tag.label.casefold())))

    def content_of(self, clip_id: int) -> int | None:
        """The content of a clip, None before analysis."""
        rows = self._db.query("SELECT content_id FROM clips WHERE id = ?", (clip_id,))
        return rows[0][0] if rows else None

    def clips_of(self, content_ids: Sequence[int]) -> list[int]:
        """One clip of each content that can be heard, in the order given."""
        rows = self._db.query(
            "SELECT content_id, min(id) FROM clips WHERE state = 'ready' AND"
            f" content_id IN ({_places(content_ids)}) GROUP BY content_id",
            content_ids,
        )
        found = dict(rows)
        return [found[content] for content in content_ids if content in found]

    def searches(self) -> tuple[SavedSearch, ...]:
        """All saved searches by name."""
        rows = self._db.query("SELECT name, query, sounds, sort FROM searches ORDER BY name COLLATE NOCASE")
        return tuple(_search(*row) for row in rows)

    # -- inside

    def _each(self, name: str, clip_ids: Sequence[int], change: Callable[[list[int]], None]) -> Steps:
        """Apply a change to the contents of clips, chunk by chunk; `{}` in the name becomes their number."""
        mark, known = self._log.mark(), 0
        try:
            for start in range(0, len(clip_ids), CHUNK):
                ids = clip_ids[start : start + CHUNK]
                with self._log.writing():
                    rows = self._db.execute(
                        f"SELECT content_id FROM clips WHERE id IN ({_places(ids)}) AND content_id IS NOT NULL", ids
                    ).fetchall()
                    change(sorted({content for (content,) in rows}))
                known += len(rows)
                yield
        finally:  # what was done before a full disk, say, can be taken back too
            said = name.format("1 clip" if known == 1 else f"{known:,} clips")
            self._log.add(said, mark)
        return self._organised(said, len(set(clip_ids)) - known)

    def _once(self, name: str, change: Callable[[], None]) -> Steps:
        mark = self._log.mark()
        with self._log.writing():
            change()
        self._log.add(name, mark)
        yield
        return self._organised(name)

    def _organised(self, said: str, left_out: int = 0) -> Organised:
        return Organised(said, self._log.undo_name, self._log.redo_name, left_out)

    def _mark(self, contents: list[int], columns: dict[str, Any]) -> None:
        inside = f"content_id IN ({_places(contents)})"
        if any(columns.values()):
            self._db.executemany("INSERT OR IGNORE INTO marks VALUES (?, 0, 0, '')", [(c,) for c in contents])
        for column, value in columns.items():
            self._db.execute(
                f"UPDATE marks SET {column} = ? WHERE {inside} AND {column} IS NOT ?", (value, *contents, value)
            )
        self._db.execute(f"DELETE FROM marks WHERE {inside} AND favourite = 0 AND rating = 0 AND colour = ''", contents)

    def _tag(self, contents: list[int], add: Sequence[str], remove: Sequence[str]) -> None:
        inside = f"content_id IN ({_places(contents)})"
        for label in remove:  # an automatic tag that is removed was wrong: it is not proposed again
            self._db.execute(
                "INSERT OR IGNORE INTO refused SELECT content_id, label, score FROM tags"
                f" WHERE label = ? AND source = 'auto' AND {inside}",
                (label, *contents),
            )
            self._db.execute(f"DELETE FROM tags WHERE label = ? AND {inside}", (label, *contents))
        for label in add:
            self._db.execute(f"DELETE FROM refused WHERE label = ? AND {inside}", (label, *contents))
        self._db.executemany(
            "INSERT OR IGNORE INTO tags VALUES (?, ?, 'user', NULL)",
            [(content, label) for content in contents for label in add],
        )

    def _collect(self, clip_ids: Sequence[int], name: str) -> Steps:
        known = {collection.name.casefold(): collection.name for collection in self.collections()}
        name = known.get(name.casefold(), name)

        def put_in(contents: list[int]) -> None:
            self._db.execute("INSERT OR IGNORE INTO collections (name) VALUES (?)", (name,))
            number = self._db.execute("SELECT id FROM collections WHERE name = ?", (name,)).fetchone()[0]
            last = self._db.execute(
                "SELECT coalesce(max(position), 0) FROM collection_clips WHERE collection_id = ?", (number,)
            ).fetchone()[0]
            self._db.executemany(
                "INSERT OR IGNORE INTO collection_clips VALUES (?, ?, ?)",
                [(number, content, last + i) for i, content in enumerate(contents, start=1)],
            )

        return self._each(f"addition of {{}} to “{_plain(name)}”", clip_ids, put_in)

    def _take_out(self, contents: list[int], number: int) -> None:
        self._db.execute(
            f"DELETE FROM collection_clips WHERE collection_id = ? AND content_id IN ({_places(contents)})",
            (number, *contents),
        )

    def _collection(self, name: str) -> int:
        rows = self._db.query("SELECT id FROM collections WHERE name = ?", (name,))
        if not rows:
            raise CatalogueError(f"There is no collection “{name}”.", "It may have been renamed or deleted.")
        return int(rows[0][0])

    def _change_collection(self, name: str, to: str) -> Steps:
        number = self._collection(name) if name else None
        self._refuse_taken("collections", "collection", to, name)
        if number is None:
            if not to:
                raise CatalogueError("A collection needs a name.", "Type one.")
            return self._once(
                f"new collection “{to}”",
                lambda: self._run("INSERT INTO collections (name) VALUES (?)", to),
            )
        if to:
            return self._once(
                f"renaming of “{name}” to “{to}”",
                lambda: self._run("UPDATE collections SET name = ? WHERE id = ?", to, number),
            )
        return self._delete_collection(name, number)

    def _delete_collection(self, name: str, number: int) -> Steps:
        """Members first, chunk by chunk: a large collection takes longer than one step may."""
        mark, left = self._log.mark(), True
        while left:
            with self._log.writing():
                cursor = self._db.execute(
                    "DELETE FROM collection_clips WHERE collection_id = ? AND content_id IN"
                    " (SELECT content_id FROM collection_clips WHERE collection_id = ? LIMIT ?)",
                    (number, number, CHUNK),
                )
                left = cursor.rowcount == CHUNK
                if not left:
                    self._db.execute("DELETE FROM collections WHERE id = ?", (number,))
            yield
        said = f"deletion of “{name}”"
        self._log.add(said, mark)
        return self._organised(said)

    def _change_search(self, name: str, to: SavedSearch | None) -> Steps:
        rows = self._db.query("SELECT id FROM searches WHERE name = ?", (name,)) if name else []
        if name and not rows:
            raise CatalogueError(f"There is no saved search “{name}”.", "It may have been renamed or deleted.")
        if to is None:
            return self._once(
                f"deletion of the search “{name}”", lambda: self._run("DELETE FROM searches WHERE name = ?", name)
            )
        title = _clean(to.name, "saved search")
        self._refuse_taken("searches", "saved search", title, name)
        sounds = json.dumps({"likes": _plain_examples(to.likes), "unlikes": _plain_examples(to.unlikes),
                             "text_weight": to.text_weight})  # fmt: skip
        values = (title, to.text, sounds, to.order)
        if rows:
            return self._once(
                f"change of the search “{name}”",
                lambda: self._run(
                    "UPDATE searches SET name = ?, query = ?, sounds = ?, sort = ? WHERE id = ?", *values, rows[0][0]
                ),
            )
        return self._once(
            f"saved search “{title}”",
            lambda: self._run("INSERT INTO searches (name, query, sounds, sort) VALUES (?, ?, ?, ?)", *values),
        )

    def _run(self, sql: str, *values: Any) -> None:
        self._db.execute(sql, values)

    def _refuse_taken(self, table: str, what: str, name: str, own: str) -> None:
        taken = {row[0].casefold() for row in self._db.query(f"SELECT name FROM {table}")}
        if name and name.casefold() in taken - {own.casefold()}:
            raise CatalogueError(f"There is a {what} “{name}” already.", "Choose another name.")

    def _spelling(self, label: str) -> str:
        """A tag as people spelled it before: “kick” and “Kick” are one."""
        for (known,) in self._db.query(_USER_LABELS):
            if known.casefold() == label.casefold():
                return str(known)
        return label


def _mark_columns(action: MarkClips) -> dict[str, Any]:
    if action.rating is not None and not 0 <= action.rating <= 5:
        raise CatalogueError(f"A rating of {action.rating} cannot be given.", "Use 1 to 5 stars, or 0 for none.")
    if action.colour and action.colour not in COLOURS:
        raise CatalogueError(f"There is no colour label {action.colour}.", f"Use {', '.join(COLOURS)}.")
    columns = {
        "favourite": None if action.favourite is None else int(action.favourite),
        "rating": action.rating,
        "colour": action.colour,
    }
    return {column: value for column, value in columns.items() if value is not None}


def _mark_name(action: MarkClips) -> str:
    if action.favourite is not None:
        return "favourite mark of {}"
    return "rating of {}" if action.rating is not None else "colour of {}"


def _clean(text: str, what: str) -> str:
    """A name as it is kept: composed, without outer or doubled spaces.

    Raises:
        CatalogueError: If nothing is left, or a query could not name it.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise CatalogueError(f"A {what} needs a name.", "Type one.")
    if len(name) > MAX_NAME:
        raise CatalogueError(f"The name of a {what} has at most {MAX_NAME} characters.", "Choose a shorter one.")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise CatalogueError(f"The name of a {what} holds characters that cannot be shown.", "Type it again.")
    if '"' in name:
        raise CatalogueError(
            f"The name of a {what} cannot hold quotation marks or control characters.", "Leave them out."
        )
    return name


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(f"“{_plain(label)}”" for label in labels[:3]) + (" …" if len(labels) > 3 else "")


def _plain(text: str) -> str:
    """Braces doubled, for `str.format`."""
    return text.replace("{", "{{").replace("}", "}}")


def _plain_examples(examples: Sequence[Example]) -> list[dict[str, Any]]:
    return [asdict(example) for example in examples]


def _search(name: str, text: str, sounds: str, order: str) -> SavedSearch:
    more = json.loads(sounds)
    likes, unlikes = (tuple(Example(**example) for example in more[key]) for key in ("likes", "unlikes"))
    return SavedSearch(name, text, likes, unlikes, more["text_weight"], order)


def _places(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))

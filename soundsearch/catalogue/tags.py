"""What is said about the contents in words, by whom; what was refused; and the files that we wrote words into."""

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.undo import UndoLog
from soundsearch.records import Tag

CHUNK = 200  # contents of one transaction: some milliseconds, so that whoever asks in between is answered


@dataclass(frozen=True, slots=True)
class TagDecision:
    """What somebody, or a bar, decided about the labels of a set for one content."""

    content_id: int
    accepted: tuple[Tag, ...] = ()  # "auto" with their scores; "user" where somebody confirmed one by itself
    refused: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class TaggedClip:
    """A clip that can be tagged."""

    clip_id: int
    content_id: int
    path: str  # whole path, as os.fsdecode gives it


class Tags:
    """The tables of tags in an open catalogue."""

    def __init__(self, database: Database, log: UndoLog) -> None:
        """Work on the tables of an open catalogue; decisions are written into the log of what can be taken back."""
        self._db = database
        self._log = log

    def put_file(self, content_id: int, labels: Iterable[str]) -> None:
        """Note what a file's own metadata says, inside a transaction of the caller."""
        self._db.executemany(
            "INSERT OR IGNORE INTO tags (content_id, label, source) VALUES (?, ?, 'file')",
            [(content_id, label) for label in labels],
        )

    def of(self, content_ids: Sequence[int]) -> dict[int, tuple[Tag, ...]]:
        """Every tag by content, by label; contents without one are left out."""
        found: dict[int, list[Tag]] = {}
        for content, label, source, score in self._rows("tags", "content_id, label, source, score", content_ids):
            found.setdefault(content, []).append(Tag(label, source, score))
        return {content: tuple(tags) for content, tags in found.items()}

    def clips(self, folders: Sequence[str], clip_ids: Sequence[int] = ()) -> list[TaggedClip]:
        """Analysed clips below these folders, or these clips if no folder is named; by path."""
        # Not `resolve`: a root that is reached through a link is known by the link's name.
        below = [os.fsencode(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100
        tops = tuple(_joined(folder, b"") for folder in below)
        chosen = {int(clip) for clip in clip_ids}
        rows = self._db.query(
            "SELECT clips.id, content_id, roots.path, clips.path FROM clips JOIN roots ON roots.id = root_id"
            " WHERE state = 'ready' AND content_id IS NOT NULL"
        )
        whole = sorted((_joined(root, path), clip, content) for clip, content, root, path in rows)
        return [
            TaggedClip(clip, content, os.fsdecode(path))
            for path, clip, content in whole
            if (path in below or path.startswith(tops) if below else clip in chosen)
        ]

    def all_clips(self) -> list[int]:
        """Every clip that is listed, by path."""
        rows = self._db.query(
            "SELECT clips.id FROM clips JOIN roots ON roots.id = root_id ORDER BY roots.path, clips.path"
        )
        return [clip for (clip,) in rows]

    def contents_of(self, clip_ids: Sequence[int]) -> dict[int, int]:
        """Contents by clip; clips that are gone or not analysed are left out."""
        return {
            clip: content
            for clip, content in self._rows("clips", "id, content_id", list(clip_ids), key="id")
            if content is not None
        }

    def refused_of(self, content_ids: Sequence[int]) -> dict[int, frozenset[str]]:
        """Labels that were refused, by content."""
        found: dict[int, set[str]] = {}
        for content, label in self._rows("refused", "content_id, label", content_ids):
            found.setdefault(content, set()).add(label)
        return {content: frozenset(labels) for content, labels in found.items()}

    def examples(self, labels: Iterable[str]) -> dict[str, list[int]]:
        """Contents that people gave these labels to, whatever the case; labels without any are left out."""
        return _by_label(
            self._db.query("SELECT label, content_id FROM tags WHERE source = 'user' ORDER BY content_id"), labels
        )

    def refusals(self, labels: Iterable[str]) -> dict[str, list[int]]:
        """Contents that these labels were refused for; labels without any are left out."""
        return _by_label(self._db.query("SELECT label, content_id FROM refused ORDER BY content_id"), labels)

    def decide(self, decisions: Sequence[TagDecision], labels: Sequence[str]) -> Generator[None, None, str]:
        """Write decisions about a set of labels, in short transactions; one step for undo.

        Earlier automatic tags of this set give way to the accepted ones. Those of other sets, and all that people,
        folders and files say, stay; what they say already is not said again.

        Args:
            decisions: One for each content.
            labels: The whole set that was decided about.
        Returns:
            What it is called in undo, as the generator's value.
        """
        folded = {label.casefold() for label in labels}
        name = f"automatic tags of {len(decisions):,} clips" if len(decisions) != 1 else "automatic tags of 1 clip"
        mark = self._log.mark()
        try:
            for start in range(0, len(decisions), CHUNK):
                with self._log.writing():
                    self._write(decisions[start : start + CHUNK], folded)
                yield
        finally:  # what was written before it was stopped can be taken back too
            self._log.add(name, mark)
        return name

    # -- files that we wrote into

    def expect(self, content_id: int, digest: bytes) -> None:
        """Note that a file with this digest will hold the content: said before the file is put in its place.

        Whatever happens then, the next scan knows the file for what it is, and embeds nothing.
        """
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO rewritten SELECT ?, id FROM contents WHERE id = ?", (digest, content_id)
            )

    def written(self, clip_id: int, size_bytes: int, modified_ns: int, labels: Iterable[str]) -> None:
        """Note that a clip's file was replaced by one that we wrote, so that it does not count as changed."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE clips SET size_bytes = ?, modified_ns = ? WHERE id = ?", (size_bytes, modified_ns, clip_id)
            )
            row = self._db.execute("SELECT content_id FROM clips WHERE id = ?", (clip_id,)).fetchone()
            if row and row[0] is not None:
                self.put_file(row[0], labels)
            self._db.execute("UPDATE counters SET value = value + 1 WHERE name = 'changes'")

    # -- inside

    def _write(self, decisions: Sequence[TagDecision], folded: set[str]) -> None:
        contents = [decision.content_id for decision in decisions]
        before = self._rows("tags", "content_id, label, source", contents)
        said = {(content, label.casefold()) for content, label, source in before if source != "auto"}
        wanted = {(d.content_id, tag.label) for d in decisions for tag in d.accepted if tag.source == "auto"}
        self._db.executemany(
            "DELETE FROM tags WHERE content_id = ? AND label = ? AND source = 'auto'",
            [
                (content, label)
                for content, label, source in before
                if source == "auto" and label.casefold() in folded and (content, label) not in wanted
            ],
        )
        alive = {row[0] for row in self._rows("contents", "id", contents, key="id")}
        for decision in decisions:
            if decision.content_id in alive:
                self._write_one(decision, said)

    def _write_one(self, decision: TagDecision, said: set[tuple[int, str]]) -> None:
        content = decision.content_id
        for tag in decision.accepted:
            if (content, tag.label.casefold()) not in said:
                self._db.execute(
                    "INSERT INTO tags (content_id, label, source, score) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET score = excluded.score",
                    (content, tag.label, tag.source, tag.score),
                )
            self._db.execute("DELETE FROM refused WHERE content_id = ? AND label = ?", (content, tag.label))
        for tag in decision.refused:
            self._db.execute("INSERT OR IGNORE INTO refused VALUES (?, ?, ?)", (content, tag.label, tag.score))

    def _rows(self, table: str, columns: str, contents: Sequence[int], key: str = "content_id") -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(contents), CHUNK):
            ids = tuple(contents[start : start + CHUNK])
            marks = ", ".join("?" * len(ids))
            found += self._db.query(f"SELECT {columns} FROM {table} WHERE {key} IN ({marks}) ORDER BY {columns}", ids)
        return found


def _joined(folder: bytes, path: bytes) -> bytes:
    separator = os.sep.encode()
    return (folder if folder.endswith(separator) else folder + separator) + path


def _by_label(rows: Iterable[tuple[Any, ...]], labels: Iterable[str]) -> dict[str, list[int]]:
    names = {label.casefold(): label for label in labels}
    found: dict[str, list[int]] = {}
    for label, content in rows:
        if (name := names.get(label.casefold())) is not None:
            found.setdefault(name, []).append(content)
    return found

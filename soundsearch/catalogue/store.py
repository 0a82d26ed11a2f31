"""Catalogue: the truth about the library. All SQL is here; outside of this package nobody knows that it is SQL."""

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from soundsearch.catalogue.candidates import Candidates
from soundsearch.catalogue.database import Database
from soundsearch.catalogue.embedded import EmbeddedDigests
from soundsearch.catalogue.filters import folder_tags, place
from soundsearch.catalogue.forgotten import ForgottenLog
from soundsearch.catalogue.listings import Listings
from soundsearch.catalogue.missing import Missing, count, drop_orphans
from soundsearch.catalogue.moments import SQL_FUNCTIONS as MOMENT_FUNCTIONS
from soundsearch.catalogue.moments import Moments
from soundsearch.catalogue.names import SQL_FUNCTIONS as NAME_FUNCTIONS
from soundsearch.catalogue.names import Names
from soundsearch.catalogue.order import Orders
from soundsearch.catalogue.organiser import IF_SAID, Organiser
from soundsearch.catalogue.overview import Overview
from soundsearch.catalogue.repair import Repair
from soundsearch.catalogue.rows import Analysis, FoundFile, KnownRoot, KnownRow, PendingFile, Stamp
from soundsearch.catalogue.schema import MIGRATIONS
from soundsearch.catalogue.sounds import VERSION, Sounds
from soundsearch.catalogue.tags import Tags
from soundsearch.catalogue.tallies import SQL_FUNCTIONS as TALLY_FUNCTIONS
from soundsearch.catalogue.tallies import Tallies
from soundsearch.errors import CatalogueError
from soundsearch.records import Clip, ClipState, Failure, Filter, FloatArray, IntArray, Sound

__all__ = ["Analysis", "Catalogue", "FoundFile", "KnownRoot", "KnownRow", "PendingFile", "Stamp"]

_PORTION = 20_000  # files of a folder that are read at one go
_SEPARATOR = os.sep.encode()
_BEHIND_SEPARATOR = bytes([_SEPARATOR[0] + 1])  # sorts behind all that lies in a folder
_NO_END = 2**63 - 1  # more than any number of a row
_CHUNK = 500  # ids in one statement; SQLite's own limit is far higher, but parsing time is not free


class Catalogue:
    """The open catalogue. One connection, one thread.

    Attributes:
        candidates: Which clips may answer.
        names: What they are called.
        sounds: What the contents sound like.
        moments: Windows of long contents.
        forgotten: Which contents went.
        listings: What the folders of a root held.
        tallies: How many clips there are.
        tags: What is said about them.
        overview: All clips in portions.
        repair: What is wrong with the file, and how that is mended.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the catalogue; an older one is copied to `NAME.before-N` and migrated.

        Raises:
            CatalogueError: If it is damaged, newer than this program, or cannot be written.
        """
        self.path = path
        self._db = Database(path, MIGRATIONS, NAME_FUNCTIONS | TALLY_FUNCTIONS | MOMENT_FUNCTIONS)
        self.candidates = Candidates(self._db)
        self.names = Names(self._db)
        self.sounds = Sounds(self._db)
        self.moments = Moments(self._db)
        self.organiser = Organiser(self._db)
        self.missing = Missing(self._db)
        self.forgotten = ForgottenLog(self._db)
        self.listings = Listings(self._db)
        self.tallies = Tallies(self._db)
        self.tags = Tags(self._db, self.organiser.log)
        self.overview = Overview(self._db)
        self.orders = Orders(self._db)
        self.repair = Repair(self._db, self.tallies)

    def close(self) -> None:
        """Close the connection; what was committed is on disk."""
        self._db.close()

    # -- roots

    def add_root(self, path: bytes, mount: bytes) -> KnownRoot:
        """Add a root, or return the known root that it is or lies in. Roots that lie in it become part of it."""
        for root in self.roots():
            if path == root.path or path.startswith(_with_separator(root.path)):
                return root
        with self._db.transaction():
            cursor = self._db.execute("INSERT INTO roots (path, mount) VALUES (?, ?)", (path, mount))
            root_id = int(cursor.lastrowid or 0)
            for inner in self.roots():
                if inner.id != root_id and inner.path.startswith(_with_separator(path)):
                    self._absorb(inner, root_id, inner.path[len(_with_separator(path)) :])
        return KnownRoot(root_id, path, mount, True)

    def roots(self) -> list[KnownRoot]:
        """All roots in the order of their paths."""
        rows = self._db.query("SELECT id, path, mount, online FROM roots ORDER BY path")
        return [KnownRoot(row[0], row[1], row[2], bool(row[3])) for row in rows]

    def set_root_seen(self, root_id: int, mount: bytes | None) -> None:
        """Note whether a root can be reached: the mount point it is on, or None when it is offline."""
        with self._db.transaction():
            if mount is None:
                changed = self._db.execute("UPDATE roots SET online = 0 WHERE id = ? AND online", (root_id,)).rowcount
            else:
                changed = self._db.execute(
                    "UPDATE roots SET online = 1, mount = ?1 WHERE id = ?2 AND NOT (online AND mount = ?1)",
                    (mount, root_id),
                ).rowcount
            if changed:
                count(self._db, "changes")

    def remove_root(self, path: str) -> Generator[None, None, None]:
        """Forget a root and its clips, in short steps. Broken off, it leaves the root with the clips that are left.

        Raises:
            CatalogueError: If there is no such root.
        """
        known = self._db.query("SELECT id FROM roots WHERE path = ?", (os.fsencode(path),))
        if not known:
            raise CatalogueError(f"{path} is not a folder of this library.", "See the list of roots in the status.")
        root_id = known[0][0]
        with self._db.transaction():  # broken off and then scanned, its folders are compared
            self._db.execute("DELETE FROM listings WHERE root_id = ?", (root_id,))
        is_last = False
        while not is_last:
            with self._db.transaction():
                sql = "SELECT id, content_id FROM clips WHERE root_id = ? LIMIT ?"
                clips = self._db.execute(sql, (root_id, _CHUNK)).fetchall()
                self._db.executemany("DELETE FROM clips WHERE id = ?", [(clip,) for clip, _ in clips])
                drop_orphans(self._db, [content for _, content in clips if content is not None])
                if is_last := len(clips) < _CHUNK:
                    self._db.execute("DELETE FROM roots WHERE id = ?", (root_id,))
                count(self._db, "changes")
            yield

    # -- listing

    def known_rows(self, root_id: int, folder: bytes) -> Iterator[list[KnownRow]]:
        """The files of one folder as last seen, by path, in portions that are read within some ten milliseconds.

        What lies in folders below it is not read but jumped over: the cost is that of the folder, however large the
        library is.

        Args:
            root_id: Its root.
            folder: Below the root, b"" for the root itself.
        """
        inside = folder + _SEPARATOR if folder else b""
        start, most = inside, 1
        while True:
            rows = self._db.query(
                "SELECT path, id, size_bytes, modified_ns, state = 'missing' FROM clips"
                " WHERE root_id = ? AND path >= ? ORDER BY path LIMIT ?",
                (root_id, start, most),
            )
            here: list[KnownRow] = []
            for row in cast(list[KnownRow], rows):
                if not row[0].startswith(inside):
                    yield here
                    return
                name, separator, _ = row[0][len(inside) :].partition(_SEPARATOR)
                if separator:
                    start, most = inside + name + _BEHIND_SEPARATOR, 1
                    break
                here.append(row)
            else:
                if len(rows) < most:
                    yield here
                    return
                start, most = here[-1][0] + b"\0", min(2 * most, _PORTION)
            yield here

    def list_files(self, root_id: int, added: Sequence[FoundFile], changed: Sequence[tuple[int, FoundFile]]) -> None:
        """Note new and changed files, one transaction: their names can be searched, analysis follows."""
        with self._db.transaction():
            self._db.executemany(
                "INSERT INTO clips (root_id, path, words, folder, extension, size_bytes, modified_ns, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
                [(root_id, f.path, *place(f.path), f.size_bytes, f.modified_ns) for f in added],
            )
            self._db.executemany(
                "UPDATE clips SET state = 'pending', reason = '', size_bytes = ?, modified_ns = ? WHERE id = ?",
                [(f.size_bytes, f.modified_ns, clip) for clip, f in changed],
            )
            if added or changed:
                count(self._db, "changes")

    def mark_missing(self, clip_ids: Sequence[int]) -> int:
        """Mark clips as vanished. Those that never were analysed hold nothing to keep: they are removed.

        Returns:
            How many were removed.
        """
        with self._db.transaction():
            removed = 0
            for ids in _chunks(clip_ids):
                marks = _marks(ids)
                removed += self._db.execute(
                    f"DELETE FROM clips WHERE id IN ({marks}) AND content_id IS NULL", ids
                ).rowcount
                # One that changed and vanished before it was analysed must count as changed when it comes back.
                self._db.execute(
                    "UPDATE clips SET state = 'missing', modified_ns ="
                    f" CASE WHEN state IN ('pending', 'failed') THEN -1 ELSE modified_ns END WHERE id IN ({marks})",
                    ids,
                )
            if clip_ids:
                count(self._db, "changes")
        return removed

    def mark_found(self, clip_ids: Sequence[int]) -> None:
        """Take missing clips back that are there again, unchanged."""
        with self._db.transaction():
            self._db.executemany("UPDATE clips SET state = 'ready' WHERE id = ?", [(clip,) for clip in clip_ids])
            if clip_ids:
                count(self._db, "changes")

    # -- analysis

    def pending(self, bundle: str, root_ids: Sequence[int]) -> list[PendingFile]:
        """Clips of these roots that are not analysed, or have no vector of the bundle: newest first, a content once."""
        values: tuple[Any, ...] = tuple(root_ids)
        wanted = "state = 'pending'"
        if not self._is_heard(bundle):
            values = (*values, bundle)
            wanted += """ OR (state = 'ready' AND NOT EXISTS (
                SELECT 1 FROM embeddings e WHERE e.bundle = ? AND e.content_id = clips.content_id))"""
        rows = self._db.query(
            f"""
            SELECT clips.id, clips.root_id, roots.path, clips.path, size_bytes, modified_ns
            FROM clips JOIN roots ON roots.id = root_id
            WHERE +root_id IN ({_marks(root_ids)}) AND ({wanted})
            GROUP BY CASE state WHEN 'ready' THEN -content_id ELSE clips.id END
            ORDER BY modified_ns DESC, clips.id
            """,
            values,
        )
        return [
            PendingFile(clip, root_id, os.fsdecode(_with_separator(root) + path), size, modified)
            for clip, root_id, root, path, size, modified in rows
        ]

    def _is_heard(self, bundle: str) -> bool:
        """Whether every clip that was analysed has a vector of the bundle: then nobody need look at a million."""
        return self.tallies.heard(bundle) == self.tallies.states()[ClipState.READY]

    def embedded_digests(self, bundle: str) -> EmbeddedDigests:
        """Digests of all contents that have a vector of the bundle, to be asked from any thread; close it."""
        return EmbeddedDigests(self.path, bundle)

    def record(self, bundle: str, analyses: Sequence[Analysis], failures: Sequence[tuple[int, str]]) -> tuple[int, int]:
        """Commit what was learned about a batch of clips, one transaction.

        A clip whose content is that of a missing clip is that clip, moved: the old row takes the new place.

        Returns:
            How many clips were moved ones, and how many vectors are new: copies that were analysed side by side
            leave one.
        """
        moved = embedded = 0
        with self._db.transaction():
            clip_ids = [analysis.clip_id for analysis in analyses] + [clip for clip, _ in failures]
            touched = self._contents_of(clip_ids)
            for analysis in analyses:
                content_id = self._content(analysis)
                touched.append(content_id)  # an orphan too, if the clip was forgotten meanwhile
                self.tags.put_file(content_id, analysis.labels)
                if analysis.vector is not None:
                    embedded += self._db.execute(
                        "INSERT OR IGNORE INTO embeddings (bundle, content_id, vector) VALUES (?, ?, ?)",
                        (bundle, content_id, analysis.vector.astype("<f4").tobytes()),
                    ).rowcount
                moved += self._link(analysis, content_id)
            for clip_id, reason in failures:
                # What people said of it waits with its old content until it can be read again.
                self._db.execute(
                    f"UPDATE clips SET state = 'failed', reason = ?, content_id = {IF_SAID} WHERE id = ?",
                    (reason, clip_id),
                )
            drop_orphans(self._db, touched)
            if analyses or failures:
                count(self._db, "changes")
        return moved, embedded

    def unheard_digests(self, bundle: str) -> list[bytes]:
        """Digests of contents without a vector of the bundle, the last ones first; none if no clip waits for one."""
        if self._is_heard(bundle):
            return []
        rows = self._db.query(
            """SELECT digest FROM contents WHERE NOT EXISTS (
                SELECT 1 FROM embeddings e WHERE e.bundle = ? AND e.content_id = contents.id) ORDER BY id DESC""",
            (bundle,),
        )
        return [digest for (digest,) in rows]

    def record_vectors(self, bundle: str, vectors: Mapping[bytes, FloatArray]) -> int:
        """Commit vectors of contents that are known, by digest, one transaction; returns how many are new."""
        added = 0
        with self._db.transaction():
            for digest, vector in vectors.items():
                added += self._db.execute(
                    "INSERT OR IGNORE INTO embeddings (bundle, content_id, vector)"
                    " SELECT ?, id, ? FROM contents WHERE digest = ?",
                    (bundle, vector.astype("<f4").tobytes(), digest),
                ).rowcount
            if added:
                count(self._db, "changes")
        return added

    def forget_vectors(self, bundle: str) -> None:
        """Drop every vector of a bundle that is gone for good."""
        with self._db.transaction():
            if self._db.execute("DELETE FROM embeddings WHERE bundle = ?", (bundle,)).rowcount:
                self._db.execute("DELETE FROM heard WHERE bundle = ?", (bundle,))
                count(self._db, "deletions")
                count(self._db, "changes")

    # -- reading

    @property
    def deletions(self) -> int:
        """Grows whenever vectors go whose contents stay; for those that went with them see `forgotten`."""
        return int(self._db.query("SELECT value FROM counters WHERE name = 'deletions'")[0][0])

    def digests(self) -> set[bytes]:
        """Digests of all contents, those of files that we wrote tags into included."""
        rows = self._db.query("SELECT digest FROM contents UNION SELECT digest FROM rewritten")
        return {digest for (digest,) in rows}

    def stamp(self, bundle: str) -> Stamp:
        """Where the embeddings of a bundle stand now."""
        last = self._db.query("SELECT coalesce(max(seq), 0) FROM embeddings WHERE bundle = ?", (bundle,))[0][0]
        return Stamp(last, self.deletions, self.forgotten.last)

    @property
    def changes(self) -> int:
        """Grows with every change of what a search can answer."""
        return int(self._db.query("SELECT value FROM counters WHERE name = 'changes'")[0][0])

    def embeddings(
        self, bundle: str, dimension: int, after_seq: int = 0, last_seq: int = _NO_END
    ) -> tuple[IntArray, FloatArray]:
        """Content ids (n,) and vectors (n, dimension) of a bundle in the order they came.

        Args:
            bundle: Whose.
            dimension: Numbers of a vector; others are damaged, and left out.
            after_seq: Those after this sequence number.
            last_seq: Until this one.
        """
        rows = self._db.query(
            "SELECT content_id, vector FROM embeddings WHERE bundle = ? AND seq > ? AND seq <= ? ORDER BY seq",
            (bundle, after_seq, last_seq),
        )
        rows = [row for row in rows if len(row[1]) == 4 * dimension]  # damaged ones: `problems` names them
        ids = np.array([row[0] for row in rows], np.int64)
        vectors = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(len(rows), dimension)
        return ids, vectors.astype(np.float32)

    def embedded_ids(self, bundle: str) -> IntArray:
        """Content ids that have a vector of the bundle, ascending."""
        rows = self._db.query("SELECT content_id FROM embeddings WHERE bundle = ? ORDER BY content_id", (bundle,))
        return np.array([row[0] for row in rows], np.int64)

    def select(self, wanted: Filter) -> tuple[IntArray, IntArray]:
        """Clips that may answer, by path: clip ids and their content ids (0 before analysis)."""
        return self.candidates.select(wanted)

    def clips(self, clip_ids: Sequence[int]) -> list[Clip]:
        """Records of clips in the order asked; ids that are gone are left out."""
        found: dict[int, Clip] = {}
        for ids in _chunks(clip_ids):
            tags: dict[int, list[str]] = {}
            for content, label in self._db.query(
                f"""SELECT DISTINCT content_id, label FROM tags WHERE content_id IN
                (SELECT content_id FROM clips WHERE id IN ({_marks(ids)})) ORDER BY label""",
                ids,
            ):
                tags.setdefault(content, []).append(label)
            rows = self._db.query(
                f"""SELECT clips.id, roots.path, clips.path, state, online, reason, duration_s, sample_rate, channels,
                format, size_bytes, modified_ns, peaks, content_id
                FROM clips JOIN roots ON roots.id = root_id LEFT JOIN contents ON contents.id = content_id
                WHERE clips.id IN ({_marks(ids)})""",
                ids,
            )
            contents = [row[-1] for row in rows if row[-1] is not None]
            sounds, said = self.sounds.of(contents), self.organiser.marks(contents)
            for (
                clip,
                root,
                path,
                state,
                online,
                reason,
                duration,
                rate,
                channels,
                kind,
                size,
                modified,
                peaks,
                content,
            ) in rows:
                sound = sounds.get(content, Sound())
                favourite, rating, colour = said.get(content, (False, 0, ""))
                found[clip] = Clip(
                    id=clip,
                    path=os.fsdecode(_with_separator(root) + path),
                    root=os.fsdecode(root),
                    state=ClipState(state),
                    offline=not online,
                    reason=reason,
                    duration_s=duration or 0.0,
                    sample_rate=rate or 0,
                    channels=channels or 0,
                    format=kind or "",
                    size_bytes=size,
                    modified_ns=modified,
                    tags=(*folder_tags(path), *tags.get(content, ())),
                    peaks=peaks or b"",
                    favourite=favourite,
                    rating=rating,
                    colour=colour,
                    loudness_lufs=sound.loudness_lufs,
                    peak_db=sound.peak_db,
                    brightness_hz=sound.brightness_hz,
                    tempo_bpm=sound.tempo_bpm,
                    key=sound.key,
                    kind=sound.kind,
                )
        return [found[clip] for clip in clip_ids if clip in found]

    def tags_by_people(self, clip_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """Tags that people gave to clips, by clip; a tag with a score is a model's guess and not among them."""
        found: dict[int, list[str]] = {}
        for ids in _chunks(clip_ids):
            for clip, label in self._db.query(
                f"""SELECT DISTINCT clips.id, label FROM clips JOIN tags ON tags.content_id = clips.content_id
                WHERE clips.id IN ({_marks(ids)}) AND score IS NULL ORDER BY clips.id, label""",
                ids,
            ):
                found.setdefault(clip, []).append(label)
        return {clip: tuple(labels) for clip, labels in found.items()}

    def failures(self, root_ids: Sequence[int] | None = None) -> tuple[Failure, ...]:
        """Clips that cannot be read, by path; of these roots, or of all."""
        rows = self._db.query(
            "SELECT root_id, roots.path, clips.path, reason FROM clips JOIN roots ON roots.id = root_id"
            " WHERE state = 'failed' ORDER BY roots.path, clips.path"
        )
        return tuple(
            Failure(os.fsdecode(_with_separator(root) + path), reason)
            for root_id, root, path, reason in rows
            if root_ids is None or root_id in root_ids
        )

    def is_complete(self, bundle: str) -> bool:
        """Whether nothing has changed since a scan with this bundle was found to have left nothing to do."""
        noted = self._db.query("SELECT value FROM counters WHERE name = ?", (_complete(bundle),))
        return bool(noted) and noted[0][0] == self.changes

    def note_complete(self, bundle: str) -> None:
        """Note that every clip is analysed, heard and measured, if that is so: looking for more takes a while."""
        roots = [root.id for root in self.roots()]
        if self.is_complete(bundle) or self.pending(bundle, roots) or self.sounds.unmeasured(roots):
            return
        with self._db.transaction():
            sql = "INSERT OR REPLACE INTO counters SELECT ?, value FROM counters WHERE name = 'changes'"
            self._db.execute(sql, (_complete(bundle),))

    @property
    def size_bytes(self) -> int:
        """Size on disk, what is not yet folded in included."""
        files = [self.path, self.path.with_name(self.path.name + "-wal")]
        return sum(file.stat().st_size for file in files if file.exists())

    # -- inside

    def _content(self, analysis: Analysis) -> int:
        """The row of a content: known, or made now."""
        known = self._db.execute(
            "SELECT id FROM contents WHERE digest = ?1 UNION ALL SELECT content_id FROM rewritten WHERE digest = ?1",
            (analysis.digest,),
        ).fetchone()
        if known:
            return int(known[0])
        # SQLite would give the number of one that went to the next: an index may hold the old vector under it.
        number = "UPDATE counters SET value = value + 1 WHERE name = 'contents' RETURNING value"
        content_id = int(self._db.execute(number).fetchone()[0])
        self._db.execute(
            "INSERT INTO contents (id, digest, duration_s, sample_rate, channels, format, peaks)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                content_id,
                analysis.digest,
                analysis.duration_s,
                analysis.sample_rate,
                analysis.channels,
                analysis.format,
                analysis.peaks,
            ),
        )
        return content_id

    def _link(self, analysis: Analysis, content_id: int) -> int:
        """Point a clip at its content; returns 1 if it turned out to be a missing clip at a new place."""
        before = self._db.execute(
            "SELECT root_id, path, content_id FROM clips WHERE id = ?", (analysis.clip_id,)
        ).fetchone()
        if before is None:  # forgotten while it was analysed
            return 0
        root_id, path, old_content = before
        columns = place(path)
        clip_id, moved = analysis.clip_id, 0
        if old_content is None:
            gone = self._db.execute(
                "SELECT id FROM clips WHERE content_id = ? AND state = 'missing' ORDER BY words = ? DESC, id LIMIT 1",
                (content_id, columns[0]),
            ).fetchone()
            if gone:
                self._db.execute("DELETE FROM clips WHERE id = ?", (clip_id,))
                clip_id, moved = gone[0], 1
        elif old_content != content_id:  # edited in place: what the user said about it stays
            self.organiser.carry(old_content, content_id)
        if moved:  # else its path stays, and with it what three indexes hold of it
            self._db.execute(
                "UPDATE clips SET root_id = ?, path = ?, words = ?, folder = ?, extension = ? WHERE id = ?",
                (root_id, path, *columns, clip_id),
            )
        self._db.execute(
            "UPDATE clips SET state = 'ready', reason = '', content_id = ?, size_bytes = ?, modified_ns = ?"
            " WHERE id = ?",
            (content_id, analysis.size_bytes, analysis.modified_ns, clip_id),
        )
        return moved

    def _contents_of(self, clip_ids: Sequence[int]) -> list[int]:
        found: list[int] = []
        for ids in _chunks(clip_ids):
            sql = f"SELECT DISTINCT content_id FROM clips WHERE id IN ({_marks(ids)}) AND content_id IS NOT NULL"
            found += [content for (content,) in self._db.execute(sql, ids)]
        return found

    def _absorb(self, inner: KnownRoot, root_id: int, prefix: bytes) -> None:
        for clip, path in self._db.execute("SELECT id, path FROM clips WHERE root_id = ?", (inner.id,)).fetchall():
            below = _with_separator(prefix) + path
            self._db.execute(
                "UPDATE clips SET root_id = ?, path = ?, words = ?, folder = ?, extension = ? WHERE id = ?",
                (root_id, below, *place(below), clip),
            )
        self._db.execute("DELETE FROM roots WHERE id = ?", (inner.id,))


def _complete(bundle: str) -> str:
    """The counter that says when a scan with a bundle had nothing left to do; another analysis may have."""
    return f"complete {bundle} {VERSION}"


def _with_separator(path: bytes) -> bytes:
    return path if path.endswith(_SEPARATOR) else path + _SEPARATOR


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _chunks(ids: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(ids), _CHUNK):
        yield tuple(int(i) for i in ids[start : start + _CHUNK])

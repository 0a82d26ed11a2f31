"""What clips are called: words of file names, folders and tags, found through SQLite's full-text index (FTS5).

Triggers keep the index in step with clips and tags, whoever writes them. Names are cut into words where people see a
border (`DistortedKick_01` is distorted, kick, 01), and English endings do not count (`barking dogs` finds `dog_bark`).
Of 100,000 names the index takes 9 MB; trigrams took 25 and do not find words of two letters, and an index of beginnings
made no query faster.
"""

import math
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from soundsearch.audio.decode import is_audio_name
from soundsearch.catalogue.database import Database
from soundsearch.records import FloatArray, IntArray, Reason

MAX_WORDS = 10  # of a query that are looked up: names are short
MAX_FOUND = 5000  # clips a word is looked up in: one that more have tells little
MAX_LITERAL = 1000  # names that are compared with the whole query
# How much a word counts in its place.
PLACES = {"name": (1.0, Reason.NAME), "folder": (0.7, Reason.FOLDER)}
TAG_WEIGHT = 0.9
REASON_FROM = 0.3  # share of the query's words, from which on a place is a reason
_BORDER = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])|(?<=[A-Z])(?=[A-Z][a-z])|_")
_SEPARATOR = os.sep.encode()
_WORD = re.compile(r"[^\W_]+")
# They say nothing about a sound, and in a name less.
_LITTLE = frozenset(
    word
    for line in (
        "a an and are at be being by for from in into is it its like of off on or out over",
        "some sound sounds that the their then this to up very while with",
    )
    for word in line.split()
)


@dataclass(frozen=True, slots=True)
class NameHits:
    """Clips that are called like the words of a query: parallel arrays, ascending by clip.

    `coverage` is the share of the query's words, rare ones counting more, that a clip's name, folder and tags hold.
    `reasons` are flags of Reason. `is_literal` marks clips whose name is the query, or begins with it.
    """

    clip_ids: IntArray
    coverage: FloatArray
    reasons: npt.NDArray[np.uint8]
    is_literal: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.clip_ids)


def words_of(text: str) -> str:
    """A name with spaces where its words end; letters are left as they are, for the index folds them."""
    return _BORDER.sub(" ", unicodedata.normalize("NFC", text))


def name_words(path: bytes) -> str:
    """The words of a clip's own name, without its extension, by its path below the root."""
    name = os.fsdecode(path).rpartition(os.sep)[2]
    return words_of(_encodable(name.rpartition(".")[0] if is_audio_name(name) else name))


def folder_words(path: bytes) -> str:
    """The words of the folders that a clip lies in."""
    return _words_of_folder(path.rpartition(_SEPARATOR)[0])


@lru_cache(maxsize=64)  # a listing goes folder by folder
def _words_of_folder(folder: bytes) -> str:
    return words_of(_encodable(os.fsdecode(folder)))


SQL_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "name_words": name_words,
    "folder_words": folder_words,
    "label_words": words_of,
}


@dataclass(frozen=True, slots=True)
class _Found:
    """Clips (n,), what each is worth, and flags of Reason."""

    clip_ids: IntArray
    weights: npt.NDArray[np.float64]
    reasons: npt.NDArray[np.uint8]


class Names:
    """The full-text index of a catalogue."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def search(self, text: str, *, unfinished: bool = True) -> NameHits:
        """Find the clips whose names, folders and tags share words with a text; the last word may be unfinished."""
        text = text.encode("utf-8", "replace").decode("utf-8")  # a command line may hold bytes that are not UTF-8
        words = [word.casefold() for word in _WORD.findall(words_of(text))][:MAX_WORDS]
        wanted = [word for word in dict.fromkeys(words) if word not in _LITTLE]
        literal = np.array(sorted(self._literal(text, words)), np.int64)
        count = int(self._db.query("SELECT coalesce(max(id), 0) FROM clips")[0][0])
        found = [_Found(literal, np.zeros(len(literal)), np.zeros(len(literal), np.uint8))]
        total = 0.0
        for word in wanted:
            here = self._places(_match(word, unfinished and word == words[-1]))
            rarity = math.log((count + 1) / (min(len(here.clip_ids), count) + 1)) + 0.1
            total += rarity
            found.append(_Found(here.clip_ids, here.weights * rarity, here.reasons))
        clip_ids, at = np.unique(np.concatenate([part.clip_ids for part in found]), return_inverse=True)
        scores = np.bincount(at, np.concatenate([part.weights for part in found]), len(clip_ids))
        coverage = (scores / (total or 1.0)).astype(np.float32)
        flags = np.zeros(len(clip_ids), np.uint8)
        np.bitwise_or.at(flags, at, np.concatenate([part.reasons for part in found]))
        is_literal = np.isin(clip_ids, literal)
        coverage[is_literal] = 1.0
        flags[coverage < REASON_FROM] = 0
        flags[is_literal] |= np.uint8(Reason.NAME)
        return NameHits(clip_ids, coverage, flags, is_literal)

    def _places(self, match: str) -> "_Found":
        """The clips that a word stands for, with the weight of the best place that it stands in, and all reasons."""
        found = []
        for column, (weight, reason) in PLACES.items():
            sql = "SELECT rowid AS clip FROM names WHERE names MATCH ? LIMIT ?"
            found.append((weight, reason, self._numbers(sql, f"{column} : {match}")))
        sql = """SELECT clips.id AS clip FROM label_names JOIN labels ON labels.id = label_names.rowid
            JOIN tags ON tags.label = labels.label JOIN clips ON clips.content_id = tags.content_id
            WHERE label_names MATCH ? LIMIT ?"""
        found.append((TAG_WEIGHT, Reason.TAG, self._numbers(sql, match)))
        sizes = [len(clips) for _, _, clips in found]
        clip_ids, at = np.unique(np.concatenate([clips for _, _, clips in found]), return_inverse=True)
        weights, reasons = np.zeros(len(clip_ids)), np.zeros(len(clip_ids), np.uint8)
        np.maximum.at(weights, at, np.repeat([weight for weight, _, _ in found], sizes))
        np.bitwise_or.at(reasons, at, np.repeat(np.array([int(reason) for _, reason, _ in found], np.uint8), sizes))
        return _Found(clip_ids, weights, reasons)

    def _numbers(self, sql: str, match: str) -> IntArray:
        # One long string is read from SQLite three times as fast as rows.
        text = self._db.query(f"SELECT group_concat(clip) FROM ({sql})", (match, MAX_FOUND))[0][0]
        return np.fromstring(text or "", np.int64, sep=",")

    def _literal(self, text: str, words: list[str]) -> set[int]:
        """Clips whose name is the text, or begins with its words.

        One word alone is a description as well as the beginning of a name: then the name must be that word.
        """
        typed = " ".join(unicodedata.normalize("NFC", text).casefold().split())
        if not words:
            return set()
        name = "substr(words, CASE folder WHEN '' THEN 1 ELSE length(folder) + 2 END)"  # as in the index clips_by_name
        rows = self._db.query(
            f"SELECT id FROM clips WHERE {name} = ?1 OR ({name} >= ?1 || '.' AND {name} < ?1 || '/') LIMIT ?2",
            (typed, MAX_LITERAL),
        )
        found = {row[0] for row in rows}
        is_name = re.search(r"\.[a-z0-9]{2,5}$", typed) is not None
        stem = [word.casefold() for word in _WORD.findall(words_of(text.rpartition(".")[0]))] if is_name else words
        every = " AND ".join(_match(word, word == stem[-1]) for word in stem) if stem else ""
        if every and (len(stem) > 1 or is_name):
            rows = self._db.query(
                "SELECT rowid, name FROM names WHERE names MATCH ? LIMIT ?", (f"name : ({every})", MAX_LITERAL)
            )
            beginning = " ".join(stem)
            found |= {clip for clip, words in rows if " ".join(_WORD.findall(words)).casefold().startswith(beginning)}
        return found


def _match(word: str, is_last: bool) -> str:
    """A word in FTS5's own query language; the last may go on."""
    return f'"{word}"*' if is_last and len(word) > 2 else f'"{word}"'


def _encodable(text: str) -> str:
    """What is not UTF-8 in a path as replacement marks: SQLite holds no lone surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

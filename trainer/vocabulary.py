"""What the words of names mean, from `vocabulary.toml`: one table, so that "chh" is a closed hi-hat everywhere."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".toml")
LONGEST = 4  # words in one spelling
_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])")
_DIGITS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a name: what was written, what it means, and of which kind it is.

    Kinds: "sound" and "quality" are in the vocabulary, "word" is not.
    """

    raw: str
    text: str
    kind: str


def words_of(text: str) -> list[str]:
    """Runs of letters with their marks, or of digits, of any script; an apostrophe inside a word belongs to it."""
    spaced = "".join(c if unicodedata.category(c)[0] in "LMN" or c in "'’" else " " for c in text)
    return [word for part in spaced.split() if (word := part.strip("'’"))]


class Vocabulary:
    """The table, ready to be asked. Spellings of several words match in any order."""

    def __init__(self, table: Mapping[str, Mapping[str, str]]) -> None:
        """Prepare a table in the form of `vocabulary.toml`.

        Raises:
            ValueError: If a spelling means two things.
        """
        self.kinds: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._phrases: dict[tuple[str, ...], str] = {}
        self._drums: dict[str, str] = {}
        for section, kind in (("sounds", "sound"), ("qualities", "quality")):
            for name in table[section]:
                self.kinds[name] = kind
        for section in ("sounds", "qualities"):
            for name, others in table[section].items():
                for spelling in (name, *_listed(others)):
                    self._add(spelling, name)
        for name, others in table["drums"].items():
            self._drums.update((spelling, name) for spelling in _listed(others))
        self.numbers = frozenset(w for key in (*self._phrases, tuple(self._words)) for w in key if w.isdigit())
        filler = table["filler"]
        self.generic = {name: frozenset(_listed(members)) for name, members in table["generic"].items()}
        self.drum_family = frozenset(table["drums"]) | {"drum", "percussion", "hi-hat", "cymbal", "beat"}
        self.folder_filler, self.name_filler = (
            frozenset(_listed(filler["folders"])),
            frozenset(_listed(filler["names"])),
        )
        self.pack_words, self.containers = frozenset(_listed(filler["packs"])), frozenset(_listed(filler["containers"]))

    def _add(self, spelling: str, name: str) -> None:
        # A hyphen joins ("hi-hat" is one unit after a first pass), but in names it is often a space.
        for parts in (words_of(spelling.lower()), spelling.lower().split()):
            if len(parts) == 1:
                known = self._words.setdefault(parts[0], name)
            else:
                known = self._phrases.setdefault(tuple(sorted(parts)), name)
            if known != name:
                raise ValueError(f"{spelling!r} means both {known!r} and {name!r}")

    def meaning(self, word: str, drums: bool = False) -> str:
        """What one word means, "" if it is not known; `drums` if it stands among drums."""
        for form in _singulars(word):
            if drums and form in self._drums:
                return self._drums[form]
            if form in self._words:
                return self._words[form]
        return ""

    def says_nothing(self, tag: str, others: Iterable[str]) -> bool:
        """Whether a tag only names the family of another one: beside "tom", "drum" says nothing."""
        members = self.generic.get(tag)
        if members is None:
            return False
        return any(other in members or (not members and self.kinds.get(other) == "sound") for other in others)

    def read(self, words: Sequence[str], drums: bool = False) -> list[Unit]:
        """Give the words of a name their meaning, the longest spelling first; unknown ones stay, in lower case."""
        singles = [Unit(word, word.lower(), "word") for word in words]
        units = self._join(singles)
        named = [self._name(unit, drums) if unit.kind == "word" else unit for unit in units]
        return self._join(named)

    def _name(self, unit: Unit, drums: bool) -> Unit:
        meaning = self.meaning(unit.text, drums)
        return Unit(unit.raw, meaning, self.kinds[meaning]) if meaning else unit

    def _join(self, units: Sequence[Unit]) -> list[Unit]:
        joined: list[Unit] = []
        at = 0
        while at < len(units):
            for count in range(min(LONGEST, len(units) - at), 1, -1):
                part = units[at : at + count]
                meaning = self._phrase([unit.text for unit in part])
                if meaning:
                    joined.append(Unit(" ".join(u.raw for u in part), meaning, self.kinds[meaning]))
                    at += count
                    break
            else:
                joined.append(units[at])
                at += 1
        return joined

    def _phrase(self, texts: Sequence[str]) -> str:
        found = self._phrases.get(tuple(sorted(texts)))
        return found or self._phrases.get(tuple(sorted(_singulars(text)[-1] for text in texts)), "")

    def split(self, word: str) -> list[str]:
        """Take apart what was written without a space: "HiHatClosed", "tom3", "hhclosed"; [word] if it is one."""
        lower = word.lower()
        if self.meaning(lower) or lower in self.folder_filler:
            return [word]
        for border in (_DIGITS, _CAMEL):
            parts = border.split(word)
            if len(parts) > 1 and (border is _DIGITS or self._are_words(parts)):
                return [piece for part in parts for piece in self.split(part)]
        return self._compound(lower) or [word]

    def _are_words(self, parts: Sequence[str]) -> bool:
        """Whether capitals inside a word begin words: "HiHat", but not "circAfrique"."""
        known = [bool(self.meaning(part.lower()) or part.lower() in self.folder_filler) for part in parts]
        return any(known) or all(is_english(part) for part in parts)

    @lru_cache(maxsize=65536)  # noqa: B019  # there is one vocabulary
    def _compound(self, word: str) -> list[str]:
        """Two or three words written as one, of which at least one is known; [] for words of a dictionary."""
        if len(word) < 5 or not word.isascii() or is_english(word):
            return []
        return self._pieces(word, 3) or self._beside_sound(word)

    def _beside_sound(self, word: str) -> list[str]:
        """A long known sound with something unknown at its end, or one letter before it: "bongograve", "jsnare"."""
        for size in range(len(word) - 3, 4, -1):
            if self.kinds.get(self.meaning(word[:size])) == "sound":
                return [word[:size], word[size:]]
        return [word[0], word[1:]] if len(word) > 5 and self.kinds.get(self.meaning(word[1:])) == "sound" else []

    def _pieces(self, word: str, most: int) -> list[str] | None:
        best: list[str] | None = None
        for size in range(len(word) - 2, 1, -1):
            head, tail = word[:size], word[size:]
            if not self._is_piece(head):
                continue
            rest = [tail] if self._is_piece(tail) else self._pieces(tail, most - 1) if most > 2 else None
            found = [head, *rest] if rest else None
            if found and any(self.meaning(piece) for piece in found):
                best = found if best is None or len(found) < len(best) else best
        return best

    def _is_piece(self, piece: str) -> bool:
        return (piece == "hh" or len(piece) > 2) and bool(self.meaning(piece) or (len(piece) > 3 and is_english(piece)))


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that comes with the program."""
    return Vocabulary(tomllib.loads(TABLE.read_text(encoding="utf-8")))


@lru_cache(maxsize=65536)
def is_english(word: str) -> bool:
    """Whether an English dictionary knows a word, in any form: names of packs and vendors are mostly not there."""
    from lemminflect import getAllLemmas

    return bool(getAllLemmas(word.lower()))


def _listed(text: str) -> list[str]:
    return [part for piece in text.split(",") if (part := piece.strip())]


@lru_cache(maxsize=65536)
def _singulars(word: str) -> tuple[str, ...]:
    """The word, and what it may be the plural of."""
    if len(word) < 4 or not word.endswith("s"):
        return (word,)
    if word.endswith("ies"):
        return word, word[:-3] + "y"
    return (word, word[:-2], word[:-1]) if word.endswith(("ses", "shes", "ches", "xes")) else (word, word[:-1])

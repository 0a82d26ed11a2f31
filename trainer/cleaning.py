"""Names -> tags: what of folder and file names tells about a sound, what does not, and why.

One name at a time here; what only the whole library can tell (packs, vendors' prefixes) is in `packs`.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from soundsearch.settings import resource
from trainer.data import shown
from trainer.vocabulary import Unit, Vocabulary, is_english, vocabulary, words_of

LONGEST_CODE = 5  # letters of a vendor's mark in capitals: "SND", "KSHMR"
_EDGE, _END = r"(?<![^\W_])", r"(?![^\W_])"  # an underscore does not belong to a word
_NOTE = r"[A-G] (?: \# | b | ♯ | ♭ | s(?=m) | [ _-]?sharp | [ _-]?flat )?"
_MARKS = {
    "an identifier": r"""[0-9a-fA-F]{8} - (?:[0-9a-fA-F]{4}-){3} [0-9a-fA-F]{12}
        | (?=[0-9a-f]*\d) (?=[0-9a-f]*[a-f]) [0-9a-f]{10,}""",
    "a tempo": r"(?i: \d{2,3} (?:[.,]\d+)? [ _-]?bpm | bpm[ _-]?\d{2,3} )",
    "a sample format": r"""(?i: (?:8|11|16|22|24|32|44|48|88|96|192) (?:[.,]\d{1,2})? [ _-]? k (?:hz)?
        | (?:44100|48000|88200|96000|192000) (?:[ _-]?hz)? | (?:16|24|32) [ _-]?bits? (?:[ _-]?float)? )""",
    "a date": r"(?:19|20)\d\d [-_.]? [01]\d [-_.]? [0-3]\d",
    "a time": r"(?i: \d+ (?:[.,]\d+)? [ _-]? (?:ms|secs?|s|min) )",
    "a round-robin or velocity mark": r"(?i: (?:rr|vel|vl|dyn|lyr) [ _-]? \d+ )",
    "a version": r"(?i: v (?:er)? [ _.-]? \d+ (?:\.\d+)* )",
    "a key or note": rf"""{_NOTE} [ _-]? (?:maj(?:or)? | min(?:or)? | m | M(?=7) | dim | aug | sus) \d{{0,2}}
            (?:b5 | sus\d)?
        | {_NOTE} -? \d | [A-G] [\#b♯♭] | [A-G] [ _-]? (?:sharp|flat) | [a-g] [\#bs]? [ _-]? (?:maj|min) (?:or)?""",
}
# What can be told by its form; in this order, each found part is taken out before the next is looked for.
_PATTERNS = {reason: re.compile(f"{_EDGE} (?: {pattern} ) {_END}", re.VERBOSE) for reason, pattern in _MARKS.items()}
# No year and no sample rate.
_RECORDING = re.compile(r"(?<!\d) (?! (?:19|20)\d\d(?!\d) | 44100 | 48000 | 88200 | 96000 ) \d{4,7} (?!\d)", re.VERBOSE)
_FREESOUND = re.compile(r"(\d{2,})__(.+?)__(.+)")
PREPOSITIONS = frozenset(
    "at by from in inside into near of on onto outside over through under with without".split()  # noqa: SIM905
)
SKIPPED = frozenset(["a", "an", "the", "and", "or"])


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a name, and what became of it: `tag` is "" for what was dropped."""

    raw: str
    tag: str
    reason: str
    sound: bool = False  # a known sound, which tells the clip's category


@dataclass(frozen=True, slots=True)
class Reading:
    """What a name says: its pieces, and numbers that are long enough to name a recording and not a take."""

    pieces: tuple[Piece, ...]
    numbers: tuple[str, ...] = ()


def read_name(
    name: str,
    *,
    folder: bool = False,
    drums: bool = False,
    drop: Callable[[str], str] = lambda _: "",
    keep: Callable[[str], bool] = lambda _: False,
    unwanted: Container[str] = (),
) -> Reading:
    """Read a folder's name or a clip's name without its extension.

    Args:
        name: As os.fsdecode gives it.
        folder: Whether it is a folder's.
        drums: Whether it stands among drums, where "sd" is a snare drum.
        drop: Reason to leave out a word that is not in the vocabulary (lower case), "" to keep it.
        keep: Whether a word (lower case) stays whatever the rules say.
        unwanted: Words (lower case) that go whatever the rules say.
    """
    text = unicodedata.normalize("NFKC", name)
    numbers = tuple(_RECORDING.findall(text))
    pieces: list[Piece] = []
    if any(unicodedata.category(c) == "Cs" for c in text):
        pieces.append(Piece(shown(name), "", "not Unicode: these bytes say nothing"))
        text = "".join(" " if unicodedata.category(c) == "Cs" else c for c in text)
    if not folder:
        text, found = _convention(text)
        pieces += found
    for reason, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            if not keep(match[0].lower()):
                pieces.append(Piece(match[0], "", reason))
        text = pattern.sub(lambda m: m[0] if keep(m[0].lower()) else " ", text)
    words = vocabulary()
    parts = [part for word in words_of(text) for part in words.split(word)]
    # Before phrases are looked for: "Hat 1 Cl" is a closed hi-hat.
    counts = [part for part in parts if part.isdigit() and part not in words.numbers and not keep(part)]
    pieces += [Piece(part, "", "a number") for part in counts]
    parts = [part for part in parts if part not in counts]
    mixed = any(c.islower() for c in text)
    judge = _Judge(words, folder, mixed, drop, keep, unwanted)
    pieces += _tags(judge(words.read(parts, drums)))
    return Reading(tuple(pieces), numbers)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Says of each unit whether it stays; what goes is a piece already."""

    words: Vocabulary
    folder: bool
    mixed: bool  # the name has lower case letters: a word in capitals stands out
    drop: Callable[[str], str]
    keep: Callable[[str], bool]
    unwanted: Container[str]

    def __call__(self, units: Iterable[Unit]) -> list[Unit | Piece]:
        return [unit if not (why := self._against(unit)) else Piece(unit.raw, "", why) for unit in units]

    def _against(self, unit: Unit) -> str:
        if unit.text in self.unwanted or unit.raw.lower() in self.unwanted:
            return "you left it out"
        if unit.kind != "word" or self.keep(unit.text):
            return ""
        if unit.text.isdigit():
            return "a number"
        if len(unit.text) == 1 and unicodedata.category(unit.text) != "Lo":
            return "a single letter"
        if unit.text in (self.words.folder_filler if self.folder else self.words.name_filler):
            return "says how files are organised, not what is heard"
        if why := self.drop(unit.text):
            return why
        if unit.text in PREPOSITIONS or unit.text in SKIPPED or not unit.text.isascii() or is_english(unit.text):
            return ""
        if self.mixed and not self.folder and unit.raw.isupper() and len(unit.raw) <= LONGEST_CODE:
            return "looks like a vendor's mark"
        if len(unit.text) == 2 or not set(unit.text) & set("aeiouy"):
            return "an abbreviation that the vocabulary does not know"
        return ""


def _tags(judged: Sequence[Unit | Piece]) -> list[Piece]:
    """Tags of what stays: known words one by one, unknown neighbours as one phrase; "rain on tent" as it stands."""
    pieces = [part for part in judged if isinstance(part, Piece)]
    units = [part for part in judged if isinstance(part, Unit)]
    while units and units[0].text in PREPOSITIONS | SKIPPED:
        units.pop(0)
    while units and units[-1].text in PREPOSITIONS | SKIPPED:
        units.pop()
    if any(unit.text in PREPOSITIONS for unit in units):
        phrase = " ".join(unit.text for unit in units)
        return [*pieces, Piece(" ".join(unit.raw for unit in units), phrase, "a phrase")]
    run: list[Unit] = []
    for unit in [*units, Unit("", "", "end")]:
        if unit.kind == "word" and unit.text not in SKIPPED:
            run.append(unit)
            continue
        if run:
            pieces.append(Piece(" ".join(u.raw for u in run), " ".join(u.text for u in run), "words of its own"))
            run = []
        if unit.kind in ("sound", "quality"):
            same = unit.raw.lower() == unit.text
            pieces.append(Piece(unit.raw, unit.text, "a known word" if same else "means", unit.kind == "sound"))
    return pieces


def _convention(text: str) -> tuple[str, list[Piece]]:
    """Take what two naming conventions put at fixed places: Freesound's "number__author__title", and UCS."""
    if match := _FREESOUND.fullmatch(text):
        found = [Piece(match[1], "", "the clip's number on Freesound"), Piece(match[2], "", "an author on Freesound")]
        return match[3], found
    blocks = text.split("_")
    known = _ucs().get(blocks[0].partition("-")[0]) if len(blocks) > 1 else None
    if not known:
        return text, []
    category, subcategory = known
    found = [Piece(blocks[0], tag, "a UCS category") for tag in dict.fromkeys((subcategory, category)) if tag]
    found += [Piece(block, "", "UCS: who made it, and for what") for block in blocks[2:]]
    return blocks[1], found


@cache
def _ucs() -> dict[str, tuple[str, str]]:
    """Category and sub-category of each CatID, in lower case; "miscellaneous" is none.

    Source: Universal Category System 8.2.1, universalcategorysystem.com.
    """
    with resource("labels/ucs.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"]]
    subs = {row["id"]: row["label"].removeprefix(row["parent"]).strip() for row in rows}
    return {row["id"]: (row["parent"], "" if subs[row["id"]] == "misc" else subs[row["id"]]) for row in rows}

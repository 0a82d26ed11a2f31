"""What a file says about its own sound: keywords and UCS fields, from whichever place its kind keeps them in.

Keywords are one text in every kind of file, `dog; bark`, because that is what other programs show and split. Where a
label holds one of the marks that divide, it is written so that `split_labels` gives it back.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from typing import Any, BinaryIO

import mutagen
from mutagen.aiff import AIFF
from mutagen.flac import FLAC
from mutagen.id3 import ID3
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis

from soundsearch.audio import riff

log = logging.getLogger(__name__)

KINDS = (MP3, FLAC, OggVorbis, OggOpus, OggFLAC, OggSpeex, MP4, AIFF)
FREEFORM = "----:com.apple.iTunes:"  # of MP4: names of one's own
MP4_KEYWORDS = "keyw"
# Names under which programs keep keywords, in lower case.
KEYWORD_NAMES = frozenset({"keywords", "keyword", "ikey", "isbj", "subject", MP4_KEYWORDS})
LONGEST_LABEL = 80  # characters of a keyword that we take from a file: a longer one is a sentence
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029]+")
_DIVIDER = re.compile(r"(?<!\\)((?:\\\\)*);")


@dataclass(frozen=True, slots=True)
class UcsFields:
    """The fields of the Universal Category System; "" for what is not known."""

    cat_id: str = ""  # "DOORWood"
    category: str = ""  # "DOORS"
    subcategory: str = ""  # "WOOD"
    fx_name: str = ""
    creator_id: str = ""
    source_id: str = ""

    def named(self) -> Iterator[tuple[str, str]]:
        """Names as programs write them, in capitals and without underline, and the values that there are."""
        for field in fields(self):
            if value := getattr(self, field.name):
                yield field.name.replace("_", "").upper(), value


@dataclass(frozen=True, slots=True)
class FileTags:
    """Keywords and UCS fields of one file, as they are written in it."""

    labels: tuple[str, ...] = ()
    ucs: UcsFields = UcsFields()

    @property
    def words(self) -> tuple[str, ...]:
        """The keywords, and what the UCS fields say in the words of our own labels."""
        named = f"{self.ucs.category} {self.ucs.subcategory}".strip().lower()
        return unique_labels([*self.labels, named])


def read_tags(path: str) -> FileTags:
    """Read what a file says about itself; one that is damaged, or of a kind without tags, says nothing.

    Opens the file for reading, and reads its header and its tags only. Safe in any thread.
    """
    try:
        with open(path, "rb") as file:
            texts = list(_texts(file))
    except Exception as err:  # parsers of others on files of anybody: no tag is worth a scan
        log.debug("tags of %r: %s", path, err)
        return FileTags()
    labels = [label for name, text in texts if name in KEYWORD_NAMES for label in split_labels(text)]
    known = {name: clean(text) for name, text in reversed(texts)}
    ucs = UcsFields(**{field.name: known.get(field.name.replace("_", ""), "") for field in fields(UcsFields)})
    return FileTags(unique_labels(label for label in labels if len(label) <= LONGEST_LABEL), ucs)


def join_labels(labels: Sequence[str]) -> str:
    """Labels as one text, `dog; bark`, that `split_labels` divides again into the same labels."""
    parts = [label.replace("\\", "\\\\").replace(";", "\\;") for label in unique_labels(labels)]
    # Text without a semicolon is divided at its commas: a lone label with a comma says that it is whole.
    return "; ".join(parts) + (";" if len(parts) == 1 and re.search(r"[,|/]", parts[0]) else "")


def split_labels(text: str) -> tuple[str, ...]:
    """Divide a text of keywords: at semicolons, or, where it has none, at commas, slashes and vertical bars."""
    if _DIVIDER.search(text):
        pieces = _DIVIDER.sub("\\1\n", text.replace("\n", " ")).split("\n")
    else:
        pieces = re.split(r"[,|/\n\0]", text)
    return unique_labels(re.sub(r"\\([\\;])", r"\1", piece) for piece in pieces)


def clean(text: str) -> str:
    """Text on one line, without what XML and tags cannot hold, in composed characters."""
    return " ".join(unicodedata.normalize("NFC", _CONTROL.sub(" ", text)).split())


def unique_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels cleaned, each once whatever its case, in their order; empty ones go."""
    found: dict[str, str] = {}
    for label in map(clean, labels):
        if label:
            found.setdefault(label.casefold(), label)
    return tuple(found.values())


def open_tags(file: BinaryIO) -> Any:
    """Open a file of a kind that keeps its tags by mutagen; None if it is of another kind.

    Raises:
        mutagen.MutagenError: If it is damaged.
    """
    file.seek(0)
    return mutagen.File(file, options=KINDS)


def _texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and texts of everything that a file says."""
    if riff.is_wave(file.read(12)):
        yield from _wave_texts(file)
    elif (opened := open_tags(file)) is not None and opened.tags is not None:
        tags = opened.tags
        yield from _id3_texts(tags) if isinstance(tags, ID3) else _other_texts(tags)


def _wave_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    for chunk in riff.chunks(file):
        if chunk.name == b"iXML" and (root := riff.parse_ixml(riff.read(file, chunk))) is not None:
            yield from riff.fields(root)
        elif chunk.name == b"LIST" and (body := riff.read(file, chunk))[:4] == b"INFO":
            for name, raw in riff.parse_info(body[4:]).items():
                yield name.decode("ascii", "replace").lower(), riff.text(raw)
        elif chunk.name in (b"id3 ", b"ID3 "):
            yield from _id3_texts(ID3(BytesIO(riff.read(file, chunk))))


def _id3_texts(tags: ID3) -> Iterator[tuple[str, str]]:
    for frame in tags.getall("TXXX"):
        yield frame.desc.lower(), ";".join(frame.text)


def _other_texts(tags: Any) -> Iterator[tuple[str, str]]:
    """Vorbis comments are lists of texts by name; those of MP4 may be bytes."""
    for name, values in tags.items():
        texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
        if texts and all(isinstance(text, str) for text in texts):
            yield name.lower().removeprefix(FREEFORM.lower()), ";".join(texts) if len(texts) > 1 else texts[0]

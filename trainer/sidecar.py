"""What was written about a clip in its own file, or in a small file beside it."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av

from trainer.data import item_of_row
from trainer.vocabulary import words_of

READERS = 4  # threads
LONGEST_TAG = 3  # words; a longer piece of text is a sentence
LONGEST_CAPTION = 30  # words; a longer text is a report
MAX_BYTES = 100_000  # of a file beside a clip: more is something else
_KEYWORDS = ("keywords", "ikey", "txxx:keywords", "isbj", "subject")
_ABOUT = re.compile(
    r"(?i)//|©|www\.|@|creative commons|\bcc[ -]?(by|0)|copyright|licen[cs]e|public domain|encod|processed|lame|lavf"
)


@dataclass(frozen=True, slots=True)
class Written:
    """Tags and sentences about a clip, and whether they stand beside it ("sidecar") or in it ("file")."""

    tags: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    where: str = ""


def read_written(paths: Sequence[str]) -> list[Written]:
    """Read what is written about each clip: the file beside it if there is one, else its own tags.

    What cannot be read says nothing: decoding will tell why.
    """
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(_read, paths))


def _read(path: str) -> Written:
    clip = Path(path)
    for beside in (clip.with_suffix(".json"), clip.with_suffix(".txt")):
        try:
            if beside.stat().st_size <= MAX_BYTES:
                text = beside.read_text(encoding="utf-8-sig")
                return _of_json(text, clip) if beside.suffix == ".json" else _of_text(text)
        except (OSError, ValueError):
            pass
    return _inside(path)


def _of_json(text: str, clip: Path) -> Written:
    row = json.loads(text)
    if not isinstance(row, dict):
        raise ValueError("not an object")
    item = item_of_row({**row, "path": clip.name}, clip.parent)
    return Written(item.tags, item.captions, "sidecar")


def _of_text(text: str) -> Written:
    """A line with commas between short pieces lists tags; any other line is a caption."""
    tags: list[str] = []
    captions: list[str] = []
    for line in (" ".join(line.split()) for line in text.splitlines()):
        pieces = [piece for part in re.split(r"[,;|]", line) if (piece := part.strip())]
        if pieces and all(len(piece.split()) <= LONGEST_TAG for piece in pieces):
            tags += pieces
        elif line:
            captions.append(line)
    return Written(tuple(dict.fromkeys(tags)), tuple(dict.fromkeys(captions)), "sidecar")


def _inside(path: str) -> Written:
    """Keywords as tags, a description as a caption. A genre tells about music: a grunt of "Pop" is none."""
    try:
        with av.open(path, metadata_errors="ignore") as file:
            xiph = file.format.name in ("flac", "ogg")
            table = {key.lower(): value for part in (file, *file.streams) for key, value in part.metadata.items()}
    except (av.error.FFmpegError, OSError, ValueError):
        return Written()
    pieces = [piece.strip() for key in _KEYWORDS for piece in re.split(r"[,;|/]", table.get(key, ""))]
    tags = [piece.lower() for piece in pieces if piece and len(piece.split()) <= LONGEST_TAG]
    # In Xiph's formats FFmpeg calls a description a comment; in others a comment is mostly a program's name.
    about = " ".join(table.get("description", table.get("comment", "") if xiph else "").split())
    sentence = LONGEST_TAG <= len(words_of(about)) <= LONGEST_CAPTION and not _ABOUT.search(about)
    return Written(tuple(dict.fromkeys(tags)), (about,) if sentence else (), "file")

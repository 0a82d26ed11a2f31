"""Why a file that no codec library reads cannot be read: its first bytes tell more than a library's error number."""

import os
import struct
from typing import BinaryIO

from soundsearch.errors import DecodeError

MAX_CHANNELS = 64
MIN_SAMPLE_RATE = 100  # Hz
MAX_SAMPLE_RATE = 1_500_000  # Hz
REMEDY = "Re-export it or remove it from the folder."
CUT_OFF = "it was cut off before any sound"
HEAD_BYTES = 1024

KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "it is a picture, not audio"),
    (b"\xff\xd8\xff", "it is a picture, not audio"),
    (b"GIF8", "it is a picture, not audio"),
    (b"BM", "it is a picture, not audio"),
    (b"PK\x03\x04", "it is a zip archive, not audio"),
    (b"Rar!", "it is an archive, not audio"),
    (b"7z\xbc\xaf", "it is an archive, not audio"),
    (b"%PDF", "it is a document, not audio"),
    (b"MThd", "it is a MIDI file, which holds notes and no sound"),
    (b"\x00\x05\x16\x07", "it holds file information of macOS, not audio"),
    (b"ID3", "it holds a tag, but no sound"),
    (b"OggS", f"it is damaged, or {CUT_OFF}"),
    (b"fLaC", f"it is damaged, or {CUT_OFF}"),
    (b"FORM", f"it is damaged, or {CUT_OFF}"),
)


def check_shape(sample_rate: int, channels: int) -> None:
    """Refuse what no one records and what would take memory by a header's claim.

    Raises:
        DecodeError: If the rate or the number of channels cannot be used.
    """
    if channels < 1:
        raise DecodeError("its header says that it has no channels", REMEDY)
    if channels > MAX_CHANNELS:
        raise DecodeError(f"its header claims {channels:,} channels; at most {MAX_CHANNELS} can be read", REMEDY)
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise DecodeError(f"its header claims an impossible sample rate of {sample_rate:,} Hz", REMEDY)


def cannot_open(err: OSError) -> DecodeError:
    """Say in plain words why the system does not give us the file."""
    if isinstance(err, FileNotFoundError):
        return DecodeError("it is not there any more", "Scan its folder again.")
    if isinstance(err, PermissionError):
        return DecodeError("you may not open it", "Change its permissions.")
    return DecodeError(f"the drive reports: {err.strerror or err}", "Check the drive.")


def explain(file: BinaryIO) -> DecodeError:
    """Look at a file that no library reads, and say what it is instead of audio, or what is wrong with it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        return DecodeError("it is empty", REMEDY)
    if not any(head):
        return DecodeError("it holds only zeros", "It may not have been copied to the end: copy it again.")
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return _explain_wav(file, size, "big" if head[:4] == b"RIFX" else "little")
    if head[:4] == b"RIFF" and head[8:12] == b"sfbk":
        return DecodeError("it is a SoundFont, not audio")
    if head[4:8] == b"ftyp":
        return DecodeError(f"it is damaged, or {CUT_OFF}", REMEDY)
    for start, reason in KINDS:
        if head.startswith(start):
            return DecodeError(reason, REMEDY)
    if _is_text(head):
        is_page = head.lstrip().lower().startswith((b"<!doctype html", b"<html"))
        return DecodeError(f"it is a {'web page' if is_page else 'text file'}, not audio", "Get the file again.")
    return DecodeError("it is not audio, or of a kind that cannot be read", REMEDY)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return False
    return len(text) > 0.9 * len(head) and all(c.isprintable() or c.isspace() for c in text)


def _explain_wav(file: BinaryIO, size: int, order: str) -> DecodeError:
    """Walk the chunks of a WAV file up to the first thing that cannot be."""
    mark = "<" if order == "little" else ">"
    position = 12
    while position + 8 <= size:
        file.seek(position)
        name, length = struct.unpack(f"{mark}4sI", file.read(8))
        body = file.read(min(length, 40))
        if name == b"fmt ":
            if len(body) < 16:
                return DecodeError("it was cut off inside its header", REMEDY)
            codec, channels, sample_rate, _, _, bits = struct.unpack(f"{mark}HHIIHH", body[:16])
            try:
                check_shape(sample_rate, channels)
            except DecodeError as err:
                return err
            if codec in (1, 3, 0xFFFE) and bits == 0:
                return DecodeError("its header says 0 bits a sample", REMEDY)
            if codec not in (1, 3, 6, 7, 0xFFFE):
                return DecodeError(f"it uses a codec that is not known (number 0x{codec:04x})", REMEDY)
        elif name == b"data":
            return DecodeError("it holds no samples" if position + 8 >= size else "its header is damaged", REMEDY)
        elif position + 8 + length > size:
            return DecodeError("its header is damaged: a part of it claims to be longer than the file", REMEDY)
        position += 8 + length + (length & 1)
    return DecodeError("it was cut off inside its header", REMEDY)

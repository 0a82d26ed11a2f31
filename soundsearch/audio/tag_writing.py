"""Keywords and UCS fields written into audio files: into a copy, proven to hold the same sound, that replaces the file.

The copy lies beside the original under a name that no scan takes for sound. It is compared with the original, flushed
to the disk and renamed: a crash at any point leaves the original or the finished file, never half of one. What a crash
leaves of a copy goes when tags are next written in the same folder, a day later or more.
"""

import contextlib
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import av
import mutagen
from mutagen.id3 import ID3, TXXX
from mutagen.mp4 import MP4, MP4FreeForm

from soundsearch.audio import riff
from soundsearch.audio.decode import blocks
from soundsearch.audio.metadata import (
    FREEFORM,
    MP4_KEYWORDS,
    UcsFields,
    clean,
    join_labels,
    open_tags,
    read_tags,
    unique_labels,
)
from soundsearch.errors import DecodeError

KEYWORDS = "KEYWORDS"
LEFT_S = 24 * 3600.0  # a copy that nobody has touched for so long is no longer being written
_COPY_NAME = re.compile(r"\.soundsearch-([a-z0-9_]{8}|[0-9]+\.bak)\.part")  # as `_copy_beside` and `_keep` call theirs
_UNCHANGED = "It was left as it is."
# Names that programs give the UCS fields in the ASWG part of iXML; ours are those of its USER part.
_ASWG = {"CATID": "catId", "CATEGORY": "category", "SUBCATEGORY": "subCategory", "FXNAME": "fxName",
         "CREATORID": "creatorId", "SOURCEID": "sourceId"}  # fmt: skip

BeforeRename = Callable[[bytes, os.stat_result], None]


def write_tags(
    path: str,
    labels: Sequence[str],
    *,
    ucs: UcsFields | None = None,
    backup: bool = False,
    before_rename: BeforeRename | None = None,
) -> os.stat_result:
    """Add keywords to a file, and set its UCS fields. Nothing else in it changes, and no keyword in it goes.

    Args:
        path: A WAV (RIFF or RF64), AIFF, FLAC, Ogg (Vorbis, Opus, FLAC, Speex), MP3 or M4A file.
        labels: Keywords, in addition to those it has.
        ucs: Fields of the Universal Category System; those that are "" stay as they are.
        backup: Whether to keep the original beside it, as `NAME.bak`; one that is there already stays.
        before_rename: Called with the BLAKE2b-128 of the new file and its status, just before it takes the place.
    Returns:
        The status of the file as it now is.
    Raises:
        DecodeError: If it cannot be written, or would not sound the same; then it is as it was.
    """
    target = Path(os.path.realpath(path))  # what a link points at, not the link
    try:
        with _copy_beside(target) as copy:
            _write(target, copy, unique_labels([*read_tags(path).labels, *labels]), ucs or UcsFields())
            if _sound(str(target)) != _sound(str(copy)):
                raise DecodeError("with these tags it would not sound the same", _UNCHANGED)
            if backup:
                _keep(target)
            with copy.open("rb+") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
                os.fsync(file.fileno())
            status = copy.stat()
            if before_rename:
                before_rename(digest, status)
            copy.replace(target)
            _flush_folder(target.parent)
            return status
    except OSError as err:
        raise DecodeError(f"tags cannot be written: {(err.strerror or str(err)).lower()}", _UNCHANGED) from err
    except mutagen.MutagenError as err:
        raise DecodeError("its tags are damaged, so none can be added", "Repair or re-export it first.") from err


def remove_leftovers(folder: Path, now: float | None = None) -> int:
    """Remove what killed programs left of their copies in a folder more than a day ago; returns how many there were.

    Only ordinary files of exactly our names go. Their age is that of the last change of any kind, which no program can
    set back, as it can the time of modification.

    Args:
        folder: One that cannot be read is left alone.
        now: Seconds since 1970, default the time of now.
    """
    removed = 0
    now = time.time() if now is None else now
    with contextlib.suppress(OSError):
        for path in folder.glob(".soundsearch-*.part"):
            with contextlib.suppress(OSError):  # somebody else's, or gone already
                status = path.lstat()
                is_ours = _COPY_NAME.fullmatch(path.name) and stat.S_ISREG(status.st_mode)
                if is_ours and now - status.st_ctime > LEFT_S:
                    path.unlink()
                    removed += 1
    return removed


@contextlib.contextmanager
def _copy_beside(target: Path) -> Iterator[Path]:
    """A copy with the same mode and owner, gone at the end unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=".soundsearch-", suffix=".part", dir=target.parent)
    os.close(handle)
    copy = Path(name)
    try:
        shutil.copyfile(target, copy)
        shutil.copymode(target, copy)
        if hasattr(os, "chown"):
            status = target.stat()
            with contextlib.suppress(OSError):  # only root may give files away
                os.chown(copy, status.st_uid, status.st_gid)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _keep(target: Path) -> None:
    backup = target.with_name(target.name + ".bak")
    if not backup.exists():
        part = target.with_name(f".soundsearch-{os.getpid()}.bak.part")
        shutil.copy2(target, part)
        part.replace(backup)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sound(path: str) -> tuple[bytes, int, int, int]:
    """What must not change: a digest of the coded sound, byte for byte, and what our own reader counts of it.

    Decoded samples are counted, not compared: which library reads an MP3 depends on its tags, and they differ by 4e-6.
    """
    coded = hashlib.blake2b()
    try:
        with av.open(path, metadata_errors="ignore") as file:
            for packet in file.demux(file.streams.audio[0]):
                coded.update(bytes(packet))
    except (av.error.FFmpegError, IndexError) as err:
        raise DecodeError("it cannot be read", _UNCHANGED) from err
    rate = channels = frames = 0
    for block in blocks(path):
        rate, channels = block.sample_rate, block.samples.shape[1]
        frames += len(block.samples)
    return coded.digest(), rate, channels, frames


# -- each kind of file


def _write(source: Path, copy: Path, labels: Sequence[str], ucs: UcsFields) -> None:
    texts = dict(ucs.named())
    texts = {name: text for name, value in texts.items() if (text := clean(value))}
    if labels:
        texts[KEYWORDS] = join_labels(labels)
    with source.open("rb") as original:
        if riff.is_wave(original.read(12)):
            with copy.open("w+b") as file:
                riff.rewrite(original, file, _wave_chunks(original, texts))
            return
    with copy.open("r+b") as file:
        opened = open_tags(file)
        if opened is None:
            raise DecodeError("tags cannot be written into files of its kind", "Convert it to WAV or FLAC first.")
        if opened.tags is None:
            opened.add_tags()
        _set(opened, texts)
        file.seek(0)
        is_old_id3 = isinstance(opened.tags, ID3) and opened.tags.version[:2] == (2, 3)
        if is_old_id3:
            opened.tags.update_to_v23()
        opened.save(file, **({"v2_version": 3} if is_old_id3 else {}))


def _set(opened: Any, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        if isinstance(opened.tags, ID3):
            _set_id3(opened.tags, name, text)
        elif isinstance(opened, MP4):
            key = MP4_KEYWORDS if name == KEYWORDS else FREEFORM + name
            opened.tags[key] = [text if name == KEYWORDS else MP4FreeForm(text.encode())]
        else:
            opened.tags[name] = [text]


def _set_id3(tags: ID3, name: str, text: str) -> None:
    for frame in tags.getall("TXXX"):  # others spell the name in another case
        if frame.desc.upper() == name:
            del tags[frame.HashKey]
    tags.add(TXXX(encoding=1 if tags.version[:2] == (2, 3) else 3, desc=name, text=[text]))


def _wave_chunks(file: BinaryIO, texts: dict[str, str]) -> dict[bytes, bytes]:
    """The chunks that change: bext and iXML, and the INFO list and ID3 tag where programs look for keywords."""
    present = {chunk.name: chunk for chunk in reversed(riff.chunks(file))}
    old = {name: riff.read(file, present[name]) if name in present else b"" for name in (b"bext", b"iXML")}
    root = riff.parse_ixml(old[b"iXML"]) if old[b"iXML"] else None
    if old[b"iXML"].strip(b"\0 ") and root is None:
        raise DecodeError("its iXML chunk is damaged, so nothing can be added to it", "Repair or re-export it first.")
    aswg = {_ASWG[name]: text for name, text in texts.items() if name in _ASWG}
    made = {
        b"bext": riff.describe(old[b"bext"], texts.get("FXNAME") or texts.get(KEYWORDS, "")),
        b"iXML": riff.ixml(root, {"USER": texts, **({"ASWG": aswg} if aswg else {})}),
    }
    if KEYWORDS in texts:
        made[b"INFO"] = riff.info({**_info(file), b"IKEY": texts[KEYWORDS].encode()})
    for name in (b"id3 ", b"ID3 "):
        if name in present:
            made[name] = _id3_chunk(riff.read(file, present[name]), texts)
    return made


def _info(file: BinaryIO) -> dict[bytes, bytes]:
    for chunk in riff.chunks(file):
        if chunk.name == b"LIST" and (body := riff.read(file, chunk))[:4] == b"INFO":
            return riff.parse_info(body[4:])
    return {}


def _id3_chunk(body: bytes, texts: dict[str, str]) -> bytes:
    tags = ID3(BytesIO(body), translate=False)
    for name, text in texts.items():
        _set_id3(tags, name, text)
    file = BytesIO(body)
    tags.save(file, v2_version=3 if tags.version[:2] == (2, 3) else 4)
    return file.getvalue()

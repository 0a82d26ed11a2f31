"""The chunks of WAV files, RIFF and RF64 alike: what others wrote about the sound, and ours beside it.

Sources: EBU Tech 3285 (bext) and 3306 (RF64), the iXML specification 2.10, the RIFF INFO list of 1991.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO
from xml.etree import ElementTree

from soundsearch.errors import DecodeError

BIG = 0xFFFFFFFF  # a 32-bit size whose true value stands in the ds64 chunk
MAX_TEXT_BYTES = 1 << 24  # of a chunk of text: a larger one is not about the sound
BEXT_BYTES = 602  # without the coding history
_COPY_BYTES = 1 << 20
_DAMAGED = ("its header does not agree with its length", "Repair or re-export it first; it was left as it is.")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as it lies in a file: its four letters, and where its body is."""

    name: bytes
    start: int
    size: int


def is_wave(head: bytes) -> bool:
    """Whether the first 12 bytes of a file are those of a WAV file."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def chunks(file: BinaryIO) -> list[Chunk]:
    """Every chunk of a WAV file, in order; one that breaks off at the end of the file is as long as what is left."""
    length = file.seek(0, 2)
    file.seek(12)
    found: list[Chunk] = []
    true_sizes: dict[bytes, int] = {}
    at = 12
    while at + 8 <= length:
        file.seek(at)
        name, size = struct.unpack("<4sI", file.read(8))
        if not all(32 <= letter < 127 for letter in name):
            break  # bytes behind the end, of whatever
        if size == BIG:
            size = true_sizes.get(name, size)
        size = min(size, length - at - 8)
        found.append(Chunk(name, at + 8, size))
        if name == b"ds64":
            true_sizes = _true_sizes(file.read(size))
        at += 8 + size + size % 2
    return found


def _true_sizes(body: bytes) -> dict[bytes, int]:
    """The 64-bit sizes that a ds64 chunk tells: of the data chunk, and of those in its table."""
    if len(body) < 28:
        return {}
    sizes = {b"data": struct.unpack_from("<Q", body, 8)[0]}
    (rows,) = struct.unpack_from("<I", body, 24)
    for at in range(28, min(28 + 12 * rows, len(body) - 11), 12):
        name, size = struct.unpack_from("<4sQ", body, at)
        sizes[name] = size
    return sizes


def read(file: BinaryIO, chunk: Chunk) -> bytes:
    """The body of a chunk, b"" if it is too large to be text."""
    if chunk.size > MAX_TEXT_BYTES:
        return b""
    file.seek(chunk.start)
    return file.read(chunk.size)


def rewrite(source: BinaryIO, target: BinaryIO, bodies: Mapping[bytes, bytes]) -> None:
    """Copy a WAV file and give it these chunks, in place of those of the same name or behind the others.

    Every other chunk is copied as it is, in its order. A LIST chunk counts by its kind: b"INFO" is the INFO list.

    Args:
        source: The file.
        target: Empty, may be read and written.
        bodies: Chunks by name; an INFO list without its four letters of kind.
    Raises:
        DecodeError: If the file's own sizes cannot be trusted, or the new one would be too large.
    """
    source.seek(0)
    head = source.read(12)
    present = chunks(source)
    length = source.seek(0, 2)
    _check(source, present, length)
    target.write(head)
    left = dict(bodies)
    ds64_at = 0
    for chunk in present:
        name = _kind(source, chunk)
        if name == b"ds64":
            ds64_at = target.tell() + 8
        if name in bodies:
            if name in left:  # a second one of that name goes: readers differ in which one they would believe
                _write_chunk(target, name, left.pop(name))
        else:
            _copy_chunk(source, target, chunk)
    for name, body in left.items():
        _write_chunk(target, name, body)
    _set_size(target, head, ds64_at)
    end = max((chunk.start + chunk.size + chunk.size % 2 for chunk in present), default=12)
    target.seek(0, 2)
    _copy(source, target, end, max(0, length - end))  # behind the last chunk: not ours to drop


def _check(source: BinaryIO, present: list[Chunk], length: int) -> None:
    data = [chunk for chunk in present if chunk.name == b"data"]
    if len(data) != 1 or not any(chunk.name == b"fmt " for chunk in present):
        raise DecodeError(*_DAMAGED)
    for chunk in present:
        source.seek(chunk.start - 4)
        (stated,) = struct.unpack("<I", source.read(4))
        is_cut = stated != BIG and stated != chunk.size
        if is_cut or (chunk.name == b"data" and not chunk.size and chunk.start < length):
            raise DecodeError(*_DAMAGED)


def _kind(file: BinaryIO, chunk: Chunk) -> bytes:
    if chunk.name != b"LIST" or chunk.size < 4:
        return chunk.name
    file.seek(chunk.start)
    return file.read(4) if chunk.size <= MAX_TEXT_BYTES else chunk.name


def _write_chunk(target: BinaryIO, name: bytes, body: bytes) -> None:
    if name == b"INFO":
        name, body = b"LIST", b"INFO" + body
    target.write(struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2))


def _copy_chunk(source: BinaryIO, target: BinaryIO, chunk: Chunk) -> None:
    _copy(source, target, chunk.start - 8, 8 + chunk.size)
    target.write(b"\0" * (chunk.size % 2))


def _copy(source: BinaryIO, target: BinaryIO, start: int, size: int) -> None:
    source.seek(start)
    while size and (block := source.read(min(size, _COPY_BYTES))):
        target.write(block)
        size -= len(block)


def _set_size(target: BinaryIO, head: bytes, ds64_at: int) -> None:
    size = target.seek(0, 2) - 8
    if head[:4] == b"RIFF":
        if size >= BIG:
            raise DecodeError("with these tags it would be larger than a WAV file can be", "Convert it to RF64 first.")
        target.seek(4)
        target.write(struct.pack("<I", size))
    elif ds64_at:
        target.seek(ds64_at)
        target.write(struct.pack("<Q", size))
    target.seek(0, 2)


# -- what the chunks hold


def parse_info(body: bytes) -> dict[bytes, bytes]:
    """The texts of an INFO list by their four letters; `body` begins behind the letters INFO."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, at)
        found[name] = body[at + 8 : at + 8 + size].rstrip(b"\0")
        at += 8 + size + size % 2
    return found


def info(texts: Mapping[bytes, bytes]) -> bytes:
    """The body of an INFO list, without the letters INFO."""
    out = b""
    for name, text in texts.items():
        body = text + b"\0"
        out += struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)
    return out


def text(raw: bytes) -> str:
    """Text of a chunk whose encoding nobody states: UTF-8, or else what Windows wrote."""
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def describe(bext: bytes, description: str) -> bytes:
    """A bext chunk with a description of at most 256 ASCII characters; one that it has already stays.

    Args:
        bext: The body of the file's own chunk, b"" if it has none.
        description: What to say.
    """
    raw = description.encode("ascii", "ignore")[:256]
    if bext[:256].strip(b"\0 "):
        return bext
    if len(bext) >= BEXT_BYTES:
        return raw.ljust(256, b"\0") + bext[256:]
    return _new_bext(raw)


def _new_bext(description: bytes) -> bytes:
    """Version 1, with neither a date nor a time reference: we do not know when it was recorded."""
    return (
        description.ljust(256, b"\0")
        + b"soundsearch".ljust(32, b"\0")
        + bytes(32 + 10 + 8 + 8)
        + struct.pack("<H", 1)
        + bytes(BEXT_BYTES - 348)
    )


def parse_ixml(body: bytes) -> ElementTree.Element | None:
    """The root of an iXML chunk, None if it is not XML that can be read."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True, insert_pis=True))
    try:
        return ElementTree.fromstring(body.rstrip(b"\0 \r\n\t").lstrip(b"\xef\xbb\xbf\0 \r\n\t"), parser)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None


def ixml(root: ElementTree.Element | None, groups: Mapping[str, Mapping[str, str]]) -> bytes:
    """An iXML chunk with these fields set; everything else in it stays.

    Args:
        root: Of the file's own chunk, None if it has none.
        groups: Fields and their values by the element that holds them, as USER or ASWG.
    """
    if root is None:
        root = ElementTree.Element("BWFXML")
        ElementTree.SubElement(root, "IXML_VERSION").text = "2.10"
    for group, values in groups.items():
        parent = _child(root, group)
        for name, value in values.items():
            _child(parent, name).text = value
    body: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return body


def fields(root: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and values of the fields that libraries of effects use: those of USER and ASWG."""
    for group in ("USER", "ASWG"):
        for element in root.findall(f"{group}/*"):
            if isinstance(element.tag, str) and (value := (element.text or "").strip()):
                yield element.tag.lower(), value


def _child(parent: ElementTree.Element, name: str) -> ElementTree.Element:
    for element in parent:
        if isinstance(element.tag, str) and element.tag.lower() == name.lower():
            return element
    return ElementTree.SubElement(parent, name)

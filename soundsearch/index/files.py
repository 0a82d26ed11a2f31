"""The files of an index: blocks that are mapped, and a state file that comes last and names them all.

A block has three files, written once and never changed: `vectors-NAME.npy`, `codes-NAME.npy`, and what is read at once,
`rows-NAME.npz`. A crash leaves the old state or the new; what no state names is removed by the next one.
"""

import json
import mmap
import os
import secrets
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from soundsearch.index.block import Block, Codes, encode
from soundsearch.records import FloatArray, IntArray

FORMAT = 2
# Files up to this size are read through when the index is opened; larger ones are looked at by `problems`, and what a
# search finds in them is compared with its eight bits.
READ_THROUGH_BYTES = 32_000_000
STATE = "state.json"


def names_of(key: str) -> tuple[str, str, str]:
    """The files of a block."""
    return f"vectors-{key}.npy", f"codes-{key}.npy", f"rows-{key}.npz"


def read_state(folder: Path) -> dict[str, Any]:
    """What the state file says, {} where there is none that can be read."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) and state.get("format") == FORMAT else {}


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Let another set of files be the index, and remove what belongs to none.

    Raises:
        OSError: If it cannot be written.
    """
    part = folder / f"{STATE}.new"
    write(part, lambda file: file.write(json.dumps({"format": FORMAT, **state}).encode()))
    part.replace(folder / STATE)
    for file in folder.iterdir():
        if file.name != STATE and file.name not in state["files"]:
            try:
                file.unlink()
            except OSError:  # Windows: somebody has it mapped; another time, then
                pass


def is_whole(folder: Path, name: str, entry: Sequence[int]) -> bool:
    """Whether a file is as it was written, as far as can be said at once."""
    size, checksum = entry
    try:
        if (folder / name).stat().st_size != size:
            return False
    except OSError:
        return False
    return size > READ_THROUGH_BYTES or checksum_of(folder / name) == checksum


def problems(folder: Path) -> list[str]:
    """Read every file through; returns a sentence for each that is not what it was."""
    if not folder.exists() or not any(folder.iterdir()):
        return []
    state = read_state(folder)
    if not state:
        return ["The search index has no readable state file."]
    return [
        f"The search index file {name} is {'damaged' if (folder / name).exists() else 'missing'}."
        for name, (_, checksum) in state.get("files", {}).items()
        if checksum_of(folder / name) != checksum
    ]


def write_block(
    folder: Path, ids: IntArray, middle: FloatArray, rows: Iterator[FloatArray]
) -> Iterator[tuple[Block, dict[str, list[int]]] | None]:
    """Write a block in steps: None after each, at last the block, mapped, and its files.

    Args:
        folder: Where.
        ids: Of all its rows, (n,).
        middle: Taken off before they are coded, (dimension,).
        rows: The vectors, in portions.

    Raises:
        OSError: If it cannot be written.
    """
    key = secrets.token_hex(6)
    vectors_name, codes_name, rows_name = names_of(key)
    shape = (len(ids), len(middle))
    scales, reach = np.zeros(len(ids), np.float32), 0.0
    done = 0
    with (folder / vectors_name).open("wb") as vectors_file, (folder / codes_name).open("wb") as codes_file:
        vectors_out = _Summed(vectors_file, shape, np.float32)
        codes_out = _Summed(codes_file, shape, np.int8)
        for portion in rows:
            codes = encode(portion, middle)
            vectors_out.write(portion)
            codes_out.write(codes.bytes)
            scales[done : done + len(portion)], reach = codes.scales, max(reach, codes.reach)
            done += len(portion)
            yield None
    entries = {vectors_name: vectors_out.entry, codes_name: codes_out.entry}
    write(folder / rows_name, lambda file: np.savez(file, ids=ids, scales=scales, middle=middle, reach=reach))
    entries[rows_name] = entry_of(folder / rows_name)
    yield open_block(folder, key), entries


def open_block(folder: Path, key: str) -> Block:
    """Map a block.

    Raises:
        OSError, ValueError, KeyError: If its files are not those of a block.
    """
    vectors_name, codes_name, rows_name = names_of(key)
    with np.load(folder / rows_name) as small:
        ids, scales, middle, reach = (small[name] for name in ("ids", "scales", "middle", "reach"))
    vectors, codes = _mapped(folder / vectors_name), _mapped(folder / codes_name, soon=True)
    if not (vectors.shape == codes.shape == (len(ids), len(middle)) and len(scales) == len(ids)):
        raise ValueError("shape")
    return Block(ids, vectors, Codes(codes, scales, middle, float(reach), float(scales.max(initial=0.0))), key)


def write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())


def entry_of(path: Path) -> list[int]:
    """A file as the state knows it: its size in bytes and its checksum."""
    return [path.stat().st_size, checksum_of(path)]


def checksum_of(path: Path) -> int:
    """CRC-32 of a file, -1 for one that cannot be read."""
    total = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total = zlib.crc32(block, total)
    except OSError:
        return -1
    return total


def _mapped(path: Path, soon: bool = False) -> Any:
    """An array in a file, read-only; `soon` asks the system to read it ahead."""
    array = np.load(path, mmap_mode="r")
    if soon and hasattr(mmap, "MADV_WILLNEED"):
        array._mmap.madvise(mmap.MADV_WILLNEED)
    return array.view(np.ndarray)


class _Summed:
    """An array that is written a portion at a time; each is on the disk before the next, so that none takes long."""

    def __init__(self, file: IO[bytes], shape: tuple[int, int], kind: type[np.generic]) -> None:
        self._file = file
        descr = np.lib.format.dtype_to_descr(np.dtype(kind))
        np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
        file.flush()
        head = Path(file.name).read_bytes()
        self.entry = [len(head), zlib.crc32(head)]

    def write(self, portion: Any) -> None:
        data = np.ascontiguousarray(portion).data
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.entry = [self.entry[0] + data.nbytes, zlib.crc32(data, self.entry[1])]

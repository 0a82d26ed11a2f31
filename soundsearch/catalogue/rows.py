"""What the catalogue gives to a scan and takes from it: roots, files, and what was learned about a clip."""

from dataclasses import dataclass

from soundsearch.records import FloatArray


@dataclass(frozen=True, slots=True)
class KnownRoot:
    """A root as the scan needs it; paths are file system bytes."""

    id: int
    path: bytes
    mount: bytes
    online: bool


# A file as the catalogue last saw it: path, clip id, size in bytes, time in ns, whether it is missing. A bare tuple: a
# scan asks for all of them, and making objects of them takes as long as reading them.
KnownRow = tuple[bytes, int, int, int, int]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as the walk sees it now; `path` is below the root."""

    path: bytes
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A clip that needs analysis for a bundle."""

    clip_id: int
    root_id: int
    path: str  # whole path, as os.fsdecode gives it
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was learned about one clip. `vector` is None where an exact copy is already embedded."""

    clip_id: int
    digest: bytes
    size_bytes: int
    modified_ns: int
    duration_s: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    format: str = ""
    peaks: bytes = b""
    vector: FloatArray | None = None
    labels: tuple[str, ...] = ()  # what the file's own metadata says


@dataclass(frozen=True, slots=True)
class Stamp:
    """How far the embeddings of one bundle have come: a cache with another stamp is out of date."""

    last_seq: int = 0
    deletions: int = 0  # how often vectors went whose contents stayed
    forgotten: int = 0  # the last entry in the log of contents that went

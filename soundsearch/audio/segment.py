"""A part of a clip as a file of its own: the same samples, the same depth and rate."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from soundsearch.audio import decode
from soundsearch.errors import DecodeError, SoundSearchError
from soundsearch.records import FloatArray

# What of a file's own depth WAV can hold, and the type in which its samples pass through unchanged
DEPTHS = {
    "PCM_U8": ("PCM_U8", "int16"),
    "PCM_S8": ("PCM_U8", "int16"),
    "PCM_16": ("PCM_16", "int16"),
    "ALAC_16": ("PCM_16", "int16"),
    "PCM_24": ("PCM_24", "int32"),
    "ALAC_24": ("PCM_24", "int32"),
    "PCM_32": ("PCM_32", "int32"),
    "DOUBLE": ("DOUBLE", "float64"),
}
DECODED = ("FLOAT", "float32")  # everything else: what our decoder makes of it, to the last bit
MAX_NAME_BYTES = 200
BLOCK_FRAMES = 1 << 16
MAX_WAV_BYTES = 4_000_000_000  # beyond that a WAV needs 64-bit sizes
CROSSING_S = 0.01  # how far a snap may reach


def segment_file(path: str, start_s: float, end_s: float, folder: Path) -> Path:
    """Return a WAV with the samples of a clip between two times, written below `folder` unless it is there already.

    The name is that of the clip and the times in seconds: "Rain 1.20-2.45.wav".

    Raises:
        SoundSearchError: If the clip cannot be read or the file not be written.
    """
    source = Path(path)
    status = source.stat() if source.exists() else None
    about = os.fsencode(path) + repr((start_s, end_s, status and (status.st_mtime_ns, status.st_size))).encode()
    place = folder / hashlib.blake2b(about, digest_size=6).hexdigest()
    target = place / segment_name(source.stem, start_s, end_s)
    if target.exists():
        return target
    part = place / "part.wav"
    try:
        place.mkdir(parents=True, exist_ok=True)
        write_segment(path, start_s, end_s, part)
        part.replace(target)
    except DecodeError as err:
        _discard(part)
        raise SoundSearchError(f"Cannot read {source.name}: {err.message}.", err.hint) from err
    except (OSError, sf.SoundFileError) as err:
        _discard(part)
        reason = getattr(err, "strerror", None) or str(err)
        raise SoundSearchError(
            f"The region cannot be written to {folder}: {reason}.", "Make room there, then drag it again."
        ) from err
    return target


def _discard(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        pass  # it could not be made either


def segment_name(stem: str, start_s: float, end_s: float) -> str:
    """A file name for a part of a clip; a long name is shortened, the times are not."""
    times = f" {start_s:.2f}-{end_s:.2f}.wav"
    name = os.fsencode(stem)
    if len(name) > MAX_NAME_BYTES - len(times):
        name = name[: MAX_NAME_BYTES - len(times)].decode("utf-8", "ignore").encode()  # no half a letter at the end
    return os.fsdecode(name) + times


def write_segment(path: str, start_s: float, end_s: float, target: Path) -> None:
    """Write the samples from round(start_s * rate) to round(end_s * rate) (excluded) as WAV.

    Depth and rate are the clip's own. What has no depth of its own, as MP3, becomes 32-bit float: exactly the samples
    that are heard.

    Raises:
        DecodeError: If the clip cannot be read there.
        OSError: If the file cannot be written.
    """
    info = decode.probe(path)
    subtype, kind = DEPTHS.get(info.subtype, DECODED)
    first, last = round(start_s * info.sample_rate), round(end_s * info.sample_rate)
    size = (last - first) * info.channels * np.dtype(kind).itemsize
    form = "WAV" if size < MAX_WAV_BYTES else "RF64"
    with target.open("wb") as file:
        options = {"subtype": subtype, "format": form}
        with sf.SoundFile(file, "w", info.sample_rate, info.channels, **options) as out:
            blocks = _exact(path, first, last, kind) if kind != "float32" else None
            for block in blocks if blocks is not None else _decoded(path, start_s, end_s):
                out.write(block)


def _exact(path: str, first: int, last: int, kind: str) -> Iterator[npt.NDArray[np.generic]] | None:
    """Samples as they stand in the file; None if libsndfile cannot read it."""
    with Path(path).open("rb", buffering=0) as file:
        try:
            sf.SoundFile(file if os.name == "nt" else file.fileno(), closefd=False).close()
        except (sf.SoundFileError, OSError, RuntimeError, TypeError):
            return None
    return _read(path, first, last, kind)


def _read(path: str, first: int, last: int, kind: str) -> Iterator[npt.NDArray[np.generic]]:
    with Path(path).open("rb", buffering=0) as file:
        try:
            source = sf.SoundFile(file if os.name == "nt" else file.fileno(), closefd=False)
            source.seek(min(first, source.frames))
            left = last - first
            if first >= source.frames:
                raise DecodeError("it ends before the part asked for", "Choose an earlier part.")
            while left > 0 and len(block := source.read(min(left, BLOCK_FRAMES), dtype=kind, always_2d=True)):
                yield block
                left -= len(block)
            source.close()
        except (sf.SoundFileError, RuntimeError) as err:
            raise DecodeError("it cannot be read there", "Choose another part of it.") from err


def _decoded(path: str, start_s: float, end_s: float) -> Iterator[FloatArray]:
    for part in decode.blocks(path, start_s, end_s):
        yield part.samples


def snapped(path: str, at_s: float, within_s: float = CROSSING_S) -> float:
    """Return the nearest moment at which the sound crosses zero, or the moment itself if there is none near.

    Raises:
        DecodeError: If the clip cannot be read there.
    """
    start_s = max(0.0, at_s - within_s)
    waveform = decode.decode(path, start_s, at_s + within_s)
    samples = decode.mono(waveform)
    crossings = np.flatnonzero(np.signbit(samples[1:]) != np.signbit(samples[:-1])) + 1
    if not len(crossings):
        return at_s
    begin = round(start_s * waveform.sample_rate)
    nearest = crossings[np.abs(crossings + begin - at_s * waveform.sample_rate).argmin()]
    return float(begin + nearest) / waveform.sample_rate

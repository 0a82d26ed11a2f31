"""path -> Waveform: probing, decoding whole or in part, mixing to mono, resampling.

A file is known by its content, never by its name. Whatever is wrong with it leaves here as a `DecodeError` with a
reason that a musician understands.
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soxr

from soundsearch.audio.readers import AudioInfo, ContainerReader, Reader, SoundFileReader, Unreadable
from soundsearch.audio.reasons import REMEDY, cannot_open, explain
from soundsearch.errors import DecodeError
from soundsearch.records import FloatArray

__all__ = [
    "SUPPORTED_EXTENSIONS",
    "AudioInfo",
    "Waveform",
    "blocks",
    "decode",
    "is_audio_name",
    "mono",
    "parts",
    "probe",
    "resample",
    "resampled_length",
]

_LIBSNDFILE = "wav wave bwf rf64 w64 aif aiff aifc aifr flac ogg oga opus mp3 mp2 caf au snd voc iff 8svx svx avr paf"
_FFMPEG = "m4a m4b m4r aac wma wv tta ac3 eac3 mka webm weba spx ape mpc dsf dff amr"
SUPPORTED_EXTENSIONS: frozenset[str] = frozenset(f"{_LIBSNDFILE} {_FFMPEG}".split())  # lower case, without dot
_EXTENSIONS = frozenset(extension.encode() for extension in SUPPORTED_EXTENSIONS)
LOUDEST = np.float32(1e9)  # float files may hold 1e30: their squares must stay finite in float32


@dataclass(frozen=True, slots=True)
class Waveform:
    """Decoded sound: `samples` is float32 in about [-1, 1], shape (n, n_channels); always finite."""

    samples: FloatArray
    sample_rate: int  # Hz

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def is_audio_name(name: str) -> bool:
    """True for names that a scan should open; not for the `._name` files of macOS nor for what DAWs leave behind."""
    stem, dot, extension = name.rpartition(".")
    return bool(stem and dot) and not name.startswith("._") and extension.lower() in SUPPORTED_EXTENSIONS


def is_audio_entry(name: bytes) -> bool:
    """`is_audio_name` for a name as a folder's listing gives it: a scan asks it of every file."""
    dot = name.rfind(b".")
    return dot > 0 and name[dot + 1 :].lower() in _EXTENSIONS and name[:2] != b"._"


def probe(path: str) -> AudioInfo:
    """Return what the header of a file says, without decoding.

    Raises:
        DecodeError: If it is no audio file that can be read.
    """
    with _open(path) as file:
        reader = _reader(file)
        info = reader.info
        reader.close()
        if info.frames:
            return info
        try:
            other = ContainerReader(file)  # after a crash recorders leave a data size of 0
        except (Unreadable, DecodeError):
            return info
        other.close()
        return other.info


def decode(
    path: str, start_s: float | None = None, end_s: float | None = None, *, max_s: float | None = None
) -> Waveform:
    """Decode a file or the part of it between two times, exact to the sample where the format allows it.

    A file that breaks off gives what comes before the break. Samples that are not numbers become 0.

    Args:
        path: As os.fsdecode gives it: surrogates stand for bytes that are not UTF-8.
        start_s: Where to begin, default the start.
        end_s: Where to stop, default the end.
        max_s: Decode no more than this many seconds from the start of the part.
    Raises:
        DecodeError: If nothing can be decoded.
    """
    if max_s is not None:
        end_s = min((start_s or 0.0) + max_s, end_s if end_s is not None else float("inf"))
    result: FloatArray | None = None
    rate = count = 0
    for block in blocks(path, start_s, end_s):
        n = len(block.samples)
        if result is None:
            result, rate = block.samples.copy(), block.sample_rate
        else:
            # Grows in place: no second copy of a long clip, and no trust in the header's length.
            result.resize((count + n, result.shape[1]), refcheck=False)
            result[count:] = block.samples
        count += n
    assert result is not None, "blocks() yields or raises"
    return Waveform(result, rate)


def blocks(path: str, start_s: float | None = None, end_s: float | None = None) -> Iterator[Waveform]:
    """Decode like `decode`, about 1 MB at a time: hours of sound need no more memory than that.

    Yields:
        Consecutive parts, all of one sample rate and number of channels.
    Raises:
        DecodeError: If nothing can be decoded; at the end, if not one sample was a number.
    """
    if start_s is not None and start_s < 0:
        raise ValueError("start_s must not be negative")
    with _open(path) as file:
        position, any_number = -1, False
        for first, block, rate in _readable_blocks(file, start_s or 0.0):
            position = max(position, first)
            if end_s is not None and end_s != float("inf"):
                block = block[: max(0, round(end_s * rate) - position)]
            if not len(block):
                break
            position += len(block)
            any_number |= _clean(block)
            yield Waveform(block, rate)
        if position == first:
            raise DecodeError("the part asked for holds no samples", "Choose a longer part.")
        if not any_number:
            raise DecodeError("not one of its samples is a number", REMEDY)


def parts(path: str, spans: Sequence[tuple[int, int]]) -> list[FloatArray] | None:
    """Decode only these spans of samples, each from its first to before its last, in one opening of the file.

    Returns:
        Mono samples of each span; None where that would not be quicker or not be exact: files of other kinds than
        those that are exact to the sample, and files that are shorter than they say.

    Raises:
        DecodeError: If it is no audio file that can be read.
    """
    with _open(path) as file:
        reader = _reader(file)
        try:
            if not isinstance(reader, SoundFileReader) or not reader.info.is_exact:
                return None
            found = []
            for begin, end in spans:
                samples = reader.part(begin, end)
                if len(samples) != end - begin or not _clean(samples):
                    return None
                found.append(mono(Waveform(samples, reader.info.sample_rate)))
            return found
        except Unreadable:
            return None
        finally:
            reader.close()


def _readable_blocks(file: BinaryIO, start_s: float) -> Iterator[tuple[int, FloatArray, int]]:
    """Blocks from the first library that gives any; when it breaks off, the other one takes over where it was.

    Yields (first frame of the whole, samples, sample rate).
    """
    reader = _reader(file)
    begin = position = round(start_s * reader.info.sample_rate)
    rate, channels = reader.info.sample_rate, reader.info.channels
    try:
        for block in reader.blocks(position):
            rate = reader.info.sample_rate
            yield begin, block, rate
            position += len(block)
        finished = position > begin
    except Unreadable:
        finished = False
    finally:
        reader.close()
    if finished:
        return
    if begin >= reader.info.frames > 0:
        raise _nothing(begin, reader.info)
    try:
        reader = ContainerReader(file)
        same = (reader.info.sample_rate, reader.info.channels) == (rate, channels)
        for block in reader.blocks(position) if same else ():
            yield begin, block, rate
            position += len(block)
        reader.close()
    except Unreadable:
        pass
    if position == begin:
        raise _nothing(begin, reader.info)


def _nothing(begin: int, info: AudioInfo) -> DecodeError:
    if begin:
        return DecodeError(
            f"it is {info.duration_s:.2f} s long and ends before the part asked for", "Choose a part of it."
        )
    if info.frames:
        return DecodeError("it is damaged, or it was cut off before any sound", REMEDY)
    return DecodeError("it holds no samples", REMEDY)


def _reader(file: BinaryIO) -> Reader:
    try:
        return SoundFileReader(file)
    except Unreadable:
        pass
    reason = explain(file)
    try:
        return ContainerReader(file)
    except Unreadable as err:
        raise reason from err


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    place = Path(path)
    try:
        # A named pipe would wait for a writer for ever.
        if not stat.S_ISREG(place.stat().st_mode):
            raise DecodeError("it is not a file")
        file = place.open("rb", buffering=0)  # so that the descriptor stands where we seek to
    except OSError as err:
        raise cannot_open(err) from err
    except ValueError as err:  # a NUL in the path
        raise cannot_open(FileNotFoundError()) from err
    with file:
        try:
            yield file
        except OSError as err:
            raise cannot_open(err) from err


def _clean(block: FloatArray) -> bool:
    """Make a block finite in place; False if not one of its samples was."""
    peak = np.abs(block).max(initial=0)  # not finite if only one sample is not
    if peak <= LOUDEST:
        return True
    finite = np.isfinite(block)
    block[~finite] = 0
    np.clip(block, -LOUDEST, LOUDEST, out=block)
    return bool(finite.any())


def mono(waveform: Waveform) -> FloatArray:
    """Mix to one channel by averaging, shape (n,)."""
    if waveform.samples.shape[1] == 1:
        return waveform.samples[:, 0]
    if waveform.samples.shape[1] == 2:  # numpy's mean over so short an axis takes ten times as long
        middle: FloatArray = waveform.samples[:, 0] + waveform.samples[:, 1]
        middle /= np.float32(2)
        return middle
    result: FloatArray = waveform.samples.mean(axis=1, dtype=np.float32)
    return result


def resample(samples: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """Change the sample rate by soxr's HQ recipe (134 dB up to 19 kHz from 44.1 to 48 kHz).

    Args:
        samples: Shape (n,) or (n, n_channels).
        from_hz: The rate of the file.
        to_hz: The rate wanted.
    Returns:
        float32, `resampled_length` samples, but at least one for at least one.
    """
    if from_hz == to_hz or not len(samples):
        return samples
    result: FloatArray = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return result if len(result) else samples[:1]


def resampled_length(n_samples: int, from_hz: int, to_hz: int) -> int:
    """Number of samples that `resample` makes of n_samples: the nearest integer, halves up."""
    return (2 * n_samples * to_hz + from_hz) // (2 * from_hz)

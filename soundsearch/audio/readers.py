"""The two codec libraries behind one shape: libsndfile for most files, FFmpeg (PyAV) for what it refuses.

A reader gives `info` and, from any frame on, blocks of float32 samples. What a library raises leaves here as
`Unreadable`: the caller then tries the other library, and at last explains the file itself.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO, Protocol

import av
import numpy as np
import soundfile as sf

from soundsearch.audio import mpeg
from soundsearch.audio.reasons import check_shape
from soundsearch.records import FloatArray

BLOCK_SAMPLES = 1 << 18  # of all channels together: 1 MB
PREROLL_S = 1.0  # decoded and dropped after a seek in a compressed stream; 0.1 s was too short for Vorbis
EXACT_SUBTYPES = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # in others a seek may land in a decoder not yet settled
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"  # the one container that tells time to the sample; in others we read from the start
MAX_PADDING = 4096  # samples that an encoder adds to fill its last frame
RATE_GUESSED = ("aac", "ac3", "eac3", "mp3", "dts")  # raw streams, whose duration FFmpeg guesses from the bit rate
CODECS = {"MP3FLOAT": "MPEG_LAYER_III", "MP2FLOAT": "MPEG_LAYER_II"}
FORMATS = {MP4: "M4A", "matroska,webm": "MATROSKA", "asf": "WMA", "wv": "WAVPACK"}
SCALES = {"u1": 128.0, "i2": 32768.0, "i4": 2147483648.0}  # full scale of integer samples


class Unreadable(Exception):
    """A library gave up on a file, at once or on the way."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a header says. Some headers lie: `frames` and `duration_s` are a claim until the clip is decoded."""

    duration_s: float
    sample_rate: int  # Hz
    channels: int
    frames: int  # samples of each channel, 0 when the header does not say
    format: str  # "WAV", "FLAC", "M4A", ...
    subtype: str  # "PCM_16", "VORBIS", "AAC", ...

    @property
    def is_exact(self) -> bool:
        """Whether a part can be read to the sample, with no run-up for the decoder."""
        return self.subtype.startswith(EXACT_SUBTYPES)


class Reader(Protocol):
    """An open audio file."""

    info: AudioInfo

    def blocks(self, start: int) -> Iterator[FloatArray]:
        """Yield the samples from frame `start` to the end, each block of shape (n, n_channels).

        Raises:
            Unreadable: When the library can go no further.
        """
        ...

    def close(self) -> None:
        """Let go of the library's memory. The file itself belongs to the caller."""
        ...


class _ForwardFile(sf.SoundFile):  # type: ignore[misc]
    """A sound file that is read on without the seek that soundfile adds after each read.

    WORKAROUND(soundfile 0.14, libsndfile 1.2.2): that seek, to where the file stands anyway, spoils MP3 (blocks were
    wrong by up to 0.36 at their seams), and reading would end where a lying header says.
    """

    def seekable(self) -> bool:
        return False


class SoundFileReader:
    """WAV, AIFF, FLAC, Ogg, MP3 and what else libsndfile knows."""

    def __init__(self, file: BinaryIO) -> None:
        counted = mpeg.survey(file)  # before the descriptor belongs to libsndfile
        if counted == 0:
            raise Unreadable("not MPEG audio that libsndfile should read")
        file.seek(0)
        try:
            # A file descriptor takes every path, and hides the extension, by which libsndfile would read some
            # text files as headerless audio. Windows' C runtimes do not share descriptors.
            self._file = _ForwardFile(file if os.name == "nt" else file.fileno(), closefd=False)
        except (sf.SoundFileError, OSError, RuntimeError, TypeError) as err:
            raise Unreadable(str(err)) from err
        rate, channels = int(self._file.samplerate), int(self._file.channels)
        frames = max(0, int(self._file.frames))
        try:
            check_shape(rate, channels)
            if counted and self._file.format == "MP3" and not mpeg.agrees(counted, frames):
                raise Unreadable("the header lies about the length")
        except Exception:
            self.close()
            raise
        self.info = AudioInfo(frames / rate, rate, channels, frames, self._file.format, self._file.subtype)

    def blocks(self, start: int) -> Iterator[FloatArray]:
        """See `Reader.blocks`."""
        size = max(1024, BLOCK_SAMPLES // self.info.channels)
        try:
            drop = start - self._seek_before(start)
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                if drop < len(block):
                    yield block[drop:]
                drop = max(0, drop - len(block))
        except (sf.SoundFileError, RuntimeError) as err:
            raise Unreadable(str(err)) from err

    def part(self, begin: int, end: int) -> FloatArray:
        """Return the frames from `begin` to before `end`, (n, n_channels); fewer where the file breaks off.

        Raises:
            Unreadable: When the library cannot go there, or fails on the way.
        """
        try:
            self._file.seek(begin)
            samples: FloatArray = self._file.read(end - begin, dtype="float32", always_2d=True)
        except (sf.SoundFileError, RuntimeError) as err:
            raise Unreadable(str(err)) from err
        return samples

    def _seek_before(self, start: int) -> int:
        """Go to `start`, or to a place before it from where the decoder has settled when it comes there."""
        place = start if self.info.is_exact else max(0, start - round(PREROLL_S * self.info.sample_rate))
        place = min(place, self.info.frames)  # libsndfile does not seek behind what the header says
        if not place:
            return 0
        try:
            return int(self._file.seek(place))
        except sf.SoundFileError:  # some rare codecs only go forward
            return 0

    def close(self) -> None:
        """See `Reader.close`."""
        self._file.close()


class _Source:
    """A file as FFmpeg wants it: nameless, so that only the content decides, and with seeks that fail without a word.

    PyAV prints a traceback when a seek raises, as it does behind the end of a damaged file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.tell = file.read, file.tell
        self._file = file

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1


class ContainerReader:
    """M4A, WMA, WebM, WavPack and what else FFmpeg knows."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._open_container()
        try:
            self._open_stream()
        except Exception:
            self.close()
            raise

    def _open_container(self) -> None:
        self._file.seek(0)
        try:
            self._container = av.open(_Source(self._file), "r", metadata_errors="ignore")
        except (av.FFmpegError, ValueError, OSError) as err:
            raise Unreadable(str(err)) from err

    def _open_stream(self) -> None:
        streams = self._container.streams.audio
        if not streams or streams[0].codec_context is None:
            raise Unreadable("no audio stream")
        self._stream = stream = streams[0]
        self._first_s: Fraction | None = None  # when the first sample sounds by the container's clock
        rate, channels = stream.codec_context.sample_rate or 0, stream.codec_context.channels or 0
        if not (rate and channels):
            raise Unreadable("no sample rate or no channels")
        check_shape(rate, channels)
        kind, codec = self._container.format.name, stream.codec_context.name.upper()
        duration_s = self._counted_s() if kind in RATE_GUESSED else self._claimed_s()
        self.info = AudioInfo(
            duration_s,
            rate,
            channels,
            round(duration_s * rate),
            FORMATS.get(kind, kind.partition(",")[0].upper()),
            CODECS.get(codec, codec),
        )

    def _claimed_s(self) -> float:
        if self._stream.duration is not None and self._stream.time_base is not None:
            return max(0.0, float(self._stream.duration * self._stream.time_base))
        return max(0.0, (self._container.duration or 0) / av.time_base)

    def _counted_s(self) -> float:
        """Add up the packets to the end or to where the file breaks off, without decoding them; then open it again."""
        total = 0
        try:
            for packet in self._container.demux(self._stream):
                total += packet.duration or 0
        except av.FFmpegError:
            pass
        base = self._stream.time_base or 0
        self.close()
        self._open_container()
        self._stream = self._container.streams.audio[0]
        return float(total * base)

    def blocks(self, start: int) -> Iterator[FloatArray]:
        """See `Reader.blocks`."""
        size = max(1024, BLOCK_SAMPLES // self.info.channels)
        held: list[FloatArray] = []
        count, broken = 0, None
        try:
            for block in self._frames(start):
                held.append(block)
                count += len(block)
                if count >= size:
                    yield np.concatenate(held)
                    held, count = [], 0
        except Unreadable as err:
            broken = err
        if held:
            yield np.concatenate(held)
        if broken:
            raise broken

    def _frames(self, start: int) -> Iterator[FloatArray]:
        """Blocks of a codec frame each, from `start` on; without the padding that MP4 says to leave out."""
        end = self.info.frames if self._container.format.name == MP4 else 0
        padding: list[FloatArray] = []
        for position, block in self._placed_frames(start):
            if end and position + len(block) > end:
                padding.append(block[max(0, end - position) :])
                block = block[: max(0, end - position)]
            if position + len(block) > start:
                yield block[max(0, start - position) :]
        if sum(len(block) for block in padding) > MAX_PADDING:
            yield from padding  # the header's length was a lie

    def _placed_frames(self, start: int) -> Iterator[tuple[int, FloatArray]]:
        """Decoded codec frames with the number of their first sample, from somewhere before `start` on."""
        try:
            position = self._seek_before(start)
            for packet in self._container.demux(self._stream):
                for frame in self._decode(packet):
                    block = _samples(frame)
                    if position is None:
                        position = self._position(frame)
                    if block.shape[1] != self.info.channels or frame.sample_rate != self.info.sample_rate:
                        if position:
                            return  # a stream that changes its shape on the way: keep what came before
                        check_shape(frame.sample_rate, block.shape[1])
                        # High-efficiency AAC shows its real rate only here.
                        self.info = replace(self.info, sample_rate=frame.sample_rate, channels=block.shape[1])
                    yield position, block
                    position += len(block)
        except (av.FFmpegError, OSError) as err:
            raise Unreadable(str(err)) from err

    def _decode(self, packet: "av.Packet[av.AudioStream]") -> list[av.AudioFrame]:
        """Frames of a packet; a damaged packet gives none, and the next one may be well again."""
        try:
            return packet.decode()
        except av.InvalidDataError:
            return []

    def _seek_before(self, start: int) -> int | None:
        """Go to a place before `start`: 0 is the first sample, None one that the next frame tells."""
        if self._container.format.name != MP4 or start < 4 * PREROLL_S * self.info.sample_rate:
            return 0
        first = next(iter(self._container.decode(self._stream)), None)
        self._first_s = _time(first) if first else None
        if self._first_s is None or not self._stream.time_base:
            raise Unreadable("no times")
        target_s = self._first_s + Fraction(start, self.info.sample_rate) - Fraction(PREROLL_S)
        self._container.seek(int(target_s / self._stream.time_base), stream=self._stream)
        return None

    def _position(self, frame: av.AudioFrame) -> int:
        time_s = _time(frame)
        if time_s is None or self._first_s is None:
            raise Unreadable("a seek landed nowhere")
        return round((time_s - self._first_s) * self.info.sample_rate)

    def close(self) -> None:
        """See `Reader.close`."""
        self._container.close()


def _time(frame: av.AudioFrame) -> Fraction | None:
    """When a frame begins, in exact seconds."""
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _samples(frame: av.AudioFrame) -> FloatArray:
    """A decoded frame as float32, shape (n, n_channels)."""
    raw = frame.to_ndarray()
    samples = raw.T if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels)
    if samples.dtype.kind == "f":
        return np.ascontiguousarray(samples, np.float32)
    centre = 128.0 if samples.dtype.kind == "u" else 0.0
    return (samples.astype(np.float32) - np.float32(centre)) / np.float32(SCALES[samples.dtype.str[1:]])

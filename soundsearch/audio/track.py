"""A clip as the player wants it: stereo PCM in blocks, decoded a little ahead of where it plays.

One thread fills a track while the audio callback reads it. They share no lock: a block is complete when it appears in
`blocks`, and a block that is not there yet is silence.
"""

import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import soxr

from soundsearch.audio import decode
from soundsearch.audio.overview import Overview, OverviewBuilder, lanes_of
from soundsearch.records import FloatArray

BLOCK_FRAMES = 1 << 15  # 0.7 s at 44.1 kHz, 256 KB
AHEAD_BLOCKS = 40  # how far decoding runs ahead: half a minute
HELD_BLOCKS = 240  # 60 MB; longer clips are decoded again where one goes back to
START_BLOCKS = 4  # always held, so that a replay starts at once
GROWS_S = 0.3  # how often the drawing of a long clip grows


class Track:
    """One clip at the rate of the output.

    Attributes:
        path: The file.
        sample_rate: Rate of the blocks in Hz.
        n_frames: Length; the header's claim until the decoder has seen the end.
        blocks: Stereo samples by number of block, each (BLOCK_FRAMES, 2) but the last.
    """

    def __init__(self, path: str, rate_for: Callable[[int], int] = lambda rate: rate) -> None:
        """Open a clip; `rate_for` gives the rate of the output for a clip of a rate.

        Raises:
            DecodeError: If it cannot be read.
        """
        self.path = path
        self.info = decode.probe(path)
        self.sample_rate = rate_for(self.info.sample_rate)
        self.n_frames = decode.resampled_length(self.info.frames, self.info.sample_rate, self.sample_rate)
        self.blocks: dict[int, FloatArray] = {}
        self._source: Iterator[FloatArray] = iter(())
        self._next = -1  # number of the block that the source gives next
        self._ended = False  # n_frames is the truth

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_frames / self.sample_rate

    @property
    def is_whole(self) -> bool:
        """True when every block is held."""
        return self._ended and len(self.blocks) * BLOCK_FRAMES >= self.n_frames

    @property
    def size_bytes(self) -> int:
        """Memory that is held."""
        return sum(block.nbytes for block in tuple(self.blocks.values()))

    def fill(self, frame: int, loop: tuple[int, int] | None = None) -> bool:
        """Decode one more block near `frame` or of the loop; False when all that will be needed soon is there.

        Raises:
            DecodeError: If nothing can be decoded.
        """
        wanted = self._first_missing(frame, loop)
        if wanted is None:
            return False
        if wanted != self._next:
            self._source, self._next = self._decoded(wanted * BLOCK_FRAMES), wanted
        block = next(self._source, None)
        if block is not None:
            self.blocks[wanted] = block
            self._next += 1
        if block is None or len(block) < BLOCK_FRAMES:
            self._ended = True
            self.n_frames = wanted * BLOCK_FRAMES + (0 if block is None else len(block))
        elif (wanted + 1) * BLOCK_FRAMES > self.n_frames:
            self.n_frames = (wanted + 1) * BLOCK_FRAMES + 1  # longer than its header says
        self._forget(frame // BLOCK_FRAMES, loop)
        return True

    def _first_missing(self, frame: int, loop: tuple[int, int] | None) -> int | None:
        places = range(frame // BLOCK_FRAMES, frame // BLOCK_FRAMES + AHEAD_BLOCKS)
        start = loop[0] // BLOCK_FRAMES if loop else 0
        for number in chain(places, range(start, start + START_BLOCKS)):
            if number not in self.blocks and (number * BLOCK_FRAMES < self.n_frames or not self._ended):
                return number
        return None

    def _forget(self, current: int, loop: tuple[int, int] | None) -> None:
        """Let go of the block that is farthest from where it plays, when too many are held."""
        if len(self.blocks) <= HELD_BLOCKS:
            return
        start = loop[0] // BLOCK_FRAMES if loop else 0
        kept = range(start, start + START_BLOCKS)
        behind = [number for number in self.blocks if number < current and number not in kept]
        beyond = [number for number in self.blocks if number >= current + AHEAD_BLOCKS and number not in kept]
        for number in sorted(behind)[:1] or sorted(beyond)[-1:]:
            del self.blocks[number]

    def _decoded(self, frame: int) -> Iterator[FloatArray]:
        """Blocks of BLOCK_FRAMES, the last one shorter, from a frame on."""
        held = np.empty((0, 2), np.float32)
        for samples in self._stereo(frame / self.sample_rate):
            held = np.concatenate([held, samples]) if len(held) else samples
            while len(held) >= BLOCK_FRAMES:
                yield np.ascontiguousarray(held[:BLOCK_FRAMES])
                held = held[BLOCK_FRAMES:]
        yield np.ascontiguousarray(held)

    def _stereo(self, start_s: float) -> Iterator[FloatArray]:
        stream = None
        if self.sample_rate != self.info.sample_rate:
            stream = soxr.ResampleStream(self.info.sample_rate, self.sample_rate, 2, dtype="float32", quality="HQ")
        for part in decode.blocks(self.path, start_s or None):
            samples = _two_channels(part.samples)
            yield stream.resample_chunk(samples) if stream else samples
        if stream:
            yield stream.resample_chunk(np.empty((0, 2), np.float32), last=True)

    def picture(self) -> Iterator[Overview | None]:
        """Work out the drawing of the clip: None after each part of the work, now and then what is known, at last all.

        Raises:
            DecodeError: If nothing can be decoded.
        """
        lanes = 2 if self.info.channels == 2 else 1
        if self.is_whole:
            builder = OverviewBuilder(self.n_frames, self.sample_rate, lanes)
            for number in range(len(self.blocks)):
                builder.add(self.blocks[number][:, :lanes])
        else:
            builder = OverviewBuilder(max(1, self.info.frames), self.info.sample_rate, lanes)
            told = time.monotonic()
            for part in decode.blocks(self.path):
                builder.add(lanes_of(part.samples))
                if time.monotonic() - told < GROWS_S:
                    yield None
                else:
                    yield builder.snapshot()
                    told = time.monotonic()
        yield builder.finish()


def stamp(path: str) -> tuple[int, int]:
    """What changes when a file does: modification time and size; zeros when it cannot be looked at."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _two_channels(samples: FloatArray) -> FloatArray:
    """Mono to both sides, more than two averaged to both, limited to full scale."""
    if samples.shape[1] > 2:
        samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
    return np.clip(np.broadcast_to(samples, (len(samples), 2)), -1, 1)

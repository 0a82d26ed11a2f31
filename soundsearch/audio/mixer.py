"""What happens in the audio callback: voices read their tracks, fade, and are summed; no locks, files or logging."""

from typing import Protocol

import numpy as np

from soundsearch.audio.track import BLOCK_FRAMES, Track
from soundsearch.records import FloatArray

FADE_S = 0.003  # of a sound that is cut or starts in the middle, so that it does not click
CHUNK_FRAMES = 4096  # mixed at once; buffers of this size are made beforehand
LONGEST_DELAY_S = 1.0  # what an output says beyond that is not believed


class CallbackTime(Protocol):
    """When PortAudio says a callback's samples are heard, in seconds by its own clock."""

    currentTime: float  # noqa: N815 (PortAudio's name)
    outputBufferDacTime: float  # noqa: N815


class CallbackStatus(Protocol):
    """What PortAudio says about a callback."""

    output_underflow: bool


class Voice:
    """One playing of a track. The callback moves `position` and `level`, the player sets the rest.

    Attributes:
        position: Next frame to be read.
        loop: First and last frame (excluded) of what repeats, or None.
        until: Frame at which it ends if nothing repeats, None for the end of the track.
        gain: Linear volume of this clip, beside that of the mixer.
        target: 1 to be heard, 0 to fade out and stay silent.
        finished: True once the end of the track was heard.
        tail: Frames of silence that follow the end at least, until it was heard.
        past: Frames of silence that followed the end so far.
    """

    def __init__(
        self,
        track: Track,
        position: int,
        loop: tuple[int, int] | None,
        tail: int = 0,
        until: int | None = None,
        gain: float = 1.0,
    ) -> None:
        self.track = track
        self.position = position
        self.loop = loop
        self.target = 1
        self.finished = False
        self.tail = tail
        self.past = 0
        self.until = until
        self.gain = self._heard_gain = gain
        self.level = 0.0 if position else 1.0  # an attack at the very start is the clip's own and must stay sharp

    @property
    def is_heard(self) -> bool:
        """False once faded out or ended."""
        return not self.finished and (self.target > 0 or self.level > 0)

    def read(self, out: FloatArray, steps: FloatArray) -> None:
        """Fill `out`, shape (n, 2), from the position on; silence where there is nothing (yet).

        Args:
            out: Where to write.
            steps: 1, 2, 3, ... divided by the length of a fade in frames; at least as long as `out`.
        """
        position, done = self.position, 0
        last = self.track.n_frames if self.until is None else min(self.until, self.track.n_frames)
        while done < len(out) and not self.finished:
            end = min(self.loop[1], self.track.n_frames) if self.loop else last
            if position >= end:
                if self.loop and self.loop[0] < end:
                    position, self.past = self.loop[0], 0
                    continue
                self.past += len(out) - done
                break
            block = self.track.blocks.get(position // BLOCK_FRAMES)
            offset = position % BLOCK_FRAMES
            if block is None or offset >= len(block):
                break  # not decoded yet: wait in silence
            count = min(len(out) - done, len(block) - offset, end - position)
            out[done : done + count] = block[offset : offset + count]
            position += count
            if not self.loop and last < self.track.n_frames:
                self._end_softly(out[done : done + count], last - position, steps)
            done += count
        out[done:] = 0
        self.position = position
        if self._heard_gain != self.gain:
            out *= np.linspace(self._heard_gain, self.gain, len(out), dtype=np.float32)[:, None]
            self._heard_gain = self.gain
        elif self.gain != 1:
            out *= np.float32(self.gain)
        if self.level != self.target:
            self._fade(out, steps)

    @staticmethod
    def _end_softly(part: FloatArray, left: int, steps: FloatArray) -> None:
        """Fade the end of a part of a clip: it is cut where the sound goes on. `left` frames follow these."""
        fade = round(1 / float(steps[0]))
        count = min(len(part), fade - left)
        if count > 0:
            ramp = (np.arange(left + count, left, -1, dtype=np.float32) / np.float32(fade))[:, None]
            part[-count:] *= ramp

    def _fade(self, out: FloatArray, steps: FloatArray) -> None:
        step = float(steps[0])
        n = min(len(out), int(np.ceil(abs(self.target - self.level) / step)))
        if self.target > self.level:
            for channel in (0, 1):
                out[:n, channel] *= np.minimum(self.level + steps[:n], 1)
        else:
            for channel in (0, 1):
                out[:n, channel] *= np.maximum(self.level - steps[:n], 0)
            out[n:] = 0
        change = step * n
        self.level = min(1.0, self.level + change) if self.target else max(0.0, self.level - change)


class Mixer:
    """Sums voices; the player replaces the tuple `voices`, never changes it.

    Attributes:
        gain: Linear volume, moved to over one callback.
        calls: Number of callbacks so far: an output that is alive keeps counting.
        gaps: How often the output ran dry because a callback came too late.
    """

    def __init__(self, sample_rate: int, gain: float = 1.0) -> None:
        self.voices: tuple[Voice, ...] = ()
        self.gain = gain
        self.calls = 0
        self.gaps = 0
        self._heard_gain = gain
        self._rate = sample_rate
        self._scratch = np.zeros((CHUNK_FRAMES, 2), np.float32)
        self._steps = np.arange(1, CHUNK_FRAMES + 1, dtype=np.float32) / np.float32(max(1, FADE_S * sample_rate))

    def __call__(self, out: FloatArray, frames: int, when: CallbackTime, status: CallbackStatus) -> None:
        """Fill what the output asks for; the signature is that of a sounddevice callback."""
        self.calls += 1
        # An output that has just been opened takes a whole buffer at once and starts to play it later: only its own
        # clock tells when the end of a clip was heard.
        delay_s = min(when.outputBufferDacTime - when.currentTime, LONGEST_DELAY_S)
        held = frames + round(delay_s * self._rate)
        if status.output_underflow:
            self.gaps += 1
        gain = self.gain
        for start in range(0, frames, CHUNK_FRAMES):
            part = out[start : start + CHUNK_FRAMES]
            scratch = self._scratch[: len(part)]
            part[:] = 0
            for voice in self.voices:
                if voice.is_heard:
                    voice.read(scratch, self._steps)
                    part += scratch if part.shape[1] == 2 else scratch.mean(axis=1, keepdims=True)
                    voice.finished = 0 < voice.past >= max(voice.tail, held)
            if gain != self._heard_gain:
                part *= np.linspace(self._heard_gain, gain, len(part), dtype=np.float32)[:, None]
                self._heard_gain = gain
            elif gain != 1:
                part *= np.float32(gain)

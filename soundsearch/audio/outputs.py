"""The streams that are open: one for each sample rate that was played lately.

So a clip of another rate starts at once: opening a stream beside another takes a millisecond or two (PulseAudio),
closing the old one first takes as long as what it still holds.
"""

from soundsearch.audio.mixer import Voice
from soundsearch.audio.output import LATENCY_S, Output
from soundsearch.errors import PlaybackError


class Outputs:
    """What `Output` is, for clips of any rate in turn. Belongs to one thread, but for what `Output` excepts."""

    def __init__(self, latency_s: float = LATENCY_S) -> None:
        self._latency_s = latency_s
        self._current = Output(latency_s)  # that of the clip that was played last
        self._open: dict[int, Output] = {}  # by rate; replaced, never changed, as other threads read it

    @property
    def latency_s(self) -> float:
        """How long after it is mixed a sample is heard."""
        return self._current.latency_s

    @property
    def error(self) -> PlaybackError | None:
        """Why there is no output, None while there is one or none was looked for."""
        return self._current.error

    @property
    def name(self) -> str:
        """The device that is used, "" when none is."""
        return self._current.name

    @property
    def names(self) -> tuple[str, ...]:
        """The devices that can be chosen."""
        return self._current.names

    @property
    def is_open(self) -> bool:
        """True while a stream runs."""
        return any(output.is_open for output in self._open.values())

    @property
    def is_silent(self) -> bool:
        """True while nothing is heard."""
        return all(output.is_silent for output in self._open.values())

    def fits(self, sample_rate: int) -> bool:
        """True when an open stream can take a clip of this rate at once."""
        output = self._open.get(sample_rate)
        return output is not None and output.fits(sample_rate)

    def rate_for(self, sample_rate: int, device: str) -> int:
        """Return the rate itself if the output takes it, else the output's usual one."""
        return self._current.rate_for(sample_rate, device)

    def look(self, device: str) -> None:
        """Find out whether there is an output, and say so in `error`."""
        self._current.look(device)

    def open(self, sample_rate: int, device: str, gain: float) -> None:
        """Have a stream of this rate open; afterwards `error` says whether that worked."""
        if self.error:  # PortAudio has to look again, which it can only when nothing is open
            self.close()
        output = self._open.get(sample_rate) or Output(self._latency_s)
        output.take_over(self._current)
        output.open(sample_rate, device, gain)
        if output.error and self.is_open:  # some outputs take one stream at a time
            self.close()
            output.open(sample_rate, device, gain)
        self._current = output
        self._open = {**self._open, sample_rate: output}

    def refresh(self, device: str) -> None:
        """Let PortAudio look for devices again, which it does at its start only; closes what is open."""
        self.close()
        self._current.refresh(device)

    def add(self, voice: Voice) -> None:
        """Let a voice be heard, on the stream of its rate."""
        output = self._open.get(voice.track.sample_rate)
        if output is not None:  # else it was closed this very moment
            self._current = output
            output.add(voice)

    def set_gain(self, gain: float) -> None:
        """Change the linear volume."""
        for output in self._open.values():
            output.set_gain(gain)

    def watch(self) -> bool:
        """Let streams go that have been silent for long; False when the output went away."""
        there = [output.watch() for output in self._open.values()]
        self._open = {rate: output for rate, output in self._open.items() if output.is_open or output is self._current}
        return all(there)

    def close(self) -> None:
        """Fade out what is heard, and close all streams."""
        for output in self._open.values():
            output.close()
        self._open = {}

    def abandon(self) -> None:
        """Leave a PortAudio that is stuck alone."""
        for output in (self._current, *self._open.values()):
            output.abandon()

"""The sound output: PortAudio's devices and the one stream that is open, with all that may go wrong with them."""

import atexit
import logging
import time
from types import ModuleType
from typing import Any

from soundsearch.audio.mixer import Mixer, Voice
from soundsearch.errors import PlaybackError

log = logging.getLogger(__name__)

LATENCY_S = 0.04  # what the output holds: more than a thread switch of Python, less than one hears
MAX_LATENCY_S = 0.25  # on a machine that is too busy to fill the output in time it grows up to this
IDLE_CLOSE_S = 10.0  # the output is let go after so long a silence
LOST_S = 1.5  # an output that asked for nothing for so long is gone
STUCK_S = 3.0  # PortAudio needs milliseconds to start; if the output goes away just then it waits for ever
SETTLE_S = 0.05  # a fade, and the last 10 ms that PortAudio would lose
USUAL_RATE = 48_000  # Hz, where the device does not say

NO_OUTPUT = PlaybackError("There is no sound output.", "Connect one, then press play.")
NO_LIBRARY = PlaybackError("Sound cannot be played: PortAudio is missing.", "Install libportaudio2.")
GONE = PlaybackError("The sound output went away.", "Connect it again, then press play.")


def devices() -> list[str]:
    """Return the names of the sound outputs, as they were when PortAudio looked; none when there is no PortAudio."""
    library = portaudio()
    if library is None:
        return []
    try:
        return [d["name"] for d in library.query_devices() if d["max_output_channels"] and _is_usual(library, d)]
    except library.PortAudioError:
        return []


def portaudio() -> ModuleType | None:
    """sounddevice, whose import fails where there is no PortAudio."""
    try:
        import sounddevice
    except OSError:
        return None
    module: ModuleType = sounddevice
    return module


def _is_usual(library: ModuleType, device: dict[str, Any]) -> bool:
    """Windows lists each output once for every one of its sound systems: True for those of the usual one."""
    usual: int = library.default.hostapi
    return usual < 0 or device["hostapi"] == usual


class Output:
    """At most one open stream. Belongs to one thread, but for `add`, `fits` and the attributes.

    Attributes:
        latency_s: How long after it is mixed a sample is heard.
        name: The device that is used, "" when none is.
        names: The devices that can be chosen.
    """

    def __init__(self, latency_s: float = LATENCY_S) -> None:
        self.latency_s = 0.0
        self.name = ""
        self.names: tuple[str, ...] = ()
        self._wanted_latency_s = latency_s
        self._error: PlaybackError | None = None
        self._starting: float | None = None  # since when
        self._library = portaudio()
        self._stream: Any = None
        self._mixer = Mixer(USUAL_RATE)
        self._rate = 0
        self._accepted: dict[tuple[str, int], bool] = {}  # device and rate
        self._calls, self._called, self._heard = 0, 0.0, 0.0

    @property
    def error(self) -> PlaybackError | None:
        """Why there is no output, None while there is one or none was looked for."""
        starting = self._starting
        return GONE if starting and time.monotonic() - starting > STUCK_S else self._error

    @property
    def is_open(self) -> bool:
        """True while a stream runs."""
        return self._stream is not None

    def look(self, device: str) -> None:
        """Find out whether there is an output, and say so in `error`."""
        try:
            self.name = str(self._find(device)["name"])
            self._error = None
        except PlaybackError as err:
            self.name, self._error = "", err
        self.names = tuple(dict.fromkeys(devices()))

    def _find(self, device: str) -> dict[str, Any]:
        """The device of that name, or the system's default.

        Raises:
            PlaybackError: If there is none.
        """
        if self._library is None:
            raise NO_LIBRARY
        try:
            for found in self._library.query_devices() if device else ():
                if found["name"] == device and found["max_output_channels"] and _is_usual(self._library, found):
                    return dict(found)
            return dict(self._library.query_devices(kind="output"))
        except (self._library.PortAudioError, ValueError) as err:
            raise NO_OUTPUT from err

    def take_over(self, other: "Output") -> None:
        """Know what another one found out about the devices."""
        if other is not self:
            self.names, self._error, self._accepted = other.names, other._error, other._accepted
            self._wanted_latency_s = max(self._wanted_latency_s, other._wanted_latency_s)

    def rate_for(self, sample_rate: int, device: str) -> int:
        """Return the rate itself if the output takes it, else the output's usual one."""
        try:
            found = self._find(device)
        except PlaybackError:
            return sample_rate
        assert self._library is not None
        key = device, sample_rate
        if key not in self._accepted:
            try:
                self._library.check_output_settings(
                    found["index"], min(2, found["max_output_channels"]), "float32", samplerate=sample_rate
                )
                self._accepted[key] = True
            except self._library.PortAudioError:
                self._accepted[key] = False
        return sample_rate if self._accepted[key] else round(found["default_samplerate"]) or USUAL_RATE

    def fits(self, sample_rate: int) -> bool:
        """True when an open stream can take a clip of this rate at once."""
        return self.is_open and self._rate == sample_rate and not self.error

    def open(self, sample_rate: int, device: str, gain: float) -> None:
        """Open a stream of this rate if it is not open; afterwards `error` says whether that worked."""
        if self.fits(sample_rate):
            return
        self.close()
        if self._error:
            self.refresh(device)
        self._error = None
        try:
            self._start(self._find(device), sample_rate, gain)
        except PlaybackError as err:
            self.name, self._error = "", err

    def refresh(self, device: str) -> None:
        """Let PortAudio look for devices again, which it does at its start only; closes what is open."""
        self.close()
        if self._library is None:
            return
        try:
            self._library._terminate()
            self._library._initialize()
        except self._library.PortAudioError as err:
            log.warning("PortAudio does not start again: %s", err)
        self._accepted.clear()
        self.look(device)

    def _start(self, found: dict[str, Any], sample_rate: int, gain: float) -> None:
        assert self._library is not None
        mixer = Mixer(sample_rate, gain)
        try:
            stream = self._library.OutputStream(
                samplerate=sample_rate,
                device=found["index"],
                channels=min(2, found["max_output_channels"]),
                dtype="float32",
                latency=self._wanted_latency_s,
                callback=mixer,
            )
            self._starting = time.monotonic()
            stream.start()
        except self._library.PortAudioError as err:
            log.warning("cannot open %s at %d Hz: %s", found["name"], sample_rate, err)
            raise PlaybackError(
                f"The sound output {found['name']} cannot be used.", "Close what else uses it, then press play."
            ) from err
        finally:
            self._starting = None
        self._stream, self._mixer, self._rate = stream, mixer, sample_rate
        self.latency_s, self.name = stream.latency, str(found["name"])
        self._calls, self._called, self._heard = 0, time.monotonic(), time.monotonic()

    def add(self, voice: Voice) -> None:
        """Let a voice be heard."""
        self._mixer.voices = (*(v for v in self._mixer.voices if v.is_heard), voice)

    def set_gain(self, gain: float) -> None:
        """Change the linear volume."""
        self._mixer.gain = gain

    def watch(self) -> bool:
        """Let an output go that has been silent for long; False for one that went away."""
        if self._stream is None:
            return True
        now = time.monotonic()
        if self._mixer.calls != self._calls:
            self._calls, self._called = self._mixer.calls, now
        is_heard = any(voice.is_heard for voice in self._mixer.voices)
        if is_heard:
            self._heard = now
        if not self._stream.active or now - self._called > LOST_S:
            log.warning("the sound output went away")
            self._discard()
            self.name, self._error = "", GONE
            return False
        if now - self._heard > IDLE_CLOSE_S:
            self.close()
        elif self._mixer.gaps and not is_heard and self._wanted_latency_s < MAX_LATENCY_S:
            log.info("the sound had %d gaps: the output gets a longer buffer", self._mixer.gaps)
            self._wanted_latency_s = min(2 * self._wanted_latency_s, MAX_LATENCY_S)
            self.close()
        return True

    @property
    def is_silent(self) -> bool:
        """True while nothing is heard."""
        return self._stream is None or not any(voice.is_heard for voice in self._mixer.voices)

    def close(self) -> None:
        """Fade out what is heard, and close the stream."""
        if self._stream is None:
            return
        deadline = time.monotonic() + SETTLE_S
        for voice in self._mixer.voices:
            voice.target = 0
        while time.monotonic() < deadline and any(voice.is_heard for voice in self._mixer.voices):
            time.sleep(0.002)
        if time.monotonic() - self._heard < 1:
            time.sleep(self.latency_s)
        self._discard()

    def abandon(self) -> None:
        """Leave a PortAudio that is stuck alone: its own clean-up at the end of the program would abort it."""
        if self._library and self._starting:
            atexit.unregister(self._library._exit_handler)

    def _discard(self) -> None:
        stream, self._stream = self._stream, None
        assert self._library is not None
        try:
            stream.abort()
            stream.close()
        except self._library.PortAudioError as err:
            log.warning("the sound output does not close: %s", err)

"""Recording from the microphone: a few seconds, trimmed and kept as a file, to be searched with."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from soundsearch.audio.output import LOST_S, portaudio
from soundsearch.errors import RecordingError
from soundsearch.records import FloatArray

log = logging.getLogger(__name__)

MAX_S = 15.0  # the model hears ten seconds
LEAST_S = 0.1
POLL_S = 0.02
START_S = 3.0  # an input that gives nothing for so long after its start will not
QUIET_DB = -50.0  # of the loudest sample; below is the noise of an empty room
BELOW_PEAK_DB = 40.0  # what is so much softer than the loudest is silence at the ends
FRAME_S = 0.01
KEPT_BEFORE_S, KEPT_AFTER_S = 0.05, 0.25

NO_INPUT = RecordingError("There is no microphone.", "Connect one, then record again.")
NO_LIBRARY = RecordingError("Nothing can be recorded: PortAudio is missing.", "Install libportaudio2.")
GONE = RecordingError("The microphone went away.", "Connect it again, then record once more.")
QUIET = RecordingError("The recording is silent.", "Raise the level of the microphone, or go nearer, and record again.")
SHORT = RecordingError("The recording is too short.", "Let it run for as long as the sound lasts.")


class Recorder:
    """One recording: begins at once in a thread of its own, which also writes the file.

    Attributes:
        seconds: How long it is so far.
        is_running: False once it was stopped, or could not go on.
    """

    def __init__(
        self,
        folder: Path,
        done: Callable[[Path], None],
        failed: Callable[[RecordingError], None],
        device: str = "",
        max_s: float = MAX_S,
    ) -> None:
        """Start to record.

        Args:
            folder: Where the file is written; made if need be.
            done: Called with the file, from the recorder's thread.
            failed: Called with the reason in place of that.
            device: Name of the input, "" for the system's default.
            max_s: It ends by itself after so long.
        """
        self.seconds = 0.0
        self.is_running = True
        self._folder, self._done, self._failed = folder, done, failed
        self._device, self._max_s = device, max_s
        self._samples: FloatArray = np.zeros(0, np.float32)
        self._count = self._rate = 0
        self._peak = 0.0
        self._called = 0.0
        self._ending = threading.Event()
        self._discarded = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def level_db(self) -> float:
        """The loudest sample since this was last asked, relative to full scale; -100 for silence."""
        peak, self._peak = self._peak, 0.0
        return 20 * float(np.log10(max(peak, 1e-5)))

    def stop(self) -> None:
        """End it: the file follows."""
        self._ending.set()

    def discard(self) -> None:
        """End it, and keep nothing."""
        self._discarded = True
        self._ending.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """End it, keep nothing, and wait until the input is let go."""
        self.discard()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        trouble: RecordingError | None = None
        try:
            self._record()
        except RecordingError as err:
            trouble = err
        self.is_running = False
        if self._discarded:
            return
        try:
            # What was heard before the microphone went away is worth keeping.
            if trouble and self._count < LEAST_S * max(1, self._rate):
                raise trouble
            self._done(self._keep())
        except RecordingError as err:
            self._failed(err)

    def _record(self) -> None:
        """Hold the input open until it is time to stop."""
        library = portaudio()
        if library is None:
            raise NO_LIBRARY
        try:
            found = self._find(library)
            self._rate = round(found["default_samplerate"])
            self._samples = np.zeros(round(self._max_s * self._rate), np.float32)
            with library.InputStream(
                samplerate=self._rate, device=found["index"], channels=min(2, found["max_input_channels"]),
                dtype="float32", callback=self._take,
            ):  # fmt: skip
                self._wait()
        except library.PortAudioError as err:
            log.warning("cannot record: %s", err)
            raise RecordingError(
                "The microphone cannot be used.", "Close what else uses it, or allow soundsearch to, then record again."
            ) from err

    def _find(self, library: Any) -> dict[str, Any]:
        for found in library.query_devices() if self._device else ():
            if found["name"] == self._device and found["max_input_channels"]:
                return dict(found)
        try:
            return dict(library.query_devices(kind="input"))
        except (library.PortAudioError, ValueError) as err:
            raise NO_INPUT from err

    def _wait(self) -> None:
        began = time.monotonic()
        while not self._ending.wait(POLL_S) and self._count < len(self._samples):
            self.seconds = self._count / self._rate
            silent_s = time.monotonic() - (self._called or began)
            if silent_s > (LOST_S if self._called else START_S):
                raise GONE
        self.seconds = self._count / self._rate

    def _take(self, block: FloatArray, n: int, _time: Any, _status: Any) -> None:
        """In PortAudio's thread: copy, no more."""
        n = min(n, len(self._samples) - self._count)
        if n > 0:
            np.mean(block[:n], axis=1, out=self._samples[self._count : self._count + n])
            self._peak = max(self._peak, float(np.abs(self._samples[self._count : self._count + n]).max()))
            self._count += n
        self._called = time.monotonic()

    def _keep(self) -> Path:
        """Write what was recorded; returns the file."""
        if self._count < LEAST_S * max(1, self._rate):
            raise SHORT
        trimmed = trim(self._samples[: self._count], self._rate)
        if not len(trimmed):
            raise QUIET
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = _free(self._folder, time.strftime("Recording %Y-%m-%d %H.%M.%S"))
            soundfile.write(path, trimmed, self._rate, "PCM_24")
        except (OSError, soundfile.SoundFileError) as err:
            raise RecordingError(
                f"The recording cannot be written to {self._folder}: {err}.", "Check that there is room, and try again."
            ) from err
        return path


def trim(samples: FloatArray, sample_rate: int) -> FloatArray:
    """Cut silence off both ends, a moment before and after the sound left on.

    Args:
        samples: Mono, shape (n_samples,).
        sample_rate: In Hz.

    Returns:
        A part of them, shape (m,); empty if nothing is louder than an empty room.
    """
    frame = max(1, round(FRAME_S * sample_rate))
    whole = samples[: len(samples) // frame * frame]
    peaks = np.abs(whole.reshape(-1, frame)).max(axis=1) if len(whole) else np.zeros(0)
    if not len(peaks) or peaks.max() < 10 ** (QUIET_DB / 20):
        return samples[:0]
    loud = np.flatnonzero(peaks >= peaks.max() * 10 ** (-BELOW_PEAK_DB / 20))
    start = int(loud[0]) * frame - round(KEPT_BEFORE_S * sample_rate)
    end = (int(loud[-1]) + 1) * frame + round(KEPT_AFTER_S * sample_rate)
    return samples[max(0, start) : end]


def _free(folder: Path, name: str) -> Path:
    """A path that is not taken: two recordings may end in one second."""
    path, number = folder / f"{name}.wav", 2
    while path.exists():
        path, number = folder / f"{name} ({number}).wav", number + 1
    return path

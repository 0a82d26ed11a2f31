"""Hearing clips: a `Player` that starts at once, over PortAudio.

Its thread decodes and owns the output; the methods only leave their wish and return. Having no output is a state, not
an error.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from soundsearch.audio.mixer import Voice
from soundsearch.audio.output import LATENCY_S, Output, devices
from soundsearch.audio.peaks import Peaks
from soundsearch.audio.track import Track, stamp
from soundsearch.errors import DecodeError, PlaybackError

__all__ = ["Player", "State", "devices"]

log = logging.getLogger(__name__)

State = Literal["no device", "idle", "loading", "playing", "paused"]

WHOLE_S = 20.0  # shorter clips are decoded whole before they are told to be loaded, which takes milliseconds
CACHED_TRACKS = 12
CACHED_BYTES = 150_000_000
CLOSE_S = 2.0  # how long closing waits for the thread
WATCH_S = 0.25  # how often an open output is looked at
WHOLE_CLIP = 2**62  # frames: a loop is cut at the end of its clip
NO_PEAKS = Peaks.from_bytes(b"")


class Player:
    """Plays one clip at a time. All methods may be called from any thread and return at once.

    The callbacks come from the player's own thread: `on_loaded(path, peaks, duration_s)` when a clip can be played;
    `on_peaks(path, peaks)` later, for clips of more than 20 s, which come with empty peaks; `on_error(path, reason)`
    when a clip cannot be read. Of clips that were asked for and replaced meanwhile nothing is told.
    """

    def __init__(
        self,
        on_loaded: Callable[[str, Peaks, float], object],
        on_error: Callable[[str, str], object],
        on_peaks: Callable[[str, Peaks], object] | None = None,
        *,
        device: str = "",
        latency_s: float = LATENCY_S,
    ) -> None:
        """`device` is one of `devices()`, or "" for the system's default; `latency_s` is what the output holds."""
        self._on_loaded, self._on_error, self._on_peaks = on_loaded, on_error, on_peaks
        self._device = device
        self._wish = threading.Condition()  # guards what the methods leave for the thread
        self._request: str | None = None  # clip to load
        self._generation = 0
        self._play_from: float | None = None  # to be done as soon as clip and output are there
        self._prefetch: list[str] = []
        self._closing = False
        self._loop: bool | tuple[float, float] = False
        self._gain_db = 0.0
        self._track: Track | None = None
        self._voice: Voice | None = None
        self._picture: Iterator[Peaks | None] = iter(())
        self._cache: OrderedDict[tuple[str, tuple[int, int]], Track] = OrderedDict()
        self._output = Output(latency_s)
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    @property
    def state(self) -> State:
        """What it does; "no device" from when an output was looked for in vain until one is found."""
        voice = self._voice
        if self._output.error:
            return "no device"
        if self._request is not None:
            return "loading"
        if self._is_waiting() or (voice and voice.target and not voice.finished):
            return "playing"
        return "paused" if voice and not voice.finished else "idle"

    @property
    def is_playing(self) -> bool:
        """True while a clip is heard."""
        return self.state == "playing"

    @property
    def device_error(self) -> PlaybackError | None:
        """Why there is no output, while the state is "no device"."""
        return self._output.error

    @property
    def duration_s(self) -> float:
        """Length of the loaded clip; of long ones what the header says until the end was decoded."""
        return self._track.duration_s if self._track else 0.0

    @property
    def position_s(self) -> float:
        """What is heard now; 0 when stopped or ended."""
        voice = self._voice
        if voice is None or voice.finished:
            return 0.0
        rate = voice.track.sample_rate
        waiting = min(self._output.latency_s, voice.tail / rate) if voice.target else 0.0
        return max(0.0, voice.position / rate - waiting)

    @property
    def loop(self) -> bool | tuple[float, float]:
        """Whether the clip repeats, or the part of it, in seconds, that does."""
        return self._loop

    @loop.setter
    def loop(self, loop: bool | tuple[float, float]) -> None:
        self._loop = loop
        if self._voice:
            self._voice.loop = self._loop_frames(self._voice.track)

    @property
    def gain_db(self) -> float:
        """Volume; 0 is the clip's own."""
        return self._gain_db

    @gain_db.setter
    def gain_db(self, gain_db: float) -> None:
        self._gain_db = gain_db
        self._output.set_gain(10 ** (gain_db / 20))

    def load(self, path: str) -> None:
        """Cut what plays and load another clip; the latest wins."""
        with self._wish:
            self._generation += 1
            self._request, self._play_from = path, None
            self._silence()
            self._voice = None
            self._wish.notify()

    def prefetch(self, paths: Sequence[str]) -> None:
        """Decode the beginnings of clips that may be wanted next, when there is nothing else to do."""
        with self._wish:
            self._prefetch = list(paths)[: CACHED_TRACKS // 2]
            self._wish.notify()

    def play(self, from_s: float = 0.0) -> None:
        """Play the loaded clip, or the one that is being loaded as soon as it is there.

        Without an output the state becomes "no device"; every call looks for one again.
        """
        with self._wish:
            self._play_from = max(0.0, from_s)
            if self._request is None and self._track and self._output.fits(self._track.sample_rate):
                self._start_voice(self._track)
            self._wish.notify()

    def pause(self) -> None:
        """Be silent and stay at the position; `play(position_s)` goes on."""
        with self._wish:
            self._play_from = None
            if self._voice:
                self._voice.target = 0

    def stop(self) -> None:
        """Be silent and go back to the start."""
        with self._wish:
            self._play_from = None
            self._silence()
            self._voice = None

    def seek(self, position_s: float) -> None:
        """Go to a position: play on from there, or stay paused there."""
        if self.is_playing:
            self.play(position_s)
            return
        with self._wish:
            track = self._track
            if track and self._request is None:
                self._voice = Voice(track, round(position_s * track.sample_rate), self._loop_frames(track))
                self._voice.target, self._voice.level = 0, 0.0
                self._wish.notify()

    def close(self) -> None:
        """Fade out, let the output go and end the thread."""
        with self._wish:
            self._closing = True
            self._silence()
            self._wish.notify()
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                self._output.abandon()

    def _silence(self) -> None:
        if self._voice:
            self._voice.target = 0

    def _start_voice(self, track: Track) -> None:
        """Begin to play at `_play_from`, while what played before fades out. Needs the lock."""
        assert self._play_from is not None
        self._silence()
        position = round(self._play_from * track.sample_rate)
        position = 0 if position >= track.n_frames else position
        tail = round(self._output.latency_s * track.sample_rate)
        self._voice = Voice(track, position, self._loop_frames(track), tail)
        self._play_from = None
        self._output.add(self._voice)

    def _loop_frames(self, track: Track) -> tuple[int, int] | None:
        if isinstance(self._loop, bool):
            return (0, WHOLE_CLIP) if self._loop else None
        start, end = (round(seconds * track.sample_rate) for seconds in self._loop)
        return (start, end) if start < end else None

    def _run(self) -> None:
        """The thread: one small step of the most urgent work at a time, until closed."""
        self._output.look(self._device)
        while not self._closing:
            try:
                busy = self._step()
            except Exception:
                log.exception("the player stumbled")
                self._request = self._play_from = self._track = None
                busy = False
            if not busy:
                with self._wish:
                    if not (self._closing or self._request is not None or self._is_waiting()):
                        self._wish.wait(WATCH_S if self._output.is_open else None)
        self._output.close()

    def _is_waiting(self) -> bool:
        return self._play_from is not None and self._track is not None

    def _step(self) -> bool:
        """Do one piece of work; False when there is none."""
        if self._request is not None:
            self._load(self._request, self._generation)
            return True
        if self._is_waiting():
            self._open_and_start()
            return True
        self._output.watch()
        voice, track = self._voice, self._track
        try:
            if track and track.fill(voice.position if voice else 0, voice.loop if voice else None):
                return True
            if track and (step := next(self._picture, _DONE)) is not _DONE:
                if isinstance(step, Peaks) and self._on_peaks:
                    self._on_peaks(track.path, step)
                return True
        except DecodeError as err:
            self._picture = iter(())
            self._track = None
            if track:
                self._on_error(track.path, err.message)
            return True
        return self._prefetch_one()

    def _load(self, path: str, generation: int) -> None:
        try:
            track = self._track_of(path)
            while track.duration_s <= WHOLE_S and not track.is_whole and generation == self._generation:
                if not track.fill(0):
                    break
            track.fill(0)
            peaks = next((p for p in track.picture() if p), NO_PEAKS) if track.is_whole else NO_PEAKS
        except DecodeError as err:
            with self._wish:
                if generation != self._generation:
                    return
                self._request, self._track = None, None
            self._on_error(path, err.message)
            return
        with self._wish:
            if generation != self._generation:
                return
            self._request, self._track = None, track
            self._picture = iter(()) if len(peaks) else track.picture()
        self._on_loaded(path, peaks, track.duration_s)

    def _track_of(self, path: str) -> Track:
        """From the cache, if the file has not changed since."""
        key = path, stamp(path)
        track = self._cache.get(key)
        if track is None:
            track = self._cache[key] = Track(path, lambda rate: self._output.rate_for(rate, self._device))
        self._cache.move_to_end(key)
        while len(self._cache) > CACHED_TRACKS or (
            len(self._cache) > 1 and sum(t.size_bytes for t in self._cache.values()) > CACHED_BYTES
        ):
            self._cache.popitem(last=False)
        return track

    def _prefetch_one(self) -> bool:
        with self._wish:
            path = self._prefetch.pop(0) if self._prefetch else None
        if path is None:
            return False
        try:
            track = self._track_of(path)
            while self._request is None and track.duration_s <= WHOLE_S and track.fill(0):
                pass
            track.fill(0)
        except DecodeError:
            pass  # told when it is chosen
        return True

    def _open_and_start(self) -> None:
        """Make sure that there is an output of the clip's rate, then play."""
        track = self._track
        assert track is not None
        self._output.open(track.sample_rate, self._device, 10 ** (self._gain_db / 20))
        with self._wish:
            if self._output.error:
                self._play_from = None
            elif self._request is None and self._track is track and self._play_from is not None:
                self._start_voice(track)


_DONE = object()

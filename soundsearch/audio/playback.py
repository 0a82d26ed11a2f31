"""Hearing clips: a `Player` that starts at once, over PortAudio.

Its thread decodes and owns the output; the methods only leave their wish and return. Having no output is a state, not
an error.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from soundsearch.audio.mixer import Voice
from soundsearch.audio.output import LATENCY_S, devices
from soundsearch.audio.outputs import Outputs
from soundsearch.audio.overview import Overview, OverviewBuilder, OverviewCache
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
LOOK_AGAIN_S = (1.0, 30.0)  # a missing output is looked for so often at first and at last
GO_ON_S = 10.0  # a sound that its output left goes on by itself if there is one again so soon


class Player:
    """Plays one clip at a time. All methods may be called from any thread and return at once.

    The callbacks come from the player's own thread: `on_loaded(path, overview, duration_s)` when a clip is known, which
    may be heard already; `on_drawn(path, overview)` later and repeatedly, for clips of more than 20 s, which come with
    an empty overview at first; `on_error(path, reason)` when a clip cannot be read. Of clips that were asked for and
    replaced meanwhile nothing is told.
    """

    def __init__(
        self,
        on_loaded: Callable[[str, Overview, float], object],
        on_error: Callable[[str, str], object],
        on_drawn: Callable[[str, Overview], object] | None = None,
        *,
        device: str = "",
        latency_s: float = LATENCY_S,
        cache: OverviewCache | None = None,
    ) -> None:
        """Start the thread.

        Args:
            on_loaded: See above.
            on_error: See above.
            on_drawn: See above.
            device: One of `devices()`, or "" for the system's default.
            latency_s: What the output holds.
            cache: Where the overviews of long clips are kept.
        """
        self._on_loaded, self._on_error, self._on_drawn = on_loaded, on_error, on_drawn
        self._device = device
        self._cache_of_overviews = cache
        self._wish = threading.Condition()  # guards what the methods leave for the thread
        self._request: str | None = None  # clip to load
        self._generation = 0
        self._play_from: float | None = None  # to be done as soon as clip and output are there
        self._until: float | None = None  # where that shall end
        self._looks = False  # the outputs are to be listed again
        self._lost: tuple[str, float, float] | None = None  # what was cut off: clip, position, when
        self._next_look, self._look_pause_s = 0.0, LOOK_AGAIN_S[0]
        self._prefetch: list[str] = []
        self._closing = False
        self._loop: bool | tuple[float, float] = False
        self._gain_db = self._level_db = 0.0
        self._track: Track | None = None
        self._voice: Voice | None = None
        self._rest: Iterator[None] = iter(())  # of loading, once the clip can be heard
        self._picture: Iterator[Overview | None] = iter(())
        self._cache: OrderedDict[tuple[str, tuple[int, int]], Track] = OrderedDict()
        self._output = Outputs(latency_s)
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
    def devices(self) -> tuple[str, ...]:
        """The outputs that can be chosen, as they were when they were looked for."""
        return self._output.names

    @property
    def device_in_use(self) -> str:
        """The output that is played on, "" while there is none: the default where the chosen one is not there."""
        return self._output.name

    @property
    def device(self) -> str:
        """The output that is wished for, "" for the default. What plays goes on on another at once."""
        return self._device

    @device.setter
    def device(self, device: str) -> None:
        with self._wish:
            self._looks = self._looks or device != self._device
            self._device = device
            self._wish.notify()

    def look_for_devices(self) -> None:
        """List the outputs again, unless something is heard, which that would interrupt."""
        with self._wish:
            self._looks = self._looks or self._output.is_silent
            self._wish.notify()

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
        waiting = min(self._output.latency_s, max(0, voice.tail - voice.past) / rate) if voice.target else 0.0
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

    @property
    def level_db(self) -> float:
        """What this clip is made louder by, beside the volume, so that all are about equally loud."""
        return self._level_db

    @level_db.setter
    def level_db(self, level_db: float) -> None:
        self._level_db = level_db
        if self._voice:
            self._voice.gain = 10 ** (level_db / 20)

    def load(self, path: str, level_db: float = 0.0, play_from: float | None = None) -> None:
        """Cut what plays and load another clip; the latest wins.

        Args:
            path: The clip.
            level_db: How much louder it is to be played.
            play_from: Play it from there, as soon as it is there.
        """
        with self._wish:
            self._generation += 1
            self._request, self._play_from, self._until, self._lost = path, play_from, None, None
            self._level_db = level_db
            self._silence()
            self._voice = None
            self._wish.notify()

    def prefetch(self, paths: Sequence[str]) -> None:
        """Decode the beginnings of clips that may be wanted next, when there is nothing else to do."""
        with self._wish:
            self._prefetch = list(paths)[: CACHED_TRACKS // 2]
            self._wish.notify()

    def play(self, from_s: float = 0.0, until_s: float | None = None) -> None:
        """Play the loaded clip, or the one that is being loaded as soon as it is there.

        Without an output the state becomes "no device"; every call looks for one again.

        Args:
            from_s: Where to begin.
            until_s: Where to end if nothing repeats, None for the end of the clip.
        """
        with self._wish:
            self._play_from, self._until, self._lost = max(0.0, from_s), until_s, None
            if self._request is None and self._track and self._output.fits(self._track.sample_rate):
                self._start_voice(self._track)
            self._wish.notify()

    def pause(self) -> None:
        """Be silent and stay at the position; `play(position_s)` goes on."""
        with self._wish:
            self._play_from = self._lost = None
            if self._voice:
                self._voice.target = 0

    def stop(self) -> None:
        """Be silent and go back to the start."""
        with self._wish:
            self._play_from = self._lost = None
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
                self._voice = self._paused_at(track, position_s)
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
        until = None if self._until is None else max(position + 1, round(self._until * track.sample_rate))
        self._voice = Voice(track, position, self._loop_frames(track), tail, until, 10 ** (self._level_db / 20))
        self._play_from = None
        self._output.add(self._voice)

    def _paused_at(self, track: Track, position_s: float) -> Voice:
        gain = 10 ** (self._level_db / 20)
        voice = Voice(track, round(position_s * track.sample_rate), self._loop_frames(track), gain=gain)
        voice.target, voice.level = 0, 0.0
        return voice

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
                    if not (self._closing or self._looks or self._request is not None or self._is_waiting()):
                        self._wish.wait(WATCH_S if self._output.is_open or self._output.error else None)
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
        voice, track = self._voice, self._track
        try:
            if next(self._rest, _DONE) is not _DONE:
                return True
            if self._tend_output():
                return True
            if track and track.fill(voice.position if voice else 0, voice.loop if voice else None):
                return True
            if track and (step := next(self._picture, _DONE)) is not _DONE:
                if isinstance(step, Overview) and self._on_drawn:
                    self._on_drawn(track.path, step)
                return True
        except DecodeError as err:
            self._rest, self._picture = iter(()), iter(())
            self._track = None
            if track:
                self._on_error(track.path, err.message)
            return True
        return self._prefetch_one()

    def _load(self, path: str, generation: int) -> None:
        """Have the first part of a clip, so that it can be heard; the rest of loading follows in small steps."""
        try:
            track = self._track_of(path)
            if not track.is_whole:
                track.fill(round((self._play_from or 0.0) * track.sample_rate))
        except DecodeError as err:
            with self._wish:
                if generation != self._generation:
                    return
                self._request, self._track = None, None
            self._rest, self._picture = iter(()), iter(())
            self._on_error(path, err.message)
            return
        with self._wish:
            if generation != self._generation:
                return
            self._request, self._track = None, track
            self._rest, self._picture = self._finish(track, generation), iter(())
            if self._play_from is not None and self._output.fits(track.sample_rate):
                self._start_voice(track)

    def _finish(self, track: Track, generation: int) -> Iterator[None]:
        """Decode a short clip to its end, draw it, and tell."""
        while track.duration_s <= WHOLE_S and not track.is_whole and track.fill(0):
            yield
        known = self._drawing_of(track)
        if known is None and track.is_whole:
            known = next(filter(None, track.picture()))
            yield
        if generation != self._generation:
            return
        if known is None:
            self._picture = self._kept(track)
        self._on_loaded(track.path, known or _nothing(track), track.duration_s)

    def _drawing_of(self, track: Track) -> Overview | None:
        cache = self._cache_of_overviews
        return cache.load(track.path, stamp(track.path)) if cache and track.duration_s > WHOLE_S else None

    def _kept(self, track: Track) -> Iterator[Overview | None]:
        """The drawing of a long clip as it grows, and at last in the cache."""
        made, before = None, stamp(track.path)
        for made in track.picture():
            yield made
        if made is not None and self._cache_of_overviews:
            self._cache_of_overviews.keep(track.path, before, made)

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

    def _tend_output(self) -> bool:
        """Notice an output that went away, take another one, look for one that is missing; True if that was work."""
        now = time.monotonic()
        position_s = self.position_s if self.is_playing else None
        if not self._output.watch():
            self._move(position_s)
        elif self._looks:
            self._looks = False
            self._move(position_s)
        elif now >= self._next_look and self._misses_output():
            if self._lost and now - self._lost[2] > GO_ON_S:
                self._lost = None
            self._move(None)
        else:
            return False
        pause_s = 2 * self._look_pause_s if self._misses_output() else LOOK_AGAIN_S[0]
        self._look_pause_s = min(pause_s, LOOK_AGAIN_S[1])
        self._next_look = time.monotonic() + self._look_pause_s
        return True

    def _misses_output(self) -> bool:
        """True if there is none, or another than was chosen and nothing is heard."""
        other = bool(self._device) and self._output.name != self._device
        return bool(self._output.error) or (other and self._output.is_silent)

    def _move(self, position_s: float | None) -> None:
        """Look for the outputs again; go on playing where it was, on whichever there is."""
        paused_s = self.position_s
        self._output.refresh(self._device)
        with self._wish:
            track = self._track
            if position_s is not None and track:
                self._lost = track.path, position_s, time.monotonic()
            if track is None or self._request is not None:
                return
            wanted = self._output.rate_for(track.info.sample_rate, self._device)
            if not self._output.error and wanted != track.sample_rate:  # the other output takes other rates
                self._cache.clear()
                self._request, self._voice = track.path, None
            elif self._voice and paused_s:
                self._voice = self._paused_at(track, paused_s)
            if self._lost and self._lost[0] == track.path and not self._output.error:
                self._play_from, self._lost = self._lost[1], None


def _nothing(track: Track) -> Overview:
    return OverviewBuilder(track.n_frames, track.sample_rate, 1).snapshot()


_DONE = object()

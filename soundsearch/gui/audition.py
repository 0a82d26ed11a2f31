"""Hearing clips: the player of the audio room as signals, made in the background so that it delays nothing."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from soundsearch.records import Clip

log = logging.getLogger(__name__)

POLL_MS = 30  # how soon the start and end of a clip, or a device that went away, is noticed


TARGET_LUFS = -18.0  # as ReplayGain 2 has it
TARGET_PEAK_DB = -6.0  # of clips that are too short to have a loudness
CEILING_DB = -0.5


def level_db(clip: Clip, volume_db: float) -> float:
    """By how much to play a clip louder so that all are about equally loud: never so much that it would clip.

    Source of the target: ReplayGain 2.0 specification, reference loudness -18 LUFS.
    """
    if clip.peak_db is None:
        return min(0.0, TARGET_LUFS - clip.loudness_lufs) if clip.loudness_lufs is not None else 0.0
    gain = TARGET_PEAK_DB - clip.peak_db if clip.loudness_lufs is None else TARGET_LUFS - clip.loudness_lufs
    return min(gain, CEILING_DB - clip.peak_db - max(0.0, volume_db))


class Player(Protocol):
    """What is needed of `audio.playback.Player`: its methods leave a wish and return at once."""

    loop: bool | tuple[float, float]
    gain_db: float
    level_db: float
    device: str

    @property
    def devices(self) -> tuple[str, ...]:
        """The outputs that can be chosen."""

    @property
    def device_in_use(self) -> str:
        """The output that is played on, "" while there is none."""

    def look_for_devices(self) -> None:
        """List the outputs again."""

    @property
    def state(self) -> str:
        """One of "no device", "idle", "loading", "playing", "paused"."""

    @property
    def position_s(self) -> float:
        """Where it plays."""

    def load(self, path: str, level_db: float = 0.0, play_from: float | None = None) -> None:
        """Load a clip, to be played so much louder, and play it from there; the latest wins."""

    def prefetch(self, paths: Sequence[str]) -> None:
        """Decode the beginnings of clips that may be wanted next."""

    def play(self, from_s: float = 0.0, until_s: float | None = None) -> None:
        """Play the loaded clip, or the one that is being loaded as soon as it is there."""

    def pause(self) -> None:
        """Be silent and stay there."""

    def stop(self) -> None:
        """Be silent and go back to the start."""

    def close(self) -> None:
        """Let the device go."""


Loaded = Callable[[str, object, float], None]  # path, overview, duration in seconds
LoadFailed = Callable[[str, str], None]  # path, reason
Drawn = Callable[[str, object], None]  # path, overview: of long clips, which are loaded without
MakePlayer = Callable[[Loaded, LoadFailed, Drawn], Player]


class Audition(QObject):
    """Plays the chosen clip.

    Signals:
        loaded (str, Overview, float): Path, waveform and duration in seconds of the clip that is ready; long clips
            come with an empty waveform at first.
        drawn (str, Overview): Path and waveform of a long clip, again and again while it is decoded.
        failed (str, str): Path and reason of a clip that cannot be played.
        state_changed (str): "no device", "idle", "loading", "playing" or "paused".
        output_changed (str): The output that is played on now, "" for none.
    """

    # Paths go as objects: as Qt strings they would lose bytes that are not UTF-8.
    loaded = Signal(object, object, float)
    drawn = Signal(object, object)
    failed = Signal(object, str)
    state_changed = Signal(str)
    output_changed = Signal(str)

    _player_made = Signal()  # these come from other threads
    _player_loaded = Signal(object, object, float)
    _player_failed = Signal(object, str)
    _player_drew = Signal(object, object)

    def __init__(self, make_player: MakePlayer, parent: QObject | None = None) -> None:
        """`make_player` is called in a thread: importing the codec and sound libraries takes its time."""
        super().__init__(parent)
        self._make_player = make_player
        self._made: Player | None = None  # by the thread
        self._player: Player | None = None  # once its being made has arrived here
        self._wishes: list[Callable[[Player], object]] = []  # until then
        self._path: str | None = None
        self._duration_s = 0.0
        self._state = "idle"
        self._output = ""
        self._started: tuple[float, float | None] = 0.0, None  # where it was last begun, and where that ends
        self._thread = threading.Thread(target=self._make, name="player-maker", daemon=True)
        queued = Qt.ConnectionType.QueuedConnection
        self._player_made.connect(self._take_player, queued)
        self._player_loaded.connect(self._take_loaded, queued)
        self._player_failed.connect(self._take_failed, queued)
        self._player_drew.connect(self._take_drawn, queued)
        self._poll = QTimer(self, interval=POLL_MS)
        self._poll.timeout.connect(self._look)

    def start(self) -> None:
        """Make the player in the background."""
        self._thread.start()

    def close(self) -> None:
        """Silence, and let the device go."""
        self._poll.stop()
        if self._thread.is_alive():
            self._thread.join(5.0)
        if self._made:
            self._made.close()
        self._made = self._player = None

    @property
    def state(self) -> str:
        """The state that was last told."""
        return self._state

    @property
    def path(self) -> str | None:
        """The clip that is loaded or being loaded."""
        return self._path

    @property
    def duration_s(self) -> float:
        """Length of the loaded clip, 0 while there is none."""
        return self._duration_s

    @property
    def position_s(self) -> float:
        """Where it plays."""
        return self._player.position_s if self._player and self._duration_s else 0.0

    def load(self, path: str, *, play: bool, start_s: float = 0.0, level_db: float = 0.0) -> None:
        """Take another clip, in place of what plays.

        Args:
            path: The clip.
            play: Play it as soon as its first part is there.
            start_s: From where.
            level_db: How much louder than it is, beside the volume.
        """
        if path == self._path and self._duration_s:
            self.set_level(level_db)
            if play:
                self.play(start_s)
            return
        self._path, self._duration_s, self._started = path, 0.0, (start_s, None)
        self._do(lambda player: player.load(path, level_db, start_s if play else None))

    def prefetch(self, paths: Sequence[str]) -> None:
        """Have these ready before they are chosen."""
        self._do(lambda player: player.prefetch(paths))

    def toggle(self) -> None:
        """Play or pause."""
        if self._player and self._player.state == "playing":
            self._do(lambda player: player.pause())
        else:
            self._do_play(self.position_s, self._started[1] if self._state == "paused" else None)

    def replay(self) -> None:
        """Play from the start."""
        self.play(0.0)

    def restart(self) -> None:
        """Play from where it was last begun."""
        self.play(*self._started)

    def stop(self) -> None:
        """Be silent and go back to the start."""
        self._do(lambda player: player.stop())

    def forget(self) -> None:
        """Be silent, and have no clip: the one that is shown now cannot be played."""
        self.stop()
        self._path, self._duration_s = None, 0.0

    def play(self, from_s: float, until_s: float | None = None) -> None:
        """Play from a position, to another one or to the end."""
        self._started = from_s, until_s
        self._do_play(from_s, until_s)

    def set_loop(self, loop: bool | tuple[float, float]) -> None:
        """Repeat the clip, or the part between two times, or nothing."""
        self._do(lambda player: setattr(player, "loop", loop))

    def set_level(self, level_db: float) -> None:
        """Play this clip so much louder than it is, beside the volume."""
        self._do(lambda player: setattr(player, "level_db", level_db))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The sound outputs that can be chosen."""
        return tuple(self._player.devices) if self._player else ()

    @property
    def output(self) -> str:
        """The one that is played on, "" for none."""
        return self._output

    def set_output(self, name: str) -> None:
        """Play on another output, "" for the system's own; what plays goes on there."""
        self._do(lambda player: setattr(player, "device", name))

    def look_for_outputs(self) -> None:
        """List the outputs again, if nothing is heard."""
        self._do(lambda player: player.look_for_devices())

    def set_volume(self, volume_db: float) -> None:
        """Change the volume."""
        self._do(lambda player: setattr(player, "gain_db", volume_db))

    def _do_play(self, from_s: float, until_s: float | None) -> None:
        if self._path is not None:
            self._do(lambda player: player.play(from_s, until_s))

    def _do(self, wish: Callable[[Player], object]) -> None:
        if self._player is None:
            self._wishes.append(wish)
        else:
            wish(self._player)
            self._look()

    def _make(self) -> None:
        """The thread."""
        self._made = self._make_player(self._player_loaded.emit, self._player_failed.emit, self._player_drew.emit)
        self._player_made.emit()

    def _take_player(self) -> None:
        if self._made is None:
            return  # closed meanwhile
        self._player = self._made
        wishes, self._wishes = self._wishes, []
        for wish in wishes:
            wish(self._player)
        self._poll.start()

    def _take_loaded(self, path: str, overview: object, duration_s: float) -> None:
        if path == self._path:  # else another clip was chosen since
            self._duration_s = duration_s
            self.loaded.emit(path, overview, duration_s)
            self._look()

    def _take_drawn(self, path: str, overview: object) -> None:
        if path == self._path:
            self.drawn.emit(path, overview)

    def _take_failed(self, path: str, reason: str) -> None:
        if path == self._path:
            self._duration_s = 0.0
            self.failed.emit(path, reason)
            self._look()

    def _look(self) -> None:
        state = self._player.state if self._player else "idle"
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)
        output = self._player.device_in_use if self._player else ""
        if output != self._output:
            self._output = output
            self.output_changed.emit(output)

"""Hearing clips: the player, driven from a thread of its own, so that a slow sound device never holds up the window."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

log = logging.getLogger(__name__)

POLL_MS = 50  # how soon the end of a clip, or a device that went away, is noticed


class Player(Protocol):
    """What is needed of `audio.playback.Player`."""

    loop: bool
    gain_db: float

    @property
    def state(self) -> str:
        """One of "no device", "idle", "loading", "playing", "paused"."""

    @property
    def position_s(self) -> float:
        """Where it plays."""

    def load(self, path: str) -> None:
        """Load a clip in a thread; the latest wins."""

    def prefetch(self, paths: Sequence[str]) -> None:
        """Load clips that may be wanted next."""

    def play(self, from_s: float = 0.0) -> None:
        """Play the loaded clip."""

    def pause(self) -> None:
        """Stop for a moment."""

    def stop(self) -> None:
        """Stop and go to the start."""

    def seek(self, position_s: float) -> None:
        """Go to a position."""

    def close(self) -> None:
        """Let the device go."""


Loaded = Callable[[str, object, float], None]  # path, peaks, duration in seconds
LoadFailed = Callable[[str, str], None]  # path, reason


class Audition(QObject):
    """Plays the chosen clip. All methods return at once; the player itself lives in a thread.

    Signals:
        loaded (str, Peaks, float): Path, waveform and duration in seconds of the clip that is now ready.
        failed (str, str): Path and reason of a clip that cannot be played.
        state_changed (str): "no device", "idle", "loading", "playing" or "paused".
    """

    loaded = Signal(str, object, float)
    failed = Signal(str, str)
    state_changed = Signal(str)

    _player_loaded = Signal(str, object, float)  # from the player's thread to ours
    _player_failed = Signal(str, str)

    def __init__(self, make_player: Callable[[Loaded, LoadFailed], Player], parent: QObject | None = None) -> None:
        """`make_player` is called in the thread: it may import and open what takes its time."""
        super().__init__(parent)
        self._make_player = make_player
        self._player: Player | None = None
        self._path: str | None = None
        self._duration_s = 0.0
        self._wants_play = False
        self._state = "idle"
        self._commands: queue.SimpleQueue[Callable[[Player], object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audition", daemon=True)
        self._player_loaded.connect(self._take_loaded, Qt.ConnectionType.QueuedConnection)
        self._player_failed.connect(self._take_failed, Qt.ConnectionType.QueuedConnection)
        self._poll = QTimer(self, interval=POLL_MS)
        self._poll.timeout.connect(self._look)

    def start(self) -> None:
        """Open the sound output in the background."""
        self._thread.start()
        self._poll.start()

    def close(self) -> None:
        """Silence, and let the device go."""
        self._poll.stop()
        if self._thread.is_alive():
            self._commands.put(None)
            self._thread.join(2.0)

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

    def load(self, path: str, *, play: bool) -> None:
        """Take another clip, in place of what plays; play it as soon as its first part is there."""
        if path == self._path and self._duration_s:
            if play:
                self.replay()
            return
        self._path, self._duration_s, self._wants_play = path, 0.0, play
        self._do(lambda player: player.load(path))

    def prefetch(self, paths: Sequence[str]) -> None:
        """Have these ready before they are chosen."""
        wanted = tuple(paths)
        self._do(lambda player: player.prefetch(wanted))

    def toggle(self) -> None:
        """Play or pause."""
        if self._state == "playing":
            self._do(lambda player: player.pause())
        else:
            self._play_from(self.position_s if self._state == "paused" else 0.0)

    def replay(self) -> None:
        """Play from the start."""
        self._play_from(0.0)

    def stop(self) -> None:
        """Be silent and go back to the start."""
        self._wants_play = False
        self._do(lambda player: player.stop())

    def seek(self, position_s: float) -> None:
        """Play from a position."""
        self._play_from(position_s)

    def set_loop(self, loop: bool) -> None:
        """Repeat the clip, or not."""
        self._do(lambda player: setattr(player, "loop", loop))

    def set_volume(self, volume_db: float) -> None:
        """Change the volume."""
        self._do(lambda player: setattr(player, "gain_db", volume_db))

    def _play_from(self, position_s: float) -> None:
        if self._path is None:
            return
        self._wants_play = True
        if self._duration_s:
            self._do(lambda player: player.play(position_s))

    def _do(self, command: Callable[[Player], object]) -> None:
        self._commands.put(command)

    def _run(self) -> None:
        """The thread: make the player, then do as told until None comes."""
        player = self._player = self._make_player(self._player_loaded.emit, self._player_failed.emit)
        while (command := self._commands.get()) is not None:
            command(player)
        self._player = None
        player.close()

    def _take_loaded(self, path: str, peaks: object, duration_s: float) -> None:
        if path != self._path:
            return  # another clip was chosen since
        self._duration_s = duration_s
        if self._wants_play:
            self._do(lambda player: player.play(0.0))
        self.loaded.emit(path, peaks, duration_s)
        self._look()

    def _take_failed(self, path: str, reason: str) -> None:
        if path == self._path:
            self._wants_play = False
            self.failed.emit(path, reason)
            self._look()

    def _look(self) -> None:
        state = self._player.state if self._player else "idle"
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)

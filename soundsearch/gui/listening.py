"""What is heard of the chosen clip, and when: between the list, the player bar and the audition."""

from PySide6.QtCore import QObject, QTimer

from soundsearch.gui.audition import Audition
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.results import ResultsView
from soundsearch.records import Clip, ClipState

PREFETCH_MS = 60  # neighbours are decoded ahead once the selection rests
SAVE_VOLUME_MS = 500  # a slider moves through many values


class Listening(QObject):
    """Plays what the user goes to, and remembers how loud.

    Attributes:
        clip: What the player has, or None.
    """

    def __init__(
        self, audition: Audition, results: ResultsView, player: PlayerBar, preferences: Preferences, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.clip: Clip | None = None
        self._audition, self._results, self._player = audition, results, player
        self._preferences = preferences
        self._silent = False
        self._prefetch = QTimer(self, singleShot=True, interval=PREFETCH_MS)
        self._prefetch.timeout.connect(lambda: audition.prefetch(results.neighbours()))
        self._save_volume = QTimer(self, singleShot=True, interval=SAVE_VOLUME_MS)
        self._save_volume.timeout.connect(self._keep_volume)
        results.chosen.connect(self.choose)
        results.chosen_again.connect(self._choose_again)
        audition.state_changed.connect(self._mark_playing)
        self._restore()

    def silence(self) -> None:
        """Play nothing by itself: for pictures."""
        self._silent = True

    def save(self) -> None:
        """Remember what is not yet remembered."""
        if self._save_volume.isActive():
            self._keep_volume()

    def choose(self, clip: Clip) -> None:
        """The user went to a clip: show it, and play it if that is wished."""
        self.clip = clip
        self._player.show_clip(clip)
        if clip.offline:
            self._player.wave.show_message("Its folder is offline", "warn")
        elif clip.state == ClipState.FAILED:
            self._player.wave.show_message(f"Cannot be read: {display_name(clip.reason)}", "error")
        else:
            self._audition.load(clip.path, play=self._plays_at_once)
            self._prefetch.start()
            return
        self._audition.forget()

    def play_current(self) -> None:
        """From the start, also when auto-play is off."""
        clip = self._results.current_clip()
        if clip is not None:
            self._audition.load(clip.path, play=True)

    @property
    def _plays_at_once(self) -> bool:
        return self._preferences.settings.auto_play and not self._silent

    def _choose_again(self, clip: Clip) -> None:
        if self._plays_at_once:
            self._audition.load(clip.path, play=True)

    def _mark_playing(self, state: str) -> None:
        heard = self.clip.id if self.clip and state in ("playing", "paused") else None
        self._results.set_playing(heard)

    def _restore(self) -> None:
        settings, player = self._preferences.settings, self._player
        player.set_volume(settings.volume_db)
        self._audition.set_volume(settings.volume_db)
        player.set_auto_play(settings.auto_play)
        player.volume_changed.connect(self._audition.set_volume)
        player.auto_play_changed.connect(lambda on: self._preferences.change(auto_play=on))
        player.volume_changed.connect(lambda _: self._save_volume.start())

    def _keep_volume(self) -> None:
        self._save_volume.stop()
        self._preferences.change(volume_db=float(self._player.volume.value()))

"""What is heard of the chosen clip, and when: between the list, the player bar and the audition."""

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from soundsearch.gui.audition import Audition, level_db
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.results import ResultsView
from soundsearch.gui.sound_menu import SoundMenu
from soundsearch.gui.theme import Theme
from soundsearch.records import Clip, ClipState

PREFETCH_MS = 60  # neighbours are decoded ahead once the selection rests
SAVE_VOLUME_MS = 500  # a slider moves through many values


class Listening(QObject):
    """Plays what the user goes to, and remembers how loud and where.

    Attributes:
        clip: What the player has, or None.

    Signals:
        told (str): Where it plays now, when that changed by itself.
    """

    told = Signal(str)

    def __init__(
        self,
        audition: Audition,
        results: ResultsView,
        player: PlayerBar,
        preferences: Preferences,
        theme: Theme,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.clip: Clip | None = None
        self._audition, self._results, self._player = audition, results, player
        self._preferences = preferences
        self._silent = False
        self._was_elsewhere = False
        self._prefetch = QTimer(self, singleShot=True, interval=PREFETCH_MS)
        self._prefetch.timeout.connect(lambda: audition.prefetch(results.neighbours()))
        self._save_volume = QTimer(self, singleShot=True, interval=SAVE_VOLUME_MS)
        self._save_volume.timeout.connect(self._keep_volume)
        results.chosen.connect(self.choose)
        results.chosen_again.connect(self._choose_again)
        audition.state_changed.connect(self._mark_playing)
        audition.output_changed.connect(self._tell_output)
        self.sound_menu = SoundMenu(player, audition, preferences, theme, parent)
        self.sound_menu.levelling_changed.connect(self._level)
        self._restore()

    def silence(self) -> None:
        """Play nothing by itself: for pictures."""
        self._silent = True

    def save(self) -> None:
        """Remember what is not yet remembered."""
        if self._save_volume.isActive():
            self._keep_volume()

    def choose(self, clip: Clip) -> None:
        """The user went to a clip: show it, and play it if that is wished, from the moment that matched."""
        self.clip = clip
        start_s, end_s = self._results.current_moment() or (None, None)
        if clip.offline or clip.state == ClipState.FAILED:
            self._player.show_clip(clip)
            offline = "Its folder is offline", "warn"
            failed = f"Cannot be read: {display_name(clip.reason)}", "error"
            self._player.wave.show_message(*(offline if clip.offline else failed))
            self._audition.forget()
            return
        self._load(clip, self._plays_at_once, start_s or 0.0)  # heard first, then shown
        self._player.show_clip(clip, start_s, end_s)
        self._prefetch.start()

    def point_at(self, clip: Clip) -> None:
        """The mouse rests on a clip: hear it, without going there."""
        if not clip.offline and clip.state == ClipState.READY and not self._silent:
            self.clip = clip
            self._player.show_clip(clip)
            self._audition.load(clip.path, play=True)

    def play_current(self) -> None:
        """From the start, also when auto-play is off."""
        clip = self._results.current_clip()
        if clip is not None:
            self._load(clip, True)

    def _load(self, clip: Clip, play: bool, start_s: float = 0.0) -> None:
        settings = self._preferences.settings
        level = level_db(clip, settings.volume_db) if settings.same_loudness else 0.0
        self._audition.load(clip.path, play=play, start_s=start_s, level_db=level)

    def _level(self) -> None:
        if self.clip is not None:
            on = self._preferences.settings.same_loudness
            self._audition.set_level(level_db(self.clip, self._preferences.settings.volume_db) if on else 0.0)

    def _tell_output(self, name: str) -> None:
        """Say so when it plays elsewhere than was chosen, and when it is back."""
        chosen = self._preferences.settings.output_device
        if chosen and name and name != chosen:
            self.told.emit(f"{chosen} is not there: playing on {name}")
        elif chosen and name == chosen and self._was_elsewhere:
            self.told.emit(f"Playing on {name} again")
        self._was_elsewhere = bool(chosen) and name != chosen

    @property
    def _plays_at_once(self) -> bool:
        return self._preferences.settings.auto_play and not self._silent

    def _choose_again(self, clip: Clip) -> None:
        if self._plays_at_once:
            moment = self._results.current_moment()
            self._load(clip, True, moment[0] if moment else 0.0)

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
        self._level()

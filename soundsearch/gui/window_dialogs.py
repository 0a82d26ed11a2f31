"""Settings, About and the tour: made when they are asked for, and joined with what they change."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow

from soundsearch.gui.audition import Audition
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.center import Center
from soundsearch.gui.library_commands import LibraryCommands
from soundsearch.gui.listening import Listening
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.power import PowerWatch
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.settings_dialog import SettingsDialog
from soundsearch.gui.theme import Theme
from soundsearch.gui.tour import Hint, Tour


class WindowDialogs(QObject):
    """What the menu opens beside the window. The tour begins by itself once, when the first sounds are there.

    Signals:
        names_changed: Clips may have other names by the Universal Category System.
    """

    names_changed = Signal()

    def __init__(
        self,
        bridge: EngineBridge,
        audition: Audition,
        center: Center,
        player: PlayerBar,
        listening: Listening,
        library: LibraryCommands,
        preferences: Preferences,
        theme: Theme,
        window: QMainWindow,
    ) -> None:
        super().__init__(window)
        self._bridge, self._audition, self._center, self._player = bridge, audition, center, player
        self._listening, self._library = listening, library
        self._preferences, self._theme, self._window = preferences, theme, window
        self.power = PowerWatch(bridge, preferences, self)
        self._was_first_run = False
        self.is_quiet = False  # begin nothing by itself, as for a picture
        self.tour = Tour(
            (
                Hint(
                    "Describe what you hear",
                    "Type words, or drop a sound here. Filters such as dur<2 or tag:vinyl narrow it down.",
                    lambda: center.search_bar,
                ),
                Hint(
                    "Move, and hear",
                    "↑ and ↓ play each sound at once. S finds what is similar, F keeps it, 1 to 5 rate it.",
                    lambda: center.results,
                ),
                Hint(
                    "Take it with you",
                    "Drag rows, or a part of the waveform, into your other programs. ? shows all the keys.",
                    lambda: player,
                ),
            ),
            preferences,
            window,
        )
        bridge.listens_to_parts = preferences.settings.moments
        library.settings_requested.connect(self.show_settings)
        library.about_requested.connect(self.show_about)
        library.tour_requested.connect(self.tour.begin)
        center.shown.connect(lambda _: self._consider_tour())
        bridge.status_known.connect(lambda _: self._consider_tour())

    def show_settings(self) -> None:
        """The settings."""
        if self._window.findChild(SettingsDialog) is not None:
            return
        compact, models = self._center.results.compact, self._preferences.models
        dialog = SettingsDialog(self._preferences, self._audition, models, compact=compact, parent=self._window)
        dialog.theme_chosen.connect(self._library.choose_theme)
        dialog.compact_chosen.connect(self._library.set_compact)
        dialog.auto_play_chosen.connect(self._player.auto_button.setChecked)
        dialog.output_chosen.connect(self._listening.sound_menu.choose_output)
        dialog.same_loudness_chosen.connect(self._listening.sound_menu.choose_level)
        dialog.moments_chosen.connect(self._listen_to_parts)
        dialog.rest_on_battery_chosen.connect(self._rest_on_battery)
        dialog.line_written.connect(self._keep_line)
        dialog.show()

    def show_about(self) -> None:
        """What this is, and the licences."""
        from soundsearch.gui.about import About  # brings the readers of package metadata, which the start need not

        if self._window.findChild(About) is None:
            About(self._theme, self._window).show()

    def _listen_to_parts(self, on: bool) -> None:
        self._preferences.change(moments=on)
        self._bridge.tell_settings()  # else what was on at its start stays so
        self._bridge.listens_to_parts = on

    def _keep_line(self, name: str, text: str) -> None:
        self._preferences.change(**{name: text})
        self._bridge.tell_settings()
        self.names_changed.emit()

    def _rest_on_battery(self, on: bool) -> None:
        self._preferences.change(pause_on_battery=on)
        self.power.look()

    def _consider_tour(self) -> None:
        """After the first run, as soon as there are sounds to try it on."""
        self._was_first_run = self._was_first_run or self._center.is_first_run
        if self._was_first_run and not self.is_quiet and self.tour.is_due and self._center.model.rowCount():
            self._was_first_run = False
            self.tour.begin()

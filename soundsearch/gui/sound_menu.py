"""The menu of the loudspeaker: which output, whether all clips are about equally loud, how regions are cut."""

from functools import partial

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QWidget

from soundsearch.gui import menus
from soundsearch.gui.audition import Audition
from soundsearch.gui.menus import SEPARATOR, Item
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.theme import Theme


class SoundMenu(QObject):
    """Changes what it is asked to, and remembers it.

    Signals:
        levelling_changed: Clips are to be played equally loud, or as they are.
    """

    levelling_changed = Signal()

    def __init__(
        self, player: PlayerBar, audition: Audition, preferences: Preferences, theme: Theme, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._player, self._audition, self._preferences = player, audition, preferences
        self._theme, self._window = theme, parent
        player.sound_button.clicked.connect(self.open)
        player.region_bar.snaps = preferences.settings.snap_regions

    def open(self) -> None:
        """Show it above its button. The outputs are those known now; they are looked for again for the next time."""
        menu = menus.build(self.items(), self._theme, self._window)
        button = self._player.sound_button
        menu.popup(button.mapToGlobal(QPoint(0, -menu.sizeHint().height())))
        self._audition.look_for_outputs()

    def items(self) -> tuple[Item, ...]:
        """What can be chosen now."""
        settings = self._preferences.settings
        names = dict.fromkeys(self._audition.outputs)
        if settings.output_device:
            names[settings.output_device] = None  # also while it is not connected
        outputs = tuple(
            Item(
                name if name in self._audition.outputs else f"{name} (not connected)",
                partial(self.choose_output, name),
                checked=name == settings.output_device,
            )
            for name in names
        )
        return (
            Item("The system's sound output", partial(self.choose_output, ""), checked=not settings.output_device),
            *outputs,
            SEPARATOR,
            Item(
                "Play all clips about equally loud",
                partial(self.choose_level, not settings.same_loudness),
                checked=settings.same_loudness,
                is_alone=True,
                tip="Clips are made louder or quieter by their measured loudness, and never clip",
            ),
            Item(
                "Cut regions where the sound crosses zero",
                partial(self._snap, not settings.snap_regions),
                checked=settings.snap_regions,
                is_alone=True,
                tip="Edges move by up to 10 ms, so that a loop does not click",
            ),
        )

    def choose_output(self, name: str) -> None:
        """Play on this output, "" for the system's, now and from now on."""
        self._preferences.change(output_device=name)
        self._audition.set_output(name)

    def choose_level(self, on: bool) -> None:
        """Play all clips about equally loud, or as they are."""
        self._preferences.change(same_loudness=on)
        self.levelling_changed.emit()

    def _snap(self, on: bool) -> None:
        self._preferences.change(snap_regions=on)
        self._player.region_bar.snaps = on

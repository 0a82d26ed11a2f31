"""Chips: the pieces of a query that are no describing words, each to be changed or removed by mouse and keys."""

from functools import partial

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from soundsearch.gui import wording
from soundsearch.gui.draft import Draft, Sound, kind_of, part_title
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.flow_layout import FlowLayout
from soundsearch.gui.theme import Theme

CHIP_NAME_PX = 240
EVEN = 0.5  # words and sounds count the same


class ChipName(QToolButton):
    """A button whose words give way where it is narrow."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.setProperty("chip", "true")
        self.setText(self._elided(CHIP_NAME_PX))

    def sizeHint(self) -> QSize:
        """Room for the words, but for very long ones."""
        return QSize(self.fontMetrics().horizontalAdvance(self._elided(CHIP_NAME_PX)) + 10, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """A few letters."""
        return QSize(min(48, self.sizeHint().width()), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the words to what there is room for."""
        super().resizeEvent(event)
        self.setText(self._elided(self.width() - 8))

    def _elided(self, width: int) -> str:
        return self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideMiddle, min(width, CHIP_NAME_PX))


class Chip(QFrame):
    """A piece of the query: its name is a button that edits it, beside it one that removes it.

    Signals:
        edit_requested, removed
        stepped (int): The arrow keys go to the next (1) or the one before (-1).
        rose, sank: They go up, to the words, or down, to the results.
    """

    edit_requested = Signal()
    removed = Signal()
    stepped = Signal(int)
    rose = Signal()
    sank = Signal()

    def __init__(self, words: str, spoken: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chip")
        self._theme = theme
        self.body = ChipName(words)
        self.body.setAccessibleName(spoken)
        self.body.setAccessibleDescription("Enter changes it, Delete removes it")
        self.body.clicked.connect(self.edit_requested)
        self.body.installEventFilter(self)
        self.remove_button = QToolButton()
        self.remove_button.setProperty("small", "true")
        self.remove_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Delete does the same
        self.remove_button.setToolTip("Remove from the query (Delete)")
        self.remove_button.setAccessibleName(f"Remove {words} from the query")
        self.remove_button.clicked.connect(self.removed)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(4, 0, 2, 0)
        self.row.setSpacing(0)
        self.row.addWidget(self.body)
        self.row.addWidget(self.remove_button)
        theme.changed.connect(self._dress)
        self._dress()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys on the chip."""
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
            rows = {Qt.Key.Key_Up: self.rose, Qt.Key.Key_Down: self.sank}
            if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
                self.removed.emit()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.edit_requested.emit()
                return True
            if event.key() in steps:
                self.stepped.emit(steps[Qt.Key(event.key())])
                return True
            if event.key() in rows:
                rows[Qt.Key(event.key())].emit()
                return True
        return super().eventFilter(watched, event)

    def _dress(self) -> None:
        self.remove_button.setIcon(self._theme.icon("close", "muted", 16))


class SoundChip(Chip):
    """A sound of the query, with a button to turn it between wanted and unwanted.

    Signals:
        toggled
    """

    toggled = Signal()

    def __init__(self, sound: Sound, theme: Theme, parent: QWidget | None = None) -> None:
        self.sound = sound
        self.like_button = QToolButton()
        weight = "" if sound.weight == 1 else f" {wording.share(sound.weight)}"
        verb = "Like" if sound.liked else "Unlike"
        super().__init__(sound.name + weight, f"{verb} {sound.name}{weight}", theme, parent)
        self.setProperty("liked", "true" if sound.liked else "false")
        self.body.setToolTip(f"{display_name(sound.path)}\nPress to say how much it counts")
        self.like_button.setProperty("small", "true")
        self.like_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # so does the editor of the chip
        turn = "unlike" if sound.liked else "like"
        self.like_button.setToolTip(f"{verb} this sound: press to search for what is {turn} it")
        self.like_button.setAccessibleName(f"{verb} {sound.name}")
        self.like_button.clicked.connect(self.toggled)
        self.row.insertWidget(0, self.like_button)

    def _dress(self) -> None:
        super()._dress()
        liked = self.sound.liked
        self.like_button.setIcon(self._theme.icon("similar" if liked else "unlike", "accent" if liked else "warn", 16))


class PartChip(Chip):
    """A filter, an excluded word or a phrase."""

    def __init__(self, part: str, theme: Theme, parent: QWidget | None = None) -> None:
        self.part = part
        title = part_title(part)
        super().__init__(title, title[0].upper() + title[1:], theme, parent)
        self.setProperty("liked", "false" if kind_of(part).startswith("-") or kind_of(part) == "not" else "true")
        self.body.setToolTip(f"{display_name(part)}\nPress to change it")


class BalanceChip(Chip):
    """How much the words count against the sounds. It goes when either does; Delete makes both count the same."""

    def __init__(self, text_weight: float, theme: Theme, parent: QWidget | None = None) -> None:
        self.text_weight = text_weight
        share, rest = wording.share(text_weight), wording.share(1 - text_weight)
        spoken = f"Words count {share}, sounds {rest}"
        super().__init__(f"words {share}", spoken, theme, parent)
        self.body.setToolTip(f"{spoken}\nPress to weigh one against the other")
        self.remove_button.setToolTip("Let words and sounds count the same (Delete)")
        self.remove_button.setAccessibleName("Let words and sounds count the same")
        self.remove_button.setVisible(text_weight != EVEN)
        self.row.setContentsMargins(8, 0, 2 if text_weight != EVEN else 8, 0)


class ChipRow(QWidget):
    """The chips of a query.

    Signals:
        sound_edited (SoundChip), part_edited (PartChip): The user wants to change it.
        sound_turned (Sound): Between wanted and unwanted.
        sound_removed (Sound), part_removed (str)
        balance_edited (BalanceChip): Words shall be weighed against sounds.
        balance_evened: They shall count the same.
        left: The keyboard goes on to the words.
        sank: It goes down to the results.
    """

    sound_edited = Signal(object)
    part_edited = Signal(object)
    sound_turned = Signal(object)
    sound_removed = Signal(object)
    part_removed = Signal(str)
    balance_edited = Signal(object)
    balance_evened = Signal()
    left = Signal()
    sank = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._chips: list[Chip] = []
        self._flow = FlowLayout(self)
        self.hide()

    @property
    def chips(self) -> tuple[Chip, ...]:
        """From the first to the last."""
        return tuple(self._chips)

    @property
    def shows_balance(self) -> bool:
        """Whether words can be weighed against sounds now."""
        return any(isinstance(chip, BalanceChip) for chip in self._chips)

    def show_draft(self, draft: Draft) -> None:
        """Show the chips of a query, and leave the keyboard on the chip where it was."""
        place = next((i for i, chip in enumerate(self._chips) if chip.body.hasFocus()), None)
        while item := self._flow.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self._chips = []
        for sound in draft.sounds:
            of_sound = SoundChip(sound, self._theme, self)
            of_sound.edit_requested.connect(partial(self.sound_edited.emit, of_sound))
            of_sound.toggled.connect(partial(self.sound_turned.emit, sound))
            of_sound.removed.connect(partial(self._remove_sound, sound))
            self._add(of_sound)
        if draft.is_mixed:
            balance = BalanceChip(draft.text_weight, self._theme, self)
            balance.edit_requested.connect(partial(self.balance_edited.emit, balance))
            balance.removed.connect(self.balance_evened)
            self._add(balance)
        for part in draft.parts:
            of_part = PartChip(part, self._theme, self)
            of_part.edit_requested.connect(partial(self.part_edited.emit, of_part))
            of_part.removed.connect(partial(self._remove_part, part))
            self._add(of_part)
        self.setVisible(bool(self._chips))
        if place is not None:
            self._go(min(place, len(self._chips) - 1) if self._chips else 0)

    def focus_last(self) -> None:
        """Take the keyboard, from the words."""
        if self._chips:
            self._go(len(self._chips) - 1)

    def _add(self, chip: Chip) -> None:
        place = len(self._chips)
        chip.stepped.connect(lambda by: self._go(place + by))
        chip.rose.connect(self.left)
        chip.sank.connect(self.sank)
        self._chips.append(chip)
        self._flow.addWidget(chip)
        chip.show()

    def _go(self, place: int) -> None:
        if place >= len(self._chips):
            self.left.emit()
        else:
            self._chips[max(0, place)].body.setFocus(Qt.FocusReason.TabFocusReason)

    def _remove_sound(self, sound: Sound) -> None:
        self.sound_removed.emit(sound)

    def _remove_part(self, part: str) -> None:
        self.part_removed.emit(part)

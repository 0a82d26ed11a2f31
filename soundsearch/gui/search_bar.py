"""The query: a box for words, chips for sounds, and the way back to earlier queries."""

from dataclasses import dataclass, replace
from pathlib import PurePath

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from soundsearch.engine.messages import Search
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.flow_layout import FlowLayout
from soundsearch.gui.theme import Theme
from soundsearch.records import Example

DEBOUNCE_MS = 150
SETTLE_MS = 1_500  # a query left alone for so long is one to come back to
MAX_EXAMPLES = 16  # more sounds in one query mean nothing, and chips would fill the window
MAX_HISTORY = 200
CHIP_NAME_PX = 180


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound in the query: wanted, or (`liked` False) to keep away from."""

    path: str
    liked: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the search bar."""

    text: str = ""
    sounds: tuple[Sound, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if everything is listed."""
        return not self.text.strip() and not self.sounds

    def request(self) -> Search:
        """The search that answers it."""
        return Search(
            self.text.strip(),
            tuple(Example(sound.path) for sound in self.sounds if sound.liked),
            tuple(Example(sound.path) for sound in self.sounds if not sound.liked),
        )


class History:
    """Queries in the order in which they were made, with a place in it, as in a web browser."""

    def __init__(self) -> None:
        self._drafts: list[Draft] = [Draft()]
        self._at = 0

    def visit(self, draft: Draft) -> None:
        """Add a query after the present one; what was ahead is dropped."""
        if draft == self._drafts[self._at]:
            return
        self._drafts = [*self._drafts[: self._at + 1], draft][-MAX_HISTORY:]
        self._at = len(self._drafts) - 1

    def step(self, by: int) -> Draft | None:
        """Go back (-1) or on (1); None at either end."""
        if not 0 <= self._at + by < len(self._drafts):
            return None
        self._at += by
        return self._drafts[self._at]


class SearchBar(QWidget):
    """The field with its words and chips.

    Signals:
        search_requested (Search): The query is another one; typing is gathered for 150 ms.
        list_entered: The user wants to go to the results.
        menu_requested, library_requested: The buttons beside the field.
    """

    search_requested = Signal(object)
    list_entered = Signal()
    menu_requested = Signal()
    library_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._sounds: tuple[Sound, ...] = ()
        self._history = History()
        self._filling = False
        self._debounce = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._debounce.timeout.connect(self.search_now)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self.remember)

        self.library_button = self._button("Library (Ctrl+B)", "Show or hide the library")
        self.library_button.setCheckable(True)
        self.library_button.clicked.connect(self.library_requested)
        self.menu_button = self._button("Menu (Alt+M)", "Menu")
        self.menu_button.clicked.connect(self.menu_requested)
        self._glass = QLabel()
        self.box = QLineEdit()
        self.box.setPlaceholderText("Describe a sound, or drop one here")
        self.box.setAccessibleName("Search")
        self.box.setAccessibleDescription("Describe a sound in words. Down goes to the results.")
        self.box.setAcceptDrops(False)  # the window takes drops: files are sounds here, not text
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.textChanged.connect(self._typed)
        self.box.installEventFilter(self)
        self.clear_button = self._button("Clear the query", "Clear the query")
        self.clear_button.clicked.connect(self.clear)

        self.field = QFrame()
        self.field.setObjectName("field")
        words = QHBoxLayout()
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(8)
        words.addWidget(self._glass)
        words.addWidget(self.box, 1)
        words.addWidget(self.clear_button)
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        inside = QVBoxLayout(self.field)
        inside.setContentsMargins(8, 2, 2, 2)
        inside.setSpacing(2)
        inside.addLayout(words)
        inside.addWidget(self._chips)

        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(4)
        for button in (self.library_button, self.menu_button):
            button.setFixedHeight(42)  # of the field with one line, so that they stand in the middle of it
        row.addWidget(self.library_button, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.field, 1)
        row.addWidget(self.menu_button, 0, Qt.AlignmentFlag.AlignTop)
        self.setFocusProxy(self.box)
        theme.changed.connect(self._dress)
        kept = self.clear_button.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # the field keeps its height
        self.clear_button.setSizePolicy(kept)
        self.clear_button.hide()
        self._dress()
        self._show_sounds()

    @property
    def draft(self) -> Draft:
        """What stands here now."""
        return Draft(self.box.text(), self._sounds)

    def set_draft(self, draft: Draft) -> None:
        """Put a query here and ask it at once."""
        self._fill(draft)
        self.search_now()

    def add_sounds(self, paths: tuple[str, ...]) -> int:
        """Add sounds to the query; returns how many found no room in it."""
        known = {sound.path for sound in self._sounds}
        new = [path for path in dict.fromkeys(paths) if path not in known]
        room = MAX_EXAMPLES - len(self._sounds)
        if new[:room]:
            self.remember()
            self._set_sounds((*self._sounds, *(Sound(path) for path in new[:room])))
            self.remember()
        return len(new[room:])

    def find_similar(self, path: str) -> None:
        """Ask for what is like one sound, and nothing else."""
        self.remember()
        self.set_draft(Draft("", (Sound(path),)))
        self.remember()

    def clear(self) -> None:
        """Empty the query."""
        self.remember()
        self.set_draft(Draft())
        self.box.setFocus()

    def go(self, by: int) -> None:
        """Back (-1) to an earlier query, or on (1) again."""
        self.remember()
        draft = self._history.step(by)
        if draft is not None:
            self.set_draft(draft)

    def remember(self) -> None:
        """Make the present query one to come back to."""
        self._settle.stop()
        self._history.visit(self.draft)

    def search_now(self) -> None:
        """Ask, without waiting for more typing."""
        self._debounce.stop()
        self.clear_button.setVisible(not self.draft.is_empty)
        self.search_requested.emit(self.draft.request())
        self._settle.start()

    def focus_box(self) -> None:
        """Take the keyboard, with the words selected so that typing replaces them."""
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.box.selectAll()

    def set_dropping(self, dropping: bool) -> None:
        """Show that a drop here would join the query."""
        self._mark(self.field, "dropping", dropping)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the box that leave it, and its focus, which the field shows."""
        if watched is self.box:
            if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
                self._mark(self.field, "focused", event.type() == QEvent.Type.FocusIn)
                assert isinstance(event, QFocusEvent)
                passing = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)
                if event.type() == QEvent.Type.FocusOut and event.reason() not in passing:
                    self.box.home(False)  # where it is narrow, the beginning says more than the end
            elif event.type() == QEvent.Type.KeyPress:
                assert isinstance(event, QKeyEvent)
                if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                    if self._debounce.isActive():
                        self.search_now()
                    self.remember()
                    if event.key() == Qt.Key.Key_Down:
                        self.list_entered.emit()
                    return True
                if event.key() == Qt.Key.Key_Backspace and not self.box.text() and self._sounds:
                    self._set_sounds(self._sounds[:-1])
                    return True
        return super().eventFilter(watched, event)

    def _typed(self) -> None:
        self.clear_button.setVisible(not self.draft.is_empty)
        if not self._filling:
            self._debounce.start()

    def _fill(self, draft: Draft) -> None:
        self._filling = True
        self.box.setText(draft.text)
        if not self.box.hasFocus():
            self.box.home(False)
        self._filling = False
        self._sounds = draft.sounds
        self._show_sounds()

    def _set_sounds(self, sounds: tuple[Sound, ...]) -> None:
        self._sounds = sounds
        self._show_sounds()
        self.search_now()

    def _show_sounds(self) -> None:
        while item := self._flow.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for sound in self._sounds:
            chip = Chip(sound, self._theme, self._chips)
            chip.removed.connect(lambda gone=sound: self._remove(gone))
            chip.toggled.connect(lambda turned=sound: self._turn(turned))
            self._flow.addWidget(chip)
            chip.show()
        self._chips.setVisible(bool(self._sounds))
        self.box.setPlaceholderText(
            "Add words, or another sound" if self._sounds else "Describe a sound, or drop one here"
        )

    def _remove(self, gone: Sound) -> None:
        self._set_sounds(tuple(sound for sound in self._sounds if sound != gone))
        self.box.setFocus()

    def _turn(self, turned: Sound) -> None:
        place = self._sounds.index(turned)
        self._set_sounds(tuple(replace(s, liked=not s.liked) if i == place else s for i, s in enumerate(self._sounds)))
        item = self._flow.itemAt(place)
        chip = item.widget() if item else None
        if isinstance(chip, Chip):
            chip.like_button.setFocus()

    def _button(self, tip: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(34, 34)
        return button

    def _dress(self) -> None:
        self.library_button.setIcon(self._theme.icon("library", "muted"))
        self.menu_button.setIcon(self._theme.icon("menu", "muted"))
        self.clear_button.setIcon(self._theme.icon("close", "muted"))
        self._glass.setPixmap(self._theme.pixmap("search", "muted", 20, self.devicePixelRatioF()))

    def _mark(self, widget: QWidget, name: str, value: bool) -> None:
        widget.setProperty(name, "true" if value else "false")
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Chip(QFrame):
    """One sound of the query, with a button to turn it between wanted and unwanted, and one to remove it.

    Signals:
        toggled, removed
    """

    toggled = Signal()
    removed = Signal()

    def __init__(self, sound: Sound, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chip")
        self.sound = sound
        self._theme = theme
        self.setProperty("liked", "true" if sound.liked else "false")
        name = display_name(PurePath(sound.path).name)
        self.setToolTip(display_name(sound.path))
        self.like_button = QToolButton()
        self.like_button.setProperty("small", "true")
        turn = "unlike" if sound.liked else "like"
        self.like_button.setToolTip(
            f"{'Like' if sound.liked else 'Unlike'} this sound: press to search for what is {turn} it"
        )
        self.like_button.setAccessibleName(f"{'Like' if sound.liked else 'Unlike'} {name}")
        self.like_button.clicked.connect(self.toggled)
        label = QLabel()
        label.setText(label.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, CHIP_NAME_PX))
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.remove_button = QToolButton()
        self.remove_button.setProperty("small", "true")
        self.remove_button.setToolTip("Remove from the query")
        self.remove_button.setAccessibleName(f"Remove {name} from the query")
        self.remove_button.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 1, 2, 1)
        row.setSpacing(2)
        row.addWidget(self.like_button)
        row.addWidget(label)
        row.addWidget(self.remove_button)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        liked = self.sound.liked
        self.like_button.setIcon(self._theme.icon("similar" if liked else "unlike", "accent" if liked else "warn", 16))
        self.remove_button.setIcon(self._theme.icon("close", "muted", 16))

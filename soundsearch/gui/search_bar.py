"""The query: a box for words, chips for all else, filters, suggestions, and the way back to earlier queries."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from soundsearch.catalogue.query import parse
from soundsearch.errors import QueryError
from soundsearch.gui import menus
from soundsearch.gui.chip_editing import ChipEditing
from soundsearch.gui.chips import ChipRow
from soundsearch.gui.draft import SHOWN_HISTORY, Draft, History, Sound, lift
from soundsearch.gui.filter_bar import FilterBar
from soundsearch.gui.filters import Vocabulary
from soundsearch.gui.labels import mark
from soundsearch.gui.menus import Item
from soundsearch.gui.query_line import QueryLine
from soundsearch.gui.suggestions import Suggester
from soundsearch.gui.theme import Theme

DEBOUNCE_MS = 150
SETTLE_MS = 1_500  # a query left alone for so long is one to come back to
BUTTONS_BELOW = 420  # width in pixels
MAX_EXAMPLES = 16  # more sounds in one query mean nothing, and chips would fill the window
MARGIN = 8
MAX_TITLE = 80  # characters of a query in the list of those before


class SearchBar(QWidget):
    """The field with its words and chips.

    Signals:
        search_requested (Search): The query is another one; typing is gathered for 150 ms.
        list_entered: The user wants to go to the results.
        menu_requested, library_requested, map_requested, details_requested: The buttons beside the field.
        record_requested: The button in the field: record from the microphone, or stop.
    """

    search_requested = Signal(object)
    list_entered = Signal()
    menu_requested = Signal()
    library_requested = Signal()
    details_requested = Signal()
    map_requested = Signal()
    record_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("searchBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._chipped = Draft()  # all of the query but the words in the box
        self._history = History()
        self._filling = False
        self._icons: dict[QToolButton, str] = {}
        self._debounce = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._debounce.timeout.connect(lambda: self.search_now(is_typing=True))
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self.remember)

        self.library_button = self._button("Library (Ctrl+B)", "Show or hide the library", "library")
        self.library_button.setCheckable(True)
        self.library_button.clicked.connect(self.library_requested)
        self.details_button = self._button("Details (Ctrl+I)", "Show or hide the details", "details")
        self.details_button.setCheckable(True)
        self.details_button.clicked.connect(self.details_requested)
        self.menu_button = self._button("Menu (Alt+M)", "Menu", "menu")
        self.menu_button.clicked.connect(self.menu_requested)
        self.map_button = self._button("Map or list (Ctrl+M)", "Show the map", "map")
        self.map_button.setCheckable(True)
        self.map_button.clicked.connect(self.map_requested)
        self.history_button = self._button("Queries of before (Alt+Down)", "Queries of before", "search")
        self.history_button.clicked.connect(self.open_history)
        self.record_button = self._button("Record a sound (R)", "Record a sound from the microphone", "microphone")
        self.record_button.clicked.connect(self.record_requested)
        self.box = QueryLine(theme)
        self.box.setAccessibleName("Search")
        self.box.setAccessibleDescription("Describe a sound. Down goes to the results, Tab takes a suggestion.")
        self.box.setAcceptDrops(False)  # the window takes drops: files are sounds here, not text
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.textChanged.connect(self._typed)
        self.box.installEventFilter(self)
        self.clear_button = self._button("Clear the query", "Clear the query", "close")
        self.clear_button.clicked.connect(self.clear)
        self.field = QFrame()
        self.field.setObjectName("field")
        words = QHBoxLayout()
        words.setContentsMargins(0, 0, 0, 0)
        words.setSpacing(4)
        words.addWidget(self.history_button)
        words.addWidget(self.box, 1)
        words.addWidget(self.clear_button)
        words.addWidget(self.record_button)
        self.chips = ChipRow(theme)
        self._editing = editing = ChipEditing(lambda: self.draft, self.field)
        self.chips.sound_edited.connect(editing.edit_sound)
        self.chips.sound_turned.connect(editing.turn)
        self.chips.sound_removed.connect(editing.remove_sound)
        self.chips.part_edited.connect(editing.edit_part)
        self.chips.part_removed.connect(editing.remove_part)
        self.chips.balance_edited.connect(editing.edit_balance)
        self.chips.balance_evened.connect(editing.even_balance)
        editing.amended.connect(self._amend)
        editing.changed.connect(self._change)
        editing.closed.connect(self._after_edit)
        self.box.left_at_start.connect(self.chips.focus_last)
        self.chips.left.connect(self.box.setFocus)
        self.chips.sank.connect(self.list_entered)
        inside = QVBoxLayout(self.field)
        inside.setContentsMargins(2, 2, 2, 2)
        inside.setSpacing(2)
        inside.addLayout(words)
        inside.addWidget(self.chips)
        self.suggester = Suggester(self.box, self.field, theme)
        self.suggester.text_taken.connect(self._take_suggestion)
        self.suggester.draft_taken.connect(self._return_to)
        self.filters = FilterBar(theme)
        self.filters.opened.connect(editing.edit_kind)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(MARGIN, MARGIN, MARGIN, 4)
        self._grid.setSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._is_narrow: bool | None = None
        self._arrange(narrow=False)
        self.setFocusProxy(self.box)
        theme.changed.connect(self._dress)
        self.clear_button.hide()
        self._dress()
        self._show_chips()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow the query has the whole width, and the buttons stand below it."""
        super().resizeEvent(event)
        self._arrange(narrow=self.width() < self._theme.px(BUTTONS_BELOW))

    def _arrange(self, *, narrow: bool) -> None:
        """Put everything in its place, in the order in which one reads and Tab goes."""
        if narrow == self._is_narrow:
            return
        self._is_narrow = narrow
        after = ((self.map_button, 2), (self.details_button, 3), (self.menu_button, 4))
        places: list[tuple[QWidget, int, int, int]] = (
            [(self.field, 0, 0, 5), (self.library_button, 1, 0, 1), (self.filters, 1, 1, 1)]
            + [(button, 1, column, 1) for button, column in after]
            if narrow
            else [(self.library_button, 0, 0, 1), (self.field, 0, 1, 1)]
            + [(button, 0, column, 1) for button, column in after]
            + [(self.filters, 1, 1, 1)]
        )
        for widget, row, column, span in places:
            self._grid.removeWidget(widget)
            if isinstance(widget, QToolButton):  # as high as the field with one line, to stand in the middle of it
                widget.setFixedHeight(34 if narrow else 42)
                self._grid.addWidget(widget, row, column, Qt.AlignmentFlag.AlignTop)
            else:
                self._grid.addWidget(widget, row, column, 1, span)

    @property
    def inset(self) -> int:
        """How far from the left the query stands."""
        return MARGIN if self._is_narrow else MARGIN + self.library_button.width() + self._grid.spacing()

    @property
    def draft(self) -> Draft:
        """What stands here now."""
        return replace(self._chipped, text=self.box.text())

    def know(self, vocabulary: Vocabulary) -> None:
        """Take the words of the library, for suggestions and lists."""
        self._editing.vocabulary = vocabulary

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the library."""
        return self._editing.vocabulary

    def save(self, store: QSettings) -> None:
        """Remember the queries."""
        self.remember()
        store.setValue("query/history", self._history.to_json())

    def restore(self, store: QSettings) -> None:
        """Take the queries of last time."""
        self._history.restore(str(store.value("query/history", "[]")))

    def set_draft(self, draft: Draft) -> None:
        """Put a query here and ask it at once."""
        self._fill(draft)
        self.search_now()

    def add_sounds(self, paths: tuple[str, ...]) -> int:
        """Add sounds to the query; returns how many found no room in it."""
        return self.add_examples(tuple(Sound(path) for path in paths))

    def add_examples(self, sounds: tuple[Sound, ...]) -> int:
        """Add sounds, or parts of them, to the query; returns how many found no room in it."""
        held = self._chipped.sounds
        known = {(sound.path, sound.start_s, sound.end_s) for sound in held}
        new = [s for s in dict.fromkeys(sounds) if (s.path, s.start_s, s.end_s) not in known]
        room = MAX_EXAMPLES - len(held)
        if new[:room]:
            self.remember()
            self._change(replace(self.draft, sounds=(*held, *new[:room])))
            self.remember()
        return len(new[room:])

    def find_similar(self, path: str, start_s: float | None = None, end_s: float | None = None) -> None:
        """Ask for what is like one sound, or a part of it, and nothing else."""
        self.remember()
        self.set_draft(Draft("", (Sound(path, True, start_s, end_s),)))
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

    def search_now(self, *, is_typing: bool = False) -> None:
        """Ask, without waiting for more typing; a filter that is just being typed is waited for all the same."""
        self._debounce.stop()
        self.clear_button.setVisible(not self.draft.is_empty)
        wrong = self._wrong_at()
        at_cursor = wrong is not None and self.box.text().find(" ", wrong) < 0
        if is_typing and at_cursor and self.box.cursorPosition() == len(self.box.text()):
            return
        self.box.mark_wrong(wrong)
        self.search_requested.emit(self.draft.request())
        self._settle.start()

    def open_history(self) -> None:
        """List the queries of before."""
        drafts = self._history.latest[:SHOWN_HISTORY]
        items = tuple(Item(draft.title[:MAX_TITLE], partial(self._return_to, draft)) for draft in drafts)
        menu = menus.build(items or (Item("Your queries are listed here"),), self._theme, self)
        menu.popup(self.field.mapToGlobal(QPoint(0, self.field.height())))

    def focus_box(self) -> None:
        """Take the keyboard, with the words selected so that typing replaces them; not while it is out of sight."""
        if not self.isVisible():
            return
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.box.selectAll()

    def set_dropping(self, dropping: bool) -> None:
        """Show that a drop here would join the query."""
        mark(self.field, "dropping", dropping)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the box that leave it, and its focus, which the field shows."""
        if watched is self.box:
            if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
                mark(self.field, "focused", event.type() == QEvent.Type.FocusIn)
                assert isinstance(event, QFocusEvent)
                passing = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)
                if event.type() == QEvent.Type.FocusOut and event.reason() not in passing:
                    self.suggester.hide()
                    self._lift(len(self.box.text()))
                    self.box.home(False)  # where it is narrow, the beginning says more than the end
            elif event.type() == QEvent.Type.ShortcutOverride and self.suggester.shown:
                assert isinstance(event, QKeyEvent)
                if event.key() == Qt.Key.Key_Escape:  # the window's own Escape waits until they are gone
                    event.accept()
            elif event.type() == QEvent.Type.KeyPress:
                assert isinstance(event, QKeyEvent)
                return self._take_key(event)
        return super().eventFilter(watched, event)

    def _take_key(self, event: QKeyEvent) -> bool:
        """Keys of the box that do more than write; False for the others."""
        key, held = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if self.suggester.take_key(event):
            return True
        if key == Qt.Key.Key_Down and held == Qt.KeyboardModifier.AltModifier:
            self.open_history()
            return True
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter) and not held:
            was_waiting = self._debounce.isActive()
            if self._lift(len(self.box.text())) or was_waiting or self.box.wrong or self._wrong_at() is not None:
                self.search_now()
            self.suggester.hide()
            self.remember()
            if key == Qt.Key.Key_Down:
                self.list_entered.emit()
            return True
        return False

    def _wrong_at(self) -> int | None:
        """The character of the box at which the query cannot be understood."""
        try:
            parse(self.draft.request().text)
        except QueryError as err:
            text = self.box.text()
            at = err.position + len(text) - len(text.lstrip())
            return at if at < len(text.rstrip()) else None
        return None

    def _typed(self) -> None:
        self.clear_button.setVisible(not self.draft.is_empty)
        if self._filling:
            return
        self.box.mark_wrong(None)
        if self.draft.is_mixed != self.chips.shows_balance:
            self.chips.show_draft(self.draft)
        cursor = self.box.cursorPosition()
        if self.box.text()[cursor - 1 : cursor] == " ":
            self._lift(cursor - 1)
        self._debounce.start()
        self.suggester.suggest(self.vocabulary, self._history.latest)

    def _lift(self, end: int) -> bool:
        """Make chips of what can be one and ends there or before."""
        text, gone, parts = lift(self.box.text(), end)
        if not parts:
            return False
        cursor = self.box.cursorPosition()
        self._filling = True
        self.box.setText(text)
        self.box.setCursorPosition(max(0, cursor - gone))
        self._filling = False
        self._chipped = replace(self._chipped, parts=tuple(dict.fromkeys((*self._chipped.parts, *parts))))
        self._show_chips()
        return True

    def _fill(self, draft: Draft) -> None:
        self._filling = True
        self.box.setText(draft.text)
        if not self.box.hasFocus():
            self.box.home(False)
        self._filling = False
        self._chipped = replace(draft, text="")
        self.suggester.hide()
        self._show_chips()

    def _return_to(self, draft: Draft) -> None:
        self.remember()
        self.set_draft(draft)
        self.remember()

    def _take_suggestion(self, text: str, cursor: int) -> None:
        self.box.setText(text)
        self.box.setCursorPosition(cursor)
        self.box.setFocus()
        if text[:cursor].endswith(" "):
            self._lift(cursor)

    # -- chips

    def _change(self, draft: Draft) -> None:
        """Take other chips; the words stay."""
        self._chipped = replace(draft, text="")
        self._show_chips()
        self.search_now()

    def _amend(self, draft: Draft) -> None:
        """An editor is open: its chips are shown when it is closed, its effect at once."""
        self._chipped = replace(draft, text="")
        self.filters.show_parts(draft.parts)
        self._debounce.start()

    def _show_chips(self) -> None:
        self.chips.show_draft(self.draft)
        self.filters.show_parts(self._chipped.parts)
        self.box.setPlaceholderText(
            "Add words, or another sound" if self._chipped.sounds else "Describe a sound, or drop one here"
        )

    def _after_edit(self) -> None:
        """An editor was closed: the chips say what was chosen."""
        self._show_chips()
        if self._debounce.isActive():
            self.search_now()

    def _button(self, tip: str, name: str, icon: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(34, 34)
        self._icons[button] = icon
        return button

    def _dress(self) -> None:
        for button, icon in self._icons.items():
            button.setIcon(self._theme.icon(icon, "muted"))

"""What stands in place of results, or above them: first run, empty and lost states, notices, first suggestions."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.flow_layout import FlowLayout
from soundsearch.gui.theme import Theme

SUGGESTIONS = ("rain on leaves", "a deep kick drum", "door creak")
COLUMN_WIDTH = 420
BUTTONS_BELOW = 480  # width in pixels of a notice


class FirstRun(QWidget):
    """One column: what this is, one thing to do.

    Signals:
        choose_requested
    """

    choose_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._mark = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        title = _label("soundsearch", role="title")
        sentence = _label("Find any sound in your collection by describing it, or by dropping one that is alike.")
        self.choose = QPushButton("Choose a folder of sounds")
        self.choose.setProperty("role", "large")
        self.choose.setAutoDefault(True)  # Enter presses it on every system, as Space does
        self.choose.clicked.connect(self.choose_requested)
        self._or = _label("or drop one here", tone="muted")
        privacy = _label("Everything stays on this computer.", tone="muted", role="small")
        column = _centred_column(self)
        column.addWidget(self._mark)
        column.addSpacing(16)
        column.addWidget(title)
        column.addSpacing(4)
        column.addWidget(sentence)
        column.addSpacing(24)
        column.addWidget(self.choose, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        column.addWidget(self._or)
        column.addSpacing(32)
        column.addWidget(privacy)
        theme.changed.connect(self._dress)
        self._dress()

    def set_dropping(self, dropping: bool) -> None:
        """Show that what is held over the window is welcome."""
        self._or.setProperty("tone", "accent" if dropping else "muted")
        self._or.style().unpolish(self._or)
        self._or.style().polish(self._or)

    def _dress(self) -> None:
        self._mark.setPixmap(self._theme.pixmap("soundsearch", "text", 56, self.devicePixelRatioF()))


class StatePage(QWidget):
    """An icon, what is the case, what to do about it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._icon_name, self._token = "wave", "muted"
        self._act: Callable[[], None] | None = None
        self._icon = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.title = _label("", role="query")
        self.sentence = _label("", tone="muted")
        self.button = QPushButton()
        self.button.setAutoDefault(True)
        self.button.clicked.connect(self._pressed)
        column = _centred_column(self)
        column.addWidget(self._icon)
        column.addSpacing(12)
        column.addWidget(self.title)
        column.addSpacing(4)
        column.addWidget(self.sentence)
        column.addSpacing(16)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        theme.changed.connect(self._dress)

    def show_state(
        self,
        icon: str,
        title: str,
        sentence: str = "",
        button: str = "",
        act: Callable[[], None] | None = None,
        token: str = "muted",
    ) -> None:
        """Show a state; `act` is done when the button is pressed."""
        self._icon_name, self._token, self._act = icon, token, act
        self.title.setText(display_name(title))
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self._dress()

    def _pressed(self) -> None:
        if self._act:
            self._act()

    def _dress(self) -> None:
        self._icon.setPixmap(self._theme.pixmap(self._icon_name, self._token, 32, self.devicePixelRatioF()))


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know or decide, without being in the way. `key` makes a newer notice replace an older one."""

    key: str
    text: str
    action: str = ""
    act: Callable[[], None] | None = None
    dismiss: str = ""  # a button's words, "" for a plain cross
    on_dismiss: Callable[[], None] | None = None
    icon: str = ""
    token: str = "muted"


class NoticeBar(QFrame):
    """Shows one notice at a time, the others wait behind it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._theme = theme
        self._notices: list[Notice] = []
        self._replaced_at = -math.inf  # when an answer let the next one take its place
        self._icon = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.text.setMinimumWidth(120)
        self.action = QPushButton()
        self.action.setProperty("role", "primary")
        self.action.setAutoDefault(True)
        self.action.clicked.connect(lambda: self._close(acted=True))
        self.dismiss = QPushButton()
        self.dismiss.setProperty("role", "quiet")
        self.dismiss.setAutoDefault(True)
        self.dismiss.clicked.connect(lambda: self._close(acted=False))
        self.cross = QToolButton()
        self.cross.setToolTip("Dismiss")
        self.cross.setAccessibleName("Dismiss")
        self.cross.clicked.connect(lambda: self._close(acted=False))
        self._buttons = QWidget()
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(4)
        for button in (self.action, self.dismiss, self.cross):
            buttons.addWidget(button)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keyboard where it was
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 6, 8, 6)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.addWidget(self._icon, 0, 0)
        self._grid.addWidget(self.text, 0, 1)
        self._grid.addWidget(self._buttons, 0, 2)
        self._grid.setColumnStretch(1, 1)
        self.setAccessibleName("Notice")
        theme.changed.connect(self._show)
        self.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow the buttons stand below the words."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        notice = self.current
        below = self.width() < BUTTONS_BELOW and bool(notice and (notice.action or notice.dismiss))
        place = (1, 1, 1, 2) if below else (0, 2, 1, 1)
        if self._grid.getItemPosition(self._grid.indexOf(self._buttons)) != place:
            self._grid.removeWidget(self._buttons)
            side = Qt.AlignmentFlag.AlignRight if below else Qt.AlignmentFlag(0)
            self._grid.addWidget(self._buttons, *place, side)

    @property
    def current(self) -> Notice | None:
        """What is shown."""
        return self._notices[0] if self._notices else None

    def holds(self, key: str) -> bool:
        """Whether a notice is shown or waits."""
        return any(notice.key == key for notice in self._notices)

    def put(self, notice: Notice) -> None:
        """Show a notice at once, in front of those that wait."""
        self._notices = [notice, *(n for n in self._notices if n.key != notice.key)]
        self._show()

    def take(self, key: str) -> None:
        """Take a notice back that no longer holds."""
        self._notices = [n for n in self._notices if n.key != key]
        self._show()

    def _close(self, *, acted: bool) -> None:
        now = time.monotonic()
        if now - self._replaced_at < QApplication.doubleClickInterval() / 1000:
            return  # the second half of a double click, meant for the notice that was here before
        notice = self._notices.pop(0)
        if self._notices:
            self._replaced_at = now
        self._show()
        then = notice.act if acted else notice.on_dismiss
        if then:
            then()

    def _show(self) -> None:
        notice = self.current
        self.setVisible(notice is not None)
        if notice is None:
            return
        self.text.setText(display_name(notice.text))
        self.action.setText(notice.action)
        self.action.setVisible(bool(notice.action))
        self.dismiss.setText(notice.dismiss)
        self.dismiss.setVisible(bool(notice.dismiss))
        self.cross.setVisible(not notice.dismiss)
        self.cross.setIcon(self._theme.icon("close", "muted"))
        self._icon.setVisible(bool(notice.icon))
        if notice.icon:
            self._icon.setPixmap(self._theme.pixmap(notice.icon, notice.token, 20, self.devicePixelRatioF()))
        self._arrange()


class SuggestionRow(QWidget):
    """Queries to try while the first scan runs; they work on what is there already.

    Signals:
        chosen (str)
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        flow = self._flow = FlowLayout(self)
        for words in SUGGESTIONS:
            chip = QPushButton(words)
            chip.setProperty("role", "chip")
            chip.setAccessibleName(f"Search for {words}")
            chip.clicked.connect(lambda _=False, words=words: self.chosen.emit(words))
            flow.addWidget(chip)

    def set_inset(self, left: int) -> None:
        """Begin so far from the left."""
        self._flow.setContentsMargins(left, 0, 12, 8)


def _label(text: str, tone: str = "", role: str = "") -> QLabel:
    label = QLabel(text, alignment=Qt.AlignmentFlag.AlignHCenter)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if tone:
        label.setProperty("tone", tone)
    if role:
        label.setProperty("role", role)
    return label


def _centred_column(page: QWidget) -> QVBoxLayout:
    """A column in the middle of a page, as wide as lines read well."""
    middle = QWidget()
    middle.setMaximumWidth(COLUMN_WIDTH)
    middle.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    column = QVBoxLayout(middle)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    across = QHBoxLayout()
    across.addStretch(1)
    across.addWidget(middle, 100)
    across.addStretch(1)
    down = QVBoxLayout(page)
    down.setContentsMargins(16, 16, 16, 16)
    down.addStretch(2)
    down.addLayout(across)
    down.addStretch(3)
    return column

"""The first-run tour: three hints beside what they are about, once, when there is something to try them on."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from soundsearch.gui.labels import label
from soundsearch.gui.preferences import Preferences

DONE = "tour/done"
WIDTH = 300
GAP = 8


@dataclass(frozen=True, slots=True)
class Hint:
    """A sentence or two about a part of the window."""

    title: str
    text: str
    about: Callable[[], QWidget]


class Tour(QFrame):
    """Shows one hint after another; it takes no key and no click that is not on it."""

    def __init__(self, hints: tuple[Hint, ...], preferences: Preferences, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("tour")
        self.setAccessibleName("Hint")
        self._hints, self._preferences, self._window = hints, preferences, window
        self._at = 0
        self.title = label(role="query")
        self.text = label()
        self.count = label(tone="muted", role="small")
        self.skip = QPushButton("Skip")
        self.skip.setProperty("role", "quiet")
        self.skip.setAutoDefault(True)  # Enter presses it on every system, as Space does
        self.skip.clicked.connect(self.end)
        self.next = QPushButton("Next")
        self.next.setProperty("role", "primary")
        self.next.setAutoDefault(True)
        self.next.clicked.connect(self._next)
        buttons = QHBoxLayout()
        buttons.addWidget(self.count, 1)
        buttons.addWidget(self.skip)
        buttons.addWidget(self.next)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addLayout(buttons)
        self.hide()

    @property
    def is_due(self) -> bool:
        """Whether it was never seen."""
        return not self._preferences.flag(DONE, False) and not self.isVisible()

    def begin(self) -> None:
        """Show the first hint."""
        self._at = 0
        self._window.installEventFilter(self)
        self._show()

    def end(self) -> None:
        """Never again by itself; the menu still has it."""
        self._preferences.window.setValue(DONE, True)
        self._window.removeEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay beside what it is about."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._place()
        return False

    def _next(self) -> None:
        self._at += 1
        if self._at < len(self._hints):
            self._show()
        else:
            self.end()

    def _show(self) -> None:
        hint = self._hints[self._at]
        self.title.setText(hint.title)
        self.text.setText(hint.text)
        self.count.setText(f"{self._at + 1} of {len(self._hints)}")
        is_last = self._at == len(self._hints) - 1
        self.next.setText("Done" if is_last else "Next")
        self.skip.setVisible(not is_last)
        self.show()
        self.raise_()
        self._place()

    def _place(self) -> None:
        """Below what it is about, or over its upper part, and inside the window."""
        about = self._hints[min(self._at, len(self._hints) - 1)].about()
        width = min(WIDTH, self._window.width() - 2 * GAP)
        self.setFixedWidth(width)
        height = self._column.totalHeightForWidth(width)
        area = QRect(about.mapTo(self._window, QPoint(0, 0)), about.size())
        below = area.bottom() + GAP
        top = below if below + height < self._window.height() - GAP else area.top() + 6 * GAP
        if top + height > self._window.height() - GAP:
            top = max(GAP, area.top() - height - GAP)
        left = min(max(GAP, area.center().x() - width // 2), self._window.width() - width - GAP)
        self.setGeometry(left, top, width, height)

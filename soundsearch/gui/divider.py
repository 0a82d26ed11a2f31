"""The edges of the side panels: dragged by mouse, or moved by arrow keys once Tab has come there."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QSplitter, QSplitterHandle

from soundsearch.gui.theme import Theme

STEP_PX = 16
SEEN_PX = 3  # width of the line while it has the keyboard


class Divider(QSplitterHandle):
    """A hairline between two panels."""

    def __init__(self, theme: Theme, splitter: QSplitter) -> None:
        super().__init__(Qt.Orientation.Horizontal, splitter)
        self._theme = theme
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleDescription("Arrow keys move it")
        theme.changed.connect(self.update)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, as far as both sides allow."""
        steps = {Qt.Key.Key_Left: -STEP_PX, Qt.Key.Key_Right: STEP_PX}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.moveSplitter(self.pos().x() + self.contentsRect().x() + step)

    def paintEvent(self, event: QPaintEvent) -> None:
        """As good as unseen, but while it has the keyboard."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.tokens.color("accent" if self.hasFocus() else "base"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt masks a thin one to its hairline; the focus ring needs more."""
        super().resizeEvent(event)
        self._show_width()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring."""
        super().focusInEvent(event)
        self._show_width()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Back to rest."""
        super().focusOutEvent(event)
        self._show_width()

    def _show_width(self) -> None:
        line = self.contentsRect()
        if self.hasFocus():
            spare = (SEEN_PX - line.width()) // 2
            line.adjust(-spare, 0, spare, 0)
        self.setMask(QRegion(line))
        self.update()


class PanelSplitter(QSplitter):
    """Panels beside one another, with edges that keys move."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._theme = theme
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)

    def createHandle(self) -> QSplitterHandle:
        """An edge that takes the keyboard."""
        return Divider(self._theme, self)

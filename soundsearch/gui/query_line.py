"""The line in which a query is typed: it shows where a query cannot be understood, and passes keys on."""

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QLineEdit, QWidget

from soundsearch.gui.theme import Theme


class QueryLine(QLineEdit):
    """A line edit.

    Signals:
        left_at_start: Backspace or Left where nothing stands before the cursor.
        files_pasted: Files, not text, are on the clipboard and were pasted.
    """

    left_at_start = Signal()
    files_pasted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._wrong: tuple[int, int] | None = None

    @property
    def wrong(self) -> tuple[int, int] | None:
        """First character, and the one after the last, of what cannot be understood."""
        return self._wrong

    def mark_wrong(self, start: int | None) -> None:
        """Underline the word that starts there; None for nothing."""
        wrong = None
        if start is not None and start < len(self.text()):
            space = self.text().find(" ", start)
            wrong = (start, space if space > start else len(self.text()))
        if wrong != self._wrong:
            self._wrong = wrong
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """At the start of the line the keys that go left leave it; files on the clipboard are no text."""
        goes_left = event.key() in (Qt.Key.Key_Backspace, Qt.Key.Key_Left) and not event.modifiers()
        if goes_left and self.cursorPosition() == 0 and not self.hasSelectedText():
            self.left_at_start.emit()
        elif event.matches(QKeySequence.StandardKey.Paste) and QGuiApplication.clipboard().mimeData().hasUrls():
            self.files_pasted.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text, and a wavy line under what is wrong in it."""
        super().paintEvent(event)
        if self._wrong is None:
            return
        metrics, text = self.fontMetrics(), self.text()
        # Where the text begins, which scrolls: the cursor is the only thing whose place Qt tells.
        cursor = self.cursorRect()
        origin = cursor.center().x() - metrics.horizontalAdvance(text[: self.cursorPosition()])
        left = max(0, origin + metrics.horizontalAdvance(text[: self._wrong[0]]))
        right = min(self.width(), origin + metrics.horizontalAdvance(text[: self._wrong[1]]))
        base = cursor.center().y() + metrics.ascent() / 2 + 3
        wave = QPolygonF([QPointF(x, base + (1.5 if (x // 3) % 2 else -1.5)) for x in range(left, right + 1, 3)])
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.tokens.color("error"), 1.5))
        painter.drawPolyline(wave)
        painter.end()

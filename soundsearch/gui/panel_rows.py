"""Lines of the side panels, and the sections that hold them: pressed by mouse or keyboard, opened and closed."""

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.theme import Theme

ROW_WIDTH = 220


class PanelRow(QAbstractButton):
    """An icon, a name, and a word or number at the end of the line.

    It is pressed by a click, Space or Enter; checked while it is at work in the query. Arrows go from line to line.

    Signals:
        menu_requested (QPoint): Right click or the menu key; where, on the screen.
        rows_dropped: Rows of the results were let fall on it, if `takes_rows_of` was called.
    """

    menu_requested = Signal(QPoint)
    rows_dropped = Signal()

    def __init__(self, theme: Theme, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon, self._token = icon, "muted"
        self._end = ""
        self._is_faded = False
        self._is_welcome = False
        self._rows_source: QWidget | None = None
        self.setCheckable(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_line(
        self, name: str, end: str = "", *, icon: str = "", token: str = "muted", faded: bool = False, tip: str = ""
    ) -> None:
        """Say something; `token` colours icon and end, `faded` the name."""
        self.setText(display_name(name))
        self._end, self._token, self._is_faded = end, token, faded
        self._icon = icon or self._icon
        self.setToolTip(tip)
        self.setAccessibleName(f"{self.text()}, {end}" if end else self.text())
        self.update()

    def takes_rows_of(self, results: QWidget) -> None:
        """Let rows of the results be dropped here."""
        self._rows_source = results
        self.setAcceptDrops(True)

    def nextCheckState(self) -> None:
        """Whether it is at work is for the query to say."""

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(ROW_WIDTH, max(28, self.fontMetrics().height() + 12))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Icon, name, end."""
        painter = QPainter(self)
        tokens, area = self._theme.tokens, self.rect()
        if self.isChecked() or self.underMouse() or self._is_welcome:
            painter.setBrush(tokens.color("accent_soft" if self.isChecked() or self._is_welcome else "raised"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(area, 4, 4)
        pixmap = self._theme.pixmap(self._icon, self._token, 16, self.devicePixelRatioF())
        painter.drawPixmap(8, area.center().y() - 7, pixmap)
        painter.setFont(self._theme.font(11))
        painter.setPen(tokens.color(self._token))
        right = area.adjusted(0, 0, -8, 0)
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._end)
        room = area.adjusted(32, 0, -16 - painter.fontMetrics().horizontalAdvance(self._end), 0)
        painter.setFont(self._theme.font(13))
        painter.setPen(tokens.color("muted" if self._is_faded else "text"))
        name = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, name)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 4, 4)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the line."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        self.menu_requested.emit(self.mapToGlobal(self.rect().bottomLeft()) if by_key else event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses too; arrows go on."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring."""
        super().focusInEvent(event)
        self.update()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take rows of our own list only: files of other programs are for the query."""
        self._is_welcome = event.source() is not None and event.source() is self._rows_source
        self.update()
        if self._is_welcome:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Back to rest."""
        self._is_welcome = False
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:
        """The selection was let fall here."""
        self._is_welcome = False
        self.update()
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.rows_dropped.emit()


class Section(QWidget):
    """A heading that opens and closes what is below it.

    Signals:
        toggled (bool)
    """

    toggled = Signal(bool)

    def __init__(self, title: str, theme: Theme, *buttons: QToolButton) -> None:
        super().__init__()
        self._theme = theme
        self.heading = QToolButton()
        self.heading.setObjectName("sectionHeading")
        self.heading.setText(title)
        self.heading.setCheckable(True)
        self.heading.setChecked(True)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setIconSize(QSize(12, 12))
        self.heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.heading.toggled.connect(self._toggle)
        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(self.heading, 1)
        for button in buttons:
            top.addWidget(button)
        self.content = QWidget()
        self.rows = QVBoxLayout(self.content)
        self.rows.setContentsMargins(0, 0, 0, 4)
        self.rows.setSpacing(0)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(4, 0, 4, 4)
        outside.setSpacing(0)
        outside.addLayout(top)
        outside.addWidget(self.content)
        theme.changed.connect(self._dress)
        self._dress()

    @property
    def is_open(self) -> bool:
        """Whether its lines are shown."""
        return self.heading.isChecked()

    def set_open(self, is_open: bool) -> None:
        """Show or hide its lines."""
        self.heading.setChecked(is_open)

    def _toggle(self, is_open: bool) -> None:
        self.content.setVisible(is_open)
        self._dress()
        self.toggled.emit(is_open)

    def _dress(self) -> None:
        what = "Hide" if self.is_open else "Show"
        self.heading.setAccessibleName(f"{what} {self.heading.text().lower()}")
        self.heading.setToolTip(f"{what} {self.heading.text().lower()}")
        icon = "chevron-down" if self.is_open else "chevron-right"
        self.heading.setIcon(self._theme.icon(icon, "muted", 12, checked="muted"))

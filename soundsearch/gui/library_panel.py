"""The side panel: the folders that are searched, and what is wrong with them."""

from pathlib import PurePath

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.theme import Theme
from soundsearch.records import LibraryStatus, Root

PANEL_WIDTH = 220


class LibraryPanel(QFrame):
    """Roots with their state, and the way to the files that could not be read.

    Signals:
        add_requested: A folder should be chosen.
        scan_requested: All folders should be brought up to date.
        root_menu_requested (Root, QPoint): A root's menu, where on the screen.
        failures_requested: The list of unreadable files.
    """

    add_requested = Signal()
    scan_requested = Signal()
    root_menu_requested = Signal(object, QPoint)
    failures_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._theme = theme
        self._rows: dict[str, RootRow] = {}
        heading = QLabel("Library")
        heading.setProperty("role", "heading")
        self.add_button = self._button("Add a folder (Ctrl+O)", "Add a folder")
        self.add_button.clicked.connect(self.add_requested)
        self.scan_button = self._button("Look for new and changed sounds (F5)", "Scan all folders")
        self.scan_button.clicked.connect(self.scan_requested)
        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(heading, 1)
        top.addWidget(self.scan_button)
        top.addWidget(self.add_button)
        top.setContentsMargins(12, 12, 4, 4)

        self._list = QVBoxLayout()
        self._list.setContentsMargins(4, 0, 4, 0)
        self._list.setSpacing(0)
        self._failed = QPushButton()
        self._failed.setProperty("role", "note")
        self._failed.clicked.connect(self.failures_requested)
        self._missing = QLabel()
        self._missing.setProperty("tone", "muted")
        self._missing.setWordWrap(True)
        self._missing.setContentsMargins(6, 0, 0, 0)
        content = QWidget()
        inside = QVBoxLayout(content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(self._list)
        inside.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 8)
        outside.setSpacing(0)
        outside.addLayout(top)
        outside.addWidget(scroll, 1)
        notes = QVBoxLayout()
        notes.setContentsMargins(6, 4, 8, 0)
        notes.addWidget(self._missing)
        notes.addWidget(self._failed, 0, Qt.AlignmentFlag.AlignLeft)
        outside.addLayout(notes)
        self.setMinimumWidth(160)
        theme.changed.connect(self._dress)
        self._failed.hide()
        self._missing.hide()
        self._dress()

    def sizeHint(self) -> QSize:
        """A narrow column."""
        return QSize(PANEL_WIDTH, 400)

    def show_status(self, status: LibraryStatus) -> None:
        """Bring the roots up to date; rows that stay keep the keyboard."""
        names = _short_names([root.path for root in status.roots])
        gone = set(self._rows) - {root.path for root in status.roots}
        for path in gone:
            row = self._rows.pop(path)
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        for root in status.roots:
            if root.path not in self._rows:
                row = self._rows[root.path] = RootRow(self._theme)
                row.menu_requested.connect(self.root_menu_requested)
                self._list.addWidget(row)
            self._rows[root.path].show_root(root, names[root.path])
        self._failed.setText(f"{wording.count(status.failed, 'file')} cannot be read")
        self._failed.setVisible(status.failed > 0)
        self._missing.setText(f"{wording.count(status.missing, 'clip')} missing")
        self._missing.setVisible(status.missing > 0)

    def _button(self, tip: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setIconSize(QSize(16, 16))
        return button

    def _dress(self) -> None:
        self.add_button.setIcon(self._theme.icon("folder-add", "muted", 16))
        self.scan_button.setIcon(self._theme.icon("refresh", "muted", 16))
        self._failed.setIcon(self._theme.icon("warning", "warn", 16))


class RootRow(QWidget):
    """One root: icon, name, number of clips. Its menu opens by right click, the menu key, Enter or Space.

    Signals:
        menu_requested (Root, QPoint)
    """

    menu_requested = Signal(object, QPoint)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._root = Root("")
        self._name = ""
        self._hovered = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(PANEL_WIDTH, max(28, self.fontMetrics().height() + 12))

    def show_root(self, root: Root, name: str) -> None:
        """Show a root under its short name."""
        self._root, self._name = root, name
        state = "" if root.online else ", offline"
        self.setAccessibleName(f"{display_name(name)}, {wording.count(root.clips, 'clip')}{state}")
        tip = display_name(root.path)
        self.setToolTip(tip if root.online else f"{tip}\nOffline: its clips come back when it can be reached")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Icon, name and count; amber where it is offline."""
        painter = QPainter(self)
        tokens, area = self._theme.tokens, self.rect()
        if self._hovered:
            painter.setBrush(tokens.color("raised"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(area, 4, 4)
        icon = ("folder", "muted") if self._root.online else ("folder-offline", "warn")
        pixmap = self._theme.pixmap(*icon, 16, self.devicePixelRatioF())
        painter.drawPixmap(8, area.center().y() - 7, pixmap)
        painter.setFont(self._theme.font(11))
        count = f"{self._root.clips:,}" if self._root.online else "offline"
        painter.setPen(tokens.color("muted" if self._root.online else "warn"))
        right = area.adjusted(0, 0, -8, 0)
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, count)
        room = area.adjusted(32, 0, -16 - painter.fontMetrics().horizontalAdvance(count), 0)
        painter.setFont(self._theme.font(13))
        painter.setPen(tokens.color("text" if self._root.online else "muted"))
        name = painter.fontMetrics().elidedText(display_name(self._name), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, name)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 4, 4)

    def enterEvent(self, event: object) -> None:
        """Show that it can be pressed."""
        self._hovered = True
        self.update()

    def leaveEvent(self, event: object) -> None:
        """Back to rest."""
        self._hovered = False
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the keyboard."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The root's menu."""
        self.menu_requested.emit(self._root, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Space open the menu too; arrows go from root to root."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.menu_requested.emit(self._root, self.mapToGlobal(self.rect().bottomLeft()))
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)


def _short_names(paths: list[str]) -> dict[str, str]:
    """The last part of each path, and more of it where two would look alike."""
    names = {}
    for path in paths:
        parts = PurePath(path).parts or (path,)
        others = [PurePath(other).parts for other in paths if other != path]
        length = 1
        while length < len(parts) and any(other[-length:] == parts[-length:] for other in others):
            length += 1
        names[path] = str(PurePath(*parts[-length:]))
    return names

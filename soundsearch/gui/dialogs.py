"""Small windows beside the main one: shortcuts, unreadable files, problem report. None of them is modal."""

import platform
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, qVersion
from PySide6.QtGui import QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHeaderView,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

import soundsearch
from soundsearch.gui import wording
from soundsearch.gui.dialog_page import READABLE, fill
from soundsearch.gui.file_exchange import display_name, reveal
from soundsearch.gui.labels import label
from soundsearch.gui.row_table import RowTable
from soundsearch.gui.scrolling import scrolling
from soundsearch.gui.shortcuts import SHORTCUTS
from soundsearch.records import Failure

WHOLE_FROM = 600  # width in pixels


class ShortcutSheet(QDialog):
    """The list of shortcuts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(8)
        for row, (keys, what) in enumerate(SHORTCUTS):
            if not what:
                heading = label(keys.rstrip(":"), role="heading")
                heading.setContentsMargins(0, 12, 0, 0)
                grid.addWidget(heading, row, 0, 1, 2)
                continue
            for column, words in enumerate((label(keys, tone="muted"), label(what))):  # the keys wrap, too
                grid.addWidget(words, row, column, Qt.AlignmentFlag.AlignTop)
        grid.setRowStretch(len(SHORTCUTS), 1)
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(1, 3)
        content = QWidget()
        content.setLayout(grid)
        content.setMaximumWidth(READABLE)
        grid.setContentsMargins(24, 24, 24, 24)
        self._scroll = scrolling(content, sideways=True)  # the sheet itself takes the keys
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(self._scroll)
        self.resize(560, 640)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll by keys; the others as in every dialog."""
        bar = self._scroll.verticalScrollBar()
        steps = {
            Qt.Key.Key_Down: bar.singleStep(),
            Qt.Key.Key_Up: -bar.singleStep(),
            Qt.Key.Key_PageDown: bar.pageStep(),
            Qt.Key.Key_PageUp: -bar.pageStep(),
        }
        if step := steps.get(Qt.Key(event.key())):
            bar.setValue(bar.value() + step)
        else:
            super().keyPressEvent(event)


class FailureModel(QAbstractTableModel):
    """Files that could not be read, with the reason."""

    def __init__(self) -> None:
        super().__init__()
        self._failures: tuple[Failure, ...] = ()

    def set_failures(self, failures: tuple[Failure, ...]) -> None:
        """Show these."""
        self.beginResetModel()
        self._failures = failures
        self.endResetModel()

    def failure(self, row: int) -> Failure:
        """The one in a row."""
        return self._failures[row]

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        """How many."""
        return 0 if parent.isValid() else len(self._failures)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        """File and reason."""
        return 0 if parent.isValid() else 2

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("File", "Why it cannot be read")[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text."""
        failure = self._failures[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{display_name(failure.path)}\n{display_name(failure.reason)}"
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return display_name(failure.path if index.column() == 0 else failure.reason)


class FailureList(QDialog):
    """The files that could not be read."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Files that cannot be read")
        self.model = FailureModel()
        self.model.setParent(self)
        self._intro = label()
        self.table = RowTable(self.model, "Files that cannot be read")
        self.table.setMinimumHeight(120)
        header = self.table.horizontalHeader()
        header.setMaximumSectionSize(480)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.chosen = label(tone="muted", role="small")  # in full, where the columns are too narrow for it
        self.copy_button = QPushButton("Copy the list")
        self.copy_button.clicked.connect(self.copy)
        self.reveal_button = QPushButton("Show in file manager")
        self.reveal_button.clicked.connect(self._reveal)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        fill(self, (self._intro, self.table, self.chosen), (self.reveal_button, self.copy_button, close))
        self._selected()
        self.resize(760, 440)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The reason is what one came for: it is shown whole, where the name is not lost by that."""
        super().resizeEvent(event)
        wide = self.width() >= WHOLE_FROM
        mode = QHeaderView.ResizeMode.ResizeToContents if wide else QHeaderView.ResizeMode.Stretch
        self.table.horizontalHeader().setSectionResizeMode(1, mode)

    def show_failures(self, failures: tuple[Failure, ...]) -> None:
        """Fill the list."""
        self.model.set_failures(failures)
        found = f"{wording.count(len(failures), 'file')} could not be read and so cannot be found by sound."
        self._intro.setText(
            f"{found} Each is tried again when it changes." if failures else "Every file could be read."
        )
        self.copy_button.setEnabled(bool(failures))
        if failures:
            self.table.selectRow(0)
        self._selected()

    def copy(self) -> None:
        """Put the list on the clipboard, a line for each file."""
        lines = [
            f"{display_name(f.path)}\t{display_name(f.reason)}"
            for f in (self.model.failure(row) for row in range(self.model.rowCount()))
        ]
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _reveal(self) -> None:
        for row in self.table.chosen_rows()[:1]:
            reveal(self.model.failure(row).path)

    def _selected(self) -> None:
        rows = self.table.chosen_rows()
        self.reveal_button.setEnabled(bool(rows))
        failure = self.model.failure(rows[0]) if rows else None
        self.chosen.setText(f"{display_name(failure.path)}: {display_name(failure.reason)}." if failure else "")


class ProblemReport(QDialog):
    """ "Something went wrong", with a report that can be copied."""

    def __init__(self, summary: str, detail: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Something went wrong")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.report = (
            f"soundsearch {soundsearch.__version__}, Python {platform.python_version()}, Qt {qVersion()}, "
            f"{platform.platform()}\n\n{summary}\n\n{detail}"
        )
        title = label("Something went wrong", role="title")
        words = label(
            "This is a fault in soundsearch, not in your sounds. What was analysed is kept, and you can go on. "
            "If it happens again, copy the report and send it to us."
        )
        self.text = QPlainTextEdit(self.report)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Report")
        copy = QPushButton("Copy the report")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.report))
        close = QPushButton("Close")
        close.setProperty("role", "primary")
        close.setDefault(True)
        close.clicked.connect(self.close)
        self.text.setMinimumHeight(120)
        fill(self, (title, words, self.text), (copy, close))
        self.resize(600, 420)

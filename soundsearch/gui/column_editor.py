"""The columns of the result list by keys: which are shown, in which order, how wide. Each change is at work at once."""

from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QDialog, QListWidget, QListWidgetItem, QPushButton, QWidget

from soundsearch.gui.dialog_page import fill
from soundsearch.gui.flow_layout import flowing
from soundsearch.gui.labels import label
from soundsearch.gui.line_ends import LineEnds, show_line
from soundsearch.gui.result_columns import SPECS, Column
from soundsearch.gui.result_header import ResultHeader
from soundsearch.gui.shortcuts import bind_in
from soundsearch.gui.theme import Theme

STEP_PX = 16  # of a width
TICKED, UNTICKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class ColumnEditor(QDialog):
    """All columns, the leftmost first, to be ticked, moved and widened."""

    def __init__(self, header: ResultHeader, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Columns")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._header = header
        self.list = QListWidget()
        self.list.setProperty("framed", "true")
        self.list.setAccessibleName("Columns from left to right")
        self.list.setItemDelegate(LineEnds(theme, self.list))
        self.list.setMinimumHeight(160)
        self.up = self._button("Up", "To the left (Alt+↑)", partial(self._move, -1))
        self.down = self._button("Down", "To the right (Alt+↓)", partial(self._move, 1))
        self.narrower = self._button("Narrower", "Narrower (←)", partial(self._widen, -STEP_PX))
        self.wider = self._button("Wider", "Wider (→)", partial(self._widen, STEP_PX))
        self.reset = self._button("As at first", "Columns, order and widths as they were", header.reset)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        hint = label("The first is the leftmost. Space shows or hides one.", tone="muted")
        steps = flowing(self.up, self.down, self.narrower, self.wider)
        fill(self, (hint, self.list, steps), (self.reset, close)).keep_readable()
        self.list.itemChanged.connect(self._tick)
        self.list.currentRowChanged.connect(lambda _: self._allow())
        header.columns_changed.connect(self._fill)
        header.sectionResized.connect(self._say_widths)
        bind_in((self.list,), "Alt+Up", partial(self._move, -1))
        bind_in((self.list,), "Alt+Down", partial(self._move, 1))
        bind_in((self.list,), "Left", partial(self._widen, -STEP_PX))
        bind_in((self.list,), "Right", partial(self._widen, STEP_PX))
        self._fill()
        self.list.setFocus()
        self.resize(min(400, parent.width()), min(504, parent.height()))

    @property
    def column(self) -> Column:
        """The one that is changed."""
        return self._header.sequence[max(0, self.list.currentRow())]

    def _button(self, words: str, tip: str, act: object) -> QPushButton:
        button = QPushButton(words)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        button.clicked.connect(act)
        return button

    def _fill(self) -> None:
        """List them as they are now; the one that was current stays so, wherever it is."""
        current = self.list.currentItem().data(Qt.ItemDataRole.UserRole) if self.list.count() else self._header.first
        with QSignalBlocker(self.list):
            self.list.clear()
            for column in self._header.sequence:
                item = QListWidgetItem()
                item.setData(Qt.ItemDataRole.UserRole, column)
                item.setCheckState(TICKED if self._header.is_chosen(column) else UNTICKED)
                if column == Column.NAME:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
                self.list.addItem(item)
        self._say_widths()
        self.list.setCurrentRow(self._header.sequence.index(current))
        self._allow()

    def _say_widths(self) -> None:
        with QSignalBlocker(self.list):
            for row, column in enumerate(self._header.sequence[: self.list.count()]):
                show_line(self.list.item(row), SPECS[column].title, self._said(column))

    def _said(self, column: Column) -> str:
        if not self._header.is_chosen(column):
            return ""
        if self._header.isSectionHidden(column):
            return "no room now"
        return "what is left" if column == self._header.rest else f"{self._header.sectionSize(column)} px"

    def _allow(self) -> None:
        """What can be done with the current one."""
        row = self.list.currentRow()
        self.up.setEnabled(row > 0)
        self.down.setEnabled(row < self.list.count() - 1)
        for button in (self.narrower, self.wider):
            button.setEnabled(self._header.can_widen(self.column))

    def _tick(self, item: QListWidgetItem) -> None:
        self._header.choose_column(Column(item.data(Qt.ItemDataRole.UserRole)), item.checkState() == TICKED)

    def _move(self, places: int) -> None:
        self._header.move_column(self.column, places)

    def _widen(self, pixels: int) -> None:
        self._header.widen(self.column, pixels)

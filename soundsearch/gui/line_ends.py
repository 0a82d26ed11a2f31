"""Lines of a list that end in a number or a word, as those of the side panels do."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from soundsearch.gui.theme import Theme

END = Qt.ItemDataRole.UserRole + 1
GAP = 12
PADDING = 8
BOX_PX = 24  # what a box to tick takes of the line


class LineEnds(QStyledItemDelegate):
    """Paints the end of a line, in the tone of what is secondary; the name gives way to it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Shorten the name to what the end leaves."""
        super().initStyleOption(option, index)
        box = BOX_PX if index.data(Qt.ItemDataRole.CheckStateRole) is not None else 0
        metrics = option.fontMetrics
        end = metrics.horizontalAdvance(_end(index, option))
        room = option.rect.width() - box - 2 * PADDING - (end + GAP if end else 0)
        if room > 0:
            option.text = metrics.elidedText(option.text, Qt.TextElideMode.ElideMiddle, room)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The line, and its end."""
        super().paint(painter, option, index)
        painter.save()
        painter.setFont(self._theme.font(13))
        painter.setPen(self._theme.tokens.color("muted"))
        right = option.rect.adjusted(0, 0, -PADDING, 0)
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _end(index, option))
        painter.restore()


def show_line(item: QListWidgetItem, name: str, end: str) -> None:
    """Say something in a line; a screen reader says both parts."""
    item.setText(name)
    item.setData(END, end)
    item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}, {end}" if end else name)


def _end(index: QModelIndex | QPersistentModelIndex, option: QStyleOptionViewItem) -> str:
    """The end of a line, no longer than half of it."""
    most = option.rect.width() // 2 - PADDING
    return option.fontMetrics.elidedText(str(index.data(END) or ""), Qt.TextElideMode.ElideRight, most)

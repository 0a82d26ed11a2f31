"""A layout that Qt does not have: widgets in a line that breaks as text does."""

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Widgets in a line that goes on below when the width is used up."""

    SPACING = 4

    def __init__(self, parent: QWidget, *, to_the_right: bool = False) -> None:
        super().__init__(parent)
        self._to_the_right = to_the_right
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 2)

    def addItem(self, item: QLayoutItem) -> None:
        """Put an item at the end."""
        self._items.append(item)

    def count(self) -> int:
        """How many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """The item at a place, None beyond the end."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Take an item out."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        """Narrower is taller."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The height of all lines."""
        return self._arrange(QRect(0, 0, width, 0), place=False)

    def setGeometry(self, area: QRect) -> None:
        """Place the items."""
        super().setGeometry(area)
        self._arrange(area, place=True)

    def sizeHint(self) -> QSize:
        """One line is wished for only as far as the widest item needs it."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        """The widest item."""
        size = QSize(0, 0)
        for item in self._items:
            if item.isEmpty():
                continue
            size = size.expandedTo(item.minimumSize())
        margins = self.contentsMargins()
        return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    def _arrange(self, area: QRect, *, place: bool) -> int:
        margins = self.contentsMargins()
        inner = area.marginsRemoved(margins)
        y = inner.y()
        for line in self._lines(inner.width()):
            x = inner.x() + (inner.width() - _width(line) if self._to_the_right else 0)
            for item in line if place else ():
                item.setGeometry(QRect(QPoint(max(x, inner.x()), y), item.sizeHint().boundedTo(inner.size())))
                x += item.sizeHint().width() + self.SPACING
            y += max(item.sizeHint().height() for item in line) + self.SPACING
        return max(y - self.SPACING, inner.y()) - area.y() + margins.bottom()

    def _lines(self, width: int) -> list[list[QLayoutItem]]:
        """Items line by line; what is not shown takes no room."""
        lines: list[list[QLayoutItem]] = []
        for item in self._items:
            if item.isEmpty():
                continue
            if lines and _width([*lines[-1], item]) <= width:
                lines[-1].append(item)
            else:
                lines.append([item])
        return lines


def flowing(*widgets: QWidget, to_the_right: bool = False) -> QWidget:
    """Put widgets into a line of their own that breaks where it is narrow."""
    line = QWidget()
    flow = FlowLayout(line, to_the_right=to_the_right)
    for widget in widgets:
        flow.addWidget(widget)
    policy = line.sizePolicy()
    policy.setHeightForWidth(True)
    line.setSizePolicy(policy)
    return line


def _width(line: list[QLayoutItem]) -> int:
    return sum(item.sizeHint().width() for item in line) + FlowLayout.SPACING * (len(line) - 1)

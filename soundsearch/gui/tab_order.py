"""The order in which Tab goes through a window: as one reads it, also for what was made after the window was.

Qt's own order is that in which widgets were made; lines of the panels come and go, and would all come last.
"""

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QComboBox,
    QLayout,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QWidget,
)


def next_after(top: QWidget, focused: QWidget | None, step: int) -> QWidget | None:
    """The widget that gets the keyboard after (1) or before (-1) the one that has it; None if none can.

    Args:
        top: What is gone through.
        focused: Which has the keyboard.
        step: 1 or -1.
    """
    stops = list(_stops(top))
    if not stops:
        return None
    while focused is not None and focused not in stops:  # a part of one
        focused = focused.parentWidget()
    at = stops.index(focused) + step if focused is not None else (0 if step > 0 else -1)
    return stops[at % len(stops)]


def _stops(widget: QWidget) -> Iterator[QWidget]:
    """Everything below a widget, and itself, at which Tab stops."""
    if not widget.isVisible() or not widget.isEnabled():
        return
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
        yield widget
    if not isinstance(widget, QAbstractScrollArea | QComboBox) or isinstance(widget, QScrollArea):
        for child in _children(widget):
            yield from _stops(child)


def _children(widget: QWidget) -> Iterator[QWidget]:
    """Children in the order of their layout; what lies over the others first."""
    placed = list(_placed(widget))
    if not isinstance(widget, QSplitter | QStackedWidget | QScrollArea):
        for child in widget.children():
            if isinstance(child, QWidget) and not child.isWindow() and child not in placed:
                yield child
    yield from placed


def _placed(widget: QWidget) -> Iterator[QWidget]:
    found: list[QWidget | None] = []
    match widget:
        case QSplitter():  # the edge between two stands between them
            found = [part for i in range(widget.count()) for part in (widget.handle(i), widget.widget(i))]
        case QStackedWidget():
            found = [widget.currentWidget()]
        case QScrollArea():
            found = [widget.widget()]
        case _ if layout := widget.layout():
            found = list(_in_layout(layout))
    yield from (child for child in found if child is not None)


def _in_layout(layout: QLayout) -> Iterator[QWidget]:
    for number in range(layout.count()):
        item = layout.itemAt(number)
        if item is None:
            continue
        if inner := item.widget():
            yield inner
        elif below := item.layout():
            yield from _in_layout(below)

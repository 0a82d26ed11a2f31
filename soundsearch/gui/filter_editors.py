"""What opens under a chip or a button of the filter bar: two limits, a list of values, or how much a sound counts."""

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from soundsearch.catalogue.query import parse
from soundsearch.errors import QueryError
from soundsearch.gui.draft import Sound
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.filters import SINGLE, Kind, limits, read_limits, written
from soundsearch.gui.labels import label

WIDTH = 260
LIST_HEIGHT = 240
VALUE = Qt.ItemDataRole.UserRole


class Popover(QFrame):
    """A small panel under a widget; a click beside it, or Escape, closes it and gives the keyboard back.

    Signals:
        closed
    """

    closed = Signal()

    def __init__(self, title: str, anchor: QWidget) -> None:
        super().__init__(anchor.window(), Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("popover")
        self.setAccessibleName(title)
        self.anchor = anchor
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(12, 8, 12, 12)
        self.column.setSpacing(8)
        self.column.addWidget(label(title, role="heading"))

    def open(self) -> None:
        """Show it under its widget, on the screen."""
        self.setFixedWidth(WIDTH)
        self.adjustSize()
        at = self.anchor.mapToGlobal(QPoint(0, self.anchor.height() + 2))
        screen = self.anchor.screen().availableGeometry()
        at.setX(max(screen.left(), min(at.x(), screen.right() - self.width())))
        if at.y() + self.height() > screen.bottom():
            at.setY(self.anchor.mapToGlobal(QPoint(0, 0)).y() - self.height() - 2)
        self.move(at)
        self.show()
        if first := self.focusProxy():
            first.setFocus(Qt.FocusReason.PopupFocusReason)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell; `destroyed` would come in the midst of the end of the window too."""
        super().closeEvent(event)
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Escape close it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.close()
        else:
            super().keyPressEvent(event)


class RangeEditor(Popover):
    """At least, at most, and usual ranges.

    Signals:
        changed (tuple): The pieces of this kind that the query has now.
    """

    changed = Signal(object)

    def __init__(self, kind: Kind, parts: tuple[str, ...], anchor: QWidget) -> None:
        super().__init__(f"{kind.title} in {kind.unit}", anchor)
        self._kind = kind
        low = next((low for part in parts if (low := read_limits(part, kind)[0])), "")
        high = next((high for part in parts if (high := read_limits(part, kind)[1])), "")
        line = QHBoxLayout()
        line.setSpacing(8)
        self.low, self.high = QLineEdit(low), QLineEdit(high)
        for box, words in ((self.low, "At least"), (self.high, "At most")):
            box.setPlaceholderText(words)
            box.setAccessibleName(f"{kind.title}: {words.lower()}, in {kind.unit}")
            box.textEdited.connect(self._apply)
            line.addWidget(box)
        self.column.addLayout(line)
        self.trouble = label("", tone="error", role="small")
        self.trouble.hide()
        self.column.addWidget(self.trouble)
        self.presets: list[QPushButton] = []
        grid = QHBoxLayout()
        grid.setSpacing(4)
        for number, (words, at_least, at_most) in enumerate(kind.presets):
            button = QPushButton(words)
            button.setProperty("role", "note")
            button.clicked.connect(lambda _=False, a=at_least, b=at_most: self._choose(a, b))
            self.presets.append(button)
            grid.addWidget(button)
            if number % 2:
                self.column.addLayout(grid)
                grid = QHBoxLayout()
                grid.setSpacing(4)
        self.setFocusProxy(self.low)

    def _choose(self, low: str, high: str) -> None:
        self.low.setText(low)
        self.high.setText(high)
        self._apply()
        self.close()

    def _apply(self) -> None:
        low, high = (box.text().strip().replace(",", ".") for box in (self.low, self.high))
        part = limits(self._kind, low, high)
        try:
            parse(part)
        except QueryError as err:
            plain = all(number.replace(".", "", 1).isdecimal() for number in (low, high) if number)
            self.trouble.setText(err.message if plain else f"Write a number of {self._kind.unit}.")
            self.trouble.show()
            return
        self.trouble.hide()
        self.changed.emit((part,) if part else ())


class ChoiceEditor(Popover):
    """Values to be checked; a line narrows the list, and adds what is not on it.

    Signals:
        changed (tuple): The pieces of this kind that the query has now.
    """

    changed = Signal(object)

    def __init__(
        self, kind: Kind, parts: tuple[str, ...], values: tuple[tuple[str, str], ...], anchor: QWidget
    ) -> None:
        super().__init__(kind.title, anchor)
        self._kind = kind
        self._parts = list(parts)
        self._values = dict(values)
        for part in parts:  # what was typed and is not among the usual ones
            value = part[len(kind.name) + 1 :].strip('"')
            if written(kind, value) == part:
                self._values.setdefault(value, value)
        self.line = QLineEdit()
        self.line.setPlaceholderText(f"Find a {kind.title.lower()}" if not kind.is_open else "Find, or add your own")
        self.line.setAccessibleName(f"{kind.title}: find")
        self.line.textChanged.connect(self._fill)
        self.list = QListWidget()
        self.list.setAccessibleName(kind.title)
        self.list.setMaximumHeight(LIST_HEIGHT)
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.itemChanged.connect(self._toggle)
        self.list.itemActivated.connect(self._flip)
        self.empty = label("", tone="muted", role="small")
        for widget in (self.line, self.list, self.empty):
            self.column.addWidget(widget)
        self.line.setVisible(kind.is_open or len(self._values) > 12)
        self._fill()
        self.setFocusProxy(self.line if self.line.isVisibleTo(self) else self.list)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down goes from the line into the list; Enter takes what was typed."""
        if event.key() == Qt.Key.Key_Down and self.line.hasFocus() and self.list.count():
            self.list.setFocus()
            self.list.setCurrentRow(0)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.line.hasFocus() and self.line.text().strip():
            self._take()
        else:
            super().keyPressEvent(event)

    def _fill(self) -> None:
        words = self.line.text().strip().casefold()
        self.list.blockSignals(True)
        self.list.clear()
        found = [(value, title) for value, title in self._values.items() if words in title.casefold()]
        found.sort(key=lambda item: written(self._kind, item[0]) not in self._parts)  # those chosen stand first
        for value, title in found[:500]:
            # What people named stays as they wrote it.
            item = QListWidgetItem(title[0].upper() + title[1:] if self._kind.values else display_name(title))
            item.setData(VALUE, value)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            is_chosen = written(self._kind, value) in self._parts
            item.setCheckState(Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setVisible(bool(found))
        rows = max(1, self.list.sizeHintForRow(0)) * max(1, len(found))
        self.list.setFixedHeight(min(LIST_HEIGHT, rows + 4))
        if words and not found:
            self.empty.setText("Press Enter to take it" if self._kind.is_open else "Nothing of that name")
        else:
            self.empty.setText("" if found else f"There is no {self._kind.title.lower()} yet")
        self.empty.setVisible(not found)
        self.adjustSize()

    def _take(self) -> None:
        """Enter in the line: the first of the list, or what was typed."""
        if self.list.count():
            self._flip(self.list.item(0))
        elif self._kind.is_open:
            value = self.line.text().strip()
            self._values[value] = value
            self._set(value, True)
        self.line.clear()

    def _flip(self, item: QListWidgetItem) -> None:
        is_chosen = item.checkState() == Qt.CheckState.Checked
        item.setCheckState(Qt.CheckState.Unchecked if is_chosen else Qt.CheckState.Checked)

    def _toggle(self, item: QListWidgetItem) -> None:
        self._set(item.data(VALUE), item.checkState() == Qt.CheckState.Checked)
        if self._kind.name in SINGLE:
            self.close()

    def _set(self, value: str, chosen: bool) -> None:
        part = written(self._kind, value)
        kept = [] if self._kind.name in SINGLE else [other for other in self._parts if other != part]
        self._parts = [*kept, part] if chosen else kept
        self.changed.emit(tuple(self._parts))


class WordEditor(Popover):
    """A piece that is edited as it is written: an excluded word, a phrase, a filter with a minus.

    Signals:
        changed (tuple): What stands in its place.
    """

    changed = Signal(object)

    def __init__(self, part: str, anchor: QWidget) -> None:
        super().__init__("As it is written", anchor)
        self.line = QLineEdit(display_name(part))
        self.line.setAccessibleName("As it is written in the query")
        self.line.textEdited.connect(self._apply)
        self.trouble = label("", tone="error", role="small")
        self.trouble.hide()
        self.column.addWidget(self.line)
        self.column.addWidget(self.trouble)
        self.setFocusProxy(self.line)

    def _apply(self) -> None:
        written_now = self.line.text().strip()
        try:
            parse(written_now)
        except QueryError as err:
            self.trouble.setText(f"{err.message} {err.hint}")
            self.trouble.show()
            return
        self.trouble.hide()
        self.changed.emit((written_now,) if written_now else ())


class WeightEditor(Popover):
    """How much a sound counts, and whether it is wanted.

    Signals:
        weighed (float): So much, against 1 for the others.
        turned: From wanted to unwanted, or back.
    """

    weighed = Signal(float)
    turned = Signal()

    def __init__(self, sound: Sound, anchor: QWidget) -> None:
        super().__init__(sound.name, anchor)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(1, 20)
        self.slider.setPageStep(5)
        self.slider.setValue(round(10 * sound.weight))
        self.slider.setAccessibleName("How much this sound counts")
        self.says = QLabel()
        self.slider.valueChanged.connect(self._say)
        self.slider.valueChanged.connect(lambda tenths: self.weighed.emit(tenths / 10))
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.slider, 1)
        line.addWidget(self.says)
        self.column.addWidget(label("How much it counts against the other sounds", tone="muted", role="small"))
        self.column.addLayout(line)
        self.turn = QPushButton("Search for what is unlike it" if sound.liked else "Search for what is like it")
        self.turn.clicked.connect(self._turn)
        self.column.addWidget(self.turn)
        self.setFocusProxy(self.slider)
        self._say()

    def _say(self) -> None:
        self.says.setText(f"{10 * self.slider.value()} %")

    def _turn(self) -> None:
        self.close()
        self.turned.emit()


class BalanceEditor(Popover):
    """How much the words of a query count against its sounds.

    Signals:
        weighed (float): The share of the words, 0 to 1.
    """

    weighed = Signal(float)

    def __init__(self, text_weight: float, anchor: QWidget) -> None:
        super().__init__("Words against sounds", anchor)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 20)
        self.slider.setPageStep(5)
        self.slider.setValue(round(20 * text_weight))
        self.slider.setAccessibleName("How much the words count against the sounds")
        self.says = label("", tone="muted", role="small")
        self.slider.valueChanged.connect(self._say)
        self.slider.valueChanged.connect(lambda steps: self.weighed.emit(steps / 20))
        ends = QHBoxLayout()
        ends.addWidget(QLabel("Sounds"))
        ends.addWidget(self.slider, 1)
        ends.addWidget(QLabel("Words"))
        ends.setSpacing(8)
        self.column.addLayout(ends)
        self.column.addWidget(self.says)
        self.setFocusProxy(self.slider)
        self._say()

    def _say(self) -> None:
        words = 5 * self.slider.value()
        self.says.setText(f"Words count {words} %, sounds {100 - words} %")

"""A row of filters under the query: each opens what builds it, without typing."""

from functools import partial

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from soundsearch.gui import menus
from soundsearch.gui.draft import kind_of
from soundsearch.gui.filters import KINDS
from soundsearch.gui.labels import mark
from soundsearch.gui.menus import Item
from soundsearch.gui.theme import Theme

DIRECT = ("dur", "type", "folder", "tag")  # those with a button of their own


class FilterBar(QWidget):
    """Length · type · folder · tag · more; where it is narrow, the rest is under "more".

    Signals:
        opened (str, QWidget): The filter of this kind shall be edited, below this widget.
    """

    opened = Signal(str, object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._active: frozenset[str] = frozenset()
        self.buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for name in DIRECT:
            button = self.buttons[name] = self._button(KINDS[name].title)
            button.setAccessibleName(f"Filter by {KINDS[name].title.lower()}")
            button.setToolTip(f"Only clips of a {KINDS[name].title.lower()} that you choose")
            button.clicked.connect(partial(self.opened.emit, name, button))
            row.addWidget(button)
        self.more = self._button("More")
        self.more.setAccessibleName("More filters")
        self.more.setToolTip("Tempo, key, rating and other filters")
        self.more.clicked.connect(self._open_more)
        row.addWidget(self.more)
        row.addStretch(1)
        # It takes the room there is: what does not fit is under "more".
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """One button."""
        return QSize(self.more.sizeHint().width(), self.more.sizeHint().height())

    def show_parts(self, parts: tuple[str, ...]) -> None:
        """Mark the filters that the query has."""
        self._active = frozenset(kind_of(part).removeprefix("-") for part in parts)
        for name, button in self.buttons.items():
            mark(button, "on", name in self._active)
        mark(self.more, "on", bool(self._active - set(self._direct()) - {"not", "phrase"}))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the buttons for which there is room."""
        super().resizeEvent(event)
        left = self.width() - self.more.sizeHint().width()
        for button in self.buttons.values():
            left -= button.sizeHint().width() + 4
            button.setVisible(left >= 0)

    def _direct(self) -> list[str]:
        return [name for name, button in self.buttons.items() if button.isVisibleTo(self)]

    def _open_more(self) -> None:
        direct = self._direct()
        items = tuple(
            Item(kind.title + ("  ·  set" if name in self._active else ""), partial(self.opened.emit, name, self.more))
            for name, kind in KINDS.items()
            if name not in direct
        )
        menus.build(items, self._theme, self).popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _button(self, words: str) -> QToolButton:
        button = QToolButton()
        button.setText(words)
        button.setProperty("filter", "true")
        return button

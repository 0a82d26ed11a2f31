"""A choice of one of a few, each explained by a sentence."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QRadioButton, QVBoxLayout, QWidget

from soundsearch.gui.labels import UNDER_WORDS, label


class Choice(QWidget):
    """One of a few, each with a sentence.

    Signals:
        changed
    """

    changed = Signal()

    def __init__(self, options: tuple[tuple[str, str, str], ...], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self._keys = [key for key, _, _ in options]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for number, (_, title, sentence) in enumerate(options):
            button = QRadioButton(title)
            button.setAccessibleDescription(sentence)
            self._group.addButton(button, number)
            words = label(sentence, tone="muted", role="small")
            words.setContentsMargins(UNDER_WORDS, 0, 0, 4)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            column.addWidget(words)
        self._group.button(0).setChecked(True)
        self.setFocusProxy(self._group.button(0))
        self._group.idToggled.connect(lambda _, on: self.changed.emit() if on else None)

    @property
    def chosen(self) -> str:
        """The key of the one that is chosen."""
        return self._keys[self._group.checkedId()]

    def button(self, key: str) -> QRadioButton:
        """The button of a key."""
        button = self._group.button(self._keys.index(key))
        assert isinstance(button, QRadioButton)
        return button

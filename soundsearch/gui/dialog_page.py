"""A page of a dialog: what it says scrolls, its buttons stay in view, from a narrow column to a large screen."""

from PySide6.QtWidgets import QAbstractScrollArea, QDialog, QFrame, QPushButton, QVBoxLayout, QWidget

from soundsearch.gui.flow_layout import flowing
from soundsearch.gui.scrolling import scrolling

READABLE = 640  # width in pixels


class DialogPage(QWidget):
    """Fill `content`; what should stay in view above the buttons goes into `footer`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        inside = self._inside = QWidget()
        self.content = QVBoxLayout(inside)
        self.content.setContentsMargins(16, 16, 16, 8)
        self.content.setSpacing(4)
        below = QFrame()
        below.setObjectName("footer")
        self.footer = QVBoxLayout(below)
        self.footer.setContentsMargins(16, 8, 16, 12)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(0)
        outside.addWidget(scrolling(inside), 1)
        outside.addWidget(below)

    def keep_readable(self) -> None:
        """Let lines grow no wider than one reads with ease, however large the window is."""
        self._inside.setMaximumWidth(READABLE)

    def add_buttons(self, *buttons: QWidget) -> None:
        """Put buttons at the end of the footer, in a line that breaks where it is narrow."""
        self.footer.addWidget(flowing(*buttons, to_the_right=True))


def fill(dialog: QDialog, parts: tuple[QWidget, ...], buttons: tuple[QPushButton, ...]) -> DialogPage:
    """Make a page the whole of a dialog: what scrolls by itself gets the room, the last button is for Enter."""
    page = DialogPage()
    page.content.setSpacing(8)
    for part in parts:
        page.content.addWidget(part, 1 if isinstance(part, QAbstractScrollArea) else 0)
    for button in buttons:
        button.setAutoDefault(button is buttons[-1])
    buttons[-1].setDefault(True)
    page.add_buttons(*buttons)
    outside = QVBoxLayout(dialog)
    outside.setContentsMargins(0, 0, 0, 0)
    outside.addWidget(page)
    return page

"""A column that scrolls up and down, for panels and dialogs."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget


def scrolling(inside: QWidget, *, sideways: bool = False) -> QScrollArea:
    """Put a widget into a frameless area that scrolls up and down.

    Args:
        inside: What scrolls.
        sideways: Also let it scroll to the side, where it does not fit.

    Returns:
        The area; Tab passes it by and goes to what is in it.
    """
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    if not sideways:
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area

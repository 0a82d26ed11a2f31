"""Plain labels that wrap, in the tones and sizes that the style sheet knows."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


def label(words: str = "", *, tone: str = "", role: str = "") -> QLabel:
    """A label of plain text.

    Args:
        words: What it says.
        tone: "muted", "warn", "error" or "accent".
        role: "small", "heading", "query" or "title".
    """
    made = QLabel(words)
    made.setWordWrap(True)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if tone:
        made.setProperty("tone", tone)
    if role:
        made.setProperty("role", role)
    return made

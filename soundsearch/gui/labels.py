"""Plain labels that wrap, in the tones and sizes that the style sheet knows."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

UNDER_WORDS = 28  # pixels from the left to the words of a box to tick, where its explanation stands


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


def mark(widget: QWidget, name: str, value: str | bool) -> None:
    """Change a property that the style sheet looks at."""
    words = str(value).lower() if isinstance(value, bool) else value
    if widget.property(name) != words:
        widget.setProperty(name, words)
        widget.style().unpolish(widget)
        widget.style().polish(widget)

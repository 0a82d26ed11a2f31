"""What each key does: the list that users see, and the way a key is bound."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

# As the sheet shows them; a test looks that no key that is bound is missing.
SHORTCUTS = (
    ("↑  ↓", "Select a clip and hear it"),
    ("Space", "Play or pause"),
    ("Shift+Space", "Play again from where it was last begun"),
    ("Enter", "Play from the start"),
    ("Esc", "Stop; again: clear the region, the selection"),
    ("L", "Repeat the clip or its region"),
    ("S", "Find what is similar to the selected clip"),
    ("F", "Add to favourites, or remove"),
    ("1 … 5,  0", "Rate the selection; 0 clears"),
    ("T", "Tags of the selection"),
    ("Ctrl+Z  Ctrl+Shift+Z", "Take the last step back; make it again"),
    ("R", "Record a sound from the microphone; R or Enter ends it, Esc throws it away"),
    ("Ctrl+F  or  /", "To the query box"),
    ("↓  in the query box", "To the results"),
    ("Alt+←  Alt+→", "Earlier and later queries"),
    ("Alt+↓  in the query box", "List of earlier queries"),
    ("Tab  in the query box", "Take the suggestion; Ctrl+↓ marks the next one"),
    ("Ctrl+S", "Save this search"),
    ("Ctrl+C", "Copy the selected clips as files"),
    ("Ctrl+V", "Search with the files on the clipboard; copied folders are offered for scanning"),
    ("Ctrl+B", "Show or hide the library"),
    ("Ctrl+I", "Show or hide the details"),
    ("←  →  on the edge of a panel", "Make the panel wider or narrower"),
    ("Ctrl+M", "Map or list"),
    ("+  −  0  on the map", "Nearer, farther, all of it; Ctrl with arrows moves it"),
    ("Ctrl+A  on the map", "Select all that is in sight"),
    ("Ctrl+O", "Add a folder"),
    ("F5", "Look for new and changed sounds"),
    ("Shift+T", "Propose tags for the selection"),
    ("Ctrl+Shift+T", "Propose tags for folders"),
    ("Ctrl+D", "Find duplicates"),
    ("Ctrl+T", "Train on your sounds"),
    ("Alt+M", "Menu"),
    ("Ctrl+,", "Settings"),
    ("?", "This list"),
    ("Ctrl+Q", "Quit"),
    ("In the waveform:", ""),
    ("←  →", "Move the play position"),
    ("+  −  0", "Closer, further away, the whole clip"),
    ("PgUp  PgDn", "Along the clip"),
    ("Shift+←  Shift+→", "Move the end of the region"),
    ("Ctrl+Shift+←  →", "Move its start"),
    ("[  ]", "Begin or end the region at the play position"),
    ("S,  Ctrl+C", "Find what is like the region; copy it as a file"),
)


def bind(window: QWidget, keys: str, act: Callable[[], object]) -> None:
    """Bind a key everywhere in the window. Letters and Space are not for this: they write, and press buttons."""
    QShortcut(QKeySequence(keys), window, act)


def bind_in(widgets: tuple[QWidget, ...], keys: str, act: Callable[[], object]) -> None:
    """Bind a key only where one of these widgets has the keyboard."""
    for widget in widgets:
        shortcut = QShortcut(QKeySequence(keys), widget)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(act)

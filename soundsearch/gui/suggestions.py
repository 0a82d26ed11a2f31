"""What the query could go on with: filters, tags, folders, and queries of before, in a list that never takes a key
that the box or the results need."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from soundsearch.catalogue.conditions import CONDITIONS, quoted
from soundsearch.gui.draft import Draft
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.filters import KINDS, Vocabulary, values_of

MOST = 7
LEAST_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` would stand in place of what the box holds between `start` and `end`; or `draft` in place of it all."""

    title: str
    remark: str
    text: str = ""
    start: int = 0
    end: int = 0
    draft: Draft | None = None


def suggest(text: str, cursor: int, known: Vocabulary, past: Sequence[Draft]) -> tuple[Suggestion, ...]:
    """Say what a query could go on with at the cursor, the likeliest first.

    Args:
        text: What stands in the box.
        cursor: Where the cursor is in it.
        known: Tags and folders.
        past: Queries of before, the newest first.
    """
    start = text.rfind(" ", 0, cursor) + 1
    word = text[start:cursor]
    minus, word = ("-", word[1:]) if word.startswith("-") else ("", word)
    name, colon, value = word.partition(":")
    found: list[Suggestion] = []
    if colon and name.lower() in KINDS:
        kind = KINDS[name.lower()]
        begun = value.strip('"').casefold()
        for option, title in values_of(kind, known):
            if begun in option.casefold() and option.casefold() != begun:
                put = f"{minus}{kind.name}:{quoted(option)} "
                found.append(Suggestion(display_name(title), kind.title.lower(), put, start, cursor))
        found.sort(key=lambda s: not s.title.casefold().startswith(begun))
        return tuple(found[:MOST])
    if len(word) < LEAST_LETTERS:
        return ()
    begun = word.casefold()
    for condition in CONDITIONS.values():
        title = KINDS[condition.name].title if condition.name in KINDS else condition.name
        if condition.name.startswith(begun) or title.casefold().startswith(begun):
            put = minus + condition.name + condition.operators[0]
            found.append(Suggestion(condition.example, condition.meaning, put, start, cursor))
    found += [
        Suggestion(display_name(tag), "tag", f"{minus}tag:{quoted(tag)} ", start, cursor)
        for tag in known.tags
        if any(piece.startswith(begun) for piece in tag.casefold().split())
    ]
    for folder in known.folders:
        last = folder.replace("\\", "/").rpartition("/")[2]
        if last.casefold().startswith(begun):
            found.append(Suggestion(display_name(folder), "folder", f"{minus}folder:{quoted(folder)} ", start, cursor))
    whole = text.strip().casefold()
    found += [
        Suggestion(draft.title, "searched before", draft=draft)
        for draft in past
        if draft.text.casefold().startswith(whole) and draft.text.strip().casefold() != whole
    ]
    # A few of each, so that many tags do not hide the rest.
    kinds = {s.remark: [t for t in found if t.remark == s.remark][:3] for s in found}
    return tuple([s for of_kind in kinds.values() for s in of_kind][:MOST])


class SuggestionList(QFrame):
    """Lies over the results under the box. Tab takes the marked one, Ctrl+arrows mark another, Escape closes it.

    Signals:
        chosen (Suggestion)
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._below = parent
        self.setObjectName("popover")
        self.list = QListWidget()
        self.list.setAccessibleName("Suggestions")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.itemClicked.connect(lambda item: self._choose(self.list.row(item)))
        self._shown: tuple[Suggestion, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.addWidget(self.list)
        self.hide()

    @property
    def shown(self) -> tuple[Suggestion, ...]:
        """What is suggested; nothing while it is hidden."""
        return self._shown if self.isVisibleTo(self._below) else ()

    def show_under(self, anchor: QWidget, suggestions: tuple[Suggestion, ...]) -> None:
        """Show these under a widget, or hide."""
        self._shown = suggestions
        self.list.clear()
        if not suggestions:
            self.hide()
            return
        for suggestion in suggestions:
            item = QListWidgetItem(f"{suggestion.title}    {suggestion.remark}")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{suggestion.title}, {suggestion.remark}")
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        row = max(24, self.list.sizeHintForRow(0))
        at = anchor.mapTo(self._below, QPoint(0, anchor.height() + 2))
        width = min(max(280, anchor.width() // 2), anchor.width())
        self.setGeometry(at.x(), at.y(), width, row * len(suggestions) + 6)
        self.raise_()
        self.show()

    def move_mark(self, by: int) -> None:
        """Mark the next one, or the one before."""
        self.list.setCurrentRow((self.list.currentRow() + by) % max(1, len(self._shown)))

    def take(self) -> bool:
        """Choose the marked one; False if there is none."""
        if not self.shown:
            return False
        self._choose(self.list.currentRow())
        return True

    def _choose(self, row: int) -> None:
        suggestion = self._shown[row]
        self.hide()
        self.chosen.emit(suggestion)

"""What the query could go on with: filters, tags, folders, and queries of before, in a list that never takes a key
that the box or the results need."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from soundsearch.catalogue.conditions import CONDITIONS, quoted
from soundsearch.gui.draft import Draft
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.filters import KINDS, Vocabulary, values_of
from soundsearch.gui.theme import Theme

MOST = 7
REMARK = Qt.ItemDataRole.UserRole
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


class SuggestionLine(QStyledItemDelegate):
    """A suggestion with, at the right, what it is."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Its words in the colour of text, what it is in that of secondary text."""
        area, tokens = option.rect, self._theme.tokens
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, tokens.color("accent_soft"))
        remark, font = index.data(REMARK), self._theme.font(11)
        wide = QFontMetrics(font).horizontalAdvance(remark)
        inner = area.adjusted(8, 0, -8, 0)
        painter.setFont(font)
        painter.setPen(tokens.color("muted"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, remark)
        painter.setFont(self._theme.font(13))
        painter.setPen(tokens.color("text"))
        left = inner.adjusted(0, 0, -wide - 12, 0)
        words = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideMiddle, left.width())
        painter.drawText(left, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """A line."""
        return QSize(100, self._theme.px(26))


class Suggester(QObject):
    """A list over the results, under the box. Tab takes the marked line, Ctrl+arrows mark another, Escape closes it.

    Signals:
        text_taken (str, int): What the box shall hold, and where its cursor.
        draft_taken (Draft): The query that was chosen.
    """

    text_taken = Signal(str, int)
    draft_taken = Signal(object)

    def __init__(self, box: QLineEdit, anchor: QWidget, theme: Theme) -> None:
        super().__init__(box)
        self._box, self._anchor, self._theme = box, anchor, theme
        self._list: QListWidget | None = None  # made when it is first needed: it lies in the window, not in the field
        self._shown: tuple[Suggestion, ...] = ()

    @property
    def shown(self) -> tuple[Suggestion, ...]:
        """What is suggested now."""
        return self._shown

    def suggest(self, known: Vocabulary, past: Sequence[Draft]) -> None:
        """Show what the query could go on with."""
        found = suggest(self._box.text(), self._box.cursorPosition(), known, past) if self._box.hasFocus() else ()
        if not found:
            self.hide()
            return
        self._shown = found
        shown = self._list = self._list or self._make()
        shown.clear()
        for suggestion in found:
            item = QListWidgetItem(suggestion.title)
            item.setData(REMARK, suggestion.remark)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{suggestion.title}, {suggestion.remark}")
            shown.addItem(item)
        shown.setCurrentRow(0)
        at = self._anchor.mapTo(self._anchor.window(), QPoint(0, self._anchor.height() + 2))
        width = min(max(320, self._anchor.width() // 2), self._anchor.width())
        shown.setGeometry(at.x(), at.y(), width, self._theme.px(26) * len(found) + 4)
        shown.raise_()
        shown.show()

    def hide(self) -> None:
        """Suggest nothing."""
        self._shown = ()
        if self._list:
            self._list.hide()

    def take_key(self, event: QKeyEvent) -> bool:
        """Do what a key of the box means for the list; False where it means nothing."""
        if not self._shown or self._list is None:
            return False
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up) and held == Qt.KeyboardModifier.ControlModifier:
            by = 1 if event.key() == Qt.Key.Key_Down else -1
            self._list.setCurrentRow((self._list.currentRow() + by) % len(self._shown))
        elif event.key() == Qt.Key.Key_Tab and not held:
            self._choose(self._list.currentRow())
        elif event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            return False
        return True

    def _make(self) -> QListWidget:
        made = QListWidget(self._anchor.window())
        made.setObjectName("suggestions")
        made.setAccessibleName("Suggestions")
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setItemDelegate(SuggestionLine(self._theme, made))
        made.itemClicked.connect(lambda item: self._choose(made.row(item)))
        return made

    def _choose(self, row: int) -> None:
        taken, text = self._shown[row], self._box.text()
        self.hide()
        if taken.draft is not None:
            self.draft_taken.emit(taken.draft)
        else:
            text = text[: taken.start] + taken.text + text[taken.end :].lstrip()
            self.text_taken.emit(text, taken.start + len(taken.text))

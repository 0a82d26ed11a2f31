"""The folders of the library, and its collections, as a tree in which some are chosen, with the clips in each."""

from collections.abc import Iterable
from pathlib import PurePath

from PySide6.QtCore import QLineF, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.theme import Theme
from soundsearch.records import Collection, Folder

NAME, CLIPS = 0, 1
MAX_DEPTH = 3  # levels below a root that are shown: libraries have thousands of folders
PATH = Qt.ItemDataRole.UserRole


class FolderTree(QTreeWidget):
    """Every folder starts as chosen, no collection does; a folder takes those below it along.

    Signals:
        chosen_changed
    """

    chosen_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegateForColumn(NAME, BoxDelegate(theme, self))
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(CLIPS, QHeaderView.ResizeMode.ResizeToContents)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Folders to learn from")
        self.itemChanged.connect(lambda *_: self.chosen_changed.emit())
        self._theme = theme
        self._collections: QTreeWidgetItem | None = None  # the line above them; the only one at the top without a path
        theme.changed.connect(self._dress)

    def set_folders(self, folders: Iterable[Folder], collections: Iterable[Collection] = ()) -> None:
        """Show these; what was chosen among them before stays so."""
        collected = set(self.chosen_collections)
        unchosen = {item.data(NAME, PATH) for item in self._items() if item.checkState(NAME) == Qt.CheckState.Unchecked}
        with QSignalBlocker(self):
            self.clear()
            self._collections = None
            known: dict[str, QTreeWidgetItem] = {}
            for folder in folders:
                above = known.get(str(PurePath(folder.path).parent))
                item = self._item(folder, above)
                if item is not None:
                    known[folder.path] = item
            for path in unchosen & set(known):
                if not known[path].childCount():
                    known[path].setCheckState(NAME, Qt.CheckState.Unchecked)
            tops = self._tops()
            self._show_collections([collection for collection in collections if collection.clips], collected)
            for item in tops[:1]:
                item.setExpanded(len(tops) == 1)
                self.setCurrentItem(item)
        self.chosen_changed.emit()

    @property
    def chosen(self) -> tuple[str, ...] | None:
        """Paths of what is chosen, as few as say it: () for everything, None for nothing."""
        tops = self._tops()
        if all(item.checkState(NAME) == Qt.CheckState.Checked for item in tops):
            return ()
        found = tuple(_chosen_below(tops))
        return found or None

    @property
    def chosen_folders(self) -> tuple[str, ...]:
        """Paths of what is chosen, as few as say it, also where that is everything; () for nothing."""
        return tuple(_chosen_below(self._tops()))

    @property
    def chosen_collections(self) -> tuple[str, ...]:
        """Names of the collections that are chosen."""
        lines = _children(self._collections) if self._collections is not None else []
        return tuple(line.data(NAME, PATH) for line in lines if line.checkState(NAME) == Qt.CheckState.Checked)

    def _show_collections(self, collections: list[Collection], chosen: set[str]) -> None:
        if not collections:
            return
        self._collections = top = self._line(QTreeWidgetItem(self), "Collections", "", None)
        for collection in collections:
            line = self._line(QTreeWidgetItem(top), display_name(collection.name), collection.name, collection.clips)
            if collection.name in chosen:
                line.setCheckState(NAME, Qt.CheckState.Checked)
        top.setExpanded(bool(chosen))

    def _item(self, folder: Folder, above: QTreeWidgetItem | None) -> QTreeWidgetItem | None:
        """A line for a folder; None below the depth that is shown."""
        path = PurePath(folder.path)
        depth = 0
        up = above
        while up is not None:
            depth, up = depth + 1, up.parent()
        if depth > MAX_DEPTH or (above is None and self._is_within_a_line(path)):
            return None
        item = QTreeWidgetItem(above) if above is not None else QTreeWidgetItem(self)
        self._line(item, display_name(path.name or folder.path), folder.path, folder.clips)
        item.setToolTip(NAME, display_name(folder.path))
        item.setCheckState(NAME, Qt.CheckState.Checked)
        return item

    def _line(self, item: QTreeWidgetItem, text: str, of: str, clips: int | None) -> QTreeWidgetItem:
        """Fill a line that is not chosen."""
        item.setText(NAME, text)
        item.setData(NAME, PATH, of)
        item.setText(CLIPS, "" if clips is None else f"{clips:,}")
        item.setTextAlignment(CLIPS, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setForeground(CLIPS, self._theme.tokens.color("muted"))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsAutoTristate)
        item.setCheckState(NAME, Qt.CheckState.Unchecked)
        return item

    def _is_within_a_line(self, path: PurePath) -> bool:
        """Whether a folder lies below one that is shown, deeper than lines go."""
        return any(PurePath(top.data(NAME, PATH)) in path.parents for top in self._tops())

    def _tops(self) -> list[QTreeWidgetItem]:
        items = (self.topLevelItem(i) for i in range(self.topLevelItemCount()))
        return [item for item in items if item is not None and item is not self._collections]

    def _dress(self) -> None:
        with QSignalBlocker(self):
            for item in (*self._items(), *(_children(self._collections) if self._collections is not None else ())):
                item.setForeground(CLIPS, self._theme.tokens.color("muted"))

    def _items(self) -> list[QTreeWidgetItem]:
        found: list[QTreeWidgetItem] = []
        waiting = self._tops()
        while waiting:
            item = waiting.pop()
            found.append(item)
            waiting += _children(item)
        return found


class BoxDelegate(QStyledItemDelegate):
    """Draws the boxes to tick: the style's own are as good as unseen on a dark ground."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The line as it is, our box over the style's."""
        super().paint(painter, option, index)
        whole = QStyleOptionViewItem(option)
        self.initStyleOption(whole, index)
        view: QWidget = option.widget
        place = view.style().subElementRect(QStyle.SubElement.SE_ItemViewItemCheckIndicator, whole, view)
        box = QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5)
        state = whole.checkState
        tokens = self._theme.tokens
        is_empty = state == Qt.CheckState.Unchecked
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(tokens.color("muted" if is_empty else "accent"), 1.5))
        painter.setBrush(tokens.color("raised" if is_empty else "accent"))
        painter.drawRoundedRect(box, 2, 2)
        painter.setPen(QPen(tokens.color("on_accent"), 2.0))
        x, y, w, h = box.x(), box.y(), box.width(), box.height()
        if state == Qt.CheckState.Checked:
            tick = [QPointF(x + 0.22 * w, y + 0.52 * h), QPointF(x + 0.42 * w, y + 0.72 * h)]
            painter.drawPolyline(QPolygonF([*tick, QPointF(x + 0.78 * w, y + 0.3 * h)]))
        elif state == Qt.CheckState.PartiallyChecked:
            painter.drawLine(QLineF(x + 0.25 * w, y + 0.5 * h, x + 0.75 * w, y + 0.5 * h))
        painter.restore()


def _chosen_below(items: Iterable[QTreeWidgetItem]) -> Iterable[str]:
    for item in items:
        state = item.checkState(NAME)
        if state == Qt.CheckState.Checked:
            yield item.data(NAME, PATH)
        elif state == Qt.CheckState.PartiallyChecked:
            yield from _chosen_below(_children(item))


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    children = (item.child(i) for i in range(item.childCount()))
    return [child for child in children if child is not None]

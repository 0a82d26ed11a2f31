"""The header of the result list: a click sorts, a drag moves or widens a column, a right click chooses columns."""

from functools import partial

from PySide6.QtCore import QPointF, QRect, QSettings, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFontMetrics, QPainter
from PySide6.QtWidgets import QHeaderView, QWidget

from soundsearch.gui import menus
from soundsearch.gui.menus import SEPARATOR, Item
from soundsearch.gui.result_columns import LEAST_STRETCHED, NARROWEST, SPECS, Column, Columns, stretched
from soundsearch.gui.theme import Theme


class ResultHeader(QHeaderView):
    """Columns and order of the list.

    Signals:
        order_chosen (str): Sort by this, as `messages.Search.order`; "" for the best first.
        columns_changed: Others are shown, or in other places.
        editor_requested: Columns shall be arranged by keys.
    """

    order_chosen = Signal(str)
    columns_changed = Signal()
    editor_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme = theme
        self._columns = Columns()
        self._order = ""
        self._fitting = False
        self._list_width = 0
        self.setAccessibleName("Columns of the results")
        self.setHighlightSections(False)
        self.setSectionsClickable(True)
        self.setSectionsMovable(True)
        self.setFirstSectionMovable(True)
        self.setMinimumSectionSize(NARROWEST)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.sectionResized.connect(self._keep_width)
        self.sectionMoved.connect(self._keep_sequence)
        self.sectionClicked.connect(lambda section: self.sort_by(Column(section)))

    @property
    def order(self) -> str:
        """What the list is sorted by."""
        return self._order

    @property
    def first(self) -> Column:
        """The leftmost column that is shown."""
        return next(c for c in map(Column, self._sections()) if not self.isSectionHidden(c))

    @property
    def sequence(self) -> tuple[Column, ...]:
        """All columns from left to right, hidden ones included."""
        return tuple(self._columns.sequence)

    @property
    def rest(self) -> Column | None:
        """The column that takes what the others leave, if it is shown."""
        found = stretched([column for column in Column if not self.isSectionHidden(column)])
        return None if self.isSectionHidden(found) else found

    def is_chosen(self, column: Column) -> bool:
        """Whether it is shown where there is room."""
        return column in self._columns.chosen

    def can_widen(self, column: Column) -> bool:
        """Whether its width is for the user to say: not that of the rest, nor any in a narrow list."""
        return self._keeps_widths and column != self.rest and not self.isSectionHidden(column)

    def show_order(self, order: str) -> None:
        """Show by which column the list is sorted."""
        self._order = order
        field = order.removeprefix("-")
        column = next((c for c, spec in SPECS.items() if order and spec.order.removeprefix("-") == field), None)
        self.setSortIndicatorShown(column is not None)
        falling = order.startswith("-")
        direction = Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder
        self.setSortIndicator(-1 if column is None else column, direction)

    def sort_by(self, column: Column) -> None:
        """Sort by a column; once more turns it round, and a third time brings the best first again."""
        first = SPECS[column].order
        turned = first.removeprefix("-") if first.startswith("-") else f"-{first}"
        order = "" if not first else {first: turned, turned: ""}.get(self._order, first)
        self.show_order(order)
        self.order_chosen.emit(order)

    def fit(self, width: int) -> None:
        """Show the columns for which a list of this width has room."""
        self._list_width = width
        widths = self._columns.fit(width, self._theme.px)
        rest = stretched(list(widths))
        self._fitting = True
        for column in Column:
            self.setSectionHidden(column, column not in widths)
            mode = QHeaderView.ResizeMode.Stretch if column == rest else QHeaderView.ResizeMode.Interactive
            self.setSectionResizeMode(column, mode)
        for column, wide in widths.items():
            if column != rest:
                self.resizeSection(column, wide)
        self._fitting = False

    def fit_one(self) -> None:
        """Show the name alone: the list is a narrow strip."""
        for column in Column:
            self.setSectionHidden(column, column != Column.NAME)
        self.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)

    def choose_column(self, column: Column, shown: bool) -> None:
        """Show or hide a column."""
        (self._columns.chosen.add if shown else self._columns.chosen.discard)(column)
        self.columns_changed.emit()

    def move_column(self, column: Column, places: int) -> None:
        """Move a column to the right, or by a negative number to the left."""
        self.moveSection(self.visualIndex(column), min(max(self.visualIndex(column) + places, 0), self.count() - 1))

    def widen(self, column: Column, pixels: int) -> None:
        """Make a column wider, as far as no other has to go for it, or by a negative number narrower."""
        rest = self.rest
        if rest is not None and self.can_widen(column):
            room = max(0, self.sectionSize(rest) - self._theme.px(LEAST_STRETCHED[rest]))
            self._columns.widths[column] = max(self.sectionSize(column) + min(pixels, room), NARROWEST)
            self.columns_changed.emit()

    def reset(self) -> None:
        """As it was at first."""
        self._columns = Columns()
        self._place()
        self.columns_changed.emit()

    def save(self, store: QSettings) -> None:
        """Remember columns and widths."""
        self._columns.save(store)

    def restore(self, store: QSettings) -> None:
        """Take what was remembered."""
        self._columns.restore(store)
        self._place()

    def column_items(self) -> tuple[Item, ...]:
        """Menu lines that show and hide columns."""
        chosen = self._columns.chosen
        lines = tuple(
            Item(
                SPECS[c].title,
                partial(self.choose_column, c, c not in chosen),
                checked=c in chosen,
                is_alone=True,
                tip="Shown where there is room" if c in chosen and self.isSectionHidden(c) else SPECS[c].hint,
            )
            for c in self._columns.sequence
            if c != Column.NAME
        )
        arrange = Item("Order and widths…", self.editor_requested.emit)
        return (*lines, SEPARATOR, arrange, Item("As at first", self.reset))

    def order_items(self) -> tuple[Item, ...]:
        """Menu lines that sort, for those who use the keyboard."""
        best = Item("Best first", partial(self._choose_order, ""), checked=not self._order)
        lines = tuple(
            Item(
                spec.title,
                partial(self.sort_by, column),
                checked=bool(self._order) and self._order.removeprefix("-") == spec.order.removeprefix("-"),
                tip=spec.hint,
            )
            for column, spec in SPECS.items()
            if spec.order
        )
        return (best, SEPARATOR, *lines)

    def paintSection(self, painter: QPainter, area: QRect, section: int) -> None:
        """Beside the title of the column that sorts stands an arrow; Qt's own would stand on the title."""
        painter.save()
        super().paintSection(painter, area, section)
        painter.restore()
        if not self.isSortIndicatorShown() or section != self.sortIndicatorSection():
            return
        spec, tokens = SPECS[Column(section)], self._theme.tokens
        wide = QFontMetrics(self._theme.font(11)).horizontalAdvance(spec.title)
        x = area.right() - 8 - wide - 10 if spec.right else area.left() + 8 + wide + 10
        side = -1 if self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder else 1
        y = area.center().y()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.color("accent"))
        painter.drawPolygon([QPointF(x - 4, y - 2 * side), QPointF(x + 4, y - 2 * side), QPointF(x, y + 3 * side)])
        painter.restore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Choose columns."""
        menus.build(self.column_items(), self._theme, self).popup(event.globalPos())

    def _choose_order(self, order: str) -> None:
        self.show_order(order)
        self.order_chosen.emit(order)

    @property
    def _keeps_widths(self) -> bool:
        """In a narrow list widths are ours."""
        return self._list_width >= self._theme.px(SPECS[Column.FOLDER].shown_from)

    def _sections(self) -> list[int]:
        return [self.logicalIndex(place) for place in range(self.count())]

    def _place(self) -> None:
        self._fitting = True
        for place, column in enumerate(self._columns.sequence):
            self.moveSection(self.visualIndex(column), place)
        self._fitting = False

    def _keep_sequence(self) -> None:
        if not self._fitting:
            self._columns.sequence = [Column(section) for section in self._sections()]
            self.columns_changed.emit()

    def _keep_width(self, section: int, _old: int, new: int) -> None:
        column = Column(section)
        by_hand = self.sectionResizeMode(section) == QHeaderView.ResizeMode.Interactive
        if not self._fitting and by_hand and self._keeps_widths and new:
            self._columns.widths[column] = new

"""The list of hits: audition by selecting, drag out, columns that follow the width."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPoint,
    QRect,
    QSettings,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QDrag,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from soundsearch.gui.file_exchange import MAX_FILES, display_name, files_mime
from soundsearch.gui.result_columns import Column
from soundsearch.gui.result_header import ResultHeader
from soundsearch.gui.result_model import Index, ResultModel
from soundsearch.gui.result_row import BREAK_HEIGHT, RowDelegate
from soundsearch.gui.theme import Theme
from soundsearch.records import Clip, IntArray, Ranking

ROW_HEIGHT = {False: 40, True: 28}  # comfortable, compact
STACKED_ROW_HEIGHT = 56
STACKED_BELOW = 360  # width in pixels of the list, not of the window
MAX_KEPT_SELECTION = 10_000  # a larger selection is not carried over to other results
MAX_MARKED = 100_000  # clips of which something is said at once
NEIGHBOURS = 2  # clips on each side of the selection that are decoded ahead


class ResultsView(QTableView):
    """Rows of a ranking.

    Signals:
        chosen (Clip): The user went to this row.
        chosen_again (Clip): The user clicked the row on which he already was.
        selection_changed
        menu_requested (QPoint): Where, in screen coordinates.
        rated (tuple, int): These clips (of Clip) shall have so many stars; 0 takes them away.
        told (str): Something to say in the status line.
    """

    chosen = Signal(object)
    chosen_again = Signal(object)
    selection_changed = Signal()
    menu_requested = Signal(QPoint)
    rated = Signal(object, int)
    told = Signal(str)

    def __init__(self, model: ResultModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._theme = theme
        self._compact = False
        self._restoring = False
        self._awaited: int | None = None  # chosen before its clip was here
        self._pressed_current = False
        self._is_new = False  # the query was changed, and no row chosen since
        self._tall_row: int | None = None
        self.delegate = RowDelegate(model, theme, self)
        self._catch_up = QTimer(self, singleShot=True, interval=0)
        self._catch_up.timeout.connect(self.viewport().update)
        self.setModel(model)
        self.setItemDelegate(self.delegate)
        self.setAccessibleName("Results")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setMouseTracking(True)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(24)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.header = ResultHeader(theme, self)
        self.setHorizontalHeader(self.header)
        # A header looks at every selected row to see whether whole columns are selected: 16 s for 200,000 rows. It
        # gets a selection of its own, in which there never is anything.
        self.header.setSelectionModel(QItemSelectionModel(model, self.header))
        self.header.columns_changed.connect(self._fit)
        self.header.sectionResized.connect(self.viewport().update)
        theme.changed.connect(self._fit)
        model.clips_arrived.connect(self._chosen_arrived)
        self.selectionModel().selectionChanged.connect(self._selection_changed)
        self.clicked.connect(self._click)
        self._fit()

    @property
    def compact(self) -> bool:
        """Whether rows are low."""
        return self._compact

    def set_compact(self, compact: bool) -> None:
        """Choose low or comfortable rows."""
        self._compact = compact
        self._fit()

    def save_columns(self, store: QSettings) -> None:
        """Remember which columns there are, in which order, how wide."""
        self.header.save(store)

    def restore_columns(self, store: QSettings) -> None:
        """Take the columns of last time."""
        self.header.restore(store)
        self._fit()

    def show_ranking(self, ranking: Ranking, *, keep_scroll: bool, order: str = "") -> None:
        """Show another ranking; clips that were selected and are still here stay selected, without being played.

        Args:
            ranking: The hits.
            keep_scroll: It answers the same query as the one before.
            order: What it is sorted by, as `messages.Search.order`.
        """
        self.header.show_order(order)
        kept = self._selected_ids(MAX_KEPT_SELECTION)
        current = self.currentIndex().row()
        current_id = self._model.clip_id(current) if current >= 0 else None
        follow = self.hasFocus() and self._is_on_screen(current)
        self._restoring = True
        self.setAutoScroll(False)  # a kept selection may be anywhere in the new ranking
        try:
            self._model.show(ranking, lambda: self._select_ids(kept, current_id), best_first=not order)
        finally:
            self._restoring = False
            self.setAutoScroll(True)
        self._fit_break()
        if not keep_scroll:
            self._is_new = True
            self.scrollToTop()
        elif follow and self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())
        self.selection_changed.emit()

    def enter(self) -> None:
        """Take the keyboard, and go to the first row unless one of these results is chosen."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if not self._model.rowCount() or not (self._is_new or not self.selectionModel().hasSelection()):
            return
        self._is_new = False
        clip = self.current_clip()
        if clip and self.currentIndex().row() == 0:
            self.chosen_again.emit(clip)  # kept from the query before
        else:
            self.selectRow(0)

    def step(self, rows: int) -> None:
        """Take the keyboard, and go down, or up, from the current row."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        row = max(0, self.currentIndex().row() + rows)
        if row < self._model.rowCount():
            self.selectRow(row)

    def go_to_clip(self, clip_id: int) -> bool:
        """Choose the row of a clip, wherever it is; False if it is not among the results."""
        rows = self._model.rows_of(np.array([clip_id]))
        if len(rows):
            if int(rows[0]) == self.currentIndex().row():
                self.selectRow(int(rows[0]))
                if clip := self.current_clip():
                    self.chosen_again.emit(clip)
            else:
                self.selectRow(int(rows[0]))
        return bool(len(rows))

    def select_clips(self, clip_ids: IntArray) -> None:
        """Select these clips, as far as they are among the results, without playing any.

        The keyboard stays on a clip that is one of them, or goes to the first: commands for one clip take that.
        """
        rows = np.sort(self._model.rows_of(clip_ids))
        current = self.current_id()
        if current not in clip_ids:
            current = self._model.clip_id(int(rows[0])) if len(rows) else None
        self._restoring = True
        self._select_ids(clip_ids, current)
        self._restoring = False
        self.selection_changed.emit()

    def selected_ids(self) -> IntArray:
        """Ids of the selected clips; none if they are more than a screen could show."""
        return self._selected_ids(MAX_KEPT_SELECTION)

    def current_id(self) -> int | None:
        """The clip on which the keyboard is."""
        row = self.currentIndex().row()
        return self._model.clip_id(row) if row >= 0 else None

    def current_clip(self) -> Clip | None:
        """The clip on which the keyboard is, if it is selected."""
        index = self.currentIndex()
        if not index.isValid() or not self.selectionModel().isRowSelected(index.row(), QModelIndex()):
            return None
        return self._model.clip(index.row())

    def current_moment(self) -> tuple[float, float] | None:
        """Start and end of the part of the current clip that answers the query, in seconds; None for all of it."""
        index = self.currentIndex()
        return self._model.moment(index.row()) if index.isValid() else None

    def selected_rows(self) -> list[int]:
        """Selected rows in their order; at most one more than can be handed over, so that a million stay cheap."""
        rows: list[int] = []
        for part in sorted(self._selected_ranges(), key=QItemSelectionRange.top):
            rows += range(part.top(), min(part.bottom() + 1, part.top() + MAX_FILES + 1 - len(rows)))
            if len(rows) > MAX_FILES:
                break
        return rows

    def ids_to_mark(self) -> tuple[int, ...]:
        """Ids of the selection, for what needs no files; none, having said why, if they are too many."""
        if sum(part.height() for part in self._selected_ranges()) > MAX_MARKED:
            self.told.emit(f"At most {MAX_MARKED:,} clips can be marked at once")
            return ()
        return tuple(self._selected_ids(MAX_MARKED).tolist())

    def selected_clips(self) -> list[Clip] | None:
        """The clips of the selection; None, having said why, if they are too many or not all here yet."""
        rows = self.selected_rows()
        if len(rows) > MAX_FILES:
            self.told.emit(f"At most {MAX_FILES:,} clips can be handed over at once")
            return None
        clips = [self._model.clip(row) for row in rows]
        here = [clip for clip in clips if clip is not None]
        if len(here) < len(clips) - sum(self._model.is_gone(row) for row in rows):
            self.told.emit("The selection is still loading: try again in a moment")
            return None
        return here

    def neighbours(self) -> list[str]:
        """Paths of the clips around the current one, nearest first, as far as they are here."""
        row, last = self.currentIndex().row(), self._model.rowCount() - 1
        around = [row + step * side for step in range(1, NEIGHBOURS + 1) for side in (1, -1)]
        clips = (self._model.clip(r) for r in around if 0 <= r <= last)
        return [clip.path for clip in clips if clip and not clip.offline]

    def set_playing(self, clip_id: int | None) -> None:
        """Mark the row that is heard."""
        if self.delegate.playing_id != clip_id:
            self.delegate.playing_id = clip_id
            self.viewport().update()

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Choosing a row is what plays it."""
        super().currentChanged(current, previous)
        if self._restoring or not current.isValid() or current.row() == previous.row():
            return
        self._is_new = False
        clip = self._model.clip(current.row())
        if clip is None:
            self._awaited = self._model.clip_id(current.row())
            self._model.want([self._awaited])
        else:
            self._awaited = None
            self.chosen.emit(clip)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows begin at the best of other results, not at a clip kept from those before that is far down now."""
        arrow = event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up) and not event.modifiers()
        if arrow and self._is_new and not self._is_on_screen(self.currentIndex().row()):
            self.enter()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Letters are shortcuts here, not a search among the rows."""

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Take the keyboard without choosing: Qt makes the first row current if none is, which would play it."""
        had_current = self.currentIndex().isValid()
        self._restoring, before = True, self._restoring
        super().focusInEvent(event)
        if not had_current:
            self.selectionModel().setCurrentIndex(QModelIndex(), QItemSelectionModel.SelectionFlag.NoUpdate)
        self._restoring = before

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take a click on a star; else remember whether the row under the mouse is the current one already."""
        if self._rate(event):
            return
        self._pressed_current = self.indexAt(event.position().toPoint()).row() == self.currentIndex().row()
        super().mousePressEvent(event)

    def _rate(self, event: QMouseEvent) -> bool:
        """Rate the clip whose stars are clicked, or all that are selected if it is one of them."""
        index = self.indexAt(event.position().toPoint())
        if event.button() != Qt.MouseButton.LeftButton or index.column() != Column.RATING:
            return False
        clip = self._model.clip(index.row())
        stars = self.delegate.star_at(self.visualRect(index), event.position().toPoint())
        if clip is None or not stars:
            return False
        chosen = (
            (self.selected_clips() or []) if self.selectionModel().isRowSelected(index.row(), QModelIndex()) else []
        )
        self.rated.emit(tuple(chosen or [clip]), 0 if stars == clip.rating else stars)
        return True

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu of the selection, also by the menu key."""
        if self.selectionModel().hasSelection():
            index = self.currentIndex()
            by_key = event.reason() == QContextMenuEvent.Reason.Keyboard and index.isValid()
            at = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft()) if by_key else event.globalPos()
            self.menu_requested.emit(at)

    def startDrag(self, supported: Qt.DropAction) -> None:
        """Drag the whole selection out as files, to be copied."""
        clips = self.selected_clips()
        if not clips:
            return
        drag = QDrag(self)
        drag.setMimeData(files_mime([clip.path for clip in clips]))
        picture = self._drag_picture(clips)
        drag.setPixmap(picture)
        drag.setHotSpot(QPoint(-12, -8))
        drag.exec(Qt.DropAction.CopyAction)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Look once which row is under the mouse: the list may have moved under it."""
        at = self.viewport().mapFromGlobal(QCursor.pos())
        self.delegate.begin(self.indexAt(at).row() if self.underMouse() else -1)
        super().paintEvent(event)
        if self.delegate.is_behind:
            self._catch_up.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the columns for which there is room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = self.viewport().width()
        px = self._theme.px  # a larger system font needs more room everywhere
        stacked = width < px(STACKED_BELOW)
        self.delegate.stacked = stacked
        self.header.setVisible(not stacked)
        if stacked:
            self.header.fit_one()
        else:
            self.header.fit(width)
        self.delegate.leading = self.header.first
        height = px(STACKED_ROW_HEIGHT if stacked else ROW_HEIGHT[self._compact])
        if self.verticalHeader().defaultSectionSize() != height:
            self.verticalHeader().setDefaultSectionSize(height)
            self._tall_row = None
        self._fit_break()

    def _fit_break(self) -> None:
        """Give the first weak row the room for its heading."""
        header, weak = self.verticalHeader(), self._model.weak_from
        height, band = header.defaultSectionSize(), self._theme.px(BREAK_HEIGHT)
        if self._tall_row not in (None, weak) and self._tall_row < self._model.rowCount():
            header.resizeSection(self._tall_row, height)
        if weak is not None and header.sectionSize(weak) != height + band:
            header.resizeSection(weak, height + band)
        self._tall_row = weak

    def _is_on_screen(self, row: int) -> bool:
        top = self.rowViewportPosition(row)
        return row >= 0 and top + self.rowHeight(row) > 0 and top < self.viewport().height()

    def _selected_ranges(self) -> list[QItemSelectionRange]:
        selection = self.selectionModel().selection()
        return [selection.at(i) for i in range(selection.size())]

    def _selected_ids(self, most: int) -> IntArray:
        ids = self._model.ranking.clip_ids
        parts = [ids[part.top() : part.bottom() + 1] for part in self._selected_ranges()]
        chosen = np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)
        return chosen if len(chosen) <= most else np.empty(0, np.int64)

    def _select_ids(self, ids: IntArray, current_id: int | None) -> None:
        rows = self._model.rows_of(ids) if len(ids) else np.empty(0, np.int64)
        selection = QItemSelection()
        last = len(Column) - 1
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            if len(run):
                selection.select(self._model.index(int(run[0]), 0), self._model.index(int(run[-1]), last))
        at = self._model.rows_of(np.array([current_id])) if current_id is not None and len(rows) else rows[:0]
        current = self._model.index(int(at[0]), Column.NAME) if len(at) else QModelIndex()
        self.selectionModel().setCurrentIndex(current, QItemSelectionModel.SelectionFlag.NoUpdate)
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def _selection_changed(self) -> None:
        rows = self.selected_rows()
        if 1 < len(rows) <= MAX_FILES:  # so that a drag of what is not on screen has its paths
            self._model.want([self._model.clip_id(row) for row in rows])
        if not self._restoring:
            self.selection_changed.emit()

    def _chosen_arrived(self, ids: frozenset[int]) -> None:
        if self._awaited is None or self._awaited not in ids:
            return
        awaited, self._awaited = self._awaited, None
        row = self.currentIndex().row()
        clip = self._model.known(awaited)
        if clip is not None and row >= 0 and self._model.clip_id(row) == awaited:
            self.chosen.emit(clip)

    def _click(self, index: Index) -> None:
        if self._pressed_current and (clip := self._model.clip(index.row())):
            self.chosen_again.emit(clip)

    def _drag_picture(self, clips: Sequence[Clip]) -> QPixmap:
        """Name, or number, of what is dragged."""
        text = display_name(clips[0].name) if len(clips) == 1 else f"{len(clips):,} clips"
        font, tokens = self._theme.font(13), self._theme.tokens
        ratio = self.devicePixelRatioF()
        metrics = self.fontMetrics()
        text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, 240)
        area = QRect(0, 0, metrics.horizontalAdvance(text) + 24, 28)
        picture = QPixmap(area.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(tokens.color("line"), 1))
        painter.setBrush(tokens.color("raised"))
        painter.drawRoundedRect(area.adjusted(0, 0, -1, -1), 4, 4)
        painter.setFont(font)
        painter.setPen(tokens.color("text"))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return picture

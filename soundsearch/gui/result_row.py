"""How one row of the result list is painted."""

import time
from collections import OrderedDict

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from soundsearch.audio.peaks import Peaks
from soundsearch.gui import waveform, wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.result_columns import SPECS, Column, text_of
from soundsearch.gui.result_model import ResultModel
from soundsearch.gui.theme import Theme
from soundsearch.records import Clip, ClipState, Strength

COLUMNS = tuple(Column)
KEPT_PIXMAPS = 2_000
KEPT_TEXTS = 10_000
DRAWING_S = 0.006  # for new waveforms in one painting; those that are left out come with the next
LEAST_DRAWN = 2  # of them in each painting, however slow the machine is
BREAK_HEIGHT = 28  # of the band with "Less certain", above the first weak row
PADDING = 8
STAR_STEP = 15
BREAK_TEXT = "Less certain"


class RowDelegate(QStyledItemDelegate):
    """Paints waveform, name, folder, length and strength by hand: no style is asked, no text is laid out twice."""

    def __init__(self, model: ResultModel, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._theme = theme
        self._pixmaps: OrderedDict[tuple[object, ...], QPixmap] = OrderedDict()
        self.stacked = False  # waveform above the name, where the window is very narrow
        self.leading = Column.SOUND  # the leftmost column, which shows what is selected
        self.is_behind = False  # waveforms were left out of the last painting
        self._hovered_row = -1
        self._draw_until = 0.0
        self._drawn = 0
        self._font = 0  # size that the painter has, so that it is set only where it changes
        self._elided: dict[tuple[str, int, bool, bool], str] = {}
        theme.changed.connect(self._elided.clear)
        self.playing_id: int | None = None

    def begin(self, hovered_row: int) -> None:
        """A painting begins.

        Args:
            hovered_row: The row under the mouse, -1 for none: asked once, not by every cell.
        """
        self._hovered_row = hovered_row
        self._font = 0
        self.is_behind = False
        self._draw_until = time.perf_counter() + DRAWING_S
        self._drawn = 0

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Rows have one height; the view sets it."""
        return QSize(80, 40)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one cell. No state of the painter is saved: each part sets what it needs."""
        tokens = self._theme.tokens
        row, column = index.row(), COLUMNS[index.column()]
        view = option.widget
        assert isinstance(view, QAbstractItemView)
        state = option.state
        cell = QRect(option.rect)
        if row == self._model.weak_from:
            band = self._theme.px(BREAK_HEIGHT)
            heading = QRect(cell.left(), cell.top(), cell.width(), band)
            painter.fillRect(heading, tokens.color("base"))  # the view has painted all of a selected row as selected
            self._paint_break(painter, heading)
            cell.setTop(cell.top() + band)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(cell, tokens.color("accent_soft"))
        elif row == self._hovered_row:
            painter.fillRect(cell, tokens.color("panel"))
        if column == self.leading and selected:
            bar = "accent" if view.hasFocus() else "muted"
            painter.fillRect(QRect(cell.left(), cell.top(), 2, cell.height()), tokens.color(bar))
        if view.hasFocus() and row == max(0, view.currentIndex().row()) and not selected:
            painter.fillRect(QRect(cell.left(), cell.bottom() - 1, cell.width(), 2), tokens.color("accent"))
        clip = self._model.clip(row)
        if clip is not None:
            self._paint_cell(painter, cell, column, row, clip)
        elif self._model.is_gone(row) and column == Column.NAME:
            self._text(painter, cell.adjusted(PADDING, 0, -PADDING, 0), "Removed", "muted")

    def _paint_cell(self, painter: QPainter, cell: QRect, column: Column, row: int, clip: Clip) -> None:
        quiet = clip.offline or clip.state in (ClipState.FAILED, ClipState.MISSING)
        inner = cell.adjusted(PADDING, 0, -PADDING, 0)
        if column == Column.NAME and self.stacked:
            line, below = self._theme.px(18), self._theme.px(8)
            upper = QRect(inner.left(), inner.top() + 4, inner.width(), inner.height() - line - below - 8)
            self._paint_waveform(painter, upper, clip, quiet)
            inner = QRect(inner.left(), upper.bottom() + 5, inner.width(), line)
        match column:
            case Column.SOUND:
                self._paint_waveform(painter, cell.adjusted(PADDING, 4, -4, -4), clip, quiet)
            case Column.NAME:
                self._paint_name(painter, inner, row, clip, quiet)
            case Column.MATCH:
                self._paint_strength(painter, inner, self._model.strength(row))
            case Column.RATING:
                self._paint_rating(painter, inner, clip.rating)
            case _:
                if words := text_of(clip, column):
                    side = Qt.AlignmentFlag.AlignRight if SPECS[column].right else Qt.AlignmentFlag.AlignLeft
                    self._text(painter, inner, words, "muted", side)

    def _paint_name(self, painter: QPainter, area: QRect, row: int, clip: Clip, quiet: bool) -> None:
        mark = None
        if clip.state == ClipState.FAILED:
            mark = ("warning", "error")
        elif clip.state == ClipState.MISSING:
            mark = ("warning", "warn")
        elif clip.offline:
            mark = ("folder-offline", "warn")
        elif clip.id == self.playing_id:
            mark = ("volume", "accent")
        if mark:
            icon = self._theme.pixmap(*mark, 16, painter.device().devicePixelRatioF())
            painter.drawPixmap(area.left(), area.center().y() - 7, icon)
            area = area.adjusted(22, 0, 0, 0)
        if moment := self._model.moment(row):
            area = self._paint_moment(painter, area, moment[0])
        if clip.favourite:
            icon = self._theme.pixmap("favourite", "accent", 16, painter.device().devicePixelRatioF())
            painter.drawPixmap(area.right() - 15, area.center().y() - 7, icon)
            area = area.adjusted(0, 0, -20, 0)
        if clip.colour:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.label_color(clip.colour))
            painter.drawEllipse(area.right() - 9, area.center().y() - 3, 8, 8)
            area = area.adjusted(0, 0, -16, 0)
        self._text(painter, area, display_name(clip.name), "muted" if quiet else "text", middle=True)

    def _paint_moment(self, painter: QPainter, area: QRect, start_s: float) -> QRect:
        """Say at the right of a name when in the clip the match is; returns what is left of the area."""
        words = f"at {wording.clock(start_s)}"
        wide = QFontMetrics(self._theme.font(11)).horizontalAdvance(words)
        if area.width() < 2 * wide:
            return area
        self._text(painter, area, words, "accent", Qt.AlignmentFlag.AlignRight, small=True)
        return area.adjusted(0, 0, -wide - PADDING, 0)

    def star_at(self, cell: QRect, at: QPoint) -> int:
        """Which star of a cell is at a place, 1 to 5; 0 for none."""
        star = (at.x() - cell.left() - PADDING + 1) // STAR_STEP + 1
        return star if 1 <= star <= 5 else 0

    def _paint_rating(self, painter: QPainter, area: QRect, rating: int) -> None:
        ratio = painter.device().devicePixelRatioF()
        for star in range(5):
            left = area.left() + STAR_STEP * star
            if left + STAR_STEP > area.right() + PADDING:
                break
            icon = self._theme.pixmap("star-full" if star < rating else "star", "muted" if star < rating else "line",
                                      14, ratio)  # fmt: skip
            painter.drawPixmap(left, area.center().y() - 6, icon)

    def _paint_waveform(self, painter: QPainter, area: QRect, clip: Clip, quiet: bool) -> None:
        if area.width() < 8 or area.height() < 4:
            return
        if not clip.peaks:
            self._paint_line(painter, area)
            return
        ratio = painter.device().devicePixelRatioF()
        dark = self._theme.tokens.is_dark
        key = (clip.id, clip.modified_ns, area.width(), area.height(), ratio, dark)
        pixmap = self._pixmaps.get(key)
        if pixmap is None and self._drawn >= LEAST_DRAWN and time.perf_counter() > self._draw_until:
            self.is_behind = True
            self._paint_line(painter, area)
            return
        if pixmap is None:
            self._drawn += 1
            image = waveform.draw(
                Peaks.from_bytes(clip.peaks),
                round(area.width() * ratio),
                round(area.height() * ratio),
                dark,
                max(1, round(2 * ratio)),
                max(1, round(ratio)),
            )
            image.setDevicePixelRatio(ratio)
            pixmap = self._pixmaps[key] = QPixmap.fromImage(image)
            if len(self._pixmaps) > KEPT_PIXMAPS:
                self._pixmaps.popitem(last=False)
        else:
            self._pixmaps.move_to_end(key)
        if quiet:
            painter.setOpacity(0.35)
        painter.drawPixmap(QPointF(area.topLeft()), pixmap)
        painter.setOpacity(1.0)

    def _paint_line(self, painter: QPainter, area: QRect) -> None:
        """What stands for a waveform that is not there."""
        painter.setPen(QPen(self._theme.tokens.color("line"), 2, Qt.PenStyle.DotLine))
        y = area.center().y()
        painter.drawLine(area.left() + 4, y, area.right() - 4, y)

    def _paint_strength(self, painter: QPainter, area: QRect, strength: Strength) -> None:
        if strength == Strength.NONE:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        tokens = self._theme.tokens
        bottom = area.center().y() + 7
        for bar in range(3):
            height = 6 + 4 * bar
            painter.setBrush(tokens.color("muted" if bar < strength else "line"))
            painter.drawRoundedRect(QRectF(area.left() + 6 * bar, bottom - height, 4, height), 1, 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_break(self, painter: QPainter, area: QRect) -> None:
        """A hairline across all columns, with its words at the left of the list."""
        tokens = self._theme.tokens
        font = self._theme.font(11)
        words = QRect(PADDING, area.top(), QFontMetrics(font).horizontalAdvance(BREAK_TEXT) + 1, area.height())
        if area.top() > 0 or (self._model.weak_from or 0) > 0:
            painter.setPen(QPen(tokens.color("line"), 1))
            y = area.center().y()
            painter.drawLine(max(area.left(), words.right() + PADDING), y, area.right(), y)
        # The words may be wider than the first column: each cell paints its part of them.
        painter.setClipRect(area)
        painter.setFont(font)
        self._font = 0
        painter.setPen(tokens.color("muted"))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, BREAK_TEXT)
        painter.setClipping(False)

    def _text(
        self,
        painter: QPainter,
        area: QRect,
        text: str,
        token: str,
        side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        *,
        small: bool = False,
        middle: bool = False,
    ) -> None:
        if area.width() < 8:
            return
        size = 11 if small else 13
        if self._font != size:
            painter.setFont(self._theme.font(size))
            self._font = size
        painter.setPen(self._theme.tokens.color(token))
        key = (text, area.width(), small, middle)
        shown = self._elided.get(key)
        if shown is None:
            # Names differ at both ends ("Kick 808 dark 03.wav"), so they lose their middle.
            mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
            if len(self._elided) > KEPT_TEXTS:
                self._elided.clear()
            shown = self._elided[key] = painter.fontMetrics().elidedText(text, mode, area.width())
        painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)

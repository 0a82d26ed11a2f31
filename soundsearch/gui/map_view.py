"""The map on the screen: zoom, move, hear by pointing, choose by clicking, gather with a lasso."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QContextMenuEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from soundsearch.gui import map_canvas
from soundsearch.gui.map_canvas import Camera, Colors
from soundsearch.gui.theme import Theme
from soundsearch.records import FloatArray, IntArray, LibraryMap

REACH_PX = 10.0  # how near to a point the mouse must be
REST_MS = 70  # how long it must rest there to be heard
FINE_MS = 120  # after the last movement all points are drawn
WHILE_MOVING = 60_000  # points drawn while the map moves, evenly from all
STEP_PX = 60.0  # Ctrl+arrows
NOTCH = 1.25  # zoom of one notch of the wheel


class MapView(QWidget):
    """Points of a map. Rows are positions in the arrays of the `LibraryMap` that is shown.

    Signals:
        chosen (int): The user went to the clip with this id.
        pointed (object): The mouse rests on the clip with this id, or on none (None).
        gathered (IntArray): Ids of the clips within a lasso.
        drag_started: The selected points are dragged.
        menu_requested (QPoint): Where, in screen coordinates.
    """

    chosen = Signal(object)
    pointed = Signal(object)
    gathered = Signal(object)
    drag_started = Signal()
    menu_requested = Signal(QPoint)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._map: LibraryMap | None = None
        self._colors: Colors = np.empty(0, np.uint32)
        self._raised: IntArray = np.empty(0, np.int64)
        self._selected: IntArray = np.empty(0, np.int64)  # rows
        self._current: int | None = None
        self._hovered: int | None = None
        self._label = ""
        self._camera = Camera(QSizeF(1, 1))
        self._picture: QImage | None = None
        self._screen: FloatArray = np.zeros((0, 2), np.float32)
        self._is_coarse = False
        self._pressed: QPointF | None = None
        self._moved = False
        self._lasso: list[QPointF] | None = None
        self.lasso_mode = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Map of the library")
        self.setMinimumSize(120, 120)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._rested)
        self._fine = QTimer(self, singleShot=True, interval=FINE_MS)
        self._fine.timeout.connect(self._redraw)
        theme.changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        """As large as there is room."""
        return QSize(600, 400)

    @property
    def camera(self) -> Camera:
        """What is seen."""
        return self._camera

    @property
    def hovered_id(self) -> int | None:
        """The clip under the mouse."""
        return None if self._hovered is None or self._map is None else int(self._map.clip_ids[self._hovered])

    def show_map(self, shown: LibraryMap) -> None:
        """Show a map; the part that is seen stays."""
        self._map = shown
        self._selected, self._current, self._hovered = np.empty(0, np.int64), None, None
        self._colors = np.full(len(shown), 0xFF808080, np.uint32)
        self._raised = np.empty(0, np.int64)
        self._camera = replace(self._camera, extent=map_canvas.extent(shown.places))
        self._describe()
        self._redraw()

    def set_colors(self, colors: Colors, raised: IntArray) -> None:
        """Colour the points: `colors` (n,); `raised` are rows that are drawn last and larger, lowest first."""
        self._colors, self._raised = colors, raised
        self._redraw()

    def select(self, clip_ids: IntArray, current_id: int | None) -> None:
        """Ring the points of these clips; what is not on the map is left out."""
        if self._map is None:
            return
        self._selected = map_canvas.rows_of(clip_ids, self._map.clip_ids)
        at = map_canvas.rows_of(np.array([-1 if current_id is None else current_id]), self._map.clip_ids)
        self._current = int(at[0]) if len(at) else None
        self._describe()
        self.update()

    def set_label(self, text: str) -> None:
        """Name the point under the mouse."""
        self._label = text
        self.update()

    def fit(self) -> None:
        """Show the whole map."""
        self._camera = replace(self._camera, centre=(0.0, 0.0), zoom=1.0)
        self._redraw()

    def zoom(self, factor: float, about: QPointF | None = None) -> None:
        """Go nearer or farther; what is under `about` stays there, without it what is chosen comes to the middle."""
        if about is None:
            about = self._at(self._current) if self._current is not None else QPointF(self.rect().center())
        self._camera = self._camera.zoomed(factor, about)
        self._redraw(coarse=True)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture of all points, and on it what changes with the mouse."""
        painter = QPainter(self)
        tokens = self._theme.tokens
        if self._picture is None:
            self._draw()
        assert self._picture is not None
        rim = map_canvas.RIM / self._picture.devicePixelRatio()
        painter.drawImage(QPointF(-rim, -rim), self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        reach = map_canvas.radius(len(self._screen), self._camera.zoom) + 3
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(tokens.color("text"), 1.5))
        for row in self._on_screen(self._selected[self._selected != self._current]):
            painter.drawEllipse(self._at(row), reach, reach)
        if self._current is not None:
            painter.setPen(QPen(tokens.color("accent"), 2.5))
            painter.drawEllipse(self._at(self._current), reach + 2, reach + 2)
        if self._hovered is not None:
            if self._hovered != self._current:
                painter.setPen(QPen(tokens.color("text"), 2))
                painter.drawEllipse(self._at(self._hovered), reach + 1, reach + 1)
            self._draw_label(painter, self._at(self._hovered))
        if self._lasso:
            soft = QColor(tokens.color("accent"))
            soft.setAlpha(40)
            painter.setPen(QPen(tokens.color("accent"), 1.5))
            painter.setBrush(soft)
            painter.drawPolygon(QPolygonF(self._lasso))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _draw_label(self, painter: QPainter, at: QPointF) -> None:
        if not self._label:
            return
        painter.setFont(self._theme.font(13))
        metrics = painter.fontMetrics()
        text = metrics.elidedText(self._label, Qt.TextElideMode.ElideMiddle, max(40, self.width() - 32))
        width, height = metrics.horizontalAdvance(text) + 16, metrics.height() + 8
        left = min(max(4.0, at.x() - width / 2), self.width() - width - 4.0)
        top = at.y() - height - 12 if at.y() - height - 12 > 4 else at.y() + 16
        box = QRectF(left, top, width, height)
        painter.setPen(QPen(self._theme.tokens.color("line"), 1))
        painter.setBrush(self._theme.tokens.color("raised"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(self._theme.tokens.color("text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _draw(self) -> None:
        ground = self._theme.tokens.color("base").rgb()
        places = self._map.places if self._map is not None else np.zeros((0, 2), np.float32)
        self._screen = self._camera.to_screen(places)
        screen, colors, raised = self._screen, self._colors, self._raised
        if self._is_coarse and len(screen) > WHILE_MOVING:
            every = -(-len(screen) // WHILE_MOVING)
            screen, colors, raised = screen[::every], colors[::every], np.empty(0, np.int64)
        self._picture = map_canvas.paint(screen, colors, raised, self._camera, self.devicePixelRatioF(), ground)

    def _redraw(self, coarse: bool = False) -> None:
        self._is_coarse = coarse
        self._picture = None
        if coarse:
            self._fine.start()
        self.update()

    def _at(self, row: int) -> QPointF:
        assert self._map is not None
        x, y = self._camera.to_screen(self._map.places[row])
        return QPointF(float(x), float(y))

    def _on_screen(self, rows: IntArray, most: int = 3000) -> list[int]:
        points = self._screen[rows] if len(self._screen) else np.zeros((0, 2), np.float32)
        seen = ((points >= 0) & (points <= (self.width(), self.height()))).all(axis=1)
        chosen: list[int] = rows[: len(points)][seen][:most].tolist()
        return chosen

    # -- mouse

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the mouse; with a touch pad's sideways movement, or Shift, move."""
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or abs(delta.x()) > abs(delta.y()):
            self._camera = self._camera.moved(delta.x() or delta.y(), 0)
            self._redraw(coarse=True)
        else:
            self.zoom(NOTCH ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The beginning of a click, a movement, a lasso, or a drag of what is selected."""
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        self._pressed, self._moved = event.position(), False
        shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.button() == Qt.MouseButton.LeftButton and (self.lasso_mode or shifted) and self._hovered is None:
            self._lasso = [event.position()]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Point, or go on with what was begun."""
        at = event.position()
        if self._pressed is None:
            self._hover(at)
            return
        if not self._moved and (at - self._pressed).manhattanLength() < QApplication.startDragDistance():
            return
        first, self._moved = not self._moved, True
        if self._lasso is not None:
            self._lasso.append(at)
            self.update()
        elif first and self._hovered is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._drag()
        else:
            self._camera = self._camera.moved(at.x() - self._pressed.x(), at.y() - self._pressed.y())
            self._pressed = at
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self._redraw(coarse=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The end of it."""
        pressed, moved, lasso = self._pressed, self._moved, self._lasso
        self._pressed, self._lasso = None, None
        self.unsetCursor()
        if lasso and moved:
            corners = np.array([(point.x(), point.y()) for point in lasso], np.float32)
            self._gather(map_canvas.inside(self._screen, corners))
        elif pressed is not None and not moved and event.button() == Qt.MouseButton.LeftButton:
            self._hover(event.position())
            if self._hovered is not None:
                self._choose(self._hovered)
            else:
                self._gather(np.zeros(len(self._screen), bool))
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """The mouse points at nothing here any more."""
        self._set_hovered(None)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu of the selection; the point under the mouse becomes it, unless it is part of it."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        if by_mouse and self._hovered is not None and self._hovered not in self._selected:
            self._choose(self._hovered)
        if len(self._selected) or self._current is not None:
            self.menu_requested.emit(event.globalPos())

    def _hover(self, at: QPointF) -> None:
        self._set_hovered(map_canvas.nearest(self._screen, at, REACH_PX))

    def _set_hovered(self, row: int | None) -> None:
        if row != self._hovered:
            self._hovered, self._label = row, ""
            self._rest.start()
            self.update()

    def _rested(self) -> None:
        self.pointed.emit(self.hovered_id)

    def _choose(self, row: int) -> None:
        assert self._map is not None
        self._current = row
        self._describe()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))
        self.chosen.emit(int(self._map.clip_ids[row]))
        self.update()

    def _gather(self, within: npt.NDArray[np.bool_]) -> None:
        if self._map is not None:
            self.gathered.emit(self._map.clip_ids[within])

    def _gather_visible(self) -> None:
        if self._map is not None:
            x, y = self._camera.to_screen(self._map.places).T
            self._gather((x >= 0) & (x <= self.width()) & (y >= 0) & (y <= self.height()))

    def _drag(self) -> None:
        assert self._hovered is not None
        if self._hovered not in self._selected:
            self._choose(self._hovered)
        self._pressed = None
        self.drag_started.emit()

    # -- keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows go to the next point in their direction, with Ctrl they move the map; + and - zoom, 0 shows all.

        Ctrl+A selects what is in sight.
        """
        arrows = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        key = Qt.Key(event.key())
        if key in arrows and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            dx, dy = arrows[key]
            self._camera = self._camera.moved(-STEP_PX * dx, -STEP_PX * dy)
            self._redraw(coarse=True)
        elif key in arrows:
            self._go(*arrows[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(NOTCH**2)
        elif key == Qt.Key.Key_Minus:
            self.zoom(NOTCH**-2)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif event.matches(QKeySequence.StandardKey.SelectAll):  # a lasso for those who use no mouse
            self._gather_visible()
        else:
            super().keyPressEvent(event)

    def _go(self, dx: int, dy: int) -> None:
        if self._map is None or not len(self._map):
            return
        if self._current is None:
            row = map_canvas.nearest(self._camera.to_screen(self._map.places), QPointF(self.rect().center()), np.inf)
        else:
            row = map_canvas.neighbour(self._camera.to_screen(self._map.places), self._current, dx, dy)
        if row is None:
            return
        self._choose(row)
        at = self._at(row)
        if not self.rect().adjusted(20, 20, -20, -20).contains(at.toPoint()):  # keep it in sight
            middle = QPointF(self.rect().center())
            self._camera = self._camera.moved(middle.x() - at.x(), middle.y() - at.y())
            self._redraw(coarse=True)

    def _describe(self) -> None:
        n = len(self._map) if self._map is not None else 0
        chosen = f", {len(self._selected):,} selected" if len(self._selected) else ""
        self.setAccessibleDescription(f"{n:,} clips by similarity{chosen}")

    # -- Qt's events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The same middle, more or less of it."""
        self._camera = replace(self._camera, size=QSizeF(event.size()))
        self._redraw(coarse=True)

    def changeEvent(self, event: QEvent) -> None:
        """Draw again when the style changes."""
        self._picture = None
        super().changeEvent(event)

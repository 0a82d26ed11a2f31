"""The waveform of the player: what of the clip is shown, the play position, a region, and what mouse and keys do."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from soundsearch.audio.overview import Overview
from soundsearch.gui import wording
from soundsearch.gui.region import Grip, Region, words
from soundsearch.gui.span import Span
from soundsearch.gui.theme import Theme
from soundsearch.gui.waveform import bars_across, draw_bars, faded

SEEK_STEP = 0.05  # of what is shown, for the arrow keys
EDGE_STEP = 0.01
ZOOM_STEP = 1.25  # a notch of the wheel
SCROLL_STEP = 0.15  # of what is shown, a notch
STILL_PX = 4  # a click may wander so far
NOTCH = 120  # of QWheelEvent.angleDelta
TWO_LANES_FROM = 44  # height in pixels
WAVE_HEIGHT = 56
CURSORS = {
    Grip.START: Qt.CursorShape.SizeHorCursor,
    Grip.END: Qt.CursorShape.SizeHorCursor,
    Grip.INSIDE: Qt.CursorShape.OpenHandCursor,
    Grip.NOTHING: Qt.CursorShape.ArrowCursor,
}


class WaveformView(QWidget):
    """The waveform of the loaded clip: a click plays from there, dragging chooses a region, the wheel zooms.

    Signals:
        seek_requested (float): Position in seconds.
        region_changed (Region | None): While it is dragged, too.
        region_settled (Region): The user let go of it.
        region_dragged: The user pulls the region out of the window.
        detail_wanted (float, float): A part of the clip is shown so closely that its samples are needed.
    """

    seek_requested = Signal(float)
    region_changed = Signal(object)
    region_settled = Signal(object)
    region_dragged = Signal()
    detail_wanted = Signal(float, float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._overview: Overview | None = None
        self._detail: Overview | None = None
        self._span = Span.whole(0.0)
        self._position_s = self._followed_s = 0.0
        self._asked: Span | None = None  # for whose samples was asked
        self._region: Region | None = None
        self._pressed: tuple[float, Grip] | None = None  # where the mouse button went down, and on what
        self._dragging = False
        self._message = ""
        self._tone = "muted"
        self._drawn: tuple[QImage, QImage] | None = None
        self.setAccessibleName("Waveform and play position")
        self.setToolTip("Click to play from there, drag to choose a region, turn the wheel to zoom")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(48)
        self.setMouseTracking(True)
        theme.changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        """Tall enough to see the shape, as wide as there is room."""
        return QSize(400, WAVE_HEIGHT)

    # -- what is shown

    def show_clip(self, overview: Overview | None, duration_s: float, *, keep: bool = False) -> None:
        """Show a clip from its start; None for no clip, an empty overview for one whose picture comes later.

        `keep` leaves zoom and region as they are: it is the same clip again.
        """
        self._overview, self._detail, self._asked, self._message = overview, None, None, ""
        if not keep or abs(duration_s - self._span.duration_s) > 1e-3:
            self._span, self._position_s = Span.whole(duration_s), 0.0
            self.set_region(None)
        self._describe()
        self._redraw()

    def show_overview(self, overview: Overview) -> None:
        """Show the picture of the clip that is shown, or more of it."""
        self._overview = overview
        self._redraw()

    def show_detail(self, detail: Overview) -> None:
        """Show samples that `detail_wanted` asked for."""
        self._detail = detail
        self._redraw()

    def show_message(self, text: str, tone: str = "muted") -> None:
        """Show a line of text instead of a waveform; `tone` is a token's name."""
        self._overview, self._detail, self._span = None, None, Span.whole(0.0)
        self._message, self._tone = text, tone
        self.set_region(None)
        self.setAccessibleDescription(text)
        self._redraw()

    def set_position(self, position_s: float) -> None:
        """Move the play position; repaints only the strip it crossed."""
        old, new = self._x(self._position_s), self._x(position_s)
        self._position_s = position_s
        was_seen = self._span.start_s <= self._followed_s <= self._span.end_s
        self._followed_s = position_s
        if position_s and was_seen and not self._dragging and self._span.following(position_s) != self._span:
            self._show_span(self._span.following(position_s))
        elif old != new:
            left, right = sorted((old, new))
            self.update(QRect(left - 3, 0, right - left + 6, self.height()))

    @property
    def overview(self) -> Overview | None:
        """What is drawn."""
        return self._overview

    @property
    def has_content(self) -> bool:
        """True if a waveform or a message is shown."""
        return self._overview is not None or bool(self._message)

    @property
    def position_s(self) -> float:
        """The play position that is shown."""
        return self._position_s

    # -- the part that is seen

    @property
    def span(self) -> Span:
        """The part that is shown."""
        return self._span

    def zoom(self, factor: float, at_s: float | None = None) -> None:
        """Closer (above 1) or further away, around a moment, else around the play position or the middle."""
        if at_s is None:
            middle = (self._span.start_s + self._span.end_s) / 2
            seen = self._span.start_s <= self._position_s <= self._span.end_s
            at_s = self._position_s if seen and self._position_s else middle
        self._show_span(self._span.zoomed(factor, at_s))

    def show_part(self, start_s: float, end_s: float, share: float = 0.5) -> None:
        """Zoom so that a part takes this share of the width."""
        if self._span.duration_s:
            self._show_span(self._span.showing(start_s, end_s, share))

    def show_all(self) -> None:
        """The whole clip."""
        self._show_span(Span.whole(self._span.duration_s))

    def _show_span(self, span: Span) -> None:
        if span != self._span:
            self._span = span
            self._redraw()

    # -- the region

    @property
    def region(self) -> Region | None:
        """The chosen part."""
        return self._region

    def set_region(self, region: Region | None) -> None:
        """Choose a part, or none."""
        if region != self._region:
            self._region = region
            self._describe()
            self.update()
            self.region_changed.emit(region)

    def move_edge(self, grip: Grip, by: int) -> None:
        """Move an edge of the region by steps of a hundredth of what is shown; without one, begin it here."""
        if not self._span.duration_s:
            return
        region = self._region or Region(self._position_s, self._position_s)
        step = by * EDGE_STEP * self._span.width_s
        start = region.start_s + (step if grip == Grip.START else 0)
        end = region.end_s + (step if grip == Grip.END else 0)
        self.set_region(Region.between(start, end, self._span.duration_s))
        self._tell_description()

    def set_edge(self, grip: Grip) -> None:
        """Let the region begin or end at the play position."""
        if not self._span.duration_s:
            return
        region = self._region or Region(0.0, self._span.duration_s)
        start, end = region.start_s, region.end_s
        if grip == Grip.START:
            start, end = self._position_s, end if end > self._position_s else self._span.duration_s
        else:
            start, end = start if start < self._position_s else 0.0, self._position_s
        self.set_region(Region.between(start, end, self._span.duration_s))
        self._tell_description()

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Bars: what was heard fades, so that the eye is on what comes."""
        painter = QPainter(self)
        tokens = self._theme.tokens
        area = self.rect()
        if self._overview is not None:
            self._paint_wave(painter, event.rect())
        else:
            painter.setPen(QPen(tokens.color("line"), 1))
            if self._message:
                painter.setPen(tokens.color(self._tone))
                text = painter.fontMetrics().elidedText(self._message, Qt.TextElideMode.ElideRight, area.width() - 8)
                painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
            else:
                painter.drawLine(0, area.center().y(), area.right(), area.center().y())
        if self.hasFocus():
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 4, 4)

    def _paint_wave(self, painter: QPainter, dirty: QRect) -> None:
        tokens, area = self._theme.tokens, self.rect()
        ahead, played = self._images()
        x = self._x(self._position_s)
        for image, left, right in ((played, 0, x), (ahead, max(0, x), area.width())):
            painter.save()
            painter.setClipRect(QRect(left, 0, right - left, area.height()).intersected(dirty))
            painter.drawImage(QPointF(0, 0), image)
            painter.restore()
        if self._region:
            self._region.paint(painter, self._span, area.width(), area.height(), tokens)
        painter.setPen(QPen(tokens.color("accent"), 2))
        painter.drawLine(QPointF(x, 2), QPointF(x, area.height() - 2))
        if not self._span.is_whole:
            self._paint_place(painter)

    def _paint_place(self, painter: QPainter) -> None:
        """A thin bar at the bottom: which part of the clip is shown."""
        tokens, width, bottom = self._theme.tokens, self.width(), self.height() - 3
        whole = self._span.duration_s
        painter.fillRect(QRectF(0, bottom, width, 3), tokens.color("line"))
        left, shown = self._span.start_s / whole * width, max(8.0, self._span.width_s / whole * width)
        painter.fillRect(QRectF(min(left, width - shown), bottom, shown, 3), tokens.color("muted"))

    def _images(self) -> tuple[QImage, QImage]:
        assert self._overview is not None
        if self._drawn is None:
            ratio = self.devicePixelRatioF()
            width, height = round(self.width() * ratio), round(self.height() * ratio)
            bar, gap = max(1, round(2 * ratio)), max(1, round(ratio))
            source = self._source(bars_across(width, bar, gap))
            bars = source.bars(self._span.start_s, self._span.end_s, bars_across(width, bar, gap))
            if self.height() < TWO_LANES_FROM and source.n_lanes == 2:
                bars = bars.merged()
            ahead = draw_bars(bars, self._overview.loudest, width, height, self._theme.tokens.is_dark, bar, gap)
            played = faded(ahead)
            for image in (ahead, played):
                image.setDevicePixelRatio(ratio)
            self._drawn = ahead, played
        return self._drawn

    def _source(self, n_bars: int) -> Overview:
        """The samples themselves where bars are narrower than the overview's columns, as soon as they are there."""
        overview, span = self._overview, self._span
        assert overview is not None
        if not len(overview) or span.width_s * overview.sample_rate >= n_bars * overview.base:
            return overview
        if self._detail is not None and self._detail.holds(span.start_s, span.end_s):
            return self._detail
        if self._asked != span:
            self._asked = span
            self.detail_wanted.emit(max(0.0, span.start_s - span.width_s), span.end_s + span.width_s)
        return overview

    # -- mouse and wheel

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where: whether it is a click or a drag shows later."""
        if event.button() != Qt.MouseButton.LeftButton or not self._span.duration_s:
            return
        x = event.position().x()
        grip = self._grip(x)
        if (
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):  # from the region's far edge, or the position, to here
            anchor = self._region.start_s if self._region else self._position_s
            self.set_region(Region.between(anchor, self._at(x), self._span.duration_s))
            grip = Grip.END if self._at(x) >= anchor else Grip.START
            self._dragging = True
        elif event.modifiers() & Qt.KeyboardModifier.AltModifier:  # a new region, inside of another one too
            grip = Grip.NOTHING
        self._pressed = x, grip

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """A new region, an edge that moves, or the region that leaves the window."""
        x = event.position().x()
        if self._pressed is None:
            self.setCursor(CURSORS[self._grip(x)])
            return
        start, grip = self._pressed
        if not self._dragging and abs(x - start) < STILL_PX and self.rect().contains(event.position().toPoint()):
            return
        if grip == Grip.INSIDE:
            self._pressed = None
            self.region_dragged.emit()
            return
        self._dragging = True
        if grip == Grip.NOTHING:
            self.set_region(Region.between(self._at(start), self._at(x), self._span.duration_s))
        elif self._region:
            fixed = self._region.end_s if grip == Grip.START else self._region.start_s
            moved = self._at(x)
            self.set_region(Region.between(fixed, moved, self._span.duration_s))
            if (moved < fixed) != (grip == Grip.START):  # it was pulled across the other edge
                self._pressed = start, Grip.END if grip == Grip.START else Grip.START

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click plays from there; a drag settles the region."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        x, _ = self._pressed
        was_drag, self._pressed, self._dragging = self._dragging, None, False
        if not was_drag:
            self._seek(self._at(x))
        elif self._region:
            self._tell_description()
            self.region_settled.emit(self._region)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Into the region, and out again to the whole clip."""
        if self._region and self._grip(event.position().x()) == Grip.INSIDE and self._span.is_whole:
            self.show_part(self._region.start_s, self._region.end_s, 0.9)
        else:
            self.show_all()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turned: closer to or further from what is under the mouse. Sideways, or with Shift: along the clip."""
        if not self._span.duration_s:
            return
        delta = event.angleDelta()
        sideways = delta.x() or (delta.y() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0)
        if abs(sideways) >= abs(delta.y()) and sideways:
            self._show_span(self._span.scrolled(-sideways / NOTCH * SCROLL_STEP * self._span.width_s))
        elif delta.y():
            self._show_span(self._span.zoomed(ZOOM_STEP ** (delta.y() / NOTCH), self._at(event.position().x())))
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Two fingers on a touchpad zoom."""
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self._show_span(self._span.zoomed(1 + event.value(), self._at(event.position().x())))
            return True
        return super().event(event)

    # -- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move the position, with Shift the region's end, with Ctrl and Shift its start; others see below."""
        key, modifiers = Qt.Key(event.key()), event.modifiers()
        shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        if not self._span.duration_s or modifiers & Qt.KeyboardModifier.AltModifier:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            direction = 1 if key == Qt.Key.Key_Right else -1
            if shift:
                control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
                self.move_edge(Grip.START if control else Grip.END, direction)
            else:
                self._seek(self._position_s + direction * SEEK_STEP * self._span.width_s)
        elif not self._act_on(key):
            super().keyPressEvent(event)

    def _act_on(self, key: Qt.Key) -> bool:
        acts: dict[Qt.Key, Callable[[], None]] = {
            Qt.Key.Key_Home: lambda: self._seek(0.0),
            Qt.Key.Key_Plus: lambda: self.zoom(ZOOM_STEP**2),
            Qt.Key.Key_Equal: lambda: self.zoom(ZOOM_STEP**2),
            Qt.Key.Key_Minus: lambda: self.zoom(ZOOM_STEP**-2),
            Qt.Key.Key_0: self.show_all,
            Qt.Key.Key_PageDown: lambda: self._show_span(self._span.scrolled(0.8 * self._span.width_s)),
            Qt.Key.Key_PageUp: lambda: self._show_span(self._span.scrolled(-0.8 * self._span.width_s)),
            Qt.Key.Key_BracketLeft: lambda: self.set_edge(Grip.START),
            Qt.Key.Key_BracketRight: lambda: self.set_edge(Grip.END),
        }
        if key not in acts:
            return False
        acts[key]()
        return True

    def changeEvent(self, event: QEvent) -> None:
        """Draw again when the style changes."""
        self._drawn = None
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw again for the new size."""
        self._drawn = None

    # -- places

    def _grip(self, x: float) -> Grip:
        return self._region.grip(x, self._span, self.width()) if self._region else Grip.NOTHING

    def _at(self, x: float) -> float:
        return self._span.moment(x / max(1, self.width()))

    def _x(self, position_s: float) -> int:
        return round(self._span.share(position_s) * self.width()) if self._span.duration_s else 0

    def _seek(self, position_s: float) -> None:
        position_s = min(max(position_s, 0.0), self._span.duration_s)
        self.set_position(position_s)
        self._tell_description()
        self.seek_requested.emit(position_s)

    def _tell_description(self) -> None:
        self._describe()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))

    def _describe(self) -> None:
        at, end = wording.clock(self._position_s), wording.clock(self._span.duration_s)
        region = f", region {words(self._region)}" if self._region else ""
        self.setAccessibleDescription(f"{at} of {end}{region}" if self._span.duration_s else "no clip")

    def _redraw(self) -> None:
        self._drawn = None
        self.update()

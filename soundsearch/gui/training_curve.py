"""Two drawings by hand: how a training goes, and what it brought."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from soundsearch.gui import wording
from soundsearch.gui.theme import Theme

MAX_POINTS = 2000  # of a line; more are thinned out
GAP = 8


@dataclass(frozen=True, slots=True)
class Point:
    """One report of a training."""

    step: int
    loss: float | None = None  # nats
    validation: float | None = None  # 0 to 1


class TrainingCurve(QWidget):
    """Loss and recall on validation clips against the step, each on a scale of its own."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._points: list[Point] = []
        self._steps = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(120)
        theme.changed.connect(self.update)
        self.set_points((), 0)

    def sizeHint(self) -> QSize:
        """Wider than high."""
        return QSize(480, 220)

    def set_points(self, points: Sequence[Point], steps: int) -> None:
        """Show what is known so far of a training that takes `steps`."""
        self._points = list(points)
        while len(self._points) > MAX_POINTS:
            self._points = [p for i, p in enumerate(self._points) if i % 2 == 0 or p.validation is not None]
            if all(p.validation is not None for p in self._points[1:]):
                break
        self._steps = max(steps, self._points[-1].step if self._points else 0)
        self.setAccessibleName("How the training goes")
        self.setAccessibleDescription(self.summary)
        self.update()

    @property
    def summary(self) -> str:
        """The newest numbers in words."""
        loss = next((p.loss for p in reversed(self._points) if p.loss is not None), None)
        found = next((p.validation for p in reversed(self._points) if p.validation is not None), None)
        words = [] if found is None else [f"Finds the right clips {wording.share(found)}"]
        return ", ".join(words if loss is None else [*words, f"loss {loss:.2f}"]) or "No numbers yet"

    def paintEvent(self, event: QPaintEvent) -> None:
        """Legend above, two lines in one frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = self._theme.tokens
        painter.setFont(self._theme.font(11))
        line_px = painter.fontMetrics().height()
        area = QRectF(self.rect()).adjusted(1, line_px + GAP, -1, -line_px - GAP)
        painter.setPen(QPen(tokens.color("line"), 1))
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            painter.drawLine(QLineF(area.left(), y, area.right(), y))
        painter.setPen(tokens.color("muted"))
        below = QRectF(area.left(), area.bottom() + 4, area.width(), line_px)
        if self._steps:
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{self._steps:,} steps")
        losses = [(p.step, p.loss) for p in self._points if p.loss is not None]
        shares = [(p.step, p.validation) for p in self._points if p.validation is not None]
        if not losses and not shares:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "The first numbers come in a moment")
            return
        top = max((loss for _, loss in losses), default=0.0) * 1.05
        best = min(1.0, 0.1 * math.ceil(10.5 * max((share for _, share in shares), default=0.0)))
        self._line(painter, area, losses, top, "muted", dots=False)
        self._line(painter, area, shares, best, "accent", dots=True)
        used = self._legend(painter, losses, shares, line_px)
        scale = wording.share(best)
        if shares and used + painter.fontMetrics().horizontalAdvance(scale) < self.width():
            painter.setPen(tokens.color("muted"))
            above = QRectF(area.left(), 0, area.width(), line_px)
            painter.drawText(above, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, scale)

    def _line(
        self, painter: QPainter, area: QRectF, points: list[tuple[int, float]], top: float, token: str, *, dots: bool
    ) -> None:
        steps = max(self._steps, 1)
        places = [
            QPointF(area.left() + step / steps * area.width(), area.bottom() - value / (top or 1.0) * area.height())
            for step, value in points
        ]
        color = self._theme.tokens.color(token)
        painter.setPen(QPen(color, 2.0 if dots else 1.25))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(places))
        if dots:
            painter.setBrush(color)
            painter.setPen(Qt.PenStyle.NoPen)
            for place in places:
                painter.drawEllipse(place, 3, 3)

    def _legend(
        self, painter: QPainter, losses: list[tuple[int, float]], shares: list[tuple[int, float]], line_px: int
    ) -> float:
        """What the lines are, as far as there is room; returns the width it takes."""
        x = 0.0
        entries = [("accent", f"Right clips {wording.share(shares[-1][1])}")] if shares else []
        entries += [("muted", f"Loss {losses[-1][1]:.2f}")] if losses else []
        for token, words in entries:
            width = painter.fontMetrics().horizontalAdvance(words)
            if x and x + 20 + width > self.width():
                break
            painter.setPen(QPen(self._theme.tokens.color(token), 2))
            painter.drawLine(QLineF(x, line_px / 2, x + 14, line_px / 2))
            painter.setPen(self._theme.tokens.color("text" if token == "accent" else "muted"))
            painter.drawText(QRectF(x + 20, 0, width + 2, line_px), Qt.AlignmentFlag.AlignVCenter, words)
            x += 20 + width + 16
        return x


class GainBars(QWidget):
    """Two bars, before and after, and how sure the second is."""

    BAR = 10

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._before = self._after = 0.0
        self._gain = (0.0, 0.0, 0.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """Two lines."""
        return QSize(320, 2 * self._row_px)

    @property
    def _row_px(self) -> int:
        return max(28, self._theme.px(13) + 12)

    def show_gain(self, before: float, after: float, gain: tuple[float, float, float]) -> None:
        """Shares of 0 to 1; `gain` is the difference with its 95 % interval."""
        self._before, self._after, self._gain = before, after, gain
        self.setAccessibleName(f"Before {wording.share(before)}, after {wording.share(after)}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The scale always runs from nothing to everything: a small gain looks small."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = self._theme.tokens
        painter.setFont(self._theme.font(13))
        metrics = painter.fontMetrics()
        left = metrics.horizontalAdvance("Before") + 12
        right = metrics.horizontalAdvance(wording.share(1.0)) + 12
        width = max(1, self.width() - left - right)
        for row, (words, share, token) in enumerate(
            (("Before", self._before, "muted"), ("After", self._after, "accent"))
        ):
            line = QRectF(0, row * self._row_px, self.width(), self._row_px)
            painter.setPen(tokens.color("muted"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, words)
            painter.setPen(tokens.color("text"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, wording.share(share))
            bar = QRectF(left, line.center().y() - self.BAR / 2, width, self.BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.color("line"))
            painter.drawRoundedRect(bar, 2, 2)
            painter.setBrush(tokens.color(token))
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(2.0, share * width), self.BAR), 2, 2)
        self._whisker(painter, left, width)

    def _whisker(self, painter: QPainter, left: float, width: float) -> None:
        y = 1.5 * self._row_px
        low, high = (min(1.0, max(0.0, self._before + bound)) for bound in self._gain[1:])
        painter.setPen(QPen(self._theme.tokens.color("text"), 1.5))
        x_low, x_high = left + low * width, left + high * width
        painter.drawLine(QLineF(x_low, y, x_high, y))
        for x in (x_low, x_high):
            painter.drawLine(QLineF(x, y - 4, x, y + 4))

"""What the colours of the map mean."""

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.map_canvas import Colors
from soundsearch.gui.oklch import to_rgb
from soundsearch.gui.theme import Theme, Tokens

DOT, GAP, PAD = 8, 6, 12
GOLDEN = 137.50776405003785  # degrees: neighbours in the list are far apart in hue, however many there are
RAMP_WIDTH = 120
LIGHTNESS = {True: 0.74, False: 0.56}  # on the dark and on the light theme
CHROMA, FIRST_HUE = 0.14, 25.0


def group_colors(n: int, tokens: Tokens) -> Colors:
    """Colours of n groups, (n,); the last, for all others, is grey."""
    shades = to_rgb(LIGHTNESS[tokens.is_dark], CHROMA, FIRST_HUE + GOLDEN * np.arange(n - 1))
    return np.append(packed(shades), np.uint32(tokens.color("muted").rgb()))


def packed(rgb: npt.NDArray[np.uint8]) -> Colors:
    """Colours (n, 3) of 0 to 255 as 0xFFRRGGBB, (n,)."""
    red, green, blue = rgb.astype(np.uint32).T
    colors: Colors = np.uint32(0xFF000000) | (red << 16) | (green << 8) | blue
    return colors


class Legend(QWidget):
    """One or more lines of coloured dots with names, or a ramp between two words."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._names: tuple[str, ...] = ()
        self._shades: Colors = np.empty(0, np.uint32)
        self._ends: tuple[str, str] | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Legend of the map")
        theme.changed.connect(self.updateGeometry)

    def show_none(self) -> None:
        """Nothing to explain."""
        self.hide()

    def show_groups(self, names: tuple[str, ...], shades: Colors) -> None:
        """A dot and a name for each group."""
        self._names, self._shades, self._ends = tuple(display_name(name) for name in names), shades, None
        self._take(", ".join(self._names))

    def show_ramp(self, low: str, high: str, shades: Colors) -> None:
        """A ramp from one word to the other."""
        self._names, self._shades, self._ends = (), shades, (low, high)
        self._take(f"{low} to {high.lower()}")

    def _take(self, description: str) -> None:
        self.setAccessibleDescription(description)
        self.show()
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        """Names wrap."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Room for all lines."""
        return len(self._lines(width)) * self._line_height() + 8

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(240, self.heightForWidth(max(240, self.width())))

    def minimumSizeHint(self) -> QSize:
        """Whatever the width, all lines are seen."""
        return QSize(0, self.heightForWidth(max(120, self.width())))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.font(11))
        metrics, muted = painter.fontMetrics(), self._theme.tokens.color("muted")
        height = self._line_height()
        if self._ends:
            low, high = self._ends
            x = PAD
            painter.setPen(muted)
            painter.drawText(QRectF(x, 4, 200, height), Qt.AlignmentFlag.AlignVCenter, low)
            x += metrics.horizontalAdvance(low) + GAP
            strip = QImage(self._shades.tobytes(), len(self._shades), 1, QImage.Format.Format_RGB32)
            painter.drawImage(QRectF(x, 4 + height / 2 - 3, RAMP_WIDTH, 6), strip)
            painter.drawText(QRectF(x + RAMP_WIDTH + GAP, 4, 200, height), Qt.AlignmentFlag.AlignVCenter, high)
            return
        for number, line in enumerate(self._lines(self.width())):
            y = 4.0 + number * height
            for x, position in line:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(int(self._shades[position])))
                painter.drawEllipse(QRectF(x, y + height / 2 - DOT / 2, DOT, DOT))
                painter.setPen(muted)
                room = max(0, self.width() - x - DOT - GAP - 4)
                text = metrics.elidedText(self._names[position], Qt.TextElideMode.ElideRight, int(room))
                painter.drawText(QRectF(x + DOT + GAP, y, room, height), Qt.AlignmentFlag.AlignVCenter, text)

    def _line_height(self) -> int:
        return self._theme.px(11) + 9

    def _lines(self, width: int) -> list[list[tuple[int, int]]]:
        """For each line the left ends and positions of its names."""
        metrics = QFontMetrics(self._theme.font(11))
        lines: list[list[tuple[int, int]]] = [[]]
        x = PAD
        for position, name in enumerate(self._names):
            needed = DOT + GAP + metrics.horizontalAdvance(name) + PAD
            if lines[-1] and x + needed > width:
                lines.append([])
                x = PAD
            lines[-1].append((x, position))
            x += needed
        return lines

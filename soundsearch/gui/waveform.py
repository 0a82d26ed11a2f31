"""Sound in colour: waveforms as bars, hue from brightness, on one perceptually even ramp."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from soundsearch.audio.peaks import Peaks
from soundsearch.gui import wording
from soundsearch.gui.theme import Theme

# Hue in degrees of OKLCH: low sounds warm amber, the middle green-teal, high cool blue.
LOW_HUE, HIGH_HUE = 75.0, 262.0
CHROMA = 0.105
QUIET_LIGHTNESS = {True: 0.52, False: 0.72}  # of a silent column, on the dark and on the light theme
LOUD_LIGHTNESS = {True: 0.84, False: 0.56}
LEVELS = 32
PLAYED_OPACITY = 0.4
SEEK_STEP = 0.05  # of the clip, for the arrow keys


@lru_cache(maxsize=2)
def ramp(is_dark: bool) -> npt.NDArray[np.uint8]:
    """The colours of sound, shape (256 brightness, LEVELS, 3), RGB.

    Source: Björn Ottosson, "A perceptual color space for image processing" (OKLab), 2020.
    """
    hue = np.radians(np.linspace(LOW_HUE, HIGH_HUE, 256))[:, None]
    lightness = np.linspace(QUIET_LIGHTNESS[is_dark], LOUD_LIGHTNESS[is_dark], LEVELS)[None, :]
    a, b = CHROMA * np.cos(hue), CHROMA * np.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ],
        axis=-1,
    ).clip(0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colors: npt.NDArray[np.uint8] = np.rint(srgb * 255).astype(np.uint8)
    return colors


def draw(peaks: Peaks, width: int, height: int, is_dark: bool, bar: int = 2, gap: int = 1) -> QImage:
    """Draw a waveform as bars.

    Args:
        peaks: Lowest and highest sample and brightness of each column.
        width: Device pixels.
        height: Device pixels.
        is_dark: Which theme it stands on.
        bar: Width of a bar in device pixels.
        gap: Space between bars in device pixels.

    Returns:
        An image with a transparent ground.
    """
    image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    n = len(peaks.low)
    n_bars = max(1, (width + gap) // (bar + gap))
    if not n or width < 1 or height < 1:
        image.fill(Qt.GlobalColor.transparent)
        return image
    edges = np.linspace(0, n, n_bars + 1)
    first = np.minimum(edges[:-1].astype(np.intp), n - 1)  # more bars than columns repeat columns
    low = np.minimum.reduceat(peaks.low, first).astype(np.float32) / 127
    high = np.maximum.reduceat(peaks.high, first).astype(np.float32) / 127
    loudest = max(float(high.max()), float(-low.min()), 1 / 127)
    lift = loudest**-0.5  # -20 dB is drawn 32 % high instead of 10 %: quiet clips keep a shape that can be seen
    low, high = low * lift, high * lift
    brightness = peaks.brightness[first]

    middle = (height - 1) / 2
    half = height / 2
    top = np.minimum(middle - high * half, middle - 0.5)  # silence is still a line of one pixel
    bottom = np.maximum(middle - low * half, middle + 0.5)
    row = np.arange(height, dtype=np.float32)[:, None] - 0.5
    coverage = (np.minimum(bottom, row + 1) - np.maximum(top, row)).clip(0, 1)

    level = np.maximum(high, -low).clip(0, 1)
    # By the root of the level: half loudness is already near the light end, small one-shots should not look dim.
    colors = ramp(is_dark)[brightness, np.rint(np.sqrt(level) * (LEVELS - 1)).astype(np.intp)]
    bars = np.empty((height, n_bars, 4), np.float32)
    bars[..., :3] = colors[None, :, ::-1]  # ARGB32 is B, G, R, A in memory
    bars[..., 3] = 255
    bars *= coverage[..., None]

    spaced = np.zeros((height, n_bars, bar + gap, 4), np.uint8)
    spaced[:, :, :bar] = bars[:, :, None]
    pixels = np.zeros((height, image.bytesPerLine() // 4, 4), np.uint8)
    across = spaced.reshape(height, -1, 4)[:, :width]
    pixels[:, : across.shape[1]] = across
    np.frombuffer(image.bits(), np.uint8)[:] = pixels.ravel()
    return image


class WaveformView(QWidget):
    """The waveform of the loaded clip, with the play position; click, drag or arrow keys move it.

    Signals:
        seek_requested (float): Position in seconds.
    """

    seek_requested = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._peaks: Peaks | None = None
        self._duration_s = 0.0
        self._position_s = 0.0
        self._message = ""
        self._tone = "muted"
        self._drawn: tuple[QImage, QImage] | None = None
        self.setAccessibleName("Waveform and play position")
        self.setToolTip("Click to play from there (←/→)")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(48)
        theme.changed.connect(self._redraw)

    def sizeHint(self) -> QSize:
        """Tall enough to see the shape, as wide as there is room."""
        return QSize(400, 56)

    def show_clip(self, peaks: Peaks | None, duration_s: float) -> None:
        """Show another clip from its start; None for no clip, empty peaks for one whose picture comes later."""
        self._peaks, self._duration_s, self._position_s, self._message = peaks, duration_s, 0.0, ""
        self._describe()
        self._redraw()

    def show_peaks(self, peaks: Peaks) -> None:
        """Show the picture of the clip that is shown."""
        self._peaks = peaks
        self._redraw()

    def show_message(self, text: str, tone: str = "muted") -> None:
        """Show a line of text instead of a waveform; `tone` is a token's name."""
        self._peaks, self._duration_s, self._message, self._tone = None, 0.0, text, tone
        self.setAccessibleDescription(text)
        self._redraw()

    def set_position(self, position_s: float) -> None:
        """Move the play position; repaints only the strip it crossed."""
        old, new = self._x(self._position_s), self._x(position_s)
        self._position_s = position_s
        if old != new:
            left, right = sorted((old, new))
            self.update(QRect(left - 3, 0, right - left + 6, self.height()))

    @property
    def has_content(self) -> bool:
        """True if a waveform or a message is shown."""
        return self._peaks is not None or bool(self._message)

    @property
    def position_s(self) -> float:
        """The play position that is shown."""
        return self._position_s

    def paintEvent(self, event: QPaintEvent) -> None:
        """Bars: what was heard fades, so that the eye is on what comes."""
        painter = QPainter(self)
        tokens = self._theme.tokens
        area = self.rect()
        if self._peaks is not None:
            ahead, played = self._images()
            x = self._x(self._position_s)
            for image, left, right in ((played, 0, x), (ahead, x, area.width())):
                painter.save()
                painter.setClipRect(QRect(left, 0, right - left, area.height()).intersected(event.rect()))
                painter.drawImage(QPointF(0, 0), image)
                painter.restore()
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawLine(QPointF(x, 2), QPointF(x, area.height() - 2))
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

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Play from where it was clicked."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._seek_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse while its button is down."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek_to(event.position().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys move by a twentieth, Home goes to the start."""
        steps = {Qt.Key.Key_Left: -SEEK_STEP, Qt.Key.Key_Right: SEEK_STEP}
        if self._duration_s and event.key() in steps:
            self._seek(self._position_s + steps[Qt.Key(event.key())] * self._duration_s)
        elif self._duration_s and event.key() == Qt.Key.Key_Home:
            self._seek(0.0)
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Draw again when the style changes."""
        self._drawn = None
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw again for the new size."""
        self._drawn = None

    def _seek_to(self, x: float) -> None:
        if self._duration_s:
            self._seek(x / max(1, self.width()) * self._duration_s)

    def _seek(self, position_s: float) -> None:
        position_s = min(max(position_s, 0.0), self._duration_s)
        self.set_position(position_s)
        self._describe()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))
        self.seek_requested.emit(position_s)

    def _x(self, position_s: float) -> int:
        return round(position_s / self._duration_s * self.width()) if self._duration_s else 0

    def _describe(self) -> None:
        at, end = wording.clock(self._position_s), wording.clock(self._duration_s)
        self.setAccessibleDescription(f"{at} of {end}" if self._duration_s else "no clip")

    def _redraw(self) -> None:
        self._drawn = None
        self.update()

    def _images(self) -> tuple[QImage, QImage]:
        assert self._peaks is not None
        if self._drawn is None:
            ratio = self.devicePixelRatioF()
            width, height = round(self.width() * ratio), round(self.height() * ratio)
            bar, gap = max(1, round(2 * ratio)), max(1, round(ratio))
            ahead = draw(self._peaks, width, height, self._theme.tokens.is_dark, bar, gap)
            played = _faded(ahead, PLAYED_OPACITY)
            for image in (ahead, played):
                image.setDevicePixelRatio(ratio)
            self._drawn = ahead, played
        return self._drawn


def _faded(image: QImage, opacity: float) -> QImage:
    faded = QImage(image.size(), image.format())
    faded.fill(Qt.GlobalColor.transparent)
    painter = QPainter(faded)
    painter.setOpacity(opacity)
    painter.drawImage(0, 0, image)
    painter.end()
    return faded

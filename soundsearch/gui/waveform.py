"""Sound in colour: waveforms as bars, hue from brightness, on one perceptually even ramp."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter

from soundsearch.audio.overview import Bars
from soundsearch.audio.peaks import Peaks
from soundsearch.gui.oklch import to_rgb
from soundsearch.records import FloatArray

# Hue in degrees of OKLCH: low sounds warm amber, the middle green-teal, high cool blue.
LOW_HUE, HIGH_HUE = 75.0, 262.0
CHROMA = 0.105
QUIET_LIGHTNESS = {True: 0.52, False: 0.72}  # of a silent column, on the dark and on the light theme
LOUD_LIGHTNESS = {True: 0.84, False: 0.56}
LEVELS = 32
PLAYED_OPACITY = 0.4


@lru_cache(maxsize=2)
def ramp(is_dark: bool) -> npt.NDArray[np.uint8]:
    """The colours of sound, shape (256 brightness, LEVELS, 3), RGB."""
    hue = np.linspace(LOW_HUE, HIGH_HUE, 256)[:, None]
    lightness = np.linspace(QUIET_LIGHTNESS[is_dark], LOUD_LIGHTNESS[is_dark], LEVELS)[None, :]
    return to_rgb(lightness, CHROMA, hue)


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
    n = len(peaks.low)
    n_bars = bars_across(width, bar, gap)
    if not n or width < 1 or height < 1:
        return _image(np.zeros((max(0, height), max(0, width), 4), np.uint8))
    edges = np.linspace(0, n, n_bars + 1)
    first = np.minimum(edges[:-1].astype(np.intp), n - 1)  # more bars than columns repeat columns
    scale = np.float32(1 / 127)
    low: FloatArray = np.minimum.reduceat(peaks.low, first).astype(np.float32) * scale
    high: FloatArray = np.maximum.reduceat(peaks.high, first).astype(np.float32) * scale
    loudest = max(float(high.max()), float(-low.min()))
    return _image(_lane(low, high, peaks.brightness[first], loudest, (width, height), is_dark, (bar, gap)))


def draw_bars(bars: Bars, loudest: float, width: int, height: int, is_dark: bool, bar: int = 2, gap: int = 1) -> QImage:
    """Draw a part of a clip, a lane for each channel, as high as the loudest sample of the whole clip asks for.

    Args:
        bars: As many as `bars_across` says.
        loudest: Of the whole clip, so that the height of a bar does not depend on the part that is shown.
        width: Device pixels.
        height: Device pixels, shared by the lanes.
        is_dark: Which theme it stands on.
        bar: Width of a bar in device pixels.
        gap: Space between bars in device pixels.

    Returns:
        An image with a transparent ground.
    """
    n_lanes = bars.low.shape[1]
    edges = [height * lane // n_lanes for lane in range(n_lanes + 1)]
    lanes = [
        _lane(bars.low[:, i], bars.high[:, i], bars.brightness, loudest, (width, below - above), is_dark, (bar, gap))
        for i, (above, below) in enumerate(pairwise(edges))
    ]
    return _image(np.concatenate(lanes))


def bars_across(width: int, bar: int, gap: int) -> int:
    """How many bars a width in device pixels has room for."""
    return max(1, (width + gap) // (bar + gap))


def _lane(
    low: FloatArray,
    high: FloatArray,
    brightness: npt.NDArray[np.uint8],
    loudest: float,
    size: tuple[int, int],
    is_dark: bool,
    spacing: tuple[int, int],
) -> npt.NDArray[np.uint8]:
    """Pixels of one channel, shape (height, width, 4), B, G, R and A."""
    (width, height), (bar, gap) = size, spacing
    lift = max(loudest, 1 / 127) ** -0.5  # -20 dB is drawn 32 % high instead of 10 %: quiet clips keep a shape
    low, high = low * lift, high * lift
    middle = (height - 1) / 2
    half = height / 2
    top = np.minimum(middle - high * half, middle - 0.5)  # silence is still a line of one pixel
    bottom = np.maximum(middle - low * half, middle + 0.5)
    row = np.arange(height, dtype=np.float32)[:, None] - 0.5
    coverage = (np.minimum(bottom, row + 1) - np.maximum(top, row)).clip(0, 1)
    level = np.maximum(high, -low).clip(0, 1)
    # By the root of the level: half loudness is already near the light end, small one-shots should not look dim.
    colors = ramp(is_dark)[brightness, np.rint(np.sqrt(level) * (LEVELS - 1)).astype(np.intp)]
    bars = np.empty((height, len(low), 4), np.float32)
    bars[..., :3] = colors[None, :, ::-1]  # ARGB32 is B, G, R, A in memory
    bars[..., 3] = 255
    bars *= coverage[..., None]
    spaced = np.zeros((height, len(low), bar + gap, 4), np.uint8)
    spaced[:, :, :bar] = bars[:, :, None]
    pixels = np.zeros((height, width, 4), np.uint8)
    across = spaced.reshape(height, -1, 4)[:, :width]
    pixels[:, : across.shape[1]] = across
    return pixels


def _image(pixels: npt.NDArray[np.uint8]) -> QImage:
    height, width = pixels.shape[:2]
    image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    if height and width:  # four bytes to a pixel: lines have no padding
        np.frombuffer(image.bits(), np.uint8)[:] = pixels.ravel()
    return image


def faded(image: QImage, opacity: float = PLAYED_OPACITY) -> QImage:
    """The same picture, paler."""
    result = QImage(image.size(), image.format())
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    painter.setOpacity(opacity)
    painter.drawImage(0, 0, image)
    painter.end()
    return result

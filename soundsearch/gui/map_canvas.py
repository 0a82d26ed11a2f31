"""Points of the map as pixels: a hundred thousand in some milliseconds, on any screen, without a graphics driver."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QSizeF
from PySide6.QtGui import QImage

from soundsearch.records import FloatArray, IntArray

Colors = npt.NDArray[np.uint32]  # 0xAARRGGBB, opaque
MARGIN = 0.92  # of the smaller side, for the whole map
MAX_ZOOM = 400.0
RIM = 24  # device pixels
SMOOTH_UP_TO = 2_000  # points with soft rims, for 8 ms at most on a large screen; in a crowd nobody sees them
# Up to how many points on screen each has which radius: small in a crowd, in a small library easy to hit
AT_REST = ((400, 4.0), (4_000, 2.5), (40_000, 1.5), (math.inf, 1.0))


@dataclass(frozen=True, slots=True)
class Camera:
    """Which part of the map is on the screen."""

    size: QSizeF  # of the screen, logical pixels
    centre: tuple[float, float] = (0.0, 0.0)  # in map units
    zoom: float = 1.0  # 1 shows the whole map
    extent: tuple[float, float] = (1.0, 1.0)  # how far the map reaches from 0 to the sides, and up and down

    @property
    def scale(self) -> float:
        """Logical pixels for a map unit."""
        room = min(self.size.width() / self.extent[0], self.size.height() / self.extent[1])
        return max(1.0, room) / 2 * MARGIN * self.zoom

    def to_screen(self, places: FloatArray) -> FloatArray:
        """Logical pixels (n, 2) of places (n, 2)."""
        middle = np.array([self.size.width() / 2, self.size.height() / 2], np.float32)
        flipped = np.array([self.scale, -self.scale], np.float32)  # up is up
        screen: FloatArray = (places - np.array(self.centre, np.float32)) * flipped + middle
        return screen

    def to_map(self, point: QPointF) -> tuple[float, float]:
        """The place under a logical pixel."""
        return (
            self.centre[0] + (point.x() - self.size.width() / 2) / self.scale,
            self.centre[1] - (point.y() - self.size.height() / 2) / self.scale,
        )

    def moved(self, dx: float, dy: float) -> "Camera":
        """Moved by logical pixels, no farther than to the rim of the map."""
        x, y = self.centre[0] - dx / self.scale, self.centre[1] + dy / self.scale
        return replace(self, centre=(min(1.0, max(-1.0, x)), min(1.0, max(-1.0, y))))

    def zoomed(self, factor: float, about: QPointF) -> "Camera":
        """Nearer or farther; what is under `about` stays there."""
        fixed = self.to_map(about)
        nearer = replace(self, zoom=min(MAX_ZOOM, max(1.0, self.zoom * factor)))
        now = nearer.to_map(about)
        x, y = nearer.centre[0] + fixed[0] - now[0], nearer.centre[1] + fixed[1] - now[1]
        return replace(nearer, centre=(min(1.0, max(-1.0, x)), min(1.0, max(-1.0, y))))


def rows_of(clip_ids: IntArray, among: IntArray) -> IntArray:
    """Where ids stand in an ascending array, in the order given; those that are not in it are left out."""
    if not len(among):
        return np.empty(0, np.int64)
    rows = np.searchsorted(among, clip_ids).clip(max=len(among) - 1)
    found: IntArray = rows[among[rows] == clip_ids].astype(np.int64)
    return found


def extent(places: FloatArray) -> tuple[float, float]:
    """How far places (n, 2) reach to the sides, and up and down; not less than a tenth."""
    if not len(places):
        return 1.0, 1.0
    across, up = np.abs(places).max(axis=0).clip(min=0.1)
    return float(across), float(up)


def radius(n_visible: int, zoom: float) -> float:
    """Of a point, in logical pixels: smaller in a crowd, larger from near."""
    at_rest = next(size for most, size in AT_REST if n_visible <= most)
    return float(min(6.0, at_rest * zoom**0.25))


def paint(screen: FloatArray, colors: Colors, raised: IntArray, camera: Camera, ratio: float, ground: int) -> QImage:
    """Draw points as discs.

    Args:
        screen: Where they are in logical pixels, shape (n, 2).
        colors: Of each point, shape (n,).
        raised: Points that are drawn last and larger, lowest first.
        camera: What is seen.
        ratio: Device pixels for a logical one.
        ground: Colour behind the points.

    Returns:
        A picture with a rim of RIM device pixels on all sides, so that no disc has to be cut.
    """
    width, height = round(camera.size.width() * ratio), round(camera.size.height() * ratio)
    image = QImage(max(1, width) + 2 * RIM, max(1, height) + 2 * RIM, QImage.Format.Format_RGB32)
    image.fill(ground)
    stride = image.bytesPerLine() // 4
    pixels = np.frombuffer(image.bits(), np.uint32)
    x, y = (screen[:, 0] * ratio).astype(np.intp), (screen[:, 1] * ratio).astype(np.intp)
    on_screen = (screen >= 0).all(axis=1) & (x < width) & (y < height)
    at = (y + RIM) * stride + x + RIM
    visible = np.flatnonzero(on_screen)
    reach = min(RIM - 2.0, radius(len(visible), camera.zoom) * ratio)
    _stamp(pixels, at[visible], colors[visible], reach, stride)
    above = raised[on_screen[raised]]
    _stamp(pixels, at[above], colors[above], min(RIM - 1.0, reach + 0.8 * ratio), stride)
    image.setDevicePixelRatio(ratio)
    return image


def _stamp(pixels: Colors, at: npt.NDArray[np.intp], colors: Colors, reach: float, stride: int) -> None:
    """Put a disc of `reach` device pixels at each position in the rows of pixels."""
    whole = int(np.ceil(reach))
    for dy in range(-whole, whole + 1):
        for dx in range(-whole, whole + 1):
            covered = _covered(reach, dx, dy, smooth=len(at) <= SMOOTH_UP_TO)
            if covered:
                place = at + (dy * stride + dx)
                pixels[place] = colors if covered == 1 else mixed(pixels[place], colors, covered)


def _covered(reach: float, dx: int, dy: int, *, smooth: bool) -> float:
    """How much of a pixel a disc covers."""
    if not smooth:
        return float(dx * dx + dy * dy <= reach * reach + 0.5)
    return min(1.0, max(0.0, reach + 0.5 - math.hypot(dx, dy)))


def mixed(colors: Colors, others: Colors | np.uint32, share: float) -> Colors:
    """Colours with a share of others in them."""
    found = np.full(len(colors), 0xFF000000, np.uint32)
    for shift in (16, 8, 0):
        own, other = (colors >> shift) & 0xFF, (others >> shift) & 0xFF
        found |= np.rint(own * (1 - share) + other * share).astype(np.uint32) << shift
    return found


def nearest(screen: FloatArray, point: QPointF, within: float) -> int | None:
    """The row of the point nearest to a logical pixel, None if none is within so many of them."""
    if not len(screen):
        return None
    distance = ((screen - np.array([point.x(), point.y()], np.float32)) ** 2).sum(axis=1)
    row = int(distance.argmin())
    return row if distance[row] <= within * within else None


def neighbour(screen: FloatArray, row: int, dx: int, dy: int) -> int | None:
    """The nearest point to a row in a direction, within 45 degrees of it; None if there is none."""
    away = screen - screen[row]
    along = away[:, 0] * dx + away[:, 1] * dy
    across = np.abs(away[:, 0] * dy) + np.abs(away[:, 1] * dx)
    ahead = np.flatnonzero((along > 0) & (across <= along))
    if not len(ahead):
        return None
    return int(ahead[(away[ahead] ** 2).sum(axis=1).argmin()])


def inside(screen: FloatArray, corners: FloatArray) -> npt.NDArray[np.bool_]:
    """Which points (n, 2) lie in a polygon (m, 2), by the even-odd rule.

    Source: W. R. Franklin, "PNPOLY - Point Inclusion in Polygon Test".
    """
    within = np.zeros(len(screen), bool)
    if len(corners) < 3:
        return within
    x, y = screen[:, 0], screen[:, 1]
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        within ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return within

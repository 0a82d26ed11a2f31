"""A part of the clip in the player that the user chose: what it is, how its edges move, how it is painted."""

from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from soundsearch.gui.span import Span
from soundsearch.gui.theme import Tokens

SHORTEST_S = 0.001
REACH_PX = 6  # how near to an edge the mouse takes it
GRIP_PX = (6.0, 12.0)  # of the handle at the top of each edge


class Grip(Enum):
    """What of a region lies under the mouse."""

    NOTHING = 0
    START = 1
    END = 2
    INSIDE = 3


@dataclass(frozen=True, slots=True)
class Region:
    """From where to where, in seconds."""

    start_s: float
    end_s: float

    @classmethod
    def between(cls, one_s: float, other_s: float, duration_s: float) -> "Region":
        """The part between two moments in any order, inside a clip, not shorter than a millisecond."""
        start_s, end_s = sorted((min(max(one_s, 0.0), duration_s), min(max(other_s, 0.0), duration_s)))
        if end_s - start_s < SHORTEST_S:
            end_s = min(start_s + SHORTEST_S, duration_s)
            start_s = max(0.0, end_s - SHORTEST_S)
        return cls(start_s, end_s)

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s

    def holds(self, at_s: float) -> bool:
        """True for moments in it."""
        return self.start_s <= at_s < self.end_s

    def grip(self, x: float, span: Span, width: float) -> Grip:
        """What the mouse would take at `x`."""
        start, end = (span.share(at) * width for at in (self.start_s, self.end_s))
        if abs(x - end) <= REACH_PX and abs(x - end) <= abs(x - start):
            return Grip.END
        if abs(x - start) <= REACH_PX:
            return Grip.START
        return Grip.INSIDE if start < x < end else Grip.NOTHING

    def paint(self, painter: QPainter, span: Span, width: float, height: float, tokens: Tokens) -> None:
        """A veil in the accent colour, with an edge and a handle on either side."""
        start, end = (span.share(at) * width for at in (self.start_s, self.end_s))
        accent = tokens.color("accent")
        veil = tokens.color("accent")
        veil.setAlphaF(0.20)
        painter.fillRect(QRectF(start, 0, end - start, height), veil)
        for edge, inwards in ((start, 1), (end, -1)):
            painter.fillRect(QRectF(edge - 0.5, 0, 1, height), accent)
            grip = QRectF(edge, 0, inwards * GRIP_PX[0], GRIP_PX[1]).normalized()
            painter.fillRect(grip, accent)


def words(region: Region) -> str:
    """A region for people: "1.20–2.45 s"; a colon where there are minutes."""
    return f"{_place(region.start_s)}–{_place(region.end_s)}" + (" s" if region.end_s < 60 else "")


def _place(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 2), 60)
    return f"{int(minutes)}:{rest:05.2f}" if minutes else f"{rest:.2f}"

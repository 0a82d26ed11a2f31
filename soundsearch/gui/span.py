"""The part of a clip that is looked at, and how zooming and scrolling change it."""

from dataclasses import dataclass

CLOSEST_S = 0.002  # no closer than this: some hundred samples


@dataclass(frozen=True, slots=True)
class Span:
    """From where to where the waveform is shown, inside a clip of `duration_s`. All in seconds."""

    start_s: float
    end_s: float
    duration_s: float

    @classmethod
    def whole(cls, duration_s: float) -> "Span":
        """All of a clip."""
        return cls(0.0, duration_s, duration_s)

    @property
    def width_s(self) -> float:
        """How much is shown."""
        return self.end_s - self.start_s

    @property
    def is_whole(self) -> bool:
        """True if nothing is left out."""
        return self.width_s >= self.duration_s

    def share(self, at_s: float) -> float:
        """Where a moment is: 0 at the left end, 1 at the right one, beyond them outside."""
        return (at_s - self.start_s) / self.width_s if self.width_s > 0 else 0.0

    def moment(self, share: float) -> float:
        """The moment at a place, kept inside the clip."""
        return min(max(self.start_s + share * self.width_s, 0.0), self.duration_s)

    def zoomed(self, factor: float, at_s: float) -> "Span":
        """Closer by a factor (above 1) or further away, with one moment staying where it is."""
        closest = min(CLOSEST_S, self.duration_s)
        width = min(max(self.width_s / factor, closest), self.duration_s)
        return self._placed(at_s - self.share(at_s) * width, width)

    def scrolled(self, by_s: float) -> "Span":
        """Further to the right, or with a negative number to the left."""
        return self._placed(self.start_s + by_s, self.width_s)

    def showing(self, start_s: float, end_s: float, share: float = 0.5) -> "Span":
        """So close that a part takes this share of the width, in its middle."""
        width = min(max((end_s - start_s) / share, min(CLOSEST_S, self.duration_s)), self.duration_s)
        return self._placed((start_s + end_s - width) / 2, width)

    def following(self, at_s: float) -> "Span":
        """Turn the page, if a moment is not in view."""
        if self.is_whole or self.start_s <= at_s <= self.end_s:
            return self
        return self._placed(at_s, self.width_s)

    def _placed(self, start_s: float, width_s: float) -> "Span":
        if width_s >= self.duration_s:
            return Span.whole(self.duration_s)
        start_s = min(max(start_s, 0.0), self.duration_s - width_s)
        return Span(start_s, start_s + width_s, self.duration_s)

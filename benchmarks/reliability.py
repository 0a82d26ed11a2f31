"""How far probabilities can be believed: expected calibration error, and a reliability plot as SVG."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BINS = 10
SIZE, MARGIN = 300, 46  # of a plot, in pixels
FONT = 'font-family="sans-serif" font-size="12"'


@dataclass(frozen=True)
class Judged:
    """Probabilities (n,) and whether each was right, (n,)."""

    likely: np.ndarray
    right: np.ndarray

    def bins(self) -> list[tuple[float, float, int]]:
        """Mean probability, share that was right and number, in tenths of probability; empty ones are left out."""
        place = np.minimum((self.likely * BINS).astype(int), BINS - 1)
        chosen = [place == number for number in range(BINS) if (place == number).any()]
        return [(float(self.likely[c].mean()), float(self.right[c].mean()), int(c.sum())) for c in chosen]

    def error(self) -> float:
        """Expected calibration error: the mean distance of the two, every hit counting the same."""
        return sum(abs(likely - right) * n for likely, right, n in self.bins()) / len(self.likely)

    def numbers(self, fair: float, strong: float) -> dict[str, float]:
        """The error, and of how many hits of each strength how many were right."""
        levels = {
            "strong": self.likely >= strong,
            "fair": (self.likely >= fair) & (self.likely < strong),
            "weak": self.likely < fair,
        }
        found: dict[str, float] = {"hits": len(self.likely), "calibration error": self.error()}
        for name, chosen in levels.items():
            found[name] = int(chosen.sum())
            if chosen.any():
                found[f"{name} expected"] = float(self.likely[chosen].mean())
                found[f"{name} right"] = float(self.right[chosen].mean())
        return found


def draw(plots: Mapping[str, Judged], path: Path) -> None:
    """A plot for each: what was said against what was right; the area of a point grows with its number of hits."""
    across = 4
    down = -(-len(plots) // across)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{across * SIZE}" height="{down * SIZE}" {FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (name, judged) in enumerate(plots.items()):
        parts += _plot(name, judged, (number % across) * SIZE, (number // across) * SIZE)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _plot(name: str, judged: Judged, left: int, top: int) -> list[str]:
    side = SIZE - 2 * MARGIN

    def place(x: float, y: float) -> tuple[float, float]:
        return round(left + MARGIN + x * side, 1), round(top + SIZE - MARGIN - y * side, 1)

    (x0, y0), (x1, y1) = place(0, 0), place(1, 1)
    parts = [
        f'<text x="{x0}" y="{y1 - 12}" font-weight="bold">{name}</text>',
        f'<rect x="{x0}" y="{y1}" width="{side}" height="{side}" fill="none" stroke="#888"/>',
        f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="#888" stroke-dasharray="4"/>',
        f'<text x="{(x0 + x1) / 2}" y="{y0 + 34}" text-anchor="middle">said (error {judged.error():.3f})</text>',
        f'<text transform="translate({x0 - 30} {(y0 + y1) / 2}) rotate(-90)" text-anchor="middle">right</text>',
    ]
    for value in (0.0, 0.5, 1.0):
        x, y = place(value, value)
        parts.append(f'<text x="{x}" y="{y0 + 16}" text-anchor="middle">{value:g}</text>')
        parts.append(f'<text x="{x0 - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>')
    most = max(n for _, _, n in judged.bins())
    for likely, right, n in judged.bins():
        x, y = place(likely, right)
        radius = 2 + 8 * (n / most) ** 0.5
        parts.append(f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="#1f6fb2" fill-opacity="0.7"/>')
    return parts

"""The report of a training: one page that says whether it helped, by how much and how sure, and the same as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import jinja2

from soundsearch.errors import TrainingError
from soundsearch.settings import resource

PAGE = "report.html"
TABLE = "report.json"
_SHARES = (("recall_1", "right clip first"), ("recall_5", "in the first 5"), ("recall_10", "in the first 10"))
_DIRECTIONS = (
    ("text_to_audio", "You type words, it finds clips"),
    ("audio_to_text", "It hears a clip, it finds words"),
)
_MAX_POINTS = 240  # of a curve: more than the page has pixels for
_PANEL = (330, 170)  # width and height of a curve in pixels
_MARGIN = (44, 24, 26)  # left, top, bottom


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the page says first. `mark` is "better", "worse", "unclear" or ""."""

    mark: str
    headline: str
    detail: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line in its panel, in pixels: SVG points, dots to draw, and ticks as (position, text)."""

    title: str
    points: str
    dots: tuple[tuple[float, float], ...]
    best: tuple[float, float, str] | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of before and after; positions for the drawing are percents of its width."""

    name: str
    before: str
    before_range: str
    after: str
    after_range: str
    drawn: tuple[float, float, float, float, float, float] | None  # value, low, high; before, then after


def write(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write the page and, beside it, its table.

    Args:
        folder: Where to.
        result: What was measured; keys that are missing are left out of the page. Known are `bundle`, `base`, `recipe`,
            `captions`, `source`, `seed`, `seconds`, `device`, `clips`, `tags`, `problems`, `history`, `before`,
            `after`, `gain`, `control`, `blend`, `neighbours`, `examples`, `offered` and `reason`.

    Returns:
        The page: one file without scripts, which needs nothing else.

    Raises:
        TrainingError: If it cannot be written.
    """
    plain = _plain(result)
    page = folder / PAGE
    try:
        (folder / TABLE).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        # A path may hold bytes that are not UTF-8: they become question marks, the page stays readable.
        page.write_bytes(render(plain).encode("utf-8", "replace"))
    except OSError as err:
        raise TrainingError(f"Cannot write the report to {folder}: {err.strerror}.", "Check the folder.") from err
    return page


def render(result: Mapping[str, Any]) -> str:
    """The page as text, from a table for JSON as `write` makes it."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined, trim_blocks=True)
    environment.filters.update(percent=_percent, points=_points, short=_short, name=_name)
    template = environment.from_string(resource(PAGE).read_text(encoding="utf-8"))
    return template.render(
        result=result,
        verdict=verdict(result),
        curves=curves(result.get("history") or ()),
        tables=[(title, _rows(result, key), _asked(result, key)) for key, title in _DIRECTIONS if _rows(result, key)],
    )


def verdict(result: Mapping[str, Any]) -> Verdict:
    """Judge by the interval of the gain: it helped only if even its low end is above zero."""
    gain = (result.get("gain") or {}).get("map_10")
    if not gain:
        return Verdict("", "", "")
    sure = "with 95\u00a0% certainty between"
    if gain["low"] > 0:
        value, low, high = (_points(gain[key]).lstrip("+") for key in ("value", "low", "high"))
        mark, headline = "better", f"It helped: its answers are {value} points of 100 better, {sure} {low} and {high}."
    elif gain["high"] < 0:
        value, low, high = (_points(-gain[key]).lstrip("+") for key in ("value", "high", "low"))
        mark, headline = "worse", f"It got worse: its answers lost {value} points of 100, {sure} {low} and {high}."
    else:
        value, low, high = (_points(gain[key]) for key in ("value", "low", "high"))
        change = f"its answers changed by {value} points of 100, and the true change may be anything"
        mark, headline = "unclear", f"It is not clear that it helped: {change} between {low} and {high}."
    return Verdict(mark, headline, _in_searches(result))


def _in_searches(result: Mapping[str, Any]) -> str:
    """The same in words of every day, where recall was measured."""
    shares = [(result.get(when) or {}).get("text_to_audio", {}).get("recall_1") for when in ("before", "after")]
    if not all(shares):
        return ""
    before, after = (round(100 * share["value"]) for share in shares)
    return f"Of 100 searches by words, the right clip came first in {before} before and comes first in {after} now."


def curves(history: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """The loss, and the score on clips kept aside to decide when to stop; a curve needs two points."""
    loss = [(step["step"], step["loss"]) for step in history if step.get("loss") is not None]
    checks = [(step["step"], step["validation"]) for step in history if step.get("validation") is not None]
    drawn = []
    if len(loss) > 1:
        drawn.append(_curve("Loss while training (lower is better)", _thin(loss), "", with_dots=False))
    if len(checks) > 1:
        best = max(checks, key=lambda point: point[1])
        drawn.append(_curve("Score on the clips kept aside (higher is better)", checks, f"best {best[1]:.2f}"))
    return drawn


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Averages of neighbours where there are more points than pixels."""
    size = math.ceil(len(points) / _MAX_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _curve(title: str, points: Sequence[tuple[float, float]], best: str, with_dots: bool = True) -> Curve:
    (width, height), (left, top, bottom) = _PANEL, _MARGIN
    x_ticks = _ticks(0, points[-1][0])
    y_ticks = _ticks(min(value for _, value in points), max(value for _, value in points))
    x_low, x_high = 0.0, max(points[-1][0], 1)
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def x(step: float) -> float:
        return round(left + (step - x_low) / (x_high - x_low) * (width - left - 8), 1)

    def y(value: float) -> float:
        return round(top + (y_high - value) / (y_high - y_low) * (height - top - bottom), 1)

    dots = tuple((x(step), y(value)) for step, value in points)
    top_step, top_value = max(points, key=lambda point: point[1])
    return Curve(
        title=title,
        points=" ".join(f"{a},{b}" for a, b in dots),
        dots=dots if with_dots else (),
        best=(x(top_step), y(top_value), best) if best else None,
        x_ticks=tuple((x(tick), f"{tick:g}") for tick in x_ticks if tick <= x_high),
        y_ticks=tuple((y(tick), f"{tick:g}") for tick in y_ticks),
    )


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers from below or at `low` to above or at `high`."""
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough - 1e-12)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def _rows(result: Mapping[str, Any], direction: str) -> list[Row]:
    before = (result.get("before") or {}).get(direction) or {}
    after = (result.get("after") or {}).get(direction) or {}
    rows = [_row(name, before.get(key), after.get(key)) for key, name in (*_SHARES, ("map_10", "quality (mAP@10)"))]
    ranks = [f"{side['median_rank']:.0f}" if side.get("median_rank") else "" for side in (before, after)]
    if any(ranks):
        rows.append(Row("usual place of the right one", ranks[0], "", ranks[1], "", None))
    return [row for row in rows if row.before or row.after]


def _row(name: str, before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> Row:
    sides = [before, after]
    text = [_percent(side["value"]) if side else "" for side in sides]
    spans = [_span(side) if side else "" for side in sides]
    drawn = None
    if before and after:
        a, b, c, d, e, f = (round(100 * side[key], 1) for side in (before, after) for key in ("value", "low", "high"))
        drawn = (a, b, c, d, e, f)
    return Row(name, text[0], spans[0], text[1], spans[1], drawn)


def _asked(result: Mapping[str, Any], direction: str) -> str:
    side = (result.get("after") or result.get("before") or {}).get(direction) or {}
    if not side.get("queries"):
        return ""
    kinds = ("searches", "clips") if direction == "text_to_audio" else ("clips", "texts")
    return f"{side['queries']} {kinds[0]} over {side.get('candidates', 0)} {kinds[1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def _points(share: float) -> str:
    """A difference of shares in percent points, with its sign; a true minus, as wide as a plus."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def _span(measure: Mapping[str, float]) -> str:
    return f"{100 * measure['low']:.0f}–{100 * measure['high']:.0f}"


def _name(bundle: str) -> str:
    """A model is called by its folder."""
    return Path(bundle).name or bundle


def _short(path: str) -> str:
    """The name of a clip and the folder it lies in."""
    return "/".join(Path(path).parts[-2:])


def _plain(value: Any) -> Any:
    """What JSON can hold: records as tables, numbers of NumPy as numbers, what is no number as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value

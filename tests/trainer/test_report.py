"""The report says first whether it helped, leaves out what it was not told, and needs nothing but itself."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.errors import TrainingError
from trainer import report
from trainer.evaluate import Measure


def measured(value: float, spread: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - spread, "high": value + spread}


def side(value: float) -> dict[str, Any]:
    names = ("recall_1", "recall_5", "recall_10", "map_10")
    return {name: measured(value) for name in names} | {"median_rank": 3.0, "queries": 62, "candidates": 71}


FULL: dict[str, Any] = {
    "bundle": "/data/models/Ana's <sounds> & more",
    "base": {"name": "starter", "title": "soundsearch starter", "id": "0123abcd"},
    "recipe": "projection",
    "captions": "grammar",
    "source": "/samples/Field & Foley",
    "seed": 3407,
    "seconds": 214.2,
    "device": "cpu",
    "clips": {"train": 412, "validation": 78, "test": 71},
    "tags": [["kick", 48], ["<script>alert(1)</script>", 2]],
    "problems": [f"Left out take {n}.wav: it is empty." for n in range(20)],
    "history": [
        {"step": n, "epoch": n / 5, "loss": 3 / (1 + n), "rate": 1e-3}
        | ({"validation": n / 100} if n % 10 == 0 else {})
        for n in range(50)
    ],
    "before": {"text_to_audio": side(0.31), "audio_to_text": side(0.4)},
    "after": {"text_to_audio": side(0.46), "audio_to_text": side(0.5)},
    "gain": {"map_10": {"value": 0.152, "low": 0.09, "high": 0.211}},
    "control": {
        "before": measured(0.78),
        "after": measured(0.77),
        "change": {"value": -0.01, "low": -0.03, "high": 0.01},
        "classes": 33,
        "clips": 236,
    },
    "blend": {"alpha": 0.7, "tried": [{"alpha": 0.7, "validation": 0.5, "control": 0.77}]},
    "neighbours": [
        {
            "query": 'a "metal" scrape',
            "before": [{"path": "/samples/Foley/door.wav", "right": False}],
            "after": [{"path": "/samples/Foley/scrape.wav", "right": True}],
        }
    ],
    "examples": [{"path": "/samples/Foley/scrape.wav", "texts": ["The sound of a scrape.", "A scrape on metal."]}],
    "offered": True,
    "reason": "",
}


class Page(HTMLParser):
    """Checks that elements close in order; keeps texts and what the page refers to."""

    VOID = frozenset({"meta", "br", "line", "circle", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.texts).split())


def test_the_whole_page(tmp_path: Path) -> None:
    path = report.write(tmp_path, FULL)
    assert path == tmp_path / "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == FULL
    assert not page.references
    assert not {"script", "link", "img", "iframe"} & page.tags
    for words in (
        "It helped: its answers are 15.2 points of 100 better, with 95 % certainty between 9.0 and 21.1.",
        "Of 100 searches by words, the right clip came first in 31 before and comes first in 46 now.",
        "Measured on 71 clips that it was not trained on.",
        "Training report Ana's <sounds> & more It helped",
        "<script>alert(1)</script>",
        "names 77.0 % of them correctly; before it was 78.0 %",
        "a change of −1.0 points",
        "✗ wrong Foley/door.wav",
        "✓ right Foley/scrape.wav",
        "A scrape on metal.",
        "Left out take 19.wav",
        "8 more",
        "soundsearch models use starter",
        "70 % of what was learned",
    ):
        assert words in page.said, words
    assert page.said.index("It helped") < page.said.index("Started from") < page.said.index("Before and after")


@pytest.mark.parametrize(
    ("gain", "mark", "words"),
    [
        ((0.1, 0.01, 0.2), "better", "It helped: its answers are 10.0 points of 100 better"),
        ((0.1, 0.0, 0.2), "unclear", "It is not clear that it helped: its answers changed by +10.0 points"),
        ((-0.1, -0.2, 0.01), "unclear", "anything between −20.0 and +1.0"),
        ((-0.1, -0.2, -0.03), "worse", "It got worse: its answers lost 10.0 points of 100"),
        ((-0.1, -0.2, -0.03), "worse", "between 3.0 and 20.0"),
    ],
)
def test_it_helped_only_if_even_the_low_end_is_above_zero(
    gain: tuple[float, float, float], mark: str, words: str
) -> None:
    said = report.verdict({"gain": {"map_10": dict(zip(("value", "low", "high"), gain, strict=True))}})
    assert said.mark == mark
    assert words in said.headline


def test_a_model_that_is_not_offered_says_why_and_is_not_green(tmp_path: Path) -> None:
    reason = "It forgot 3.4 points of everyday sounds."
    page = report.write(tmp_path, {**FULL, "offered": False, "reason": reason}).read_text(encoding="utf-8")
    assert "All the same it is not recommended. " + reason in Page(page).said
    assert 'class="verdict unclear"' in page
    alone = report.write(tmp_path, {"offered": False, "reason": reason}).read_text(encoding="utf-8")
    assert "It is not recommended. " + reason in Page(alone).said


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(sorted(FULL))))
def test_what_it_was_not_told_is_left_out(missing: set[str]) -> None:
    page = Page(report.render({key: value for key, value in FULL.items() if key not in missing}))
    headings = {
        "history": "How it learned",
        "control": "What it forgot",
        "neighbours": "What it answers now",
        "problems": "Worth knowing",
    }
    for key, heading in headings.items():
        assert (heading in page.said) == (key not in missing)
    assert "Undefined" not in page.said
    assert "None" not in page.said


def test_nothing_at_all_is_a_page_too() -> None:
    assert "How to go back" in Page(report.render({})).said


def test_records_arrays_and_odd_numbers(tmp_path: Path) -> None:
    """Measures as they are, numbers of NumPy, a loss that is not a number, a name that is not UTF-8."""
    result = {
        "gain": {"map_10": Measure(0.1, 0.05, 0.15)},
        "history": [{"step": np.int64(1), "loss": math.nan}, {"step": 2, "loss": np.float32(1.5)}],
        "source": Path("/samples"),
        "problems": ("Left out caf\udce9.wav: it is empty.",),
    }
    page = report.write(tmp_path, result).read_text(encoding="utf-8")
    assert "caf?.wav" in page
    table = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert table["history"] == [{"step": 1, "loss": None}, {"step": 2, "loss": 1.5}]
    assert table["gain"]["map_10"] == {"value": 0.1, "low": 0.05, "high": 0.15}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=1000),
    st.integers(1, 1000),
)
def test_curves_stay_in_their_panel(losses: list[float], stride: int) -> None:
    history = [{"step": n * stride, "loss": loss, "validation": loss} for n, loss in enumerate(losses)]
    loss, checks = report.curves(history)
    for curve in (loss, checks):
        points = [tuple(map(float, pair.split(","))) for pair in curve.points.split()]
        assert all(0 <= x <= 330 and 0 <= y <= 170 for x, y in points)
        assert [x for x, _ in points] == sorted(x for x, _ in points)
        assert 2 <= len(curve.y_ticks) <= 8
    assert len(loss.points.split()) <= 240
    assert checks.best is not None
    assert checks.best[1] == min(y for _, y in checks.dots)


def test_of_many_tags_the_most_frequent_are_shown() -> None:
    page = Page(report.render({"tags": [[f"tag {n}", 100 - n] for n in range(60)]}))
    assert "tag 39 61" in page.said
    assert "tag 40" not in page.said
    assert "and 20 rarer tags." in page.said


def test_a_small_number_of_round_ticks() -> None:
    curve = report.curves([{"step": 0, "loss": 4.61}, {"step": 300, "loss": 1.47}])[0]
    assert [text for _, text in curve.y_ticks] == ["1", "2", "3", "4", "5"]
    assert [text for _, text in curve.x_ticks] == ["0", "100", "200", "300"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Cannot write the report"):
        report.write(tmp_path / "missing", FULL)


def test_the_page_knows_both_themes_and_small_windows() -> None:
    page = report.render(FULL)
    dark = re.search(r"prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}", page)
    light = re.search(r":root \{([^}]*)\}", page)
    assert dark
    assert light
    names = [set(re.findall(r"(--[\w-]+):", block[1])) for block in (light, dark)]
    assert names[0] == names[1]
    assert set(re.findall(r"var\((--[\w-]+)\)", page)) <= names[0]

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.model.personal import describe, is_personal, summary, why_not

MEASURED = {"text_to_audio": {"map_10": {"value": 0.631, "low": 0.5, "high": 0.7}}}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "Your sounds."),
        ({"clips": 1, "tags": ["kick"]}, "Your sounds: 1 clip, 1 tag."),
        ({"clips": 1200, "tags": ["a", "b"], "tag_count": 23}, "Your sounds: 1,200 clips, 23 tags."),
        ({"clips": {"train": 300, "test": 112}}, "Your sounds: 412 clips."),
        ({"tags": ["kick"]}, "Your sounds: 1 tag."),
        (
            {"clips": 412, "tag_count": 23, "before": 0.41, "after": MEASURED},
            "Your sounds: 412 clips, 23 tags. Finds them 41 % → 63 % (mAP@10).",
        ),
        ({"clips": 3, "before": 0.0, "after": 1}, "Your sounds: 3 clips. Finds them 0 % → 100 % (mAP@10)."),
    ],
)
def test_on_what_and_how_well(entry: dict[str, Any], words: str) -> None:
    assert describe({"personal": entry}) == words


def test_the_same_in_a_few_words() -> None:
    assert summary({"personal": {"clips": 1412, "before": 0.41, "after": MEASURED}}) == "1,412 clips · 41 % → 63 %"
    assert summary({"personal": {"clips": 1}}) == "1 clip" and summary({"personal": {}}) == ""


def test_why_one_is_not_recommended() -> None:
    assert why_not({}) == why_not({"personal": {}}) == why_not({"personal": {"offered": True, "reason": "Fine."}}) == ""
    assert why_not({"personal": {"offered": False, "reason": "It forgot."}}) == "It forgot."
    assert why_not({"personal": {"offered": False}}) == "It did not get better."
    assert not is_personal({}) and not is_personal({"personal": None}) and is_personal({"personal": {}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**6) | st.floats(-2, 2) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["clips", "tags", "tag_count", "before", "after", "offered", "reason"])


@given(st.dictionaries(KEYS, JSON))
def test_any_manifest_is_described(entry: dict[str, Any]) -> None:
    assert describe({"personal": entry}).startswith("Your sounds")
    assert isinstance(summary({"personal": entry}), str)
    assert isinstance(why_not({"personal": entry}), str)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.gui.region import Region, words
from soundsearch.gui.span import Span

moment = st.floats(0, 1)
steps = st.lists(
    st.tuples(st.sampled_from(["zoom", "scroll", "show", "follow"]), st.floats(0.01, 100), moment), max_size=30
)


@given(st.floats(1e-4, 10_000), steps)
def test_any_zooming_and_scrolling_stays_inside_the_clip(
    duration_s: float, done: list[tuple[str, float, float]]
) -> None:
    span = Span.whole(duration_s)
    for what, amount, at in done:
        if what == "zoom":
            span = span.zoomed(amount, at * duration_s)
        elif what == "scroll":
            span = span.scrolled((at - 0.5) * amount * span.width_s)
        elif what == "show":
            span = span.showing(at * duration_s, min(duration_s, (at + 0.1) * duration_s))
        else:
            span = span.following(at * duration_s)
            assert span.start_s <= at * duration_s + 1e-9 * duration_s
            assert at * duration_s <= span.end_s + 1e-9 * duration_s
        assert -1e-9 <= span.start_s <= span.end_s <= duration_s * (1 + 1e-9)
        assert span.width_s > 0
        assert span.moment(span.share(span.start_s)) == pytest.approx(span.start_s, abs=1e-6 * duration_s)


@given(st.floats(0.01, 10_000), st.floats(1.1, 50), moment)
def test_what_is_under_the_mouse_stays_there(duration_s: float, factor: float, share: float) -> None:
    before = Span.whole(duration_s)
    after = before.zoomed(factor, share * duration_s)
    assert after.share(share * duration_s) == pytest.approx(share, abs=1e-6)


@given(st.floats(-1, 20), st.floats(-1, 20), st.floats(0.002, 15))
def test_a_region_is_inside_its_clip_and_never_empty(one: float, other: float, duration_s: float) -> None:
    region = Region.between(one, other, duration_s)
    assert 0 <= region.start_s < region.end_s <= duration_s
    assert region.length_s >= 0.000_999


@pytest.mark.parametrize(
    ("region", "said"),
    [(Region(1.2, 2.45), "1.20–2.45 s"), (Region(59.5, 61.254), "59.50–1:01.25"), (Region(0, 0.001), "0.00–0.00 s")],
)
def test_regions_in_words(region: Region, said: str) -> None:
    assert words(region) == said

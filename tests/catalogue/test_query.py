import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.catalogue.query import ParsedQuery, format_query, parse
from soundsearch.errors import QueryError
from soundsearch.records import Filter


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("wet slap on concrete", ParsedQuery("wet slap on concrete")),
        ("8-bit jump", ParsedQuery("8-bit jump")),
        ("dog -voice barking", ParsedQuery("dog barking", ("voice",))),
        ('-"two words"', ParsedQuery("", ("two words",))),
        ('kick "take 2"', ParsedQuery("kick", (), Filter(words=("take 2",)))),
        ("kick dur<2", ParsedQuery("kick", (), Filter(max_duration_s=2.0))),
        ("dur>0.5 dur<4", ParsedQuery("", (), Filter(min_duration_s=0.5, max_duration_s=4.0))),
        ("dur:0.5-4", ParsedQuery("", (), Filter(min_duration_s=0.5, max_duration_s=4.0))),
        ("tag:vinyl tag:loop", ParsedQuery("", (), Filter(tags=("vinyl", "loop")))),
        ('folder:"My kit"', ParsedQuery("", (), Filter(folders=("My kit",)))),
        ("type:.WAV", ParsedQuery("", (), Filter(types=("wav",)))),
        ("rate:48000 ch:2", ParsedQuery("", (), Filter(sample_rates=(48000,), channels=(2,)))),
        ("a door: slam", ParsedQuery("a door: slam")),
        ('stray " quote', ParsedQuery("stray quote")),
        ("", ParsedQuery()),
    ],
)
def test_reads(source: str, expected: ParsedQuery) -> None:
    assert parse(source) == expected


@pytest.mark.parametrize(
    ("source", "position", "words"),
    [
        ("kick dur<long", 5, "not a number"),
        ("kick dur:4-1", 5, "No clip"),
        ("tag:", 0, "no value"),
        ("a rate:fast", 7, "whole number"),
        ("tag<3", 0, "does not know"),
        ("loop bpm:120", 5, "not available yet"),
        ("foldr:Drums", 0, "no filter"),
    ],
)
def test_points_at_what_it_cannot_understand(source: str, position: int, words: str) -> None:
    with pytest.raises(QueryError, match=words) as caught:
        parse(source)
    assert caught.value.position == position
    assert caught.value.hint


values = st.text(st.characters(exclude_characters='"', exclude_categories=["C", "Z"]), min_size=1, max_size=8)
seconds = st.floats(0.0, 1e6, allow_nan=False)


@given(
    st.builds(
        Filter,
        min_duration_s=st.none() | seconds.map(lambda s: min(s, 10.0)),
        max_duration_s=st.none() | seconds.map(lambda s: max(s, 10.0)),
        words=st.lists(values, max_size=2).map(tuple),
        tags=st.lists(values, max_size=2).map(tuple),
        folders=st.lists(st.tuples(values, values).map(" ".join), max_size=2).map(tuple),
        types=st.lists(st.sampled_from(["wav", "flac", "mp3"]), max_size=2).map(tuple),
        sample_rates=st.lists(st.integers(1, 10**6), max_size=2).map(tuple),
        channels=st.lists(st.integers(1, 64), max_size=2).map(tuple),
    ),
    st.lists(values, max_size=2),
)
def test_reads_back_what_it_writes(wanted: Filter, excluded: list[str]) -> None:
    query = ParsedQuery("wet slap", tuple(excluded), wanted)
    assert parse(format_query(query)) == query


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        query = parse(source)
    except QueryError as err:
        assert 0 <= err.position <= len(source)
    else:
        assert parse(format_query(query)) == query

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.catalogue.conditions import CONDITIONS, MARKS, key_spellings, normal_key
from soundsearch.catalogue.query import ParsedQuery, format_query, parse, parse_parts
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
        ("bpm:120-130", ParsedQuery("", (), Filter(min_bpm=120.0, max_bpm=130.0))),
        ("bpm:120", ParsedQuery("", (), Filter(min_bpm=119.5, max_bpm=120.5))),
        ("bpm>100 bpm<=140", ParsedQuery("", (), Filter(min_bpm=100.0, max_bpm=140.0))),
        ("key:Am key:Bb", ParsedQuery("", (), Filter(keys=("Am", "A#")))),
        ('key:"a minor" key:Ebmaj', ParsedQuery("", (), Filter(keys=("Am", "D#")))),
        ("is:fav is:oneshot IS:Loop", ParsedQuery("", (), Filter(marks=("fav", "one-shot", "loop")))),
        ("rating:4", ParsedQuery("", (), Filter(min_rating=4))),
        ("rating>3", ParsedQuery("", (), Filter(min_rating=4))),
        ("rating>=3", ParsedQuery("", (), Filter(min_rating=3))),
        ("colour:Red color:blue", ParsedQuery("", (), Filter(colours=("red", "blue")))),
        ('in:"My collection"', ParsedQuery("", (), Filter(collections=("My collection",)))),
        ('tag:"12"" mix"', ParsedQuery("", (), Filter(tags=('12" mix',)))),
        ('tag:"being typ', ParsedQuery("", (), Filter(tags=("being typ",)))),
        ("-tag:voice kick", ParsedQuery("kick", (), Filter(without=Filter(tags=("voice",))))),
        ('-"tag:voice"', ParsedQuery("", ("tag:voice",))),
        ('key of C: "take 2"', ParsedQuery("key of C:", (), Filter(words=("take 2",)))),
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
        ("a rate:fast", 2, "whole number"),
        ("tag<3", 0, "does not know"),
        ("loop bpm:fast", 5, "number of beats"),
        ("bpm:1-2-3", 0, "number of beats"),
        ("kick key:H", 5, "no key"),
        ("is:nice", 0, "whether they are nice"),
        ("rating:6", 0, "stars"),
        ("rating<3", 0, "does not know <"),
        ("snare -rating:3", 6, "minus"),
        ("foldr:Drums", 0, "no filter"),
        ("dur:1 type:.", 0, "number of seconds"),
        ("rate:48000 rate:480000000000000000000", 11, "whole number"),
    ],
)
def test_points_at_what_it_cannot_understand(source: str, position: int, words: str) -> None:
    with pytest.raises(QueryError, match=words) as caught:
        parse(source)
    assert caught.value.position == position
    assert caught.value.hint


values = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
spaced = st.tuples(values, values).map(" ".join)
numbers = st.floats(0.0, 1e6, allow_nan=False)


def some(of: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(of, max_size=2).map(tuple)


listed = {
    "tags": some(values | spaced),
    "folders": some(spaced),
    "types": some(st.sampled_from(["wav", "flac", "mp3"])),
    "sample_rates": some(st.integers(1, 10**6)),
    "channels": some(st.integers(1, 64)),
    "keys": some(st.sampled_from(["Am", "F#", "C", "A#m"])),
    "marks": some(st.sampled_from(MARKS)),
    "colours": some(st.sampled_from(["red", "light blue"])),
    "collections": some(values | spaced),
}
unwanted = st.builds(Filter, **listed).map(lambda f: None if f == Filter() else f)


@given(
    st.builds(
        Filter,
        min_duration_s=st.none() | numbers.map(lambda s: min(s, 10.0)),
        max_duration_s=st.none() | numbers.map(lambda s: max(s, 10.0)),
        min_bpm=st.none() | numbers.map(lambda s: min(s, 100.0)),
        max_bpm=st.none() | numbers.map(lambda s: max(s, 100.0)),
        min_rating=st.integers(0, 5),
        words=some(values | spaced),
        without=unwanted,
        **listed,
    ),
    st.lists(values | spaced, max_size=2),
)
def test_reads_back_what_it_writes(wanted: Filter, excluded: list[str]) -> None:
    query = ParsedQuery("wet slap", tuple(excluded), wanted)
    assert parse(format_query(query)) == query


# Pieces of queries, whole and broken, as people may put them together: characters at random seldom make a filter.
pieces = st.one_of(
    st.sampled_from(
        ['"', "-", ":", " ", "kick", "8-bit", "tag:", "dur<", "dur>=2", "bpm:120", "key:", "rating:", "is:"]
    ),
    st.sampled_from([c.example for c in CONDITIONS.values()]),
    st.text(max_size=4),
)


@given(st.lists(pieces, max_size=8).map("".join) | st.lists(pieces, max_size=8).map(" ".join))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        query = parse(source)
    except QueryError as err:
        assert 0 <= err.position <= len(source)
        assert err.message.endswith((".", "?")) and err.hint.endswith((".", "?"))
    else:
        assert parse(format_query(query)) == query


@given(st.lists(pieces, max_size=8).map(" ".join))
def test_parts_stand_where_they_say(source: str) -> None:
    try:
        parts = parse_parts(source)
    except QueryError:
        return
    ends = [0, *(part.end for part in parts)]
    assert all(end <= part.start < part.end <= len(source) for end, part in zip(ends, parts, strict=False))
    for part in parts:
        if part.kind in ("text", "not", "phrase"):
            assert parse_parts(source[part.start : part.end])[0].value == part.value


def test_parts_are_what_chips_are_made_of() -> None:
    source = 'wet slap -voice "take 2" -tag:"old kit" dur<2'
    parts = parse_parts(source)
    assert [(part.kind, source[part.start : part.end]) for part in parts] == [
        ("text", "wet"),
        ("text", "slap"),
        ("not", "-voice"),
        ("phrase", '"take 2"'),
        ("tag", '-tag:"old kit"'),
        ("dur", "dur<2"),
    ]
    assert [(part.value, part.operator, part.is_excluded) for part in parts[3:]] == [
        ("take 2", "", False),
        ("old kit", ":", True),
        ("2", "<", False),
    ]


def test_every_filter_reads_its_own_example() -> None:
    for condition in CONDITIONS.values():
        for example in condition.example.split(" or "):
            source = example if example.startswith(condition.name) else f"{condition.name}:{example}"
            assert format_query(parse(source)) == source


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("A minor", "Am"),
        ("am", "Am"),
        ("A", "A"),
        ("AM", "A"),
        ("Gb min", "F#m"),
        ("Cb", "B"),
        ("E#", "F"),
        ("B♭m", "A#m"),
    ],
)
def test_a_key_has_one_name(text: str, key: str) -> None:
    assert normal_key(text) == key
    assert all(normal_key(spelling) == key for spelling in key_spellings(key))


@pytest.mark.parametrize("text", ["", "H", "minor", "A blues", "Amm"])
def test_what_is_no_key(text: str) -> None:
    assert normal_key(text) == ""

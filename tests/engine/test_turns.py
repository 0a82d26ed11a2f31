from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st

from soundsearch.catalogue.store import PendingFile
from soundsearch.engine.turns import in_turn

IDS = st.lists(st.integers(1, 60), unique=True, max_size=40)


def pending(ids: list[int]) -> list[PendingFile]:
    return [PendingFile(clip, 1, f"/{clip}.wav", 1, 1) for clip in ids]


@given(IDS, st.lists(st.lists(st.integers(1, 60), max_size=6), min_size=1, max_size=5))
def test_every_file_has_one_turn_whatever_is_in_view(ids: list[int], views: list[list[int]]) -> None:
    scrolling = cycle(views)
    given_out = [file.clip_id for file in in_turn(pending(ids), lambda: tuple(next(scrolling)))]
    assert sorted(given_out) == sorted(ids)


@given(IDS, st.lists(st.integers(1, 60), unique=True, max_size=6))
def test_what_is_in_view_comes_first_and_the_rest_as_it_stands(ids: list[int], view: list[int]) -> None:
    given_out = [file.clip_id for file in in_turn(pending(ids), lambda: tuple(view))]
    first = [clip for clip in view if clip in ids]
    rest = [clip for clip in ids if clip not in view]
    n_first = len(first)
    assert set(given_out[:n_first]) == set(first)
    assert given_out[n_first:] == rest


def test_what_comes_into_view_meanwhile_is_next() -> None:
    view: tuple[int, ...] = ()
    turns = in_turn(pending(list(range(1, 9))), lambda: view)
    assert next(turns).clip_id == 1
    view = (7, 8, 1)
    assert [next(turns).clip_id for _ in range(3)] == [7, 8, 2]

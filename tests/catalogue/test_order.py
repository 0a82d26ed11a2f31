import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundsearch.catalogue.order import NUMBERS, TEXTS
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.errors import QueryError
from soundsearch.records import Filter, IntArray
from tests.listed import listed

BUNDLE = "a" * 16


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "catalogue.sqlite")


def fill(catalogue: Catalogue, files: list[tuple[str, float]]) -> IntArray:
    """List files and analyse those with a length; returns their clip ids in the order given."""
    root = catalogue.add_root(b"/sounds", b"/")
    catalogue.list_files(root.id, [FoundFile(name.encode(), 1, n) for n, (name, _) in enumerate(files)], [])
    known = listed(catalogue, root.id)
    ids = [known[name.encode()] for name, _ in files]
    catalogue.record(
        BUNDLE,
        [
            Analysis(clip, b"%d" % clip, 1, n, seconds, 44_100 + n % 2, 1 + n % 2, "wav")
            for n, (clip, (_, seconds)) in enumerate(zip(ids, files, strict=True))
            if seconds
        ],
        [],
    )
    return np.array(ids, np.int64)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("name", ["b/Äpfel.wav", "Kick.wav", "a/rain.wav", "b/snare.wav"]),
        ("-name", ["b/snare.wav", "a/rain.wav", "Kick.wav", "b/Äpfel.wav"]),
        ("folder", ["Kick.wav", "a/rain.wav", "b/snare.wav", "b/Äpfel.wav"]),
        ("-folder", ["b/snare.wav", "b/Äpfel.wav", "a/rain.wav", "Kick.wav"]),
        ("duration_s", ["a/rain.wav", "Kick.wav", "b/snare.wav", "b/Äpfel.wav"]),
        ("-duration_s", ["b/snare.wav", "Kick.wav", "a/rain.wav", "b/Äpfel.wav"]),
        ("modified_ns", ["b/snare.wav", "Kick.wav", "a/rain.wav", "b/Äpfel.wav"]),
        ("-format", ["b/snare.wav", "Kick.wav", "a/rain.wav", "b/Äpfel.wav"]),
    ],
)
def test_sorts_by_a_column_with_what_is_unknown_last(catalogue: Catalogue, order: str, names: list[str]) -> None:
    files = [("b/snare.wav", 3.0), ("Kick.wav", 2.0), ("a/rain.wav", 1.0), ("b/Äpfel.wav", 0.0)]
    ids = fill(catalogue, files)
    rows = catalogue.orders.arrange(ids, order, catalogue.changes)
    expected = names if order.removeprefix("-") != "name" else sorted(names, key=_name, reverse=order[0] == "-")
    assert [files[row][0] for row in rows] == expected


def _name(path: str) -> str:
    return path.rpartition("/")[2].casefold()


def test_what_changed_is_sorted_anew(catalogue: Catalogue) -> None:
    ids = fill(catalogue, [("a.wav", 2.0), ("b.wav", 0.0)])
    assert catalogue.orders.arrange(ids, "duration_s", catalogue.changes).tolist() == [0, 1]
    catalogue.record(BUNDLE, [Analysis(int(ids[1]), b"new", 1, 1, 1.0)], [])
    assert catalogue.orders.arrange(ids, "duration_s", catalogue.changes).tolist() == [1, 0]


def test_every_column_can_be_read(catalogue: Catalogue) -> None:
    ids = fill(catalogue, [("a.wav", 2.0), ("b/c.wav", 0.0)])
    for field in (*NUMBERS, *TEXTS):
        assert sorted(catalogue.orders.arrange(ids, f"-{field}", catalogue.changes)) == [0, 1]


def test_what_is_no_column_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(QueryError, match="sorted by peaks"):
        catalogue.orders.arrange(np.array([1]), "peaks", 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.5]), min_size=1, max_size=30), st.randoms(), st.booleans())
def test_equal_clips_keep_their_order(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[float], random: Random, falling: bool
) -> None:
    catalogue = Catalogue(tmp_path_factory.mktemp("order") / "catalogue.sqlite")
    ids = fill(catalogue, [(f"{n}.wav", seconds) for n, seconds in enumerate(lengths)])
    shuffled = list(range(len(ids)))
    random.shuffle(shuffled)
    given_ids, given_lengths = ids[shuffled], [lengths[n] for n in shuffled]
    rows = catalogue.orders.arrange(given_ids, "-duration_s" if falling else "duration_s", catalogue.changes)
    key: Callable[[int], tuple[bool, float]] = lambda n: (  # noqa: E731
        not given_lengths[n],
        -given_lengths[n] if falling else given_lengths[n],
    )
    assert rows.tolist() == sorted(range(len(ids)), key=key)
    catalogue.close()


def test_a_hundred_thousand_are_sorted_in_no_time(catalogue: Catalogue) -> None:
    files = [(f"folder {n % 300}/sound {n * 7919 % 100_003}.wav", 0.0) for n in range(100_000)]
    fill(catalogue, files)
    ids, _ = catalogue.select(Filter())
    took = {}
    for order in ("name", "-folder", "size_bytes"):
        for turn in ("first", "again"):
            began = time.perf_counter()
            catalogue.orders.arrange(ids, order, catalogue.changes)
            took[order, turn] = time.perf_counter() - began
    assert max(seconds for (_, turn), seconds in took.items() if turn == "first") < 1.5, took  # 0.2 s when idle
    assert max(seconds for (_, turn), seconds in took.items() if turn == "again") < 0.5, took  # 0.02 s when idle

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.catalogue.pooled import PooledStore
from soundsearch.catalogue.store import Catalogue

WIDTH = 768


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def rows(*numbers: int, views: int = 1, width: int = WIDTH) -> dict[bytes, np.ndarray]:
    return {digest(n): np.random.default_rng(n).standard_normal((views, width)).astype(np.float32) for n in numbers}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pooled.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[PooledStore]:
    opened = PooledStore(path)
    yield opened
    opened.close()


def test_what_was_kept_comes_back_byte_for_byte(store: PooledStore, path: Path) -> None:
    kept = {**rows(*range(700)), **rows(1000, views=4, width=16)}
    store.put("tower", kept)
    store.close()
    again = PooledStore(path)
    found = again.get("tower", [*kept, digest(5000)])
    again.close()
    assert {key: (row.shape, row.tobytes()) for key, row in found.items()} == {
        key: (row.shape, row.tobytes()) for key, row in kept.items()
    }


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(1, 3)),
        max_size=30,
    )
)
def test_a_store_is_a_dictionary_of_the_newest_rows(tmp_path_factory: pytest.TempPathFactory, puts: list) -> None:
    store = PooledStore(tmp_path_factory.mktemp("pooled") / "pooled.sqlite")
    expected: dict[tuple[str, bytes], bytes] = {}
    for seed, (tower, number, views) in enumerate(puts):
        row = np.random.default_rng(seed).standard_normal((views, 8)).astype(np.float32)
        store.put(tower, {digest(number): row})
        expected[tower, digest(number)] = row.tobytes()
    everything = [digest(number) for number in range(10)]
    for tower in "ab":
        found = store.get(tower, everything)
        assert {(tower, key): row.tobytes() for key, row in found.items()} == {
            key: value for key, value in expected.items() if key[0] == tower
        }
        assert store.digests(tower) == set(found)
    store.close()


def test_towers_are_not_mixed_up(store: PooledStore) -> None:
    store.put("a", rows(1, 2))
    store.put("b", rows(2, 3))
    assert store.digests("a") == {digest(1), digest(2)} and store.get("b", [digest(1)]) == {}


def test_what_is_not_finite_is_not_kept(store: PooledStore) -> None:
    store.put("a", {digest(1): np.full((1, 4), np.nan, np.float32), digest(2): np.ones((1, 4), np.float32)})
    assert store.digests("a") == {digest(2)}


def note_forgotten(catalogue: Catalogue, number: int) -> None:
    catalogue._db.execute("INSERT INTO forgotten (content_id, digest) VALUES (?, ?)", (number, digest(number)))


def test_forgotten_contents_and_towers_go(store: PooledStore, path: Path) -> None:
    store.put("a", rows(1, 2, 3))
    store.put("b", rows(1, 3))
    catalogue = Catalogue(path.with_name("catalogue.sqlite"))
    store.tidy(catalogue.forgotten, lambda: [digest(1), digest(2)])  # never done before: all are compared
    assert (store.digests("a"), store.digests("b")) == ({digest(1), digest(2)}, {digest(1)})
    note_forgotten(catalogue, 2)
    store.tidy(catalogue.forgotten, lambda: pytest.fail("the log says which"))
    assert (store.digests("a"), store.digests("b")) == ({digest(1)}, {digest(1)})
    note_forgotten(catalogue, 9)
    catalogue._db.execute("DELETE FROM forgotten")  # of long ago
    store.put("a", rows(2))
    store.tidy(catalogue.forgotten, lambda: [digest(1)])
    assert (store.digests("a"), store.digests("b")) == ({digest(1)}, {digest(1)})
    catalogue.close()
    store.put("a", rows(2))
    store.keep_towers(["b"])
    assert (store.digests("a"), store.digests("b")) == (set(), {digest(1)})


def test_a_full_store_lets_other_towers_go_and_then_takes_no_more(path: Path) -> None:
    store = PooledStore(path, limit_bytes=3_000_000)
    store.put("old", rows(*range(700)))
    store.put("new", rows(*range(700)))
    assert len(store.digests("new")) == 700 and len(store.digests("old")) < 300
    for start in range(700, 2100, 100):
        store.put("new", rows(*range(start, start + 100)))
    assert store.digests("old") == set() and 700 <= len(store.digests("new")) < 1000
    store.close()
    assert path.stat().st_size < 3_500_000


def test_a_limit_of_nothing_keeps_nothing(path: Path) -> None:
    store = PooledStore(path, limit_bytes=0)
    store.put("a", rows(1))
    assert store.digests("a") == set() and not path.exists()
    catalogue = Catalogue(path.with_name("catalogue.sqlite"))
    store.tidy(catalogue.forgotten, lambda: pytest.fail("there is nothing to compare with"))
    catalogue.close()
    store.keep_towers([])
    store.close()


@pytest.mark.parametrize("content", [b"garbage" * 5000, b"SQLite format 3\0" + b"\7" * 50_000, b"x"])
def test_a_file_that_is_not_one_is_made_again(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    store = PooledStore(path)
    store.put("a", rows(1))
    assert store.digests("a") == {digest(1)}
    store.close()


def test_a_file_damaged_in_the_middle_gives_no_wrong_numbers(store: PooledStore, path: Path) -> None:
    kept = rows(*range(2000))
    store.put("a", kept)
    store.close()
    content = bytearray(path.read_bytes())
    for at in range(20_000, len(content), 9_000):
        content[at] ^= 0xFF
    path.write_bytes(content)
    again = PooledStore(path)
    found = again.get("a", list(kept))
    assert len(found) < len(kept) and all(found[key].tobytes() == kept[key].tobytes() for key in found)
    again.put("a", kept)
    again.put("a", kept)  # the first may have found the damage
    assert len(again.get("a", list(kept))) == len(kept)
    again.close()


def test_a_file_of_another_format_is_made_again(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE pooled (id)")
    other.execute("PRAGMA user_version = 99")
    other.close()
    store = PooledStore(path)
    store.put("a", rows(1))
    assert store.digests("a") == {digest(1)}
    store.close()


def test_one_that_another_process_writes_to_is_left_alone(store: PooledStore, path: Path) -> None:
    store.put("a", rows(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._connection.execute("PRAGMA busy_timeout = 50")
    store.put("a", rows(2))
    other.execute("ROLLBACK")
    other.close()
    assert store.digests("a") == {digest(1)}
    store.put("a", rows(2))
    assert store.digests("a") == {digest(1), digest(2)}


def test_a_killed_process_leaves_whole_rows(path: Path) -> None:
    program = f"""
import os, signal, numpy as np
from pathlib import Path
from soundsearch.catalogue.pooled import PooledStore
store = PooledStore(Path({str(path)!r}))
for n in range(40):
    store.put("a", {{(50 * n + i).to_bytes(16, "big"): np.full((1, 768), n, np.float32) for i in range(50)}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    store = PooledStore(path)
    found = store.get("a", [digest(n) for n in range(2000)])
    assert len(found) == 2000 and all((row == int.from_bytes(key) // 50).all() for key, row in found.items())
    store.close()

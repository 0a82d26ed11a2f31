from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.errors import IndexStoreError
from soundsearch.index import VectorIndex
from soundsearch.records import FloatArray

DIMENSION = 16


def unit(n: int, seed: int = 0) -> FloatArray:
    rows = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def built(n: int, *, exact_below: int = 10**9) -> VectorIndex:
    index = VectorIndex(DIMENSION, exact_below)
    index.add(np.arange(1, n + 1), unit(n))
    build = index.build(37)
    while build.step():
        pass
    return index


def test_finds_what_a_full_sort_finds() -> None:
    index, query = built(300), unit(1, seed=9)[0]
    ids, scores = index.search(query, 10)
    order = np.argsort(-(index.vectors @ query))[:10]
    assert ids.tolist() == index.ids[order].tolist()
    np.testing.assert_allclose(scores, (index.vectors @ query)[order])


def test_filters_before_it_ranks() -> None:
    index, query = built(300), unit(1, seed=9)[0]
    worst = index.ids[np.argsort(index.vectors @ query)[:3]]
    ids, _ = index.search(query, 10, worst)
    assert sorted(ids.tolist()) == sorted(worst.tolist())


def test_equal_vectors_come_in_the_order_of_their_ids() -> None:
    index = VectorIndex(DIMENSION)
    index.add(np.array([5, 3, 9, 1]), np.repeat(unit(1), 4, axis=0))
    assert index.search(unit(1)[0], 3)[0].tolist() == [1, 3, 5]


def test_an_empty_index_answers_nothing() -> None:
    assert len(VectorIndex(DIMENSION).search(unit(1)[0], 5)[0]) == 0


def test_graph_recalls_what_exact_search_finds() -> None:
    pytest.importorskip("hnswlib", reason="hnswlib is not installed: search is exact")
    exact, graph = built(3000), built(3000, exact_below=100)
    assert graph.uses_graph and not exact.uses_graph
    queries = unit(50, seed=5)
    shared = [len(set(exact.search(q, 10)[0]) & set(graph.search(q, 10)[0])) for q in queries]
    assert np.mean(shared) / 10 >= 0.95


def test_graph_answers_filters_exactly() -> None:
    pytest.importorskip("hnswlib", reason="hnswlib is not installed: search is exact")
    exact, graph, query = built(3000), built(3000, exact_below=100), unit(1, seed=2)[0]
    allowed = np.arange(7, 3000, 113)
    assert graph.search(query, 5, allowed)[0].tolist() == exact.search(query, 5, allowed)[0].tolist()


def test_search_is_exact_while_the_graph_is_being_built() -> None:
    pytest.importorskip("hnswlib", reason="hnswlib is not installed: search is exact")
    index = VectorIndex(DIMENSION, exact_below=100)
    index.add(np.arange(1, 501), unit(500))
    build = index.build(50)
    assert build.step() and not index.uses_graph
    query = unit(1, seed=3)[0]
    assert index.search(query, 5)[0].tolist() == built(500).search(query, 5)[0].tolist()


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_holds_the_live_ids_after_any_order_of_changes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("index")
    exact_below = data.draw(st.sampled_from([10, 10**9]))
    index, alive, vectors = VectorIndex(DIMENSION, exact_below), set[int](), unit(60)
    for step in data.draw(st.lists(st.sampled_from(["add", "remove", "build", "save and load"]), max_size=10)):
        if step == "add":
            new = sorted(set(data.draw(st.lists(st.integers(0, 59), max_size=30))) - alive)
            index.add(np.array(new, np.int64), vectors[new])
            alive |= set(new)
        elif step == "remove":
            gone = data.draw(st.lists(st.integers(0, 59), max_size=10))
            index.remove(np.array(gone, np.int64))
            alive -= set(gone)
        elif step == "build":
            build = index.build(7)
            while build.step():
                pass
        else:
            index.save(folder)
            index = VectorIndex.load(folder, DIMENSION, exact_below)
        assert set(index.ids.tolist()) == alive
    for clip in alive:
        assert index.search(vectors[clip], 1)[0].tolist() == [clip]


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "state"])
def test_a_damaged_file_is_noticed_and_gives_an_empty_index(tmp_path: Path, damage: str) -> None:
    index = built(50)
    index.stamp = (50, 0)
    index.save(tmp_path)
    assert VectorIndex.problems(tmp_path) == []
    assert VectorIndex.load(tmp_path, DIMENSION).stamp == (50, 0)
    file = next(tmp_path.glob("vectors-*.npy"))
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 255
        file.write_bytes(content)
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "remove":
        file.unlink()
    else:
        (tmp_path / "state.json").write_text("{")
    assert VectorIndex.problems(tmp_path)
    assert len(VectorIndex.load(tmp_path, DIMENSION)) == 0


def test_saving_where_it_cannot_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexStoreError, match="Cannot save"):
        built(5).save(tmp_path / "file")

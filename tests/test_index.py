from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.errors import IndexStoreError
from soundsearch.index import files, graph
from soundsearch.index.building import GraphBuild
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import FloatArray

DIMENSION = 16


def unit(n: int, seed: int = 0) -> FloatArray:
    rows = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def built(n: int, *, exact_below: int = 10**9) -> VectorIndex:
    index = VectorIndex(DIMENSION, exact_below)
    index.add(np.arange(1, n + 1), unit(n))
    build = GraphBuild(index, batch=37, step_s=0)
    while build.step():
        pass
    return index


def test_finds_what_a_full_sort_finds() -> None:
    index, query = built(300), unit(1, seed=9)[0]
    ids, scores = index.search(query, 10)
    order = np.argsort(-(index.vectors @ query))[:10]
    assert ids.tolist() == index.ids[order].tolist()
    np.testing.assert_allclose(scores, (index.vectors @ query)[order], rtol=1e-6)


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
    exact, quick = built(3000), built(3000, exact_below=100)
    assert quick.uses_graph and not exact.uses_graph
    queries = unit(50, seed=5)
    shared = [len(set(exact.search(q, 10)[0]) & set(quick.search(q, 10)[0])) for q in queries]
    assert np.mean(shared) / 10 >= 0.95


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.9])
def test_a_filter_finds_what_it_should_beside_a_graph(share: float) -> None:
    exact, quick = built(3000), built(3000, exact_below=100)
    assert quick.uses_graph
    allowed = np.flatnonzero(np.random.default_rng(1).random(3000) < share) + 1
    met = [set(quick.search(q, 5, allowed)[0]) & set(exact.search(q, 5, allowed)[0]) for q in unit(20, seed=2)]
    assert np.mean([len(both) for both in met]) / 5 >= 0.99


def test_search_is_exact_while_the_graph_is_being_built() -> None:
    index = VectorIndex(DIMENSION, exact_below=100)
    index.add(np.arange(1, 501), unit(500))
    build = GraphBuild(index, batch=50, step_s=0)
    assert build.step() and not index.uses_graph
    query = unit(1, seed=3)[0]
    assert index.search(query, 5)[0].tolist() == built(500).search(query, 5)[0].tolist()


def test_a_graph_is_the_same_whatever_its_steps_are() -> None:
    graphs = []
    for steps in ({"batch": 7, "step_s": 0.0}, {"batch": 16, "step_s": 60.0}):
        index = VectorIndex(DIMENSION, exact_below=100)
        index.add(np.arange(1, 501), unit(500))
        build, counts = GraphBuild(index, **steps), []
        while build.step():
            counts.append(build.done)
        assert counts[0] == (7 if steps["batch"] == 7 else 500)
        graphs.append(index._graph)
    for query in unit(30, seed=4):
        proposed = [graph.nearest(query, 20, 100).tolist() for graph in graphs if graph is not None]
        assert len(proposed) == 2 and proposed[0] == proposed[1]


def cone(n: int, dimension: int, seed: int) -> FloatArray:
    """Clusters that lie in a narrow cone, as embeddings of one model do."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((40, dimension)) + 3 * np.eye(1, dimension)
    rows = centres[draw.integers(40, size=n)] + 0.7 * draw.standard_normal((n, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def coded() -> VectorIndex:
    """An index that is scanned in eight bits: one block that was coded, some rows after it, some gone."""
    index = VectorIndex(64)
    index.add(np.arange(9000), cone(9000, 64, 0))
    index.add(np.arange(9000, 9100), cone(100, 64, 1))
    index.remove(np.arange(0, 9100, 7))
    return index


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    limit=st.sampled_from([1, 10, 300]),
    share=st.sampled_from([None, 0.002, 0.05, 0.5, 1.0]),
    is_text=st.booleans(),
)
def test_a_scan_of_eight_bits_finds_what_float_does(
    coded: VectorIndex, seed: int, limit: int, share: float | None, is_text: bool
) -> None:
    draw = np.random.default_rng(seed)
    query = (draw.standard_normal(64) if is_text else cone(1, 64, seed)[0]).astype(np.float32)
    query /= np.linalg.norm(query)
    allowed = None if share is None else np.sort(draw.choice(9100, max(1, int(9100 * share)), replace=False))
    ids, scores = coded.search(query, limit, allowed)
    every = np.einsum("ij,j->i", coded.vectors, query)
    may = np.ones(len(coded), bool) if allowed is None else np.isin(coded.ids, allowed)
    order = np.lexsort((coded.ids[may], -every[may]))[:limit]
    assert ids.tolist() == coded.ids[may][order].tolist()
    np.testing.assert_array_equal(scores, every[may][order])


def test_what_changes_while_it_is_saved_is_not_lost(tmp_path: Path) -> None:
    index, vectors = VectorIndex(DIMENSION), unit(30_000)
    index.add(np.arange(20_000), vectors[:20_000])
    index.stamp = (1, 0)
    steps = index.saving(tmp_path)
    next(steps)
    index.add(np.arange(20_000, 29_000), vectors[20_000:29_000])
    index.remove(np.array([5, 25_000]))
    index.stamp = (2, 1)
    for _ in steps:
        index.search(vectors[7], 3)
    alive = np.delete(np.arange(29_000), [5, 25_000])
    assert index.ids.tolist() == alive.tolist()
    np.testing.assert_array_equal(index.vectors, vectors[alive])
    saved = VectorIndex.load(tmp_path, DIMENSION)
    assert saved.stamp == (1, 0) and len(saved) == 19_999
    index.save(tmp_path)
    saved = VectorIndex.load(tmp_path, DIMENSION)
    assert saved.stamp == (2, 1) and saved.ids.tolist() == alive.tolist()
    np.testing.assert_array_equal(saved.vectors, vectors[alive])


def test_a_little_more_is_saved_without_writing_all_again(tmp_path: Path) -> None:
    index = built(3000)
    index.save(tmp_path)
    first = {file.name: file.stat().st_mtime_ns for file in tmp_path.glob("vectors-*")}
    for number in range(20):
        index.add(np.arange(4000 + 10 * number, 4010 + 10 * number), unit(10, seed=number + 1))
        index.save(tmp_path)
    after = {file.name: file.stat().st_mtime_ns for file in tmp_path.glob("vectors-*")}
    assert first.items() <= after.items() and len(after) < 8
    assert VectorIndex.load(tmp_path, DIMENSION).ids.tolist() == index.ids.tolist()


def test_a_graph_that_misses_too_much_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "RECALL", 1.01)
    index = built(500, exact_below=100)
    assert not index.uses_graph
    assert index.search(unit(500)[3], 1)[0].tolist() == [4]


def test_texts_are_asked_apart_from_sounds() -> None:
    """What is right for all sounds and half of the texts is not enough."""
    small = graph.Graph(DIMENSION)
    vectors = unit(50)
    small.add(np.arange(50), vectors)
    sounds, texts = vectors[:4], -vectors[:4]
    examination = graph.Examination([sounds, texts])
    while (query := examination.next_query()) is not None:
        exact = np.argsort(-(vectors @ query))[:10]
        is_missed = len(examination) % 2 == 0 and (texts == query).all(axis=1).any()
        examination.mark(small, exact + 1000 if is_missed else exact)
    assert examination.effort() == 0


def test_a_graph_goes_on_answering_when_clips_come_and_go(tmp_path: Path) -> None:
    index = built(3000, exact_below=100)
    index.save(tmp_path)
    index = VectorIndex.load(tmp_path, DIMENSION, 100)
    vectors = np.concatenate([unit(3000), unit(50, seed=7)])
    index.add(np.arange(3001, 3051), vectors[3000:])
    index.remove(np.array([17, 3003]))
    assert index.uses_graph
    for clip in (1, 18, 3001, 3050):
        assert index.search(vectors[clip - 1], 1)[0].tolist() == [clip]
    assert not {17, 3003} & set(index.search(vectors[16], 50)[0].tolist())
    index.save(tmp_path)
    assert VectorIndex.load(tmp_path, DIMENSION, 100).search(vectors[3000], 1)[0].tolist() == [3001]


def test_one_that_comes_again_beside_a_graph_answers_once() -> None:
    index, vector = built(3000, exact_below=100), unit(3000)[16]
    index.remove(np.array([17]))
    index.add(np.array([17]), vector[None])
    assert index.uses_graph
    assert index.search(vector, 10)[0].tolist().count(17) == 1


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
            build = GraphBuild(index, batch=7, step_s=0)
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


def test_damage_in_a_large_file_is_noticed_by_what_a_search_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "READ_THROUGH_BYTES", 0)
    index, vectors = VectorIndex(64), cone(9000, 64, 0)
    index.add(np.arange(9000), vectors)
    index.save(tmp_path)
    file = next(tmp_path.glob("vectors-*.npy"))
    content = bytearray(file.read_bytes())
    content[-64 * 4 :] = np.roll(vectors[-1], 1).tobytes()
    file.write_bytes(content)
    assert VectorIndex.problems(tmp_path)
    opened = VectorIndex.load(tmp_path, 64)
    assert len(opened) == 9000
    with pytest.raises(IndexStoreError, match="damaged"):
        opened.search(vectors[-1], 3)


def test_saving_where_it_cannot_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexStoreError, match="Cannot save"):
        built(5).save(tmp_path / "file")


def test_a_snapshot_stays_as_it_was(tmp_path: Path) -> None:
    vectors = unit(12_000)
    index = VectorIndex(DIMENSION)
    index.add(np.arange(10_000), vectors[:10_000])
    index.add(np.arange(10_000, 10_005), vectors[10_000:10_005])
    fixed = index.snapshot()
    index.add(np.arange(10_005, len(vectors)), vectors[10_005:])  # beside the five, in the same arrays
    index.remove(np.arange(0, 10_000, 3))
    index.save(tmp_path)
    np.testing.assert_array_equal(fixed.ids, np.arange(10_005))
    np.testing.assert_array_equal(fixed.vectors, vectors[:10_005])
    np.testing.assert_array_equal(fixed.take(np.array([10_004, 0])), vectors[[10_004, 0]])
    assert len(index) == len(vectors) - len(range(0, 10_000, 3))

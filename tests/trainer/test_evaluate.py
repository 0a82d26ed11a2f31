"""The measures equal hand-made ranks, ties and shared captions included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer import evaluate
from trainer.data import Item


def test_ranks_by_hand() -> None:
    similarity = np.array([[0.9, 0.5, 0.1], [0.2, 0.8, 0.9], [0.3, 0.2, 0.1]], np.float32)
    relevant = np.eye(3, dtype=bool)
    assert evaluate.best_ranks(similarity, relevant).tolist() == [0, 1, 2]
    assert evaluate.average_precision_10(similarity, relevant) == pytest.approx([1, 1 / 2, 1 / 3])


def test_a_tie_counts_against_the_model() -> None:
    """A model that gives every clip one score has found nothing."""
    similarity = np.zeros((1, 5), np.float32)
    relevant = np.array([[False, True, False, False, False]])
    assert evaluate.best_ranks(similarity, relevant).tolist() == [4]
    assert evaluate.average_precision_10(similarity, relevant) == pytest.approx([1 / 5])


def test_several_right_answers() -> None:
    """Right at ranks 0 and 2 of four: (1/1 + 2/3) / 2; a caption's other clips are never counted as wrong."""
    similarity = np.array([[0.9, 0.8, 0.7, 0.6]], np.float32)
    relevant = np.array([[True, False, True, False]])
    assert evaluate.average_precision_10(similarity, relevant) == pytest.approx([(1 + 2 / 3) / 2])
    assert evaluate.best_ranks(similarity, relevant).tolist() == [0]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(1, 25), st.integers(0, 10_000))
def test_measures_equal_the_naive_ones(queries: int, candidates: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarity = rng.integers(0, 5, (queries, candidates)).astype(np.float32)  # few values: many ties
    relevant = rng.random((queries, candidates)) < 0.3
    relevant[np.arange(queries), rng.integers(0, candidates, queries)] = True
    for q in range(queries):
        order = sorted(range(candidates), key=lambda c: (-similarity[q, c], relevant[q, c]))
        hits = [bool(relevant[q, c]) for c in order]
        precision = [sum(hits[: r + 1]) / (r + 1) for r in range(min(10, candidates)) if hits[r]]
        expected = sum(precision) / min(10, sum(hits))
        assert evaluate.average_precision_10(similarity, relevant)[q] == pytest.approx(expected)
        assert evaluate.best_ranks(similarity, relevant)[q] == hits.index(True)


def test_bootstrap_interval_holds_the_mean_and_repeats() -> None:
    values = np.arange(100) % 4 == 0
    one = evaluate.measure(values.astype(np.float64))
    assert one.low < one.value == 0.25 < one.high
    assert one == evaluate.measure(values.astype(np.float64))
    assert 0.1 < one.high - one.low < 0.25  # +-1.96 sqrt(p (1 - p) / n) is 0.17 wide


def test_shared_captions_share_their_clips() -> None:
    items = [Item("a", ("dog",)), Item("b", ("cat", "pet")), Item("c", ("dog",))]
    captions, carried = evaluate.caption_matrix(items)
    assert captions == ["dog", "cat", "pet"]
    assert carried.tolist() == [[True, False, True], [False, True, False], [False, True, False]]


def test_report_of_a_perfect_and_of_a_blind_model() -> None:
    names = ["dog", "cat", "rain"]
    items = [Item(str(k), (f"a {names[k % 3]}",), names[k % 3], class_name=names[k % 3]) for k in range(9)]
    texts = dict(zip([f"a {name}" for name in names], np.eye(3, dtype=np.float32), strict=True))
    texts |= dict(zip(names, np.eye(3, dtype=np.float32), strict=True))
    perfect = evaluate.report(items, np.eye(3, dtype=np.float32)[np.arange(9) % 3], texts)
    assert perfect["text_to_audio"]["recall_1"]["value"] == 1
    assert perfect["audio_to_text"]["map_10"]["value"] == 1
    assert perfect["zero_shot"] == {"classes": 3, "clips": 9, "top_1": {"value": 1, "low": 1, "high": 1}}
    blind = evaluate.report(items, np.tile(np.float32([1, 0, 0]), (9, 1)), texts)
    assert blind["text_to_audio"]["recall_1"]["value"] == 0
    assert blind["zero_shot"]["top_1"]["value"] == pytest.approx(1 / 3)

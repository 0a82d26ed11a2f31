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


def test_a_model_without_numbers_finds_nothing() -> None:
    similarity = np.full((2, 12), np.nan, np.float32)
    relevant = np.zeros((2, 12), bool)
    relevant[:, 3] = True
    assert evaluate.best_ranks(similarity, relevant).tolist() == [11, 11]
    assert evaluate.average_precision_10(similarity, relevant).tolist() == [0, 0]
    assert evaluate.zero_shot_hits(similarity, np.eye(12, dtype=np.float32), [0, 1]).tolist() == [0, 0]


def naive_paper(similarity: np.ndarray, captions: list[list[str]], k: int) -> tuple[list[int], list[float], list[int]]:
    """The protocol word by word: each set of captions against all clips, then for each clip all captions.

    Args:
        similarity: Of every caption of every clip, shape (n_clips, k, n_clips): clip and number of the caption, clip.
    """
    n = len(captions)
    pooled, precision, best = [], [], []
    for d in range(k):
        for clip in range(n):
            right = [c for c in range(n) if captions[clip][d] in captions[c]]
            scores = similarity[clip, d]
            order = sorted(range(n), key=lambda c: (-scores[c], c in right))
            pooled.append(min(order.index(c) for c in right))
    for clip in range(n):
        pairs = [(c, d) for d in range(k) for c in range(n)]
        right_pairs = {pair for pair in pairs if captions[pair[0]][pair[1]] in captions[clip]}
        order_of_pairs = sorted(pairs, key=lambda p: (-similarity[p[0], p[1], clip], p in right_pairs))
        ranks = sorted(order_of_pairs.index(pair) for pair in right_pairs)
        best.append(ranks[0])
        hits = [(i + 1) / (rank + 1) for i, rank in enumerate(ranks) if rank < 10]
        precision.append(sum(hits) / min(len(right_pairs), 10))
    return pooled, precision, best


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.sampled_from([1, 2, 5]), st.integers(0, 10_000))
def test_the_papers_protocol_equals_its_definition(clips: int, k: int, seed: int) -> None:
    """Ties, and texts that several clips share, included; embeddings are small whole numbers, so sums are exact."""
    rng = np.random.default_rng(seed)
    words = [f"text {n}" for n in range(clips * k)]
    captions = [[str(word) for word in rng.choice(words, k, replace=False)] for _ in range(clips)]
    vectors = {word: rng.integers(-2, 3, 3).astype(np.float32) for word in words}
    audio = rng.integers(-2, 3, (clips, 3)).astype(np.float32)
    items = [Item(str(n), tuple(texts)) for n, texts in enumerate(captions)]
    texts, relevant, owners = evaluate.paper_matrix(items, k)
    assert texts == [captions[clip][d] for d in range(k) for clip in range(clips)]
    assert owners == list(range(clips)) * k
    similarity = np.stack([vectors[text] for text in texts]) @ audio.T
    by_pair = np.array([[audio @ vectors[text] for text in mine] for mine in captions])
    pooled, precision, best = naive_paper(by_pair, captions, k)
    assert evaluate.best_ranks(similarity, relevant).tolist() == pooled
    assert evaluate.best_ranks(similarity.T, relevant.T).tolist() == best
    assert evaluate.average_precision_10(similarity.T, relevant.T) == pytest.approx(precision)


def test_five_captions_are_divided_by_five_and_pooled() -> None:
    """The formulas of the paper for one clip of its own texts: sum of i / (r_i + 1) over 5; 1 / (rank + 1)."""
    items = [Item(str(n), tuple(f"{n} {d}" for d in range(5))) for n in range(3)]
    _, relevant, owners = evaluate.paper_matrix(items, 5)
    similarity = np.zeros((15, 3), np.float32)
    mine = [row for row, owner in enumerate(owners) if owner == 0]
    others = [row for row in range(15) if row not in mine]
    for rank, row in enumerate([mine[0], others[0], mine[1], *others[1:9], *mine[2:], others[9]]):
        similarity[row, 0] = 20 - rank  # the clip's own captions at ranks 0 and 2, three beyond the first ten
    precision = evaluate.average_precision_10(similarity.T, relevant.T)
    assert precision[0] == pytest.approx((1 / 1 + 2 / 3) / 5)
    table = evaluate.retrieval(similarity, relevant, owners)
    assert (table.queries, table.candidates) == (15, 3)
    assert evaluate.retrieval(similarity.T, relevant.T).candidates == 15


def test_clips_with_fewer_captions_bring_what_they_have() -> None:
    texts, relevant, owners = evaluate.paper_matrix([Item("a", ("x", "y")), Item("b", ("z",)), Item("c", ())], 5)
    assert (texts, owners) == (["x", "z", "y"], [0, 1, 0])
    assert relevant.tolist() == [[True, False, False], [False, True, False], [True, False, False]]


def test_a_difference_is_surer_when_both_answer_the_same_queries() -> None:
    rng = np.random.default_rng(5)
    hard = rng.random(200)
    before, after = hard * 0.5, hard * 0.5 + 0.05 + 0.01 * rng.standard_normal(200)
    change = evaluate.paired(before, after)
    assert change.value == pytest.approx((after - before).mean())
    assert 0.04 < change.low < change.value < change.high < 0.06
    assert change.high - change.low < (evaluate.measure(after).high - evaluate.measure(after).low) / 5
    assert evaluate.paired(before, before) == evaluate.Measure(0, 0, 0)
    with pytest.raises(ValueError, match="cannot be paired"):
        evaluate.paired(before, after[:1])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), st.integers(1, 6), st.integers(0, 10_000))
def test_copies_of_a_query_add_no_certainty(queries: int, copies: int, seed: int) -> None:
    """Equal values of one cluster count once: the interval is that of the values, each taken once."""
    values = np.random.default_rng(seed).random(queries)
    once = evaluate.measure(values, seed, clusters=np.arange(queries))
    copied = evaluate.measure(np.repeat(values, copies), seed, np.repeat(np.arange(queries), copies))
    assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high))
    assert once == evaluate.measure(values, seed)


def test_a_tie_between_classes_is_no_hit() -> None:
    audio = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    classes = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert evaluate.zero_shot_hits(audio, classes, [0, 1, 2]).tolist() == [0, 0, 1]

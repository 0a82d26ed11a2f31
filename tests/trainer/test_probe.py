"""The probe reads what embeddings hold and no more, gives the same numbers again; its measures equal definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer import probe


def blobs(seed: int, clips: int, classes: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows around a direction for each class, and the classes one-hot."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((classes, 32))
    owner = np.arange(clips) % classes
    rows = centres[owner] + spread * rng.standard_normal((clips, 32))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), np.eye(classes, dtype=bool)[owner]


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_it_reads_classes_that_are_there(kind: probe.Kind) -> None:
    train, truth = blobs(0, 400, 5, 0.5)
    test, right = blobs(1, 100, 5, 0.5)
    score = probe.scores(kind, train, truth, test, several=False)
    assert probe.hits(score, right).mean() > 0.95
    assert probe.mean_average_precision(score, right) > 0.95


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_it_reads_nothing_from_noise(kind: probe.Kind) -> None:
    rng = np.random.default_rng(0)
    train, test = (rng.standard_normal((n, 32)).astype(np.float32) for n in (200, 200))
    truth = np.eye(4, dtype=bool)[rng.integers(0, 4, 200)]
    right = np.eye(4, dtype=bool)[rng.integers(0, 4, 200)]
    assert probe.hits(probe.scores(kind, train, truth, test, several=False), right).mean() < 0.4


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_several_labels_of_one_clip(kind: probe.Kind) -> None:
    """A clip that is two things scores high for both, and every other one lower."""
    train, truth = blobs(0, 300, 6, 0.3)
    other = np.random.default_rng(1).permutation(300)
    mixed = (train + train[other]) / np.linalg.norm(train + train[other], axis=1, keepdims=True)
    both = truth | truth[other]
    score = probe.scores(kind, mixed[:200], both[:200], mixed[200:], several=True)
    assert probe.mean_average_precision(score, both[200:]) > 0.8


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_the_same_seed_gives_the_same_bytes_and_leaves_the_generator_alone(kind: probe.Kind) -> None:
    train, truth = blobs(0, 60, 3, 1.0)
    torch.manual_seed(11)
    one = probe.scores(kind, train, truth, train, several=False, seed=5)
    after = torch.rand(1)
    torch.manual_seed(99)
    two = probe.scores(kind, train, truth, train, several=False, seed=5)
    torch.manual_seed(11)
    assert one.tobytes() == two.tobytes()
    assert torch.equal(after, torch.rand(1))


def test_folds_never_learn_from_the_clips_they_are_asked() -> None:
    """Clips of a class agree within a fold and disagree across folds: who peeks is right, who does not is wrong."""
    train, _ = blobs(0, 80, 2, 0.05)
    owner = np.arange(80) % 2
    fold = np.arange(80) // 40
    truth = np.eye(2, dtype=bool)[owner ^ fold]
    score = probe.cross_validated("linear", train, truth, [str(n) for n in fold])
    assert probe.hits(score, truth).mean() == 0


def test_average_precision_by_hand() -> None:
    score = np.array([[0.9], [0.8], [0.7], [0.6]], np.float32)
    truth = np.array([[True], [False], [True], [False]])
    assert probe.mean_average_precision(score, truth) == pytest.approx((1 + 2 / 3) / 2)
    assert probe.mean_average_precision(score, np.zeros((4, 1), bool)) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 30), st.integers(1, 4), st.integers(0, 10_000))
def test_average_precision_equals_its_definition(clips: int, classes: int, seed: int) -> None:
    """Sum over thresholds of precision times added recall, many ties included; classes without a clip are left out."""
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 4, (clips, classes)).astype(np.float32)
    truth = rng.random((clips, classes)) < 0.4
    expected = []
    for c in range(classes):
        if not truth[:, c].any():
            continue
        value, recall = 0.0, 0.0
        for threshold in sorted(set(score[:, c].tolist()), reverse=True):
            shown = score[:, c] >= threshold
            new = (shown & truth[:, c]).sum() / truth[:, c].sum()
            value += (new - recall) * (shown & truth[:, c]).sum() / shown.sum()
            recall = new
        expected.append(value)
    assert probe.mean_average_precision(score, truth) == pytest.approx(np.mean(expected) if expected else 0)


def test_a_tie_for_the_first_place_is_no_hit() -> None:
    score = np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 2.0]], np.float32)
    truth = np.array([[True, False], [True, False], [True, False]])
    assert probe.hits(score, truth).tolist() == [0, 1, 0]

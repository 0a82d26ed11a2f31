"""The losses equal the formulas that one would write down first."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from transformers.models.clap.modeling_clap import contrastive_loss

from trainer.loss import anchor, class_scores, contrastive


def unit(rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(rows, 8, generator=generator, dtype=torch.float64), dim=1)


def naive(audio, texts, own, relevant, scale, ignored) -> float:
    """The definition, pair by pair."""
    score = [[float(scale * (a @ t)) for t in texts] for a in audio]
    to_text = []
    for i in range(len(audio)):
        wrong = [j for j in range(len(texts)) if not relevant[i][j] and not ignored[i][j]]
        total = math.exp(score[i][own[i]]) + sum(math.exp(score[i][j]) for j in wrong)
        to_text.append(-math.log(math.exp(score[i][own[i]]) / total))
    to_audio = []
    for j in range(len(texts)):
        right = [i for i in range(len(audio)) if relevant[i][j]]
        if not right:
            continue
        total = sum(math.exp(score[i][j]) for i in range(len(audio)) if not ignored[i][j])
        to_audio.append(
            sum(-math.log(math.exp(score[i][j]) / total) for i in right) / len(right) - math.log(len(right))
        )
    return (sum(to_text) / len(to_text) + sum(to_audio) / len(to_audio)) / 2


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 7), st.integers(1, 5), st.integers(0, 10_000), st.floats(0.0, 0.6), st.floats(0.0, 0.4))
def test_contrastive_equals_the_naive_formula(clips: int, texts: int, seed: int, share: float, left_out: float) -> None:
    rng = np.random.default_rng(seed)
    own = rng.integers(0, texts, clips)
    relevant = rng.random((clips, texts)) < share
    relevant[np.arange(clips), own] = True
    ignored = (rng.random((clips, texts)) < left_out) & ~relevant
    audio, words = unit(clips, seed), unit(texts, seed + 1)
    loss = contrastive(
        audio, words, torch.from_numpy(own), torch.from_numpy(relevant), torch.tensor(5.0), torch.from_numpy(ignored)
    )
    assert float(loss) == pytest.approx(naive(audio, words, own, relevant, 5.0, ignored), abs=1e-9)


def test_without_shared_texts_it_is_the_symmetric_cross_entropy() -> None:
    audio, texts = unit(6, 1), unit(6, 2)
    own = torch.arange(6)
    logits = 7.0 * audio @ texts.T
    expected = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
    loss = contrastive(audio, texts, own, torch.eye(6, dtype=torch.bool), torch.tensor(7.0))
    assert float(loss) == pytest.approx(float(expected), abs=1e-12)


def test_it_is_not_the_loss_of_transformers_which_counts_one_direction_twice() -> None:
    audio, texts = unit(6, 1), unit(6, 2)
    logits = 7.0 * audio @ texts.T  # what `return_loss=True` of transformers 5.23 does with them:
    theirs = (contrastive_loss(logits.T) + contrastive_loss(logits.T)) / 2
    ours = contrastive(audio, texts, torch.arange(6), torch.eye(6, dtype=torch.bool), torch.tensor(7.0))
    assert float(theirs) == pytest.approx(float(functional.cross_entropy(logits.T, torch.arange(6))))
    assert abs(float(ours) - float(theirs)) > 1e-3


def test_perfect_batch_of_shared_texts_scores_zero() -> None:
    """32 clips over 6 tags: plain InfoNCE cannot fall below 1.77 nats there, this loss can."""
    texts = torch.eye(6)
    own = torch.arange(32) % 6
    relevant = own[:, None] == torch.arange(6)
    assert float(contrastive(texts[own], texts, own, relevant, torch.tensor(100.0))) < 1e-4


def test_ignored_pairs_have_no_gradient() -> None:
    audio = unit(3, 3).requires_grad_()
    texts = unit(3, 4).requires_grad_()
    ignored = torch.tensor([[False, True, True], [True, False, True], [True, True, False]])
    contrastive(audio, texts, torch.arange(3), torch.eye(3, dtype=torch.bool), torch.tensor(3.0), ignored).backward()
    assert audio.grad is not None and float(audio.grad.abs().max()) < 1e-12


def test_class_scores_are_zero_only_at_the_teacher() -> None:
    logits = torch.tensor([[2.0, -3.0, 0.5]])
    assert float(class_scores(logits, torch.sigmoid(logits))) == pytest.approx(0, abs=1e-6)
    p, q = 0.8, 0.3
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    loss = class_scores(torch.tensor([[math.log(q / (1 - q))]]), torch.tensor([[p]]))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_anchor_weighs_clips() -> None:
    rows = torch.eye(2)
    target = torch.stack([rows[0], -rows[1]])
    assert float(anchor(rows, target, torch.tensor([3.0, 1.0]))) == pytest.approx((3 * 0 + 1 * 2) / 4)

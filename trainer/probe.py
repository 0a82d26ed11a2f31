"""Supervised probe: how much of a set of classes a small classifier can read from frozen embeddings."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from soundsearch.records import FloatArray
from trainer.data import BoolArray
from trainer.evaluate import SEED, FloatColumn

Kind = Literal["linear", "mlp"]
HIDDEN = 1024
RATE = 1e-4
EPOCHS = 100
BATCH = 64  # not published
DROPOUT = 0.1
PENALTY = 1e-4  # of squared weights, per clip


def scores(
    kind: Kind, train: FloatArray, truth: BoolArray, test: FloatArray, *, several: bool, seed: int = SEED
) -> FloatArray:
    """Train a classifier on some clips and apply it to others; the same numbers for the same seed.

    "mlp" is the paper's: one hidden layer of 1024 with ReLU and dropout, Adam with a rate of 1e-4, 100 epochs. That is
    too short for a few hundred clips (control list, five folds: 54 % against 75 % of the other).
    "linear" is a logistic regression on standardised embeddings, minimised to the end, so that nothing is drawn.

    Args:
        kind: Which classifier.
        train: Embeddings to learn from, shape (n, d).
        truth: Their labels, shape (n, c).
        test: Embeddings to apply it to, shape (m, d).
        several: Clips have several labels each (binary cross-entropy), not one (cross-entropy).
        seed: Of weights, order and dropout.

    Returns:
        Higher is more likely, shape (m, c).

    Source: Wu et al. (arXiv:2211.06687) and its official code (MLPLayers of the linear probe).
    """
    loss = nn.BCEWithLogitsLoss() if several else nn.CrossEntropyLoss()
    inputs, wanted, heard = (torch.tensor(array, dtype=torch.float32) for array in (train, truth, test))
    # Dropout and initial weights draw from the global generator; whoever calls keeps theirs.
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        model = _linear(inputs, wanted, loss) if kind == "linear" else _perceptron(inputs, wanted, loss)
    with torch.inference_mode():
        result: FloatArray = model(heard).numpy()
    return result


def _perceptron(inputs: Tensor, wanted: Tensor, loss: nn.Module) -> nn.Module:
    model = nn.Sequential(
        nn.Linear(inputs.shape[1], HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, wanted.shape[1])
    )
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    for _ in range(EPOCHS):
        order = torch.randperm(len(inputs))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            optimiser.zero_grad()
            loss(model(inputs[chosen]), wanted[chosen]).backward()
            optimiser.step()
    return model.eval()


def _linear(inputs: Tensor, wanted: Tensor, loss: nn.Module) -> nn.Module:
    layer = nn.Linear(inputs.shape[1], wanted.shape[1])
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    model = _Standard(inputs, layer)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=EPOCHS * 5, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value: Tensor = loss(model(inputs), wanted) + PENALTY * layer.weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return model


class _Standard(nn.Module):
    """A layer on embeddings with mean 0 and deviation 1, as seen in training."""

    def __init__(self, inputs: Tensor, layer: nn.Module) -> None:
        super().__init__()
        self._mean, self._deviation = inputs.mean(dim=0), inputs.std(dim=0).clamp(min=1e-6)
        self._layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, (n, c)."""
        result: Tensor = self._layer((inputs - self._mean) / self._deviation)
        return result


def cross_validated(
    kind: Kind,
    embeddings: FloatArray,
    truth: BoolArray,
    folds: Sequence[str],
    *,
    several: bool = False,
    seed: int = SEED,
) -> FloatArray:
    """Score each clip by a classifier that learned from the other folds, shape (n, c)."""
    names = np.asarray(folds)
    result = np.empty(truth.shape, np.float32)
    for fold in np.unique(names):
        inside = names == fold
        result[inside] = scores(
            kind, embeddings[~inside], truth[~inside], embeddings[inside], several=several, seed=seed
        )
    return result


def hits(score: FloatArray, truth: BoolArray) -> FloatColumn:
    """1 where the right class of a clip has the highest score of all, else 0; a tie is no hit. Shape (n,)."""
    right = np.where(truth, score, -np.inf).max(axis=1)
    wrong = np.where(truth, -np.inf, score).max(axis=1)
    return np.asarray(right > wrong, np.float64)


def mean_average_precision(score: FloatArray, truth: BoolArray) -> float:
    """Mean over classes of the average precision over clips; classes that no clip has are left out.

    Clips of one score are ranked together, so that their order does not matter: precision is taken at the end of each
    such group, weighted by the recall that it adds.

    Args:
        score: Shape (n_clips, n_classes).
        truth: Which class each clip has, same shape.

    Source: the definition that scikit-learn's average_precision_score states.
    """
    values = [_average_precision(score[:, c], truth[:, c]) for c in range(truth.shape[1]) if truth[:, c].any()]
    return float(np.mean(values)) if values else 0.0


def _average_precision(score: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    found = np.cumsum(truth[order])[ends]
    gained = np.diff(found, prepend=0) / found[-1]
    return float((gained * found / (ends + 1)).sum())

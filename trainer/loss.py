"""What training makes small: contrastive losses with shared texts; for distillation class scores and an anchor."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def contrastive(
    audio: Tensor, texts: Tensor, own: Tensor, relevant: Tensor, scale: Tensor, ignored: Tensor | None = None
) -> Tensor:
    """Symmetric contrastive loss in which clips may share texts.

    Audio to text: cross-entropy of each clip's own text against the texts that are wrong for it; the other texts that
    also fit are left out. Text to audio: cross-entropy against the uniform distribution over all clips that fit it,
    less its floor, ln(number of fitting clips), so that a perfect batch scores 0.

    Args:
        audio: Unit rows, shape (B, d).
        texts: Unit rows of the batch's unique texts, shape (T, d).
        own: Column of each clip's own text, shape (B,), int64.
        relevant: Which texts fit which clip, shape (B, T), bool; true at `own`.
        scale: 1 / temperature, scalar.
        ignored: Pairs that are neither right nor wrong, shape (B, T), bool; never where `relevant`.

    Returns:
        Scalar in nats.

    Source: Wu et al. (arXiv:2211.06687); for several right answers Khosla et al., "Supervised contrastive learning".
    """
    logits = scale * audio @ texts.T
    left_out = torch.zeros_like(relevant) if ignored is None else ignored
    rows = torch.arange(len(audio), device=audio.device)
    others = relevant.clone()
    others[rows, own] = False
    to_text = functional.cross_entropy(logits.masked_fill(others | left_out, -torch.inf), own)
    log_share = functional.log_softmax(logits.masked_fill(left_out, -torch.inf), dim=0)
    count = relevant.sum(0).to(logits.dtype)
    used = count > 0
    mean = log_share.masked_fill(~relevant, 0.0).sum(0)[used] / count[used]
    to_audio = (-mean - count[used].log()).mean()
    return (to_text + to_audio) / 2


class MlpHeads(nn.Module):
    """A second view of either side's embeddings, for the paper's variant of the loss; not part of the model.

    Source: LAION-AI/CLAP, clap_module/model.py, `audio_transform` and `text_transform`.
    """

    def __init__(self, width: int, dropout: float = 0.1) -> None:
        """Make heads for embeddings of a width."""
        super().__init__()
        self.audio, self.text = (
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width))
            for _ in range(2)
        )

    def loss(
        self,
        audio: Tensor,
        texts: Tensor,
        own: Tensor,
        relevant: Tensor,
        scales: tuple[Tensor, Tensor],
        ignored: Tensor | None = None,
    ) -> Tensor:
        """Mean of four cross-entropies: audio with heads' texts both ways, and heads' audio with texts both ways.

        Args:
            audio: As for `contrastive`.
            texts: As for `contrastive`.
            own: As for `contrastive`.
            relevant: As for `contrastive`.
            scales: 1 / temperature of the first two terms (a) and of the others (t).
            ignored: As for `contrastive`.

        Source: LAION-AI/CLAP, clap_module/loss.py, with `mlp_loss`.
        """
        first = contrastive(audio, self.text(texts), own, relevant, scales[0], ignored)
        second = contrastive(self.audio(audio), texts, own, relevant, scales[1], ignored)
        return (first + second) / 2


def class_scores(student: Tensor, teacher: Tensor) -> Tensor:
    """Binary cross-entropy between class logits (B, C) and the teacher's probabilities (B, C), less its floor.

    Summed over classes, averaged over clips: nearly all of the 527 scores are nearly 0, a mean would hide the rest.
    """
    loss = functional.binary_cross_entropy_with_logits(student, teacher, reduction="none")
    floor = functional.binary_cross_entropy(teacher, teacher, reduction="none")
    return (loss - floor).sum(1).mean()


def anchor(audio: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of 1 - cosine between unit rows (B, d) and where the teacher would put them (B, d)."""
    distance = 1 - (audio * target).sum(1)
    return (weights * distance).sum() / weights.sum()

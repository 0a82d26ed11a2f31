"""The training loop: a small audio tower learns captions from clips while its teacher keeps it from forgetting."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsearch.audio.features import FrontEnd, features
from soundsearch.model.mobilenet import MobileNetAudioWithProjection
from soundsearch.records import FloatArray
from trainer import loss
from trainer.augment import augment, mask_bands, mix, place
from trainer.checkpoint import blend
from trainer.config import DistilConfig
from trainer.data import Item, draw_text, fits, sampling_weights
from trainer.teacher import untrained_embedding
from trainer.text import TextTower

LENGTHS_S = (1.5, 2.5, 4.0, 6.0)  # clips of a batch are brought to the nearest of these, so that few are padded far
MAX_SCALE = 100.0
WATCH_EVERY = 4  # steps; the variances of all maps cost a sixth of a step


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sees. Maps of one length are together; their order is that of the other fields."""

    mels: tuple[Tensor, ...]  # each (b, 1, n_frames, n_mels)
    texts: tuple[str, ...]  # unique
    own: Tensor  # (B,), int64: the column of each clip's text
    relevant: Tensor  # (B, T), bool
    ignored: Tensor  # (B, T), bool
    anchor_weights: Tensor  # (B,)


@dataclass(frozen=True, slots=True)
class Step:
    """What a step reports. Losses in nats, the anchor as 1 - cosine."""

    number: int
    contrastive: float
    classes: float
    anchor: float
    scale: float


def distil(
    config: DistilConfig,
    items: Sequence[Item],
    samples: Sequence[FloatArray],
    teacher: MobileNetAudioWithProjection,
    text: TextTower,
    front_end: FrontEnd,
    on_step: Callable[[Step, MobileNetAudioWithProjection], None] | None = None,
) -> tuple[MobileNetAudioWithProjection, float]:
    """Train a tower that starts as its teacher.

    The statistics of the batch normalisation are not those of a batch, which here are small and of mixed lengths: they
    follow the data slowly, so that training sees the network that inference will run.

    Args:
        config: The recipe.
        items: What to learn from.
        samples: The items' mono samples at the front end's rate.
        teacher: Start and anchor; not changed.
        text: Frozen text tower.
        front_end: What both towers were made for.
        on_step: Called after each step.

    Returns:
        The trained tower in evaluation mode, and the logarithm of 1 / temperature.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    # Convolutions over few channels run in two thirds of the time with the channels side by side in memory.
    teacher = copy.deepcopy(teacher).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    student = copy.deepcopy(teacher)
    log_scale = nn.Parameter(torch.tensor(math.log(1 / config.temperature)))
    optimiser = torch.optim.AdamW(
        [
            {"params": student.audio_model.parameters(), "lr": config.tower_rate},
            {"params": student.audio_projection.parameters(), "lr": config.projection_rate},
            {"params": [log_scale], "lr": config.projection_rate, "weight_decay": 0.0},
        ],
        weight_decay=config.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, config))
    follow = _SlowStatistics(student, config.norm_momentum)
    for number, batch in zip(
        range(1, config.steps + 1), batches(config, items, samples, text, front_end, rng), strict=False
    ):
        outputs = [student(mel) for mel in batch.mels]
        with torch.no_grad():
            teacher_logits = torch.cat([teacher(mel).class_logits for mel in batch.mels])
            target = untrained_embedding(teacher_logits, teacher)
        embedding = functional.normalize(torch.cat([output.audio_embeds for output in outputs]), dim=1)
        logits = torch.cat([output.class_logits for output in outputs])
        scale = log_scale.exp().clamp(max=MAX_SCALE)
        columns = text.embed(batch.texts)
        by_caption = loss.contrastive(embedding, columns, batch.own, batch.relevant, scale, batch.ignored)
        by_class = loss.class_scores(logits, torch.sigmoid(teacher_logits))
        by_anchor = loss.anchor(embedding, target, batch.anchor_weights)
        total = (
            config.contrastive_weight * by_caption + config.class_weight * by_class + config.anchor_weight * by_anchor
        )
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        follow.update()
        if on_step:
            on_step(Step(number, by_caption.item(), by_class.item(), by_anchor.item(), scale.item()), student)
    follow.close()
    student.load_state_dict(blend(teacher.state_dict(), student.state_dict(), config.blend))
    return student.eval(), float(log_scale.detach())


def batches(
    config: DistilConfig,
    items: Sequence[Item],
    samples: Sequence[FloatArray],
    text: TextTower,
    front_end: FrontEnd,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Draw batches for ever: recordings and generated clips by the recipe's share, each by its label's rarity."""
    pools = [[i for i, item in enumerate(items) if item.generated is kind] for kind in (False, True)]
    weights = [sampling_weights([items[i] for i in pool]) if pool else np.zeros(0) for pool in pools]
    real_share = 1.0 if not pools[1] else 0.0 if not pools[0] else config.real_share
    while True:
        n_real = round(real_share * config.batch_size)
        chosen = [
            int(index)
            for pool, weight, count in zip(pools, weights, (n_real, config.batch_size - n_real), strict=True)
            if count
            for index in rng.choice(pool, min(count, len(pool)), replace=False, p=weight)
        ]
        yield _batch(config, chosen, items, samples, text, front_end, rng)


def _batch(
    config: DistilConfig,
    chosen: Sequence[int],
    items: Sequence[Item],
    samples: Sequence[FloatArray],
    text: TextTower,
    front_end: FrontEnd,
    rng: np.random.Generator,
) -> Batch:
    lengths = [int(_nearest_length(len(samples[i]) / front_end.sample_rate) * front_end.sample_rate) for i in chosen]
    order = sorted(range(len(chosen)), key=lambda k: lengths[k])
    chosen, lengths = [chosen[k] for k in order], [lengths[k] for k in order]
    drawn = [draw_text(items[i], rng) for i in chosen]
    waves = [
        augment(place(samples[i], n, rng), rng, front_end.sample_rate) for i, n in zip(chosen, lengths, strict=True)
    ]
    partners: dict[int, int] = {}
    for row in range(len(chosen) - 1):
        if rng.random() < config.mix_share and lengths[row] == lengths[row + 1] and row not in partners.values():
            partners[row] = row + 1
    texts_before = tuple(drawn)
    for row, other in partners.items():
        waves[row] = mix(waves[row], waves[other], rng)
        drawn[row] = f"{texts_before[row]} and {texts_before[other]}"
    texts = tuple(dict.fromkeys(drawn))
    own = [texts.index(words) for words in drawn]
    relevant = fits([items[i] for i in chosen], texts, own)
    similar = text.embed(texts) @ text.embed(texts).T
    ignored = (similar[own] >= config.near_text).numpy()
    for row, other in partners.items():  # what is heard in a mix is neither wrong for it nor all of it
        column = own[row]
        ignored[row] |= relevant[row] | relevant[other]
        ignored[:, column] |= relevant[:, column]
        relevant[row] = np.arange(len(texts)) == column
        relevant[:, column] = np.asarray(own) == column
    ignored &= ~relevant
    mels = [mask_bands(features(wave, front_end).mel[0], rng) for wave in waves]
    generated = torch.tensor([items[i].generated for i in chosen])
    return Batch(
        mels=tuple(
            torch.from_numpy(np.stack([mel for mel, n in zip(mels, lengths, strict=True) if n == length])[:, None])
            for length in dict.fromkeys(lengths)
        ),
        texts=texts,
        own=torch.tensor(own),
        relevant=torch.from_numpy(relevant),
        ignored=torch.from_numpy(ignored),
        anchor_weights=torch.where(generated, config.generated_anchor, 1.0),
    )


def _nearest_length(seconds: float) -> float:
    return min(LENGTHS_S, key=lambda length: abs(length - seconds))


def _rate(step: int, config: DistilConfig) -> float:
    """Linear warm-up, then half a cosine to 0."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class _SlowStatistics:
    """Lets batch normalisation, in evaluation mode, follow the means and variances that it sees."""

    def __init__(self, model: nn.Module, momentum: float) -> None:
        self._momentum = momentum
        self._step = 0
        self._seen: dict[nn.BatchNorm2d, list[tuple[Tensor, Tensor]]] = {}
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        self._handles = [norm.register_forward_pre_hook(self._watch) for norm in norms]

    def _watch(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        if self._step % WATCH_EVERY:
            return
        x = inputs[0].detach()
        self._seen.setdefault(module, []).append((x.mean((0, 2, 3)), x.var((0, 2, 3))))

    def update(self) -> None:
        """Move the statistics; after the backward pass, which still needs the old ones."""
        for norm, seen in self._seen.items():
            assert norm.running_mean is not None and norm.running_var is not None
            for mean, variance in seen:
                norm.running_mean.lerp_(mean, self._momentum)
                norm.running_var.lerp_(variance, self._momentum)
        self._seen.clear()
        self._step += 1

    def close(self) -> None:
        """Stop watching."""
        for handle in self._handles:
            handle.remove()

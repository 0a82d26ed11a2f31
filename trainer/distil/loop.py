"""The training loop: a small audio tower learns captions from clips while its teacher keeps it from forgetting.

First the projection alone, on pooled features that are computed once: seconds, and any batch size. Then everything,
slowly: with a thousand clips the tower forgets sooner than it learns.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsearch.audio.features import FrontEnd, features
from soundsearch.model.mobilenet import AudioOutput, MobileNetAudioWithProjection
from soundsearch.records import FloatArray
from trainer import loss
from trainer.bundles import blend
from trainer.data import Item
from trainer.distil.batches import Targets, aim, batches, choices, hear
from trainer.distil.config import DistilConfig
from trainer.distil.teacher import untrained_embedding
from trainer.distil.text import TextTower
from trainer.recipes import rate_at

MAX_SCALE = 100.0
WATCH_EVERY = 4  # steps; the variances of all maps cost a sixth of a step


@dataclass(frozen=True, slots=True)
class Step:
    """What a step reports. Losses in nats, the anchor as 1 - cosine."""

    stage: str  # "projection" or "tower"
    number: int
    contrastive: float
    classes: float
    anchor: float
    scale: float


OnStep = Callable[[Step], None]


class Distiller:
    """One run: what is learned from, what is held to, and what is learned.

    Attributes:
        student: Starts as the teacher.
        log_scale: Logarithm of 1 / temperature, learned too.
    """

    def __init__(
        self,
        config: DistilConfig,
        items: Sequence[Item],
        samples: Sequence[FloatArray],
        teacher: MobileNetAudioWithProjection,
        text: TextTower,
        front_end: FrontEnd,
        on_step: OnStep | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            config: The recipe.
            items: What to learn from.
            samples: The items' mono samples at the front end's rate.
            teacher: Start and anchor; not changed.
            text: Frozen text tower.
            front_end: What the tower was made for.
            on_step: Called after each step.
        """
        self.config, self.items, self.samples = config, items, samples
        self.text, self.front_end, self.on_step = text, front_end, on_step
        self.rng = np.random.default_rng(config.seed)
        # Convolutions over few channels run in two thirds of the time with the channels side by side in memory.
        self.teacher = copy.deepcopy(teacher).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.student: MobileNetAudioWithProjection = copy.deepcopy(self.teacher)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / config.temperature)))

    def run(self) -> tuple[MobileNetAudioWithProjection, float]:
        """Train, and return the tower in evaluation mode and the logarithm of 1 / temperature."""
        torch.manual_seed(self.config.seed)
        if self.config.projection_steps:
            self._train_projection()
        if self.config.steps:
            self._train_tower()
        mixed = blend(self.teacher.state_dict(), self.student.state_dict(), self.config.blend)
        self.student.load_state_dict(mixed)
        return self.student.eval(), float(self.log_scale.detach())

    def _train_projection(self) -> None:
        config = self.config
        pooled = self._pooled()
        projection = self.student.audio_projection
        optimiser = self._optimiser([(projection, config.projection_rate)])
        schedule = _schedule(optimiser, config.projection_steps, config.projection_warmup)
        drawn = choices(self.items, config.projection_batch, config.real_share, self.rng)
        for number, chosen in zip(range(1, config.projection_steps + 1), drawn, strict=False):
            views = self.rng.integers(config.views, size=len(chosen))
            heard = torch.stack([pooled[i, view] for i, view in zip(chosen, views, strict=True)])
            targets = aim(config, [self.items[i] for i in chosen], self.text, self.rng)
            with torch.no_grad():
                logits = self.teacher.audio_projection(heard).class_logits
            output = projection(functional.dropout(heard, config.dropout))
            self._step("projection", number, output, logits, targets, optimiser)
            schedule.step()

    def _train_tower(self) -> None:
        """Train everything.

        The statistics of the batch normalisation are not those of a batch, which here are small and of mixed lengths:
        they follow the data slowly, so that training sees the network that inference will run.
        """
        config, student = self.config, self.student
        optimiser = self._optimiser(
            [(student.audio_model, config.tower_rate), (student.audio_projection, config.tower_projection_rate)]
        )
        schedule = _schedule(optimiser, config.steps, config.warmup_steps)
        follow = _SlowStatistics(student, config.norm_momentum)
        source = batches(config, self.items, self.samples, self.text, self.front_end, self.rng)
        for number, batch in zip(range(1, config.steps + 1), source, strict=False):
            pooled = torch.cat([student.audio_model(mel) for mel in batch.mels])
            output = student.audio_projection(functional.dropout(pooled, config.dropout))
            with torch.no_grad():
                logits = torch.cat([self.teacher(mel).class_logits for mel in batch.mels])
            self._step("tower", number, output, logits, batch.targets, optimiser)
            schedule.step()
            follow.update()
        follow.close()

    def _step(
        self,
        stage: str,
        number: int,
        output: AudioOutput,
        teacher_logits: Tensor,
        targets: Targets,
        optimiser: torch.optim.Optimizer,
    ) -> None:
        config = self.config
        embedding = functional.normalize(output.audio_embeds, dim=1)
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        texts = self.text.embed(targets.texts)
        by_caption = loss.contrastive(embedding, texts, targets.own, targets.relevant, scale, targets.ignored)
        by_class = loss.class_scores(output.class_logits, torch.sigmoid(teacher_logits))
        with torch.no_grad():
            place = untrained_embedding(teacher_logits, self.teacher)
        by_anchor = loss.anchor(embedding, place, targets.anchor_weights)
        total = (
            config.contrastive_weight * by_caption + config.class_weight * by_class + config.anchor_weight * by_anchor
        )
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.parameters(), config.max_gradient)
        optimiser.step()
        if self.on_step:
            losses = (by_caption.item(), by_class.item(), by_anchor.item(), scale.item())
            self.on_step(Step(stage, number, *losses))

    def _pooled(self) -> Tensor:
        """Pooled features of several hearings of every clip, the first of the whole clip: (n_items, views, pooled)."""
        rows = []
        with torch.no_grad():
            for samples in self.samples:
                waves = [samples[: self.front_end.max_samples]]
                waves += [hear(samples, self.front_end, self.rng) for _ in range(self.config.views - 1)]
                mels = [torch.from_numpy(features(wave, self.front_end).mel[:, None]) for wave in waves]
                rows.append(torch.cat([self.teacher.audio_model(mel) for mel in mels]))
        return torch.stack(rows)

    def _optimiser(self, parts: Sequence[tuple[nn.Module, float]]) -> torch.optim.Optimizer:
        groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in parts]
        scale = {"params": [self.log_scale], "lr": parts[-1][1], "weight_decay": 0.0}
        return torch.optim.AdamW([*groups, scale], weight_decay=self.config.weight_decay)


def _schedule(optimiser: torch.optim.Optimizer, steps: int, warmup: int) -> torch.optim.lr_scheduler.LambdaLR:
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_at(step, steps, warmup))


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

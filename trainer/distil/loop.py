"""The training loop: a small audio tower learns captions from clips while its teacher keeps it from forgetting.

First the projection alone, then the upper blocks too, both on maps of the lower ones that are computed once: cheap, and
any batch size. Then everything, slowly: with some thousand clips the tower forgets sooner than it learns. Last,
everything in beds of other sounds, quickly: what it heard before it went there keeps it from forgetting.
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
from soundsearch.model.mobilenet import AudioOutput, MobileNetAudio, MobileNetAudioWithProjection
from soundsearch.records import FloatArray
from trainer import loss
from trainer.augment import place
from trainer.bundles import blend
from trainer.data import Item
from trainer.distil.batches import LENGTHS_S, Targets, aim, batches, choices
from trainer.distil.beds import Beds, InBeds
from trainer.distil.config import DistilConfig
from trainer.distil.hearings import Hearings, listen
from trainer.distil.teacher import untrained_embedding
from trainer.distil.text import TextTower
from trainer.recipes import rate_at

MAX_SCALE = 100.0
WATCH_EVERY = 4  # steps; the variances of all maps cost a sixth of a step


@dataclass(frozen=True, slots=True)
class Step:
    """What a step reports. Losses in nats, the anchor as 1 - cosine."""

    stage: str  # "projection", "upper", "tower" or "beds"
    number: int
    contrastive: float
    classes: float  # in beds 0
    anchor: float  # in beds to the clip alone
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
        if config.start == "random":
            self._forget()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / config.temperature)))

    def run(self) -> tuple[MobileNetAudioWithProjection, float]:
        """Train, and return the tower in evaluation mode and the logarithm of 1 / temperature."""
        torch.manual_seed(self.config.seed)
        if self.config.projection_steps or self.config.upper_steps:
            self._train_upper()
        if self.config.steps:
            self._train_tower()
        if self.config.bed_steps:
            self._train_in_beds()
        mixed = blend(self.teacher.state_dict(), self.student.state_dict(), self.config.blend)
        self.student.load_state_dict(mixed)
        return self.student.eval(), float(self.log_scale.detach())

    def _train_upper(self) -> None:
        """Train on hearings whose lower maps are known: the projection first, then the upper blocks with it."""
        config, student = self.config, self.student
        seed = int(self.rng.integers(2**32))
        heard = self._listen(student.audio_model, seed)
        told = heard if config.start == "teacher" else self._listen(self.teacher.audio_model, seed)
        keys = [(clip, view) for clip in range(len(self.items)) for view in range(config.views)]
        with torch.no_grad():
            shape = (len(self.items), config.views, -1)
            known = heard.pooled(student.audio_model, keys).view(shape)
            pooled = told.pooled(self.teacher.audio_model, keys)
            logits = self.teacher.audio_projection(pooled).class_logits.view(shape)
        parts: list[tuple[nn.Module, float]] = [(student.audio_projection, config.projection_rate)]
        self._learn("projection", heard, known, logits, parts, config.projection_steps, config.projection_batch)
        blocks = list(student.audio_model.blocks)[config.cut :]
        upper = nn.ModuleList([*blocks, student.audio_model.last])
        parts = [(upper, config.upper_rate), (student.audio_projection, config.upper_projection_rate)]
        self._learn("upper", heard, known, logits, parts, config.upper_steps, config.upper_batch)

    def _learn(
        self,
        stage: str,
        heard: Hearings,
        known: Tensor,
        logits: Tensor,
        parts: Sequence[tuple[nn.Module, float]],
        steps: int,
        batch: int,
    ) -> None:
        """Take steps on drawn hearings.

        Args:
            stage: In which only the projection changes, or the upper blocks too.
            heard: All hearings.
            known: What the tower made of them at the start, (n_clips, views, pooled).
            logits: The teacher's class logits, (n_clips, views, n_classes).
            parts: What is trained, and how fast.
            steps: How many.
            batch: Clips in a step.
        """
        optimiser = self._optimiser(parts)
        schedule = _schedule(optimiser, steps, self.config.warmup_steps)
        drawn = choices(self.items, batch, self.config.real_share, self.rng)
        for number, chosen in zip(range(1, steps + 1), drawn, strict=False):
            views = [int(view) for view in self.rng.integers(known.shape[1], size=len(chosen))]
            targets = aim(self.config, [self.items[i] for i in chosen], self.text, self.rng)
            keys = list(zip(chosen, views, strict=True))
            pooled = known[chosen, views] if stage == "projection" else heard.pooled(self.student.audio_model, keys)
            output = self.student.audio_projection(functional.dropout(pooled, self.config.dropout))
            self._step(stage, number, output, logits[chosen, views], targets, optimiser)
            schedule.step()

    def _listen(self, tower: MobileNetAudio, seed: int) -> Hearings:
        """The same seed gives the same hearings to any tower."""
        config, rng = self.config, np.random.default_rng(seed)
        return listen(tower, config.cut, self.items, self.samples, config.views, self.front_end, rng)

    def _forget(self) -> None:
        """Start from random weights: batch normalisation takes its statistics from some clips."""
        torch.manual_seed(self.config.seed)
        known = self.student.audio_projection.class_vectors.weight.detach().clone()
        for module in self.student.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
        with torch.no_grad():
            self.student.audio_projection.class_vectors.weight.copy_(known)
        some = self.rng.choice(len(self.items), min(64, len(self.items)), replace=False)
        n = self.front_end.min_samples
        mels = [features(place(self.samples[i], n, self.rng), self.front_end).mel[:, None] for i in some]
        settle(self.student.audio_model, torch.from_numpy(np.concatenate(mels)))

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

    def _train_in_beds(self) -> None:
        """Train everything to hear clips in beds where it puts them alone, and all else where it put it before."""
        config, student = self.config, self.student
        before = copy.deepcopy(student).eval()
        beds = Beds(self.items, self.samples, self.front_end, self.rng)
        longest = int(LENGTHS_S[-1] * self.front_end.sample_rate)
        with torch.no_grad():
            mels = (features(wave[:longest], self.front_end).mel[0] for wave in self.samples)
            places = torch.cat([_places(before, [mel]) for mel in mels])
        optimiser = self._optimiser([(student, config.bed_rate)])
        schedule = _schedule(optimiser, config.bed_steps, config.warmup_steps)
        follow = _SlowStatistics(student, config.norm_momentum)
        for number, batch in zip(range(1, config.bed_steps + 1), beds.batches(config), strict=False):
            with torch.no_grad():
                alone = functional.normalize(_places(before, batch.alone) + places[batch.clips], dim=1)
                kept = _places(before, batch.kept)
            self._bed_step(number, batch, alone, kept, optimiser)
            schedule.step()
            follow.update()
        follow.close()
        student.load_state_dict(blend(before.state_dict(), student.state_dict(), config.bed_blend))

    def _bed_step(
        self, number: int, batch: InBeds, alone: Tensor, kept: Tensor, optimiser: torch.optim.Optimizer
    ) -> None:
        config, count = self.config, len(batch.clips)
        heard = _places(self.student, [*batch.in_beds, *batch.kept])
        by_place, by_kept = 1 - (heard[:count] * alone).sum(1).mean(), 1 - (heard[count:] * kept).sum(1).mean()
        targets = aim(config, [self.items[row] for row in batch.clips], self.text, self.rng)
        texts, scale = self.text.embed(targets.texts), self._scale()
        by_caption = loss.contrastive(heard[:count], texts, targets.own, targets.relevant, scale, targets.ignored)
        total = (
            config.bed_place_weight * by_place + config.bed_keep_weight * by_kept + config.bed_text_weight * by_caption
        )
        self._descend(total, optimiser)
        if self.on_step:
            self.on_step(Step("beds", number, by_caption.item(), 0.0, by_place.item(), scale.item()))

    def _scale(self) -> Tensor:
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    def _descend(self, total: Tensor, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.parameters(), self.config.max_gradient)
        optimiser.step()

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
        scale = self._scale()
        texts = self.text.embed(targets.texts)
        by_caption = loss.contrastive(embedding, texts, targets.own, targets.relevant, scale, targets.ignored)
        by_class = loss.class_scores(output.class_logits, torch.sigmoid(teacher_logits))
        with torch.no_grad():
            place = untrained_embedding(teacher_logits, self.teacher)
        by_anchor = loss.anchor(embedding, place, targets.anchor_weights)
        total = (
            config.contrastive_weight * by_caption + config.class_weight * by_class + config.anchor_weight * by_anchor
        )
        self._descend(total, optimiser)
        if self.on_step:
            losses = (by_caption.item(), by_class.item(), by_anchor.item(), scale.item())
            self.on_step(Step(stage, number, *losses))

    def _optimiser(self, parts: Sequence[tuple[nn.Module, float]]) -> torch.optim.Optimizer:
        groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in parts]
        scale = {"params": [self.log_scale], "lr": parts[-1][1], "weight_decay": 0.0}
        return torch.optim.AdamW([*groups, scale], weight_decay=self.config.weight_decay)


def _schedule(optimiser: torch.optim.Optimizer, steps: int, warmup: int) -> torch.optim.lr_scheduler.LambdaLR:
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_at(step, steps, warmup))


def _places(model: MobileNetAudioWithProjection, mels: Sequence[FloatArray]) -> Tensor:
    """Where a tower puts mel maps: unit rows (n, d). Maps of one length run together."""
    rows: dict[int, Tensor] = {}
    for length in dict.fromkeys(len(mel) for mel in mels):
        places = [place for place, mel in enumerate(mels) if len(mel) == length]
        output = model(torch.from_numpy(np.stack([mels[place] for place in places])[:, None]))
        rows |= zip(places, functional.normalize(output.audio_embeds, dim=1), strict=True)
    return torch.stack([rows[place] for place in range(len(mels))])


def settle(tower: nn.Module, mels: Tensor) -> None:
    """Give batch normalisation the statistics of a batch (B, 1, n_frames, n_mels)."""
    norms = [module for module in tower.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        tower.train()(mels)
    tower.eval()


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

"""The training loop, to be read from top to bottom: `Run.steps` is a generator that a window can stop at any time."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from soundsearch.errors import DecodeError, TrainingError
from soundsearch.records import TrainingProgress
from trainer.checkpoint import Checkpoint
from trainer.config import FitConfig
from trainer.draw import Draw, Planner, Targets, targets
from trainer.loss import MlpHeads, contrastive
from trainer.parallel import Ranks
from trainer.recipes import Lesson, rate_at
from trainer.streaming import StreamPlanner
from trainer.student import Heard, Student

Listen = Callable[[Draw], Heard]
Validate = Callable[[], Generator[None, None, float]]  # gives text to audio mAP@10, in small steps
Rehearse = Callable[[int], Sequence[Heard]]  # for a step; empty where there is nothing
Log = Callable[[int, dict[str, float]], None]

SMALL_TOWER = 5_000_000  # weights; what a smaller one keeps of a whole batch for its gradient fits into memory
LARGE_TOWER_BATCH = 8
READ_AHEAD = 2  # threads that decode and make features while the towers run
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Run:
    """One training run.

    Attributes:
        state: Where it stands; saved between steps.
        is_small: Whether what runs is small enough for whole batches, and too small to gain by several threads.
    """

    def __init__(
        self,
        config: FitConfig,
        planner: Planner | StreamPlanner,
        listen: Listen,
        student: Student,
        lesson: Lesson,
        validate: Validate,
        ranks: Ranks,
        folder: Path,
        state: Checkpoint,
        start: Student | None = None,
        rehearse: Rehearse | None = None,
        log: Log | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            config: How.
            planner: Says what a step sees.
            listen: Hears a draw; called from other threads.
            student: What is trained.
            lesson: What of it is learned.
            validate: Scores the student as it is.
            ranks: The processes that take part.
            folder: Where the run is saved.
            state: A new one, or one that was loaded.
            start: The model before, which `config.keep` holds to.
            rehearse: Hears sounds of every day, which `config.rehearse` holds to what the start says of them.
            log: Takes step and numbers, for a curve.
        """
        self.config, self.planner, self.listen = config, planner, listen
        self.student, self.lesson, self.start = student, lesson, start
        self.validate, self.rehearse, self.log = validate, rehearse, log
        self.ranks, self.folder, self.state = ranks, folder, state
        self.heads: MlpHeads | None = None
        groups = list(lesson.groups)
        if config.loss == "mlp":
            torch.manual_seed(config.seed)
            self.heads = MlpHeads(student.dimension).to(student.device)
            groups.append({"params": list(self.heads.parameters()), "lr": config.projection_rate})
        tower = sum(p.numel() for p in student.dual.audio_model.parameters())
        self.is_small = config.recipe == "projection" or tower < SMALL_TOWER
        self.rates = [group["lr"] for group in groups]
        betas = (0.9, config.beta2)
        self.optimiser = torch.optim.AdamW(groups, betas=betas, weight_decay=config.weight_decay)
        self.scaler = torch.amp.GradScaler(student.device.type, enabled=config.precision == "float16")
        self._held: dict[str, Tensor] = {}  # statistics as they were before the step that is being done
        if state.step:
            self._restore()

    def steps(self) -> Generator[TrainingProgress, None, None]:
        """Train until the last step or until validation stops rising; closing it saves the run.

        Raises:
            TrainingError: If the loss is no number any more.
        """
        config, state = self.config, self.state
        began, done_before = time.monotonic(), state.step
        try:
            with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="listen") as pool:
                while True:
                    if self._is_due():
                        yield from self._evaluate()
                    if state.step >= config.steps or state.waited >= config.patience:
                        break
                    self._held = self.lesson.statistics()
                    loss = yield from self._step(pool)
                    self._held = {}
                    state.step += 1  # weights and count change together: nothing yields in between
                    self._note({"loss": loss, "rate": self.optimiser.param_groups[0]["lr"]})
                    if state.step % config.checkpoint_every == 0:
                        self.save()
                    pace = (time.monotonic() - began) / (state.step - done_before)
                    yield self._progress(loss, pace * (config.steps - state.step))
        except GeneratorExit:
            self.lesson.put_back(self._held)
            self.save()
            raise
        except DecodeError as err:
            self.lesson.put_back(self._held)
            self.save()
            raise TrainingError(
                f"A clip cannot be read any more: {err.message}.", "Bring its drive back, and go on with --resume."
            ) from err
        self.save()

    def save(self) -> None:
        """Write the run to its folder."""
        if not self.ranks.is_first:
            return
        state = self.state
        state.weights = self.lesson.state()
        state.optimiser = {"optimiser": self.optimiser.state_dict(), "scaler": self.scaler.state_dict()}
        if self.heads:
            state.optimiser["heads"] = self.heads.state_dict()
        state.save(self.folder)

    def _restore(self) -> None:
        self.lesson.restore(self.state.weights)
        self.optimiser.load_state_dict(self.state.optimiser["optimiser"])
        self.scaler.load_state_dict(self.state.optimiser["scaler"])
        if self.heads:
            self.heads.load_state_dict(self.state.optimiser["heads"])

    # -- one step

    def _step(self, pool: ThreadPoolExecutor) -> Generator[TrainingProgress, None, float]:
        """One step of the optimiser; returns the mean loss of its batches, in nats."""
        config, number = self.config, self.state.step
        self.lesson.train()
        self._set_rates(rate_at(number, config.steps, max(1, round(config.warmup * config.steps))))
        self.optimiser.zero_grad()
        losses = []
        for k in range(config.accumulate):
            draws = self.planner.draws(number * config.accumulate + k)
            loss = yield from self._batch(draws, pool)
            if not loss == loss:
                raise TrainingError("The loss is no number any more.", "Lower the rates, or train in float32.")
            losses.append(loss)
        self.ranks.sum_gradients(self._own_parameters())
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self._all_parameters(), config.max_gradient)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.lesson.clamp()
        if config.text != "locked":
            self.student.forget()
        return float(sum(losses) / len(losses))

    def _batch(self, draws: Sequence[Draw], pool: ThreadPoolExecutor) -> Generator[TrainingProgress, None, float]:
        """Gradients of one batch, in parts that fit into memory; returns its loss.

        With several parts: embed all without gradients, take the gradient of the loss by the embeddings, then embed
        each part again and pass its piece of that gradient on. Exact as long as a part sees only its own clips.

        Source: Gao et al., "Scaling deep contrastive learning batch size under memory limited setup" (2021), GradCache.
        """
        mine = draws[self.ranks.part(len(draws))]
        aim = targets(draws)
        heard = list(pool.map(self.listen, mine))
        size = self.config.micro_batch or (len(mine) if self.is_small else LARGE_TOWER_BATCH) or 1
        parts = [slice(at, at + size) for at in range(0, len(heard), size)]
        seed = hash((self.config.seed, self.state.step, self.ranks.rank)) % 2**31
        graphs, kept_cost = [], 0.0
        for k, part in enumerate(parts):
            with torch.set_grad_enabled(len(parts) == 1):
                graphs.append(self._hear(heard[part], seed + k))
            yield self._progress(None, None)
        texts, read = self._read(aim.texts)
        audio = torch.cat([embedded for embedded, _ in graphs]).detach().requires_grad_()
        loss, by_audio, by_text = self._compare(audio, texts, aim, len(draws))
        weight = self.config.keep / len(draws) / self.config.accumulate
        for k, part in enumerate(parts):
            embedded, cost = graphs[k] if len(parts) == 1 else self._hear(heard[part], seed + k)
            total = (embedded * by_audio[part]).sum() + self.scaler.scale(weight * cost)
            total.backward()  # type: ignore[no-untyped-call]
            kept_cost += weight * float(cost.detach())
            yield self._progress(None, None)
        if by_text is not None and read is not None:
            read.backward(by_text)  # type: ignore[no-untyped-call]
        kept_cost += self._rehearse(seed)
        return loss + float(sum(self.ranks.gather_objects([kept_cost])))

    def _hear(self, heard: Sequence[Heard], seed: int) -> tuple[Tensor, Tensor]:
        """Embed a part with the same random choices each time: unit rows (n, d), and how far they left the start."""
        torch.manual_seed(seed)
        with self._autocast():
            embedded = self.student.embed(heard, self.config.dropout)
            if self.start is None or not torch.is_grad_enabled():
                return embedded, embedded.new_zeros(())
            with torch.no_grad():
                before = self.start.embed(heard)
        return embedded, (1 - (embedded * before).sum(1)).sum()

    def _rehearse(self, seed: int) -> float:
        """Hold sounds of every day in their places, those that nobody trains on included; returns this rank's cost."""
        heard = self.rehearse(self.state.step) if self.rehearse and self.config.rehearse else ()
        if not heard:
            return 0.0
        _, cost = self._hear(heard, seed)
        mean = self.config.rehearse / self.config.accumulate / self.ranks.count * cost / len(heard)
        self.scaler.scale(mean).backward()  # type: ignore[no-untyped-call]
        return float(mean.detach())

    def _read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor | None]:
        """Embed this rank's part of the unique texts: without graph, and with one where the text side is learned."""
        mine = texts[self.ranks.part(len(texts))]
        if self.config.text == "locked":
            return self.student.recall(texts), None
        with self._autocast():
            read = self.student.read(mine) if mine else self.student.read(texts[:1])[:0]
        return read.detach().requires_grad_(), read

    def _compare(self, audio: Tensor, texts: Tensor, aim: Targets, count: int) -> tuple[float, Tensor, Tensor | None]:
        """The loss over all ranks' clips and texts, and its gradients by this rank's embeddings."""
        torch.manual_seed(hash((self.config.seed, self.state.step)) % 2**31)  # heads drop out alike in all ranks
        device = self.student.device
        everything = self.ranks.gather(audio, count)
        all_texts = texts if self.config.text == "locked" else self.ranks.gather(texts, len(aim.texts))
        own = torch.from_numpy(aim.own).to(device)
        relevant = torch.from_numpy(aim.relevant).to(device)
        ignored = torch.from_numpy(aim.ignored).to(device)
        near = (all_texts.detach() @ all_texts.detach().T)[own] >= self.config.near_text
        ignored = (ignored | near) & ~relevant
        scales = self.student.scales()
        if self.heads:
            loss = self.heads.loss(everything, all_texts, own, relevant, scales, ignored)
        else:
            loss = contrastive(everything, all_texts, own, relevant, scales[0], ignored)
        self.scaler.scale(loss / self.config.accumulate).backward()  # type: ignore[no-untyped-call]
        assert audio.grad is not None
        return float(loss.detach()), audio.grad, texts.grad

    def _autocast(self) -> AbstractContextManager[None]:
        dtype = DTYPES.get(self.config.precision)
        return torch.autocast(self.student.device.type, dtype or torch.bfloat16, enabled=dtype is not None)

    def _own_parameters(self) -> Iterator[nn.Parameter]:
        """Weights whose gradient each rank has from its own clips only; that of the others is whole in every rank."""
        whole = {id(self.student.dual.logit_scale_a), id(self.student.dual.logit_scale_t)}
        return (parameter for parameter in self.lesson.parameters() if id(parameter) not in whole)

    def _all_parameters(self) -> list[nn.Parameter]:
        return [*self.lesson.parameters(), *(self.heads.parameters() if self.heads else ())]

    def _set_rates(self, share: float) -> None:
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * share

    # -- between steps

    def _evaluate(self) -> Generator[TrainingProgress, None, None]:
        """Score the student on the validation clips and keep its weights when it was never better."""
        self.student.dual.eval()
        scoring = self.validate()
        while True:
            try:
                next(scoring)
            except StopIteration as end:
                score = float(end.value)
                break
            yield self._progress(None, None)
        state = self.state
        if score > state.best_score:
            state.best, state.best_score, state.waited = self.lesson.state(), score, 0
        else:
            state.waited += 1
        self._note({"validation": score})

    def _is_due(self) -> bool:
        """Whether this step is one to be evaluated after, and was not: a break may have come before."""
        step = self.state.step
        known = any(entry["step"] == step and "validation" in entry for entry in self.state.history)
        return not known and (step % self.config.evaluate_every == 0 or step == self.config.steps)

    def _note(self, numbers: dict[str, float]) -> None:
        self.state.history.append({"step": self.state.step, **numbers})
        if self.log:
            self.log(self.state.step, numbers)

    def _progress(self, loss: float | None, eta_s: float | None) -> TrainingProgress:
        scores = [entry["validation"] for entry in self.state.history if "validation" in entry]
        return TrainingProgress(
            "train",
            self.state.step,
            self.config.steps,
            "steps",
            loss=loss,
            validation=scores[-1] if scores else None,
            eta_s=eta_s,
        )

"""Fine-tuning from tagged clips to a bundle that is proven on clips it never saw. A generator, for any face to drive.

In order: hear every clip once with the start; split by group, pack and near-duplicates; train; choose how much of the
change to keep on the validation clips (WiSE-FT); prove it on the test clips and the control list; write.
"""

import copy
import datetime
import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundsearch.audio.decode import is_audio_name
from soundsearch.errors import TrainingError
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import load_dual
from soundsearch.records import FloatArray, TrainingProgress
from soundsearch.settings import resource
from trainer import proof, report, shards
from trainer.bundles import blend, write_tuned
from trainer.captions.writer import CaptionWriter, caption_writer
from trainer.checkpoint import Checkpoint
from trainer.config import CHECKPOINT, RUN_FOLDER, FitConfig
from trainer.control import control_items, control_prompts, control_truth
from trainer.data import Item
from trainer.draw import Draw, Planner
from trainer.gallery import Gallery, side_by_side
from trainer.listen import Listener
from trainer.loop import Log, Rehearse, Run
from trainer.parallel import Ranks
from trainer.recipes import Lesson
from trainer.splits import LEAST, split
from trainer.streaming import StreamPlanner
from trainer.student import Heard, Student

ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # where only the projection has to run again
FEW_ALPHAS = (0.25, 0.5, 0.75, 1.0)
REHEARSED = 8  # everyday sounds of a step, for each of which a tower has to run
REHEARSED_POOLED = 32
ON_THE_LIST = 0.95  # cosine from which an everyday sound is one of the control list's, and is not rehearsed
MAX_CONTROL_LOSS = 0.01  # of control accuracy, when the blend is chosen
Steps = Generator[TrainingProgress, None, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """What to train on, from where, and what to call it.

    Attributes:
        items: The clips, with tags or captions.
        base: The model to start from.
        out: Folder of the new bundle.
        name: What the command line will call it.
        title: What the window will call it.
        source: Where the clips come from, in words.
        problems: What is known to be wrong with them already.
        stream: Shards to train on, where they are too large to be held; then `items` are the held-out clips.
    """

    items: tuple[Item, ...]
    base: Bundle
    out: Path
    name: str
    title: str
    source: str
    problems: tuple[str, ...] = ()
    stream: tuple[Path, ...] = ()


def fit(job: Job, config: FitConfig, *, resume: bool = False, device: str = "auto", threads: int = 1) -> Steps:
    """Train; each step is short, so that whoever drives it can do something else in between. Closing it saves the run.

    Args:
        job: What to train on.
        config: How.
        resume: Go on with the run that was broken off in the same folder.
        device: "auto", "cpu", "cuda" or "mps".
        threads: Of the CPU, for a tower that is large enough to gain by several.

    Returns:
        The result as `trainer.report` takes it; the bundle, report.html and report.json are in `job.out`.

    Raises:
        SoundSearchError: If nothing can be learned, or the folder not be written.
    """
    return (yield from _Fit(job, config, Ranks(device), threads).run(resume))


class _Exam:
    """Clips, what they are asked, and how one model answers."""

    def __init__(self, gallery: Gallery, writer: CaptionWriter) -> None:
        self.gallery = gallery
        self.asked = proof.questions(gallery.items, writer)

    def texts(self, student: Student) -> FloatArray:
        """Embeddings of the questions, (n_texts, d)."""
        rows: FloatArray = student.recall(self.asked.texts).cpu().numpy()
        return rows


class _Control:
    """The control list."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.prompts = control_prompts()
        self.truth = control_truth(gallery.items)

    def ask(self, student: Student, same_tower: bool) -> Generator[None, None, proof.Control]:
        """Answer it with one model."""
        audio = yield from self.gallery.embed(student, same_tower)
        texts = [prompt for prompts in self.prompts.values() for prompt in prompts]
        rows = dict(zip(texts, student.recall(texts).cpu().numpy(), strict=True))
        clusters = [item.group for item in self.gallery.items]
        return proof.ask_control(audio, proof.ensemble(self.prompts, rows), self.truth, clusters)


class _Fit:
    """One run from clips to bundle."""

    def __init__(self, job: Job, config: FitConfig, ranks: Ranks, threads: int) -> None:
        self.job, self.config, self.ranks, self.threads = job, config, ranks, threads
        self.problems = list(job.problems)
        self.start = Student(load_dual(job.base), job.base, ranks.device)
        self.same_tower = config.recipe == "projection"
        if job.stream and self.same_tower:
            raise TrainingError(
                "The recipe projection needs clips that can be held in memory.",
                "These shards are too large: take --recipe lora, last-stage, full or scratch.",
            )
        self.folder = job.out / RUN_FOLDER
        self.asked: list[str] = []  # texts of all questions

    def run(self, resume: bool) -> Steps:
        began, config = time.monotonic(), self.config
        writer = caption_writer(config.captions, seed=config.seed, t5=config.t5)
        heard = yield from Gallery.hear(self.job.items, self.start, config, self.problems.append)
        parts = self._split(heard)
        writer.prepare(heard.items)
        train = parts["train"]
        validation, test = _Exam(parts["validation"], writer), _Exam(parts["test"], writer)
        control = _Control(
            (yield from Gallery.hear(control_items(), self.start, config, self.problems.append, "control"))
        )
        student = Student(copy.deepcopy(self.start.dual), self.job.base, self.ranks.device)
        lesson = Lesson(student.dual, config)
        prompts = [prompt for several in control.prompts.values() for prompt in several]
        self.asked = [*validation.asked.texts, *test.asked.texts, *prompts]
        self.start.remember(self.asked)
        student.remember(self.asked)
        state = self._state(heard.items, resume)
        planner: Planner | StreamPlanner
        if self.job.stream:
            front_end = self.start.front_end
            planner = StreamPlanner(self.job.stream, writer, config, self.ranks, front_end, self.problems.append)
            listen: Callable[[Draw], Heard] = planner.listen
        else:
            planner = Planner(train.items, writer, config)
            if config.text == "locked":
                student.remember(planner.texts)
            listen = (yield from self._views(train)) if self.same_tower else _changed(train.listener)
        rehearse = yield from self._rehearsal(control)

        def validate() -> Generator[None, None, float]:
            audio = yield from validation.gallery.embed(student, self.same_tower)
            return float(proof.precision(validation.asked, validation.texts(student), audio).mean())

        log, close = self._log()
        run = Run(
            config, planner, listen, student, lesson, validate, self.ranks, self.folder, state,
            self.start, rehearse, log,
        )  # fmt: skip
        before = torch.get_num_threads()
        torch.set_num_threads(1 if run.is_small else self.threads)
        try:
            yield from run.steps()
        finally:
            torch.set_num_threads(before)
            close()
        lesson.restore(state.best)
        lesson.finish()
        self._read_again(student)
        blended = yield from self._blend(student, validation, control)
        result = yield from self._prove(student, test, control)
        result |= self._about(parts, writer, state) | {"blend": blended, "seconds": round(time.monotonic() - began, 1)}
        if self.ranks.is_first:
            self._write(student, result)
        self.ranks.wait()
        return result

    def _split(self, heard: Gallery) -> dict[str, Gallery]:
        """The clips by what they are for; none may be missing. Those of a stream lie in folders already."""
        if self.job.stream:
            return self._parts(heard)
        if len(heard) < 3 * LEAST:
            raise TrainingError(
                f"Only {len(heard)} clips can be used; a model that is to be proven needs at least {3 * LEAST}.",
                "Add clips with tags: folders named by what is heard are enough.",
            )
        shares = {"validation": self.config.validation, "test": self.config.test}
        made = split(heard.items, self.start.place(heard.pooled), seed=self.config.seed, **shares)
        self.problems += [*(str(leak) for leak in made.leaks), *made.notes]
        heard = heard.with_items(made.items)
        parts = self._parts(heard)
        if small := [name for name, part in parts.items() if len(part) < LEAST]:
            raise TrainingError(
                f"The clips fall into too few groups: {len(parts[small[0]])} of them are left for {small[0]}.",
                "Clips of one pack or recording stay together: add clips from other packs.",
            )
        return parts

    @staticmethod
    def _parts(heard: Gallery) -> dict[str, Gallery]:
        return {
            name: heard.part([k for k, item in enumerate(heard.items) if item.split == name])
            for name in ("train", "validation", "test")
        }

    def _views(self, train: Gallery) -> Generator[TrainingProgress, None, Callable[[Draw], Heard]]:
        """Pool some hearings of each clip beforehand, so that a step costs next to nothing."""
        count = self.config.views

        def pool(index: int) -> Tensor:
            heard = [train.listener.changed(index, (self.config.seed, index, view)) for view in range(1, count)]
            with torch.no_grad():
                rows = [self.start.pool([view]).cpu() for view in heard]
            return torch.cat([torch.from_numpy(train.pooled[index][:1]), *rows])

        views = yield from side_by_side(pool, len(train), "views")

        def listen(draw: Draw) -> Tensor:
            return views[draw.index][hash(draw.seed) % count]

        return listen

    def _rehearsal(self, control: _Control) -> Generator[TrainingProgress, None, Rehearse | None]:
        """Sounds of the demo library that keep their places: not those that the control list asks about."""
        if not self.config.rehearse:
            return None
        demo = resource("demo")
        items = [Item(path=str(path), captions=()) for path in sorted(demo.rglob("*")) if is_audio_name(path.name)]
        heard = yield from Gallery.hear(items, self.start, self.config, self.problems.append, "everyday")
        asked = self.start.place(control.gallery.pooled)
        alike = (self.start.place(heard.pooled) @ asked.T).max(axis=1)
        sounds = heard.part([k for k in range(len(heard)) if alike[k] < ON_THE_LIST])
        listen = (yield from self._views(sounds)) if self.same_tower else _changed(sounds.listener)

        def rehearse(step: int) -> list[Heard]:
            rng = np.random.default_rng([self.config.seed, 2, step])
            several = min(REHEARSED_POOLED if self.same_tower else REHEARSED, len(sounds))
            chosen = rng.choice(len(sounds), several, replace=False)
            return [listen(Draw.of(int(k), (self.config.seed, step, int(k)))) for k in chosen]

        return rehearse

    def _blend(self, student: Student, validation: _Exam, control: _Control) -> Steps:
        """Keep the share of the change that finds most, among those that forget little; returns what was tried.

        Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (2021).
        """
        first, last = self.start.dual.state_dict(), copy.deepcopy(student.dual.state_dict())
        before = yield from _quietly(control.ask(self.start, True), "blend")
        tried: list[dict[str, float]] = []
        alphas = ALPHAS if self.same_tower else FEW_ALPHAS
        for alpha in alphas if self.config.blend < 0 else (self.config.blend,):
            student.dual.load_state_dict(blend(first, last, alpha))
            self._read_again(student)
            audio = yield from _quietly(validation.gallery.embed(student, self.same_tower), "blend")
            found = float(proof.precision(validation.asked, validation.texts(student), audio).mean())
            after = yield from _quietly(control.ask(student, self.same_tower), "blend")
            tried.append({"alpha": alpha, "validation": found, "control": after.accuracy})
        fit_enough = [entry for entry in tried if entry["control"] >= before.accuracy - MAX_CONTROL_LOSS]
        chosen = max(fit_enough, key=lambda entry: entry["validation"]) if fit_enough else tried[0]
        student.dual.load_state_dict(blend(first, last, chosen["alpha"]))
        self._read_again(student)
        return {"alpha": chosen["alpha"], "tried": tried}

    def _read_again(self, student: Student) -> None:
        """After its weights changed; a text tower that is locked did not."""
        if self.config.text != "locked":
            student.forget()
            student.remember(self.asked)

    def _prove(self, student: Student, test: _Exam, control: _Control) -> Steps:
        """Ask the start and the student what neither was trained on."""
        texts = (test.texts(self.start), test.texts(student))
        before = yield from _quietly(test.gallery.embed(self.start, True), "prove")
        after = yield from _quietly(test.gallery.embed(student, self.same_tower), "prove")
        control_before = yield from _quietly(control.ask(self.start, True), "prove")
        control_after = yield from _quietly(control.ask(student, self.same_tower), "prove")
        gain = proof.gains(test.asked, texts, (before, after))
        offered, reason = proof.verdict(gain["map_10"], control_after.accuracy - control_before.accuracy)
        return {
            "before": proof.table(test.asked, texts[0], before),
            "after": proof.table(test.asked, texts[1], after),
            "gain": gain,
            "control": proof.control_table(control_before, control_after, len(control.prompts)),
            "neighbours": proof.neighbours(test.asked, test.gallery.items, texts, (before, after)),
            "offered": offered,
            "reason": reason,
        }

    def _about(self, parts: dict[str, Gallery], writer: CaptionWriter, state: Checkpoint) -> dict[str, Any]:
        job, config = self.job, self.config
        clips = {name: len(part) for name, part in parts.items()}
        if job.stream:
            clips["train"] = sum(shards.count(str(shard)) for shard in job.stream)
        shown = parts["train"] if len(parts["train"]) else parts["validation"]
        tags = Counter(tag for part in parts.values() for item in part.items for tag in item.tags or (item.label,))
        return {
            "bundle": str(job.out),
            "base": {"name": job.base.name, "title": job.base.title, "id": job.base.id},
            "recipe": config.recipe,
            "captions": config.captions,
            "source": job.source,
            "seed": config.seed,
            "device": str(self.ranks.device),
            "clips": clips,
            "tags": [[tag, count] for tag, count in tags.most_common() if tag],
            "problems": [*self.problems, *writer.notes()],
            "history": state.history,
            "examples": [{"path": item.path, "texts": list(writer.texts(item))} for item in shown.items[:8]],
            "settings": asdict(config),
        }

    def _state(self, items: Sequence[Item], resume: bool) -> Checkpoint:
        """The run that is to be resumed, or a new one; of the same clips, start and settings."""
        clips = [[Path(item.path).name, sorted(item.tags), list(item.captions)] for item in items]
        told = json.dumps([self.job.base.id, asdict(self.config), clips], sort_keys=True)
        fingerprint = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()
        return Checkpoint.load(self.folder, fingerprint) if resume else Checkpoint(fingerprint)

    def _log(self) -> tuple[Log | None, Callable[[], None]]:
        """Where the curve goes besides the report: a log that TensorBoard reads."""
        if not self.ranks.is_first:
            return None, lambda: None
        from torch.utils.tensorboard import SummaryWriter  # a second of imports, only where a run begins

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            events = SummaryWriter(str(self.folder))
        except OSError as err:
            raise TrainingError(f"Cannot write to {self.folder}: {err.strerror}.", "Choose another folder.") from err

        def log(step: int, numbers: dict[str, float]) -> None:
            for name, value in numbers.items():
                if math.isfinite(value):
                    events.add_scalar(name, value, step)

        return log, events.close

    def _write(self, student: Student, result: dict[str, Any]) -> None:
        """The report and the bundle; the manifest comes last."""
        measured = {key: result["gain"]["map_10"][key] for key in ("value", "low", "high")}
        about = {
            "base": result["base"],
            "recipe": result["recipe"],
            "captions": result["captions"],
            "source": result["source"],
            "clips": sum(result["clips"].values()),
            "tags": [tag for tag, _ in result["tags"][:12]],
            "tag_count": len(result["tags"]),
            "gain": list(measured.values()),
            "before": result["before"]["text_to_audio"]["map_10"]["value"],
            "after": result["after"]["text_to_audio"]["map_10"]["value"],
            "control_before": result["control"]["before"]["value"],
            "control_after": result["control"]["after"]["value"],
            "offered": result["offered"],
            "reason": result["reason"],
            "made": datetime.date.today().isoformat(),
            "report": "report.html",
        }
        (self.folder / CHECKPOINT).unlink(missing_ok=True)
        report.write(self.job.out, result)
        write_tuned(
            self.job.out,
            self.job.base,
            student.dual,
            {
                "name": self.job.name,
                "title": self.job.title,
                "description": f"{self.job.base.title}, trained on {self.job.source}.",
                "licence": self.job.base.licence,
                "personal": about,
            },
        )


def _changed(listener: Listener) -> Callable[[Draw], Heard]:
    return lambda draw: listener.changed(draw.index, draw.seed, draw.partner)


def _quietly(work: Generator[None, None, Any], phase: str) -> Generator[TrainingProgress, None, Any]:
    """Pass on the steps of something that has no progress of its own."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
        yield TrainingProgress(phase)

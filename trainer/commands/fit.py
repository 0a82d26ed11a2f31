"""soundsearch-train fit: a personal model from tagged clips, proven on clips that it never saw."""

import argparse
import itertools
import shlex
import signal
import time
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from soundsearch.errors import TrainingError
from soundsearch.model.bundle import MANIFEST
from soundsearch.model.hub import HUB_MODELS
from soundsearch.model.store import STARTER
from soundsearch.records import TrainingProgress
from soundsearch.settings import Places
from trainer.commands import source
from trainer.commands.talk import Say
from trainer.config import CHECKPOINT, RECIPES, RUN_FOLDER, FitConfig, load, recipe
from trainer.data import shown

PROGRESS_S = 5.0
PHASES = {
    "listen": "Listening to the clips",
    "control": "Listening to the control list",
    "everyday": "Listening to everyday sounds, to keep them in place",
    "views": "Listening to changed versions",
    "train": "Training",
    "blend": "Choosing how much of the change to keep",
    "prove": "Asking clips that were never trained on",
}
# Options that only name a field of the recipe; the others are below.
_NUMBERS = ("steps", "batch_size", "micro_batch", "accumulate", "patience", "evaluate_every", "lora_rank", "seed")
_RATES = ("tower_rate", "projection_rate", "text_rate", "validation", "test", "keep", "rehearse", "blend", "mix_share")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    source.add_arguments(parser)
    parser.add_argument("--out", type=Path, help="folder of the new model (default: among the installed models)")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="projection", help="default: %(default)s")
    parser.add_argument("--captions", choices=("template", "grammar", "t5", "given"), help="default: grammar")
    parser.add_argument("--t5", default="", help="folder or hub name of the keyword-to-caption model")
    parser.add_argument("--config", type=Path, help="TOML file with any of the recipe's settings")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was broken off")
    parser.add_argument("--model", default="starter", help="model to start from, by name or folder (default: starter)")
    parser.add_argument("--name", default="", help="what the model menu shows (default: the source's name)")
    parser.add_argument("--data-dir", type=Path, help="where models and settings lie")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    towers = parser.add_argument_group("new towers, with --recipe scratch")
    towers.add_argument("--audio", help="htsat-tiny-fused, htsat-tiny, htsat-base, cnn14, timm:NAME, ...")
    towers.add_argument("--text-tower", choices=("roberta", "bert", "clip"), default="roberta")
    towers.add_argument(
        "--long", choices=("crop", "windows"), default="crop",
        help="clips longer than 10 s, without fusion: their middle, or the mean of windows (slice and vote)",
    )  # fmt: skip
    towers.add_argument("--audio-from", default="", help="folder, file or hub name of weights for the audio tower")
    towers.add_argument("--text-from", default="", help="the same for the text tower, with its tokenizer")
    tuning = parser.add_argument_group("settings of the recipe")
    for name in _NUMBERS:
        tuning.add_argument(_option(name), type=int, metavar="N")
    for name in _RATES:
        tuning.add_argument(_option(name), type=float, metavar="X")
    tuning.add_argument("--text", choices=("locked", "projection", "full"), help="how much of the text tower learns")
    tuning.add_argument("--loss", choices=("contrastive", "mlp"))
    tuning.add_argument("--precision", choices=("float32", "bfloat16", "float16"))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Train, prove and write the model. Ctrl+C saves the run for --resume.

    Raises:
        SoundSearchError: If the source, the start or the folder cannot be used.
        KeyboardInterrupt: After the run was saved.
    """
    config = config_of(options)
    import os

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait for each other leave the cores to others

    import torch

    from trainer.bundles import check_free, only_one
    from trainer.fit import Job, fit
    from trainer.start import START_FOLDER, installed, new_towers
    from trainer.streaming import held_out

    places = Places(options.data_dir) if options.data_dir else Places.default()
    title = options.name or Path(options.source).absolute().name or "My sounds"
    out = (options.out or _free_folder(places.models, title)).absolute()
    check_free(out)
    found = source.collect(options)
    problems = list(found.problems)
    alone = only_one(out) if os.environ.get("RANK", "0") == "0" else nullcontext()  # other ranks belong to the first
    with alone:
        items, stream = (held_out(options.source, problems.append)) if found.streamed else (found.items, ())
        if options.audio:
            base = new_towers(
                out / RUN_FOLDER / START_FOLDER, options.audio, options.text_tower, options.audio_from,
                options.text_from, places, config.seed, say, options.long,
            )  # fmt: skip
        else:
            base = installed(options.model, places)
        job = Job(
            items=tuple(items),
            base=base,
            out=out,
            name=out.name,
            title=title,
            source=f"{'shards' if stream else f'{len(items):,} clips'} of {Path(options.source).absolute().name}",
            problems=tuple(problems),
            stream=tuple(stream),
        )
        torch.set_num_threads(1)
        threads = os.cpu_count() or 1
        steps = fit(job, config, resume=options.resume, device=options.device, threads=threads)
        return {**_drive(steps, out, say), "installed": not options.out}


def config_of(options: argparse.Namespace) -> FitConfig:
    """The recipe with what the file and the options say.

    Raises:
        TrainingError: If one of them cannot be used.
    """
    base = {"recipe": options.recipe, **RECIPES[options.recipe]}
    config = load(options.config, FitConfig, base) if options.config else recipe(options.recipe)
    if options.audio and config.recipe != "scratch":
        raise TrainingError("New towers are trained from scratch.", "Add --recipe scratch.")
    known = {field.name for field in fields(FitConfig)} - {"recipe"}
    given = {name: value for name, value in vars(options).items() if name in known and value not in (None, "")}
    return replace(config, **given)


def _drive(steps: Generator[TrainingProgress, None, dict[str, Any]], out: Path, say: Say) -> dict[str, Any]:
    """Run to the end, and say now and then how far it is; the first Ctrl+C ends it between two steps."""
    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: _stop(number, stopped))
    shown, phase, last = 0.0, "", ""
    try:
        while True:
            progress = next(steps)
            if stopped:
                steps.close()
                kept = (out / RUN_FOLDER / CHECKPOINT).exists()
                say(f"Stopped. The run is kept in {out}; go on with --resume." if kept else "Stopped.")
                raise KeyboardInterrupt
            if (progress.phase != phase or time.monotonic() - shown > PROGRESS_S) and (line := _line(progress)) != last:
                say(line)
                shown, phase, last = time.monotonic(), progress.phase, line
    except StopIteration as end:
        result: dict[str, Any] = end.value
        return result
    finally:
        signal.signal(signal.SIGINT, before)


def _stop(number: int, stopped: list[int]) -> None:
    if stopped:  # it does not end: the second one breaks it off
        raise KeyboardInterrupt
    stopped.append(number)


def _line(progress: TrainingProgress) -> str:
    words = PHASES.get(progress.phase, progress.phase)
    if progress.total:
        words += f": {progress.done} of {progress.total}"
    if progress.loss is not None:
        words += f", loss {progress.loss:.3f}"
    if progress.validation is not None:
        words += f", mAP@10 on validation clips {100 * progress.validation:.1f} %"
    if progress.eta_s is not None:
        words += f", {_duration(progress.eta_s)} left"
    return words


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _free_folder(models: Path, title: str) -> Path:
    """A folder for a model of that name which no finished model has; one that was broken off is gone on with."""
    kept = "".join(letter if letter.isalnum() else "-" for letter in title.lower())
    name = "-".join(part for part in kept.split("-") if part) or "my-sounds"
    others = {STARTER, *(model.name for model in HUB_MODELS)}
    for number in itertools.count(1):
        folder = models / (name if number == 1 else f"{name}-{number}")
        if folder.name not in others and not (folder / MANIFEST).exists():
            return folder
    raise AssertionError("there is always another number")


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person: whether it helped first."""
    clips = result["clips"]
    rows = [
        result["reason"],
        f"Trained on {clips['train']} clips; stopped and blended by {clips['validation']}, proven on {clips['test']}.",
        "",
        f"{'text to audio':16}{'before':>8}{'after':>8}   change (95 % interval)",
    ]
    for name, key in (("R@1", "recall_1"), ("R@5", "recall_5"), ("R@10", "recall_10"), ("mAP@10", "map_10")):
        before, after = (100 * result[side]["text_to_audio"][key]["value"] for side in ("before", "after"))
        change = [100 * result["gain"][key][end] for end in ("value", "low", "high")]
        rows.append(f"{name:16}{before:8.1f}{after:8.1f}   {change[0]:+.1f} ({change[1]:+.1f} to {change[2]:+.1f})")
    control = result["control"]
    before, after, change = (100 * control[key]["value"] for key in ("before", "after", "change"))
    rows.append(f"{'everyday sounds':16}{before:8.1f}{after:8.1f}   {change:+.1f}")
    rows += ["", f"Kept {100 * result['blend']['alpha']:.0f} % of the change, after {result['seconds']:.0f} s."]
    rows.append(f"Model: {result['bundle']}")
    rows.append(f"Report: {Path(result['bundle']) / 'report.html'}")
    if problems := result["problems"]:
        more = f" (and {len(problems) - 1} more: see the report)" if len(problems) > 1 else ""
        rows.append(f"Look at: {shown(problems[0])}{more}")
    bundle = Path(result["bundle"])
    take = f"models use {bundle.name}" if result["installed"] else f"--model {shlex.quote(str(bundle))} scan"
    rows.append(f"To search with it: soundsearch {take}")
    return "\n".join(rows)

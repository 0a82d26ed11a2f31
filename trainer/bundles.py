"""What the trainer does with finished weights: blend them, and keep what was measured in a bundle's manifest."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from soundsearch.errors import TrainingError
from soundsearch.model.bundle import MANIFEST, Bundle
from soundsearch.model.towers import DualEncoder
from soundsearch.model.weights import read_tensors, save_bundle, save_projection_bundle, tokenizer_files
from trainer.config import RUN_FOLDER

LOCK = "lock"  # in the run's folder
PROJECTIONS = ("audio_projection.", "text_projection.", "logit_scale_")


def blend(start: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Mix two sets of weights: `share` of the trained ones, the rest of the start.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (2021).
    """
    return {
        key: torch.lerp(start[key], trained[key], share) if trained[key].is_floating_point() else trained[key]
        for key in trained
    }


def changes(base: Bundle, dual: DualEncoder) -> dict[str, Tensor]:
    """The weights of a model that differ from those of the bundle it came from, in float32.

    Raises:
        ModelError: If the bundle cannot be read.
    """
    stored: dict[str, Tensor] = {}
    for file in base.weights:
        stored.update(read_tensors(file))
    return {
        key: value.detach().cpu()
        for key, value in dual.state_dict().items()
        if key in stored and not torch.equal(value.detach().cpu(), stored[key].to(value.dtype))
    }


def write_tuned(folder: Path, base: Bundle, dual: DualEncoder, about: Mapping[str, Any]) -> Bundle:
    """Write a model that was trained from a bundle: only what changed where that is the projection, else the whole.

    Args:
        folder: Made if it is not there.
        base: What it was trained from.
        dual: The model as it is now.
        about: `name`, `title`, `description`, `licence` and further entries of the manifest.

    Raises:
        ModelError: If the folder cannot be written.
    """
    changed = changes(base, dual)
    if all(key.startswith(PROJECTIONS) for key in changed):
        return save_projection_bundle(folder, base, changed, about)
    stored: dict[str, Tensor] = {}
    for file in base.weights:  # what did not change keeps its precision
        stored.update(read_tensors(file))
    wanted = dual.state_dict()
    tensors = {key: changed.get(key, stored.get(key, value)) for key, value in wanted.items()}
    return save_bundle(folder, base.config, tensors, tokenizer_files(base.folder), base.front_end, about)


def check_free(folder: Path) -> None:
    """Refuse a folder that a new model cannot go to, before hours are spent: all files in it would be part of it.

    Raises:
        TrainingError: If it is a file, holds what is no model and no run, or cannot be written to.
    """
    another = "Choose another folder with --out."
    if folder.exists() and not folder.is_dir():
        raise TrainingError(f"{folder} is a file, no folder.", another)
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise TrainingError(f"Cannot write to {there}.", another)
    if (
        there == folder
        and not (folder / MANIFEST).exists()
        and {entry.name for entry in folder.iterdir()} - {RUN_FOLDER}
    ):
        raise TrainingError(f"{folder} holds other files.", another)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep other runs from writing to the same folder meanwhile.

    Raises:
        TrainingError: If one does, or the folder cannot be written to.
    """
    run = folder / RUN_FOLDER
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run / LOCK).acquire(timeout=0)
    except Timeout as err:
        raise TrainingError(
            f"Another training is writing to {folder}.", "Wait until it is done, or choose another folder with --out."
        ) from err
    except OSError as err:
        raise TrainingError(f"Cannot write to {folder}: {err.strerror}.", "Choose another folder with --out.") from err
    try:
        with lock:
            try:
                yield
            finally:
                with suppress(OSError):  # some systems keep a file that is open
                    (run / LOCK).unlink()
    finally:
        for left in (run, folder):  # of a run that failed before it left anything
            with suppress(OSError):
                left.rmdir()


def record(folder: Path, name: str, measured: Mapping[str, Any]) -> None:
    """Keep a measurement in the manifest of a bundle, under `metrics`.

    Raises:
        TrainingError: If the folder has no manifest, or it cannot be written.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest.setdefault("metrics", {})[name] = measured
        path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    except (OSError, ValueError) as err:
        raise TrainingError(f"Cannot write the measurement to {path}: {err}.", "Leave out --record.") from err

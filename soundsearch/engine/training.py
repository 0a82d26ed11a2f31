"""Personal models: the trainer is run on this library, and what it makes becomes a model only when it is whole.

The trainer stands above the engine, so it is loaded by its name, and only when somebody trains. Its steps are taken in
a thread of their own: most take a tenth of a second, but loading it and the proof at the end take many, and searches go
on being answered. It shares nothing with the loop: it opens catalogue and model by itself.
"""

import importlib
import logging
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Collection, Generator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from soundsearch.engine.jobs import apart
from soundsearch.errors import TrainingError
from soundsearch.records import Progress, TrainingOutcome, TrainingPlan, TrainingPreview, TrainingProgress

log = logging.getLogger(__name__)

TRAINER = "trainer.personal"
HIDDEN = ".training-"  # what is being made; a dot keeps it out of the list of models
STALE_S = 24 * 3600.0  # older ones were left by a process that was killed
MAX_NAME = 60
NO_NAME = "my-sounds"
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}  # on Windows


class Trainer(Protocol):
    """What the engine needs of `trainer.personal`."""

    def preview(self, plan: TrainingPlan, data_dir: Path, base: Path) -> TrainingPreview:
        """Say what would be trained on."""

    def train(
        self, plan: TrainingPlan, data_dir: Path, base: Path, out: Path
    ) -> Generator[Progress, None, TrainingOutcome]:
        """Train in short steps and write the bundle's files into `out`."""


def load_trainer() -> Trainer:
    """Load the trainer, which takes seconds.

    Raises:
        TrainingError: If it is not installed.
    """
    try:
        return cast(Trainer, importlib.import_module(TRAINER))
    except ImportError as err:
        raise TrainingError(f"The trainer cannot be loaded: {err}.", "Install soundsearch again, all of it.") from err


def train(
    plan: TrainingPlan, data_dir: Path, base: Path, models: Path, taken: Collection[str]
) -> Generator[Progress, None, TrainingOutcome]:
    """Train a personal model; it appears among the models whole or not at all.

    Closing the generator stops it and keeps nothing.

    Args:
        plan: On what and how.
        data_dir: The library.
        base: Folder of the model that learns.
        models: Folder of the installed models.
        taken: Names that the new model cannot have.
    Returns:
        The outcome, as the generator's value.

    Raises:
        TrainingError: If it cannot start or go on, or what it made cannot be kept.
    """
    _remove_stale(models)
    try:
        hidden = Path(tempfile.mkdtemp(prefix=HIDDEN, dir=models))
    except OSError as err:
        raise TrainingError(f"Cannot write into {models}: {err.strerror}.", "Make room, or check its rights.") from err
    outcome = yield from apart(_steps(plan, data_dir, base, hidden), "trainer", _with_what_is_known)
    try:
        return _install(plan, outcome, hidden, models, taken)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _steps(plan: TrainingPlan, data_dir: Path, base: Path, hidden: Path) -> Generator[Progress, None, TrainingOutcome]:
    """Load the trainer and train into a hidden folder, which is only left when all is well."""
    is_whole = False
    try:
        outcome = yield from load_trainer().train(plan, data_dir, base, hidden)
        is_whole = True
        return outcome
    finally:
        if not is_whole:
            shutil.rmtree(hidden, ignore_errors=True)


def _with_what_is_known(now: Progress, before: Progress) -> Progress:
    """Numbers stay until there are newer ones: of several steps in a tenth of a second only one is told."""
    if not isinstance(now, TrainingProgress) or not isinstance(before, TrainingProgress) or now.phase != before.phase:
        return now
    return replace(
        now,
        loss=before.loss if now.loss is None else now.loss,
        validation=before.validation if now.validation is None else now.validation,
        eta_s=before.eta_s if now.eta_s is None else now.eta_s,
    )


def folder_name(title: str, taken: Collection[str]) -> str:
    """A name for a model that any file system and command line takes, and that no other model has."""
    words = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFC", title.lower()))
    name = "-".join(words.split())
    # Letters of other scripts take up to four bytes each, and names of files 255.
    name = name.encode()[:MAX_NAME].decode(errors="ignore").strip("-") or NO_NAME
    if name in _RESERVED:
        name = f"my-{name}"
    others = {other.casefold() for other in taken}
    candidate, number = name, 1
    while candidate.casefold() in others:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _install(
    plan: TrainingPlan, outcome: TrainingOutcome, hidden: Path, models: Path, taken: Collection[str]
) -> TrainingOutcome:
    """Give the finished folder its place by one rename."""
    present = [folder.name for folder in models.iterdir()]
    name = folder_name(plan.name, {*taken, *present})
    place = models / name
    try:
        hidden.chmod(0o755)  # made for us alone; now it is a folder like those of the other models
        hidden.rename(place)
    except OSError as err:
        raise TrainingError(f"Cannot keep the model in {place}: {err.strerror}.", "Make room and train again.") from err
    report = Path(outcome.report)
    return replace(outcome, name=name, folder=str(place), report=str(place / report.name) if report.name else "")


def _remove_stale(models: Path) -> None:
    for folder in models.glob(f"{HIDDEN}*"):
        try:
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder)
        except OSError as err:
            log.warning("%s", err)

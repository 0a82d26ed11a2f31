"""Checkpoint: the state of a run between two steps, on disk whole or not at all."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from soundsearch.errors import TrainingError
from trainer.config import CHECKPOINT


@dataclass(slots=True)
class Checkpoint:
    """All that a run needs to go on as if it had not been broken off.

    Attributes:
        fingerprint: What the run is of: another one cannot go on from here.
        step: Steps that were done.
        weights: What is learned.
        optimiser: The optimiser's state, and the gradient scaler's.
        best: Weights of the best evaluation so far.
        best_score: Its mAP@10.
        waited: Evaluations since then.
        history: One table for each step that was logged.
    """

    fingerprint: str
    step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_score: float = -1.0
    waited: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write to a folder.

        Raises:
            TrainingError: If it cannot be written.
        """
        part = folder / (CHECKPOINT + ".part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            torch.save({name: getattr(self, name) for name in self.__slots__}, part)
            part.replace(folder / CHECKPOINT)
        except (OSError, RuntimeError) as err:  # torch raises RuntimeError when the disk is full
            part.unlink(missing_ok=True)
            why = (isinstance(err, OSError) and err.strerror) or "the disk seems to be full"
            raise TrainingError(
                f"Cannot save the run in {folder}: {why}.", "Make room, or choose another folder."
            ) from err

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> Self:
        """Read from a folder.

        Raises:
            TrainingError: If there is none, it is damaged, or of another run.
        """
        file = folder / CHECKPOINT
        if not file.is_file():
            raise TrainingError(f"There is no run to resume in {folder}.", "Start it without --resume.")
        try:
            loaded = cls(**torch.load(file, map_location="cpu", weights_only=True))
        except Exception as err:  # a damaged file makes torch and pickle raise what they like
            raise TrainingError(f"The saved run {file} is damaged.", "Start again without --resume.") from err
        if loaded.fingerprint != fingerprint:
            raise TrainingError(
                f"The saved run in {folder} is of other clips, another start or other settings.",
                "Give the same ones, or start again without --resume.",
            )
        return loaded

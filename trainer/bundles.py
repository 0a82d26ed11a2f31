"""What the trainer does with finished weights: blend them, and keep what was measured in a bundle's manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundsearch.errors import TrainingError
from soundsearch.model.bundle import MANIFEST


def blend(start: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Mix two sets of weights: `share` of the trained ones, the rest of the start.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (2021).
    """
    return {
        key: torch.lerp(start[key], trained[key], share) if trained[key].is_floating_point() else trained[key]
        for key in trained
    }


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

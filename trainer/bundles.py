"""What the trainer does with finished weights: blend them, and keep what was measured in a bundle's manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundsearch.errors import TrainingError
from soundsearch.model.bundle import MANIFEST, Bundle
from soundsearch.model.towers import DualEncoder
from soundsearch.model.weights import read_tensors, save_bundle, save_projection_bundle, tokenizer_files

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

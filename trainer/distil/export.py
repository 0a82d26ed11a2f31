"""From trained weights to a bundle that the program opens."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from soundsearch.audio.features import FrontEnd
from soundsearch.errors import TrainingError
from soundsearch.model.bundle import write_manifest
from soundsearch.model.mobilenet import MODEL_TYPE
from trainer.data import Item
from trainer.distil.credits import write_credits
from trainer.distil.text import TOKENIZER_FILES, TextTower

LICENCE = "Apache-2.0 AND MIT"


def bundle_config(text: TextTower) -> dict[str, Any]:
    """Make the config.json of a bundle with the small tower."""
    return {
        "model_type": "clap",
        "projection_dim": text.projection_dim,
        "projection_hidden_act": text.activation,
        "text_config": text.config,
        "audio_config": {"model_type": MODEL_TYPE, "width": 0.4, "n_mels": 128, "hidden": 512, "n_classes": 527},
        "logit_scale_init_value": 1 / 0.07,
    }


def export(
    folder: Path,
    audio: nn.Module,
    text: TextTower,
    log_scale: float,
    front_end: FrontEnd,
    items: Sequence[Item],
    about: Mapping[str, Any],
) -> None:
    """Write a complete bundle; audio weights in float16, a copy of the text tower beside them.

    Args:
        folder: Made if it is not there; what an earlier export wrote is replaced.
        audio: The trained tower with its projection.
        text: The text tower that it was trained against.
        log_scale: Logarithm of 1 / temperature.
        front_end: How the tower wants its sound.
        items: The clips that it was trained on, recorded and generated, to be credited.
        about: `name`, `title`, `description`, and further entries of the manifest.

    Raises:
        TrainingError: If the folder cannot be written.
    """
    weights = {key: value for key, value in audio.state_dict().items() if not key.endswith("num_batches_tracked")}
    scale = torch.tensor(log_scale)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {
                **{k: v.half().contiguous() for k, v in weights.items()},
                "logit_scale_a": scale,
                "logit_scale_t": scale + 0,
            },
            folder / "audio.safetensors",
        )
        save_file({k: v.contiguous() for k, v in text.tensors.items()}, folder / "text.safetensors")
        for name in ("audio.safetensors", "text.safetensors"):
            (folder / name).chmod(0o644)  # safetensors keeps them to their owner: a bundle is shared
        for name in TOKENIZER_FILES:
            if (text.folder / name).is_file():
                (folder / name).write_bytes((text.folder / name).read_bytes())
        (folder / "config.json").write_text(json.dumps(bundle_config(text), indent=1) + "\n", encoding="utf-8")
        write_credits(folder, items)
        write_manifest(folder, licence=LICENCE, front_end=front_end, **about)
    except OSError as err:
        raise TrainingError(f"Cannot write the model to {folder}: {err.strerror}.", "Choose another folder.") from err

"""The tagger that a tower starts from and is held to: its weights, its front end, its classes in text space."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from soundsearch.audio.features import FrontEnd
from soundsearch.errors import TrainingError
from soundsearch.model.mobilenet import ROWS, MobileNetAudioWithProjection
from trainer.distil.text import TextTower

# Source: EfficientAT's preprocessing, as the teacher was trained with.
FRONT_END = FrontEnd(
    sample_rate=32_000,
    window_samples=800,
    window_periodic=False,
    hop_samples=320,
    n_mels=128,
    f_min=0.0,
    f_max=15_000.0,
    mel="kaldi",
    log="ln",
    log_offset=4.5,
    log_scale=5.0,
    preemphasis=0.97,
    int16_step=False,
    peak_normalise=True,
    max_samples=320_000,
    min_samples=48_000,
    short="pad",
    long="windows",
)


def load_teacher(folder: Path, text: TextTower, config: dict[str, Any]) -> MobileNetAudioWithProjection:
    """Load the tagger as a tower with a projection that only carries its class scores into text space.

    That projection is the untrained method: the sum of the class names' embeddings, each less their mean and of unit
    length, weighted by the class probabilities. `text` is moved to have that mean as its origin.

    Args:
        folder: Holds one `*.safetensors` in EfficientAT's naming and `audioset_classes.txt`.
        text: The text tower; its origin is moved.
        config: A bundle's config.json.

    Returns:
        The model, in evaluation mode.

    Raises:
        TrainingError: If the files are not there or of another network.
    """
    try:
        names = (folder / "audioset_classes.txt").read_text(encoding="utf-8").splitlines()
        tensors = load_file(next(folder.glob("*.safetensors")))
        model = MobileNetAudioWithProjection(config)
        state = {_ours(key): value for key, value in tensors.items() if not key.endswith("num_batches_tracked")}
        class_vectors = text.raw([name.lower() for name in names])
        text.subtract(class_vectors.mean(0))
        vectors = torch.nn.functional.normalize(class_vectors - class_vectors.mean(0), dim=1)
        state["audio_projection.class_vectors.weight"] = vectors.T.contiguous()
        state["audio_projection.direct.weight"] = torch.zeros_like(model.audio_projection.direct.weight)
        missing = model.load_state_dict(state, strict=False).missing_keys
    except (OSError, StopIteration, SafetensorError, RuntimeError, KeyError) as err:
        raise TrainingError(f"Cannot load the teacher in {folder}: {err}.", "Check --teacher.") from err
    if lost := [key for key in missing if not key.endswith("num_batches_tracked")]:
        raise TrainingError(f"The teacher in {folder} lacks {lost[0]}.", "Check --teacher.")
    return model.eval()


def _ours(key: str) -> str:
    """Translate a name of EfficientAT's network: `features.4.block.2.conc_se_layers.0.fc1.weight`."""
    parts = key.split(".")
    if parts[0] == "classifier":
        return f"audio_projection.linear{ {'2': 1, '5': 2}[parts[1]] }.{parts[2]}"
    block = int(parts[1])
    if block == 0:
        return ".".join(["audio_model.stem", *parts[2:]])
    if block == len(ROWS) + 1:
        return ".".join(["audio_model.last", *parts[2:]])
    rest = parts[3:]
    if rest[1] == "conc_se_layers":
        rest = [rest[0], {"fc1": "squeeze", "fc2": "excite"}[rest[3]], rest[4]]
    return ".".join([f"audio_model.blocks.{block - 1}.layers", *rest])


def untrained_embedding(class_logits: Tensor, model: MobileNetAudioWithProjection) -> Tensor:
    """Where the untrained method puts clips with these class logits (B, C): unit rows (B, d)."""
    embedding = model.audio_projection.class_vectors(torch.sigmoid(class_logits))
    return torch.nn.functional.normalize(embedding, dim=1)

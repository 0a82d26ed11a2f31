"""Any image backbone of timm as an audio tower: a log-mel spectrogram is its picture. timm is an optional extra.

Get transformers from here: where torchvision is installed and broken, it does not import by itself.
"""

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from types import ModuleType
from typing import Any, Self

import torch
from torch import Tensor, nn

from soundsearch.errors import ModelError

MODEL_TYPE = "soundsearch_timm"
FRAMES = 1024  # 1001 are padded to this, which every backbone's strides and patches divide
INSTALL = "Install the extra: pip install soundsearch[timm]."


def transformers() -> ModuleType:
    """The library, imported where it is used: that takes 3 s of processor time, and a search with the starter needs
    none of it."""
    mend_torchvision()
    import transformers.activations

    return transformers


@lru_cache(maxsize=1)  # what it returns lives as long as the program: the operators go with it
def mend_torchvision() -> object:
    """Declare the two operators that torchvision needs at import where its compiled part did not load.

    WORKAROUND(torchvision 0.28): the wheels are CUDA builds; beside a CPU torch neither timm nor transformers' models
    import, for want of operators that only object detection runs. Measured with torch 2.13.0+cpu.
    """
    if importlib.util.find_spec("torchvision") is None:
        return None
    try:
        import torchvision  # noqa: F401
    except RuntimeError as err:
        if "torchvision::" not in str(err):
            raise
    else:
        return None
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    make: Any = torch.library.Library  # untyped
    library = make("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


@dataclass(frozen=True, slots=True)
class TimmConfig:
    """Which backbone, as in the `audio_config` of a bundle's config.json."""

    name: str
    n_mels: int = 64

    @classmethod
    def from_bundle(cls, config: Mapping[str, Any]) -> Self:
        """Take from a bundle's config.json what is ours."""
        table = config["audio_config"]
        return cls(**{field.name: table[field.name] for field in fields(cls) if field.name in table})


def available() -> bool:
    """Whether timm is installed and imports."""
    try:
        _timm("")
    except ModelError:
        return False
    return True


def _timm(name: str) -> Any:
    mend_torchvision()
    try:
        import timm
    except ImportError as err:
        raise ModelError(f"The audio tower timm:{name} needs timm, which is not installed.", INSTALL) from err
    except (RuntimeError, OSError) as err:
        raise ModelError(
            f"The audio tower timm:{name} needs timm, which does not import: {err}.",
            "Install a torchvision that belongs to this torch.",
        ) from err
    return timm


class TimmAudio(nn.Module):
    """The tower: batch normalisation over the mels, as in the other towers, then the backbone without its classes."""

    def __init__(self, config: TimmConfig) -> None:
        """Build the backbone with fresh weights.

        Raises:
            ModelError: If timm is not there, or has no such model.
        """
        super().__init__()
        self._config = config
        self.backbone = self._make(pretrained=False)
        self.bn0 = nn.BatchNorm2d(config.n_mels)
        self.pooled = self._width(config.n_mels)

    def load_pretrained(self, tensors: Mapping[str, Tensor]) -> None:
        """Fill the backbone with weights of this model of timm; timm fits a colour picture's stem to one channel.

        Raises:
            ModelError: If they are another model's.
        """
        made = self._make(pretrained=True, pretrained_cfg_overlay={"state_dict": dict(tensors), "custom_load": False})
        self.backbone.load_state_dict(made.state_dict())

    def _make(self, **options: Any) -> nn.Module:
        name, timm = self._config.name, _timm(self._config.name)
        try:
            if timm.get_pretrained_cfg(name).fixed_input_size:
                options["img_size"] = (self._config.n_mels, FRAMES)
            backbone: nn.Module = timm.create_model(name, in_chans=1, num_classes=0, **options)
        except (RuntimeError, TypeError, ValueError, AttributeError, KeyError) as err:
            message = f"timm cannot make the audio tower {name!r}: {err}."
            raise ModelError(message, "Choose a name of timm.list_models(), and its own weights.") from err
        return backbone

    def forward(self, input_features: Tensor) -> Tensor:
        """Return the pooled features.

        Args:
            input_features: Log-mel spectrograms, shape (B, 1, n_frames, n_mels), float.

        Returns:
            The backbone's pooled features, shape (B, pooled).
        """
        x = self.bn0(input_features.transpose(1, 3)).permute(0, 3, 1, 2)  # (B, 1, n_mels, n_frames)
        if x.shape[3] < FRAMES:
            x = nn.functional.pad(x, (0, FRAMES - x.shape[3]))
        pooled: Tensor = self.backbone(x)
        return pooled

    def _width(self, n_mels: int) -> int:
        """Measured: what timm calls `num_features` is not what every backbone gives."""
        training = self.training
        with torch.no_grad():
            width = self.eval()(torch.zeros(1, 1, FRAMES, n_mels)).shape[1]
        self.train(training)
        return int(width)

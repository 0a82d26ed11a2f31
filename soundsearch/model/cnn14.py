"""PANN Cnn14: the convolutional audio tower of the paper, under the tensor names of its published checkpoints.

Source: Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition" (2020), for the
layers; Wu et al. (arXiv:2211.06687) for the local maps of long clips, which join after the first block.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from soundsearch.model.fusion import attentional_fusion

MODEL_TYPE = "soundsearch_cnn14"
WIDTHS = (64, 128, 256, 512, 1024, 2048)  # of the six blocks
_LOCAL_STRIDE = (6, 2)  # frames and mels: three local maps fill the time axis that the global map has after its pooling


@dataclass(frozen=True, slots=True)
class Cnn14Config:
    """Shape of the tower, as in the `audio_config` of a bundle's config.json. The defaults are the published ones."""

    n_mels: int = 64
    widths: tuple[int, ...] = WIDTHS
    n_classes: int = 0  # 527 keeps the layer of AudioSet classes, which no embedding needs
    enable_fusion: bool = False
    block_dropout: float = 0.2
    dropout: float = 0.5

    @classmethod
    def from_bundle(cls, config: Mapping[str, Any]) -> Self:
        """Take from a bundle's config.json what is ours; missing fields get their defaults."""
        table = config["audio_config"]
        chosen = {field.name: table[field.name] for field in fields(cls) if field.name in table}
        return cls(**{**chosen, "widths": tuple(chosen.get("widths", WIDTHS))})


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions, each normalised and rectified."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels_in, T, F) to (B, channels_out, T, F)."""
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)))


class Cnn14(nn.Module):
    """The tower: log-mel spectrograms to pooled features as wide as the last block."""

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(config.n_mels)
        for number, pair in enumerate(zip((1, *config.widths), config.widths, strict=False), 1):
            self.add_module(f"conv_block{number}", ConvBlock(*pair))
        self.n_blocks = len(config.widths)
        self.pooled = config.widths[-1]
        self.fc1 = nn.Linear(self.pooled, self.pooled)
        if config.n_classes:
            self.fc_audioset = nn.Linear(self.pooled, config.n_classes)
        if config.enable_fusion:
            self.mel_conv2d = nn.Sequential(
                nn.Conv2d(1, config.widths[0], 5, _LOCAL_STRIDE, padding=2), nn.BatchNorm2d(config.widths[0]), nn.ReLU()
            )
            self.fusion_model = attentional_fusion(config.widths[0])
        self._fuses = config.enable_fusion
        self._block_dropout, self._dropout = nn.Dropout(config.block_dropout), nn.Dropout(config.dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, input_features: Tensor, is_longer: Tensor | None = None) -> Tensor:
        """Return the pooled features.

        Args:
            input_features: Log-mel spectrograms in dB, shape (B, 1 or 4, n_frames, n_mels), float.
            is_longer: Which clips have local maps in views 1 to 3, shape (B, 1) or (B,), bool; with fusion only.

        Returns:
            Shape (B, widths[-1]): mean over mels, then maximum and mean over time together, then a layer.
        """
        x = self.bn0(input_features.transpose(1, 3)).transpose(1, 3)
        views, x = x[:, 1:], x[:, :1]
        for number in range(1, self.n_blocks + 1):
            x = self.get_submodule(f"conv_block{number}")(x)
            if number < self.n_blocks:  # the last block's map keeps its size
                x = nn.functional.avg_pool2d(x, 2)
            if number == 1 and self._fuses and is_longer is not None:
                x = self._fuse(x, views, is_longer.flatten().nonzero().flatten())
            x = self._block_dropout(x)
        over_time = x.mean(3)
        x = self._dropout(over_time.amax(2) + over_time.mean(2))
        pooled: Tensor = self._dropout(torch.relu(self.fc1(x)))
        return pooled

    def _fuse(self, x: Tensor, views: Tensor, rows: Tensor) -> Tensor:
        """Mix what the local maps of the long clips hold into their global maps."""
        if not len(rows):
            return x
        local = views[rows]
        maps = self.mel_conv2d(local.flatten(0, 1)[:, None]).unflatten(0, local.shape[:2])
        joined = maps.transpose(1, 2).flatten(2, 3)[:, :, : x.shape[2]]  # front, middle and back behind one another
        joined = nn.functional.pad(joined, (0, 0, 0, x.shape[2] - joined.shape[2]))
        return x.index_copy(0, rows, self.fusion_model(x[rows], joined).to(x.dtype))

"""The starter's audio tower: a MobileNetV3 of half a million weights, and a projection that speaks in sound classes.

Layout of the network: Howard et al., "Searching for MobileNetV3" (2019), as large, with every width scaled; on log-mel
spectrograms: Schmid et al., "Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation" (2023).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from soundsearch.model.tracing import Traced

MODEL_TYPE = "soundsearch_mobilenet"


class Row(NamedTuple):
    """One inverted residual, widths before scaling."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard_swish: bool  # else ReLU
    stride: int


STEM = 16
ROWS = (
    Row(3, 16, 16, False, False, 1),
    Row(3, 64, 24, False, False, 2),
    Row(3, 72, 24, False, False, 1),
    Row(5, 72, 40, True, False, 2),
    Row(5, 120, 40, True, False, 1),
    Row(5, 120, 40, True, False, 1),
    Row(3, 240, 80, False, True, 2),
    Row(3, 200, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 480, 112, True, True, 1),
    Row(3, 672, 112, True, True, 1),
    Row(5, 672, 160, True, True, 2),
    Row(5, 960, 160, True, True, 1),
    Row(5, 960, 160, True, True, 1),
)
LAST = 6  # the last 1x1 convolution widens the last row's output this many times


@dataclass(frozen=True, slots=True)
class MobileNetConfig:
    """Shape of tower and projection, as in the `audio_config` of a bundle's config.json."""

    width: float = 0.4
    n_mels: int = 128
    hidden: int = 512  # of the projection
    n_classes: int = 527  # AudioSet
    projection_dim: int = 384

    @classmethod
    def from_bundle(cls, config: Mapping[str, Any]) -> Self:
        """Take from a bundle's config.json what is ours; missing fields get their defaults."""
        table = {**config["audio_config"], "projection_dim": config["projection_dim"]}
        return cls(**{field.name: table[field.name] for field in fields(cls) if field.name in table})

    @property
    def pooled(self) -> int:
        """Length of the tower's output."""
        return LAST * scaled(ROWS[-1].out, self.width)


def scaled(channels: int, width: float) -> int:
    """Scale a width to a multiple of 8 that loses no more than a tenth.

    Source: `make_divisible` of the MobileNet papers' reference code.
    """
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation and, where asked for, an activation."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] | None = None,
    ) -> None:
        conv = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        layers: list[nn.Module] = [conv, nn.BatchNorm2d(channels_out, eps=1e-3)]
        if activation:
            layers.append(activation())
        super().__init__(*layers)


class SqueezeExcite(nn.Module):
    """Weigh the channels by what the whole map holds."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, scaled(channels // 4, 1.0))
        self.excite = nn.Linear(self.squeeze.out_features, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        gate = self.excite(torch.relu(self.squeeze(x.mean((2, 3)))))
        return x * torch.sigmoid(gate)[:, :, None, None]


class InvertedResidual(nn.Module):
    """Widen, filter each channel, weigh the channels, narrow; with a shortcut where the shape stays."""

    def __init__(self, channels_in: int, row: Row, width: float) -> None:
        super().__init__()
        expanded, out = scaled(row.expanded, width), scaled(row.out, width)
        activation = nn.Hardswish if row.hard_swish else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != channels_in:
            layers.append(ConvNorm(channels_in, expanded, activation=activation))
        layers.append(ConvNorm(expanded, expanded, row.kernel, row.stride, expanded, activation))
        if row.squeeze:
            layers.append(SqueezeExcite(expanded))
        layers.append(ConvNorm(expanded, out))
        self.layers = nn.Sequential(*layers)
        self.shortcut = row.stride == 1 and channels_in == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, out, H / stride, W / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.shortcut else y


class MobileNetAudio(nn.Module):
    """The tower: log-mel spectrograms to pooled features."""

    def __init__(self, config: MobileNetConfig) -> None:
        super().__init__()
        channels = scaled(STEM, config.width)
        self.stem = ConvNorm(1, channels, 3, 2, activation=nn.Hardswish)
        blocks = []
        for row in ROWS:
            blocks.append(InvertedResidual(channels, row, config.width))
            channels = scaled(row.out, config.width)
        self.blocks = nn.Sequential(*blocks)
        self.last = ConvNorm(channels, config.pooled, activation=nn.Hardswish)

    def forward(self, input_features: Tensor) -> Tensor:
        """Return the pooled features.

        Args:
            input_features: Log-mel spectrograms, shape (B, 1, n_frames, n_mels), float.

        Returns:
            Mean over time and frequency of the last map, shape (B, pooled).
        """
        x = input_features.transpose(2, 3)  # the network was laid out with frequency first
        pooled: Tensor = self.last(self.blocks(self.stem(x))).mean((2, 3))
        return pooled


class QuickMobileNet(nn.Module):
    """The same tower for embedding alone; outputs differ by rounding.

    On a CPU it takes 0.6 of the time: normalisation is folded into the convolutions; maps lie channels last, in which a
    1x1 convolution is a matrix product; and kernels are turned instead of spectrograms. And two threads do three times
    as much there with the network traced: its hundred small steps would wait for Python's lock most of the time.
    """

    def __init__(self, tower: MobileNetAudio) -> None:
        """Make it from a tower in evaluation mode, which is left as it was."""
        super().__init__()
        self._layers = _QuickLayers(tower).eval()
        self.traced = Traced(self._layers)

    def forward(self, input_features: Tensor) -> Tensor:
        """Return the pooled features (B, pooled) of log-mel spectrograms (B, 1, n_frames, n_mels)."""
        pooled: Tensor = (self.traced if input_features.device.type == "cpu" else self._layers)(input_features)
        return pooled


class _QuickLayers(nn.Module):
    def __init__(self, tower: MobileNetAudio) -> None:
        super().__init__()
        self.stem = _Folded(tower.stem)
        self.blocks = nn.Sequential(*(_QuickResidual(cast(InvertedResidual, block)) for block in tower.blocks))
        self.last = _Folded(tower.last)

    def forward(self, input_features: Tensor) -> Tensor:
        x = input_features.contiguous(memory_format=torch.channels_last)
        pooled: Tensor = self.last(self.blocks(self.stem(x))).mean((2, 3))
        return pooled


class _QuickResidual(nn.Module):
    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_Folded(part) if isinstance(part, ConvNorm) else part for part in block.layers))
        self.shortcut = block.shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y.add_(x) if self.shortcut else y


class _Folded(nn.Module):
    """A `ConvNorm` as one operation and its activation, over maps that are channels last."""

    def __init__(self, layers: ConvNorm) -> None:
        super().__init__()
        conv, norm = layers[0], layers[1]
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        self.conv: nn.Conv2d = fuse_conv_bn_eval(conv, norm)
        turned = self.conv.weight.data.transpose(2, 3)
        self.conv.weight.data = turned.contiguous(memory_format=torch.channels_last)
        self.activation = layers[2] if len(layers) > 2 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if self.conv.kernel_size == (1, 1):
            rows = nn.functional.linear(x.permute(0, 2, 3, 1), self.conv.weight[:, :, 0, 0], self.conv.bias)
            y = rows.permute(0, 3, 1, 2)
        else:
            y = self.conv(x)
        activated: Tensor = self.activation(y)
        return activated


class ClassProjection(nn.Module):
    """Pooled features to an embedding: the classes heard, each by its place in text space, and what no class names."""

    def __init__(self, config: MobileNetConfig) -> None:
        super().__init__()
        self.linear1 = nn.Linear(config.pooled, config.hidden)
        self.linear2 = nn.Linear(config.hidden, config.n_classes)
        self.class_vectors = nn.Linear(config.n_classes, config.projection_dim, bias=False)
        self.direct = nn.Linear(config.hidden, config.projection_dim, bias=False)

    def forward(self, pooled: Tensor) -> "AudioOutput":
        """Map (B, pooled) to embeddings and class logits."""
        hidden = nn.functional.hardswish(self.linear1(pooled))
        logits = self.linear2(hidden)
        return AudioOutput(self.class_vectors(torch.sigmoid(logits)) + self.direct(hidden), logits)


class AudioOutput(NamedTuple):
    """What the tower says about a batch."""

    audio_embeds: Tensor  # (B, projection_dim), not normalised
    class_logits: Tensor  # (B, n_classes)


class MobileNetAudioWithProjection(nn.Module):
    """Tower and projection under the names that they have in a bundle's `audio.safetensors`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Build both for a bundle's config.json."""
        super().__init__()
        shape = MobileNetConfig.from_bundle(config)
        self.audio_model = MobileNetAudio(shape)
        self.audio_projection = ClassProjection(shape)

    def forward(self, input_features: Tensor, is_longer: Tensor | None = None) -> AudioOutput:
        """Embed log-mel spectrograms (B, 1, n_frames, n_mels).

        `is_longer` is taken so that all towers are called alike; this one sees windows and never needs it.
        """
        del is_longer
        output: AudioOutput = self.audio_projection(self.audio_model(input_features))
        return output

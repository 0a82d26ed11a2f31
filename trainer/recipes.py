"""What a recipe learns: which weights, how fast, with or without adapters; and how finished weights come out of it."""

import math
import re
from collections.abc import Iterator
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraModel
from torch import Tensor, nn
from transformers.models.clap.modeling_clap import ClapDropPath

from soundsearch.model.towers import DualEncoder
from trainer.config import FitConfig

ATTENTION = re.compile(r"\.(query|key|value)$|\.attention\.output\.dense$")  # as transformers' HTSAT names them
LAST_STAGE = 1 / 3  # share of the tower's weights that its last stage has at least
MAX_LOG_SCALE = math.log(100)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Lesson:
    """A model with the weights that a recipe learns.

    Attributes:
        dual: The model; changed in place.
        groups: For the optimiser: parameters with their learning rates.
    """

    def __init__(self, dual: DualEncoder, config: FitConfig) -> None:
        """Free what the recipe learns and hold the rest."""
        self.dual, self._config = dual, config
        self._adapter: LoraModel | None = None
        for parameter in dual.parameters():
            parameter.requires_grad_(False)
        self.groups: list[dict[str, Any]] = []
        self._free([*dual.audio_projection.parameters()], config.projection_rate)
        if config.recipe == "lora":
            self._adapt()
        elif config.recipe != "projection":
            self._free_tower()
        if config.text != "locked":
            self._free([*dual.text_projection.parameters()], config.projection_rate)
        if config.text == "full":
            self._free([*dual.text_model.parameters()], config.text_rate)
        if config.learn_scale:
            self._free([dual.logit_scale_a, dual.logit_scale_t], config.projection_rate)

    def _free(self, parameters: list[nn.Parameter], rate: float) -> None:
        for parameter in parameters:
            parameter.requires_grad_(True)
        self.groups.append({"params": parameters, "lr": rate})

    def _adapt(self) -> None:
        """Add low-rank adapters: to the attention, or, in a convolutional tower, to its dense convolutions."""
        tower = self.dual.audio_model
        names = adapted(tower)
        rank, alpha = self._config.lora_rank, self._config.lora_alpha
        torch.manual_seed(self._config.seed)  # half of an adapter starts at random
        self._adapter = LoraModel(tower, LoraConfig(r=rank, lora_alpha=alpha, target_modules=names), "personal")
        self.groups.append(
            {"params": [p for p in tower.parameters() if p.requires_grad], "lr": self._config.tower_rate}
        )

    def _free_tower(self) -> None:
        layers = [module for module in self.dual.audio_model.modules() if hasattr(module, "drop_path")]
        for depth, layer in enumerate(layers):  # more often in deeper layers, as the paper's tower
            layer.drop_path = ClapDropPath(self._config.drop_path * depth / max(1, len(layers) - 1))
        parts = stages(self.dual.audio_model)
        if self._config.recipe == "last-stage":
            parts = last_stage(parts)
        for distance, part in enumerate(reversed(parts)):
            self._free([*part.parameters()], self._config.tower_rate * self._config.layer_decay**distance)

    def train(self) -> None:
        """Switch what is learned, and nothing else, to its training mode."""
        self.dual.eval()
        config = self._config
        if config.recipe != "projection":
            self.dual.audio_model.train()
        self.dual.audio_projection.train()
        if config.text == "full":
            self.dual.text_model.train()
        if config.freeze_norm:
            for module in self.dual.modules():
                if isinstance(module, NORMS):
                    module.eval()

    def clamp(self) -> None:
        """Keep the temperature where the paper keeps it."""
        with torch.no_grad():
            for scale in (self.dual.logit_scale_a, self.dual.logit_scale_t):
                scale.clamp_(0, MAX_LOG_SCALE)

    def parameters(self) -> list[nn.Parameter]:
        """All that is learned."""
        return [parameter for group in self.groups for parameter in group["params"]]

    def state(self) -> dict[str, Tensor]:
        """A copy of what is learned, and of statistics that follow the data."""
        return {name: tensor.detach().clone() for name, tensor in self._changing()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        with torch.no_grad():
            for name, tensor in self._changing():
                tensor.copy_(state[name])

    def statistics(self) -> dict[str, Tensor]:
        """A copy of the statistics that already the forward passes of a step change; none where they are frozen."""
        if self._config.freeze_norm:
            return {}
        return {name: tensor.detach().clone() for name, tensor in self.dual.named_buffers()}

    def put_back(self, statistics: dict[str, Tensor]) -> None:
        """Undo what a step that was broken off did to them."""
        buffers = dict(self.dual.named_buffers())
        for name, tensor in statistics.items():
            buffers[name].copy_(tensor)

    def _changing(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((name, p) for name, p in self.dual.named_parameters() if p.requires_grad)
        if not self._config.freeze_norm:
            yield from self.dual.named_buffers()

    def finish(self) -> DualEncoder:
        """Merge the adapters into the weights; the model then is like any other."""
        if self._adapter is not None:
            self._adapter.merge_and_unload()
            self._adapter = None
        for parameter in self.dual.parameters():
            parameter.requires_grad_(False)
        return self.dual.eval()


def adapted(tower: nn.Module) -> list[str]:
    """Names of the layers that adapters are added to."""
    attention = [name for name, _ in tower.named_modules() if ATTENTION.search(name)]
    if attention:
        return attention
    dense = [
        name
        for name, module in tower.named_modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    ]
    return dense[1:]  # the first sees the spectrogram itself, one channel: nothing of low rank to add


def stages(tower: nn.Module) -> list[nn.Module]:
    """The parts of a tower from input to output; long lists of blocks are taken apart."""
    parts = [part for part in tower.children() if any(True for _ in part.parameters())]
    if len(parts) == 1:
        return stages(parts[0])
    return [
        block
        for part in parts
        for block in (part if isinstance(part, nn.ModuleList | nn.Sequential) else [part])
        if any(True for _ in block.parameters())
    ]


def last_stage(parts: list[nn.Module]) -> list[nn.Module]:
    """The fewest last parts that hold a third of the weights."""
    sizes = [sum(p.numel() for p in part.parameters()) for part in parts]
    for count in range(1, len(parts)):
        if sum(sizes[-count:]) >= LAST_STAGE * sum(sizes):
            return parts[-count:]
    return parts


def rate_at(step: int, steps: int, warmup: int) -> float:
    """The schedule: a line up to 1 over `warmup` steps, then half a cosine down to 0.

    Source: LAION-AI/CLAP, training/scheduler.py, `cosine_lr`.
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))

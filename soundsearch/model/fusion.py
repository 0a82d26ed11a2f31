"""Attentional fusion (`aff_2d`) of a long clip's global and local maps, by transformers' block, made fit for training.

Source: Dai et al., "Attentional Feature Fusion" (2021), as in Wu et al. (arXiv:2211.06687).
"""

from torch import Tensor, nn

from soundsearch.model.timm_tower import transformers


class SteadyBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that takes the running statistics where a batch has one value a channel, and so none.

    Such a batch is one long clip behind a global pooling; torch raises there. Tensors and results are else the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        if self.training and x.numel() == x.shape[1]:
            return nn.functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(x)


def attentional_fusion(channels: int) -> nn.Module:
    """Make a block that maps a global and a local map, (B, channels, H, W) each, to one of that shape."""
    clap = transformers().models.clap
    block: nn.Module = clap.modeling_clap.ClapAudioAFFBlock(
        clap.configuration_clap.ClapAudioConfig(patch_embeds_hidden_size=channels)
    )
    steady(block)
    return block


def steady(module: nn.Module) -> None:
    """Exchange every batch normalisation in a module for one that bears a single long clip; the tensors keep names."""
    for name, child in list(module.named_modules()):
        if type(child) is nn.BatchNorm2d:
            exchanged = SteadyBatchNorm2d(child.num_features, child.eps, child.momentum)
            exchanged.load_state_dict(child.state_dict())
            module.set_submodule(name, exchanged)

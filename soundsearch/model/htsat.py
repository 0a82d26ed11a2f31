"""HTSAT restructured for inference: the weights and the results of transformers' ClapAudioModel in less time.

What differs: query, key and value are one product; tokens stay in the order of their windows, so that shifting the
windows and merging patches is one gather each; position bias and shift mask are one tensor made beforehand; attention
is the fused kernel; weights are packed where the processor gains by it; the stretch to 1,024 frames is a mean of four
frames with fixed weights; patches are a product instead of a convolution; a clip that is not longer than 10 s has one
channel and no fusion branch; on the CPU the transformer is traced, without which two threads lose a sixth of their
time, most of it waiting for Python's lock.
Source: Chen et al., "HTS-AT: A Hierarchical Token-Semantic Audio Transformer" (ICASSP 2022), in the layout of
transformers 5.23, `modeling_clap.py`, which stays the reference that tests compare with and that is trained.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from soundsearch.model.packed import is_exact_gelu, packed
from soundsearch.model.tracing import Traced

MASKED = -100.0  # added to scores across the seams of shifted windows, as in the reference


def fits(config: Any) -> bool:
    """Whether a ClapAudioConfig has a shape that is restructured: whole windows, square patches side by side."""
    sides = [config.spec_size // config.patch_size // 2**stage for stage in range(len(config.depths))]
    return bool(
        config.patch_size == config.patch_stride[0] == config.patch_stride[1]
        and config.spec_size % config.num_mel_bins == 0
        and config.num_mel_bins % config.patch_size == 0
        and (not config.enable_fusion or config.fusion_type != "channel_map")
        and config.flatten_patch_embeds
        and all(side >= config.window_size and side % config.window_size == 0 for side in sides)
    )


class QuickHtsat(nn.Module):
    """The audio tower of a `ClapAudioModel` whose config `fits`, for inference only."""

    mel_scale: Tensor
    mel_shift: Tensor

    def __init__(self, model: Any, dtype: torch.dtype = torch.float32) -> None:
        """Take the weights over; those that need no other layout are shared.

        Args:
            model: transformers' ClapAudioModel in evaluation mode.
            dtype: What the transformer computes in; the stretch and the normalisation of the mel stay float32.
        """
        super().__init__()
        encoder, config = model.audio_encoder, model.config
        self._dtype = dtype
        self._patch = int(config.patch_size)
        self._ratio = config.spec_size // config.num_mel_bins
        self._width = config.spec_size * self._ratio  # frames after the stretch
        norm = encoder.batch_norm
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.register_buffer("mel_scale", scale.detach().clone())
        self.register_buffer("mel_shift", (norm.bias - norm.running_mean * scale).detach().clone())
        self.patch_embed = encoder.patch_embed  # the reference's: for clips with local views
        side, window = config.spec_size // self._patch, int(config.window_size)
        self.patches = packed(_linear(dtype, encoder.patch_embed.proj), side * side)
        self.patch_norm = _norm(encoder.patch_embed.norm, dtype)
        stages: list[nn.Module] = []
        order = torch.arange(side * side)  # token of the reference that stands at each place, row by row at first
        for stage in encoder.layers:
            blocks = []
            for number, block in enumerate(stage.blocks):
                shift = window // 2 if number % 2 and side > window else 0
                wanted = _windows(side, window, shift)
                blocks.append(Block(block, _gather(order, wanted), side, window, shift, dtype))
                order = wanted
            following = _windows(side // 2, window, 0) if stage.downsample is not None else None
            merge = None if following is None else Merge(stage.downsample, _quarters(order, side, following), dtype)
            stages.append(Stage(blocks, merge))
            if following is not None:
                order, side = following, side // 2
        self.transformer = Transformer(stages, _norm(encoder.norm, dtype))
        self.traced = Traced(self.transformer)
        self.requires_grad_(False)
        self.eval()

    def forward(self, input_features: Tensor, is_longer: Tensor | None = None) -> Tensor:
        """Map log-mel spectrograms (B, views, n_frames, n_mels) to pooled features (B, width), float32.

        Args:
            input_features: One view, or four of clips with local views.
            is_longer: Which clips have local views, shape (B, 1); needed with four.
        """
        mel = input_features * self.mel_scale + self.mel_shift
        taps, weights = _stretch(mel.shape[2], self._width, mel.device)
        mel = _taken(mel, taps, weights)
        tokens = self._tokens(mel, is_longer)
        is_one = len(tokens) == 1 and tokens.device.type == "cpu"  # there clips come one by one: the trace is of one
        pooled: Tensor = (self.traced if is_one else self.transformer)(tokens)
        return pooled

    def _tokens(self, mel: Tensor, is_longer: Tensor | None) -> Tensor:
        """Patches of the folded spectrogram, row by row: (B, n, channels)."""
        batch, views, _, mels = mel.shape
        side, patch = self._width // self._ratio, self._patch
        if views > 1:
            image = mel.reshape(batch, views, self._ratio, side, mels).transpose(3, 4).reshape(batch, views, side, side)
            assert is_longer is not None
            embedded: Tensor = self.patch_embed(image, torch.where(is_longer.flatten())[0])
            return embedded.to(self._dtype)
        # (fold, column, frame in patch, row in fold, mel in patch) -> a patch for each fold, row and column
        cells = mel.reshape(batch, self._ratio, side // patch, patch, mels // patch, patch)
        cells = cells.permute(0, 1, 4, 2, 5, 3).reshape(batch, -1, patch * patch)
        tokens: Tensor = self.patch_norm(self.patches(cells.to(self._dtype)))
        return tokens


class Transformer(nn.Module):
    """All stages, and the mean of what they give."""

    def __init__(self, stages: list[nn.Module], norm: nn.LayerNorm) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.norm = norm

    def forward(self, tokens: Tensor) -> Tensor:
        """Map patches (B, n, channels), row by row, to pooled features (B, width), float32."""
        for stage in self.stages:
            tokens = stage(tokens)
        pooled: Tensor = self.norm(tokens).float().mean(dim=1)  # the reference reorders before it takes this mean
        return pooled


class Stage(nn.Module):
    """Blocks, then patch merging in all stages but the last."""

    def __init__(self, blocks: list["Block"], merge: "Merge | None") -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.merge = merge

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, n, channels) to (B, n / 4, 2 channels), or to the same shape in the last stage."""
        for block in self.blocks:
            tokens = block(tokens)
        return tokens if self.merge is None else self.merge(tokens)


class Block(nn.Module):
    """Attention within windows, and a perceptron; tokens come in the order of the block before."""

    bias: Tensor
    gather: Tensor

    def __init__(
        self, block: Any, gather: Tensor | None, side: int, window: int, shift: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        attention = block.attention.self
        self._heads, self._tokens = attention.num_attention_heads, window * window
        self._is_shifted = shift > 0
        qkv = _linear(dtype, attention.query, attention.key, attention.value, after=block.layernorm_before)
        self.qkv = packed(qkv, side * side)
        self.output = packed(_linear(dtype, block.attention.output.dense), side * side)
        self.before, self.after = _bare(block.layernorm_before), _bare(block.layernorm_after)
        activation = block.intermediate.intermediate_act_fn
        up = _linear(dtype, block.intermediate.dense, after=block.layernorm_after)
        if is_exact_gelu(activation):
            self.up = packed(up, side * side, gelu=True)
        else:
            self.up = nn.Sequential(packed(up, side * side), activation)
        self.down = packed(_linear(dtype, block.output.dense), side * side)
        table = attention.relative_position_bias_table.detach()[attention.relative_position_index.flatten()]
        bias = table.view(self._tokens, self._tokens, -1).permute(2, 0, 1)[None]
        if shift:
            bias = bias + _seams(side, window, shift)[:, None].to(bias.device)
        self.register_buffer("bias", bias.to(dtype).contiguous())
        self.register_buffer("gather", gather)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, n, channels) to the same shape, in this block's order."""
        if self.gather is not None:
            tokens = tokens.index_select(1, self.gather)
        tokens = self._attend(self.before(tokens)).add_(tokens)
        mixed: Tensor = self.down(self.up(self.after(tokens)))
        return mixed.add_(tokens)

    def _attend(self, tokens: Tensor) -> Tensor:
        batch, n, channels = tokens.shape
        windows = batch * n // self._tokens
        parts = self.qkv(tokens).view(windows, self._tokens, 3, self._heads, channels // self._heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        # Without a question of sizes, which a trace warns of; of one clip both are views.
        bias = self.bias.expand(batch, -1, -1, -1, -1).flatten(0, 1) if self._is_shifted else self.bias
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.expand(windows, -1, -1, -1))
        mixed: Tensor = self.output(heard.transpose(1, 2).reshape(batch, n, channels))
        return mixed


class Merge(nn.Module):
    """Patch merging: four neighbours become one token of the next stage, in that stage's order."""

    gather: Tensor

    def __init__(self, merging: Any, gather: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm = _bare(merging.norm)
        self.reduction = packed(_linear(dtype, merging.reduction, after=merging.norm), len(gather) // 4)
        self.register_buffer("gather", gather)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, n, channels) to (B, n / 4, 2 channels)."""
        batch, n, channels = tokens.shape
        four = tokens.index_select(1, self.gather).view(batch, n // 4, 4 * channels)
        merged: Tensor = self.reduction(self.norm(four))
        return merged


def _norm(norm: nn.LayerNorm, dtype: torch.dtype) -> nn.LayerNorm:
    """A normalisation in another precision; the very same one where it has it already."""
    if norm.weight.dtype == dtype:
        return norm
    copied = nn.LayerNorm(norm.normalized_shape, norm.eps)
    copied.load_state_dict(norm.state_dict())
    return copied.to(norm.weight.device, dtype)


def _linear(dtype: torch.dtype, *layers: Any, after: Any = None) -> nn.Linear:
    """One layer in a precision that gives what several give of the same input, side by side.

    With `after`, a normalisation that the input comes from: scale and shift of that one are done here.
    """
    weight = torch.cat([layer.weight.flatten(1) for layer in layers]).detach()
    biases = [layer.bias for layer in layers if layer.bias is not None]
    bias = torch.cat(biases).detach() if biases else weight.new_zeros(len(weight))
    if after is not None:
        bias, weight = bias + weight @ after.bias.detach(), weight * after.weight.detach()
    joined = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    joined.weight = nn.Parameter(weight.to(dtype), requires_grad=False)
    joined.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
    return joined


def _bare(norm: nn.LayerNorm) -> nn.LayerNorm:
    """A normalisation whose scale and shift the next layer does."""
    return nn.LayerNorm(norm.normalized_shape, norm.eps, elementwise_affine=False)


@lru_cache(maxsize=8)
def _stretch(frames: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The bicubic stretch of the reference: for each new frame the four old ones it is made of, and their weights.

    Returns:
        Numbers of frames and weights, both (width, 4).
    """
    if frames > width:
        raise ValueError(f"a spectrogram of {frames} frames is longer than the {width} that the tower takes")
    identity = torch.eye(frames)[None, None]  # what the reference makes of it holds every weight
    matrix = F.interpolate(identity, (width, frames), mode="bicubic", align_corners=True)[0, 0]
    taps = matrix.abs().topk(4, dim=1).indices
    return taps.to(device), matrix.gather(1, taps).to(device)


def _taken(mel: Tensor, taps: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of frames: (B, views, n_frames, n_mels) and `_stretch` give (B, views, width, n_mels)."""
    if mel.device.type != "cpu":
        return (mel[:, :, taps] * weights[:, :, None]).sum(dim=3)
    batch, views, frames, _ = mel.shape
    first = torch.arange(0, batch * views * frames, frames)
    every = (first[:, None, None] + taps).flatten(0, 1)
    taken = F.embedding_bag(every, mel.flatten(0, 2), per_sample_weights=weights.repeat(len(first), 1), mode="sum")
    return taken.view(batch, views, len(taps), -1)


def _windows(side: int, window: int, shift: int) -> Tensor:
    """Tokens, numbered row by row, in the order of windows that begin `shift` rows and columns later: (side²,)."""
    grid = torch.arange(side * side).view(side, side).roll((-shift, -shift), (0, 1))
    across = side // window
    return grid.view(across, window, across, window).transpose(1, 2).flatten()


def _gather(present: Tensor, wanted: Tensor) -> Tensor | None:
    """Where to take each token from to go from one order to another; None if they are the same."""
    if torch.equal(present, wanted):
        return None
    place = torch.empty_like(present)
    place[present] = torch.arange(len(present))
    return place[wanted]


def _quarters(present: Tensor, side: int, following: Tensor) -> Tensor:
    """Where the four tokens of each merged one are, merged ones in the order of the next stage: (side²,)."""
    place = torch.empty_like(present)
    place[present] = torch.arange(len(present))
    row, column = following // (side // 2), following % (side // 2)
    four = [(2 * row + down) * side + 2 * column + right for right in range(2) for down in range(2)]
    return place[torch.stack(four, dim=1).flatten()]


def _seams(side: int, window: int, shift: int) -> Tensor:
    """Scores to add between tokens of a shifted window that are no neighbours: (windows, tokens, tokens)."""
    line = torch.arange(side)
    part = (line >= side - window).long() + (line >= side - shift).long()
    across = side // window
    regions = (3 * part[:, None] + part[None]).view(across, window, across, window).transpose(1, 2)
    regions = regions.reshape(across * across, window * window)
    return torch.where(regions[:, None] == regions[:, :, None], 0.0, MASKED)

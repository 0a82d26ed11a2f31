"""RoBERTa for inference: the weights and the results of transformers' ClapTextModel, without importing transformers.

That import costs 3 s of processor time at every start, more than all else that a search needs together. Training and
other text towers stay with transformers, which the tests compare with.
Source: Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach" (arXiv:1907.11692), under the tensor names
of transformers 5.23, `modeling_clap.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from soundsearch.model.packed import packed
from soundsearch.model.tracing import Traced

MODEL_TYPE = "clap_text_model"
USUAL_TOKENS = 12  # of a query


@dataclass(frozen=True, slots=True)
class RobertaConfig:
    """Shape of the tower, as in the `text_config` of a bundle's config.json, with the defaults of ClapTextConfig."""

    vocab_size: int = 50265
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    max_position_embeddings: int = 514
    type_vocab_size: int = 1
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 1

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Take from a `text_config` what is ours; missing fields get their defaults."""
        return cls(**{field.name: table[field.name] for field in fields(cls) if field.name in table})


def fits(table: Mapping[str, Any]) -> bool:
    """Whether a `text_config` names this tower, with nothing that only transformers knows."""
    shape = RobertaConfig.from_table(table)
    sizes = [getattr(shape, field.name) for field in fields(shape) if field.type is int]
    return (
        table.get("model_type", MODEL_TYPE) == MODEL_TYPE
        and shape.hidden_act == "gelu"
        and all(type(size) is int and size >= 0 for size in sizes)
        and shape.num_attention_heads > 0
        and shape.hidden_size % shape.num_attention_heads == 0
    )


class Embeddings(nn.Module):
    """Words, places and the one kind of token, summed and normalised."""

    def __init__(self, shape: RobertaConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.position_embeddings = nn.Embedding(shape.max_position_embeddings, shape.hidden_size)
        self.token_type_embeddings = nn.Embedding(shape.type_vocab_size, shape.hidden_size)
        self.LayerNorm = nn.LayerNorm(shape.hidden_size, eps=shape.layer_norm_eps)
        self._padding = shape.pad_token_id

    def forward(self, input_ids: Tensor) -> Tensor:
        """Map token ids (B, n) to (B, n, width); padding counts for no place."""
        is_token = input_ids.ne(self._padding).int()
        places = (is_token.cumsum(dim=1) * is_token).long() + self._padding
        words = self.word_embeddings(input_ids) + self.token_type_embeddings.weight[0]
        embedded: Tensor = self.LayerNorm(words + self.position_embeddings(places))
        return embedded


class Sum(nn.Module):
    """A linear layer, added to what went around it and normalised."""

    def __init__(self, width_in: int, width_out: int, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, width_out)
        self.LayerNorm = nn.LayerNorm(width_out, eps=eps)

    def forward(self, inner: Tensor, around: Tensor) -> Tensor:
        """Map (..., width_in) and (..., width_out) to (..., width_out)."""
        summed: Tensor = self.LayerNorm(self.dense(inner) + around)
        return summed


class Layer(nn.Module):
    """Attention among all tokens, then two linear layers on each."""

    def __init__(self, shape: RobertaConfig) -> None:
        super().__init__()
        width, inner, eps = shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps
        heads = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.attention = nn.ModuleDict({"self": heads, "output": Sum(width, width, eps)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = Sum(inner, width, eps)
        self._heads = shape.num_attention_heads

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map (B, n, width) to the same shape; where the mask (B, 1, 1, n) is False nobody looks."""
        split = (*x.shape[:2], self._heads, -1)
        query, key, value = (linear(x).view(split).transpose(1, 2) for linear in self.attention["self"].children())
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = self.attention["output"](attended.transpose(1, 2).reshape(x.shape), x)
        result: Tensor = self.output(F.gelu(self.intermediate["dense"](x)), x)
        return result


class RobertaText(nn.Module):
    """The text tower: token ids to pooled features."""

    def __init__(self, shape: RobertaConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(shape)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(shape.hidden_size, shape.hidden_size)})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the pooled features.

        Args:
            input_ids: Token ids, shape (B, n), padded at the end.
            attention_mask: Shape (B, n), 0 where padded.

        Returns:
            What the first token became, shape (B, width), between -1 and 1.
        """
        mask = None if bool(attention_mask.all()) else attention_mask.bool()[:, None, None, :]
        x = self.embeddings(input_ids)
        for layer in self.encoder["layer"].children():
            x = layer(x, mask)
        return torch.tanh(self.pooler["dense"](x[:, 0]))


class QuickLayer(nn.Module):
    """A `Layer` with one product for query, key and value, and weights as the processor's kernels read them."""

    def __init__(self, layer: Layer, dtype: torch.dtype) -> None:
        super().__init__()
        self._heads, self._dtype = layer._heads, dtype
        heads = [part for part in layer.attention["self"].children() if isinstance(part, nn.Linear)]
        attention, inner = layer.attention["output"], layer.intermediate["dense"]
        assert isinstance(attention, Sum) and isinstance(inner, nn.Linear)
        self._joined = _ready(heads, dtype)
        self._attended, self._attention_norm = _ready([attention.dense], dtype), attention.LayerNorm
        self._inner = _ready([inner], dtype, gelu=True)
        self._outer, self._norm = _ready([layer.output.dense], dtype), layer.output.LayerNorm

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map (B, n, width), float32, to the same shape; where the mask (B, 1, 1, n) is False nobody looks."""
        joined = self._joined(x.to(self._dtype)).view(*x.shape[:2], 3, self._heads, -1)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).reshape(x.shape)
        x = self._attention_norm(self._attended(attended) + x)
        result: Tensor = self._norm(self._outer(self._inner(x.to(self._dtype))) + x)
        return result


def _ready(linears: Sequence[nn.Linear], dtype: torch.dtype, *, gelu: bool = False) -> nn.Module:
    """Linear layers of one input as a single packed one."""
    joined = nn.Linear(linears[0].in_features, sum(linear.out_features for linear in linears))
    with torch.no_grad():
        joined.weight.copy_(torch.cat([linear.weight for linear in linears]))
        joined.bias.copy_(torch.cat([linear.bias for linear in linears]))
    return packed(joined.to(dtype), USUAL_TOKENS, gelu=gelu)


class QuickLayers(nn.Module):
    """All layers of a tower, and its pooler."""

    def __init__(self, reference: RobertaText, dtype: torch.dtype) -> None:
        super().__init__()
        layers = reference.encoder["layer"].children()
        self._layers = nn.ModuleList(QuickLayer(layer, dtype) for layer in layers if isinstance(layer, Layer))
        pooler = reference.pooler["dense"]
        assert isinstance(pooler, nn.Linear)
        self._pooler = _ready([pooler], torch.float32)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map embedded tokens (B, n, width) to pooled features (B, width); nobody looks where the mask is False."""
        for layer in self._layers:
            x = layer(x, mask)
        return torch.tanh(self._pooler(x[:, 0]))


class QuickRobertaText(nn.Module):
    """A `RobertaText` laid out for one query at a time on the CPU, for inference.

    Sums and norms are float32 whatever the products are. Texts that come one by one run through a trace, so that they
    do not wait for Python's lock while names are looked up.
    """

    def __init__(self, reference: RobertaText, dtype: torch.dtype = torch.float32) -> None:
        """Lay out the weights of a tower.

        Args:
            reference: The tower; it stays as it is.
            dtype: Of the weights and products, float32 or bfloat16.
        """
        super().__init__()
        self._embeddings = reference.embeddings
        self._layers = QuickLayers(reference, dtype)
        self.traced = Traced(self._layers)
        self.requires_grad_(False)
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the pooled features (B, width) of token ids and their mask (B, n); see `RobertaText.forward`."""
        x = self._embeddings(input_ids)
        if len(x) == 1 and bool(attention_mask.all()):
            return self.traced(x)
        pooled: Tensor = self._layers(x, attention_mask.bool()[:, None, None, :])
        return pooled

"""Linear layers whose weights lie as the processor's matrix kernels read them: laid out once, not at every call.

torch does this with operators that its own compiler emits and that have no public names. So they are tried before they
are used: where they are missing, refuse or give other numbers, the plain layer is used, which computes the same.
"""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

log = logging.getLogger(__name__)


class PackedLinear(nn.Module):
    """A linear layer for inference on the CPU, with a GELU behind it if wanted; its weights cannot be read back."""

    _weight: Tensor
    _bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, n_rows: int, *, gelu: bool = False) -> None:
        """Lay the weights out.

        Args:
            weight: Shape (n_out, n_in), float32 or bfloat16.
            bias: Shape (n_out,), of the same type.
            n_rows: How many rows a call usually brings: the layout is chosen for it, any other number works.
            gelu: Whether to apply the GELU (with erf) to the result, before it is rounded.
        """
        super().__init__()
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), n_rows)
        self.register_buffer("_weight", laid_out, persistent=False)  # a trace takes no such tensor but as a buffer
        self.register_buffer("_bias", None if bias is None else bias.detach().clone(), persistent=False)
        self._multiply = torch.ops.mkldnn._linear_pointwise.default  # to look it up takes as long as a small product
        self._then: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., n_in) to (..., n_out)."""
        is_tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        multiply = _scripted() if is_tracing else self._multiply
        product: Tensor = multiply(x, self._weight, self._bias, *self._then)
        return product


@lru_cache
def _scripted() -> Callable[..., Tensor]:
    """The product for traces, which cannot take an empty list of numbers from Python.

    From text: where a program is frozen the lines of a function cannot be read.
    """
    source = """
def product(x: Tensor, weight: Tensor, bias: Optional[Tensor], then: str, _: List[int], algorithm: str):
    numbers: List[Optional[number]] = []
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, numbers, algorithm)
"""
    product: Callable[..., Tensor] = torch.jit.CompilationUnit(source).product
    return product


def packed(linear: nn.Linear, n_rows: int, *, gelu: bool = False) -> nn.Module:
    """Return what computes the same as a linear layer, followed by a GELU if wanted, packed where that works."""
    weight = linear.weight
    if weight.device.type == "cpu" and can_pack(weight.dtype):
        return PackedLinear(weight, linear.bias, n_rows, gelu=gelu)
    return nn.Sequential(linear, nn.GELU()) if gelu else linear


def pack_linears(module: nn.Module, n_rows: int) -> None:
    """Put packed layers in the place of all linear layers inside of a module, where that works; see `packed`."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, packed(child, n_rows))
        else:
            pack_linears(child, n_rows)


@lru_cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether packed layers work here and give what plain ones give."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    wave = torch.arange(64 * 48).sin().view(64, 48)  # no random numbers: the global generator is the user's
    x, weight, bias = (part.to(dtype) for part in (wave, wave[:32] / 8, wave[0, :32]))
    try:
        found = PackedLinear(weight, bias, len(x), gelu=True)(x)
    except (RuntimeError, AttributeError, TypeError) as err:  # another version of torch, another processor
        log.info("weights are not packed: %s", err)
        return False
    error = (found.float() - F.gelu(F.linear(x.float(), weight.float(), bias.float()))).abs().max()
    return bool(error < torch.finfo(dtype).eps * 8)


def is_exact_gelu(activation: Any) -> bool:
    """Whether an activation of transformers is the GELU with erf."""
    probe = torch.linspace(-4, 4, 65)
    return bool(torch.equal(activation(probe), F.gelu(probe)))

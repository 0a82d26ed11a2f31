"""Packed layers give what plain ones give; where nothing can be packed the plain ones are used."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from soundsearch.model.packed import PackedLinear, can_pack, pack_linears, packed


@pytest.mark.parametrize("rows", [1, 64, 200])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gelu", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_it_computes_what_the_plain_layer_does(rows: int, bias: bool, gelu: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(rows)
    linear, x = nn.Linear(96, 160, bias).to(dtype), torch.randn(2, rows, 96, dtype=dtype)
    with torch.inference_mode():
        found = packed(linear, 64, gelu=gelu)(x)
        exact = F.linear(x.double(), linear.weight.double(), linear.bias.double() if bias else None)
    expected = F.gelu(exact) if gelu else exact
    assert found.dtype == dtype and found.shape == (2, rows, 160)
    assert (found.double() - expected).abs().max() <= 16 * torch.finfo(dtype).eps


def test_what_the_kernels_do_not_know_stays_plain() -> None:
    assert not can_pack(torch.float64)
    linear = nn.Linear(4, 4).double()
    assert packed(linear, 8) is linear


@pytest.mark.skipif(not can_pack(torch.float32), reason="this processor's kernels take plain weights only")
def test_a_packed_layer_does_not_follow_the_layer_it_was_made_of() -> None:
    linear, x = nn.Linear(8, 8), torch.ones(3, 8)
    layer = packed(linear, 3)
    assert isinstance(layer, PackedLinear)
    with torch.inference_mode():
        before = layer(x)
        linear.weight.data.zero_()
        linear.bias.data.zero_()
        assert torch.equal(layer(x), before)


def test_every_linear_layer_of_a_module_is_packed() -> None:
    torch.manual_seed(0)
    module, x = (
        nn.Sequential(nn.Linear(8, 16), nn.Sequential(nn.ReLU(), nn.Linear(16, 4, bias=False))),
        torch.ones(3, 8),
    )
    with torch.inference_mode():
        before = module(x)
        pack_linears(module, 3)
        torch.testing.assert_close(module(x), before)
    assert not can_pack(torch.float32) or not any(isinstance(part, nn.Linear) for part in module.modules())

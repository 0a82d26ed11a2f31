"""The restructured HTSAT gives what transformers' gives: every published shape, short, long and mixed batches."""

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import ClapAudioConfig, ClapAudioModel

from soundsearch.model.htsat import QuickHtsat, fits
from soundsearch.model.towers import AUDIO_PRESETS


def tower(preset: str, **changed: Any) -> ClapAudioModel:
    torch.manual_seed(0)
    model = ClapAudioModel(ClapAudioConfig.from_dict({**AUDIO_PRESETS[preset], **changed})).eval()
    norm = model.audio_encoder.batch_norm
    with torch.no_grad():
        norm.running_mean.uniform_(-30, -10)
        norm.running_var.uniform_(50, 300)
        for name, parameter in model.named_parameters():
            if "relative_position_bias_table" in name:  # zero at the start, which would hide a wrong order
                parameter.normal_(0, 0.5)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.1)
    return model


def mels(batch: int, views: int, frames: int = 1001) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, views, frames, 64) * 20 - 30


def cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one.double(), other.double()).min())


def reference(model: ClapAudioModel, mel: Tensor, longer: Tensor | None = None) -> Tensor:
    with torch.inference_mode():
        pooled: Tensor = model(mel, longer).pooler_output if longer is not None else model(mel).pooler_output
    return pooled


@pytest.mark.parametrize(
    ("preset", "frames"),
    [("htsat-tiny", 1001), ("htsat-base", 1001), ("htsat-nano", 1001), ("htsat-nano", 1024), ("htsat-nano", 250)],
)
def test_without_fusion(preset: str, frames: int) -> None:
    model, mel = tower(preset), mels(2 if preset == "htsat-nano" else 1, 1, frames)
    expected = reference(model, mel)
    with torch.inference_mode():
        assert cosine(QuickHtsat(model)(mel), expected) > 0.999_999


@pytest.mark.parametrize("preset", ["htsat-tiny-fused", "htsat-nano-fused"])
def test_with_fusion_short_long_and_mixed(preset: str) -> None:
    model, mel = tower(preset), mels(3, 4)
    quick = QuickHtsat(model)
    for flags in ([False, False, False], [True, True, True], [False, True, False]):
        longer = torch.tensor(flags)[:, None]
        expected = reference(model, mel, longer)
        with torch.inference_mode():
            assert cosine(quick(mel, longer), expected) > 0.999_999
            if not any(flags):  # one channel is enough
                assert cosine(quick(mel[:, :1], longer), expected) > 0.999_999


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_traced_tower_gives_the_same_bytes_short_and_long_side_by_side(dtype: torch.dtype) -> None:
    quick = QuickHtsat(tower("htsat-nano-fused"), dtype)
    clips = [mels(1, views, frames) + frames / 100 for views, frames in [(1, 1001), (4, 1001), (1, 250), (1, 1001)] * 2]
    with ThreadPoolExecutor(2) as pool, torch.inference_mode():
        found = list(pool.map(lambda mel: quick(mel, torch.tensor([[mel.shape[1] == 4]])), clips))
        assert isinstance(quick.traced.traced, torch.jit.ScriptModule), "two threads do a fifth more"
        quick.traced.traced = quick.transformer
        expected = [quick(mel, torch.tensor([[mel.shape[1] == 4]])) for mel in clips]
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_bfloat16_stays_near_and_leaves_the_reference_as_it_was() -> None:
    model, mel = tower("htsat-nano-fused"), mels(2, 1)
    before = copy.deepcopy(model.state_dict())
    with torch.inference_mode():
        exact = QuickHtsat(model)(mel, torch.zeros(2, 1, dtype=torch.bool))
        rough = QuickHtsat(model, torch.bfloat16)(mel, torch.zeros(2, 1, dtype=torch.bool))
    assert rough.dtype == torch.float32
    assert 0.999 < cosine(exact, rough) < 1.0
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize(
    "changed", [{"spec_size": 192, "num_mel_bins": 64, "window_size": 5}, {"patch_stride": [2, 2]}, {"window_size": 16}]
)
def test_other_shapes_are_left_to_the_reference(changed: dict[str, Any]) -> None:
    assert fits(ClapAudioConfig.from_dict(AUDIO_PRESETS["htsat-tiny"]))
    assert not fits(ClapAudioConfig.from_dict({**AUDIO_PRESETS["htsat-tiny"], **changed}))


def test_a_spectrogram_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than"):
        QuickHtsat(tower("htsat-nano"))(mels(1, 1, 1200))

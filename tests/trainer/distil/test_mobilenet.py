"""The small tower has the shape that its card states, and gives each clip its own vector."""

import pytest
import torch

from soundsearch.model.mobilenet import MobileNetAudioWithProjection, MobileNetConfig, scaled

CONFIG = {"projection_dim": 384, "audio_config": {"width": 0.4, "n_mels": 128, "hidden": 512, "n_classes": 527}}


def count(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_parameter_counts() -> None:
    model = MobileNetAudioWithProjection(CONFIG)
    assert count(model.audio_model) == 516_128
    projection = model.audio_projection
    assert count(projection) == 866_447
    # What the tagger has too: the tower and the two layers up to its classes.
    assert count(model.audio_model) + count(projection.linear1) + count(projection.linear2) == 983_599


@pytest.mark.parametrize(
    ("channels", "expected"), [(16, 8), (24, 16), (40, 16), (80, 32), (112, 48), (160, 64), (672, 272)]
)
def test_widths_are_rounded_to_eights_without_losing_a_tenth(channels: int, expected: int) -> None:
    assert scaled(channels, 0.4) == expected
    assert expected >= 0.9 * channels * 0.4


@pytest.mark.parametrize("frames", [150, 333, 1000])
def test_shapes_for_any_length(frames: int) -> None:
    model = MobileNetAudioWithProjection(CONFIG).eval()
    mel = torch.randn(2, 1, frames, 128)
    assert model.audio_model(mel).shape == (2, MobileNetConfig().pooled) == (2, 384)
    output = model(mel)
    assert output.audio_embeds.shape == (2, 384)
    assert output.class_logits.shape == (2, 527)


def test_a_clip_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    model = MobileNetAudioWithProjection(CONFIG).eval()
    mel = torch.randn(3, 1, 200, 128)
    with torch.no_grad():
        together, alone = model(mel).audio_embeds, model(mel[1:2]).audio_embeds
    assert torch.allclose(together[1:2], alone, atol=1e-5 * float(together.abs().max()))

"""The starter's tower restructured for embedding says what the tower of the training says."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from soundsearch.model.mobilenet import MobileNetAudio, MobileNetConfig, QuickMobileNet


def trained_looking(width: float) -> MobileNetAudio:
    """A tower whose normalisations do something, as after a training."""
    torch.manual_seed(0)
    tower = MobileNetAudio(MobileNetConfig(width=width)).eval()
    for part in tower.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.2, 2)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.3)
    return tower


@pytest.mark.parametrize(("width", "frames", "batch"), [(0.4, 1000, 1), (0.4, 300, 3), (0.4, 151, 1), (1.0, 64, 2)])
def test_the_quick_tower_is_the_tower(width: float, frames: int, batch: int) -> None:
    tower = trained_looking(width)
    before = {name: weight.clone() for name, weight in tower.state_dict().items()}
    mel = torch.randn(batch, 1, frames, 128)
    with torch.inference_mode():
        exact, quick = tower(mel), QuickMobileNet(tower)(mel)
    assert exact.std() > 0.01
    assert (quick - exact).abs().max() < 1e-5 * exact.abs().max()
    assert all(torch.equal(weight, before[name]) for name, weight in tower.state_dict().items())


def test_the_traced_tower_gives_the_same_bytes_for_clips_of_any_length_side_by_side() -> None:
    quick = QuickMobileNet(trained_looking(0.4))
    clips = [torch.randn(1, 1, frames, 128) for frames in (150, 1000, 64, 151, 150, 1000)]
    with ThreadPoolExecutor(2) as pool, torch.inference_mode():
        found = list(pool.map(quick, clips))
        expected = [quick._layers(clip) for clip in clips]
    assert isinstance(quick.traced.traced, torch.jit.ScriptModule), "it is three times as fast"
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))

"""Numbers of the published CLAP that the towers must reproduce: sizes, shapes, and what two libraries agree on."""

import numpy as np
import pytest
import torch
from transformers import ClapConfig, ClapModel
from transformers.models.clap.modeling_clap import ClapAudioPatchEmbed

from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import MAX_TOKENS, ClapEncoder
from tests.bundles import PARAMETERS, PUBLISHED, Kind

AUDIO_PARAMETERS: dict[Kind, int] = {"fused": 27_549_128, "unfused": 27_534_488, "base": 67_824_408}
TEXT_PARAMETERS = 124_645_632
PROJECTION_PARAMETERS = 656_384  # 768 -> 512 -> 512


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("kind", ["fused", "unfused", "base"])
def test_parameter_counts(kind: Kind) -> None:
    with torch.device("meta"):
        model = ClapModel(ClapConfig(audio_config=PUBLISHED[kind]))
    assert count(model) == PARAMETERS[kind]
    assert count(model.audio_model) == AUDIO_PARAMETERS[kind]
    assert count(model.text_model) == TEXT_PARAMETERS
    assert count(model.text_projection) == PROJECTION_PARAMETERS
    assert kind == "base" or count(model.audio_projection) == PROJECTION_PARAMETERS


def test_patch_maps_of_a_long_clip() -> None:
    embed = ClapAudioPatchEmbed(ClapConfig(audio_config=PUBLISHED["fused"]).audio_config).eval()
    shapes: dict[str, torch.Size] = {}
    fused: list[torch.Tensor] = []
    embed.proj.register_forward_hook(lambda _m, _i, output: shapes.update(whole=output.shape))
    embed.mel_conv2d.register_forward_hook(lambda _m, _i, output: shapes.update(local=output.shape))
    embed.fusion_model.register_forward_pre_hook(lambda _m, inputs: fused.extend(inputs))
    with torch.inference_mode():
        embed(torch.randn(1, 4, 256, 256), torch.tensor([0]))
    assert shapes == {"whole": (1, 96, 64, 64), "local": (3, 96, 64, 21)}
    whole, local = fused
    assert whole.shape == local.shape == (1, 96, 64, 64)
    assert not local[..., 63].any() and local[..., 62].any()  # 3 x 21 columns and one of zeros


def test_the_stretch_in_time_is_one_matrix_of_four_taps() -> None:
    def stretch(maps: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(
            maps[None, None], (1024, maps.shape[1]), mode="bicubic", align_corners=True
        )[0, 0]

    matrix = stretch(torch.eye(1001))
    assert matrix.shape == (1024, 1001) and (matrix != 0).sum(dim=1).max() <= 4
    frames = torch.randn(1001, 64, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(matrix @ frames, stretch(frames), atol=1e-6)


def test_padding_a_text_to_77_changes_nothing(tiny_model) -> None:
    encoder = ClapEncoder(Bundle.open(tiny_model), "cpu", "float32")
    ids = [0, *(ord(c) - 28 for c in "a dog barking"), 2]
    tokens = torch.full((1, MAX_TOKENS), 1)
    tokens[0, : len(ids)] = torch.tensor(ids)
    mask = (torch.arange(MAX_TOKENS) < len(ids)).long()[None]
    with torch.inference_mode():
        padded = torch.nn.functional.normalize(encoder._dual.project_text(encoder._dual.pool_text(tokens, mask)))
    np.testing.assert_allclose(padded, encoder.embed_texts(["a dog barking"]), atol=1e-6)

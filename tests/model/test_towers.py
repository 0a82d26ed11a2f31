"""The dual encoder: published sizes, every pair of towers through a bundle, and what training asks of them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from soundsearch.audio.features import features
from soundsearch.errors import ModelError
from soundsearch.model import timm_tower
from soundsearch.model.bundle import Bundle, default_front_end
from soundsearch.model.clap import ClapEncoder, load_dual, load_tokenizer
from soundsearch.model.cnn14 import Cnn14, Cnn14Config
from soundsearch.model.fusion import SteadyBatchNorm2d
from soundsearch.model.towers import DualEncoder, audio_preset, dual_config, padding_id, text_preset
from tests.bundles import AUDIO_TOWERS, TEXT_TOWERS, dual, dual_bundle, dual_table
from tests.model.test_clap import sound

TEXTS = ["a dog", "a much longer description of a sound", "x"]
FUSED = [name for name in AUDIO_TOWERS if name.endswith("fused")]


def needs_timm(audio: str) -> None:
    if audio == "timm" and not timm_tower.available():
        pytest.skip("timm is not installed here, or does not import")


@pytest.fixture(scope="module", params=AUDIO_TOWERS)
def audio(request: pytest.FixtureRequest) -> str:
    needs_timm(request.param)
    return str(request.param)


@pytest.fixture(scope="module", params=TEXT_TOWERS)
def pair(request: pytest.FixtureRequest, audio: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """A bundle of each pair of towers."""
    yield dual_bundle(tmp_path_factory.mktemp("pair") / f"{audio}-{request.param}", audio, request.param)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_pair_goes_through_a_bundle(pair: Bundle) -> None:
    audio, _, text = pair.name.rpartition("-")
    model = dual(audio, text)
    encoder = ClapEncoder(pair, "cpu", "float32")
    clips = [features(sound(seconds), pair.front_end) for seconds in (0.3, 12.0, 4.0)]
    with torch.inference_mode():
        rows = [
            model.project_audio(
                model.pool_audio(torch.from_numpy(clip.mel.copy())[None], torch.tensor([[clip.longer]]))
            )
            for clip in clips
        ]
        expected = nn.functional.normalize(torch.cat(rows)).numpy()
    np.testing.assert_allclose(encoder.embed_features(clips), expected, atol=1e-5)
    tokenizer = load_tokenizer(pair)
    with torch.inference_mode():
        encoded = [torch.tensor([tokenizer.encode(text).ids]) for text in TEXTS]
        rows = [model.project_text(model.pool_text(ids, torch.ones_like(ids))) for ids in encoded]
        expected = nn.functional.normalize(torch.cat(rows)).numpy()
    np.testing.assert_allclose(encoder.embed_texts(TEXTS), expected, atol=1e-5)
    assert np.isfinite(encoder.embed_audio(np.zeros(48_000, np.float32))).all()


def test_what_is_loaded_is_what_was_saved(pair: Bundle) -> None:
    audio, _, text = pair.name.rpartition("-")
    saved, loaded = dual(audio, text).state_dict(), load_dual(pair).state_dict()
    assert saved.keys() == loaded.keys()
    for key, value in saved.items():
        assert torch.equal(value, loaded[key]), key


@pytest.mark.parametrize("text", TEXT_TOWERS)
def test_padding_does_not_change_a_text(text: str) -> None:
    model = dual("htsat", text)
    start, end = {"roberta": (0, 2), "bert": (1, 2), "clip": (298, 299)}[text]
    ids = torch.tensor([[start, 40, 41, 42, end]])
    padded = torch.cat([ids, torch.full((1, 6), padding_id(dual_table("htsat", text)))], dim=1)
    mask = (torch.arange(11) < 5).long()[None]
    with torch.inference_mode():
        alone = model.pool_text(ids, torch.ones_like(ids))
        torch.testing.assert_close(model.pool_text(padded, mask), alone, atol=1e-5, rtol=0)
        other = model.pool_text(torch.tensor([[start, 42, 41, 40, end]]), torch.ones_like(ids))
    assert not torch.allclose(other, alone, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "width", "parameters"),
    [
        ("htsat-tiny", 768, 27_534_488),
        ("htsat-tiny-fused", 768, 27_549_128),
        ("htsat-base", 1024, 67_824_408),
        ("cnn14", 2048, 79_673_792),
    ],
)
def test_sizes_of_the_audio_towers(name: str, width: int, parameters: int) -> None:
    with torch.device("meta"):
        model = DualEncoder(dual_config(audio_preset(name), dual_table("htsat", "bert")["text_config"]))
    assert (model.audio_width, count(model.audio_model)) == (width, parameters)


@pytest.mark.parametrize(
    ("name", "width", "millions"), [("roberta", 768, 124.6), ("bert", 768, 109.5), ("clip", 512, 63)]
)
def test_sizes_of_the_text_towers(name: str, width: int, millions: float) -> None:
    with torch.device("meta"):
        model = DualEncoder(dual_config(dual_table("htsat", "bert")["audio_config"], text_preset(name)))
    assert model.text_width == width
    assert count(model.text_model) / 1e6 == pytest.approx(millions, abs=0.5 if name == "clip" else 0.05)


def test_cnn14_is_the_published_one() -> None:
    with torch.device("meta"):
        tower = Cnn14(Cnn14Config(n_classes=527)).eval()
    assert count(tower) == 80_753_615
    blocks = {f"conv_block{number}.{layer}" for number in range(1, 7) for layer in ("conv1", "bn1", "conv2", "bn2")}
    assert {name.rpartition(".")[0] for name, _ in tower.named_parameters()} == {"bn0", "fc1", "fc_audioset"} | blocks
    assert all(parameter.dim() < 4 or "conv" in name for name, parameter in tower.named_parameters())
    counter = FlopCounterMode(display=False)
    with counter:
        tower(torch.empty(1, 1, 1001, 64, device="meta"))
    assert counter.get_total_flops() / 1e9 == pytest.approx(40.1, abs=0.1)


def test_cnn14_equals_its_formula() -> None:
    """Layer by layer from the paper, with nothing but functions."""
    torch.manual_seed(0)
    tower = Cnn14(Cnn14Config(widths=(4, 8, 8, 8, 8, 16))).eval()
    for module in tower.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean), nn.init.uniform_(module.running_var, 0.5, 2.0)
    tensors, x = tower.state_dict(), torch.randn(2, 1, 100, 64)

    def norm(maps: torch.Tensor, name: str) -> torch.Tensor:
        shape = (1, -1, 1, 1)
        mean, variance = (tensors[f"{name}.running_{what}"].view(shape) for what in ("mean", "var"))
        weight, bias = (tensors[f"{name}.{what}"].view(shape) for what in ("weight", "bias"))
        return (maps - mean) / (variance + 1e-5).sqrt() * weight + bias

    maps = norm(x.permute(0, 3, 2, 1), "bn0").permute(0, 3, 2, 1)
    for block in range(1, 7):
        for layer in (1, 2):
            maps = nn.functional.conv2d(maps, tensors[f"conv_block{block}.conv{layer}.weight"], padding=1)
            maps = norm(maps, f"conv_block{block}.bn{layer}").clamp(min=0)
        if block < 6:
            maps = nn.functional.avg_pool2d(maps, 2)
    over_time = maps.mean(dim=3)
    summed = over_time.max(dim=2).values + over_time.mean(dim=2)
    expected = (summed @ tensors["fc1.weight"].T + tensors["fc1.bias"]).clamp(min=0)
    with torch.inference_mode():
        torch.testing.assert_close(tower(x), expected)


@pytest.mark.parametrize("audio", FUSED)
def test_short_clips_do_not_feel_long_ones_beside_them(audio: str) -> None:
    model = dual(audio, "bert")
    mel = torch.randn(3, 4, 1001, 64)
    with torch.inference_mode():
        mixed = model.pool_audio(mel, torch.tensor([[False], [True], [False]]))
        short = model.pool_audio(mel[:, :1], torch.zeros(3, 1, dtype=torch.bool))
        torch.testing.assert_close(mixed[[0, 2]], short[[0, 2]], atol=1e-5, rtol=0)
        assert not torch.allclose(mixed[1], short[1], atol=1e-4)
        swapped = model.pool_audio(mel[:, [0, 3, 2, 1]], torch.tensor([[False], [True], [False]]))
    assert not torch.equal(mixed[1], swapped[1])  # the local views are read, and in order


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("long_clips", [0, 1, 2])
@pytest.mark.parametrize("audio", FUSED)
def test_training_with_few_long_clips(audio: str, long_clips: int, frozen: bool) -> None:
    """Every parameter gets a gradient, with frozen batch normalisation as with training one."""
    model = dual(audio, "bert").train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and frozen:
            module.eval()
    mel = torch.randn(3, 4, 1001, 64, generator=torch.Generator().manual_seed(0))
    longer = (torch.arange(3) < long_clips)[:, None]
    model.project_audio(model.pool_audio(mel, longer)).square().sum().backward()
    for part in (model.audio_model, model.audio_projection):
        for name, parameter in part.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    gates = [p.grad for name, p in model.audio_model.named_parameters() if "fusion_model" in name and p.dim() == 4]
    assert any(bool(gate.any()) for gate in gates if gate is not None) == (long_clips > 0)


def test_steady_normalisation_is_the_usual_one_where_that_is_defined() -> None:
    usual, steady = nn.BatchNorm2d(5), SteadyBatchNorm2d(5)
    many, one = torch.randn(4, 5, 3, 3), torch.randn(1, 5, 1, 1)
    for _ in range(2):
        torch.testing.assert_close(steady(many), usual(many))
    before = steady.running_mean.clone()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        usual(one)
    torch.testing.assert_close(steady(one), usual.eval()(one))
    assert torch.equal(steady.running_mean, before)


def test_a_tower_with_fusion_must_know_which_clips_are_longer() -> None:
    with pytest.raises(ValueError, match="longer"):
        dual("htsat-fused", "bert").pool_audio(torch.randn(1, 4, 1001, 64), None)


def test_names_that_are_not_known() -> None:
    with pytest.raises(ModelError, match="no audio tower called 'vggish'") as caught:
        audio_preset("vggish")
    assert "htsat-tiny-fused" in caught.value.hint
    with pytest.raises(ModelError, match="no text tower called 'gpt'"):
        text_preset("gpt")
    table = dual_table("htsat", "bert")
    with pytest.raises(ModelError, match="soundsearch_new"):
        DualEncoder({**table, "audio_config": {"model_type": "soundsearch_new"}})
    with pytest.raises(ModelError, match="text tower gpt"):
        DualEncoder({**table, "text_config": {"model_type": "gpt"}})
    with pytest.raises(ModelError, match="cannot be used"):
        DualEncoder({**table, "text_config": {**table["text_config"], "hidden_act": "no such"}})


def test_default_front_ends() -> None:
    assert default_front_end(dual_table("htsat-fused", "bert")).long == "fusion"
    assert default_front_end(dual_table("cnn14", "bert")).mel == "slaney"


def test_timm_is_asked_for_in_words() -> None:
    table = dual_table("timm", "bert")
    if timm_tower.available():
        with pytest.raises(ModelError, match="cannot make the audio tower 'no_such_net'"):
            DualEncoder({**table, "audio_config": audio_preset("timm:no_such_net")})
    else:
        with pytest.raises(ModelError, match="needs timm") as caught:
            DualEncoder(table)
        assert "soundsearch[timm]" in caught.value.hint


@pytest.mark.parametrize("name", ["mobilenetv4_conv_small", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_timm_backbones_of_every_kind(name: str) -> None:
    needs_timm("timm")
    model = DualEncoder({**dual_table("timm", "bert"), "audio_config": audio_preset(f"timm:{name}")}).train()
    mel = torch.randn(2, 1, 1001, 64)
    pooled = model.pool_audio(mel, None)
    assert pooled.shape == (2, model.audio_width)
    pooled.sum().backward()
    with torch.inference_mode():
        moved = torch.cat([mel[:, :, 500:], mel[:, :, :500]], dim=2)
        assert not torch.allclose(model.eval().pool_audio(mel, None), model.pool_audio(moved, None), atol=1e-6)

"""Published weights into towers: folders of transformers, a hub on this machine, files of PANN and timm."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertForPreTraining,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    RobertaConfig,
    RobertaForMaskedLM,
)

from soundsearch.errors import ModelError, TrainingError
from soundsearch.model import timm_tower
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import load_dual
from soundsearch.model.cnn14 import Cnn14
from soundsearch.model.towers import DualEncoder, audio_preset, dual_config
from tests.bundles import dual, dual_bundle, dual_table
from tests.model.test_download import Hub, Request
from tests.trainer.test_official import official_tensors
from trainer import official, pretrained

SHAPE = {
    "vocab_size": 120, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 80,
    "max_position_embeddings": 90,
}  # fmt: skip
COMMIT = "fedcba9876543210fedcba9876543210fedcba98"


def saved(kind: str, folder: Path) -> Any:
    """Save a model of transformers' own, of the class that its hub repository holds; return its text tower."""
    torch.manual_seed(5)
    if kind == "roberta":
        whole: Any = RobertaForMaskedLM(RobertaConfig(**SHAPE, type_vocab_size=1, pad_token_id=1))
        tower = whole.roberta
    elif kind == "bert":
        whole = BertForPreTraining(BertConfig(**SHAPE))
        tower = whole.bert
    else:
        picture = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        text = {**SHAPE, "eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1}  # as in the published file: wrong
        whole = CLIPModel(CLIPConfig(text_config=text, vision_config={**picture, "image_size": 32, "patch_size": 16}))
        tower = whole.text_model
    with torch.no_grad():
        for parameter in whole.parameters():
            parameter.normal_(0, 0.3)
    whole.save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    return tower.eval()


def built(folder: Path) -> DualEncoder:
    """A dual encoder with the text tower that a folder describes."""
    return DualEncoder(
        dual_config(dual_table("htsat", "bert")["audio_config"], pretrained.text_config(folder), 32)
    ).eval()


@pytest.mark.parametrize("kind", ["bert", "clip", "roberta"])
def test_text_towers_from_folders(kind: str, tmp_path: Path) -> None:
    tower = saved(kind, tmp_path)
    model = built(tmp_path)
    filled = pretrained.fill_text(model, tmp_path)
    ids = torch.tensor([[0, 7, 8, 9, 10, 2]])
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        if kind == "clip":
            ids = torch.tensor([[0, 7, 8, 9, 119, 5]])  # the published config ends where the id is highest
            table = {
                **dual_table("htsat", "clip"),
                "text_config": {**pretrained.text_config(tmp_path), "eos_token_id": 119},
            }
            other = DualEncoder(table).eval()
            pretrained.fill_text(other, tmp_path)
            torch.testing.assert_close(other.pool_text(ids, mask), tower(ids, mask).pooler_output)
        else:
            hidden = model.text_model(ids, mask).last_hidden_state
            torch.testing.assert_close(hidden, tower(ids, mask).last_hidden_state, atol=1e-4, rtol=1e-4)
    if kind == "roberta":
        assert filled.fresh == ("text_model.pooler.dense.weight", "text_model.pooler.dense.bias")
        assert str(filled).endswith("2 tensors start at random, in pooler.")
    else:
        assert filled.fresh == () and str(filled) == f"The text tower starts from {tmp_path}."


def test_bert_with_the_old_names_of_its_norms(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tower = saved("bert", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for key, value in tensors.items()
    }
    assert old.keys() != tensors.keys()
    save_file(old, tmp_path / "model.safetensors")
    model = built(tmp_path)
    assert pretrained.fill_text(model, tmp_path).fresh == ()
    assert torch.equal(model.text_model.embeddings.LayerNorm.weight, tower.embeddings.LayerNorm.weight)


def test_presets_take_the_published_shapes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "roberta", "vocab_size": 50265, "hidden_size": 768})
    )
    table = pretrained.text_config(tmp_path)
    assert (table["model_type"], table["vocab_size"], table["layer_norm_eps"]) == ("clap_text_model", 50265, 1e-5)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(TrainingError, match="no text tower that can be used: 'gpt2'"):
        pretrained.text_config(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(TrainingError, match=r"config\.json cannot be read"):
        pretrained.fill_text(dual("htsat", "bert"), tmp_path)


def test_other_sizes_and_kinds_are_refused(tmp_path: Path) -> None:
    saved("bert", tmp_path)
    with pytest.raises(TrainingError, match=r"another size: embeddings.word_embeddings.weight is \(120, 48\) there"):
        pretrained.fill_text(dual("htsat", "bert"), tmp_path)
    with pytest.raises(TrainingError, match="no weights of this text tower"):
        pretrained.fill_text(dual("htsat", "clip"), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match="has no weights"):
        pretrained.fill_text(dual("htsat", "bert"), tmp_path)


@pytest.mark.parametrize("tower", ["audio", "text"])
def test_either_tower_of_a_clap(tower: str, tmp_path: Path) -> None:
    source = load_dual(dual_bundle(tmp_path / "source", "htsat", "bert", seed=3))
    model = dual("htsat", "bert", seed=4)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    filled = (pretrained.fill_audio if tower == "audio" else pretrained.fill_text)(model, tmp_path / "source")
    assert filled.fresh == ()
    for key, value in model.state_dict().items():
        expected = source.state_dict()[key] if key.startswith(tower) else before[key]
        assert torch.equal(value, expected), key


def test_a_fused_tower_starts_from_one_without(tmp_path: Path) -> None:
    source = dual_bundle(tmp_path / "source", "htsat", "bert")
    model = dual("htsat-fused", "bert", seed=1)
    filled = pretrained.fill_audio(model, source.folder)
    assert filled.fresh and all("fusion_model" in name or "mel_conv2d" in name for name in filled.fresh)
    assert str(filled).endswith("in fusion_model, mel_conv2d.")


def test_a_projection_of_another_dimension_stays_random(tmp_path: Path) -> None:
    source = dual_bundle(tmp_path / "source", "htsat", "bert")
    table = {**dual_table("htsat", "bert"), "projection_dim": 16}
    filled = pretrained.fill_audio(DualEncoder(table), source.folder)
    assert {name.split(".")[0] for name in filled.fresh} == {"audio_projection"}


@pytest.mark.parametrize("zipped", [True, False])
def test_panns_checkpoint(zipped: bool, tmp_path: Path) -> None:
    """Layout of the released files: weights in "model", the sampler's numpy arrays beside, older ones not zipped."""
    source = dual("cnn14", "bert", seed=6).audio_model
    assert isinstance(source, Cnn14)
    extra = {"spectrogram_extractor.stft.conv_real.weight": torch.ones(2), "fc_audioset.weight": torch.ones(527, 32)}
    state = {
        "iteration": 600000,
        "model": {**source.state_dict(), **extra},
        "sampler": {"indexes": np.arange(5), "pointer": 2, "lists": [np.ones(2, np.int64)]},
    }
    torch.save(state, tmp_path / "Cnn14.pth", _use_new_zipfile_serialization=zipped)
    model = dual("cnn14", "roberta", seed=7)
    filled = pretrained.fill_audio(model, tmp_path / "Cnn14.pth")
    assert filled.fresh == () and set(filled.unused) == set(extra)
    for key, value in source.state_dict().items():
        assert torch.equal(model.audio_model.state_dict()[key], value), key


@pytest.mark.parametrize("prefix", ["sed_model.", "audio_branch."])
def test_the_official_htsat(prefix: str, tmp_path: Path) -> None:
    original = dual_bundle(tmp_path / "source", "htsat", "bert", seed=8)
    audio = {k: v for k, v in official_tensors(original).items() if k.startswith("audio_branch.")}
    named = {prefix + key.removeprefix("audio_branch."): value for key, value in audio.items()}
    torch.save({"epoch": 1, "state_dict": named}, tmp_path / "htsat.ckpt")
    model = dual("htsat", "bert", seed=9)
    filled = pretrained.fill_audio(model, tmp_path / "htsat.ckpt")
    assert filled.fresh == ()
    mel = torch.randn(1, 1, 1001, 64)
    with torch.inference_mode():
        assert torch.equal(model.pool_audio(mel), load_dual(original).pool_audio(mel))


def test_timm_weights_of_a_colour_model(tmp_path: Path) -> None:
    if not timm_tower.available():
        pytest.skip("timm is not installed here, or does not import")
    import timm

    torch.manual_seed(2)
    colour = timm.create_model("mobilenetv3_small_050", pretrained=False)
    torch.save(colour.state_dict(), tmp_path / "colour.pth")
    model = dual("timm", "bert")
    assert isinstance(model.audio_model, timm_tower.TimmAudio)
    filled = pretrained.fill_audio(model, tmp_path / "colour.pth")
    assert filled.fresh == ()
    stem = model.audio_model.backbone.conv_stem.weight
    torch.testing.assert_close(stem, colour.conv_stem.weight.sum(1, keepdim=True))
    assert torch.equal(model.audio_model.backbone.conv_head.weight, colour.conv_head.weight)
    other = DualEncoder({**dual_table("timm", "bert"), "audio_config": audio_preset("timm:resnet10t")})
    with pytest.raises(ModelError, match="cannot make the audio tower 'resnet10t'"):
        pretrained.fill_audio(other, tmp_path / "colour.pth")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with one BERT on its main branch, which says the commit as the real one does."""
    saved("bert", tmp_path / "origin")
    server = Hub()
    server.files = {file.name: file.read_bytes() for file in (tmp_path / "origin").iterdir()}

    def answer(request: Request) -> None:
        wanted = [f"/google/tiny-bert/resolve/{revision}/{request.name}" for revision in ("main", COMMIT)]
        if request.path in wanted and request.name in server.files:
            request.serve(server.files[request.name], X_Repo_Commit=COMMIT)
        else:
            request.error(404)

    server.answer = answer
    yield server
    server.stop()


def test_a_repository_is_fetched_once(hub: Hub, tmp_path: Path) -> None:
    heard: list[str] = []
    home = tmp_path / "home"
    found = pretrained.find("google/tiny-bert", home, hub.url + "/", heard.append)
    assert found == (home / "google--tiny-bert", COMMIT)
    assert {file.name for file in found.path.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert any("model.safetensors of google/tiny-bert" in line for line in heard)
    assert pretrained.fill_text(built(found.path), found.path).fresh == ()
    asked = len(hub.requests)
    for name in ("google/tiny-bert", f"google/tiny-bert@{COMMIT}"):
        assert pretrained.find(name, home, hub.url, heard.append) == found
    assert len(hub.requests) == asked


def test_an_interrupted_fetch_goes_on(hub: Hub, tmp_path: Path) -> None:
    well, cut = hub.answer, []

    def cutting(request: Request) -> None:
        if request.name == "model.safetensors" and len(cut) < 3:
            cut.append(request.range)
            request.serve(hub.files[request.name], upto=40_000, X_Repo_Commit=COMMIT)
        else:
            well(request)

    hub.answer = cutting
    found = pretrained.find("google/tiny-bert", tmp_path / "home", hub.url, lambda _: None)
    assert (found.path / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert cut[-1] is not None  # the rest was asked for, not the whole again


def test_what_the_hub_does_not_have(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"

    def find(source: str) -> None:
        pretrained.find(source, home, hub.url, lambda _: None)

    with pytest.raises(ModelError, match="has no model google/none at main"):
        find("google/none")
    with pytest.raises(ModelError, match="has no model google/tiny-bert at v2"):
        find("google/tiny-bert@v2")
    del hub.files["model.safetensors"]
    with pytest.raises(ModelError, match="no weights in one file"):
        find("google/tiny-bert")
    hub.answer = lambda request: request.error(503)
    with pytest.raises(ModelError, match="again and again"):
        find("google/tiny-bert")
    hub.answer = lambda request: request.error(403)
    with pytest.raises(ModelError, match="HTTP 403"):
        find("google/tiny-bert")
    with pytest.raises(ModelError, match=r"no file or folder \./not here"):
        find("./not here")
    assert not home.exists()


def test_a_local_folder_needs_no_hub(tmp_path: Path) -> None:
    saved("bert", tmp_path / "mine")
    assert pretrained.find(str(tmp_path / "mine"), tmp_path, "http://127.0.0.1:9", print) == (tmp_path / "mine", "")


def test_the_text_half_of_clip_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    tower = CLIPTextModel(CLIPTextConfig(**SHAPE, eos_token_id=119, bos_token_id=0, pad_token_id=119)).eval()
    tower.save_pretrained(tmp_path)
    model = built(tmp_path)
    assert pretrained.fill_text(model, tmp_path).fresh == ()
    for key, value in tower.state_dict().items():
        assert torch.equal(model.text_model.state_dict()[key], value), key


def test_a_whole_official_checkpoint_gives_its_audio_tower(tmp_path: Path) -> None:
    bundle: Bundle = dual_bundle(tmp_path / "source", "cnn14", "bert")
    torch.save({"state_dict": official_tensors(bundle)}, tmp_path / "clap.pt")
    assert official.read_checkpoint(tmp_path / "clap.pt")
    assert pretrained.fill_audio(dual("cnn14", "clip", seed=2), tmp_path / "clap.pt").fresh == ()

"""Checkpoints in the official layout, made by the inverse of the importer's renaming from models of random weights."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import ClapConfig

from soundsearch.audio.features import features
from soundsearch.errors import ModelError, TrainingError
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder, load_dual
from soundsearch.model.towers import audio_preset
from tests.bundles import character_tokenizer, dual_bundle, save_clap
from tests.model.test_clap import sound
from trainer import official
from trainer.cli import main

OFFICIAL_NAMES = (
    (r"^batch_norm\.", "bn0."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"(layers\.\d+\.blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.attention\.self\.", ".attn."),
)
EXTRAS = (
    "audio_branch.spectrogram_extractor.stft.conv_real.weight",
    "audio_branch.logmel_extractor.melW",
    "audio_branch.tscam_conv.weight",
    "audio_branch.head.bias",
    "audio_branch.layers.0.blocks.0.attn_mask",
    "audio_branch.layers.0.blocks.0.attn.relative_position_index",
    "audio_transform.sequential.0.weight",
    "text_transform.sequential.3.bias",
    "text_branch.embeddings.position_ids",
)


def official_tensors(bundle: Bundle) -> dict[str, Tensor]:
    """The weights of a bundle under the official names, with the extra tensors that those files carry."""
    tensors: dict[str, Tensor] = {}
    for key, value in load_dual(bundle).state_dict().items():
        room, _, rest = key.partition(".")
        if room.endswith("_projection"):
            rest = rest.replace("linear1", "0").replace("linear2", "2")
            tensors[f"{room}.{rest}"] = value
        elif room == "text_model":
            tensors[f"text_branch.{rest}"] = value
        elif room == "audio_model":
            rest = rest.removeprefix("audio_encoder.")
            for pattern, name in OFFICIAL_NAMES:
                rest = re.sub(pattern, name, rest)
            tensors[f"audio_branch.{rest}"] = value
        else:
            tensors[key] = value
    for key in [key for key in tensors if ".attn.query." in key]:
        parts = [tensors.pop(key.replace("query", part)) for part in ("query", "key", "value")]
        tensors[key.replace("query", "qkv")] = torch.cat(parts)
    return {**tensors, **{key: torch.zeros(3) for key in EXTRAS if key not in tensors}}


def checkpoint(file: Path, tensors: dict[str, Any], prefix: str = "module.") -> Path:
    """Save as the official trainer does: optimiser, epoch and numpy scalars beside the weights."""
    state = {
        "epoch": 45,
        "name": "run",
        "best": np.float64(0.5),
        "seen": np.int64(7),
        "flag": np.bool_(True),
        "state_dict": {prefix + key: value for key, value in tensors.items()},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": np.float32(1e-4)}]},
    }
    torch.save(state, file)
    return file


@pytest.fixture(scope="module", params=["fused", "unfused"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny CLAP of either kind; its text tower has one head of 64, as the importer takes for granted."""
    folder = tmp_path_factory.mktemp("original") / request.param
    fused = request.param == "fused"
    audio = {"patch_embeds_hidden_size": 16, "hidden_size": 128, "depths": [1, 1, 2, 1]}
    text = {"vocab_size": 99, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1}
    config = ClapConfig(
        audio_config={**audio, "num_attention_heads": [1, 2, 4, 8], "enable_fusion": fused},
        text_config={**text, "intermediate_size": 96, "max_position_embeddings": 100, "layer_norm_eps": 1e-5},
        projection_dim=32,
    )
    save_clap(folder, config, fused=fused)
    character_tokenizer(folder / "tokenizer.json", start=0, padding=1, end=2)
    return Bundle.open(folder)


@pytest.mark.parametrize("prefix", ["module.", ""])
def test_an_official_checkpoint_embeds_as_the_original(original: Bundle, tmp_path: Path, prefix: str) -> None:
    file = checkpoint(tmp_path / "630k.pt", official_tensors(original), prefix)
    out = tmp_path / "imported"
    bundle = official.import_checkpoint(file, out, original.folder)
    bundle.verify()
    assert (bundle.title, bundle.front_end) == ("630k", original.front_end)
    clips = [features(sound(seconds), bundle.front_end) for seconds in (0.5, 25.0)]
    texts = ["a dog", "rain on a tin roof"]
    imported, before = (ClapEncoder(b, "cpu", "float32") for b in (bundle, original))
    assert imported.embed_features(clips).tobytes() == before.embed_features(clips).tobytes()
    assert imported.embed_texts(texts).tobytes() == before.embed_texts(texts).tobytes()


def test_cnn14_and_bert_import_as_well(tmp_path: Path) -> None:
    original = dual_bundle(tmp_path / "cnn", "cnn14-fused", "bert")
    tensors = official_tensors(original)
    config, converted = official.convert(tensors, "file.pt")
    assert config["audio_config"]["widths"] == [8, 16, 16, 32, 32, 32] and config["audio_config"]["enable_fusion"]
    assert (config["text_config"]["model_type"], config["text_config"]["num_hidden_layers"]) == ("bert", 1)
    assert torch.equal(converted["audio_model.fc1.weight"], tensors["audio_branch.fc1.weight"])


def test_the_published_shapes_are_told_apart() -> None:
    """Tensors of the published sizes, without their content."""
    for name in ("htsat-tiny", "htsat-tiny-fused", "htsat-base"):
        preset = audio_preset(name)
        width, depths, heads = (preset[key] for key in ("patch_embeds_hidden_size", "depths", "num_attention_heads"))
        empty = {"patch_embed.proj.weight": (width, 1, 4, 4), "norm.weight": (width * 8,)}
        if preset["enable_fusion"]:
            empty["patch_embed.mel_conv2d.weight"] = (width, 1, 4, 12)
        for stage, depth in enumerate(depths):
            for block in range(depth):
                empty[f"layers.{stage}.blocks.{block}.attn.qkv.weight"] = (3, 1)
                empty[f"layers.{stage}.blocks.{block}.attn.relative_position_bias_table"] = (225, heads[stage])
        assert official.audio_config({key: torch.empty(shape) for key, shape in empty.items()}) == preset


def test_files_of_old_numpy_open(original: Bundle, tmp_path: Path) -> None:
    """The released files were pickled when numpy's room was called numpy.core."""
    file = checkpoint(tmp_path / "new.pt", official_tensors(original))
    old = tmp_path / "old.pt"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(old, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                assert b"numpy._core.multiarray" in data
                data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            target.writestr(entry.filename.replace("new/", "old/"), data)
    assert official.read_checkpoint(old).keys() == official.read_checkpoint(file).keys()


class Harm:
    """Something that runs when it is unpickled without restriction."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("harmed"),)


@pytest.mark.parametrize("place", ["epoch", "state_dict"])
def test_a_harmful_checkpoint_is_refused_and_does_not_run(
    original: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "harm.pt"
    tensors = official_tensors(original)
    torch.save({"epoch": 1, "state_dict": tensors, place: {**tensors, "x": Harm()}}, file)
    with pytest.raises(TrainingError, match=r"more than tensors and numbers: \w") as caught:
        official.import_checkpoint(file, tmp_path / "out", original.folder)
    assert "run programs" in caught.value.hint
    assert not Path("harmed").exists() and not Path("out").exists()
    torch.load(file, weights_only=False)  # the harm is real
    assert Path("harmed").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.pop("audio_branch.norm.weight"), r"has no norm\.weight"),
        (lambda t: t.pop("audio_branch.norm.bias"), "lack 1 tensors"),
        (lambda t: t.pop("text_projection.2.bias"), "lack 1 tensors"),
        (lambda t: t.pop("text_branch.embeddings.token_type_embeddings.weight"), "has no embeddings"),
        (lambda t: t.update({"audio_branch.wavelets.weight": torch.ones(1)}), "not known: .*wavelets"),
        (lambda t: [t.pop(key) for key in [*t] if key.startswith("text_branch")], "lacks a tower"),
        (lambda t: t.clear(), "no weights"),
    ],
)
def test_what_is_lacking_is_named(original: Bundle, tmp_path: Path, damage: Any, message: str) -> None:
    tensors = official_tensors(original)
    damage(tensors)
    with pytest.raises(TrainingError, match=message):
        official.import_checkpoint(checkpoint(tmp_path / "file.pt", tensors), tmp_path / "out", original.folder)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF____WAVE", b"PK\3\4 not a zip", b'{"model_type": "clap"}', b"\x80\x02."]
)
def test_what_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.pt").write_bytes(content)
    with pytest.raises(TrainingError, match="is not a checkpoint, or damaged"):
        official.read_checkpoint(tmp_path / "file.pt")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Cannot read the checkpoint"):
        official.read_checkpoint(tmp_path / "none.pt")


def test_a_tokenizer_of_another_text_tower_is_refused(original: Bundle, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    table = json.loads((original.folder / "tokenizer.json").read_text())
    table["model"]["vocab"]["extra"] = 99
    (other / "tokenizer.json").write_text(json.dumps(table))
    file = checkpoint(tmp_path / "file.pt", official_tensors(original))
    with pytest.raises(ModelError, match="The tokenizer has 100 tokens and the text tower 99"):
        official.import_checkpoint(file, tmp_path / "out", other)
    assert not (tmp_path / "out" / "soundsearch.json").exists()  # it is not left behind as something to choose


def test_the_command(original: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = checkpoint(tmp_path / "file.pt", official_tensors(original))
    out, home = tmp_path / "out", tmp_path / "home"
    assert main(["import", str(file), "--out", str(out), "--data-dir", str(home)]) == 1
    assert "tokenizer" in capsys.readouterr().err
    installed = home / "models" / "clap-htsat-fused"
    installed.mkdir(parents=True)
    (installed / "tokenizer.json").write_bytes((original.folder / "tokenizer.json").read_bytes())
    assert main(["--json", "import", str(file), "--out", str(out), "--data-dir", str(home), "--title", "Ours"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["title"], result["bundle_id"]) == ("Ours", Bundle.open(out).id)
    assert result["fused"] == (original.front_end.long == "fusion")
    assert main(["import", str(file), "--out", str(out), "--tokenizer", str(tmp_path)]) == 1
    assert "no tokenizer.json" in capsys.readouterr().err

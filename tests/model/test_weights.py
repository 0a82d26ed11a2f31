"""Bundles that are written: whole ones, and those that differ from another one in a projection."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from soundsearch.audio.features import features
from soundsearch.errors import ModelError
from soundsearch.model.bundle import PROJECTION, Bundle
from soundsearch.model.clap import ClapEncoder, load_dual
from soundsearch.model.weights import pack_rows, read_tensors, save_bundle, save_projection_bundle, tokenizer_files
from tests.model.test_clap import sound

ABOUT = {"name": "mine", "title": "Mine", "personal": {"clips": 12}}


@pytest.fixture
def base(tiny_model: Path) -> Bundle:
    return Bundle.open(tiny_model)


def trained(seed: int, dimension: int = 32) -> dict[str, torch.Tensor]:
    """Another last layer of the audio projection."""
    return {
        "audio_projection.linear2.weight": torch.randn(
            dimension, dimension, generator=torch.Generator().manual_seed(seed)
        )
    }


def test_a_projection_overrides_the_base(base: Bundle, tmp_path: Path) -> None:
    child = save_projection_bundle(tmp_path / "child", base, trained(1), ABOUT)
    child.verify()
    assert child.weights[-1].name == PROJECTION and child.manifest["personal"] == {"clips": 12}
    assert (child.front_end, child.name, child.title) == (base.front_end, "mine", "Mine")
    weights = load_dual(child).state_dict()
    for key, value in load_dual(base).state_dict().items():
        assert torch.equal(weights[key], value) == (key not in trained(1)), key
    assert torch.equal(weights["audio_projection.linear2.weight"], trained(1)["audio_projection.linear2.weight"])
    assert child.id != base.id and child.tower_id == base.tower_id


def test_pooled_features_of_a_base_serve_its_children(base: Bundle, tmp_path: Path) -> None:
    child = ClapEncoder(save_projection_bundle(tmp_path / "child", base, trained(1), ABOUT), "cpu", "float32")
    parent = ClapEncoder(base, "cpu", "float32")
    clips = [features(sound(seconds), base.front_end) for seconds in (0.2, 25.0, 3.0)]
    pooled = parent.pool_features(clips)
    assert [rows.shape for rows in pooled] == [(1, 128)] * 3
    assert child.project(pooled).tobytes() == child.embed_features(clips).tobytes()
    assert parent.project(pooled).tobytes() == parent.embed_features(clips).tobytes()
    assert not np.allclose(child.project(pooled), parent.project(pooled), atol=1e-2)
    assert child.project(pooled[1:2]).tobytes() == child.project(pooled)[1].tobytes()
    assert child.project([]).shape == (0, 32) and child.pool_features([]) == []


def test_a_grandchild_keeps_what_it_did_not_change(base: Bundle, tmp_path: Path) -> None:
    child = save_projection_bundle(tmp_path / "child", base, trained(1), ABOUT)
    grandchild = save_projection_bundle(tmp_path / "grandchild", child, {"logit_scale_a": torch.tensor(3.0)}, ABOUT)
    weights = load_dual(grandchild).state_dict()
    assert torch.equal(weights["audio_projection.linear2.weight"], trained(1)["audio_projection.linear2.weight"])
    assert weights["logit_scale_a"] == 3.0
    assert grandchild.tower_id == base.tower_id and len({base.id, child.id, grandchild.id}) == 3


def test_writing_again_leaves_the_base_alone(base: Bundle, tmp_path: Path) -> None:
    """The files of a child are links: what is written over it must not reach the base."""
    source = Bundle.open(shutil.copytree(base.folder, tmp_path / "base"))
    child = save_projection_bundle(tmp_path / "child", source, trained(1), ABOUT)
    tensors = {key: torch.zeros_like(value) for key, value in load_dual(source).state_dict().items()}
    whole = save_bundle(
        child.folder,
        source.config,
        tensors,
        tokenizer_files(source.folder),
        source.front_end,
        {**ABOUT, "title": "New"},
    )
    assert whole.title == "New" and not (child.folder / PROJECTION).exists()
    assert Bundle.open(source.folder).id == base.id
    with pytest.raises(ModelError, match="over the one"):
        save_projection_bundle(source.folder, source, trained(1), ABOUT)
    assert Bundle.open(source.folder).id == base.id


def test_tower_id_changes_with_the_tower(base: Bundle, tmp_path: Path) -> None:
    tensors = load_dual(base).state_dict()
    files = tokenizer_files(base.folder)

    def saved(name: str, **changed: torch.Tensor) -> Bundle:
        return save_bundle(tmp_path / name, base.config, {**tensors, **changed}, files, base.front_end, ABOUT)

    plain = saved("plain")
    assert saved("again").tower_id == plain.tower_id and saved("again").id == plain.id
    bias = "audio_model.audio_encoder.norm.bias"
    assert saved("other", **{bias: torch.ones(128)}).tower_id != plain.tower_id
    other_sound = save_bundle(tmp_path / "sound", base.config, tensors, files, type(base.front_end)(f_min=20.0), ABOUT)
    assert other_sound.tower_id != plain.tower_id


def test_a_whole_bundle_lists_what_lies_beside_it(base: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "report.html").write_text("<p>words</p>")
    tensors = {key: value.half() for key, value in load_dual(base).state_dict().items()}
    bundle = save_bundle(folder, base.config, tensors, tokenizer_files(base.folder), base.front_end, ABOUT)
    assert {"report.html", "audio.safetensors", "text.safetensors", "tokenizer.json"} <= set(bundle.manifest["files"])
    stored = read_tensors(folder / "audio.safetensors")
    assert all(key.startswith(("audio_", "logit_scale")) for key in stored)
    assert not any(key.endswith(("num_batches_tracked", "relative_position_index")) for key in stored)
    assert all(value.dtype == torch.half for value in load_file(folder / "text.safetensors").values())
    clip = features(sound(1.0), base.front_end)
    rows = [ClapEncoder(b, "cpu", "float32").embed_features([clip])[0] for b in (base, bundle)]
    assert rows[0] @ rows[1] > 0.9999


def test_a_projection_alone_is_no_model(base: Bundle, tmp_path: Path) -> None:
    child = save_projection_bundle(tmp_path / "child", base, trained(1), ABOUT)
    for name in ("soundsearch.json", "model.safetensors"):
        (child.folder / name).unlink()
    with pytest.raises(ModelError, match="has no weights"):
        Bundle.open(child.folder)


def test_a_folder_that_cannot_be_written(base: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="Cannot write the model"):
        save_projection_bundle(tmp_path / "file", base, trained(1), ABOUT)
    with pytest.raises(ModelError, match="Cannot write the model"):
        save_bundle(tmp_path / "file" / "in", base.config, {}, (), base.front_end, ABOUT)


def test_matrices_in_int8_come_back_nearly_the_same_and_run(base: Bundle, tmp_path: Path) -> None:
    tensors = {key: value for key, value in load_dual(base).state_dict().items() if value.is_floating_point()}
    tensors["text_model.zero"] = torch.zeros(3, 4)
    packed = pack_rows(tensors)
    save_file({key: value.contiguous() for key, value in packed.items()}, tmp_path / "all.safetensors")
    assert (tmp_path / "all.safetensors").stat().st_size < 0.6 * sum(
        2 * value.numel() for value in tensors.values()
    ) + 1e5
    back = read_tensors(tmp_path / "all.safetensors")
    assert back.keys() == tensors.keys()
    for key, value in tensors.items():
        if value.ndim != 2:
            assert torch.equal(back[key], value), key
            continue
        step = value.abs().amax(1, keepdim=True) / 127
        assert bool(((back[key].float() - value).abs() <= 0.51 * step + 1e-3 * value.abs() + 1e-6).all()), key
    assert not bool(back["text_model.zero"].any())

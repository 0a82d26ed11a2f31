"""From the hub to a usable model: download, bring into safetensors, let through the load gate."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from soundsearch.errors import ModelError
from soundsearch.model import store as store_room
from soundsearch.model.hub import HubFile, HubModel
from soundsearch.model.store import ModelStore
from tests.model.test_download import MODEL, Hub

NAMES = ("config.json", "preprocessor_config.json", "tokenizer.json", "pytorch_model.bin")


@pytest.fixture
def hub(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that serves the tiny model as a checkpoint of the older kind."""
    tensors = load_file(tiny_model / "model.safetensors")
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    server = Hub()
    server.files = {name: (tiny_model / name).read_bytes() for name in NAMES[:-1]}
    server.files["pytorch_model.bin"] = (tmp_path / "pytorch_model.bin").read_bytes()
    model = replace(MODEL, files=tuple(HubFile(name) for name in NAMES))
    monkeypatch.setattr(store_room, "HUB_MODELS", (model,))
    monkeypatch.setattr(store_room, "hub_model", lambda name: _by_name(model, name))
    yield server
    server.stop()


def _by_name(model: HubModel, name: str) -> HubModel:
    if name != model.name:
        raise ModelError(f"There is no model {name!r} to download.")
    return model


def test_a_downloaded_model_is_checked_listed_and_usable(hub: Hub, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models", hub.url)
    phases = [progress.phase for progress in store.install("test-model")]
    assert phases[0] == "download" and phases[-1] == "check"
    bundle = store.open("test-model")
    assert [file.name for file in bundle.weights] == ["model.safetensors"]
    assert not (bundle.folder / "pytorch_model.bin").exists()
    assert json.loads((bundle.folder / "soundsearch.json").read_text())["source"]["revision"] == MODEL.revision
    assert {info.name: info.installed for info in store.list("starter")} == {"starter": True, "test-model": True}
    asked = len(hub.requests)
    list(store.install("test-model"))
    assert len(hub.requests) == asked  # what is there is not asked for again


def test_a_model_that_fails_the_gate_is_not_offered(hub: Hub, tmp_path: Path) -> None:
    hub.files["config.json"] = hub.files["config.json"].replace(b'"enable_fusion": true', b'"enable_fusion": false')
    store = ModelStore(tmp_path / "models", hub.url)
    with pytest.raises(ModelError):
        list(store.install("test-model"))
    with pytest.raises(ModelError, match="not downloaded yet"):
        store.open("test-model")
    assert [info.installed for info in store.list("starter") if info.name == "test-model"] == [False]


def test_a_model_damaged_on_disk_is_found_by_the_check(hub: Hub, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models", hub.url)
    list(store.install("test-model"))
    file = store.open("test-model").folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 255
    file.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged"):
        store.check("test-model")

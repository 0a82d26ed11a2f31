import json
import shutil
from pathlib import Path

import pytest

from soundsearch.audio.features import FrontEnd
from soundsearch.errors import ModelError
from soundsearch.model.bundle import Bundle, write_manifest
from soundsearch.model.store import ModelStore

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model, tmp_path / "models" / "mine")


def manifest(folder: Path) -> None:
    write_manifest(
        folder, name="mine", title="Mine", description="", licence="", front_end=Bundle.open(folder).front_end
    )


def test_the_id_names_the_content_and_not_the_place(folder: Path, tiny_model: Path) -> None:
    plain = Bundle.open(folder).id
    assert plain == Bundle.open(tiny_model).id
    manifest(folder)
    assert Bundle.open(folder).id == plain
    (folder / "MODEL_CARD.md").write_text("words")
    assert Bundle.open(folder).id == plain
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    manifest(folder)
    assert Bundle.open(folder).id != plain


def test_a_damaged_file_is_noticed(folder: Path) -> None:
    manifest(folder)
    Bundle.open(folder).verify()
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[len(weights) // 2] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match="is damaged"):
        Bundle.open(folder).verify()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "There is no model in"),
        (lambda f: (f / "config.json").write_text("{"), "Cannot read"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "not a CLAP model"),
        (lambda f: (f / "model.safetensors").unlink(), "has no weights"),
        (lambda f: (f / "soundsearch.json").write_text('{"format": 2}'), "newer soundsearch"),
        (lambda f: (f / "soundsearch.json").write_text('{"front_end": {"colour": 1}}'), "not known: colour"),
    ],
)
def test_what_is_no_model_is_refused(folder: Path, break_it, message: str) -> None:
    break_it(folder)
    with pytest.raises(ModelError, match=message) as caught:
        Bundle.open(folder)
    assert caught.value.hint


def test_a_missing_file_of_the_manifest_is_named(folder: Path) -> None:
    manifest(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        Bundle.open(folder)


def test_fused_weights_never_meet_the_other_front_end(folder: Path) -> None:
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "truncation": "rand_trunc"}))
    with pytest.raises(ModelError, match="other kind's front end"):
        Bundle.open(folder)
    file.unlink()
    assert Bundle.open(folder).front_end == FrontEnd()


def test_models_are_found_by_name_or_folder(folder: Path) -> None:
    store = ModelStore(folder.parent, NOWHERE)
    assert store.open("starter").dimension == 384
    assert store.open(str(folder)).folder == folder
    with pytest.raises(ModelError, match="no model called 'mine'"):
        store.open("mine")  # no manifest yet: a folder that is half there is not offered
    manifest(folder)
    assert store.open("mine").folder == folder
    with pytest.raises(ModelError, match="not downloaded yet") as caught:
        store.open("laion/clap-htsat-fused")
    assert "models download clap-htsat-fused" in caught.value.hint


def test_the_list_names_the_starter_the_hubs_and_ones_own(folder: Path) -> None:
    manifest(folder)
    infos = {info.name: info for info in ModelStore(folder.parent, NOWHERE).list("mine")}
    assert next(iter(infos)) == "starter" and infos["starter"].installed
    assert infos["clap-htsat-fused"].recommended and not infos["clap-htsat-fused"].installed
    assert infos["mine"].active and infos["mine"].installed


def test_the_starter_fits_its_limits() -> None:
    bundle = ModelStore(Path("nowhere"), NOWHERE).open("starter")
    bundle.verify()
    assert bundle.size_bytes < 60_000_000 and bundle.licence

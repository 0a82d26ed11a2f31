"""The encoder against transformers' towers with the same weights, and the promises about its embeddings."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ClapModel

from soundsearch.audio.features import Features, features
from soundsearch.errors import ModelError
from soundsearch.model import clap
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder
from soundsearch.model.weights import convert_weights, read_tensors
from soundsearch.records import FloatArray
from tests.bundles import PARAMETERS, Kind, published, tiny

LENGTHS_S = (0.2, 3.0, 10.0, 10.005, 25.0)


def sound(seconds: float, seed: int = 0, rate: int = 48_000) -> FloatArray:
    """Noise through a falling filter, so that every part of a long clip differs."""
    n = int(seconds * rate)
    noise = np.random.default_rng(seed).standard_normal(n)
    sweep = np.sin(2 * np.pi * np.cumsum(np.linspace(200, 4000, n)) / rate)
    return (0.05 * noise + 0.3 * sweep).astype(np.float32)


@pytest.fixture(scope="session", params=["fused", "unfused", "base"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kind, Path]]:
    """A checkpoint in an exact published configuration with random weights."""
    folder = tmp_path_factory.mktemp(request.param)
    model = published(folder, request.param)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[request.param]
    yield request.param, folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> ClapEncoder:
    return ClapEncoder(Bundle.open(tiny_model), "cpu", "float32")


def reference(model: ClapModel, batch: list[Features], fused: bool) -> FloatArray:
    """What transformers' tower and projection make of the same features."""
    mel = torch.from_numpy(
        np.stack([np.repeat(f.mel, 4, axis=0) if fused and len(f.mel) == 1 else f.mel for f in batch])
    )
    longer = torch.tensor([[f.longer] for f in batch])
    with torch.inference_mode():
        rows: FloatArray = model.get_audio_features(input_features=mel, is_longer=longer).pooler_output.numpy()
    return rows


@pytest.mark.slow
def test_equals_transformers_in_the_published_configurations(checkpoint: tuple[Kind, Path]) -> None:
    kind, folder = checkpoint
    bundle = Bundle.open(folder)
    encoder = ClapEncoder(bundle, "cpu", "float32")
    clips = [features(sound(seconds), bundle.front_end) for seconds in LENGTHS_S]
    expected = reference(ClapModel.from_pretrained(folder).eval(), clips, kind == "fused")
    mixed = encoder.embed_features(clips)
    assert (mixed * expected).sum(axis=1).min() > 0.9999
    np.testing.assert_allclose(mixed, expected, atol=1e-4)
    for row, clip in zip(mixed, clips, strict=True):
        assert encoder.embed_features([clip])[0].tobytes() == row.tobytes()
    assert [clip.longer for clip in clips] == [False, False, False, False, kind == "fused"] or kind != "fused"


def test_texts_equal_transformers(encoder: ClapEncoder, tiny_model: Path) -> None:
    model = ClapModel.from_pretrained(tiny_model).eval()
    texts = ["a dog", "a much longer description of a sound", "x"]
    rows = encoder.embed_texts(texts)
    for text, row in zip(texts, rows, strict=True):
        ids = torch.tensor([[0, *(ord(c) - 28 for c in text), 2]])
        with torch.inference_mode():
            expected = model.get_text_features(input_ids=ids, attention_mask=torch.ones_like(ids)).pooler_output[0]
        np.testing.assert_allclose(row, expected.numpy(), atol=1e-5)


def test_long_texts_keep_their_end_token(encoder: ClapEncoder) -> None:
    long = "abcdefghij" * 20
    assert np.array_equal(encoder.embed_texts([long])[0], encoder.embed_texts([long[:75]])[0])
    assert not np.array_equal(encoder.embed_texts([long])[0], encoder.embed_texts([long[:74]])[0])


def test_rows_are_unit_vectors(encoder: ClapEncoder) -> None:
    clips = [features(sound(s), encoder.bundle.front_end) for s in (0.2, 12.0)]
    for rows in (encoder.embed_features(clips), encoder.embed_texts(["a", "b"])):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
        assert rows.dtype == np.float32


def test_a_vector_does_not_depend_on_its_batch(encoder: ClapEncoder) -> None:
    clips = [features(sound(s, seed=i), encoder.bundle.front_end) for i, s in enumerate((1.0, 25.0, 0.3, 11.0, 2.0))]
    together = encoder.embed_features(clips)
    backwards = encoder.embed_features(clips[::-1])[::-1]
    assert together.tobytes() == backwards.tobytes()
    assert all(
        encoder.embed_features([clip])[0].tobytes() == row.tobytes() for clip, row in zip(clips, together, strict=True)
    )


def test_another_process_gives_the_same_bytes(encoder: ClapEncoder, tiny_model: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.model.test_clap import sound\n"
        "from soundsearch.model.bundle import Bundle; from soundsearch.model.clap import ClapEncoder\n"
        "encoder = ClapEncoder(Bundle.open(Path(sys.argv[1])), 'cpu', 'float32')\n"
        "print(encoder.embed_audio(sound(2.0)).tobytes().hex() + encoder.embed_texts(['a dog'])[0].tobytes().hex())"
    )
    root = Path(__file__).parents[2]
    output = subprocess.run(
        [sys.executable, "-c", program, str(tiny_model)], cwd=root, capture_output=True, text=True, check=True
    )
    here = encoder.embed_audio(sound(2.0)).tobytes().hex() + encoder.embed_texts(["a dog"])[0].tobytes().hex()
    assert output.stdout.strip() == here


def test_silence_and_clicks_are_finite(encoder: ClapEncoder) -> None:
    for samples in (np.zeros(48_000), np.eye(1, 48_000)[0], np.ones(1), np.full(480_500, 1e-30)):
        assert np.isfinite(encoder.embed_audio(samples.astype(np.float32))).all()


def test_a_clip_that_is_not_finite_leaves_its_neighbours_alone(encoder: ClapEncoder) -> None:
    good = features(sound(1.0), encoder.bundle.front_end)
    bad = Features(np.full_like(good.mel, np.nan), False)
    rows = encoder.embed_features([good, bad, good])
    assert rows[0].tobytes() == rows[2].tobytes() == encoder.embed_features([good])[0].tobytes()
    assert np.isnan(rows[1]).all()


def test_bfloat16_stays_close(tiny_model: Path, encoder: ClapEncoder) -> None:
    reduced = ClapEncoder(Bundle.open(tiny_model), "cpu", "bfloat16")
    clip = features(sound(1.0), encoder.bundle.front_end)
    cosine = float(reduced.embed_features([clip])[0] @ encoder.embed_features([clip])[0])
    assert 0.997 < cosine < 1.0
    assert 0.999 < float((reduced.embed_texts(["a dog"]) * encoder.embed_texts(["a dog"])).sum()) < 1.0
    assert (reduced.text_precision, encoder.text_precision) == ("bfloat16", "float32")


def test_texts_are_rounded_where_that_keeps_them(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    bundle, texts = Bundle.open(tiny_model), ["a dog", "rain"]
    exact = ClapEncoder(bundle, "cpu", "float32").embed_texts(texts)
    monkeypatch.setattr(clap, "MIN_BF16_TEXT_COSINE", 0.99)
    rounded = ClapEncoder(bundle, "cpu", "auto")
    assert rounded.text_precision == "bfloat16" and not np.array_equal(rounded.embed_texts(texts), exact)
    monkeypatch.setattr(clap, "MIN_BF16_TEXT_COSINE", 1.1)
    strict = ClapEncoder(bundle, "cpu", "auto")
    assert strict.text_precision == "float32" and strict.embed_texts(texts).tobytes() == exact.tobytes()


@pytest.mark.parametrize(
    ("name", "has_amx", "has_bf16", "expected"),
    [
        ("Intel(R) Xeon(R) Platinum 8481C", True, True, "bfloat16"),
        ("Intel(R) Xeon(R) Platinum 8380H", False, True, "float32"),
        ("AMD Ryzen 9 7950X", False, True, "bfloat16"),
        ("AMD Ryzen 9 5950X", False, False, "float32"),
    ],
)
def test_bfloat16_is_for_processors_that_are_faster_in_it(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, name: str, has_amx: bool, has_bf16: bool, expected: str
) -> None:
    found = {"cpu_name": name, "avx512_bf16": has_bf16}
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx, raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    monkeypatch.setattr(clap, "MIN_BF16_COSINE", 0.9)  # of random weights
    monkeypatch.setattr(clap, "MIN_BF16_TEXT_COSINE", 0.9)
    encoder = ClapEncoder(Bundle.open(tiny_model), "cpu", "auto")
    assert (encoder.precision, encoder.text_precision) == (expected, expected)


def test_running_out_of_memory_halves_the_batch(encoder: ClapEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_batch", 64)
    sizes: list[int] = []

    def embed(items: list[int]) -> list[int]:
        sizes.append(len(items))
        if len(items) > 10:
            raise torch.OutOfMemoryError("out of memory")
        return items

    assert encoder._in_batches(list(range(20)), embed) == list(range(20))
    assert sizes == [20, 20, 16, 8, 8, 4]
    monkeypatch.setattr(encoder, "_batch", 1)
    with pytest.raises(ModelError, match="too little memory"):
        encoder._in_batches(list(range(20)), lambda items: embed(items * 11))


def test_no_such_device(tiny_model: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a cuda device here")
    with pytest.raises(ModelError, match="no cuda device") as caught:
        ClapEncoder(Bundle.open(tiny_model), "cuda")
    assert caught.value.hint


def test_the_load_gate_lets_a_good_model_through(encoder: ClapEncoder) -> None:
    encoder.check()


def test_the_load_gate_stops_a_collapsed_text_tower(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "collapsed")
    tensors = load_file(folder / "model.safetensors")
    tensors["text_projection.linear2.weight"] *= 0
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="cannot tell texts apart"):
        ClapEncoder(Bundle.open(folder), "cpu").check()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.pop("audio_projection.linear1.weight"), "lack 1 tensors"),
        (lambda t: t.update({"text_projection.linear2.bias": torch.zeros(3)}), "has shape"),
    ],
)
def test_incomplete_weights_are_refused(tiny_model: Path, tmp_path: Path, damage, message: str) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "damaged")
    tensors = load_file(folder / "model.safetensors")
    damage(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=message):
        ClapEncoder(Bundle.open(folder), "cpu")


def test_old_checkpoints_may_hold_buffers(tiny_model: Path, tmp_path: Path, encoder: ClapEncoder) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "old")
    tensors = load_file(folder / "model.safetensors")
    tensors["text_model.embeddings.position_ids"] = torch.arange(100)[None]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert (
        ClapEncoder(Bundle.open(folder), "cpu", "float32").embed_texts(["a"]).tobytes()
        == encoder.embed_texts(["a"]).tobytes()
    )


def test_bin_weights_load_and_convert(tiny_model: Path, tmp_path: Path, encoder: ClapEncoder) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "bin")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    expected = encoder.embed_texts(["a dog"]).tobytes()
    assert ClapEncoder(Bundle.open(folder), "cpu", "float32").embed_texts(["a dog"]).tobytes() == expected
    convert_weights(folder / "pytorch_model.bin", folder / "model.safetensors")
    (folder / "pytorch_model.bin").unlink()
    assert ClapEncoder(Bundle.open(folder), "cpu", "float32").embed_texts(["a dog"]).tobytes() == expected


class Surprise:
    """What a harmful checkpoint would hold: something that runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("unpickled"),)  # type: ignore[return-value]


def test_nothing_but_tensors_is_ever_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Surprise()}, "bad.bin")
    with pytest.raises(ModelError, match="more than tensors"):
        read_tensors(Path("bad.bin"))
    assert not Path("unpickled").exists()
    Path("cut.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelError, match="Cannot read the weights"):
        read_tensors(Path("cut.safetensors"))


def test_unfused_tiny_model(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "unfused", fused=False)
    bundle = Bundle.open(folder)
    assert (bundle.front_end.mel, bundle.front_end.long, bundle.dimension) == ("slaney", "crop", 32)
    clip = features(sound(25.0), bundle.front_end)
    expected = reference(ClapModel.from_pretrained(folder).eval(), [clip], False)
    np.testing.assert_allclose(ClapEncoder(bundle, "cpu", "float32").embed_features([clip]), expected, atol=1e-5)

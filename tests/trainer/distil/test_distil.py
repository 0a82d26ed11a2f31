"""From a recipe to a bundle, in small: it learns, repeats, credits its clips and opens in the model room."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from soundsearch.audio.features import features
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder
from trainer import cli
from trainer.distil.config import DistilConfig
from trainer.distil.export import bundle_config
from trainer.distil.loop import Distiller, Step
from trainer.distil.phrasing import phrasings
from trainer.distil.synth.clips import MAKERS, synthetic_items
from trainer.distil.teacher import FRONT_END, load_teacher
from trainer.distil.text import TextTower

RATE = FRONT_END.sample_rate
SMALL = DistilConfig(
    steps=40, batch_size=8, warmup_steps=4, tower_rate=2e-3, tower_projection_rate=4e-3, projection_steps=0, dropout=0,
    class_weight=0, anchor_weight=0, mix_share=0, real_share=0, near_text=1.01, norm_momentum=1e-4,
)  # fmt: skip


@pytest.fixture(scope="module")
def towers(text_folder: Path, teacher_folder: Path):
    torch.set_num_threads(1)  # so that the same seed gives the same run on every machine's number of cores
    text = TextTower(text_folder)
    return load_teacher(teacher_folder, text, bundle_config(text)), text


@pytest.fixture(scope="module")
def clips():
    """Eight unlike sounds, 1.5 s at most, each with one text."""
    made = {item.label: item for item in synthetic_items(len(MAKERS), RATE, 5)}
    chosen = ["kick drum", "snare drum", "white noise", "click", "beep", "siren", "laser", "drone"]
    named = {**made, "white noise": next(item for label, item in made.items() if label.endswith(" noise"))}
    return [
        replace(named[label], captions=(label,), label=label, samples=named[label].samples[: RATE * 3 // 2])
        for label in chosen
    ]


def test_overfits_eight_clips(towers, clips) -> None:
    teacher, text = towers
    steps: list[Step] = []
    samples = [item.samples for item in clips]
    # Twice the rates, or half the steps, do not do for every rounding of another processor or library.
    recipe = replace(SMALL, steps=160, tower_rate=1e-3, tower_projection_rate=2e-3)
    model, _ = Distiller(recipe, clips, samples, teacher, text, FRONT_END, steps.append).run()
    with torch.no_grad():
        mels = [torch.from_numpy(features(clip, FRONT_END).mel)[:, None] for clip in samples]
        audio = torch.nn.functional.normalize(torch.cat([model(mel).audio_embeds for mel in mels]), dim=1)
    words = text.embed([item.captions[0] for item in clips])
    assert (audio @ words.T).argmax(1).tolist() == list(range(8))
    assert np.mean([step.contrastive for step in steps[-10:]]) < 0.4 * steps[0].contrastive


@pytest.mark.parametrize("start", ["teacher", "random"])
def test_same_seed_gives_the_same_weights_and_every_tensor_moves(start: str, towers, clips) -> None:
    teacher, text = towers
    recipe = replace(
        SMALL, start=start, steps=2, projection_steps=2, upper_steps=2, upper_batch=8, projection_batch=8, views=2,
        class_weight=1.0, anchor_weight=1.0, norm_momentum=0.01, mix_share=0.5,
    )  # fmt: skip
    samples = [item.samples for item in clips]
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    runs = [Distiller(recipe, clips, samples, teacher, text, FRONT_END).run()[0].state_dict() for _ in range(2)]
    for key, start in before.items():
        assert torch.equal(runs[0][key], runs[1][key]), key
        assert torch.equal(teacher.state_dict()[key], start), f"the teacher's {key} was changed"
        if start.is_floating_point():
            assert not torch.equal(runs[0][key], start), f"{key} is still the teacher's"


def test_anchor_keeps_the_tower_near_its_teacher(towers, clips) -> None:
    """Without an anchor the embeddings leave the teacher's place further behind."""
    teacher, text = towers
    samples = [item.samples for item in clips]
    far: dict[float, float] = {}
    for weight in (0.0, 20.0):
        steps: list[Step] = []
        recipe = replace(SMALL, steps=12, anchor_weight=weight, generated_anchor=1.0)
        Distiller(recipe, clips, samples, teacher, text, FRONT_END, steps.append).run()
        far[weight] = float(np.mean([step.anchor for step in steps[-3:]]))
    assert far[20.0] < 0.7 * far[0.0]


def library(folder: Path, n: int = 6) -> Path:
    """A manifest over real files, one of them broken, one copyleft, one of the validation split."""
    rows = []
    for k, item in enumerate(synthetic_items(n, RATE, 3)):
        path = folder / f"clip {k}.wav"
        soundfile.write(path, item.samples, RATE)
        rows.append({
            "path": path.name, "caption": item.captions[0], "label": item.label, "tags": "one-shot", "split": "train",
            "licence_class": "public-domain", "licence": "CC0-1.0", "author": "someone",
        })  # fmt: skip
    rows[0]["licence_class"] = "sharealike"
    rows[1]["split"] = "val"
    (folder / "clip 2.wav").write_bytes(b"not audio")
    manifest = folder / "clips.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return manifest


def test_command_line_makes_a_bundle_and_measures_it(
    tmp_path: Path, text_folder: Path, teacher_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = library(tmp_path)
    recipe = tmp_path / "small.toml"
    lines = ['name = "small"', 'title = "Small"', 'manifests = ["clips.csv"]', "synthetic_clips = 4"]
    recipe.write_text("\n".join([*lines, "steps = 2", "projection_steps = 2", "batch_size = 4"]))
    out = tmp_path / "bundle"
    arguments = ["distil", recipe, "--data", tmp_path, "--teacher", teacher_folder, "--text", text_folder, "--out", out]
    assert cli.main([*map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["recordings"], result["generated"]) == (3, 4)
    assert "Left out" in captured.err and "clip 2.wav" in captured.err

    with (out / "training-data.csv").open() as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["clip 3.wav", "clip 4.wav", "clip 5.wav"]
    bundle = Bundle.open(out)
    assert (bundle.name, bundle.dimension, bundle.front_end) == ("small", 384, FRONT_END)
    encoder = ClapEncoder(bundle, "cpu")
    vector = encoder.embed_audio(synthetic_items(1, RATE, 9)[0].samples)
    assert vector.shape == (384,) and abs(float(np.linalg.norm(vector)) - 1) < 1e-5

    assert cli.main(["--json", "eval", str(out), str(manifest), "--quiet"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["clips"] == 5 and measured["bundle_id"] == bundle.id
    assert 0 <= measured["text_to_audio"]["recall_1"]["value"] <= 1
    assert cli.main(["eval", str(out), str(manifest), "--split", "val", "--quiet", "--record"]) == 0
    assert json.loads((out / "soundsearch.json").read_text())["metrics"]["clips val"]["clips"] == 1
    assert Bundle.open(out).id == bundle.id, "a measurement does not change what embeddings are"
    assert capsys.readouterr().out.startswith("small: 1 clip\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepps = 3", "Did you mean steps?"),
        ("steps = 'many'", "must be of type int"),
        ("steps = 0\nprojection_steps = 0", "at least 1 step"),
        ("mix_share = 3.0", "between 0 and 1"),
        ("steps = = 3", "Cannot read the recipe"),
        ('start = "nothing"', "cannot start from 'nothing'"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "wrong.toml"
    recipe.write_text(text)
    folders = [
        "--data",
        str(tmp_path),
        "--teacher",
        str(tmp_path),
        "--text",
        str(tmp_path),
        "--out",
        str(tmp_path / "o"),
    ]
    assert cli.main(["distil", str(recipe), *folders]) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.out == ""


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["distil"])
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_phrasings_name_what_is_heard(clips) -> None:
    item = replace(clips[0], captions=("a crash cymbal, hard",), label="crash cymbal 2", tags=("one-shot", "metal"))
    assert phrasings(item) == ("a crash cymbal, hard", "crash cymbal", "crash", "crash cymbal, metal")

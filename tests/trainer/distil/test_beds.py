"""Sounds in beds: what is laid under them, and that a tower learns to hear them as it hears them alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from soundsearch.audio.windows import window_length_s
from soundsearch.records import FloatArray
from trainer.data import Item
from trainer.distil.beds import Beds, InBeds
from trainer.distil.config import DistilConfig
from trainer.distil.export import bundle_config
from trainer.distil.loop import Distiller, Step
from trainer.distil.synth.clips import MAKERS, synthetic_items
from trainer.distil.teacher import FRONT_END, load_teacher
from trainer.distil.text import TextTower

RATE = FRONT_END.sample_rate
RECIPE = DistilConfig(
    projection_steps=0, steps=0, bed_steps=10, bed_batch=8, bed_blend=1.0, bed_rate=2e-3, warmup_steps=2, real_share=0.5
)


@pytest.fixture(scope="module")
def clips() -> tuple[list[Item], list[FloatArray]]:
    """Made sounds, and a recording of rain that lasts 4 s."""
    made = [item for item in synthetic_items(len(MAKERS), RATE, 5) if item.samples is not None][:10]
    rain: FloatArray = (np.random.default_rng(0).standard_normal(4 * RATE) / 10).astype(np.float32)
    items = [*made, Item(path="rain.wav", captions=("rain",), label="rain"), Item("drip.wav", ("drip",), "rain drip")]
    waves = [item.samples[: 2 * RATE] for item in made if item.samples is not None]
    return items, [*waves, rain, rain[:RATE]]


def first(clips: tuple[list[Item], list[FloatArray]], seed: int) -> InBeds:
    return next(Beds(*clips, FRONT_END, np.random.default_rng(seed)).batches(RECIPE))


def test_a_batch_is_windows_with_and_without_their_beds(clips: tuple[list[Item], list[FloatArray]]) -> None:
    batch = first(clips, 1)
    frames = round(window_length_s(FRONT_END) * RATE) // FRONT_END.hop_samples
    assert len(batch.in_beds) == len(batch.alone) == len(batch.clips) == 6  # four made sounds, both recordings
    assert all(abs(len(mel) - frames) <= 1 for mel in [*batch.in_beds, *batch.alone])
    # The clip is still there, and something else with it.
    pairs = list(zip(batch.in_beds, batch.alone, strict=True))
    assert all(np.abs(one - other).max() > 0.01 for one, other in pairs)
    assert np.mean([np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs]) > 0.3


def test_no_clip_lies_in_its_like(clips: tuple[list[Item], list[FloatArray]]) -> None:
    """All that lasts here is rain: neither rain nor its drips lie in rain, but in noise."""
    items, waves = clips
    beds = Beds(
        items, [*waves[:-2], np.full(4 * RATE, 0.5, np.float32), waves[-1]], FRONT_END, np.random.default_rng(3)
    )
    flat = [[np.ptp(beds._bed(row, RATE)) < 1e-3 for _ in range(12)] for row in (0, len(items) - 1, len(items) - 2)]
    assert any(flat[0]) and not any(flat[1]) and not any(flat[2])


def test_the_same_seed_lays_the_same_beds(clips: tuple[list[Item], list[FloatArray]]) -> None:
    one, again, other = first(clips, 1), first(clips, 1), first(clips, 2)
    assert one.clips == again.clips
    assert all(np.array_equal(a, b) for a, b in zip(one.in_beds, again.in_beds, strict=True))
    assert not np.array_equal(one.in_beds[0], other.in_beds[0])


def test_clips_are_heard_more_as_alone(
    clips: tuple[list[Item], list[FloatArray]], text_folder: Path, teacher_folder: Path
) -> None:
    items, waves = clips
    text = TextTower(text_folder)
    teacher = load_teacher(teacher_folder, text, bundle_config(text))
    steps: list[Step] = []
    trained, _ = Distiller(RECIPE, items, waves, teacher, text, FRONT_END, steps.append).run()
    assert {step.stage for step in steps} == {"beds"}
    assert np.mean([step.anchor for step in steps[-4:]]) < 0.9 * np.mean([step.anchor for step in steps[:4]])
    nothing, _ = Distiller(replace(RECIPE, bed_blend=0.0, bed_steps=1), items, waves, teacher, text, FRONT_END).run()
    before = teacher.state_dict()
    assert all(torch.equal(value, before[key]) for key, value in nothing.state_dict().items())
    assert any(not torch.equal(value, before[key]) for key, value in trained.state_dict().items())

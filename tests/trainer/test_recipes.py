"""What each recipe learns, the published number of adapters, the schedule, and merging."""

import itertools
import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from soundsearch.model.towers import DualEncoder, audio_preset, dual_config
from tests import bundles
from trainer.config import recipe
from trainer.recipes import MAX_LOG_SCALE, NORMS, Lesson, last_stage, rate_at, stages


def learned(lesson: Lesson) -> set[str]:
    return {name for name, p in lesson.dual.named_parameters() if p.requires_grad}


def fused() -> DualEncoder:
    return bundles.dual("htsat-fused", "roberta")


def test_the_projection_alone_learns_by_default() -> None:
    lesson = Lesson(fused(), recipe("projection"))
    assert {name.split(".")[0] for name in learned(lesson)} == {"audio_projection"}


def test_the_published_tower_takes_282624_adapter_weights_at_rank_8() -> None:
    text = bundles.dual_table("htsat", "roberta")["text_config"]
    dual = DualEncoder(dual_config(audio_preset("htsat-tiny-fused"), text))
    lesson = Lesson(dual, recipe("lora"))
    tower = [p for name, p in dual.audio_model.named_parameters() if p.requires_grad]
    assert sum(p.numel() for p in tower) == 282_624
    assert sum(p.numel() for p in lesson.parameters()) == 282_624 + 656_384


@pytest.mark.parametrize("audio", ["htsat", "cnn14"])
def test_adapters_start_as_nothing_and_merge_into_the_weights(audio: str) -> None:
    dual = bundles.dual(audio, "bert")
    names = set(dual.state_dict())
    heard = torch.randn(2, 1, 1001, 64)
    with torch.no_grad():
        before = dual.pool_audio(heard, None)
        lesson = Lesson(dual, recipe("lora"))
        torch.testing.assert_close(dual.pool_audio(heard, None), before)
        for p in lesson.parameters():
            p.add_(0.05 * torch.randn_like(p))
        changed = dual.pool_audio(heard, None)
        assert (changed - before).abs().max() > 1e-3
        merged = lesson.finish()
        assert set(merged.state_dict()) == names
        torch.testing.assert_close(merged.pool_audio(heard, None), changed, atol=1e-4, rtol=1e-4)


def test_a_tower_comes_apart_from_input_to_output() -> None:
    parts = stages(fused().audio_model)
    assert sum(p.numel() for part in parts for p in part.parameters()) == sum(
        p.numel() for p in fused().audio_model.parameters()
    )
    last = last_stage(parts)
    assert 0 < len(last) < len(parts) and last == parts[-len(last) :]
    lesson = Lesson(dual := fused(), recipe("last-stage"))
    assert not any("patch_embed" in name for name in learned(lesson))
    assert any("layers.3" in name for name, p in dual.named_parameters() if p.requires_grad)


def test_earlier_stages_learn_slower() -> None:
    rates = [group["lr"] for group in Lesson(fused(), recipe("full", layer_decay=0.5)).groups]
    tower = rates[1:]
    assert all(later == pytest.approx(2 * earlier) for later, earlier in itertools.pairwise(tower))


def test_fine_tuning_freezes_the_statistics_and_scratch_does_not() -> None:
    for name, moving in (("full", False), ("scratch", True)):
        lesson = Lesson(fused(), recipe(name))
        lesson.train()
        norms = [m for m in lesson.dual.audio_model.modules() if isinstance(m, NORMS)]
        assert norms and all(m.training == moving for m in norms)
        assert lesson.dual.audio_model.training
        assert lesson.dual.text_model.training == (name == "scratch")


def test_a_state_that_is_put_back_is_the_same_state() -> None:
    lesson = Lesson(fused(), recipe("scratch"))
    kept = lesson.state()
    with torch.no_grad():
        for tensor in lesson.dual.state_dict().values():
            tensor.add_(1) if tensor.is_floating_point() else tensor.zero_()
    lesson.restore(kept)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in lesson.state().items())
    assert any("running_mean" in name for name in kept)


def test_the_temperature_stays_between_1_and_a_hundredth() -> None:
    lesson = Lesson(fused(), recipe("scratch"))
    with torch.no_grad():
        lesson.dual.logit_scale_a.fill_(9.0)
        lesson.dual.logit_scale_t.fill_(-3.0)
    lesson.clamp()
    assert lesson.dual.logit_scale_a.item() == pytest.approx(MAX_LOG_SCALE) == math.log(100)
    assert lesson.dual.logit_scale_t.item() == 0


@given(st.integers(2, 500), st.integers(1, 50), st.integers(0, 600))
def test_the_schedule_equals_the_formula(steps: int, warmup: int, step: int) -> None:
    assume(warmup < steps)
    if step < warmup:
        wanted = (step + 1) / warmup
    else:
        wanted = 0.5 * (1 + math.cos(math.pi * (min(step, steps) - warmup) / (steps - warmup)))
    assert rate_at(step, steps, warmup) == pytest.approx(wanted, abs=1e-12)

"""What a step sees: distinct clips, the same on every call, and pairs that are right, wrong or neither."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.errors import TrainingError
from trainer.captions.writer import caption_writer
from trainer.config import recipe
from trainer.data import Item
from trainer.draw import HALF, Draw, Planner, targets

TAGS = ("kick", "snare", "dry", "loud", "rain", "wet")
tag_sets = st.frozensets(st.sampled_from(TAGS), min_size=1, max_size=3)


def items(*tags: tuple[str, ...]) -> list[Item]:
    return [Item(path=f"{k}.wav", captions=(), tags=some) for k, some in enumerate(tags)]


def planner(clips: list[Item], **changes: object) -> Planner:
    return Planner(clips, caption_writer("template"), recipe("projection", **changes))


def drawn(tags: frozenset[str], about: frozenset[str], partner: int = -1) -> Draw:
    text = "+".join(sorted(about))
    return Draw(0, (0,), text, about, tags, frozenset({text}), partner)


@settings(max_examples=60, deadline=None)
@given(st.lists(tag_sets, min_size=2, max_size=8))
def test_a_text_fits_every_clip_that_has_all_its_tags(sets: list[frozenset[str]]) -> None:
    aim = targets([drawn(tags, tags) for tags in sets])
    texts = [frozenset(text.split("+")) for text in aim.texts]
    for row, tags in enumerate(sets):
        for column, about in enumerate(texts):
            assert aim.relevant[row, column] == (about <= tags)
            near = len(tags & about) >= HALF * len(tags | about)
            assert aim.ignored[row, column] == (near and not about <= tags)
        assert aim.texts[aim.own[row]] == "+".join(sorted(tags))
    assert len(set(aim.texts)) == len(aim.texts)
    assert not (aim.relevant & aim.ignored).any()


def test_a_mix_is_right_for_its_own_text_only_and_wrong_for_none_of_its_parts() -> None:
    kick, rain = frozenset({"kick"}), frozenset({"rain"})
    aim = targets([drawn(kick | rain, kick | rain, partner=1), drawn(kick, kick), drawn(rain, rain), drawn(
        frozenset({"snare"}), frozenset({"snare"}))])  # fmt: skip
    assert aim.relevant[0].tolist() == [True, False, False, False]
    assert aim.ignored[0].tolist() == [False, True, True, False]


def test_a_caption_fits_the_clips_that_carry_it() -> None:
    same = Item("a", ("a dog barks",)), Item("b", ("a dog barks", "one more")), Item("c", ("rain",))
    plan = planner(list(same), batch_size=3, captions="given")
    for step in range(10):
        draws = plan.draws(step)
        aim = targets(draws)
        for row, draw in enumerate(draws):
            for column, text in enumerate(aim.texts):
                assert aim.relevant[row, column] == (text in same[draw.index].captions)


@settings(max_examples=30, deadline=None)
@given(st.lists(tag_sets, min_size=4, max_size=20), st.integers(0, 1000), st.booleans())
def test_a_batch_is_a_pure_function_of_seed_and_step(sets: list[frozenset[str]], step: int, balanced: bool) -> None:
    clips = items(*(tuple(sorted(tags)) for tags in sets))
    first, second = (planner(clips, batch_size=4, balanced=balanced) for _ in range(2))
    assert first.draws(step) == second.draws(step)
    chosen = [draw.index for draw in first.draws(step)]
    assert len(chosen) == len(set(chosen)) == 4
    assert len({draw.seed for s in (step, step + 1) for draw in first.draws(s)}) == 8


def test_an_epoch_in_turn_hears_every_clip_once() -> None:
    clips = items(*[("kick",)] * 12)
    plan = planner(clips, batch_size=4, balanced=False)
    for epoch in range(3):
        heard = [draw.index for step in range(3 * epoch, 3 * epoch + 3) for draw in plan.draws(step)]
        assert sorted(heard) == list(range(12))


def test_rare_tags_are_drawn_more_often() -> None:
    clips = items(*[("kick",)] * 90, *[("siren",)] * 10)
    plan = planner(clips, batch_size=10)
    share = np.mean([draw.index >= 90 for step in range(100) for draw in plan.draws(step)])
    assert 0.2 < share < 0.3  # by the square root of 9: 30 to 10, where the plain share would be 0.1


def test_a_batch_holds_no_more_of_one_tag_than_asked() -> None:
    clips = items(*[("kick",)] * 50, *[("snare",)] * 5, *[("rain",)] * 5)
    for step in range(20):
        kicks = [d for d in planner(clips, batch_size=12, per_tag=3).draws(step) if "kick" in d.tags]
        assert len(kicks) <= 3


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(TrainingError, match="Fewer than two clips have a tag"):
        planner(items((), (), ("kick",)))

"""Words: the traps of articles, plurals and verb forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.captions.ensemble import PAPER, PROMPTS, ensemble
from trainer.captions.template import template
from trainer.captions.words import article, clean_tag, covers, is_plural, participle, singular, split_tags


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [("hour", "an"), ("unit", "a"), ("university", "a"), ("uninteresting", "an"), ("unimportant", "an"),
     ("x-ray", "an"), ("808", "an"), ("8-bit synth", "an"), ("80s synth", "an"), ("11", "an"), ("18", "an"),
     ("110", "a"), ("909 clap", "a"), ("UI click", "a"), ("FX", "an"), ("MIDI note", "a"), ("EDM drop", "an"),
     ("LFO", "an"), ("one-shot", "a"), ("ukulele", "a"), ("umbrella", "an"), ("été", "an"), ("hi-hat", "a"),
     ("Uzi", "an"), ("箏", "a"), ("_", "a")],
)  # fmt: skip
def test_article(phrase: str, expected: str) -> None:
    assert article(phrase) == expected


@pytest.mark.parametrize(
    ("word", "one"),
    [("kicks", "kick"), ("children", "child"), ("bus", "bus"), ("glass", "glass"), ("bass", "bass"), ("gas", "gas"),
     ("scissors", "scissors"), ("drums", "drum"), ("mice", "mouse"), ("feet", "foot"), ("808s", "808"),
     ("news", "news"), ("brass", "brass"), ("women", "woman"), ("series", "series"), ("sheep", "sheep")],
)  # fmt: skip
def test_singular(word: str, one: str) -> None:
    assert singular(word) == one
    assert is_plural(word) == (word != one)


@pytest.mark.parametrize(
    ("verb", "doing"),
    [("bark", "barking"), ("panic", "panicking"), ("slam", "slamming"), ("die", "dying"), ("ski", "skiing"),
     ("cave in", "caving in"), ("pass by", "passing by"), ("galloping", "galloping"), ("ring", "ringing"),
     ("sing", "singing"), ("whoosh", "whooshing"), ("meow", "meowing")],
)  # fmt: skip
def test_participle(verb: str, doing: str) -> None:
    assert participle(verb) == doing
    assert covers(f"something {doing}", [verb])


def test_covers_needs_each_word() -> None:
    assert covers("a dog barking in the distance", ["dog", "barks"])
    assert not covers("a dog in the distance", ["dog", "bark"])
    assert not covers("a human", ["man"])
    assert covers("anything", ["the", ""])


def test_cleans_and_splits_tags() -> None:
    assert clean_tag("  smash_fail\t(loud)! ") == "smash fail loud"
    assert clean_tag("bad\udcff\x00 name") == "bad name"
    assert clean_tag("F#") == "F#"
    assert split_tags(["Walk, footsteps", "keys/piano", "4/4", "Kick", "kick", "drum & bass"]) == (
        "Walk", "footsteps", "keys", "piano", "4/4", "Kick", "drum bass")  # fmt: skip


@given(st.text())
def test_cleaning_twice_is_cleaning_once(tag: str) -> None:
    once = clean_tag(tag)
    assert clean_tag(once) == once
    once.encode()


def test_template_is_that_of_the_paper() -> None:
    assert template(["Dog"]) == "The sound of Dog"
    assert template(["Dog", "Bark"]) == "The sounds of Dog and Bark"
    assert template(["a", "b", "c", "d"]) == "The sounds of a, b, c and d"
    assert template(["glass_break", "glass break"]) == "The sound of glass break"
    assert template([]) == template(["", "\n"]) == ""


def test_prompts_hold_the_label_and_the_papers_prompt() -> None:
    prompts = ensemble("glass_breaking")
    assert prompts[0] == "glass breaking"
    assert PAPER.format("glass breaking") in prompts
    assert all("glass breaking" in prompt for prompt in prompts)
    assert len(set(prompts)) == len(prompts) <= len(PROMPTS)
    assert "the sound of a hen" in ensemble("hen")
    assert "the sound of a rain" not in ensemble("rain")
    assert "an acoustic guitar" in ensemble("Acoustic guitar")

"""The writers: what a clip is trained with, in which order."""

import pytest

from soundsearch.errors import TrainingError
from trainer.captions.writer import caption_writer
from trainer.data import Item

DOG = Item("dog.wav", (), tags=("dog", "bark", "distant"))
OWN = Item("own.wav", ("A man shouts at his dog.", "shouting"), tags=("dog", "bark"))
LABEL = Item("label.wav", (), label="snare drum", tags=("drums",))
NOTHING = Item("nothing.wav", ())


def test_template() -> None:
    writer = caption_writer("template")
    assert writer.texts(DOG) == ("The sounds of dog, bark and distant",)
    assert writer.texts(OWN) == (*OWN.captions, "The sounds of dog and bark")
    assert writer.texts(LABEL) == ("The sounds of drums and snare drum",)
    assert writer.texts(NOTHING) == ()


def test_grammar_gives_two_captions_the_template_and_the_tags() -> None:
    texts = caption_writer("grammar").texts(DOG)
    assert set(texts[:2]) == {"a distant dog barking", "the sound of a distant dog barking"}
    assert texts[2:] == ("The sounds of dog, bark and distant", "dog, bark, distant")


@pytest.mark.parametrize("kind", ["template", "grammar", "given"])
def test_peoples_words_come_first_and_unchanged(kind: str) -> None:
    assert caption_writer(kind).texts(OWN)[:2] == OWN.captions


def test_given() -> None:
    writer = caption_writer("given")
    assert writer.texts(OWN) == OWN.captions
    assert writer.texts(DOG) == ("The sounds of dog, bark and distant",)


def test_is_the_same_in_any_order_and_says_nothing_twice() -> None:
    items = [DOG, OWN, LABEL, Item("kick.wav", ("kick",), tags=("kick",))]
    first, second = caption_writer("grammar", seed=5), caption_writer("grammar", seed=5)
    second.prepare(items)
    texts = [first.texts(item) for item in items]
    assert texts == [second.texts(item) for item in reversed(items)][::-1]
    assert all(len(set(own)) == len(own) for own in texts)
    assert first.notes() == ()


def test_unknown_kind() -> None:
    with pytest.raises(TrainingError, match="poem"):
        caption_writer("poem")

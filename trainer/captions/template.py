"""The captions that LAION-Audio-630K gives to clips with labels only: "The sound of A", "The sounds of A, B and C"."""

from collections.abc import Iterable

from trainer.captions.words import clean_tag, join, once
from trainer.data import Item


def template(tags: Iterable[str]) -> str:
    """Put labels into the plain template, as they are written.

    Args:
        tags: Labels; underscores become spaces, and each is said once.

    Returns:
        The caption, "" if there are none.
    Source: LAION-AI/audio-dataset, data_preprocess/preprocess_audioset.py and preprocess_FSD50K.py.
    """
    labels = once(map(clean_tag, tags))
    return f"The sound{'s' if len(labels) > 1 else ''} of {join(labels)}" if labels else ""


def tags_of(item: Item) -> tuple[str, ...]:
    """The tags of a clip, and its label where that is not among them."""
    known = {tag.casefold() for tag in item.tags}
    return (*item.tags, item.label) if item.label and item.label.casefold() not in known else item.tags

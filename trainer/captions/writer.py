"""What text a clip is trained with: one door to the ways that captions are made."""

from collections.abc import Sequence
from typing import Protocol

from soundsearch.errors import TrainingError
from trainer.captions import grammar
from trainer.captions.template import tags_of, template
from trainer.captions.words import split_tags
from trainer.data import Item

KINDS = ("template", "grammar", "given", "t5")
DEFAULT_T5 = "k2t"


class CaptionWriter(Protocol):
    """Gives the texts of a clip: the same for the same clip and seed, in any order and process."""

    def texts(self, item: Item) -> tuple[str, ...]:
        """Every text that the clip may be trained with, the main one first; () if nothing is known of it.

        Captions that people wrote for the clip come first and are left as they are.
        """
        ...

    def prepare(self, items: Sequence[Item]) -> None:
        """Do what is done faster for many clips at once. Need not be called."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What the user should know of the captions written so far, a sentence each."""
        ...


def caption_writer(kind: str, *, seed: int = 3407, t5: str = "", device: str = "cpu") -> CaptionWriter:
    """Make a writer.

    Args:
        kind: "template" (The sound of A and B), "grammar" (two sentences of the grammar, the template and the bare
            tags), "given" (people's captions; the template for clips without one) or "t5" (a neural
            keyword-to-caption model; the grammar where it loses a tag).
        seed: Of the choices between ways to say it.
        t5: Folder or hub name of the neural model; "" is `DEFAULT_T5`.
        device: Where the neural model runs.

    Raises:
        TrainingError: If there is no such kind.
        ModelError: If the neural model cannot be had.
    """
    if kind == "t5":
        from trainer.captions.t5 import T5Writer, locate  # torch and transformers: only where they are needed

        return T5Writer(locate(t5 or DEFAULT_T5), seed=seed, device=device)
    if kind not in KINDS:
        raise TrainingError(f"There are no captions of the kind {kind!r}.", f"Choose one of {', '.join(KINDS)}.")
    return {"template": TemplateWriter, "grammar": GrammarWriter, "given": GivenWriter}[kind](seed)


class TemplateWriter:
    """The paper's template, after the given captions."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def texts(self, item: Item) -> tuple[str, ...]:
        """Given captions, then the template."""
        return _unique(*item.captions, *self._written(item))

    def prepare(self, items: Sequence[Item]) -> None:
        """Nothing is faster at once."""

    def notes(self) -> tuple[str, ...]:
        """There is nothing to know."""
        return ()

    def _written(self, item: Item) -> tuple[str, ...]:
        return (template(tags_of(item)),)


class GrammarWriter(TemplateWriter):
    """Two sentences, the template and the bare tags."""

    def _written(self, item: Item) -> tuple[str, ...]:
        tags = tags_of(item)
        return (*grammar.captions(tags, self._seed), template(tags), ", ".join(split_tags(tags)))


class GivenWriter(TemplateWriter):
    """People's captions; the template for a clip that has none."""

    def _written(self, item: Item) -> tuple[str, ...]:
        return () if any(text.strip() for text in item.captions) else (template(tags_of(item)),)


def _unique(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text.strip()))

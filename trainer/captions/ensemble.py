"""Several ways to ask for one label: their mean embedding asks better than any of them alone (arXiv:2409.13676)."""

from trainer.captions.words import clean_tag

# The paper's own zero-shot prompt, as its evaluation script has it: with the full stop.
PAPER = "This is a sound of {}."
# A well-written bare label competes with any of them: it is one of them. {a} is the label after its article.
PROMPTS = (
    "{}",
    PAPER,
    "the sound of {}",
    "a recording of {}",
    "{} can be heard",
    "{a}",
    "the sound of {a}",
    "{}, a sound effect",
)


def ensemble(label: str, prompts: tuple[str, ...] = PROMPTS) -> tuple[str, ...]:
    """Fill in a label, as "glass_breaking" or "Church bells"; prompts that come out alike are given once."""
    from trainer.captions.lexicon import phrase_of
    from trainer.captions.scene import noun_phrase

    words = clean_tag(label)
    phrase = phrase_of(words.lower()) if words else None
    counted = phrase is not None and phrase.kind in ("source", "part", "form")
    named = noun_phrase(phrase) if phrase and counted else words
    return tuple(dict.fromkeys(prompt.format(words, a=named) for prompt in prompts))

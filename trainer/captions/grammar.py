"""Keyword to caption by a grammar: every tag appears, nothing is invented.

Tags are typed (`trainer.captions.lexicon`), put where their type belongs in an English noun phrase, and the result is
checked: a caption that lost a tag or stammers gives way to a plain list. The official captions came from a T5, which
drops tags and makes up others ("a bullet dropped into a crowd"); see arXiv:2211.06687, section 3.2, for what it is for.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from trainer.captions.lexicon import phrase_of
from trainer.captions.scene import Scene, arrange, counted, noun_phrase, spaced
from trainer.captions.words import FUNCTION_WORDS, content, covers, join, lemmas, singular, split_tags

LONGEST = 14  # tags in a sentence; more are listed
_COMPOUND_WORDS = 6  # more nouns and adjectives in a row cannot be read


def captions(tags: Iterable[str], seed: int, count: int = 2) -> tuple[str, ...]:
    """Write captions for a clip: pure functions of seed and tags, the same for all clips that share their tags.

    Args:
        tags: As they stand in folder names or manifests, in any number and script.
        seed: Chooses between ways to say it.
        count: How many different ones; fewer come where there are not as many ways.

    Returns:
        Lower case, without a full stop, as people type queries; () if no tag has a word.
    """
    heard = split_tags(tags)
    shown = _without_repeats(heard)
    if not shown:
        return ()
    digest = hashlib.blake2b("\0".join([str(seed), *heard]).encode(), digest_size=8).digest()
    order = random.Random(int.from_bytes(digest, "big"))
    found = [*dict.fromkeys(_said(shown))] if len(shown) <= LONGEST else []
    order.shuffle(found)
    good = [text for text in found if reads(text, shown)]
    return tuple(dict.fromkeys([*good, *_listed(shown)]))[:count]


def _without_repeats(tags: Sequence[str]) -> tuple[str, ...]:
    """Leave out tags whose words all occur in another one: "kick" beside "kick drum", "loops" beside "drum loop"."""
    words = [[lemmas(word) for word in content(tag)] for tag in tags]

    def within(k: int, other: int) -> bool:
        return all(any(not word.isdisjoint(there) for there in words[other]) for word in words[k])

    def repeated(k: int) -> bool:
        return any(
            other != k and within(k, other) and (other < k or not within(other, k)) for other in range(len(words))
        )

    few = len(tags) <= LONGEST * 4  # quadratic: a thousand tags are a list anyway
    return tuple(tag for k, tag in enumerate(tags) if words[k] and not (few and repeated(k)))


def _said(tags: Sequence[str]) -> Iterator[str]:
    """All the ways to say it."""
    scene = arrange([phrase_of(tag) for tag in tags])
    for text in _framed(scene):
        yield spaced(text, scene.setting)


def _framed(scene: Scene) -> Iterator[str]:
    """All the ways to say what sounds, without where and how fast: bare, as the sound of it, as a loop of it."""
    families = [singular(phrase.words) for phrase in scene.families]
    if not scene.sources:
        yield from _headed(scene, families)
        return
    cores = [*dict.fromkeys(_core(scene, clause) for clause in (True, False))]
    frame = " ".join([*families, *(scene.forms or (["sound"] if families else []))])
    for core in cores:
        if frame:
            yield f"{counted(frame)} of {core}"
            yield ("" if families else _compound(scene, scene.parts + scene.forms)) or f"{core}, {counted(frame)}"
        else:
            yield core
            yield f"the sound{'s' if len(scene.sources) > 1 and not scene.parts else ''} of {core}"


def _headed(scene: Scene, families: list[str]) -> Iterator[str]:
    """Where no source is named: "a dark pad", "a UI click", "a drum loop"."""
    head = counted(spaced(scene.modifiers, *families, *(scene.parts + scene.forms or ["sound"])))
    yield head
    if scene.parts and scene.forms:
        yield f"{counted(' '.join(scene.forms))} of {counted(spaced(scene.modifiers, *families, *scene.parts))}"
    elif scene.forms and len(families) == 1 and scene.families[0].number == "plural":
        yield f"{counted(' '.join(scene.forms))} of {noun_phrase(scene.families[0], scene.modifiers)}"
    if scene.parts or scene.forms:
        yield f"the sound of {head}"
    elif len(families) == 1 and scene.families[0].number != "mass":
        yield f"the sound of {noun_phrase(scene.families[0], scene.modifiers)}"
    else:
        yield f"the{head.removeprefix('an').removeprefix('a')}"


def _core(scene: Scene, clause: bool) -> str:
    """What sounds: "a heavy door slamming and rain", "a dark synth pad", "a click of a mouse and a key"."""
    if scene.parts and (compound := _compound(scene, scene.parts)):
        return compound
    first, *others = scene.sources
    inner = "" if scene.parts else scene.modifiers
    named = join([noun_phrase(first, inner, clause), *(noun_phrase(phrase, "", clause) for phrase in others)])
    return f"{counted(spaced(scene.modifiers, *scene.parts))} of {named}" if scene.parts else named


def _compound(scene: Scene, heads: Sequence[str]) -> str:
    """Say "a dark synth pad": one simple source before what it is a part of; "" where that would not read."""
    first = scene.sources[0]
    words = spaced(scene.modifiers, singular(first.words), *heads).split(" ")
    repeated = len({word.casefold() for word in words}) < len(words)
    if len(scene.sources) > 1 or first.tail or repeated or len(words) > _COMPOUND_WORDS:
        return ""
    return counted(" ".join(words))


def reads(text: str, tags: Sequence[str]) -> bool:
    """Whether a caption holds all tags and says no word twice in a row, but where a tag does."""
    words = text.casefold().split()
    doubled = {word for word, following in pairwise(words) if word == following}
    said = {word for tag in tags for word in _doubles(tag)}
    return doubled <= said and covers(text, tags)


def _doubles(tag: str) -> list[str]:
    words = tag.casefold().split()
    return [word for word, following in pairwise(words) if word == following]


def _listed(tags: Sequence[str]) -> list[str]:
    """The tags as they are in the plainest sentences: right whatever they are."""
    plain = []
    for tag in tags:
        words = tag.split(" ")
        if phrase_of(tag).kind == "term":  # the A of "A minor" is no article
            plain.append(tag)
            continue
        while words[0].casefold() in FUNCTION_WORDS:
            words = words[1:]
        while words[-1].casefold() in FUNCTION_WORDS:
            words = words[:-1]
        plain.append(" ".join(words))
    text = join(plain)
    return [f"the sound{'s' if len(plain) > 1 else ''} of {text}", text]

"""Captions by grammar: all of the tags, nothing else, in good English, and the same every time."""

import csv
import re
from itertools import pairwise
from pathlib import Path

import inflect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lemminflect import getAllInflections, getAllInflectionsOOV, getAllLemmas

from trainer.captions.grammar import captions
from trainer.captions.lexicon import phrase_of

# All that a pattern may add to the words of the tags.
PATTERN = {"a", "an", "the", "sound", "sounds", "of", "in", "on", "at", "by", "with", "from", "and", "during"}
# One-word tags of every type, and some that no list knows.
WORDS = """
kick snare tom 808 hi-hat cymbal synth pad lead bass guitar piano violin choir vocals strings drums percussion loop
one-shot ambience fx riser whoosh impact hit click beep dog cat birds crowd door window engine footsteps rain wind
thunder water fire scissors glass wood metal plastic gravel snow concrete kitchen forest stadium street distance night
outdoors punchy dark warm heavy distant fast short closed distorted metallic acoustic electronic female techno jazz
bark meow slam creak break cheer laugh talk open mute ring buzz panic game ui reverb delay children people hour unit
umbrella omnisphere x-ray gritty galloping echo squelchy zipper esc10 honest
"""
PHRASES = ["closed hi-hat", "128 bpm", "C minor", "vinyl crackle", "rain on tent", "children laughing", "dog bark",
           "acoustic guitar", "glass breaking", "drum loop", "in the distance", "hip hop", "brush kit"]  # fmt: skip


def forms(word: str) -> set[str]:
    """The word in all its grammatical forms, by the dictionary and, for what it does not hold, by rule."""
    found = {word, word.removesuffix("s")}
    for lemma in {word, *(lemma for group in getAllLemmas(word).values() for lemma in group)}:
        found.add(lemma)
        tables = [getAllInflections(lemma), getAllInflectionsOOV(lemma, "NOUN"), getAllInflectionsOOV(lemma, "VERB")]
        found.update(form for table in tables for group in table.values() for form in group)
    return found


def words(text: str) -> list[str]:
    return [word.strip(",").lower() for word in text.split(" ")]


tag = st.one_of(st.sampled_from(WORDS.split()), st.sampled_from(PHRASES))


@settings(max_examples=150, deadline=None)
@given(st.lists(tag, min_size=1, max_size=6, unique=True), st.integers(0, 5))
def test_says_every_tag_and_nothing_else(tags: list[str], seed: int) -> None:
    of_tags = {word: forms(word) for tag in tags for word in words(tag) if word not in PATTERN}
    written = captions(tags, seed)
    assert written
    for caption in written:
        said = set(words(caption))
        missing = [word for word, known in of_tags.items() if not known & said]
        assert not missing, (caption, missing)
        invented = said - PATTERN - {form for known in of_tags.values() for form in known}
        assert not invented, (caption, invented)


@settings(max_examples=100, deadline=None)
@given(st.lists(tag, min_size=1, max_size=6, unique=True))
def test_has_the_right_articles_and_does_not_stammer(tags: list[str]) -> None:
    engine = inflect.engine()
    numbers = {"808": "an"}  # inflect reads 808 as "a 808"
    ours = {"ui": "a", "fx": "an"}
    for caption in captions(tags, 1):
        assert "  " not in caption and caption == caption.strip()
        for first, second in pairwise(words(caption)):
            assert first != second, caption
            if first in ("a", "an"):
                expected = numbers.get(second) or ours.get(second) or engine.a(second.split("-")[0]).split()[0]
                assert first == expected, caption


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5), st.integers(0, 2**32))
def test_takes_any_text(tags: list[str], seed: int) -> None:
    written = captions(tags, seed)
    assert written == captions(list(tags), seed)
    for caption in written:
        caption.encode()
        assert caption == " ".join(caption.split())


@pytest.mark.parametrize(
    ("tags", "caption"),
    [
        ("kick, punchy, one-shot", "a one-shot of a punchy kick"),
        ("kick, punchy, one-shot", "a punchy kick one-shot"),
        ("rain, roof, heavy", "heavy rain on a roof"),
        ("door, slam, wood", "a wood door slamming"),
        ("synth, pad, dark, C minor", "a dark synth pad in C minor"),
        ("dog, bark, distant", "a distant dog barking"),
        ("glass, break", "glass breaking"),
        ("footsteps, gravel, fast", "fast footsteps on gravel"),
        ("crowd, cheer, stadium", "a crowd cheering in a stadium"),
        ("whoosh, fast, transition", "a fast whoosh transition"),
        ("ui, click", "a UI click"),
        ("loop, drums, 128 bpm", "a drum loop at 128 bpm"),
        ("vinyl crackle", "the sound of vinyl crackle"),
        ("hi-hat, closed", "a closed hi-hat"),
        ("Closed Hi-Hats", "a closed hi-hat"),
        ("hi-hat, open", "an open hi-hat"),
        ("door, open", "a door opening"),
        ("drums, break, funk", "a funk drum break"),
        ("scissors", "the sound of scissors"),
        ("children laughing", "children laughing"),
        ("rain on tent", "rain on a tent"),
        ("drums, one-shot, tom", "a drum one-shot of a tom"),
        ("Kicks", "a kick"),
        ("808", "an 808"),
        ("808, kick", "an 808 kick"),
        ("car, horn, honk", "a car horn honking"),
        ("dog bark", "a dog barking"),
        ("guitar muted", "a muted guitar"),
        ("snare drum, brush kit", "a snare drum from a brush kit"),
        ("piano, chord, sad, D minor", "a sad piano chord in D minor"),
        ("arp, A minor", "an arp in A minor"),
        ("city, traffic, night", "traffic in a city at night"),
        ("water, drip, cave, echo", "water dripping in a cave with echo"),
        ("walking, gravel", "walking on gravel"),
        ("birds, jungle", "birds in a jungle"),
        ("jungle, amen break", "a jungle amen break"),
        ("techno", "the sound of techno"),
        ("punchy", "a punchy sound"),
        ("forest", "a forest"),
        ("x-ray, hum", "an x-ray humming"),
        ("cat, meow", "a cat meowing"),
        ("game, sfx, dwarf die", "a game SFX of a dwarf dying"),
        ("keys/piano", "keys and a piano"),
        ("kick, kick drum, Kick", "a kick drum"),
        ("drum_loop", "a drum loop"),
        ("close_door", "a door closing"),
        ("synth, bass", "a synth bass"),
        ("bark, growl, howl", "a bark, a growl and a howl"),
        ("seagull, beach", "a seagull on a beach"),
        ("BIRD OF PREY", "a bird of prey"),
        ("xylophone, mallet", "a xylophone, a mallet sound"),
        ("soprano, saxophone, reed", "a soprano saxophone, a reed sound"),
        ("brass, stab", "a brass stab"),
        ("finger cymbals ringing", "finger cymbals ringing"),
        ("woman, laughing", "a woman laughing"),
    ],
)
def test_reads_well(tags: str, caption: str) -> None:
    assert caption in captions(tags.split(","), 3407, 4)


def test_types_tags() -> None:
    kinds = {"kick": "source", "bark": "action", "punchy": "quality", "kitchen": "place", "loop": "form", "pad": "part",
             "128 bpm": "term", "F#m": "term", "glass": "material", "gravel": "surface", "techno": "genre",
             "acoustic": "classifier", "drums": "family", "reverb": "effect", "qwertz": "source",
             "heavy rain": "source", "in the distance": "place"}  # fmt: skip
    assert {tag: phrase_of(tag).kind for tag in kinds} == kinds


def test_two_captions_differ_and_seeds_matter() -> None:
    tags = ["synth", "pad", "dark", "loop"]
    assert len(set(captions(tags, 1))) == 2
    assert len({captions(tags, seed) for seed in range(20)}) > 1


def test_a_thousand_tags_are_listed() -> None:
    tags = [f"tag{k}" for k in range(1000)]
    caption = captions(tags, 0)[0]
    assert set(re.findall(r"tag\d+", caption)) == set(tags)


@pytest.mark.parametrize("tags", [(), ("",), ("   ", "\n"), ("the", "of"), ("!!!", "-", "\udcff\x00")])
def test_without_words_there_is_no_caption(tags: tuple[str, ...]) -> None:
    assert captions(tags, 0) == ()


def test_function_words_of_tags_do_not_stammer() -> None:
    assert captions(["of mice", "the end of"], 0) == captions(["of mice", "the end of"], 0)
    for caption in captions(["and so", "of mice", "tom tom"], 0, 4):
        assert not re.search(r"\b(of of|and and)\b", caption), caption


def test_the_development_library_reads_well(shared_data: Path) -> None:
    with open(shared_data / "library" / "library.csv", encoding="utf-8", newline="") as file:
        lists = sorted({row["tags"] for row in csv.DictReader(file)})
    for listed in lists:
        tags = listed.split(";")
        written = captions(tags, 3407)
        assert len(written) == 2, tags
        for caption in written:
            said = words(caption)
            wanted = [word for tag in tags for word in words(tag.replace("/", " ").replace("_", " "))]
            missing = [word for word in wanted if word not in PATTERN and not forms(word) & set(said)]
            assert not missing, (tags, caption)

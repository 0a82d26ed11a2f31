"""What kind of thing each tag names, by `lexicon.toml` first and a dictionary second."""

import re
import tomllib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from trainer.captions.words import (
    FUNCTION_WORDS,
    PREPOSITIONS,
    article,
    is_plural,
    lemmas,
    participle,
    singular,
    word_classes,
)

# Where a word is in several lists, the first of these wins: a ride is a cymbal here, not an action.
_ORDER = ("form", "part", "family", "classifier", "source", "place", "genre", "quality", "material", "surface",
          "effect", "action")  # fmt: skip
LONGEST = 8  # words of a tag that is looked into; longer ones are said as they are
_COUNTED = ("form", "part", "source")
_TEMPO = re.compile(r"\d{2,3}(?:\.\d+)?\s?bpm", re.IGNORECASE)
_KEY = re.compile(r"(?:[A-G][#b♯♭]?(?:m|min|maj)|(?i:[a-g] ?(?:#|b|♯|♭|sharp|flat)? ?(?:minor|major|min|maj)))")
_NOTE = re.compile(r"[a-g][#b♯♭]?-?\d", re.IGNORECASE)
_METRE = re.compile(r"\d{1,2}/\d{1,2}")
_LEADS = frozenset(
    (
        "in",
        "on",
        "at",
        "by",
        "with",
        "under",
        "near",
        "inside",
        "behind",
        "through",
        "from",
        "against",
        "across",
        "during",
    )
)
_SINGLE = frozenset(("roof", "tin roof", "floor", "wooden floor", "ladder", "window", "umbrella", "puddle", "staircase",
                     "windshield", "tent", "boardwalk", "dirt road", "instrument", "video game", "menu"))  # fmt: skip
_ADJECTIVE_ENDS = ("ful", "less", "ous", "like", "-like", "ish", "pitched", "sounding")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One tag as a part of speech.

    Attributes:
        kind: A section of the lexicon, or "term" (tempo, key, note).
        words: The tag as it is written within a sentence, without an article.
        number: "count", "plural", "mass" or "name"; only the first takes an article.
        lead: What goes before a place or a term: "in a", "at".
        tail: What follows the noun: "laughing", "on a tent".
        compound: The same without a tail ("dog bark"), "" if that cannot be said.
        nominal: Of an action: whether "a" may stand before it.
    """

    kind: str
    words: str
    number: str = "count"
    lead: str = ""
    tail: str = ""
    compound: str = ""
    nominal: bool = True


@lru_cache(maxsize=1)
def _lexicon() -> tuple[dict[str, Phrase], dict[str, frozenset[str]], dict[str, str], dict[str, int]]:
    """Phrases by their key, sets of keys by section, fixed spellings by key, and the order of all keys."""
    table = tomllib.loads((Path(__file__).parent / "lexicon.toml").read_text(encoding="utf-8"))
    lists = {
        section: {name: [" ".join(word.split()) for word in words.split(",")] for name, words in groups.items()}
        for section, groups in table.items()
    }
    sets = {
        f"{section} {name}": frozenset(map(_key, words)) for section, groups in lists.items()
        for name, words in groups.items()
    }  # fmt: skip
    phrases: dict[str, Phrase] = {}
    for section in _ORDER:
        for name, words in lists[section].items():
            for word in words:
                phrases.setdefault(_key(word), _entry(section, name, word))
    for key in sets["action never_noun"]:
        if phrases[key].kind == "action":
            phrases[key] = replace(phrases[key], nominal=False)
    written = {_key(word): word for word in lists["written"]["words"]}
    return phrases, sets, written, {key: k for k, key in enumerate(phrases)}


def _entry(section: str, name: str, word: str) -> Phrase:
    if section == "place":
        return Phrase("place", word, "count" if name.endswith(" a") else "mass", lead=name)
    if name == "instrument":
        name = "count"
    number = name if section == "source" else "count" if section in ("form", "part", "action") else "mass"
    if section in ("family", "surface"):
        number = "plural" if is_plural(word) else "count" if word in _SINGLE else "mass"
    return Phrase(section, word, number)


def _key(words: str) -> str:
    return words.casefold().replace("-", " ")


def belongs(owner: Phrase, thing: Phrase) -> bool:
    """Whether a source goes before another one: an 808 before a kick, a car before its horn."""
    sets, first = _lexicon()[1], _key(owner.words)
    if first in sets["modifier words"]:
        return is_instrument(thing) and _key(thing.words) not in sets["modifier words"]
    return first in sets["owner words"] and _key(thing.words) in sets["owner things"]


def is_instrument(phrase: Phrase) -> bool:
    """Whether a source is an instrument or a piece of a drum kit, by its last word."""
    words = _key(phrase.words)
    return not _lexicon()[1]["source instrument"].isdisjoint(
        (words, words.split(" ")[-1], " ".join(words.split(" ")[-2:]))
    )


def is_shelf(phrase: Phrase) -> bool:
    """Whether a source is a kind of instruments rather than one of them."""
    return _key(phrase.words) in _lexicon()[1]["shelf words"]


def in_music(phrase: Phrase) -> str:
    """The kind of a phrase among instruments: "open" is a quality, a break a part, the jungle a genre."""
    sets, key = _lexicon()[1], _key(phrase.words)
    if phrase.kind == "action":
        return next((kind for kind in ("quality", "part") if key in sets[f"either {kind}"]), "action")
    return "genre" if phrase.kind == "place" and key in sets["genre words"] else phrase.kind


def rank(phrase: Phrase) -> int:
    """Where an adjective stands among others: "a vintage African acoustic drum", whatever the order of the tags."""
    return _lexicon()[3].get(_key(phrase.words), 0)


def is_contact(phrase: Phrase) -> bool:
    """Whether a source meets a surface, as footsteps do."""
    return _key(phrase.words).split(" ")[-1] in _lexicon()[1]["contact words"]


@lru_cache(maxsize=65536)
def phrase_of(tag: str) -> Phrase:
    """Say what a cleaned tag is: "closed hi-hat" a countable source, "in the distance" a place, "c minor" a term.

    What neither the lexicon nor the dictionary knows is a source.
    """
    text = _written(tag)
    if tag.count(" ") >= LONGEST:
        return Phrase("source", text, "name")
    if not (found := _term(tag)) and (bare := re.sub(r"^(?:an?|the) ", "", text, flags=re.IGNORECASE)) != text:
        return phrase_of(bare)
    words = text.split(" ")
    return found or _known(text) or (_guess(text) if len(words) == 1 else _several(words))


def _written(tag: str) -> str:
    """A tag as it is written within a sentence: folder names are in capitals or begin with one."""
    fixed = _lexicon()[2]
    if whole := fixed.get(_key(tag)):
        return whole

    def write(word: str) -> str:
        known = _key(word) in _lexicon()[0] or word.lower() in FUNCTION_WORDS
        shouted = word.isupper() and word.isalpha() and (len(word) > 3 or known)
        return fixed.get(_key(word)) or (word.lower() if word[1:].islower() or word.istitle() or shouted else word)

    return " ".join(write(word) for word in tag.split(" "))


def _term(text: str) -> Phrase | None:
    if _TEMPO.fullmatch(text) or _NOTE.fullmatch(text):
        return Phrase("term", text if text[0].isdigit() else text[0].upper() + text[1:], lead="at")
    if _KEY.fullmatch(text):
        return Phrase("term", text[0].upper() + text[1:], lead="in")
    return Phrase("term", text, lead="in") if _METRE.fullmatch(text) else None


def _known(text: str) -> Phrase | None:
    """What the lexicon says of these words, or of their singular where that is the name of one clip's sound."""
    phrases = _lexicon()[0]
    if found := phrases.get(_key(text)):
        return replace(found, words=text)
    head, _, last = text.rpartition(" ")
    for one in (singular(last), last.removesuffix("s"), last.removesuffix("es")):
        whole = f"{head} {one}".strip()
        found = phrases.get(_key(whole))
        if found and one != last and found.kind in _COUNTED and found.number == "count":
            return replace(found, words=whole)
    return None


def _guess(word: str) -> Phrase:
    """What the dictionary says of one word."""
    classes = word_classes(word)
    base = next((phrase for form in lemmas(word) if (phrase := _lexicon()[0].get(form))), None)
    if word.endswith("ing") and ((base and base.kind == "action") or classes == {"VERB"}):
        return Phrase("action", word, "mass", nominal=False)
    if (classes and classes <= {"ADJ", "ADV"}) or (classes == {"VERB"} and word.endswith("ed")):
        return Phrase("quality", word)
    if not classes and word.isascii() and word.endswith(_ADJECTIVE_ENDS):
        return Phrase("quality", word)
    if base and base.kind == "action" and classes == {"VERB"}:
        return Phrase("action", word, nominal=base.nominal)
    if classes == {"VERB"}:
        return Phrase("action", word, nominal=False)
    return Phrase("source", word, _noun_number(word))


def _noun_number(word: str) -> str:
    """The number of a noun that is in no list; of "seagulls", which is in no dictionary either, that of its end."""
    ends = [word] if word_classes(word) or not word.isascii() else [word[k:] for k in range(2, len(word) - 3)]
    noun = next((end for end in ends if "NOUN" in word_classes(end)), "")
    if is_plural(noun or word):
        return "plural"
    return "count" if noun else "name"


def _several(words: list[str]) -> Phrase:
    """What several words are together: the last noun says it, what follows it stays behind it."""
    if words[0].casefold() in _LEADS:
        rest = phrase_of(" ".join(words[1:]))
        lead = f"{words[0]} a" if rest.number == "count" and words[1].casefold() not in FUNCTION_WORDS else words[0]
        return Phrase("place", " ".join(words[1:]), rest.number, lead=lead)
    for k in range(1, len(words) - 1):
        if words[k].casefold() in PREPOSITIONS and not (head := phrase_of(" ".join(words[:k]))).lead:
            tail = f"{head.tail} {words[k]} {_with_article(words[k + 1 :])}".strip()
            return replace(head, kind="source", number=_number(head), tail=tail, compound="")
    return _clause(words) or _noun(words)


def _with_article(words: list[str]) -> str:
    text = " ".join(words)
    phrase = phrase_of(text)
    bare = phrase.number != "count" or phrase.lead.endswith("the") or words[0].casefold() in FUNCTION_WORDS
    return text if bare or phrase.tail or phrase.kind in ("quality", "classifier") else f"{article(text)} {text}"


def _clause(words: list[str]) -> Phrase | None:
    """Somebody or something that does it: "children laughing", "car passing by", "dog bark"."""
    cut = len(words) - (2 if len(words) > 2 and words[-1].casefold() in ("by", "off", "up", "down", "in", "out") else 1)
    verb, doer = " ".join(words[cut:]), phrase_of(" ".join(words[:cut]))
    action = phrase_of(verb) if len(words) - cut == 1 else _known(verb) or _guess(words[cut])
    if len(words) == 2 and in_music(phrase_of(words[0])) == "quality" and not is_instrument(phrase_of(verb)):
        verb, doer, action = words[0], phrase_of(verb), phrase_of(words[0])  # "close_door" is an action's name
        words, cut = [words[1], words[0]], 1
    if action.kind != "action" or doer.kind not in ("source", "material", "part", "place", "family") or doer.tail:
        return None
    if (doer.number == "name" and action.nominal) or (is_instrument(doer) and in_music(action) != "action"):
        return None
    one = " ".join([*doer.words.split(" ")[:-1], singular(doer.words.split(" ")[-1])])
    compound = f"{one} {verb}" if action.nominal and doer.number != "name" else ""
    if not doer.words.endswith(words[cut - 1]):  # "finger cymbals ringing" are several; as a tag they are one sound
        doer = replace(doer, words=" ".join(words[:cut]), number="plural")
    return Phrase("source", doer.words, _number(doer), tail=participle(verb), compound=compound)


def _noun(words: list[str]) -> Phrase:
    """A noun with words before it; adjectives that were put behind it ("guitar muted") go before it."""
    kinds = [phrase_of(word).kind for word in words]
    described = ("quality", "classifier", "genre")
    if all(kind in described for kind in kinds):
        return Phrase("quality" if "quality" in kinds else "classifier", " ".join(words))
    last = len(words)
    while last > 1 and _is_described(words[last - 1]):
        last -= 1
    words = words[last:] + words[:last]
    nouns = [word for word in words if not word.isdigit()] or words
    head = _known(" ".join(nouns[-2:])) or phrase_of(nouns[-1])
    kind = head.kind if head.kind in (*_COUNTED, "place", "effect", "surface", "genre") else "source"
    if (kind in ("form", "part") or is_instrument(head)) and head.number == "count" and words[-1] == nouns[-1]:
        words = [*words[:-1], head.words.split(" ")[-1]]
    return Phrase(kind, " ".join(words), _number(head), lead=head.lead)


def _is_described(word: str) -> bool:
    phrase = phrase_of(word)
    described = phrase.kind in ("quality", "classifier") or in_music(phrase) == "quality"
    return described and word.casefold() not in ("major", "minor")


def _number(phrase: Phrase) -> str:
    """The number of a phrase that stands as a noun, whatever it was."""
    return "mass" if phrase.kind in ("quality", "classifier", "term") else phrase.number

"""English words: what a tag is made of, what is the same word in another form, and which article it takes.

lemminflect and inflect are used here and nowhere else, with guards for what they get wrong: `singular_noun` takes
"bus" for a plural, a number is read digit by digit ("an 808", not "a 808"), and "ui" is not a vowel sound.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# Words that say nothing by themselves: not missed where they are left out, free to be used between those of the tags.
FUNCTION_WORDS = frozenset(
    (
        *("a", "an", "the", "of", "in", "on", "at", "with", "without", "and", "or", "for", "from", "to", "by", "as"),
        *("into", "over", "under", "through", "near", "inside", "outside", "behind", "between"),
        *("is", "are", "be", "it", "its", "this", "that"),
    )
)
PREPOSITIONS = frozenset(
    (
        *("of", "in", "on", "at", "with", "without", "for", "from", "to", "by", "into", "onto", "over", "under"),
        *("through", "near", "inside", "behind", "between", "against", "across", "around", "along", "off", "past"),
        "during",
    )
)
_OUTER = '()[]{}<>"“”«»‘.,:;!?*~`'  # punctuation that only surrounds words; "C#" keeps its sharp, "rock'n'roll" all
# Sounds that begin with a vowel, or not, in spite of their letters.
_A = re.compile(r"(?:uni(?!n|m)|use|usa|eu|ui\b|ukulele|utensil|ufo|one(?!iric|rous)|once|usb)", re.IGNORECASE)
_AN = re.compile(r"(?:8|11(?!\d)|18(?!\d)|hour|heir|honest)", re.IGNORECASE)


def clean_tag(tag: str) -> str:
    """Take a tag as it stands in a folder name or a manifest to plain words between single spaces.

    Underscores become spaces; control characters, half surrogates (file names that are not Unicode) and punctuation
    without a word are dropped. "" if nothing is left.
    """
    text = unicodedata.normalize("NFC", tag.replace("_", " "))
    text = "".join(char for char in text if char.isspace() or unicodedata.category(char)[0] != "C")
    words = (word.lstrip(_OUTER).rstrip(_OUTER + "'’") for word in text.split())
    return " ".join(word for word in words if any(unicodedata.category(char)[0] in "LNMS" for char in word))


def split_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Clean tags, with those that hold several ("Walk, footsteps", "keys/piano") taken apart; each once."""
    parts = (part for tag in tags for part in re.split(r"[,;|\n]|(?<=[^\W\d_]{2})/(?=[^\W\d_]{2})", tag))
    return once(clean_tag(part) for part in parts)


def once(words: Iterable[str]) -> tuple[str, ...]:
    """Each word once, as it is first written, whatever the case of the others; without empty ones."""
    found: dict[str, str] = {}
    for word in words:
        if word:
            found.setdefault(word.casefold(), word)
    return tuple(found.values())


@lru_cache(maxsize=65536)
def lemmas(word: str) -> frozenset[str]:
    """The word and its dictionary forms: "barking" and "barks" both hold "bark"."""
    from lemminflect import getAllLemmas

    folded = word.casefold()
    found = {folded, folded.replace("’", "'").removesuffix("'s")}
    known = getAllLemmas(folded) if folded.isalpha() else {}
    found.update(lemma for group in known.values() for lemma in group)
    if not known:  # "oneshots"
        found.add(folded.removesuffix("s") or folded)
    if "VERB" not in known and len(folded) > 5 and (stem := folded.removesuffix("ing")) != folded:  # "meowing"
        found.update((stem, stem + "e", stem[:-1]))
    return frozenset(found)


@lru_cache(maxsize=65536)
def word_classes(word: str) -> frozenset[str]:
    """Which of NOUN, VERB, ADJ and ADV a dictionary knows the word as, in any form; empty if it does not know it.

    Of "x-ray" the last part says it.
    """
    from lemminflect import getAllLemmas

    last = word.casefold().rpartition("-")[2]
    return frozenset(getAllLemmas(last)) if last.isalpha() else frozenset()


@lru_cache(maxsize=65536)
def is_plural(word: str) -> bool:
    """Whether a dictionary knows the word as a plural and not also as a singular ("bus", "series")."""
    from lemminflect import getLemma

    folded = word.casefold()
    singular = getLemma(folded, "NOUN", lemmatize_oov=False)
    if not singular:
        return bool(re.fullmatch(r"\d+s", folded))
    return folded not in singular and folded.endswith(("s", "men", "ren", "eeth", "eet", "mice"))


def singular(word: str) -> str:
    """The singular of what `is_plural`, else the word."""
    from lemminflect import getLemma

    if not is_plural(word):
        return word
    found = getLemma(word.casefold(), "NOUN", lemmatize_oov=False)
    return str(found[0]) if found else word[:-1]


@lru_cache(maxsize=65536)
def participle(verb: str) -> str:
    """What is doing it: bark, barking; panic, panicking; of "cave in" the first word changes."""
    from lemminflect import getInflection

    head, _, rest = verb.partition(" ")
    if head.endswith("ing") and lemmas(head) != {head}:
        return verb
    form = getInflection(head, "VBG")
    return f"{form[0] if form else head + 'ing'} {rest}".strip()


@lru_cache(maxsize=65536)
def article(phrase: str) -> str:
    """The indefinite article by the sound that a phrase begins with."""
    first = unicodedata.normalize("NFKD", re.split(r"[\s-]", phrase, maxsplit=1)[0])
    plain = "".join(char for char in first if char.isascii() and char.isalnum())
    if _AN.match(plain):
        return "an"
    if not plain or plain[0].isdigit() or _A.match(plain):
        return "a"
    return str(_engine().a(plain)).split()[0]


@lru_cache(maxsize=1)
def _engine():  # type: ignore[no-untyped-def]  # inflect's own type makes mypy read its typeguard
    import inflect

    return inflect.engine()


def join(parts: Iterable[str]) -> str:
    """A, B and C."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def content(text: str) -> list[str]:
    """The words of a text that say something, without punctuation around them."""
    return [word for word in clean_tag(text.replace(",", " ")).split() if word.casefold() not in FUNCTION_WORDS]


def covers(text: str, tags: Iterable[str]) -> bool:
    """Whether each content word of each tag appears in a text, in any form of it."""
    there = frozenset(form for word in content(text) for form in lemmas(word))
    return all(not there.isdisjoint(lemmas(word)) for tag in tags for word in content(tag))

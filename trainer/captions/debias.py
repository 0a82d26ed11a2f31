"""Take made-up genders out of generated captions: "a man closes his eyes" becomes "a person closes their eyes".

For captions that a model wrote (ours, or `text_augment_t5` of LAION-Audio-630K), never for what people wrote: "female
vocal" and "male scream" are heard. Whole words only, case kept, quotations and names ("Iron Man") left alone.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from trainer.captions.words import FUNCTION_WORDS, PREPOSITIONS, article

_ONE = ("man", "woman", "boy", "girl", "guy", "lady", "gentleman")
_MANY = ("men", "women", "boys", "girls", "guys", "ladies", "gentlemen")
_JOBS = {
    "policeman": "police officer",
    "fireman": "firefighter",
    "businessman": "business person",
    "salesman": "salesperson",
    "postman": "mail carrier",
    "mailman": "mail carrier",
    "workman": "worker",
    "chairman": "chairperson",
    "spokesman": "spokesperson",
    "cameraman": "camera operator",
    "repairman": "repairer",
    "fisherman": "fisher",
    "sportsman": "athlete",
    "anchorman": "news anchor",
}
_PLURAL_JOBS = {"business person": "business people", "salesperson": "salespeople", "chairperson": "chairpeople",
                "spokesperson": "spokespeople"}  # fmt: skip
_TITLED = {"waitress": "server", "stewardess": "flight attendant", "actress": "actor", "hostess": "host"}
_POSSESSIVE = {"his": "theirs", "hers": "theirs"}
_REFLEXIVE = {"himself": "themself", "herself": "themself"}
_SUBJECTS = {"he", "she"}
_VERBS = {"is": "are", "was": "were", "has": "have", "does": "do", "'s": "'re", "isn't": "aren't", "wasn't": "weren't",
          "hasn't": "haven't", "doesn't": "don't"}  # fmt: skip
# What may follow an object, but not a possessive: then "her" is "them".
_AFTER_OBJECT = (
    FUNCTION_WORDS
    | PREPOSITIONS
    | {"up", "down", "out", "away", "back", "again", "loudly", "while", "when", "who", "but", "then", "so", "because"}
    | {"his", "their", "there", "here", "once", "twice", "alone", "together", "very"}
)
_DETERMINERS = frozenset(
    ("a", "an", "the", "his", "her", "their", "its", "it", "him", "them", "this", "that", "some", "up", "down", "away")
)
_ADVERBS = frozenset(
    ("also", "then", "never", "often", "always", "just", "still", "almost", "soon", "now", "only", "sometimes")
)
_FIXED = re.compile(
    r"\b(?:boy band|girl group|guy wire|lady ?bug|straw man|hit man|con man|best man)s?\b", re.IGNORECASE
)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|‘[^’]*’|«[^»]*»|(?<!\w)'[^']+'(?!\w)")
_TOKEN = re.compile(r"[^\W_]+(?:-[^\W_]+)+|[^\W\d_]+(?:n['’]t)|['’]s\b|[^\W_]+|[^\w\s]|\s+|_+")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    free: bool  # may be changed

    @property
    def word(self) -> str:
        return self.text.casefold().replace("’", "'")


def debias(text: str, keep: Collection[str] = ()) -> str:
    """Replace gendered agents, with agreement of verbs and articles.

    Args:
        text: A generated caption.
        keep: Words that the user's tags hold, in any case: they are the user's own and stay.

    Returns:
        The caption; one without such words comes back unchanged.
    """
    kept = {word.casefold() for word in keep}
    tokens = [*_tokens(text, kept)]
    changed = _couples(_articles(tokens, _replace(tokens)))
    return "".join(token.text for token in changed)


def _tokens(text: str, kept: Collection[str]) -> Iterator[_Token]:
    """Words, spaces and punctuation; those within quotations, names and fixed expressions are not free."""
    closed = [match.span() for pattern in (_QUOTED, _FIXED) for match in pattern.finditer(text)]
    shouting = text.isupper()
    for match in _TOKEN.finditer(text):
        word, at = match[0], match.start()
        begins = not text[:at].strip() or text[:at].rstrip()[-1] in ".!?:"
        name = word[0].isupper() and not begins and not shouting
        yield _Token(word, not (name or word.casefold() in kept or any(a <= at < b for a, b in closed)))


def _replace(tokens: list[_Token]) -> list[_Token]:
    out = list(tokens)
    for k, token in enumerate(tokens):
        if not token.free:
            continue
        if token.word in _SUBJECTS:
            out[k] = _cased(token, "they")
            _agree(tokens, out, k)
        elif (new := _noun(token.word) or _pronoun(tokens, k)) is not None:
            out[k] = _cased(token, new)
    return out


def _noun(word: str) -> str | None:
    if word in _ONE or word in _MANY:
        return "person" if word in _ONE else "people"
    if word in _TITLED:
        return _TITLED[word]
    if (one := word.removesuffix("es")) in _TITLED:
        return _TITLED[one] + "s"
    base = re.sub(r"wom([ae])n$", r"m\1n", word)
    if base in _JOBS:
        return _JOBS[base]
    if (job := _JOBS.get(re.sub("men$", "man", base))) is not None:
        return _PLURAL_JOBS.get(job, job + "s")
    return None


def _pronoun(tokens: list[_Token], k: int) -> str | None:
    word = tokens[k].word
    if word in _REFLEXIVE:
        return _REFLEXIVE[word]
    if word == "him":
        return "them"
    follows = _next_word(tokens, k)
    owns = follows is not None and follows.word not in _AFTER_OBJECT and not follows.word.endswith("ly")
    if word == "her":
        return "their" if owns else "them"
    return ("their" if owns else _POSSESSIVE[word]) if word in _POSSESSIVE else None


def _next_word(tokens: list[_Token], k: int) -> _Token | None:
    """The word after a token; None if punctuation comes first."""
    for token in tokens[k + 1 :]:
        if not token.text.isspace():
            return token if token.text[0].isalpha() else None
    return None


def _agree(tokens: list[_Token], out: list[_Token], k: int) -> None:
    """Put the verbs of a subject that became "they" into the plural: closes, close; is, are; also after "and"."""
    before = [j for j in range(k) if not tokens[j].text.isspace()]
    if before and (verb := tokens[before[-1]]).word in _VERBS:
        if len(before) == 1 or tokens[before[-2]].word in ("what", "where", "how", "why"):
            out[before[-1]] = _cased(verb, _VERBS[verb.word])
        return
    expected = True  # a verb of this subject comes next
    for j in range(k + 1, len(tokens)):
        token = tokens[j]
        if token.text in ".!?;" or token.word in _SUBJECTS:
            return
        if token.text.isspace() or token.word in _ADVERBS or (expected and token.word.endswith("ly")):
            continue
        if token.word in ("and", "but", "or", ","):
            expected = True
            continue
        if expected and (plural := _plural_verb(tokens, j, first=not _verbs_before(tokens, k, j))):
            out[j] = _cased(token, plural)
        expected = False


def _verbs_before(tokens: list[_Token], k: int, j: int) -> bool:
    return any(token.text[0].isalpha() and token.word not in _ADVERBS for token in tokens[k + 1 : j])


def _plural_verb(tokens: list[_Token], j: int, first: bool) -> str | None:
    """The plural of a verb form in -s; None if the word is none, or may be a noun ("cats and dogs")."""
    from lemminflect import getAllLemmas, getInflection

    word = tokens[j].word
    if word in _VERBS:
        return _VERBS[word]
    lemmas = getAllLemmas(word)
    for lemma in lemmas.get("VERB", ()):
        follows = _next_word(tokens, j)
        sure = first or "NOUN" not in lemmas or (follows is not None and follows.word in _DETERMINERS)
        if sure and word != lemma and word in getInflection(lemma, "VBZ"):
            return str(lemma)
    return None


def _couples(tokens: list[_Token]) -> list[_Token]:
    """ "a person and a person" are two people, "people and people" are people."""
    text = [token.word for token in tokens]
    out = list(tokens)
    for k in range(len(tokens) - 8, -1, -1):
        if text[k : k + 9 : 2] == ["a", "person", "and", "a", "person"] and all(
            map(str.isspace, text[k + 1 : k + 9 : 2])
        ):
            out[k : k + 9] = [_cased(tokens[k], "two"), _Token(" ", True), _Token("people", True)]
    text = [token.word for token in out]
    for k in range(len(out) - 4, -1, -1):
        if text[k : k + 5 : 2] == ["people", "and", "people"]:
            out[k + 1 : k + 5] = []
    return out


def _articles(before: list[_Token], tokens: list[_Token]) -> list[_Token]:
    """Check "a" and "an" before words that were replaced."""
    out = list(tokens)
    for k, token in enumerate(tokens[:-2]):
        if token.word in ("a", "an") and tokens[k + 1].text.isspace() and tokens[k + 2].text != before[k + 2].text:
            out[k] = _cased(token, article(tokens[k + 2].text))
    return out


def _cased(token: _Token, word: str) -> _Token:
    """The word in the case of the one that it replaces."""
    if token.text.isupper() and len(token.text) > 1:
        word = word.upper()
    elif token.text[0].isupper():
        word = word[0].upper() + word[1:]
    return replace(token, text=word)

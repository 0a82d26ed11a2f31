"""The filters of the query language: how each is read and written, and which values mean the same."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from soundsearch.errors import QueryError
from soundsearch.records import Filter

MARKS = ("fav", "tagged", "untagged", "loop", "one-shot", "long", "pending", "failed", "offline")
_MARK_WORDS = {
    "favourite": "fav",
    "favorite": "fav",
    "favourites": "fav",
    "favorites": "fav",
    "oneshot": "one-shot",
    "one shot": "one-shot",
    "loops": "loop",
}
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_KEY = re.compile(r"(?P<note>[A-Ga-g])(?P<shift>[#♯b♭]?)[\s-]*(?P<mode>m|M|[Mm]in|[Mm]inor|[Mm]aj|[Mm]ajor|)")
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = {"C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb"}


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter of the language.

    Attributes:
        name: As it is written.
        operators: Which of `:`, `<`, `>`, `<=`, `>=` it knows.
        example: The filter as a user may write it.
        meaning: What it keeps, in a few words for people.
        read: Adds what was written, `(filter, operator, value, position)`, to a filter. Raises QueryError.
        write: A filter's conditions of this kind, each as `read` understands it, without spaces outside of quotes.
        is_negatable: Whether `-name:value` may leave clips out.
    """

    name: str
    operators: tuple[str, ...]
    example: str
    meaning: str
    read: Callable[[Filter, str, str, int], Filter]
    write: Callable[[Filter], list[str]]
    is_negatable: bool = True


def normal_key(text: str) -> str:
    """A musical key as `Clip.key` spells it, "" if it is none: `a minor`, `Amin` and `Am` are one, `Bb` is `A#`."""
    match = _KEY.fullmatch(text.strip())
    if match is None:
        return ""
    shift = {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(match["shift"], 0)
    note = _NOTES[(_NOTES.index(match["note"].upper()) + shift) % 12]
    # "am" is A minor and "a" is A major; a capital M alone is the musicians' sign for major.
    return note + ("m" if match["mode"] in ("m", "min", "Min", "minor", "Minor") else "")


def key_spellings(key: str) -> tuple[str, ...]:
    """How else a key as `normal_key` gives it may be spelled: `A#m`, `Bbm`."""
    note = key.rstrip("m")
    return (key, _FLATS[note] + key[len(note) :]) if note in _FLATS else (key,)


def quoted(value: str) -> str:
    """A value as it stands in a query: in quotation marks where it would else be cut or read as something else."""
    return value if re.fullmatch(r'[^\s":<>]+', value) else '"' + value.replace('"', '""') + '"'


# -- making conditions


def _listed(name: str, field: str, example: str, meaning: str, read_value: Callable[[str, int], Any]) -> Condition:
    """A condition with alternatives: `type:wav type:mp3`."""

    def read(wanted: Filter, _operator: str, value: str, at: int) -> Filter:
        changed: dict[str, Any] = {field: (*getattr(wanted, field), read_value(value, at))}
        return replace(wanted, **changed)

    def write(wanted: Filter) -> list[str]:
        return [f"{name}:{quoted(str(value))}" for value in getattr(wanted, field)]

    return Condition(name, (":",), f"{name}:{example}", meaning, read, write)


def _ranged(name: str, fields: tuple[str, str], example: str, meaning: str, unit: str, around: float) -> Condition:
    """A condition with limits, which narrow each other: `dur>0.5 dur<4`. `bpm:120` is 120 and `around` it."""
    low_field, high_field = fields

    def read(wanted: Filter, operator: str, value: str, at: int) -> Filter:
        numbers = [float(number) for number in value.split("-") if _NUMBER.fullmatch(number)]
        most = 2 if operator == ":" else 1
        if len(numbers) != value.count("-") + 1 or len(numbers) > most or (len(numbers) < most and not around):
            raise QueryError(
                f"The filter {name}{operator}{value} is not a number of {unit}.", f"Write it like {example}.", at
            )
        spread = around if operator == ":" and len(numbers) == 1 else 0.0
        low, high = getattr(wanted, low_field), getattr(wanted, high_field)
        if operator[0] in ":>":
            low = max(numbers[0] - spread, low or 0.0)
        if operator[0] in ":<":
            high = min(numbers[-1] + spread, high if high is not None else float("inf"))
        if low is not None and high is not None and low > high:
            raise QueryError(
                f"No clip has more than {low:g} and less than {high:g} {unit}.", "Swap the two numbers.", at
            )
        limits: dict[str, Any] = {low_field: low, high_field: high}
        return replace(wanted, **limits)

    def write(wanted: Filter) -> list[str]:
        low, high = getattr(wanted, low_field), getattr(wanted, high_field)
        if low is not None and high is not None:
            middle = (low + high) / 2
            is_around = around > 0 and (middle - around, middle + around) == (low, high)
            return [f"{name}:{_digits(middle)}" if is_around else f"{name}:{_digits(low)}-{_digits(high)}"]
        if low is None and high is None:
            return []
        return [f"{name}>{_digits(low)}" if low is not None else f"{name}<{_digits(high)}"]

    return Condition(name, (":", "<", ">", "<=", ">="), example, meaning, read, write, is_negatable=False)


def _digits(value: float) -> str:
    """All digits and no exponent, so that the same number is read back."""
    return np.format_float_positional(value, trim="-")


# -- reading values


def _text(value: str, _at: int) -> str:
    return value


def _extension(value: str, at: int) -> str:
    extension = value.lower().lstrip(".")
    if not extension:
        raise QueryError(f"The filter type:{value} names no file type.", "Write it like type:wav.", at)
    return extension


def _whole(name: str, example: str) -> Callable[[str, int], int]:
    def read(value: str, at: int) -> int:
        # SQLite's integers end at 2**63.
        if not (value.isascii() and value.isdecimal() and len(value) < 19):
            raise QueryError(f"The filter {name}:{value} is not a whole number.", f"Write {name}:{example}.", at)
        return int(value)

    return read


def _key(value: str, at: int) -> str:
    if not (key := normal_key(value)):
        raise QueryError(f"There is no key {value}.", 'Write it like key:Am, key:F# or key:"A minor".', at)
    return key


def _mark(value: str, at: int) -> str:
    mark = _MARK_WORDS.get(value.lower(), value.lower())
    if mark not in MARKS:
        raise QueryError(f"Clips cannot be asked whether they are {value}.", f"Write is: and one of {_or(MARKS)}.", at)
    return mark


def _rating(wanted: Filter, operator: str, value: str, at: int) -> Filter:
    """Stars: `rating:4` and `rating>=4` are four or more, `rating>3` is the same."""
    stars = int(value) + (operator == ">") if value.isascii() and value.isdecimal() and len(value) < 3 else 0
    if not 1 <= stars <= 5:
        raise QueryError(
            f"The filter rating{operator}{value} is no number of stars.", "Write rating:1 to rating:5.", at
        )
    return replace(wanted, min_rating=max(stars, wanted.min_rating))


def _or(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


CONDITIONS: dict[str, Condition] = {
    condition.name: condition
    for condition in (
        _ranged("dur", ("min_duration_s", "max_duration_s"), "dur<2 or dur:0.5-4", "length", "seconds", 0.0),
        _listed("tag", "tags", "vinyl", "has the tag", _text),
        _listed("folder", "folders", "Drums", "lies in a folder", _text),
        _listed("type", "types", "wav", "file type", _extension),
        _listed("rate", "sample_rates", "48000", "sample rate in Hz", _whole("rate", "48000")),
        _listed("ch", "channels", "2", "number of channels", _whole("ch", "2")),
        _ranged("bpm", ("min_bpm", "max_bpm"), "bpm:120 or bpm:120-130", "tempo", "beats a minute", 0.5),
        _listed("key", "keys", "Am", "musical key", _key),
        _listed("is", "marks", "fav", "what a clip is", _mark),
        Condition(
            "rating",
            (":", ">", ">="),
            "rating:4",
            "this many stars or more",
            _rating,
            lambda wanted: [f"rating:{wanted.min_rating}"] if wanted.min_rating else [],
            is_negatable=False,
        ),
        _listed("colour", "colours", "red", "colour label", lambda value, _at: value.lower()),
        _listed("in", "collections", '"My collection"', "belongs to a collection", _text),
    )
}

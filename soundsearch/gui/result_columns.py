"""The columns of the result list: what each says of a clip, how wide it is, and which of them there is room for."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from PySide6.QtCore import QSettings

from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.records import Clip


class Column(IntEnum):
    """Columns in their first order."""

    SOUND = 0
    NAME = 1
    FOLDER = 2
    LENGTH = 3
    MATCH = 4
    TAGS = 5
    RATING = 6
    TEMPO = 7
    KEY = 8
    LOUDNESS = 9
    FORMAT = 10
    RATE = 11
    CHANNELS = 12
    DATE = 13


@dataclass(frozen=True, slots=True)
class Spec:
    """A column. `order` is what a first click sorts by, as `messages.Search.order`; widths are in design pixels."""

    title: str
    order: str
    width: int
    shown_from: int = 0  # width of the list
    right: bool = False  # figures
    at_first: bool = False  # shown until the user chooses otherwise
    hint: str = ""


SPECS = {
    Column.SOUND: Spec("Sound", "brightness_hz", 136, 360, at_first=True, hint="From dark to bright"),
    Column.NAME: Spec("Name", "name", 200, at_first=True),
    Column.FOLDER: Spec("Folder", "folder", 160, 620, at_first=True),
    Column.LENGTH: Spec("Length", "duration_s", 72, 360, right=True, at_first=True),
    Column.MATCH: Spec("Match", "", 64, 460, at_first=True, hint="Best first"),
    Column.TAGS: Spec("Tags", "tags", 160, 900, at_first=True),
    Column.RATING: Spec("Rating", "-rating", 92, 460),
    Column.TEMPO: Spec("Tempo", "tempo_bpm", 64, 460, right=True, hint="Beats a minute"),
    Column.KEY: Spec("Key", "key", 56, 460),
    Column.LOUDNESS: Spec("Loudness", "-loudness_lufs", 84, 460, right=True, hint="LUFS, integrated"),
    Column.FORMAT: Spec("Format", "format", 64, 460),
    Column.RATE: Spec("Rate", "-sample_rate", 76, 460, right=True, hint="Sample rate"),
    Column.CHANNELS: Spec("Channels", "-channels", 84, 460),
    Column.DATE: Spec("Date", "-modified_ns", 92, 460, right=True, hint="Last changed"),
}
# Which go first where there is no room for all that were chosen.
_LEAST_FIRST = (
    Column.DATE, Column.CHANNELS, Column.RATE, Column.FORMAT, Column.LOUDNESS, Column.KEY, Column.TEMPO, Column.RATING,
    Column.TAGS, Column.FOLDER, Column.MATCH, Column.LENGTH, Column.SOUND,
)  # fmt: skip
# Of what a list has beyond 900 pixels: share, least, most. On a large screen waveforms and tags grow with it, else the
# gap between names and folders would.
SHARES = {Column.SOUND: (0.25, 136, 420), Column.TAGS: (0.3, 120, 480)}
NAME_SHARE = (0.34, 200, 520)  # of the whole list
BEYOND = 900
NARROW_SOUND = 88
NARROWEST, WIDEST = 48, 1_000
LEAST_STRETCHED = {Column.NAME: 136, Column.FOLDER: 96}


@dataclass
class Columns:
    """What the user chose: which columns, in which order, how wide."""

    chosen: set[Column] = field(default_factory=lambda: {c for c, spec in SPECS.items() if spec.at_first})
    widths: dict[Column, int] = field(default_factory=dict)
    sequence: list[Column] = field(default_factory=lambda: list(Column))  # from left to right, hidden ones included

    def fit(self, width: int, px: Callable[[int], int]) -> dict[Column, int]:
        """Say which columns a list shows and how wide they are; one, `stretched`, takes what is left.

        Args:
            width: Of the list, in pixels.
            px: From design pixels to pixels here.
        """
        shown = [c for c in self.sequence if c in self.chosen and width >= px(SPECS[c].shown_from)]
        for least in _LEAST_FIRST:
            rest = stretched(shown)
            needed = sum(self._width(c, width, px) for c in shown if c != rest) + px(LEAST_STRETCHED[rest])
            if needed <= width:
                break
            if least in shown:
                shown.remove(least)
        return {c: self._width(c, width, px) for c in shown}

    def _width(self, column: Column, of_list: int, px: Callable[[int], int]) -> int:
        if column == Column.SOUND and of_list < px(SPECS[Column.FOLDER].shown_from):
            return NARROW_SOUND
        if column in self.widths:
            return min(self.widths[column], of_list // 2)
        if column == Column.NAME:
            share, least, most = NAME_SHARE
            return round(min(max(share * of_list, least), most))
        if column in SHARES:
            share, least, most = SHARES[column]
            return round(min(least + share * max(0, of_list - px(BEYOND)), most))
        return px(SPECS[column].width)

    def save(self, store: QSettings) -> None:
        """Remember it."""
        for column, width in self.widths.items():
            store.setValue(f"columns/{column.name.lower()}", width)
        first = Columns()
        for key, now, before in (
            ("chosen", [c for c in self.sequence if c in self.chosen], [c for c in Column if c in first.chosen]),
            ("sequence", self.sequence, first.sequence),
        ):
            if now == before:
                store.remove(f"columns/{key}")
            else:
                store.setValue(f"columns/{key}", [c.name.lower() for c in now])

    def restore(self, store: QSettings) -> None:
        """Take what was remembered; columns that are newer than that stand at the end."""
        for column in Column:
            value = store.value(f"columns/{column.name.lower()}")
            if isinstance(value, str | int) and str(value).isdigit():
                self.widths[column] = min(max(int(value), NARROWEST), WIDEST)
        if chosen := _known(store.value("columns/chosen")):
            self.chosen = {*chosen, Column.NAME}
        if sequence := _known(store.value("columns/sequence")):
            self.sequence = [*sequence, *(c for c in Column if c not in sequence)]


def stretched(shown: list[Column]) -> Column:
    """The column that takes what is left: the folder, whose paths are long; without it the name."""
    return Column.FOLDER if Column.FOLDER in shown else Column.NAME


def _known(value: object) -> list[Column]:
    names = value if isinstance(value, list) else [value]
    known = {c.name.lower(): c for c in Column}
    return list(dict.fromkeys(known[name] for name in names if name in known))


@lru_cache(maxsize=8_192)  # a row is painted many times while one scrolls
def text_of(clip: Clip, column: Column) -> str:
    """What a column says of a clip, "" where it is not known; those that are drawn say nothing."""
    match column:
        case Column.NAME:
            return display_name(clip.name)
        case Column.FOLDER:
            return display_name(clip.folder)
        case Column.LENGTH:
            return wording.length(clip.duration_s) if clip.duration_s else ""
        case Column.TAGS:
            return " · ".join(own_tags(clip))
        case Column.TEMPO:
            return f"{clip.tempo_bpm:.0f}" if clip.tempo_bpm else ""
        case Column.KEY:
            return clip.key
        case Column.LOUDNESS:
            return "" if clip.loudness_lufs is None else f"{clip.loudness_lufs:.1f}".replace("-", "−")
        case Column.FORMAT:
            return clip.format.upper()
        case Column.RATE:
            return f"{clip.sample_rate / 1000:g} kHz" if clip.sample_rate else ""
        case Column.CHANNELS:
            return wording.channels(clip.channels) if clip.channels else ""
        case Column.DATE:
            return time.strftime("%Y-%m-%d", time.localtime(clip.modified_ns / 1e9)) if clip.modified_ns > 0 else ""
        case _:
            return ""


def own_tags(clip: Clip) -> tuple[str, ...]:
    """The tags but those that are names of its folders: they stand in the column beside."""
    folders = set(clip.folder.replace("\\", "/").split("/"))
    return tuple(display_name(tag) for tag in clip.tags if tag not in folders)

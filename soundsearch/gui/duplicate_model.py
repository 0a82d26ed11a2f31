"""The table of duplicates: a row for each clip, those of one group below each other, the one to keep first."""

from bisect import bisect_right
from enum import IntEnum
from itertools import accumulate
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.records import Clip, DuplicateGroup

Index = QModelIndex | QPersistentModelIndex
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class Column(IntEnum):
    """Columns of the table."""

    WHAT = 0
    NAME = 1
    FOLDER = 2
    FORMAT = 3
    LENGTH = 4
    SIZE = 5


TITLES = {
    Column.WHAT: "",
    Column.NAME: "Name",
    Column.FOLDER: "Folder",
    Column.FORMAT: "Format",
    Column.LENGTH: "Length",
    Column.SIZE: "Size",
}


class DuplicateModel(QAbstractTableModel):
    """Groups of clips that hold the same sound. Clips that are not here yet have empty cells."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.groups: tuple[DuplicateGroup, ...] = ()
        self._ids: tuple[int, ...] = ()
        self._starts: list[int] = []  # of each group, the row of its first clip
        self._clips: dict[int, Clip] = {}

    def set_groups(self, groups: tuple[DuplicateGroup, ...]) -> None:
        """Show these."""
        self.beginResetModel()
        self.groups = groups
        self._ids = tuple(clip_id for group in groups for clip_id in group.clip_ids)
        self._starts = list(accumulate((len(group.clip_ids) for group in groups[:-1]), initial=0)) if groups else []
        self._clips = {}
        self.endResetModel()

    def put_clips(self, clips: tuple[Clip, ...]) -> None:
        """Take clips that were asked for."""
        self._clips |= {clip.id: clip for clip in clips}
        if self._ids:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, len(Column) - 1))

    @property
    def ids(self) -> tuple[int, ...]:
        """The clips of all rows."""
        return self._ids

    @property
    def freed_bytes(self) -> int:
        """How much room the clips take that are not suggested to be kept, as far as they are here."""
        spare = (clip_id for group in self.groups for clip_id in group.clip_ids[1:])
        return sum(clip.size_bytes for clip_id in spare if (clip := self._clips.get(clip_id)))

    def clip(self, row: int) -> Clip | None:
        """The clip of a row, None if it is not here yet, or gone."""
        return self._clips.get(self._ids[row])

    def group(self, row: int) -> int:
        """Which group a row belongs to."""
        return bisect_right(self._starts, row) - 1

    def is_keeper(self, row: int) -> bool:
        """Whether the clip of a row is the one that is suggested to be kept."""
        return self._starts[self.group(row)] == row

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Clips in all groups."""
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """All columns."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[Column(section)]
        if role == Qt.ItemDataRole.TextAlignmentRole and section in (Column.LENGTH, Column.SIZE):
            return RIGHT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        clip, column = self.clip(index.row()), Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._what(index.row()) if column == Column.WHAT else self._fact(clip, column)
        if role == Qt.ItemDataRole.ToolTipRole and clip:
            return display_name(clip.path)
        if role == Qt.ItemDataRole.AccessibleTextRole and clip:
            return f"{self._what(index.row())}, {display_name(clip.name)}, group {self.group(index.row()) + 1}"
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.LENGTH, Column.SIZE):
            return RIGHT
        return None

    def _what(self, row: int) -> str:
        group = self.groups[self.group(row)]
        if self.is_keeper(row):
            return "Keep"
        return "Exact copy" if group.kind == "exact" else f"Near copy, {wording.share(group.similarity)}"

    @staticmethod
    def _fact(clip: Clip | None, column: Column) -> str:
        if clip is None:
            return ""
        match column:
            case Column.NAME:
                return display_name(clip.name)
            case Column.FOLDER:
                return display_name(clip.folder)
            case Column.FORMAT:
                rate = f"{clip.sample_rate / 1000:g} kHz"
                return f"{clip.format.upper()} · {rate} · {wording.channels(clip.channels)}"
            case Column.LENGTH:
                return wording.length(clip.duration_s)
            case _:
                return wording.size(clip.size_bytes)

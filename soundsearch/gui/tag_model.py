"""Proposed tags under review: a row for each, what the bars accept and what the user decided."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from soundsearch.engine.messages import ApplyTags
from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.records import IntArray, TagProposals

Index = QModelIndex | QPersistentModelIndex

MAX_UNDO = 100


class Column(IntEnum):
    """Columns of the review."""

    ACCEPT = 0
    CLIP = 1
    TAG = 2
    SCORE = 3


TITLES = {Column.ACCEPT: "", Column.CLIP: "Clip", Column.TAG: "Tag", Column.SCORE: "Sure"}


@dataclass(frozen=True, slots=True)
class _State:
    """All that can be taken back: `decided` is 1 accepted, -1 refused, 0 left to the bar of the label."""

    decided: npt.NDArray[np.int8]  # (n rows,)
    bars: npt.NDArray[np.float64]  # (n labels,)


class ReviewModel(QAbstractTableModel):
    """Proposals as a table, all or those of one label.

    Signals:
        decided: Something is accepted or refused that was not before.
    """

    decided = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._proposals = TagProposals("", (), ())
        self.labels: tuple[str, ...] = ()
        self._clip = np.empty(0, np.int64)  # of each proposal, a position in the proposals
        self._label = np.empty(0, np.int64)  # a position in `labels`
        self._score = np.empty(0, np.float64)
        self._spare = np.empty(0, np.bool_)
        self._state = _State(np.empty(0, np.int8), np.empty(0, np.float64))
        self._accepted = np.empty(0, np.bool_)  # of every proposal, shown or not
        self._before: list[_State] = []
        self._rows = np.empty(0, np.int64)  # shown, in their order
        self._shown_label: int | None = None
        self._order = (Column.SCORE, Qt.SortOrder.DescendingOrder)

    def set_proposals(self, proposals: TagProposals, bar: float) -> None:
        """Take other proposals; accepted is what reaches the bar and is not spare."""
        self.beginResetModel()
        self._proposals = proposals
        triples = [(c, tag) for c, clip in enumerate(proposals.clips) for tag in clip.tags]
        self.labels = tuple(sorted({tag.label for _, tag in triples}))
        number = {label: position for position, label in enumerate(self.labels)}
        self._clip = np.array([c for c, _ in triples], np.int64)
        self._label = np.array([number[tag.label] for _, tag in triples], np.int64)
        self._score = np.array([tag.score for _, tag in triples], np.float64)
        self._spare = np.array([tag.spare for _, tag in triples], np.bool_)
        self._take(_State(np.zeros(len(triples), np.int8), np.full(len(self.labels), bar)))
        self._before.clear()
        self._shown_label = None
        self._sort()
        self.endResetModel()
        self.decided.emit()

    # -- what is decided

    @property
    def has_refused(self) -> bool:
        """Whether the user refused something by himself."""
        return bool((self._state.decided < 0).any())

    def _take(self, state: _State) -> None:
        """Have a state, and what follows from it for every proposal: cells ask for that as they are painted."""
        self._state = state
        by_bar = self._score >= state.bars[self._label] if len(self.labels) else np.zeros(0, bool)
        self._accepted = np.where(state.decided == 0, by_bar & ~self._spare, state.decided > 0)

    def counts(self) -> list[tuple[str, int, int]]:
        """For each label its name, how many are accepted and how many proposed."""
        n = len(self.labels)
        proposed = np.bincount(self._label, minlength=n)
        taken = np.bincount(self._label[self._accepted], minlength=n)
        return [(label, int(taken[i]), int(proposed[i])) for i, label in enumerate(self.labels)]

    @property
    def label_set(self) -> str:
        """The set that is proposed from."""
        return self._proposals.label_set

    @property
    def tagged_clips(self) -> int:
        """How many clips would get a tag."""
        return len(np.unique(self._clip[self._accepted]))

    def bar(self, label: str | None) -> float:
        """The bar of a label; of all, the lowest."""
        if label is None:
            return float(self._state.bars.min(initial=1.0))
        return float(self._state.bars[self.labels.index(label)])

    def set_bar(self, label: str | None, bar: float) -> None:
        """Accept from this score on, for one label or all, what is not spare; what the user decided stays."""
        bars = self._state.bars.copy()
        bars[slice(None) if label is None else self.labels.index(label)] = bar
        self._change(_State(self._state.decided, bars))

    def decide(self, rows: list[int], accept: bool) -> None:
        """Accept or refuse shown rows."""
        decided = self._state.decided.copy()
        decided[self._rows[rows]] = 1 if accept else -1
        self._change(_State(decided, self._state.bars))

    def decide_clip(self, row: int, accept: bool) -> None:
        """Accept or refuse all that is proposed for the clip of a row."""
        decided = self._state.decided.copy()
        decided[self._clip == self._clip[self._rows[row]]] = 1 if accept else -1
        self._change(_State(decided, self._state.bars))

    @property
    def can_undo(self) -> bool:
        """Whether a decision can be taken back."""
        return bool(self._before)

    def undo(self) -> None:
        """Take the last decision back."""
        if self._before:
            self._take(self._before.pop())
            self._tell()

    def decisions(self) -> ApplyTags:
        """What to store: what is accepted, and what the user refused by himself."""
        accepted, refused = self._accepted, self._state.decided < 0
        taken: dict[int, list[tuple[str, float]]] = {}
        left: dict[int, list[str]] = {}
        for row in np.flatnonzero(accepted | refused):
            clip_id, label = self._proposals.clips[self._clip[row]].clip_id, self.labels[self._label[row]]
            if accepted[row]:
                taken.setdefault(clip_id, []).append((label, float(self._score[row])))
            else:
                left.setdefault(clip_id, []).append(label)
        return ApplyTags(
            self._proposals.label_set,
            tuple((clip, tuple(labels)) for clip, labels in taken.items()),
            tuple((clip, tuple(labels)) for clip, labels in left.items()),
        )

    # -- what is shown

    def show_label(self, label: str | None) -> None:
        """Show the rows of one label, or all."""
        self.beginResetModel()
        self._shown_label = None if label is None else self.labels.index(label)
        self._sort()
        self.endResetModel()

    def path(self, row: int) -> str:
        """The file of a row."""
        return self._proposals.clips[int(self._clip[self._rows[row]])].path

    def clip_id(self, row: int) -> int:
        """The clip of a row."""
        return self._proposals.clips[int(self._clip[self._rows[row]])].clip_id

    def is_accepted(self, row: int) -> bool:
        """Whether a shown row is accepted."""
        return bool(self._accepted[self._rows[row]])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Rows that are shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """All columns."""
        return 0 if parent.isValid() else len(Column)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Boxes can be ticked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == Column.ACCEPT else flags

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[Column(section)]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == Column.SCORE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        row = int(self._rows[index.row()])
        column = Column(index.column())
        label = self.labels[self._label[row]]
        name = display_name(self._proposals.clips[self._clip[row]].path.rpartition("/")[2])
        if role == Qt.ItemDataRole.CheckStateRole and column == Column.ACCEPT:
            return Qt.CheckState.Checked if self._accepted[row] else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DisplayRole and column != Column.ACCEPT:
            return {Column.CLIP: name, Column.TAG: label, Column.SCORE: wording.share(self._score[row])}[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return display_name(self._proposals.clips[self._clip[row]].path)
        if role == Qt.ItemDataRole.TextAlignmentRole and column == Column.SCORE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            state = "accepted" if self._accepted[row] else "not accepted"
            return f"{label} for {name}, {wording.share(self._score[row])}, {state}"
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tick or untick a box."""
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != Column.ACCEPT:
            return False
        self.decide([index.row()], Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; equal rows by confidence."""
        self.layoutAboutToBeChanged.emit()
        self._order = (Column(column), order)
        self._sort()
        self.layoutChanged.emit()

    def _sort(self) -> None:
        column, order = self._order
        rows = np.arange(len(self._clip))
        if self._shown_label is not None:
            rows = rows[self._label == self._shown_label]
        keys: dict[Column, IntArray | npt.NDArray[Any]] = {
            Column.ACCEPT: self._accepted[rows],
            Column.CLIP: self._clip[rows],
            Column.TAG: self._label[rows],
            Column.SCORE: self._score[rows],
        }
        key = keys[column].astype(np.float64)
        self._rows = rows[np.lexsort((-self._score[rows], key if order == Qt.SortOrder.AscendingOrder else -key))]

    def _change(self, state: _State) -> None:
        self._before = [*self._before, self._state][-MAX_UNDO:]
        self._take(state)
        self._tell()

    def _tell(self) -> None:
        if len(self._rows):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(Column) - 1))
        self.decided.emit()

"""A ranking as a Qt table: it holds ids, and asks for the clips of a row when that row is painted."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name, files_mime
from soundsearch.gui.result_columns import SPECS, Column, text_of
from soundsearch.records import Clip, ClipState, IntArray, Ranking, Reason, Strength

Index = QModelIndex | QPersistentModelIndex

PAGE = 64  # rows asked for together
MAX_PAGES_WAITING = 4  # when scrolling outruns the engine, the oldest wishes are dropped
MAX_FETCHES = 2  # requests on their way at a time
KEPT_CLIPS = 20_000  # about 10 MB with their peaks


class ResultModel(QAbstractTableModel):
    """The clips of one ranking.

    Signals:
        fetch_needed (tuple): Ids whose clips should be brought; answer with `put_clips`.
        clips_arrived (frozenset): Ids that are known now.
    """

    fetch_needed = Signal(object)
    clips_arrived = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ranking = Ranking(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.uint8))
        self._weak_from: int | None = None
        self._clips: OrderedDict[int, Clip] = OrderedDict()
        self._stale: set[int] = set()  # shown until newer ones come
        self._gone: set[int] = set()  # forgotten by the catalogue since the ranking was made
        self._asked: set[int] = set()
        self._wanted_pages: OrderedDict[int, None] = OrderedDict()
        self._wanted_ids: list[int] = []
        self._on_their_way = 0
        # Wishes of one painting are gathered and sent together.
        self._ask_soon = QTimer(self, singleShot=True, interval=0)
        self._ask_soon.timeout.connect(self._ask)

    @property
    def ranking(self) -> Ranking:
        """What is shown."""
        return self._ranking

    @property
    def weak_from(self) -> int | None:
        """First row of the weak hits that end the list, None if there are none."""
        return self._weak_from

    def show(self, ranking: Ranking, remap: Callable[[], None], *, best_first: bool = True) -> None:
        """Show another ranking in place of this one.

        Rows are added or taken at the end and the rest is declared changed, so that the list does not flash and keeps
        its scroll position; `remap` is called in between to move the selection to where its clips went.
        """
        old, new = len(self._ranking), len(ranking)
        top = QModelIndex()
        if new > old:
            self.beginInsertRows(top, old, new - 1)
            self._set(ranking, best_first)
            self.endInsertRows()
        elif new < old:
            self.beginRemoveRows(top, new, old - 1)
            self._set(ranking, best_first)
            self.endRemoveRows()
        else:
            self._set(ranking, best_first)
        remap()
        if new:
            self.dataChanged.emit(self.index(0, 0), self.index(new - 1, len(Column) - 1))

    def refresh(self) -> None:
        """Bring the shown clips again as they are painted; until then the old ones stay."""
        self._stale = set(self._clips)
        self._gone.clear()
        if len(self._ranking):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ranking) - 1, len(Column) - 1))

    def forget_requests(self) -> None:
        """What was asked will not be answered; ask again when painted."""
        self._asked.clear()
        self._on_their_way = 0
        self.refresh()

    def clip(self, row: int) -> Clip | None:
        """The clip of a row; None while it is not here, which also asks for it and its neighbours."""
        clip_id = int(self._ranking.clip_ids[row])
        clip = self._clips.get(clip_id)
        if clip is None or clip_id in self._stale:
            if clip_id not in self._asked and clip_id not in self._gone:
                page = row // PAGE
                self._wanted_pages[page] = None
                self._wanted_pages.move_to_end(page)
                self._ask_soon.start()
        else:
            self._clips.move_to_end(clip_id)
        return clip

    def is_gone(self, row: int) -> bool:
        """True if the clip of this row has been forgotten since."""
        return int(self._ranking.clip_ids[row]) in self._gone

    def clip_id(self, row: int) -> int:
        """The id of the clip in a row."""
        return int(self._ranking.clip_ids[row])

    def known(self, clip_id: int) -> Clip | None:
        """The clip of an id, if it is here."""
        return self._clips.get(clip_id)

    def strength(self, row: int) -> Strength:
        """How well a row answers."""
        return Strength(int(self._ranking.strength[row]))

    def moment(self, row: int) -> tuple[float, float] | None:
        """Start and end of the part that answers, in seconds; None where the whole clip does."""
        starts, ends = self._ranking.start_s, self._ranking.end_s
        if starts is None or ends is None or np.isnan(starts[row]):
            return None
        return float(starts[row]), float(ends[row])

    def rows_of(self, clip_ids: IntArray) -> IntArray:
        """The rows in which these clips are now, ascending; clips that are not here are left out."""
        return np.flatnonzero(np.isin(self._ranking.clip_ids, clip_ids))

    def want(self, clip_ids: Sequence[int]) -> list[int]:
        """Ask for these clips wherever they are; returns those that are not here yet."""
        missing = [i for i in clip_ids if i not in self._clips and i not in self._gone]
        self._wanted_ids += [i for i in missing if i not in self._asked]
        if self._wanted_ids:
            self._ask_soon.start()
        return missing

    def put_clips(self, asked: tuple[int, ...], clips: tuple[Clip, ...]) -> None:
        """Take clips that were brought; those asked for and not among them are gone."""
        self._on_their_way = max(0, self._on_their_way - 1)
        for clip in clips:
            self._clips[clip.id] = clip
            self._clips.move_to_end(clip.id)
        came = {clip.id for clip in clips}
        self._asked.difference_update(asked)
        self._stale.difference_update(asked)
        self._gone.update(set(asked) - came)
        while len(self._clips) > KEPT_CLIPS:
            self._clips.popitem(last=False)
        if len(self._ranking):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ranking) - 1, len(Column) - 1))
        self.clips_arrived.emit(frozenset(asked))
        if self._wanted_pages or self._wanted_ids:
            self._ask_soon.start()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """The number of hits."""
        return 0 if parent.isValid() else len(self._ranking)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """The number of columns, hidden ones included."""
        return 0 if parent.isValid() else len(Column)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Rows can be selected and dragged out."""
        return _ROW_FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles of columns, and what they say where that is not plain."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return SPECS[Column(section)].title
            if role == Qt.ItemDataRole.ToolTipRole:
                return SPECS[Column(section)].hint or None
            if role == Qt.ItemDataRole.TextAlignmentRole:
                right = SPECS[Column(section)].right
                side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text for screen readers, tooltips and tests; the delegate paints from `clip`."""
        if not index.isValid() or role not in _TEXT_ROLES:
            return None
        row, column = index.row(), Column(index.column())
        clip = self.clip(row)
        if clip is None:
            return "Removed" if self.is_gone(row) else ""
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(row, clip, column)
        match column:
            case Column.SOUND:
                return self._spoken(row, clip) if role == Qt.ItemDataRole.AccessibleTextRole else ""
            case Column.MATCH:
                return wording.STRENGTHS.get(self.strength(row), "")
            case Column.RATING:
                return wording.count(clip.rating, "star") if clip.rating else ""
            case _:
                return text_of(clip, column)

    def mimeTypes(self) -> list[str]:
        """What a drag offers."""
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """File URLs of the rows, in their order, each once; rows that are not here yet are left out."""
        rows = sorted({index.row() for index in indexes})
        return files_mime([clip.path for row in rows if (clip := self.clip(row))])

    def _set(self, ranking: Ranking, best_first: bool) -> None:
        self._ranking = ranking
        self._wanted_pages.clear()
        certain = np.flatnonzero(ranking.strength != Strength.WEAK)
        first = int(certain[-1]) + 1 if len(certain) else 0
        self._weak_from = first if best_first and first < len(ranking) else None

    def _ask(self) -> None:
        while len(self._wanted_pages) > MAX_PAGES_WAITING:
            self._wanted_pages.popitem(last=False)
        while self._on_their_way < MAX_FETCHES and (self._wanted_pages or self._wanted_ids):
            if self._wanted_pages:
                page, _ = self._wanted_pages.popitem()  # the newest wish is what is on screen now
                ids = self._ranking.clip_ids[page * PAGE : (page + 1) * PAGE].tolist()
            else:
                ids, self._wanted_ids = self._wanted_ids[: 4 * PAGE], self._wanted_ids[4 * PAGE :]
            needed = tuple(
                i for i in dict.fromkeys(ids)
                if i not in self._asked and i not in self._gone and (i not in self._clips or i in self._stale)
            )  # fmt: skip
            if needed:
                self._asked.update(needed)
                self._on_their_way += 1
                self.fetch_needed.emit(needed)

    def _tooltip(self, row: int, clip: Clip, column: Column) -> str:
        if column == Column.MATCH:
            words = wording.STRENGTHS.get(self.strength(row))
            lines = [f"{words} · similarity {self._ranking.similarity[row]:.3f}", self._reasons(row)]
            return "\n".join(line for line in lines if line) if words else ""
        lines = [display_name(clip.path)]
        if clip.reason:
            lines.append(f"Cannot be read: {clip.reason}")
        if clip.offline:
            lines.append("Its folder is offline")
        elif clip.state == ClipState.MISSING:
            lines.append("The file is missing")
        facts = [clip.format.upper()] if clip.format else []
        if clip.sample_rate:
            facts.append(f"{clip.sample_rate / 1000:g} kHz")
        if clip.channels:
            facts.append(wording.channels(clip.channels))
        if clip.tempo_bpm:
            facts.append(f"{clip.tempo_bpm:.0f} BPM")
        if clip.key:
            facts.append(clip.key)
        if facts:
            lines.append(" · ".join(facts))
        if moment := self.moment(row):
            lines.append(f"The part from {wording.clock(moment[0])} to {wording.clock(moment[1])} matches best")
        return "\n".join(lines)

    def _reasons(self, row: int) -> str:
        flags = self._ranking.reasons
        return "" if flags is None else wording.reasons(Reason(int(flags[row])))

    def _spoken(self, row: int, clip: Clip) -> str:
        parts = [display_name(clip.name)]
        if clip.duration_s:
            parts.append(f"{clip.duration_s:.1f} seconds")
        if words := wording.STRENGTHS.get(self.strength(row)):
            parts.append(words.lower())
        if moment := self.moment(row):
            parts.append(f"matches at {wording.clock(moment[0])}")
        if clip.offline:
            parts.append("offline")
        if clip.state in (ClipState.FAILED, ClipState.MISSING):
            parts.append("cannot be read" if clip.state == ClipState.FAILED else "missing")
        return ", ".join(parts)


_ROW_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
_TEXT_ROLES = frozenset(
    {
        int(Qt.ItemDataRole.DisplayRole),
        int(Qt.ItemDataRole.ToolTipRole),
        int(Qt.ItemDataRole.AccessibleTextRole),
    }
)

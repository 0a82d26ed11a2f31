"""The review of proposed tags: labels with their bars, clips beside them; nothing is stored before it is asked for."""

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QCheckBox,
    QHeaderView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from soundsearch.engine.messages import WriteTags
from soundsearch.gui import wording
from soundsearch.gui.dialog_page import DialogPage
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.flow_layout import flowing
from soundsearch.gui.folder_tree import BoxDelegate
from soundsearch.gui.labels import UNDER_WORDS, label
from soundsearch.gui.line_ends import LineEnds, show_line
from soundsearch.gui.shortcuts import bind_in
from soundsearch.gui.tag_model import Column, ReviewModel
from soundsearch.gui.theme import Theme
from soundsearch.records import TagProposals

SIDE_BY_SIDE_FROM = 620  # width in pixels
WIDTHS = {Column.ACCEPT: (36, 28), Column.TAG: (150, 88), Column.SCORE: (96, 60)}  # beside, below one another
LEAST_LABELS_PX = 96
LABELS_ABOVE = 3  # rows of the list of labels where it stands above the clips
QWIDGETSIZE_MAX = 16_777_215
SORTS = {  # first by each
    Column.SCORE: Qt.SortOrder.DescendingOrder,
    Column.CLIP: Qt.SortOrder.AscendingOrder,
    Column.TAG: Qt.SortOrder.AscendingOrder,
    Column.ACCEPT: Qt.SortOrder.DescendingOrder,
}
ALL = "All tags"
MAX_SUMMARY = 8


class ReviewPage(DialogPage):
    """Accept by bars, by label, by clip or one by one.

    Signals:
        clip_chosen (int): Hear the clip with this id.
        store_requested: What is accepted shall be stored.
        back_requested: Other folders, or other labels.
    """

    clip_chosen = Signal(object)
    store_requested = Signal()
    back_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.model = ReviewModel(self)
        self.title = label("", role="title")
        self.summary = label("", tone="muted")
        self.label_list = QListWidget()
        self.label_list.setProperty("framed", "true")
        self.label_list.setItemDelegate(LineEnds(theme, self.label_list))
        self.label_list.setAccessibleName("Proposed tags")
        self.label_list.currentRowChanged.connect(self._show_label)
        self.bar = QSlider(Qt.Orientation.Horizontal)
        self.bar.setRange(0, 100)
        self.bar.setAccessibleName("Accept from this confidence on")
        self.bar.valueChanged.connect(self._move_bar)
        self._bar_words = label("", tone="muted", role="small")
        self.table = QTableView()
        self.table.setProperty("framed", "true")
        self.table.setModel(self.model)
        self.table.setItemDelegateForColumn(Column.ACCEPT, BoxDelegate(theme, self.table))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(Column.SCORE, Qt.SortOrder.DescendingOrder)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names differ at both ends
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(theme.px(13) + 15)
        self.table.setAccessibleName("Proposals")
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setToolTip("A click sorts, as does O for the next column")
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(Column.CLIP, QHeaderView.ResizeMode.Stretch)
        for column in (Column.ACCEPT, Column.TAG, Column.SCORE):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        self.table.setMinimumHeight(200)
        self.table.selectionModel().currentRowChanged.connect(self._hear)
        self.accept_button, self.refuse_button = QPushButton("Accept"), QPushButton("Refuse")
        self.clip_button, self.undo_button = QPushButton("Refuse all of this clip"), QPushButton("Undo")
        self.accept_button.clicked.connect(lambda: self._decide(True))
        self.refuse_button.clicked.connect(lambda: self._decide(False))
        self.clip_button.clicked.connect(self._refuse_clip)
        self.undo_button.clicked.connect(self.model.undo)
        self.accept_button.setToolTip("Accept the selected proposals (A)")
        self.refuse_button.setToolTip("Refuse the selected proposals; they are not proposed again (X)")
        self.undo_button.setToolTip("Take the last decision back (Ctrl+Z)")
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(16)
        self._columns.addLayout(self._left(), 2)
        self._columns.addLayout(self._right(), 5)
        self.content.addWidget(self.title)
        self.content.addWidget(self.summary)
        self.content.addSpacing(8)
        self.content.addLayout(self._columns, 1)
        self.content.addSpacing(4)
        self._add_writing()
        self.count = label("", tone="muted")
        self.footer.addWidget(self.count)
        self.close_button, self.back = QPushButton("Close"), QPushButton("Back")
        self.store = QPushButton("Store tags")
        self.store.setProperty("role", "primary")
        self.store.clicked.connect(self.store_requested)
        self.back.clicked.connect(self.back_requested)
        self.add_buttons(self.close_button, self.back, self.store)
        self.model.decided.connect(self._count)
        bind_in((self.table,), "A", lambda: self._decide(True))
        bind_in((self.table,), "X", lambda: self._decide(False))
        bind_in((self.table,), "Space", self._toggle)
        bind_in((self.table,), "O", self._sort_by_next)
        undo = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self)
        undo.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        undo.activated.connect(self.model.undo)

    def _left(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        heading = label("Tags", role="heading")
        heading.setBuddy(self.label_list)
        column.addWidget(heading)
        column.addWidget(self.label_list, 1)
        column.addWidget(self._bar_words)
        column.addWidget(self.bar)
        return column

    def _add_writing(self) -> None:
        """Into the files too: never unless it is ticked, for each review anew."""
        self.into_files = QCheckBox("Write them into the files too")
        self.keep_originals = QCheckBox("Keep the originals, as NAME.bak")
        self._about_files = label(
            "The tags go into each file's own metadata, for other programs to read; the sound in it stays the same byte"
            " for byte. Undo does not reach into files.",
            tone="muted",
            role="small",
        )
        self._about_files.setContentsMargins(UNDER_WORDS, 0, 0, 0)
        for widget in (self.into_files, self._about_files, self.keep_originals):
            side = Qt.AlignmentFlag.AlignLeft if isinstance(widget, QCheckBox) else Qt.AlignmentFlag(0)
            self.content.addWidget(widget, 0, side)
            widget.setVisible(widget is self.into_files)
        self.into_files.toggled.connect(self._about_files.setVisible)
        self.into_files.toggled.connect(self.keep_originals.setVisible)
        self.into_files.toggled.connect(lambda _: self._count())

    @property
    def writing(self) -> WriteTags | None:
        """What shall be written into files, None if nothing."""
        accepted = self.model.decisions().accepted
        if not (self.into_files.isChecked() and accepted):
            return None
        labels = tuple((clip, tuple(name for name, _ in found)) for clip, found in accepted)
        return WriteTags(self.model.label_set, labels, self.keep_originals.isChecked())

    def _right(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(self.table, 1)
        column.addWidget(flowing(self.accept_button, self.refuse_button, self.clip_button, self.undo_button))
        return column

    def show_proposals(self, proposals: TagProposals, bar: float) -> None:
        """Begin the review of these."""
        self.model.set_proposals(proposals, bar)
        self.into_files.setChecked(False)
        self.keep_originals.setChecked(False)
        clips = wording.count(len(proposals.clips), "clip")
        self.title.setText(f"Proposed tags for {clips}")
        words = [f"{display_name(name)} ({n:,})" for name, n in proposals.summary[:MAX_SUMMARY]]
        self.summary.setText("Mostly " + ", ".join(words) if words else "Nothing is proposed for these clips.")
        self.label_list.clear()
        self.label_list.addItem(QListWidgetItem(ALL))
        for name, _, _ in self.model.counts():
            self.label_list.addItem(QListWidgetItem(name))
        self.label_list.setCurrentRow(0)
        self._count()
        self.table.setFocus()

    @property
    def label_shown(self) -> str | None:
        """The label whose rows are shown, None for all."""
        row = self.label_list.currentRow()
        return self.model.labels[row - 1] if row > 0 else None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside or below one another."""
        super().resizeEvent(event)
        wide = self.width() >= SIDE_BY_SIDE_FROM
        for column, width in WIDTHS.items():
            self.table.horizontalHeader().resizeSection(column, self._theme.px(width[not wide]))
        # Below one another the list must leave the clips their room: each label is an arrow key away.
        rows = self.label_list.sizeHintForRow(0) * LABELS_ABOVE + 2 * self.label_list.frameWidth()
        self.label_list.setMaximumHeight(QWIDGETSIZE_MAX if wide else rows)
        self.label_list.setMinimumHeight(min(LEAST_LABELS_PX, self.label_list.maximumHeight()))
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._columns.direction() != direction:
            self._columns.setDirection(direction)

    def _show_label(self, row: int) -> None:
        if row < 0:
            return
        self.model.show_label(self.label_shown)
        self._show_bar()

    def _show_bar(self) -> None:
        self.bar.blockSignals(True)
        self.bar.setValue(round(100 * self.model.bar(self.label_shown)))
        self.bar.blockSignals(False)
        of = "" if self.label_shown is None else f" for {display_name(self.label_shown)}"
        self._bar_words.setText(f"Accept from {self.bar.value()} % on{of}")

    def _move_bar(self, percent: int) -> None:
        self.model.set_bar(self.label_shown, percent / 100)
        self._show_bar()

    def _selected(self) -> list[int]:
        return sorted(index.row() for index in self.table.selectionModel().selectedRows())

    def _decide(self, accept: bool) -> None:
        if rows := self._selected():
            self.model.decide(rows, accept)

    def _toggle(self) -> None:
        if rows := self._selected():
            self.model.decide(rows, not self.model.is_accepted(rows[0]))

    def _sort_by_next(self) -> None:
        columns = list(SORTS)
        now = columns.index(Column(self.table.horizontalHeader().sortIndicatorSection()))
        following = columns[(now + 1) % len(columns)]
        self.table.sortByColumn(following, SORTS[following])

    def _refuse_clip(self) -> None:
        row = self.table.currentIndex().row()
        if row >= 0:
            self.model.decide_clip(row, False)

    def _hear(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.clip_chosen.emit(self.model.clip_id(current.row()))

    def _count(self) -> None:
        counts = self.model.counts()
        taken = sum(n for _, n, _ in counts)
        rows = [(ALL, taken, sum(n for _, _, n in counts)), *counts]
        for position, (name, accepted, proposed) in enumerate(rows[: self.label_list.count()]):
            show_line(self.label_list.item(position), display_name(name), f"{accepted:,} of {proposed:,}")
        tags, clips = wording.count(taken, "tag"), wording.count(self.model.tagged_clips, "clip")
        self.count.setText(f"{tags} for {clips} would be stored. Yours, and those of folders, stay as they are.")
        self.store.setText("Store and write tags" if self.into_files.isChecked() else "Store tags")
        self.store.setEnabled(bool(taken) or self.model.has_refused)
        self.undo_button.setEnabled(self.model.can_undo)
        self._show_bar()

"""Duplicates: clips that hold the same sound, group by group, to be heard and shown. Nothing is deleted here."""

from functools import cached_property

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHeaderView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from soundsearch.engine.messages import FindDuplicates
from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.dialog_owner import DialogOwner
from soundsearch.gui.dialog_page import DialogPage
from soundsearch.gui.duplicate_model import Column, DuplicateModel
from soundsearch.gui.file_exchange import display_name, files_mime, reveal
from soundsearch.gui.jobs import Job, JobEnd
from soundsearch.gui.labels import UNDER_WORDS, label
from soundsearch.gui.pages import Notice, NoticeBar
from soundsearch.gui.row_table import RowTable
from soundsearch.gui.theme import Theme
from soundsearch.records import Clip, DuplicateGroup

FETCH = 500  # clips asked for at once
WIDTHS = {Column.WHAT: 136, Column.FORMAT: 180, Column.LENGTH: 72, Column.SIZE: 72}
SHOWN_FROM = {Column.FOLDER: 420, Column.FORMAT: 720, Column.LENGTH: 520, Column.SIZE: 520}  # width in pixels


class GroupDelegate(QStyledItemDelegate):
    """A hairline above each group, and the clip to keep in medium weight."""

    def __init__(self, model: DuplicateModel, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._model, self._theme = model, theme

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """What differs from other tables."""
        super().initStyleOption(option, index)
        option.font = self._theme.font(13, medium=self._model.is_keeper(index.row()))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """A cell."""
        super().paint(painter, option, index)
        if index.row() and self._model.is_keeper(index.row()):
            painter.fillRect(option.rect.x(), option.rect.y(), option.rect.width(), 1, self._theme.tokens.color("line"))


class DuplicatesPage(DialogPage):
    """The groups, and what can be done with a clip of them.

    Signals:
        search_requested (bool): Look for duplicates; True for near ones too.
        clip_chosen (Clip): Hear it.
    """

    search_requested = Signal(bool)
    clip_chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = DuplicateModel(self)
        self._theme = theme
        self._is_known = False
        self.summary = label("", tone="muted")
        self.near = QCheckBox("Near copies too")
        about_near = "In other formats, at other rates or levels, or a little cut. That takes longer."
        self.near.setAccessibleDescription(about_near)
        explained = label(about_near, tone="muted", role="small")
        explained.setContentsMargins(UNDER_WORDS, 0, 0, 0)
        self.table = RowTable(self.model, "Duplicates")
        self.table.setItemDelegate(GroupDelegate(self.model, theme, self.table))
        self.table.setMinimumHeight(160)
        self.table.hide()  # until there is something in it
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in Column:
            stretched = column not in WIDTHS
            mode = QHeaderView.ResizeMode.Stretch if stretched else QHeaderView.ResizeMode.Fixed
            header.setSectionResizeMode(column, mode)
            header.resizeSection(column, theme.px(WIDTHS.get(column, 160)))
        self.table.selectionModel().currentRowChanged.connect(self._hear)
        self.table.selectionModel().selectionChanged.connect(self._fit)
        self.content.addWidget(label("Duplicates", role="title"))
        self.content.addWidget(self.summary)
        self.content.addSpacing(8)
        self.content.addWidget(self.near, 0, Qt.AlignmentFlag.AlignLeft)
        self.content.addWidget(explained)
        self.content.addSpacing(8)
        self.content.addWidget(self.table, 100)
        self.content.addStretch(1)
        self.footer.addWidget(
            label("Nothing is deleted here. To remove a copy, show it in the file manager.", tone="muted")
        )
        self.close_button, self.find_button = QPushButton("Close"), QPushButton("Look for duplicates")
        self.copy_button, self.reveal_button = QPushButton("Copy as files"), QPushButton("Show in file manager")
        self.find_button.setProperty("role", "primary")
        self.find_button.clicked.connect(lambda: self.search_requested.emit(self.near.isChecked()))
        self.copy_button.clicked.connect(self._copy)
        self.reveal_button.clicked.connect(self._reveal)
        self.add_buttons(self.copy_button, self.reveal_button, self.close_button, self.find_button)
        for button in (self.copy_button, self.reveal_button, self.close_button):
            button.setAutoDefault(False)
            button.setVisible(button is self.close_button)  # the others once there is something to choose
        self.show_working(False)
        self._fit()

    def show_groups(self, groups: tuple[DuplicateGroup, ...]) -> None:
        """Show what was found; its clips come one by one."""
        self._is_known = True
        self.model.set_groups(groups)
        for widget in (self.table, self.copy_button, self.reveal_button):
            widget.setVisible(bool(groups))
        self._say()

    def put_clips(self, clips: tuple[Clip, ...]) -> None:
        """Take clips of the groups."""
        self.model.put_clips(clips)
        self._say()

    def show_working(self, working: bool) -> None:
        """While the engine looks for them."""
        self.find_button.setEnabled(not working)
        self.find_button.setText("Looking…" if working else "Look again" if self._is_known else "Look for duplicates")
        self._say()

    def show_trouble(self, text: str) -> None:
        """Why nothing is known."""
        self.summary.setText(text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the columns that there is room for."""
        super().resizeEvent(event)
        for column, width in SHOWN_FROM.items():
            self.table.setColumnHidden(column, self.width() < self._theme.px(width))

    def _say(self) -> None:
        groups, clips = self.model.groups, self.model.rowCount()
        if not self._is_known:
            words = "Clips that hold the same sound, whatever they are called and wherever they are."
        elif not groups:
            words = "No two clips hold the same sound."
        else:
            spare = clips - len(groups)
            words = f"{wording.count(len(groups), 'sound')} in {wording.count(clips, 'file')}. "
            words += f"{wording.count(spare, 'file')} could go, and free {wording.size(self.model.freed_bytes)}."
        self.summary.setText(words)

    def _chosen(self) -> list[Clip]:
        return [clip for row in self.table.chosen_rows() if (clip := self.model.clip(row))]

    def _fit(self) -> None:
        chosen = len(self.table.selectionModel().selectedRows())
        self.reveal_button.setEnabled(chosen == 1)
        self.copy_button.setEnabled(chosen > 0)

    def _hear(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and (clip := self.model.clip(current.row())):
            self.clip_chosen.emit(clip)

    def _reveal(self) -> None:
        for clip in self._chosen()[:1]:
            reveal(clip.path)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setMimeData(files_mime([clip.path for clip in self._chosen()]))


class DuplicatesDialog(QDialog):
    """The page in a window of its own."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Duplicates")
        self.page = DuplicatesPage(theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.page)
        self.setMinimumSize(300, 320)
        self.resize(860, 600)
        self.page.close_button.clicked.connect(self.close)


class Duplicates(DialogOwner):
    """Asks for duplicates and shows them.

    Signals:
        clip_chosen (Clip): Hear this clip.
    """

    clip_chosen = Signal(object)

    def __init__(self, bridge: EngineBridge, theme: Theme, notices: NoticeBar, window: QWidget) -> None:
        super().__init__(window)
        self._bridge, self._theme, self._notices, self._window = bridge, theme, notices, window
        bridge.job_started.connect(self._job_started)
        bridge.job_ended.connect(self._job_ended)

    @cached_property
    def dialog(self) -> DuplicatesDialog:
        """See `DialogOwner`."""
        dialog = DuplicatesDialog(self._theme, self._window)
        dialog.page.search_requested.connect(self._bridge.find_duplicates)
        dialog.page.clip_chosen.connect(self.clip_chosen)
        return dialog

    def open(self) -> None:
        """Show what is known; the first time, what can be looked for."""
        self.bring_up()

    def _job_started(self, job: Job) -> None:
        if isinstance(job.request, FindDuplicates):
            self.dialog.page.show_working(True)

    def _job_ended(self, end: JobEnd) -> None:
        if not isinstance(end.job.request, FindDuplicates):
            return
        page = self.dialog.page
        if isinstance(end.value, tuple):
            page.show_groups(end.value)
            self._fetch(end.value, page.model.ids)
            if not self.dialog.isVisible():
                words = f"Duplicates were found of {wording.count(len(end.value), 'sound')}."
                self._notices.put(Notice("duplicates", words, "Show", self.open, icon="copy"))
        page.show_working(False)
        if end.message:
            page.show_trouble(display_name(f"{end.message} {end.hint}".strip()))

    def _fetch(self, groups: tuple[DuplicateGroup, ...], ids: tuple[int, ...]) -> None:
        """Bring the clips, some at a time, so that other questions are answered in between."""
        page = self.dialog.page

        def take(clips: tuple[Clip, ...]) -> None:
            if page.model.groups is groups:  # nobody has looked again meanwhile
                page.put_clips(clips)
                self._fetch(groups, ids[FETCH:])

        if ids:
            self._bridge.look_up_clips(ids[:FETCH], take)

"""Tagging from the window: which clips, which labels; then the review."""

from functools import cached_property
from pathlib import PurePath

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from soundsearch.engine.messages import ProposeTags, WriteTags
from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.dialog_owner import DialogOwner
from soundsearch.gui.dialog_page import DialogPage
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.folder_tree import FolderTree
from soundsearch.gui.jobs import JobEnd
from soundsearch.gui.labels import label
from soundsearch.gui.pages import Notice, NoticeBar
from soundsearch.gui.tag_review import ReviewPage
from soundsearch.gui.theme import Theme
from soundsearch.records import Clip, Folder, LabelSet, Organised, TagProposals, WriteReport

BAR = 0.5
WIDE, TALL, SHORT = 860, 640, 340  # of the dialog, in pixels; short where no folders are to be chosen
OWN = ""  # data of the entry for labels that are typed


class ChoicePage(DialogPage):
    """Folders or the selected clips, and a set of labels.

    Signals:
        propose_requested (ProposeTags)
    """

    propose_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clip_ids: tuple[int, ...] = ()
        self._folder = ""
        self._sets: tuple[LabelSet, ...] = ()
        self.selected = label("")
        self.selected.hide()
        self.tree = FolderTree(theme)
        self.tree.setAccessibleName("Folders to tag")
        self.tree.setMinimumHeight(140)
        self.tree.chosen_changed.connect(self._fit)
        self.label_set = QComboBox()
        self.label_set.setAccessibleName("Labels")
        self.label_set.currentIndexChanged.connect(lambda _: self._fit())
        self.about = label("", tone="muted", role="small")
        self.own = QLineEdit()
        self.own.setPlaceholderText("kick, snare, door slam")
        self.own.setAccessibleName("Your labels, with commas between them")
        self.own.textChanged.connect(lambda _: self._fit())
        self.file_button = QPushButton("From a text file…")
        self.file_button.clicked.connect(self._choose_file)
        own = QHBoxLayout()
        own.setSpacing(8)
        own.addWidget(self.own, 1)
        own.addWidget(self.file_button)
        self._own = QWidget()
        self._own.setLayout(own)
        own.setContentsMargins(0, 0, 0, 0)
        self.content.addWidget(label("Tag sounds", role="title"))
        self.content.addWidget(
            label(
                "It proposes, you review, and only then tags are stored. Files are left as they are unless you ask.",
                tone="muted",
            )
        )
        self.content.addSpacing(12)
        for words, widgets, stretch in (
            ("Sounds to tag", (self.selected, self.tree), 1),
            ("Labels to choose from", (self.label_set, self.about, self._own), 0),
        ):
            self.content.addWidget(label(words, role="heading"))
            for widget in widgets:
                self.content.addWidget(widget, stretch if widget is self.tree else 0)
            self.content.addSpacing(8)
        self.content.addStretch(0)
        self.trouble = label("", tone="error")
        self.trouble.hide()
        self.footer.addWidget(self.trouble)
        self.close_button = QPushButton("Close")
        self.propose = QPushButton("Propose tags")
        self.propose.setProperty("role", "primary")
        self.propose.clicked.connect(lambda: self.propose_requested.emit(self.request))
        self.add_buttons(self.close_button, self.propose)
        self._working = False
        self._fit()

    def begin(self, clips: tuple[int, ...], folder: str) -> None:
        """Tag these clips, or those below a folder; if there are neither, folders to be chosen."""
        self._clip_ids, self._folder = clips, folder
        words = display_name(folder) if folder else f"The selection: {wording.count(len(clips), 'clip')}"
        self.selected.setText(words)
        self.selected.setVisible(bool(clips or folder))
        self.tree.setVisible(not (clips or folder))
        self._fit()

    def set_folders(self, folders: tuple[Folder, ...]) -> None:
        """Show the library as it is now."""
        self.tree.set_folders(folders)
        self._fit()

    def set_label_sets(self, sets: tuple[LabelSet, ...]) -> None:
        """Offer these, and labels of one's own."""
        chosen, self._sets = self.label_set.currentData(), sets
        self.label_set.clear()
        for known in sets:
            self.label_set.addItem(f"{known.title} ({known.labels:,})", known.name)
        self.label_set.addItem("Your own labels", OWN)
        self.label_set.setCurrentIndex(max(0, self.label_set.findData(chosen)))
        self._fit()

    def show_trouble(self, text: str) -> None:
        """Why there are no proposals; "" for no trouble."""
        self.trouble.setText(text)
        self.trouble.setVisible(bool(text))

    def show_working(self, working: bool) -> None:
        """While the engine listens."""
        self._working = working
        self._fit()

    @property
    def request(self) -> ProposeTags:
        """What is chosen."""
        folders = () if self._clip_ids else (self._folder,) if self._folder else self.tree.chosen_folders
        return ProposeTags(self._labels, folders, self._clip_ids, BAR)

    @property
    def _labels(self) -> str:
        own = self.own.text().strip()
        # Here one word alone is a label, whatever it says; a file has been chosen with its whole path.
        alone = own and "," not in own and not PurePath(own).is_absolute()
        return str(self.label_set.currentData() or (f"{own}," if alone else own))

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Labels, one a line", "", "Text (*.txt *.csv);;All files (*)")
        if path:
            self.own.setText(path)

    def _fit(self) -> None:
        chosen = self.label_set.currentData()
        self._own.setVisible(chosen == OWN)
        self.about.setText(next((known.description for known in self._sets if known.name == chosen), ""))
        self.about.setVisible(bool(self.about.text()))
        has_sounds = bool(self._clip_ids or self._folder or self.tree.chosen_folders)
        self.propose.setEnabled(has_sounds and bool(self._labels) and not self._working)
        self.propose.setText("Listening…" if self._working else "Propose tags")


class TaggingDialog(QDialog):
    """The pages; closing it stores nothing."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Tag sounds")
        self.choice, self.review = ChoicePage(theme), ReviewPage(theme)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.choice)
        self.pages.addWidget(self.review)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pages)
        self.setMinimumSize(300, 320)
        self.resize(WIDE, TALL)
        self.choice.propose.setDefault(True)
        self.choice.close_button.clicked.connect(self.close)
        self.review.close_button.clicked.connect(self.close)
        self.review.back_requested.connect(lambda: self.pages.setCurrentWidget(self.choice))

    def show_choice(self) -> None:
        """What shall be tagged; no taller than that needs, unless it is on the screen already."""
        self.pages.setCurrentWidget(self.choice)
        if not self.isVisible():
            self.resize(self.width(), SHORT if self.choice.tree.isHidden() else TALL)

    def show_review(self) -> None:
        """What is proposed, which needs room."""
        self.pages.setCurrentWidget(self.review)
        self.resize(self.width(), max(self.height(), TALL))


class Tagging(DialogOwner):
    """Asks for proposals, shows them, stores what was accepted.

    Signals:
        clip_chosen (Clip): Hear this clip.
    """

    clip_chosen = Signal(object)

    def __init__(self, bridge: EngineBridge, theme: Theme, notices: NoticeBar, window: QWidget) -> None:
        super().__init__(window)
        self._bridge, self._theme, self._notices, self._window = bridge, theme, notices, window
        bridge.folders_known.connect(self._take_folders)
        bridge.job_ended.connect(self._job_ended)

    @cached_property
    def dialog(self) -> TaggingDialog:
        """See `DialogOwner`."""
        dialog = TaggingDialog(self._theme, self._window)
        dialog.choice.propose_requested.connect(self._propose)
        dialog.review.store_requested.connect(self._store)
        dialog.review.clip_chosen.connect(self._hear)
        return dialog

    def open(self, clip_ids: tuple[int, ...] = (), folder: str = "") -> None:
        """Begin with the selected clips, or with a folder, or with the choice of folders."""
        self._bridge.list_folders()
        self._bridge.list_label_sets(self.dialog.choice.set_label_sets)
        self.dialog.choice.begin(clip_ids, folder)
        self.dialog.choice.show_trouble("")
        self.dialog.show_choice()
        self.bring_up()

    def _take_folders(self, folders: tuple[Folder, ...]) -> None:
        if self.has_dialog:
            self.dialog.choice.set_folders(folders)

    def _propose(self, request: ProposeTags) -> None:
        self.dialog.choice.show_trouble("")
        self.dialog.choice.show_working(True)
        self._bridge.propose_tags(request)

    def _job_ended(self, end: JobEnd) -> None:
        if isinstance(end.job.request, WriteTags):
            self._written(end)
        if not isinstance(end.job.request, ProposeTags):
            return
        choice = self.dialog.choice
        choice.show_working(False)
        if isinstance(end.value, TagProposals):
            self.dialog.review.show_proposals(end.value, end.job.request.bar)
            self.dialog.show_review()
            if not self.dialog.isVisible():
                words = f"Tags are proposed for {wording.count(len(end.value.clips), 'clip')}."
                self._notices.put(Notice("tags", words, "Review", self.bring_up, icon="tag"))
        elif end.message:
            choice.show_trouble(f"{end.message} {end.hint}".strip())

    def _hear(self, clip_id: int) -> None:
        def hear(clips: tuple[Clip, ...]) -> None:
            for clip in clips:
                self.clip_chosen.emit(clip)

        self._bridge.look_up_clips((clip_id,), hear)

    def _store(self) -> None:
        """Into the catalogue; what shall be written into files is written once that is done."""
        writing = self.dialog.review.writing

        def stored(_done: Organised) -> None:
            self.dialog.close()
            if writing:
                self._bridge.write_tags(writing)

        self._bridge.apply_tags(self.dialog.review.model.decisions(), stored)

    def _written(self, end: JobEnd) -> None:
        """What became of writing into files. A file that could not be written is as it was."""
        if end.message:
            words = f"Writing tags could not go on. {end.message} {end.hint}".strip()
            self._notices.put(Notice("written", words, icon="warning", token="error"))
        elif end.stopped:
            self._notices.put(Notice("written", "Writing tags was stopped. Each file is either done or as it was."))
        elif isinstance(end.value, WriteReport):
            words = f"Tags were written into {wording.count(end.value.written, 'file')}."
            if failed := end.value.failed:
                first = display_name(f"{PurePath(failed[0].path).name}: {failed[0].reason}")
                words += (
                    f" {wording.count(len(failed), 'file')} stayed as it was, {first}"
                    if len(failed) == 1
                    else (f" {wording.count(len(failed), 'file')} stayed as they were, first {first}")
                )
            icon, token = ("warning", "warn") if failed else ("check", "accent")
            self._notices.put(Notice("written", words, icon=icon, token=token))

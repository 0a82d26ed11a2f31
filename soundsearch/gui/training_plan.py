"""The first page of training: which sounds, how, in which words; and beside it what would be learned from them."""

from dataclasses import replace

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from soundsearch.gui.choice import Choice
from soundsearch.gui.dialog_page import DialogPage
from soundsearch.gui.folder_tree import FolderTree
from soundsearch.gui.labels import label
from soundsearch.gui.theme import Theme
from soundsearch.gui.training_preview import PreviewPanel
from soundsearch.records import Collection, Folder, TrainingPlan, TrainingPreview

SIDE_BY_SIDE_FROM = 680  # width in pixels
PREVIEW_MS = 300  # after the last change
NAME = "My sounds"
RECIPES = (
    ("projection", "Quick", "A few minutes. Learns which of your words go with what it hears already."),
    ("lora", "Thorough", "Takes much longer. Also learns to hear what your sounds have in common."),
)
CAPTIONS = (
    ("grammar", "Sentences", "Your tags in sentences of many kinds, as people search."),
    ("template", "One plain sentence", "Always “The sound of …”, with all tags of the clip."),
)


class PlanPage(DialogPage):
    """Choices on the left, what they mean on the right; below one another where it is narrow.

    Signals:
        plan_changed (TrainingPlan): Another plan should be previewed; not when only its name changed.
        start_requested (TrainingPlan)
        add_requested: A folder should be added to the library.
    """

    plan_changed = Signal(object)
    start_requested = Signal(object)
    add_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._can_start = False
        self.tree = FolderTree(theme)
        self.tree.setMinimumHeight(110)
        self.recipe = Choice(RECIPES, "How thoroughly")
        self.captions = Choice(CAPTIONS, "Words to learn from")
        self.name = QLineEdit(NAME)
        self.name.setAccessibleName("Name of the new model")
        self.name.setMaxLength(60)
        self.error = label(tone="error")
        self.error.hide()
        self.start = QPushButton("Start training")
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(lambda: self.start_requested.emit(self.plan))
        self.preview = PreviewPanel(theme)
        self.preview.add_button.clicked.connect(self.add_requested)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._columns.setSpacing(24)
        self._columns.addLayout(self._choices(), 5)
        self._columns.addWidget(self.preview, 6)
        self.content.addWidget(label("Teach it your sounds", role="title"))
        self.content.addWidget(
            label(
                "It learns how you name things from the folders and tags of your clips. "
                "Nothing leaves this computer, no sound is changed, and you can go back at any time.",
                tone="muted",
            )
        )
        self.content.addSpacing(12)
        self.content.addLayout(self._columns, 1)
        self.close_button = QPushButton("Close")
        self.footer.addWidget(self.error)
        self.add_buttons(self.close_button, self.start)
        self._ask = QTimer(self, singleShot=True, interval=PREVIEW_MS)
        self._ask.timeout.connect(self._ask_for_preview)
        for choice in (self.recipe, self.captions):
            choice.changed.connect(self._change)
        self.tree.chosen_changed.connect(self._change)
        self.name.textChanged.connect(lambda _: self._fit_button())
        self._fit_button()

    def _choices(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        for words, widget, stretch in (
            ("Sounds to learn from", self.tree, 1),
            ("How thoroughly", self.recipe, 0),
            ("Words it learns", self.captions, 0),
            ("Name", self.name, 0),
        ):
            heading = label(words, role="heading")
            heading.setBuddy(widget)
            column.addWidget(heading)
            column.addWidget(widget, stretch)
            column.addSpacing(8)
        return column

    @property
    def plan(self) -> TrainingPlan:
        """What is chosen."""
        everything = self.tree.chosen == ()
        return TrainingPlan(
            self.name.text().strip(),
            folders=self.tree.chosen or (),
            collections=() if everything else self.tree.chosen_collections,
            recipe=self.recipe.chosen,
            captions=self.captions.chosen,
        )

    def begin(self, folders: tuple[Folder, ...], collections: tuple[Collection, ...], taken: set[str]) -> None:
        """Show the library as it is now, and a name that is free."""
        name, number = NAME, 1
        while name in taken:
            number += 1
            name = f"{NAME} {number}"
        self.name.setText(name)
        self.tree.set_folders(folders, collections)

    def show_error(self, text: str) -> None:
        """Why the last training came to nothing; "" for no trouble."""
        self.error.setText(text)
        self.error.setVisible(bool(text))

    def show_preview(self, preview: TrainingPreview) -> None:
        """What the plan would learn."""
        self._can_start = min(preview.train, preview.validation, preview.test) > 0
        self.preview.show_preview(preview)
        self._fit_button()

    def show_trouble(self, message: str, hint: str) -> None:
        """The plan cannot be carried out."""
        self._can_start = False
        self.preview.show_trouble(message, hint)
        self._fit_button()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside or below one another."""
        super().resizeEvent(event)
        wide = self.width() >= SIDE_BY_SIDE_FROM
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._columns.direction() != direction:
            self._columns.setDirection(direction)

    def _change(self) -> None:
        self._can_start = False
        self._fit_button()
        self._ask.start()

    def _ask_for_preview(self) -> None:
        if not self.tree.topLevelItemCount():
            self.preview.show_empty()
        elif self.tree.chosen is None and not self.tree.chosen_collections:
            self.preview.show_trouble("Nothing is chosen.", "Choose a folder or a collection to learn from.")
        else:
            self.preview.show_waiting()
            self.plan_changed.emit(replace(self.plan, name=NAME))

    def _fit_button(self) -> None:
        self.start.setEnabled(self._can_start and bool(self.name.text().strip()))

"""What a training would learn, shown before anything is trained."""

from pathlib import PurePath

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QPushButton, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.labels import label
from soundsearch.gui.theme import Theme
from soundsearch.records import TrainingPreview

SHOWN_TAGS = 12
SHOWN_PROBLEMS = 3


class PreviewPanel(QWidget):
    """What would be learned: how many clips, which words, examples clip by clip, and what to know about it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        heading = label("What it would learn", role="heading")
        self.summary = label()
        self.tags = label(tone="muted")
        self.examples = QTreeWidget()
        self.examples.setHeaderHidden(True)
        self.examples.setIndentation(12)
        self.examples.setRootIsDecorated(False)
        self.examples.setItemsExpandable(False)
        self.examples.setWordWrap(True)
        self.examples.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.examples.setVerticalScrollMode(QTreeWidget.ScrollMode.ScrollPerPixel)
        self.examples.setMinimumHeight(140)
        self.examples.setAccessibleName("Clips and the texts they would be learned with")
        heading.setBuddy(self.examples)
        self.problems = label(tone="warn")
        self.add_button = QPushButton("Add a folder…")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(heading)
        for widget in (self.summary, self.tags, self.problems):
            column.addWidget(widget)
        column.addSpacing(4)
        column.addWidget(self.examples, 1)
        column.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(0)
        self._column = column
        self._lines: list[QTreeWidgetItem] = []  # texts, in the examples
        theme.changed.connect(self._dress)
        self.show_waiting()

    def sizeHint(self) -> QSize:
        """Wider than the choices: sentences are long."""
        return QSize(360, 360)

    def show_waiting(self) -> None:
        """It is being looked at."""
        self._show("Looking at your clips…")

    def show_empty(self) -> None:
        """There is no library yet."""
        self._show("There are no sounds yet.", "Add a folder first. Its names and tags are what is learned from.")
        self.add_button.show()

    def show_trouble(self, message: str, hint: str) -> None:
        """It cannot be done, and what would help."""
        self._show(message, hint)

    def show_preview(self, preview: TrainingPreview) -> None:
        """It can be done: so."""
        counts = f"{wording.count(preview.clips, 'clip')} with {wording.count(len(preview.tags), 'tag')}. "
        split = (
            f"It learns from {preview.train:,}; {preview.validation:,} show when to stop, "
            f"and {preview.test:,} are kept apart to prove that it helps."
        )
        pairs = (f"{display_name(tag)} {clips:,}" for tag, clips in preview.tags[:SHOWN_TAGS])
        tags = " · ".join(pair.replace(" ", wording.NUMBER_SPACE) for pair in pairs)
        more = len(preview.tags) - SHOWN_TAGS
        self._show(counts + split, tags + (f" · and {more:,} more" if more > 0 else ""))
        shown = preview.problems[:SHOWN_PROBLEMS]
        left = len(preview.problems) - len(shown)
        self.problems.setText("\n".join((*map(display_name, shown), *([f"and {left:,} more"] if left else ()))))
        self.problems.setToolTip("\n".join(map(display_name, preview.problems)) if left else "")
        self.problems.setVisible(bool(preview.problems))
        for path, texts in preview.examples:
            self._add_example(path, texts)
        self._show_examples(bool(preview.examples))
        self._dress()

    def _add_example(self, path: str, texts: tuple[str, ...]) -> None:
        item = QTreeWidgetItem(self.examples, [display_name(PurePath(path).name)])
        item.setFont(0, self._theme.font(13, medium=True))
        item.setToolTip(0, display_name(path))
        for text in texts:
            line = QTreeWidgetItem(item, [display_name(text)])
            line.setToolTip(0, display_name(text))
            self._lines.append(line)
        item.setExpanded(True)

    def _show(self, summary: str, beside: str = "") -> None:
        self.summary.setText(summary)
        self.tags.setText(beside)
        self.tags.setVisible(bool(beside))
        self._lines.clear()
        self.examples.clear()
        self._show_examples(False)
        self.problems.hide()
        self.add_button.hide()

    def _show_examples(self, shown: bool) -> None:
        """Where there are none the words stay at the top."""
        self._column.setStretch(self._column.count() - 1, 0 if shown else 1)
        self.examples.setVisible(shown)  # after the stretch, which by itself lays nothing out

    def _dress(self) -> None:
        for line in self._lines:
            line.setForeground(0, self._theme.tokens.color("muted"))

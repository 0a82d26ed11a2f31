"""Small dialogs for names: of a collection or a search, and the tags of what is selected."""

from collections import Counter
from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtWidgets import QCompleter, QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.flow_layout import FlowLayout
from soundsearch.gui.labels import label
from soundsearch.records import Clip

MAX_NAME = 200  # characters, as the catalogue has it
MAX_CHIPS = 40


class NameDialog(QDialog):
    """Asks for one name.

    Signals:
        named (str): Without outer spaces, and not empty.
    """

    named = Signal(str)

    def __init__(self, title: str, what: str, verb: str, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.field = QLineEdit(name)
        self.field.setMaxLength(MAX_NAME)
        self.field.setAccessibleName(what)
        self.field.setMinimumWidth(240)
        self.field.selectAll()
        self.field.textChanged.connect(self._typed)
        self.ok = QPushButton(verb)
        self.ok.setProperty("role", "primary")
        self.ok.setDefault(True)
        self.ok.clicked.connect(self._accept)
        cancel = QPushButton("Cancel")
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.ok)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(label(what, tone="muted"))
        column.addWidget(self.field)
        column.addLayout(buttons)
        self._typed()

    def _typed(self) -> None:
        self.ok.setEnabled(bool(self.field.text().strip()))

    def _accept(self) -> None:
        self.named.emit(self.field.text().strip())
        self.accept()


class TagEditor(QDialog):
    """The tags of some clips: type to add one, press one to take it away. Tags that are folders' names stay.

    Signals:
        added, removed (str)
    """

    added = Signal(str)
    removed = Signal(str)

    def __init__(self, clips: Sequence[Clip], count: int, known: Sequence[str], parent: QWidget | None = None) -> None:
        """`clips` are those of `count` selected ones that are here; `known` are labels to complete."""
        super().__init__(parent)
        self.setWindowTitle("Tags")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._clips = len(clips)
        self.field = QLineEdit()
        self.field.setMaxLength(MAX_NAME)
        self.field.setPlaceholderText("Add a tag")
        self.field.setAccessibleName("Add a tag")
        self.field.setMinimumWidth(280)
        completer = QCompleter(QStringListModel(list(known), self), self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.field.setCompleter(completer)
        self.field.returnPressed.connect(self._add)
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        what = display_name(clips[0].name) if count == 1 and clips else f"{count:,} clips"
        done = QPushButton("Done")
        done.setAutoDefault(False)
        done.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(label("Enter adds · press a tag to remove it", tone="muted", role="small"), 1)
        buttons.addWidget(done)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(label(f"Tags of {what}", tone="muted"))
        column.addWidget(self.field)
        column.addWidget(self._chips)
        column.addLayout(buttons)
        used = Counter(tag for clip in clips for tag in clip.tags if tag not in clip.folder.split("/"))
        for tag, clips_with_it in used.most_common(MAX_CHIPS):
            self._show(tag, clips_with_it)
        self.field.setFocus()

    def _add(self) -> None:
        tag = self.field.text().strip()
        if tag:
            self.added.emit(tag)
            if not any(chip.property("tag") == tag for chip in self._chips.findChildren(QPushButton)):
                self._show(tag, self._clips)
        self.field.clear()

    def _show(self, tag: str, clips_with_it: int) -> None:
        some = f" ({clips_with_it:,})" if clips_with_it < self._clips else ""
        chip = QPushButton(f"{display_name(tag)}{some}  ×")
        chip.setProperty("role", "chip")
        chip.setProperty("tag", tag)
        chip.setAutoDefault(False)
        chip.setAccessibleName(f"Remove the tag {display_name(tag)}")
        chip.setToolTip(f"On {wording.count(clips_with_it, 'clip')}: press to remove it")
        chip.clicked.connect(lambda: self._remove(chip))
        self._flow.addWidget(chip)
        chip.show()

    def _remove(self, chip: QPushButton) -> None:
        self.removed.emit(chip.property("tag"))
        self._flow.removeWidget(chip)
        chip.hide()
        chip.deleteLater()
        self.field.setFocus()

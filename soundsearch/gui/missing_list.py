"""The list of clips that vanished from their folders: say where one is, or forget it."""

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QPushButton,
    QWidget,
)

from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.choosing import choose_file, nearest_folder
from soundsearch.gui.dialog_page import fill
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.labels import label
from soundsearch.gui.notices import Notices
from soundsearch.gui.row_table import RowTable
from soundsearch.records import Clip

Index = QModelIndex | QPersistentModelIndex


class MissingModel(QAbstractTableModel):
    """Missing clips by name."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.clips: tuple[Clip, ...] = ()

    def show(self, clips: tuple[Clip, ...]) -> None:
        """Show these."""
        self.beginResetModel()
        self.clips = clips
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many."""
        return 0 if parent.isValid() else len(self.clips)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Name and place."""
        return 0 if parent.isValid() else 2

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Name", "Where it was")[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text."""
        clip = self.clips[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return display_name(clip.path)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return display_name(clip.name if index.column() == 0 else str(Path(clip.path).parent))


class MissingList(QDialog):
    """Clips that vanished."""

    def __init__(self, bridge: EngineBridge, notices: Notices, parent: QWidget) -> None:
        super().__init__(parent)
        self._bridge, self._notices = bridge, notices
        self.setWindowTitle("Missing clips")
        self.model = MissingModel(self)
        self._intro = label()
        self.table = RowTable(self.model, "Missing clips")
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.locate_button = QPushButton("Locate…")
        self.locate_button.setToolTip("Choose the file that was moved or renamed")
        self.locate_button.clicked.connect(self._choose_file)
        self.forget_button = QPushButton("Forget")
        self.forget_button.setToolTip("Forget the selected clips, with what was said of them. No file is touched.")
        self.forget_button.clicked.connect(self._forget)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        self.table.setMinimumHeight(120)
        fill(self, (self._intro, self.table), (self.forget_button, self.locate_button, close))
        self.table.selectionModel().selectionChanged.connect(self._selected)
        bridge.missing_known.connect(self._show_clips)
        bridge.forgotten.connect(lambda _: bridge.list_missing())
        bridge.located.connect(lambda _: bridge.list_missing())
        self._selected()
        self.resize(760, 440)

    def locate(self, clip: Clip, path: str) -> None:
        """Say where a clip is now."""
        self._bridge.locate_clip(clip.id, path)

    def _show_clips(self, clips: tuple[Clip, ...]) -> None:
        self.model.show(clips)
        self._intro.setText(
            f"{wording.count(len(clips), 'clip')} vanished from the folders of the library. If you moved them, add or"
            " scan the folder where they are now: they are recognised by their content and keep tags and collections."
            if clips
            else "Every clip is where it was."
        )
        self._selected()

    def _chosen(self) -> list[Clip]:
        return [self.model.clips[row] for row in self.table.chosen_rows()]

    def _selected(self) -> None:
        chosen = len(self.table.chosen_rows())
        self.forget_button.setEnabled(chosen > 0)
        self.locate_button.setEnabled(chosen == 1)

    def _choose_file(self) -> None:
        clip = self._chosen()[0]
        choose_file(self, f"Where is {clip.name} now?", nearest_folder(clip.path), partial(self.locate, clip))

    def _forget(self) -> None:
        ids = tuple(clip.id for clip in self._chosen())
        self._notices.confirm_forgetting(len(ids), lambda: self._bridge.forget_clips(ids))

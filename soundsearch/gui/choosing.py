"""Choosing a folder or a file with the system's own dialog, which keeps nothing else waiting."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from soundsearch.gui.file_exchange import display_name


def choose_folder(parent: QWidget, title: str, start: Path, take: Callable[[str], object]) -> None:
    """Ask for a folder.

    Args:
        parent: What the dialog belongs to.
        title: What is asked.
        start: Where to look first.
        take: Gets the path, if one is chosen.
    """
    dialog = QFileDialog(parent, display_name(title))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    _open(dialog, start, take)


def choose_file(parent: QWidget, title: str, start: Path, take: Callable[[str], object]) -> None:
    """Ask for a file that is there; see `choose_folder`."""
    dialog = QFileDialog(parent, display_name(title))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    _open(dialog, start, take)


def nearest_folder(path: str) -> Path:
    """The innermost folder above a path that is there."""
    return next((folder for folder in Path(path).parents if folder.is_dir()), Path.home())


def _open(dialog: QFileDialog, start: Path, take: Callable[[str], object]) -> None:
    dialog.setDirectory(str(start))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    # Qt's own dialog sometimes has a folder that the typed path went through selected as well, the path itself last:
    # then it does not emit `fileSelected`.
    dialog.accepted.connect(lambda: take(str(Path(dialog.selectedFiles()[-1]))))
    dialog.open()

"""About: what this is, under which licence, and whose work it stands on, with the licences of all of it."""

import importlib.metadata
import re
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

import soundsearch
from soundsearch.gui.dialog_page import DialogPage
from soundsearch.gui.labels import label
from soundsearch.gui.line_ends import LineEnds, show_line
from soundsearch.gui.theme import Theme

LICENCE_FILE = re.compile(r"(LICEN[CS]E|COPYING|NOTICE)[^/]*$", re.IGNORECASE)
MAX_TEXT = 400_000  # characters; torch alone brings the licences of forty others


@dataclass(frozen=True, slots=True)
class Package:
    """Something that this program stands on."""

    name: str
    version: str
    licence: str


def packages() -> tuple[Package, ...]:
    """This program, and everything that it needs to run and that is installed, by name."""
    found: dict[str, Package] = {}
    waiting = ["soundsearch"]
    while waiting:
        name = waiting.pop()
        key = _key(name)
        if key in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[key] = Package(distribution.metadata["Name"], distribution.version, _licence(distribution))
        waiting += [
            re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0]
            for need in distribution.requires or ()
            if "extra ==" not in need
        ]
    own = found.pop("soundsearch", Package("soundsearch", soundsearch.__version__, "Apache-2.0"))
    return (own, *(found[key] for key in sorted(found)))


def licence_text(name: str) -> str:
    """The texts of a package's licences, one after another; its licence's name where it brings none."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return "Its licence is beside the program."
    texts = []
    for file in distribution.files or ():
        if LICENCE_FILE.search(str(file)) and ".dist-info" in str(file):
            try:
                texts.append(f"{file.name}\n\n{file.read_text(encoding='utf-8')}")
            except (OSError, UnicodeDecodeError):
                continue
    return "\n\n".join(texts)[:MAX_TEXT] or f"{_licence(distribution)}\n\nThe package brings no text of its own."


def _licence(distribution: importlib.metadata.Distribution) -> str:
    meta = distribution.metadata
    named = [line.rpartition(" :: ")[2] for line in meta.get_all("Classifier") or () if line.startswith("License ::")]
    said = [str(meta[key]).strip() for key in ("License-Expression", "License") if key in meta]
    known = next((words for words in (*said, ", ".join(named)) if words), "see its licence")
    return known.splitlines()[0][:120]


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class About(QDialog):
    """The program, its version, and every licence."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("About soundsearch")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page = DialogPage()
        page.content.addWidget(label("soundsearch", role="title"))
        page.content.addWidget(label(f"Version {soundsearch.__version__} · Apache-2.0", tone="muted"))
        page.content.addWidget(label("Finds sounds by what they sound like. Everything stays on this computer."))
        page.content.addWidget(
            label("It stands on the work of others. Choose a name to read its licence.", tone="muted")
        )
        self.list = QListWidget()
        self.list.setProperty("framed", "true")
        self.list.setItemDelegate(LineEnds(theme, self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Packages and their licences")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Text of the licence")
        self.text.setTabChangesFocus(True)
        for package in packages():
            item = QListWidgetItem()
            show_line(item, f"{package.name} {package.version}", package.licence)
            item.setData(Qt.ItemDataRole.UserRole, package.name)
            self.list.addItem(item)
        self.list.currentItemChanged.connect(self._show)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self.list)
        halves.addWidget(self.text)
        halves.setChildrenCollapsible(False)
        page.content.addWidget(halves, 1)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.close)
        page.add_buttons(close)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(page)
        self.list.setCurrentRow(0)
        self.resize(min(560, parent.width()), min(640, parent.height()))

    def _show(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.text.setPlainText(licence_text(item.data(Qt.ItemDataRole.UserRole)))

"""The settings: every change is at work at once and can be changed back as easily."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from soundsearch.gui import menus
from soundsearch.gui.audition import Audition
from soundsearch.gui.dialog_page import DialogPage
from soundsearch.gui.elided_label import ElidedBox
from soundsearch.gui.file_exchange import display_name, reveal
from soundsearch.gui.labels import UNDER_WORDS, label
from soundsearch.gui.preferences import Preferences
from soundsearch.settings import CHOICES

DEVICES = {
    "auto": "Choose by itself",
    "cpu": "Processor",
    "cuda": "Graphics card (CUDA)",
    "mps": "Graphics card (Apple)",
}
LONGEST_LINE = 40
SYSTEM_OUTPUT = "The system's own"


class SettingsDialog(QDialog):
    """What the user may choose.

    Signals:
        theme_chosen (str), compact_chosen (bool), auto_play_chosen (bool), output_chosen (str),
        same_loudness_chosen (bool), moments_chosen (bool), rest_on_battery_chosen (bool): As soon as it is chosen.
        line_written (str, str): Name of a setting, and what it is now, while it is typed.
    """

    theme_chosen = Signal(str)
    compact_chosen = Signal(bool)
    auto_play_chosen = Signal(bool)
    output_chosen = Signal(str)
    same_loudness_chosen = Signal(bool)
    moments_chosen = Signal(bool)
    rest_on_battery_chosen = Signal(bool)
    line_written = Signal(str, str)

    def __init__(
        self, preferences: Preferences, audition: Audition, models: Path, *, compact: bool, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        settings = preferences.settings
        self._preferences = preferences
        page = DialogPage()
        page.keep_readable()
        self._column = page.content
        self._column.setSpacing(8)
        self._head("Look")
        themes = dict(menus.THEMES)
        self.theme = self._choice("Theme", themes, settings.theme, self.theme_chosen.emit)
        self.compact = self._check("Compact rows", compact, self.compact_chosen.emit)
        self._head("Hearing")
        self.auto_play = self._check("A selected row plays at once", settings.auto_play, self.auto_play_chosen.emit)
        self.same_loudness = self._check(
            "Play all clips about equally loud", settings.same_loudness, self.same_loudness_chosen.emit
        )
        outputs = {"": SYSTEM_OUTPUT} | {name: name for name in audition.outputs}
        if settings.output_device and settings.output_device not in outputs:
            outputs[settings.output_device] = f"{settings.output_device} (not connected)"
        self.output = self._choice("Sound output", outputs, settings.output_device, self.output_chosen.emit)
        self._head("Analysis")
        self.moments = self._check(
            "Listen to long clips in parts",
            settings.moments,
            self.moments_chosen.emit,
            "A search then finds the moment that matches. Scans take longer; the next one does it.",
        )
        self.on_battery = self._check(
            "Rest on battery",
            settings.pause_on_battery,
            self.rest_on_battery_chosen.emit,
            "Scans rest while the computer runs on its battery, and go on by themselves.",
        )
        self.device = self._choice(
            "The model runs on",
            {name: DEVICES[name] for name in CHOICES["device"]},
            settings.device,
            lambda name: preferences.change(device=name),
            "From the next start on.",
        )
        self._folder("Models are kept in", models)
        self._head("File names by the Universal Category System")
        self.creator = self._line("Creator", settings.ucs_creator, "ucs_creator")
        self.source = self._line(
            "Source",
            settings.ucs_source,
            "ucs_source",
            "They end the “UCS name” of a clip's details: yours, and the library or show a sound belongs to, as in"
            " DOORWood_Creak_AB_Barn.wav. What is empty becomes NONE.",
        )
        self._column.addStretch(1)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.close)
        page.add_buttons(close)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(page)
        self.resize(min(480, parent.width()), min(600, parent.height()))

    def _head(self, words: str) -> None:
        heading = label(words, role="heading")
        heading.setContentsMargins(0, 8 if self._column.count() else 0, 0, 0)
        self._column.addWidget(heading)

    def _check(self, words: str, on: bool, tell: Callable[[bool], None], sentence: str = "") -> QCheckBox:
        box = QCheckBox(words)
        box.setChecked(on)
        box.toggled.connect(tell)
        row = QHBoxLayout()
        row.addWidget(box, 0, Qt.AlignmentFlag.AlignLeft)
        self._add(row, box, sentence, indent=UNDER_WORDS)
        return box

    def _choice(
        self, words: str, options: dict[str, str], chosen: str, tell: Callable[[str], None], sentence: str = ""
    ) -> QComboBox:
        box = ElidedBox()
        box.setAccessibleName(words)
        for name, title in options.items():
            box.addItem(display_name(title), name)
        box.setCurrentIndex(list(options).index(chosen))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(14)
        box.activated.connect(lambda index: tell(box.itemData(index)))
        self._add(_beside(words, box, 1), box, sentence)
        return box

    def _line(self, words: str, written: str, name: str, sentence: str = "") -> QLineEdit:
        line = QLineEdit(written)
        line.setAccessibleName(words)
        line.setMaxLength(LONGEST_LINE)
        line.textEdited.connect(lambda text: self.line_written.emit(name, text.strip()))
        self._add(_beside(words, line, 1), line, sentence)
        return line

    def _folder(self, words: str, folder: Path) -> None:
        show = QPushButton("Show in file manager")
        show.setAutoDefault(False)
        show.setAccessibleName(f"{words}: show in file manager")
        show.clicked.connect(lambda: reveal(str(folder)))
        # A break may stand after each separator: a path has no spaces to wrap at.
        path = display_name(str(folder)).replace("/", "/\N{ZERO WIDTH SPACE}")
        self._add(_beside(words, show, 0), show, path)

    def _add(self, row: QHBoxLayout, box: QWidget, sentence: str, indent: int = 0) -> None:
        """A line, and close under it what explains it."""
        group = QVBoxLayout()
        group.setSpacing(2)
        group.addLayout(row)
        if sentence:
            box.setAccessibleDescription(sentence)
            words = label(sentence, tone="muted", role="small")
            words.setContentsMargins(indent, 0, 0, 4)
            group.addWidget(words)
        self._column.addLayout(group)


def _beside(words: str, widget: QWidget, stretch: int) -> QHBoxLayout:
    """What something is called, and the thing itself at the right."""
    row = QHBoxLayout()
    row.addWidget(label(words), 1)
    row.addWidget(widget, stretch)
    return row

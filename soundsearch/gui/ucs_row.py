"""A line that gives the file name of a clip by the Universal Category System to the clipboard."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.panel_rows import PanelRow
from soundsearch.gui.theme import Theme


class UcsRow(PanelRow):
    """Hidden where a clip has no such name.

    Signals:
        name_wanted (str): It was pressed: this name should go to the clipboard.
    """

    name_wanted = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "copy", parent)
        self._name = ""
        self.setCheckable(False)
        self.clicked.connect(lambda: self.name_wanted.emit(self._name))

    def show_name(self, name: str) -> None:
        """Offer a name, "" for none."""
        self._name = name
        if name:
            tip = f"Copies the file name by the Universal Category System:\n{display_name(name)}"
            self.show_line("UCS name", name.partition("_")[0], tip=tip)
            self.setAccessibleName(f"Copy the UCS name {display_name(name)}")
        self.setVisible(bool(name))

"""A table of whole rows in a dialog: names are shortened in the middle, nothing is edited, Tab leaves it."""

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView

ROW_HEIGHT = 28


class RowTable(QTableView):
    """A framed table whose rows are chosen as a whole."""

    def __init__(self, model: QAbstractItemModel, name: str) -> None:
        """Show a model; `name` is what a screen reader calls it."""
        super().__init__()
        self.setProperty("framed", "true")
        self.setModel(model)
        self.setAccessibleName(name)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(max(ROW_HEIGHT, self.fontMetrics().height() + 11))
        self.horizontalHeader().setHighlightSections(False)

    def chosen_rows(self) -> list[int]:
        """The rows that are selected, from top to bottom."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

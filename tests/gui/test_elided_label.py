import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyleOptionViewItem

from soundsearch.gui.elided_label import ElidedBox, ElidedLabel
from soundsearch.gui.line_ends import LineEnds, show_line
from soundsearch.gui.theme import Theme

pytestmark = pytest.mark.gui


def test_shows_what_fits_and_keeps_the_whole_text(qtbot) -> None:
    label = ElidedLabel("Analysing 3,201 of 12,480 clips")
    qtbot.addWidget(label)
    label.resize(90, 20)
    shown = label.fontMetrics().elidedText(label.text(), Qt.TextElideMode.ElideRight, 90)
    assert shown.endswith("…")
    short = ElidedLabel(shown)
    qtbot.addWidget(short)
    short.resize(90, 20)
    assert label.grab().toImage() == short.grab().toImage()
    assert label.text() == "Analysing 3,201 of 12,480 clips"


def test_a_choice_with_a_long_name_shows_that_there_is_more(qtbot) -> None:
    boxes = []
    name = "Built-in audio of the machine, analogue stereo"
    for words in (name, name[:-1] + "O", "Built-in audio of another machine, analogue stereo"):
        box = ElidedBox()
        qtbot.addWidget(box)
        box.addItem(words)
        box.resize(140, 28)
        boxes.append(box.grab().toImage())
    assert boxes[0] != boxes[1]  # both ends are seen
    assert boxes[0] == boxes[2]  # not what is between them


def test_the_name_of_a_line_gives_way_to_its_end(qtbot, theme: Theme) -> None:
    lines = QListWidget()
    qtbot.addWidget(lines)
    delegate = LineEnds(theme, lines)
    item = QListWidgetItem()
    lines.addItem(item)
    for name, is_cut in (("kick", False), ("a label with a name that is far too long for it", True)):
        show_line(item, name, "12 of 40")
        option = QStyleOptionViewItem()
        option.rect.setRect(0, 0, 200, 24)
        delegate.initStyleOption(option, lines.model().index(0, 0))
        assert ("…" in option.text) == is_cut
        assert item.text() == name and item.data(Qt.ItemDataRole.AccessibleTextRole) == f"{name}, 12 of 40"

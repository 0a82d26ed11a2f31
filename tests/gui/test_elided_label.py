import pytest
from PySide6.QtCore import Qt

from soundsearch.gui.elided_label import ElidedLabel

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

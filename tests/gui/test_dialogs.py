"""Settings, About with the licences, and the tour of three hints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from soundsearch.engine import messages as m
from soundsearch.gui.about import About, licence_text, packages
from soundsearch.gui.choosing import choose_folder
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.settings_dialog import SettingsDialog
from soundsearch.records import Root, ScanReport
from soundsearch.settings import Places, load
from tests.gui.fake_engine import FakeEngine, made_up_clip

Open = Callable[..., MainWindow]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine([made_up_clip(i) for i in range(12)])


def test_settings_are_at_work_at_once_and_kept(
    qtbot: Any, open_window: Open, engine: FakeEngine, places: Places
) -> None:
    window = open_window(engine)
    qtbot.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(SettingsDialog)
    assert dialog is not None
    dialog.theme.setCurrentIndex(dialog.theme.findData("light"))
    dialog.theme.activated.emit(dialog.theme.currentIndex())
    dialog.device.activated.emit(dialog.device.findData("cpu"))
    kept = load(places.settings)
    assert (kept.theme, kept.device) == ("light", "cpu")
    assert window.theme.choice == "light"
    dialog.close()


def test_the_next_scan_listens_to_parts(qtbot: Any, open_window: Open, engine: FakeEngine, places: Places) -> None:
    window = open_window(engine)
    window.dialogs.show_settings()
    dialog = window.findChild(SettingsDialog)
    assert dialog is not None
    for box in (dialog.compact, dialog.same_loudness, dialog.moments, dialog.auto_play):
        box.setFocus()
        qtbot.keyClick(box, Qt.Key.Key_Space)
    kept = load(places.settings)
    assert (kept.same_loudness, kept.moments, kept.auto_play) == (True, True, False)
    assert window.center.results.compact
    assert not window.player.auto_button.isChecked()
    dialog.close()
    qtbot.keyClick(window, Qt.Key.Key_F5)
    assert engine.asked(m.Scan) == [m.Scan((), moments=True)]


def test_what_ucs_names_end_with_is_at_work_while_it_is_typed(
    qtbot: Any, open_window: Open, engine: FakeEngine, places: Places
) -> None:
    window = open_window(engine, (1400, 700))
    window.center.results.selectRow(0)
    qtbot.waitUntil(lambda: bool(engine.asked(m.GetDetails)))
    window.dialogs.show_settings()
    dialog = window.findChild(SettingsDialog)
    assert dialog is not None
    engine.sent.clear()
    for line, words in ((dialog.creator, " AB "), (dialog.source, "Barn")):
        line.setFocus()
        qtbot.keyClicks(line, words)
    kept = load(places.settings)
    assert (kept.ucs_creator, kept.ucs_source) == ("AB", "Barn")
    # The details ask for the name again, after the engine has read what was typed.
    qtbot.waitUntil(lambda: isinstance(engine.sent[-1], m.GetDetails))
    assert engine.asked(m.ReadSettings)
    dialog.close()
    qtbot.waitUntil(lambda: window.findChild(SettingsDialog) is None)
    window.dialogs.show_settings()
    again = window.findChild(SettingsDialog)
    assert again is not None and (again.creator.text(), again.source.text()) == ("AB", "Barn")
    again.close()


def test_about_names_every_package_with_its_licence(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.dialogs.show_about()
    about = window.findChild(About)
    assert about is not None
    listed = [about.list.item(row).text() for row in range(about.list.count())]
    assert listed[0].startswith("soundsearch ")
    assert about.text.toPlainText()
    for name in ("numpy", "torch", "PySide6_Essentials", "soundfile"):
        assert any(line.lower().replace("-", "_").startswith(name.lower()) for line in listed), name
    row = next(row for row, line in enumerate(listed) if line.startswith("numpy "))
    about.list.setCurrentRow(row)
    assert "Redistribution and use" in about.text.toPlainText()
    about.close()


def test_no_package_is_without_a_licence() -> None:
    found = packages()
    assert len(found) > 10
    assert [package.name for package in found if package.licence == "see its licence"] == []
    assert licence_text("a-package-that-does-not-exist") == "Its licence is beside the program."


def test_the_tour_begins_once_after_the_first_run_and_can_be_skipped(
    qtbot: Any, open_window: Open, tmp_path: Path
) -> None:
    engine = FakeEngine()
    window = open_window(engine)
    tour = window.dialogs.tour
    assert not tour.isVisible()
    window._bridge.scan(str(tmp_path))
    engine.clips = {i: made_up_clip(i) for i in range(3)}
    engine.roots = (Root("/sounds", True, 3),)
    engine.tell(m.JobDone(window._bridge.jobs[0].id, ScanReport(found=3, added=3)))
    qtbot.waitUntil(tour.isVisible)
    seen = [tour.title.text()]
    assert window.rect().contains(tour.geometry())
    qtbot.mouseClick(tour.next, Qt.MouseButton.LeftButton)
    seen.append(tour.title.text())
    window.resize(320, 480)
    qtbot.waitUntil(lambda: window.rect().contains(tour.geometry()))
    qtbot.mouseClick(tour.next, Qt.MouseButton.LeftButton)
    seen.append(tour.title.text())
    assert len(set(seen)) == 3
    assert tour.next.text() == "Done"
    qtbot.mouseClick(tour.next, Qt.MouseButton.LeftButton)
    assert not tour.isVisible()
    engine.tell(m.Changed())
    assert not tour.is_due
    window.library_commands.tour_requested.emit()
    assert tour.isVisible()
    qtbot.mouseClick(tour.skip, Qt.MouseButton.LeftButton)
    assert not tour.isVisible()


# -- choosing a folder


def test_a_folder_that_is_typed_is_chosen(qtbot: Any, tmp_path: Path) -> None:
    parent, taken = QWidget(), []
    qtbot.addWidget(parent)
    wanted = tmp_path / "my sounds # 1"
    wanted.mkdir()
    choose_folder(parent, "Where?", Path.home(), taken.append)
    dialog = parent.findChild(QFileDialog)
    qtbot.waitUntil(dialog.isVisible)
    line = dialog.findChild(QLineEdit)
    qtbot.keyClicks(line, str(wanted), delay=1)
    QTest.qWait(200)  # Qt reads the folders on the way in a thread, and offers completions
    qtbot.keyClick(line.completer().popup() if line.completer().popup().isVisible() else line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: taken == [str(wanted)])

"""What looks like work for the mouse, done by keys: columns, edges of panels, the order of proposals."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QMenu

from soundsearch.gui.column_editor import STEP_PX, ColumnEditor
from soundsearch.gui.divider import STEP_PX as EDGE_STEP_PX
from soundsearch.gui.divider import Divider
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.result_columns import NARROWEST, SPECS, Column
from soundsearch.settings import Places
from tests.gui.fake_engine import FakeEngine, made_up_clip

Open = Callable[..., MainWindow]
Key, Modifier = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine([made_up_clip(i) for i in range(12)])


def walk(qtbot: Any, menu: QMenu, text: str) -> QMenu | None:
    """Go down to a line of a menu and press it; returns the menu that opened."""
    while menu.activeAction() is None or menu.activeAction().text() != text:
        qtbot.keyClick(menu, Key.Key_Down)
    inner = menu.activeAction().menu()
    qtbot.keyClick(menu, Key.Key_Right if inner else Key.Key_Return)
    return inner if isinstance(inner, QMenu) else None


def open_editor(qtbot: Any, window: MainWindow) -> ColumnEditor:
    qtbot.keyClick(window, Key.Key_M, Modifier.AltModifier)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    columns = walk(qtbot, menu, "Columns")
    assert columns is not None
    walk(qtbot, columns, "Order and widths…")
    editor = window.findChild(ColumnEditor)
    assert editor is not None
    qtbot.waitUntil(editor.list.hasFocus)
    return editor


def said(editor: ColumnEditor, column: Column) -> str:
    """The line of a column, as a screen reader says it."""
    lines = [editor.list.item(row) for row in range(editor.list.count())]
    found = [line.data(Qt.ItemDataRole.AccessibleTextRole) for line in lines]
    return next(words for words in found if words.partition(",")[0] == SPECS[column].title)


def test_columns_are_shown_moved_and_widened_by_keys_and_stay_so(
    qtbot: Any, open_window: Open, engine: FakeEngine, places: Places
) -> None:
    window = open_window(engine, (1800, 700))
    header = window.center.results.header
    editor = open_editor(qtbot, window)

    def go_to(column: Column) -> None:
        qtbot.keyClick(editor.list, Key.Key_Home)
        while editor.column != column:
            qtbot.keyClick(editor.list, Key.Key_Down)

    go_to(Column.TEMPO)
    assert header.isSectionHidden(Column.TEMPO)
    qtbot.keyClick(editor.list, Key.Key_Space)
    assert not header.isSectionHidden(Column.TEMPO)
    for _ in range(len(Column)):
        qtbot.keyClick(editor.list, Key.Key_Up, Modifier.AltModifier)
    assert header.first == editor.column == Column.TEMPO
    assert not editor.up.isEnabled() and editor.down.isEnabled()
    qtbot.keyClick(editor.list, Key.Key_Down, Modifier.AltModifier)
    assert [header.visualIndex(column) for column in (Column.SOUND, Column.TEMPO)] == [0, 1]
    before = header.sectionSize(Column.TEMPO)
    for _ in range(3):
        qtbot.keyClick(editor.list, Key.Key_Right)
    assert header.sectionSize(Column.TEMPO) == before + 3 * STEP_PX
    assert said(editor, Column.TEMPO) == f"Tempo, {before + 3 * STEP_PX} px"
    shown = [column for column in Column if not header.isSectionHidden(column)]
    for _ in range(60):
        qtbot.keyClick(editor.list, Key.Key_Right)
    assert header.sectionSize(Column.TEMPO) > before + 3 * STEP_PX  # and no other went for it
    assert [column for column in Column if not header.isSectionHidden(column)] == shown
    for _ in range(60):
        qtbot.keyClick(editor.list, Key.Key_Left)
    assert header.sectionSize(Column.TEMPO) == NARROWEST
    go_to(Column.FOLDER)
    assert not editor.wider.isEnabled() and said(editor, Column.FOLDER) == "Folder, what is left"
    qtbot.keyClick(editor.list, Key.Key_Space)
    assert header.isSectionHidden(Column.FOLDER) and header.rest == Column.NAME
    go_to(Column.NAME)
    qtbot.keyClick(editor.list, Key.Key_Space)
    assert not header.isSectionHidden(Column.NAME)
    qtbot.keyClick(editor, Key.Key_Escape)
    window.close()

    again = open_window(engine, (1800, 700))
    header = again.center.results.header
    assert header.sequence[:2] == (Column.SOUND, Column.TEMPO) and header.isSectionHidden(Column.FOLDER)
    assert header.sectionSize(Column.TEMPO) == NARROWEST
    editor = open_editor(qtbot, again)
    editor.reset.setFocus()
    qtbot.keyClick(editor.reset, Key.Key_Space)
    assert header.sequence == tuple(Column) and header.isSectionHidden(Column.TEMPO)
    editor.close()


def test_columns_for_which_there_is_no_room_say_so(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (700, 600))
    editor = open_editor(qtbot, window)
    assert said(editor, Column.TAGS) == "Tags, no room now"
    assert not editor.wider.isEnabled()  # widths of so narrow a list are ours
    editor.close()


def test_edges_of_the_panels_are_moved_by_keys_and_remembered(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    window = open_window(engine, (1400, 700))
    edges = [edge for edge in window.findChildren(Divider) if edge.isVisible()]
    names = [QAccessible.queryAccessibleInterface(edge).text(QAccessible.Text.Name) for edge in edges]
    assert sorted(names) == ["Width of the details", "Width of the library"]
    for panel, name, key in (
        (window.panel, "Width of the library", Key.Key_Right),
        (window.details, "Width of the details", Key.Key_Left),
    ):
        edge = edges[names.index(name)]
        window.center.search_bar.box.setFocus()
        while QApplication.focusWidget() is not edge:
            qtbot.keyClick(QApplication.focusWidget(), Key.Key_Tab)
        before = panel.width()
        qtbot.keyClick(edge, key)
        qtbot.keyClick(edge, key)
        assert panel.width() == before + 2 * EDGE_STEP_PX
    wide = window.panel.width(), window.details.width()
    window.close()
    again = open_window(engine, (1400, 700))
    assert (again.panel.width(), again.details.width()) == wide


@pytest.mark.parametrize("width", [300, 500])
def test_a_narrow_window_has_no_edges_to_stop_at(open_window: Open, engine: FakeEngine, width: int) -> None:
    window = open_window(engine, (width, 600))
    assert [edge for edge in window.findChildren(Divider) if edge.isVisible()] == []

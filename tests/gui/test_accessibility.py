"""For people who use a screen reader, or no mouse: names and roles of everything, and what each key does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface, QContextMenuEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QWidget

from soundsearch.engine import messages as m
from soundsearch.gui.chips import Chip
from soundsearch.gui.file_exchange import files_mime
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.shortcuts import SHORTCUTS
from soundsearch.records import CollectClips, Example, Failure, Progress, Root, SavedSearch, TagCount
from tests.gui.fake_engine import MINE, STARTER, FakeEngine, made_up_clip

Open = Callable[..., MainWindow]
Role = QAccessible.Role
NOT_A_ROLE = (Role.NoRole, Role.Client, Role.Window, Role.Pane, Role.Grouping, Role.Border)
WITH_ROWS = (Role.Table, Role.Tree, Role.List)  # their rows come from the model, a million of them


def interfaces(top: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    yield top
    if top.role() not in WITH_ROWS:
        for number in range(top.childCount()):
            child = top.child(number)
            if child is not None and child.isValid():
                yield from interfaces(child)


def interactive(window: QWidget) -> Iterator[QAccessibleInterface]:
    """Everything in a window that can be reached by Tab, or pressed."""
    for found in interfaces(QAccessible.queryAccessibleInterface(window)):
        thing = found.object()
        if isinstance(thing, QWidget) and thing.isVisible() and not isinstance(thing, QMenu) and not thing.isWindow():
            by_tab = thing.focusPolicy() & Qt.FocusPolicy.TabFocus and thing.focusProxy() is None
            if by_tab or found.role() in (Role.Button, Role.CheckBox, Role.RadioButton, Role.ComboBox):
                yield found


def check(window: QWidget) -> int:
    """Demand a name and a role of each; returns how many there are."""
    nameless, without_role, count = [], [], 0
    for found in interactive(window):
        count += 1
        what = f"{type(found.object()).__name__} {found.object().objectName()}"
        if not found.text(QAccessible.Text.Name).strip():
            nameless.append(what)
        if found.role() in NOT_A_ROLE:
            without_role.append(f"{what}: {found.role().name}")
    assert (nameless, without_role) == ([], [])
    return count


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine([made_up_clip(i, tags=("dusty",)) for i in range(12)])
    made.roots = (Root("/sounds", True, 12), Root("/gone", False, 3))
    made.models = (STARTER, MINE)
    made.failures = (Failure("/sounds/a.wav", "it is empty"),)
    made.collections = {"Drums": {0, 1, 2}}
    made.tags = (TagCount("dusty", 12, ("user",)),)
    made.searches = {"Rain": SavedSearch("Rain", "rain")}
    return made


def test_first_run(open_window: Open) -> None:
    assert check(open_window(FakeEngine())) >= 1


def test_results_panels_and_player(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (1400, 800))
    window.center.results.selectRow(0)
    qtbot.waitUntil(lambda: window.details.similar_section.rows.count() > 0)
    window._bridge.scan()
    engine.tell(m.JobProgress(window._bridge.jobs[0].id, Progress("analyse", 1, 2)))
    assert check(window) > 50
    rows = QAccessible.queryAccessibleInterface(window.center.results)
    assert rows.role() == Role.Table
    assert rows.text(QAccessible.Text.Name) == "Results"


def test_narrow_with_the_library_over_it_and_chips(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (320, 640))
    window.center.search_bar.add_sounds(("/a.wav",))
    window.panel_commands.toggle_filter("tag", "dusty")
    qtbot.waitUntil(lambda: bool(window.findChildren(Chip)))
    window.regions.toggle_panel()
    assert check(window) > 15


def test_the_map(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.show_map(True)
    view = window.center.map.view
    assert QAccessible.queryAccessibleInterface(view).role() == Role.Canvas
    assert check(window) > 10


@pytest.mark.parametrize(
    "ask",
    [
        lambda w: w.dialogs.show_settings(),
        lambda w: w.dialogs.show_about(),
        lambda w: w.dialogs.tour.begin(),
        lambda w: w.library_commands.show_shortcuts(),
        lambda w: w.library_commands.show_failures(),
        lambda w: w.panel_commands.show_missing(),
        lambda w: w.organising.edit_tags(),
        lambda w: w.organising.new_collection(),
        lambda w: w.training.open(),
        lambda w: w.tagging.open(),
        lambda w: w.duplicates.open(),
        lambda w: w.report_bug("ValueError", "Traceback"),
    ],
    ids=[
        "settings", "about", "tour", "shortcuts", "failures", "missing", "tags", "name", "training", "tagging",
        "duplicates", "bug",
    ],
)  # fmt: skip
def test_dialogs(qtbot: Any, open_window: Open, engine: FakeEngine, ask: Callable[[MainWindow], None]) -> None:
    window = open_window(engine)
    window.center.results.selectRow(0)
    ask(window)
    dialogs = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w is not window]
    for dialog in dialogs:
        assert QAccessible.queryAccessibleInterface(dialog).text(QAccessible.Text.Name)
        assert check(dialog) >= (0 if "shortcuts" in dialog.windowTitle() else 1)
    assert dialogs or check(window) > 10
    for dialog in dialogs:
        dialog.close()


# -- the keyboard alone


def test_every_key_that_is_bound_is_in_the_list_of_shortcuts(open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    bound = {
        shortcut.key().toString(QKeySequence.SequenceFormat.PortableText) for shortcut in window.findChildren(QShortcut)
    }
    signs = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Return": "Enter", "Escape": "Esc", "-": "−"}
    shown = " ".join(keys for keys, _ in SHORTCUTS)
    digits = {str(number) for number in range(6)}
    missing = []
    for keys in bound - digits:
        *modifiers, key = keys.split("+") if keys != "+" else ["+"]
        if key not in shown.replace(",", " ").split() and signs.get(key, key) not in shown:
            missing.append(keys)
        if modifiers and not all(modifier in shown for modifier in modifiers):
            missing.append(keys)
    assert missing == []


def test_tab_reaches_everything_and_comes_round(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (1400, 800))
    window.center.results.selectRow(0)
    qtbot.waitUntil(lambda: window.details.similar_section.rows.count() > 0)
    window.center.search_bar.box.setFocus()
    seen: list[QWidget] = []
    widget = QApplication.focusWidget()
    while widget is not None and widget not in seen:
        seen.append(widget)
        widget.focusNextChild()
        widget = QApplication.focusWidget()
    assert widget is window.center.search_bar.box
    wanted = {found.object() for found in interactive(window) if found.object().focusPolicy() & Qt.FocusPolicy.TabFocus}
    left_out = [QAccessible.queryAccessibleInterface(w).text(QAccessible.Text.Name) for w in wanted - set(seen)
                if w.isEnabled()]  # fmt: skip
    assert left_out == []
    # As one reads it: a heading before its lines, the panel before the query, the query before the results.
    panel, bar = window.panel, window.center.search_bar
    way = [panel.folders.section.heading, panel.folders["/sounds"], panel.collections["Drums"], panel.tags["dusty"]]
    way += [bar.library_button, bar.box, window.center.results, window.details.stars[0], window.player.wave]
    start = seen.index(way[0])
    places = [(seen.index(widget) - start) % len(seen) for widget in way]
    assert places == sorted(places)
    window.center.search_bar.box.setFocus()
    qtbot.keyClick(window.center.search_bar.box, Qt.Key.Key_Backtab)
    assert QApplication.focusWidget() is seen[-1]


def test_the_table_of_keys_works_without_a_mouse(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    """Line by line what the product promises for the keyboard, from one window and without a click.

    R needs a microphone: test_recording.py.
    """
    window = open_window(engine)
    results, player = window.center.results, window.fake_player  # type: ignore[attr-defined]
    key, control, alt = Qt.Key, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
    shift = Qt.KeyboardModifier.ShiftModifier

    def press(at: QWidget, *keys: Any) -> None:
        qtbot.keyClick(at, *keys)

    press(window, key.Key_F, control)
    qtbot.waitUntil(window.center.search_bar.box.hasFocus)
    qtbot.keyClicks(window.center.search_bar.box, "k")
    qtbot.waitUntil(lambda: window.center.is_settled and window.center.model.rowCount() < 12)
    press(window.center.search_bar.box, key.Key_Down)
    qtbot.waitUntil(results.hasFocus)
    qtbot.waitUntil(lambda: player.state == "playing")
    press(results, key.Key_Down)
    qtbot.waitUntil(lambda: results.currentIndex().row() == 1)
    press(results, key.Key_Space)
    qtbot.waitUntil(lambda: player.state == "paused")
    press(results, key.Key_Space, shift)
    qtbot.waitUntil(lambda: player.state == "playing")
    press(results, key.Key_L)
    qtbot.waitUntil(lambda: bool(player.loop))
    for pressed, kind in ((key.Key_F, "favourite"), (key.Key_3, "rating")):
        press(results, pressed)
        assert getattr(engine.asked(m.Organise)[-1].action, kind) in (True, 3)
    press(results, key.Key_T)
    (editor,) = [w for w in QApplication.topLevelWidgets() if w.windowTitle() == "Tags"]
    qtbot.waitUntil(editor.isActiveWindow)
    press(editor, key.Key_Escape)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    results.setFocus()
    results.selectAll()
    press(results, key.Key_C, control)
    assert len(QApplication.clipboard().mimeData().urls()) == window.center.model.rowCount() > 1
    press(results, key.Key_Return)
    assert play_calls(window)[-1] == ("play", 0.0)
    window.player.wave.seek_requested.emit(1.0)
    press(results, key.Key_Enter)
    assert play_calls(window)[-1] == ("play", 0.0)
    results.selectRow(1)
    scans = len(engine.asked(m.Scan))
    press(results, key.Key_F5)
    assert len(engine.asked(m.Scan)) == scans + 1
    press(results, key.Key_S)
    qtbot.waitUntil(lambda: bool(engine.asked(m.Search)[-1].likes))
    press(results, key.Key_Left, alt)
    qtbot.waitUntil(lambda: engine.asked(m.Search)[-1].text == "k")
    press(results, key.Key_Right, alt)
    qtbot.waitUntil(lambda: bool(engine.asked(m.Search)[-1].likes))
    press(results, key.Key_Left, alt)
    qtbot.waitUntil(lambda: engine.asked(m.Search)[-1].text == "k" and window.center.is_settled)
    results.setFocus()
    press(results, key.Key_Escape)
    qtbot.waitUntil(lambda: player.state == "idle")
    press(window, key.Key_Question)
    (sheet,) = [w for w in QApplication.topLevelWidgets() if w.windowTitle() == "Keyboard shortcuts"]
    before = sheet._scroll.verticalScrollBar().value()
    press(sheet, key.Key_PageDown)
    assert sheet._scroll.verticalScrollBar().value() > before
    sheet.close()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    press(window, key.Key_M, alt)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert {"Settings…", "About soundsearch", "Add a folder…", "Keyboard shortcuts"} <= set(texts)
    menu.close()
    window.clip_commands.open_menu(QPoint(5, 5))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    promised = ("Play", "Find similar", "Add to collection", "Tags…", "Show in file manager", "Copy path")
    assert set(promised) <= {action.text() for action in menu.actions()}
    menu.close()


def play_calls(window: MainWindow) -> list[tuple[Any, ...]]:
    return [call for call in window.fake_player.calls if call[0] == "play"]  # type: ignore[attr-defined]


def test_what_is_dropped_by_mouse_is_pasted_by_keys(
    qtbot: Any, open_window: Open, engine: FakeEngine, tmp_path: Path
) -> None:
    sound, folder = tmp_path / "take #1.wav", tmp_path / "Field"
    sound.write_bytes(b"")
    folder.mkdir()
    window = open_window(engine)
    box = window.center.search_bar.box
    for where in (box, window.center.results):
        where.setFocus()
        QApplication.clipboard().setMimeData(files_mime([str(sound)]))
        qtbot.keyClick(where, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: engine.asked(m.Search)[-1].likes == (Example(str(sound)),))
        assert box.text() == ""
        window.center.search_bar.clear()
        qtbot.waitUntil(lambda: not engine.asked(m.Search)[-1].likes)
    QApplication.clipboard().setMimeData(files_mime([str(folder)]))
    qtbot.keyClick(window.center.results, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    offer = next(b for b in window.findChildren(QPushButton) if b.isVisible() and b.text() == "Add")
    offer.setFocus()
    qtbot.keyClick(offer, Qt.Key.Key_Space)
    assert engine.asked(m.Scan)[-1].roots == (str(folder),)
    QApplication.clipboard().setText("rain")
    qtbot.keyClick(box, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert box.text() == "rain"


def test_rows_come_into_a_collection_and_regions_are_made_without_a_drag(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    window = open_window(engine)
    results, wave = window.center.results, window.player.wave
    results.setFocus()
    qtbot.keyClick(results, Qt.Key.Key_Down)
    qtbot.keyClick(results, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    chosen = tuple(results.selected_ids().tolist())
    assert len(chosen) == 2
    menu_key = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), results.mapToGlobal(QPoint(1, 1)))
    QApplication.sendEvent(results.viewport(), menu_key)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    collect = next(action for action in menu.actions() if action.text() == "Add to collection")
    while menu.activeAction() is not collect:
        qtbot.keyClick(menu, Qt.Key.Key_Down)
    qtbot.keyClick(menu, Qt.Key.Key_Right)
    inner = collect.menu()
    assert isinstance(inner, QMenu)
    while inner.activeAction() is None or inner.activeAction().text() != "Drums":
        qtbot.keyClick(inner, Qt.Key.Key_Down)
    qtbot.keyClick(inner, Qt.Key.Key_Return)
    assert engine.asked(m.Organise)[-1].action == CollectClips(chosen, "Drums")

    qtbot.waitUntil(lambda: wave.has_content)
    wave.setFocus()
    for pressed in (Qt.Key.Key_BracketLeft, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_BracketRight):
        qtbot.keyClick(wave, pressed)
    assert wave.region is not None and wave.region.end_s > wave.region.start_s
    before = wave.region.end_s
    qtbot.keyClick(wave, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert wave.region.end_s < before


def test_the_map_gathers_without_a_lasso(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    qtbot.keyClick(window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    view = window.center.map.view
    qtbot.waitUntil(lambda: view.isVisible() and len(view._screen) == 12)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(window.center.results.selected_ids()) == 12
    for _ in range(3):
        qtbot.keyClick(view, Qt.Key.Key_Plus)
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert 0 < len(window.center.results.selected_ids()) < 12

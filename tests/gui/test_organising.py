"""Putting the library in order by keys, mouse and menus, upon a made-up engine that remembers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu, QPushButton

from soundsearch.catalogue.query import parse_parts
from soundsearch.engine import messages as m
from soundsearch.errors import QueryError
from soundsearch.gui.details_panel import DetailsPanel, facts
from soundsearch.gui.draft import Draft, Sound
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.missing_list import MissingList
from soundsearch.gui.naming import NameDialog, TagEditor
from soundsearch.gui.panel_rows import PanelRow
from soundsearch.gui.query_filters import toggled
from soundsearch.gui.result_columns import Column
from soundsearch.records import (
    ChangeCollection,
    ChangeSearch,
    ClipState,
    CollectClips,
    Example,
    MarkClips,
    Root,
    SavedSearch,
    TagClips,
    TagCount,
)
from tests.gui.fake_engine import FakeEngine, made_up_clip

Open = Callable[..., MainWindow]


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine([made_up_clip(i) for i in range(12)])
    made.collections = {"Drums": {0, 8}, "My pads": set()}
    made.tags = tuple(TagCount(f"tag {i}", 40 - i, ("user",)) for i in range(20))
    made.searches = {"Rain": SavedSearch("Rain", "rain dur>2", (Example("/sounds/rain.wav"),))}
    return made


def first_rows(window: MainWindow, count: int) -> tuple[int, ...]:
    results = window.center.results
    results.enter()
    results.clearSelection()
    for row in range(count):
        results.selectionModel().select(
            results.model().index(row, 0),
            results.selectionModel().SelectionFlag.Select | results.selectionModel().SelectionFlag.Rows,
        )
    results.selectionModel().setCurrentIndex(
        results.model().index(0, 1), results.selectionModel().SelectionFlag.NoUpdate
    )
    return tuple(window.center.model.clip_id(row) for row in range(count))


def actions(engine: FakeEngine) -> list[Any]:
    return [request.action for request in engine.asked(m.Organise)]


def open_menu() -> QMenu:
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(*texts: str) -> None:
    """Choose an item of the open menu, and of the menus below it."""
    outer = menu = open_menu()
    for text in texts[:-1]:
        menu = next(action.menu() for action in menu.actions() if action.text() == text)  # type: ignore[assignment]
    next(action for action in menu.actions() if action.text() == texts[-1]).trigger()
    outer.close()


def ask_menu(row: PanelRow) -> None:
    QApplication.sendEvent(row, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint()))


# -- marks, by keys and by the menu


def test_keys_mark_the_whole_selection_and_ctrl_z_takes_it_back(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    window = open_window(engine)
    ids = first_rows(window, 3)
    results = window.center.results
    qtbot.keyClick(results, Qt.Key.Key_F)
    qtbot.keyClick(results, Qt.Key.Key_4)
    assert {(a.favourite, a.rating, tuple(sorted(a.clip_ids))) for a in actions(engine)} == {
        (True, None, tuple(sorted(ids))), (None, 4, tuple(sorted(ids))),
    }  # fmt: skip
    qtbot.waitUntil(lambda: all((clip := window.center.model.clip(r)) and clip.rating == 4 for r in range(3)))
    assert window.status_line.clips.text() == "Done: rating of 3 clips"
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(results, Qt.Key.Key_Z, control)
    qtbot.waitUntil(lambda: window.status_line.clips.text() == "Taken back: rating of 3 clips")
    qtbot.waitUntil(lambda: all((clip := window.center.model.clip(r)) and clip.rating == 0 for r in range(3)))
    qtbot.keyClick(results, Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.status_line.clips.text() == "Made again: rating of 3 clips")
    qtbot.keyClick(results, Qt.Key.Key_0)
    assert actions(engine)[-1] == MarkClips(actions(engine)[-1].clip_ids, rating=0)
    qtbot.waitUntil(lambda: bool((clip := window.center.model.clip(0)) and clip.favourite))
    qtbot.keyClick(results, Qt.Key.Key_F)
    assert actions(engine)[-1].favourite is False


def test_nothing_selected_and_nothing_to_take_back_are_said(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.results.setFocus()
    qtbot.keyClick(window.center.results, Qt.Key.Key_3)
    assert window.status_line.clips.text() == "Select a clip first"
    qtbot.keyClick(window.center.results, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.status_line.clips.text() == "There is nothing to take back")
    assert actions(engine) == []


def test_digits_write_in_the_box(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    qtbot.keyClicks(window.center.search_bar.box, "808 ft")
    assert window.center.search_bar.box.text() == "808 ft"
    assert actions(engine) == []


def test_the_menu_of_the_selection_marks_and_collects(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    (clip,) = first_rows(window, 1)
    for texts in (("Colour", "Green"), ("Rating", "2 stars"), ("Add to collection", "My pads")):
        window.clip_commands.open_menu(QPoint(10, 10))
        choose(*texts)
    assert actions(engine) == [
        MarkClips((clip,), colour="green"), MarkClips((clip,), rating=2), CollectClips((clip,), "My pads"),
    ]  # fmt: skip
    window.clip_commands.open_menu(QPoint(10, 10))
    choose("Add to collection", "New collection…")
    dialog = window.findChild(NameDialog)
    assert dialog is not None
    qtbot.waitUntil(dialog.isActiveWindow)
    qtbot.keyClicks(dialog.field, "  Best ")
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert actions(engine)[-1] == CollectClips((clip,), "Best")
    qtbot.waitUntil(lambda: window.panel.collections.row("Best") is not None)


def test_t_edits_tags_with_completion(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.clips[0] = made_up_clip(0, tags=("Folder 0", "dusty"))
    window = open_window(engine)
    results = window.center.results
    results.selectRow(int(window.center.model.rows_of(np.array([0]))[0]))
    results.setFocus()
    qtbot.keyClick(results, Qt.Key.Key_T)
    editor = window.findChild(TagEditor)
    assert editor is not None
    qtbot.waitUntil(editor.isActiveWindow)
    completer = editor.field.completer()
    completer.setCompletionPrefix("AG 1")
    assert completer.completionCount() == 11  # tag 1, and tag 10 to 19
    qtbot.keyClicks(editor.field, "vinyl")
    qtbot.keyClick(editor.field, Qt.Key.Key_Return)
    assert editor.isVisible()
    assert editor.field.text() == ""
    chips = {chip.property("tag"): chip for chip in editor.findChildren(QPushButton) if chip.property("tag")}
    assert set(chips) == {"dusty", "vinyl"}  # what is a folder's name stays
    qtbot.mouseClick(chips["dusty"], Qt.MouseButton.LeftButton)
    assert actions(engine) == [TagClips((0,), ("vinyl",)), TagClips((0,), (), ("dusty",))]
    editor.accept()


# -- the panel


def test_a_line_of_the_panel_narrows_the_query_and_shows_it(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    bar, panel = window.center.search_bar, window.panel
    bar.set_draft(Draft("kick"))
    qtbot.mouseClick(panel.collections["My pads"], Qt.MouseButton.LeftButton)
    assert bar.draft == Draft("kick", (), ('in:"My pads"',))
    assert panel.collections["My pads"].isChecked()
    qtbot.keyClick(panel.tags["tag 1"], Qt.Key.Key_Return)
    qtbot.keyClick(panel.folders["/sounds"], Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "folder" in engine.asked(m.Search)[-1].text)
    assert engine.asked(m.Search)[-1].text == 'kick in:"My pads" tag:"tag 1" folder:/sounds'
    qtbot.mouseClick(panel.collections["My pads"], Qt.MouseButton.LeftButton)
    assert bar.draft == Draft("kick", (), ('tag:"tag 1"', "folder:/sounds"))
    assert not panel.collections["My pads"].isChecked()
    bar.go(-1)
    assert panel.collections["My pads"].isChecked()


def test_sections_close_and_are_remembered(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    section = window.panel.tags.section
    qtbot.mouseClick(section.heading, Qt.MouseButton.LeftButton)
    assert not window.panel.tags["tag 1"].isVisible()
    assert section.heading.accessibleName() == "Show tags"
    window.close()
    again = open_window(engine)
    assert not again.panel.tags.section.is_open
    assert again.panel.collections.section.is_open


def test_all_tags_are_a_press_away(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    assert window.panel.tags.row("tag 15") is None
    qtbot.mouseClick(window.panel._more, Qt.MouseButton.LeftButton)
    assert window.panel.tags["tag 15"].accessibleName() == "tag 15, 25"
    assert window.panel._more.text() == "Fewer tags"


def test_rows_dropped_on_a_collection_join_it(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    ids = first_rows(window, 2)
    row = window.panel.collections["My pads"]

    class Enter(QDragEnterEvent):
        def source(self) -> Any:
            return window.center.results

    mime = QMimeData()
    copy, left, no_keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = Enter(QPoint(5, 5), copy, mime, left, no_keys)
    row.dragEnterEvent(enter)
    assert enter.isAccepted()
    row.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, no_keys))
    assert actions(engine) == [CollectClips(tuple(sorted(ids)), "My pads")]
    foreign = QDragEnterEvent(QPoint(5, 5), copy, mime, left, no_keys)
    row.dragEnterEvent(foreign)
    assert not foreign.isAccepted()


def test_collections_are_renamed_and_deleted_from_their_menu(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    ask_menu(window.panel.collections["Drums"])
    choose("Rename…")
    dialog = window.findChild(NameDialog)
    assert dialog is not None
    assert dialog.field.text() == "Drums"
    dialog.field.clear()
    assert not dialog.ok.isEnabled()
    qtbot.keyClicks(dialog.field, "Beats")
    dialog.ok.click()
    qtbot.waitUntil(lambda: window.panel.collections.row("Beats") is not None)
    ask_menu(window.panel.collections["Beats"])
    choose("Delete")
    assert actions(engine) == [ChangeCollection("Drums", "Beats"), ChangeCollection("Beats", "")]
    qtbot.waitUntil(lambda: window.panel.collections.row("Beats") is None)


def test_a_search_is_saved_and_asked_again(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    bar = window.center.search_bar
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert window.status_line.clips.text() == "Write a query first, then save it"
    bar.set_draft(Draft("dark pad", (Sound("/a.wav"), Sound("/b.wav", False))))
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(NameDialog)
    assert dialog is not None
    qtbot.keyClicks(dialog.field, "Pads")
    dialog.ok.click()
    saved = SavedSearch("Pads", "dark pad", (Example("/a.wav"),), (Example("/b.wav"),))
    assert actions(engine) == [ChangeSearch("", saved)]
    qtbot.waitUntil(lambda: window.panel.searches.row(repr(saved)) is not None)
    bar.clear()
    qtbot.mouseClick(window.panel.searches[repr(saved)], Qt.MouseButton.LeftButton)
    assert bar.draft == Draft("dark pad", (Sound("/a.wav"), Sound("/b.wav", False)))


def test_a_saved_search_keeps_its_order(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    bar, header = window.center.search_bar, window.center.results.header
    bar.set_draft(Draft("kick"))
    header.sort_by(Column.LENGTH)
    qtbot.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(NameDialog)
    assert dialog is not None
    dialog.ok.click()
    qtbot.waitUntil(lambda: bool(engine.searches))
    assert engine.searches["kick"].order == "duration_s"
    header.sort_by(Column.NAME)
    bar.clear()
    window.organising.ask_again(engine.searches["kick"])
    qtbot.waitUntil(lambda: engine.asked(m.Search)[-1] == m.Search("kick", order="duration_s"))
    qtbot.waitUntil(lambda: header.order == "duration_s")


@given(text=st.text(alphabet='ab :"-<2', max_size=20), value=st.text(alphabet='ab "-:', min_size=1).filter(str.strip))
def test_a_filter_that_is_put_in_can_be_taken_out_again(text: str, value: str) -> None:
    value = value.strip()
    before = Draft(text, (Sound("/a.wav"),), ("-voice", 'tag:"other one"'))
    assume(not _has(text, value))
    changed = toggled(before, "tag", value)
    (written,) = set(changed.parts) - set(before.parts)
    assert [(part.kind, part.value) for part in parse_parts(written)] == [("tag", value)]
    assert toggled(changed, "tag", value) == before
    typed = Draft(f"a b {written}")
    assert toggled(typed, "tag", value) == Draft("a b")


def _has(text: str, value: str) -> bool:
    try:
        return any(part.kind == "tag" and part.value.casefold() == value.casefold() for part in parse_parts(text))
    except QueryError:
        return False


# -- what is not where it was


def test_missing_clips_are_located_or_forgotten(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.clips[3] = made_up_clip(3, state=ClipState.MISSING)
    engine.clips[4] = made_up_clip(4, state=ClipState.MISSING)
    window = open_window(engine)
    qtbot.waitUntil(window.panel._missing.isVisible)
    qtbot.mouseClick(window.panel._missing, Qt.MouseButton.LeftButton)
    listed = window.findChild(MissingList)
    assert listed is not None
    qtbot.waitUntil(lambda: listed.model.rowCount() == 2)
    assert not listed.locate_button.isEnabled()
    listed.table.selectRow(0)
    listed.locate(listed.model.clips[0], "/sounds/new/Rain.wav")
    qtbot.waitUntil(lambda: engine.asked(m.Scan) == [m.Scan(("/sounds/new",))])
    assert engine.asked(m.LocateClip) == [m.LocateClip(3, "/sounds/new/Rain.wav")]
    listed.table.selectRow(1)
    listed.forget_button.click()
    assert engine.asked(m.ForgetClips) == []
    assert "are lost" in window.center.notices.text.text()
    window.center.notices.action.click()
    assert engine.asked(m.ForgetClips) == [m.ForgetClips((4,))]
    qtbot.waitUntil(lambda: listed.model.rowCount() == 1)
    listed.close()


def test_a_root_that_moved_is_pointed_at_its_new_folder(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.roots = (Root("/gone", False, 12),)
    window = open_window(engine)
    window._bridge.locate_root("/gone", "/there")
    qtbot.waitUntil(lambda: engine.asked(m.Scan) == [m.Scan(("/there",))])
    ask_menu(window.panel.folders["/gone"])
    assert "It is somewhere else now…" in [action.text() for action in open_menu().actions()]
    open_menu().close()


# -- details


def test_details_say_everything_and_what_is_changed_there_is_changed(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    engine.clips[0] = made_up_clip(0, tags=("dusty",), rating=2, key="Am", tempo_bpm=124.4, loudness_lufs=-14.25)
    engine.collections = {"Drums": {0}}
    window = open_window(engine, (1400, 800))
    details = window.details
    assert details.isVisible()
    results = window.center.results
    results.selectRow(int(window.center.model.rows_of(np.array([0]))[0]))
    qtbot.waitUntil(lambda: bool(chips(details)) and ("drums", "auto") in chips(details))
    assert set(chips(details)) == {("Folder 0", "folder"), ("dusty", "user"), ("drums", "auto")}
    assert details.name.text() == engine.clips[0].name
    assert {("Key", "Am"), ("Tempo", "124 BPM"), ("Loudness", "-14.2 LUFS")} <= set(facts(engine.clips[0]))
    assert not chips(details)["Folder 0", "folder"].isEnabled()
    assert "80" in chips(details)["drums", "auto"].toolTip()
    qtbot.mouseClick(details.stars[3], Qt.MouseButton.LeftButton)
    qtbot.mouseClick(details.colours["blue"], Qt.MouseButton.LeftButton)
    qtbot.keyClicks(details.tag_field, "tape")
    qtbot.keyClick(details.tag_field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ("tape", "user") in chips(details))
    assert (engine.clips[0].rating, engine.clips[0].colour) == (4, "blue")
    qtbot.waitUntil(lambda: details.stars[3].isChecked())
    qtbot.mouseClick(chips(details)["dusty", "user"], Qt.MouseButton.LeftButton)
    assert actions(engine)[-1] == TagClips((0,), (), ("dusty",))
    qtbot.mouseClick(details.stars[3], Qt.MouseButton.LeftButton)  # the star that is lit goes out
    assert actions(engine)[-1] == MarkClips((0,), rating=0)
    (collection,) = [row for row in details.collections_section.findChildren(PanelRow) if row.isVisible()]
    collection.click()
    assert window.center.search_bar.draft.parts == ("in:Drums",)


def test_the_name_by_ucs_is_copied_from_the_details(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.clips[0] = made_up_clip(0, tags=("doors wood",))
    window = open_window(engine, (1400, 800))
    details, rows = window.details, window.center.model.rows_of
    window.center.results.selectRow(int(rows(np.array([0]))[0]))
    qtbot.waitUntil(details.ucs_name.isVisible)
    qtbot.mouseClick(details.ucs_name, Qt.MouseButton.LeftButton)
    stem, extension = engine.clips[0].name.rsplit(".", 1)
    copied = QGuiApplication.clipboard().text()
    assert copied == f"DOORWood_{stem.replace('_', ' ')}_NONE_NONE.{extension}"
    assert "Copied the UCS name" in window.status_line.clips.text()
    window.center.results.selectRow(int(rows(np.array([1]))[0]))
    qtbot.waitUntil(lambda: not details.ucs_name.isVisible())  # nothing says its category


def test_a_similar_clip_is_heard_from_the_details(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (1400, 800))
    window.center.results.selectRow(0)
    rows: list[PanelRow] = []
    qtbot.waitUntil(lambda: bool(rows.extend(window.details.similar_section.findChildren(PanelRow)) or rows))
    rows[0].click()
    heard = next(clip.path for clip in engine.clips.values() if clip.name == rows[0].text())
    qtbot.waitUntil(lambda: ("load", heard) in [call[:2] for call in window.fake_player.calls])  # type: ignore[attr-defined]


def test_details_open_close_and_are_remembered(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (1000, 700))
    assert not window.details.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    assert window.details.isVisible()
    window.resize(690, 700)
    qtbot.waitUntil(lambda: not window.details.isVisible())
    window.resize(900, 700)
    qtbot.waitUntil(window.details.isVisible)
    window.close()
    again = open_window(engine, (800, 700))
    assert again.details.isVisible()
    assert again.center.search_bar.details_button.isChecked()
    qtbot.mouseClick(again.center.search_bar.details_button, Qt.MouseButton.LeftButton)
    assert not again.details.isVisible()


def test_a_tag_that_several_give_is_one_chip(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.clips[0] = made_up_clip(0, tags=("drums",))  # and a model says so too
    window = open_window(engine, (1400, 800))
    window.center.results.selectRow(int(window.center.model.rows_of(np.array([0]))[0]))
    qtbot.waitUntil(lambda: set(chips(window.details)) == {("Folder 0", "folder"), ("drums", "user auto")})
    chip = chips(window.details)["drums", "user auto"]
    assert chip.toolTip() == "Given by you and a model (80\N{NO-BREAK SPACE}% sure): press to remove it"
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert actions(engine)[-1] == TagClips((0,), (), ("drums",))


def chips(details: DetailsPanel) -> dict[tuple[str, str], QPushButton]:
    found = [chip for chip in details.findChildren(QPushButton) if chip.property("tag") and chip.isVisible()]
    return {(chip.property("tag"), chip.property("source")): chip for chip in found}

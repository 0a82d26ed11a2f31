"""Duplicates in the window: looked for on request, group by group, heard and shown; nothing is ever deleted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from soundsearch.engine import messages as m
from soundsearch.gui.duplicate_model import Column, DuplicateModel
from soundsearch.gui.duplicates import DuplicatesPage
from soundsearch.gui.main_window import MainWindow
from soundsearch.records import DuplicateGroup
from tests.gui.fake_engine import FakeEngine, made_up_clip

GROUPS = (DuplicateGroup("exact", (3, 1, 2), 1.0), DuplicateGroup("near", (5, 6), 0.93))


@pytest.fixture
def window(open_window: Callable[..., MainWindow]) -> MainWindow:
    return open_window(FakeEngine([made_up_clip(i, size_bytes=1_000_000 * i) for i in range(1, 9)]))


def find(window: MainWindow, qtbot: Any, found: object = GROUPS) -> DuplicatesPage:
    qtbot.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    page = window.duplicates.dialog.page
    qtbot.mouseClick(page.find_button, Qt.MouseButton.LeftButton)
    job = window._bridge.jobs[-1]
    assert not page.find_button.isEnabled()
    window.engine.tell(m.JobDone(job.id, found))  # type: ignore[attr-defined]
    qtbot.waitUntil(page.find_button.isEnabled)
    return page


def cells(page: DuplicatesPage, column: Column) -> list[str]:
    return [page.model.index(row, column).data() for row in range(page.model.rowCount())]


def test_groups_are_found_heard_copied_and_nothing_is_deleted(qtbot: Any, window: MainWindow) -> None:
    page = find(window, qtbot)
    assert window.engine.asked(m.FindDuplicates) == [m.FindDuplicates(False)]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: page.model.clip(4) is not None)
    assert cells(page, Column.WHAT) == ["Keep", "Exact copy", "Exact copy", "Keep", "Near copy, 93\N{NO-BREAK SPACE}%"]
    assert cells(page, Column.NAME)[0] == "Rain on leaves 03.wav"
    # 1 and 2 MB in the first group, 6 MB in the second, could go
    assert page.summary.text() == "2 sounds in 5 files. 3 files could go, and free 9.0\N{NO-BREAK SPACE}MB."
    page.table.selectRow(2)
    qtbot.waitUntil(lambda: window.listening.clip is not None and window.listening.clip.id == 2)
    assert page.reveal_button.isEnabled()
    page.table.selectAll()
    assert not page.reveal_button.isEnabled()
    qtbot.mouseClick(page.copy_button, Qt.MouseButton.LeftButton)
    assert len(QApplication.clipboard().mimeData().urls()) == 5
    asked = window.engine.sent  # type: ignore[attr-defined]
    assert not [request for request in asked if isinstance(request, m.ForgetClips | m.RemoveRoot | m.Organise)]
    window.duplicates.dialog.close()


def test_near_ones_are_asked_for_and_told_when_nobody_looks(qtbot: Any, window: MainWindow) -> None:
    window.duplicates.open()
    window.duplicates.dialog.page.near.setChecked(True)
    qtbot.mouseClick(window.duplicates.dialog.page.find_button, Qt.MouseButton.LeftButton)
    assert window.engine.asked(m.FindDuplicates) == [m.FindDuplicates(True)]  # type: ignore[attr-defined]
    window.duplicates.dialog.close()
    window.engine.tell(m.JobDone(window._bridge.jobs[-1].id, GROUPS[:1]))  # type: ignore[attr-defined]
    qtbot.waitUntil(window.center.notices.isVisible)
    assert window.center.notices.text.text() == "Duplicates were found of 1 sound."
    qtbot.mouseClick(window.center.notices.action, Qt.MouseButton.LeftButton)
    assert window.duplicates.dialog.isVisible()
    window.duplicates.dialog.close()


def test_none_and_trouble_are_said(qtbot: Any, window: MainWindow) -> None:
    page = find(window, qtbot, ())
    assert page.summary.text() == "No two clips hold the same sound."
    qtbot.mouseClick(page.find_button, Qt.MouseButton.LeftButton)
    trouble = m.JobFailed(window._bridge.jobs[-1].id, "The catalogue is locked.", "Close the other program.")
    window.engine.tell(trouble)  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: page.summary.text() == "The catalogue is locked. Close the other program.")
    window.duplicates.dialog.close()


@given(sizes=st.lists(st.integers(2, 5), max_size=8), data=st.data())
def test_rows_are_the_groups_in_order_and_only_the_first_of_each_is_kept(sizes: list[int], data: st.DataObject) -> None:
    ids = iter(range(100))
    groups = tuple(DuplicateGroup("exact", tuple(next(ids) for _ in range(size)), 1.0) for size in sizes)
    model = DuplicateModel()
    model.set_groups(groups)
    rows = [(number, place) for number, size in enumerate(sizes) for place in range(size)]
    assert [model.group(row) for row in range(model.rowCount())] == [number for number, _ in rows]
    assert [model.is_keeper(row) for row in range(model.rowCount())] == [place == 0 for _, place in rows]
    here = data.draw(st.sets(st.sampled_from(model.ids) if model.ids else st.nothing()))
    model.put_clips(tuple(replace(made_up_clip(i), size_bytes=2**i) for i in sorted(here)))
    spare = here & {clip for group in groups for clip in group.clip_ids[1:]}
    assert model.freed_bytes == sum(2**i for i in spare)

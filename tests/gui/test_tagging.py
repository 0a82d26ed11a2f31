"""Tagging from the window: propose, review with bars and by hand, store; nothing is stored before."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from soundsearch.engine import messages as m
from soundsearch.gui import wording
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.tag_model import Column, ReviewModel
from soundsearch.records import ClipProposals, Failure, Folder, ProposedTag, TagProposals, WriteReport
from tests.gui.fake_engine import FakeEngine, made_up_clip

LABELS = ("kick", "snare", "rain", "door")


def proposals(scores: list[list[float]]) -> TagProposals:
    """A clip for each row, a label for each column."""
    clips = tuple(
        ClipProposals(
            number + 1,
            f"/sounds/clip {number}.wav",
            tuple(ProposedTag(label, score, score >= 0.5) for label, score in zip(LABELS, row, strict=False)),
        )
        for number, row in enumerate(scores)
    )
    return TagProposals("music", clips, (("kick", len(clips)),))


@pytest.fixture
def window(open_window: Callable[..., MainWindow], qtbot: QtBot) -> MainWindow:
    return open_window(FakeEngine([made_up_clip(number) for number in range(1, 9)]))


def start(window: MainWindow, qtbot: QtBot, **how: object) -> None:
    window.tagging.open(**how)  # type: ignore[arg-type]
    choice = window.tagging.dialog.choice
    qtbot.waitUntil(choice.propose.isEnabled)
    qtbot.mouseClick(choice.propose, Qt.MouseButton.LeftButton)
    job = window._bridge.jobs[-1]
    window.engine.tell(m.JobDone(job.id, proposals([[0.9, 0.2], [0.6, 0.55], [0.1, 0.7]])))  # type: ignore[attr-defined]
    qtbot.waitUntil(window.tagging.dialog.review.isVisible)


def test_what_is_proposed_reviewed_and_stored(window: MainWindow, qtbot: QtBot) -> None:
    start(window, qtbot, clip_ids=(1, 2, 3))
    asked = window.engine.asked(m.ProposeTags)[-1]  # type: ignore[attr-defined]
    assert asked.clip_ids == (1, 2, 3)
    review = window.tagging.dialog.review
    assert "4 tags for 3 clips" in review.count.text()
    qtbot.waitUntil(review.table.hasFocus)
    review.table.selectRow(0)  # the most confident: kick for clip 1
    qtbot.keyClick(review.table, Qt.Key.Key_X)
    assert "3 tags for 2 clips" in review.count.text()
    qtbot.mouseClick(review.store, Qt.MouseButton.LeftButton)
    (stored,) = window.engine.asked(m.ApplyTags)  # type: ignore[attr-defined]
    assert stored.accepted == ((2, (("kick", 0.6), ("snare", 0.55))), (3, (("snare", 0.7),)))
    assert stored.refused == ((1, ("kick",)),)
    qtbot.waitUntil(lambda: not window.tagging.dialog.isVisible())


def test_the_dialog_is_short_until_there_is_much_to_show(window: MainWindow, qtbot: QtBot) -> None:
    window.tagging.open(clip_ids=(1, 2, 3))
    dialog = window.tagging.dialog
    assert dialog.height() <= 340
    dialog.close()
    start(window, qtbot, clip_ids=(1,))
    assert dialog.height() >= 640
    dialog.close()
    window.tagging.open(folder="/sounds")
    assert dialog.height() <= 340
    window.tagging.close()


def test_all_folders_are_named_when_all_are_ticked(window: MainWindow, qtbot: QtBot) -> None:
    paths = ("/more", "/sounds", "/sounds/Drums")
    window.engine.folders = tuple(Folder(path, 4) for path in paths)  # type: ignore[attr-defined]
    start(window, qtbot)
    assert window.engine.asked(m.ProposeTags)[-1].folders == ("/more", "/sounds")  # type: ignore[attr-defined]
    window.tagging.close()


def test_closing_stores_nothing(window: MainWindow, qtbot: QtBot) -> None:
    start(window, qtbot, clip_ids=(1, 2, 3))
    qtbot.mouseClick(window.tagging.dialog.review.close_button, Qt.MouseButton.LeftButton)
    assert not window.tagging.dialog.isVisible()
    assert not window.engine.asked(m.ApplyTags)  # type: ignore[attr-defined]


def test_bars_of_one_label_and_of_all(window: MainWindow, qtbot: QtBot) -> None:
    start(window, qtbot, clip_ids=(1, 2, 3))
    review = window.tagging.dialog.review
    review.label_list.setCurrentRow(1)  # kick
    assert review.model.rowCount() == 3
    review.bar.setValue(80)
    assert {name: taken for name, taken, _ in review.model.counts()} == {"kick": 1, "snare": 2}
    review.label_list.setCurrentRow(0)
    review.bar.setValue(60)
    assert {name: taken for name, taken, _ in review.model.counts()} == {"kick": 2, "snare": 1}
    qtbot.mouseClick(review.undo_button, Qt.MouseButton.LeftButton)
    assert {name: taken for name, taken, _ in review.model.counts()} == {"kick": 1, "snare": 2}


def test_of_parts_of_one_category_a_bar_accepts_the_best_alone(qtbot: QtBot) -> None:
    tags = (
        ProposedTag("rain", 0.9, True),
        ProposedTag("rain wood", 0.8, True),
        ProposedTag("rain metal", 0.7, False, True),
    )
    model = ReviewModel()
    model.set_proposals(TagProposals("ucs", (ClipProposals(1, "/a.wav", tags),), ()), 0.5)
    for bar, accepted in ((0.5, ["rain", "rain wood"]), (0.1, ["rain", "rain wood"]), (0.85, ["rain"])):
        model.set_bar(None, bar)
        assert [name for name, taken, _ in model.counts() if taken] == accepted
    model.decide([2], accept=True)  # a person may have both
    assert [name for name, taken, _ in model.counts() if taken] == ["rain", "rain metal"]


def test_accepted_tags_are_written_into_files_only_if_that_is_ticked(window: MainWindow, qtbot: QtBot) -> None:
    start(window, qtbot, clip_ids=(1, 2, 3))
    review, engine = window.tagging.dialog.review, window.engine  # type: ignore[attr-defined]
    qtbot.mouseClick(review.store, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.tagging.dialog.isVisible())
    assert not engine.asked(m.WriteTags)
    start(window, qtbot, clip_ids=(1, 2, 3))
    assert not review.keep_originals.isVisible()
    review.into_files.setChecked(True)
    review.keep_originals.setChecked(True)
    qtbot.mouseClick(review.store, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(engine.asked(m.WriteTags)))
    labels = ((1, ("kick",)), (2, ("kick", "snare")), (3, ("snare",)))
    assert engine.asked(m.WriteTags) == [m.WriteTags("music", labels, backup=True)]
    assert engine.sent.index(engine.asked(m.ApplyTags)[1]) < engine.sent.index(engine.asked(m.WriteTags)[0])
    failed = (Failure("/sounds/clip 2.wav", "it cannot be written to. Change its permissions."),)
    engine.tell(m.JobDone(window._bridge.jobs[-1].id, WriteReport(2, failed)))
    qtbot.waitUntil(window.center.notices.isVisible)
    assert window.center.notices.text.text() == (
        "Tags were written into 2 files. 1 file stayed as it was, clip 2.wav: it cannot be written to."
        " Change its permissions."
    )
    start(window, qtbot, clip_ids=(1, 2, 3))
    assert not review.into_files.isChecked()  # it is asked for each time
    window.tagging.close()


def test_the_order_changes_by_a_key(window: MainWindow, qtbot: QtBot) -> None:
    start(window, qtbot, clip_ids=(1, 2, 3))
    table = window.tagging.dialog.review.table
    qtbot.waitUntil(table.hasFocus)

    def column(which: Column) -> list[str]:
        model = table.model()
        return [str(model.index(row, which).data()) for row in range(model.rowCount())]

    for which in (Column.CLIP, Column.TAG):
        qtbot.keyClick(table, Qt.Key.Key_O)
        assert column(which) == sorted(column(which)) and len(set(column(which))) > 1
    qtbot.keyClick(table, Qt.Key.Key_O)  # what is accepted first
    qtbot.keyClick(table, Qt.Key.Key_O)
    assert column(Column.SCORE)[0] == wording.share(0.9)
    window.tagging.close()


def test_many_rows_are_seen_beside_a_daw(window: MainWindow, qtbot: QtBot) -> None:
    start(window, qtbot, clip_ids=(1, 2, 3))
    dialog = window.tagging.dialog
    dialog.resize(320, 640)
    dialog.review.into_files.setChecked(True)
    table = dialog.review.table
    qtbot.waitUntil(lambda: table.visibleRegion().boundingRect().height() > 6 * table.rowHeight(0))
    dialog.resize(900, 600)
    qtbot.waitUntil(lambda: dialog.review.label_list.height() > 200)
    window.tagging.close()


def test_rows_are_heard(window: MainWindow, qtbot: QtBot) -> None:
    start(window, qtbot, clip_ids=(1, 2, 3))
    window.tagging.dialog.review.table.selectRow(1)
    chosen = window.tagging.dialog.review.model.clip_id(1)
    qtbot.waitUntil(lambda: window.listening.clip is not None and window.listening.clip.id == chosen)


def test_trouble_is_said_where_it_was_asked(window: MainWindow, qtbot: QtBot) -> None:
    window.tagging.open(folder="/sounds")
    choice = window.tagging.dialog.choice
    choice.label_set.setCurrentIndex(choice.label_set.count() - 1)  # one's own
    assert not choice.propose.isEnabled()
    choice.own.setText("kick, snare")
    qtbot.mouseClick(choice.propose, Qt.MouseButton.LeftButton)
    asked = window.engine.asked(m.ProposeTags)[-1]  # type: ignore[attr-defined]
    assert (asked.folders, asked.label_set) == (("/sounds",), "kick, snare")
    job = window._bridge.jobs[-1]
    window.engine.tell(m.JobFailed(job.id, "There are no clips.", "Scan first."))  # type: ignore[attr-defined]
    qtbot.waitUntil(choice.trouble.isVisible)
    assert choice.trouble.text() == "There are no clips. Scan first."
    assert choice.propose.isEnabled()
    choice.label_set.setCurrentIndex(choice.label_set.count() - 1)
    for typed, asked_for in (("Regen", "Regen,"), (str(Path(__file__)), str(Path(__file__)))):  # a label, a file
        choice.own.setText(typed)
        assert choice.request.label_set == asked_for


steps = st.lists(
    st.one_of(
        st.tuples(st.just("bar"), st.sampled_from([None, *LABELS[:3]]), st.floats(0, 1)),
        st.tuples(st.just("rows"), st.lists(st.integers(0, 8), max_size=4), st.booleans()),
        st.tuples(st.just("clip"), st.integers(0, 8), st.booleans()),
        st.tuples(st.just("sort"), st.sampled_from(list(Column)), st.booleans()),
    ),
    max_size=8,
)


@given(steps=steps)
def test_undo_takes_every_decision_back(steps: list[tuple[str, object, object]]) -> None:
    model = ReviewModel()
    model.set_proposals(proposals(np.random.default_rng(3).random((3, 3)).tolist()), 0.5)
    history = [model.decisions()]
    for kind, what, value in steps:
        if kind == "bar":
            model.set_bar(what, value)  # type: ignore[arg-type]
        elif kind == "rows":
            model.decide(what, bool(value))  # type: ignore[arg-type]
        elif kind == "clip":
            model.decide_clip(what, bool(value))  # type: ignore[arg-type]
        else:
            model.sort(int(what), Qt.SortOrder.AscendingOrder if value else Qt.SortOrder.DescendingOrder)  # type: ignore[call-overload]
            continue
        history.append(model.decisions())
    while model.can_undo:
        assert model.decisions() == history.pop()
        model.undo()
    assert model.decisions() == history.pop()
    assert not history

import time
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QAbstractItemModelTester

from soundsearch.gui import result_row
from soundsearch.gui.file_exchange import MAX_FILES, local_path
from soundsearch.gui.result_columns import SPECS, Column
from soundsearch.gui.result_model import PAGE, ResultModel
from soundsearch.gui.result_row import BREAK_HEIGHT
from soundsearch.gui.results import ROW_HEIGHT, STACKED_ROW_HEIGHT, ResultsView
from soundsearch.gui.theme import Theme
from soundsearch.records import Clip, ClipState, Ranking, Reason, Strength
from tests.gui.fake_engine import made_up_clip
from tests.gui.odd_names import ODD_NAMES


def ranking(ids: Any, strength: Any = None) -> Ranking:
    ids = np.asarray(ids, np.int64)
    grades = np.zeros(len(ids), np.uint8) if strength is None else np.asarray(strength, np.uint8)
    return Ranking(ids, np.linspace(1, 0, len(ids), dtype=np.float32), grades)


AT_FIRST = {Column.SOUND, Column.NAME, Column.FOLDER, Column.LENGTH, Column.MATCH, Column.TAGS}


class Shelf:
    """Answers what a model asks for, at once or when told, and counts."""

    def __init__(self, model: ResultModel, clips: dict[int, Clip] | None = None) -> None:
        self.model, self.clips = model, clips
        self.asked: list[tuple[int, ...]] = []
        self.open = True
        model.fetch_needed.connect(lambda ids: self.fetch(ids))  # the lambda keeps the shelf alive

    def fetch(self, ids: tuple[int, ...]) -> None:
        self.asked.append(ids)
        if self.open:
            self.bring(ids)

    def bring(self, ids: tuple[int, ...]) -> None:
        made = {i: made_up_clip(i) for i in ids} if self.clips is None else self.clips
        self.model.put_clips(ids, tuple(made[i] for i in ids if i in made))


@pytest.fixture
def view(qtbot: Any, theme: Theme) -> ResultsView:
    model = ResultModel()
    made = ResultsView(model, theme)
    model.setParent(made)
    qtbot.addWidget(made)
    made.resize(800, 400)
    made.show()
    made.chosen_clips = []  # type: ignore[attr-defined]
    made.chosen.connect(made.chosen_clips.append)  # type: ignore[attr-defined]
    yield made
    model._ask_soon.stop()


def model_of(view: ResultsView) -> ResultModel:
    model = view.model()
    assert isinstance(model, ResultModel)
    return model


def chosen(view: ResultsView) -> list[int]:
    return [clip.id for clip in view.chosen_clips]  # type: ignore[attr-defined]


def test_the_model_keeps_qts_rules(qtbot: Any) -> None:
    model = ResultModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    Shelf(model)
    for n in (0, 5, 300, 300, 2, 0):
        model.show(ranking(range(n)), lambda: None)
        assert model.rowCount() == n
    del tester


def test_only_painted_rows_are_fetched_in_pages(qtbot: Any, view: ResultsView) -> None:
    shelf = Shelf(model_of(view))
    view.show_ranking(ranking(range(100_000)), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(0) is not None)
    assert set(shelf.asked[0]) == set(range(PAGE))
    assert sum(map(len, shelf.asked)) <= 2 * PAGE


def test_a_million_rows_show_and_scroll(qtbot: Any, view: ResultsView) -> None:
    shelf = Shelf(model_of(view))
    ids = np.random.default_rng(1).permutation(1_000_000)
    began = time.perf_counter()
    view.show_ranking(ranking(ids), keep_scroll=False)
    view.grab()
    shown = time.perf_counter() - began
    bar = view.verticalScrollBar()
    times = []
    for step in np.linspace(0, bar.maximum(), 40).astype(int):
        began = time.perf_counter()
        bar.setValue(int(step))
        view.grab()
        times.append(time.perf_counter() - began)
        qtbot.wait(1)
    qtbot.waitUntil(lambda: model_of(view).known(int(ids[-1])) is not None)
    assert shown < 1.0
    assert np.median(times) < 0.1  # 6 ms on an idle machine
    assert sum(map(len, shelf.asked)) < 100 * PAGE


def test_scrolling_faster_than_the_engine_drops_old_wishes(qtbot: Any, view: ResultsView) -> None:
    shelf = Shelf(model_of(view))
    shelf.open = False
    view.show_ranking(ranking(range(1_000_000)), keep_scroll=False)
    view.grab()
    qtbot.waitUntil(lambda: bool(shelf.asked))
    bar = view.verticalScrollBar()
    for step in np.linspace(0, bar.maximum(), 200).astype(int):
        bar.setValue(int(step))
        view.grab()
    qtbot.wait(5)
    assert len(shelf.asked) <= 2  # what is on its way
    shelf.open = True
    for ids in list(shelf.asked):
        shelf.bring(ids)
    qtbot.waitUntil(lambda: model_of(view).known(999_999) is not None)
    assert len(shelf.asked) <= 8


def test_clips_that_are_gone_are_said_and_not_asked_again(qtbot: Any, view: ResultsView) -> None:
    shelf = Shelf(model_of(view), {1: made_up_clip(1)})
    view.show_ranking(ranking([1, 2]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(1) is not None)
    view.grab()
    qtbot.wait(5)
    assert model_of(view).data(model_of(view).index(1, Column.NAME)) == "Removed"
    assert len(shelf.asked) == 1


def test_a_refresh_shows_the_old_until_the_new_come(qtbot: Any, view: ResultsView) -> None:
    clips = {1: made_up_clip(1, state=ClipState.PENDING, peaks=b"")}
    shelf = Shelf(model_of(view), clips)
    view.show_ranking(ranking([1]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(1) is not None)
    shelf.open = False
    clips[1] = made_up_clip(1)
    model_of(view).refresh()
    view.grab()
    qtbot.waitUntil(lambda: len(shelf.asked) == 2)
    assert model_of(view).known(1).state == ClipState.PENDING  # type: ignore[union-attr]
    shelf.bring((1,))
    assert model_of(view).known(1).state == ClipState.READY  # type: ignore[union-attr]


def test_arrow_keys_choose_one_after_the_other(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking([7, 8, 9]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(9) is not None)
    view.enter()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(view, key)
    assert chosen(view) == [7, 8, 9, 8]


def test_the_keyboard_comes_without_choosing(qtbot: Any, view: ResultsView) -> None:
    """As when a menu closes or the window becomes active again: nothing was chosen, so nothing is heard."""
    Shelf(model_of(view))
    view.show_ranking(ranking([7, 8, 9]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(9) is not None)
    view.clearFocus()
    view.setFocus(Qt.FocusReason.PopupFocusReason)
    assert view.hasFocus()
    assert chosen(view) == []
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert chosen(view) == [7]


def test_other_results_are_entered_at_the_best(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking([7, 8, 9]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(9) is not None)
    view.selectRow(1)
    view.enter()
    assert chosen(view) == [8]  # one of these results is chosen already
    again: list[int] = []
    view.chosen_again.connect(lambda clip: again.append(clip.id))
    view.show_ranking(ranking([9, 7, 8]), keep_scroll=False)
    view.enter()
    assert chosen(view) == [8, 9]
    view.show_ranking(ranking([9, 8]), keep_scroll=False)
    view.enter()
    assert (chosen(view), again) == ([8, 9], [9])
    view.show_ranking(ranking([*range(10, 500), 9]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(10) is not None)
    qtbot.keyClick(view, Qt.Key.Key_Down)  # from the list itself, after Alt+Left
    assert chosen(view) == [8, 9, 10]


@pytest.mark.parametrize("in_list", [True, False])
def test_more_of_the_same_does_not_scroll_to_a_selection_out_of_sight(
    qtbot: Any, view: ResultsView, in_list: bool
) -> None:
    """While a scan goes on, results come in every second."""
    Shelf(model_of(view))
    view.show_ranking(ranking(range(1000)), keep_scroll=False)
    if in_list:
        view.setFocus()
    view.selectRow(2)
    after = ranking([*range(10, 500), 2])
    if in_list:  # who goes through the list stays with the clip
        view.show_ranking(after, keep_scroll=True)
        assert view.rowAt(0) <= view.currentIndex().row() <= view.rowAt(view.viewport().height() - 1)
    view.show_ranking(after, keep_scroll=False)
    view.show_ranking(ranking([*range(10, 600), 2]), keep_scroll=True)
    assert view.verticalScrollBar().value() == 0
    assert model_of(view).clip_id(view.currentIndex().row()) == 2


def test_a_row_that_is_not_here_yet_is_chosen_when_it_comes(qtbot: Any, view: ResultsView) -> None:
    shelf = Shelf(model_of(view))
    shelf.open = False
    view.show_ranking(ranking(range(1000)), keep_scroll=False)
    view.enter()
    qtbot.keyClick(view, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert chosen(view) == []
    shelf.open = True
    for ids in list(shelf.asked):
        shelf.bring(ids)
    qtbot.waitUntil(lambda: chosen(view) == [999])


def test_a_click_chooses_and_a_second_one_chooses_again(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking([7, 8]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(8) is not None)
    at = view.visualRect(model_of(view).index(1, Column.NAME)).center()
    with qtbot.assertNotEmitted(view.chosen_again):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert chosen(view) == [8]
    with qtbot.waitSignal(view.chosen_again):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert chosen(view) == [8]


def test_the_selection_survives_other_results_without_being_played(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking(range(50)), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(0) is not None)
    view.selectRow(3)
    view.show_ranking(ranking([9, 3, 8]), keep_scroll=False)
    assert chosen(view) == [3]
    assert view.selected_rows() == [1]
    assert view.currentIndex().row() == 1
    view.show_ranking(ranking([9, 8]), keep_scroll=False)
    assert view.selected_rows() == []
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert len(chosen(view)) == 2


def test_the_same_query_keeps_its_scroll_place(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking(range(1000)), keep_scroll=False)
    qtbot.waitUntil(lambda: view.verticalScrollBar().maximum() > 5_000)
    view.verticalScrollBar().setValue(5_000)
    view.show_ranking(ranking(range(1200)), keep_scroll=True)
    assert view.verticalScrollBar().value() == 5_000
    view.show_ranking(ranking(range(1000)), keep_scroll=False)
    assert view.verticalScrollBar().value() == 0


@pytest.mark.parametrize(
    ("strength", "row"),
    [([3, 3, 2, 1, 1], 3), ([1, 1], 0), ([3, 2], None), ([0, 0], None), ([], None), ([3, 1, 2, 1], 3)],
)
def test_weak_hits_stand_below_a_heading(view: ResultsView, strength: list[int], row: int | None) -> None:
    view.show_ranking(ranking(range(len(strength)), strength), keep_scroll=False)
    assert model_of(view).weak_from == row
    heights = [view.rowHeight(r) for r in range(len(strength))]
    assert heights == [ROW_HEIGHT[False] + (BREAK_HEIGHT if r == row else 0) for r in range(len(strength))]
    view.show_ranking(ranking(range(4)), keep_scroll=False)
    assert {view.rowHeight(r) for r in range(4)} == {ROW_HEIGHT[False]}


def test_the_selection_is_offered_as_files(qtbot: Any, view: ResultsView) -> None:
    clips = {i: made_up_clip(i, path=f"/sounds/{name}") for i, name in enumerate(ODD_NAMES)}
    Shelf(model_of(view), clips)
    view.show_ranking(ranking(range(len(clips))), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(0) is not None)
    view.selectAll()
    mime = model_of(view).mimeData(view.selectedIndexes())
    assert [local_path(url) for url in mime.urls()] == [clip.path for clip in clips.values()]
    assert [clip.path for clip in view.selected_clips() or []] == [clip.path for clip in clips.values()]


def test_a_selection_off_screen_is_brought_before_it_is_dragged(qtbot: Any, view: ResultsView) -> None:
    shelf = Shelf(model_of(view))
    shelf.open = False
    view.show_ranking(ranking(range(500)), keep_scroll=False)
    view.selectAll()
    with qtbot.waitSignal(view.told) as told:
        assert view.selected_clips() is None
    assert "still loading" in told.args[0]
    shelf.open = True
    for ids in list(shelf.asked):
        shelf.bring(ids)
    qtbot.waitUntil(lambda: view.selected_clips() is not None)
    assert len(view.selected_clips() or []) == 500


def test_too_many_files_are_refused(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking(range(1_000_000)), keep_scroll=False)
    view.selectAll()
    began = time.perf_counter()
    with qtbot.waitSignal(view.told) as told:
        assert view.selected_clips() is None
    assert f"{MAX_FILES:,}" in told.args[0]
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (330, {Column.NAME}),
        (420, {Column.SOUND, Column.NAME, Column.LENGTH}),
        (520, {Column.SOUND, Column.NAME, Column.LENGTH, Column.MATCH}),
        (2560, AT_FIRST),
    ],
)
def test_columns_follow_the_width(view: ResultsView, width: int, columns: set[Column]) -> None:
    view.resize(width, 400)
    assert {c for c in Column if not view.isColumnHidden(c)} == columns
    expected = STACKED_ROW_HEIGHT if width < 360 else ROW_HEIGHT[False]
    assert view.verticalHeader().defaultSectionSize() == expected
    assert sum(view.columnWidth(c) for c in columns) == view.viewport().width()


def test_rows_can_be_low(view: ResultsView) -> None:
    view.show_ranking(ranking(range(3), [3, 1, 1]), keep_scroll=False)
    view.set_compact(True)
    assert [view.rowHeight(r) for r in range(3)] == [28, 28 + BREAK_HEIGHT, 28]


def test_column_widths_are_remembered(view: ResultsView, tmp_path: Any, theme: Theme, qtbot: Any) -> None:
    store = QSettings(str(tmp_path / "w.ini"), QSettings.Format.IniFormat)
    view.horizontalHeader().resizeSection(Column.NAME, 333)
    view.save_columns(store)
    model = ResultModel()
    other = ResultsView(model, theme)
    model.setParent(other)
    qtbot.addWidget(other)
    other.resize(1000, 300)
    other.show()
    other.restore_columns(store)
    assert other.columnWidth(Column.NAME) == 333


def test_a_row_can_be_heard_by_a_screen_reader(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking([3], [Strength.STRONG]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(3) is not None)
    index = model_of(view).index(0, Column.SOUND)
    spoken = model_of(view).data(index, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Rain on leaves 03.wav, 3.2 seconds, strong match"
    tip = model_of(view).data(model_of(view).index(0, Column.MATCH), Qt.ItemDataRole.ToolTipRole)
    assert tip == "Strong match · similarity 1.000"


def test_the_menu_opens_on_the_selection_only(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking([3]), keep_scroll=False)
    with qtbot.assertNotEmitted(view.menu_requested):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(10, 390))
    assert view.current_clip() is None


def click_header(qtbot: Any, view: ResultsView, column: Column) -> None:
    header = view.header
    at = QPoint(header.sectionViewportPosition(column) + 12, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_a_click_on_a_title_sorts_a_second_turns_and_a_third_ends_it(qtbot: Any, view: ResultsView) -> None:
    orders: list[str] = []
    view.header.order_chosen.connect(orders.append)
    for _ in range(3):
        click_header(qtbot, view, Column.LENGTH)
    assert orders == ["duration_s", "-duration_s", ""]
    click_header(qtbot, view, Column.FOLDER)
    assert view.header.isSortIndicatorShown()
    assert view.header.sortIndicatorSection() == Column.FOLDER
    click_header(qtbot, view, Column.MATCH)
    assert orders[3:] == ["folder", ""]
    assert not view.header.isSortIndicatorShown()


def test_weak_hits_have_no_heading_where_others_stand_among_them(view: ResultsView) -> None:
    view.show_ranking(ranking(range(4), [1, 3, 1, 1]), keep_scroll=False, order="name")
    assert model_of(view).weak_from is None
    assert {view.rowHeight(row) for row in range(4)} == {ROW_HEIGHT[False]}


def test_columns_are_chosen_moved_and_remembered(qtbot: Any, view: ResultsView, tmp_path: Any, theme: Theme) -> None:
    store = QSettings(str(tmp_path / "w.ini"), QSettings.Format.IniFormat)
    view.resize(1800, 400)
    items = {item.text: item for item in view.header.column_items()}
    assert {SPECS[c].title for c in Column if c != Column.NAME} <= set(items)
    items["Tempo"].act()
    items["Folder"].act()
    view.header.moveSection(view.header.visualIndex(Column.TEMPO), 0)
    assert view.delegate.leading == Column.TEMPO
    view.save_columns(store)
    model = ResultModel()
    other = ResultsView(model, theme)
    model.setParent(other)
    qtbot.addWidget(other)
    other.resize(1800, 300)
    other.show()
    other.restore_columns(store)
    assert {c for c in Column if not other.isColumnHidden(c)} == (AT_FIRST | {Column.TEMPO}) - {Column.FOLDER}
    assert other.header.first == Column.TEMPO
    other.header.reset()
    assert {c for c in Column if not other.isColumnHidden(c)} == AT_FIRST
    assert other.header.first == Column.SOUND


def test_all_columns_where_there_is_room_and_the_least_go_first(view: ResultsView) -> None:
    for item in view.header.column_items():
        if item.checked is False and item.act:
            item.act()
    for width in (2560, 1280, 900, 640, 480, 370):
        view.resize(width, 400)
        shown = [c for c in Column if not view.isColumnHidden(c)]
        assert sum(view.columnWidth(c) for c in shown) == view.viewport().width()
        assert view.columnWidth(Column.NAME) >= 100
        assert (shown == list(Column)) == (width == 2560)


def test_every_column_says_what_it_knows(qtbot: Any, view: ResultsView) -> None:
    clip = made_up_clip(
        3, tempo_bpm=128.2, key="Am", loudness_lufs=-14.25, rating=4, tags=("Folder 3", "vinyl", "kick"),
        modified_ns=1_700_000_000_000_000_000,
    )  # fmt: skip
    Shelf(model_of(view), {3: clip})
    view.show_ranking(ranking([3]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(3) is not None)
    said = {c: model_of(view).data(model_of(view).index(0, c)) for c in Column}
    assert said[Column.TEMPO] == "128"
    assert said[Column.KEY] == "Am"
    assert said[Column.LOUDNESS] == "−14.2"
    assert said[Column.RATING] == "4 stars"
    assert said[Column.TAGS] == "vinyl · kick"  # the folder says its own name
    assert said[Column.FORMAT] == "WAV"
    assert said[Column.RATE] == "48 kHz"
    assert said[Column.CHANNELS] == "stereo"
    assert said[Column.DATE].startswith("2023-11-1")


def test_a_click_on_a_star_rates_and_plays_nothing(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view), {i: made_up_clip(i, rating=2 if i == 8 else 0) for i in range(10)})
    view.resize(1400, 400)
    view.header.choose_column(Column.RATING, True)
    view.show_ranking(ranking([7, 8, 9]), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(9) is not None)
    rated: list[tuple[list[int], int]] = []
    view.rated.connect(lambda clips, stars: rated.append(([clip.id for clip in clips], stars)))

    def click(row: int, star: int) -> None:
        cell = view.visualRect(model_of(view).index(row, Column.RATING))
        at = next(
            QPoint(x, cell.center().y())
            for x in range(cell.left(), cell.right())
            if view.delegate.star_at(cell, QPoint(x + 5, 0)) == star
        )
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at + QPoint(5, 0))

    click(0, 4)
    click(1, 2)  # the stars that it has: away with them
    view.selectAll()
    click(2, 5)
    assert rated == [([7], 4), ([8], 0), ([7, 8, 9], 5)]
    assert chosen(view) == []


def test_a_hit_says_when_and_why(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    ids = np.array([3, 4], np.int64)
    view.show_ranking(
        Ranking(
            ids, np.array([0.5, 0.4], np.float32), np.array([3, 2], np.uint8),
            np.array([Reason.MEANING | Reason.NAME | Reason.TAG, 0], np.uint8),
            np.array([83.0, np.nan], np.float32), np.array([93.0, np.nan], np.float32),
        ),
        keep_scroll=False,
    )  # fmt: skip
    qtbot.waitUntil(lambda: model_of(view).known(4) is not None)
    match, name = (model_of(view).index(0, c) for c in (Column.MATCH, Column.NAME))
    tip = model_of(view).data(match, Qt.ItemDataRole.ToolTipRole)
    assert tip == "Strong match · similarity 0.500\nMatched by meaning, name and tag"
    assert "from 1:23 to 1:33" in model_of(view).data(name, Qt.ItemDataRole.ToolTipRole)
    assert (model_of(view).moment(0), model_of(view).moment(1)) == ((83.0, 93.0), None)
    view.selectRow(0)
    assert view.current_moment() == (83.0, 93.0)
    view.selectRow(1)
    assert view.current_moment() is None
    plain = model_of(view).data(model_of(view).index(1, Column.MATCH), Qt.ItemDataRole.ToolTipRole)
    assert plain == "Fair match · similarity 0.400"


def test_waveforms_that_take_too_long_come_with_the_next_painting(qtbot: Any, view: ResultsView) -> None:
    Shelf(model_of(view))
    view.show_ranking(ranking(range(40)), keep_scroll=False)
    qtbot.waitUntil(lambda: model_of(view).known(0) is not None and not view.delegate.is_behind)
    view.delegate._pixmaps.clear()
    drawing, result_row.DRAWING_S = result_row.DRAWING_S, 0.0
    try:
        view.viewport().repaint()
        assert view.delegate.is_behind
        qtbot.waitUntil(lambda: not view.delegate.is_behind)  # two at a time
    finally:
        result_row.DRAWING_S = drawing
    assert len(view.delegate._pixmaps) >= view.viewport().height() // ROW_HEIGHT[False]

"""The map in the window: what is pointed at is named and heard, what is chosen is chosen in the list as well."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, QSizeF, Qt
from pytestqt.qtbot import QtBot

from soundsearch.gui import map_canvas
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.map_canvas import Camera
from tests.gui.fake_engine import FakeEngine, made_up_clip


@pytest.fixture
def window(open_window: Callable[..., MainWindow], qtbot: QtBot) -> MainWindow:
    window = open_window(FakeEngine([made_up_clip(number) for number in range(1, 41)]))
    window.toggle_map()
    qtbot.waitUntil(lambda: len(window.center.map.view._screen) == 40)
    return window


finite = st.floats(-1, 1, width=32)


@given(
    x=finite, y=finite, steps=st.lists(st.tuples(st.floats(0.2, 5), st.floats(0, 300), st.floats(0, 200)), max_size=6)
)
def test_what_is_under_the_mouse_stays_there(x: float, y: float, steps: list[tuple[float, float, float]]) -> None:
    camera = Camera(QSizeF(300, 200))
    for factor, at_x, at_y in steps:
        at = QPointF(at_x, at_y)
        before, zoomed = camera.to_map(at), camera.zoomed(factor, at)
        after = zoomed.to_map(at)
        free = all(abs(value) < 1 for value in zoomed.centre)  # else the rim of the map holds it
        assert not free or np.allclose(before, after, atol=1e-3)
        camera = zoomed
    screen = camera.to_screen(np.array([[x, y]], np.float32))[0]
    assert np.allclose(camera.to_map(QPointF(*map(float, screen))), (x, y), atol=2e-3)


@given(
    st.lists(st.tuples(finite, finite), min_size=2, max_size=40, unique=True),
    st.sampled_from([(1, 0), (-1, 0), (0, 1), (0, -1)]),
)
def test_arrows_go_in_their_direction(points: list[tuple[float, float]], way: tuple[int, int]) -> None:
    screen = np.array(points, np.float32)
    row = map_canvas.neighbour(screen, 0, *way)
    ahead = (screen - screen[0]) @ np.array(way, np.float32)
    if row is None:
        across = np.abs(screen - screen[0]) @ np.array([abs(way[1]), abs(way[0])], np.float32)
        assert not ((ahead > 0) & (across <= ahead)).any()
    else:
        assert ahead[row] > 0


def test_a_lasso_holds_what_is_within() -> None:
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(10)), -1).reshape(-1, 2).astype(np.float32)
    corners = np.array([[1.5, 1.5], [6.5, 1.5], [6.5, 6.5], [4.5, 3.5], [1.5, 6.5]], np.float32)
    held = grid[map_canvas.inside(grid, corners)]
    assert [2, 2] in held.tolist()
    assert [6, 5] in held.tolist()
    assert [4, 5] not in held.tolist()  # the notch
    assert [0, 0] not in held.tolist()
    assert not map_canvas.inside(grid, corners[:2]).any()


def test_points_are_where_they_are_drawn() -> None:
    places = np.array([[-1, -1], [0.5, 0.25], [1, 1]], np.float32)
    camera = Camera(QSizeF(200, 100))
    screen = camera.to_screen(places)
    colors = np.array([0xFFFF0000, 0xFF00FF00, 0xFF0000FF], np.uint32)
    image = map_canvas.paint(screen, colors, np.array([1]), camera, 2.0, 0xFF000000)
    for (x, y), color in zip(screen, colors, strict=True):
        at = QPoint(int(x * 2), int(y * 2)) + QPoint(map_canvas.RIM, map_canvas.RIM)
        assert image.pixel(at) == color


def test_few_points_have_soft_rims_and_many_are_drawn_fast() -> None:
    random = np.random.default_rng(7)
    camera = Camera(QSizeF(600, 600))
    for n_points, soft in ((50, True), (5_000, False)):
        screen = camera.to_screen(random.uniform(-1, 1, (n_points, 2)).astype(np.float32))
        image = map_canvas.paint(screen, np.full(n_points, 0xFFFFFFFF, np.uint32), np.array([], int), camera, 1, 0)
        shades = np.unique(np.frombuffer(image.constBits(), np.uint32) & 0xFF)
        assert (len(shades) > 2) == soft


def test_a_click_chooses_and_the_list_follows(window: MainWindow, qtbot: QtBot) -> None:
    view, results = window.center.map.view, window.center.results
    at = view._at(3).toPoint()
    qtbot.mouseMove(view, at)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at)
    chosen = view._map.clip_ids[view._current]
    qtbot.waitUntil(lambda: results.current_id() == chosen)
    qtbot.waitUntil(lambda: window.listening.clip is not None and window.listening.clip.id == chosen)


def test_what_the_mouse_rests_on_is_named_and_heard(window: MainWindow, qtbot: QtBot) -> None:
    page = window.center.map
    qtbot.mouseMove(page.view, page.view._at(5).toPoint())
    qtbot.waitUntil(lambda: page.view._label != "")
    assert window.listening.clip.id == page.view.hovered_id
    assert window.fake_player.calls[-1][0] == "play"
    page.listen.setChecked(False)
    heard = len(window.fake_player.calls)
    qtbot.mouseMove(page.view, page.view._at(0).toPoint())
    qtbot.waitUntil(lambda: page.view._label != "" and page.view._hovered == 0)
    assert len(window.fake_player.calls) == heard


def test_keys_walk_and_zoom(window: MainWindow, qtbot: QtBot) -> None:
    view = window.center.map.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Right)
    first = view._current
    assert first is not None
    visited = set()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Down):
        qtbot.keyClick(view, key)
        visited.add(view._current)
    assert len(visited | {first}) > 1
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.camera.zoom > 1
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.camera.zoom == 1


def test_down_goes_from_the_query_to_the_map(window: MainWindow, qtbot: QtBot) -> None:
    box = window.center.search_bar.box
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert window.center.map.view.hasFocus()


def test_a_lasso_selects_in_the_list(window: MainWindow, qtbot: QtBot) -> None:
    page, results = window.center.map, window.center.results
    page.lasso.setChecked(True)
    view = page.view
    corners = [
        QPoint(1, 1),
        QPoint(view.width() - 2, 1),
        QPoint(view.width() - 2, view.height() - 2),
        QPoint(1, view.height() - 2),
    ]
    view._set_hovered(None)
    heard = len(window.fake_player.calls)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=corners[0])
    for corner in corners[1:]:
        qtbot.mouseMove(view, corner)
        qtbot.wait(5)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=corners[-1])
    assert sorted(results.selected_ids()) == sorted(view._map.clip_ids)
    assert len(view._selected) == len(view._map)
    assert results.current_id() == window.center.model.clip_id(0)  # that is what S, R and the details take
    qtbot.waitUntil(lambda: f"all {len(view._map)} selected" in window.details.remark.text())
    qtbot.keyClick(view, Qt.Key.Key_S)
    assert len(window.center.search_bar.draft.sounds) == 1
    assert len(window.fake_player.calls) == heard


def test_hits_stand_out_and_legends_name_the_colours(window: MainWindow, qtbot: QtBot) -> None:
    page = window.center.map
    assert len(page.view._raised) == 0
    window.center.search_bar.box.setText("kick")
    qtbot.waitUntil(lambda: len(page.view._raised) > 0)
    for number in range(page.coloring.count()):
        page.coloring.setCurrentIndex(number)
        assert page.legend.isVisible()
        assert page.legend.accessibleDescription()


def test_back_to_the_list(window: MainWindow, qtbot: QtBot) -> None:
    center = window.center
    qtbot.keyClick(window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: center.results.isVisible())
    assert not center.map.isVisible()
    assert not center.search_bar.map_button.isChecked()

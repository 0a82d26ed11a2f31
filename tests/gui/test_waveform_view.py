from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from soundsearch.audio.overview import Overview, overview
from soundsearch.gui.region import Grip, Region
from soundsearch.gui.theme import DARK, Theme
from soundsearch.gui.waveform_view import TWO_LANES_FROM, WaveformView
from tests.gui.test_waveform import pixels

RATE = 8_000
LEFT, MIDDLE = Qt.MouseButton.LeftButton, 28
NONE = Qt.KeyboardModifier.NoModifier


def clip() -> Overview:
    t = np.arange(4 * RATE) / RATE
    return overview((0.9 * np.sin(2 * np.pi * 440 * t)).astype(np.float32), RATE)


def drawn(image: QImage) -> np.ndarray:
    """Where something is painted, shape (height, width)."""
    picture = pixels(image.convertToFormat(QImage.Format.Format_ARGB32)).astype(int)
    ground = np.array(QColor(DARK.base).getRgb()[2::-1])
    shown: np.ndarray = np.abs(picture[..., :3] - ground).sum(2) > 60
    return shown


@pytest.fixture
def view(qtbot: Any, theme: Theme) -> WaveformView:
    made = WaveformView(theme)
    qtbot.addWidget(made)
    made.resize(200, 56)
    made.show()
    made.show_clip(clip(), 4.0)
    return made


def drag(
    view: WaveformView, start: int, end: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    QTest.mousePress(view, LEFT, modifier, QPoint(start, MIDDLE))
    for x in np.linspace(start, end, 5).astype(int):
        QTest.mouseMove(view, QPoint(int(x), MIDDLE))
        QApplication.processEvents()
    QTest.mouseRelease(view, LEFT, modifier, QPoint(end, MIDDLE))


def turn(view: WaveformView, notches: int, x: int, sideways: bool = False) -> None:
    at = QPointF(x, MIDDLE)
    delta = QPoint(notches * 120, 0) if sideways else QPoint(0, notches * 120)
    phase, none = Qt.ScrollPhase.NoScrollPhase, Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(at, view.mapToGlobal(at), QPoint(), delta, Qt.MouseButton.NoButton, none, phase, False)
    QApplication.sendEvent(view, event)


def test_a_click_seeks_there(qtbot: Any, view: WaveformView) -> None:
    with qtbot.waitSignal(view.seek_requested) as asked:
        qtbot.mouseClick(view, LEFT, pos=QPoint(50, 20))
    assert asked.args == [pytest.approx(1.0)]
    assert view.accessibleDescription() == "0:01.0 of 0:04.0"
    assert view.region is None


def test_arrow_keys_seek_and_stay_inside(qtbot: Any, view: WaveformView) -> None:
    asked: list[float] = []
    view.seek_requested.connect(asked.append)
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Home):
        qtbot.keyClick(view, key)
    assert asked == pytest.approx([0, 0.2, 0.4, 0.2, 0])


def test_without_a_clip_nothing_seeks(qtbot: Any, view: WaveformView) -> None:
    view.show_message("It is empty", "error")
    with qtbot.assertNotEmitted(view.seek_requested), qtbot.assertNotEmitted(view.region_changed):
        qtbot.mouseClick(view, LEFT, pos=QPoint(50, 20))
        drag(view, 20, 80)
        for key in (Qt.Key.Key_Right, Qt.Key.Key_BracketLeft, Qt.Key.Key_Plus, Qt.Key.Key_0):
            qtbot.keyClick(view, key)
        turn(view, 1, 50)
    assert view.accessibleDescription() == "It is empty"


def test_what_was_heard_is_paler_than_what_comes(view: WaveformView) -> None:
    view.set_position(2.0)
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_ARGB32)
    picture = pixels(image).astype(int)
    middle = picture[image.height() // 2]
    ground = np.array(QColor(DARK.base).getRgb()[2::-1])
    distance = np.abs(middle[:, :3] - ground).sum(1)
    half = image.width() // 2
    assert distance[: half - 6].max() < distance[half + 6 :].max()


def test_dragging_chooses_a_region_and_its_edges_can_be_moved(qtbot: Any, view: WaveformView) -> None:
    settled: list[Region] = []
    view.region_settled.connect(settled.append)
    with qtbot.assertNotEmitted(view.seek_requested):
        drag(view, 50, 100)
    assert view.region == Region(pytest.approx(1.0), pytest.approx(2.0))
    drag(view, 100, 150)  # the end's edge
    assert view.region == Region(pytest.approx(1.0), pytest.approx(3.0))
    drag(view, 50, 180)  # the start's edge, across the other one
    assert view.region == Region(pytest.approx(3.0), pytest.approx(3.6))
    assert len(settled) == 3
    assert view.accessibleDescription() == "0:00.0 of 0:04.0, region 3.00–3.60 s"
    drag(view, 190, 400)  # beyond the end
    assert view.region == Region(pytest.approx(3.8), pytest.approx(4.0))


def test_a_region_is_pulled_out_from_inside_and_alt_makes_a_new_one_there(qtbot: Any, view: WaveformView) -> None:
    view.set_region(Region(1.0, 3.0))
    with qtbot.waitSignal(view.region_dragged):
        drag(view, 90, 120)
    assert view.region == Region(1.0, 3.0)
    drag(view, 90, 120, Qt.KeyboardModifier.AltModifier)
    assert view.region == Region(pytest.approx(1.8), pytest.approx(2.4))
    with qtbot.waitSignal(view.seek_requested):
        qtbot.mouseClick(view, LEFT, pos=QPoint(105, 20))  # in the region a click still plays from there
    qtbot.mouseClick(view, LEFT, Qt.KeyboardModifier.ShiftModifier, QPoint(175, 20))
    assert view.region == Region(pytest.approx(1.8), pytest.approx(3.5))


def test_a_region_by_keys_alone(qtbot: Any, view: WaveformView) -> None:
    view.set_position(1.0)
    shift, control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
    for _ in range(5):
        qtbot.keyClick(view, Qt.Key.Key_Right, shift)
    assert view.region == Region(pytest.approx(1.0), pytest.approx(1.2, abs=2e-3))
    qtbot.keyClick(view, Qt.Key.Key_Left, shift | control)
    assert view.region == Region(pytest.approx(0.96), pytest.approx(1.2, abs=2e-3))
    view.set_position(0.5)
    qtbot.keyClick(view, Qt.Key.Key_BracketLeft)
    view.set_position(3.5)
    qtbot.keyClick(view, Qt.Key.Key_BracketRight)
    assert view.region == Region(0.5, 3.5)


def test_the_wheel_zooms_around_the_mouse_and_scrolls_sideways(qtbot: Any, view: WaveformView) -> None:
    under_mouse = view.span.moment(0.25)
    turn(view, 4, 50)
    assert view.span.width_s == pytest.approx(4 / 1.25**4)
    assert view.span.moment(0.25) == pytest.approx(under_mouse)
    before = view.span
    turn(view, -1, 50, sideways=True)
    assert view.span.start_s > before.start_s
    assert view.span.width_s == pytest.approx(before.width_s)
    with qtbot.waitSignal(view.seek_requested) as asked:
        qtbot.mouseClick(view, LEFT, pos=QPoint(100, 20))
    assert asked.args == [pytest.approx((view.span.start_s + view.span.end_s) / 2, abs=0.01)]
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.span.is_whole


def test_very_close_the_samples_themselves_are_asked_for_and_drawn(qtbot: Any, view: WaveformView) -> None:
    asked: list[tuple[float, float]] = []
    view.detail_wanted.connect(lambda start, end: asked.append((start, end)))
    view.show_part(2.0, 2.004, 1.0)
    view.grab()
    view.grab()
    ((start, end),) = asked  # once, not at every repaint
    assert start < 2.0 and end > 2.004
    n = np.arange(round(start * RATE), round(end * RATE))
    samples = (0.9 * np.sin(2 * np.pi * 440 * n / RATE)).astype(np.float32)[:, None]
    shown = view.overview
    assert shown is not None
    before = view.grab().toImage()
    view.show_detail(shown.detail(samples, RATE, start))
    after = view.grab().toImage()
    assert before != after
    shape = drawn(after)[4:-8, 20:180]
    rows = [np.flatnonzero(column).mean() for column in shape.T if column.any()]
    crossings = np.count_nonzero(np.diff(np.sign(np.array(rows) - np.mean(rows))))
    assert crossings in (3, 4)  # 1.76 periods of the tone


def test_stereo_has_two_lanes_where_there_is_room(view: WaveformView) -> None:
    samples = np.zeros((4 * RATE, 2), np.float32)
    samples[:, 0] = 0.9 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    view.show_clip(overview(samples, RATE), 4.0)
    lanes = drawn(view.grab().toImage())[:, 40:160]
    assert lanes[5:23].mean() > 0.4  # the left channel fills the upper lane
    assert lanes[41:43].any() and not lanes[32:38].any()  # the right one is a line in the middle of the lower
    view.setFixedHeight(TWO_LANES_FROM - 1)
    view.setMinimumHeight(10)
    assert drawn(view.grab().toImage())[20:24, 40:160].mean() > 0.4  # one lane where there is less room


def test_the_page_turns_when_the_position_leaves_the_view_but_not_when_the_user_looked_elsewhere(
    view: WaveformView,
) -> None:
    view.show_part(0.0, 1.0, 1.0)
    view.set_position(0.5)
    view.set_position(1.01)
    assert view.span.start_s == pytest.approx(1.01)
    view.show_part(3.0, 4.0, 1.0)
    view.set_position(1.02)
    view.set_position(1.03)
    assert view.span.start_s == pytest.approx(3.0)


def test_moving_on_repaints_only_a_strip(qtbot: Any, view: WaveformView, monkeypatch: pytest.MonkeyPatch) -> None:
    view.set_position(1.0)
    qtbot.wait(30)
    widths: list[int] = []
    monkeypatch.setattr(view, "_paint_wave", lambda painter, dirty: widths.append(dirty.width()))
    view.set_position(1.04)
    qtbot.waitUntil(lambda: bool(widths))
    assert max(widths) < 20


@pytest.mark.parametrize(("x", "grip"), [(10, Grip.NOTHING), (51, Grip.START), (75, Grip.INSIDE), (97, Grip.END)])
def test_what_the_mouse_takes(view: WaveformView, x: int, grip: Grip) -> None:
    assert Region(1.0, 2.0).grip(x, view.span, view.width()) == grip

"""Training from the window, by keys and mouse, upon a made-up engine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QWidget

from soundsearch.engine import messages as m
from soundsearch.gui import wording
from soundsearch.gui.flow_layout import FlowLayout
from soundsearch.gui.folder_tree import FolderTree
from soundsearch.gui.jobs import Job
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.status_line import JobStrip
from soundsearch.gui.theme import Theme
from soundsearch.gui.training import TrainingDialog
from soundsearch.gui.training_curve import GainBars, Point, TrainingCurve
from soundsearch.gui.training_pages import forgotten_in_words, gain_in_words
from soundsearch.records import Collection, Folder, Progress, ScanReport, TrainingPlan, TrainingProgress
from tests.gui.fake_engine import MINE, OUTCOME, PREVIEW, STARTER, FakeEngine, made_up_clip

Open = Callable[..., MainWindow]

FOLDERS = (
    Folder("/sounds", 412),
    Folder("/sounds/Drums", 280),
    Folder("/sounds/Drums/Kicks", 120),
    Folder("/sounds/Drums/Snares", 160),
    Folder("/sounds/Field", 132),
)


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine([made_up_clip(i) for i in range(40)])
    made.folders = FOLDERS
    made.models = (STARTER,)
    return made


def open_dialog(qtbot: Any, window: MainWindow) -> TrainingDialog:
    """By the keyboard."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    dialog = window.training.dialog
    qtbot.waitUntil(lambda: dialog.isActiveWindow())
    return dialog


def previewed(qtbot: Any, window: MainWindow) -> TrainingDialog:
    dialog = open_dialog(qtbot, window)
    qtbot.waitUntil(dialog.plan_page.start.isEnabled)
    return dialog


def start(qtbot: Any, window: MainWindow) -> tuple[TrainingDialog, Job]:
    dialog = previewed(qtbot, window)
    qtbot.mouseClick(dialog.plan_page.start, Qt.MouseButton.LeftButton)
    return dialog, window._bridge.jobs[0]


def shows(dialog: TrainingDialog, page: QWidget) -> bool:
    return dialog.pages.currentWidget() is page


def step(qtbot: Any, window: MainWindow, engine: FakeEngine, job: Job, number: int, **values: Any) -> None:
    progress = TrainingProgress("train", number, 300, "steps", 4.0, "", **values)
    with qtbot.waitSignal(window._bridge.job_progressed):
        engine.tell(m.JobProgress(job.id, progress))


def end(qtbot: Any, window: MainWindow, engine: FakeEngine, message: m.Message) -> None:
    with qtbot.waitSignal(window._bridge.job_ended):
        engine.tell(message)


# -- before


def test_what_would_be_learned_is_shown_before_anything_is_trained(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    window = open_window(engine)
    dialog = previewed(qtbot, window)
    panel = dialog.plan_page.preview
    assert "412 clips" in panel.summary.text() and "268" in panel.summary.text()
    assert "kick\N{NO-BREAK SPACE}120" in panel.tags.text() and panel.problems.isVisible()
    first = panel.examples.topLevelItem(0)
    assert first.text(0) == "Kick 808 00.wav"
    assert [first.child(i).text(0) for i in range(first.childCount())] == list(PREVIEW.examples[0][1])
    assert engine.asked(m.PreviewTraining)[-1].plan.folders == ()
    assert not engine.asked(m.StartTraining)


def test_the_menu_opens_it_too(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.library_commands.open_main_menu()
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    next(action for action in menu.actions() if "Train" in action.text()).trigger()
    menu.close()
    assert window.training.dialog.isVisible()


def test_choices_are_previewed_and_trained(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog = previewed(qtbot, window)
    page = dialog.plan_page
    top = page.tree.topLevelItem(0)
    page.tree.setFocus()
    page.tree.setCurrentItem(top.child(1))
    qtbot.keyClick(page.tree, Qt.Key.Key_Space)  # Field: no
    assert not page.start.isEnabled()  # what is shown is not what is chosen now
    qtbot.mouseClick(page.recipe.button("lora"), Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    page.captions.button("grammar").setFocus()
    qtbot.keyClick(page.captions.button("grammar"), Qt.Key.Key_Down)
    page.name.selectAll()
    qtbot.keyClicks(page.name, "Drums, mine")
    wanted = TrainingPlan("My sounds", ("/sounds/Drums",), recipe="lora", captions="template")
    qtbot.waitUntil(lambda: engine.asked(m.PreviewTraining)[-1].plan == wanted)
    qtbot.waitUntil(page.start.isEnabled)
    qtbot.keyClick(page.name, Qt.Key.Key_Return)
    assert engine.asked(m.StartTraining) == [m.StartTraining(replace(wanted, name="Drums, mine"))]
    assert shows(dialog, dialog.run_page) and "Drums, mine" in dialog.run_page.title.text()


def test_a_name_is_needed_and_is_free(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.models = (STARTER, MINE)
    window = open_window(engine)
    dialog = previewed(qtbot, window)
    page = dialog.plan_page
    assert page.name.text() == "My sounds 2"
    page.name.selectAll()
    qtbot.keyClick(page.name, Qt.Key.Key_Space)
    assert not page.start.isEnabled()


def test_no_folder_no_training(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog = previewed(qtbot, window)
    page = dialog.plan_page
    qtbot.keyClick(page.tree, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.preview.summary.text() == "Nothing is chosen.")
    assert not page.start.isEnabled() and not page.preview.examples.isVisible()


def test_collections_are_learned_from_in_place_of_folders(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.collections = {"Doors": {1, 2, 3}, "Empty": set(), "Rain & wind": {4, 5}}
    page = previewed(qtbot, open_window(engine)).plan_page
    collections = page.tree.topLevelItem(1)
    lines = [collections.child(i) for i in range(collections.childCount())]
    assert [line.text(0) for line in lines] == ["Doors", "Rain & wind"]  # nothing is learned from an empty one
    collections.setExpanded(True)
    page.tree.setFocus()
    page.tree.setCurrentItem(lines[0])
    qtbot.keyClick(page.tree, Qt.Key.Key_Space)
    assert page.plan.collections == ()  # every folder is chosen, so all clips are
    page.tree.setCurrentItem(page.tree.topLevelItem(0))
    qtbot.keyClick(page.tree, Qt.Key.Key_Space)
    wanted = TrainingPlan("My sounds", collections=("Doors",))
    qtbot.waitUntil(lambda: engine.asked(m.PreviewTraining)[-1].plan == wanted)
    qtbot.waitUntil(page.start.isEnabled)


def test_too_few_clips_say_what_to_do(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.preview = m.Failed(0, "There are only 12 clips with a tag.", "Put clips into folders.")
    window = open_window(engine)
    page = open_dialog(qtbot, window).plan_page
    qtbot.waitUntil(lambda: page.preview.summary.text() == "There are only 12 clips with a tag.")
    assert page.preview.tags.text() == "Put clips into folders." and not page.start.isEnabled()
    engine.preview = replace(PREVIEW, train=0)
    page.recipe.button("projection").setFocus()
    qtbot.keyClick(page.recipe.button("projection"), Qt.Key.Key_Down)
    qtbot.waitUntil(page.preview.examples.isVisible)
    assert not page.start.isEnabled()


def test_without_sounds_a_folder_can_be_added(qtbot: Any, open_window: Open) -> None:
    engine = FakeEngine([made_up_clip(1)])
    window = open_window(engine)
    page = open_dialog(qtbot, window).plan_page
    qtbot.waitUntil(page.preview.add_button.isVisible)
    assert not page.start.isEnabled()
    with qtbot.waitSignal(window.training.add_requested):
        page.add_requested.disconnect(window.training.add_requested)
        page.add_requested.connect(window.training.add_requested)
        window.training.add_requested.disconnect(window.add_folder)  # the system's own dialog
        qtbot.mouseClick(page.preview.add_button, Qt.MouseButton.LeftButton)


# -- meanwhile


def test_closing_the_dialog_leaves_the_training_going_on(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    step(qtbot, window, engine, job, 40, loss=2.5, validation=0.41, eta_s=130.0)
    assert "40 of 300" in dialog.run_page.line.text() and "2 min left" in dialog.run_page.line.text()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible() and not engine.asked(m.CancelJob)
    step(qtbot, window, engine, job, 80, loss=1.5, validation=0.5, eta_s=110.0)
    strip = window.status_line.findChild(JobStrip)
    assert "80 of 300" in strip.text.text()
    qtbot.mouseClick(strip.text, Qt.MouseButton.LeftButton)
    assert dialog.isVisible() and shows(dialog, dialog.run_page)
    assert dialog.run_page.curve.summary == f"Finds the right clips {wording.share(0.5)}, loss 1.50"
    dialog.close()
    qtbot.keyClick(strip.details_button, Qt.Key.Key_Space)
    assert dialog.isVisible()


def test_a_measurement_that_is_told_again_is_one_point(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    for number, found in enumerate((None, 0.4, 0.4, 0.4, 0.5, 0.5)):
        for part in range(2):  # of a step
            step(qtbot, window, engine, job, number, loss=1.0 + part, validation=found)
    assert [p.validation for p in dialog.run_page.curve._points] == [None, 0.4, None, None, 0.5, None]
    with qtbot.waitSignal(window._bridge.job_progressed):
        engine.tell(m.JobProgress(job.id, TrainingProgress("prove")))
    assert len(dialog.run_page.curve._points) == 6 and dialog.run_page.line.text().startswith("Proving it")


def test_a_resting_training_says_why(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    with qtbot.waitSignal(window._bridge.job_progressed):
        engine.tell(m.JobProgress(job.id, Progress("wait")))
    assert dialog.run_page.line.text() == "Waiting for the scan"


@pytest.mark.parametrize("where", ["dialog", "status line"])
def test_stopping_keeps_nothing_and_says_so(qtbot: Any, open_window: Open, engine: FakeEngine, where: str) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    strip = window.status_line.findChild(JobStrip)
    button = dialog.run_page.stop if where == "dialog" else strip.cancel_button
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert engine.asked(m.CancelJob) == [m.CancelJob(job.id)]
    end(qtbot, window, engine, m.JobStopped(job.id))
    assert "Nothing was changed" in window.status_line.clips.text()
    assert shows(dialog, dialog.plan_page) and not window.training.is_running


def test_enter_does_not_stop_a_training(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, _ = start(qtbot, window)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert not engine.asked(m.CancelJob) and not dialog.isVisible()


def test_a_training_that_fails_says_why(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    end(qtbot, window, engine, m.JobFailed(job.id, "The disk is full.", "Make room."))
    assert "The disk is full. Make room." in dialog.plan_page.error.text() and dialog.plan_page.error.isVisible()
    assert window.center.notices.current is None
    _, job = start(qtbot, window)
    dialog.close()
    end(qtbot, window, engine, m.JobFailed(job.id, "The disk is full.", "Make room."))
    assert "The disk is full" in window.center.notices.text.text()


def test_a_lost_engine_takes_the_training_along(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, _ = start(qtbot, window)
    with qtbot.waitSignal(window._bridge.lost):
        engine.lose()
    assert "and the training with it" in dialog.plan_page.error.text()
    assert not window.training.is_running


def test_quitting_asks_first_while_something_would_be_lost(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, _ = start(qtbot, window)
    dialog.close()
    window.close()
    assert window.isVisible() and "nothing of it is kept" in window.center.notices.text.text()
    qtbot.mouseClick(window.center.notices.dismiss, Qt.MouseButton.LeftButton)
    window.close()
    assert window.isVisible()
    qtbot.mouseClick(window.center.notices.action, Qt.MouseButton.LeftButton)
    assert not window.isVisible() and engine.closed


def test_who_closes_twice_means_it(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, _ = start(qtbot, window)
    window.close()
    window.close()
    assert not window.isVisible() and not dialog.isVisible()


# -- afterwards


def test_a_better_model_is_used_and_undone_by_one_click_each(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    engine.models = (STARTER, MINE)
    end(qtbot, window, engine, m.JobDone(job.id, OUTCOME))
    page = dialog.result_page
    assert shows(dialog, page) and "better" in page.title.text()
    assert "22 points more" in page.gain.text() and "between 15 and 29" in page.gain.text()
    assert page.bars.accessibleName() == f"Before {wording.share(0.41)}, after {wording.share(0.63)}"
    assert QApplication.focusWidget() is page.use
    qtbot.keyClick(page.use, Qt.Key.Key_Return)
    assert engine.asked(m.UseModel) == [m.UseModel("my-sounds")] and not dialog.isVisible()
    notices = window.center.notices
    qtbot.waitUntil(lambda: "My sounds" in notices.text.text())
    assert engine.asked(m.Scan)  # so that it hears the library; searches are answered by the old one meanwhile
    qtbot.mouseClick(notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.RevertModel)
    qtbot.waitUntil(lambda: window.status_line.clips.text() == "Back to Starter")
    assert not notices.holds("back")


def test_a_worse_model_is_not_offered(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    worse = replace(OUTCOME, offered=False, reason="It forgot too much.", control_after=0.5)
    end(qtbot, window, engine, m.JobDone(job.id, worse))
    page = dialog.result_page
    assert "not recommended" in page.title.text() and page.reason.isVisible()
    assert page.reason.text() == "It forgot too much."
    assert page.use.text() == "Use it anyway" and QApplication.focusWidget() is page.keep
    assert "forgot some" in page.forgotten.text()
    qtbot.mouseClick(page.delete, Qt.MouseButton.LeftButton)
    assert not engine.asked(m.RemoveModel)  # asks once more
    qtbot.mouseClick(page.delete, Qt.MouseButton.LeftButton)
    assert engine.asked(m.RemoveModel) == [m.RemoveModel("my-sounds")] and not dialog.isVisible()
    assert shows(open_dialog(qtbot, window), dialog.plan_page)


def test_kept_for_later_it_is_in_the_menu_of_models(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    engine.models = (STARTER, MINE, replace(MINE, name="bad", title="Bad", reason="No gain."))
    end(qtbot, window, engine, m.JobDone(job.id, OUTCOME))
    qtbot.mouseClick(dialog.result_page.keep, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible() and not engine.asked(m.UseModel)
    qtbot.waitUntil(lambda: len(window.library_commands.models) == 3)
    items = {item.text.split("\t")[0]: item for item in window.library_commands.model_items()}
    assert items["My sounds"].text == "My sounds\t412 clips · 41 % → 63 %"
    assert items["My sounds"].tip == MINE.description and items["My sounds"].act
    assert "No gain." in items["Bad · not recommended"].tip


def test_an_own_model_is_deleted_from_the_menu(
    qtbot: Any, open_window: Open, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    mine = replace(MINE, report="/data/report.html")
    engine.models = (STARTER, mine, replace(MINE, name="used", title="Used", active=True))
    window = open_window(engine)
    qtbot.waitUntil(lambda: len(window.library_commands.models) == 3)
    items = {item.text: item for item in window.library_commands.model_items()[-1].items}
    assert not items["Delete Used"].enabled and not items["Report on Used"].enabled
    items["Report on My sounds"].act()
    assert opened == ["/data/report.html"]
    items["Delete My sounds"].act()
    assert not engine.asked(m.RemoveModel)
    qtbot.mouseClick(window.center.notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.RemoveModel) == [m.RemoveModel("my-sounds")]
    qtbot.waitUntil(lambda: window.status_line.clips.text() == "“My sounds” is deleted")


def test_a_paused_training_says_so(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    step(qtbot, window, engine, job, 40, loss=2.5)
    strip = window.status_line.findChild(JobStrip)
    with qtbot.waitSignal(window._bridge.job_paused):
        qtbot.mouseClick(strip.pause_button, Qt.MouseButton.LeftButton)
    assert dialog.run_page.line.text() == "Paused · training 40 of 300"


def test_what_came_of_it_is_told_when_the_dialog_is_closed(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    dialog.close()
    end(qtbot, window, engine, m.JobDone(job.id, OUTCOME))
    assert not dialog.isVisible() and "My sounds" in window.center.notices.text.text()
    qtbot.mouseClick(window.center.notices.action, Qt.MouseButton.LeftButton)
    assert dialog.isVisible() and shows(dialog, dialog.result_page)


def test_the_report_opens_in_the_browser(
    qtbot: Any, open_window: Open, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    window = open_window(engine)
    dialog, job = start(qtbot, window)
    report = str(tmp_path / "report #1 %20.html")
    end(qtbot, window, engine, m.JobDone(job.id, replace(OUTCOME, report=report)))
    qtbot.mouseClick(dialog.result_page.report, Qt.MouseButton.LeftButton)
    assert opened == [report]


def test_a_scan_that_ends_meanwhile_is_told_as_ever(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    start(qtbot, window)
    window._bridge.scan()
    scan = window._bridge.jobs[1]
    end(qtbot, window, engine, m.JobDone(scan.id, ScanReport(found=40)))
    assert window.status_line.clips.text() == "Scan finished: 40 clips" and window.training.is_running


# -- how it looks


@pytest.fixture(params=[13, 26], ids="{} px".format)
def font_px(request: pytest.FixtureRequest, qapp: QApplication, theme: Theme) -> Iterator[int]:
    """The system's font, also in double size."""
    before = qapp.font()
    changed = qapp.font()
    changed.setPixelSize(request.param)
    qapp.setFont(changed)
    theme.choose("dark")
    yield request.param
    qapp.setFont(before)
    theme.choose("dark")


@pytest.mark.parametrize(("size", "theme_name"), [((320, 480), "dark"), ((860, 700), "light"), ((1600, 1000), "dark")])
def test_every_page_fits_every_size(
    qtbot: Any, open_window: Open, engine: FakeEngine, font_px: int, size: tuple[int, int], theme_name: str
) -> None:
    window = open_window(engine)
    window.theme.choose(theme_name)
    dialog, job = start(qtbot, window)
    dialog.resize(*size)
    for number in range(0, 300, 30):
        step(qtbot, window, engine, job, number, loss=3.0 - number / 200, validation=number / 400)
    end(qtbot, window, engine, m.JobDone(job.id, OUTCOME))
    for page in (dialog.plan_page, dialog.run_page, dialog.result_page):
        dialog.show_page(page)
        QApplication.processEvents()
        assert dialog.width() == size[0]
        for button in page.findChildren(QPushButton):
            if button.isVisible():
                left = button.mapTo(page, QPoint(0, 0)).x()
                assert left >= 0 and left + button.width() <= page.width(), button.text()
                assert button.width() >= button.sizeHint().width() or button.width() > page.width() - 40
        seen = dialog.grab().toImage()
        colors = {seen.pixelColor(x, y).name() for x in range(0, seen.width(), 7) for y in range(0, seen.height(), 7)}
        assert window.theme.tokens.base.lower() in colors and len(colors) > 3


def test_every_control_has_a_name_and_is_reached_by_tab(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    dialog = previewed(qtbot, window)
    seen: list[QWidget] = []
    for _ in range(20):
        widget = QApplication.focusWidget()
        assert widget is not None
        if widget in seen:
            break
        seen.append(widget)
        text = widget.text() if hasattr(widget, "text") else ""
        assert widget.accessibleName() or text, widget
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    page = dialog.plan_page
    assert {page.tree, page.name, page.start, page.close_button, page.preview.examples} <= set(seen)


def test_numbers_in_words() -> None:
    assert gain_in_words((0.22, 0.15, 0.29)) == "22 points more; with 95 % certainty between 15 and 29."
    assert gain_in_words((0.0747, 0.0512, 0.095)) == "7.5 points more; with 95 % certainty between 5.1 and 9.5."
    assert gain_in_words((-0.1, -0.2, -0.04)) == "10 points less; with 95 % certainty between 4.0 and 20."
    assert "between 5.0 less and 7.0 more" in gain_in_words((0.01, -0.05, 0.07))
    assert "between nothing and 7.0 more" in gain_in_words((0.03, 0.0, 0.07))
    assert forgotten_in_words(0.71, 0.7).startswith("Nothing to speak of")
    assert forgotten_in_words(0.71, 0.6).startswith("It forgot some")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**6),
            st.none() | st.floats(0, 1e4),
            st.none() | st.floats(0, 1),
        ),
        max_size=40,
    ),
    st.integers(0, 10**6),
)
def test_any_curve_can_be_drawn(theme: Theme, points: list[tuple[int, float | None, float | None]], steps: int) -> None:
    curve = TrainingCurve(theme)
    curve.resize(300, 160)
    curve.set_points([Point(*point) for point in sorted(points, key=lambda p: p[0])], steps)
    assert not curve.grab().isNull() and curve.accessibleDescription() == curve.summary


def test_long_curves_are_thinned_and_keep_the_validation(theme: Theme) -> None:
    curve = TrainingCurve(theme)
    points = [Point(i, 1.0, 0.5 if i % 100 == 0 else None) for i in range(50_000)]
    curve.set_points(points, 50_000)
    assert len(curve._points) <= 4000
    assert [p.step for p in curve._points if p.validation is not None] == list(range(0, 50_000, 100))


@pytest.mark.parametrize("gain", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (-1.0, -1.0, -0.5)])
def test_bars_of_any_gain(theme: Theme, gain: tuple[float, float, float]) -> None:
    bars = GainBars(theme)
    bars.resize(300, 60)
    bars.show_gain(0.5, min(1.0, max(0.0, 0.5 + gain[0])), gain)
    assert not bars.grab().isNull()


# -- the tree


@pytest.fixture
def tree(qtbot: Any, theme: Theme) -> FolderTree:
    made = FolderTree(theme)
    qtbot.addWidget(made)
    made.set_folders(FOLDERS)
    return made


def test_the_tree_says_what_is_chosen_as_shortly_as_can_be(tree: FolderTree) -> None:
    top = tree.topLevelItem(0)
    drums, field = top.child(0), top.child(1)
    assert tree.chosen == ()
    drums.child(0).setCheckState(0, Qt.CheckState.Unchecked)
    assert tree.chosen == ("/sounds/Drums/Snares", "/sounds/Field")
    assert drums.checkState(0) == top.checkState(0) == Qt.CheckState.PartiallyChecked
    field.setCheckState(0, Qt.CheckState.Unchecked)
    assert tree.chosen == ("/sounds/Drums/Snares",)
    top.setCheckState(0, Qt.CheckState.Unchecked)
    assert tree.chosen is None
    top.setCheckState(0, Qt.CheckState.Checked)
    assert tree.chosen == ()


def test_what_was_unchosen_stays_so_when_the_library_changes(tree: FolderTree) -> None:
    tree.topLevelItem(0).child(1).setCheckState(0, Qt.CheckState.Unchecked)
    tree.set_folders((*FOLDERS, Folder("/sounds/New", 3), Folder("/more", 4)))
    assert tree.chosen == ("/sounds/Drums", "/sounds/New", "/more")


def test_chosen_collections_stay_so_when_the_library_changes(tree: FolderTree) -> None:
    doors, rain = Collection("Doors", 3), Collection("Rain", 2)
    tree.set_folders(FOLDERS, (doors, rain))
    assert tree.chosen_collections == () and tree.chosen == ()
    tree.topLevelItem(1).child(1).setCheckState(0, Qt.CheckState.Checked)
    tree.set_folders(FOLDERS[:2], (Collection("Bells", 1), doors, rain))
    assert tree.chosen_collections == ("Rain",) and tree.chosen == ()
    tree.topLevelItem(1).setCheckState(0, Qt.CheckState.Checked)
    assert tree.chosen_collections == ("Bells", "Doors", "Rain")
    tree.set_folders(FOLDERS)
    assert tree.chosen_collections == () and tree.topLevelItemCount() == 1


def test_deep_folders_belong_to_their_parents(tree: FolderTree) -> None:
    deep = [Folder("/sounds" + "".join(f"/{n}" for n in range(depth)), 5) for depth in range(8)]
    tree.set_folders([*deep, Folder("/other root", 1)])
    item, depth = tree.topLevelItem(0), 0
    while item.childCount():
        item, depth = item.child(0), depth + 1
    assert depth == 3 and tree.topLevelItemCount() == 2


# -- buttons in a line that breaks


def test_buttons_on_the_right_break_into_lines(qtbot: Any) -> None:
    row = QWidget()
    qtbot.addWidget(row)
    flow = FlowLayout(row, to_the_right=True)
    buttons = [QPushButton(text) for text in ("One", "Two words", "Three", "Four")]
    for button in buttons:
        flow.addWidget(button)
    row.resize(400, 40)
    row.show()
    assert buttons[-1].geometry().right() == row.width() - 1 and buttons[0].y() == buttons[-1].y()
    row.resize(180, 120)
    QApplication.processEvents()
    assert buttons[0].y() < buttons[-1].y() and buttons[-1].geometry().right() == row.width() - 1
    buttons[0].hide()
    assert flow.heightForWidth(2000) < flow.heightForWidth(100)

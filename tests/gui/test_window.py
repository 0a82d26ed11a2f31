"""The whole window, by keys and mouse, upon an engine and a sound card made up at their borders."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from soundsearch.engine import messages as m
from soundsearch.gui.chips import SoundChip
from soundsearch.gui.dialogs import FailureList, ProblemReport, ShortcutSheet
from soundsearch.gui.draft import Draft, Sound
from soundsearch.gui.file_exchange import local_path
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.result_model import Column
from soundsearch.gui.shortcuts import SHORTCUTS
from soundsearch.gui.status_line import JobStrip
from soundsearch.gui.theme import LIGHT, Theme
from soundsearch.records import ClipState, Example, Failure, LibraryStatus, Progress, Ranking, Root, ScanReport
from soundsearch.settings import Places, load
from tests.gui.fake_engine import FULL, STARTER, FakeEngine, made_up_clip

Open = Callable[..., MainWindow]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine([made_up_clip(i) for i in range(40)])


def play_calls(window: Any) -> list[tuple[Any, ...]]:
    return [call for call in window.fake_player.calls if call[0] in ("load", "play", "pause", "stop")]


def selected(window: MainWindow) -> str:
    clip = window.center.results.current_clip()
    return clip.path if clip else ""


def type_into(qtbot: Any, window: MainWindow, text: str) -> None:
    qtbot.keyClicks(window.center.search_bar.box, text)
    qtbot.waitUntil(lambda: window.center.is_settled and window.center._shown.text == text)  # type: ignore[union-attr]


def menu_texts(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if not action.isSeparator()]


def open_menu() -> QMenu:
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def drop(window: MainWindow, paths: list[str], at: QPoint | None = None) -> bool:
    """Let files fall on the window; returns whether it took them."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path) for path in paths])
    where = at or window.center.results.mapTo(window, QPoint(100, 100))
    actions, buttons, no_keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where, actions, mime, buttons, no_keys)
    QApplication.sendEvent(window, enter)
    event = QDropEvent(QPointF(where), actions, mime, buttons, no_keys)
    QApplication.sendEvent(window, event)
    return event.isAccepted()


# -- searching and hearing


def test_typing_searches_and_down_plays_the_first_hit(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    type_into(qtbot, window, "kick")
    assert window.center.model.rowCount() == 5
    qtbot.keyClick(window.center.search_bar.box, Qt.Key.Key_Down)
    first = engine.clips[0].path
    qtbot.waitUntil(lambda: play_calls(window)[-2:] == [("load", first), ("play", 0.0)])
    assert window.player.name.text() == "Kick 808 00.wav"


def test_a_title_sorts_a_listing_and_a_query_each_in_its_own_way(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    window = open_window(engine)
    results = window.center.results

    def shown() -> list[float]:
        return [engine.clips[int(i)].duration_s for i in window.center.model.ranking.clip_ids]

    at = QPoint(results.header.sectionViewportPosition(Column.LENGTH) + 12, 8)
    qtbot.mouseClick(results.header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: window.center.is_settled and shown() == sorted(shown()))
    type_into(qtbot, window, "kick")
    assert not results.header.isSortIndicatorShown()
    items = {item.text: item for item in results.header.order_items()}
    items["Length"].act()
    items = {item.text: item for item in results.header.order_items()}
    items["Length"].act()
    qtbot.waitUntil(lambda: window.center.is_settled and window.center.model.weak_from is None)
    assert engine.asked(m.Search)[-1] == m.Search("kick", order="-duration_s")
    assert shown() == sorted(shown(), reverse=True)
    window.center.search_bar.clear()
    qtbot.waitUntil(lambda: window.center.is_settled and len(shown()) == 40)
    assert shown() == sorted(shown())


def test_arrows_play_one_after_the_other_and_prefetch(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.results.enter()
    for _ in range(3):
        qtbot.keyClick(window.center.results, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: ("play", 0.0) in play_calls(window)[-1:])
    loads = [call[1] for call in play_calls(window) if call[0] == "load"]
    ranked = [engine.clips[int(i)].path for i in window.center.model.ranking.clip_ids[:6]]
    assert loads == ranked[:4]
    qtbot.waitUntil(lambda: window.fake_player.calls[-1] == ("prefetch", ranked[4], ranked[2], ranked[5], ranked[1]))


def test_without_auto_play_enter_plays(qtbot: Any, open_window: Open, engine: FakeEngine, places: Places) -> None:
    window = open_window(engine)
    qtbot.mouseClick(window.player.auto_button, Qt.MouseButton.LeftButton)
    assert load(places.settings).auto_play is False
    window.center.results.enter()
    qtbot.waitUntil(lambda: window.player.wave.has_content)
    assert [call[0] for call in play_calls(window)] == ["load"]
    qtbot.keyClick(window.center.results, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: play_calls(window)[-1] == ("play", 0.0))


def test_space_escape_and_l(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    results, audition = window.center.results, window._audition
    results.enter()
    qtbot.waitUntil(lambda: audition.state == "playing")
    qtbot.keyClick(results, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: audition.state == "paused")
    qtbot.keyClick(results, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: audition.state == "playing")
    qtbot.keyClick(results, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: window.fake_player.loop)
    assert window.player.loop_button.isChecked()
    qtbot.keyClick(results, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: audition.state == "idle")
    assert selected(window)
    qtbot.keyClick(results, Qt.Key.Key_Escape)
    assert not selected(window)


def test_space_writes_a_space_in_the_box_and_presses_buttons(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    box = window.center.search_bar.box
    box.setFocus()
    for keys in ("s", " ", "l", "/", "?"):
        qtbot.keyClicks(box, keys)
    assert box.text() == "s l/?"
    qtbot.keyClick(window.player.loop_button, Qt.Key.Key_Space)
    assert window.player.loop_button.isChecked()
    assert play_calls(window) == []


@pytest.mark.parametrize("key", [(Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier), (Qt.Key.Key_Slash,)])
def test_keys_lead_to_the_box(qtbot: Any, open_window: Open, engine: FakeEngine, key: Any) -> None:
    window = open_window(engine)
    window.center.results.enter()
    qtbot.waitUntil(window.center.results.hasFocus)
    qtbot.keyClick(window.center.results, *key)
    qtbot.waitUntil(window.center.search_bar.box.hasFocus)


def test_s_finds_similar_and_history_goes_back(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    type_into(qtbot, window, "kick")
    qtbot.keyClick(window.center.search_bar.box, Qt.Key.Key_Down)
    path = selected(window)
    qtbot.keyClick(window.center.results, Qt.Key.Key_S)
    assert engine.asked(m.Search)[-1] == m.Search("", (Example(path),))
    qtbot.keyClick(window.center.results, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert window.center.search_bar.draft == Draft("kick")
    qtbot.keyClick(window.center.results, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert window.center.search_bar.draft == Draft("", (Sound(path),))


def test_copy_puts_files_on_the_clipboard(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.results.enter()
    window.center.results.selectAll()
    qtbot.keyClick(window.center.results, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = [local_path(url) for url in QGuiApplication.clipboard().mimeData().urls()]
    assert sorted(map(str, copied)) == sorted(clip.path for clip in engine.clips.values())
    assert window.status_line.clips.text() == "Copied 40 files"


def test_a_clip_that_cannot_be_heard_says_why(qtbot: Any, open_window: Open) -> None:
    clips = [
        made_up_clip(0, offline=True),
        made_up_clip(8, state=ClipState.FAILED, reason="it is empty", peaks=b""),
        made_up_clip(16),
    ]
    window = open_window(FakeEngine(clips))
    window.fake_player.bad.add(clips[2].path)  # type: ignore[attr-defined]
    said = []
    for row in range(3):
        window.center.results.selectRow(row)
        qtbot.waitUntil(lambda: window.player.wave.has_content)
        said.append(window.player.wave.accessibleDescription())
    assert said[0] == "Its folder is offline"
    assert {said[1], said[2]} == {"Cannot be read: it is empty", "it is empty"}


def test_no_sound_output_is_a_calm_state(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.results.enter()
    qtbot.waitUntil(lambda: window._audition.state == "playing")
    window.fake_player.state = "no device"  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: window.player.time.text() == "No sound output · 0:02.0")
    assert window.findChild(ProblemReport) is None
    window.fake_player.state = "playing"  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: window.player.time.text() == "0:00.0 / 0:02.0")


def test_the_play_position_moves_while_playing(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.results.enter()
    qtbot.waitUntil(lambda: window._audition.state == "playing")
    window.fake_player.position_s = 1.5  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: window.player.wave.position_s == 1.5)
    wave = window.player.wave
    qtbot.mouseClick(wave, Qt.MouseButton.LeftButton, pos=QPoint(wave.width() // 4, 10))
    qtbot.waitUntil(lambda: play_calls(window)[-1] == ("play", pytest.approx(0.5, abs=0.02)))


def test_results_follow_the_scan_without_losing_the_selection(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    window = open_window(engine)
    window.center.results.selectRow(3)
    chosen = selected(window)
    qtbot.waitUntil(lambda: len(play_calls(window)) == 2)
    for number in range(40, 60):
        engine.clips[number] = made_up_clip(number)
    engine.tell(m.Changed())
    qtbot.waitUntil(lambda: window.center.model.rowCount() == 60)
    qtbot.waitUntil(lambda: selected(window) == chosen)
    assert len(play_calls(window)) == 2


# -- first run, scanning, jobs


def test_first_run_offers_one_thing_and_a_dropped_folder_is_scanned(
    qtbot: Any, open_window: Open, tmp_path: Path
) -> None:
    engine = FakeEngine()
    window = open_window(engine)
    assert window.first_run.isVisible()
    assert not window.center.isVisible()
    window.first_run.choose.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_Slash)  # there is no query box yet
    assert QApplication.focusWidget() is window.first_run.choose
    with qtbot.waitSignal(window.first_run.choose_requested), qtbot.waitSignal(window.first_run.choose.clicked):
        window.first_run.choose_requested.disconnect(window.add_folder)  # a dialog of the system would open
        qtbot.keyClick(window.first_run.choose, Qt.Key.Key_Return)
    assert drop(window, [str(tmp_path)])
    assert engine.asked(m.Scan) == [m.Scan((str(tmp_path),))]
    assert not window.first_run.isVisible()
    assert window.center.suggestions.isVisible()


def test_a_suggestion_searches(qtbot: Any, open_window: Open, tmp_path: Path) -> None:
    engine = FakeEngine()
    window = open_window(engine)
    drop(window, [str(tmp_path)])
    chip = window.center.suggestions.findChildren(QWidget)[0]
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert engine.asked(m.Search)[-1].text == "rain on leaves"


def test_a_scan_shows_progress_and_can_be_paused_and_stopped(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    qtbot.keyClick(window, Qt.Key.Key_F5)
    job = window._bridge.jobs[0]
    engine.tell(m.JobProgress(job.id, Progress("analyse", 10, 40, "clips", 5)))
    strip = window.status_line.findChild(JobStrip)
    assert strip is not None
    qtbot.waitUntil(lambda: strip.text.text() == "Analysing 10 of 40 · 5.0/s · a few seconds left")
    window.resize(320, 600)
    qtbot.waitUntil(lambda: strip.text.text() == "Analysing 10 of 40 · a few seconds left")
    qtbot.mouseClick(strip.pause_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: strip.text.text() == "Paused · analysing 10 of 40")
    assert engine.asked(m.PauseJob) == [m.PauseJob(job.id)]
    qtbot.mouseClick(strip.pause_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: engine.asked(m.ResumeJob) == [m.ResumeJob(job.id)])
    qtbot.mouseClick(strip.cancel_button, Qt.MouseButton.LeftButton)
    assert engine.asked(m.CancelJob) == [m.CancelJob(job.id)]
    engine.tell(m.JobStopped(job.id))
    qtbot.waitUntil(lambda: not window._bridge.jobs)
    qtbot.waitUntil(lambda: "Scan stopped" in window.status_line.clips.text())


def test_the_end_of_a_scan_is_told(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window._bridge.scan()
    job = window._bridge.jobs[0]
    engine.tell(m.JobDone(job.id, ScanReport(found=41, added=3, failed=(Failure("/a", "it is empty"),))))
    said = "Scan finished: 41 clips, 3 new, 1 cannot be read"
    qtbot.waitUntil(lambda: window.status_line.clips.text() == said)


def test_a_scan_that_was_cut_off_can_go_on(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.pending = 12
    window = open_window(engine)
    qtbot.waitUntil(lambda: window.center.notices.isVisible())
    assert "12 clips still to be analysed" in window.center.notices.text.text()
    qtbot.mouseClick(window.center.notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.Scan) == [m.Scan(())]


def test_folders_are_offered_and_files_become_the_query(
    qtbot: Any, open_window: Open, engine: FakeEngine, tmp_path: Path
) -> None:
    window = open_window(engine)
    file = tmp_path / "kick #3 ñ.wav"
    file.write_bytes(b"")
    assert drop(window, [str(file), str(tmp_path)])
    assert engine.asked(m.Search)[-1] == m.Search("", (Example(str(file)),))
    assert engine.asked(m.Scan) == []
    assert tmp_path.name in window.center.notices.text.text()
    qtbot.mouseClick(window.center.notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.Scan) == [m.Scan((str(tmp_path),))]


def test_a_drop_on_the_box_does_not_become_text(
    qtbot: Any, open_window: Open, engine: FakeEngine, tmp_path: Path
) -> None:
    window = open_window(engine)
    file = tmp_path / "a.wav"
    file.write_bytes(b"")
    box = window.center.search_bar.box
    assert not box.acceptDrops()
    assert drop(window, [str(file)], box.mapTo(window, QPoint(5, 5)))
    assert box.text() == ""
    assert len(window.findChildren(SoundChip)) == 1


# -- models


def test_the_full_model_is_offered_once_with_its_size(
    qtbot: Any, open_window: Open, engine: FakeEngine, places: Places
) -> None:
    engine.models = (STARTER, FULL)
    window = open_window(engine)
    notices = window.center.notices
    qtbot.waitUntil(lambda: notices.isVisible())
    assert "614" in notices.text.text()
    qtbot.mouseClick(notices.dismiss, Qt.MouseButton.LeftButton)
    assert not notices.isVisible()
    window._bridge.refresh_status()
    window.close()
    again = open_window(engine)
    again._bridge.refresh_status()
    qtbot.wait(20)
    assert again.center.notices.current is None


def test_download_then_use_then_scan(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.models = (STARTER, FULL)
    window = open_window(engine)
    notices = window.center.notices
    qtbot.waitUntil(lambda: notices.isVisible())
    qtbot.mouseClick(notices.action, Qt.MouseButton.LeftButton)
    job = window._bridge.jobs[0]
    engine.tell(m.JobProgress(job.id, Progress("download", 61_400_000, 614_000_000, "bytes", 5e6)))
    strip = window.status_line.findChild(JobStrip)
    assert strip is not None
    qtbot.waitUntil(lambda: strip.bar.value() == 100)
    engine.tell(m.JobDone(job.id, FULL))
    qtbot.waitUntil(lambda: notices.isVisible() and "LAION CLAP is here" in notices.text.text())
    qtbot.mouseClick(notices.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: engine.asked(m.Scan) == [m.Scan(())])
    assert engine.asked(m.UseModel) == [m.UseModel(FULL.name)]


def test_a_double_click_answers_one_notice_only(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    """The offer of a large download comes up under the mouse that has just added a folder."""
    engine.models = (STARTER, FULL)
    window = open_window(engine)
    notices = window.center.notices
    qtbot.waitUntil(lambda: notices.holds("offer"))
    window.notices.offer_scan(("/more",))
    qtbot.mouseClick(notices.action, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.Scan) == [m.Scan(("/more",))]
    assert engine.asked(m.DownloadModel) == []
    assert notices.current and notices.current.key == "offer"
    qtbot.wait(QApplication.doubleClickInterval() + 20)
    qtbot.mouseClick(notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.DownloadModel) == [m.DownloadModel(FULL.name)]


def test_a_failed_download_can_be_tried_again(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window._bridge.download_model("clap")
    job = window._bridge.jobs[0]
    engine.tell(m.JobFailed(job.id, "The server does not answer.", "Try again later."))
    notices = window.center.notices
    qtbot.waitUntil(lambda: notices.isVisible())
    assert "The download could not go on. The server does not answer. Try again later." in notices.text.text()
    qtbot.mouseClick(notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.DownloadModel) == [m.DownloadModel("clap")] * 2


def test_the_model_menu_names_models_and_sizes(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.models = (STARTER, FULL)
    window = open_window(engine)
    qtbot.waitUntil(lambda: window.status_line.model_button.text() == "Starter · CPU")
    qtbot.mouseClick(window.status_line.model_button, Qt.MouseButton.LeftButton)
    menu = open_menu()
    texts = [text.replace("\N{NO-BREAK SPACE}", " ") for text in menu_texts(menu)]
    assert texts == ["Starter", "Download LAION CLAP (614 MB) · recommended"]
    menu.actions()[-1].trigger()
    menu.close()
    assert engine.asked(m.DownloadModel) == [m.DownloadModel(FULL.name)]


# -- states


def test_nothing_found_says_what_to_do(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    type_into(qtbot, window, "zzz")
    page = window.center.page
    assert page.isVisible() and page.title.text() == "Nothing found"
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.center.model.rowCount() == 40)
    assert window.center.results.isVisible()
    window.center.results.setFocus()
    window.center.search_bar.set_draft(Draft("zzz"))
    qtbot.waitUntil(page.isVisible)
    assert window.center.search_bar.box.hasFocus()  # the list took the keyboard along


def test_a_query_that_cannot_be_understood_keeps_the_results(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    engine.held = True
    window.center.search_bar.set_draft(Draft("dur<"))
    number = engine._waiting.pop()[0]
    engine.held = False
    engine.tell(m.Failed(number, "A number is missing after dur<.", "Write dur<2."))
    qtbot.waitUntil(lambda: window.center.remark.isVisible())
    assert window.center.remark.text() == "A number is missing after dur<. Write dur<2."
    assert window.center.model.rowCount() == 40
    type_into_after = window.center.search_bar
    type_into_after.set_draft(Draft("kick"))
    qtbot.waitUntil(lambda: not window.center.remark.isVisible())


def test_a_folder_without_sounds(qtbot: Any, open_window: Open) -> None:
    window = open_window(FakeEngine([], roots=[Root("/empty")]))
    assert window.center.page.title.text() == "No sounds here"


def test_an_engine_that_cannot_open_says_why(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.held = True
    window = open_window(engine, settle=False)
    qtbot.waitUntil(lambda: window.center.page.title.text() == "Opening the library")
    for number, _ in engine._waiting:
        engine.tell(m.Failed(number, "The catalogue was made by a newer soundsearch.", "Update soundsearch."))
    engine._waiting.clear()
    qtbot.waitUntil(lambda: window.center.page.title.text() == "The catalogue was made by a newer soundsearch.")
    assert window.center.page.sentence.text() == "Update soundsearch."
    assert not window.center.remark.isVisible()  # once is enough
    assert window.status_line.clips.text() == "No library"


def test_a_lost_engine_is_told_and_asked_again(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    type_into(qtbot, window, "kick")
    before = len(engine.asked(m.Search))
    engine.lose()
    qtbot.waitUntil(lambda: window.center.notices.isVisible())
    assert "was started again" in window.center.notices.text.text()
    qtbot.waitUntil(lambda: engine.asked(m.Search)[before:] == [m.Search("kick")])
    assert window.center.model.rowCount() == 5


def test_an_engine_lost_for_good_is_a_page(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    engine.lose()
    qtbot.waitUntil(lambda: window.center.notices.holds("lost"))
    engine.dead = True
    engine.lose()
    qtbot.waitUntil(lambda: window.center.page.isVisible())
    assert window.center.page.title.text() == "The search engine stopped"
    assert not window.center.notices.holds("lost")  # which says that it was started again


def test_a_slow_model_is_explained(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center._model_is_ready = False
    engine.held = True
    window.center.search_bar.set_draft(Draft("kick"))
    qtbot.waitUntil(lambda: window.center.remark.isVisible())
    assert "still loading" in window.center.remark.text()
    engine.held = False
    engine.release()
    qtbot.waitUntil(lambda: not window.center.remark.isVisible())


def test_unreadable_files_are_listed_with_reasons(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.failures = (Failure("/sounds/bad\udce9.wav", "it is empty"), Failure("/sounds/b.wav", "it was cut off"))
    window = open_window(engine)
    button = window.panel._failed
    assert button.text() == "2 files cannot be read"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    listed = window.findChild(FailureList)
    assert listed is not None
    qtbot.waitUntil(lambda: listed.model.rowCount() == 2)
    assert listed.model.data(listed.model.index(0, 1)) == "it is empty"
    assert listed.chosen.text() == "/sounds/bad\N{REPLACEMENT CHARACTER}.wav: it is empty."
    qtbot.keyClick(listed.table, Qt.Key.Key_Down)
    assert listed.chosen.text() == "/sounds/b.wav: it was cut off."
    qtbot.mouseClick(listed.copy_button, Qt.MouseButton.LeftButton)
    assert (
        QGuiApplication.clipboard().text()
        == "/sounds/bad\N{REPLACEMENT CHARACTER}.wav\tit is empty\n/sounds/b.wav\tit was cut off"
    )
    listed.close()


def test_a_fault_shows_one_report_that_can_be_copied(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    for _ in range(3):
        window.report_bug("ValueError: x", "Traceback (most recent call last)")
    (report,) = window.findChildren(ProblemReport)
    assert "Traceback" in report.text.toPlainText()
    assert "soundsearch" in report.report
    report.close()


# -- library


def test_a_root_is_removed_after_asking(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    row = window.panel.folders["/sounds"]
    assert row.accessibleName() == "sounds, 40 clips"
    by_key = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint())
    QApplication.sendEvent(row, by_key)
    menu = open_menu()
    menu.actions()[-1].trigger()
    menu.close()
    assert engine.asked(m.RemoveRoot) == []
    assert "The files themselves stay" in window.center.notices.text.text()
    qtbot.mouseClick(window.center.notices.action, Qt.MouseButton.LeftButton)
    assert engine.asked(m.RemoveRoot) == [m.RemoveRoot("/sounds")]


def test_offline_roots_are_named_so(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    engine.roots = (Root("/a/Drums", True, 4), Root("/b/Drums", False, 9))
    window = open_window(engine)
    names = [row.accessibleName() for row in window.panel.folders.all()]
    assert names == ["a/Drums, 4 clips", "b/Drums, 9 clips, offline"]


def test_the_library_is_a_drawer_where_it_is_narrow(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (400, 600))
    assert not window.panel.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert window.panel.isVisible()
    assert window.center.width() == window.width()  # the results keep their room
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.panel.isVisible()
    window.resize(1000, 600)
    qtbot.waitUntil(window.panel.isVisible)
    assert window.center.width() < 850


@pytest.mark.parametrize("width", [300, 320, 360, 520, 639, 640, 1280, 2560])
def test_nothing_is_cut_at_any_width(qtbot: Any, open_window: Open, engine: FakeEngine, width: int) -> None:
    window = open_window(engine, (width, 600))
    window.center.search_bar.set_draft(Draft("kick", (Sound("/a/a long name of a sound.wav"), Sound("/b.wav", False))))
    qtbot.wait(10)
    assert window.width() == width
    for widget in (window.player, window.status_line, window.center.search_bar):
        for child in widget.findChildren(QWidget):
            if child.isVisible() and child.parentWidget():
                right = child.mapTo(window, child.rect().topRight()).x()
                assert right <= width, (type(child), child.accessibleName(), right)


# -- what is remembered, and what everyone can use


def test_choices_are_remembered(qtbot: Any, open_window: Open, engine: FakeEngine, places: Places) -> None:
    window = open_window(engine, (900, 640))
    window.library_commands.choose_theme("light")
    window.player.volume.setValue(-12)
    window.library_commands.set_compact(True)
    window.regions.toggle_panel()
    window.close()
    settings = load(places.settings)
    assert (settings.theme, settings.volume_db) == ("light", -12.0)
    again = open_window(engine, (900, 640))
    assert again.theme.tokens == LIGHT
    assert again.player.volume.value() == -12
    assert again.center.results.compact
    assert not again.panel.isVisible()
    qtbot.waitUntil(lambda: again.fake_player.gain_db == -12.0)


def test_settings_that_cannot_be_read_are_told(
    qtbot: Any, open_window: Open, engine: FakeEngine, places: Places, caplog: Any
) -> None:
    places.settings.write_text("theme = [")
    window = open_window(engine)
    assert "Cannot read the settings" in window.center.notices.text.text()
    window.library_commands.choose_theme("light")
    assert places.settings.read_text() == "theme = ["  # what cannot be understood is not overwritten


def test_every_control_has_a_name_and_every_icon_button_a_tooltip(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    engine.failures = (Failure("/a", "b"),)
    window = open_window(engine)
    window.center.search_bar.add_sounds(("/a.wav",))
    window._bridge.scan()
    nameless = []
    for widget in window.findChildren(QWidget):
        if (
            widget.focusPolicy() == Qt.FocusPolicy.NoFocus
            or not widget.isVisible()
            or widget.objectName().startswith("qt_")
        ):
            continue
        text = getattr(widget, "text", lambda: "")()
        if not (widget.accessibleName() or text):
            nameless.append(type(widget).__name__)
        if type(widget).__name__ == "QToolButton" and not widget.toolTip():
            nameless.append(f"no tooltip: {widget.accessibleName()}")
    assert nameless == []


def test_tab_reaches_the_regions(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.results.enter()
    qtbot.waitUntil(lambda: window._audition.state == "playing")
    seen = set()
    for _ in range(40):
        focus = QApplication.focusWidget()
        if focus is None:
            break
        seen.add(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    for widget in (
        window.center.search_bar.box,
        window.center.search_bar.menu_button,
        window.center.results,
        window.panel.add_button,
        window.player.play_button,
        window.player.wave,
        window.player.volume,
        window.player.auto_button,
        window.status_line.model_button,
    ):
        assert widget in seen, widget.accessibleName()


def test_the_sheet_lists_what_works(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    window.center.results.enter()
    qtbot.waitUntil(window.center.results.hasFocus)
    qtbot.keyClicks(window.center.results, "?")
    sheet = window.findChild(ShortcutSheet)
    assert sheet is not None and sheet.isVisible()
    assert len(SHORTCUTS) > 10
    sheet.close()


def test_the_main_menu_changes_the_theme(qtbot: Any, open_window: Open, engine: FakeEngine, theme: Theme) -> None:
    window = open_window(engine)
    qtbot.mouseClick(window.center.search_bar.menu_button, Qt.MouseButton.LeftButton)
    menu = open_menu()
    assert "Keyboard shortcuts" in menu_texts(menu)
    themes = next(action.menu() for action in menu.actions() if action.text() == "Theme")
    assert isinstance(themes, QMenu)
    next(action for action in themes.actions() if action.text() == "Light").trigger()
    menu.close()
    assert theme.tokens == LIGHT


def test_column_widths_are_remembered_only_if_chosen(
    qtbot: Any, open_window: Open, engine: FakeEngine, places: Places
) -> None:
    window = open_window(engine, (480, 640))
    window.resize(1600, 640)
    qtbot.wait(20)
    window._save()
    assert not [key for key in window._preferences.window.allKeys() if key.startswith("columns/")]
    window.center.results.horizontalHeader().resizeSection(Column.NAME, 300)
    window._save()
    assert window._preferences.window.value("columns/name") == 300


def test_a_clip_that_is_loaded_already_is_drawn_again(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    results, wave = window.center.results, window.player.wave
    results.enter()
    qtbot.waitUntil(lambda: wave.has_content)
    first = window.listening.clip
    assert first is not None
    window.listening.choose(first)  # after Esc, Esc, ↓
    assert wave.has_content
    assert wave.accessibleDescription() == "0:00.0 of 0:02.0"


def test_a_clip_that_is_offline_is_not_heard_as_another(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine)
    results, wave = window.center.results, window.player.wave
    results.enter()
    qtbot.waitUntil(lambda: window._audition.state == "playing")
    first = window.listening.clip
    assert first is not None
    window.listening.choose(replace(first, id=99, path="/sounds/gone.wav", offline=True))
    assert wave.accessibleDescription() == "Its folder is offline"
    assert play_calls(window)[-1] == ("stop",)
    qtbot.keyClick(results, Qt.Key.Key_Space)
    assert play_calls(window)[-1] == ("stop",)
    window.listening.choose(first)
    qtbot.waitUntil(lambda: wave.accessibleDescription() == "0:00.0 of 0:02.0")


def test_after_a_click_on_the_player_arrows_still_lead_through_the_list(
    qtbot: Any, open_window: Open, engine: FakeEngine
) -> None:
    window = open_window(engine)
    results = window.center.results
    results.enter()
    qtbot.waitUntil(lambda: window.player.wave.has_content)
    qtbot.mouseClick(window.player.volume, Qt.MouseButton.LeftButton)
    assert results.hasFocus()
    qtbot.mouseClick(window.player.wave, Qt.MouseButton.LeftButton)
    qtbot.keyClick(window.player.wave, Qt.Key.Key_Down)
    assert results.hasFocus()
    assert results.currentIndex().row() == 1


def test_the_player_bar_has_two_lines_where_it_is_narrow(qtbot: Any, open_window: Open, engine: FakeEngine) -> None:
    window = open_window(engine, (340, 600))
    bar = window.findChild(PlayerBar)
    assert bar is not None
    assert bar.wave.geometry().bottom() < bar.play_button.mapTo(bar, QPoint(0, 0)).y()
    assert bar.wave.width() > 300


def test_no_turn_of_the_loop_takes_long(
    qtbot: Any, open_window: Open, engine: FakeEngine, record_property: Callable[[str, object], None]
) -> None:
    """Type, arrow through rows, scroll and scan at the same time, with 100,000 clips; only own work counts here."""
    clip = engine.clips[0]
    ids = np.arange(100_000)
    engine.ranking = lambda search: Ranking(
        np.roll(ids, len(search.text)), np.zeros(len(ids), np.float32), np.full(len(ids), 2, np.uint8)
    )
    engine.clips = {number: replace(clip, id=number) for number in range(100_000)}
    engine.status = LibraryStatus(100_000, 100_000, 0, 0, engine.roots, "starter", 0, 0, "0.1", 0, "cpu")
    window = open_window(engine, (1280, 800))
    window._bridge.scan()
    job = window._bridge.jobs[0]
    turns: list[float] = []
    last = time.thread_time()

    def beat() -> None:
        nonlocal last
        now = time.thread_time()
        turns.append(1e3 * (now - last))
        last = now

    pulse = QTimer(window, interval=0)
    pulse.timeout.connect(beat)
    pulse.start()
    for number, letter in enumerate("rain on leaves"):
        qtbot.keyClicks(window.center.search_bar.box, letter)
        engine.tell(m.JobProgress(job.id, Progress("analyse", number, 100, "clips", 9)))
        qtbot.wait(20)
    qtbot.keyClick(window.center.search_bar.box, Qt.Key.Key_Down)
    for _ in range(30):
        qtbot.keyClick(window.center.results, Qt.Key.Key_Down)
        qtbot.wait(5)
    scroll = window.center.results.verticalScrollBar()
    for share in range(0, 101, 5):
        scroll.setValue(scroll.maximum() * share // 100)
        engine.tell(m.Changed())
        qtbot.wait(5)
    pulse.stop()
    turns.sort()
    record_property("longest turn, ms", round(turns[-1], 1))
    record_property("99th percentile, ms", round(turns[int(0.99 * len(turns))], 2))
    assert len(turns) > 200
    assert turns[int(0.99 * len(turns))] < 16
    assert turns[-1] < 100  # 18 ms on an idle machine

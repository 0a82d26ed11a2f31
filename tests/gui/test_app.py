"""What happens around the window: faults, logging, preferences."""

import logging
import sys
import threading
from typing import Any

import pytest
from PySide6.QtCore import qInstallMessageHandler, qWarning

from soundsearch.errors import SoundSearchError
from soundsearch.gui.app import Problems, start_logging, wait_for
from soundsearch.gui.preferences import Preferences
from soundsearch.settings import Places, Settings, load, save


@pytest.fixture
def told(qapp: Any, caplog: Any) -> Any:
    """A list that collects what would be shown, with the hooks of the interpreter in our hands."""
    before = sys.excepthook, threading.excepthook
    shown: list[tuple[str, str]] = []
    problems = Problems(lambda summary, detail: shown.append((summary, detail)))
    problems.install()
    yield shown
    problems.remove()
    assert (sys.excepthook, threading.excepthook) == before
    caplog.clear()


def fault() -> None:
    raise ValueError("an example")


def test_a_fault_in_the_window_is_shown_with_its_traceback(qtbot: Any, told: Any, caplog: Any) -> None:
    try:
        fault()
    except ValueError:
        sys.excepthook(*sys.exc_info())  # as Qt's slots and the interpreter do
    qtbot.waitUntil(lambda: len(told) == 1)
    summary, detail = told[0]
    assert summary == "ValueError: an example"
    assert "in fault" in detail
    assert "unexpected" in caplog.text and "in fault" in caplog.text


def test_a_fault_in_a_thread_is_shown_too(qtbot: Any, told: Any) -> None:
    thread = threading.Thread(target=fault)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(told) == 1)


def test_ctrl_c_is_no_fault(qtbot: Any, told: Any) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    qtbot.wait(20)
    assert told == []


def test_qts_messages_go_to_the_log(places: Places, qapp: Any) -> None:
    handler = start_logging(places)
    try:
        qWarning("something of Qt")
    finally:
        qInstallMessageHandler(None)
        logging.getLogger().removeHandler(handler)
        handler.close()
    assert "WARNING qt: something of Qt" in places.log.read_text()


def test_without_a_place_for_a_log_the_program_still_starts(places: Places, qapp: Any, caplog: Any) -> None:
    places.log.mkdir()  # as root may write anywhere, this stands for a folder that is read-only
    handler = start_logging(places)
    qInstallMessageHandler(None)
    logging.getLogger().removeHandler(handler)
    handler.close()
    assert "no log is kept" in caplog.text


def test_preferences_keep_what_the_engine_wrote(places: Places) -> None:
    preferences = Preferences(places)
    preferences.change(theme="light")
    save(Settings(model="clap-htsat-fused"), places.settings)  # by the engine, from what it had read before
    preferences.save()
    assert load(places.settings) == Settings(model="clap-htsat-fused", theme="light")


def test_nothing_is_written_before_something_is_changed(places: Places) -> None:
    Preferences(places).save()
    assert not places.settings.exists()


def test_waiting_in_vain_says_so(qapp: Any) -> None:
    with pytest.raises(SoundSearchError, match="did not get ready"):
        wait_for(qapp, lambda: False, 0.05)

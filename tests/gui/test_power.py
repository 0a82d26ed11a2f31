"""Scans rest on battery if the user wishes so, and go on by themselves; what the user resumes is left alone."""

from collections.abc import Callable
from typing import Any

import pytest

from soundsearch.engine import messages as m
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.power import PowerWatch, on_battery
from soundsearch.gui.settings_dialog import SettingsDialog
from tests.gui.fake_engine import FakeEngine, made_up_clip


@pytest.fixture
def window(open_window: Callable[..., MainWindow]) -> MainWindow:
    return open_window(FakeEngine([made_up_clip(i) for i in range(3)]))


def feed(window: MainWindow, battery: bool) -> PowerWatch:
    power = window.dialogs.power
    power.on_battery = lambda: battery
    power.look()
    return power


def asked(window: MainWindow) -> list[str]:
    wanted = (m.PauseJob, m.ResumeJob)
    return [type(r).__name__ for r in window.engine.sent if isinstance(r, wanted)]  # type: ignore[attr-defined]


def test_the_machine_can_be_asked() -> None:
    assert on_battery() in (True, False)


def test_scans_rest_on_battery_and_go_on_at_the_mains(qtbot: Any, window: MainWindow) -> None:
    window._bridge.scan()
    feed(window, True)
    assert asked(window) == []  # nobody has wished for it
    window.dialogs.show_settings()
    dialog = window.findChild(SettingsDialog)
    assert dialog is not None
    dialog.on_battery.setChecked(True)
    dialog.close()
    assert asked(window) == ["PauseJob"]
    assert "rests" in window.status_line.clips.text()
    window._bridge.scan("/other")  # one more, while it rests
    assert asked(window) == ["PauseJob"] * 2
    feed(window, False)
    assert asked(window) == ["PauseJob"] * 2 + ["ResumeJob"] * 2
    for job in window._bridge.jobs:
        window.engine.tell(m.JobStopped(job.id))  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not window._bridge.jobs)


def test_what_the_user_resumes_or_paused_himself_stays_so(qtbot: Any, window: MainWindow) -> None:
    window.dialogs.power._preferences.change(pause_on_battery=True)
    feed(window, True)
    window._bridge.scan()
    (job,) = window._bridge.jobs
    assert asked(window) == ["PauseJob"]
    with qtbot.waitSignal(window._bridge.job_paused):
        window._bridge.resume(job)
    feed(window, False)
    assert asked(window) == ["PauseJob", "ResumeJob"]  # the user's own
    window.engine.tell(m.JobStopped(job.id))  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not window._bridge.jobs)

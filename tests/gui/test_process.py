"""The window in a process of its own: what it loads, how soon it is seen, how it ends; the real engine behind it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from soundsearch.gui import app
from soundsearch.settings import Places
from tests.gui.conftest import Library

HEAVY = {"torch", "transformers", "sqlite3", "numkong", "usearch", "_sqlite3"}
REPOSITORY = Path(__file__).resolve().parents[2]


def environment(**values: str) -> dict[str, str]:
    return {**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **values}


def run(code: str, *arguments: str, timeout_s: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Runs the program as `python -m soundsearch` does; once the player is there too, tells what is loaded and ends.
PROGRAM = """
import json, sys, threading, time
from PySide6.QtCore import QTimer
import soundsearch.__main__ as program
from soundsearch.gui import app
from soundsearch.gui.main_window import MainWindow

told = {}
started = MainWindow.start
def start(window):
    told["painted"] = time.time()
    started(window)
    def look():
        if window.center.status is not None and window._audition._player is not None:
            timer.stop()
            told["modules"] = [m for m in sys.modules if "." not in m]
            told["engine"] = window._bridge._client.process_id
            window.close()
    timer = QTimer(window, interval=20)
    timer.timeout.connect(look)
    timer.start()
MainWindow.start = start
sys.argv = ["soundsearch", "--data-dir", sys.argv[1]]
code = program.main()
told["threads"] = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
print(json.dumps({**told, "code": code}))
"""


def test_the_running_window_loads_nothing_heavy_is_seen_soon_and_ends_with_its_engine(tmp_path: Path) -> None:
    began = time.time()
    told = json.loads(run(PROGRAM, str(tmp_path / "data")))
    assert set(told["modules"]) & HEAVY == set()
    assert told["code"] == 0
    assert told["threads"] == []
    with pytest.raises(ProcessLookupError):
        os.kill(told["engine"], 0)
    # 0.5 s on an idle machine; other tests may be running beside this one.
    assert told["painted"] - began < 5


def test_ctrl_c_in_the_terminal_closes_the_window(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "soundsearch", "--data-dir", str(tmp_path)],
        cwd=REPOSITORY,
        env=environment(),
        stderr=subprocess.PIPE,
    )
    log = tmp_path / "soundsearch.log"
    deadline = time.monotonic() + 30
    while not (log.exists() and "first painted" in log.read_text()):
        assert time.monotonic() < deadline and program.poll() is None
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    assert program.wait(20) == 0
    assert program.stderr is not None
    assert "Traceback" not in program.stderr.read().decode()
    program.stderr.close()


def test_the_real_engine_scans_answers_and_plays_in_the_window(
    qtbot: Any, qapp: Any, tmp_path: Path, library: Library, theme: Any
) -> None:
    """From the first run to a heard clip, through the real process border and the real player."""
    places = Places(tmp_path / "data")
    places.create()
    window = app.build(qapp, places)
    window.resize(900, 600)
    window.show()
    window.start()
    try:
        qtbot.waitUntil(window.first_run.isVisible, timeout=20_000)
        window._bridge.scan(str(library.sounds))
        qtbot.waitUntil(lambda: not window._bridge.jobs and window.center.model.rowCount() == 2, timeout=60_000)
        qtbot.waitUntil(lambda: window.center.is_settled)
        qtbot.waitUntil(lambda: window.panel._failed.text() == "1 file cannot be read")
        qtbot.keyClicks(window.center.search_bar.box, "white noise")
        qtbot.waitUntil(lambda: window.center._shown.text == "white noise", timeout=20_000)  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: window.center.is_settled and window.center.model.rowCount() == 2)
        qtbot.keyClick(window.center.search_bar.box, Qt.Key.Key_Down)
        clip = window.center.results.current_clip()
        assert clip is not None and len(clip.peaks) > 0
        qtbot.waitUntil(lambda: window.player.is_settled and window._audition.duration_s > 0)
        assert window._audition.duration_s == pytest.approx(0.5, abs=0.01)
        window.center.search_bar.add_sounds((str(library.sounds / library.names[1]),))
        qtbot.waitUntil(lambda: bool(window.center._shown.likes) and window.center.is_settled)  # type: ignore[union-attr]
        window.center.search_bar.clear()
        window.center.search_bar.find_similar(str(library.sounds / library.names[1]))
        qtbot.waitUntil(lambda: window.center.is_settled)
        best = window.center.model.clip(0)
        assert best is not None and best.name == library.names[1]
    finally:
        window.close()
        window.deleteLater()


def test_a_picture_needs_no_display(tmp_path: Path, library: Library) -> None:
    made = tmp_path / "window.png"
    env = {k: v for k, v in environment().items() if k not in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")}
    code = "import sys; from pathlib import Path; from soundsearch.gui import app\n"
    code += "app.picture(sys.argv[1], Path(sys.argv[2]), 'noise', (640, 480))"
    subprocess.run(
        [sys.executable, "-c", code, str(made), str(library.data)],
        cwd=REPOSITORY,
        env=env,
        check=True,
        capture_output=True,
        timeout=120,
    )
    header = made.read_bytes()[:24]
    assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (640, 480)
    assert not (library.data / "window.ini").exists()  # a picture leaves what is remembered as it was
    assert re.search(rb"IDAT", made.read_bytes())


def test_what_is_typed_while_the_model_loads_is_answered_once_it_is_there(
    qtbot: Any, qapp: Any, library: Library, theme: Any
) -> None:
    window = app.build(qapp, Places(library.data))
    window.silence()
    ready: list[str] = []
    window._bridge.model_ready.connect(lambda name, _device: ready.append(name))
    window.show()
    window.start()
    try:
        qtbot.keyClicks(window.center.search_bar.box, "noise", delay=20)
        assert ready == []
        qtbot.waitUntil(lambda: window.center._shown is not None, timeout=30_000)
        assert window.center.search_bar.box.text() == "noise"
        qtbot.waitUntil(lambda: window.center._shown.text == "noise", timeout=30_000)  # type: ignore[union-attr]
        assert len(ready) == 1
        assert window.center.model.rowCount() == 2 and window.center.model.ranking.similarity.all()
    finally:
        window.close()
        window.deleteLater()


def test_a_killed_engine_is_started_again(qtbot: Any, qapp: Any, library: Library, theme: Any) -> None:
    window = app.build(qapp, Places(library.data))
    window.silence()
    window.show()
    window.start()
    try:
        qtbot.waitUntil(lambda: window.center.model.rowCount() == 2, timeout=20_000)
        with qtbot.waitSignal(window._bridge.lost, timeout=20_000) as lost:
            os.kill(window._bridge._client.process_id, signal.SIGKILL)  # type: ignore[attr-defined]
        assert lost.args == [True]
        assert "was started again" in window.center.notices.text.text()
        window.center.search_bar.box.setText("noise")
        qtbot.waitUntil(lambda: window.center._shown.text == "noise", timeout=30_000)  # type: ignore[union-attr]
        assert window.center.model.rowCount() == 2
    finally:
        window.close()
        window.deleteLater()


def test_a_selected_row_is_heard_at_once(
    qtbot: Any, qapp: Any, library: Library, theme: Any, sound_server: Any, tmp_path: Path
) -> None:
    """Through the real engine, player and sound server; the null sink tells what was played."""
    shutil.copytree(library.data, tmp_path / "data")
    window = app.build(qapp, Places(tmp_path / "data"))
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.start()
    try:
        qtbot.waitUntil(lambda: window.center.model.rowCount() == 2 and window.center.is_settled, timeout=20_000)
        qtbot.waitUntil(lambda: window._audition._player is not None)
        with sound_server.recorder() as recorder:
            window.center.results.enter()
            qtbot.keyClick(window.center.results, Qt.Key.Key_Down)  # the second clip, a tone, cuts the first, noise
            qtbot.waitUntil(lambda: window._audition.state == "playing")
            qtbot.waitUntil(lambda: window.player.wave.position_s > 0)
            qtbot.waitUntil(lambda: window._audition.state == "idle")
            qtbot.keyClick(window.center.results, Qt.Key.Key_Space)
            qtbot.waitUntil(lambda: window._audition.state == "playing")
            qtbot.keyClick(window.center.results, Qt.Key.Key_Escape)
            qtbot.waitUntil(lambda: window._audition.state == "idle")
    finally:
        window.close()
        window.deleteLater()
    heard = recorder.heard[:, 0]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.fft.rfftfreq(len(heard), 1 / 48_000)[spectrum.argmax()] == pytest.approx(220, abs=3)
    assert 0.4 < np.count_nonzero(np.abs(heard) > 0.05) / 48_000 < 1.2

"""From the arrow key to the first sample that is heard: the real window, the real player, a real sound server; as JSON.

    python -m benchmarks.audition [--rows N] [--platform offscreen|xcb]

A library of made-up clips in several formats, each of which begins with its full level, is shown in the window; the key
goes to the list as from a keyboard, and the monitor of PulseAudio's null sink is read as it comes. What is told is the
time from the key to the first sample at the monitor, and beside it the buffers that lie between the player and the
monitor, measured by a sound that is written to the same output directly: of that, we can do nothing about.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

RATE = 48_000
FORMATS = (("wav", "PCM_16", 48_000), ("flac", "PCM_24", 44_100), ("ogg", "VORBIS", 48_000), ("wav", "FLOAT", 96_000))
CLIP_S = 0.25
SILENCE_S = 0.5  # between two clips, so that what is heard belongs to the key


class Monitor:
    """Notes when the null sink's monitor becomes loud after silence."""

    def __init__(self) -> None:
        command = ["parec", "--device=proof.monitor", "--format=s16le", "--rate=48000", "--channels=1", "--raw"]
        self._process = subprocess.Popen([*command, "--latency-msec=1"], stdout=subprocess.PIPE)
        self.heard: list[float] = []
        self.flowing = threading.Event()
        self._quiet = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while data := os.read(pipe, 1 << 14):
            now = time.perf_counter()
            self.flowing.set()
            loud = np.flatnonzero(np.abs(np.frombuffer(data[: len(data) // 2 * 2], np.int16)) > 300)
            if not len(loud):
                self._quiet += len(data) // 2
                continue
            if self._quiet + loud[0] > 0.1 * RATE:
                self.heard.append(now - (len(data) // 2 - loud[0]) / RATE)
            self._quiet = len(data) // 2 - 1 - int(loud[-1])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100, help="how many rows are gone through")
    parser.add_argument("--platform", default="offscreen", help="Qt platform: offscreen, xcb, ...")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = options.platform
    from tests.conftest import SoundServer

    server = SoundServer()
    try:
        with tempfile.TemporaryDirectory() as home:
            print(json.dumps(measure(Path(home), options.rows), indent=1))
    finally:
        server.stop()


def make_clips(folder: Path, count: int) -> None:
    import soundfile

    random = np.random.default_rng(5)
    for number in range(count):
        extension, subtype, rate = FORMATS[number % len(FORMATS)]
        noise = (
            random.uniform(-0.8, 0.8, (round(CLIP_S * rate), 2)) * np.linspace(1, 0.3, round(CLIP_S * rate))[:, None]
        )
        soundfile.write(folder / f"clip {number:04}.{extension}", noise, rate, subtype=subtype)


def buffer_ms(monitor: Monitor, count: int = 15) -> float:
    """What lies between the player's callback and the monitor: the median of impulses given to the open output."""
    from soundsearch.audio.output import Output

    output = Output()
    output.open(RATE, "", 1.0)
    stream, mixer = output._stream, output._mixer
    taken: list[float] = []
    times: list[float] = []
    due = False

    class Impulse:
        target, level, finished, is_heard, gain, past, tail = 1, 1.0, False, True, 1.0, 0, 0

        def read(self, out: Any, _steps: Any) -> None:
            nonlocal due
            out[:] = 0
            if due:
                due = False
                taken.append(time.perf_counter())
                out[:48] = 0.8

    mixer.voices = (Impulse(),)
    for _ in range(count):
        time.sleep(0.4)
        before = len(monitor.heard)
        due = True
        deadline = time.perf_counter() + 2
        while len(monitor.heard) == before and time.perf_counter() < deadline:
            time.sleep(0.001)
        if len(monitor.heard) > before:
            times.append(1e3 * (monitor.heard[-1] - taken[-1]))
    stream.abort()
    stream.close()
    return float(np.median(times))


def measure(home: Path, rows: int) -> dict[str, Any]:
    from PySide6.QtCore import QEvent, QEventLoop, Qt, QTimer
    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QApplication

    from soundsearch.gui import app as app_module
    from soundsearch.settings import Places

    sounds = home / "sounds"
    sounds.mkdir()
    make_clips(sounds, rows + 2)
    program = [sys.executable, "-m", "soundsearch", "--data-dir", str(home / "data"), "--quiet", "scan", str(sounds)]
    subprocess.run(program, check=True, capture_output=True)
    monitor = Monitor()
    monitor.flowing.wait(10)
    between_ms = buffer_ms(monitor)

    app = app_module.make_application()
    places = Places(home / "data")
    places.create()
    window = app_module.build(app, places)
    window.show()
    window.start()
    app_module.wait_for(window, lambda: window.center.status is not None and window.center.is_settled, 120)
    window.activateWindow()
    results = window.center.results
    results.setFocus()
    loop = QEventLoop()
    waits: list[float] = []
    buffers: list[float] = []
    first_ms = 0.0
    missed = 0
    for row in range(rows):
        quiet = QTimer(singleShot=True, interval=round(1e3 * (CLIP_S + SILENCE_S)))
        quiet.timeout.connect(loop.quit)
        quiet.start()
        loop.exec()
        before = len(monitor.heard)
        pressed = time.perf_counter()
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.postEvent(results, QKeyEvent(kind, Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier))
        deadline = pressed + 3
        check = QTimer(interval=5)

        def look(before: int = before, deadline: float = deadline) -> None:
            if len(monitor.heard) > before or time.perf_counter() > deadline:
                loop.quit()

        check.timeout.connect(look)
        check.start()
        loop.exec()
        check.stop()
        if len(monitor.heard) == before:
            missed += 1
        elif row == 0:
            first_ms = 1e3 * (monitor.heard[-1] - pressed)  # the output is opened
        else:
            waits.append(1e3 * (monitor.heard[-1] - pressed))
            buffers.append(1e3 * window._audition._player._output.latency_s)
    window.close()
    monitor.close()
    found = np.array(waits)
    return {
        "rows": len(waits),
        "not heard": missed,
        "first of all, with opening the output, ms": round(first_ms, 1),
        "key to monitor, ms: median / 99th percentile / longest": [
            round(float(v), 1) for v in (np.median(found), np.percentile(found, 99), found.max())
        ],
        "the output's buffer, ms: median / longest": [round(float(v), 1) for v in (np.median(buffers), max(buffers))],
        "a buffer of 40 ms delays by, measured, ms": round(between_ms, 1),
        "without the buffer, ms: median / 99th percentile": [
            round(float(v), 1) for v in np.percentile(found - np.array(buffers), (50, 99))
        ],
        "load average": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    main()

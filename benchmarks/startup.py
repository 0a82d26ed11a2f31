"""How soon the window is on the screen, against an empty PySide6 window.

    python -m benchmarks.startup [--rounds N] [--data FOLDER] [--platform offscreen|xcb] [--json]

`python -m soundsearch` and a script that shows an empty window are started in turn, N times each, every time as a fresh
process: from its start to the first turn of the event loop after the window has been painted. Cold means a fresh
process; the files that it reads are in the system's cache, for one round that does not count goes before.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import turns

TIMEOUT_S = 60.0
EMPTY = """
import time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

class Window(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        QTimer.singleShot(0, self.told)

    def told(self):
        print(repr(time.time()), flush=True)
        app.quit()

app = QApplication([])
window = Window()
window.resize(1100, 720)
window.show()
app.exec()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--data", type=Path, help="a library to open; default none, as on the first run")
    parser.add_argument("--platform", default="offscreen", help="Qt platform: offscreen, xcb, ...")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.data or Path(folder) / "data", options.rounds, options.platform)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


def measure(data: Path, rounds: int, platform: str = "offscreen", *, warm_up: bool = True) -> dict[str, Any]:
    machine = turns.machine()
    env = {**os.environ, "QT_QPA_PLATFORM": platform}
    times = [(our_window(data, env), empty_window(env)) for _ in range(rounds + warm_up)][warm_up:]
    return {
        "machine": machine,
        "rounds": rounds,
        "platform": platform,
        "seconds": {
            "soundsearch": turns.spread([ours for ours, _ in times]),
            "an empty window": turns.spread([empty for _, empty in times]),
            "more than it": turns.spread([ours - empty for ours, empty in times]),
        },
    }


def as_markdown(result: dict[str, Any]) -> str:
    lines = [
        turns.in_words(result["machine"]),
        f"Platform {result['platform']}; medians of {result['rounds']} rounds (lowest-highest).",
        "",
        "| from the start of the process to the first picture | seconds |",
        "| --- | ---: |",
    ]
    return "\n".join(lines + [f"| {name} | {turns.shown(s, digits=2)} |" for name, s in result["seconds"].items()])


def empty_window(env: dict[str, str]) -> float:
    began = time.time()
    done = subprocess.run([sys.executable, "-c", EMPTY], env=env, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT_S)
    return float(done.stdout) - began


def our_window(data: Path, env: dict[str, str]) -> float:
    """The program itself, unchanged: it writes into its log when it was first painted."""
    log = data / "soundsearch.log"
    if log.exists():
        log.unlink()
    began = time.time()
    process = subprocess.Popen([sys.executable, "-m", "soundsearch", "--data-dir", str(data)], env=env)
    try:
        while (painted := first_painted(log)) is None:
            if process.poll() is not None or time.time() - began > TIMEOUT_S:
                raise SystemExit(f"The window was not painted within {TIMEOUT_S:.0f} s.")
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # closes the window, and with it the engine
            process.wait(TIMEOUT_S)
    return painted - began


def first_painted(log: Path) -> float | None:
    """When, in seconds since 1970, as the log says to the millisecond."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    for line in lines:
        if "first painted" in line:
            return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp()
    return None


if __name__ == "__main__":
    main()

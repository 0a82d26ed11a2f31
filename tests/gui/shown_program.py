"""soundsearch as it is, telling on stdout where its rows are, what is searched and where the keyboard is."""

import json
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtWidgets import QApplication

from soundsearch.gui import app
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.result_model import Column

last: dict[str, Any] = {}


def tell(window: MainWindow) -> None:
    global last
    center = window.center
    rows = []
    if center.status is not None and center.is_settled:
        for row in range(min(center.model.rowCount(), 5)):
            at = center.results.visualRect(center.model.index(row, Column.NAME)).center()
            at = center.results.viewport().mapToGlobal(at)
            clip = center.model.clip(row)
            rows.append([at.x(), at.y(), clip.path if clip else ""])
    region = window.player.wave.region
    focus = QApplication.focusWidget()
    now = {
        "rows": rows,
        "draft": [center.search_bar.draft.text, *(sound.path for sound in center.search_bar.draft.sounds)],
        "parts": [[sound.start_s, sound.end_s] for sound in center.search_bar.draft.sounds],
        "wave": [*window.player.wave.mapToGlobal(QPoint()).toTuple(), *window.player.wave.size().toTuple()],
        "shown": window.player.wave.overview is not None and len(window.player.wave.overview) > 0,
        "region": [region.start_s, region.end_s] if region else None,
        "line": window.status_line.clips.text(),
        "focus": focus.accessibleName() if focus else "",
        "sheet": any(dialog.windowTitle() == "Keyboard shortcuts" for dialog in app_.topLevelWidgets()),
        "first run": center.is_first_run,
    }
    if now != last:
        last = now
        print(json.dumps(now), flush=True)


show = MainWindow.show


def show_and_tell(window: MainWindow) -> None:
    show(window)
    timer = QTimer(window, interval=50)
    timer.timeout.connect(lambda: tell(window))
    timer.start()


if __name__ == "__main__":  # the engine process imports this file too
    app_ = app.make_application()
    MainWindow.show = show_and_tell  # type: ignore[method-assign]
    sys.exit(app.main(data_dir=Path(sys.argv[1])))

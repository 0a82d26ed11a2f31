"""Pictures of the window, made by one command: `python -m tests.gui.pictures docs/pictures`.

Those of README and guide are whole (PNG); all states and dialogs, in both themes, 320, 900 and 2560
pixels wide and at 200 %, are one sheet each in `states/` (WebP), listed in `states/README.md`. With `guide` or `states`
behind the folder only those are made; `states shots` also keeps every picture of the sheets whole, in `shots/`.

Clips, waveforms, rankings, details, map, proposed tags and duplicates are those of the demo library, the real engine
and the shipped model; what passes in a moment (a scan half done, a lost engine, a training) is staged.
"""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import Qt

from soundsearch.engine import messages as m
from soundsearch.gui.draft import Draft, Sound
from soundsearch.gui.naming import TagEditor
from soundsearch.gui.region import Region
from soundsearch.gui.settings_dialog import SettingsDialog
from tests.conftest import SoundServer
from tests.gui.fake_engine import OUTCOME, FakeEngine
from tests.gui.scenes import (
    MATRIX,
    open_duplicates,
    open_review,
    organised_engine,
    show_map,
    train,
    training_window,
)
from tests.gui.stage import QUERY, Stage, View, demo_library, doubled, learn

SIZES = ((320, 640), (900, 600), (2560, 1440))
THEMES = ("dark", "light")
ROW_HEIGHT = 480  # of a sheet, in pixels
GAP = 16
QUALITY = 55


def guide(stage: Stage) -> None:
    """What README.md and docs/guide.md show."""
    dark, light = View("dark", (900, 600)), View("light", (900, 600))
    with stage.window(stage.engine(), View("dark", (1280, 800))) as window:
        stage.ask(window, Draft(QUERY), 1)
        stage.save("window", window)
    with stage.window(stage.engine(), light) as window:
        stage.ask(window, Draft(QUERY), 1)
        stage.save("window-light", window)
    with stage.window(stage.engine(), View("dark", (320, 640))) as window:
        stage.ask(window, Draft(QUERY), 1)
        stage.save("window-narrow", window)
    with stage.window(FakeEngine(), dark) as window:
        stage.save("first-run", window)
    sounds = (Sound(stage.known.clips[3].path), Sound(stage.known.clips[20].path, False))
    with stage.window(stage.engine(), View("light", (900, 480))) as window:
        stage.ask(window, Draft("wet slap", sounds, ("dur:0.5-4", "-voice")), None)
        stage.save("guide-query", window.center.search_bar)
        window.center.recording.begin()
        window.center.recording.show_running(3.2, -12.0)
        stage.save("guide-recording", window.center.recording)
    with stage.window(stage.engine(), dark) as window:
        stage.ask(window, Draft(QUERY), 1)
        window.player.wave.set_region(Region(2.0, 5.5))
        stage.save("guide-region", window)
        show_map(stage, window, "folders")
        window.center.search_bar.clear()
        stage.rest(window, 0.5)
        stage.save("guide-map", window)
    guide_dialogs(stage, dark, light)


def guide_dialogs(stage: Stage, dark: View, light: View) -> None:
    organised = organised_engine(stage)
    with stage.window(organised, light) as window:
        stage.ask(window, Draft(QUERY))
        stage.save("guide-organised", window)
        window.organising.edit_tags()
        stage.save("guide-tags", window.findChild(TagEditor))
        window.dialogs.show_settings()
        stage.save("guide-settings", window.findChild(SettingsDialog))
        open_review(stage, window, organised)
        stage.save("guide-tagging", window.tagging.dialog)
    engine = stage.engine()
    with stage.window(engine, dark) as window:
        open_duplicates(stage, window, engine)
        stage.save("guide-duplicates", window.duplicates.dialog)
    stage.view = light
    with training_window(stage) as (engine, window):
        top = window.training.dialog.plan_page.tree.topLevelItem(0)
        assert top is not None
        top.child(0).setCheckState(0, Qt.CheckState.Unchecked)
        stage.rest(window, 0.6)
        stage.save("guide-train-plan", window.training.dialog)
        job = train(stage, engine, window)
        stage.save("guide-train-run", window.training.dialog)
        engine.tell(m.JobDone(job.id, OUTCOME))
        stage.rest(window)
        stage.save("guide-train-result", window.training.dialog)


def shoot_all(stage: Stage, sizes: Sequence[tuple[int, int]], names: Sequence[str]) -> None:
    """Every state, in both themes and in these sizes."""
    for theme in THEMES:
        for size in sizes:
            stage.view = View(theme, size)
            for scene in MATRIX:
                if not names or scene.__name__.rstrip("_") in names:
                    scene(stage)


def sheets(shots: Path, out: Path) -> None:
    """One picture for each state: a row for each theme, from narrow to wide, then 200 %."""
    out.mkdir(parents=True, exist_ok=True)
    names = sorted({path.name.partition("@")[0] for path in shots.glob("*.png")})
    for name in names:
        rows = [row for theme in THEMES if (row := _row(shots, name, theme))]
        width = max(sum(shot.width + GAP for shot in row) - GAP for row in rows)
        height = sum(max(shot.height for shot in row) + GAP for row in rows) - GAP
        sheet = Image.new("RGB", (width, height), "#808080")
        y = 0
        for row in rows:
            x = 0
            for shot in row:
                sheet.paste(shot, (x, y))
                x += shot.width + GAP
            y += max(shot.height for shot in row) + GAP
        sheet.save(out / f"{name}.webp", quality=QUALITY, method=6)
    names = sorted(path.stem for path in out.glob("*.webp"))  # also those of other scenes, made before
    lines = [
        "# The window in all its states",
        "",
        "Made by `python -m tests.gui.pictures docs/pictures`, to be looked at when it is changed. In each sheet,",
        "dark above light: 320, 900 and 2560 pixels wide, then 900 on a screen of 200 %, made smaller to fit.",
        "",
    ]
    for name in names:
        words = name.replace("-", " ")
        lines.append(f"## {words.capitalize()}\n\n![{words}]({name}.webp)\n")
    (out / "README.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _row(shots: Path, name: str, theme: str) -> list[Image.Image]:
    row = []
    for width, scale in ((320, 100), (900, 100), (2560, 100), (900, 200)):
        path = shots / f"{name}@{theme}-{width}-{scale}.png"
        if path.exists():
            with Image.open(path) as shot:
                ratio = min(1.0, ROW_HEIGHT / shot.height)
                size = (round(shot.width * ratio), round(shot.height * ratio))
                row.append(shot.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    return row


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[2:] or ["guide", "states"]
    server = SoundServer() if shutil.which("pulseaudio") else None
    try:
        with demo_library() as data, tempfile.TemporaryDirectory() as folder:
            stage = Stage(Path(folder))
            learn(stage, data)
            if "guide" in wanted:
                guide(stage)
                for path in stage.out.glob("*.png"):
                    shutil.move(path, out / path.name)
            if "states" in wanted:
                names = [name for name in wanted if name not in ("guide", "states", "shots")]
                shoot_all(stage, SIZES, names)
                learned = Path(folder) / "known"
                learned.write_bytes(pickle.dumps(stage.known))
                command = [sys.executable, "-m", "tests.gui.pictures", "--doubled", str(learned), folder, *names]
                subprocess.run(command, env=doubled(), check=True)
                sheets(Path(folder), out / "states")
                if "shots" in wanted:
                    shutil.copytree(folder, out / "shots", ignore=shutil.ignore_patterns("known"), dirs_exist_ok=True)
    finally:
        if server:
            server.stop()


def main_doubled() -> None:
    """What a process of its own does: Qt reads the scale of the screen once."""
    stage = Stage(Path(sys.argv[3]))
    stage.known = pickle.loads(Path(sys.argv[2]).read_bytes())
    shoot_all(stage, SIZES[1:2], sys.argv[4:])


if __name__ == "__main__":
    if sys.argv[1] == "--doubled":
        main_doubled()
    else:
        main()

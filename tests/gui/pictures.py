"""Pictures of the window in its states, to be looked at: `python -m tests.gui.pictures FOLDER [NAME...]`.

`python -m tests.gui.pictures docs/pictures docs guide` makes those of README and guide; without names, all others.

The clips, their waveforms and the rankings are those of the demo library and the model that is shipped; states that
pass in a moment (a scan half done, a lost engine) are staged by a made-up engine that serves these clips.
"""

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from soundsearch.audio.record import QUIET
from soundsearch.engine import messages as m
from soundsearch.gui import app as app_module
from soundsearch.gui.about import About
from soundsearch.gui.bridge import Job
from soundsearch.gui.dialogs import FailureList, ProblemReport, ShortcutSheet
from soundsearch.gui.draft import Draft, Sound
from soundsearch.gui.filter_editors import Popover
from soundsearch.gui.filters import Vocabulary
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.naming import TagEditor
from soundsearch.gui.region import Region
from soundsearch.gui.result_columns import Column
from soundsearch.gui.settings_dialog import SettingsDialog
from soundsearch.records import (
    Clip,
    Failure,
    Folder,
    LibraryMap,
    Progress,
    Ranking,
    Root,
    SavedSearch,
    TagCount,
    TrainingPlan,
    TrainingProgress,
)
from soundsearch.settings import Places, resource
from tests.gui.fake_engine import FULL, MINE, OUTCOME, STARTER, FakeEngine

WIDE = (1280, 800)
QUERY = "rain and thunder"


class StagedEngine(FakeEngine):
    """Answers with the map of the demo library."""

    drawn: LibraryMap | None = None

    def map(self) -> LibraryMap:
        return super().map() if self.drawn is None else self.drawn


class Stage:
    """Opens windows upon staged engines and saves what they show."""

    def __init__(self, out: Path, data: Path, names: list[str]) -> None:
        self.app = app_module.make_application()
        self.out, self.data, self.names = out, data, names
        self.clips: list[Clip] = []
        self.rankings: dict[m.Search, Ranking] = {}
        self.map: LibraryMap | None = None

    def wants(self, name: str) -> bool:
        return not self.names or any(name.startswith(wanted) for wanted in self.names)

    def learn(self, *queries: m.Search) -> None:
        """Ask the real engine once for all clips and the answers to these queries."""
        window = app_module.build(self.app, Places(self.data))
        window.silence()
        window.start()
        heard: list[Any] = []
        window._bridge.clips_fetched.connect(lambda _, clips: heard.append(clips))
        listed: list[Ranking] = []
        window._bridge.ranked.connect(listed.append)
        try:
            self.wait(window, lambda: listed)
            ids = tuple(int(i) for i in listed[0].clip_ids)
            window._bridge.fetch_clips(ids)
            self.wait(window, lambda: any(len(clips) == len(ids) for clips in heard))
            self.clips = list(max(heard, key=len))
            for query in queries:
                listed.clear()
                window._bridge.search(query)
                self.wait(window, lambda: listed)
                self.rankings[query] = listed[0]
            window._bridge.job_ended.connect(lambda end: setattr(self, "map", end.value))
            window._bridge.draw_map()
            self.wait(window, lambda: self.map)
        finally:
            window.close()
            window.deleteLater()

    def engine(self, share: float = 1.0) -> FakeEngine:
        engine = StagedEngine(self.clips[: round(share * len(self.clips))])
        engine.drawn = self.map if share == 1.0 else None
        engine.roots = (Root(self.clips[0].root, True, len(engine.clips)),) if engine.clips else ()
        made_up = engine.rank

        def rank(search: m.Search) -> Ranking:
            known = self.rankings.get(replace(search, order=""))
            return made_up(search) if known is None else known

        engine.ranking = rank
        return engine

    @contextmanager
    def window(self, engine: FakeEngine, size: tuple[int, int] = WIDE, theme: str = "dark") -> Iterator[MainWindow]:
        with tempfile.TemporaryDirectory() as folder:
            window = app_module.build(self.app, Places(Path(folder)), make_client=engine.connect)
            window.silence()
            window.theme.choose(theme)
            window.resize(*size)
            window.show()
            window.activateWindow()
            window.start()
            self.wait(window, lambda: window.center.status is not None and window.center.is_settled)
            self.rest(window)
            yield window
            for dialog in window.findChildren(QWidget):
                if dialog.isWindow():
                    dialog.close()
            window.close()
            window.deleteLater()

    def ask(self, window: MainWindow, draft: Draft, row: int | None = 0) -> None:
        window.center.search_bar.set_draft(draft)
        self.wait(window, lambda: window.center.is_settled)
        if row is not None:
            window.center.results.setFocus()
            window.center.results.selectRow(row)
            self.wait(window, lambda: window.player.is_settled)
        self.rest(window)

    def save(self, name: str, widget: QWidget) -> None:
        self.rest(widget)
        path = self.out / f"{name}.png"
        assert widget.grab().save(str(path)), path
        print(path)

    def wait(self, parent: QWidget, condition: Callable[[], Any]) -> None:
        app_module.wait_for(parent, lambda: bool(condition()), 60)

    def rest(self, parent: QWidget, seconds: float = 0.15) -> None:
        end = time.monotonic() + seconds
        app_module.wait_for(parent, lambda: time.monotonic() > end, 5)


def first_run(stage: Stage) -> None:
    for theme in ("dark", "light"):
        with stage.window(FakeEngine(), theme=theme) as window:
            window.first_run.choose.setFocus()
            stage.save(f"first-run-{theme}", window)
    with stage.window(FakeEngine(), (320, 640)) as window:
        stage.save("first-run-320", window)


def docs(stage: Stage) -> None:
    """What docs/pictures holds; made on a machine with a sound output."""
    with stage.window(stage.engine()) as window:
        stage.ask(window, Draft(QUERY), 1)
        stage.save("window", window)
    with stage.window(stage.engine(), (900, 600), "light") as window:
        stage.ask(window, Draft(QUERY), 1)
        stage.save("window-light", window)
    with stage.window(stage.engine(), (320, 640)) as window:
        stage.ask(window, Draft(QUERY), 1)
        stage.save("window-narrow", window)
    with stage.window(FakeEngine(), (900, 600)) as window:
        stage.save("first-run", window)


def guide(stage: Stage) -> None:
    """What docs/guide.md shows beside the pictures of `docs`."""
    sounds = (Sound(stage.clips[3].path), Sound(stage.clips[20].path, False))
    with stage.window(stage.engine(), (900, 480), "light") as window:
        stage.ask(window, Draft("wet slap", sounds, ("dur:0.5-4", "-voice")), None)
        stage.save("guide-query", window.center.search_bar)
        window.center.recording.begin()
        window.center.recording.show_running(3.2, -12.0)
        stage.save("guide-recording", window.center.recording)
    with stage.window(stage.engine(), (900, 600)) as window:
        stage.ask(window, Draft(QUERY), 1)
        window.player.wave.set_region(Region(2.0, 5.5))
        stage.save("guide-region", window)
    with stage.window(organised(stage), (900, 600), "light") as window:
        stage.ask(window, Draft(QUERY))
        stage.save("guide-organised", window)
        window.organising.edit_tags()
        stage.save("guide-tags", window.findChild(TagEditor))
        window.dialogs.show_settings()
        stage.save("guide-settings", window.findChild(SettingsDialog))
    map_page(stage, "guide-map", (900, 600), "dark", ("folders",))


def maps(stage: Stage) -> None:
    """The map in its colourings, and with what answers a query."""
    for theme, size in (("dark", (900, 600)), ("light", (2560, 1440)), ("dark", (320, 640))):
        map_page(stage, f"map-{theme}-{size[0]}", size, theme, ("brightness", "folders", "tags", "clusters"))


def map_page(stage: Stage, name: str, size: tuple[int, int], theme: str, colourings: tuple[str, ...]) -> None:
    with stage.window(stage.engine(), size, theme) as window:
        window.toggle_map()
        page = window.center.map
        for key in colourings:
            page.coloring.setCurrentIndex(page.coloring.findData(key))
            stage.rest(window, 0.4)
            stage.save(name if len(colourings) == 1 else f"{name}-{key}", window)
        if len(colourings) > 1:
            stage.ask(window, Draft(QUERY), None)
            stage.save(f"{name}-hits", window)


def scanning(stage: Stage) -> None:
    engine = stage.engine(0.4)
    engine.embedded = 0
    with stage.window(engine) as window:
        window._bridge.scan()
        job = window._bridge.jobs[0]
        engine.tell(m.JobProgress(job.id, Progress("analyse", 3_201, 12_480, "clips", 41.3)))
        stage.ask(window, Draft(), 2)
        stage.save("scanning-dark", window)
        window.resize(420, 760)
        stage.save("scanning-420", window)


def results(stage: Stage) -> None:
    for theme in ("dark", "light"):
        for size in (WIDE, (900, 600), (2560, 1440), (520, 800), (320, 760)):
            with stage.window(stage.engine(), size, theme) as window:
                stage.ask(window, Draft(QUERY), 1)
                stage.save(f"results-{theme}-{size[0]}", window)
    with stage.window(stage.engine(), (320, 760)) as window:
        stage.ask(window, Draft(QUERY))
        window.regions.toggle_panel()
        stage.save("drawer-320", window)


def similar(stage: Stage) -> None:
    liked, unliked = stage.clips[3].path, stage.clips[20].path
    for theme in ("dark", "light"):
        with stage.window(stage.engine(), (900, 600), theme) as window:
            stage.ask(window, Draft("", (Sound(liked), Sound(unliked, False))))
            stage.save(f"similar-{theme}", window)
    with stage.window(stage.engine(), (320, 600)) as window:
        stage.ask(window, Draft("soft", (Sound(liked), Sound(unliked, False))), None)
        stage.save("similar-320", window)


def query(stage: Stage) -> None:
    """Chips, what edits them, suggestions, a mistake, all columns, a recording."""
    sounds = (Sound(stage.clips[3].path, True, 0.2, 0.6, 1.5), Sound(stage.clips[20].path, False))
    draft = Draft("wet slap", sounds, ("dur:0.5-4", "tag:vinyl", "-voice"))
    for theme, size in (("dark", (900, 600)), ("light", (900, 600)), ("dark", (320, 640)), ("light", (2560, 900))):
        with stage.window(stage.engine(), size, theme) as window:
            bar, end = window.center.search_bar, f"{theme}-{size[0]}"
            bar.know(Vocabulary(("vinyl", "vintage", "violin", "kick"), ("Drums/Vintage kit",)))
            stage.ask(window, draft, None)
            stage.save(f"query-chips-{end}", window)
            bar.box.setFocus()
            QTest.keyClicks(bar.box, " vi")
            stage.save(f"query-suggestions-{end}", window)
            for kind in ("dur", "tag", "is"):
                bar._editing.edit_kind(kind, bar.filters.buttons.get(kind, bar.filters.more))
                editor = next(p for p in window.findChildren(Popover) if p.isVisible())
                stage.save(f"query-{kind}-{end}", editor)
                editor.close()
            bar.chips.chips[0].edit_requested.emit()
            editor = next(p for p in window.findChildren(Popover) if p.isVisible())
            stage.save(f"query-weight-{end}", editor)
            editor.close()
            bar.set_draft(Draft("kick durr<2"))
            stage.save(f"query-wrong-{end}", window)
            strip = window.center.recording
            strip.begin()
            strip.show_running(3.2, -12.0)
            stage.save(f"recording-{end}", window)
            strip.show_trouble(QUIET)
            stage.save(f"recording-silent-{end}", window)
            strip.hide()
            for column in Column:
                window.center.results.header.choose_column(column, True)
            stage.ask(window, Draft(QUERY), None)
            window.center.results.header.sort_by(Column.LENGTH)
            stage.save(f"columns-{end}", window)


def notices(stage: Stage) -> None:
    engine = stage.engine()
    engine.models = (STARTER, FULL)
    with stage.window(engine) as window:
        window.notices.is_quiet = False
        window._bridge.list_models()
        stage.ask(window, Draft(QUERY))
        stage.save("offer-dark", window)
        window.center.notices.dismiss.click()
        window._bridge.download_model(FULL.name)
        job = window._bridge.jobs[0]
        engine.tell(m.JobProgress(job.id, Progress("download", 120_000_000, 614_000_000, "bytes", 3_200_000)))
        stage.save("download-dark", window)
        window.library_commands.open_model_menu()
        menu = QApplication.activePopupWidget()
        stage.save("model-menu-dark", menu)
        menu.close()
        engine.tell(m.JobFailed(job.id, "The connection was lost.", "Run it again: it goes on where it stopped."))
        stage.rest(window)
        stage.save("download-failed-dark", window)
    with stage.window(stage.engine(), (320, 600), "light") as window:
        window.notices.offer_scan((stage.clips[0].root,))
        stage.save("notice-320", window)


def errors(stage: Stage) -> None:
    engine = stage.engine()
    engine.failures = (
        Failure("/sounds/Drums/kick old.aif", "it is empty"),
        Failure("/sounds/Field/2019-04 harbour.wav", "it was cut off: 12 of 96 seconds are there"),
        Failure("/sounds/Drums/notes.wav", "it is a text file, not audio"),
    )
    for theme in ("dark", "light"):
        with stage.window(engine, theme=theme) as window:
            engine.lose()
            stage.rest(window)
            stage.save(f"engine-lost-{theme}", window)
            window.library_commands.show_failures()
            listed = window.findChild(FailureList)
            assert listed is not None
            stage.rest(window)
            listed.table.selectRow(1)
            stage.save(f"unreadable-{theme}", listed)
    with stage.window(stage.engine()) as window:
        window.center.search_bar.set_draft(Draft("a unicorn"))
        stage.rest(window)
        stage.save("nothing-found-dark", window)
        window.report_bug("ValueError: example", "Traceback (most recent call last):\n  ...")
        report = window.findChild(ProblemReport)
        assert report is not None
        stage.save("report-dark", report)
    broken = stage.engine()
    broken.held = True
    offline = stage.engine()
    for number in list(offline.clips)[:4]:
        offline.clips[number] = replace(offline.clips[number], offline=True)
    offline.roots = (*offline.roots, Root("/media/Field recordings", False, 4))
    with stage.window(offline, (900, 600), "light") as window:
        stage.save("offline-light", window)
    dead = stage.engine()
    with stage.window(dead, (900, 600)) as window:
        dead.dead = True
        dead.lose()
        stage.rest(window)
        stage.save("engine-gone-dark", window)


def menus(stage: Stage) -> None:
    with stage.window(stage.engine()) as window:
        stage.ask(window, Draft(QUERY))
        window.library_commands.open_main_menu()
        menu = QApplication.activePopupWidget()
        stage.save("menu-dark", menu)
        menu.close()
        window.clip_commands.open_menu(window.pos())
        menu = QApplication.activePopupWidget()
        stage.save("clip-menu-dark", menu)
        menu.close()
        window.library_commands.show_shortcuts()
        sheet = window.findChild(ShortcutSheet)
        assert sheet is not None
        stage.save("shortcuts-dark", sheet)


def organised(stage: Stage) -> FakeEngine:
    """A library in which people have been at work."""
    engine = stage.engine()
    for number, clip in enumerate(list(engine.clips.values())):
        marks = {"favourite": number % 5 == 0, "rating": number % 6, "colour": ("", "green", "", "orange")[number % 4]}
        engine.clips[clip.id] = replace(clip, **marks)
    engine.roots = (*engine.roots, Root("/media/drive/Field recordings", False, 4_210))
    engine.collections = {"Kitchen scene": set(list(engine.clips)[:9]), "Trailer hits": set(list(engine.clips)[:3])}
    labels = ("vinyl", "punchy", "dusty", "lo-fi", "tape", "airy", "metal", "wood", "glass")
    engine.tags = tuple(TagCount(label, 212 - 20 * i, ("user",)) for i, label in enumerate(labels))
    engine.searches = {name: SavedSearch(name, name.lower()) for name in ("Dark pads", "Rain outside")}
    return engine


def organising(stage: Stage) -> None:
    for theme in ("dark", "light"):
        with stage.window(organised(stage), (1400, 820), theme=theme) as window:
            stage.ask(window, Draft(QUERY))
            stage.rest(window, 0.4)
            stage.save(f"organised-{theme}", window)
            window.dialogs.show_settings()
            stage.save(f"settings-{theme}", window.findChild(SettingsDialog))
            window.dialogs.show_about()
            stage.save(f"about-{theme}", window.findChild(About))
            window.organising.edit_tags()
            stage.save(f"tags-{theme}", window.findChild(TagEditor))
            window.dialogs.tour.begin()
            stage.save(f"tour-{theme}", window)


FOLDERS = tuple(
    Folder(path, clips)
    for path, clips in (
        ("/sounds", 412), ("/sounds/Drums", 280), ("/sounds/Drums/Hats", 74), ("/sounds/Drums/Kicks", 120),
        ("/sounds/Drums/Snares", 86), ("/sounds/Field", 102), ("/sounds/Field/Rain and other weather", 41),
        ("/sounds/Field/Streets", 61), ("/sounds/Pads", 30),
    )
)  # fmt: skip


def train(stage: Stage, engine: FakeEngine, window: MainWindow, steps: int = 184) -> Job:
    """A training that is somewhere in the middle."""
    window._bridge.train(TrainingPlan("My sounds"))
    job = window._bridge.jobs[0]
    for step in range(0, steps, 4):
        loss = 1.2 + 2.6 * math.exp(-step / 60) + 0.08 * math.sin(step)
        found = 0.63 - 0.25 * math.exp(-step / 70) if step % 24 == 0 else None
        engine.tell(m.JobProgress(job.id, TrainingProgress("train", step, 300, "steps", 4.0, "", loss, found, 131)))
    stage.rest(window)
    return job


def training(stage: Stage) -> None:
    """The dialog on all its pages, and what the window says of it."""

    def engine() -> FakeEngine:
        made = stage.engine()
        made.folders, made.models = FOLDERS, (STARTER, MINE)
        return made

    for theme, size in (("dark", (860, 700)), ("light", (860, 700)), ("dark", (320, 640)), ("light", (1400, 900))):
        staged = engine()
        with stage.window(staged, theme=theme) as window:
            stage.ask(window, Draft(QUERY))
            window.training.open()
            dialog = window.training.dialog
            dialog.resize(*size)
            stage.rest(window, 0.6)
            top = dialog.plan_page.tree.topLevelItem(0)
            assert top is not None
            top.child(0).setCheckState(0, Qt.CheckState.Unchecked)
            stage.rest(window, 0.6)
            stage.save(f"train-plan-{theme}-{size[0]}", dialog)
            job = train(stage, staged, window)
            stage.save(f"train-run-{theme}-{size[0]}", dialog)
            if size[0] == 860:
                dialog.close()
                stage.save(f"train-status-{theme}", window)
                window.training.open()
            staged.tell(m.JobDone(job.id, OUTCOME))
            stage.rest(window)
            stage.save(f"train-result-{theme}-{size[0]}", dialog)
            if size[0] == 860:
                dialog.result_page.use.click()
                stage.rest(window)
                stage.save(f"train-back-{theme}", window)
    worse = replace(
        OUTCOME, after=0.42, gain=(0.01, -0.05, 0.07), control_after=0.58, offered=False,
        reason="It finds no more than before, and it forgot what it knew.",
    )  # fmt: skip
    for theme in ("dark", "light"):
        staged = engine()
        with stage.window(staged, (900, 600), theme) as window:
            job = train(stage, staged, window)
            staged.tell(m.JobDone(job.id, worse))
            stage.rest(window)
            stage.save(f"train-told-{theme}", window)
            window.training.open()
            stage.save(f"train-worse-{theme}", window.training.dialog)
    staged = engine()
    staged.preview = m.Failed(
        0, "There are only 12 clips with a tag.", "Put clips into folders that say what they are."
    )
    with stage.window(staged) as window:
        window.training.open()
        stage.rest(window, 0.6)
        stage.save("train-too-few-dark", window.training.dialog)
        job = train(stage, staged, window, 1)
        staged.tell(m.JobFailed(job.id, "The disk is full.", "Make room and train again."))
        stage.rest(window, 0.6)
        stage.save("train-failed-dark", window.training.dialog)
    staged.folders = ()
    with stage.window(staged, theme="light") as window:
        window.training.open()
        stage.rest(window, 0.6)
        stage.save("train-empty-light", window.training.dialog)


SCENES = (
    docs, guide, maps, first_run, scanning, results, similar, query, notices, errors, menus, organising, training,
)  # fmt: skip


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(os.environ.get("PICTURES_DATA", folder))
        command = [sys.executable, "-m", "soundsearch", "--data-dir", str(data), "--quiet", "scan"]
        sounds = Path(folder) / "Sounds"  # the pictures show its name
        shutil.copytree(resource("demo"), sounds)
        subprocess.run([*command, str(sounds)], check=True)
        stage = Stage(out, data, names)
        stage.learn(m.Search(QUERY))
        for scene in (
            docs,
            guide,
            maps,
            first_run,
            scanning,
            results,
            similar,
            query,
            notices,
            errors,
            menus,
            organising,
            training,
        ):
            if scene.__name__ in names or (not names and scene not in (docs, guide)):
                scene(stage)
        if not names and not os.environ.get("QT_SCALE_FACTOR"):
            double = {**os.environ, "QT_SCALE_FACTOR": "2", "PICTURES_DATA": str(data)}
            command = [
                sys.executable,
                "-m",
                "tests.gui.pictures",
                str(out / "scale-200"),
                "results",
                "first_run",
                "training",
            ]
            subprocess.run(command, env=double, check=True)


if __name__ == "__main__":
    main()

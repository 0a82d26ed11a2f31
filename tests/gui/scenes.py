"""The states and dialogs of the window, each staged so that it stays still for a picture."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from soundsearch.audio.record import QUIET
from soundsearch.engine import messages as m
from soundsearch.gui.about import About
from soundsearch.gui.column_editor import ColumnEditor
from soundsearch.gui.dialogs import FailureList, ProblemReport, ShortcutSheet
from soundsearch.gui.draft import Draft, Sound
from soundsearch.gui.filter_editors import Popover
from soundsearch.gui.filters import Vocabulary
from soundsearch.gui.jobs import Job
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.missing_list import MissingList
from soundsearch.gui.naming import NameDialog, TagEditor
from soundsearch.gui.result_columns import Column
from soundsearch.gui.settings_dialog import SettingsDialog
from soundsearch.records import (
    ClipState,
    Failure,
    Folder,
    Progress,
    Root,
    SavedSearch,
    TagCount,
    TrainingPlan,
    TrainingProgress,
)
from tests.gui.fake_engine import FULL, MINE, OUTCOME, STARTER, FakeEngine
from tests.gui.stage import QUERY, Stage, StagedEngine

DRAWER_BELOW = 520
FOLDERS = tuple(
    Folder(path, clips)
    for path, clips in (
        ("/sounds", 412), ("/sounds/Drums", 280), ("/sounds/Drums/Hats", 74), ("/sounds/Drums/Kicks", 120),
        ("/sounds/Drums/Snares", 86), ("/sounds/Field", 102), ("/sounds/Field/Rain and other weather", 41),
        ("/sounds/Field/Streets", 61), ("/sounds/Pads", 30),
    )
)  # fmt: skip


# -- the library, and who looks at it


def first_run(stage: Stage) -> None:
    with stage.window(FakeEngine()) as window:
        window.first_run.choose.setFocus()
        stage.shoot("first-run", window)


def results(stage: Stage) -> None:
    with stage.window(stage.engine()) as window:
        stage.shoot("listing", window)
        stage.ask(window, Draft(QUERY), 1)
        stage.shoot("results", window)
        window.dialogs.tour.begin()
        stage.shoot("tour", window)
        window.dialogs.tour.hide()
        for column in Column:
            window.center.results.header.choose_column(column, True)
        window.center.results.header.sort_by(Column.LENGTH)
        window.library_commands.set_compact(True)
        stage.ask(window, Draft(QUERY), None)
        stage.shoot("columns", window)


def organised_engine(stage: Stage) -> StagedEngine:
    """A library in which people have been at work."""
    engine = stage.engine()
    for number, clip in enumerate(list(engine.clips.values())):
        engine.clips[clip.id] = replace(
            clip,
            favourite=number % 5 == 0,
            rating=number % 6,
            colour=("", "green", "", "orange")[number % 4],
            tags=(*clip.tags, *(("tape", "dusty"), ("airy",), ())[number % 3]),
        )
    engine.roots = (*engine.roots, Root("/media/drive/Field recordings", False, 4_210))
    engine.collections = {"Kitchen scene": set(list(engine.clips)[:9]), "Trailer hits": set(list(engine.clips)[:3])}
    labels = ("vinyl", "punchy", "dusty", "lo-fi", "tape", "airy", "metal", "wood", "glass")
    engine.tags = tuple(TagCount(label, 212 - 20 * i, ("user",)) for i, label in enumerate(labels))
    engine.searches = {name: SavedSearch(name, name.lower()) for name in ("Dark pads", "Rain outside")}
    return engine


def organised(stage: Stage) -> None:
    with stage.window(organised_engine(stage)) as window:
        stage.ask(window, Draft(QUERY))
        if stage.view.width < DRAWER_BELOW:
            window.regions.toggle_panel()
        stage.shoot("organised", window)
        if stage.view.width < DRAWER_BELOW:
            window.regions.toggle_panel()
        window.organising.edit_tags()
        stage.shoot("tags", window.findChild(TagEditor))
        window.organising.new_collection()
        stage.shoot("name", window.findChild(NameDialog))
        window.dialogs.show_settings()
        stage.shoot("settings", window.findChild(SettingsDialog))
        window.library_commands.show_columns()
        stage.shoot("column-editor", window.findChild(ColumnEditor))
        window.dialogs.show_about()
        stage.shoot("about", window.findChild(About))
        window.library_commands.show_shortcuts()
        stage.shoot("shortcuts", window.findChild(ShortcutSheet))
        window.library_commands.open_main_menu()
        stage.popup("menu")
        window.clip_commands.open_menu(window.pos())
        stage.popup("clip-menu")
        window.listening.sound_menu.open()
        stage.popup("sound-menu")


def chips(stage: Stage) -> Draft:
    sounds = (
        Sound(stage.known.clips[3].path, True, 0.2, 0.6, 1.5),
        Sound(stage.known.clips[20].path, False),
    )
    return Draft("wet slap", sounds, ("dur:0.5-4", "tag:vinyl", "-voice"))


def query(stage: Stage) -> None:
    """Chips, what edits them, suggestions, a mistake, a recording."""
    with stage.window(stage.engine()) as window:
        bar = window.center.search_bar
        bar.know(Vocabulary(("vinyl", "vintage", "violin", "kick"), ("Drums/Vintage kit",)))
        stage.ask(window, chips(stage), None)
        stage.shoot("query-chips", window)
        bar.box.setFocus()
        QTest.keyClicks(bar.box, " vi")
        stage.shoot("query-suggestions", window)
        bar.suggester.hide()
        for kind in ("dur", "tag", "is"):
            bar._editing.edit_kind(kind, bar.filters.buttons.get(kind, bar.filters.more))
            shoot_popover(stage, window, f"filter-{kind}")
        bar.chips.chips[0].edit_requested.emit()
        shoot_popover(stage, window, "weight")
        bar.chips.chips[2].edit_requested.emit()
        shoot_popover(stage, window, "balance")
        bar.set_draft(Draft("kick durr<2"))
        stage.rest(window, 0.3)
        stage.shoot("query-wrong", window)
        stage.ask(window, Draft("", (Sound(stage.known.clips[3].path),)), None)
        strip = window.center.recording
        strip.begin()
        strip.show_running(3.2, -12.0)
        stage.shoot("recording", window)
        strip.show_trouble(QUIET)
        stage.shoot("recording-silent", window)
        bar.box.setFocus()
        strip.hide()
        stage.ask(window, Draft("a unicorn"), None)
        stage.shoot("nothing-found", window)


def shoot_popover(stage: Stage, window: MainWindow, name: str) -> None:
    editor = next(p for p in window.findChildren(Popover) if p.isVisible())
    stage.shoot(name, editor)
    editor.close()


def map_(stage: Stage) -> None:
    with stage.window(stage.engine()) as window:
        show_map(stage, window, "brightness")
        stage.shoot("map-brightness", window)
        show_map(stage, window, "clusters")
        stage.shoot("map-clusters", window)
        stage.ask(window, Draft(QUERY), None)
        stage.shoot("map-hits", window)


def show_map(stage: Stage, window: MainWindow, colouring: str) -> None:
    window.center.show_map(True)
    page = window.center.map
    page.coloring.setCurrentIndex(page.coloring.findData(colouring))
    stage.rest(window, 0.5)


# -- long work, and what goes wrong


def scanning(stage: Stage) -> None:
    engine = stage.engine(0.4)
    engine.embedded, engine.models = 0, (STARTER, FULL)
    with stage.window(engine) as window:
        window._bridge.scan()
        job = window._bridge.jobs[0]
        engine.tell(m.JobProgress(job.id, Progress("analyse", 3_201, 12_480, "clips", 41.3)))
        stage.ask(window, Draft(), 2)
        stage.shoot("scanning", window)
        engine.embedded = None
        engine.tell(m.JobStopped(job.id))
        stage.wait(window, lambda: not window._bridge.jobs)
        window.status_line._remark_ends.setInterval(0)
        window._bridge.download_model(FULL.name)
        job = window._bridge.jobs[0]
        engine.tell(m.JobProgress(job.id, Progress("download", 120_000_000, 614_000_000, "bytes", 3_200_000)))
        stage.rest(window)
        stage.shoot("downloading", window)
        window.library_commands.open_model_menu()
        stage.popup("model-menu")
        engine.tell(m.JobFailed(job.id, "The connection was lost.", "Run it again: it goes on where it stopped."))
        stage.shoot("download-failed", window)
        window.center.notices.take("ended")
        window.notices.is_quiet = False
        window._bridge.list_models()
        stage.rest(window)
        stage.shoot("offer", window)


def troubles(stage: Stage) -> None:
    engine = stage.engine()
    engine.failures = (
        Failure("/sounds/Drums/kick old.aif", "it is empty"),
        Failure("/sounds/Field/2019-04 harbour.wav", "it was cut off: 12 of 96 seconds are there"),
        Failure("/sounds/Drums/notes.wav", "it is a text file, not audio"),
    )
    for number in list(engine.clips)[:4]:
        engine.clips[number] = replace(engine.clips[number], offline=True)
    for number in list(engine.clips)[4:7]:
        engine.clips[number] = replace(engine.clips[number], state=ClipState.MISSING)
    engine.roots = (*engine.roots, Root("/media/Field recordings", False, 4))
    with stage.window(engine) as window:
        stage.ask(window, Draft(), 0)
        stage.shoot("offline", window)
        window.library_commands.show_failures()
        listed = window.findChild(FailureList)
        assert listed is not None
        stage.rest(window)
        listed.table.selectRow(1)
        stage.shoot("unreadable", listed)
        window.panel_commands.show_missing()
        stage.rest(window)
        stage.shoot("missing", window.findChild(MissingList))
        window.report_bug("ValueError: example", "Traceback (most recent call last):\n  ...")
        stage.shoot("report", window.findChild(ProblemReport))
        engine.lose()
        stage.rest(window)
        stage.shoot("engine-lost", window)
        engine.dead = True
        engine.lose()
        stage.rest(window)
        stage.shoot("engine-gone", window)
    waiting = stage.engine()
    waiting.held = True
    with stage.window(waiting, settle=False) as window:
        stage.rest(window, 0.6)
        stage.shoot("opening", window)


# -- work in dialogs


def open_duplicates(stage: Stage, window: MainWindow, engine: FakeEngine) -> None:
    """What the real engine found in the demo library beside some copies."""
    engine.clips |= {clip.id: clip for clip in stage.known.copies}
    window.duplicates.open()
    page = window.duplicates.dialog.page
    page.near.setChecked(True)
    page.find_button.click()
    engine.tell(m.JobDone(window._bridge.jobs[-1].id, stage.known.groups))
    stage.rest(window, 0.3)
    page.table.selectRow(1)


def open_review(stage: Stage, window: MainWindow, engine: FakeEngine) -> None:
    """What the real engine proposed for the demo library."""
    window.tagging.open(folder=stage.known.clips[0].root)
    choice = window.tagging.dialog.choice
    stage.wait(window, choice.propose.isEnabled)
    choice.propose.click()
    engine.tell(m.JobDone(window._bridge.jobs[-1].id, stage.known.proposals))
    review = window.tagging.dialog.review
    stage.wait(window, review.isVisible)
    stage.rest(window, 0.3)
    review.table.selectRow(2)


def tagging(stage: Stage) -> None:
    engine = stage.engine()
    engine.folders = FOLDERS
    with stage.window(engine) as window:
        stage.ask(window, Draft(QUERY))
        window.tagging.open()
        stage.rest(window, 0.3)
        stage.shoot("tag-folders", window.tagging.dialog)
        open_review(stage, window, engine)
        window.tagging.dialog.review.into_files.setChecked(True)
        stage.shoot("tag-review", window.tagging.dialog)
        window.tagging.dialog.close()
        window.duplicates.open()
        stage.shoot("duplicates-ask", window.duplicates.dialog)
        open_duplicates(stage, window, engine)
        stage.shoot("duplicates", window.duplicates.dialog)


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


@contextmanager
def training_window(stage: Stage) -> Iterator[tuple[StagedEngine, MainWindow]]:
    engine = stage.engine()
    engine.folders, engine.models = FOLDERS, (STARTER, MINE)
    with stage.window(engine) as window:
        stage.ask(window, Draft(QUERY))
        window.training.open()
        stage.rest(window, 0.6)
        yield engine, window


def training(stage: Stage) -> None:
    """The dialog on all its pages, and what the window says of it."""
    with training_window(stage) as (engine, window):
        dialog = window.training.dialog
        top = dialog.plan_page.tree.topLevelItem(0)
        assert top is not None
        top.child(0).setCheckState(0, Qt.CheckState.Unchecked)
        stage.rest(window, 0.6)
        stage.shoot("train-plan", dialog)
        job = train(stage, engine, window)
        stage.shoot("train-run", dialog)
        dialog.close()
        stage.shoot("train-status", window)
        window.training.open()
        engine.tell(m.JobDone(job.id, OUTCOME))
        stage.rest(window)
        stage.shoot("train-result", dialog)
        dialog.result_page.use.click()
        stage.rest(window)
        stage.shoot("train-back", window)


def training_troubles(stage: Stage) -> None:
    worse = replace(
        OUTCOME, after=0.42, gain=(0.01, -0.05, 0.07), control_after=0.58, offered=False,
        reason="It finds no more than before, and it forgot what it knew.",
    )  # fmt: skip
    with training_window(stage) as (engine, window):
        job = train(stage, engine, window)
        engine.tell(m.JobDone(job.id, worse))
        stage.rest(window)
        stage.shoot("train-worse", window.training.dialog)
    with training_window(stage) as (engine, window):
        few = m.Failed(0, "There are only 12 clips with a tag.", "Put clips into folders that say what they are.")
        engine.preview = few
        window.training.dialog.close()
        window.training.open()
        stage.rest(window, 0.6)
        stage.shoot("train-too-few", window.training.dialog)
        job = train(stage, engine, window, 1)
        engine.tell(m.JobFailed(job.id, "The disk is full.", "Make room and train again."))
        stage.rest(window, 0.6)
        stage.shoot("train-failed", window.training.dialog)


MATRIX: tuple[Callable[[Stage], None], ...] = (
    first_run, results, organised, query, map_, scanning, troubles, tagging, training, training_troubles,
)  # fmt: skip

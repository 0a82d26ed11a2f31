"""Training from the window: one dialog that may be closed at any time, and what is told when it is."""

import time
from collections.abc import Callable
from functools import cached_property, partial

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QStackedWidget, QVBoxLayout, QWidget

from soundsearch.engine.messages import StartTraining
from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.dialog_owner import DialogOwner
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.jobs import Job, JobEnd
from soundsearch.gui.pages import Notice, NoticeBar
from soundsearch.gui.status_line import StatusLine
from soundsearch.gui.theme import Theme
from soundsearch.gui.training_curve import Point
from soundsearch.gui.training_pages import ResultPage, RunPage
from soundsearch.gui.training_plan import PlanPage
from soundsearch.records import (
    Collection,
    Folder,
    ModelInfo,
    Progress,
    TrainingOutcome,
    TrainingPlan,
    TrainingProgress,
)

SAME_TIME_S = 1.0  # a job that ended this shortly before the engine was lost ended by that
NOTHING_CHANGED = "Nothing was changed."


class TrainingDialog(QDialog):
    """The pages; closing it stops nothing."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Train on your sounds")
        self.plan_page, self.run_page, self.result_page = PlanPage(theme), RunPage(theme), ResultPage(theme)
        self.pages = QStackedWidget()
        for page in (self.plan_page, self.run_page, self.result_page):
            self.pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pages)
        self.plan_page.start.setDefault(True)
        self.setMinimumSize(300, 320)
        self.resize(860, 700)
        for button in (self.plan_page.close_button, self.run_page.close_button, self.result_page.keep):
            button.clicked.connect(self.close)

    def show_page(self, page: QWidget) -> None:
        """Turn to a page."""
        self.pages.setCurrentWidget(page)


class Training(DialogOwner):
    """Keeps what is known of a training while its dialog comes and goes.

    Signals:
        add_requested: A folder should be added to the library.
    """

    add_requested = Signal()

    def __init__(self, bridge: EngineBridge, theme: Theme, bar: NoticeBar, line: StatusLine, window: QWidget) -> None:
        super().__init__(window)
        self._bridge, self._theme, self._bar, self._line, self._window = bridge, theme, bar, line, window
        self._models: tuple[ModelInfo, ...] = ()
        self._collections: tuple[Collection, ...] = ()
        self._job: Job | None = None
        self._paused = False
        self._title = ""
        self._points: list[Point] = []
        self._last = Progress("prepare")
        self._ended_at = 0.0
        self._deleting = ""  # title of the model that is being deleted
        self._awaits_folders = False
        self._outcome: TrainingOutcome | None = None  # one that the user has not answered yet
        bridge.folders_known.connect(self._take_folders)
        bridge.models_known.connect(self._take_models)
        bridge.collections_known.connect(self._take_collections)
        bridge.job_started.connect(self._job_started)
        bridge.job_progressed.connect(self._job_progressed)
        bridge.job_paused.connect(self._job_paused)
        bridge.job_ended.connect(self._job_ended)
        bridge.model_removed.connect(self._deleted)
        bridge.model_used.connect(self._model_used)
        bridge.model_reverted.connect(self._model_reverted)
        bridge.lost.connect(self._lost)
        line.job_details_requested.connect(self.open)

    @cached_property
    def dialog(self) -> TrainingDialog:
        """See `DialogOwner`."""
        dialog = TrainingDialog(self._theme, self._window)
        plan, run, result = dialog.plan_page, dialog.run_page, dialog.result_page
        plan.plan_changed.connect(self._bridge.preview_training)
        plan.start_requested.connect(self._start)
        plan.add_requested.connect(self.add_requested)
        run.stop_requested.connect(self.stop)
        result.use_requested.connect(self._use)
        result.delete_requested.connect(self._delete_new)
        result.report_requested.connect(self.show_report)
        result.keep.clicked.connect(self._answered)
        self._bridge.training_previewed.connect(plan.show_preview)
        self._bridge.preview_failed.connect(plan.show_trouble)
        return dialog

    @property
    def is_running(self) -> bool:
        """Whether a training is under way."""
        return self._job is not None

    def open(self) -> None:
        """Show how it goes, or what came of it, or what could be trained."""
        if self._job is None and self._outcome is None:
            self.dialog.plan_page.show_error("")
            self._bridge.list_models()
            self._awaits_folders = True
            self._bridge.list_folders()
        self._show_page()
        self.bring_up()

    def show_report(self, path: str) -> None:
        """Open a report in the browser."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(path))

    def confirm_deletion(self, model: ModelInfo) -> None:
        """Ask before a model is deleted: it took a while to make."""
        text = f"Delete “{display_name(model.title)}”? To have it again it must be trained again."
        delete = partial(self._delete, model.name, model.title)
        self._bar.put(Notice("delete", text, "Delete", delete, "Keep", icon="remove", token="warn"))

    def ask_before_quitting(self, quit_it: Callable[[], object]) -> bool:
        """Whether to ask first: a training would be lost. Asked once; who closes the window again means it."""
        if self._job is None or self._bar.holds("quit"):
            return False
        text = "A training is running. If you quit now, nothing of it is kept."
        self._bar.put(Notice("quit", text, "Quit", lambda: self._quit(quit_it), "Stay", icon="warning", token="warn"))
        return True

    def _quit(self, quit_it: Callable[[], object]) -> None:
        self._job = None
        quit_it()

    def stop(self) -> None:
        """End the training; nothing of it is kept."""
        if self._job:
            self.dialog.run_page.show_stopping()
            self._bridge.cancel(self._job)

    def _show_page(self) -> None:
        if self._job:
            self.dialog.show_page(self.dialog.run_page)
        elif self._outcome:
            self.dialog.show_page(self.dialog.result_page)
        else:
            self.dialog.show_page(self.dialog.plan_page)

    # -- before

    def _take_folders(self, folders: tuple[Folder, ...]) -> None:
        if not self._awaits_folders:  # others ask for them too
            return
        self._awaits_folders = False
        taken = {model.title for model in self._models}
        self.dialog.plan_page.begin(folders, self._collections, taken)

    def _take_collections(self, collections: tuple[Collection, ...]) -> None:
        self._collections = collections

    def _take_models(self, models: tuple[ModelInfo, ...]) -> None:
        self._models = models

    def _start(self, plan: TrainingPlan) -> None:
        if self._job is None:
            self.dialog.plan_page.show_error("")
            self._bridge.train(plan)

    # -- meanwhile

    def _job_started(self, job: Job) -> None:
        if isinstance(job.request, StartTraining):
            self._job, self._paused = job, False
            self._title = job.request.plan.name
            self._points, self._last = [], Progress("prepare")
            self._outcome = None
            self._bar.take("trained")
            self.dialog.run_page.begin(self._title)
            self._show_page()

    def _job_progressed(self, job: Job, progress: Progress) -> None:
        if job != self._job:
            return
        if progress == self._last:
            return
        if isinstance(progress, TrainingProgress) and (progress.loss, progress.validation) != (None, None):
            self._note(progress)
        self._last = progress
        self.dialog.run_page.show_progress(progress, self._points, paused=self._paused)

    def _note(self, progress: TrainingProgress) -> None:
        """One point for each step. A measurement is told with every step until there is another: it belongs to one."""
        points = self._points
        known = next((p.validation for p in reversed(points) if p.validation is not None), None)
        found = None if progress.validation == known else progress.validation
        if points and points[-1].step == progress.done:
            found = points.pop().validation if found is None else found
        points.append(Point(progress.done, progress.loss, found))

    def _job_paused(self, job: Job, paused: bool) -> None:
        if job == self._job:
            self._paused = paused
            self.dialog.run_page.show_progress(self._last, self._points, paused=paused)

    # -- afterwards

    def _job_ended(self, end: JobEnd) -> None:
        if end.job != self._job:
            return
        self._job = None
        self._bar.take("quit")
        self._ended_at = time.monotonic()
        if isinstance(end.value, TrainingOutcome):
            self._trained(end.value)
        elif end.stopped:
            self._line.tell(f"Training stopped. {NOTHING_CHANGED}")
            self._show_page()
            self._awaits_folders = True
            self._bridge.list_folders()
        else:
            self._came_to_nothing(f"The training could not go on. {end.message} {end.hint}".strip())

    def _trained(self, outcome: TrainingOutcome) -> None:
        self._outcome = outcome
        self._bridge.list_models()
        self.dialog.result_page.show_outcome(outcome, self._title)
        self._show_page()
        if not self.dialog.isVisible():
            shares = f"{wording.share(outcome.before)} → {wording.share(outcome.after)}"
            words = f"“{display_name(self._title)}” is trained: it finds your sounds {shares}."
            more = "" if outcome.offered else " It is not recommended."
            self._tell(f"{words}{more}", "check" if outcome.offered else "warning", outcome.offered)

    def _came_to_nothing(self, text: str) -> None:
        self.dialog.plan_page.show_error(text)
        self._show_page()
        if not self.dialog.isVisible():
            self._tell(text, "warning", good=False)

    def _tell(self, text: str, icon: str, good: bool) -> None:
        token = "accent" if good else "warn"
        self._bar.put(Notice("trained", text, "Show", self.open, "Later", icon=icon, token=token))

    def _lost(self, _restarted: bool) -> None:
        if time.monotonic() - self._ended_at < SAME_TIME_S:
            self._came_to_nothing(f"The search engine stopped, and the training with it. {NOTHING_CHANGED}")

    def _answered(self) -> None:
        self._outcome = None
        self._bar.take("trained")
        self.dialog.close()

    def _use(self, name: str) -> None:
        self._answered()
        self._bridge.use_model(name)

    def _delete_new(self, name: str) -> None:
        self._answered()
        self._delete(name, self._title)

    def _delete(self, name: str, title: str) -> None:
        self._deleting = title
        self._bridge.remove_model(name)

    def _deleted(self, _name: str) -> None:
        self._bridge.list_models()
        self._line.tell(f"“{display_name(self._deleting)}” is deleted")

    def _model_used(self, model: ModelInfo) -> None:
        self._bar.take("back")
        if model.personal:
            text = f"“{display_name(model.title)}” listens now. Results change once it has heard your sounds."
            back = Notice("back", text, "Go back", self._bridge.revert_model, "Keep it", icon="model", token="accent")
            self._bar.put(back)

    def _model_reverted(self, model: ModelInfo) -> None:
        self._bar.take("back")
        self._line.tell(f"Back to {display_name(model.title)}")

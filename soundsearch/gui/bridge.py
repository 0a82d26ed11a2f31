"""The window's only way to the engine: methods send requests, signals bring back what is still wanted."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from PySide6.QtCore import QObject, Qt, Signal, SignalInstance

from soundsearch.engine.messages import (
    ApplyTags,
    CancelJob,
    Changed,
    DownloadModel,
    DrawMap,
    Failed,
    FetchClips,
    FindDuplicates,
    ForgetClips,
    GetDetails,
    GetStatus,
    JobDone,
    JobFailed,
    JobProgress,
    JobStopped,
    ListCollections,
    ListFailures,
    ListFolders,
    ListLabelSets,
    ListMissing,
    ListModels,
    ListSearches,
    ListTags,
    LocateClip,
    LocateRoot,
    Lost,
    Message,
    ModelReady,
    Organise,
    PauseJob,
    PreviewTraining,
    ProposeTags,
    ReadSettings,
    Redo,
    RemoveModel,
    RemoveRoot,
    Reply,
    Request,
    ResumeJob,
    RevertModel,
    Scan,
    Search,
    StartTraining,
    Undo,
    UseModel,
    WriteTags,
)
from soundsearch.errors import EngineLostError
from soundsearch.gui.jobs import Job, JobEnd, JobRequest
from soundsearch.records import Clip, LabelSet, ModelInfo, Organised, OrganisingAction, TrainingPlan

log = logging.getLogger(__name__)


class Client(Protocol):
    """What the bridge needs of `engine.client.EngineClient`."""

    def start(self) -> None:
        """Start the engine."""

    def send(self, request: Request) -> int:
        """Send a request and return its id."""

    def close(self) -> None:
        """End the engine."""


@dataclass(slots=True)
class _Latest:
    """Requests of which only the newest matters: one is on its way, at most one more waits for it to come back."""

    on_its_way: int | None = None
    waiting: Request | None = None


class EngineBridge(QObject):
    """Requests out, signals in, all in the window's thread.

    A search that was overtaken by a newer one is never sent, or its answer is dropped: while one is on its way only the
    newest waits, so that fast typing cannot pile up work behind a model that still loads.

    Signals:
        ranked (Ranking): The answer to the newest search.
        search_failed (str, str): The newest search cannot be understood or answered; message and hint.
        clips_fetched (tuple): Ids asked for, and a tuple of Clip.
        status_known (LibraryStatus)
        failures_known (tuple): of Failure.
        models_known (tuple): of ModelInfo.
        model_ready (str, str): Name and device of the model that is now loaded.
        model_used (ModelInfo): Another model is active.
        model_reverted (ModelInfo): The model before is active again; comes after `model_used`.
        model_removed (str): A model was deleted.
        folders_known (tuple): of Folder.
        training_previewed (TrainingPreview): What the newest plan would train on.
        preview_failed (str, str): The newest plan cannot be carried out; message and hint.
        root_removed (str)
        organised (Organised): An organising action was done.
        taken_back (Organised): The last one was taken back.
        made_again (Organised): What was taken back was made again.
        collections_known (tuple): of Collection.
        tags_known (tuple): of TagCount.
        searches_known (tuple): of SavedSearch.
        details_known (ClipDetails | None): Of the clip asked for last; None if it is gone.
        missing_known (tuple): of Clip.
        forgotten (int): So many missing clips were forgotten.
        located (str): A clip or a root is known again; this root should be scanned.
        job_started (Job); job_progressed (Job, Progress); job_paused (Job, bool); job_ended (JobEnd)
        changed: The catalogue holds other clips or more embeddings than before.
        lost (bool): The engine ended by itself; True if another one runs. What was asked is not answered.
        failed (str, str): Something asked for could not be done; message and hint.
        bug (str, str): An unexpected error in the engine; message and traceback.
    """

    ranked = Signal(object)
    search_failed = Signal(str, str)
    clips_fetched = Signal(object, object)
    status_known = Signal(object)
    failures_known = Signal(object)
    models_known = Signal(object)
    model_ready = Signal(str, str)
    model_used = Signal(object)
    model_reverted = Signal(object)
    model_removed = Signal(str)
    folders_known = Signal(object)
    training_previewed = Signal(object)
    preview_failed = Signal(str, str)
    root_removed = Signal(object)  # a path, which may hold what Qt strings cannot
    organised = Signal(object)
    taken_back = Signal(object)
    made_again = Signal(object)
    collections_known = Signal(object)
    tags_known = Signal(object)
    searches_known = Signal(object)
    details_known = Signal(object)
    missing_known = Signal(object)
    forgotten = Signal(int)
    located = Signal(object)  # a path
    job_started = Signal(object)
    job_progressed = Signal(object, object)
    job_paused = Signal(object, bool)
    job_ended = Signal(object)
    changed = Signal()
    lost = Signal(bool)
    failed = Signal(str, str)
    bug = Signal(str, str)

    _arrived = Signal(object)  # from the reader thread to ours

    def __init__(
        self, make_client: Callable[[Callable[[Message], None]], Client], parent: QObject | None = None
    ) -> None:
        """`make_client` gets the function to call with each message, from any thread."""
        super().__init__(parent)
        self._client = make_client(self._arrived.emit)
        self._arrived.connect(self._receive, Qt.ConnectionType.QueuedConnection)
        self._answers: dict[int, tuple[Callable[[Any], None], Callable[[Failed], None]]] = {}
        self._jobs: dict[int, Job] = {}
        self._search = _Latest()
        self._status = _Latest()
        self._preview = _Latest()
        self._details = _Latest()
        self._closed = False
        self.listens_to_parts = False  # whether scans also embed windows of long clips

    def start(self) -> None:
        """Start the engine; it answers as soon as its catalogue is open."""
        self._client.start()

    def close(self) -> None:
        """End the engine. Messages that are still under way are dropped."""
        self._closed = True
        self._client.close()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Jobs that run, oldest first."""
        return tuple(self._jobs.values())

    def search(self, request: Search) -> None:
        """Ask for a ranking; overtakes every earlier search."""
        self._ask_latest(self._search, request, self.ranked.emit, partial(self._tell_failure, self.search_failed))

    def fetch_clips(self, ids: tuple[int, ...]) -> None:
        """Ask for clips, answered by `clips_fetched`."""
        self._ask(
            FetchClips(ids),
            lambda clips: self.clips_fetched.emit(ids, clips),
            lambda _: self.clips_fetched.emit(ids, ()),
        )

    def look_up_clips(self, ids: tuple[int, ...], take: Callable[[tuple[Clip, ...]], None]) -> None:
        """Ask for clips for one's own use; `take` gets those that are there, in the order asked."""
        self._ask(FetchClips(ids), take, lambda _: take(()))

    def refresh_status(self) -> None:
        """Ask how the library is."""
        self._ask_latest(self._status, GetStatus(), self.status_known.emit, self._request_failed)

    def list_failures(self) -> None:
        """Ask for the files that could not be read."""
        self._ask(ListFailures(), self.failures_known.emit)

    def list_models(self) -> None:
        """Ask for the models there are."""
        self._ask(ListModels(), self.models_known.emit)

    def use_model(self, name: str) -> None:
        """Make a model the active one."""
        self._ask(UseModel(name), self.model_used.emit)

    def revert_model(self) -> None:
        """Go back to the model before the last change."""

        def reverted(info: ModelInfo) -> None:
            self.model_used.emit(info)
            self.model_reverted.emit(info)

        self._ask(RevertModel(), reverted)

    def remove_model(self, name: str) -> None:
        """Delete an installed model that is not in use."""
        self._ask(RemoveModel(name), lambda _: self.model_removed.emit(name))

    def list_folders(self) -> None:
        """Ask for the folders that hold clips."""
        self._ask(ListFolders(), self.folders_known.emit)

    def preview_training(self, plan: TrainingPlan) -> None:
        """Ask what a plan would train on; overtakes every earlier plan."""
        failed = partial(self._tell_failure, self.preview_failed)
        self._ask_latest(self._preview, PreviewTraining(plan), self.training_previewed.emit, failed)

    def train(self, plan: TrainingPlan) -> None:
        """Start training a personal model."""
        self._start_job(StartTraining(plan))

    def list_label_sets(self, take: Callable[[tuple[LabelSet, ...]], None]) -> None:
        """Ask which sets of labels there are."""
        self._ask(ListLabelSets(), take)

    def propose_tags(self, request: ProposeTags) -> None:
        """Start proposing tags."""
        self._start_job(request)

    def apply_tags(self, request: ApplyTags, then: Callable[[Organised], None]) -> None:
        """Store tags; also told by `organised`, as it can be undone."""

        def done(said: Organised) -> None:
            self.organised.emit(said)
            then(said)

        self._ask(request, done)

    def write_tags(self, request: WriteTags) -> None:
        """Start writing tags into the clips' files."""
        self._start_job(request)

    def find_duplicates(self, near: bool = False) -> None:
        """Start looking for clips that hold the same sound; `near` also for near copies."""
        self._start_job(FindDuplicates(near))

    def draw_map(self, anew: bool = False) -> None:
        """Start drawing the map, which is quick where a saved one still holds."""
        self._start_job(DrawMap(anew))

    def remove_root(self, path: str) -> None:
        """Forget a root and its clips; no sound file is touched."""
        self._ask(RemoveRoot(path), lambda _: self.root_removed.emit(path))

    def organise(self, action: OrganisingAction) -> None:
        """Say something of clips, or put the library in order; it can be taken back."""
        self._ask(Organise(action), self.organised.emit)

    def undo(self) -> None:
        """Take the last organising action back."""
        self._ask(Undo(), self.taken_back.emit)

    def redo(self) -> None:
        """Make again what was taken back last."""
        self._ask(Redo(), self.made_again.emit)

    def list_organisation(self) -> None:
        """Ask for collections, tags and saved searches."""
        self._ask(ListCollections(), self.collections_known.emit)
        self._ask(ListTags(), self.tags_known.emit)
        self._ask(ListSearches(), self.searches_known.emit)

    def ask_details(self, clip_id: int) -> None:
        """Ask for everything about a clip; overtakes every earlier one."""
        self._ask_latest(self._details, GetDetails(clip_id), self.details_known.emit, self._request_failed)

    def list_missing(self) -> None:
        """Ask for the clips that vanished."""
        self._ask(ListMissing(), self.missing_known.emit)

    def forget_clips(self, clip_ids: tuple[int, ...]) -> None:
        """Forget missing clips; no sound file is touched."""
        self._ask(ForgetClips(clip_ids), self.forgotten.emit)

    def locate_clip(self, clip_id: int, path: str) -> None:
        """Say where a missing clip is now."""
        self._ask(LocateClip(clip_id, path), self.located.emit)

    def locate_root(self, path: str, to: str) -> None:
        """Say where a root is now."""
        self._ask(LocateRoot(path, to), self.located.emit)

    def tell_settings(self) -> None:
        """Have the engine read the settings that were changed here."""
        self._ask(ReadSettings(), lambda _: None)

    def scan(self, *roots: str) -> None:
        """Start bringing the catalogue up to date: the given roots, or all that are known."""
        self._start_job(Scan(roots, self.listens_to_parts))

    def download_model(self, name: str) -> None:
        """Start a download."""
        self._start_job(DownloadModel(name))

    def pause(self, job: Job) -> None:
        """Let a job rest."""
        self._ask(PauseJob(job.id), lambda _: self.job_paused.emit(job, True))

    def resume(self, job: Job) -> None:
        """Let a paused job go on."""
        self._ask(ResumeJob(job.id), lambda _: self.job_paused.emit(job, False))

    def cancel(self, job: Job) -> None:
        """End a job; what it has committed stays."""
        self._ask(CancelJob(job.id), lambda _: None)

    def _ask(
        self, request: Request, on_value: Callable[[Any], None], on_failed: Callable[[Failed], None] | None = None
    ) -> int | None:
        """Send; returns the id, or None if there is no engine, which the user is told."""
        try:
            request_id = self._client.send(request)
        except EngineLostError as err:
            # A lost engine announces itself by `Lost`; this only says why what was just asked does not happen.
            log.warning("not sent, %s: %s", err, type(request).__name__)
            return None
        self._answers[request_id] = (on_value, on_failed or self._request_failed)
        return request_id

    def _ask_latest(
        self,
        line: _Latest,
        request: Request,
        on_value: Callable[[Any], None],
        on_failed: Callable[[Failed], None],
    ) -> None:
        if line.on_its_way is not None:
            line.waiting = request
            return

        def come_back(deliver: Callable[[Any], None], value: Any) -> None:
            line.on_its_way = None
            if line.waiting is None:
                deliver(value)
            else:
                newest, line.waiting = line.waiting, None
                self._ask_latest(line, newest, on_value, on_failed)

        line.on_its_way = self._ask(request, partial(come_back, on_value), partial(come_back, on_failed))

    def _start_job(self, request: JobRequest) -> None:
        job_id = self._ask(request, lambda _: None, lambda failure: self._job_refused(job, failure))
        if job_id is not None:
            job = self._jobs[job_id] = Job(job_id, request)
            self.job_started.emit(job)

    def _receive(self, message: Message) -> None:
        if self._closed:
            return
        match message:
            case Reply(id, value):
                if answer := self._answers.pop(id, None):
                    answer[0](value)
            case Failed(id):
                if message.is_bug:
                    log.error("engine: %s\n%s", message.message, message.hint)
                if answer := self._answers.pop(id, None):
                    answer[1](message)
            case JobProgress(job_id, progress):
                if job := self._jobs.get(job_id):
                    self.job_progressed.emit(job, progress)
            case JobDone(job_id, value):
                if job := self._jobs.pop(job_id, None):
                    self.job_ended.emit(JobEnd(job, value))
            case JobStopped(job_id):
                if job := self._jobs.pop(job_id, None):
                    self.job_ended.emit(JobEnd(job, stopped=True))
            case JobFailed(job_id):
                if job := self._jobs.pop(job_id, None):
                    self._end_badly(job, message.message, message.hint, message.is_bug)
            case Changed():
                self.changed.emit()
            case ModelReady(name, device):
                self.model_ready.emit(name, device)
            case Lost(detail):
                self._forget(detail)

    def _forget(self, detail: str) -> None:
        """The engine is gone and with it everything that was asked."""
        log.error("the engine was lost: %s", detail)
        self._answers.clear()
        self._search, self._status, self._preview, self._details = _Latest(), _Latest(), _Latest(), _Latest()
        jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            self.job_ended.emit(JobEnd(job, stopped=True))
        try:
            answered = self._client.send(GetStatus())
        except EngineLostError:
            self.lost.emit(False)
        else:
            self._answers[answered] = (self.status_known.emit, self._request_failed)
            self.lost.emit(True)

    def _job_refused(self, job: Job, failure: Failed) -> None:
        self._jobs.pop(job.id, None)
        self._end_badly(job, failure.message, failure.hint, failure.is_bug)

    def _end_badly(self, job: Job, message: str, hint: str, is_bug: bool) -> None:
        if is_bug:
            self.bug.emit(message, hint)
            hint = ""
        self.job_ended.emit(JobEnd(job, message=message, hint=hint))

    def _tell_failure(self, told: SignalInstance, failure: Failed) -> None:
        if failure.is_bug:
            self.bug.emit(failure.message, failure.hint)
        told.emit(failure.message, "" if failure.is_bug else failure.hint)

    def _request_failed(self, failure: Failed) -> None:
        (self.bug if failure.is_bug else self.failed).emit(failure.message, failure.hint)

"""The child process: one Engine, one loop, one thread. Answers what was asked, then advances the jobs by a step."""

import ctypes
import logging
import logging.handlers
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from soundsearch.engine.jobs import Job
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
    Message,
    ModelReady,
    Organise,
    PauseJob,
    PreviewTraining,
    ProposeTags,
    Quit,
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
from soundsearch.engine.service import Engine, parse_query
from soundsearch.errors import ModelError, SoundSearchError, TrainingError
from soundsearch.records import ModelInfo, Progress, TrainingPreview
from soundsearch.settings import Places

log = logging.getLogger(__name__)

NICENESS = 5  # of the engine: the window comes first, and on a busy machine it still gets a third of a share
IDLE_S = 0.2  # how long an idle loop waits for a request before it looks after the model
CHANGED_S = 2.0  # Changed is sent at most this often
MAX_HITS = 1000  # hits of a search that the window asks for
LATER = object()  # in place of an answer that comes by itself
EVERYTHING = 2**62  # a listing has no limit


def run(connection: Connection, data_dir: Path, model: str | None, device: str | None) -> None:
    """Main function of the engine process: ends when the window does."""
    _give_way()
    places = Places(data_dir)
    try:
        places.create()
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            places.log.with_name("engine.log"), maxBytes=1_000_000, backupCount=1, encoding="utf-8"
        )
    except (OSError, SoundSearchError):  # the catalogue lies in the same folder: opening it says what is wrong
        handler = logging.StreamHandler()
    logging.basicConfig(
        level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        Worker(connection, places, model, device).loop()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass  # the window is gone
    except BaseException:
        log.exception("the engine ends")
        raise
    logging.shutdown()
    # All is committed. A step of a training or a preview in another thread would hold the end up for long, and ending
    # Python around it aborts ("terminate called without an active exception", torch 2.13).
    os._exit(0)


def _give_way() -> None:
    """Let the window, and a DAW that plays, have the processors first.

    While a scan keeps two processors busy, the window waited for its turn up to 170 ms without this. A search that is
    alone is not slower.
    """
    if sys.platform == "win32":
        kernel, below_normal = ctypes.windll.kernel32, 0x4000
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
    else:
        os.nice(NICENESS)


class Worker:
    """The loop. Requests that need the model wait, in order, until it is loaded."""

    def __init__(self, connection: Connection, places: Places, model: str | None, device: str | None) -> None:
        self._connection = connection
        self._places, self._model, self._device = places, model, device
        self._engine: Engine | None = None
        self._trouble: SoundSearchError | None = None
        self._jobs: deque[Job] = deque()
        self._waiting: list[tuple[int, Request]] = []
        self._previews: dict[int, Future[TrainingPreview]] = {}
        self._orders: deque[tuple[int, Request, Generator[None, None, Any]]] = deque()
        self._ready_sent = False
        self._changes = -1
        self._changed_at = 0.0
        self._request_id = 0
        self._quit = False

    def loop(self) -> None:
        """Run until `Quit`, or until the other end of the pipe is gone."""
        self._open()
        while not self._is_over():
            active = [job for job in self._jobs if not job.is_paused]
            loading = bool(self._waiting or self._previews) or not self._ready_sent
            if self._connection.poll(0 if active or self._orders else (0.02 if loading else IDLE_S)):
                self._answer(*self._connection.recv())
                continue
            self._look_after_model()
            self._look_after_previews()
            self._advance_order()
            is_scanning = any(job.uses_model for job in active)
            for job in active:
                self._advance(job, rest=is_scanning and job.is_training)
            self._tell_changes()
        for job in self._jobs:
            job.stop()
        if self._engine:
            self._engine.close()

    def _open(self) -> None:
        try:
            self._engine = Engine(self._places, model=self._model, device=self._device)
            self._engine.start_loading()
        except SoundSearchError as err:  # said in answer to every request, until the user has mended it
            log.error("%s", err)
            self._trouble = err

    def _is_over(self) -> bool:
        return self._quit

    def _send(self, message: Message) -> None:
        self._connection.send(message)

    def _answer(self, request_id: int, request: Request) -> None:
        """Answer one request, or put it off until the model is there."""
        self._request_id = request_id
        try:
            if self._engine is None:
                if isinstance(request, Quit):
                    self._quit = True
                    return
                assert self._trouble is not None
                raise self._trouble
            if isinstance(request, Search) and self._needs_model(request) and not self._engine.is_ready:
                self._engine.start_loading()
                self._waiting.append((request_id, request))
                return
            value = self._do(self._engine, request)
            if value is not LATER and not isinstance(request, Quit):
                self._send(Reply(request_id, value))
        except (EOFError, BrokenPipeError):
            raise
        except Exception as err:
            self._send(_failed(request_id, request, err))

    @staticmethod
    def _needs_model(request: Search) -> bool:
        if request.likes or request.unlikes:
            return True
        parsed = parse_query(request.text)
        return not parsed.is_listing

    def _look_after_model(self) -> None:
        """Once the model is loaded: say so, and answer what waited for it."""
        if self._engine is None or not self._engine.is_ready:
            return
        if not self._ready_sent:
            self._ready_sent = True
            try:
                self._send(ModelReady(self._engine.answering.name, self._engine.answering.encoder.device))
            except ModelError as err:  # searches will say so
                log.error("%s", err)
        waiting, self._waiting = self._waiting, []
        for request_id, request in waiting:
            self._answer(request_id, request)

    def _look_after_previews(self) -> None:
        """Answer what was asked of the trainer, once that has thought about it."""
        for request_id, future in [item for item in self._previews.items() if item[1].done()]:
            del self._previews[request_id]
            err = future.exception()
            self._send(_failed(request_id, "preview", err) if err else Reply(request_id, future.result()))

    def _order(self, request: Request, steps: Generator[None, None, Any]) -> object:
        """Do something in steps, after what was ordered before: large selections must not hold up the loop."""
        self._orders.append((self._request_id, request, steps))
        return LATER

    def _advance_order(self) -> None:
        if not self._orders:
            return
        request_id, request, steps = self._orders[0]
        try:
            next(steps)
        except StopIteration as stop:
            self._orders.popleft()
            self._send(Reply(request_id, stop.value))
        except Exception as err:
            self._orders.popleft()
            self._send(_failed(request_id, request, err))

    def _advance(self, job: Job, *, rest: bool = False) -> None:
        try:
            progress = job.rest() if rest else job.step()
        except StopIteration as stop:
            self._jobs.remove(job)
            self._send(JobDone(job.id, stop.value))
            self._tell_changes(at_once=True)
        except SoundSearchError as err:
            self._jobs.remove(job)
            self._send(JobFailed(job.id, err.message, err.hint))
        except (EOFError, BrokenPipeError):
            raise
        except Exception:
            log.exception("job %d", job.id)
            self._jobs.remove(job)
            self._send(JobFailed(job.id, "Something went wrong.", traceback.format_exc(), is_bug=True))
        else:
            if progress:
                self._send(JobProgress(job.id, progress))

    def _tell_changes(self, at_once: bool = False) -> None:
        if self._engine is None or (not at_once and time.monotonic() - self._changed_at < CHANGED_S):
            return
        self._changed_at = time.monotonic()
        self._engine.look_at_roots()
        changes = self._engine.changes
        if self._changes not in (-1, changes):
            self._send(Changed())
        self._changes = changes

    def _do(self, engine: Engine, request: Request) -> Any:
        match request:
            case Search(text, likes, unlikes, text_weight, order):
                query = parse_query(text, likes, unlikes, (), text_weight)
                return engine.rank(query, EVERYTHING if query.is_listing else MAX_HITS, order)
            case FetchClips(ids):
                return tuple(engine.clips(ids))
            case GetStatus():
                return engine.status()
            case ListFailures():
                return engine.failures()
            case ListModels():
                return engine.list_models()
            case UseModel(name):
                return self._change_model(engine, lambda: engine.use_model(name))
            case RevertModel():
                return self._change_model(engine, engine.revert_model)
            case RemoveModel(name):
                if any(job.is_training for job in self._jobs):  # it may be what learns
                    raise ModelError("A training is running.", "Wait until it ends, or stop it; then delete models.")
                return engine.remove_model(name)
            case ListFolders():
                return engine.folders()
            case PreviewTraining(plan):
                self._preview(engine.preview_training(plan))
                return LATER
            case StartTraining(plan):
                if any(job.is_training for job in self._jobs):
                    raise TrainingError("A training is running already.", "Wait until it ends, or stop it.")
                return self._start(engine.train(plan), is_training=True)
            case ListLabelSets():
                return engine.tagging.label_sets()
            case ProposeTags(label_set, folders, ids, bar):
                return self._start(engine.tagging.propose(label_set, folders, ids, bar), uses_model=True)
            case ApplyTags(label_set, accepted, refused):
                return self._order(request, engine.tagging.apply(label_set, accepted, refused))
            case WriteTags(label_set, labels, backup):
                return self._start(engine.tagging.write(label_set, dict(labels), backup))
            case Organise(action):
                return self._order(request, engine.organising.act(action))
            case Undo():
                return self._order(request, engine.organising.undo())
            case Redo():
                return self._order(request, engine.organising.redo())
            case ForgetClips(ids):
                return self._order(request, engine.organising.forget(ids))
            case ListCollections():
                return engine.organising.collections()
            case ListTags():
                return engine.organising.tags()
            case ListSearches():
                return engine.organising.searches()
            case GetDetails(clip_id):
                return engine.organising.details(clip_id)
            case ListMissing():
                return engine.organising.missing()
            case LocateClip(clip_id, path):
                return engine.organising.locate_clip(clip_id, path)
            case LocateRoot(path, to):
                return engine.organising.locate_root(path, to)
            case RemoveRoot(path):
                return self._order(request, engine.remove_root(path))
            case DrawMap(anew):
                return self._start(engine.draw_map(anew))
            case Scan(roots, moments):
                return self._start(engine.scan(roots, moments=moments), uses_model=True)
            case FindDuplicates(near):
                return self._start(engine.find_duplicates(near))
            case DownloadModel(name):
                return self._start(engine.download_model(name))
            case ReadSettings():
                return engine.change_settings()
            case PauseJob(job_id) | ResumeJob(job_id):
                return self._set_paused(job_id, isinstance(request, PauseJob))
            case CancelJob(job_id):
                return self._stop(job_id)
            case Quit():
                self._quit = True
                return None

    def _change_model(self, engine: Engine, change: Callable[[], ModelInfo]) -> ModelInfo:
        for job in [job for job in self._jobs if job.uses_model]:  # it goes on with the model it began with
            self._stop(job.id)
        info = change()
        self._ready_sent = False
        engine.start_loading()
        return info

    def _preview(self, think: Callable[[], TrainingPreview]) -> None:
        """In a thread of its own: it reads the whole library, and searches go on being answered."""
        future = self._previews[self._request_id] = Future()

        def run_it() -> None:
            try:
                future.set_result(think())
            except BaseException as err:  # handed to who asked
                future.set_exception(err)

        threading.Thread(target=run_it, name="preview", daemon=True).start()

    def _start(
        self, steps: Generator[Progress, None, Any], *, uses_model: bool = False, is_training: bool = False
    ) -> int:
        self._jobs.append(Job(self._request_id, steps, uses_model, is_training))
        return self._request_id

    def _set_paused(self, job_id: int, paused: bool) -> None:
        for job in self._jobs:
            if job.id == job_id:
                job.is_paused = paused

    def _stop(self, job_id: int) -> None:
        for job in [job for job in self._jobs if job.id == job_id]:
            job.stop()
            self._jobs.remove(job)
            self._send(JobStopped(job_id))


def _failed(request_id: int, request: object, err: BaseException) -> Failed:
    """What is said of an exception: the world's troubles in their own words, ours with a traceback."""
    if isinstance(err, SoundSearchError):
        return Failed(request_id, err.message, err.hint)
    log.error("answering %r", request, exc_info=err)
    return Failed(request_id, "Something went wrong.", "".join(traceback.format_exception(err)), is_bug=True)

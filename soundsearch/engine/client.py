"""The parent's side of the engine process: start it, send requests, receive messages, start another when it dies."""

import itertools
import logging
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from soundsearch.engine.messages import Lost, Message, Quit, Request
from soundsearch.errors import EngineLostError

log = logging.getLogger(__name__)

QUIT_TIMEOUT_S = 2.0
MAX_RESTARTS = 3  # an engine that dies at once, again and again, is not restarted for ever


def _run(connection: Connection, data_dir: Path, model: str | None, device: str | None) -> None:
    """First line of the child: the heavy imports happen there, never in the window's process."""
    from soundsearch.engine.worker import run

    run(connection, data_dir, model, device)


class EngineClient:
    """One engine in a spawned child process.

    `on_message` is called in a reader thread for every message of the engine; it must hand them over to its own thread
    (`gui.bridge` does so with a Qt signal). All methods may be called from any thread.
    """

    def __init__(
        self,
        data_dir: Path,
        on_message: Callable[[Message], None],
        model: str | None = None,
        device: str | None = None,
    ) -> None:
        self._arguments = (data_dir, model, device)
        self._on_message = on_message
        self._context = multiprocessing.get_context("spawn")
        self._ids = itertools.count(1)
        self._sending = threading.Lock()
        self._closing = False
        self._restarts = 0
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._reader: threading.Thread | None = None

    @property
    def process_id(self) -> int | None:
        """Id of the engine process, None before `start`."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the child; it answers as soon as the catalogue is open, and loads the model in the meantime."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_run, args=(theirs, *self._arguments), name="soundsearch-engine", daemon=True
        )
        process.start()
        theirs.close()
        with self._sending:
            self._process, self._connection = process, ours
        self._reader = threading.Thread(target=self._read, args=(process, ours), name="engine-reader", daemon=True)
        self._reader.start()

    def send(self, request: Request) -> int:
        """Send a request and return the id that its answer will carry.

        Raises:
            EngineLostError: If the engine process is gone.
        """
        request_id = next(self._ids)
        with self._sending:
            if self._connection is None:
                raise EngineLostError("The search engine is not running.", "Start soundsearch again.")
            try:
                self._connection.send((request_id, request))
            except (OSError, ValueError) as err:
                raise EngineLostError("The search engine stopped.", "It is being started again.") from err
        return request_id

    def close(self) -> None:
        """Let the child finish its step, wait two seconds, then end it."""
        self._closing = True
        try:
            self.send(Quit())
        except EngineLostError:
            pass
        if self._process:
            self._process.join(QUIT_TIMEOUT_S)
            if self._process.is_alive():
                self._process.terminate()
                self._process.join(QUIT_TIMEOUT_S)
        if self._reader and self._reader is not threading.current_thread():
            self._reader.join(QUIT_TIMEOUT_S)
        with self._sending:
            if self._connection:
                self._connection.close()
                self._connection = None

    def _read(self, process: BaseProcess, connection: Connection) -> None:
        while True:
            try:
                message: Message = connection.recv()
            except (EOFError, OSError):
                break
            self._on_message(message)
        if self._closing:
            return
        process.join(QUIT_TIMEOUT_S)
        detail = f"exit code {process.exitcode}"
        log.error("engine process ended by itself: %s", detail)
        self._restarts += 1
        if self._restarts <= MAX_RESTARTS:
            self.start()
        else:
            with self._sending:
                self._connection = None
        self._on_message(Lost(detail))

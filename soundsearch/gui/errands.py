"""Small work for the window that must not hold it up: one thing after another in a thread, and back again."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from soundsearch.errors import SoundSearchError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Errands(QObject):
    """Does what takes milliseconds to seconds, such as decoding a part of a clip, outside of the window's thread.

    Signals:
        failed (SoundSearchError): Something could not be done.
    """

    failed = Signal(object)

    _done = Signal(object, object)  # from the thread: what to do with the result, and the result

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: ThreadPoolExecutor | None = None  # made when it is needed first
        self._latest: dict[str, int] = {}
        self._closed = False
        self._done.connect(lambda act, result: act(result), Qt.ConnectionType.QueuedConnection)

    def do(self, work: Callable[[], T], then: Callable[[T], object], kind: str = "", *, tells: bool = True) -> None:
        """Do `work` in the thread, and `then` with its result here.

        Args:
            work: May raise SoundSearchError, which `failed` tells.
            then: What to do with the result, unless closed meanwhile.
            kind: Of errands of a kind only the latest counts.
            tells: Whether a failure is told; else it is of no consequence.
        """
        if self._closed:
            return
        number = self._latest[kind] = self._latest.get(kind, 0) + 1

        def is_wanted() -> bool:
            return not self._closed and (not kind or self._latest[kind] == number)

        def arrive(result: Any) -> None:
            if is_wanted() and not isinstance(result, SoundSearchError):
                then(result)
            elif is_wanted() and tells:
                self.failed.emit(result)

        def run() -> None:
            if not is_wanted():
                return
            try:
                result: object = work()
            except SoundSearchError as err:
                result = err
            except Exception:
                log.exception("an errand failed")
                return
            if not self._closed:
                self._done.emit(arrive, result)

        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "errands")
        self._thread.submit(run)

    def forget(self, kind: str) -> None:
        """Let go of what is under way of a kind."""
        self._latest[kind] = self._latest.get(kind, 0) + 1

    def close(self) -> None:
        """End the thread after what it does now."""
        self._closed = True
        if self._thread:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._thread = None

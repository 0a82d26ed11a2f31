"""Job: a generator with an id, a pause and a clean stop; and steps that are taken in a thread of their own."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar, cast

from soundsearch.records import Progress

R = TypeVar("R")

WAIT_S = 0.05  # how long the loop waits for a step that is taken in a thread
REPORT_S = 0.1  # progress is reported at most this often


class Job:
    """One long piece of work, advanced a step at a time by whoever owns the loop.

    Attributes:
        id: What messages call it.
        uses_model: Whether it works with the model that was chosen when it began.
        is_training: Whether it trains a model: it rests while another job works with one.
        is_paused: Whether it shall be left alone for now.
    """

    def __init__(
        self, job_id: int, steps: Generator[Progress, None, Any], uses_model: bool = False, is_training: bool = False
    ) -> None:
        self.id = job_id
        self.uses_model = uses_model
        self.is_training = is_training
        self.is_paused = False
        self._steps = steps
        self._last: Progress | None = None
        self._reported_at = 0.0

    def step(self) -> Progress | None:
        """Do one step; returns a progress that is worth reporting, or None.

        Raises:
            StopIteration: When the job is done; `value` is its result.
            SoundSearchError: If it cannot go on.
        """
        progress = next(self._steps)
        now = time.monotonic()
        is_new_phase = self._last is None or progress.phase != self._last.phase
        self._last = progress
        if not is_new_phase and now - self._reported_at < REPORT_S:
            return None
        self._reported_at = now
        return progress

    def rest(self) -> Progress | None:
        """Let others go first; returns a progress that says so, once."""
        if self._last is not None and self._last.phase == "wait":
            return None
        self._last = Progress("wait")
        return self._last

    def stop(self) -> None:
        """End it; what it has committed stays."""
        self._steps.close()


def apart(
    steps: Generator[Progress, None, R], name: str, merge: Callable[[Progress, Progress], Progress] | None = None
) -> Generator[Progress, None, R]:
    """Take the steps of a generator in a thread; while one lasts, the last progress is given again.

    Closing it does not wait: the step that is being taken ends by itself, then the generator is closed.

    Args:
        steps: Must share nothing with the loop.
        name: Of the thread.
        merge: What is told of a progress and the one before it; default the newer one.

    Returns:
        The value of the generator.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix=name)
    progress: Progress = Progress("prepare")
    try:
        while True:
            step = thread.submit(_step, steps)
            while wait([step], WAIT_S).not_done:
                yield progress
            is_over, value = step.result()
            if is_over:
                return cast(R, value)
            newer = cast(Progress, value)
            progress = merge(newer, progress) if merge else newer
            yield progress
    finally:
        thread.submit(steps.close)
        thread.shutdown(wait=False)


def _step(steps: Generator[Progress, None, R]) -> tuple[bool, Progress | R]:
    """Whether it is over, and its value or progress: a future cannot hold a StopIteration."""
    try:
        return False, next(steps)
    except StopIteration as stop:
        return True, stop.value

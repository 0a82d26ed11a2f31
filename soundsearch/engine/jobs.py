"""Job: a generator with an id, a pause and a clean stop."""

import time
from collections.abc import Generator
from typing import Any

from soundsearch.records import Progress

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

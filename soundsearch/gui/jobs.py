"""Long work of the engine, as the window knows it: what started it, and how it ended."""

from dataclasses import dataclass
from typing import Any

from soundsearch.engine.messages import (
    DownloadModel,
    DrawMap,
    FindDuplicates,
    ProposeTags,
    Scan,
    StartTraining,
    WriteTags,
)

JobRequest = Scan | DownloadModel | StartTraining | DrawMap | ProposeTags | WriteTags | FindDuplicates


@dataclass(frozen=True, slots=True)
class Job:
    """Long work of the engine. `request` is what started it."""

    id: int
    request: JobRequest


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended: with `value`, or stopped by the user (`stopped`), or with an error in `message` and `hint`."""

    job: Job
    value: Any = None
    stopped: bool = False
    message: str = ""
    hint: str = ""

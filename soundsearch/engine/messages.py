"""What crosses the process border between the window and the engine: plain records that can be pickled.

The window sends `(id, request)`; the engine answers each with `Reply`, or `Failed`, carrying the same id. A request
that starts a job is answered at once with the job's id (its own request id); the job then reports `JobProgress` and
ends with `JobDone`, `JobFailed` or `JobStopped`. `Changed` and `ModelReady` come without having been asked for.
"""

from dataclasses import dataclass
from typing import Any

from soundsearch.records import Example, OrganisingAction, Progress, TrainingPlan


@dataclass(frozen=True, slots=True)
class Search:
    """Answered with a `Ranking`. `text` is the query language; empty text without examples lists everything.

    `order` is "" for the best first (a listing: by name), or the name of a `Clip` field, "-" before it for descending.
    """

    text: str
    likes: tuple[Example, ...] = ()
    unlikes: tuple[Example, ...] = ()
    text_weight: float = 0.5
    order: str = ""


@dataclass(frozen=True, slots=True)
class FetchClips:
    """Answered with a tuple of `Clip` in the order asked; forgotten ids are left out."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GetStatus:
    """Answered with a `LibraryStatus`."""


@dataclass(frozen=True, slots=True)
class ListFailures:
    """Answered with a tuple of `Failure`."""


@dataclass(frozen=True, slots=True)
class ListModels:
    """Answered with a tuple of `ModelInfo`."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Starts a job whose result is a `ScanReport`. No roots means all that are known.

    `moments` also embeds windows of long clips, so that they answer with the moment that matched.
    """

    roots: tuple[str, ...] = ()
    moments: bool = False


@dataclass(frozen=True, slots=True)
class FindDuplicates:
    """Starts a job whose result is a tuple of `DuplicateGroup`, largest first. `near` also looks for near copies."""

    near: bool = False


@dataclass(frozen=True, slots=True)
class DownloadModel:
    """Starts a job whose result is the `ModelInfo` of the installed model."""

    name: str


@dataclass(frozen=True, slots=True)
class UseModel:
    """Makes a model the active one; answered with its `ModelInfo`. Scan afterwards to embed what it has not seen."""

    name: str


@dataclass(frozen=True, slots=True)
class RevertModel:
    """Goes back to the model before the last change; answered with its `ModelInfo`."""


@dataclass(frozen=True, slots=True)
class RemoveModel:
    """Deletes an installed model that is not in use; answered with None."""

    name: str


@dataclass(frozen=True, slots=True)
class ListFolders:
    """Answered with a tuple of `Folder`, by path."""


@dataclass(frozen=True, slots=True)
class PreviewTraining:
    """Answered with a `TrainingPreview`, as soon as that is known: others may be answered before."""

    plan: TrainingPlan


@dataclass(frozen=True, slots=True)
class StartTraining:
    """Starts a job whose result is a `TrainingOutcome`. It rests while a scan runs; only one may run."""

    plan: TrainingPlan


@dataclass(frozen=True, slots=True)
class ListLabelSets:
    """Answered with a tuple of `LabelSet`."""


@dataclass(frozen=True, slots=True)
class ProposeTags:
    """Starts a job whose result is a `TagProposals` for the clips below these folders, or for these clips."""

    label_set: str
    folders: tuple[str, ...] = ()
    clip_ids: tuple[int, ...] = ()
    bar: float = 0.5  # accepted from this score on


@dataclass(frozen=True, slots=True)
class ApplyTags:
    """Stores what was accepted, and remembers what was refused, in one step that can be undone.

    Answered with an `Organised` once all of it is done; others may be answered before.
    """

    label_set: str  # as it was proposed from
    accepted: tuple[tuple[int, tuple[tuple[str, float], ...]], ...]  # clip id, labels with scores
    refused: tuple[tuple[int, tuple[str, ...]], ...] = ()  # clip id, labels


@dataclass(frozen=True, slots=True)
class WriteTags:
    """Starts a job that writes labels into the clips' own files; its result is a `WriteReport`."""

    label_set: str  # as it was proposed from
    accepted: tuple[tuple[int, tuple[str, ...]], ...]  # clip id, labels, best first
    backup: bool = False  # keep each original beside its file


@dataclass(frozen=True, slots=True)
class DrawMap:
    """Starts a job whose result is a `LibraryMap`: the saved one brought up to date, or one drawn `anew`."""

    anew: bool = False


@dataclass(frozen=True, slots=True)
class RemoveRoot:
    """Forgets a root and the clips below it; answered with None. No sound file is touched."""

    path: str


@dataclass(frozen=True, slots=True)
class Organise:
    """Answered with an `Organised` once all of it is done; others may be answered before."""

    action: OrganisingAction


@dataclass(frozen=True, slots=True)
class Undo:
    """Takes the last organising action of this session back; answered with an `Organised`."""


@dataclass(frozen=True, slots=True)
class Redo:
    """Makes the action again that was taken back last; answered with an `Organised`."""


@dataclass(frozen=True, slots=True)
class ListCollections:
    """Answered with a tuple of `Collection`, by name."""


@dataclass(frozen=True, slots=True)
class ListTags:
    """Answered with a tuple of `TagCount`, the most frequent first."""


@dataclass(frozen=True, slots=True)
class ListSearches:
    """Answered with a tuple of `SavedSearch`, by name."""


@dataclass(frozen=True, slots=True)
class GetDetails:
    """Answered with a `ClipDetails`, or None if the clip was forgotten."""

    clip_id: int


@dataclass(frozen=True, slots=True)
class ListMissing:
    """Answered with a tuple of `Clip`, by name."""


@dataclass(frozen=True, slots=True)
class ForgetClips:
    """Forgets those of the clips that are missing; answered with their number. No sound file is touched."""

    clip_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LocateClip:
    """A missing clip is this file now; answered with the root that should be scanned."""

    clip_id: int
    path: str


@dataclass(frozen=True, slots=True)
class LocateRoot:
    """A root is in another folder now; answered with that folder, which should be scanned."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """The window wrote settings that the engine reads too; answered with None."""


@dataclass(frozen=True, slots=True)
class PauseJob:
    """Stops a job's steps until `ResumeJob`; answered with None."""

    job: int


@dataclass(frozen=True, slots=True)
class ResumeJob:
    """Lets a paused job go on; answered with None."""

    job: int


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Ends a job; what it has committed stays. Answered with None."""

    job: int


@dataclass(frozen=True, slots=True)
class Quit:
    """Ends the engine process after the current step; not answered."""


Request = (
    Search
    | FetchClips
    | GetStatus
    | ListFailures
    | ListModels
    | Scan
    | FindDuplicates
    | DownloadModel
    | UseModel
    | RevertModel
    | RemoveModel
    | ListFolders
    | PreviewTraining
    | StartTraining
    | DrawMap
    | ListLabelSets
    | ProposeTags
    | ApplyTags
    | WriteTags
    | RemoveRoot
    | Organise
    | Undo
    | Redo
    | ListCollections
    | ListTags
    | ListSearches
    | GetDetails
    | ListMissing
    | ForgetClips
    | LocateClip
    | LocateRoot
    | ReadSettings
    | PauseJob
    | ResumeJob
    | CancelJob
    | Quit
)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to request `id`."""

    id: int
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Request `id` could not be done. `is_bug` marks an unexpected exception; `hint` is then its traceback."""

    id: int
    message: str
    hint: str = ""
    is_bug: bool = False


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job went on; at most 10 a second."""

    job: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class JobDone:
    """A job reached its end."""

    job: int
    value: Any


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job could not go on. What it had committed stays."""

    job: int
    message: str
    hint: str = ""
    is_bug: bool = False


@dataclass(frozen=True, slots=True)
class JobStopped:
    """A job was cancelled."""

    job: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The catalogue holds other clips or more embeddings than before; at most one in two seconds."""


@dataclass(frozen=True, slots=True)
class ModelReady:
    """The model is loaded and warm; `device` is where it runs."""

    name: str
    device: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The engine process ended by itself. The client has started another; unanswered requests will not be answered."""

    detail: str


Message = Reply | Failed | JobProgress | JobDone | JobFailed | JobStopped | Changed | ModelReady | Lost

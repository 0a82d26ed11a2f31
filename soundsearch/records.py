"""The words every room speaks: frozen dataclasses, without behaviour of their own."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag, StrEnum
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class ClipState(StrEnum):
    """How far a clip has come in the catalogue."""

    PENDING = "pending"  # listed, not analysed yet
    READY = "ready"  # analysed
    FAILED = "failed"  # cannot be read; `Clip.reason` says why
    MISSING = "missing"  # vanished from a root that can be reached


class Strength(IntEnum):
    """A similarity in words, calibrated against this library and this kind of query."""

    NONE = 0  # a listing without a query
    WEAK = 1
    FAIR = 2
    STRONG = 3


@dataclass(frozen=True, slots=True)
class Clip:
    """One audio file of the library.

    `path` is what `os.fsdecode` gives: bytes that are not UTF-8 are held as surrogates. `peaks` is the mini waveform in
    the form of `audio.peaks.Peaks.to_bytes`, empty before analysis. What is not known yet is 0.
    """

    id: int
    path: str
    root: str
    state: ClipState = ClipState.PENDING
    offline: bool = False
    reason: str = ""
    duration_s: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    format: str = ""
    size_bytes: int = 0
    modified_ns: int = 0
    tags: tuple[str, ...] = ()
    peaks: bytes = b""
    favourite: bool = False
    rating: int = 0  # stars, 1 to 5; 0 for none
    colour: str = ""  # a colour label's name, "" for none
    loudness_lufs: float | None = None  # integrated; None where it is too short or silent
    peak_db: float | None = None  # highest sample, relative to full scale
    brightness_hz: float | None = None  # spectral centroid
    tempo_bpm: float | None = None  # None where there is no rhythm
    key: str = ""  # "Am", "F#"; "" where nothing is tonal
    kind: str = ""  # "loop", "one-shot", "" where it is neither

    @property
    def name(self) -> str:
        """File name with its extension."""
        return PurePath(self.path).name

    @property
    def folder(self) -> str:
        """Folder below the root, "" for clips directly in it."""
        folder = PurePath(self.path).parent
        return str(folder.relative_to(self.root)) if folder != PurePath(self.root) else ""


@dataclass(frozen=True, slots=True)
class Sound:
    """What a clip sounds like, as measured. What cannot be said of it is None or ""; see the fields of `Clip`."""

    loudness_lufs: float | None = None
    peak_db: float | None = None
    brightness_hz: float | None = None
    tempo_bpm: float | None = None
    tempo_confidence: float | None = None  # 0 to 1, of a tempo that was given or not
    key: str = ""
    key_confidence: float | None = None  # 0 to 1, of a key that was given or not
    kind: str = ""
    samples: bytes = b""  # BLAKE2b-128 of the decoded samples, whatever the file format


@dataclass(frozen=True, slots=True)
class Tag:
    """A word about a clip, and who says so."""

    label: str
    source: str  # "user", "file" (the file's own metadata), "folder" (its place), "auto" (a model)
    score: float | None = None  # of an automatic one, calibrated, 0 to 1


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that is scanned, with what is below it."""

    path: str
    online: bool = True
    clips: int = 0


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the library, with the clips that were analysed anywhere below it."""

    path: str
    clips: int


@dataclass(frozen=True, slots=True)
class Example:
    """A sound file, or the part of it between two times, that a query points at, and how much it counts."""

    path: str
    start_s: float | None = None
    end_s: float | None = None
    weight: float = 1.0  # against the other examples


@dataclass(frozen=True, slots=True)
class Filter:
    """Which clips may answer. Every given condition must hold; several values of one condition are alternatives."""

    min_duration_s: float | None = None
    max_duration_s: float | None = None
    words: tuple[str, ...] = ()  # each must occur in name, folder or a tag
    tags: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    types: tuple[str, ...] = ()  # file extensions without dot, lower case
    sample_rates: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    min_bpm: float | None = None
    max_bpm: float | None = None
    keys: tuple[str, ...] = ()  # as in `Clip.key`
    marks: tuple[str, ...] = ()  # "fav", "loop", "one-shot", "tagged", "untagged", ...: each must hold
    min_rating: int = 0
    colours: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()  # names
    without: "Filter | None" = None  # clips for which any one of these holds may not answer; has none of its own


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. `text_weight` is the share of the texts against the examples, from 0 to 1."""

    texts: tuple[str, ...] = ()
    not_texts: tuple[str, ...] = ()
    likes: tuple[Example, ...] = ()
    unlikes: tuple[Example, ...] = ()
    text_weight: float = 0.5
    filter: Filter = field(default_factory=Filter)

    @property
    def is_listing(self) -> bool:
        """True when nothing is asked for: the answer is every clip that passes the filter, by name."""
        return not (self.texts or self.not_texts or self.likes or self.unlikes)


class Reason(IntFlag):
    """Why a clip answers a query."""

    MEANING = 1
    NAME = 2
    FOLDER = 4
    TAG = 8


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer to a query, best first: parallel arrays, so that a million hits are cheap to send and to keep."""

    clip_ids: IntArray  # (n,)
    similarity: FloatArray  # (n,), 0 in a listing
    strength: npt.NDArray[np.uint8]  # (n,), values of Strength
    reasons: npt.NDArray[np.uint8] | None = None  # (n,), flags of Reason; None in a listing
    start_s: FloatArray | None = None  # (n,), the moment that matched, NaN where the whole clip did
    end_s: FloatArray | None = None  # (n,)

    def __len__(self) -> int:
        return len(self.clip_ids)


@dataclass(frozen=True, slots=True)
class Grouping:
    """To which of a few named groups each of n things belongs; the last group is for all others."""

    names: tuple[str, ...]
    of: npt.NDArray[np.uint8]  # (n,), positions in `names`


@dataclass(frozen=True, slots=True)
class LibraryMap:
    """The clips that were heard, in two dimensions by similarity: parallel arrays of n clips."""

    clip_ids: IntArray  # (n,), ascending
    places: FloatArray  # (n, 2), most within the square from -1 to 1
    brightness: npt.NDArray[np.uint8]  # (n,), as in `audio.peaks.Peaks`
    folders: Grouping
    tags: Grouping
    clusters: Grouping

    def __len__(self) -> int:
        return len(self.clip_ids)


@dataclass(frozen=True, slots=True)
class Hit:
    """A clip that answers a query. `start_s` and `end_s` locate the matching moment, where one was looked for."""

    rank: int
    clip: Clip
    similarity: float
    strength: Strength
    start_s: float | None = None
    end_s: float | None = None


COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "grey")  # names of colour labels


@dataclass(frozen=True, slots=True)
class MarkClips:
    """Says something of clips; what is None stays as it is."""

    clip_ids: tuple[int, ...]
    favourite: bool | None = None
    rating: int | None = None  # 1 to 5, 0 takes it away
    colour: str | None = None  # one of COLOURS, "" takes it away


@dataclass(frozen=True, slots=True)
class TagClips:
    """Gives clips tags, and takes tags away, whoever gave them; those that are the names of folders stay."""

    clip_ids: tuple[int, ...]
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectClips:
    """Puts clips into a collection, which is made if there is none of that name, or takes them out of it."""

    clip_ids: tuple[int, ...]
    collection: str
    remove: bool = False


@dataclass(frozen=True, slots=True)
class ChangeCollection:
    """Makes a collection (`name` is ""), renames one, or deletes one (`to` is "")."""

    name: str
    to: str


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A query that was given a name; the fields are those of `messages.Search`."""

    name: str
    text: str
    likes: tuple[Example, ...] = ()
    unlikes: tuple[Example, ...] = ()
    text_weight: float = 0.5
    order: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSearch:
    """Saves a search (`name` is "", or the one it takes the place of), or deletes one (`to` is None)."""

    name: str
    to: SavedSearch | None


OrganisingAction = MarkClips | TagClips | CollectClips | ChangeCollection | ChangeSearch


@dataclass(frozen=True, slots=True)
class Organised:
    """What came of an organising action, or of taking one back.

    `said` is the action in a few words ("rating of 3 clips"); `undo` and `redo` are those that could be taken back or
    made again now, "" where there is none.
    """

    said: str
    undo: str = ""
    redo: str = ""
    left_out: int = 0  # clips of which nothing can be said, because they were not analysed yet


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection with its number of sounds."""

    name: str
    clips: int


@dataclass(frozen=True, slots=True)
class ProposedTag:
    """A tag that a model proposes for a clip. `score` is calibrated: 0.5 means that about half of such are right."""

    label: str
    score: float
    accepted: bool  # whether it is above the bar of its label, and not spare
    spare: bool = False  # a better part of the same category is proposed, or known: it waits for a person


@dataclass(frozen=True, slots=True)
class ClipProposals:
    """What is proposed for one clip, in order of score; what it has, or what was refused for it, is not among it."""

    clip_id: int
    path: str
    tags: tuple[ProposedTag, ...]


@dataclass(frozen=True, slots=True)
class TagProposals:
    """What is proposed for the clips of some folders. Nothing is stored before it is applied."""

    label_set: str
    clips: tuple[ClipProposals, ...]
    summary: tuple[tuple[str, int], ...]  # labels that describe the whole, with the clips that would get them


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A set of labels that can be proposed."""

    name: str  # "ucs", "audioset", "music", "form", or the path of a text file
    title: str
    labels: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag with the number of sounds that have it, and who gave it to them."""

    label: str
    clips: int
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClipDetails:
    """Everything about one clip."""

    clip: Clip
    tags: tuple[Tag, ...] = ()
    collections: tuple[str, ...] = ()
    similar: tuple[Clip, ...] = ()  # most similar first, without copies of it
    ucs_name: str = ""  # what it would be called by UCS; "" where no tag says its category


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `total` is 0 while it is not known; `done` and `total` count `unit`."""

    phase: str  # "list", "analyse", "index", "download", ...
    done: int = 0
    total: int = 0
    unit: str = "clips"
    rate: float = 0.0  # units a second, lately
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What became of writing tags into files."""

    written: int
    failed: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found and did.

    `found`, `missing` and `failed` describe the scanned roots after the scan; the others count what this scan did.
    """

    found: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    moved: int = 0
    missing: int = 0
    removed: int = 0
    failed: tuple[Failure, ...] = ()
    embedded: int = 0
    seconds: float = 0.0
    offline: tuple[str, ...] = ()  # roots that could not be reached


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Clips that hold the same sound. The first is the one that is suggested to be kept."""

    kind: str  # "exact": the same decoded samples; "near": nearly, or of other rate, format or level
    clip_ids: tuple[int, ...]
    similarity: float  # of the waveforms, 0 to 1; 1 for exact ones


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that can be used or downloaded."""

    name: str
    title: str
    installed: bool
    active: bool
    size_bytes: int
    description: str = ""
    licence: str = ""
    recommended: bool = False
    personal: bool = False  # trained on the user's own sounds
    summary: str = ""  # of a personal model: on what and how well, in a few words
    reason: str = ""  # why a personal model is not recommended, "" if it may be used without second thoughts
    report: str = ""  # path of a personal model's report


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """Catalogue and index at a glance. `embedded` counts clips with a vector of the active model."""

    clips: int
    embedded: int
    failed: int
    missing: int
    roots: tuple[Root, ...]
    model: str  # name of the active model
    index_bytes: int
    catalogue_bytes: int
    version: str
    pending: int = 0
    device: str = ""  # "cpu", "cuda", "mps"; "" while no model is loaded


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What a personal model shall be trained on, and how."""

    name: str  # of the new model
    folders: tuple[str, ...] = ()  # only clips below these or in the collections; neither means the whole library
    collections: tuple[str, ...] = ()  # names
    recipe: str = "projection"  # or "lora", "last-stage", "full"
    captions: str = "grammar"  # or "template", "given"
    seed: int = 3407


@dataclass(frozen=True, slots=True)
class TrainingPreview:
    """What a plan would train on, before anything is trained."""

    clips: int
    train: int
    validation: int  # chooses when to stop
    test: int  # only for the proof
    tags: tuple[tuple[str, int], ...]  # with the number of clips, most frequent first
    examples: tuple[tuple[str, tuple[str, ...]], ...]  # path of a clip, and texts that it would be trained with
    problems: tuple[str, ...]  # leaks that were mended, clips that cannot be read, tags with one clip, ...


@dataclass(frozen=True, slots=True)
class TrainingProgress(Progress):
    """How far a training run is."""

    loss: float | None = None  # nats
    validation: float | None = None  # text to audio mAP@10 on the validation clips, 0 to 1
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came of a plan: shares from 0 to 1, of text to audio mAP@10 on test clips and top-1 of the control list."""

    name: str
    folder: str  # the bundle
    before: float
    after: float
    gain: tuple[float, float, float]  # after - before, and its 95 % bootstrap interval
    control_before: float
    control_after: float
    offered: bool  # whether it gained more than it lost
    reason: str  # one sentence for the user
    report: str  # path of report.html

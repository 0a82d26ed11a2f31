"""An engine at the other side of the process border: answers messages as the real one does, from made-up clips."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np

from soundsearch.audio.peaks import Peaks
from soundsearch.engine import messages as m
from soundsearch.engine.ucs import ucs_name
from soundsearch.errors import EngineLostError
from soundsearch.records import (
    ChangeCollection,
    ChangeSearch,
    Clip,
    ClipDetails,
    ClipState,
    CollectClips,
    Collection,
    Failure,
    Folder,
    Grouping,
    LabelSet,
    LibraryMap,
    LibraryStatus,
    MarkClips,
    ModelInfo,
    Organised,
    OrganisingAction,
    Ranking,
    Root,
    SavedSearch,
    Strength,
    Tag,
    TagClips,
    TagCount,
    TrainingOutcome,
    TrainingPreview,
)

NAMES = ("Kick 808", "Snare tight", "Hat open", "Rain on leaves", "Door creak", "Pad warm", "Bass pluck", "Dog bark")
STARTER = ModelInfo("starter", "Starter", True, True, 25_000_000, "Built in.", "Apache-2.0")
FULL = ModelInfo("clap-htsat-fused", "LAION CLAP", False, False, 614_000_000, "The full model.", "Apache-2.0", True)

MINE = ModelInfo(
    "my-sounds", "My sounds", True, False, 26_000_000,
    "Your sounds: 412 clips, 23 tags. Finds them 41 % → 63 % (mAP@10).", personal=True,
    summary="412 clips · 41 % → 63 %",
)  # fmt: skip
PREVIEW = TrainingPreview(
    412, 268, 62, 82,
    (("kick", 120), ("snare", 86), ("hat", 74), ("rain", 41), ("door", 33), ("pad", 30), ("dog bark", 28)),
    (
        ("/sounds/Drums/Kick 808 00.wav", ("A punchy kick drum.", "The sound of a kick.", "kick, 808")),
        ("/sounds/Field/Rain on leaves 03.wav", ("Rain on leaves.", "The sound of rain and leaves.", "rain, leaves")),
        ("/sounds/Field/Door creak 04.wav", ("A door creaks.", "The sound of a door.", "door, creak")),
    ),
    ("3 clips lie in two packs and are kept in one part.", "The tag “vinyl” has one clip only: it is not learned."),
)  # fmt: skip
OUTCOME = TrainingOutcome(
    "my-sounds", "/data/models/my-sounds", 0.41, 0.63, (0.22, 0.15, 0.29), 0.71, 0.705, True,
    "On clips that it had not heard it finds clearly more.", "/data/models/my-sounds/report.html",
)  # fmt: skip


def made_up_peaks(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    decay = np.exp(-np.linspace(0, random.uniform(1, 6), 96)) * random.uniform(0.4, 1)
    shape = decay * random.uniform(0.6, 1, 96)
    brightness = np.clip(random.uniform(20, 220) + 30 * random.standard_normal(96), 0, 255)
    return Peaks(
        np.rint(-127 * shape).astype(np.int8), np.rint(127 * shape).astype(np.int8), brightness.astype(np.uint8)
    ).to_bytes()


def made_up_clip(number: int, root: str = "/sounds", **values: Any) -> Clip:
    name = f"{NAMES[number % len(NAMES)]} {number:02}.wav"
    clip = Clip(
        number,
        f"{root}/Folder {number % 5}/{name}",
        root,
        ClipState.READY,
        duration_s=0.2 + number % 12,
        sample_rate=48_000,
        channels=2,
        format="wav",
        modified_ns=1,
        peaks=made_up_peaks(number),
    )
    return replace(clip, **values)


class FakeEngine:
    """Use it as `make_client`: `FakeEngine(clips)` then `engine.connect(on_message)` returns itself.

    Every request is kept in `sent`. While `held` is true nothing is answered; `release()` answers what waits, in order.
    """

    def __init__(self, clips: Sequence[Clip] = (), roots: Sequence[Root] | None = None) -> None:
        self.clips = {clip.id: clip for clip in clips}
        self.roots = tuple(roots if roots is not None else ([Root("/sounds", True, len(clips))] if clips else []))
        self.models: tuple[ModelInfo, ...] = (STARTER,)
        self.failures: tuple[Failure, ...] = ()
        self.folders: tuple[Folder, ...] = ()
        self.preview: TrainingPreview | m.Failed = PREVIEW
        self.pending = 0
        self.embedded: int | None = None
        self.status: LibraryStatus | None = None  # in place of counting
        self.collections: dict[str, set[int]] = {}
        self.tags: tuple[TagCount, ...] = ()
        self.searches: dict[str, SavedSearch] = {}
        self._done: list[tuple[str, dict[str, Any]]] = []  # what was said, and all as it was before
        self._undone: list[tuple[str, dict[str, Any]]] = []
        self.sent: list[m.Request] = []
        self.held = False
        self.dead = False
        self.started = self.closed = False
        self.ranking: Callable[[m.Search], Ranking] = self.rank
        self._waiting: list[tuple[int, m.Request]] = []
        self._ids = itertools.count(1)
        self._tell: Callable[[m.Message], None] = lambda _: None

    def connect(self, on_message: Callable[[m.Message], None]) -> "FakeEngine":
        self._tell = on_message
        return self

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        self.closed = True

    def send(self, request: m.Request) -> int:
        if self.dead:
            raise EngineLostError("The search engine is not running.", "Start soundsearch again.")
        self.sent.append(request)
        number = next(self._ids)
        self._waiting.append((number, request))
        if not self.held:
            self.release()
        return number

    def release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for number, request in waiting:
            self.tell(self._answer(number, request))

    def tell(self, message: m.Message) -> None:
        """Say something without having been asked."""
        self._tell(message)

    def lose(self) -> None:
        """Die, as a crashed codec makes the real one."""
        self._waiting.clear()
        self.tell(m.Lost("exit code -11"))

    def asked(self, kind: type) -> list[Any]:
        return [request for request in self.sent if isinstance(request, kind)]

    def rank(self, search: m.Search) -> Ranking:
        """By name in a listing; else the clips that hold the text, strong to weak; or in the order asked for."""
        found = self._rank(search)
        if not search.order:
            return found
        key = search.order.removeprefix("-")
        rows = sorted(
            range(len(found)),
            key=lambda row: getattr(self.clips[int(found.clip_ids[row])], key),
            reverse=search.order.startswith("-"),
        )
        return Ranking(found.clip_ids[rows], found.similarity[rows], found.strength[rows])

    def _rank(self, search: m.Search) -> Ranking:
        ids = sorted(self.clips, key=lambda i: self.clips[i].name)
        if search.likes or search.unlikes:
            ids = ids[::-1]
        elif search.text:
            ids = [i for i in ids if search.text.lower() in self.clips[i].name.lower()]
        else:
            return Ranking(np.array(ids, np.int64), np.zeros(len(ids), np.float32), np.zeros(len(ids), np.uint8))
        similarity = np.linspace(0.6, 0.1, len(ids), dtype=np.float32)
        strength = np.select([similarity > 0.45, similarity > 0.3], [Strength.STRONG, Strength.FAIR], Strength.WEAK)
        return Ranking(np.array(ids, np.int64), similarity, strength.astype(np.uint8))

    def _organise(self, action: OrganisingAction) -> Organised:
        before, self._undone = self._organised(), []
        match action:
            case MarkClips(ids):
                values = {"favourite": action.favourite, "rating": action.rating, "colour": action.colour}
                self._change(ids, **{name: value for name, value in values.items() if value is not None})
                said = f"rating of {len(ids)} clips" if action.rating is not None else f"mark of {len(ids)} clips"
            case TagClips(ids, add, remove):
                for i in ids:
                    kept = [label for label in self.clips[i].tags if label not in remove]
                    self._change((i,), tags=(*kept, *(label for label in add if label not in kept)))
                said = f"tag “{(*add, *remove)[0]}” of {len(ids)} clips"
            case CollectClips(ids, name, remove):
                members = self.collections.get(name, set())
                self.collections[name] = members - set(ids) if remove else members | set(ids)
                said = f"addition of {len(ids)} clips to “{name}”"
            case ChangeCollection(name, to):
                members = self.collections.pop(name, set())
                if to:
                    self.collections[to] = members
                said = f"collection “{to or name}”"
            case ChangeSearch(name, to):
                self.searches.pop(name, None)
                if to:
                    self.searches[to.name] = to
                said = f"search “{to.name if to else name}”"
        self._done.append((said, before))
        return Organised(said, said)

    def _organised(self) -> dict[str, Any]:
        return {"clips": dict(self.clips), "collections": dict(self.collections), "searches": dict(self.searches)}

    def _change(self, ids: Sequence[int], **values: Any) -> None:
        self.clips |= {i: replace(self.clips[i], **values) for i in ids}

    def _take_back(self, source: list[Any], target: list[Any]) -> Organised:
        said = ""
        if source:
            said, before = source.pop()
            target.append((said, self._organised()))
            self.__dict__.update(before)
        return Organised(said, *(line[-1][0] if line else "" for line in (self._done, self._undone)))

    def _details(self, clip_id: int) -> ClipDetails | None:
        clip = self.clips.get(clip_id)
        if clip is None:
            return None
        tags = (Tag(clip.folder, "folder"), *(Tag(label, "user") for label in clip.tags), Tag("drums", "auto", 0.8))
        named = tuple(name for name, ids in self.collections.items() if clip_id in ids)
        similar = tuple(c for c in self.clips.values() if c.id != clip_id)[:4]
        return ClipDetails(clip, tags, named, similar, ucs_name(clip.path, tags))

    def map(self) -> LibraryMap:
        """A spiral, on which neighbours in the list are neighbours."""
        ids = np.array(sorted(self.clips), np.int64)
        turn = np.linspace(0, 12, len(ids))
        places = np.stack([np.cos(turn) * turn / 12, np.sin(turn) * turn / 12], axis=1).astype(np.float32)
        groups = Grouping(("Drums", "Field", "Others"), (ids % 3).astype(np.uint8))
        return LibraryMap(ids, places, (ids * 20 % 256).astype(np.uint8), groups, groups, groups)

    def _answer(self, number: int, request: m.Request) -> m.Message:
        match request:
            case m.Search():
                return m.Reply(number, self.ranking(request))
            case m.FetchClips(ids):
                return m.Reply(number, tuple(self.clips[i] for i in ids if i in self.clips))
            case m.GetStatus() if self.status:
                return m.Reply(number, self.status)
            case m.GetStatus():
                states = [clip.state for clip in self.clips.values()]
                return m.Reply(
                    number,
                    LibraryStatus(
                        len(self.clips),
                        states.count(ClipState.READY) if self.embedded is None else self.embedded,
                        len(self.failures),
                        states.count(ClipState.MISSING),
                        self.roots,
                        "starter",
                        0,
                        0,
                        "0.1",
                        self.pending,
                        "cpu",
                    ),
                )
            case m.ListFailures():
                return m.Reply(number, self.failures)
            case m.ListModels():
                return m.Reply(number, self.models)
            case m.UseModel(name):
                known = {model.name: model for model in self.models}
                return m.Reply(number, replace(known.get(name, FULL), name=name, installed=True, active=True))
            case m.RevertModel():
                return m.Reply(number, STARTER)
            case m.ListFolders():
                return m.Reply(number, self.folders)
            case m.PreviewTraining():
                if isinstance(self.preview, m.Failed):
                    return replace(self.preview, id=number)
                return m.Reply(number, self.preview)
            case m.Organise(action):
                return m.Reply(number, self._organise(action))
            case m.Undo():
                return m.Reply(number, self._take_back(self._done, self._undone))
            case m.Redo():
                return m.Reply(number, self._take_back(self._undone, self._done))
            case m.ListCollections():
                return m.Reply(number, tuple(Collection(name, len(ids)) for name, ids in self.collections.items()))
            case m.ListTags():
                return m.Reply(number, self.tags)
            case m.ListSearches():
                return m.Reply(number, tuple(self.searches.values()))
            case m.GetDetails(clip_id):
                return m.Reply(number, self._details(clip_id))
            case m.ListMissing():
                return m.Reply(number, tuple(c for c in self.clips.values() if c.state == ClipState.MISSING))
            case m.ForgetClips(ids):
                self.clips = {i: clip for i, clip in self.clips.items() if i not in ids}
                return m.Reply(number, len(ids))
            case m.LocateClip(_, path):
                return m.Reply(number, str(PurePath(path).parent))
            case m.LocateRoot(_, to):
                return m.Reply(number, to)
            case m.DrawMap():
                self._tell(m.Reply(number, number))
                return m.JobDone(number, self.map())
            case m.ListLabelSets():
                return m.Reply(number, (LabelSet("music", "Music production", 120, "Kick, snare, pad, riser…"),))
            case m.ApplyTags(_, accepted):
                said = f"automatic tags of {len(accepted)} clips"
                return m.Reply(number, Organised(said, said))
            case (
                m.Scan() | m.DownloadModel() | m.StartTraining() | m.ProposeTags() | m.WriteTags() | m.FindDuplicates()
            ):
                return m.Reply(number, number)
            case _:
                return m.Reply(number, None)

"""Tagging: proposes labels for clips, stores what was accepted, writes it into files. Jobs in short steps."""

import hashlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from soundsearch.audio.metadata import UcsFields, read_tags
from soundsearch.audio.tag_writing import remove_leftovers, write_tags
from soundsearch.catalogue.store import Catalogue
from soundsearch.catalogue.tags import TagDecision, TaggedClip
from soundsearch.engine.active import ActiveModel
from soundsearch.engine.labels import Label, label_sets, load_labels
from soundsearch.engine.scoring import Background, Scorer, directions, raise_parents, with_examples, with_parents
from soundsearch.errors import CatalogueError, DecodeError
from soundsearch.records import (
    ClipProposals,
    Example,
    Failure,
    FloatArray,
    LabelSet,
    Organised,
    Progress,
    ProposedTag,
    Tag,
    TagProposals,
    WriteReport,
)
from soundsearch.settings import resource

log = logging.getLogger(__name__)

BAR = 0.5  # accepted from this score on, if nobody says otherwise
MOST = 12  # labels proposed for one clip
LEAST = 0.05  # score below which a label is not worth being seen in a review
BATCH = 128  # clips scored in one step
TEXTS = 4  # prompts embedded in one step: about 0.05 s
LIBRARY = 2000  # clips that stand for the library in the background
SMALL = 1000  # a library with fewer clips than this is helped out by everyday sounds
EVERYDAY_STEP = 3  # every third of the everyday sounds, which lie eight of a kind in a row: 79 are enough for a spread
DESCRIBES = 0.25  # share of a folder's clips from which on a label describes the folder
MOST_DESCRIBING = 8
WAIT_S = 0.02  # how long a step waits for the thread that writes


class Tagging:
    """The engine's side of tagging. `propose` and `write` are jobs; `apply` takes short steps as organising does."""

    def __init__(self, catalogue: Catalogue, answering: Callable[[], ActiveModel]) -> None:
        """Work on a catalogue; `answering` gives the model that searches are answered with."""
        self._catalogue = catalogue
        self._answering = answering

    def label_sets(self) -> tuple[LabelSet, ...]:
        """The sets that come with the program."""
        return label_sets()

    # -- proposing

    def propose(
        self,
        label_set: str,
        folders: Sequence[str] = (),
        clip_ids: Sequence[int] = (),
        bar: float = BAR,
        *,
        for_review: bool = True,
    ) -> Generator[Progress, None, TagProposals]:
        """Score a set of labels for the clips below some folders, or for these clips. Nothing is stored.

        Args:
            label_set: See `load_labels`.
            folders: Folders of the library.
            clip_ids: Clips; used if no folder is named.
            bar: Score from which on a label is accepted.
            for_review: Leave out what a clip has already, what was refused for it, and what hardly fits.
        Returns:
            The proposals by path, as the generator's value.

        Raises:
            SoundSearchError: If there are no labels or clips, or the model cannot be loaded.
        """
        labels = load_labels(label_set)
        model = self._answering()
        while not model.start_loading().done():
            yield Progress("model")
            time.sleep(WAIT_S)
        clips = self._catalogue.tags.clips(folders, clip_ids)
        if not clips:
            raise CatalogueError("There are no analysed clips to tag there.", "Scan the folder first.")
        index = model.index()
        scorer = yield from self._scorer(model, labels)
        known, _ = index.vectors_of(np.array([clip.content_id for clip in clips], np.int64))
        heard = [clip for clip, is_known in zip(clips, known, strict=True) if is_known]
        found: list[ClipProposals] = []
        for start in range(0, len(heard), BATCH):
            batch = heard[start : start + BATCH]
            known, vectors = index.vectors_of(np.array([clip.content_id for clip in batch], np.int64))
            batch = [clip for clip, is_known in zip(batch, known, strict=True) if is_known]  # some may be gone by now
            found += self._proposals(labels, batch, scorer.scores(vectors), bar, for_review)
            yield Progress("tag", start + len(batch), len(heard))
        return TagProposals(label_set, tuple(found), _summary(found, labels))

    def _proposals(
        self, labels: Sequence[Label], clips: Sequence[TaggedClip], scored: FloatArray, bar: float, for_review: bool
    ) -> list[ClipProposals]:
        scored = raise_parents(scored, _parents(labels))
        contents = [clip.content_id for clip in clips]
        known, refused = self._catalogue.tags.of(contents), self._catalogue.tags.refused_of(contents)
        category = {label.name.casefold(): label.parent for label in labels if label.parent}
        found = []
        for clip, row in zip(clips, scored, strict=True):
            said = {tag.label.casefold() for tag in known.get(clip.content_id, ()) if tag.source != "auto"}
            no = refused.get(clip.content_id, frozenset())
            # Parts of one category are different words for much the same: only the best of them is accepted.
            taken = {category[name] for name in said if name in category}
            tags = []
            for at in np.argsort(-row, kind="stable"):
                name, score = labels[at].name, round(float(row[at]), 4)
                if not labels[at].prompts or (for_review and (score < LEAST or name.casefold() in said or name in no)):
                    continue
                spare = labels[at].parent in taken
                if labels[at].parent and name not in no:
                    taken.add(labels[at].parent)
                tags.append(ProposedTag(name, score, score >= bar and name not in no and not spare, spare))
                if len(tags) == MOST and not (len(labels) <= 2 * MOST and not for_review):
                    break
            found.append(ClipProposals(clip.clip_id, clip.path, tuple(tags)))
        return found

    def _scorer(self, model: ActiveModel, labels: Sequence[Label]) -> Generator[Progress, None, Scorer]:
        worded = yield from _worded(model, labels)
        background = yield from self._background(model)
        names = [label.name for label in labels]
        where = {name: index for index, name in enumerate(names)}
        right, refused = (
            {where[name]: rows for name, contents in found.items() if len(rows := _rows(model, contents))}
            for found in (self._catalogue.tags.examples(names), self._catalogue.tags.refusals(names))
        )
        return Scorer(with_examples(worded, right, refused, background), background, worded, _parents(labels))

    def _background(self, model: ActiveModel) -> Generator[Progress, None, Background]:
        """A sample of the library, with everyday sounds where it is small; and everyday descriptions."""
        index = model.index()
        clips = index.sample(LIBRARY)
        if len(clips) < SMALL:
            everyday = yield from _everyday_clips(model)
            clips = np.concatenate([clips, everyday])
        lines = resource("everyday-sounds.txt").read_text(encoding="utf-8").splitlines()
        return Background(clips, (yield from _kept_texts(model, [line for line in lines if line.strip()])))

    # -- storing

    def apply(
        self,
        label_set: str,
        accepted: Sequence[tuple[int, Sequence[tuple[str, float]]]],
        refused: Sequence[tuple[int, Sequence[str]]] = (),
    ) -> Generator[None, None, Organised]:
        """Store what was accepted as automatic tags, and remember what was refused; one step that can be undone.

        Args:
            label_set: As it was proposed from.
            accepted: Clip ids, and labels with their scores.
            refused: Clip ids and labels.
        """
        labels = [label.name for label in load_labels(label_set)]
        yes, no = dict(accepted), dict(refused)
        contents = self._catalogue.tags.contents_of([*yes, *no])
        decisions: dict[int, TagDecision] = {}
        for clip, content in contents.items():
            decisions[content] = TagDecision(
                content,
                tuple(Tag(label, "auto", score) for label, score in yes.get(clip, ())),
                tuple(Tag(label, "auto") for label in no.get(clip, ())),
            )
        name = yield from self._catalogue.tags.decide(list(decisions.values()), labels)
        log_ = self._catalogue.organiser.log
        return Organised(name, log_.undo_name, log_.redo_name, len({*yes, *no}) - len(contents))

    def write(
        self, label_set: str, accepted: Mapping[int, Sequence[str]], backup: bool = False
    ) -> Generator[Progress, None, WriteReport]:
        """Write labels into the clips' files, in a thread, one file after the other.

        A CatID of UCS goes into its own fields where a label has one: that of the label that comes first.

        Args:
            label_set: As it was proposed from.
            accepted: Labels by clip id, best first.
            backup: Whether to keep each original beside its file.
        Returns:
            What became of it, as the generator's value.
        """
        by_name = {label.name: label for label in load_labels(label_set)}
        failed: list[Failure] = []
        tidied: set[Path] = set()
        clips = self._catalogue.tags.clips((), list(accepted))
        for done, clip in enumerate(clips):
            labels = accepted[clip.clip_id]
            ucs = next((ucs_fields(by_name[name]) for name in labels if name in by_name and by_name[name].id), None)
            try:
                for _ in self._write_one(clip, labels, ucs, backup, tidied):
                    yield Progress("write", done, len(clips), detail=clip.path)
            except DecodeError as err:
                failed.append(Failure(clip.path, f"{err.message}. {err.hint}".strip()))
            yield Progress("write", done + 1, len(clips), detail=clip.path)
        return WriteReport(len(clips) - len(failed), tuple(failed))

    def _write_one(
        self, clip: TaggedClip, labels: Sequence[str], ucs: UcsFields | None, backup: bool, tidied: set[Path]
    ) -> Generator[None, None, None]:
        """Decoding and copying go on in a thread; the catalogue is told, in this one, before the file is replaced.

        What a kill left in a folder is removed when its first file is written; `tidied` then has the folder.
        """
        gate = _Gate()
        future: Future[os.stat_result] = Future()
        folder = Path(clip.path).resolve().parent  # of what a link points at

        def work() -> None:
            try:
                if folder not in tidied:
                    tidied.add(folder)
                    remove_leftovers(folder)
                future.set_result(write_tags(clip.path, labels, ucs=ucs, backup=backup, before_rename=gate.arrive))
            except BaseException as err:  # handed to who waits
                future.set_exception(err)

        thread = threading.Thread(target=work, name="tag-writer", daemon=True)
        thread.start()
        try:
            while not future.done():
                if gate.is_waiting(WAIT_S):
                    self._catalogue.tags.expect(clip.content_id, gate.digest)
                    gate.open()
                yield
        finally:
            gate.shut()  # does nothing to one that was opened
            thread.join()
        status = future.result()
        self._catalogue.tags.written(clip.clip_id, status.st_size, status.st_mtime_ns, read_tags(clip.path).words)


class _Gate:
    """Where the writing thread waits until the catalogue knows of its file, or the job was stopped."""

    def __init__(self) -> None:
        self.digest = b""
        self._arrived, self._left = threading.Event(), threading.Event()
        self._is_open = False

    def arrive(self, digest: bytes, _status: os.stat_result) -> None:
        self.digest = digest
        self._arrived.set()
        self._left.wait()
        if not self._is_open:
            raise DecodeError("writing was stopped", "It was left as it is.")

    def is_waiting(self, seconds: float) -> bool:
        return self._arrived.wait(seconds) and not self._left.is_set()

    def open(self) -> None:
        self._is_open = True
        self._left.set()

    def shut(self) -> None:
        self._left.set()


def ucs_fields(label: Label) -> UcsFields:
    """The UCS fields that a label of that set stands for."""
    return UcsFields(label.id, label.parent.upper(), label.name.removeprefix(label.parent).strip().upper())


def _worded(model: ActiveModel, labels: Sequence[Label]) -> Generator[Progress, None, FloatArray]:
    """Directions of the labels' words."""
    prompts = [prompt for label in labels for prompt in label.prompts]
    owners = np.array([index for index, label in enumerate(labels) for _ in label.prompts], np.int64)
    texts = yield from _kept_texts(model, prompts)
    return with_parents(directions(texts, owners, len(labels)), _parents(labels))


def _kept_texts(model: ActiveModel, texts: Sequence[str]) -> Generator[Progress, None, FloatArray]:
    name = hashlib.blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return (yield from _kept(model, f"prompts-{name}.npy", len(texts), lambda: _embedded(model, texts)))


def _embedded(model: ActiveModel, texts: Sequence[str]) -> Generator[Progress, None, FloatArray]:
    rows = []
    for start in range(0, len(texts), TEXTS):
        rows.append(model.embed_texts(texts[start : start + TEXTS]))
        yield Progress("labels", min(start + TEXTS, len(texts)), len(texts), "texts")
    return np.concatenate(rows) if rows else np.zeros((0, model.bundle.dimension), np.float32)


def _everyday_clips(model: ActiveModel) -> Generator[Progress, None, FloatArray]:
    paths = sorted(str(path) for path in resource("control/audio").iterdir())[::EVERYDAY_STEP]

    def embed() -> Generator[Progress, None, FloatArray]:
        rows = []
        for done, path in enumerate(paths, start=1):
            rows.append(model.embed_files([Example(path)]))
            yield Progress("background", done, len(paths))
        return np.concatenate(rows)

    return (yield from _kept(model, "everyday-clips.npy", len(paths), embed))


def _kept(
    model: ActiveModel, name: str, count: int, make: Callable[[], Generator[Progress, None, FloatArray]]
) -> Generator[Progress, None, FloatArray]:
    """Embeddings that were made before with this model, or are made and kept now. A cache: it may be deleted."""
    path = model.index_folder / name
    try:
        rows: FloatArray = np.load(path, allow_pickle=False)
        if rows.shape == (count, model.bundle.dimension) and rows.dtype == np.float32 and np.isfinite(rows).all():
            return rows
    except (OSError, ValueError, EOFError):
        pass
    rows = yield from make()
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.save(file, rows)
        part.replace(path)
    except OSError as err:
        log.warning("cannot keep %s: %s", path, err)
    return rows


def _rows(model: ActiveModel, contents: Sequence[int]) -> FloatArray:
    index = model.index()
    return index.take(np.flatnonzero(np.isin(index.ids, np.asarray(contents, np.int64))))


def _parents(labels: Sequence[Label]) -> list[int]:
    where = {label.name: index for index, label in enumerate(labels)}
    return [where.get(label.parent, -1) if label.parent else -1 for label in labels]


def _summary(found: Sequence[ClipProposals], labels: Sequence[Label]) -> tuple[tuple[str, int], ...]:
    """Labels that a good part of the clips would get, the most frequent first: what the folder is about."""
    counts = Counter(tag.label for clip in found for tag in clip.tags if tag.accepted)
    order = {label.name: index for index, label in enumerate(labels)}
    ranked = sorted(counts.items(), key=lambda item: (-item[1], order[item[0]]))
    describing = [item for item in ranked if item[1] >= DESCRIBES * len(found)]
    return tuple((describing or ranked[:1])[:MOST_DESCRIBING])

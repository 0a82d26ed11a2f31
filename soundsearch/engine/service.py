"""Engine: opens catalogue and models, and is the one façade of them for the command line and the worker."""

import logging
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import soundsearch
from soundsearch import settings as settings_file
from soundsearch.catalogue.pooled import PooledStore
from soundsearch.catalogue.query import parse
from soundsearch.catalogue.store import Catalogue, KnownRoot
from soundsearch.engine import training
from soundsearch.engine.active import ActiveModel
from soundsearch.engine.duplicates import find_duplicates
from soundsearch.engine.exporting import exported
from soundsearch.engine.hearing import Hearing, tower_keys
from soundsearch.engine.listing import mount_point, reach
from soundsearch.engine.mapping import library_map
from soundsearch.engine.moments import hear_moments
from soundsearch.engine.organising import Organising
from soundsearch.engine.scan import scan
from soundsearch.engine.selection import Everything, Filtered, arranged, listing
from soundsearch.engine.tagging import Tagging
from soundsearch.errors import CatalogueError, ModelError
from soundsearch.model.bundle import Bundle
from soundsearch.model.store import STARTER, ModelStore
from soundsearch.records import (
    Clip,
    ClipState,
    DuplicateGroup,
    Example,
    Failure,
    Filter,
    FloatArray,
    Folder,
    Hit,
    LibraryMap,
    LibraryStatus,
    ModelInfo,
    Progress,
    Query,
    Ranking,
    ScanReport,
    Strength,
    TrainingOutcome,
    TrainingPlan,
    TrainingPreview,
)
from soundsearch.settings import Places, Settings

log = logging.getLogger(__name__)

MOST_IN_VIEW = 200  # rows of the tallest screen


class Engine:
    """One open library. Used from one thread.

    Scans embed with the chosen model. Searches are answered by it too, except after a change of model: then the one
    before answers until the new one has heard as many clips, so that search never stops.
    """

    def __init__(
        self,
        places: Places,
        settings: Settings | None = None,
        model: str | None = None,
        device: str | None = None,
        precision: str | None = None,
    ) -> None:
        """Open the catalogue; a model is loaded when it is first needed, or by `start_loading`.

        Args:
            places: Where everything lies.
            settings: Default: as saved there.
            model: Name or folder of a model, in place of the setting.
            device: "auto", "cpu", "cuda" or "mps", in place of the setting.
            precision: "auto", "float32" or "bfloat16", in place of the setting.

        Raises:
            SoundSearchError: If the data folder, the settings or the catalogue cannot be used.
        """
        places.create()
        self.places = places
        self.settings = settings or settings_file.load(places.settings)
        self.models = ModelStore(places.models, self.settings.hub_endpoint)
        self._device = device or self.settings.device
        self._precision = precision or self.settings.precision
        self._asked_for = model
        self._catalogue = Catalogue(places.catalogue)
        self.organising = Organising(self._catalogue, lambda: self.answering, lambda: self.settings)
        self.tagging = Tagging(self._catalogue, lambda: self.answering)
        self._pooled = PooledStore(places.pooled, self.settings.pooled_limit_mb * 1_000_000)
        self._chosen: ActiveModel | None = None
        self._before: ActiveModel | None = None  # answers until the chosen model has heard as much
        self._in_view: tuple[int, ...] = ()  # clips that were asked for last
        self._selections: dict[tuple[int, Filter, bool], Filtered] = {}

    def close(self) -> None:
        """Close the catalogue and what goes with it."""
        self._catalogue.close()
        self._pooled.close()

    # -- models

    @property
    def chosen(self) -> ActiveModel:
        """The model that scans embed with. One that was set long ago and is gone gives way to the starter.

        Raises:
            ModelError: If a model that was asked for now is not there or not usable.
        """
        if self._chosen is None:
            try:
                self._chosen = self._open_model(self._asked_for or self.settings.model)
            except ModelError as err:
                if self._asked_for or self.settings.model == STARTER:
                    raise
                log.warning("%s The built-in starter model is used.", err)
                self._chosen = self._open_model(STARTER)
            if self.settings.previous_model and not self._asked_for:
                try:
                    self._before = self._open_model(self.settings.previous_model)
                except ModelError as err:
                    log.warning("%s", err)
        return self._chosen

    @property
    def answering(self) -> ActiveModel:
        """The model that searches are answered with."""
        chosen = self.chosen
        if self._before is not None and chosen.heard >= self._before.heard:
            self._before = None
            self.change_settings(previous_model="")
        return self._before or chosen

    def start_loading(self) -> bool:
        """Load in the background what searches and scans need; True once it is there, or has failed."""
        futures = [model.start_loading(for_searches=True) for model in (self.answering, self.chosen)]
        return all(future.done() for future in futures)

    @property
    def is_ready(self) -> bool:
        """Whether a search can be answered without waiting for a model."""
        return self.answering.is_ready

    def use_model(self, name: str) -> ModelInfo:
        """Make a model the chosen one, now and from now on; vectors of the others are kept.

        Raises:
            ModelError: If it is not there or does not pass the load gate.
        """
        self.models.check(name)
        return self._choose(name)

    def revert_model(self) -> ModelInfo:
        """Go back to the model before the last change; once more, and the change is made again.

        It is at work at once: it passed the load gate when it was chosen, and its vectors were kept.

        Raises:
            ModelError: If there is none, or it is gone.
        """
        if not self.settings.model_before:
            raise ModelError("There is no model to go back to.", "Choose one from the menu.")
        return self._choose(self.settings.model_before)

    def _choose(self, name: str) -> ModelInfo:
        before, replaced = self.answering, self.chosen
        known = [model for model in (before, replaced) if model.name == name and model.is_ready]
        self._chosen = known[0] if known else self._open_model(name)
        self._before = before
        self._asked_for = None
        changed = {} if replaced.name == name else {"model_before": replaced.name}
        self.change_settings(model=name, previous_model=before.name, **changed)
        assert self.answering  # which may be the new one already
        return self.models.info(name, name)

    def remove_model(self, name: str) -> None:
        """Delete an installed model that is not in use; vectors of a personal one go with it.

        Raises:
            ModelError: If it is in use, or not one that can be removed.
        """
        if name == self.chosen.name:
            raise ModelError(f"The model {name} is in use.", "Use another one first.")
        if self._before is not None and self._before.name == name:
            self._before = None
        bundle = self.models.remove(name)
        named = [field for field in ("previous_model", "model_before") if getattr(self.settings, field) == name]
        self.change_settings(**dict.fromkeys(named, ""))
        left = self.models.installed()
        if "personal" in bundle.manifest and all(other.id != bundle.id for other in left):
            self._catalogue.forget_vectors(bundle.id)
            self._catalogue.moments.forget(bundle.id)
            shutil.rmtree(self.places.index / bundle.id, ignore_errors=True)
        self._pooled.keep_towers({key for other in left for key in tower_keys(other)})

    def list_models(self) -> tuple[ModelInfo, ...]:
        """Every model that can be used or downloaded."""
        return self.models.list(self.chosen.name)

    def model_info(self, name: str) -> ModelInfo:
        """What there is to know about one installed model."""
        return self.models.info(name, self.chosen.name)

    def download_model(self, name: str) -> Generator[Progress, None, ModelInfo]:
        """Download a hub model and install it; nothing changes for searches until it is used. Returns what it is."""
        yield from self.models.install(name)
        return self.model_info(name)

    # -- training

    def folders(self) -> tuple[Folder, ...]:
        """Folders that hold clips, with their numbers."""
        return self._catalogue.tallies.folders()

    def preview_training(self, plan: TrainingPlan) -> Callable[[], TrainingPreview]:
        """What a plan would train on: a function that may run in another thread, for it takes its time.

        Raises:
            SoundSearchError: From that function, if the plan cannot be carried out.
        """
        data_dir, base = self.places.data_dir, self._base().folder
        return lambda: training.load_trainer().preview(plan, data_dir, base)

    def train(self, plan: TrainingPlan) -> Generator[Progress, None, TrainingOutcome]:
        """Train a personal model; nothing changes for searches until it is used.

        Returns:
            What came of it, as the generator's value.

        Raises:
            SoundSearchError: If it cannot start or go on.
        """
        taken = [info.name for info in self.list_models()]
        base = self._base().folder
        return (yield from training.train(plan, self.places.data_dir, base, self.places.models, taken))

    def _base(self) -> Bundle:
        """The model that learns: the chosen one, or what that was made of: training twice does not pile up."""
        bundle = self.chosen.bundle
        base = bundle.manifest.get("personal", {}).get("base", {})
        try:
            below = self.models.open(base["name"]) if base.get("name") else bundle
        except ModelError:  # it was removed
            return bundle
        return below if below.id == base.get("id") else bundle

    def _open_model(self, name: str) -> ActiveModel:
        return ActiveModel(
            name, self.models.open(name), self._catalogue, self.places.index, self._device, self._precision
        )

    def change_settings(self, **values: Any) -> None:
        """Take the settings as they are in the file, which the window writes to as well, and change these there."""
        self.settings = replace(settings_file.load(self.places.settings), **values)
        if values:
            settings_file.save(self.settings, self.places.settings)

    # -- scanning

    def scan(
        self, roots: Sequence[str] = (), workers: int | None = None, moments: bool = False
    ) -> Generator[Progress, None, ScanReport]:
        """Add roots and bring the catalogue and the index up to date.

        Args:
            roots: Folders; none means all that are known.
            workers: Threads that decode.
            moments: Also embed windows of long clips; the setting of the same name asks for them too.
        Returns:
            The report, as the generator's value.

        Raises:
            CatalogueError: If a folder that is not known cannot be found.
        """
        found = [self._root(root) for root in roots] if roots else self._catalogue.roots()
        model = self.chosen

        def hearing() -> Hearing | None:
            return Hearing(model.encoder, self._pooled) if model.start_loading().done() else None

        unique = list({root.id: root for root in found}.values())
        report = yield from scan(
            self._catalogue, self._pooled, model.bundle, hearing, unique, workers, lambda: self._in_view
        )
        if moments or self.settings.moments:
            yield from hear_moments(self._catalogue, model.bundle, hearing, unique)
        yield from model.store_index()
        self._pooled.tidy(self._catalogue.forgotten, self._catalogue.digests)
        return report

    def find_duplicates(self, near: bool = False) -> Generator[Progress, None, tuple[DuplicateGroup, ...]]:
        """Group the clips that hold the same sound; nothing is deleted.

        Args:
            near: Also look for near copies, by the embeddings of the chosen model.
        Returns:
            The groups, largest first, as the generator's value.
        """
        return (yield from find_duplicates(self._catalogue, self.chosen.index(), near))

    def look_at_roots(self) -> None:
        """Note which roots can be reached now: those of a drive that was plugged in again come back by themselves."""
        for root in self._catalogue.roots():
            mount = reach(self._catalogue, root)
            if root.online != (mount is not None):
                self._catalogue.set_root_seen(root.id, mount)

    def remove_root(self, path: str) -> Generator[None, None, None]:
        """Forget a root and the clips below it, in short steps. No sound file is touched.

        Raises:
            CatalogueError: If there is no such root.
        """
        yield from self._catalogue.remove_root(path)
        self._pooled.tidy(self._catalogue.forgotten, self._catalogue.digests)

    def failures(self) -> tuple[Failure, ...]:
        """Every clip that cannot be read, with its reason."""
        return self._catalogue.failures()

    def _root(self, path: str) -> KnownRoot:
        folder = os.fsencode(os.path.abspath(os.path.expanduser(path)))
        known = [root for root in self._catalogue.roots() if root.path == folder]
        if not known and not os.path.isdir(folder):
            what = "it is a file, not a folder" if os.path.exists(folder) else "there is no such folder"
            raise CatalogueError(f"Cannot scan {path}: {what}.", "Name a folder of sounds.")
        return known[0] if known else self._catalogue.add_root(folder, mount_point(folder))

    def unknown_folders(self, folders: Sequence[str]) -> list[str]:
        """Those of these folders that are in no root of the library."""
        roots = tuple(os.path.join(root.path, b"") for root in self._catalogue.roots())
        return [path for path in folders if not os.path.join(os.fsencode(os.path.abspath(path)), b"").startswith(roots)]

    def exported(self) -> Iterator[dict[str, Any]]:
        """Every clip with all that is known of it, by path."""
        return exported(self._catalogue, self.organising.name_by_ucs)

    # -- searching

    def rank(self, query: Query, limit: int, order: str = "") -> Ranking:
        """Answer a query with clip ids, best first; a listing by name when nothing is asked for.

        Args:
            query: What to look for.
            limit: How many hits at most: the best ones, whatever their order.
            order: A field of `Clip` that they are sorted by instead, "-" before it for descending.

        Raises:
            SoundSearchError: If the model cannot be loaded or an example not be read.
        """
        if query.is_listing:
            ranking = listing(self._select(query.filter).clip_ids[:limit])
        else:
            everything = Everything(self._catalogue.candidates)
            selection = everything if query.filter == Filter() else self._select(query.filter, bool(query.texts))
            ranking = self.answering.rank(query, selection, limit)
        if order:
            ranking = arranged(ranking, self._catalogue.orders.arrange(ranking.clip_ids, order, self.changes))
        return ranking

    def search(self, query: Query, limit: int = 20) -> list[Hit]:
        """Answer a query with hits, best first."""
        ranking = self.rank(query, limit)
        clips = {clip.id: clip for clip in self.clips(ranking.clip_ids.tolist())}
        hits: list[Hit] = []
        for row, clip_id in enumerate(ranking.clip_ids.tolist()):
            if clip_id in clips:
                strength = Strength(int(ranking.strength[row]))
                moment = (_moment(times, row) for times in (ranking.start_s, ranking.end_s))
                hits.append(Hit(len(hits) + 1, clips[clip_id], float(ranking.similarity[row]), strength, *moment))
        return hits

    def clips(self, clip_ids: Sequence[int]) -> list[Clip]:
        """Records of clips in the order asked; forgotten ids are left out. A scan analyses the last ones first."""
        self._in_view = tuple(clip_ids[:MOST_IN_VIEW])
        return self._catalogue.clips(clip_ids)

    def embed_files(self, examples: Sequence[Example]) -> FloatArray:
        """Embed files, or parts of them, with the chosen model: unit rows (n, dimension) in the order given."""
        return self.chosen.embed_files(examples)

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embed texts with the chosen model: unit rows (n, dimension) in the order given."""
        return self.chosen.embed_texts(texts)

    def _select(self, wanted: Filter, with_failed: bool = False) -> Filtered:
        key = (self._catalogue.changes, wanted, with_failed)
        if key not in self._selections:
            # Only those of the catalogue as it is now are worth keeping.
            self._selections = {old: kept for old, kept in self._selections.items() if old[0] == key[0]}
            self._selections[key] = Filtered(*self._catalogue.candidates.select(wanted, with_failed))
        return self._selections[key]

    def draw_map(self, anew: bool = False) -> Generator[Progress, None, LibraryMap]:
        """The library in two dimensions by similarity: the saved map brought up to date, or one drawn anew.

        Returns:
            The map, as the generator's value.
        """
        model = self.answering
        path = self.places.maps / f"{model.bundle.id}.npz"
        return library_map(self._catalogue, model.index(), path, anew)

    # -- state

    @property
    def changes(self) -> int:
        """Grows with every change of what a search can answer, by any process."""
        return self._catalogue.changes

    def status(self) -> LibraryStatus:
        """Catalogue and index at a glance, for the chosen model."""
        self.look_at_roots()
        counts = self._catalogue.tallies.states()
        model = self.chosen
        folder = model.index_folder
        return LibraryStatus(
            clips=sum(counts.values()),
            embedded=model.heard,
            failed=counts[ClipState.FAILED],
            missing=counts[ClipState.MISSING],
            pending=counts[ClipState.PENDING],
            roots=self._catalogue.tallies.roots(),
            model=model.name,
            index_bytes=sum(f.stat().st_size for f in folder.iterdir()) if folder.is_dir() else 0,
            catalogue_bytes=self._catalogue.size_bytes,
            version=soundsearch.__version__,
            device=model.device,
        )

    def verify(self, repair: bool = False) -> list[str]:
        """Check catalogue, vectors and index against one another; returns a sentence for each trouble found.

        With `repair` the index is rebuilt from the catalogue, and what is wrong in the catalogue is taken back so that
        the next scan makes it again.
        """
        model = self.chosen
        problems = self._catalogue.repair.problems(model.bundle.id, model.bundle.dimension)
        problems += self._catalogue.moments.problems(model.bundle.id, model.bundle.dimension)
        if repair and problems:
            self._catalogue.repair.mend(model.bundle.id, model.bundle.dimension)
            self._catalogue.moments.repair(model.bundle.id, model.bundle.dimension)
        problems += model.problems()
        if repair:
            model.forget_index()
            for _ in model.store_index():
                pass
        return problems


def _moment(times: FloatArray | None, row: int) -> float | None:
    """One time of a ranking, None where the whole clip matched."""
    return None if times is None or np.isnan(times[row]) else float(times[row])


def parse_query(
    text: str,
    likes: Sequence[Example] = (),
    unlikes: Sequence[Example] = (),
    not_texts: Sequence[str] = (),
    text_weight: float = 0.5,
) -> Query:
    """Make a query of what was typed and the sounds that go with it.

    Raises:
        QueryError: If a filter in the text cannot be understood.
    """
    parsed = parse(text)
    return Query(
        texts=(parsed.text,) if parsed.text else (),
        not_texts=(*parsed.not_texts, *(text for text in not_texts if text.strip())),
        likes=tuple(likes),
        unlikes=tuple(unlikes),
        text_weight=text_weight,
        filter=parsed.filter,
    )

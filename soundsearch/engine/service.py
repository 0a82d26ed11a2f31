"""Engine: opens catalogue, index and model, and is the one façade of them for the command line and the worker."""

import importlib.util
import logging
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import soundsearch
from soundsearch import settings as settings_file
from soundsearch.audio.features import Features, load_features
from soundsearch.catalogue.query import parse
from soundsearch.catalogue.store import Catalogue, KnownRoot
from soundsearch.engine.scan import Embed, mount_point, scan
from soundsearch.engine.search import Direction, Selection, listing, scale
from soundsearch.errors import CatalogueError, DecodeError, IndexStoreError, ModelError
from soundsearch.index import VectorIndex
from soundsearch.model.bundle import Bundle
from soundsearch.model.store import STARTER, ModelStore
from soundsearch.records import (
    Clip,
    ClipState,
    Example,
    Failure,
    Filter,
    FloatArray,
    Hit,
    LibraryStatus,
    ModelInfo,
    Progress,
    Query,
    Ranking,
    ScanReport,
    Strength,
)
from soundsearch.settings import Places, Settings, resource

if TYPE_CHECKING:
    from soundsearch.model.clap import ClapEncoder

log = logging.getLogger(__name__)

GRAPH_BATCH = 100  # vectors a step of the index build adds, about 0.1 s


@dataclass(slots=True)
class _Cache:
    """What is worth keeping between two searches, with what it depends on."""

    selections: dict[tuple[int, Filter], Selection] = field(default_factory=dict)
    texts: dict[str, FloatArray] = field(default_factory=dict)
    background: FloatArray | None = None


class Engine:
    """One open library. Used from one thread; only the model may be loading in another."""

    def __init__(
        self,
        places: Places,
        settings: Settings | None = None,
        model: str | None = None,
        device: str | None = None,
        precision: str | None = None,
    ) -> None:
        """Open the catalogue; the model is loaded when it is first needed, or by `start_loading`.

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
        self.device = device or self.settings.device
        self._precision = precision or self.settings.precision
        self._is_model_asked_for = model is not None
        self._model = model or self.settings.model
        self.models = ModelStore(places.models, self.settings.hub_endpoint)
        self._catalogue = Catalogue(places.catalogue)
        self._bundle: Bundle | None = None
        self._encoder: Future[ClapEncoder] | None = None
        self._index: VectorIndex | None = None
        self._cache = _Cache()

    def close(self) -> None:
        """Close the catalogue."""
        self._catalogue.close()

    # -- the model

    @property
    def model(self) -> str:
        """Name, or folder, of the active model."""
        assert self.bundle  # opening it may have chosen another
        return self._model

    @property
    def bundle(self) -> Bundle:
        """The active model's folder, opened. One that was chosen long ago and is gone gives way to the starter.

        Raises:
            ModelError: If a model that was asked for now is not there or not usable.
        """
        if self._bundle is None:
            try:
                self._bundle = self.models.open(self._model)
            except ModelError as err:
                if self._is_model_asked_for or self._model == STARTER:
                    raise
                log.warning("%s The built-in starter model is used.", err)
                self._model = STARTER
                self._bundle = self.models.open(STARTER)
        return self._bundle

    def start_loading(self) -> "Future[ClapEncoder]":
        """Load the model in a thread of its own, unless that was begun before."""
        if self._encoder is None:
            self._encoder = future = Future["ClapEncoder"]()
            bundle = self.bundle

            def load() -> None:
                try:
                    future.set_result(self._load(bundle))
                except BaseException as err:  # handed to whoever asks for the encoder
                    future.set_exception(err)

            threading.Thread(target=load, name="model-loader", daemon=True).start()
        return self._encoder

    @property
    def encoder(self) -> "ClapEncoder":
        """The loaded model; waits for it.

        Raises:
            ModelError: If it cannot be loaded.
        """
        if self._encoder is None:
            self._encoder = Future()
            try:
                self._encoder.set_result(self._load(self.bundle))
            except ModelError as err:
                self._encoder.set_exception(err)
        return self._encoder.result()

    @property
    def is_ready(self) -> bool:
        """Whether the model is loaded (or has failed to load, which the next use then says)."""
        return self._encoder is not None and self._encoder.done()

    def use_model(self, name: str) -> ModelInfo:
        """Make a model the active one, now and from now on; vectors of the others are kept.

        Raises:
            ModelError: If it is not there or does not pass the load gate.
        """
        bundle = self.models.check(name)
        info = self.models.info(name, name)
        self.settings = replace(self.settings, model=name)
        settings_file.save(self.settings, self.places.settings)
        self._model, self._bundle = name, bundle
        self._encoder, self._index, self._cache = None, None, _Cache()
        return info

    def _load(self, bundle: Bundle) -> "ClapEncoder":
        from soundsearch.model.clap import ClapEncoder  # torch takes seconds: only where a model is needed

        return ClapEncoder(bundle, self.device, self._precision)  # type: ignore[arg-type]

    # -- scanning

    def scan(self, roots: Sequence[str] = (), workers: int | None = None) -> Generator[Progress, None, ScanReport]:
        """Add roots and bring the catalogue and the index up to date.

        Args:
            roots: Folders; none means all that are known.
            workers: Threads that decode.
        Returns:
            The report, as the generator's value.

        Raises:
            CatalogueError: If a folder that is not known cannot be found.
        """
        chosen = [self._root(root) for root in roots] if roots else self._catalogue.roots()
        unique = list({root.id: root for root in chosen}.values())
        report = yield from scan(self._catalogue, self.bundle, self._embed_when_ready, unique, workers)
        index = self._synced_index()
        build = index.build(GRAPH_BATCH)
        while build.step():
            yield Progress("index", build.done, build.total)
        self._save_index()
        return report

    def remove_root(self, path: str) -> None:
        """Forget a root and the clips below it. No sound file is touched."""
        self._catalogue.remove_root(path)

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

    def _embed_when_ready(self) -> Embed | None:
        if not self.start_loading().done():
            return None
        return self.encoder.embed_features

    # -- searching

    def rank(self, query: Query, limit: int) -> Ranking:
        """Answer a query with clip ids, best first; a listing by name when nothing is asked for.

        Raises:
            SoundSearchError: If the model cannot be loaded or an example not be read.
        """
        selection = self._select(query.filter)
        if query.is_listing:
            return listing(selection.clip_ids[:limit])
        direction = Direction(
            texts=self._embed_texts(query.texts),
            not_texts=self._embed_texts(query.not_texts),
            likes=self._embed_examples(query.likes),
            unlikes=self._embed_examples(query.unlikes),
            text_weight=query.text_weight,
        )
        index = self._synced_index()
        if not len(index) or not len(selection):
            return listing(())
        found, similarity = selection.rank(direction.vector(), index, limit)
        strength = scale(direction, self._background(), index).strengths(similarity)
        return Ranking(found, similarity, strength)

    def search(self, query: Query, limit: int = 20) -> list[Hit]:
        """Answer a query with hits, best first."""
        ranking = self.rank(query, limit)
        clips = self.clips(ranking.clip_ids.tolist())
        return [
            Hit(position, clip, float(ranking.similarity[position - 1]), Strength(int(ranking.strength[position - 1])))
            for position, clip in enumerate(clips, start=1)
        ]

    def clips(self, clip_ids: Sequence[int]) -> list[Clip]:
        """Records of clips in the order asked; forgotten ids are left out."""
        return self._catalogue.clips(clip_ids)

    def embed_files(self, examples: Sequence[Example]) -> FloatArray:
        """Embed files, or parts of them: unit rows (n, dimension) in the order given.

        Raises:
            DecodeError: If one cannot be read; the message names it.
        """
        rows = [self.encoder.embed_features([self._features(example)]) for example in examples]
        return np.concatenate(rows) if rows else np.zeros((0, self.bundle.dimension), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embed texts: unit rows (n, dimension) in the order given."""
        return self.encoder.embed_texts(texts)

    def _select(self, wanted: Filter) -> Selection:
        key = (self._catalogue.changes, wanted)
        if key not in self._cache.selections:
            # Only those of the catalogue as it is now are worth keeping.
            self._cache.selections = {old: kept for old, kept in self._cache.selections.items() if old[0] == key[0]}
            self._cache.selections[key] = Selection(*self._catalogue.select(wanted))
        return self._cache.selections[key]

    def _features(self, example: Example) -> Features:
        try:
            return load_features(example.path, self.bundle.front_end, example.start_s, example.end_s)
        except DecodeError as err:
            raise DecodeError(f"Cannot read {example.path}: {err.message}.", err.hint) from err

    def _embed_examples(self, examples: Sequence[Example]) -> FloatArray:
        rows = self.embed_files(examples)
        if len(rows) and not np.isfinite(rows).all():
            raise DecodeError("The model finds nothing in one of the sounds.", "Choose another sound.")
        return rows

    def _embed_texts(self, texts: Sequence[str]) -> FloatArray:
        for text in texts:
            if text not in self._cache.texts:
                if len(self._cache.texts) > 10_000:
                    self._cache.texts.clear()
                self._cache.texts[text] = self.encoder.embed_texts([text])[0]
        rows = [self._cache.texts[text] for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.bundle.dimension), np.float32)

    def _background(self) -> FloatArray:
        """Embeddings of everyday descriptions, for the calibration of strengths."""
        if self._cache.background is None:
            lines = resource("everyday-sounds.txt").read_text(encoding="utf-8").splitlines()
            self._cache.background = self.encoder.embed_texts([line for line in lines if line.strip()])
        return self._cache.background

    # -- the index

    @property
    def _index_folder(self) -> Path:
        return self.places.index / self.bundle.id

    def _synced_index(self) -> VectorIndex:
        """The index, brought up to date with what any process has committed."""
        bundle = self.bundle
        if self._index is None:
            self._index = VectorIndex.load(self._index_folder, bundle.dimension)
        stamp = self._catalogue.stamp(bundle.id)
        before = self._index.stamp or (0, stamp.deletions)  # one without a stamp is empty
        if before == (stamp.last_seq, stamp.deletions):
            return self._index
        if before[1] != stamp.deletions:
            alive = self._catalogue.embedded_ids(bundle.id)
            self._index.remove(np.setdiff1d(self._index.ids, alive))
        self._index.add(*self._catalogue.embeddings(bundle.id, bundle.dimension, before[0]))
        self._index.stamp = (stamp.last_seq, stamp.deletions)
        return self._index

    def _save_index(self) -> None:
        assert self._index is not None
        try:
            self._index.save(self._index_folder)
        except IndexStoreError as err:  # a cache: what it holds is in the catalogue
            log.warning("%s", err)

    # -- state

    @property
    def changes(self) -> int:
        """Grows with every change of what a search can answer, by any process."""
        return self._catalogue.changes

    def status(self) -> LibraryStatus:
        """Catalogue and index at a glance."""
        counts = self._catalogue.count_states()
        folder = self._index_folder
        ready = self._encoder.result() if self.is_ready and self._encoder and not self._encoder.exception() else None
        return LibraryStatus(
            clips=sum(counts.values()),
            embedded=self._catalogue.count_embedded(self.bundle.id),
            failed=counts[ClipState.FAILED],
            missing=counts[ClipState.MISSING],
            pending=counts[ClipState.PENDING],
            roots=self._catalogue.root_records(),
            model=self.model,
            index_bytes=sum(f.stat().st_size for f in folder.iterdir()) if folder.is_dir() else 0,
            catalogue_bytes=self._catalogue.size_bytes,
            version=soundsearch.__version__,
            device=ready.device if ready else "",
        )

    def verify(self, repair: bool = False) -> list[str]:
        """Check catalogue, vectors and index against one another; returns a sentence for each trouble found.

        With `repair` the index is rebuilt from the catalogue, and what is wrong in the catalogue is taken back so that
        the next scan makes it again.
        """
        bundle = self.bundle
        problems = self._catalogue.problems(bundle.id, bundle.dimension)
        if repair and problems:
            self._catalogue.repair(bundle.id, bundle.dimension)
        problems += VectorIndex.problems(self._index_folder)
        saved = VectorIndex.load(self._index_folder, bundle.dimension)
        stamp = self._catalogue.stamp(bundle.id)
        if saved.stamp == (stamp.last_seq, stamp.deletions):
            ids, vectors = self._catalogue.embeddings(bundle.id, bundle.dimension)
            order, saved_order = np.argsort(ids), np.argsort(saved.ids)
            if not np.array_equal(ids[order], saved.ids[saved_order]):
                problems.append("The search index holds other clips than the catalogue.")
            elif not np.array_equal(vectors[order], saved.vectors[saved_order]):
                problems.append("The search index holds other vectors than the catalogue.")
        if repair and problems:
            self._index = VectorIndex(bundle.dimension)
            self._synced_index()
            build = self._index.build()
            while build.step():
                pass
            self._save_index()
        return problems

    def download_model(self, name: str) -> Iterator[Progress]:
        """Download a hub model and install it; nothing changes for searches until it is used."""
        yield from self.models.install(name)

    def list_models(self) -> tuple[ModelInfo, ...]:
        """Every model that can be used or downloaded."""
        return self.models.list(self.model)


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
        not_texts=(*parsed.not_texts, *not_texts),
        likes=tuple(likes),
        unlikes=tuple(unlikes),
        text_weight=text_weight,
        filter=parsed.filter,
    )


def has_graph_index() -> bool:
    """Whether hnswlib is installed; without it search is exact at any size."""
    return importlib.util.find_spec("hnswlib") is not None

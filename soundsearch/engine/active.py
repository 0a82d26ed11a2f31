"""ActiveModel: one model at work in this library: its bundle, its encoder once that is loaded, and its vector index."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soundsearch.audio.features import Features, load_features
from soundsearch.audio.windows import load_in_noise
from soundsearch.catalogue.store import Catalogue, Stamp
from soundsearch.engine.calibration import Calibration
from soundsearch.engine.direction import Direction, Yardstick
from soundsearch.engine.hybrid import Called, depth_of, fuse, hear, look_up
from soundsearch.engine.moments import MomentIndex, with_moments
from soundsearch.engine.selection import Selection, listing
from soundsearch.errors import DecodeError, IndexStoreError, ModelError
from soundsearch.index.building import GraphBuild
from soundsearch.index.vector_index import VectorIndex
from soundsearch.model.bundle import Bundle
from soundsearch.records import Example, FloatArray, IntArray, Progress, Query, Ranking
from soundsearch.settings import resource

if TYPE_CHECKING:
    from soundsearch.model.clap import ClapEncoder

log = logging.getLogger(__name__)

MAX_TEXTS = 10_000  # texts whose embeddings are kept
MAX_SOUNDS = 1_000  # parts of files, as they are and in noise


class ActiveModel:
    """Embeds and ranks with one bundle. Used from one thread; it loads the weights, and embeds texts, in others.

    Attributes:
        name: Name, or folder, that it was opened by.
        bundle: Its folder, opened.
    """

    def __init__(
        self, name: str, bundle: Bundle, catalogue: Catalogue, indexes: Path, device: str, precision: str
    ) -> None:
        """Take an opened bundle; nothing is loaded before it is needed.

        Args:
            name: What it was opened by.
            bundle: Its folder.
            catalogue: Holds its embeddings.
            indexes: Folder of the saved indexes of all bundles.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "auto", "float32" or "bfloat16".
        """
        self.name = name
        self.bundle = bundle
        self.index_folder = indexes / bundle.id
        self._catalogue = catalogue
        self._device, self._precision = device, precision
        self._encoder: Future[ClapEncoder] | None = None
        self._index: VectorIndex | None = None
        self._moments = MomentIndex(catalogue.moments, bundle)
        self._texts: dict[str, FloatArray] = {}
        self._sounds: dict[tuple[object, ...], FloatArray] = {}
        self._calibration = Calibration()
        self._everyday: FloatArray | None = None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="query")

    # -- the encoder

    def start_loading(self, for_searches: bool = False) -> "Future[ClapEncoder]":
        """Load the weights in a thread of their own, unless that was begun before.

        Args:
            for_searches: Also embed in that thread what every first search needs, so that it is answered at once.
        """
        if self._encoder is None:
            self._encoder = future = Future["ClapEncoder"]()

            def load() -> None:
                try:
                    encoder = self._load()
                    if for_searches:
                        self._everyday = _everyday_texts(encoder)
                    future.set_result(encoder)
                except BaseException as err:  # handed to whoever asks for the encoder
                    future.set_exception(err)

            threading.Thread(target=load, name="model-loader", daemon=True).start()
        return self._encoder

    @property
    def is_ready(self) -> bool:
        """Whether the encoder is loaded, or has failed to load, which its next use then says."""
        return self._encoder is not None and self._encoder.done()

    @property
    def encoder(self) -> "ClapEncoder":
        """The loaded encoder; waits for it.

        Raises:
            ModelError: If it cannot be loaded.
        """
        if self._encoder is None:
            self._encoder = Future()
            try:
                self._encoder.set_result(self._load())
            except ModelError as err:
                self._encoder.set_exception(err)
        return self._encoder.result()

    @property
    def device(self) -> str:
        """Where the encoder runs, "" while it is not loaded."""
        if not self.is_ready or self._encoder is None or self._encoder.exception():
            return ""
        return self._encoder.result().device

    def _load(self) -> "ClapEncoder":
        from soundsearch.model.clap import ClapEncoder  # torch takes seconds: only where a model is needed

        return ClapEncoder(self.bundle, self._device, self._precision)

    # -- embedding

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embed texts, those that were asked for before from memory: unit rows (n, dimension)."""
        if len(self._texts) > MAX_TEXTS:
            self._texts.clear()
        for text in texts:
            if text not in self._texts:
                self._texts[text] = self.encoder.embed_texts([text])[0]
        rows = [self._texts[text] for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.bundle.dimension), np.float32)

    def embed_files(self, examples: Sequence[Example]) -> FloatArray:
        """Embed files, or parts of them: unit rows (n, dimension) in the order given. Those of before come from memory.

        Raises:
            DecodeError: If one cannot be read, or the model finds nothing in it; the message names it.
        """
        rows = [self._kept(self._hear, example) for example in examples]
        return np.stack(rows) if rows else np.zeros((0, self.bundle.dimension), np.float32)

    def _kept(self, hear: Callable[[Example], FloatArray], example: Example) -> FloatArray:
        """What a part of a file is to the model, kept while the file stays as it is: words come letter by letter."""
        try:
            status = os.stat(example.path)
        except (OSError, ValueError):  # hearing it says what is wrong
            return hear(example)
        part = (example.path, example.start_s, example.end_s)
        key = (hear.__name__, *part, status.st_size, status.st_mtime_ns)
        if key not in self._sounds:
            if len(self._sounds) >= MAX_SOUNDS:
                self._sounds.clear()
            self._sounds[key] = hear(example)
        return self._sounds[key]

    def _hear(self, example: Example) -> FloatArray:
        row: FloatArray = self.encoder.embed_features([self._features(example)])[0]
        if not np.isfinite(row).all():
            raise DecodeError(f"The model finds nothing in {example.path}.", "Choose another sound.")
        return row

    def _hear_in_noise(self, example: Example) -> FloatArray:
        """A sound as it is in a recording; as it is alone where nothing is known of that."""
        made = load_in_noise(example.path, self.bundle.front_end, example.start_s, example.end_s)
        if made is not None:
            row: FloatArray = self.encoder.embed_features([made])[0]
            if np.isfinite(row).all():
                return row
        return self._kept(self._hear, example)

    def _features(self, example: Example) -> Features:
        try:
            return load_features(example.path, self.bundle.front_end, example.start_s, example.end_s)
        except DecodeError as err:
            if not Path(example.path).exists():
                raise DecodeError(f"There is no file {example.path}.", "Check its name.") from err
            raise DecodeError(f"Cannot read {example.path}: {err.message}.", err.hint) from err

    # -- ranking

    def rank(self, query: Query, selection: Selection, limit: int) -> Ranking:
        """Rank the selected clips: those that it has heard by meaning, all by name.

        Raises:
            SoundSearchError: If the model cannot be loaded or an example not be read.
        """
        try:
            return self._ranked(query, selection, limit)
        except IndexStoreError as err:  # a cache: the catalogue has what it should hold
            log.warning("%s", err)
            self.forget_index()
            return self._ranked(query, selection, limit)

    def _ranked(self, query: Query, selection: Selection, limit: int) -> Ranking:
        texts = self._beside.submit(self.embed_texts, query.texts)
        index = self.index()
        called = self._called(" ".join(query.texts), selection)  # while the texts are embedded
        direction = Direction(
            texts=texts.result(),
            not_texts=self.embed_texts(query.not_texts),
            likes=self.embed_files(query.likes),
            unlikes=self.embed_files(query.unlikes),
            text_weight=query.text_weight,
            like_weights=tuple(example.weight for example in query.likes),
            unlike_weights=tuple(example.weight for example in query.unlikes),
        )
        if not len(index) and not len(called.names):
            return listing(())
        yardstick = Yardstick(direction, index)
        strengths = self._calibration.scale(direction, self._background(), yardstick)
        unwanted = [
            (self._called(text, selection, unfinished=False), self._alone(text, index)) for text in query.not_texts
        ]
        asked = depth_of(limit, unwanted)
        self._moments.refresh()
        whole = hear(yardstick, index, selection, asked)
        in_noise = self._in_noise(query.likes, direction)
        measure = Yardstick(in_noise, index) if in_noise else None
        heard = with_moments(whole, self._moments, yardstick, selection, asked, measure)
        return fuse(heard, called, yardstick, strengths, index, selection, limit, unwanted)

    def _called(self, text: str, selection: Selection, *, unfinished: bool = True) -> Called:
        return look_up(self._catalogue.names.search(text, unfinished=unfinished), self.index(), selection)

    def _in_noise(self, likes: Sequence[Example], direction: Direction) -> Direction | None:
        """A query as it sounds in a recording; None where that makes no difference, or there are no moments."""
        if not likes or not len(self._moments):
            return None
        rows = np.stack([self._kept(self._hear_in_noise, example) for example in likes])
        return None if np.array_equal(rows, direction.likes) else direction.with_likes(rows)

    def _alone(self, text: str, index: VectorIndex) -> Yardstick:
        """A text as a query of its own."""
        nothing = np.zeros((0, self.bundle.dimension), np.float32)
        return Yardstick(Direction(self.embed_texts([text]), nothing, nothing, nothing), index)

    def _background(self) -> FloatArray:
        """Embeddings of everyday descriptions, for the calibration of strengths."""
        if self._everyday is None:
            self._everyday = _everyday_texts(self.encoder)
        return self._everyday

    # -- the index

    @property
    def heard(self) -> int:
        """How many clips have a vector of this model."""
        return self._catalogue.tallies.heard(self.bundle.id)

    def index(self) -> VectorIndex:
        """The index, brought up to date with what any process has committed."""
        bundle = self.bundle
        if self._index is None:
            self._index = VectorIndex.load(self.index_folder, bundle.dimension)
        stamp = self._catalogue.stamp(bundle.id)
        if self._index.stamp == astuple(stamp):
            return self._index
        # One without a stamp is empty; one of an earlier version knows nothing of the log.
        known = Stamp(*(self._index.stamp or (0, stamp.deletions, stamp.forgotten)))
        ids, vectors = self._catalogue.embeddings(bundle.id, bundle.dimension, known.last_seq, stamp.last_seq)
        self._index.remove(self._gone(self._index.ids, ids, known, stamp))
        self._index.add(ids, vectors)
        self._index.stamp = astuple(stamp)
        return self._index

    def _gone(self, held: IntArray, new: IntArray, known: Stamp, now: Stamp) -> IntArray:
        """Which contents the index must let go of, (n,): those that went, and those whose vectors were made anew.

        Args:
            held: Contents of the index, (m,).
            new: Contents whose vectors came since, (k,).
            known: Where the index stands.
            now: Where the catalogue stands.
        """
        if known.deletions == now.deletions:
            log_of_these = self._catalogue.forgotten.between(known.forgotten, now.forgotten)
            if log_of_these is not None:
                return np.array(log_of_these.content_ids, np.int64)
        alive = self._catalogue.embedded_ids(self.bundle.id)
        return np.union1d(np.setdiff1d(held, alive), new)

    def store_index(self) -> Iterator[Progress]:
        """Save the index, then bring its graph up to date and save that, all in steps."""
        index = self.index()
        try:
            yield from (Progress("index") for _ in index.saving(self.index_folder))
            if not self.is_ready:  # nobody can say what a text should find
                return
            build = GraphBuild(index, self._background())
            while build.step():
                yield Progress("index", build.done, build.total)
            if build.total:
                yield from (Progress("index") for _ in index.saving(self.index_folder))
        except IndexStoreError as err:  # a cache: what it holds is in the catalogue
            log.warning("%s", err)

    def forget_index(self) -> None:
        """Drop the index from memory, so that it is made again from the catalogue."""
        self._index = VectorIndex(self.bundle.dimension)

    def problems(self) -> list[str]:
        """Compare the saved index with the catalogue; returns a sentence for each trouble."""
        found = VectorIndex.problems(self.index_folder)
        saved = VectorIndex.load(self.index_folder, self.bundle.dimension)
        stamp = self._catalogue.stamp(self.bundle.id)
        if saved.stamp != astuple(stamp):
            return found  # behind, not wrong: it catches up when it is next used
        ids, vectors = self._catalogue.embeddings(self.bundle.id, self.bundle.dimension)
        order, saved_order = np.argsort(ids), np.argsort(saved.ids)
        if not np.array_equal(ids[order], saved.ids[saved_order]):
            found.append("The search index holds other clips than the catalogue.")
        elif not np.array_equal(vectors[order], saved.vectors[saved_order]):
            found.append("The search index holds other vectors than the catalogue.")
        return found


def _everyday_texts(encoder: "ClapEncoder") -> FloatArray:
    lines = resource("everyday-sounds.txt").read_text(encoding="utf-8").splitlines()
    return encoder.embed_texts([line for line in lines if line.strip()])

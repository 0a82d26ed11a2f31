"""Organising: what people say about clips, what there is to know of one, and clips that are not where they were."""

import os
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np

from soundsearch.catalogue.store import Catalogue
from soundsearch.engine.active import ActiveModel
from soundsearch.engine.listing import mount_point
from soundsearch.engine.ucs import ucs_name
from soundsearch.errors import CatalogueError
from soundsearch.records import Clip, ClipDetails, Collection, Organised, OrganisingAction, SavedSearch, Tag, TagCount
from soundsearch.settings import Settings

SIMILAR = 6  # clips that the details of one show
MAX_MISSING = 10_000  # that are listed at once

Steps = Generator[None, None, Any]


class Organising:
    """The engine's side of the library's order.

    `act`, `undo`, `redo` and `forget` are generators whose steps take some milliseconds: a selection may be large, and
    who asks in between is to be answered. Only one of them may be under way.
    """

    def __init__(
        self, catalogue: Catalogue, answering: Callable[[], ActiveModel], settings: Callable[[], Settings]
    ) -> None:
        """Work on a catalogue; `answering` gives the model that searches are answered with."""
        self._catalogue = catalogue
        self._answering = answering
        self._settings = settings

    def act(self, action: OrganisingAction) -> Generator[None, None, Organised]:
        """Do something that can be taken back in this session.

        Raises:
            CatalogueError: If it cannot be done; then nothing is.
        """
        return self._catalogue.organiser.act(action)

    def undo(self) -> Generator[None, None, Organised]:
        """Take the last action back, exactly."""
        return self._catalogue.organiser.undo()

    def redo(self) -> Generator[None, None, Organised]:
        """Make again what was taken back last."""
        return self._catalogue.organiser.redo()

    def collections(self) -> tuple[Collection, ...]:
        """All collections by name."""
        return self._catalogue.organiser.collections()

    def tags(self) -> tuple[TagCount, ...]:
        """All tags, the most frequent first."""
        return self._catalogue.organiser.tags()

    def searches(self) -> tuple[SavedSearch, ...]:
        """All saved searches by name."""
        return self._catalogue.organiser.searches()

    def details(self, clip_id: int) -> ClipDetails | None:
        """Everything about one clip, None if it was forgotten. What is similar is known once the model is loaded."""
        clips = self._catalogue.clips([clip_id])
        if not clips:
            return None
        organiser = self._catalogue.organiser
        tags = organiser.tags_of(clip_id)
        return ClipDetails(
            clips[0],
            tags,
            organiser.collections_of(clip_id),
            tuple(self._similar(clip_id)),
            self.name_by_ucs(clips[0].path, tags),
        )

    def name_by_ucs(self, path: str, tags: Sequence[Tag]) -> str:
        """What a clip of that path with these tags would be called by UCS; "" if nothing says its category."""
        chosen = self._settings()
        return ucs_name(path, tags, chosen.ucs_creator, chosen.ucs_source)

    def missing(self) -> tuple[Clip, ...]:
        """Clips that vanished, by name; at most MAX_MISSING of them."""
        return tuple(self._catalogue.clips(self._catalogue.missing.clip_ids(MAX_MISSING)))

    def forget(self, clip_ids: tuple[int, ...]) -> Generator[None, None, int]:
        """Forget missing clips, and say how many those were."""
        return self._catalogue.missing.forget(clip_ids)

    def locate_clip(self, clip_id: int, path: str) -> str:
        """A missing clip is this file now; returns the root that should be scanned.

        Raises:
            CatalogueError: If there is no such file, or it cannot be this clip.
        """
        file = os.fsencode(os.path.abspath(path))
        if not os.path.isfile(file):
            raise CatalogueError(f"There is no file {path}.", "Choose the file that was moved or renamed.")
        return self._catalogue.missing.move_clip(clip_id, file)

    def locate_root(self, path: str, to: str) -> str:
        """A root is in another folder now; returns that as the root that should be scanned.

        Raises:
            CatalogueError: If there is no such folder, or it is part of the library already.
        """
        folder = os.fsencode(os.path.abspath(to))
        if not os.path.isdir(folder):
            raise CatalogueError(f"There is no folder {to}.", "Choose the folder that was moved or renamed.")
        self._catalogue.missing.move_root(os.fsencode(path), folder, mount_point(folder))
        return os.fsdecode(folder)

    def _similar(self, clip_id: int) -> list[Clip]:
        """Clips whose vectors are nearest to that of a clip, by the index alone: no sound is read."""
        model = self._answering()
        content = self._catalogue.organiser.content_of(clip_id)
        if content is None or not model.is_ready:
            return []
        index = model.index()
        known, vectors = index.vectors_of(np.array([content]))
        if not known[0]:
            return []
        found, _ = index.search(vectors[0], SIMILAR + 1)
        others = [int(other) for other in found if other != content]
        return self._catalogue.clips(self._catalogue.organiser.clips_of(others[:SIMILAR]))

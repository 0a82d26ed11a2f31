"""Exporting: every clip with all that is known of it, as plain records for other programs."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from soundsearch.catalogue.store import Catalogue
from soundsearch.records import ClipState, Tag

BATCH = 500  # clips read at once
COLUMNS = (
    "path", "root", "state", "offline", "reason", "duration_s", "sample_rate", "channels", "format", "size_bytes",
    "modified_ns", "tags", "favourite", "rating", "colour", "collections", "loudness_lufs", "peak_db", "brightness_hz",
    "tempo_bpm", "key", "kind", "ucs_name",
)  # fmt: skip


def exported(catalogue: Catalogue, name_by_ucs: Callable[[str, Sequence[Tag]], str]) -> Iterator[dict[str, Any]]:
    """Yield every clip by path: COLUMNS, with tags as `{label, source, score}` and collections as names.

    Args:
        catalogue: The library.
        name_by_ucs: What a clip of that path with these tags would be called by UCS.
    """
    ids = catalogue.tags.all_clips()
    for start in range(0, len(ids), BATCH):
        for clip in catalogue.clips(ids[start : start + BATCH]):
            row = asdict(clip)
            row["state"] = ClipState(clip.state).value
            tags = catalogue.organiser.tags_of(clip.id)
            row["tags"] = [asdict(tag) for tag in tags]
            row["ucs_name"] = name_by_ucs(clip.path, tags)
            row["collections"] = list(catalogue.organiser.collections_of(clip.id))
            yield {name: row[name] for name in COLUMNS}


def as_csv(clips: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines of a table, its head first; several tags or collections in one cell, a semicolon and a space between.

    A tag says who gave it, as `dog (auto 0.83)` or `dog (user)`.
    """
    yield _line(COLUMNS)
    for clip in clips:
        tags = (_tag(**tag) for tag in clip["tags"])
        yield _line({**clip, "tags": "; ".join(tags), "collections": "; ".join(clip["collections"])}.values())


def _tag(label: str, source: str, score: float | None) -> str:
    return f"{label} ({source})" if score is None else f"{label} ({source} {score:.2f})"


def _line(cells: Iterable[Any]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow("" if cell is None else cell for cell in cells)
    return file.getvalue()

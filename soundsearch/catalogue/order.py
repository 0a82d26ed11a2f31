"""In which order clips stand that are sorted by a column: keys as arrays, kept until the catalogue changes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundsearch.catalogue.database import Database
from soundsearch.errors import QueryError
from soundsearch.records import IntArray

_NAME = "substr(words, CASE folder WHEN '' THEN 1 ELSE length(folder) + 2 END)"  # as in the index clips_by_name
_SOUND = "(SELECT {} FROM sounds WHERE sounds.content_id = clips.content_id)"
_MARK = "(SELECT {} FROM marks WHERE marks.content_id = clips.content_id)"
# By the field of `Clip`: an SQL expression that is NULL where there is nothing to sort by.
NUMBERS = {
    "duration_s": "nullif(duration_s, 0)",
    "sample_rate": "nullif(sample_rate, 0)",
    "channels": "nullif(channels, 0)",
    "size_bytes": "size_bytes",
    "modified_ns": "modified_ns",
    **{name: _SOUND.format(name) for name in ("loudness_lufs", "peak_db", "brightness_hz", "tempo_bpm")},
    "rating": _MARK.format("nullif(rating, 0)"),
    "favourite": _MARK.format("nullif(favourite, 0)"),
}
TEXTS = {
    "name": _NAME,
    "folder": "folder",
    "format": "nullif(format, '')",
    "key": _SOUND.format("nullif(key, '')"),
    "kind": _SOUND.format("nullif(kind, '')"),
    "colour": _MARK.format("nullif(colour, '')"),
    "tags": "(SELECT min(lower(label)) FROM tags WHERE tags.content_id = clips.content_id)",
}


@dataclass(frozen=True, slots=True)
class _Keys:
    """What a column is sorted by: clip ids (n,) ascending, and for each a number that is NaN where it has none."""

    ids: IntArray
    values: npt.NDArray[np.float64]

    def of(self, clip_ids: IntArray) -> npt.NDArray[np.float64]:
        found = np.full(len(clip_ids), np.nan)
        if len(self.ids):
            at = np.minimum(np.searchsorted(self.ids, clip_ids), len(self.ids) - 1)
            known = self.ids[at] == clip_ids
            found[known] = self.values[at[known]]
        return found


class Orders:
    """The columns of the catalogue that clips can be sorted by."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._keys: dict[str, _Keys] = {}
        self._changes = -1

    def arrange(self, clip_ids: IntArray, order: str, changes: int) -> IntArray:
        """Return where each place of the sorted list is filled from, shape (n,): `clip_ids[result]` is sorted.

        Clips that are equal keep the order given; those without a value come last in both directions. A million clips
        take about a second the first time, then a fifth of that until the catalogue changes.

        Args:
            clip_ids: The clips, shape (n,).
            order: A field of `Clip`, "-" before it for descending.
            changes: The catalogue's counter: another one, and the keys are read again.

        Raises:
            QueryError: If clips cannot be sorted by that.
        """
        field = order.removeprefix("-")
        if changes != self._changes:
            self._keys.clear()
            self._changes = changes
        if field not in self._keys:
            self._keys[field] = self._read(field)
        values = self._keys[field].of(clip_ids)
        return np.argsort(-values if order.startswith("-") else values, kind="stable").astype(np.int64)

    def _read(self, field: str) -> _Keys:
        # Two long strings are read from SQLite three times as fast as a million rows.
        if field in NUMBERS:
            rows = f"SELECT clips.id AS id, {NUMBERS[field]} AS value"
        elif field == "name":  # hardly any are equal: the place in the index will do
            rows = f"SELECT clips.id AS id, row_number() OVER (ORDER BY {_NAME}, clips.id) AS value"
        elif field in TEXTS:
            rank = f"dense_rank() OVER (ORDER BY {TEXTS[field]})"
            rows = f"SELECT clips.id AS id, CASE WHEN {TEXTS[field]} IS NOT NULL THEN {rank} END AS value"
        else:
            raise QueryError(f"Clips cannot be sorted by {field}.", "Choose another column.")
        source = "clips" if field in ("name", "folder") else "clips LEFT JOIN contents ON contents.id = content_id"
        ids, values = self._db.query(
            f"SELECT group_concat(id), group_concat(coalesce(value, 'nan')) FROM ({rows} FROM {source})"
        )[0]
        if ids is None:
            return _Keys(np.empty(0, np.int64), np.empty(0))
        numbers = np.fromstring(ids, np.int64, sep=",")
        keys = np.fromstring(values, np.float64, sep=",")
        order = np.argsort(numbers)
        return _Keys(numbers[order], keys[order])

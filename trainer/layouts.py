"""In which tables and folders each published data set of sound and language is given out, and how they are read.

Clips are found by their name anywhere below the folder and in any audio format, so that audio that was converted, or
fetched clip by clip, is recognised too.
"""

import csv
import io
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from soundsearch.audio.decode import is_audio_name
from trainer.data import Item
from trainer.evaluate import PAPER_PROMPT

Kind = Literal["captions", "classes", "tags"]
Row = dict[str, str]
# Where the tables lie within the folder of a data set, as unpacked from its archives.
_PLACES = (
    "", "meta", "metadata", "data", "dataset", "csv", "clotho_csv_files", "FSD50K.ground_truth", "ground_truth",
    "genres", "genres_original", "Data/genres_original",
)  # fmt: skip
_SPLITS = {
    "dev": "train", "development": "train", "val": "validation", "valid": "validation", "eval": "test",
    "evaluation": "test",
}  # fmt: skip
_GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


class Files:
    """The audio files below a folder, found by name without extension."""

    def __init__(self, folder: Path) -> None:
        """Walk through the folder once, links included: large data sets are often linked from several disks."""
        self._start = len(str(folder))
        self._found: dict[str, list[str]] = defaultdict(list)
        walked = {os.path.realpath(folder)}
        for place, folders, names in os.walk(folder, followlinks=True):
            real = {name: os.path.realpath(Path(place, name)) for name in folders}
            folders[:] = [name for name in folders if real[name] not in walked]
            walked |= {real[name] for name in folders}
            for name in names:
                if is_audio_name(name):
                    self._found[name.rpartition(".")[0]].append(str(Path(place, name)))

    def find(self, *stems: str, below: str = "") -> str:
        """Path of the first stem that is there, "" if none; `below` prefers a folder whose name contains it."""
        for stem in stems:
            if paths := self._found.get(stem):
                return min(paths, key=lambda path: (below not in path[self._start :], path))
        return ""

    def below(self, folder: str) -> list[str]:
        """Paths of all files right below a folder of this name, sorted."""
        return sorted(path for paths in self._found.values() for path in paths if Path(path).parent.name == folder)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a data set is given out: how it is known, how it is read, and how the paper measures it."""

    kind: Kind
    there: Callable[[Path], bool]
    read: Callable[[Path, Files], Iterable[Item]]
    test: str
    prompt: str = PAPER_PROMPT


def split_name(name: str) -> str:
    """The one name of a split: "val" and "valid" are "validation", "3" is "fold 3"."""
    name = name.strip().lower()
    return f"fold {name}" if name.isdigit() else _SPLITS.get(name, name)


def _audiocaps(folder: Path, files: Files) -> Iterable[Item]:
    """`train.csv`, `val.csv` and `test.csv` with `audiocap_id,youtube_id,start_time,caption`.

    In the last two each clip has five rows. The audio is fetched from YouTube by whoever uses it, so its names differ:
    the YouTube id, with or without "Y" before it and start (and end) in seconds behind it, or the audiocap id.

    Source: https://github.com/cdjkim/audiocaps
    """
    for split in ("train", "val", "test"):
        clips: dict[tuple[str, str], list[Row]] = {}
        for row in _rows(folder, f"{split}.csv"):
            clips.setdefault((row["youtube_id"], row["start_time"]), []).append(row)
        for (video, start), rows in clips.items():
            path = files.find(*_video_names(video, start), *(row["audiocap_id"] for row in rows), below=split)
            captions = tuple(row["caption"] for row in rows)
            yield Item(path, captions, split=split_name(split), group=f"youtube {video}", title=video)


def _clotho(folder: Path, files: Files) -> Iterable[Item]:
    """`clotho_captions_development.csv`, `_validation` and `_evaluation` with `file_name,caption_1,…,caption_5`.

    The audio lies in `development/`, `validation/` and `evaluation/`. `clotho_metadata_*.csv` gives the Freesound ids.

    Source: https://zenodo.org/records/4783391
    """
    for split in ("development", "validation", "evaluation"):
        sounds = {row["file_name"]: row["sound_id"] for row in _rows(folder, f"clotho_metadata_{split}.csv")}
        for row in _rows(folder, f"clotho_captions_{split}.csv"):
            name = row["file_name"]
            captions = tuple(row[f"caption_{n}"] for n in range(1, 6) if row.get(f"caption_{n}"))
            sound = sounds.get(name, "")
            group = f"freesound {sound}" if sound.isdigit() else ""
            path = files.find(_stem(name), below=split)
            yield Item(path, captions, split=split_name(split), group=group, title=name)


def _esc50(folder: Path, files: Files) -> Iterable[Item]:
    """`meta/esc50.csv` with `filename,fold,target,category,esc10,src_file,take`; audio in `audio/`; five folds.

    `src_file` is the Freesound id. Source: https://github.com/karolpiczak/ESC-50
    """
    for row in _rows(folder, "esc50.csv"):
        yield _of_class(files, row["filename"], row["category"], f"fold {row['fold']}", f"freesound {row['src_file']}")


def _urbansound(folder: Path, files: Files) -> Iterable[Item]:
    """`metadata/UrbanSound8K.csv` with `slice_file_name,fsID,start,end,salience,fold,classID,class`; ten folds.

    Audio in `audio/fold1/` to `audio/fold10/`; `fsID` is the Freesound id.

    Source: https://urbansounddataset.weebly.com/urbansound8k.html
    """
    for row in _rows(folder, "UrbanSound8K.csv"):
        yield _of_class(files, row["slice_file_name"], row["class"], f"fold {row['fold']}", f"freesound {row['fsID']}")


def _vggsound(folder: Path, files: Files) -> Iterable[Item]:
    """`vggsound.csv` without a header: YouTube id, start in seconds, label, split ("train" or "test").

    The clips are usually named by id and start, as `---g-f_I2yQ_000001.wav`.

    Source: https://www.robots.ox.ac.uk/~vgg/data/vggsound/
    """
    for row in _rows(folder, "vggsound.csv", ("video", "start", "label", "split")):
        path = files.find(*_video_names(row["video"], row["start"]))
        name = f"{row['video']}_{int(row['start']):06d}"
        yield Item(path, (), class_name=row["label"], split=row["split"], group=f"youtube {row['video']}", title=name)


def _fsd50k(folder: Path, files: Files) -> Iterable[Item]:
    """`FSD50K.ground_truth/dev.csv` with `fname,labels,mids,split` and `eval.csv` with `fname,labels,mids`.

    Audio in `FSD50K.dev_audio/` and `FSD50K.eval_audio/`; the file names are Freesound ids; labels are separated by
    commas and hold all their parents in the AudioSet ontology.

    Source: https://zenodo.org/records/4060432
    """
    for table in ("dev", "eval"):
        for row in _rows(folder, f"{table}.csv"):
            labels = tuple(row["labels"].split(","))
            split = split_name(row.get("split") or table)
            path = files.find(row["fname"], below=table)
            yield Item(path, (), tags=labels, split=split, group=f"freesound {row['fname']}", title=row["fname"])


def _gtzan(folder: Path, files: Files) -> Iterable[Item]:
    """A folder for each of ten genres, with `blues/blues.00000.wav` (or `.au`) to 00099.

    There is no official split. Where the fault-filtered one of Kereliuk et al. lies beside it (`train_filtered.txt`,
    `valid_filtered.txt`, `test_filtered.txt`), it is used; else ten folds by the last digit of the number, which keep
    the genres balanced but not the artists apart. The name of one clip is known to be damaged (jazz.00054).

    Source: Tzanetakis and Cook, "Musical genre classification of audio signals" (2002).
    """
    splits = {
        _stem(line.strip()): split_name(split)
        for split in ("train", "valid", "test")
        for path in [_table(folder, f"{split}_filtered.txt")]
        if path
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    for genre in _GENRES:
        for path in files.below(genre):
            number = re.search(r"\d+$", Path(path).stem)
            fold = f"fold {int(number[0]) % 10 + 1}" if number else "fold 1"
            split = splits.get(Path(path).stem, "") if splits else fold
            yield Item(path, (), class_name=genre, split=split, group=Path(path).stem, title=Path(path).name)


def _of_class(files: Files, name: str, label: str, split: str, group: str) -> Item:
    return Item(files.find(_stem(name)), (), class_name=label, split=split, group=group, title=name)


def _video_names(video: str, start: str) -> tuple[str, ...]:
    """Names under which a ten-second piece of a video is usually kept."""
    second = int(float(start))
    return (
        f"{video}_{second:06d}", f"{video}_{second}", f"{video}_{second}_{second + 10}",
        f"{video}_{1000 * second}_{1000 * (second + 10)}", video, f"Y{video}",
    )  # fmt: skip


def _stem(name: str) -> str:
    """File name without folder and extension; names may hold dots."""
    return Path(name).stem


def _rows(folder: Path, name: str, header: Sequence[str] | None = None) -> list[Row]:
    """Rows of a table; none where there is no such table. Some of the tables are UTF-8, some Latin-1."""
    path = _table(folder, name)
    if path is None:
        return []
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return list(csv.DictReader(io.StringIO(text, newline=""), header))


def _table(folder: Path, name: str) -> Path | None:
    return next((path for place in _PLACES if (path := folder / place / name).is_file()), None)


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda folder: any(_table(folder, name) for name in names)


def _has_audiocaps(folder: Path) -> bool:
    tables = [_table(folder, f"{split}.csv") for split in ("train", "val", "test")]
    return any(table and _header(table) >= {"youtube_id", "start_time", "caption"} for table in tables)


def _has_fsd50k(folder: Path) -> bool:
    tables = [_table(folder, f"{name}.csv") for name in ("dev", "eval")]
    return any(table and _header(table) >= {"fname", "labels", "mids"} for table in tables)


def _has_genres(folder: Path) -> bool:
    """Clips are named after their genre: folders of the same names are not rare in anybody's library."""
    return any(any((folder / place / genre).glob(f"{genre}.000*")) for place in _PLACES for genre in _GENRES)


def _header(table: Path) -> set[str]:
    with table.open(encoding="utf-8-sig", errors="replace") as file:
        return set(file.readline().strip().split(","))


_CLOTHO = [f"clotho_captions_{split}.csv" for split in ("development", "validation", "evaluation")]
LAYOUTS = {
    "AudioCaps": Layout("captions", _has_audiocaps, _audiocaps, "test"),
    "Clotho": Layout("captions", _has(*_CLOTHO), _clotho, "test"),
    "ESC-50": Layout("classes", _has("esc50.csv"), _esc50, ""),
    "UrbanSound8K": Layout("classes", _has("UrbanSound8K.csv"), _urbansound, ""),
    "VGGSound": Layout("classes", _has("vggsound.csv"), _vggsound, "test"),
    "FSD50K": Layout("tags", _has_fsd50k, _fsd50k, "test"),
    "GTZAN": Layout("classes", _has_genres, _gtzan, "", "This is a {label} song."),
}

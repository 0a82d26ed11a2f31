from pathlib import Path

import numpy as np
import pytest

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.names import SQL_FUNCTIONS as NAME_FUNCTIONS
from soundsearch.catalogue.schema import MIGRATIONS
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.catalogue.tallies import SQL_FUNCTIONS as TALLY_FUNCTIONS
from soundsearch.records import Sound
from tests.listed import listed


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "catalogue.sqlite")


def add_clip(catalogue: Catalogue, name: str, sound: Sound | None = None, seconds: float = 30.0) -> int:
    """A clip with an analysis; returns its content's id."""
    root = catalogue.add_root(b"/sounds", b"/")
    catalogue.list_files(root.id, [FoundFile(name.encode(), 10, 20)], [])
    clip = listed(catalogue, root.id)[name.encode()]
    digest = name.encode().ljust(16, b".")
    vector = np.eye(4, dtype=np.float32)[0]
    catalogue.record("b", [Analysis(clip, digest, 10, 20, seconds, 44_100, 1, "WAV", b"", vector)], [])
    content = int(catalogue._db.query("SELECT content_id FROM clips WHERE id = ?", (clip,))[0][0])
    if sound is not None:
        catalogue.sounds.record({content: sound})
    return content


def test_clips_know_what_they_sound_like(catalogue: Catalogue) -> None:
    sound = Sound(-14.2, -0.1, 1234.5, 97.0, 0.6, "Am", 0.9, "loop", b"0123456789abcdef")
    content = add_clip(catalogue, "a.wav", sound)
    assert catalogue.sounds.of([content]) == {content: sound}
    clip = catalogue.clips([1])[0]
    assert (clip.loudness_lufs, clip.peak_db, clip.brightness_hz) == (-14.2, -0.1, 1234.5)
    assert (clip.tempo_bpm, clip.key, clip.kind) == (97.0, "Am", "loop")


def test_what_was_not_measured_is_measured_later_and_once(catalogue: Catalogue) -> None:
    known, unknown = add_clip(catalogue, "a.wav", Sound(peak_db=-1.0)), add_clip(catalogue, "b.wav")
    root = catalogue.roots()[0]
    assert [(clip.content_id, clip.path) for clip in catalogue.sounds.unmeasured([root.id])] == [
        (unknown, "/sounds/b.wav")
    ]
    assert catalogue.clips([2])[0].loudness_lufs is None
    changes = catalogue.changes
    catalogue.sounds.record({unknown: Sound(peak_db=-2.0), 999: Sound()})  # one that was forgotten meanwhile
    assert catalogue.changes > changes
    assert catalogue.sounds.unmeasured([root.id]) == []
    assert catalogue.sounds.of([known, unknown, 999]) == {known: Sound(peak_db=-1.0), unknown: Sound(peak_db=-2.0)}


def test_an_older_analysis_is_done_again(catalogue: Catalogue) -> None:
    content = add_clip(catalogue, "a.wav", Sound(peak_db=-1.0))
    catalogue._db.execute("UPDATE sounds SET version = version - 1")
    assert [clip.content_id for clip in catalogue.sounds.unmeasured([catalogue.roots()[0].id])] == [content]


def test_measures_and_moments_go_with_their_clip(catalogue: Catalogue) -> None:
    content = add_clip(catalogue, "a.wav", Sound())
    hear(catalogue, content, 0, is_last=True)
    list(catalogue.remove_root("/sounds"))
    assert catalogue.sounds.of([content]) == {}
    assert len(catalogue.moments.windows("b", 4).content_ids) == 0


def hear(catalogue: Catalogue, content: int, block: int, *, is_last: bool, windows: int = 3) -> np.ndarray:
    vectors = np.random.default_rng(content * 10 + block).standard_normal((windows, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    starts = np.arange(windows, dtype=np.float32) * 5 + 100 * block
    catalogue.moments.record("b", content, block, starts, starts + 10, vectors, is_last=is_last)
    return vectors


def test_moments_are_kept_block_by_block_until_the_last(catalogue: Catalogue) -> None:
    content = add_clip(catalogue, "a.wav")
    add_clip(catalogue, "short.wav", seconds=5.0)
    roots = [catalogue.roots()[0].id]
    assert [(u.content_id, u.path, u.blocks) for u in catalogue.moments.unheard("b", roots, 10.0)] == [
        (content, "/sounds/a.wav", 0)
    ]
    first = hear(catalogue, content, 0, is_last=False)
    assert [u.blocks for u in catalogue.moments.unheard("b", roots, 10.0)] == [1]
    seq = catalogue.moments.stamp("b").last_seq
    second = hear(catalogue, content, 1, is_last=True)
    assert catalogue.moments.unheard("b", roots, 10.0) == []
    assert len(catalogue.moments.unheard("another", roots, 10.0)) == 1
    windows = catalogue.moments.windows("b", 4)
    assert windows.start_s.tolist() == [0, 5, 10, 100, 105, 110]
    assert windows.end_s.tolist() == [10, 15, 20, 110, 115, 120]
    # Half precision changes a similarity by less than a thousandth.
    assert np.abs(windows.vectors - np.concatenate([first, second])).max() < 1e-3
    newer = catalogue.moments.windows("b", 4, seq)
    assert newer.start_s.tolist() == [100, 105, 110]
    assert newer.last_seq == catalogue.moments.stamp("b").last_seq


def test_damaged_moments_are_named_left_out_and_taken_back(catalogue: Catalogue) -> None:
    content = add_clip(catalogue, "a.wav")
    hear(catalogue, content, 0, is_last=False)
    hear(catalogue, content, 1, is_last=True)
    assert catalogue.moments.problems("b", 4) == []
    catalogue._db.execute("UPDATE moments SET vectors = zeroblob(7) WHERE block = 0")
    assert catalogue.moments.problems("b", 4) == ["1 blocks of moments are damaged."]
    assert len(catalogue.moments.windows("b", 4).content_ids) == 3
    catalogue.moments.repair("b", 4)
    assert catalogue.moments.problems("b", 4) == []
    assert [u.blocks for u in catalogue.moments.unheard("b", [catalogue.roots()[0].id], 10.0)] == [0]


def test_moments_of_a_model_that_is_gone_are_forgotten(catalogue: Catalogue) -> None:
    content = add_clip(catalogue, "a.wav")
    hear(catalogue, content, 0, is_last=True)
    catalogue.moments.forget("b")
    assert len(catalogue.moments.windows("b", 4).content_ids) == 0


def test_windows_of_an_older_catalogue_end_where_they_did(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    before = next(n for n, script in enumerate(MIGRATIONS) if "later(" in script)
    old = Database(path, MIGRATIONS[:before], NAME_FUNCTIONS | TALLY_FUNCTIONS)
    starts, vectors = np.array([0, 5, 8], "<f4"), np.eye(4, dtype="<f2")[:3]
    with old.transaction():
        old.execute(
            "INSERT INTO contents (id, digest, duration_s, sample_rate, channels, format, peaks)"
            " VALUES (1, x'01', 18, 48000, 1, 'WAV', x'')"
        )
        old.execute(
            "INSERT INTO moments (bundle, content_id, block, is_last, window_s, starts, vectors)"
            " VALUES ('b', 1, 0, 1, 10.0, ?, ?)",
            (starts.tobytes(), vectors.tobytes()),
        )
    old.close()
    catalogue = Catalogue(path)
    windows = catalogue.moments.windows("b", 4)
    assert windows.start_s.tolist() == [0, 5, 8] and windows.end_s.tolist() == [10, 15, 18]
    assert np.array_equal(windows.vectors, np.eye(4)[:3])
    assert catalogue.moments.problems("b", 4) == []
    catalogue.close()

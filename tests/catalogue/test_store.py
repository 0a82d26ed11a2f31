import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.catalogue import store
from soundsearch.catalogue.database import Database
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.catalogue.tallies import folder_of
from soundsearch.errors import CatalogueError
from soundsearch.records import ClipState, Filter
from tests.listed import listed

BUNDLE = "abc"


@pytest.fixture
def catalogue(tmp_path: Path):
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


def vector(seed: int) -> np.ndarray:
    row = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    return row / np.linalg.norm(row)


def analyse(catalogue: Catalogue, digests: dict[str, int]) -> None:
    """Record the pending clips as if their content were this number."""
    done = []
    for file in catalogue.pending(BUNDLE, [root.id for root in catalogue.roots()]):
        number = digests[Path(file.path).name]
        done.append(
            Analysis(
                file.clip_id, bytes([number]) * 16, file.size_bytes, file.modified_ns,
                0.5 * number, 44100, 1 + number % 2, "WAV", b"", vector(number),
            )
        )  # fmt: skip
    catalogue.record(BUNDLE, done, [])


def library(catalogue: Catalogue) -> int:
    root = catalogue.add_root(b"/sounds", b"/").id
    names = [b"Drums/Kick 1.wav", b"Drums/Snare.WAV", b"Pads/Warm \xc3\x89toile.flac", b"odd \xff name.wav"]
    catalogue.list_files(root, [FoundFile(name, 100 + i, i) for i, name in enumerate(names)], [])
    analyse(catalogue, {"Kick 1.wav": 1, "Snare.WAV": 2, "Warm Étoile.flac": 3, os.fsdecode(b"odd \xff name.wav"): 4})
    return root


def names(catalogue: Catalogue, wanted: Filter) -> list[str]:
    return [clip.name for clip in catalogue.clips(catalogue.select(wanted)[0].tolist())]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), ["Kick 1.wav", "Snare.WAV", "odd \udcff name.wav", "Warm Étoile.flac"]),
        (Filter(max_duration_s=1.0), ["Kick 1.wav", "Snare.WAV"]),
        (Filter(min_duration_s=1.6), ["odd \udcff name.wav"]),
        (Filter(types=("wav",)), ["Kick 1.wav", "Snare.WAV", "odd \udcff name.wav"]),
        (Filter(folders=("drums",)), ["Kick 1.wav", "Snare.WAV"]),
        (Filter(tags=("Pads",)), ["Warm Étoile.flac"]),
        (Filter(words=("e\u0301toile",)), ["Warm Étoile.flac"]),
        (Filter(words=("kick",), tags=("drums",)), ["Kick 1.wav"]),
        (Filter(channels=(2,)), ["Kick 1.wav", "Warm Étoile.flac"]),
        (Filter(sample_rates=(48000,)), []),
    ],
)
def test_filters(catalogue: Catalogue, wanted: Filter, expected: list[str]) -> None:
    library(catalogue)
    assert names(catalogue, wanted) == expected


def test_names_can_be_listed_before_analysis(catalogue: Catalogue) -> None:
    root = catalogue.add_root(b"/sounds", b"/").id
    catalogue.list_files(root, [FoundFile(b"a.wav", 1, 1)], [])
    assert names(catalogue, Filter()) == ["a.wav"]
    assert catalogue.tallies.states()[ClipState.PENDING] == 1


def test_exact_copies_share_one_embedding(catalogue: Catalogue) -> None:
    root = catalogue.add_root(b"/sounds", b"/").id
    catalogue.list_files(root, [FoundFile(b"a.wav", 1, 1), FoundFile(b"b.wav", 1, 1)], [])
    analyse(catalogue, {"a.wav": 7, "b.wav": 7})
    assert len(catalogue.embedded_ids(BUNDLE)) == 1
    assert catalogue.tallies.heard(BUNDLE) == 2


def test_a_moved_clip_keeps_its_id(catalogue: Catalogue) -> None:
    root = library(catalogue)
    before = {clip.name: clip.id for clip in catalogue.clips(catalogue.select(Filter())[0].tolist())}
    catalogue.mark_missing([before["Kick 1.wav"]])
    catalogue.list_files(root, [FoundFile(b"New/Boom.wav", 100, 0)], [])
    analyse(catalogue, {"Boom.wav": 1})
    after = {clip.name: clip.id for clip in catalogue.clips(catalogue.select(Filter())[0].tolist())}
    assert after["Boom.wav"] == before["Kick 1.wav"]
    assert catalogue.tallies.states()[ClipState.MISSING] == 0
    assert catalogue.clips([after["Boom.wav"]])[0].tags == ("New",)


def test_a_missing_clip_is_kept_and_does_not_answer(catalogue: Catalogue) -> None:
    library(catalogue)
    clip = catalogue.select(Filter(words=("snare",)))[0].tolist()
    catalogue.mark_missing(clip)
    assert names(catalogue, Filter(words=("snare",))) == []
    assert catalogue.clips(clip)[0].state is ClipState.MISSING
    catalogue.mark_found(clip)
    assert names(catalogue, Filter(words=("snare",))) == ["Snare.WAV"]


def test_a_clip_that_never_was_analysed_holds_nothing_to_keep(catalogue: Catalogue) -> None:
    root = catalogue.add_root(b"/sounds", b"/").id
    catalogue.list_files(root, [FoundFile(b"a.wav", 1, 1)], [])
    assert catalogue.mark_missing(list(listed(catalogue, root).values())) == 1
    assert listed(catalogue, root) == {}


def test_an_edited_clip_drops_the_old_vector_and_keeps_its_tags(catalogue: Catalogue) -> None:
    root = library(catalogue)
    kick = listed(catalogue, root)[b"Drums/Kick 1.wav"]
    catalogue._db.execute("INSERT INTO tags SELECT content_id, 'mine', 'user', NULL FROM clips WHERE id = ?", (kick,))
    before = catalogue.stamp(BUNDLE)
    catalogue.list_files(root, [], [(kick, FoundFile(b"Drums/Kick 1.wav", 999, 9))])
    analyse(catalogue, {"Kick 1.wav": 9})
    assert len(catalogue.embedded_ids(BUNDLE)) == 4
    assert catalogue.stamp(BUNDLE).forgotten == before.forgotten + 1
    assert catalogue.clips([kick])[0].tags == ("Drums", "mine")


def test_embeddings_come_back_bit_by_bit_and_after_a_number(catalogue: Catalogue) -> None:
    library(catalogue)
    ids, vectors = catalogue.embeddings(BUNDLE, 8)
    assert sorted(row.tobytes() for row in vectors) == sorted(vector(n).tobytes() for n in (1, 2, 3, 4))
    later, _ = catalogue.embeddings(BUNDLE, 8, after_seq=catalogue.stamp(BUNDLE).last_seq - 1)
    assert later.tolist() == ids[-1:].tolist()


def test_another_bundle_has_its_own_vectors(catalogue: Catalogue) -> None:
    root = library(catalogue)
    assert len(catalogue.pending("other", [root])) == 4
    assert catalogue.pending(BUNDLE, [root]) == []


def test_roots_that_lie_in_one_another_become_one(catalogue: Catalogue) -> None:
    library(catalogue)
    assert catalogue.add_root(b"/sounds/Drums", b"/").path == b"/sounds"
    inner = {clip.path for clip in catalogue.clips(catalogue.select(Filter())[0].tolist())}
    catalogue.add_root(b"/", b"/")
    assert [root.path for root in catalogue.roots()] == [b"/"]
    assert {clip.path for clip in catalogue.clips(catalogue.select(Filter())[0].tolist())} == inner
    assert names(catalogue, Filter(folders=("sounds/drums",))) == ["Kick 1.wav", "Snare.WAV"]


def test_removing_a_root_forgets_what_is_below_it(catalogue: Catalogue) -> None:
    library(catalogue)
    list(catalogue.remove_root("/sounds"))
    assert catalogue.tallies.states()[ClipState.READY] == 0
    assert len(catalogue.embedded_ids(BUNDLE)) == 0
    with pytest.raises(CatalogueError, match="not a folder of this library"):
        list(catalogue.remove_root("/sounds"))


def test_removing_a_root_can_be_broken_off_and_made_good(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    root = library(catalogue)
    catalogue.listings.note(root, {b"Drums": b"digest"}, [])
    monkeypatch.setattr(store, "_CHUNK", 3)
    steps = catalogue.remove_root("/sounds")
    next(steps)
    steps.close()
    assert len(listed(catalogue, root)) == 1 and catalogue.repair.problems(BUNDLE, 8) == []
    assert list(catalogue.listings.of(root)) == []  # a scan would find all of them again
    assert len(list(catalogue.remove_root("/sounds"))) == 1
    assert catalogue.roots() == [] and catalogue.digests() == set() and catalogue.repair.problems(BUNDLE, 8) == []


def test_the_number_of_a_content_that_went_is_not_given_again(catalogue: Catalogue) -> None:
    """Else an index that was not asked in between has the old vector under the number of the new one."""
    library(catalogue)
    before = catalogue.embedded_ids(BUNDLE).tolist()
    list(catalogue.remove_root("/sounds"))
    root = catalogue.add_root(b"/others", b"/").id
    catalogue.list_files(root, [FoundFile(b"new.wav", 1, 1)], [])
    analyse(catalogue, {"new.wav": 9})
    assert min(catalogue.embedded_ids(BUNDLE)) > max(before)


def test_names_are_data_and_never_sql(catalogue: Catalogue) -> None:
    root = catalogue.add_root(b"/sounds", b"/").id
    evil = b"'; DROP TABLE clips; --\n%_.wav"
    catalogue.list_files(root, [FoundFile(evil, 1, 1)], [])
    assert names(catalogue, Filter(words=("'; drop table clips; --\n%_",))) == [os.fsdecode(evil)]
    assert names(catalogue, Filter(words=("'; drop table clips; --\n__",))) == []


def test_problems_are_found_and_repaired(catalogue: Catalogue) -> None:
    root = library(catalogue)
    assert catalogue.repair.problems(BUNDLE, 8) == []
    catalogue._db.execute("UPDATE embeddings SET vector = zeroblob(32) WHERE content_id = 1")
    catalogue._db.execute("UPDATE embeddings SET vector = x'00' WHERE content_id = 2")
    assert catalogue.repair.problems(BUNDLE, 8) == ["2 embeddings are damaged."]
    catalogue.repair.mend(BUNDLE, 8)
    assert catalogue.repair.problems(BUNDLE, 8) == []
    assert len(catalogue.pending(BUNDLE, [root])) == 2


def test_a_newer_catalogue_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite"
    Catalogue(file).close()
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(CatalogueError, match="newer soundsearch"):
        Catalogue(file)


def test_a_damaged_catalogue_is_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.sqlite"
    file.write_bytes(b"this is not a database" * 100)
    with pytest.raises(CatalogueError, match="Cannot open the catalogue") as caught:
        Catalogue(file)
    assert caught.value.hint
    assert file.read_bytes().startswith(b"this is not a database")


def test_a_full_disk_loses_nothing_that_was_committed(catalogue: Catalogue) -> None:
    root = library(catalogue)
    pages = catalogue._db.execute("PRAGMA page_count").fetchone()[0]
    catalogue._db.execute(f"PRAGMA max_page_count = {pages}")  # what SQLite says then is what a full disk says
    with pytest.raises(CatalogueError, match="full") as caught:
        catalogue.list_files(root, [FoundFile(b"%d.wav" % i, 1, 1) for i in range(5000)], [])
    assert "make room" in caught.value.hint
    assert len(listed(catalogue, root)) == 4


def test_two_processes_share_it(tmp_path: Path) -> None:
    first, second = Catalogue(tmp_path / "c.sqlite"), Catalogue(tmp_path / "c.sqlite")
    library(first)
    assert names(second, Filter(words=("kick",))) == ["Kick 1.wav"]
    first.close()
    second.close()
    shutil.rmtree(tmp_path)


def test_an_older_file_is_backed_up_and_migrated(tmp_path: Path) -> None:
    file = tmp_path / "c.sqlite"
    first = "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (7);"
    Database(file, [first]).close()
    newer = Database(file, [first, "ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 8;"])
    assert newer.query("SELECT x, y FROM a") == [(7, 8)]
    newer.close()
    old = Database(tmp_path / "c.sqlite.before-2", [first])
    assert old.query("SELECT * FROM a") == [(7,)]
    old.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "c.sqlite"
    first = "CREATE TABLE a (x INTEGER);"
    Database(file, [first]).close()
    with pytest.raises(CatalogueError):
        Database(file, [first, "ALTER TABLE a ADD COLUMN y; SELECT nonsense FROM nowhere;"])
    same = Database(file, [first])
    assert same.query("SELECT * FROM a") == []
    same.close()


def test_vectors_of_known_contents_are_added_once_and_forgotten_together(catalogue: Catalogue) -> None:
    library(catalogue)
    digests = {bytes([number]) * 16 for number in range(1, 5)}
    assert set(catalogue.unheard_digests("other")) == catalogue.digests() == digests
    assert catalogue.unheard_digests(BUNDLE) == []
    rows = {digest: vector(digest[0]) for digest in digests}
    before = catalogue.changes
    assert catalogue.record_vectors("other", {**rows, b"9" * 16: vector(9)}) == 4
    assert catalogue.record_vectors("other", rows) == 0
    assert catalogue.changes == before + 1 and catalogue.unheard_digests("other") == []
    ids, _ = catalogue.embeddings("other", 8)
    assert len(ids) == 4 and catalogue.tallies.heard("other") == 4
    deletions = catalogue.deletions
    catalogue.forget_vectors("other")
    assert catalogue.tallies.heard("other") == 0 and catalogue.tallies.heard(BUNDLE) == 4
    assert catalogue.deletions == deletions + 1


def test_folders_count_all_that_is_below_them(catalogue: Catalogue) -> None:
    root = library(catalogue)
    catalogue.list_files(root, [FoundFile(b"Pads/Deep/new.wav", 1, 1)], [])  # not analysed yet
    assert [(folder.path, folder.clips) for folder in catalogue.tallies.folders()] == [
        ("/sounds", 4),
        ("/sounds/Drums", 2),
        ("/sounds/Pads", 1),
    ]


PART = st.sampled_from(["a", "a!", "a.", "a0", "b", "A", "ä", "kick 1"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(PART, min_size=1, max_size=4).map("/".join), unique=True, max_size=30), st.integers(1, 4))
def test_the_files_of_a_folder_are_read_without_those_below_it(paths: list[str], portion: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_PORTION", portion)
        catalogue = Catalogue(Path(folder) / "catalogue.sqlite")
        for other in (b"/sounds", b"/sounds too"):
            root = catalogue.add_root(other, b"/").id
            catalogue.list_files(root, [FoundFile(os.fsencode(path) + b".wav", 1, 1) for path in paths], [])
        files = {os.fsencode(path) + b".wav" for path in paths}
        folders = {folder_of(path) for path in files}
        for place in {b"", b"a", b"a/a", *folders}:
            rows = [row[0] for some in catalogue.known_rows(root, place) for row in some]
            assert rows == sorted(path for path in files if folder_of(path) == place)
        assert {place for some in catalogue.tallies.folders_with_files(root) for place in some} == folders
        catalogue.close()

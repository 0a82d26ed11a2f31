"""Numbers of clips that triggers keep: right after whatever happens to a library."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.schema import MIGRATIONS
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.records import ClipState, Filter, Sound

BUNDLES = ("one", "two")
FOLDERS = (b"", b"Drums/", b"Drums/Old/", b"Pads \xff/")
ACTIONS = ("list", "record", "fail", "vanish", "return", "edit", "vectors", "forget", "drop model", "root", "measure")


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


def vector() -> np.ndarray:
    return np.full(4, 0.5, np.float32)


def analyses(catalogue: Catalogue, draw: np.random.Generator) -> list[Analysis]:
    """What might be found out about clips that wait: few contents, so that there are copies and clips that moved."""
    roots = [root.id for root in catalogue.roots()]
    pending = [file for file in catalogue.pending(BUNDLES[0], roots) if draw.random() < 0.7]
    return [
        Analysis(f.clip_id, bytes([draw.integers(6)]) * 16, f.size_bytes, f.modified_ns, vector=vector())
        for f in pending
    ]


def act(catalogue: Catalogue, action: str, number: int) -> None:
    draw = np.random.default_rng(number)
    clips = [clip for clip in catalogue.select(Filter())[0].tolist() if draw.random() < 0.4]
    roots = catalogue.roots()
    match action:
        case "list":
            root = catalogue.add_root([b"/sounds", b"/other"][number % 2], b"/").id
            names = [FOLDERS[draw.integers(4)] + b"%d-%d.wav" % (number, i) for i in range(4)]
            catalogue.list_files(root, [FoundFile(name, 1, 1) for name in names], [])
        case "record":
            catalogue.record(BUNDLES[0], analyses(catalogue, draw), [])
        case "fail":
            catalogue.record(BUNDLES[0], [], [(clip, "it is empty") for clip in clips])
        case "vanish":
            catalogue.mark_missing(clips)
        case "return":
            catalogue.mark_found([clip for clip in catalogue.missing.clip_ids(9) if draw.random() < 0.6])
        case "edit" if roots:
            catalogue.list_files(roots[0].id, [], [(clip, FoundFile(b"", 2, number)) for clip in clips])
        case "vectors":
            catalogue.record_vectors(BUNDLES[1], {digest: vector() for digest in list(catalogue.digests())[:3]})
        case "forget":
            for _ in catalogue.missing.forget(catalogue.missing.clip_ids(2)):
                pass
        case "drop model":
            catalogue.forget_vectors(BUNDLES[number % 2])
        case "root" if roots and number % 3 == 0:
            list(catalogue.remove_root(roots[-1].path.decode()))
        case "root" if number % 3 == 1 and not any(root.path == b"/" for root in roots):
            catalogue.add_root(b"/", b"/")  # the others become part of it
        case "measure":
            waiting = catalogue.sounds.unmeasured([root.id for root in roots])
            catalogue.sounds.record({clip.content_id: Sound() for clip in waiting[::2]})


def unmeasured(catalogue: Catalogue) -> set[int]:
    sql = """SELECT DISTINCT content_id FROM clips WHERE state = 'ready'
        AND content_id NOT IN (SELECT content_id FROM sounds)"""
    return {content for (content,) in catalogue._db.query(sql)}


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 999)), min_size=5, max_size=20))
def test_numbers_are_right_whatever_happens(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    catalogue = Catalogue(tmp_path_factory.mktemp("library") / "catalogue.sqlite")
    act(catalogue, "list", 1)
    act(catalogue, "record", 1)
    for place, (action, number) in enumerate(steps, start=2):
        act(catalogue, action, 1000 * place + number)
        assert catalogue.tallies.are_right(), action
        waiting = catalogue.sounds.unmeasured([root.id for root in catalogue.roots()])
        assert {clip.content_id for clip in waiting} == unmeasured(catalogue)
    catalogue.close()


def test_an_older_catalogue_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = Database(path, MIGRATIONS[: next(n for n, script in enumerate(MIGRATIONS) if "TABLE names" in script)])
    with old.transaction():
        old.execute("INSERT INTO roots (id, path, mount) VALUES (1, CAST('/s' AS BLOB), x'2f')")
        old.execute("INSERT INTO contents VALUES (1, x'01', 1, 1, 1, 'wav', x''), (2, x'02', 1, 1, 1, 'wav', x'')")
        old.execute("INSERT INTO embeddings (bundle, content_id, vector) VALUES ('one', 1, x'')")
        old.execute("INSERT INTO sounds SELECT 2, 1, NULL, NULL, NULL, NULL, NULL, '', NULL, '', x''")
        for name, state, content in ((b"a/1.wav", "ready", 1), (b"a/2.wav", "missing", 2), (b"3.wav", "ready", 1)):
            old.execute(
                "INSERT INTO clips (root_id, path, words, folder, extension, size_bytes, modified_ns, state,"
                " content_id) VALUES (1, ?, '', '', '', 1, 1, ?, ?)",
                (name, state, content),
            )
    old.close()
    catalogue = Catalogue(path)
    assert catalogue.tallies.states()[ClipState.READY] == 2 and catalogue.tallies.heard("one") == 2
    assert [(folder.path, folder.clips) for folder in catalogue.tallies.folders()] == [("/s", 2), ("/s/a", 1)]
    assert [clip.content_id for clip in catalogue.sounds.unmeasured([1])] == [1]
    assert catalogue.tallies.are_right()
    catalogue.close()


def test_wrong_numbers_are_found_and_made_right(catalogue: Catalogue) -> None:
    act(catalogue, "list", 1)
    act(catalogue, "record", 1)
    right = catalogue.tallies.states()
    with catalogue._db.transaction():
        catalogue._db.execute("UPDATE tallies SET clips = clips + 1")
        catalogue._db.execute("DELETE FROM heard")
    assert any("numbers" in sentence for sentence in catalogue.repair.problems(BUNDLES[0], 4))
    catalogue.repair.mend(BUNDLES[0], 4)
    assert catalogue.tallies.states() == right and not catalogue.repair.problems(BUNDLES[0], 4)


def test_digests_are_known_to_other_threads_once_they_are_committed(catalogue: Catalogue) -> None:
    act(catalogue, "list", 1)
    act(catalogue, "record", 1)
    here, missing = min(catalogue.digests()), b"\xff" * 16
    answers: list[bool] = []
    known, other = (catalogue.embedded_digests(bundle) for bundle in BUNDLES)
    with closing(known), closing(other):
        asking = threading.Thread(target=lambda: answers.extend([here in known, missing in known, here in other]))
        asking.start()
        asking.join()
        catalogue.record_vectors(BUNDLES[1], {here: vector()})
        answers.append(here in other)
    assert answers == [True, False, False, True]
    assert here not in known  # closed: nothing is known, and nothing fails


def test_what_goes_with_a_content_is_found_through_an_index(catalogue: Catalogue) -> None:
    for table in ("embeddings", "moments"):
        plan = catalogue._db.query(f"EXPLAIN QUERY PLAN DELETE FROM {table} WHERE content_id = 1")
        assert f"{table}_by_content" in plan[0][3]

from collections.abc import Iterator
from pathlib import Path

import pytest

from soundsearch.catalogue import forgotten
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from tests.listed import listed


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


def hear(catalogue: Catalogue, root: int, *names: str) -> None:
    """Clips whose digests are their names."""
    catalogue.list_files(root, [FoundFile(name.encode(), 1, 1) for name in names], [])
    clips = listed(catalogue, root)
    catalogue.record("b", [Analysis(clips[name.encode()], name.encode() * 16, 1, 1) for name in names], [])


def forget(catalogue: Catalogue, root: int, *names: str) -> None:
    clips = [listed(catalogue, root)[name.encode()] for name in names]
    catalogue.mark_missing(clips)
    for _ in catalogue.missing.forget(clips):
        pass


def test_the_log_says_what_went_and_not_what_came_again(catalogue: Catalogue) -> None:
    root = catalogue.add_root(b"/sounds", b"/").id
    hear(catalogue, root, "a", "b", "c")
    numbers = dict(catalogue._db.query("SELECT digest, id FROM contents"))
    assert catalogue.forgotten.last == 0 and catalogue.forgotten.between(0, 0) == forgotten.Forgotten([], [])
    forget(catalogue, root, "a", "b")
    hear(catalogue, root, "b")
    gone = catalogue.forgotten.between(0, catalogue.forgotten.last)
    assert gone is not None
    assert sorted(gone.content_ids) == sorted(numbers[name * 16] for name in (b"a", b"b"))
    assert list(gone.digests) == [b"a" * 16]
    assert catalogue.forgotten.between(1, 2) is not None and catalogue.forgotten.between(2, 2) is not None


def test_a_root_that_goes_is_logged_too(catalogue: Catalogue) -> None:
    root = catalogue.add_root(b"/sounds", b"/").id
    hear(catalogue, root, "a", "b")
    catalogue._db.execute("INSERT INTO rewritten SELECT x'77', id FROM contents WHERE digest = ?", (b"a" * 16,))
    list(catalogue.remove_root("/sounds"))
    gone = catalogue.forgotten.between(0, catalogue.forgotten.last)
    assert gone is not None and len(gone.content_ids) == 2 and len(gone.digests) == 3


def test_who_has_fallen_too_far_behind_compares_all(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgotten, "KEPT", 3)
    root = catalogue.add_root(b"/sounds", b"/").id
    names = "abcdefg"
    hear(catalogue, root, *names)
    for name in names:
        forget(catalogue, root, name)
    last = catalogue.forgotten.last
    assert last == len(names) and catalogue.forgotten.between(0, last) is None
    assert catalogue.forgotten.between(last - 4, last) is None
    kept = catalogue.forgotten.between(last - 3, last)
    assert kept is not None and len(kept.content_ids) == 3
    assert catalogue.forgotten.between(last + 1, last) is None  # of another catalogue, or a copy of before

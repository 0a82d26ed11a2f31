"""A listing knows what is on the disk, whatever happened there between two scans."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.catalogue.store import Catalogue, KnownRoot
from soundsearch.engine.listing import list_root, mount_point
from soundsearch.records import ScanReport

FOLDERS = ("", "a", "a/b", "c")
NAMES = ("x.wav", "y.wav")
CHANGES = st.tuples(
    st.sampled_from(("write", "remove", "remove folder", "move folder", "stop")),
    st.sampled_from(FOLDERS),
    st.sampled_from(NAMES),
)


def listed(catalogue: Catalogue, root: KnownRoot, steps: int | None = None) -> ScanReport | None:
    """Drive a listing to its end, or stop it after some steps."""
    generator = list_root(catalogue, root, ScanReport())
    while steps is None or steps > 0:
        try:
            next(generator)
        except StopIteration as end:
            report: ScanReport = end.value
            return report
        steps = None if steps is None else steps - 1
    generator.close()
    return None


def on_disk(top: Path) -> set[tuple[bytes, int, int]]:
    files = list(top.rglob("*.wav"))
    return {(os.fsencode(f.relative_to(top)), f.stat().st_size, f.stat().st_mtime_ns) for f in files}


def known(catalogue: Catalogue, root: KnownRoot) -> set[tuple[bytes, int, int]]:
    rows = catalogue._db.query(
        "SELECT path, size_bytes, modified_ns FROM clips WHERE root_id = ? AND state != 'missing'", (root.id,)
    )
    return set(rows)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(CHANGES, max_size=3), max_size=6))
def test_after_any_changes_it_knows_what_is_on_the_disk(rounds: list[list[tuple[str, str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / "Sounds"
        top.mkdir()
        (top / "always here.wav").write_bytes(b"RIFF")
        catalogue = Catalogue(Path(folder) / "catalogue.sqlite")
        root = catalogue.add_root(os.fsencode(top), mount_point(os.fsencode(top)))
        written = 0
        for changes in rounds:
            for what, where, name in changes:
                below = top / where
                if what == "write":
                    written += 1
                    below.mkdir(parents=True, exist_ok=True)
                    (below / name).write_bytes(b"." * written)
                elif what == "remove":
                    (below / name).unlink(missing_ok=True)
                elif what == "remove folder" and where and below.exists():
                    shutil.rmtree(below)
                elif what == "move folder" and where and below.exists() and not (top / "d").exists():
                    below.rename(top / "d")
                elif what == "stop":
                    listed(catalogue, root, steps=2)
            before, there = known(catalogue, root), on_disk(top)
            report = listed(catalogue, root)
            assert known(catalogue, root) == there
            assert report is not None and report.found == len(there)
            assert report.unchanged == len(before & there)
        catalogue.close()


def test_a_folder_that_lost_its_last_file_is_looked_at(tmp_path: Path) -> None:
    top = tmp_path / "Sounds"
    (top / "a").mkdir(parents=True)
    for name in ("a/x.wav", "y.wav"):
        (top / name).write_bytes(b"RIFF")
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    root = catalogue.add_root(os.fsencode(top), mount_point(os.fsencode(top)))
    listed(catalogue, root)
    (top / "a" / "x.wav").unlink()
    listed(catalogue, root)
    assert {path for path, _, _ in known(catalogue, root)} == {b"y.wav"}
    (top / "a").rmdir()
    assert listed(catalogue, root) is not None
    assert [folder for some in catalogue.listings.of(root.id) for folder, _ in some] == [b""]
    catalogue.close()

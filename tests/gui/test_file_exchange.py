import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QUrl

from soundsearch.gui import file_exchange
from tests.gui.odd_names import ODD_NAMES

any_name = st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"/", b"_").replace(b"\0", b"_"))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_survive_out_and_in(name: str) -> None:
    path = f"/sounds/a b#c/{name}"
    url = file_exchange.file_url(path)
    assert url.isValid()
    assert file_exchange.local_path(url) == path
    assert unquote_to_bytes(bytes(url.toEncoded().data()))[len("file://") :] == os.fsencode(path)


@given(any_name)
def test_any_bytes_survive_out_and_in(name: bytes) -> None:
    path = os.fsdecode(b"/sounds/x/" + name + b"/y")
    assert file_exchange.local_path(file_exchange.file_url(path)) == path


def test_another_program_reads_the_same_bytes_from_the_uri_list() -> None:
    paths = [f"/sounds/{name}" for name in ODD_NAMES]
    mime = file_exchange.files_mime(paths)
    lines = bytes(mime.data("text/uri-list").data()).split()
    assert [unquote_to_bytes(line.removeprefix(b"file://")) for line in lines] == [os.fsencode(p) for p in paths]
    gnome = bytes(mime.data("x-special/gnome-copied-files").data()).split(b"\n")
    assert gnome == [b"copy", *lines]


def test_a_drop_is_told_apart_into_files_and_folders(tmp_path: Path) -> None:
    folder = tmp_path / "a folder #1"
    folder.mkdir()
    file = folder / "kick ü.wav"
    file.write_bytes(b"")
    urls = [QUrl.fromLocalFile(str(folder)), QUrl.fromLocalFile(str(file)), QUrl("https://example.org/kick.wav")]
    mime = QMimeData()
    mime.setUrls([*urls, *urls])
    assert file_exchange.read_drop(mime) == file_exchange.Dropped((str(file),), (str(folder),))


def test_text_is_no_drop() -> None:
    mime = QMimeData()
    mime.setText("/etc/passwd")
    assert file_exchange.read_drop(mime) == file_exchange.Dropped((), ())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kick.wav", "kick.wav"),
        ("bad\udce9.wav", "bad�.wav"),
        ("two\nlines.wav", "two�lines.wav"),
        ("gpj.\u202evaw", "gpj.�vaw"),
        ("اردو.wav", "اردو.wav"),
    ],
)
def test_names_can_always_be_shown(text: str, shown: str) -> None:
    assert file_exchange.display_name(text) == shown

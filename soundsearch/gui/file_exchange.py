"""Files in and out of the window: URLs, drops, the clipboard, the file manager. Names may hold any character."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from PySide6.QtCore import QByteArray, QMimeData, QUrl
from PySide6.QtGui import QDesktopServices

from soundsearch.records import Example

# Control characters, line ends, and the marks that make a name read as another one
_UNSHOWN = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)],
    "\N{REPLACEMENT CHARACTER}",
)

REGION = "application/x-soundsearch-region"
MAX_FILES = 1_000  # handed over at once; nobody drags more on purpose


@dataclass(frozen=True, slots=True)
class Dropped:
    """What another program let fall on us."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


def file_url(path: str) -> QUrl:
    """The URL of an absolute path, byte for byte: `#`, `%`, spaces, newlines and names that are not UTF-8 survive.

    `QUrl.fromLocalFile` is right for every name that Qt's strings can hold; bytes that are no UTF-8 (surrogates here)
    it would turn into question marks, so those are percent-encoded beforehand.
    """
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        encoded = "file://" + quote_from_bytes(os.fsencode(path))
        return QUrl.fromEncoded(QByteArray(encoded.encode("ascii")), QUrl.ParsingMode.StrictMode)
    return QUrl.fromLocalFile(path)


def local_path(url: QUrl) -> str | None:
    """The path a URL stands for, None if it is no file of this machine."""
    if not url.isLocalFile():
        return None
    if sys.platform == "win32":
        return str(Path(url.toLocalFile()))
    # Without query and fragment, and with the bytes as they came
    return os.fsdecode(unquote_to_bytes(url.path(QUrl.ComponentFormattingOption.FullyEncoded)))


def files_mime(paths: Sequence[str]) -> QMimeData:
    """Mime data that offers files to other programs, as a drag or on the clipboard."""
    urls = [file_url(path) for path in paths]
    mime = QMimeData()
    mime.setUrls(urls)
    # What file managers of GNOME and relatives look for on the clipboard
    lines = [b"copy", *(bytes(url.toEncoded().data()) for url in urls)]
    mime.setData("x-special/gnome-copied-files", QByteArray(b"\n".join(lines)))
    return mime


def region_mime(file: str, example: Example) -> QMimeData:
    """Mime data of a region: its file for other programs, and for our own window which part of which clip it is."""
    mime = files_mime([file])
    about = json.dumps([os.fsencode(example.path).hex(), example.start_s, example.end_s])
    mime.setData(REGION, QByteArray(about.encode()))
    return mime


def read_region(mime: QMimeData) -> Example | None:
    """The part of a clip that was dropped, if it is one of ours."""
    if not mime.hasFormat(REGION):
        return None
    path, start_s, end_s = json.loads(bytes(mime.data(REGION).data()))
    return Example(os.fsdecode(bytes.fromhex(path)), start_s, end_s)


def read_drop(mime: QMimeData) -> Dropped:
    """Files and folders in what was dropped, in order, each once."""
    if not mime.hasUrls():
        return Dropped((), ())
    paths = dict.fromkeys(path for url in mime.urls() if (path := local_path(url)))
    folders = tuple(path for path in paths if os.path.isdir(path))  # noqa: PTH112 - a str path may hold surrogates
    return Dropped(tuple(path for path in paths if path not in folders), folders)


def display_name(text: str) -> str:
    """A name that can be shown: bytes that are no UTF-8, and line breaks, become visible marks."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").translate(_UNSHOWN)


def reveal(path: str) -> None:
    """Show a file in the system's file manager, selected where that is possible."""
    if sys.platform == "win32":
        subprocess.Popen(["explorer", "/select,", path])
    elif sys.platform == "darwin":
        subprocess.Popen(["open", "-R", path])
    else:
        from PySide6.QtDBus import QDBusConnection, QDBusMessage  # only Linux has it, and only this needs it

        bus = QDBusConnection.sessionBus()
        if bus.isConnected():
            call = QDBusMessage.createMethodCall(
                "org.freedesktop.FileManager1",
                "/org/freedesktop/FileManager1",
                "org.freedesktop.FileManager1",
                "ShowItems",
            )
            url = bytes(file_url(path).toEncoded().data()).decode("ascii")
            call.setArguments([[url], ""])
            bus.asyncCall(call)
        else:
            QDesktopServices.openUrl(file_url(str(Path(path).parent)))

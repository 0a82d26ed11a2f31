"""What pictures of the window are made with: the demo library as the real engine knows it, and windows upon it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import soundfile
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from soundsearch.audio.decode import decode, mono, resample
from soundsearch.catalogue.query import parse
from soundsearch.engine import messages as m
from soundsearch.errors import QueryError
from soundsearch.gui import app as app_module
from soundsearch.gui.draft import Draft
from soundsearch.gui.main_window import MainWindow
from soundsearch.records import Clip, ClipDetails, DuplicateGroup, LibraryMap, Ranking, Root, TagProposals
from soundsearch.settings import Places, resource
from tests.gui.fake_engine import FakeEngine

SMALL = 300  # dialogs lower than that stay so
QUERY = "rain and thunder"
HOME = Path(tempfile.gettempdir()) / "demo"  # the pictures show its name


@dataclass(frozen=True, slots=True)
class View:
    """How a window is looked at."""

    theme: str = "dark"
    size: tuple[int, int] = (1280, 800)

    @property
    def width(self) -> int:
        return self.size[0]


class Known:
    """What the real engine says of the demo library."""

    def __init__(self) -> None:
        self.clips: list[Clip] = []
        self.rankings: dict[m.Search, Ranking] = {}
        self.details: dict[int, ClipDetails] = {}
        self.map: LibraryMap | None = None
        self.proposals: TagProposals | None = None
        self.copies: list[Clip] = []  # further clips, some of which hold the same sounds
        self.groups: tuple[DuplicateGroup, ...] = ()


class StagedEngine(FakeEngine):
    """Answers as the real engine did, for as much as is known; the rest is made up."""

    def __init__(self, known: Known, share: float = 1.0) -> None:
        super().__init__(known.clips[: round(share * len(known.clips))])
        self.known = known
        self.roots = (Root(known.clips[0].root, True, len(self.clips)),) if self.clips else ()
        self.draws_map = share == 1.0

    def map(self) -> LibraryMap:
        return self.known.map if self.known.map is not None and self.draws_map else super().map()

    def _answer(self, number: int, request: m.Request) -> m.Message:
        if isinstance(request, m.Search):
            try:
                parse(request.text)
            except QueryError as err:
                return m.Failed(number, err.message, err.hint)
        return super()._answer(number, request)

    def _rank(self, search: m.Search) -> Ranking:
        known = self.known.rankings.get(replace(search, order=""))
        return super()._rank(search) if known is None else known

    def _details(self, clip_id: int) -> ClipDetails | None:
        known = self.known.details.get(clip_id)
        if known is None or clip_id not in self.clips:
            return super()._details(clip_id)
        clip = self.clips[clip_id]
        named = tuple(name for name, ids in self.collections.items() if clip_id in ids)
        return replace(known, clip=clip, collections=named)


class Stage:
    """Opens windows upon staged engines and saves what they show.

    Attributes:
        out: The folder for pictures.
        view: How windows are opened now.
    """

    def __init__(self, out: Path) -> None:
        self.app = app_module.make_application()
        self.out, self.known, self.view = out, Known(), View()

    def engine(self, share: float = 1.0) -> StagedEngine:
        return StagedEngine(self.known, share)

    @contextmanager
    def window(self, engine: FakeEngine, view: View | None = None, *, settle: bool = True) -> Iterator[MainWindow]:
        view = view or self.view
        data = HOME / "data"
        shutil.rmtree(data, ignore_errors=True)
        window = app_module.build(self.app, Places(data), make_client=engine.connect)
        window.silence()
        window.theme.choose(view.theme)
        window.resize(*view.size)
        window.show()
        window.activateWindow()
        window.start()
        if settle:
            self.wait(window, lambda: window.center.status is not None and window.center.is_settled)
        self.rest(window)
        yield window
        for dialog in window.findChildren(QWidget):
            if dialog.isWindow():
                dialog.close()
        window.close()
        window.deleteLater()

    def ask(self, window: MainWindow, draft: Draft, row: int | None = 0) -> None:
        window.center.search_bar.set_draft(draft)
        self.wait(window, lambda: window.center.is_settled)
        if row is not None:
            window.center.results.setFocus()
            window.center.results.selectRow(row)
            self.wait(window, lambda: window.player.is_settled)
        self.rest(window, 0.3)

    def save(self, name: str, widget: QWidget | None) -> None:
        """One picture, as it is."""
        assert widget is not None, name
        self.rest(widget)
        path = self.out / f"{name}.png"
        assert widget.grab().save(str(path)), path
        print(path)

    def shoot(self, name: str, widget: QWidget | None) -> None:
        """One picture of the matrix. Dialogs are as small or as large as the window in it, or as they open."""
        assert widget is not None, name
        if isinstance(widget, QDialog) and self.view.width != 900:
            small, (width, height) = widget.height() < SMALL, self.view.size
            widget.resize(min(width, widget.width()) if small else width, widget.height() if small else height)
        ratio = round(100 * widget.devicePixelRatioF())
        self.save(f"{name}@{self.view.theme}-{self.view.width}-{ratio}", widget)

    def popup(self, name: str) -> None:
        """A menu that has just been opened."""
        menu = QApplication.activePopupWidget()
        self.shoot(name, menu)
        assert menu is not None
        menu.close()

    def wait(self, parent: QObject, condition: Callable[[], Any]) -> None:
        app_module.wait_for(parent, lambda: bool(condition()), 300)

    def rest(self, parent: QObject, seconds: float = 0.1) -> None:
        end = time.monotonic() + seconds
        app_module.wait_for(parent, lambda: time.monotonic() > end, 5)


@contextmanager
def demo_library() -> Iterator[Path]:
    """The demo library, scanned; gives the data folder, and leaves nothing behind."""
    if HOME.exists():
        sys.exit(f"{HOME} is there already: pictures are made in a folder of that name. Move it away.")
    try:
        shutil.copytree(resource("demo"), HOME / "Sounds")
        data = HOME / "scanned"
        command = [sys.executable, "-m", "soundsearch", "--data-dir", str(data), "--quiet", "scan"]
        subprocess.run([*command, str(HOME / "Sounds")], check=True)
        yield data
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def learn(stage: Stage, data: Path) -> None:
    """Ask the real engine all that the pictures show of the library."""
    window = app_module.build(stage.app, Places(data))
    window.silence()
    window.start()
    bridge, known = window._bridge, stage.known
    listed: list[Ranking] = []
    bridge.ranked.connect(listed.append)
    try:
        stage.wait(window, lambda: listed)
        bridge.look_up_clips(tuple(listed[0].clip_ids.tolist()), lambda clips: setattr(known, "clips", list(clips)))
        stage.wait(window, lambda: known.clips)
        for query in (m.Search(QUERY),):
            listed.clear()
            bridge.search(query)
            stage.wait(window, lambda: listed)
            known.rankings[query] = listed[0]
        bridge.details_known.connect(lambda found: known.details.__setitem__(found.clip.id, found))
        for clip in known.clips:
            bridge.ask_details(clip.id)
            stage.wait(window, lambda clip=clip: clip.id in known.details)
        ended: list[Any] = []
        bridge.job_ended.connect(ended.append)

        def work(start: Callable[[], None]) -> Any:
            ended.clear()
            start()
            stage.wait(window, lambda: ended)
            assert not ended[0].message, ended[0].message
            return ended[0].value

        known.map = work(bridge.draw_map)
        known.proposals = work(lambda: bridge.propose_tags(m.ProposeTags("music", (known.clips[0].root,))))
        make_copies(HOME / "Sounds")
        work(bridge.scan)
        known.groups = work(lambda: bridge.find_duplicates(True))
        ids = tuple(clip_id for group in known.groups for clip_id in group.clip_ids)
        bridge.look_up_clips(ids, lambda clips: setattr(known, "copies", list(clips)))
        stage.wait(window, lambda: known.copies)
    finally:
        window.close()
        window.deleteLater()


def make_copies(sounds: Path) -> None:
    """Copies as they come about: a renamed one, one in another format, one that is softer and at another rate."""
    old = sounds / "Old drive"
    old.mkdir()
    shutil.copy(sounds / "Nature" / "wind.ogg", old / "wind (1).ogg")
    shutil.copy(sounds / "Nature" / "wind.ogg", old / "NEW wind final.ogg")
    for source, name, rate, gain in (
        ("Nature/rain_heavy_01.ogg", "rain_heavy_01.wav", 48_000, 1.0),
        ("Nature/REC_0412.ogg", "REC_0412 soft.flac", 32_000, 0.5),
    ):
        heard = decode(str(sounds / source))
        samples = resample(mono(heard), heard.sample_rate, rate)
        soundfile.write(old / name, gain * samples, rate)


def doubled() -> dict[str, str]:
    """The environment of a process whose screen has 200 %."""
    return {**os.environ, "QT_SCALE_FACTOR": "2"}

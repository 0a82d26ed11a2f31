"""The window: its regions, what a key does, and how its parts answer one another."""

import logging
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QPoint, QSize, QStandardPaths, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QGuiApplication,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QFileDialog, QFrame, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from soundsearch.gui import menus
from soundsearch.gui.audition import Audition
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.center import Center
from soundsearch.gui.dialogs import FailureList, ProblemReport, ShortcutSheet
from soundsearch.gui.drops import DropTarget
from soundsearch.gui.file_exchange import display_name, files_mime, reveal
from soundsearch.gui.library_panel import PANEL_WIDTH, LibraryPanel
from soundsearch.gui.menus import SEPARATOR, Item
from soundsearch.gui.notices import Notices
from soundsearch.gui.pages import FirstRun
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.status_line import StatusLine
from soundsearch.gui.theme import Theme
from soundsearch.gui.training import Training
from soundsearch.records import Clip, ClipState, LibraryStatus, ModelInfo, Root

log = logging.getLogger(__name__)

DRAWER_BELOW = 640  # width in pixels under which the library lies over the results
SMALLEST = QSize(300, 320)
FIRST_SIZE = QSize(1100, 720)
PREFETCH_MS = 60  # neighbours are decoded ahead once the selection rests


class MainWindow(QMainWindow):
    """Everything the user sees.

    Signals:
        first_painted: The window is on the screen.
    """

    first_painted = Signal()

    def __init__(self, bridge: EngineBridge, audition: Audition, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self._bridge = bridge
        self._audition = audition
        self.theme = self._theme = theme
        self._preferences = preferences
        self._models: tuple[ModelInfo, ...] = ()
        self._clip: Clip | None = None  # what the player has
        self._painted = False
        self._silent = False
        self._panel_open = preferences.flag("panel/open", True)
        self._drawer_open = False
        self._failures: FailureList | None = None
        self.setWindowTitle("soundsearch")
        self.setMinimumSize(SMALLEST)

        self.center = Center(bridge, theme)
        self.panel = LibraryPanel(theme)
        self.player = PlayerBar(audition, theme)
        self.status_line = StatusLine(bridge, theme)
        self.first_run = FirstRun(theme)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.panel)
        self._splitter.addWidget(self.center)
        self._splitter.setStretchFactor(1, 1)
        self._work = QWidget()
        work = QVBoxLayout(self._work)
        work.setContentsMargins(0, 0, 0, 0)
        work.setSpacing(0)
        work.addWidget(self._splitter, 1)
        work.addWidget(self.player)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._work)
        self._pages.addWidget(self.first_run)
        outside = QWidget()
        column = QVBoxLayout(outside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._pages, 1)
        column.addWidget(self.status_line)
        self.setCentralWidget(outside)
        self.notices = Notices(bridge, self.center.notices, self.status_line, preferences, self)
        self.training = Training(bridge, theme, self.center.notices, self.status_line, self)
        self._drops = DropTarget(self, bridge, self.center, self.first_run, self.notices, self.status_line)
        self._prefetch = QTimer(self, singleShot=True, interval=PREFETCH_MS)
        self._prefetch.timeout.connect(lambda: audition.prefetch(self.center.results.neighbours()))
        self._connect()
        self._make_shortcuts()
        self._restore()

    def start(self) -> None:
        """Begin to talk to the engine and to open the sound output."""
        self.center.search_bar.setFocus()
        self._audition.start()
        self._bridge.start()
        self.center.start()
        self._bridge.list_models()

    def silence(self) -> None:
        """For pictures: play nothing, offer nothing, and leave what is remembered as it was."""
        self._silent = True
        self.notices.is_quiet = True

    def report_bug(self, summary: str, detail: str) -> None:
        """Something went wrong: one report at a time, so that a fault in a timer does not bury the screen."""
        if self.findChild(ProblemReport) is None:
            ProblemReport(summary, detail, self).show()

    def add_folder(self) -> None:
        """Choose a folder to scan, with the system's own dialog."""
        dialog = QFileDialog(self, "Choose a folder of sounds")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        music = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MusicLocation)
        dialog.setDirectory(music if Path(music).is_dir() else str(Path.home()))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._bridge.scan(str(Path(path))))
        dialog.open()

    # -- what is chosen and heard

    @property
    def _plays_at_once(self) -> bool:
        return self._preferences.settings.auto_play and not self._silent

    def _choose(self, clip: Clip) -> None:
        """The user went to a clip: show it, and play it if that is wished."""
        self._clip = clip
        self.player.show_clip(clip)
        if clip.offline:
            self.player.wave.show_message("Its folder is offline", "warn")
        elif clip.state == ClipState.FAILED:
            self.player.wave.show_message(f"Cannot be read: {display_name(clip.reason)}", "error")
        else:
            self._audition.load(clip.path, play=self._plays_at_once)
            self._prefetch.start()
            return
        self._audition.forget()

    def _choose_again(self, clip: Clip) -> None:
        if self._plays_at_once:
            self._audition.load(clip.path, play=True)

    def _play_current(self) -> None:
        """Enter: from the start, also when auto-play is off."""
        clip = self.center.results.current_clip()
        if clip is not None:
            self._audition.load(clip.path, play=True)

    def _mark_playing(self, state: str) -> None:
        heard = self._clip.id if self._clip and state in ("playing", "paused") else None
        self.center.results.set_playing(heard)

    def _escape(self) -> None:
        if self._drawer_open:
            self._show_drawer(False)
        elif self._audition.state == "playing":
            self._audition.stop()
        else:
            self.center.results.clearSelection()

    def _find_similar(self) -> None:
        clip = self.center.results.current_clip()
        if clip is not None:
            self.center.search_bar.find_similar(clip.path)

    def _copy_files(self) -> None:
        clips = self.center.results.selected_clips()
        if clips:
            QGuiApplication.clipboard().setMimeData(files_mime([clip.path for clip in clips]))
            self.status_line.tell(f"Copied {len(clips):,} file{'s' if len(clips) > 1 else ''}")

    def _copy_paths(self) -> None:
        clips = self.center.results.selected_clips()
        if clips:
            QGuiApplication.clipboard().setText("\n".join(display_name(clip.path) for clip in clips))
            self.status_line.tell("Copied the path" if len(clips) == 1 else f"Copied {len(clips):,} paths")

    def _reveal(self) -> None:
        clip = self.center.results.current_clip()
        if clip is not None:
            reveal(clip.path)

    # -- menus

    def _open_menu(self, items: tuple[Item, ...], at: QPoint) -> None:
        menus.build(items, self._theme, self).popup(at)

    def _open_clip_menu(self, at: QPoint) -> None:
        many = len(self.center.results.selected_rows()) > 1
        self._open_menu(
            (
                Item("Play", self._play_current, "play", "Enter"),
                Item("Find similar", self._find_similar, "similar", "S"),
                SEPARATOR,
                Item("Copy files" if many else "Copy file", self._copy_files, "copy", "Ctrl+C"),
                Item("Copy paths" if many else "Copy path", self._copy_paths),
                Item("Show in file manager", self._reveal, "reveal"),
            ),
            at,
        )

    def _open_root_menu(self, root: Root, at: QPoint) -> None:
        items = menus.root_items(
            root,
            lambda: self._bridge.scan(root.path),
            lambda: reveal(root.path),
            lambda: self.notices.confirm_removal(root),
        )
        self._open_menu(items, at)

    def _model_items(self) -> tuple[Item, ...]:
        busy = {getattr(job.request, "name", "") for job in self._bridge.jobs}
        items = menus.model_items(self._models, self._bridge.use_model, self._bridge.download_model, busy)
        own = menus.own_model_items(self._models, self.training.show_report, self.training.confirm_deletion)
        return (*items, SEPARATOR, Item("Your models", icon="train", items=own)) if own else items

    def _open_model_menu(self) -> None:
        items = self._model_items()
        button = self.status_line.model_button
        menu = menus.build(items, self._theme, self)
        menu.popup(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), -menu.sizeHint().height())))

    def _open_main_menu(self) -> None:
        chosen = self._preferences.settings.theme
        status = self.center.status
        compact = self.center.results.compact
        themes = tuple(
            Item(words, partial(self._choose_theme, name), checked=name == chosen) for name, words in menus.THEMES
        )
        items = (
            Item("Add a folder…", self.add_folder, "folder-add", "Ctrl+O"),
            Item("Look for new sounds", self._scan_all, "refresh", "F5", enabled=bool(status and status.roots)),
            Item("Files that cannot be read", self._show_failures, "warning", enabled=bool(status and status.failed)),
            SEPARATOR,
            Item("Train on your sounds…", self.training.open, "train", "Ctrl+T"),
            Item("Model", icon="model", items=self._model_items()),
            Item("Theme", icon="theme", items=themes),
            Item("Compact rows", lambda: self._set_compact(not compact), checked=compact),
            SEPARATOR,
            Item("Keyboard shortcuts", self._show_shortcuts, "help", "?"),
            Item("Quit", self._quit, keys="Ctrl+Q"),
        )
        button = self.center.search_bar.menu_button
        menu = menus.build(items, self._theme, self)
        menu.popup(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), button.height())))

    def _quit(self) -> None:
        self.close()

    def _choose_theme(self, name: str) -> None:
        self._preferences.change(theme=name)
        self._theme.choose(name)

    def _set_compact(self, compact: bool) -> None:
        self._preferences.window.setValue("rows/compact", compact)
        self.center.results.set_compact(compact)

    def _scan_all(self) -> None:
        status = self.center.status
        if status and status.roots:
            self._bridge.scan()

    def _show_failures(self) -> None:
        if self._failures is None:
            self._failures = FailureList(self)
            self._bridge.failures_known.connect(self._failures.show_failures)
        self._bridge.list_failures()
        self._failures.show()
        self._failures.raise_()

    def _show_shortcuts(self) -> None:
        if self.findChild(ShortcutSheet) is None:
            ShortcutSheet(self).show()

    # -- regions

    def _take_status(self, status: LibraryStatus) -> None:
        self.panel.show_status(status)
        self._show_regions()

    def _show_regions(self) -> None:
        first_run = self.center.is_first_run
        self._pages.setCurrentWidget(self.first_run if first_run else self._work)

    def _toggle_panel(self) -> None:
        if self.width() < DRAWER_BELOW:
            self._show_drawer(not self._drawer_open)
        else:
            self._panel_open = not self._panel_open
            self._fit()

    def _show_drawer(self, show: bool) -> None:
        """The library over the results, where there is no room beside them."""
        self._drawer_open = show
        self._fit()
        if show:
            self.panel.raise_()
            self.panel.add_button.setFocus()

    def _fit(self) -> None:
        as_drawer = self.width() < DRAWER_BELOW
        self._drawer_open = self._drawer_open and as_drawer
        in_splitter = self._splitter.indexOf(self.panel) >= 0
        if as_drawer and in_splitter:
            self.panel.setParent(self._work)
        elif not as_drawer and not in_splitter:
            self._splitter.insertWidget(0, self.panel)
            self.panel.show()  # the splitter gives no room to what is hidden
            self._splitter.setSizes([PANEL_WIDTH, max(1, self.width() - PANEL_WIDTH)])
        if as_drawer:
            bar = self.center.search_bar.height()
            area = self.center.geometry()
            height = max(0, area.height() - bar)
            self.panel.setGeometry(0, bar, min(280, self.width() - 40), height)
        self.panel.setVisible(self._drawer_open if as_drawer else self._panel_open)
        self.panel.setFrameShape(QFrame.Shape.NoFrame)
        self.center.search_bar.library_button.setChecked(self.panel.isVisibleTo(self))

    def _restore(self) -> None:
        settings, window = self._preferences.settings, self._preferences.window
        geometry = window.value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(FIRST_SIZE)
        self.center.results.restore_columns(window)
        self.center.results.set_compact(self._preferences.flag("rows/compact", False))
        width = window.value("panel/width")
        panel = int(width) if isinstance(width, str | int) and str(width).isdigit() else PANEL_WIDTH
        self._splitter.setSizes([panel, max(1, self.width() - panel)])
        self.player.set_volume(settings.volume_db)
        self._audition.set_volume(settings.volume_db)
        self.player.set_auto_play(settings.auto_play)
        self.player.volume_changed.connect(self._audition.set_volume)
        self.player.auto_play_changed.connect(lambda on: self._preferences.change(auto_play=on))
        self._save_volume = QTimer(self, singleShot=True, interval=500)
        self._save_volume.timeout.connect(lambda: self._preferences.change(volume_db=float(self.player.volume.value())))
        self.player.volume_changed.connect(lambda _: self._save_volume.start())

    def _save(self) -> None:
        window = self._preferences.window
        window.setValue("window/geometry", self.saveGeometry())
        window.setValue("panel/open", self._panel_open)
        if self._splitter.indexOf(self.panel) >= 0 and self.panel.isVisible():
            window.setValue("panel/width", self.panel.width())
        self.center.results.save_columns(window)
        window.sync()
        if self._save_volume.isActive():
            self._preferences.change(volume_db=float(self.player.volume.value()))

    def _connect(self) -> None:
        center, results, bridge = self.center, self.center.results, self._bridge
        results.chosen.connect(self._choose)
        results.chosen_again.connect(self._choose_again)
        results.menu_requested.connect(self._open_clip_menu)
        results.told.connect(self.status_line.tell)
        center.add_requested.connect(self.add_folder)
        center.search_bar.menu_requested.connect(self._open_main_menu)
        center.search_bar.library_requested.connect(self._toggle_panel)
        self.first_run.choose_requested.connect(self.add_folder)
        self.panel.add_requested.connect(self.add_folder)
        self.panel.scan_requested.connect(self._scan_all)
        self.panel.root_menu_requested.connect(self._open_root_menu)
        self.panel.failures_requested.connect(self._show_failures)
        self.status_line.model_menu_requested.connect(self._open_model_menu)
        self._audition.state_changed.connect(self._mark_playing)
        bridge.status_known.connect(self._take_status)
        bridge.models_known.connect(self._take_models)
        bridge.job_started.connect(lambda _: self._show_regions())
        bridge.job_ended.connect(lambda _: self._show_regions())
        bridge.bug.connect(self.report_bug)
        self.training.add_requested.connect(self.add_folder)

    def _take_models(self, models: tuple[ModelInfo, ...]) -> None:
        self._models = models
        for model in models:
            if model.active:
                self.status_line.show_model(model.name, model.title)

    def _make_shortcuts(self) -> None:
        bar, results = self.center.search_bar, self.center.results
        for keys, act in (
            ("Ctrl+F", bar.focus_box),
            ("/", bar.focus_box),
            ("Alt+Left", lambda: bar.go(-1)),
            ("Alt+Right", lambda: bar.go(1)),
            ("Ctrl+B", self._toggle_panel),
            ("Ctrl+O", self.add_folder),
            ("F5", self._scan_all),
            ("Ctrl+T", self.training.open),
            ("Alt+M", self._open_main_menu),
            ("?", self._show_shortcuts),
            ("Escape", self._escape),
            ("Ctrl+Q", self._quit),
        ):
            QShortcut(QKeySequence(keys), self, act)
        # Letters, Space and Enter belong to the list: elsewhere they write, press buttons, open menus.
        wave = self.player.wave
        for keys, act in (
            ("Space", self._audition.toggle),
            ("Return", self._play_current),
            ("Enter", self._play_current),
            ("L", self.player.loop_button.toggle),
            ("S", self._find_similar),
            ("Ctrl+C", self._copy_files),
        ):
            for widget in (results, wave):
                shortcut = QShortcut(QKeySequence(keys), widget)
                shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
                shortcut.activated.connect(act)
        for keys, rows in (("Up", -1), ("Down", 1)):
            shortcut = QShortcut(QKeySequence(keys), wave)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(partial(results.step, rows))

    # -- Qt's events

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell when the first picture is drawn."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.first_painted.emit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside a DAW or on a large screen."""
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Lay the drawer out again once the others have their places."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest and self._drawer_open:
            self._fit()
        return done

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember, be silent, and let the engine finish its step."""
        if not self._silent and self.training.ask_before_quitting(self.close):
            event.ignore()
            return
        if not self._silent:
            self._save()
        self.training.close()
        self.hide()
        self._audition.close()
        self._bridge.close()
        event.accept()

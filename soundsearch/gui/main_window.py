"""The window: makes its parts, joins them, and says what each key does."""

from functools import partial

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow

from soundsearch.gui.audition import Audition
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.center import Center
from soundsearch.gui.clip_commands import ClipCommands
from soundsearch.gui.details_panel import DetailsPanel
from soundsearch.gui.dialogs import ProblemReport
from soundsearch.gui.drops import DropTarget
from soundsearch.gui.duplicates import Duplicates
from soundsearch.gui.library_commands import LibraryCommands
from soundsearch.gui.library_panel import LibraryPanel
from soundsearch.gui.listening import Listening
from soundsearch.gui.notices import Notices
from soundsearch.gui.organising import Organising
from soundsearch.gui.pages import FirstRun
from soundsearch.gui.panel_commands import PanelCommands
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.recording import Recording
from soundsearch.gui.regions import Regions
from soundsearch.gui.shortcuts import bind, bind_in
from soundsearch.gui.status_line import StatusLine
from soundsearch.gui.tab_order import next_after
from soundsearch.gui.tagging import Tagging
from soundsearch.gui.theme import Theme
from soundsearch.gui.training import Training
from soundsearch.gui.window_dialogs import WindowDialogs
from soundsearch.records import LibraryStatus

SMALLEST = QSize(300, 320)
FIRST_SIZE = QSize(1100, 720)


class MainWindow(QMainWindow):
    """Everything the user sees.

    Its parts: `center` (query and results), `panel` (library), `details`, `player`, `status_line`, `first_run`, placed
    by `regions`; what they do together: `listening`, `organising`, `clip_commands`, `panel_commands`,
    `library_commands`, `notices`, `training`, `tagging`, `duplicates`.

    Signals:
        first_painted: The window is on the screen.
    """

    first_painted = Signal()

    def __init__(self, bridge: EngineBridge, audition: Audition, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self._bridge = bridge
        self._audition = audition
        self.theme = theme
        self._preferences = preferences
        self._painted = False
        self._silent = False
        self.setWindowTitle("soundsearch")
        self.setMinimumSize(SMALLEST)

        self.center = Center(bridge, theme)
        self.panel = LibraryPanel(theme, self.center.results)
        self.details = DetailsPanel(bridge, theme)
        self.player = PlayerBar(audition, theme, preferences.regions)
        self.status_line = StatusLine(bridge, theme)
        self.first_run = FirstRun(theme)
        self.regions = Regions(
            self.center, self.panel, self.details, self.player, self.status_line, self.first_run, theme
        )
        self.setCentralWidget(self.regions)

        self.notices = Notices(bridge, self.center.notices, self.status_line, preferences, self)
        self.training = Training(bridge, theme, self.center.notices, self.status_line, self)
        self.tagging = Tagging(bridge, theme, self.center.notices, self)
        self.duplicates = Duplicates(bridge, theme, self.center.notices, self)
        self.listening = Listening(audition, self.center.results, self.player, preferences, theme, self)
        self.organising = Organising(bridge, self.center, self.status_line, self)
        self.clip_commands = ClipCommands(self.center, self.listening, self.organising, self.status_line, theme, self)
        self.panel_commands = PanelCommands(
            bridge, self.panel, self.details, self.center, self.organising, self.listening, self.notices, theme, self
        )
        self.library_commands = LibraryCommands(
            bridge,
            self.center,
            self.status_line,
            self.notices,
            self.training,
            self.tagging,
            self.duplicates,
            preferences,
            theme,
            self,
        )
        self.recording = Recording(self.center.recording, preferences.recordings, self)
        self.dialogs = WindowDialogs(
            bridge, audition, self.center, self.player, self.listening, self.library_commands, preferences, theme, self
        )
        self._drops = DropTarget(self, bridge, self.center, self.first_run, self.notices, self.status_line)
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
        self._bridge.list_organisation()

    def silence(self) -> None:
        """For pictures: play nothing, offer nothing, and leave what is remembered as it was."""
        self._silent = True
        self.notices.is_quiet = self.dialogs.is_quiet = True
        self.listening.silence()

    def report_bug(self, summary: str, detail: str) -> None:
        """Something went wrong: one report at a time, so that a fault in a timer does not bury the screen."""
        if self.findChild(ProblemReport) is None:
            ProblemReport(summary, detail, self).show()

    def add_folder(self) -> None:
        """Choose a folder to scan, with the system's own dialog."""
        self.library_commands.add_folder()

    def toggle_map(self) -> None:
        """The map in place of the list, or the list again."""
        self.center.show_map(not self.center.shows_map)

    # -- how the parts answer one another

    def _connect(self) -> None:
        center, bridge, library = self.center, self._bridge, self.library_commands
        center.results.told.connect(self.status_line.tell)
        self.player.region_bar.told.connect(self.status_line.tell)
        self.player.region_bar.search_requested.connect(
            lambda part: center.search_bar.find_similar(part.path, part.start_s, part.end_s)
        )
        self.dialogs.names_changed.connect(self.details.refresh)
        self.dialogs.power.told.connect(self.status_line.tell)
        self.player.errands.failed.connect(lambda error: self.status_line.tell(str(error)))
        self.listening.told.connect(self.status_line.tell)
        self.details.name_wanted.connect(self.clip_commands.copy_name)
        center.add_requested.connect(self.add_folder)
        center.search_bar.record_requested.connect(self.recording.toggle)
        self.recording.began.connect(self._audition.stop)
        self.recording.recorded.connect(lambda path: center.search_bar.add_sounds((path,)))
        self.recording.ended.connect(center.results.setFocus)
        center.search_bar.menu_requested.connect(library.open_main_menu)
        center.search_bar.library_requested.connect(self.regions.toggle_panel)
        center.search_bar.details_requested.connect(self.regions.toggle_details)
        center.search_bar.map_requested.connect(self.toggle_map)
        center.map_toggled.connect(center.search_bar.map_button.setChecked)
        center.map.clip_chosen.connect(self.listening.choose)
        center.map.clip_pointed.connect(self.listening.point_at)
        center.map.menu_requested.connect(self.clip_commands.open_menu)
        self.first_run.choose_requested.connect(self.add_folder)
        self.panel.add_requested.connect(self.add_folder)
        self.panel.scan_requested.connect(library.scan_all)
        self.panel.failures_requested.connect(library.show_failures)
        self.status_line.model_menu_requested.connect(library.open_model_menu)
        self.training.add_requested.connect(self.add_folder)
        self.tagging.clip_chosen.connect(self.listening.choose)
        self.duplicates.clip_chosen.connect(self.listening.choose)
        self.clip_commands.propose_requested.connect(self.tagging.open)
        self.panel_commands.propose_requested.connect(lambda folder: self.tagging.open(folder=folder))
        bridge.status_known.connect(self._take_status)
        bridge.job_started.connect(lambda _: self._show_regions())
        bridge.job_ended.connect(lambda _: self._show_regions())
        bridge.bug.connect(self.report_bug)

    def _make_shortcuts(self) -> None:
        bar, results, library = self.center.search_bar, self.center.results, self.library_commands
        for keys, act in (
            ("Ctrl+F", bar.focus_box),
            ("/", bar.focus_box),
            ("Alt+Left", lambda: bar.go(-1)),
            ("Alt+Right", lambda: bar.go(1)),
            ("Ctrl+B", self.regions.toggle_panel),
            ("Ctrl+I", self.regions.toggle_details),
            ("Ctrl+M", self.toggle_map),
            ("Ctrl+O", self.add_folder),
            ("Ctrl+V", self._drops.paste),
            ("F5", library.scan_all),
            ("Ctrl+T", self.training.open),
            ("Ctrl+Shift+T", self.tagging.open),
            ("Ctrl+D", self.duplicates.open),
            ("Alt+M", library.open_main_menu),
            ("Ctrl+,", self.dialogs.show_settings),
            ("?", library.show_shortcuts),
            ("Ctrl+Z", self.organising.undo),
            ("Ctrl+Shift+Z", self.organising.redo),
            ("Ctrl+S", self.organising.save_search),
            ("Escape", self._escape),
            ("Ctrl+Q", self._quit),
        ):
            bind(self, keys, act)
        # Letters, Space and Enter belong to the list: elsewhere they write, press buttons, open menus.
        wave, clips = self.player.wave, self.clip_commands
        for keys, act in (
            ("Space", self._audition.toggle),
            ("Shift+Space", self._audition.restart),
            ("Return", self.listening.play_current),
            ("Enter", self.listening.play_current),
            ("L", self.player.loop_button.toggle),
            ("R", self.recording.toggle),
            ("F", self.organising.toggle_favourite),
            ("T", self.organising.edit_tags),
            ("Shift+T", clips.propose_tags),
        ):
            bind_in((results, wave, self.center.map.view), keys, act)
        region = self.player.region_bar
        for keys, of_clip, of_region in (
            ("S", clips.find_similar, region.search),
            ("Ctrl+C", clips.copy_files, region.copy),
        ):
            bind_in((results, self.center.map.view), keys, of_clip)
            bind_in((wave,), keys, partial(lambda one, other: (one if wave.region else other)(), of_region, of_clip))
        for stars in range(6):  # 0 in the waveform and on the map shows all of it
            where = (results, wave, self.center.map.view) if stars else (results,)
            bind_in(where, str(stars), partial(self.organising.rate, stars))
        for keys, rows in (("Up", -1), ("Down", 1)):
            bind_in((wave,), keys, partial(results.step, rows))

    def _quit(self) -> None:
        self.close()

    def _escape(self) -> None:
        """One thing at a time: the drawer, the sound, the region, the selection."""
        if self.regions.drawer_open:
            self.regions.show_drawer(False)
        elif self._audition.state == "playing":
            self._audition.stop()
        elif self.player.wave.region:
            self.player.region_bar.clear()
        else:
            self.center.results.clearSelection()

    def _take_status(self, status: LibraryStatus) -> None:
        self.panel.show_status(status)
        self._show_regions()

    def _show_regions(self) -> None:
        self.regions.show_first_run(self.center.is_first_run)

    # -- what is remembered

    def _restore(self) -> None:
        window = self._preferences.window
        geometry = window.value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(FIRST_SIZE)
        self.center.results.restore_columns(window)
        self.center.search_bar.restore(window)
        self.center.results.set_compact(self._preferences.flag("rows/compact", False))
        self.regions.restore(window)
        self.panel_commands.restore(window)

    def _save(self) -> None:
        window = self._preferences.window
        window.setValue("window/geometry", self.saveGeometry())
        self.regions.save(window)
        self.panel_commands.save(window)
        self.center.results.save_columns(window)
        self.center.search_bar.save(window)
        window.sync()
        self.listening.save()

    # -- Qt's events

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the window as one reads it."""
        widget = next_after(self, QApplication.focusWidget(), 1 if forward else -1)
        if widget is None:
            return super().focusNextPrevChild(forward)
        widget.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell when the first picture is drawn."""
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.first_painted.emit)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember, be silent, and let the engine finish its step."""
        if not self._silent and self.training.ask_before_quitting(self.close):
            event.ignore()
            return
        if not self._silent:
            self._save()
        self.training.close()
        self.tagging.close()
        self.duplicates.close()
        self.recording.close()
        self.hide()
        self.player.errands.close()
        self._audition.close()
        self._bridge.close()
        event.accept()

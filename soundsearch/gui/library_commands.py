"""What can be done with the library as a whole: its folders, its models, the window's own menu."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QStandardPaths, Signal
from PySide6.QtWidgets import QWidget

from soundsearch.gui import menus
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.center import Center
from soundsearch.gui.choosing import choose_folder
from soundsearch.gui.column_editor import ColumnEditor
from soundsearch.gui.dialogs import FailureList, ShortcutSheet
from soundsearch.gui.duplicates import Duplicates
from soundsearch.gui.menus import SEPARATOR, Item
from soundsearch.gui.notices import Notices
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.status_line import StatusLine
from soundsearch.gui.tagging import Tagging
from soundsearch.gui.theme import Theme
from soundsearch.gui.training import Training
from soundsearch.records import ModelInfo


class LibraryCommands(QObject):
    """Commands that need no selection, and the menus that hold them.

    Attributes:
        models: As last told by the engine.

    Signals:
        settings_requested, about_requested, tour_requested
    """

    settings_requested = Signal()
    about_requested = Signal()
    tour_requested = Signal()

    def __init__(
        self,
        bridge: EngineBridge,
        center: Center,
        status_line: StatusLine,
        notices: Notices,
        training: Training,
        tagging: Tagging,
        duplicates: Duplicates,
        preferences: Preferences,
        theme: Theme,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self.models: tuple[ModelInfo, ...] = ()
        self._bridge, self._center, self._line = bridge, center, status_line
        self._notices, self._training, self._tagging = notices, training, tagging
        self._duplicates = duplicates
        self._preferences, self._theme, self._window = preferences, theme, window
        self._failures: FailureList | None = None
        bridge.models_known.connect(self._take_models)
        center.results.header.editor_requested.connect(self.show_columns)

    def add_folder(self) -> None:
        """Choose a folder to scan, with the system's own dialog."""
        music = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MusicLocation))
        start = music if music.is_dir() else Path.home()
        choose_folder(self._window, "Choose a folder of sounds", start, self._bridge.scan)

    def scan_all(self) -> None:
        """Look for new and changed sounds in all folders."""
        status = self._center.status
        if status and status.roots:
            self._bridge.scan()

    def show_failures(self) -> None:
        """The list of files that cannot be read."""
        if self._failures is None:
            self._failures = FailureList(self._window)
            self._bridge.failures_known.connect(self._failures.show_failures)
        self._bridge.list_failures()
        self._failures.show()
        self._failures.raise_()

    def show_shortcuts(self) -> None:
        """The list of shortcuts."""
        if self._window.findChild(ShortcutSheet) is None:
            ShortcutSheet(self._window).show()

    def show_columns(self) -> None:
        """The columns of the list, to be arranged by keys."""
        if self._window.findChild(ColumnEditor) is None:
            ColumnEditor(self._center.results.header, self._theme, self._window).show()

    def choose_theme(self, name: str) -> None:
        """Change to "system", "dark" or "light", now and from now on."""
        self._preferences.change(theme=name)
        self._theme.choose(name)

    def set_compact(self, compact: bool) -> None:
        """Low or comfortable rows, now and from now on."""
        self._preferences.window.setValue("rows/compact", compact)
        self._center.results.set_compact(compact)

    # -- menus

    def open_model_menu(self) -> None:
        """The models, above their button in the status line."""
        button = self._line.model_button
        menu = menus.build(self.model_items(), self._theme, self._window)
        menu.popup(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), -menu.sizeHint().height())))

    def open_main_menu(self) -> None:
        """The window's menu, below its button."""
        button = self._center.search_bar.menu_button
        menu = menus.build(self._main_items(), self._theme, self._window)
        menu.popup(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), button.height())))

    def model_items(self) -> tuple[Item, ...]:
        """Models to choose, to download, and what can be done with the user's own."""
        busy = {getattr(job.request, "name", "") for job in self._bridge.jobs}
        items = menus.model_items(self.models, self._bridge.use_model, self._bridge.download_model, busy)
        own = menus.own_model_items(self.models, self._training.show_report, self._training.confirm_deletion)
        return (*items, SEPARATOR, Item("Your models", icon="train", items=own)) if own else items

    def _main_items(self) -> tuple[Item, ...]:
        chosen = self._preferences.settings.theme
        status = self._center.status
        compact, header = self._center.results.compact, self._center.results.header
        themes = tuple(
            Item(words, partial(self.choose_theme, name), checked=name == chosen) for name, words in menus.THEMES
        )
        return (
            Item("Add a folder…", self.add_folder, "folder-add", "Ctrl+O"),
            Item("Look for new sounds", self.scan_all, "refresh", "F5", enabled=bool(status and status.roots)),
            Item("Files that cannot be read", self.show_failures, "warning", enabled=bool(status and status.failed)),
            SEPARATOR,
            Item("Propose tags…", self._tagging.open, "tag", "Ctrl+Shift+T"),
            Item("Find duplicates…", self._duplicates.open, "copy", "Ctrl+D"),
            Item("Train on your sounds…", self._training.open, "train", "Ctrl+T"),
            Item("Model", icon="model", items=self.model_items()),
            Item("Theme", icon="theme", items=themes),
            Item("Map", self._toggle_map, "map", "Ctrl+M", checked=self._center.shows_map),
            Item("Draw the map again", self._center.map.draw_again, enabled=self._center.shows_map),
            Item("Sort by", icon="sort", items=header.order_items()),
            Item("Columns", icon="columns", items=header.column_items()),
            Item("Compact rows", lambda: self.set_compact(not compact), checked=compact),
            SEPARATOR,
            Item("Settings…", self.settings_requested.emit, "settings", "Ctrl+,"),
            Item("Show the hints again", self.tour_requested.emit),
            Item("Keyboard shortcuts", self.show_shortcuts, "help", "?"),
            Item("About soundsearch", self.about_requested.emit),
            Item("Quit", self._quit, keys="Ctrl+Q"),
        )

    def _toggle_map(self) -> None:
        self._center.show_map(not self._center.shows_map)

    def _quit(self) -> None:
        self._window.close()

    def _take_models(self, models: tuple[ModelInfo, ...]) -> None:
        self.models = models
        for model in models:
            if model.active:
                self._line.show_model(model.name, model.title)

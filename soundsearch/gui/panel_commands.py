"""What the lines of the library panel do, and their menus."""

from functools import partial

from PySide6.QtCore import QObject, QPoint, QSettings, QTimer, Signal
from PySide6.QtWidgets import QWidget

from soundsearch.gui import menus, query_filters
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.center import Center
from soundsearch.gui.choosing import choose_folder, nearest_folder
from soundsearch.gui.details_panel import DetailsPanel
from soundsearch.gui.file_exchange import reveal
from soundsearch.gui.library_panel import LibraryPanel
from soundsearch.gui.listening import Listening
from soundsearch.gui.menus import SEPARATOR, Item
from soundsearch.gui.missing_list import MissingList
from soundsearch.gui.notices import Notices
from soundsearch.gui.organising import Organising
from soundsearch.gui.theme import Theme
from soundsearch.records import Root, SavedSearch

REST_MS = 60


class PanelCommands(QObject):
    """Joins the panel with the query, with the engine's lists and with what can be done about them.

    Signals:
        propose_requested (str): A folder that tags shall be proposed for.
    """

    propose_requested = Signal(object)

    def __init__(
        self,
        bridge: EngineBridge,
        panel: LibraryPanel,
        details: DetailsPanel,
        center: Center,
        organising: Organising,
        listening: Listening,
        notices: Notices,
        theme: Theme,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        # A row that is only passed is not described: that would be felt under the arrow keys.
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._show_details)
        self._bridge, self._bar, self._organising = bridge, center.search_bar, organising
        self._notices, self._theme, self._window = notices, theme, window
        self._missing: MissingList | None = None
        self._results, self._details = center.results, details
        self._sections = panel.sections() | details.sections()
        panel.filter_requested.connect(self.toggle_filter)
        panel.search_requested.connect(organising.ask_again)
        panel.collection_requested.connect(organising.new_collection)
        panel.save_search_requested.connect(organising.save_search)
        panel.rows_dropped.connect(organising.collect)
        panel.missing_requested.connect(self.show_missing)
        panel.root_menu_requested.connect(self.open_root_menu)
        panel.collection_menu_requested.connect(self._open_collection_menu)
        panel.tag_menu_requested.connect(self._open_tag_menu)
        panel.search_menu_requested.connect(self._open_search_menu)
        bridge.collections_known.connect(panel.show_collections)
        bridge.tags_known.connect(panel.show_tags)
        bridge.searches_known.connect(panel.show_searches)
        bridge.located.connect(bridge.scan)
        details.favourite_toggled.connect(organising.toggle_favourite)
        details.rated.connect(organising.rate)
        details.coloured.connect(organising.set_colour)
        details.tag_added.connect(organising.tag_selected)
        details.tag_removed.connect(organising.remove_tag)
        details.collection_chosen.connect(partial(self.toggle_filter, "in"))
        details.similar_chosen.connect(listening.point_at)
        bridge.tags_known.connect(lambda tags: details.complete_tags(tuple(tag.label for tag in tags)))
        organising.changed.connect(details.refresh)
        center.results.selection_changed.connect(self._rest.start)
        center.results.chosen.connect(lambda _: self._rest.start())
        self._bar.search_requested.connect(lambda search: panel.show_query(search.text))

    def save(self, window: QSettings) -> None:
        """Remember which sections of the panels are open."""
        for name, section in self._sections.items():
            window.setValue(f"sections/{name}", section.is_open)

    def restore(self, window: QSettings) -> None:
        """Open the sections that were open."""
        for name, section in self._sections.items():
            section.set_open(str(window.value(f"sections/{name}", True)).lower() == "true")

    def _show_details(self) -> None:
        self._details.show_clip(self._results.current_clip(), len(self._results.selected_rows()))

    def toggle_filter(self, name: str, value: str) -> None:
        """Narrow the query to something, or no longer."""
        self._bar.remember()
        self._bar.set_draft(query_filters.toggled(self._bar.draft, name, value))
        self._bar.remember()

    def show_missing(self) -> None:
        """The list of clips that vanished."""
        if self._missing is None:
            self._missing = MissingList(self._bridge, self._notices, self._window)
        self._bridge.list_missing()
        self._missing.show()
        self._missing.raise_()

    def open_root_menu(self, root: Root, at: QPoint) -> None:
        """What can be done with a root; `at` is on the screen."""
        items = menus.root_items(
            root,
            lambda: self._bridge.scan(root.path),
            lambda: self.propose_requested.emit(root.path),
            lambda: reveal(root.path),
            lambda: self._locate_root(root),
            lambda: self._notices.confirm_removal(root),
        )
        self._open(items, at)

    def _open_collection_menu(self, name: str, at: QPoint) -> None:
        order = self._organising
        self._open(
            (
                Item("Show its clips", partial(self.toggle_filter, "in", name), "search"),
                Item("Add what is selected", partial(order.collect, name), "like"),
                Item("Take out what is selected", partial(order.take_out, name), "remove"),
                SEPARATOR,
                Item("Rename…", partial(order.rename_collection, name)),
                Item("Delete", partial(order.delete_collection, name), "remove"),
            ),
            at,
        )

    def _open_tag_menu(self, label: str, at: QPoint) -> None:
        order = self._organising
        self._open(
            (
                Item("Show its clips", partial(self.toggle_filter, "tag", label), "search"),
                Item("Give it to what is selected", lambda: order.tag_selected(label), "like"),
                Item("Take it from what is selected", partial(order.remove_tag, label), "remove"),
            ),
            at,
        )

    def _open_search_menu(self, search: SavedSearch, at: QPoint) -> None:
        order = self._organising
        items = (
            Item("Search", partial(order.ask_again, search), "search"),
            Item("Delete", partial(order.delete_search, search), "remove"),
        )
        self._open(items, at)

    def _locate_root(self, root: Root) -> None:
        """Ask where a folder is now that was moved or renamed."""
        locate = partial(self._bridge.locate_root, root.path)
        choose_folder(self._window, f"Where is {root.path} now?", nearest_folder(root.path), locate)

    def _open(self, items: tuple[Item, ...], at: QPoint) -> None:
        menus.build(items, self._theme, self._window).popup(at)

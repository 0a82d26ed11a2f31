"""The side panel: folders, collections, tags and saved searches, and what is wrong with the library."""

from pathlib import PurePath

from PySide6.QtCore import QPoint, QSize, Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QLabel, QToolButton, QVBoxLayout, QWidget

from soundsearch.catalogue.query import parse_parts
from soundsearch.errors import QueryError
from soundsearch.gui import wording
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.labels import label
from soundsearch.gui.panel_rows import ROW_WIDTH, PanelRow, Section
from soundsearch.gui.scrolling import scrolling
from soundsearch.gui.theme import Theme
from soundsearch.records import Collection, LibraryStatus, Root, SavedSearch, TagCount

PANEL_WIDTH = ROW_WIDTH
FEW_TAGS, MANY_TAGS = 8, 400  # shown at first, and when all are asked for


class LibraryPanel(QFrame):
    """What the library is divided into. A line that is pressed narrows the query to it, or no longer.

    Signals:
        add_requested: A folder should be chosen.
        scan_requested: All folders should be brought up to date.
        failures_requested, missing_requested: The lists of files that cannot be read, and of those that vanished.
        filter_requested (str, str): Name and value of a filter of the query language.
        search_requested (SavedSearch): This query should be asked again.
        collection_requested: A new one should be made.
        rows_dropped (str): The selected clips should join this collection.
        save_search_requested: The present query should be saved.
        root_menu_requested (Root, QPoint), collection_menu_requested (str, QPoint), tag_menu_requested (str, QPoint),
        search_menu_requested (SavedSearch, QPoint): A line's menu, where on the screen.
    """

    add_requested = Signal()
    scan_requested = Signal()
    failures_requested = Signal()
    missing_requested = Signal()
    filter_requested = Signal(str, str)
    search_requested = Signal(object)
    collection_requested = Signal()
    rows_dropped = Signal(str)
    save_search_requested = Signal()
    root_menu_requested = Signal(object, QPoint)
    collection_menu_requested = Signal(str, QPoint)
    tag_menu_requested = Signal(str, QPoint)
    search_menu_requested = Signal(object, QPoint)

    def __init__(self, theme: Theme, results: QWidget, parent: QWidget | None = None) -> None:
        """`results` is the list whose rows may be dropped on collections."""
        super().__init__(parent)
        self.setObjectName("panel")
        self._theme, self._results = theme, results
        self._tags: tuple[TagCount, ...] = ()
        self._all_tags = False
        self._query = ""
        self.scan_button = self._button("Look for new and changed sounds (F5)", "Scan all folders")
        self.scan_button.clicked.connect(self.scan_requested)
        self.add_button = self._button("Add a folder (Ctrl+O)", "Add a folder")
        self.add_button.clicked.connect(self.add_requested)
        self.collect_button = self._button("New collection", "New collection")
        self.collect_button.clicked.connect(self.collection_requested)
        self.save_button = self._button("Save this search (Ctrl+S)", "Save this search")
        self.save_button.clicked.connect(self.save_search_requested)
        self.folders = Lines(Section("Folders", theme, self.scan_button, self.add_button))
        self.collections = Lines(
            Section("Collections", theme, self.collect_button), "Drop rows here to keep them together."
        )
        self.tags = Lines(Section("Tags", theme), "T gives a tag to what is selected.")
        self.searches = Lines(Section("Saved searches", theme, self.save_button), "Ctrl+S keeps the present query.")
        self._more = PanelRow(theme, "menu")
        self._more.setCheckable(False)
        self._more.clicked.connect(self._show_all_tags)
        self.tags.section.rows.addWidget(self._more)
        self._failed = self._note("warning", self.failures_requested)
        self._missing = self._note("search", self.missing_requested)
        self._lay_out()
        self.setMinimumWidth(160)
        self.show_tags(())
        theme.changed.connect(self._dress)
        self._dress()

    def sizeHint(self) -> QSize:
        """A narrow column."""
        return QSize(PANEL_WIDTH, 400)

    def show_status(self, status: LibraryStatus) -> None:
        """Bring the roots up to date."""
        names = _short_names([root.path for root in status.roots])
        rows = {root.path: self.folders.row(root.path) or self._root_row(root.path) for root in status.roots}
        for root in status.roots:
            self._show_root(rows[root.path], root, names[root.path])
        self.folders.fill(rows)
        self._failed.show_line(f"{wording.count(status.failed, 'file')} cannot be read", token="warn", faded=True)
        self._failed.setVisible(status.failed > 0)
        self._missing.show_line(f"{wording.count(status.missing, 'clip')} missing", faded=True)
        self._missing.setVisible(status.missing > 0)
        self._mark()

    def show_collections(self, collections: tuple[Collection, ...]) -> None:
        """Bring the collections up to date."""
        rows = {}
        for collection in collections:
            name = collection.name
            rows[name] = self.collections.row(name) or self._collection_row(name)
            rows[name].show_line(name, f"{collection.clips:,}", tip=display_name(name))
        self.collections.fill(rows)
        self._mark()

    def show_tags(self, tags: tuple[TagCount, ...]) -> None:
        """Bring the tags up to date, the most frequent first."""
        self._tags = tags
        rows = {}
        for tag in tags[: MANY_TAGS if self._all_tags else FEW_TAGS]:
            by = ", ".join(wording.TAG_SOURCES.get(source, source) for source in tag.sources)
            rows[tag.label] = self.tags.row(tag.label) or self._tag_row(tag.label)
            rows[tag.label].show_line(tag.label, f"{tag.clips:,}", tip=f"{display_name(tag.label)}\nGiven by {by}")
        self.tags.fill(rows)
        self._more.show_line("Fewer tags" if self._all_tags else f"All {len(tags):,} tags")
        self._more.setVisible(len(tags) > FEW_TAGS)
        self.tags.section.rows.removeWidget(self._more)
        self.tags.section.rows.addWidget(self._more)
        self._mark()

    def show_searches(self, searches: tuple[SavedSearch, ...]) -> None:
        """Bring the saved searches up to date; one that was changed is another one, and gets a line of its own."""
        rows = {repr(search): self.searches.row(repr(search)) or self._search_row(search) for search in searches}
        for search, row in zip(searches, rows.values(), strict=True):
            row.show_line(search.name, tip=display_name(search.text))
        self.searches.fill(rows)

    def show_query(self, text: str) -> None:
        """Mark the lines that the present query is narrowed to."""
        self._query = text
        self._mark()

    def sections(self) -> dict[str, Section]:
        """Its sections by a name that is remembered."""
        return {lines.key: lines.section for lines in self._lists()}

    def _lists(self) -> tuple["Lines", ...]:
        return self.folders, self.collections, self.tags, self.searches

    def _filter_row(self, icon: str, name: str, value: str) -> PanelRow:
        row = PanelRow(self._theme, icon)
        row.setProperty("filter", (name, value))
        row.clicked.connect(lambda: self.filter_requested.emit(name, value))
        return row

    def _root_row(self, path: str) -> PanelRow:
        row = self._filter_row("folder", "folder", path)
        row.menu_requested.connect(lambda at: self.root_menu_requested.emit(row.property("root"), at))
        return row

    def _collection_row(self, name: str) -> PanelRow:
        row = self._filter_row("collection", "in", name)
        row.takes_rows_of(self._results)
        row.rows_dropped.connect(lambda: self.rows_dropped.emit(name))
        row.menu_requested.connect(lambda at: self.collection_menu_requested.emit(name, at))
        return row

    def _tag_row(self, name: str) -> PanelRow:
        row = self._filter_row("tag", "tag", name)
        row.menu_requested.connect(lambda at: self.tag_menu_requested.emit(name, at))
        return row

    def _search_row(self, search: SavedSearch) -> PanelRow:
        row = PanelRow(self._theme, "bookmark")
        row.clicked.connect(lambda: self.search_requested.emit(search))
        row.menu_requested.connect(lambda at: self.search_menu_requested.emit(search, at))
        return row

    def _show_root(self, row: PanelRow, root: Root, name: str) -> None:
        row.setProperty("root", root)
        tip = display_name(root.path)
        if root.online:
            row.show_line(name, f"{root.clips:,}", icon="folder", tip=tip)
        else:
            tip = f"{tip}\nOffline: its clips come back when it can be reached"
            row.show_line(name, "offline", icon="folder-offline", token="warn", faded=True, tip=tip)
        state = "" if root.online else ", offline"
        row.setAccessibleName(f"{display_name(name)}, {wording.count(root.clips, 'clip')}{state}")

    def _mark(self) -> None:
        try:
            wanted = {(part.kind, part.value.casefold()) for part in parse_parts(self._query) if not part.is_excluded}
        except QueryError:  # still being typed
            wanted = set()
        for lines in (self.folders, self.collections, self.tags):
            for row in lines.all():
                name, value = row.property("filter")
                row.setChecked((name, value.casefold()) in wanted)

    def _show_all_tags(self) -> None:
        self._all_tags = not self._all_tags
        self.show_tags(self._tags)

    def _lay_out(self) -> None:
        content = QWidget()
        inside = QVBoxLayout(content)
        inside.setContentsMargins(0, 8, 0, 0)
        inside.setSpacing(4)
        for lines in self._lists():
            inside.addWidget(lines.section)
        inside.addStretch(1)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 8)
        outside.setSpacing(0)
        outside.addWidget(scrolling(content), 1)
        notes = QVBoxLayout()
        notes.setContentsMargins(4, 4, 4, 0)
        notes.setSpacing(0)
        for note in (self._missing, self._failed):
            notes.addWidget(note)
        outside.addLayout(notes)

    def _note(self, icon: str, signal: SignalInstance) -> PanelRow:
        note = PanelRow(self._theme, icon)
        note.setCheckable(False)
        note.clicked.connect(signal)
        note.hide()
        return note

    def _button(self, tip: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setIconSize(QSize(16, 16))
        return button

    def _dress(self) -> None:
        self.add_button.setIcon(self._theme.icon("folder-add", "muted", 16))
        self.scan_button.setIcon(self._theme.icon("refresh", "muted", 16))
        for button in (self.collect_button, self.save_button):
            button.setIcon(self._theme.icon("like", "muted", 16))


class Lines:
    """The lines of a section by key. A line that stays keeps the keyboard."""

    def __init__(self, section: Section, empty: str = "") -> None:
        self.section = section
        self.key = section.heading.text().lower().replace(" ", "_")
        self._rows: dict[str, PanelRow] = {}
        self._empty: QLabel = label(empty, tone="muted", role="small")
        self._empty.setContentsMargins(8, 0, 8, 0)
        self._empty.setVisible(bool(empty))
        section.rows.addWidget(self._empty)

    def __getitem__(self, key: str) -> PanelRow:
        return self._rows[key]

    def all(self) -> tuple[PanelRow, ...]:
        """Every line, from top to bottom."""
        return tuple(self._rows.values())

    def fill(self, rows: dict[str, PanelRow]) -> None:
        """Show these lines, in this order."""
        for key in set(self._rows) - set(rows):
            gone = self._rows[key]
            self.section.rows.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        if list(rows) != list(self._rows):
            for row in rows.values():
                self.section.rows.removeWidget(row)
                self.section.rows.addWidget(row)
        self._rows = rows
        self._empty.setVisible(bool(self._empty.text()) and not rows)

    def row(self, key: str) -> PanelRow | None:
        """The line of a key, None if there is none yet."""
        return self._rows.get(key)


def _short_names(paths: list[str]) -> dict[str, str]:
    """The last part of each path, and more of it where two would look alike."""
    names = {}
    for path in paths:
        parts = PurePath(path).parts or (path,)
        others = [PurePath(other).parts for other in paths if other != path]
        length = 1
        while length < len(parts) and any(other[-length:] == parts[-length:] for other in others):
            length += 1
        names[path] = str(PurePath(*parts[-length:]))
    return names

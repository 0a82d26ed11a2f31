"""What can be done with the selected clips, by keys and by their menu."""

from functools import partial

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from soundsearch.gui import menus, wording
from soundsearch.gui.center import Center
from soundsearch.gui.file_exchange import display_name, files_mime, reveal
from soundsearch.gui.listening import Listening
from soundsearch.gui.menus import SEPARATOR, Item
from soundsearch.gui.organising import Organising
from soundsearch.gui.status_line import StatusLine
from soundsearch.gui.theme import Theme
from soundsearch.records import COLOURS

MAX_COLLECTIONS = 30  # in the menu; the panel has them all


class ClipCommands(QObject):
    """Each command acts on the whole selection, or on the clip on which the keyboard is.

    Signals:
        propose_requested (tuple): Ids of clips that tags shall be proposed for.
    """

    propose_requested = Signal(object)

    def __init__(
        self,
        center: Center,
        listening: Listening,
        organising: Organising,
        status_line: StatusLine,
        theme: Theme,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._center, self._results = center, center.results
        self._listening, self._organising, self._line = listening, organising, status_line
        self._theme, self._window = theme, window
        self._results.menu_requested.connect(self.open_menu)

    def find_similar(self) -> None:
        """Ask for what is like the current clip."""
        clip = self._results.current_clip()
        if clip is not None:
            self._center.search_bar.find_similar(clip.path)

    def copy_files(self) -> None:
        """Put the files on the clipboard."""
        clips = self._results.selected_clips()
        if clips:
            QGuiApplication.clipboard().setMimeData(files_mime([clip.path for clip in clips]))
            self._line.tell(f"Copied {len(clips):,} file{'s' if len(clips) > 1 else ''}")

    def copy_paths(self) -> None:
        """Put the paths on the clipboard as text, a line each."""
        clips = self._results.selected_clips()
        if clips:
            QGuiApplication.clipboard().setText("\n".join(display_name(clip.path) for clip in clips))
            self._line.tell("Copied the path" if len(clips) == 1 else f"Copied {len(clips):,} paths")

    def copy_name(self, name: str) -> None:
        """Put a file name on the clipboard."""
        QGuiApplication.clipboard().setText(name)
        self._line.tell("Copied the UCS name")

    def propose_tags(self) -> None:
        """Let the model propose tags for the selection."""
        ids = self._results.selected_ids()
        if len(ids):
            self.propose_requested.emit(tuple(ids.tolist()))

    def reveal(self) -> None:
        """Show the current clip in the file manager."""
        clip = self._results.current_clip()
        if clip is not None:
            reveal(clip.path)

    def open_menu(self, at: QPoint) -> None:
        """The menu of the selection; `at` is on the screen."""
        menus.build(self._items(), self._theme, self._window).popup(at)

    def _items(self) -> tuple[Item, ...]:
        many, order = len(self._results.selected_rows()) > 1, self._organising
        clip = self._results.current_clip()
        return (
            Item("Play", self._listening.play_current, "play", "Enter"),
            Item("Find similar", self.find_similar, "similar", "S"),
            SEPARATOR,
            Item(
                "Remove from favourites" if clip and clip.favourite else "Add to favourites",
                order.toggle_favourite,
                "favourite",
                "F",
            ),
            Item("Rating", icon="star", items=self._rating_items(clip.rating if clip else 0)),
            Item("Colour", icon="theme", items=self._colour_items(clip.colour if clip else "")),
            Item("Tags…", order.edit_tags, "tag", "T"),
            Item("Propose tags…", self.propose_tags, keys="Shift+T"),
            Item("Add to collection", icon="collection", items=self._collection_items()),
            SEPARATOR,
            Item("Copy files" if many else "Copy file", self.copy_files, "copy", "Ctrl+C"),
            Item("Copy paths" if many else "Copy path", self.copy_paths),
            Item("Show in file manager", self.reveal, "reveal"),
        )

    def _rating_items(self, present: int) -> tuple[Item, ...]:
        return (
            *(
                Item(wording.count(stars, "star"), partial(self._organising.rate, stars), keys=str(stars),
                     checked=stars == present)
                for stars in range(1, 6)
            ),
            Item("None", partial(self._organising.rate, 0), keys="0", checked=not present),
        )  # fmt: skip

    def _colour_items(self, present: str) -> tuple[Item, ...]:
        named = tuple(
            Item(name.capitalize(), partial(self._organising.set_colour, name), checked=name == present)
            for name in COLOURS
        )
        return (*named, Item("None", partial(self._organising.set_colour, ""), checked=not present))

    def _collection_items(self) -> tuple[Item, ...]:
        known = tuple(
            Item(collection.name, partial(self._organising.collect, collection.name))
            for collection in self._organising.collections[:MAX_COLLECTIONS]
        )
        new = Item("New collection…", self._organising.collect_in_new, "like")
        return (*known, SEPARATOR, new) if known else (new,)

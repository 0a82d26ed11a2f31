"""Putting the library in order from the window: marks, tags and collections of the selection, and the way back."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from soundsearch.engine.messages import Search
from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.center import Center
from soundsearch.gui.naming import NameDialog, TagEditor
from soundsearch.gui.status_line import StatusLine
from soundsearch.records import (
    ChangeCollection,
    ChangeSearch,
    CollectClips,
    Collection,
    MarkClips,
    Organised,
    OrganisingAction,
    SavedSearch,
    TagClips,
    TagCount,
)


class Organising(QObject):
    """Each command acts on the whole selection and can be taken back.

    Attributes:
        collections, tags, searches: As last told by the engine.
        undo_name, redo_name: What could be taken back and made again, "" for nothing.

    Signals:
        changed: Something was said of clips, or taken back: what is shown of them should be brought again.
    """

    changed = Signal()

    def __init__(self, bridge: EngineBridge, center: Center, line: StatusLine, window: QWidget) -> None:
        super().__init__(window)
        self.collections: tuple[Collection, ...] = ()
        self.tags: tuple[TagCount, ...] = ()
        self.searches: tuple[SavedSearch, ...] = ()
        self.undo_name = self.redo_name = ""
        self._bridge, self._center, self._line, self._window = bridge, center, line, window
        bridge.organised.connect(lambda done: self._done(done, "Done"))
        bridge.taken_back.connect(lambda done: self._done(done, "Taken back"))
        bridge.made_again.connect(lambda done: self._done(done, "Made again"))
        bridge.collections_known.connect(lambda known: setattr(self, "collections", known))
        bridge.tags_known.connect(lambda known: setattr(self, "tags", known))
        bridge.searches_known.connect(lambda known: setattr(self, "searches", known))
        bridge.changed.connect(bridge.list_organisation)

    # -- marks

    def toggle_favourite(self) -> None:
        """Make favourites of what is selected; if the current clip is one, of none of it any more."""
        clip = self._center.results.current_clip()
        self.mark(self._selected(), favourite=not (clip and clip.favourite))

    def rate(self, stars: int) -> None:
        """Give what is selected 1 to 5 stars, or none."""
        self.mark(self._selected(), rating=stars)

    def set_colour(self, colour: str) -> None:
        """Give what is selected a colour label, or "" for none."""
        self.mark(self._selected(), colour=colour)

    def mark(
        self,
        clip_ids: tuple[int, ...],
        favourite: bool | None = None,
        rating: int | None = None,
        colour: str | None = None,
    ) -> None:
        """Mark clips; what is None stays as it is."""
        self._act(clip_ids, lambda ids: MarkClips(ids, favourite, rating, colour))

    # -- tags

    def edit_tags(self) -> None:
        """The tags of what is selected, to add and to take away."""
        ids = self._selected()
        if not ids:
            self._nothing_selected()
            return
        shown = [self._center.model.known(i) for i in ids[:1000]]
        clips = [clip for clip in shown if clip]
        editor = TagEditor(clips, len(ids), tuple(tag.label for tag in self.tags), self._window)
        editor.added.connect(lambda label: self.tag(ids, add=label))
        editor.removed.connect(lambda label: self.tag(ids, remove=label))
        editor.open()

    def tag(self, clip_ids: tuple[int, ...], add: str = "", remove: str = "") -> None:
        """Give clips a tag, or take one away."""
        self._act(clip_ids, lambda ids: TagClips(ids, (add,) if add else (), (remove,) if remove else ()))

    def tag_selected(self, label: str) -> None:
        """Give a tag to what is selected."""
        self.tag(self._selected(), add=label)

    def remove_tag(self, label: str) -> None:
        """Take a tag away from what is selected."""
        self.tag(self._selected(), remove=label)

    # -- collections

    def collect(self, name: str) -> None:
        """Put what is selected into a collection."""
        self._act(self._selected(), lambda ids: CollectClips(ids, name))

    def take_out(self, name: str) -> None:
        """Take what is selected out of a collection."""
        self._act(self._selected(), lambda ids: CollectClips(ids, name, remove=True))

    def collect_in_new(self) -> None:
        """Put what is selected into a collection that is named now."""
        if not self._selected():
            self._nothing_selected()
        else:
            self._ask_name("New collection", "Name of the collection", "Add", self.collect)

    def new_collection(self) -> None:
        """Make an empty collection."""
        self._ask_name("New collection", "Name of the collection", "Create", self._create)

    def rename_collection(self, name: str) -> None:
        """Give a collection another name."""
        self._ask_name(
            "Rename collection", "New name", "Rename", lambda to: self._organise(ChangeCollection(name, to)), name
        )

    def delete_collection(self, name: str) -> None:
        """Delete a collection; its clips stay in the library."""
        self._organise(ChangeCollection(name, ""))

    # -- saved searches

    def save_search(self) -> None:
        """Keep the present query under a name."""
        draft = self._center.search_bar.draft
        if draft.is_empty:
            self._line.tell("Write a query first, then save it")
            return
        request = replace(draft.request(), order=self._center.order)

        def save(name: str) -> None:
            known = next((search.name for search in self.searches if search.name.casefold() == name.casefold()), "")
            search = SavedSearch(name, request.text, request.likes, request.unlikes, request.text_weight, request.order)
            self._organise(ChangeSearch(known, search))

        self._ask_name("Save this search", "Name of the search", "Save", save, request.text)

    def ask_again(self, search: SavedSearch) -> None:
        """Put a saved search into the query."""
        self._center.ask(Search(search.text, search.likes, search.unlikes, search.text_weight, search.order))

    def delete_search(self, search: SavedSearch) -> None:
        """Forget a saved search."""
        self._organise(ChangeSearch(search.name, None))

    # -- the way back

    def undo(self) -> None:
        """Take the last step back."""
        self._bridge.undo()

    def redo(self) -> None:
        """Make the step again that was taken back last."""
        self._bridge.redo()

    def _done(self, done: Organised, what: str) -> None:
        self.undo_name, self.redo_name = done.undo, done.redo
        left_out = f" · {wording.count(done.left_out, 'clip')} not analysed yet" if done.left_out else ""
        if done.said:
            self._line.tell(f"{what}: {done.said}{left_out}")
        else:
            self._line.tell("There is nothing to take back" if what == "Taken back" else "There is nothing to redo")
        self._bridge.list_organisation()
        self._center.model.refresh()
        self.changed.emit()

    # -- inside

    def _selected(self) -> tuple[int, ...]:
        return self._center.results.ids_to_mark()

    def _act(self, clip_ids: tuple[int, ...], make: Callable[[tuple[int, ...]], OrganisingAction]) -> None:
        if clip_ids:
            self._organise(make(clip_ids))
        else:
            self._nothing_selected()

    def _organise(self, action: OrganisingAction) -> None:
        self._bridge.organise(action)

    def _create(self, name: str) -> None:
        self._organise(ChangeCollection("", name))

    def _nothing_selected(self) -> None:
        self._line.tell("Select a clip first")

    def _ask_name(self, title: str, what: str, verb: str, then: Callable[[str], None], name: str = "") -> None:
        dialog = NameDialog(title, what, verb, name, self._window)
        dialog.named.connect(then)
        dialog.open()

"""The middle of the window: query, notices, and the results or what stands in their place."""

import logging
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from soundsearch.catalogue.query import parse
from soundsearch.engine.messages import Scan, Search
from soundsearch.errors import QueryError
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.draft import Draft, draft_of
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.jobs import Job, JobEnd
from soundsearch.gui.labels import mark
from soundsearch.gui.map_page import MapPage
from soundsearch.gui.pages import NoticeBar, StatePage, SuggestionRow
from soundsearch.gui.recording import RecordingStrip
from soundsearch.gui.result_model import ResultModel
from soundsearch.gui.results import ResultsView
from soundsearch.gui.search_bar import SearchBar
from soundsearch.gui.theme import Theme
from soundsearch.records import Clip, Folder, LibraryStatus, MarkClips, Ranking

log = logging.getLogger(__name__)

SLOW_MS = 400  # what takes longer says that it is being worked on


class Center(QWidget):
    """Asks the engine what the search bar says, and shows the answer.

    Signals:
        add_requested: A folder should be chosen.
        shown (Ranking): Other results are shown.
        map_toggled (bool): The map is wanted in place of the list.
    """

    add_requested = Signal()
    shown = Signal(object)
    map_toggled = Signal(bool)

    def __init__(self, bridge: EngineBridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self._bridge = bridge
        self._status: LibraryStatus | None = None
        self._orders = {True: "", False: ""}  # of listings, and of what answers a query
        self._asked = Search("")
        self._shown: Search | None = None  # what the results answer, None before the first answer
        self._trouble: tuple[str, str] | None = None  # why there is no engine to ask
        self._model_is_ready = False
        self._is_first_scan = False
        self.search_bar = SearchBar(theme)
        self.notices = NoticeBar(theme)
        self.recording = RecordingStrip(theme)
        self.suggestions = SuggestionRow()
        self.suggestions.hide()
        self.remark = QLabel()
        self.remark.setWordWrap(True)
        self.remark.setTextFormat(Qt.TextFormat.PlainText)
        self.remark.hide()
        self.model = ResultModel(self)
        self.results = ResultsView(self.model, theme)
        self.page = StatePage(theme)
        self.map = MapPage(bridge, self.results, theme)
        self._map_wanted = False
        self._stack = QStackedWidget()
        self._stack.addWidget(self.results)
        self._stack.addWidget(self.page)
        self._stack.addWidget(self.map)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.search_bar, self.recording, self.remark, self.suggestions, self.notices):
            column.addWidget(widget)
        column.addWidget(self._stack, 1)
        self._slow = QTimer(self, singleShot=True, interval=SLOW_MS)
        self._slow.timeout.connect(self._say_waiting)

        self.search_bar.search_requested.connect(self._search)
        self.results.header.order_chosen.connect(self._sort)
        self.search_bar.list_entered.connect(self._enter)
        self.suggestions.chosen.connect(lambda words: self.search_bar.set_draft(Draft(words)))
        self.model.fetch_needed.connect(bridge.fetch_clips)
        bridge.clips_fetched.connect(self.model.put_clips)
        bridge.ranked.connect(self._show_ranking)
        bridge.search_failed.connect(self._search_failed)
        bridge.status_known.connect(self._take_status)
        bridge.failed.connect(self._request_failed)
        bridge.changed.connect(self.refresh)
        bridge.folders_known.connect(self._take_folders)
        bridge.tags_known.connect(lambda tags: self._know(tags=tuple(tag.label for tag in tags)))
        bridge.collections_known.connect(lambda known: self._know(collections=tuple(c.name for c in known)))
        self.results.rated.connect(self._rate)
        bridge.model_ready.connect(self._take_model)
        bridge.model_used.connect(self._model_changed)
        bridge.root_removed.connect(lambda _: self.refresh())
        bridge.lost.connect(self._lost)
        bridge.job_started.connect(self._job_started)
        bridge.job_ended.connect(self._job_ended)
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is said of the query stands under it."""
        super().resizeEvent(event)
        inset = self.search_bar.inset
        self.remark.setContentsMargins(inset, 0, 12, 8)
        self.suggestions.set_inset(inset)

    @property
    def status(self) -> LibraryStatus | None:
        """The library as last told."""
        return self._status

    @property
    def is_first_run(self) -> bool:
        """True if there is no folder yet and none is being scanned."""
        return self._status is not None and not self._status.roots and not self._is_scanning and not self._trouble

    @property
    def is_settled(self) -> bool:
        """True if the results answer the query, and every clip on screen is here."""
        if self._shown != self._asked or self._slow.isActive():
            return False
        if not self.model.rowCount() or not self.results.isVisible():
            return True
        if self.results.delegate.is_behind:
            return False
        first, last = self.results.rowAt(0), self.results.rowAt(self.results.viewport().height() - 1)
        rows = range(first, (last if last >= 0 else self.model.rowCount() - 1) + 1)
        return first >= 0 and all(self.model.clip(row) is not None or self.model.is_gone(row) for row in rows)

    def start(self) -> None:
        """Ask for the library and list it."""
        self._slow.start()
        self._bridge.refresh_status()
        self._bridge.search(self._asked)

    def refresh(self) -> None:
        """Bring everything up to date where it stands."""
        self.model.refresh()
        self._bridge.refresh_status()
        self._bridge.search(self._asked)

    @property
    def shows_map(self) -> bool:
        """Whether the map is wanted in place of the list."""
        return self._map_wanted

    @property
    def order(self) -> str:
        """What the results are sorted by, as `messages.Search.order`."""
        return self._asked.order

    def ask(self, request: Search) -> None:
        """Put a query into the search bar and ask it, sorted as it says."""
        self._orders[_is_listing(request)] = request.order
        self.search_bar.remember()
        self.search_bar.set_draft(draft_of(request))

    def show_map(self, wanted: bool) -> None:
        """The map in place of the list, or the list again; the keyboard goes with it."""
        had_keyboard = self._stack.isAncestorOf(self.focusWidget() or self.search_bar)
        self._map_wanted = wanted
        self._show()
        if had_keyboard:
            (self.map.view if wanted else self.results).setFocus()
        self.map_toggled.emit(wanted)

    def _enter(self) -> None:
        """The keyboard goes from the query to what answers it."""
        if self.map.view.isVisible():
            self.map.view.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self.results.enter()

    def _search(self, request: Search) -> None:
        """Ask; a listing and the answers to queries are each sorted as the user last sorted one of their kind."""
        self._asked = replace(request, order=self._orders[_is_listing(request)])
        self._slow.start()
        self._bridge.search(self._asked)

    def _sort(self, order: str) -> None:
        self._orders[_is_listing(self._asked)] = order
        self._search(self._asked)

    def _show_ranking(self, ranking: Ranking) -> None:
        same = self._shown == self._asked
        self._shown = self._asked
        self._slow.stop()
        self.remark.hide()
        self.results.show_ranking(ranking, keep_scroll=same, order=self._asked.order)
        self._show()
        self.map.show_hits(ranking)
        self.shown.emit(ranking)

    def _search_failed(self, message: str, hint: str) -> None:
        self._slow.stop()
        self._shown = self._asked
        if self._status is None:
            self._trouble = (message, hint)
            self.remark.hide()
        else:
            self._remark(f"{message} {hint}".strip(), "error")
        self._show()

    def _take_status(self, status: LibraryStatus) -> None:
        paths = [root.path for root in status.roots]  # not their numbers: a scan changes those every two seconds
        if self._status is None or [root.path for root in self._status.roots] != paths:
            self._bridge.list_folders()
        self._status, self._trouble = status, None
        self._model_is_ready = bool(status.device)
        if self._is_scanning and not status.embedded:
            self._is_first_scan = True
        self._show()

    def _take_folders(self, folders: tuple[Folder, ...]) -> None:
        """Folders below the roots, for suggestions: the window says them without the root, as the list does."""
        roots = [root.path for root in self._status.roots] if self._status else []
        below = {
            folder.path[len(root) :].strip("/\\")
            for folder in folders
            for root in roots
            if folder.path.startswith(root) and folder.path != root
        }
        self._know(folders=tuple(sorted(below)))

    def _know(self, **words: tuple[str, ...]) -> None:
        self.search_bar.know(replace(self.search_bar.vocabulary, **words))

    def _rate(self, clips: tuple[Clip, ...], stars: int) -> None:
        self._bridge.organise(MarkClips(tuple(clip.id for clip in clips), rating=stars))

    def _request_failed(self, message: str, hint: str) -> None:
        if self._status is None:
            self._trouble = (message, hint)
            self._show()

    def _take_model(self, _name: str, _device: str) -> None:
        self._model_is_ready = True
        self._bridge.refresh_status()

    def _model_changed(self, _info: object) -> None:
        self._model_is_ready = False
        self.refresh()

    def _lost(self, restarted: bool) -> None:
        self.model.forget_requests()
        if restarted:
            self._model_is_ready = False
            self._bridge.search(self._asked)
        else:
            self._trouble = ("The search engine stopped", "Start soundsearch again. What was analysed is kept.")
        self._show()

    def _job_started(self, _job: Job) -> None:
        self._is_first_scan = self._is_scanning and not (self._status and self._status.embedded)
        self._show()

    def _job_ended(self, end: JobEnd) -> None:
        if not self._is_scanning:
            self._is_first_scan = False
        if isinstance(end.job.request, Scan):
            self._bridge.list_folders()
        self.refresh()
        self._show()

    @property
    def _is_scanning(self) -> bool:
        return any(isinstance(job.request, Scan) for job in self._bridge.jobs)

    def _say_waiting(self) -> None:
        """The answer takes its time: say why, if the cause is known."""
        if self._status is None:
            self._show()
        elif not self._model_is_ready and self._shown != self._asked:
            self._remark("The model is still loading. The answer comes as soon as it is there.", "muted")

    def _remark(self, text: str, tone: str) -> None:
        self.remark.setText(display_name(text))
        mark(self.remark, "tone", tone)
        self.remark.show()

    def _show(self) -> None:
        """Results, or the page that says why there are none."""
        self.suggestions.setVisible(self._is_first_scan)
        there = self.map if self._map_wanted and self._status and self._status.embedded else self.results
        is_empty = self._explain()
        if is_empty and self.results.hasFocus():
            self.search_bar.setFocus()  # else Qt gives the keyboard to what happens to come next
        self._stack.setCurrentWidget(self.page if is_empty else there)

    def _explain(self) -> bool:
        """Fill the page; False if the results themselves are what to show."""
        status, scanning, page = self._status, self._is_scanning, self.page
        if self._trouble:
            page.show_state("warning", *self._trouble, token="warn")
        elif status is None:
            page.show_state("wave", "" if self._slow.isActive() else "Opening the library")
        elif self._shown is None or self.model.rowCount():
            return False
        elif replace(self._shown, order="") != Search(""):
            again = self.search_bar.clear
            if scanning:
                page.show_state("search", "Nothing found yet", "The scan goes on, and so does this search.")
            elif status.clips and not status.embedded:
                page.show_state(
                    "search",
                    "Nothing can be searched by sound yet",
                    "Scan the library with this model first.",
                    "Scan now",
                    lambda: self._bridge.scan(),
                )
            else:
                page.show_state("search", "Nothing found", "Try other words, or fewer.", "Clear the query", again)
        elif scanning:
            page.show_state("wave", "Looking for sounds", "They appear here as they are found.")
        else:
            page.show_state(
                "wave",
                "No sounds here",
                "The folders of your library hold no audio files that can be read.",
                "Add a folder",
                self.add_requested.emit,
            )
        return True


def _is_listing(request: Search) -> bool:
    """True if nothing is asked for but, perhaps, a filter."""
    if request.likes or request.unlikes:
        return False
    try:
        parsed = parse(request.text)
    except QueryError:
        return False
    return not parsed.text and not parsed.not_texts

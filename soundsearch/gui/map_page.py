"""The map's page: what is on the map, what colours it, and how it follows results and selection."""

import time

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from soundsearch.engine.messages import DrawMap
from soundsearch.gui import map_canvas, wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.jobs import Job, JobEnd
from soundsearch.gui.map_canvas import Colors
from soundsearch.gui.map_legend import Legend, group_colors, packed
from soundsearch.gui.map_view import MapView
from soundsearch.gui.pages import StatePage
from soundsearch.gui.results import ResultsView
from soundsearch.gui.theme import Theme
from soundsearch.gui.waveform import LEVELS, ramp
from soundsearch.records import Clip, Grouping, IntArray, LibraryMap, Progress, Ranking, Strength

FRESH_MS = 3000  # how long after a change of the library the map is brought up to date
RESTS = (
    10  # it is left alone for so many times as long as that took: while a scan runs the library changes all the time
)
COLOURINGS = (("brightness", "Brightness"), ("folders", "Folder"), ("tags", "Tag"), ("clusters", "Cluster"))


class MapPage(QWidget):
    """The library in two dimensions.

    What is selected on the map is selected in the list, and the other way round; what answers the query stands out.

    Signals:
        clip_chosen (Clip): The user went to a clip that is not among the results.
        clip_pointed (Clip): The mouse rests on a clip, and it shall be heard.
        menu_requested (QPoint)
    """

    clip_chosen = Signal(object)
    clip_pointed = Signal(object)
    menu_requested = Signal(QPoint)

    def __init__(self, bridge: EngineBridge, results: ResultsView, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._bridge, self._results, self._theme = bridge, results, theme
        self._map: LibraryMap | None = None
        self._hits: Ranking | None = None
        self._is_stale = True
        self._began = 0.0  # when it was last drawn
        self._clips: dict[int, Clip] = {}
        self.view = MapView(theme)
        self.state = StatePage(theme)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.state)
        self._stack.addWidget(self.view)
        self.coloring = QComboBox()
        for key, words in COLOURINGS:
            self.coloring.addItem(words, key)
        self.coloring.setAccessibleName("Colour the map by")
        self.coloring.setToolTip("What the colours show")
        self.lasso = self._button("Select with a lasso (or hold Shift)", "Select with a lasso")
        self.listen = self._button("Hear what the mouse rests on", "Hear what the mouse rests on")
        self.listen.setChecked(True)
        self.whole = self._button("Show the whole map (0)", "Show the whole map", checkable=False)
        self.legend = Legend(theme)
        strip = QHBoxLayout()
        strip.setContentsMargins(12, 4, 8, 4)
        strip.setSpacing(4)
        caption = QLabel("Colour")
        caption.setProperty("tone", "muted")
        caption.setProperty("role", "small")
        caption.setBuddy(self.coloring)
        strip.addWidget(caption)
        strip.addWidget(self.coloring)
        strip.addStretch(1)
        for button in (self.listen, self.lasso, self.whole):
            strip.addWidget(button)
        self._strip = QWidget()
        self._strip.setLayout(strip)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._strip)
        column.addWidget(self._stack, 1)
        column.addWidget(self.legend)
        self._freshen = QTimer(self, singleShot=True, interval=FRESH_MS)
        self._freshen.timeout.connect(self._bring_up_to_date)
        self._connect()
        self._dress()
        self._say_waiting(None)

    def _connect(self) -> None:
        self.coloring.currentIndexChanged.connect(lambda _: self._recolor())
        self.lasso.toggled.connect(lambda on: setattr(self.view, "lasso_mode", on))
        self.whole.clicked.connect(self.view.fit)
        self.view.chosen.connect(self._choose)
        self.view.pointed.connect(self._point)
        self.view.gathered.connect(self._results.select_clips)
        self.view.drag_started.connect(lambda: self._results.startDrag(Qt.DropAction.CopyAction))
        self.view.menu_requested.connect(self.menu_requested)
        self._results.selection_changed.connect(self._follow_selection)
        self._theme.changed.connect(self._dress)
        self._bridge.job_progressed.connect(self._take_progress)
        self._bridge.job_ended.connect(self._job_ended)
        self._bridge.changed.connect(self._mark_stale)
        self._bridge.model_used.connect(lambda _: self._mark_stale())

    def show_hits(self, ranking: Ranking) -> None:
        """Make the results stand out; a listing is everything."""
        self._hits = ranking if ranking.strength.any() else None
        if self.isVisible():
            self._recolor()
            self._follow_selection()

    def showEvent(self, event: QShowEvent) -> None:
        """Only a map that is seen is drawn."""
        super().showEvent(event)
        self._bring_up_to_date()
        self._recolor()
        self._follow_selection()

    # -- the map itself

    @property
    def _job(self) -> Job | None:
        return next((job for job in self._bridge.jobs if isinstance(job.request, DrawMap)), None)

    def _mark_stale(self) -> None:
        self._is_stale = True
        if self.isVisible() and not self._freshen.isActive():
            self._freshen.start()

    def _bring_up_to_date(self) -> None:
        if self._is_stale and self.isVisible() and self._job is None:
            self._draw(anew=False)

    def draw_again(self) -> None:
        """Arrange everything anew."""
        if self._job is None:
            self._draw(anew=True)

    def _draw(self, *, anew: bool) -> None:
        self._is_stale = False
        self._began = time.monotonic()
        self._bridge.draw_map(anew=anew)

    def _take_progress(self, job: Job, progress: Progress) -> None:
        if isinstance(job.request, DrawMap) and self._map is None:
            self._say_waiting(progress)

    def _job_ended(self, end: JobEnd) -> None:
        if not isinstance(end.job.request, DrawMap):
            return
        took_ms = 1000 * (time.monotonic() - self._began)
        self._freshen.setInterval(max(FRESH_MS, round(RESTS * took_ms)))
        if isinstance(end.value, LibraryMap):
            self._show_map(end.value)
        elif self._map is None:
            what = end.message or "The map was not drawn."
            self.state.show_state("map", what, end.hint, "Draw the map", lambda: self._draw(anew=False))
        if self._is_stale:
            self._freshen.start()

    def _show_map(self, shown: LibraryMap) -> None:
        self._map = shown
        self._clips.clear()
        if not len(shown):
            self.state.show_state("map", "Nothing on the map yet", "Clips appear here once they have been analysed.")
            self._stack.setCurrentWidget(self.state)
            return
        self.view.show_map(shown)
        self._stack.setCurrentWidget(self.view)
        self._recolor()
        self._follow_selection()

    def _say_waiting(self, progress: Progress | None) -> None:
        words = wording.progress(progress) if progress else ""
        self.state.show_state("map", "Drawing the map", words[:1].upper() + words[1:])
        self._stack.setCurrentWidget(self.state)

    # -- colours

    def _recolor(self) -> None:
        if self._map is None or not len(self._map):
            self.legend.show_none()
            return
        key, tokens = self.coloring.currentData(), self._theme.tokens
        if key == "brightness":
            # One level of the ramp: here lightness would say nothing.
            shades = packed(ramp(tokens.is_dark)[:, LEVELS * 3 // 4])
            colors = shades[self._map.brightness]
            self.legend.show_ramp("Dark", "Bright", shades)
        else:
            grouping: Grouping = getattr(self._map, key)
            shades = group_colors(len(grouping.names), tokens)
            colors = shades[grouping.of]
            self.legend.show_groups(grouping.names, shades)
        self.view.set_colors(*self._with_hits(colors))

    def _with_hits(self, colors: Colors) -> tuple[Colors, IntArray]:
        """Fade all but the credible hits, which are drawn last, the best on top."""
        assert self._map is not None
        if self._hits is None:
            return colors, np.empty(0, np.int64)
        credible = self._hits.clip_ids[self._hits.strength >= Strength.FAIR]
        rows = map_canvas.rows_of(credible, self._map.clip_ids)
        faded = map_canvas.mixed(colors, np.uint32(self._theme.tokens.color("base").rgb()), 0.75)
        faded[rows] = colors[rows]
        return faded, rows[::-1].astype(np.int64)

    # -- selection and listening

    def _choose(self, clip_id: int) -> None:
        if not self._results.go_to_clip(clip_id):
            self._with_clip(clip_id, self.clip_chosen.emit)

    def _follow_selection(self) -> None:
        self.view.select(self._results.selected_ids(), self._results.current_id())

    def _point(self, clip_id: int | None) -> None:
        if clip_id is not None:
            self._with_clip(clip_id, self._name)

    def _name(self, clip: Clip) -> None:
        if clip.id != self.view.hovered_id:  # the mouse is elsewhere by now
            return
        where = f" · {clip.folder}" if clip.folder else ""
        self.view.set_label(display_name(clip.name + where))
        if self.listen.isChecked():
            self.clip_pointed.emit(clip)

    def _with_clip(self, clip_id: int, use: object) -> None:
        assert callable(use)
        if clip_id in self._clips:
            use(self._clips[clip_id])
            return

        def take(clips: tuple[Clip, ...]) -> None:
            for clip in clips:
                self._clips[clip.id] = clip
                use(clip)

        self._bridge.look_up_clips((clip_id,), take)

    # -- looks

    def _button(self, tip: str, name: str, *, checkable: bool = True) -> QToolButton:
        button = QToolButton()
        button.setCheckable(checkable)
        button.setToolTip(tip)
        button.setAccessibleName(name)
        return button

    def _dress(self) -> None:
        for button, icon in ((self.lasso, "lasso"), (self.listen, "volume"), (self.whole, "fit")):
            button.setIcon(self._theme.icon(icon))
        self._recolor()

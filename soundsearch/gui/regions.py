"""Where everything stands: library, results, player and status line, from a column beside a DAW to a large screen."""

from PySide6.QtCore import QEvent, QSettings
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QStackedWidget, QVBoxLayout, QWidget

from soundsearch.gui.center import Center
from soundsearch.gui.details_panel import DETAILS_WIDTH, DetailsPanel
from soundsearch.gui.divider import PanelSplitter
from soundsearch.gui.library_panel import PANEL_WIDTH, LibraryPanel
from soundsearch.gui.pages import FirstRun
from soundsearch.gui.player_bar import PlayerBar
from soundsearch.gui.status_line import StatusLine
from soundsearch.gui.theme import Theme

DETAILS_FROM = 700  # width in pixels from which the details may stand beside the results
DETAILS_AT_FIRST_FROM = 1080  # and from which they do before the user has opened or closed them
DRAWER_BELOW = 640  # width in pixels under which the library lies over the results


class Regions(QWidget):
    """The parts of the window in their places; which of them are open, and how wide, is remembered."""

    def __init__(
        self,
        center: Center,
        panel: LibraryPanel,
        details: DetailsPanel,
        player: PlayerBar,
        status_line: StatusLine,
        first_run: FirstRun,
        theme: Theme,
    ) -> None:
        super().__init__()
        self._center, self._panel, self._details, self._first_run = center, panel, details, first_run
        self._details_open: bool | None = None  # None while the width decides
        self._panel_open = True
        self._drawer_open = False
        self._splitter = PanelSplitter(theme)
        for widget in (panel, center, details):
            self._splitter.addWidget(widget)
        for number, name in ((1, "Width of the library"), (2, "Width of the details")):
            self._splitter.handle(number).setAccessibleName(name)
        self._splitter.setStretchFactor(1, 1)
        self._work = QWidget()
        _stack(self._work, self._splitter, player)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._work)
        self._pages.addWidget(first_run)
        _stack(self, self._pages, status_line)

    @property
    def drawer_open(self) -> bool:
        """Whether the library lies over the results."""
        return self._drawer_open

    def show_first_run(self, first_run: bool) -> None:
        """The page of the first run, or the library."""
        self._pages.setCurrentWidget(self._first_run if first_run else self._work)

    def toggle_panel(self) -> None:
        """Show or hide the library."""
        if self.width() < DRAWER_BELOW:
            self.show_drawer(not self._drawer_open)
        else:
            self._panel_open = not self._panel_open
            self.fit()

    def toggle_details(self) -> None:
        """Show or hide the details, where there is room for them."""
        if self.width() >= DETAILS_FROM:
            self._details_open = not self._details.isVisibleTo(self)
            self.fit()

    def show_drawer(self, show: bool) -> None:
        """The library over the results, where there is no room beside them."""
        self._drawer_open = show
        self.fit()
        if show:
            self._panel.raise_()
            self._panel.add_button.setFocus()

    def fit(self) -> None:
        """Give each part the room that there is."""
        as_drawer = self.width() < DRAWER_BELOW
        self._drawer_open = self._drawer_open and as_drawer
        in_splitter = self._splitter.indexOf(self._panel) >= 0
        if as_drawer and in_splitter:
            self._panel.setParent(self._work)
        elif not as_drawer and not in_splitter:
            self._splitter.insertWidget(0, self._panel)
            self._panel.show()  # the splitter gives no room to what is hidden
            self._share(PANEL_WIDTH, self._details.width())
        if as_drawer:
            bar = self._center.search_bar.height()
            height = max(0, self._center.geometry().height() - bar)
            self._panel.setGeometry(0, bar, min(280, self.width() - 40), height)
        self._panel.setVisible(self._drawer_open if as_drawer else self._panel_open)
        self._panel.setFrameShape(QFrame.Shape.NoFrame)
        self._center.search_bar.library_button.setChecked(self._panel.isVisibleTo(self))
        open_now = self._details_open
        if open_now is None:
            open_now = self.width() >= DETAILS_AT_FIRST_FROM
        self._details.setVisible(open_now and self.width() >= DETAILS_FROM)
        button = self._center.search_bar.details_button
        button.setChecked(self._details.isVisibleTo(self))
        button.setVisible(self.width() >= DETAILS_FROM)

    def restore(self, window: QSettings) -> None:
        """Take the places of last time, for a width that is set already."""
        value = window.value("panel/open", True)
        self._panel_open = value if isinstance(value, bool) else str(value).lower() == "true"
        details = window.value("details/open")
        self._details_open = None if details is None else str(details).lower() == "true"
        width = _pixels(window.value("panel/width"), PANEL_WIDTH)
        self._share(width, _pixels(window.value("details/width"), DETAILS_WIDTH))

    def save(self, window: QSettings) -> None:
        """Remember the places."""
        window.setValue("panel/open", self._panel_open)
        if self._splitter.indexOf(self._panel) >= 0 and self._panel.isVisible():
            window.setValue("panel/width", self._panel.width())
        if self._details_open is not None:
            window.setValue("details/open", self._details_open)
        if self._details.isVisible():
            window.setValue("details/width", self._details.width())

    def _share(self, panel: int, details: int) -> None:
        self._splitter.setSizes([panel, max(1, self.window().width() - panel - details), details])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Beside a DAW or on a large screen."""
        super().resizeEvent(event)
        self.fit()

    def event(self, event: QEvent) -> bool:
        """Lay the drawer out again once the others have their places."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest and self._drawer_open:
            self.fit()
        return done


def _stack(outside: QWidget, upper: QWidget, lower: QWidget) -> None:
    """Two widgets above one another, the upper one with all the room."""
    column = QVBoxLayout(outside)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(upper, 1)
    column.addWidget(lower)


def _pixels(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, str | int) and str(value).isdigit() else otherwise

"""The scripted user of `benchmarks.window`: what is done in the window, with real keys and a real mouse.

A script is a generator of steps: what the step is called, the doing, and how many milliseconds the user waits then. A
doing that returns False was not possible yet: it is tried again.
"""

from collections.abc import Callable, Iterator

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from soundsearch.gui import map_canvas
from soundsearch.gui.draft import Draft
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.result_columns import Column

Step = tuple[str, Callable[[], object], int]
Script = Iterator[Step]

QUERIES = ("deep kick", "rain on leaves", "door creak", "bright synth lead", "dog")
KEY_MS = 90  # between two letters: a quick typist
ROW_MS = 120  # between two rows
SCROLL_MS = 25  # between two movements of the scroll bar
MOUSE_MS = 16  # between two movements of the mouse
REST_MS = 150  # on a point of the map: long enough to hear it


class User:
    """Knows the window's parts, and how long people take."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._bar, self._results, self._map = window.center.search_bar, window.center.results, window.center.map

    def for_ever(self) -> Script:
        """Searching in a small library, again and again."""
        while True:
            for query in QUERIES:
                yield from self.search(query)
                yield "clear", self._bar.clear, 400
                yield from self.scroll(range(0, 101, 4), 40)
                yield from self.resize()

    def once(self, rows: int) -> Script:
        """Through all that is done with a large library."""
        for _ in range(2):
            yield from self.scroll(range(201))
        yield "enter list", self._results.enter, ROW_MS
        yield from self.arrows(rows)
        yield from self.mark()
        columns = (Column.NAME, Column.NAME, Column.NAME, Column.LENGTH, Column.LENGTH, Column.FOLDER, Column.MATCH)
        for column in columns:
            yield "sort", lambda column=column: self._click_header(column), 800
        for query in QUERIES:
            yield from self.search(query)
            for _ in range(3):
                yield "sort", lambda: self._click_header(Column.LENGTH), 500
        yield "clear", self._bar.clear, 500
        for parts in (("dur<1",), ("dur:1-3", "type:wav"), ("folder:kicks",), ('"kick 0001"',), ()):
            yield "filter", lambda parts=parts: self._bar.set_draft(Draft("", (), parts)), 1000
        yield from self.scroll(range(200, -1, -1))
        yield from self.look_at_map()
        yield "compact", lambda: self._results.set_compact(True), 300
        yield from self.resize()

    def search(self, query: str) -> Script:
        """Type letter by letter, look, and go through the first hits."""
        yield "focus", self._bar.focus_box, 200
        for letter in query:
            yield "type", lambda letter=letter: QTest.keyClicks(self._bar.box, letter), KEY_MS
        yield "wait", lambda: None, 600
        yield "enter list", lambda: QTest.keyClick(self._bar.box, Qt.Key.Key_Down), ROW_MS
        yield from self.arrows(15)

    def arrows(self, rows: int) -> Script:
        for _ in range(rows):
            yield "arrow", lambda: QTest.keyClick(self._results, Qt.Key.Key_Down), ROW_MS

    def mark(self) -> Script:
        """Stars, favourites, and the way back."""
        for key in (Qt.Key.Key_3, Qt.Key.Key_F, Qt.Key.Key_5):
            yield "mark", lambda key=key: QTest.keyClick(self._results, key), 400
            yield "arrow", lambda: QTest.keyClick(self._results, Qt.Key.Key_Down), ROW_MS
        for _ in range(3):
            yield "undo", self._window.organising.undo, 400

    def scroll(self, shares: range, pause_ms: int = SCROLL_MS) -> Script:
        bar, most = self._results.verticalScrollBar(), max(shares)
        for share in shares:
            yield "scroll", lambda share=share: bar.setValue(bar.maximum() * share // most), pause_ms

    def resize(self) -> Script:
        yield "resize", lambda: self._window.resize(700, 600), 100
        yield "resize", lambda: self._window.resize(1280, 800), 100

    def look_at_map(self) -> Script:
        """Open the map, point at sounds, zoom, move, colour, search with the map open, and back to the list."""
        view, coloring = self._map.view, self._map.coloring
        yield "open map", self._window.toggle_map, 100
        yield "open map", view.isVisible, 500
        yield from self.hover(60)
        for notches in (1, 1, 1, 1, -1, -1):
            yield "zoom map", lambda n=notches: self._wheel(n), 40
        yield from self.hover(20)
        yield from self.drag_map()
        yield "fit map", self._map.whole.click, 300
        for way in (1, 2, 3, 0):
            yield "colour map", lambda way=way: coloring.setCurrentIndex(way), 300
        for query in QUERIES[:2]:
            yield "focus", self._bar.focus_box, 200
            for letter in query:
                yield "type over map", lambda letter=letter: QTest.keyClicks(self._bar.box, letter), KEY_MS
            yield "type over map", lambda: None, 600
            yield from self.hover(10)
            yield "clear over map", self._bar.clear, 500
        yield "close map", self._window.toggle_map, 500

    def hover(self, rests: int) -> Script:
        """Move the mouse over the map in small steps, and rest where a sound is."""
        view, at = self._map.view, QPoint(self._map.view.width() // 2, self._map.view.height() // 2)
        for number in range(rests):
            to = QPoint(view.width() * (1 + number * 7 % 13) // 15, view.height() * (1 + number * 5 % 11) // 13)
            for part in range(1, 9):
                between = at + (to - at) * part / 8
                yield "hover", lambda p=between: QTest.mouseMove(view, p), MOUSE_MS
            at = to
            yield "hover", lambda to=to: self._point(to), REST_MS

    def drag_map(self) -> Script:
        view, middle = self._map.view, QPoint(self._map.view.width() // 2, self._map.view.height() // 2)
        button = Qt.MouseButton.MiddleButton
        yield "move map", lambda: QTest.mousePress(view, button, pos=middle), MOUSE_MS
        for part in range(1, 31):
            yield "move map", lambda p=part: QTest.mouseMove(view, middle + QPoint(4 * p, 3 * p)), MOUSE_MS
        yield "move map", lambda: QTest.mouseRelease(view, button, pos=middle + QPoint(120, 90)), 300

    def _point(self, near: QPoint) -> None:
        """To the sound nearest to a place, as people do."""
        view = self._map.view
        row = map_canvas.nearest(view._screen, near.toPointF(), 60.0)
        QTest.mouseMove(view, view._at(row).toPoint() if row is not None else near)

    def _wheel(self, notches: int) -> None:
        view = self._map.view
        at = view.rect().center()
        event = QWheelEvent(
            at.toPointF(),
            view.mapToGlobal(at).toPointF(),
            QPoint(),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view, event)

    def _click_header(self, column: Column) -> None:
        header = self._results.header
        at = QPoint(header.sectionViewportPosition(column) + 12, header.height() // 2)
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)

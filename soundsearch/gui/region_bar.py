"""What can be done with the region of the waveform: hear it, search with it, take it along as a file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QDrag, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QToolButton, QWidget

from soundsearch.gui.errands import Errands
from soundsearch.gui.file_exchange import files_mime, region_mime
from soundsearch.gui.region import Region, words
from soundsearch.gui.theme import Theme
from soundsearch.gui.waveform_view import WaveformView
from soundsearch.records import Example

LABEL_FROM_PX = 520


class RegionBar(QWidget):
    """Shown while there is a region. Written files stay where they are: other programs may go on reading them.

    Signals:
        search_requested (Example): Find what is like the region.
        told (str): What was done, for the status line.
    """

    search_requested = Signal(object)
    told = Signal(str)

    def __init__(
        self, wave: WaveformView, errands: Errands, theme: Theme, folder: Path, parent: QWidget | None = None
    ) -> None:
        """`folder` is where regions are written that are dragged out or copied."""
        super().__init__(parent)
        self._wave, self._errands, self._theme, self._folder = wave, errands, theme, folder
        self._path = ""
        self.snaps = False  # edges move to where the sound crosses zero
        self.label = QLabel()
        self.label.setProperty("tone", "accent")
        self.label.setAccessibleName("Region")
        self.search_button = self._button("Find what is like the region (S in the waveform)", "Find like the region")
        self.search_button.clicked.connect(self.search)
        self.copy_button = _DragButton()
        self._name(self.copy_button, "Copy the region as a WAV file (Ctrl+C in the waveform), or drag it from here",
                   "Copy the region as a file")  # fmt: skip
        self.copy_button.clicked.connect(self.copy)
        self.copy_button.pulled.connect(partial(self.drag, self.copy_button))
        self.clear_button = self._button("Clear the region (Esc)", "Clear the region")
        self.clear_button.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.label)
        row.addSpacing(4)
        for button in (self.search_button, self.copy_button, self.clear_button):
            row.addWidget(button)
        wave.region_changed.connect(self._show)
        wave.region_settled.connect(self._snap)
        wave.region_dragged.connect(partial(self.drag, wave))
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def show_clip(self, path: str) -> None:
        """The clip whose regions these are."""
        self._path = path

    def fit(self, width: int) -> None:
        """Leave the times out where there is no room; the waveform's description has them."""
        self.label.setVisible(width >= LABEL_FROM_PX)

    @property
    def example(self) -> Example | None:
        """The region as a query has it."""
        region = self._wave.region
        return Example(self._path, region.start_s, region.end_s) if region and self._path else None

    def search(self) -> None:
        """Search with the region."""
        if example := self.example:
            self.search_requested.emit(example)

    def clear(self) -> None:
        """No region any more."""
        self._wave.set_region(None)
        self._wave.setFocus()

    def copy(self) -> None:
        """Write the region and put it on the clipboard, as a file."""
        self._write(self._put_on_clipboard)

    def drag(self, source: QWidget) -> None:
        """Write the region, and let it be dragged out as soon as it is there, if the button is still down."""
        if example := self.example:
            self._write(lambda path: self._start_drag(source, path, example))

    def _write(self, then: Callable[[Path], object]) -> None:
        from soundsearch.audio.segment import segment_file  # brings the codec libraries, which the start need not

        example = self.example
        if example is None or example.start_s is None or example.end_s is None:
            return
        work = partial(segment_file, example.path, example.start_s, example.end_s, self._folder)
        self._errands.do(work, then, "segment")

    def _put_on_clipboard(self, path: Path) -> None:
        QGuiApplication.clipboard().setMimeData(files_mime([str(path)]))
        self.told.emit("Copied the region as a file")

    def _start_drag(self, source: QWidget, path: Path, example: Example) -> None:
        if not QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            return  # let go before it was written
        drag = QDrag(source)
        drag.setMimeData(region_mime(str(path), example))
        drag.setPixmap(self._theme.pixmap("wave", "accent", 20, self.devicePixelRatioF()))
        drag.setHotSpot(QPoint(-8, -8))
        drag.exec(Qt.DropAction.CopyAction)

    def _snap(self, region: Region) -> None:
        if not self.snaps or not self._path:
            return
        from soundsearch.audio.segment import snapped

        path, length = self._path, self._wave.span.duration_s

        def work() -> Region:
            return Region.between(snapped(path, region.start_s), snapped(path, region.end_s), length)

        self._errands.do(work, lambda found: self._take_snapped(region, found), "snap", tells=False)

    def _take_snapped(self, asked: Region, found: Region) -> None:
        if self._wave.region == asked:
            self._wave.set_region(found)

    def _show(self, region: Region | None) -> None:
        self.setVisible(region is not None)
        if region:
            self.label.setText(words(region))
            self.setToolTip(f"{region.length_s:.3f} s")

    def _button(self, tip: str, name: str) -> QToolButton:
        button = QToolButton()
        self._name(button, tip, name)
        return button

    def _name(self, button: QToolButton, tip: str, name: str) -> None:
        button.setProperty("small", "true")
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setIconSize(QSize(16, 16))

    def _dress(self) -> None:
        for button, icon in ((self.search_button, "similar"), (self.copy_button, "copy"), (self.clear_button, "close")):
            button.setIcon(self._theme.icon(icon, "muted", 16))


class _DragButton(QToolButton):
    """A button from which something can be pulled, too.

    Signals:
        pulled: The mouse left it with its button down.
    """

    pulled = Signal()

    _from: QPoint | None = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click or a drag."""
        self._from = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pulled away: no click any more."""
        moved = event.position().toPoint() - self._from if self._from is not None else QPoint()
        if moved.manhattanLength() < QApplication.startDragDistance():
            super().mouseMoveEvent(event)
            return
        self._from = None
        self.setDown(False)
        self.pulled.emit()

"""What falls on the window, or is pasted: files become the query, folders are offered for scanning."""

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QWidget

from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.center import Center
from soundsearch.gui.draft import Sound
from soundsearch.gui.file_exchange import read_drop, read_region
from soundsearch.gui.notices import Notices
from soundsearch.gui.pages import FirstRun
from soundsearch.gui.search_bar import MAX_EXAMPLES
from soundsearch.gui.status_line import StatusLine


class DropTarget(QObject):
    """Watches the drags over a window. Our own rows can be dropped into the query only."""

    def __init__(
        self,
        window: QWidget,
        bridge: EngineBridge,
        center: Center,
        first_run: FirstRun,
        notices: Notices,
        line: StatusLine,
    ) -> None:
        super().__init__(window)
        self._window, self._bridge, self._center = window, bridge, center
        self._first_run, self._notices, self._line = first_run, notices, line
        window.setAcceptDrops(True)
        window.installEventFilter(self)
        center.search_bar.box.files_pasted.connect(self.paste)

    def paste(self) -> None:
        """Do with files and folders on the clipboard what a drop does; for those who use no mouse."""
        mime = QGuiApplication.clipboard().mimeData()
        if mime.hasUrls():
            self._take_in(mime)
        else:
            self._line.tell("No files on the clipboard: copy some in a file manager first")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the drags out of the window's events."""
        if isinstance(event, QDragEnterEvent):
            if event.mimeData().hasUrls():
                self._show_dropping(event)
        elif isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            self._take(event)
        elif isinstance(event, QDragMoveEvent):
            self._show_dropping(event)
        elif event.type() == QEvent.Type.DragLeave:
            self._mark(False)
        else:
            return False
        return True

    def _take(self, event: QDropEvent) -> None:
        self._mark(False)
        if not self._accepts(event):
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self._take_in(event.mimeData())

    def _take_in(self, mime: QMimeData) -> None:
        dropped = read_drop(mime)
        is_first_run = self._center.is_first_run
        if dropped.folders and is_first_run:
            self._bridge.scan(*dropped.folders)
        else:
            self._notices.offer_scan(dropped.folders)
        if dropped.files and not is_first_run:
            region = read_region(mime)
            part = region and Sound(region.path, True, region.start_s, region.end_s)
            bar = self._center.search_bar
            left_out = bar.add_examples((part,)) if part else bar.add_sounds(dropped.files)
            if left_out:
                self._line.tell(f"A query holds {MAX_EXAMPLES} sounds: {left_out} left out")
        elif dropped.files:
            self._line.tell("Choose a folder first: there is nothing to compare with yet")

    def _accepts(self, event: QDropEvent) -> bool:
        if not event.mimeData().hasUrls():
            return False
        bar = self._center.search_bar
        over_bar = bar.rect().contains(bar.mapFrom(self._window, event.position().toPoint()))
        return event.source() is None or over_bar

    def _show_dropping(self, event: QDragMoveEvent | QDragEnterEvent) -> None:
        welcome = self._accepts(event)
        self._mark(welcome)
        event.setDropAction(Qt.DropAction.CopyAction)
        if welcome or isinstance(event, QDragEnterEvent):
            event.accept()
        else:
            event.ignore()

    def _mark(self, welcome: bool) -> None:
        self._center.search_bar.set_dropping(welcome)
        self._first_run.set_dropping(welcome)

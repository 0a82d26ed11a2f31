"""The program with a window: start, logging, what happens when something goes wrong, and pictures of the window."""

import gc
import logging
import logging.handlers
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QEventLoop, QObject, QSize, Qt, QTimer, QtMsgType, Signal, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from soundsearch.engine.client import EngineClient
from soundsearch.engine.messages import Message
from soundsearch.errors import SoundSearchError
from soundsearch.gui import accessibility
from soundsearch.gui.audition import Audition, Drawn, Loaded, LoadFailed, MakePlayer, Player
from soundsearch.gui.bridge import Client, EngineBridge
from soundsearch.gui.draft import Draft
from soundsearch.gui.main_window import MainWindow
from soundsearch.gui.preferences import Preferences
from soundsearch.gui.theme import Theme, app_icon
from soundsearch.settings import Places

log = logging.getLogger(__name__)

PICTURE_TIMEOUT_S = 120.0
SWITCH_S = 0.0002  # how long another thread may hold the interpreter while the window waits: dozens of times in a turn
QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}

MakeClient = Callable[[Callable[[Message], None]], Client]


def main(
    argv: Sequence[str] = ("soundsearch",),
    *,
    data_dir: Path | None = None,
    model: str | None = None,
    device: str | None = None,
) -> int:
    """Open the window and run until it is closed.

    Args:
        argv: What Qt may read, program name first.
        data_dir: Where everything is kept, None for the platform's place.
        model: Name or folder of a model, in place of the setting.
        device: "auto", "cpu", "cuda" or "mps", in place of the setting.

    Returns:
        The exit code.

    Raises:
        SettingsError: If the data folder cannot be used.
    """
    multiprocessing.freeze_support()
    places = Places(data_dir) if data_dir else Places.default()
    places.create()
    handler = start_logging(places)
    app = make_application(argv)
    window = build(app, places, model, device)
    problems = Problems(window.report_bug, app)
    problems.install()
    began = time.monotonic()
    window.first_painted.connect(
        lambda: log.info("first painted %.0f ms after build", 1e3 * (time.monotonic() - began))
    )
    window.show()
    window.first_painted.connect(keep_for_good)
    # The engine is started by the first turn of the loop after the window has been drawn: it is seen sooner.
    window.first_painted.connect(window.start)
    restore = _end_on_interrupt(app, window)
    try:
        return app.exec()
    finally:
        restore()
        problems.remove()
        logging.getLogger().removeHandler(handler)
        handler.close()


def make_application(argv: Sequence[str] = ("soundsearch",)) -> QApplication:
    """The Qt application with our name and mark, or the one there is."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    sys.setswitchinterval(SWITCH_S)
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication(list(argv))
    app.setApplicationName("soundsearch")
    app.setApplicationDisplayName("soundsearch")
    app.setDesktopFileName("soundsearch")
    app.setWindowIcon(app_icon())
    return app


def keep_for_good() -> None:
    """What is there stays until the end: the garbage collector need not look at it again, which takes 20 ms or more."""
    gc.freeze()
    gc.enable()


def build(
    app: QApplication,
    places: Places,
    model: str | None = None,
    device: str | None = None,
    make_client: MakeClient | None = None,
    make_player: MakePlayer | None = None,
) -> MainWindow:
    """Put a window together, without showing or starting it.

    Args:
        app: The application.
        places: Where everything is kept.
        model: Name or folder of a model, in place of the setting.
        device: "auto", "cpu", "cuda" or "mps", in place of the setting.
        make_client: Makes another end of the process border, for tests.
        make_player: Makes another player, for tests.
    """
    accessibility.install()
    preferences = Preferences(places)
    theme = app.findChild(Theme) or Theme(app)
    theme.choose(preferences.settings.theme)
    bridge = EngineBridge(make_client or (lambda on_message: EngineClient(places.data_dir, on_message, model, device)))
    output = preferences.settings.output_device
    audition = Audition(make_player or partial(_player, output, places.overviews))
    window = MainWindow(bridge, audition, theme, preferences)
    bridge.setParent(window)
    audition.setParent(window)
    return window


def picture(
    path: Path | str,
    data_dir: Path,
    query: str = "",
    size: tuple[int, int] = (1280, 800),
    theme: str = "dark",
    *,
    select: int | None = 0,
    timeout_s: float = PICTURE_TIMEOUT_S,
) -> None:
    """Save a picture of the window with the results of a query; needs no display.

    Args:
        path: Where to, as PNG.
        data_dir: A library that has been scanned.
        query: What to search for; "" lists everything.
        size: Width and height in pixels.
        theme: "dark" or "light".
        select: The row to select and load into the player, without playing it; None for no row.
        timeout_s: How long engine and model may take.

    Raises:
        SoundSearchError: If the results do not come in time, or the picture cannot be saved.
    """
    if QApplication.instance() is None and not os.environ.get("QT_QPA_PLATFORM"):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = make_application()
    window = build(app, Places(data_dir))
    window.theme.choose(theme)
    window.silence()
    window.resize(QSize(*size))
    window.show()
    window.start()
    try:
        wait_for(window, lambda: window.center.status is not None and window.center.is_settled, timeout_s)
        window.center.search_bar.set_draft(Draft(query))
        wait_for(window, lambda: window.center.is_settled, timeout_s)
        if select is not None and window.center.model.rowCount() > select:
            window.center.results.selectRow(select)
            window.center.results.setFocus()
            wait_for(window, lambda: window.player.is_settled, timeout_s)
        if not window.grab().save(str(path), "PNG"):
            raise SoundSearchError(f"Cannot save the picture {path}.", "Check that its folder exists and is writable.")
    finally:
        window.close()
        window.deleteLater()


def wait_for(parent: QObject, condition: Callable[[], bool], timeout_s: float) -> None:
    """Run the event loop until something is the case.

    Raises:
        SoundSearchError: If it is not in time.
    """
    loop = QEventLoop(parent)
    deadline = time.monotonic() + timeout_s
    check = QTimer(loop, interval=20)
    check.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > deadline else None)
    check.start()
    loop.exec()
    check.stop()
    if not condition():
        raise SoundSearchError("The window did not get ready in time.", "Look into the log in the data folder.")


def start_logging(places: Places) -> logging.Handler:
    """Log to the data folder, Qt's own messages included; to the terminal if nothing can be written there."""
    handler: logging.Handler
    try:
        handler = logging.handlers.RotatingFileHandler(places.log, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    except OSError as err:
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        log.warning("no log is kept: %s", err)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    qt_log = logging.getLogger("qt")
    qInstallMessageHandler(lambda kind, _where, text: qt_log.log(QT_LEVELS.get(kind, logging.INFO), "%s", text))
    return handler


class Problems(QObject):
    """Unexpected exceptions, of any thread: logged, and told in the window's thread.

    Signals:
        happened (str, str): Summary and traceback.
    """

    happened = Signal(str, str)

    def __init__(self, show: Callable[[str, str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._show = show
        self._before = sys.excepthook, threading.excepthook
        self.happened.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take the hooks of the interpreter."""
        sys.excepthook = self.take
        threading.excepthook = lambda args: self.take(args.exc_type, args.exc_value, args.exc_traceback)

    def remove(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._before

    def take(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        """Log an exception and show it."""
        if error is None or issubclass(kind, KeyboardInterrupt):
            return
        log.error("unexpected", exc_info=(kind, error, trace))
        self.happened.emit(f"{kind.__name__}: {error}", "".join(traceback.format_exception(kind, error, trace)))

    def _tell(self, summary: str, detail: str) -> None:
        self._show(summary, detail)


def _player(output: str, overviews: Path, loaded: Loaded, failed: LoadFailed, drawn: Drawn) -> Player:
    """The real player; importing it brings the sound libraries, so it happens in the thread that makes it."""
    from soundsearch.audio.overview import OverviewCache
    from soundsearch.audio.playback import Player as SoundPlayer

    return SoundPlayer(loaded, failed, drawn, device=output, cache=OverviewCache(overviews))


def _end_on_interrupt(app: QApplication, window: MainWindow) -> Callable[[], None]:
    """Ctrl+C in the terminal closes the window; returns what undoes it. Python looks at signals only when it runs."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = signal.signal(signal.SIGINT, lambda *_: window.close())
    wake = QTimer(app, interval=500)
    wake.timeout.connect(lambda: None)
    wake.start()

    def undo() -> None:
        wake.stop()
        signal.signal(signal.SIGINT, before)

    return undo

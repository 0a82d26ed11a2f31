"""Recording a sound into the query: a strip with level and time, stopped by R or Enter, thrown away by Escape."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from soundsearch.errors import RecordingError
from soundsearch.gui import wording
from soundsearch.gui.labels import label
from soundsearch.gui.theme import Theme

if TYPE_CHECKING:
    from soundsearch.audio.record import Recorder

log = logging.getLogger(__name__)

POLL_MS = 33
NARROW = 480  # pixels
FLOOR_DB = -60.0  # left end of the meter
FALL_DB = 1.5  # a poll: the meter rises at once and falls slowly, as meters do


class LevelMeter(QWidget):
    """How loud the microphone is."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.level_db = FLOOR_DB
        self.setAccessibleName("Level of the microphone")
        self.setMinimumSize(48, 12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_level(self, level_db: float) -> None:
        """Show a level, relative to full scale."""
        self.level_db = max(level_db, self.level_db - FALL_DB, FLOOR_DB)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A bar that turns to the colour of trouble where the sound is cut off."""
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        tokens = self._theme.tokens
        painter.setBrush(tokens.color("line"))
        area = QRectF(0, self.height() / 2 - 3, self.width(), 6)
        painter.drawRoundedRect(area, 3, 3)
        share = 1 - self.level_db / FLOOR_DB
        painter.setBrush(tokens.color("error" if self.level_db > -0.5 else "accent"))
        painter.drawRoundedRect(QRectF(area.left(), area.top(), area.width() * max(0.0, min(1.0, share)), 6), 3, 3)


class RecordingStrip(QFrame):
    """What is seen of a recording, or of why there is none.

    Signals:
        stop_requested, discard_requested, again_requested
    """

    stop_requested = Signal()
    discard_requested = Signal()
    again_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setAccessibleName("Recording")
        self.words = label("", tone="error")
        self.words.setWordWrap(True)
        self.meter = LevelMeter(theme)
        self.clock = label("", tone="muted")
        self.clock.setWordWrap(False)
        self.stop = QPushButton("Stop and search")
        self.stop.setProperty("role", "primary")
        self.stop.setToolTip("Stop and search with it (R or Enter)")
        self.stop.clicked.connect(self.stop_requested)
        self.again = QPushButton("Record again")
        self.again.clicked.connect(self.again_requested)
        self.discard = QPushButton("Discard")
        self.discard.setProperty("role", "quiet")
        self.discard.setToolTip("Throw it away (Esc)")
        self.discard.clicked.connect(self.discard_requested)
        shown = QHBoxLayout()
        buttons = QHBoxLayout()
        for line in (shown, buttons):
            line.setSpacing(8)
        shown.addWidget(self.words, 1)
        shown.addWidget(self.meter, 1)
        shown.addWidget(self.clock)
        buttons.addStretch(1)
        for button in (self.stop, self.again, self.discard):
            buttons.addWidget(button)
        self._lines = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._lines.setContentsMargins(12, 8, 12, 8)
        self._lines.setSpacing(8)
        self._lines.addLayout(shown, 1)
        self._lines.addLayout(buttons)
        self.hide()

    def show_running(self, seconds: float, level_db: float) -> None:
        """Show how it goes on."""
        from soundsearch.audio.record import MAX_S

        self.clock.setText(f"{wording.clock(seconds)} of {wording.clock(MAX_S)}")
        self.meter.show_level(level_db)

    def begin(self) -> None:
        """A recording runs."""
        self._set(running=True)
        self.meter.level_db = FLOOR_DB
        self.show_running(0.0, FLOOR_DB)
        self.discard.setText("Discard")
        self.show()
        self.stop.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_trouble(self, err: RecordingError) -> None:
        """There is no recording, and why."""
        self._set(running=False)
        self.words.setText(str(err))
        self.discard.setText("Close")
        self.again.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons stand below where it is narrow."""
        super().resizeEvent(event)
        directions = QBoxLayout.Direction
        self._lines.setDirection(directions.TopToBottom if self.width() < NARROW else directions.LeftToRight)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the window may be: then the buttons stand below."""
        return QSize(200, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        """R, Enter and Escape belong to the recording while it has the keyboard."""
        if event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            assert isinstance(event, QKeyEvent)
            act = self._act(Qt.Key(event.key()))
            if act and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    act()
                return True
        return super().event(event)

    def _act(self, key: Qt.Key) -> Callable[[], None] | None:
        if key == Qt.Key.Key_Escape:
            return self.discard.click
        if key in (Qt.Key.Key_R, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return self.again.click if self.stop.isHidden() else self.stop.click
        return None

    def _set(self, *, running: bool) -> None:
        for widget in (self.meter, self.clock, self.stop):
            widget.setVisible(running)
        for widget in (self.words, self.again):
            widget.setVisible(not running)


class Recording(QObject):
    """Runs recordings and hands them over.

    Signals:
        began: The loudspeaker should be silent now.
        recorded (str): Path of a recording.
        ended: The strip is gone; the keyboard may go back.
    """

    began = Signal()
    recorded = Signal(str)
    ended = Signal()

    _done = Signal(int, object)  # from the recorder's thread to ours, with the number of the recording
    _failed = Signal(int, object)

    def __init__(self, strip: RecordingStrip, folder: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._strip, self._folder = strip, folder
        self._recorder: Recorder | None = None
        self._number = 0
        self._poll = QTimer(self, interval=POLL_MS)
        self._poll.timeout.connect(self._show)
        strip.stop_requested.connect(self.stop)
        strip.discard_requested.connect(self.discard)
        strip.again_requested.connect(self.start)
        self._done.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._failed.connect(self._fail, Qt.ConnectionType.QueuedConnection)

    @property
    def is_running(self) -> bool:
        """Whether the microphone is open."""
        return self._recorder is not None

    def toggle(self) -> None:
        """Start, or stop what runs."""
        if self._recorder:
            self.stop()
        else:
            self.start()

    def start(self) -> None:
        """Open the microphone."""
        from soundsearch.audio.record import Recorder  # brings the sound libraries, which the start need not

        if self._recorder is None:
            self.began.emit()
            self._number += 1
            done, failed = partial(self._done.emit, self._number), partial(self._failed.emit, self._number)
            self._recorder = Recorder(self._folder, done, failed)
            self._strip.begin()
            self._poll.start()

    def stop(self) -> None:
        """Close the microphone; the recording follows."""
        if self._recorder:
            self._recorder.stop()

    def discard(self) -> None:
        """Close the microphone, or the strip."""
        recorder, self._recorder = self._recorder, None
        if recorder:
            recorder.discard()
        self._end()

    def close(self) -> None:
        """The window ends."""
        self._poll.stop()
        recorder, self._recorder = self._recorder, None
        if recorder:
            recorder.close()

    def _show(self) -> None:
        if self._recorder:
            self._strip.show_running(self._recorder.seconds, self._recorder.level_db)

    def _take(self, number: int, path: Path) -> None:
        if self._recorder and number == self._number:
            self._recorder = None
            self._end()
            self.recorded.emit(str(path))

    def _fail(self, number: int, err: RecordingError) -> None:
        if self._recorder and number == self._number:
            log.info("not recorded: %s", err)
            self._recorder = None
            self._poll.stop()
            self._strip.show_trouble(err)

    def _end(self) -> None:
        self._poll.stop()
        self._strip.hide()
        self.ended.emit()

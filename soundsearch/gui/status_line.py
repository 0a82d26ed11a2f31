"""The last line: how many clips, what is being done, which model on which device."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from soundsearch.engine.messages import (
    DownloadModel,
    DrawMap,
    FindDuplicates,
    ProposeTags,
    Scan,
    StartTraining,
    WriteTags,
)
from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.elided_label import ElidedLabel
from soundsearch.gui.jobs import Job, JobEnd
from soundsearch.gui.theme import Theme
from soundsearch.records import LibraryStatus, Progress

TOLD_MS = 6_000  # how long a passing remark stays
DEVICES = {"cpu": "CPU", "cuda": "GPU", "mps": "GPU"}
WHAT: dict[type, str] = {
    Scan: "Scan",
    DownloadModel: "Download",
    StartTraining: "Training",
    DrawMap: "Map",
    ProposeTags: "Tagging",
    WriteTags: "Writing of tags",
    FindDuplicates: "Search for copies",
}
MODEL_SHOWN_FROM = 420  # width in pixels


class StatusLine(QFrame):
    """Never in the way, always there.

    Signals:
        model_menu_requested
        job_details_requested: A training should be shown.
    """

    model_menu_requested = Signal()
    job_details_requested = Signal()

    def __init__(self, bridge: EngineBridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status")
        self._theme = theme
        self._strips: dict[int, JobStrip] = {}
        self._bridge = bridge
        self.clips = ElidedLabel("Opening the library")
        self.clips.setProperty("tone", "muted")
        self.clips.setProperty("role", "small")
        self.clips.setTextFormat(Qt.TextFormat.PlainText)
        self.model_button = QToolButton()
        self.model_button.setProperty("small", "true")
        self.model_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.model_button.setIconSize(QSize(16, 16))
        self.model_button.setToolTip("Model that listens, and where it runs")
        self.model_button.setAccessibleName("Model")
        self.model_button.clicked.connect(self.model_menu_requested)
        self._jobs = QHBoxLayout()
        self._jobs.setSpacing(16)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 8, 2)
        row.setSpacing(16)
        row.addWidget(self.clips)
        row.addLayout(self._jobs, 1)
        row.addWidget(self.model_button)
        self.setFixedHeight(max(30, self.fontMetrics().height() + 12))
        self._remark_ends = QTimer(self, singleShot=True, interval=TOLD_MS)
        self._remark_ends.timeout.connect(self._show_clips)
        self._remark_ends.timeout.connect(self._fit)
        self._summary = ""
        self._remark = ""
        self._model, self._title, self._device = "", "", ""
        bridge.status_known.connect(self.show_status)
        bridge.job_started.connect(self._job_started)
        bridge.job_progressed.connect(self._job_progressed)
        bridge.job_paused.connect(self._job_paused)
        bridge.job_ended.connect(self._job_ended)
        bridge.failed.connect(self._request_failed)
        bridge.lost.connect(self._lost)
        theme.changed.connect(self._dress)
        self._dress()

    def show_status(self, status: LibraryStatus) -> None:
        """Counts, model and device."""
        self._summary = wording.count(status.clips, "clip") if status.roots else "No sounds yet"
        self._show_clips()
        if status.model != self._model:
            self._title = ""
        self._model, self._device = status.model, status.device
        self._show_model()

    def show_model(self, name: str, title: str) -> None:
        """Call a model by its title."""
        self._model, self._title = name, title
        self._show_model()

    def tell(self, text: str) -> None:
        """A passing remark, in place of the counts."""
        self._remark = text
        self._remark_ends.start()
        self._show_clips()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, work goes before facts."""
        super().resizeEvent(event)
        self._fit()

    def _request_failed(self, _message: str, _hint: str) -> None:
        if not self._summary:  # the page in place of the results says why
            self._summary = "No library"
            self._show_clips()

    def _lost(self, restarted: bool) -> None:
        if not restarted:
            self._summary = "No search engine"
            self._show_clips()

    def _fit(self) -> None:
        narrow = self.width() < MODEL_SHOWN_FROM
        self.model_button.setVisible(not narrow)
        self.clips.setVisible(not (narrow and self._strips) or self._remark_ends.isActive())
        for strip in self._strips.values():
            strip.set_narrow(self.width() < 640)
            strip.setVisible(not (narrow and self._remark_ends.isActive()))  # in turn: there is no room for both

    def _show_clips(self) -> None:
        self.clips.setText(self._remark if self._remark_ends.isActive() else self._summary)

    def _show_model(self) -> None:
        device = DEVICES.get(self._device, "")
        name = self._title or self._model
        self.model_button.setText(f"{name} · {device}" if device else f"{name} · loading" if name else "")

    def _job_started(self, job: Job) -> None:
        strip = self._strips[job.id] = JobStrip(job, self._bridge, self._theme)
        strip.details_requested.connect(self.job_details_requested)
        self._jobs.addWidget(strip)
        self._fit()

    def _job_progressed(self, job: Job, progress: Progress) -> None:
        if strip := self._strips.get(job.id):
            strip.show_progress(progress)

    def _job_paused(self, job: Job, paused: bool) -> None:
        if strip := self._strips.get(job.id):
            strip.set_paused(paused)

    def _job_ended(self, end: JobEnd) -> None:
        if strip := self._strips.pop(end.job.id, None):
            self._jobs.removeWidget(strip)
            strip.hide()
            strip.deleteLater()
            self._fit()

    def _dress(self) -> None:
        self.model_button.setIcon(self._theme.icon("model", "muted", 16))


class JobStrip(QWidget):
    """One job: what it does, how far it is, pause and cancel.

    Signals:
        details_requested: Only of jobs that have more to show.
    """

    details_requested = Signal()

    def __init__(self, job: Job, bridge: EngineBridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job = job
        self._bridge = bridge
        self._theme = theme
        self._paused = False
        self._progress: Progress | None = None
        self._what = WHAT[type(job.request)]
        self.text = ElidedLabel(f"Starting the {self._what.lower()}")
        self.text.setProperty("role", "small")
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.text.setMinimumWidth(60)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.bar.setAccessibleName(f"{self._what} progress")
        self.pause_button = self._button()
        self.pause_button.clicked.connect(self._toggle)
        self.cancel_button = self._button()
        is_training = isinstance(job.request, StartTraining)
        kept = "nothing of it is kept" if is_training else "what is done stays done"
        self.cancel_button.setToolTip(f"Stop the {self._what.lower()}; {kept}")
        self.cancel_button.setAccessibleName(f"Stop the {self._what.lower()}")
        self.cancel_button.clicked.connect(lambda: bridge.cancel(job))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.setContentsMargins(0, 1, 0, 1)
        words.addWidget(self.text)
        words.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(words, 1)
        row.addSpacing(8)
        if is_training:
            self.details_button = self._button()
            self.details_button.setToolTip("Show the training")
            self.details_button.setAccessibleName("Show the training")
            self.details_button.clicked.connect(self.details_requested)
            self.text.setCursor(Qt.CursorShape.PointingHandCursor)
            self.bar.setCursor(Qt.CursorShape.PointingHandCursor)
            row.addWidget(self.details_button)
        row.addWidget(self.pause_button)
        row.addWidget(self.cancel_button)
        self._narrow = False
        theme.changed.connect(self._dress)
        self.set_paused(False)

    def sizeHint(self) -> QSize:
        """Wide enough for a usual line."""
        return QSize(380, 26)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click on the words shows more."""
        if isinstance(self._job.request, StartTraining) and self.rect().contains(event.position().toPoint()):
            self.details_requested.emit()

    def set_narrow(self, narrow: bool) -> None:
        """Leave out what can be guessed."""
        self._narrow = narrow
        self._show()

    def show_progress(self, progress: Progress) -> None:
        """How far it is."""
        self._progress = progress
        self._show()

    def set_paused(self, paused: bool) -> None:
        """Whether it rests."""
        self._paused = paused
        what = self._what.lower()
        self.pause_button.setToolTip(f"Go on with the {what}" if paused else f"Pause the {what}")
        self.pause_button.setAccessibleName(self.pause_button.toolTip())
        self._dress()
        self._show()

    def _show(self) -> None:
        if self._progress is None:
            return
        line = wording.progress(self._progress)
        if self._paused:
            line = "paused · " + " · ".join(line.split(" · ")[:1])
        elif self._narrow:  # the rate says least
            parts = line.split(" · ")
            line = " · ".join(parts if len(parts) < 3 else [parts[0], parts[-1]])
        self.text.setText(line[0].upper() + line[1:])
        self.text.setToolTip(line + (f"\n{self._progress.detail}" if self._progress.detail else ""))
        total = self._progress.total
        self.bar.setVisible(total > 0)  # without an end in sight the moving number says enough
        self.bar.setRange(0, 1000)  # bytes of a download would exceed Qt's 32 bits
        self.bar.setValue(round(1000 * self._progress.done / total) if total else 0)

    def _toggle(self) -> None:
        (self._bridge.resume if self._paused else self._bridge.pause)(self._job)

    def _button(self) -> QToolButton:
        button = QToolButton()
        button.setProperty("small", "true")
        button.setIconSize(QSize(16, 16))
        return button

    def _dress(self) -> None:
        self.pause_button.setIcon(self._theme.icon("play" if self._paused else "pause", "muted", 16))
        self.cancel_button.setIcon(self._theme.icon("close", "muted", 16))
        if isinstance(self._job.request, StartTraining):
            self.details_button.setIcon(self._theme.icon("train", "muted", 16))

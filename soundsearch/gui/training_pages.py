"""The later pages of training: how it goes, and what came of it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QPushButton, QWidget

from soundsearch.gui import wording
from soundsearch.gui.dialog_page import DialogPage
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.labels import label, mark
from soundsearch.gui.theme import Theme
from soundsearch.gui.training_curve import GainBars, Point, TrainingCurve
from soundsearch.records import Progress, TrainingOutcome

LITTLE = 0.02  # a loss on the control list below this is not worth a word


class RunPage(DialogPage):
    """How far it is, and the curve.

    Signals:
        stop_requested
    """

    stop_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps = 0
        self.title = label(role="title")
        self.line = label()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Training progress")
        self.curve = TrainingCurve(theme)
        note = label("You can close this window and go on working: the status line shows how it goes.", tone="muted")
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Stop the training; nothing of it is kept")
        self.stop.clicked.connect(self.stop_requested)
        self.stop.setAutoDefault(False)  # Enter does what is safe
        self.close_button = QPushButton("Close")
        self.close_button.setProperty("role", "primary")
        self.content.setSpacing(8)
        for widget in (self.title, self.line, self.bar):
            self.content.addWidget(widget)
        self.content.addSpacing(8)
        self.content.addWidget(self.curve, 1)
        self.content.addWidget(note)
        self.add_buttons(self.stop, self.close_button)

    def begin(self, name: str) -> None:
        """A training of this name starts."""
        self.title.setText(f"Learning “{display_name(name)}”")
        self.line.setText("Starting")
        self.bar.setValue(0)
        self._steps = 0
        self.curve.set_points((), 0)
        self.stop.setEnabled(True)
        self.stop.setText("Stop")
        self.close_button.setFocus()

    def show_progress(self, progress: Progress, points: list[Point], *, paused: bool = False) -> None:
        """How far it is."""
        words = wording.progress(progress)
        words = f"paused · {words.split(' · ')[0]}" if paused else words
        self.line.setText(words[0].upper() + words[1:])
        total = progress.total
        self.bar.setValue(round(1000 * progress.done / total) if total else 0)
        if progress.phase == "train":
            self._steps = total
        self.curve.set_points(points, self._steps)

    def show_stopping(self) -> None:
        """Stop was pressed."""
        self.stop.setEnabled(False)
        self.stop.setText("Stopping")


class ResultPage(DialogPage):
    """What came of it: first whether it helped, then by how much and how sure that is, then what to do.

    Signals:
        use_requested (str), delete_requested (str): Name of the model.
        report_requested (str): Path of the report.
    """

    use_requested = Signal(str)
    delete_requested = Signal(str)
    report_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = self._report = ""
        self.title = label(role="title")
        self.reason = label(tone="warn")
        self.bars = GainBars(theme)
        self.gain = label()
        self.forgotten = label()
        how = label(
            "Measured on clips that were kept apart: how far up the right ones come when one searches for their words.",
            tone="muted",
            role="small",
        )
        self.use = QPushButton("Use it now")
        self.use.clicked.connect(lambda: self.use_requested.emit(self._model))
        self.keep = QPushButton("Keep for later")
        self.delete = QPushButton("Delete")
        self.delete.setAutoDefault(False)
        self.delete.clicked.connect(self._delete)
        self.report = QPushButton("Open the report")
        self.report.setProperty("role", "quiet")
        self.report.clicked.connect(lambda: self.report_requested.emit(self._report))
        self.keep_readable()
        self.content.setSpacing(8)
        self.content.addWidget(self.title)
        self.content.addWidget(self.reason)
        self.content.addSpacing(12)
        self.content.addWidget(label("How well it finds your sounds", role="heading"))
        self.content.addWidget(self.bars)
        self.content.addWidget(self.gain)
        self.content.addSpacing(12)
        self.content.addWidget(label("What it knew before", role="heading"))
        self.content.addWidget(self.forgotten)
        self.content.addStretch(1)
        self.content.addWidget(how)
        self.add_buttons(self.report, self.delete, self.keep, self.use)

    def show_outcome(self, outcome: TrainingOutcome, title: str) -> None:
        """Show what came of a training."""
        self._model, self._report = outcome.name, outcome.report
        name = display_name(title)
        helped = outcome.offered
        self.title.setText(f"“{name}” finds your sounds better" if helped else f"“{name}” is not recommended")
        self.reason.setText(outcome.reason)
        self.reason.setVisible(not helped)  # else the title and the bars say it
        self.bars.show_gain(outcome.before, outcome.after, outcome.gain)
        self.gain.setText(gain_in_words(outcome.gain))
        self.forgotten.setText(forgotten_in_words(outcome.control_before, outcome.control_after))
        self.use.setText("Use it now" if helped else "Use it anyway")
        mark(self.use, "role", "primary" if helped else "")
        mark(self.keep, "role", "" if helped else "primary")
        self.delete.setText("Delete")
        self.report.setVisible(bool(outcome.report))
        (self.use if helped else self.keep).setFocus()

    def _delete(self) -> None:
        """Asks once more: it took a while to make."""
        if self.delete.text() == "Delete":
            self.delete.setText("Really delete it")
        else:
            self.delete_requested.emit(self._model)


def gain_in_words(gain: tuple[float, float, float]) -> str:
    """The difference and how sure it is: "22 points more; in 19 of 20 cases between 15 and 29 more"."""
    value, low, high = (100 * number for number in gain)
    if low > 0:
        return f"{_points(value)} points more; with 95 % certainty between {_points(low)} and {_points(high)}."
    if high < 0:
        return f"{_points(-value)} points less; with 95 % certainty between {_points(-high)} and {_points(-low)}."
    less = f"{_points(-low)} less" if low < 0 else "nothing"
    return (
        f"That may be chance: with 95 % certainty it is between {less} and {_points(high)} more. More clips would tell."
    )


def _points(value: float) -> str:
    """Tenths where they matter."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def forgotten_in_words(before: float, after: float) -> str:
    """What training cost on sounds of everyday."""
    shares = f"It names {wording.share(after)} of everyday sounds right, {wording.share(before)} before."
    if before - after > LITTLE:
        return f"It forgot some: {shares[0].lower()}{shares[1:]}"
    return f"Nothing to speak of was forgotten: {shares[0].lower()}{shares[1:]}"

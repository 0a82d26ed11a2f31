"""Analysis rests while the computer runs on its battery, if the user wishes so."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from soundsearch.engine.messages import Scan
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.jobs import Job, JobEnd
from soundsearch.gui.preferences import Preferences

LOOK_MS = 5_000


def on_battery() -> bool:
    """Whether a battery feeds the computer now; False where there is none, or nobody can tell."""
    import psutil  # the window opens sooner without it

    try:
        battery = psutil.sensors_battery()
    except (AttributeError, NotImplementedError, OSError):  # not on every system
        return False
    return battery is not None and battery.power_plugged is False


class PowerWatch(QObject):
    """Pauses scans when the computer goes on battery, and lets those go on that it paused.

    A scan that the user resumes on battery is left alone: he knows better.

    Signals:
        told (str): What was done, and why.
    """

    told = Signal(str)

    def __init__(
        self,
        bridge: EngineBridge,
        preferences: Preferences,
        parent: QObject,
        on_battery: Callable[[], bool] = on_battery,
    ) -> None:
        super().__init__(parent)
        self._bridge, self._preferences, self.on_battery = bridge, preferences, on_battery
        self._rests = False  # as it was when looked at last
        self._paused: dict[int, Job] = {}
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)
        bridge.job_started.connect(self._job_started)
        bridge.job_paused.connect(self._job_paused)
        bridge.job_ended.connect(self._job_ended)

    def look(self) -> None:
        """Pause or go on, if it is time to."""
        rests = self._preferences.settings.pause_on_battery and self.on_battery()
        if rests == self._rests:
            return
        self._rests = rests
        if rests:
            for job in self._scans():
                self._pause(job)
        else:
            self._go_on()

    def _scans(self) -> list[Job]:
        return [job for job in self._bridge.jobs if isinstance(job.request, Scan)]

    def _pause(self, job: Job) -> None:
        self._paused[job.id] = job
        self._bridge.pause(job)
        self.told.emit("The scan rests until the computer is plugged in")

    def _go_on(self) -> None:
        paused, self._paused = self._paused, {}
        for job in paused.values():
            self._bridge.resume(job)
        if paused:
            self.told.emit("The scan goes on")

    def _job_started(self, job: Job) -> None:
        """Look while there is a scan, and at once: it may begin on battery."""
        if not isinstance(job.request, Scan):
            return
        self._timer.start()
        rested = self._rests
        self.look()
        if rested and self._rests:  # else it was paused with all others, or need not be
            self._pause(job)

    def _job_paused(self, job: Job, paused: bool) -> None:
        if not paused:
            self._paused.pop(job.id, None)

    def _job_ended(self, end: JobEnd) -> None:
        self._paused.pop(end.job.id, None)
        if not self._scans():
            self._timer.stop()
            self._rests = False

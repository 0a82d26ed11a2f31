"""What assistive programs are told of widgets that we paint ourselves: Qt knows only that they are widgets."""

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QWidget

from soundsearch.gui.map_view import MapView
from soundsearch.gui.training_curve import GainBars, TrainingCurve
from soundsearch.gui.waveform_view import WaveformView

ROLES: dict[type[QWidget], QAccessible.Role] = {
    WaveformView: QAccessible.Role.Graphic,
    MapView: QAccessible.Role.Canvas,
    TrainingCurve: QAccessible.Role.Chart,
    GainBars: QAccessible.Role.Chart,
}
# Qt asks once for each widget and uses what it was given until the widget goes; nobody else holds it.
_given: dict[int, QAccessibleInterface] = {}
_installed: list[bool] = []


def install() -> None:
    """Tell Qt, once for the process."""
    if not _installed:
        _installed.append(True)
        QAccessible.installFactory(_interface)


def _interface(_class_name: str, thing: QObject) -> QAccessibleInterface | None:
    for kind, role in ROLES.items():
        if isinstance(thing, kind):
            # Without a name of its own it takes the widget's, also when that changes.
            made = _given[id(thing)] = QAccessibleWidget(thing, role, "")
            return made
    return None

"""The bar at the bottom: transport, waveform and its region, volume, and whether a selected row plays at once."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QSlider, QToolButton, QWidget

from soundsearch.audio.overview import Overview
from soundsearch.gui import wording
from soundsearch.gui.audition import Audition
from soundsearch.gui.elided_label import ElidedLabel
from soundsearch.gui.errands import Errands
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.region import Region
from soundsearch.gui.region_bar import RegionBar
from soundsearch.gui.theme import Theme
from soundsearch.gui.waveform_view import WaveformView
from soundsearch.records import Clip

FRAME_MS = 16  # the play position moves at 60 Hz
TWO_LINES_BELOW = 720  # width in pixels
VOLUME_DB = (-48, 12)
MOMENT_SHARE = 0.25  # of the width, for the moment at which a long clip opens


class PlayerBar(QFrame):
    """Shows what is heard and lets it be moved, repeated and made louder.

    Signals:
        volume_changed (float): In dB.
        auto_play_changed (bool)
    """

    volume_changed = Signal(float)
    auto_play_changed = Signal(bool)

    def __init__(self, audition: Audition, theme: Theme, regions: Path, parent: QWidget | None = None) -> None:
        """`regions` is the folder for the files of regions that are dragged out."""
        super().__init__(parent)
        self.setObjectName("player")
        self._audition = audition
        self._theme = theme
        self._two_lines: bool | None = None
        self._clip: Clip | None = None
        self._picture: tuple[str, Overview] | None = None  # path and waveform of the clip that is loaded
        self._moment: tuple[float, float] | None = None  # at which it is to open
        self.errands = Errands(self)

        self.wave = WaveformView(theme)
        self.wave.seek_requested.connect(self._play_from)
        self.wave.region_changed.connect(lambda _: self._set_loop())
        self.wave.region_settled.connect(self._hear_region)
        self.wave.detail_wanted.connect(self._fetch_detail)
        self.region_bar = RegionBar(self.wave, self.errands, theme, regions)
        self.wave.show_message("Select a clip to hear it")
        self.replay_button = self._button("Play from the start (Enter)", "Play from the start")
        self.replay_button.clicked.connect(audition.replay)
        self.play_button = self._button("Play or pause (Space)", "Play or pause")
        self.play_button.clicked.connect(audition.toggle)
        self.stop_button = self._button("Stop (Esc)", "Stop")
        self.stop_button.clicked.connect(audition.stop)
        self.loop_button = self._button("Repeat the clip, or its region (L)", "Repeat")
        self.loop_button.setCheckable(True)
        self.loop_button.toggled.connect(lambda _: self._set_loop())
        self.auto_button = self._button("Play a clip as soon as it is selected", "Auto-play")
        self.auto_button.setCheckable(True)
        self.auto_button.setText("Auto-play")
        self.auto_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.auto_button.toggled.connect(self.auto_play_changed)
        self.time = QLabel()
        self.time.setProperty("tone", "muted")
        self.time.setAccessibleName("Position and length")
        self.name = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.volume.setRange(*VOLUME_DB)
        self.volume.setPageStep(6)
        self.volume.setFixedWidth(88)
        self.volume.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the arrow keys to the list
        self.volume.setAccessibleName("Volume in decibels")
        self.volume.valueChanged.connect(self._volume_moved)
        self._loudness = QLabel()
        self._loudness.setProperty("tone", "muted")
        self.sound_button = self._button("Sound output and loudness", "Sound output and loudness")

        transport = QHBoxLayout()
        transport.setSpacing(0)
        for button in (self.replay_button, self.play_button, self.stop_button, self.loop_button):
            transport.addWidget(button)
        self._transport = QWidget()
        self._transport.setLayout(transport)
        transport.setContentsMargins(0, 0, 0, 0)
        self._right = QWidget()
        right = QHBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(4)
        right.addWidget(self.sound_button)
        right.addWidget(self.volume)
        right.addWidget(self._loudness)
        right.addSpacing(8)
        right.addWidget(self.auto_button)
        self._heading = QWidget()
        heading = QHBoxLayout(self._heading)
        heading.setContentsMargins(0, 0, 0, 0)
        heading.setSpacing(12)
        heading.addWidget(self.name, 1)
        heading.addWidget(self.region_bar)
        heading.addWidget(self.time)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 8, 12, 8)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)

        self._frame = QTimer(self, interval=FRAME_MS, timerType=Qt.TimerType.PreciseTimer)
        self._frame.timeout.connect(self._follow)
        audition.state_changed.connect(self._show_state)
        audition.loaded.connect(self._loaded)
        audition.drawn.connect(self._drawn)
        audition.failed.connect(self._failed)
        theme.changed.connect(self._dress)
        self._dress()
        self._volume_moved(self.volume.value())
        self._show_state(audition.state)
        self._arrange()

    def show_clip(self, clip: Clip, start_s: float | None = None, end_s: float | None = None) -> None:
        """Show which clip is being loaded, and open it at the moment that matched, if there is one."""
        self._clip = clip
        self._moment = (start_s, end_s if end_s is not None else start_s) if start_s is not None else None
        self.name.setText(display_name(clip.name))
        self.name.setToolTip(display_name(clip.path))
        duration_s = self._audition.duration_s
        if self._picture and duration_s and self._picture[0] == clip.path == self._audition.path:
            self.wave.show_clip(self._picture[1], duration_s, keep=True)  # it is not loaded again
            self._open_at_moment()
        else:
            self.wave.show_clip(None, 0.0)
        self._show_state(self._audition.state)

    @property
    def is_settled(self) -> bool:
        """True if the chosen clip is shown, or the reason why it cannot be."""
        return self.wave.has_content

    def set_volume(self, volume_db: float) -> None:
        """Take the volume of last time."""
        self.volume.setValue(round(volume_db))

    def set_auto_play(self, on: bool) -> None:
        """Take the choice of last time."""
        self.auto_button.setChecked(on)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two lines where one would squeeze the waveform."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        two = self.width() < TWO_LINES_BELOW
        tiny = self.width() < 400
        self.volume.setVisible(self.width() >= 480)
        self._loudness.setVisible(self.width() >= 480)
        self.region_bar.fit(self.width())
        self.auto_button.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonIconOnly if tiny else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        if two == self._two_lines:
            return
        self._two_lines = two
        for widget in (self._heading, self.wave, self._transport, self._right):
            self._grid.removeWidget(widget)
        if two:
            self._grid.addWidget(self._heading, 0, 0, 1, 2)
            self._grid.addWidget(self.wave, 1, 0, 1, 2)
            self._grid.addWidget(self._transport, 2, 0, Qt.AlignmentFlag.AlignLeft)
            self._grid.addWidget(self._right, 2, 1, Qt.AlignmentFlag.AlignRight)
        else:
            self._grid.addWidget(self._transport, 0, 0, 2, 1)
            self._grid.addWidget(self._heading, 0, 1)
            self._grid.addWidget(self.wave, 1, 1)
            self._grid.addWidget(self._right, 0, 2, 2, 1)
        self._grid.setColumnStretch(1, 1)

    def _loaded(self, path: str, overview: Overview, duration_s: float) -> None:
        again = self._picture is not None and self._picture[0] == path
        self._picture = path, overview
        self.region_bar.show_clip(path)
        self.wave.show_clip(overview, duration_s, keep=again)
        self._open_at_moment()
        self._show_time()

    def _drawn(self, path: str, overview: Overview) -> None:
        self._picture = path, overview
        self.wave.show_overview(overview)

    def _open_at_moment(self) -> None:
        if self._moment is None:
            return
        (start_s, end_s), self._moment = self._moment, None
        span = self.wave.span
        if end_s > start_s and (end_s - start_s) / MOMENT_SHARE < span.duration_s:
            self.wave.show_part(start_s, end_s, MOMENT_SHARE)
        if self._audition.state != "playing":
            self.wave.set_position(start_s)

    def _play_from(self, position_s: float) -> None:
        region = self.wave.region
        self._audition.play(position_s, region.end_s if region and region.holds(position_s) else None)

    def _hear_region(self, region: Region) -> None:
        if self.auto_button.isChecked():
            self._audition.play(region.start_s, region.end_s)

    def _set_loop(self) -> None:
        region = self.wave.region
        on = self.loop_button.isChecked()
        self._audition.set_loop((region.start_s, region.end_s) if on and region else on)

    def _fetch_detail(self, start_s: float, end_s: float) -> None:
        """Decode the part that is looked at very closely."""
        if self._picture is None:
            return
        path, overview = self._picture

        def work() -> Overview:
            from soundsearch.audio import decode  # brings the codec libraries, which the start need not

            part = decode.decode(path, start_s, end_s)
            return overview.detail(part.samples, part.sample_rate, start_s)

        self.errands.do(work, partial(self._show_detail, path), "detail", tells=False)

    def _show_detail(self, path: str, detail: Overview) -> None:
        if self._picture and self._picture[0] == path:
            self.wave.show_detail(detail)

    def _failed(self, _path: str, message: str) -> None:
        self.wave.show_message(display_name(message), "error")
        self._show_time()

    def _show_state(self, state: str) -> None:
        playing = state == "playing"
        self._frame.start() if playing else self._frame.stop()
        self.play_button.setIcon(self._play_icon(playing))
        self.play_button.setAccessibleName("Pause" if playing else "Play")
        has_clip = self._clip is not None
        for button in (self.play_button, self.replay_button, self.stop_button):
            button.setEnabled(has_clip)
        tip = "Connect headphones or speakers: they are found by themselves."
        self.time.setToolTip(tip if state == "no device" else "")
        self._follow()
        self.sound_button.setIcon(self._theme.icon("no-sound" if state == "no device" else "volume", "muted"))

    def _follow(self) -> None:
        self.wave.set_position(self._audition.position_s)
        self._show_time()

    def _show_time(self) -> None:
        total = self._audition.duration_s or (self._clip.duration_s if self._clip else 0.0)
        text = f"{wording.clock(self._audition.position_s)} / {wording.length(total)}" if total else ""
        if self._audition.state == "no device":
            text = "No sound output" + (f" · {wording.length(total)}" if total else "")
        if text != self.time.text():
            self.time.setText(text)

    def _volume_moved(self, value: int) -> None:
        self._loudness.setText(f"{value:+d} dB" if value else "0 dB")
        self._loudness.setMinimumWidth(self._loudness.fontMetrics().horizontalAdvance("−48 dB"))
        self.volume.setToolTip(f"Volume {value:+d} dB")
        self.volume_changed.emit(float(value))

    def _button(self, tip: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setIconSize(QSize(20, 20))
        return button

    def _play_icon(self, playing: bool) -> QIcon:
        return self._theme.icon("pause" if playing else "play")

    def _dress(self) -> None:
        self.replay_button.setIcon(self._theme.icon("replay"))
        self.stop_button.setIcon(self._theme.icon("stop"))
        self.loop_button.setIcon(self._theme.icon("loop"))
        self.auto_button.setIcon(self._theme.icon("auto-play"))
        self._show_state(self._audition.state)

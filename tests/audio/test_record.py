import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.audio.record import Recorder, trim
from soundsearch.errors import RecordingError
from tests.conftest import SoundServer, refresh_devices

RATE = 48_000


class Outcome:
    """What a recorder says in its thread."""

    def __init__(self) -> None:
        self.said = threading.Event()
        self.path: Path | None = None
        self.error: RecordingError | None = None

    def done(self, path: Path) -> None:
        self.path = path
        self.said.set()

    def failed(self, err: RecordingError) -> None:
        self.error = err
        self.said.set()


def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def play(server: SoundServer, folder: Path, seconds: float) -> "subprocess.Popen[bytes]":
    """Another program plays 1 kHz, which the microphone (the monitor of the sink) hears."""
    file = folder / "tone.wav"
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE), RATE)
    return subprocess.Popen(["paplay", str(file)])


def test_what_sounds_is_recorded_and_trimmed(sound_server: SoundServer, tmp_path: Path) -> None:
    refresh_devices()
    outcome = Outcome()
    recorder = Recorder(tmp_path / "recordings", outcome.done, outcome.failed)
    until(lambda: recorder.seconds > 0.3)
    assert recorder.level_db < -60
    playing = play(sound_server, tmp_path, 0.8)
    loudest = -100.0
    while playing.poll() is None:
        loudest = max(loudest, recorder.level_db)
        time.sleep(0.02)
    until(lambda: recorder.level_db < -60)
    so_far = recorder.seconds
    until(lambda: recorder.seconds > so_far + 0.4)
    recorder.stop()
    assert outcome.said.wait(5)
    assert outcome.error is None
    assert outcome.path is not None
    assert not recorder.is_running
    assert loudest == pytest.approx(20 * np.log10(0.3), abs=1.5)
    samples, rate = soundfile.read(outcome.path)
    assert soundfile.info(outcome.path).subtype == "PCM_24"
    # The tone, with a moment before and after it
    assert len(samples) / rate == pytest.approx(0.8 + 0.05 + 0.25, abs=0.15)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()] == pytest.approx(1000, abs=5)


def test_it_ends_by_itself_and_a_discarded_one_leaves_nothing(sound_server: SoundServer, tmp_path: Path) -> None:
    refresh_devices()
    outcome = Outcome()
    Recorder(tmp_path / "a", outcome.done, outcome.failed, max_s=0.4)
    assert outcome.said.wait(8)
    assert outcome.error is not None  # nothing sounded
    assert "silent" in outcome.error.message
    other = Outcome()
    recorder = Recorder(tmp_path / "b", other.done, other.failed)
    until(lambda: recorder.seconds > 0.2)
    recorder.close()
    assert not recorder.is_running
    assert not other.said.is_set()
    assert not (tmp_path / "b").exists()


def test_a_microphone_that_goes_away(sound_server: SoundServer, tmp_path: Path) -> None:
    refresh_devices()
    outcome = Outcome()
    recorder = Recorder(tmp_path, outcome.done, outcome.failed)
    playing = play(sound_server, tmp_path, 3.0)
    try:
        until(lambda: recorder.seconds > 1.5 and recorder.level_db > -20)
        sound_server.stop()
        assert outcome.said.wait(10)
        # What was heard until then is kept.
        assert outcome.path is not None
        assert soundfile.info(outcome.path).duration > 0.5
    finally:
        playing.wait(5)
        sound_server.start()


def test_without_a_microphone_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import sounddevice  # noqa: F401
    except OSError as err:
        pytest.skip(str(err))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nothing")
    refresh_devices()
    outcome = Outcome()
    Recorder(tmp_path, outcome.done, outcome.failed)
    assert outcome.said.wait(10)
    assert outcome.error is not None
    assert "microphone" in outcome.error.message.lower()
    assert outcome.error.hint
    monkeypatch.undo()
    refresh_devices()


def test_a_folder_that_cannot_be_written_is_said(sound_server: SoundServer, tmp_path: Path) -> None:
    refresh_devices()
    (tmp_path / "taken").write_text("a file")
    outcome = Outcome()
    recorder = Recorder(tmp_path / "taken", outcome.done, outcome.failed)
    playing = play(sound_server, tmp_path, 0.6)
    until(lambda: recorder.level_db > -20)
    playing.wait(5)
    recorder.stop()
    assert outcome.said.wait(5)
    assert outcome.error is not None
    assert "cannot be written" in outcome.error.message


@given(st.integers(0, 2 * RATE), st.integers(RATE // 100, RATE), st.integers(0, RATE))
def test_trimming_keeps_the_sound(before: int, sounding: int, after: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(sounding) / RATE + 1).astype(np.float32)
    samples: Any = np.concatenate([np.zeros(before, np.float32), tone, np.zeros(after, np.float32)])
    kept = trim(samples, RATE)
    assert len(kept) <= sounding + round(0.33 * RATE)
    whole_frames = samples[: len(samples) // 480 * 480]  # what is less than 10 ms at the end may go
    assert float((kept**2).sum()) >= 0.99 * float((whole_frames**2).sum())


def test_silence_is_trimmed_to_nothing() -> None:
    assert len(trim(np.zeros(RATE, np.float32), RATE)) == 0
    assert len(trim(np.full(RATE, 1e-4, np.float32), RATE)) == 0
    assert len(trim(np.zeros(3, np.float32), RATE)) == 0

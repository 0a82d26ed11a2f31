"""What is really heard: a private sound server records what its output was given."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from soundsearch.audio.overview import Overview
from soundsearch.audio.playback import Player, devices
from tests.audio.files import stereo, write
from tests.conftest import SoundServer

RATE = 48_000
SOUND = stereo(2)


class Listener:
    """Collects what a player tells."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, Overview, float]] = []
        self.errors: list[tuple[str, str]] = []
        self.drawn: list[tuple[str, Overview]] = []
        self.threads: set[str] = set()

    def on_loaded(self, path: str, overview: Overview, duration_s: float) -> None:
        self.threads.add(threading.current_thread().name)
        self.loaded.append((path, overview, duration_s))

    def on_error(self, path: str, reason: str) -> None:
        self.errors.append((path, reason))

    def on_drawn(self, path: str, overview: Overview) -> None:
        self.drawn.append((path, overview))


def wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def player(listener: Listener) -> Iterator[Player]:
    # The machine that runs the tests may be busy: a long latency lets nothing be lost.
    player = Player(listener.on_loaded, listener.on_error, listener.on_drawn, latency_s=0.3)
    yield player
    player.close()
    assert not [t for t in threading.enumerate() if t.name == "player"]


@pytest.fixture
def clip(tmp_path: Path) -> str:
    path = tmp_path / "clip #1.wav"
    write(path, SOUND, RATE, "WAV", "FLOAT")
    return str(path)


def place(heard: np.ndarray, sound: np.ndarray) -> int:
    """Where in what was heard a sound begins, by correlation of the noise on the right."""
    size = len(heard) + len(sound)
    spectrum = np.fft.rfft(heard[:, 1], size) * np.conj(np.fft.rfft(sound[:, 1], size))
    return int(np.fft.irfft(spectrum, size)[: len(heard)].argmax())


def loud_s(heard: np.ndarray) -> float:
    """Seconds from the first to the last sample that is not silent."""
    at = np.flatnonzero(np.abs(heard).max(axis=1) > 1e-4)
    return (at[-1] - at[0]) / RATE if len(at) else 0.0


def play_to_the_end(player: Player, clip: str) -> None:
    player.load(clip)
    player.play()
    wait_for(lambda: player.is_playing)
    wait_for(lambda: player.state == "idle")


def test_what_is_heard_is_the_clip_sample_by_sample(
    sound_server: SoundServer, player: Player, listener: Listener, clip: str
) -> None:
    with sound_server.recorder() as recorder:
        play_to_the_end(player, clip)
    heard = recorder.heard
    start = place(heard, SOUND)
    part = heard[start : start + len(SOUND)]
    assert len(part) == len(SOUND)
    np.testing.assert_allclose(part, SOUND, atol=1e-4)
    assert np.abs(heard[: start - 1]).max(initial=0) < 1e-4
    assert np.abs(heard[start + len(SOUND) + 1 :]).max(initial=0) < 1e-4
    assert [(path, duration) for path, _, duration in listener.loaded] == [(clip, 2.0)]
    assert listener.threads == {"player"}
    assert listener.loaded[0][1].loudest == pytest.approx(np.abs(SOUND).max(), abs=1e-4)
    assert player.position_s == 0


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (22_050, 2), (96_000, 2), (48_000, 6), (4_000, 1)])
def test_clips_of_any_rate_and_channels_are_heard(
    sound_server: SoundServer, player: Player, rate: int, channels: int, tmp_path: Path
) -> None:
    n = np.arange(rate)
    tone = (0.4 * np.sin(2 * np.pi * 700 * n / rate)).astype(np.float32)
    path = tmp_path / "tone.flac"
    write(path, np.repeat(tone[:, None], channels, axis=1), rate, "FLAC", "PCM_16")
    with sound_server.recorder() as recorder:
        play_to_the_end(player, str(path))
    heard = recorder.heard
    assert loud_s(heard) == pytest.approx(1, abs=0.01)
    middle = np.flatnonzero(np.abs(heard[:, 0]) > 1e-4)[0] + np.arange(4800, 43_200)
    for channel in (0, 1):
        spectrum = np.abs(np.fft.rfft(heard[middle, channel] * np.hanning(len(middle))))
        assert spectrum.argmax() * RATE / len(middle) == pytest.approx(700, abs=2)
        assert heard[middle, channel].std() == pytest.approx(0.4 / np.sqrt(2), rel=0.02)


def test_stop_is_heard_at_once_and_does_not_click(sound_server: SoundServer, listener: Listener, clip: str) -> None:
    player = Player(listener.on_loaded, listener.on_error)
    with sound_server.recorder() as recorder:
        player.load(clip)
        player.play()
        wait_for(lambda: player.position_s > 0.5)
        stopped_s = player.position_s
        player.stop()
        assert player.state == "idle"
        assert player.position_s == 0
    player.close()
    heard = recorder.heard[:, 0]
    assert 0.5 < loud_s(recorder.heard) < stopped_s + 0.4
    last = np.flatnonzero(np.abs(heard) > 1e-4)[-1]
    assert np.abs(np.diff(heard[last - 200 : last + 50])).max() < 0.05  # the tone itself moves by 0.025 a sample
    assert np.abs(heard[last - 30 : last]).max() < 0.15  # the fade's end


def test_pause_and_go_on(sound_server: SoundServer, player: Player, clip: str) -> None:
    with sound_server.recorder() as recorder:
        player.load(clip)
        player.play()
        wait_for(lambda: player.position_s > 0.4)
        player.pause()
        assert player.state == "paused"
        time.sleep(0.3)
        position_s = player.position_s
        assert 0.4 < position_s < 1.8  # however late a busy machine was
        player.play(position_s)
        wait_for(lambda: player.state == "idle")
    heard = recorder.heard
    rest = SOUND[round(position_s * RATE) + 480 :]
    start = place(heard, rest)
    np.testing.assert_allclose(heard[start : start + len(rest)], rest, atol=1e-4)


def test_seek_while_playing_and_while_paused(sound_server: SoundServer, player: Player, clip: str) -> None:
    with sound_server.recorder() as recorder:
        player.load(clip)
        player.play(0.25)
        wait_for(lambda: player.position_s > 0.35)
        player.seek(1.5)
        wait_for(lambda: player.position_s > 1.6)
        player.pause()
        player.seek(1.0)
        assert player.state == "paused"
        assert player.position_s == pytest.approx(1.0, abs=1e-3)
        player.play(1.0)
        wait_for(lambda: player.state == "idle")
    heard = recorder.heard
    for start_s, end_s in [(0.26, 0.3), (1.51, 1.55), (1.01, 1.99)]:
        part = SOUND[round(start_s * RATE) : round(end_s * RATE)]
        start = place(heard, part)
        np.testing.assert_allclose(heard[start : start + len(part)], part, atol=1e-4)


@pytest.mark.parametrize("loop", [True, (0.25, 0.375)])
def test_a_loop_repeats_without_a_gap(
    loop: bool | tuple[float, float], sound_server: SoundServer, player: Player, tmp_path: Path
) -> None:
    sound = SOUND[: RATE // 2]
    path = tmp_path / "loop.wav"
    write(path, sound, RATE, "WAV", "FLOAT")
    first, last = (0, len(sound)) if loop is True else (RATE // 4, RATE * 3 // 8)
    expected = np.concatenate([sound[:last], sound[first:last], sound[first:last]])
    with sound_server.recorder() as recorder:
        player.load(str(path))
        player.loop = loop
        player.play()
        wait_for(lambda: loud_s(recorder.heard) > len(expected) / RATE)
        assert player.is_playing
        player.loop = False
        wait_for(lambda: player.state == "idle")
    start = place(recorder.heard, expected)
    np.testing.assert_allclose(recorder.heard[start : start + len(expected)], expected, atol=1e-4)


def test_volume(sound_server: SoundServer, player: Player, clip: str) -> None:
    player.gain_db = -20
    with sound_server.recorder() as recorder:
        play_to_the_end(player, clip)
    start = place(recorder.heard, SOUND)
    np.testing.assert_allclose(recorder.heard[start : start + len(SOUND)], 0.1 * SOUND, atol=1e-4)
    assert player.gain_db == -20


def test_a_new_clip_cuts_the_old_one(
    sound_server: SoundServer, player: Player, listener: Listener, clip: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.wav"
    second = SOUND[::-1][: RATE // 2].copy()
    write(other, second, RATE, "WAV", "FLOAT")
    with sound_server.recorder() as recorder:
        player.load(clip)
        player.play()
        wait_for(lambda: player.position_s > 0.3)
        cut_s, started = player.position_s, time.monotonic()
        player.load(str(other))
        player.play()
        wait_for(lambda: player.is_playing)
        switched_s = time.monotonic() - started
        wait_for(lambda: player.state == "idle")
    heard = recorder.heard
    start = place(heard, second)
    np.testing.assert_allclose(heard[start + 200 : start + len(second)], second[200:], atol=1e-4)
    first = SOUND[: round(0.3 * RATE)]
    begin = place(heard, first)
    np.testing.assert_allclose(heard[begin : begin + len(first)], first, atol=1e-4)
    assert (start - begin) / RATE < cut_s + switched_s + 0.5
    assert switched_s < 1  # some 5 ms on an idle machine
    assert np.abs(np.diff(heard[start - 2000 : start, 0])).max() < 0.05


def test_only_the_latest_of_many_clips_is_told(player: Player, listener: Listener, tmp_path: Path) -> None:
    paths = []
    for i in range(30):
        path = tmp_path / f"{i}.wav"
        write(path, SOUND[:4800], RATE, "WAV", "PCM_16")
        paths.append(str(path))
    for path in paths:
        player.load(path)
    wait_for(lambda: listener.loaded and listener.loaded[-1][0] == paths[-1])
    time.sleep(0.05)
    assert listener.loaded[-1][0] == paths[-1]
    assert len(listener.loaded) < 30
    assert player.duration_s == 0.1


def test_a_clip_that_cannot_be_read_is_an_error_and_the_next_one_plays(
    sound_server: SoundServer, player: Player, listener: Listener, clip: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"")
    player.load(str(bad))
    player.play()
    wait_for(lambda: listener.errors)
    assert listener.errors == [(str(bad), "it is empty")]
    assert player.state == "idle"
    with sound_server.recorder() as recorder:
        play_to_the_end(player, clip)
    assert loud_s(recorder.heard) == pytest.approx(2, abs=0.01)


def test_prefetched_and_repeated_clips_are_at_hand_until_they_change(
    player: Player, listener: Listener, clip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundsearch.audio import decode

    calls = []
    real = decode.blocks
    monkeypatch.setattr(decode, "blocks", lambda *args: (calls.append(args[0]), real(*args))[1])
    player.prefetch([clip])
    wait_for(lambda: calls)
    time.sleep(0.1)
    for _ in range(3):
        player.load(clip)
        wait_for(lambda: player.state != "loading")
    assert calls == [clip]
    write(Path(clip), SOUND[:RATE], RATE, "WAV", "FLOAT")
    player.load(clip)
    wait_for(lambda: listener.loaded and listener.loaded[-1][2] == 1.0)


def test_a_long_clip_starts_at_once_jumps_and_is_drawn(
    sound_server: SoundServer, player: Player, listener: Listener, tmp_path: Path
) -> None:
    path = tmp_path / "long.flac"
    rate = 16_000
    seconds = 900
    tones = 200 + 20 * (np.arange(seconds) % 60)  # each second has a pitch of its own
    phase = np.cumsum(np.repeat(tones, rate) * (2 * np.pi / rate))
    write(path, (0.3 * np.sin(phase)).astype(np.float32), rate, "FLAC", "PCM_16")
    with sound_server.recorder() as recorder:
        started = time.monotonic()
        player.load(str(path))
        player.play()
        wait_for(lambda: player.position_s > 0.2)
        started_s = time.monotonic() - started
        player.seek(731.0)
        wait_for(lambda: player.position_s > 731.5)
        player.stop()
    assert started_s < 1.5
    assert listener.loaded[0][2] == pytest.approx(seconds)
    heard = recorder.heard[:, 0]
    last = np.flatnonzero(np.abs(heard) > 1e-4)[-1]
    part = heard[last - 12_000 : last - 2_400]
    pitch = np.abs(np.fft.rfft(part * np.hanning(len(part)))).argmax() * RATE / len(part)
    assert pitch == pytest.approx(tones[731], abs=6)
    wait_for(lambda: listener.drawn, 20)
    wait_for(lambda: listener.drawn[-1][1].n_frames <= len(listener.drawn[-1][1]) * 256, 20)
    assert {drawn_path for drawn_path, _ in listener.drawn} == {str(path)}
    assert (listener.drawn[-1][1].bars(0, seconds, 2000).high[:-1] > 0.25).all()
    assert player._track is not None
    assert player._track.size_bytes < 80e6


def test_a_clip_starts_within_the_blink_of_an_eye(sound_server: SoundServer, listener: Listener, clip: str) -> None:
    player = Player(listener.on_loaded, listener.on_error)
    times = []
    for _ in range(8):
        started = time.monotonic()
        player.load(clip)
        player.play()
        wait_for(lambda: player._voice and player._voice.position > 0)
        times.append(time.monotonic() - started)
    player.close()
    assert sorted(times)[len(times) // 2] < 0.15  # 5 ms on an idle machine


def test_without_portaudio_it_is_a_state_and_clips_are_still_drawn(
    listener: Listener, clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    assert devices() == []
    player = Player(listener.on_loaded, listener.on_error)
    player.load(clip)
    player.play()
    wait_for(lambda: listener.loaded)
    wait_for(lambda: player.state == "no device" and not player._is_waiting())
    player.pause()
    player.seek(1)
    player.stop()
    player.close()
    assert "PortAudio is missing" in str(player.device_error)
    assert len(listener.loaded[0][1]) > 0
    assert not listener.errors


def test_devices_are_listed(sound_server: SoundServer) -> None:
    assert "default" in devices() or devices()


def test_without_an_output_it_is_a_state_and_the_next_play_finds_one(
    sound_server: SoundServer, player: Player, clip: str
) -> None:
    player.load(clip)
    player.play()
    wait_for(lambda: player.position_s > 0.05)
    sound_server.stop()
    wait_for(lambda: player.state == "no device", 10)
    assert player.device_error is not None
    player.play()
    wait_for(lambda: not player._is_waiting(), 10)
    assert player.state == "no device"
    sound_server.start(refresh=False)
    with sound_server.recorder() as recorder:
        player.play()
        wait_for(lambda: player.is_playing, 10)
        wait_for(lambda: player.state == "idle")
    assert loud_s(recorder.heard) == pytest.approx(2, abs=0.05)


def test_clips_of_other_rates_follow_without_waiting_for_the_output(
    sound_server: SoundServer, player: Player, tmp_path: Path
) -> None:
    paths = []
    for rate in (48_000, 44_100, 96_000):
        paths.append(tmp_path / f"{rate}.wav")
        n = np.arange(rate // 5)
        write(paths[-1], (0.4 * np.sin(2 * np.pi * 500 * n / rate)).astype(np.float32), rate, "WAV", "FLOAT")
    with sound_server.recorder() as recorder:
        for path in paths * 2:
            play_to_the_end(player, str(path))
        assert set(player._output._open) == {48_000, 44_100, 96_000}
    # Less where a clip is missing or cut, or begins before the one before it ended. A busy machine may delay a clip.
    level = np.abs(recorder.heard[:, 0])
    heard_s = np.count_nonzero(np.maximum(level[1:], level[:-1]) > 1e-4) / RATE  # a zero crossing is no silence
    assert heard_s == pytest.approx(6 * 0.2, abs=0.01)


def test_a_part_is_played_to_its_end_and_fades_there(sound_server: SoundServer, player: Player, clip: str) -> None:
    with sound_server.recorder() as recorder:
        player.load(clip)
        player.play(0.5, 1.0)
        wait_for(lambda: player.is_playing)
        wait_for(lambda: player.state == "idle")
    part = SOUND[round(0.5 * RATE) + 200 : RATE - 200]  # between the fades
    start = place(recorder.heard, part)
    np.testing.assert_allclose(recorder.heard[start : start + len(part)], part, atol=1e-4)
    assert loud_s(recorder.heard) == pytest.approx(0.5, abs=0.01)
    last = np.flatnonzero(np.abs(recorder.heard[:, 0]) > 1e-4)[-1]
    assert np.abs(recorder.heard[last - 20 : last, 0]).max() < 0.1


def test_a_clip_is_played_at_the_level_it_is_given(sound_server: SoundServer, player: Player, clip: str) -> None:
    with sound_server.recorder() as recorder:
        player.load(clip, level_db=-12)
        player.play()
        wait_for(lambda: player.is_playing)
        wait_for(lambda: player.state == "idle")
    gain = np.float32(10 ** (-12 / 20))
    start = place(recorder.heard, SOUND)
    np.testing.assert_allclose(recorder.heard[start : start + len(SOUND)], gain * SOUND, atol=1e-4)


def test_what_played_goes_on_by_itself_when_the_output_is_back(
    sound_server: SoundServer, player: Player, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    write(path, stereo(15), RATE, "WAV", "PCM_16")
    player.load(str(path))
    player.play()
    wait_for(lambda: player.position_s > 0.4)
    sound_server.stop()
    wait_for(lambda: player.state == "no device", 10)
    wait_for(lambda: player._lost)
    assert player._lost is not None
    left_s = player._lost[1]
    assert left_s > 0.3
    sound_server.start(refresh=False)
    with sound_server.recorder() as recorder:
        wait_for(lambda: player.is_playing and player.position_s > left_s, 15)
        assert player.position_s < left_s + 2
        wait_for(lambda: player.position_s > left_s + 0.5)
        player.stop()
    assert loud_s(recorder.heard) > 0.3


def test_another_output_is_chosen_while_it_plays(
    sound_server: SoundServer, player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".asoundrc").write_text("pcm.headphones { type pulse }\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "long.wav"
    write(path, stereo(15), RATE, "WAV", "PCM_16")
    player.load(str(path))
    player.play()
    wait_for(lambda: player.position_s > 0.3)
    player.device = "headphones"
    wait_for(lambda: player.device_in_use == "headphones" and player.is_playing, 10)
    assert "headphones" in player.devices
    wait_for(lambda: player.position_s > 0.6)
    assert player.position_s < 5  # it went on, not from the start and not ahead
    player.device = "a card that was pulled out"
    wait_for(lambda: player.device_in_use not in ("", "headphones") and player.is_playing, 10)
    player.stop()
    assert player.device == "a card that was pulled out"  # still wished for

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.audio.analysis import Analyser, analyse, load_sound
from soundsearch.records import Sound

RATE = 44_100


def tone(hz: float, seconds: float, gain: float = 0.5, rate: int = RATE) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (gain * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def note(hz: float, seconds: float) -> np.ndarray:
    """A plucked string: harmonics that die away."""
    t = np.arange(int(seconds * RATE)) / RATE
    partials = [np.sin(2 * np.pi * n * hz * t) / n for n in range(1, 7)]
    return (0.3 * sum(partials) * np.exp(-1.5 * t)).astype(np.float32)


def noise(seconds: float, seed: int = 0, gain: float = 0.1) -> np.ndarray:
    return (gain * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def beat(bpm: float, beats: int, seed: int = 0) -> np.ndarray:
    """Kick on each beat, hat between: cut to the beat."""
    draw = np.random.default_rng(seed)
    result = np.zeros(round(60 * beats / bpm * RATE) + RATE, np.float32)
    t = np.arange(int(0.12 * RATE)) / RATE
    kick = np.sin(2 * np.pi * 60 * t) * np.exp(-25 * t) + 0.2 * np.exp(-400 * t) * draw.standard_normal(len(t))
    hat = 0.2 * np.exp(-60 * t) * draw.standard_normal(len(t))
    for i in range(2 * beats):
        at = round(30 * i / bpm * RATE)
        result[at : at + len(t)] += hat if i % 2 else kick
    return result[: round(60 * beats / bpm * RATE)]


def measure(samples: np.ndarray, rate: int = RATE) -> Sound:
    return analyse(samples.reshape(len(samples), -1), rate)


def ffmpeg_loudness(samples: np.ndarray, rate: int) -> float:
    """Integrated loudness by FFmpeg's ebur128, a program that we did not write."""
    graph = av.filter.Graph()
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout=layout, time_base=f"1/{rate}")
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), format="flt", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    source.push(frame)
    source.push(None)
    loudness = -70.0
    while True:
        try:
            loudness = float(sink.pull().metadata.get("lavfi.r128.I", loudness))  # the last piece may be too short
        except (av.error.EOFError, av.error.BlockingIOError):
            return loudness


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (tone(997, 5.0, 0.1)[:, None], RATE),
        (np.stack([tone(60, 6.0, 0.5), tone(4000, 6.0, 0.05)], axis=1), RATE),
        (noise(6.0)[:, None], RATE),
        (np.stack([noise(8.0, 1), noise(8.0, 2)], axis=1), 48_000),
        (np.concatenate([noise(4.0), noise(6.0, 1, 0.001), noise(2.0, 2)])[:, None], RATE),
        (beat(120, 16)[:, None], RATE),
    ],
    ids=["tone", "two tones", "noise", "stereo at 48 kHz", "a quiet middle, which the gate leaves out", "beat"],
)
def test_loudness_is_that_of_another_program(samples: np.ndarray, rate: int) -> None:
    loudness = analyse(samples, rate).loudness_lufs
    assert loudness == pytest.approx(ffmpeg_loudness(samples, rate), abs=0.3)


def test_the_standards_own_tone_is_as_loud_as_it_says() -> None:
    # EBU Tech 3341, case 1: a stereo tone of 1 kHz at -23 dBFS peak is -23 LUFS.
    quiet = tone(1000, 20.0, 10 ** (-23 / 20))
    assert analyse(np.stack([quiet, quiet], axis=1), RATE).loudness_lufs == pytest.approx(-23.0, abs=0.1)


def test_level_and_brightness() -> None:
    sound = measure(tone(2000, 1.0, 0.25))
    assert sound.peak_db == pytest.approx(-12.04, abs=0.01)
    assert sound.brightness_hz == pytest.approx(2000, rel=0.01)
    dull, bright = measure(tone(200, 1.0)), measure(noise(1.0))
    assert dull.brightness_hz is not None and bright.brightness_hz is not None
    assert dull.brightness_hz < bright.brightness_hz


def test_silence_and_next_to_nothing_have_no_measures_that_they_cannot_have() -> None:
    silence = measure(np.zeros(RATE, np.float32))
    assert (silence.loudness_lufs, silence.peak_db, silence.brightness_hz) == (None, None, None)
    assert (silence.tempo_bpm, silence.key) == (None, "")
    click = measure(tone(1000, 0.01))
    assert click.loudness_lufs is None and click.peak_db is not None
    assert (click.tempo_bpm, click.kind) == (None, "one-shot")
    for n in (1, 2, 10):
        assert measure(np.full(n, 0.5, np.float32)).peak_db == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("bpm", [97, 110, 124.5, 140, 155])
def test_a_loop_has_the_tempo_that_it_was_cut_to(bpm: float) -> None:
    sound = measure(beat(bpm, 8))
    assert sound.kind == "loop"
    assert sound.tempo_bpm == pytest.approx(bpm, rel=0.001)


def test_a_long_recording_has_a_tempo_whatever_its_length() -> None:
    played = np.concatenate([beat(118, 32), np.zeros(int(3.3 * RATE), np.float32)])
    sound = measure(played)
    assert sound.tempo_bpm == pytest.approx(118, rel=0.02)
    assert sound.kind == ""


@pytest.mark.parametrize("samples", [noise(6.0), tone(440, 6.0), note(220, 6.0), beat(120, 1)])
def test_what_has_no_rhythm_has_no_tempo(samples: np.ndarray) -> None:
    assert measure(samples).tempo_bpm is None


@pytest.mark.parametrize(("hz", "name"), [(261.63, "C"), (440.0, "A"), (92.5, "F#"), (196.0, "G")])
def test_a_note_has_its_name(hz: float, name: str) -> None:
    sound = measure(note(hz, 2.0))
    assert (sound.key, sound.kind) == (name, "one-shot")


@pytest.mark.parametrize(
    ("chords", "name"),
    [
        (((220.0, 261.63, 329.63), (146.83, 174.61, 220.0), (164.81, 196.0, 246.94), (220.0, 261.63, 329.63)), "Am"),
        (((261.63, 329.63, 392.0), (349.23, 440.0, 523.25), (392.0, 493.88, 587.33), (261.63, 329.63, 392.0)), "C"),
    ],
)
def test_chords_have_a_key(chords: tuple[tuple[float, ...], ...], name: str) -> None:
    assert measure(np.concatenate([sum(note(hz, 1.0) for hz in chord) for chord in chords])).key == name


def test_noise_has_no_key() -> None:
    assert all(measure(noise(seconds, seed)).key == "" for seed, seconds in enumerate((0.05, 0.3, 1.0, 5.0)))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=5), st.integers(1, 2), st.sampled_from([8000, 44_100]))
def test_pieces_give_what_the_whole_gives(lengths: list[int], channels: int, rate: int) -> None:
    samples = np.random.default_rng(sum(lengths)).uniform(-0.5, 0.5, (sum(lengths), channels)).astype(np.float32)
    analyser = Analyser(rate, channels)
    for piece in np.split(samples, np.cumsum(lengths)[:-1]):
        analyser.add(piece)
    whole, pieces = analyse(samples, rate), analyser.finish()
    assert (pieces.samples, pieces.peak_db, pieces.key, pieces.kind) == (
        whole.samples,
        whole.peak_db,
        whole.key,
        whole.kind,
    )
    assert pieces.loudness_lufs == pytest.approx(whole.loudness_lufs, abs=1e-6)
    assert pieces.brightness_hz == pytest.approx(whole.brightness_hz)


def test_the_same_samples_are_the_same_sound_in_any_format(tmp_path: Path) -> None:
    samples = (np.stack([noise(0.5), tone(300, 0.5)], axis=1) * 32000).astype(np.int16)
    for name in ("a.wav", "b.flac", "c.aiff"):
        soundfile.write(tmp_path / name, samples, RATE, subtype="PCM_16")
    soundfile.write(tmp_path / "d.wav", samples // 2, RATE, subtype="PCM_16")
    soundfile.write(tmp_path / "e.wav", samples, 48_000, subtype="PCM_16")
    digests = {name.name: load_sound(str(name)).samples for name in tmp_path.iterdir()}
    assert digests["a.wav"] == digests["b.flac"] == digests["c.aiff"]
    assert len({digests[name] for name in ("a.wav", "d.wav", "e.wav")}) == 3

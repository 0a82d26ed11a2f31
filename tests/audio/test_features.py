import struct
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from soundsearch.audio import decode
from soundsearch.audio import features as room
from soundsearch.audio.features import (
    Features,
    FrontEnd,
    features,
    int16_step,
    load_features,
    load_in_parts,
    log_mel,
    repeat_pad,
)
from soundsearch.errors import DecodeError
from tests.audio.reference import CLAP_FUSED, CLAP_UNFUSED, KALDI
from tests.golden.clap_front_end import golden, tone

LENGTHS_S = [0.2, 3, 10, 10.005, 25]
rng = np.random.default_rng(5)
SOUND = (rng.standard_normal(25 * 48_000) * np.linspace(0.01, 0.3, 25 * 48_000)).astype(np.float32)


@pytest.fixture(scope="module")
def their_features() -> Callable[[np.ndarray, FrontEnd], np.ndarray]:
    """transformers' extractor, its random draws replaced by the middle one of the possible ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import ClapFeatureExtractor

    def extract(samples: np.ndarray, front_end: FrontEnd) -> np.ndarray:
        truncation = "fusion" if front_end.long == "fusion" else "rand_trunc"
        extractor = ClapFeatureExtractor(frequency_min=50, truncation=truncation)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(np.random, "choice", lambda run: run[len(run) // 2])
            patch.setattr(np.random, "randint", lambda low, high: (low + high) // 2)
            return extractor(samples, sampling_rate=48_000, return_tensors="np")["input_features"][0]

    return extract


@pytest.mark.parametrize("seconds", LENGTHS_S)
@pytest.mark.parametrize("front_end", [CLAP_FUSED, CLAP_UNFUSED], ids=["fused", "unfused"])
def test_equal_to_transformers(
    front_end: FrontEnd, seconds: float, their_features: Callable[[np.ndarray, FrontEnd], np.ndarray]
) -> None:
    samples = SOUND[: round(seconds * 48_000)]
    found = features(samples, replace(front_end, int16_step=False))
    expected = their_features(samples, front_end)
    assert found.mel.shape == expected.shape
    error = np.abs(found.mel - expected)
    assert error[expected > -40].max() <= 0.01
    assert error.max() <= 1
    assert found.longer == (seconds > 10.005)


@pytest.mark.parametrize(
    ("n_samples", "repeats", "zeros"),
    [(160_000, 3, 0), (240_001, 1, 239_999), (14_400, 33, 4_800), (480_000, 1, 0), (144_000, 3, 48_000)],
)
def test_short_clips_are_repeated_whole_then_padded(n_samples: int, repeats: int, zeros: int) -> None:
    samples = SOUND[:n_samples]
    padded = repeat_pad(samples, 480_000)
    np.testing.assert_array_equal(padded[: 480_000 - zeros], np.tile(samples, repeats))
    assert (padded[480_000 - zeros :] == 0).all()
    assert len(padded) == 480_000


@pytest.mark.parametrize(
    ("value", "step"), [(0.5, 16383), (-0.5, -16383), (0.99999, 32766), (1, 32767), (7, 32767), (1e-5, 0), (3.1e-5, 1)]
)
def test_int16_step(value: float, step: int) -> None:
    assert int16_step(np.array([value], np.float32)) == np.float32(step) / np.float32(32767)


@pytest.mark.parametrize(("n_samples", "longer"), [(480_000, False), (480_479, False), (480_480, True)])
def test_longer_depends_on_the_length_alone(n_samples: int, longer: bool) -> None:
    found = features(SOUND[:n_samples], CLAP_FUSED)
    assert found.longer == longer
    assert found.mel.shape == (4, 1001, 64)
    if not longer:
        assert (found.mel == found.mel[0]).all()


def test_the_middle_of_each_third_of_the_chunk_starts() -> None:
    runs = np.array_split(np.arange(3001 - 1001 + 1), 3)
    assert [(run[0], run[-1]) for run in runs] == [(0, 666), (667, 1333), (1334, 2000)]
    assert room.chunk_starts(3001, 1001) == [333, 1000, 1667]
    assert room.chunk_starts(1002, 1001) == [0, 1, 0]


def test_thirty_seconds_half_silent() -> None:
    samples = np.concatenate([tone(1000, 15), np.zeros(15 * 48_000, np.float32)])
    found = features(samples, CLAP_FUSED)
    expected = golden()["fused_30_s"]
    assert list(found.mel.shape) == expected["shape"]
    np.testing.assert_allclose(
        found.mel[0, [0, 499, 500, 501]].max(1), expected["global_peaks_at_frames_0_499_500_501"], atol=0.05
    )
    assert (found.mel[3] == -100).all()
    assert found.longer


def test_only_the_needed_frames_of_a_long_clip_give_what_all_frames_give() -> None:
    samples = np.tile(SOUND, 8)  # 200 s
    found = features(samples, CLAP_FUSED)
    whole = log_mel(int16_step(samples), CLAP_FUSED).astype(np.float64)
    position = np.maximum((np.arange(1001) + 0.5) * len(whole) / 1001 - 0.5, 0)
    shrunk = np.stack([np.interp(position, np.arange(len(whole)), column) for column in whole.T], axis=1)
    np.testing.assert_allclose(found.mel[0], shrunk, atol=5e-4)
    for view, start in zip(found.mel[1:], room.chunk_starts(len(whole), 1001), strict=True):
        np.testing.assert_allclose(view, whole[start : start + 1001], atol=5e-4)


def test_a_crop_is_the_middle_window() -> None:
    found = features(SOUND, CLAP_UNFUSED)
    start = (len(SOUND) - 480_000 + 1) // 2
    np.testing.assert_array_equal(found.mel[0], log_mel(int16_step(SOUND[start : start + 480_000]), CLAP_UNFUSED))
    assert found.longer


@pytest.mark.parametrize(("n_samples", "starts"), [(320_001, [0, 1]), (700_000, [0, 190_000, 380_000])])
def test_windows_cover_the_clip_from_start_to_end(n_samples: int, starts: list[int]) -> None:
    samples = SOUND[:n_samples]
    found = features(samples, KALDI)
    assert found.mel.shape == (len(starts), 1000, 128)
    for view, start in zip(found.mel, starts, strict=True):
        window = samples[start : start + 320_000]
        np.testing.assert_array_equal(view, log_mel(window / np.abs(window).max(), KALDI))


def test_there_are_at_most_twelve_windows() -> None:
    starts = room.window_starts(3_600 * 32_000, KALDI)
    assert len(starts) == 12
    assert (starts[0], starts[-1]) == (0, 3_590 * 32_000)
    assert np.ptp(np.diff(starts)) <= 1


def test_a_short_clip_is_padded_with_zeros_where_the_model_wants_it() -> None:
    found = features(SOUND[:1000], KALDI)
    padded = np.pad(SOUND[:1000], (0, 47_000))
    np.testing.assert_allclose(found.mel[0], log_mel(padded / np.abs(padded).max(), KALDI), rtol=1e-6, atol=1e-6)
    assert found.mel.shape == (1, 150, 128)


def test_silence_stays_silence() -> None:
    assert (features(np.zeros(100, np.float32), CLAP_FUSED).mel == -100).all()
    silent = features(np.zeros(48_000, np.float32), KALDI).mel
    np.testing.assert_allclose(silent, (np.log(1e-5) + 4.5) / 5, rtol=1e-5)


@pytest.mark.parametrize("front_end", [CLAP_FUSED, CLAP_UNFUSED, KALDI], ids=["fused", "unfused", "kaldi"])
def test_a_clip_without_samples_is_refused(front_end: FrontEnd) -> None:
    with pytest.raises(ValueError, match="without samples"):
        features(np.empty(0, np.float32), front_end)
    with pytest.raises(ValueError, match="without samples"):
        repeat_pad(np.empty(0, np.float32), 10)


finite = st.floats(-1e9, 1e9, width=32, allow_subnormal=True)


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(1, 3000), elements=finite),
    st.sampled_from([CLAP_FUSED, CLAP_UNFUSED, KALDI, replace(KALDI, peak_normalise=False)]),
)
def test_features_are_always_finite(samples: np.ndarray, front_end: FrontEnd) -> None:
    assert np.isfinite(features(samples, front_end).mel).all()


SLOW = replace(CLAP_FUSED, sample_rate=22_050, peak_normalise=True, max_samples=220_500)


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A stereo FLAC of 80 s at 22.05 kHz, which the tests call long."""
    path = tmp_path_factory.mktemp("long") / "long.flac"
    noise = np.random.default_rng(8).standard_normal((80 * 22_050, 2)) * np.linspace(0.02, 0.2, 80 * 22_050)[:, None]
    sf.write(path, noise.astype(np.float32), 22_050)
    return str(path)


@pytest.mark.parametrize(("start_s", "end_s"), [(None, None), (3.33, 71.7)])
@pytest.mark.parametrize(
    "front_end",
    [CLAP_FUSED, CLAP_UNFUSED, KALDI, SLOW],
    ids=["fused", "unfused", "kaldi", "file's own rate"],
)
def test_a_long_file_in_parts_gives_what_it_gives_whole(
    front_end: FrontEnd, start_s: float | None, end_s: float | None, long_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end = replace(front_end, int16_step=False)  # a step hides or doubles differences of 1e-7
    expected = whole_features(long_file, front_end, start_s, end_s)
    monkeypatch.setattr(room, "WHOLE_MAX_S", 20.0)
    found = load_features(long_file, front_end, start_s, end_s)
    assert found.longer == expected.longer
    error = np.abs(found.mel - expected.mel)
    assert error[expected.mel > -90].max() <= 2e-3
    assert error.max() <= 0.02  # of bins at the floor, where rounding shows


def whole_features(path: str, front_end: FrontEnd, start_s: float | None, end_s: float | None) -> Features:
    waveform = decode.decode(path, start_s, end_s)
    samples = decode.resample(decode.mono(waveform), waveform.sample_rate, front_end.sample_rate)
    return features(samples, front_end)


@pytest.fixture(scope="module", params=[8_000, 11_025])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A FLAC of 400 s, one sample grid whole in the model's and one not."""
    path = tmp_path_factory.mktemp("recording") / "recording.flac"
    noise = np.random.default_rng(9).standard_normal(400 * request.param) * np.linspace(0.02, 0.2, 400 * request.param)
    sf.write(path, noise.astype(np.float32), request.param)
    return str(path)


@pytest.mark.parametrize("front_end", [CLAP_FUSED, CLAP_UNFUSED, KALDI], ids=["fused", "unfused", "kaldi"])
def test_a_recording_is_decoded_where_the_model_looks(
    front_end: FrontEnd, recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end = replace(front_end, int16_step=False)
    expected = whole_features(recording, front_end, None, None)
    decoded: list[int] = []
    clean = decode._clean
    monkeypatch.setattr(decode, "_clean", lambda block: (decoded.append(len(block)), clean(block))[1])
    found = load_in_parts(recording, info := decode.probe(recording), front_end)
    assert found is not None and found.longer
    assert sum(decoded) < 0.5 * info.frames
    heard = expected.mel > -50  # above what the rounding of the resampler leaves over the top of the file
    assert np.abs(found.mel - expected.mel)[heard].max() <= 2e-3
    assert np.array_equal(load_features(recording, front_end).mel, found.mel)  # a scan and a query hear the same


def test_what_cannot_be_had_in_parts_is_decoded_whole(
    recording: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "cut.flac"
    cut.write_bytes(Path(recording).read_bytes()[: Path(recording).stat().st_size * 3 // 4])
    assert load_in_parts(str(cut), decode.probe(str(cut)), CLAP_FUSED) is None
    expected = whole_features(str(cut), CLAP_FUSED, None, None)
    np.testing.assert_array_equal(load_features(str(cut), CLAP_FUSED).mel, expected.mel)
    monkeypatch.setattr(room, "PARTS_MIN_S", 1.0)
    lossy, short = tmp_path / "lossy.ogg", tmp_path / "short.wav"
    for path in (lossy, short):
        sf.write(path, SOUND[: 12 * 48_000], 48_000)
        assert load_in_parts(str(path), decode.probe(str(path)), CLAP_FUSED) is None


@pytest.mark.parametrize("front_end", [CLAP_FUSED, KALDI], ids=["fused", "kaldi"])
@pytest.mark.parametrize("seconds", [5, 40])
def test_a_file_shorter_than_its_header_says(
    seconds: int, front_end: FrontEnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cut.flac"
    noise = np.random.default_rng(2).standard_normal(80 * 8_000) * 0.1
    sf.write(path, noise.astype(np.float32), 8_000)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * seconds / 80)])
    expected = whole_features(str(path), front_end, None, None)
    monkeypatch.setattr(room, "WHOLE_MAX_S", 20.0)
    found = load_features(str(path), front_end)
    assert found.longer == expected.longer
    np.testing.assert_allclose(found.mel, expected.mel, atol=0.01)


def test_three_hours_take_neither_long_nor_memory(tmp_path: Path) -> None:
    path = tmp_path / "night.wav"
    seconds, rate = 3 * 3600, 48_000
    with sf.SoundFile(path, "w", rate, 2, format="RF64", subtype="PCM_24") as file:
        file.write(np.full((10, 2), 0.25))
    header = bytearray(path.read_bytes()[:-60])
    size = seconds * rate * 6
    at = header.index(b"ds64") + 8
    header[at : at + 24] = struct.pack("<QQQ", len(header) + size - 8, size, seconds * rate)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)  # sparse: nothing of it is on the disk
    assert decode.probe(str(path)).duration_s == seconds
    tracemalloc.start()
    started = time.process_time()
    found = load_features(str(path), KALDI)
    part = load_features(str(path), CLAP_FUSED, 7200, 7205)
    used_s, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.mel.shape == (12, 1000, 128)
    assert (part.mel == -100).all()
    assert used_s < 8
    assert peak < 60e6


def test_nothing_can_be_made_of_a_part_behind_the_end(long_file: str) -> None:
    with pytest.raises(DecodeError, match="ends before"):
        load_features(long_file, CLAP_FUSED, 81, 82)

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.audio.decode import decode
from soundsearch.audio.features import FrontEnd, features
from soundsearch.audio.windows import (
    cut_run,
    in_noise,
    load_in_noise,
    load_run,
    window_length_s,
    window_starts_s,
)
from soundsearch.engine import moments as moments_room
from soundsearch.engine.service import Engine, parse_query
from soundsearch.records import Example, Filter, Query, ScanReport
from soundsearch.settings import Places
from tests.bundles import write_tone
from tests.engine.conftest import OpenEngine, run_scan

RATE = 44_100
ANY_LENGTH = FrontEnd(short="pad", long="windows", min_samples=72_000)


def scan_moments(engine: Engine, *roots: Path) -> ScanReport:
    steps = engine.scan([str(root) for root in roots], moments=True)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def stored(engine: Engine) -> dict[str, bytes]:
    """All windows, by path of their clip."""
    bundle = engine.chosen.bundle
    windows = engine._catalogue.moments.windows(bundle.id, bundle.dimension)
    paths = dict(engine._catalogue._db.query("SELECT content_id, path FROM clips"))
    return {
        paths[content].decode(): windows.vectors[windows.content_ids == content].tobytes()
        + windows.start_s[windows.content_ids == content].tobytes()
        for content in np.unique(windows.content_ids).tolist()
    }


@pytest.fixture
def long_library(tmp_path: Path) -> Path:
    """Two recordings of hiss with a chirp in one of them at 31 s, and short tones."""
    folder = tmp_path / "Sounds"
    folder.mkdir()
    for number, name in enumerate(("with a chirp.wav", "only hiss.wav")):
        samples = 0.01 * np.random.default_rng(number).standard_normal(38 * RATE)
        if number == 0:
            samples[31 * RATE : 34 * RATE] += chirp()
        soundfile.write(folder / name, samples, RATE, subtype="PCM_16")
    for hz in (300.0, 2000.0):
        write_tone(folder / f"tone {hz:.0f}.wav", hz)
    return folder


def chirp() -> np.ndarray:
    t = np.arange(3 * RATE) / RATE
    return 0.6 * np.sin(2 * np.pi * (300 * t + 500 * t**2)) * np.sin(2 * np.pi * 6 * t) ** 2


@settings(max_examples=200, deadline=None)
@given(st.floats(0.01, 4000), st.sampled_from([3.0, 10.0]))
def test_windows_cover_a_clip_and_overlap_by_half(duration_s: float, window_s: float) -> None:
    starts = window_starts_s(duration_s, window_s)
    assert starts[0] == 0
    assert starts[-1] + window_s >= duration_s - 1e-3
    assert starts[-1] <= max(0.0, duration_s - window_s) + 1e-3
    assert (np.diff(starts) <= window_s / 2 + 1e-3).all()


def test_models_that_take_any_length_hear_shorter_windows() -> None:
    assert window_length_s(FrontEnd()) == 10.0
    assert window_length_s(FrontEnd(short="pad", long="windows", min_samples=48_000)) == 1.5
    assert window_length_s(FrontEnd(short="pad", long="windows", min_samples=96_000)) == 2.0


def test_a_window_is_what_the_whole_clip_has_there(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(25 * 48_000), 48_000)
    whole = decode(str(path)).samples[:, 0]
    starts = window_starts_s(25.0, 10.0)
    loaded = load_run(str(path), FrontEnd(), starts, 10.0, np.inf)
    assert len(loaded.heard) == len(starts) == 4
    assert np.array_equal(loaded.start_s, starts) and np.array_equal(loaded.end_s, starts + 10)
    for start, window in zip(starts.tolist(), loaded.heard, strict=True):
        expected = features(whole[round(start * 48_000) : round(start * 48_000) + 480_000], FrontEnd())
        assert np.array_equal(window.mel, expected.mel)


def test_a_file_shorter_than_it_says_gives_the_windows_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.full(21 * 48_000, 0.1), 48_000)
    assert len(load_run(str(path), FrontEnd(), window_starts_s(60.0, 10.0), 10.0, np.inf).heard) == 3


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(1.0, 37.0), max_size=4), st.integers(2, 20), st.integers(0, 100))
def test_a_part_that_stands_out_is_heard_by_one_run_alone(at_s: list[float], size: int, seed: int) -> None:
    """Cut as a whole or in runs: each part of a run has its middle there, and what they hear are those samples."""
    rate = ANY_LENGTH.sample_rate
    samples = 0.01 * np.random.default_rng(seed).standard_normal(40 * rate).astype(np.float32)
    for at in at_s:
        burst = np.sin(np.arange(rate // 2) * np.pi / (rate // 2)).astype(np.float32)
        samples[round(at * rate) : round(at * rate) + rate // 2] += burst * np.sin(np.arange(rate // 2) * 0.2)
    starts = window_starts_s(40.0, 1.5)
    middles = []
    for first in range(0, len(starts), size):
        mine = starts[first : first + size]
        until_s = float(starts[first + size]) if first + size < len(starts) else np.inf
        run = cut_run(samples, 0, ANY_LENGTH, mine, 1.5, until_s)
        assert len(run.heard) == len(run.start_s) == len(run.end_s)
        parts = slice(len(mine), None)
        assert np.array_equal(run.start_s[: len(mine)], mine)
        middle = (run.start_s[parts] + run.end_s[parts]) / 2
        assert ((middle >= mine[0]) & (middle < until_s)).all()
        for start, end, part in zip(run.start_s[parts], run.end_s[parts], run.heard[parts], strict=True):
            expected = features(samples[round(float(start) * rate) : round(float(end) * rate)], ANY_LENGTH)
            assert np.array_equal(part.mel, expected.mel)
        middles += middle.tolist()
    whole = cut_run(samples, 0, ANY_LENGTH, starts, 1.5, np.inf)
    n_windows = len(starts)
    assert sorted(middles) == sorted(((whole.start_s + whole.end_s) / 2)[n_windows:].tolist())
    assert bool(middles) == bool(at_s)


def test_models_of_one_length_hear_no_parts() -> None:
    samples = np.zeros(40 * 48_000, np.float32)
    samples[20 * 48_000 : 21 * 48_000] = 0.5 * np.sin(np.arange(48_000) * 0.2)
    starts = window_starts_s(40.0, 10.0)
    assert len(cut_run(samples, 0, FrontEnd(), starts, 10.0, np.inf).heard) == len(starts)


def test_a_long_clip_answers_with_the_moment_that_matched(engine: Engine, long_library: Path) -> None:
    event = Example(str(long_library / "with a chirp.wav"), 28.0, 38.0)  # a window: a model of no training knows it
    scan_moments(engine, long_library)
    hits = engine.search(Query(likes=(event,)), 10)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert len({hit.clip.id for hit in hits}) == 4  # one hit for each clip
    found = {hit.clip.name: hit for hit in hits}
    own = found["with a chirp.wav"]
    assert own.start_s is not None and own.end_s is not None
    assert (own.start_s, own.end_s) == (28.0, 38.0)
    assert own.similarity > found["only hiss.wav"].similarity
    assert found["tone 300.wav"].start_s is None and found["tone 300.wav"].end_s is None


def test_the_best_window_and_the_level_of_each_recording_are_those_of_a_plain_count(
    engine: Engine, long_library: Path
) -> None:
    scan_moments(engine, long_library)
    bundle = engine.chosen.bundle
    windows = engine._catalogue.moments.windows(bundle.id, bundle.dimension)
    index = moments_room.MomentIndex(engine._catalogue.moments, bundle)
    index.refresh()
    wanted = engine.embed_texts(["hiss"])[0]
    contents, highest, starts, ends, mean = index.best(lambda vectors: vectors @ wanted)
    assert contents.tolist() == sorted(set(windows.content_ids.tolist()))
    for row, content in enumerate(contents):
        own = windows.content_ids == content
        scores = windows.vectors[own] @ wanted
        best = scores.argmax()
        assert highest[row] == pytest.approx(scores.max(), abs=1e-6) and mean[row] == pytest.approx(
            scores.mean(), abs=1e-6
        )
        assert (starts[row], ends[row]) == (windows.start_s[own][best], windows.end_s[own][best])


def test_a_moment_counts_by_how_far_it_stands_out_of_its_recording(engine: Engine, long_library: Path) -> None:
    event = Example(str(long_library / "with a chirp.wav"), 28.0, 38.0)
    scan_moments(engine, long_library)
    bundle = engine.chosen.bundle
    windows = engine._catalogue.moments.windows(bundle.id, bundle.dimension)
    wanted = engine.embed_files([event])[0]
    middle = np.median(engine.chosen.index().vectors @ wanted)
    hits = {hit.clip.name: hit for hit in engine.search(Query(likes=(event,)), 10)}
    for name in ("with a chirp.wav", "only hiss.wav"):
        content = engine._catalogue.organiser.content_of(hits[name].clip.id)
        scores = windows.vectors[windows.content_ids == content] @ wanted
        moment = min(scores.max() - 0.3 * (scores.mean() - middle), 1.0)
        whole = (engine.chosen.index().vectors_of(np.array([content]))[1] @ wanted)[0]
        assert hits[name].similarity == pytest.approx(max(moment, whole), abs=2e-3)


@settings(max_examples=50, deadline=None)
@given(st.integers(1_000, 200_000), st.floats(0.01, 1.0), st.integers(0, 1_000))
def test_noise_lies_18_db_below_a_sound_and_lasts_for_a_window(length: int, gain: float, seed: int) -> None:
    samples = np.random.default_rng(seed).standard_normal(length).astype(np.float32)
    heard = in_noise(samples, ANY_LENGTH)
    assert len(heard) == max(length, 72_000)
    noise = heard - np.pad(samples, (0, len(heard) - length))
    below = 10 * np.log10(np.mean(noise**2) / np.mean(samples**2))
    assert below == pytest.approx(-18.0, abs=0.01)
    assert np.array_equal(heard, in_noise(samples, ANY_LENGTH))
    np.testing.assert_allclose(in_noise(np.float32(gain) * samples, ANY_LENGTH), gain * heard, atol=1e-5)


def test_silence_long_sounds_and_models_that_repeat_know_no_noise(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.concatenate([np.zeros(48_000), chirp(), np.zeros(9 * RATE)]), RATE)
    assert load_in_noise(str(path), ANY_LENGTH, 1.2, 4.0) is not None
    assert load_in_noise(str(path), ANY_LENGTH, 0.0, 1.0) is None
    assert load_in_noise(str(path), ANY_LENGTH, None, None) is None
    assert load_in_noise(str(path), FrontEnd(), 1.2, 4.0) is None


def test_a_sound_is_looked_for_in_recordings_as_it_is_and_in_noise(tmp_path: Path, long_library: Path) -> None:
    event = tmp_path / "chirp.wav"
    soundfile.write(event, chirp(), RATE)
    engine = Engine(Places(tmp_path / "data"), model="starter")
    try:
        scan_moments(engine, long_library)
        hits = {hit.clip.name: hit for hit in engine.search(Query(likes=(Example(str(event)),)), 10)}
        model, bundle = engine.chosen, engine.chosen.bundle
        windows = engine._catalogue.moments.windows(bundle.id, bundle.dimension)
        alone = engine.embed_files([Example(str(event))])[0]
        heard = load_in_noise(str(event), bundle.front_end, None, None)
        assert heard is not None
        both = alone + model.encoder.embed_features([heard])[0]
        both /= np.linalg.norm(both)
        middles = [np.median(model.index().vectors @ wanted) for wanted in (alone, both)]
        for name in ("with a chirp.wav", "only hiss.wav"):
            content = engine._catalogue.organiser.content_of(hits[name].clip.id)
            scores = windows.vectors[windows.content_ids == content] @ both
            moment = scores.max() - 0.3 * (scores.mean() - middles[1]) + middles[0] - middles[1]
            whole = (model.index().vectors_of(np.array([content]))[1] @ alone)[0]
            assert hits[name].similarity == pytest.approx(max(moment, whole), abs=2e-3)
        own = hits["with a chirp.wav"]
        assert own.rank == 1 and own.start_s is not None and 29.5 <= own.start_s <= 34.0
        content = engine._catalogue.organiser.content_of(own.clip.id)
        lengths = (windows.end_s - windows.start_s)[windows.content_ids == content]
        part = np.flatnonzero(np.abs(lengths - 1.5) > 0.01)
        assert len(part)  # the chirp rises and falls six times a second: it is one part or several
        own_parts = windows.start_s[windows.content_ids == content][part]
        assert (own_parts > 30.8).all() and (own_parts < 34.0).all()
    finally:
        engine.close()


def test_moments_are_searched_behind_filters_and_a_setting_asks_for_them(engine: Engine, long_library: Path) -> None:
    engine.change_settings(moments=True)
    run_scan(engine, long_library)
    query = parse_query("hiss dur>20")
    assert {hit.clip.name for hit in engine.search(query)} == {"with a chirp.wav", "only hiss.wav"}
    short = Query(texts=("hiss",), filter=Filter(max_duration_s=5.0))
    assert all(hit.start_s is None for hit in engine.search(short))


def test_without_moments_nothing_is_located(engine: Engine, long_library: Path) -> None:
    run_scan(engine, long_library)
    assert all(hit.start_s is None for hit in engine.search(Query(texts=("hiss",))))
    assert stored(engine) == {}


def test_moments_are_gone_on_with_after_a_stop(
    open_engine: OpenEngine, long_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments_room, "BLOCK", 2)
    engine = open_engine()
    steps = engine.scan([str(long_library)], moments=True)
    blocks = "SELECT count(*) FROM moments"
    while engine._catalogue._db.query(blocks)[0][0] < 3:
        next(steps)
    steps.close()
    half = engine._catalogue._db.query(blocks)[0][0]
    scan_moments(engine)
    whole = engine._catalogue._db.query(blocks)[0][0]
    assert half < whole
    assert set(stored(engine)) == {"with a chirp.wav", "only hiss.wav"}
    before = stored(engine)
    engine._catalogue.moments.forget(engine.chosen.bundle.id)
    scan_moments(engine)
    assert stored(engine) == before  # an unbroken one gives the same


def test_moments_follow_changes_and_are_verified(engine: Engine, long_library: Path) -> None:
    scan_moments(engine, long_library)
    assert engine.verify() == []
    assert len(engine.search(Query(texts=("hiss",)), 10)) == 4
    (long_library / "with a chirp.wav").unlink()
    list(engine.remove_root(str(long_library)))
    assert stored(engine) == {}
    assert engine.search(Query(texts=("hiss",)), 10) == []

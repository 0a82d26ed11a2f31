import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsearch.audio.decode import decode, resample
from soundsearch.engine.service import Engine
from soundsearch.records import DuplicateGroup, Filter, Query
from tests.bundles import write_tone
from tests.engine.conftest import OpenEngine, run_scan


def find(engine: Engine, *, near: bool = False) -> tuple[DuplicateGroup, ...]:
    steps = engine.find_duplicates(near)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def names(engine: Engine, group: DuplicateGroup) -> list[str]:
    return [clip.name for clip in engine.clips(group.clip_ids)]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Sweeps in noise: each clip is only like itself."""
    folder = tmp_path / "Sounds"
    folder.mkdir()
    for number in range(3):
        draw = np.random.default_rng(number)
        t = np.arange(44_100) / 44_100
        sweep = np.sin(2 * np.pi * (200 * (number + 1) + 900 * t) * t) * np.exp(-2 * t)
        samples = np.clip(0.4 * sweep + 0.1 * draw.standard_normal(len(t)) * np.exp(-6 * t), -1, 1)
        soundfile.write(folder / f"sound {number}.wav", samples, 44_100, subtype="PCM_16")
    return folder


def test_the_same_samples_are_exact_copies_in_any_format_and_under_any_name(engine: Engine, sounds: Path) -> None:
    samples, rate = soundfile.read(sounds / "sound 0.wav", dtype="int16")
    (sounds / "a copy.wav").write_bytes((sounds / "sound 0.wav").read_bytes())
    with soundfile.SoundFile(sounds / "tagged.flac", "w", rate, 1, "PCM_16") as file:
        file.title = "Another title"
        file.write(samples)
    soundfile.write(sounds / "softer.wav", samples // 2, rate)
    run_scan(engine, sounds)
    (group,) = find(engine)
    assert (group.kind, group.similarity) == ("exact", 1.0)
    assert sorted(names(engine, group)) == ["a copy.wav", "sound 0.wav", "tagged.flac"]
    assert len(list(sounds.iterdir())) == 6  # nothing is deleted


def test_a_library_without_copies_has_no_groups(engine: Engine, sounds: Path) -> None:
    run_scan(engine, sounds)
    assert find(engine) == find(engine, near=True) == ()


def test_near_copies_are_found_and_the_best_is_to_be_kept(engine: Engine, sounds: Path) -> None:
    waveform = decode(str(sounds / "sound 1.wav"))
    soundfile.write(sounds / "a lossy.mp3", waveform.samples, 44_100)
    soundfile.write(sounds / "a softer.wav", waveform.samples * 0.3, 44_100, subtype="PCM_24")
    soundfile.write(sounds / "a low rate.wav", resample(waveform.samples, 44_100, 32_000), 32_000)
    run_scan(engine, sounds)
    assert find(engine) == ()
    (group,) = find(engine, near=True)
    assert group.kind == "near" and 0.8 <= group.similarity < 1.0
    found = names(engine, group)
    assert set(found) == {"sound 1.wav", "a lossy.mp3", "a softer.wav", "a low rate.wav"}
    assert found[0] == "sound 1.wav"  # lossless, of the highest rate, the oldest
    assert found[-2:] == ["a low rate.wav", "a lossy.mp3"]


def test_what_people_said_counts_more_than_quality(engine: Engine, sounds: Path) -> None:
    samples, rate = soundfile.read(sounds / "sound 0.wav", dtype="int16")
    soundfile.write(sounds / "later.flac", samples, rate)
    run_scan(engine, sounds)
    group = find(engine)[0]
    assert names(engine, group)[0] == "sound 0.wav"
    engine._catalogue._db.execute(
        "INSERT INTO marks SELECT content_id, 1, 0, '' FROM clips WHERE id = ?", (group.clip_ids[1],)
    )
    assert names(engine, find(engine)[0])[0] == "later.flac"


def test_clips_that_vanished_are_no_copies(engine: Engine, sounds: Path) -> None:
    (sounds / "a copy.wav").write_bytes((sounds / "sound 0.wav").read_bytes())
    run_scan(engine, sounds)
    assert len(find(engine)) == 1
    (sounds / "a copy.wav").unlink()
    run_scan(engine, sounds)
    assert find(engine) == ()


def test_no_step_is_long_and_it_can_be_stopped(open_engine: OpenEngine, tmp_path: Path) -> None:
    engine = open_engine()
    for number in range(30):
        write_tone(tmp_path / "Tones" / f"{number:02}.wav", 200.0 * 1.1**number)
    run_scan(engine, tmp_path / "Tones")
    steps = engine.find_duplicates(near=True)
    assert all(progress.phase in ("duplicates", "compare") for progress in itertools.islice(steps, 3))
    steps.close()
    assert len(engine.rank(Query(filter=Filter()), 100)) == 30

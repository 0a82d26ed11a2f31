import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from soundsearch.audio.analysis import analyse
from soundsearch.audio.decode import decode, mono
from soundsearch.audio.peaks import COLUMNS, Peaks, peaks
from soundsearch.engine import analysing, listing
from soundsearch.engine.service import Engine
from soundsearch.errors import CatalogueError
from soundsearch.records import ClipState, Filter, Query
from soundsearch.settings import Places
from tests.bundles import write_tone
from tests.engine.conftest import OpenEngine, run_scan, state


def names(engine: Engine) -> list[str]:
    return sorted(clip.name for clip in engine.clips(engine.rank(Query(), 10**6).clip_ids.tolist()))


def test_reports_what_it_found_and_did(engine: Engine, library: Path) -> None:
    report = run_scan(engine, library)
    assert (report.found, report.added, report.embedded) == (14, 14, 12)  # one copy, one broken
    assert [(Path(f.path).name, bool(f.reason)) for f in report.failed] == [("broken.wav", True)]
    assert len(names(engine)) == 13
    again = run_scan(engine, library)
    assert (again.found, again.added, again.unchanged, again.embedded) == (14, 0, 14, 0)
    assert len(again.failed) == 1


def test_names_are_listed_before_anything_is_analysed(engine: Engine, library: Path) -> None:
    steps = engine.scan([str(library)])
    while next(steps).phase == "list":
        pass
    assert len(names(engine)) == 14
    assert engine.status().embedded == 0
    steps.close()


def test_what_is_looked_at_is_analysed_first(engine: Engine, tmp_path: Path) -> None:
    for number in range(30):
        write_tone(tmp_path / "Tones" / f"{number:02}.wav", 200.0 + number)
        os.utime(tmp_path / "Tones" / f"{number:02}.wav", (1_000 + number, 1_000 + number))
    steps = engine.scan([str(tmp_path / "Tones")], workers=1)
    while next(steps).phase == "list":
        pass
    oldest = engine.rank(Query(), 1).clip_ids.tolist()
    while engine.clips(oldest)[0].state is ClipState.PENDING:  # as the window asks for a row that it paints
        next(steps)
    assert engine.status().embedded < 15
    steps.close()


def test_long_recordings_are_searchable_before_they_are_measured(open_engine: OpenEngine, tmp_path: Path) -> None:
    folder = tmp_path / "Tapes"
    folder.mkdir()
    write_tone(folder / "tape.wav", 200.0, seconds=400.0, rate=8_000)
    engine = open_engine()
    steps = engine.scan([str(folder)])
    while next(steps).phase != "measure":
        pass
    hits = engine.search(Query(texts=("tape",)), 5)
    assert len(hits) == 1 and engine.status().embedded == 1
    assert all(hit.clip.duration_s == 400.0 and not hit.clip.peaks and hit.clip.loudness_lufs is None for hit in hits)
    steps.close()
    engine.close()
    again = open_engine()
    assert run_scan(again).embedded == 0  # what was stopped is gone on with
    for hit in again.search(Query(texts=("tape",)), 5):
        waveform = decode(hit.clip.path)
        drawn, whole = Peaks.from_bytes(hit.clip.peaks), peaks(mono(waveform), waveform.sample_rate)
        assert np.array_equal(drawn.low, whole.low) and np.array_equal(drawn.high, whole.high)
        assert np.abs(drawn.brightness.astype(int) - whole.brightness).max() <= 2  # frames do not cross pieces
        assert hit.clip.loudness_lufs == pytest.approx(analyse(waveform.samples, waveform.sample_rate).loudness_lufs)
    assert again.verify() == []


def test_renamed_and_moved_clips_keep_id_and_vector(engine: Engine, library: Path, tmp_path: Path) -> None:
    run_scan(engine, library)
    before = {clip.name: clip.id for clip in engine.clips(engine.rank(Query(), 99).clip_ids.tolist())}
    (library / "Low" / "tone 01.wav").rename(library / "boom.wav")
    shutil.move(library / "High" / "tone 08.wav", library / "Low" / "tone 08.wav")
    report = run_scan(engine)
    after = {clip.name: clip.id for clip in engine.clips(engine.rank(Query(), 99).clip_ids.tolist())}
    assert (report.moved, report.added, report.missing, report.embedded) == (2, 0, 0, 0)
    assert after["boom.wav"] == before["tone 01.wav"] and after["tone 08.wav"] == before["tone 08.wav"]


def test_changed_clips_are_heard_again(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    write_tone(library / "Low" / "tone 02.wav", 3000.0, seconds=0.3)
    report = run_scan(engine)
    assert (report.changed, report.embedded, report.missing) == (1, 1, 0)
    assert len(engine.chosen.index()) == 12


def test_touched_clips_are_not_embedded_again(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    os.utime(library / "Low" / "tone 02.wav")
    report = run_scan(engine)
    assert (report.changed, report.embedded) == (1, 0)


def test_vanished_clips_are_missing_and_come_back(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    (library / "High").rename(library.parent / "elsewhere")
    report = run_scan(engine)
    assert (report.missing, report.removed, len(names(engine))) == (7, 0, 6)
    hits = engine.search(Query(texts=("a tone",)), 99)
    assert {hit.clip.state for hit in hits} == {ClipState.READY} and len(hits) == 6
    (library.parent / "elsewhere").rename(library / "High")
    report = run_scan(engine)
    assert (report.missing, report.unchanged, report.embedded) == (0, 14, 0)


def test_a_broken_clip_is_tried_again_when_it_changes(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    write_tone(library / "broken.wav", 777.0)
    report = run_scan(engine)
    assert (report.failed, report.changed, report.embedded) == ((), 1, 1)


def test_an_unreachable_root_is_offline_and_loses_nothing(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    library.rename(library.parent / "unplugged")
    report = run_scan(engine)
    assert report.offline == (str(library),) and report.missing == 0
    clips = engine.clips(engine.rank(Query(), 99).clip_ids.tolist())
    assert len(clips) == 13 and all(clip.offline for clip in clips)
    (library.parent / "unplugged").rename(library)
    report = run_scan(engine)
    assert (report.offline, report.unchanged, report.embedded) == ((), 14, 0)


def test_an_empty_mount_folder_is_an_unplugged_drive(
    engine: Engine, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "mount_point", lambda path: os.fsencode(library))
    monkeypatch.setattr("soundsearch.engine.service.mount_point", lambda path: os.fsencode(library))
    run_scan(engine, library)
    monkeypatch.setattr(listing, "mount_point", lambda path: b"/")
    shutil.rmtree(library)
    library.mkdir()
    report = run_scan(engine)
    assert report.offline == (str(library),) and report.missing == 0


def test_a_folder_that_cannot_be_listed_hides_nothing(
    engine: Engine, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_scan(engine, library)
    scandir = os.scandir

    def refuse(path: bytes) -> object:
        if path == os.fsencode(library / "High"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert run_scan(engine).missing == 0


def test_any_name_that_a_file_system_allows(engine: Engine, library: Path) -> None:
    for name in [b"new\nline.wav", b"not utf-8 \xff\xfe.wav", "#1 100% é\u0301 ü 日本.wav".encode(), b"-rf *.wav"]:
        shutil.copy(library / "Low" / "tone 03.wav", os.fsdecode(os.fsencode(library) + b"/" + name))
    report = run_scan(engine, library)
    assert report.found == 18 and len(report.failed) == 1
    assert os.fsdecode(b"not utf-8 \xff\xfe.wav") in names(engine)


def test_links_in_a_circle_are_walked_once(engine: Engine, library: Path) -> None:
    (library / "Low" / "round").symlink_to(library)
    (library / "dangling.wav").symlink_to(library / "nowhere.wav")
    os.mkfifo(library / "pipe.wav")
    assert run_scan(engine, library).found == 14


def test_a_link_up_does_not_bring_in_the_parents_clips(engine: Engine, library: Path) -> None:
    write_tone(library.parent / "outside.wav", 500.0)
    (library / "up").symlink_to(library.parent)
    assert run_scan(engine, library).found == 14


def test_moved_clips_need_no_model(open_engine: OpenEngine, library: Path) -> None:
    run_scan(open_engine(), library)
    (library / "High").rename(library / "Higher")
    engine = open_engine()
    assert run_scan(engine, library).moved == 7
    assert not engine.is_ready


def test_a_folder_that_is_not_there_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such folder"):
        run_scan(engine, tmp_path / "nowhere")


def test_another_model_keeps_the_vectors_of_the_first(open_engine: OpenEngine, library: Path, tmp_path: Path) -> None:
    from tests.bundles import tiny

    first = open_engine()
    run_scan(first, library)
    other = Engine(Places(tmp_path / "data"), model=str(tiny(tmp_path / "other", seed=1)))
    assert other.status().embedded == 0
    assert run_scan(other).embedded == 12
    other.close()
    assert run_scan(first).embedded == 0


def test_same_file_same_bytes_in_any_scan(open_engine: OpenEngine, library: Path, tmp_path: Path) -> None:
    engine = open_engine()
    run_scan(engine, library)
    vectors = state(engine)["vectors"]
    alone = Engine(Places(tmp_path / "again"), model=engine.chosen.name)
    single = tmp_path / "Single"
    single.mkdir()
    shutil.copy(library / "High" / "tone 09.wav", single)
    run_scan(alone, single)
    assert state(alone)["vectors"][b"tone 09.wav"] == vectors[b"High/tone 09.wav"]
    alone.close()


@pytest.mark.parametrize("steps", range(0, 12, 2))
def test_a_scan_stopped_after_any_step_and_run_again_equals_one_that_was_not(
    open_engine: OpenEngine, library: Path, tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysing, "MAX_BATCH", 2)  # many steps in a small library
    whole = Engine(Places(tmp_path / "whole"), model=open_engine().chosen.name)
    run_scan(whole, library)
    stopped = open_engine()
    generator = stopped.scan([str(library)])
    for _ in range(steps):
        next(generator, None)
    generator.close()
    kept = stopped.status().embedded
    report = run_scan(stopped, library)
    assert state(stopped) == state(whole)
    assert report.embedded <= 12 and kept + report.embedded <= 14
    whole.close()


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 0.15, 0.4])
def test_kill_at_any_point_and_scan_again(library: Path, tmp_path: Path, starter: str, delay_s: float) -> None:
    """SIGKILL some time after the first embedding was asked for; nothing that was committed is embedded again."""
    for i in range(40):
        write_tone(library / "More" / f"{i}.wav", 60.0 * 1.1**i)
    command = [sys.executable, "-m", "soundsearch", "--data-dir", str(tmp_path / "data"), "--model", starter]
    process = subprocess.Popen([*command, "scan", str(library), "--quiet"], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "data" / "catalogue.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    watcher = Engine(Places(tmp_path / "data"), model=starter)
    while watcher.status().embedded == 0 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.wait()
    contents = len(watcher._catalogue.embedded_ids(watcher.chosen.bundle.id))
    report = run_scan(watcher, library)
    whole = Engine(Places(tmp_path / "whole"), model=starter)
    run_scan(whole, library)
    assert state(watcher) == state(whole)
    assert contents + report.embedded == 52
    assert watcher.verify() == []
    for engine in (watcher, whole):
        engine.close()


def test_mount_point_of_a_path(tmp_path: Path) -> None:
    assert os.path.ismount(listing.mount_point(os.fsencode(tmp_path / "not" / "there")))


def test_status_counts(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    status = engine.status()
    assert (status.clips, status.embedded, status.failed, status.missing) == (14, 13, 1, 0)
    assert [(root.path, root.clips, root.online) for root in status.roots] == [(str(library), 14, True)]
    assert status.index_bytes > 0 and status.catalogue_bytes > 0


def test_listing_passes_filters(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    clips = engine.clips(engine.rank(Query(filter=Filter(tags=("low",))), 99).clip_ids.tolist())
    assert [clip.folder for clip in clips] == ["Low"] * 6
    assert all(len(clip.peaks) for clip in clips)
    assert np.isclose(clips[0].duration_s, 0.2, atol=1e-3)


def test_clips_are_drawn_at_once_and_measured_when_all_can_be_searched(engine: Engine, library: Path) -> None:
    steps = engine.scan([str(library)])
    while next(steps).phase != "measure":
        pass
    assert len(engine.search(Query(texts=("a tone",)), 99)) == 13
    early = engine.clips(engine.rank(Query(), 99).clip_ids.tolist())
    assert all(len(clip.peaks) == 3 * COLUMNS and clip.brightness_hz is None for clip in early)
    assert len(engine.rank(Query(), 99, "-brightness_hz")) == 13  # nothing to sort by yet
    rates = [step.rate for step in steps if step.phase == "measure"]
    assert min(rates) > 0  # the status line says how much longer
    clips = engine.clips(engine.rank(Query(), 99).clip_ids.tolist())
    assert [clip.peaks for clip in clips] == [clip.peaks for clip in early]
    assert all(clip.peak_db is not None and clip.brightness_hz is not None for clip in clips)
    low, high = (next(clip for clip in clips if clip.name == f"tone {n}.wav") for n in ("00", "11"))
    assert low.brightness_hz < high.brightness_hz
    by_brightness = engine.clips(engine.rank(Query(), 99, "brightness_hz").clip_ids.tolist())
    assert by_brightness == sorted(clips, key=lambda clip: clip.brightness_hz)


def test_matrix_products_start_no_threads_while_a_scan_runs(engine: Engine, library: Path) -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        during = [threads() for step in engine.scan([str(library)]) if step.phase in ("analyse", "measure")]
        assert all(found == {1} for found in during) and len(during) > 2
        stopped = engine.scan()
        next(stopped, None)
        stopped.close()
        assert threads() == before == {2}


def test_an_older_catalogue_is_measured_without_embedding_again(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    before = engine.clips(engine.rank(Query(), 100).clip_ids.tolist())
    engine._catalogue._db.execute("DELETE FROM sounds")
    engine._catalogue._db.execute("DELETE FROM counters WHERE name LIKE 'complete %'")  # it has none
    steps = engine.scan()
    for progress in steps:  # stopped before the first batch is kept
        if progress.phase == "measure":
            break
    steps.close()
    assert run_scan(engine).embedded == 0
    assert engine.clips([clip.id for clip in before]) == before
    assert engine._catalogue.sounds.unmeasured([root.id for root in engine._catalogue.roots()]) == []

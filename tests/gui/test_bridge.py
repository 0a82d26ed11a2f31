"""The bridge against an engine made up at the process border."""

from typing import Any

import numpy as np
import pytest

from soundsearch.engine import messages as m
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.jobs import JobEnd
from soundsearch.records import ModelInfo, Progress, Ranking, ScanReport
from tests.gui.fake_engine import FakeEngine, made_up_clip


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine([made_up_clip(i) for i in range(20)])


@pytest.fixture
def bridge(engine: FakeEngine, qapp: Any) -> EngineBridge:
    return EngineBridge(engine.connect)


def test_a_search_comes_back_as_a_signal(qtbot: Any, bridge: EngineBridge) -> None:
    with qtbot.waitSignal(bridge.ranked) as ranked:
        bridge.search(m.Search("kick"))
    assert isinstance(ranked.args[0], Ranking)


def test_only_the_newest_of_many_searches_is_answered(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    seen: list[int] = []
    bridge.ranked.connect(lambda ranking: seen.append(len(ranking)))
    engine.ranking = lambda search: Ranking(*(np.zeros(len(search.text), t) for t in (np.int64, np.float32, np.uint8)))
    engine.held = True
    for text in ("k", "ki", "kic", "kick"):
        bridge.search(m.Search(text))
    assert [s.text for s in engine.asked(m.Search)] == ["k"]  # the others wait behind it, and only one of them
    engine.held = False
    with qtbot.waitSignal(bridge.ranked):
        engine.release()
    assert seen == [4]
    assert [s.text for s in engine.asked(m.Search)] == ["k", "kick"]


def test_a_failed_search_that_was_overtaken_is_not_told(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    engine.held = True
    bridge.search(m.Search("dur<"))
    bridge.search(m.Search("dur<2"))
    engine._waiting.clear()
    engine.held = False
    with qtbot.assertNotEmitted(bridge.search_failed), qtbot.waitSignal(bridge.ranked):
        engine.tell(m.Failed(1, "A number is missing.", "Write dur<2."))


def test_a_failed_search_tells_message_and_hint(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    engine.held = True
    bridge.search(m.Search("dur<"))
    with qtbot.waitSignal(bridge.search_failed) as failed:
        engine.tell(m.Failed(1, "A number is missing.", "Write dur<2."))
    assert failed.args == ["A number is missing.", "Write dur<2."]


def test_an_unknown_id_is_dropped(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    signals = [bridge.ranked, bridge.status_known, bridge.failed, bridge.bug, bridge.job_progressed]
    for signal in signals:
        signal.connect(lambda *_: pytest.fail("not asked for"))
    engine.tell(m.Reply(99, "late"))
    engine.tell(m.Failed(98, "late"))
    engine.tell(m.JobProgress(97, Progress("analyse")))
    with qtbot.waitSignal(bridge.changed):
        engine.tell(m.Changed())


def test_fetched_clips_say_what_was_asked(qtbot: Any, bridge: EngineBridge) -> None:
    with qtbot.waitSignal(bridge.clips_fetched) as fetched:
        bridge.fetch_clips((3, 999, 1))
    asked, clips = fetched.args
    assert asked == (3, 999, 1)
    assert [clip.id for clip in clips] == [3, 1]


def test_a_job_is_told_from_start_to_end(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    with qtbot.waitSignal(bridge.job_started) as started:
        bridge.scan("/sounds")
    job = started.args[0]
    assert bridge.jobs == (job,)
    with qtbot.waitSignal(bridge.job_progressed) as progressed:
        engine.tell(m.JobProgress(job.id, Progress("analyse", 1, 2)))
    assert progressed.args == [job, Progress("analyse", 1, 2)]
    with qtbot.waitSignal(bridge.job_paused) as paused:
        bridge.pause(job)
    assert paused.args == [job, True]
    with qtbot.waitSignal(bridge.job_ended) as ended:
        engine.tell(m.JobDone(job.id, ScanReport(found=2)))
    assert ended.args == [JobEnd(job, ScanReport(found=2))]
    assert bridge.jobs == ()
    assert engine.asked(m.PauseJob) == [m.PauseJob(job.id)]


@pytest.mark.parametrize("stop", [True, False])
def test_a_job_can_be_stopped_and_can_fail(qtbot: Any, engine: FakeEngine, bridge: EngineBridge, stop: bool) -> None:
    with qtbot.waitSignal(bridge.job_started) as started:
        bridge.download_model("clap")
    job = started.args[0]
    bridge.cancel(job)
    assert engine.asked(m.CancelJob) == [m.CancelJob(job.id)]
    with qtbot.waitSignal(bridge.job_ended) as ended:
        engine.tell(m.JobStopped(job.id) if stop else m.JobFailed(job.id, "The disk is full.", "Make room."))
    assert ended.args == [
        JobEnd(job, stopped=stop, message="" if stop else "The disk is full.", hint="" if stop else "Make room.")
    ]


def test_a_bug_of_the_engine_is_a_bug_here(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    engine.held = True
    bridge.list_models()
    with qtbot.waitSignal(bridge.bug) as bug, qtbot.assertNotEmitted(bridge.failed):
        engine.tell(m.Failed(1, "Something went wrong.", "Traceback", is_bug=True))
    assert bug.args == ["Something went wrong.", "Traceback"]


def test_a_lost_engine_ends_jobs_and_frees_the_next_search(
    qtbot: Any, engine: FakeEngine, bridge: EngineBridge
) -> None:
    engine.held = True
    bridge.scan("/sounds")
    bridge.search(m.Search("old"))
    with qtbot.waitSignals([bridge.lost, bridge.job_ended]):
        engine.lose()
    assert bridge.jobs == ()
    engine.held = False
    with qtbot.waitSignal(bridge.ranked):
        bridge.search(m.Search("kick"))


def test_an_engine_that_stays_away_is_told(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    engine.dead = True
    with qtbot.waitSignal(bridge.lost) as lost:
        engine.lose()
    assert lost.args == [False]
    bridge.search(m.Search("kick"))  # not an error: the window says what is the case
    assert not engine.sent


def test_nothing_arrives_after_closing(qtbot: Any, engine: FakeEngine, bridge: EngineBridge) -> None:
    bridge.ranked.connect(lambda _: pytest.fail("closed"))
    bridge.search(m.Search(""))
    bridge.close()
    assert engine.closed
    qtbot.wait(20)


def test_a_model_in_use_is_told(qtbot: Any, bridge: EngineBridge) -> None:
    with qtbot.waitSignal(bridge.model_used) as used:
        bridge.use_model("clap")
    assert isinstance(used.args[0], ModelInfo)

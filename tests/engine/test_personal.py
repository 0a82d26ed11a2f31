"""Personal models end to end: the engine's process, the real trainer, a small library."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundsearch.engine.messages import (
    CancelJob,
    Failed,
    GetStatus,
    JobDone,
    JobFailed,
    JobProgress,
    JobStopped,
    ListModels,
    PreviewTraining,
    RemoveModel,
    Reply,
    RevertModel,
    Scan,
    Search,
    StartTraining,
    UseModel,
)
from soundsearch.records import TrainingOutcome, TrainingPlan
from tests.bundles import write_tone
from tests.engine.test_worker import Talk

pytestmark = pytest.mark.slow

TAGS = ("bell", "flute", "rain", "whistle")
PLAN = TrainingPlan("My tones")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("personal")


@pytest.fixture(scope="module")
def tagged(home: Path) -> Path:
    """Four folders that say what is in them, 60 clips in all."""
    folder = home / "Sounds"
    for number, tag in enumerate(TAGS):
        for clip in range(15):
            write_tone(folder / tag.title() / f"take {chr(97 + clip)}.wav", 100 * 2.3**number * 1.02**clip)
    return folder


@pytest.fixture(scope="module")
def talk(home: Path, tiny_model: Path, tagged: Path) -> Iterator[Talk]:
    """An engine that has heard the library; its process takes seconds to start."""
    made = Talk(home / "data", str(tiny_model))
    made.ask(Scan((str(tagged),)))
    made.until(lambda m: isinstance(m, JobDone | JobFailed))
    yield made
    made.client.close()


def half_made(home: Path) -> list[str]:
    return [path.name for path in (home / "data" / "models").iterdir() if path.name.startswith(".")]


def test_train_use_and_go_back_while_searches_are_answered(talk: Talk, home: Path) -> None:
    shown = talk.ask(PreviewTraining(PLAN)).value
    assert shown.clips >= 60 and shown.train and shown.validation and shown.test and shown.examples
    assert set(TAGS) <= {tag for tag, _ in shown.tags}
    clips = talk.ask(GetStatus()).value.embedded
    job = talk.ask(StartTraining(PLAN)).value
    refused = talk.ask(StartTraining(PLAN))
    assert isinstance(refused, Failed) and "running already" in refused.message
    assert isinstance(talk.ask(RemoveModel("any")), Failed)
    slowest, answered = 0.0, 0
    ended = None
    while ended is None:
        began = time.monotonic()
        reply = talk.ask(Search(f"a bell {answered}"))
        assert isinstance(reply, Reply) and len(reply.value) == clips
        slowest, answered = max(slowest, time.monotonic() - began), answered + 1
        ended = next((m for m in talk.seen if isinstance(m, JobDone | JobFailed) and m.job == job), None)
        time.sleep(0.05)
    assert isinstance(ended, JobDone) and answered > 20
    assert slowest < 2.0, f"one of {answered} searches waited so long for a training"  # 0.1 s where nothing else runs
    assert "train" in {m.progress.phase for m in talk.seen if isinstance(m, JobProgress) and m.job == job}
    outcome = ended.value
    assert isinstance(outcome, TrainingOutcome)
    assert (outcome.name, Path(outcome.folder)) == ("my-tones", home / "data" / "models" / "my-tones")
    assert Path(outcome.report).is_file() and half_made(home) == []
    own = next(info for info in talk.ask(ListModels()).value if info.personal)
    assert own.title == "My tones" and own.description.startswith("Your sounds: ")
    # It is used, hears everything without a sound file, and is undone.
    first = talk.ask(GetStatus()).value.model
    (home / "Sounds").rename(home / "unplugged")
    try:
        assert talk.ask(UseModel("my-tones")).value.active
        scan = talk.ask(Scan(())).value
        talk.until(lambda m: isinstance(m, JobDone) and m.job == scan)
        status = talk.ask(GetStatus()).value
        assert (status.model, status.embedded) == ("my-tones", clips)
        assert talk.ask(RevertModel()).value.name == first
        assert talk.ask(GetStatus()).value.embedded == clips
    finally:
        (home / "unplugged").rename(home / "Sounds")


def test_a_training_rests_while_a_scan_runs_and_stopped_leaves_nothing(talk: Talk, home: Path, tagged: Path) -> None:
    for clip in range(60):
        write_tone(tagged / "New" / f"{clip}.wav", 300 + 7 * clip)
    scan = talk.ask(Scan(())).value
    job = talk.ask(StartTraining(PLAN)).value
    waits = talk.until(lambda m: isinstance(m, JobProgress) and m.job == job)
    assert waits.progress.phase == "wait"
    talk.until(lambda m: isinstance(m, JobDone) and m.job == scan)
    talk.until(lambda m: isinstance(m, JobProgress) and m.job == job and m.progress.done > 2)
    talk.ask(CancelJob(job))
    assert any(isinstance(m, JobStopped) and m.job == job for m in talk.seen)
    deadline = time.monotonic() + 20
    while half_made(home) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert half_made(home) == []


def test_a_plan_without_clips_is_said_before_and_at_the_start(talk: Talk, tagged: Path) -> None:
    few = TrainingPlan("Few", (str(tagged / "Nowhere"),))
    answer = talk.ask(PreviewTraining(few))
    assert isinstance(answer, Failed) and not answer.is_bug and answer.hint
    job = talk.ask(StartTraining(few)).value
    failed = talk.until(lambda m: isinstance(m, JobFailed) and m.job == job)
    assert not failed.is_bug and failed.message

"""The engine in its own process, through the same client as the window's."""

import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from soundsearch.engine.client import EngineClient
from soundsearch.engine.messages import (
    CancelJob,
    Changed,
    Failed,
    FetchClips,
    FindDuplicates,
    GetStatus,
    JobDone,
    JobFailed,
    JobProgress,
    JobStopped,
    ListFailures,
    Lost,
    Message,
    ModelReady,
    PauseJob,
    ReadSettings,
    RemoveRoot,
    Reply,
    ResumeJob,
    Scan,
    Search,
    WriteTags,
)
from soundsearch.engine.worker import NICENESS
from soundsearch.records import Clip, DuplicateGroup, WriteReport

pytestmark = pytest.mark.slow
TIMEOUT_S = 60


class Talk:
    """A client, and what it was told."""

    def __init__(self, data_dir: Path, model: str) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()
        self.seen: list[Message] = []
        self.client = EngineClient(data_dir, self.messages.put, model)
        self.client.start()

    def until(self, wanted: Callable[[Message], bool]) -> Any:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            message = self.messages.get(timeout=deadline - time.monotonic())
            self.seen.append(message)
            if wanted(message):
                return message

    def ask(self, request: Any) -> Any:
        number = self.client.send(request)
        return self.until(lambda m: isinstance(m, Reply | Failed) and m.id == number)


@pytest.fixture
def talk(tmp_path: Path, starter: str) -> Iterator[Talk]:
    made = Talk(tmp_path / "data", starter)
    yield made
    made.client.close()


def test_a_query_typed_before_the_model_is_there_is_answered(talk: Talk, library: Path) -> None:
    search = talk.client.send(Search("a low tone"))
    status = talk.ask(GetStatus())
    assert status.value.clips == 0 and not any(isinstance(m, ModelReady) for m in talk.seen)
    assert len(talk.until(lambda m: isinstance(m, Reply) and m.id == search).value) == 0
    assert any(isinstance(m, ModelReady) for m in talk.seen)


def test_scan_search_and_clips(talk: Talk, library: Path) -> None:
    job = talk.ask(Scan((str(library),))).value
    # A query is answered while the scan runs.
    assert isinstance(talk.ask(Search("")), Reply)
    report = talk.until(lambda m: isinstance(m, JobDone)).value
    assert report.found == 14 and any(isinstance(m, JobProgress) and m.job == job for m in talk.seen)
    ranking = talk.ask(Search("a low tone")).value
    clips = talk.ask(FetchClips(tuple(ranking.clip_ids.tolist()))).value
    assert [clip.id for clip in clips] == ranking.clip_ids.tolist() and len(clips) == 13
    assert [failure.path for failure in talk.ask(ListFailures()).value] == [str(library / "broken.wav")]
    check_copies_and_writing(talk, clips)
    talk.ask(RemoveRoot(str(library)))
    assert talk.ask(GetStatus()).value.clips == 0


def check_copies_and_writing(talk: Talk, clips: tuple[Clip, ...]) -> None:
    """Jobs of which the window asks the engine: their results cross the border too."""
    clip = next(clip for clip in clips if clip.format == "WAV")
    talk.ask(FindDuplicates())
    before = talk.until(lambda m: isinstance(m, JobDone)).value
    assert all(isinstance(group, DuplicateGroup) for group in before)
    talk.ask(WriteTags("vinyl, dusty", ((clip.id, ("vinyl", "dusty")),), backup=True))
    done = talk.until(lambda m: isinstance(m, JobDone | JobFailed))
    assert done.value == WriteReport(1, ())
    (written,) = talk.ask(FetchClips((clip.id,))).value
    assert {"vinyl", "dusty"} <= set(written.tags)
    assert Path(f"{clip.path}.bak").stat().st_size == clip.size_bytes < written.size_bytes


def test_errors_come_back_with_a_hint(talk: Talk, tmp_path: Path) -> None:
    answer = talk.ask(Search("kick dur<long"))
    assert isinstance(answer, Failed) and not answer.is_bug and answer.hint
    assert isinstance(talk.ask(ReadSettings()), Reply)
    (tmp_path / "data" / "settings.toml").write_text("device = 3", encoding="utf-8")
    answer = talk.ask(ReadSettings())
    assert isinstance(answer, Failed) and not answer.is_bug and "device" in answer.message
    talk.ask(Scan((str(tmp_path / "nowhere"),)))
    failed = talk.until(lambda m: isinstance(m, JobFailed))
    assert "no such folder" in failed.message and not failed.is_bug


def test_a_scan_can_be_paused_resumed_and_cancelled(talk: Talk, library: Path) -> None:
    job = talk.ask(Scan((str(library),))).value
    talk.ask(PauseJob(job))
    talk.ask(GetStatus())
    paused = len([m for m in talk.seen if isinstance(m, JobProgress)])
    time.sleep(0.3)
    talk.ask(GetStatus())
    assert len([m for m in talk.seen if isinstance(m, JobProgress)]) == paused
    talk.ask(ResumeJob(job))
    talk.ask(CancelJob(job))
    assert any(isinstance(m, JobStopped | JobDone) for m in talk.seen)


def test_a_killed_engine_is_started_again(talk: Talk, library: Path) -> None:
    talk.ask(Scan((str(library),)))
    talk.until(lambda m: isinstance(m, JobDone))
    before = talk.client.process_id
    assert before
    os.kill(before, signal.SIGKILL)
    talk.until(lambda m: isinstance(m, Lost))
    assert talk.ask(GetStatus()).value.embedded == 13
    assert talk.client.process_id != before


def test_a_catalogue_that_cannot_be_opened_is_said_in_answer(tmp_path: Path, starter: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalogue.sqlite").write_bytes(b"garbage" * 1000)
    talk = Talk(tmp_path / "data", starter)
    answer = talk.ask(GetStatus())
    assert isinstance(answer, Failed) and "Cannot open the catalogue" in answer.message
    talk.client.close()


def test_the_process_gives_way_to_the_window_and_ends_with_it(tmp_path: Path, starter: str) -> None:
    talk = Talk(tmp_path / "data", starter)
    talk.ask(GetStatus())
    process = talk.client._process
    assert process is not None and process.pid is not None
    if hasattr(os, "getpriority"):
        ours, its = os.getpriority(os.PRIO_PROCESS, 0), os.getpriority(os.PRIO_PROCESS, process.pid)
        assert its == min(19, ours + NICENESS)
    talk.client.close()
    assert process.exitcode is not None


def test_a_data_folder_that_cannot_be_made_is_said_in_answer(tmp_path: Path, starter: str) -> None:
    (tmp_path / "file").write_text("in the way")
    talk = Talk(tmp_path / "file" / "data", starter)
    answer = talk.ask(GetStatus())
    assert isinstance(answer, Failed) and "Cannot use the data folder" in answer.message and answer.hint
    talk.client.close()


def test_a_root_that_is_back_is_online_by_itself(talk: Talk, library: Path) -> None:
    talk.ask(Scan((str(library),)))
    talk.until(lambda m: isinstance(m, JobDone))
    library.rename(library.parent / "unplugged")
    talk.until(lambda m: isinstance(m, Changed))
    assert [root.online for root in talk.ask(GetStatus()).value.roots] == [False]
    (library.parent / "unplugged").rename(library)
    talk.until(lambda m: isinstance(m, Changed))
    assert [root.online for root in talk.ask(GetStatus()).value.roots] == [True]

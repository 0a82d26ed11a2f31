"""Personal models in the engine: hearing by pooled features, training, going back, removing."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from soundsearch.engine import analysing
from soundsearch.engine.hearing import tower_keys
from soundsearch.engine.jobs import Job
from soundsearch.engine.service import Engine
from soundsearch.engine.training import HIDDEN, STALE_S, folder_name
from soundsearch.errors import ModelError, TrainingError
from soundsearch.model.bundle import Bundle, write_manifest
from soundsearch.records import (
    Progress,
    Query,
    TrainingOutcome,
    TrainingPlan,
    TrainingPreview,
    TrainingProgress,
)
from soundsearch.settings import Places
from tests.bundles import tiny, write_tone
from tests.engine.conftest import OpenEngine, run_scan, state

PERSONAL = {
    "clips": 12, "tags": ["kick", "snare"], "before": 0.41, "after": 0.63, "gain": [0.22, 0.1, 0.3], "offered": True,
    "reason": "It finds more.", "report": "report.html",
}  # fmt: skip


def run_job(steps: Generator[Progress, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def tuned(base: Path, folder: Path, *, scale: float = -1.0, **personal: Any) -> Path:
    """A child of a bundle: the base's files and another projection of sound."""
    shutil.copytree(base, folder, dirs_exist_ok=True)
    weights = load_file(base / "model.safetensors")
    changed = {name: scale * tensor for name, tensor in weights.items() if name.startswith("audio_projection.linear2")}
    assert changed
    save_file(changed, folder / "projection.safetensors")
    opened = Bundle.open(base)
    write_manifest(
        folder, name=folder.name, title=folder.name, description="", licence="", front_end=opened.front_end,
        personal={**PERSONAL, "base": {"name": str(base), "title": opened.title, "id": opened.id}, **personal},
    )  # fmt: skip
    return folder


# -- pooled features


def pooled_digests(engine: Engine) -> set[bytes]:
    """What is kept for the chosen model, in whichever precision this machine runs it."""
    return set().union(*map(engine._pooled.digests, tower_keys(engine.chosen.bundle)))


def test_a_child_of_the_same_tower_hears_a_library_without_opening_a_sound(
    open_engine: OpenEngine, library: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine()
    run_scan(engine, library)
    assert len(pooled_digests(engine)) == 12
    child = tuned(tiny_model, engine.places.models / "child")
    decoded = Engine(Places(tmp_path / "decoded"), model=str(child))
    run_scan(decoded, library)
    engine.use_model("child")
    monkeypatch.setattr(analysing, "read", lambda *_: pytest.fail("a sound file was opened"))
    report = run_scan(engine)
    assert report.embedded == 12 and engine.status().embedded == 13
    assert state(engine) == state(decoded)  # the same bytes
    decoded.close()


def test_clips_of_an_offline_root_are_heard_too(engine: Engine, library: Path, tiny_model: Path) -> None:
    run_scan(engine, library)
    tuned(tiny_model, engine.places.models / "child")
    library.rename(library.parent / "unplugged")
    engine.use_model("child")
    run_scan(engine)
    assert engine.status().embedded == 13 and engine.answering.name == "child"


def test_another_tower_hears_by_itself(engine: Engine, library: Path, tmp_path: Path) -> None:
    run_scan(engine, library)
    tiny(tmp_path / "other", seed=1)
    other = Engine(engine.places, model=str(tmp_path / "other"))
    assert run_scan(other).embedded == 12 and len(pooled_digests(other)) == 12
    assert other.chosen.bundle.tower_id != engine.chosen.bundle.tower_id
    other.close()


@pytest.mark.parametrize("damage", ["missing", "garbage", "none wanted"])
def test_without_pooled_features_the_sounds_are_opened(
    open_engine: OpenEngine, library: Path, tiny_model: Path, damage: str
) -> None:
    first = open_engine()
    run_scan(first, library)
    if damage == "none wanted":
        first.change_settings(pooled_limit_mb=0)
    first.close()
    for file in first.places.data_dir.glob("pooled.sqlite*"):
        if damage == "missing":
            file.unlink()
        elif damage == "garbage":
            file.write_bytes(b"garbage" * 1000)
    engine = open_engine()
    tuned(tiny_model, engine.places.models / "child")
    engine.use_model("child")
    assert run_scan(engine).embedded == 12 and engine.verify() == []


@pytest.mark.parametrize("steps", range(0, 8, 2))
def test_a_stopped_projection_goes_on_where_it_stopped(
    open_engine: OpenEngine, library: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr("soundsearch.engine.hearing.PROJECT_BATCH", 2)
    engine = open_engine()
    run_scan(engine, library)
    tuned(tiny_model, engine.places.models / "child")
    engine.use_model("child")
    generator = engine.scan()
    for _ in range(steps):
        next(generator, None)
    generator.close()
    kept = len(engine.chosen.index())
    assert kept + run_scan(engine).embedded == 12
    assert engine.verify() == []


def test_pooled_features_of_forgotten_clips_go(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    write_tone(library / "Low" / "tone 02.wav", 3000.0, seconds=0.3)  # other content under the same name
    run_scan(engine)
    assert pooled_digests(engine) == engine._catalogue.digests() and len(pooled_digests(engine)) == 12
    list(engine.remove_root(str(library)))
    assert pooled_digests(engine) == set()


# -- changing models


def heard_by(engine: Engine) -> str:
    assert engine.search(Query(texts=("a tone",)))
    return engine.answering.name


def test_going_back_is_one_step_and_needs_no_scan(engine: Engine, library: Path, tiny_model: Path) -> None:
    run_scan(engine, library)
    first = engine.chosen.name
    before = state(engine)
    tuned(tiny_model, engine.places.models / "child")
    engine.use_model("child")
    assert heard_by(engine) == first  # until the child has heard as much
    run_scan(engine)
    assert heard_by(engine) == "child"
    assert engine.revert_model().active and heard_by(engine) == first and state(engine) == before
    assert engine.revert_model().name == "child" and heard_by(engine) == "child"


def test_going_back_is_remembered_over_a_restart(open_engine: OpenEngine, library: Path, tiny_model: Path) -> None:
    engine = open_engine()
    run_scan(engine, library)
    first = engine.chosen.name
    tuned(tiny_model, engine.places.models / "child")
    engine.use_model("child")
    engine.use_model("child")  # twice: the way back is not lost
    run_scan(engine)
    engine.close()
    again = Engine(engine.places)
    assert again.chosen.name == "child"
    assert again.revert_model().name == first and heard_by(again) == first
    again.close()


def test_there_is_nothing_to_go_back_to_at_first(engine: Engine) -> None:
    with pytest.raises(ModelError, match="no model to go back to"):
        engine.revert_model()


def test_a_removed_model_takes_its_vectors_along(engine: Engine, library: Path, tiny_model: Path) -> None:
    run_scan(engine, library)
    first = engine.chosen.name
    child = tuned(tiny_model, engine.places.models / "child")
    engine.use_model("child")
    run_scan(engine)
    child_id = engine.chosen.bundle.id
    with pytest.raises(ModelError, match="in use"):
        engine.remove_model("child")
    engine.use_model(first)
    engine.remove_model("child")
    assert not child.exists() and not (engine.places.index / child_id).exists()
    assert engine._catalogue.tallies.heard(child_id) == 0
    assert heard_by(engine) == first
    with pytest.raises(ModelError, match="no model to go back to"):
        engine.revert_model()
    for name in ("child", "starter", "..", str(tiny_model)):
        with pytest.raises(ModelError):
            engine.remove_model(name)
    assert tiny_model.is_dir()


def test_pooled_features_stay_as_long_as_a_model_has_their_tower(
    engine: Engine, library: Path, tiny_model: Path
) -> None:
    shutil.copytree(tiny_model, engine.places.models / "base")
    opened = Bundle.open(tiny_model)
    write_manifest(
        engine.places.models / "base", name="base", title="Base", description="", licence="", front_end=opened.front_end
    )
    tuned(tiny_model, engine.places.models / "one")
    engine.use_model("base")
    run_scan(engine, library)
    towers = tower_keys(engine.chosen.bundle)
    engine.remove_model("one")
    assert len(pooled_digests(engine)) == 12
    engine.use_model("starter")
    engine.remove_model("base")
    assert [engine._pooled.digests(tower) for tower in towers] == [set(), set()]


def test_models_say_on_what_and_how_well(engine: Engine, tiny_model: Path) -> None:
    child = tuned(tiny_model, engine.places.models / "child")
    (child / "report.html").write_text("<p>fine")
    tuned(tiny_model, engine.places.models / "worse", offered=False, reason="It forgot too much.")
    infos = {info.name: info for info in engine.list_models()}
    assert infos["child"].description == "Your sounds: 12 clips, 2 tags. Finds them 41 % → 63 % (mAP@10)."
    assert infos["child"].personal and not infos["child"].reason
    assert infos["child"].report == str(child / "report.html") and infos["worse"].report == ""
    assert infos["worse"].reason == "It forgot too much."
    assert not infos["starter"].personal


# -- training


class FakeTrainer(ModuleType):
    """Stands for `trainer.personal` at the border to it: a bundle in five steps, from the base's files."""

    def __init__(self) -> None:
        super().__init__("trainer.personal")
        self.bases: list[Path] = []
        self.error: Exception | None = None
        self.wait: Callable[[], object] = lambda: None  # in the first step

    def preview(self, plan: TrainingPlan, data_dir: Path, base: Path) -> TrainingPreview:
        if self.error:
            raise self.error
        return TrainingPreview(12, 8, 2, 2, (("low", 6), ("high", 6)), (("/a.wav", ("low",)),), (str(data_dir),))

    def train(
        self, plan: TrainingPlan, data_dir: Path, base: Path, out: Path
    ) -> Generator[Progress, None, TrainingOutcome]:
        self.bases.append(base)
        self.wait()
        for step in range(5):
            loss = 3 - step / 10 if step % 2 else None
            yield TrainingProgress("train", step, 5, "steps", loss=loss, validation=0.4 if step == 2 else None)
            (out / f"half-made {step}").write_text("x")
            if self.error and step == 3:
                raise self.error
        for file in out.iterdir():
            file.unlink()
        tuned(base, out)
        (out / "report.html").write_text("<p>fine")
        return TrainingOutcome(
            plan.name, str(out), 0.4, 0.6, (0.2, 0.1, 0.3), 0.7, 0.7, True, "Better.", str(out / "report.html")
        )


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> FakeTrainer:
    made = FakeTrainer()
    monkeypatch.setitem(sys.modules, "trainer.personal", made)
    return made


def soon(condition: Callable[[], bool]) -> bool:
    """Whether something becomes the case within some seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def left(engine: Engine) -> list[str]:
    return sorted(path.name for path in engine.places.models.iterdir())


def test_a_trained_model_can_be_used_and_undone(
    engine: Engine, library: Path, tiny_model: Path, trainer: FakeTrainer
) -> None:
    run_scan(engine, library)
    first = engine.chosen.name
    outcome = run_job(engine.train(TrainingPlan("Drums & Bass: mine / 2026 ")))
    place = engine.places.models / "drums-bass-mine-2026"
    assert left(engine) == [place.name] and outcome.name == place.name
    assert (outcome.folder, outcome.report) == (str(place), str(place / "report.html"))
    assert trainer.bases == [tiny_model] and heard_by(engine) == first
    engine.use_model(outcome.name)
    assert run_scan(engine).embedded == 12 and heard_by(engine) == outcome.name
    # Training again begins at the base again, and takes another name.
    again = run_job(engine.train(TrainingPlan("Drums & Bass: mine / 2026 ")))
    assert trainer.bases == [tiny_model, tiny_model] and again.name == "drums-bass-mine-2026-2"


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_stopped_training_leaves_nothing(engine: Engine, library: Path, trainer: FakeTrainer, steps: int) -> None:
    generator = engine.train(TrainingPlan("mine"))
    phases = [next(generator).phase for _ in range(steps)]
    generator.close()
    assert phases and soon(lambda: left(engine) == [])


def test_a_step_that_takes_long_keeps_nobody_waiting(engine: Engine, trainer: FakeTrainer) -> None:
    go_on = threading.Event()
    trainer.wait = go_on.wait
    generator = engine.train(TrainingPlan("mine"))
    given = [next(generator) for _ in range(3)]
    assert [progress.phase for progress in given] == ["prepare"] * 3
    generator.close()  # does not wait either
    assert left(engine) != []
    go_on.set()
    assert soon(lambda: left(engine) == [])


def test_numbers_stay_until_there_are_newer_ones(engine: Engine, trainer: FakeTrainer) -> None:
    trainer.wait = lambda: time.sleep(0.01)
    told = [p for p in engine.train(TrainingPlan("mine")) if isinstance(p, TrainingProgress)]
    assert {(p.done, p.loss, p.validation) for p in told} == {
        (0, None, None), (1, 2.9, None), (2, 2.9, 0.4), (3, 2.7, 0.4), (4, 2.7, 0.4)
    }  # fmt: skip


def test_every_step_is_told_in_order(engine: Engine, trainer: FakeTrainer) -> None:
    told = [progress.done for progress in engine.train(TrainingPlan("mine")) if progress.phase == "train"]
    assert sorted(set(told)) == [0, 1, 2, 3, 4] and told == sorted(told)


def test_a_failed_training_leaves_nothing(engine: Engine, trainer: FakeTrainer) -> None:
    trainer.error = TrainingError("Too few clips.", "Add some.")
    with pytest.raises(TrainingError, match="Too few clips"):
        run_job(engine.train(TrainingPlan("mine")))
    assert soon(lambda: left(engine) == [])


def test_what_a_killed_training_left_is_removed_after_a_day(engine: Engine, trainer: FakeTrainer) -> None:
    old, new = engine.places.models / f"{HIDDEN}old", engine.places.models / f"{HIDDEN}new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, times=(time.time() - STALE_S - 60,) * 2)
    run_job(engine.train(TrainingPlan("mine")))
    assert left(engine) == [new.name, "mine"]
    assert [info.name for info in engine.list_models() if info.personal] == ["mine"]


def test_a_preview_is_made_in_another_thread(engine: Engine, trainer: FakeTrainer) -> None:
    think = engine.preview_training(TrainingPlan("mine"))
    heard: list[TrainingPreview] = []
    thread = threading.Thread(target=lambda: heard.append(think()))
    thread.start()
    thread.join()
    assert heard[0].clips == 12 and heard[0].problems == (str(engine.places.data_dir),)


def test_a_missing_trainer_is_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trainer.personal", None)
    with pytest.raises(TrainingError, match="cannot be loaded"):
        run_job(engine.train(TrainingPlan("mine")))


def test_folders_of_the_library(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    assert [(Path(f.path).name, f.clips) for f in engine.folders()] == [("Sounds", 13), ("High", 7), ("Low", 6)]


def test_a_resting_job_says_so_once() -> None:
    def steps() -> Iterator[Progress]:
        yield Progress("train", 1)
        yield Progress("train", 2)

    job = Job(1, steps(), is_training=True)  # type: ignore[arg-type]
    job.step()
    assert job.rest() == Progress("wait") and job.rest() is None
    assert job.step() == Progress("train", 2)  # told at once: it goes on


@given(st.text(max_size=80), st.lists(st.text(max_size=5), max_size=5))
def test_names_of_models_are_names_of_folders(title: str, taken: list[str]) -> None:
    name = folder_name(title, taken)
    assert name and len(name.encode()) <= 64 and not name.startswith((".", "-"))
    assert all(c.isalnum() or c == "-" for c in name)
    assert name.casefold() not in {other.casefold() for other in taken}
    assert folder_name(title, [*taken, name]) != name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("My sounds", "my-sounds"),
        ("  ../../etc ", "etc"),
        ("CON", "my-con"),
        ("…", "my-sounds"),
        ("Größe 2", "größe-2"),
        ("録音", "録音"),
    ],
)
def test_names_that_people_give(title: str, name: str) -> None:
    assert folder_name(title, []) == name

"""The map: near is alike, it is the same every time, and what comes later finds its place."""

from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.engine import atlas
from soundsearch.engine.atlas import Atlas, draw
from soundsearch.engine.mapping import _cluster_names
from soundsearch.engine.service import Engine
from soundsearch.records import FloatArray, Progress
from tests.engine.conftest import run_scan

R = TypeVar("R")


def end(steps: Generator[Progress, None, R]) -> R:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: R = stop.value
            return value


def crowds(n: int, seed: int = 0) -> tuple[FloatArray, np.ndarray]:
    """Unit vectors of four kinds, (n, 16), and which kind each is."""
    draw_from = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(4, 16))
    kind = draw_from.integers(4, size=n)
    rows = centres[kind] + 0.4 * draw_from.normal(size=(n, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), kind


def own_kind(places: FloatArray, kind: np.ndarray) -> float:
    """How often the nearest on the map is of the same kind."""
    distance = ((places[:, None] - places[None]) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    return float((kind[distance.argmin(1)] == kind).mean())


@pytest.fixture(scope="module")
def drawn() -> tuple[Atlas, FloatArray, np.ndarray]:
    vectors, kind = crowds(160)
    return end(draw(np.arange(160), vectors.__getitem__)), vectors, kind


def test_what_is_alike_stands_together(drawn: tuple[Atlas, FloatArray, np.ndarray]) -> None:
    atlas_, _, kind = drawn
    assert own_kind(atlas_.places, kind) > 0.95
    assert np.abs(atlas_.places).max() <= 1


def test_it_is_drawn_alike_whatever_the_order(drawn: tuple[Atlas, FloatArray, np.ndarray]) -> None:
    before, vectors, _ = drawn
    order = np.random.default_rng(1).permutation(160)
    again = end(draw(order, vectors[order].__getitem__))
    assert np.array_equal(again.ids, before.ids)
    assert np.array_equal(again.places, before.places)
    assert np.array_equal(again.clusters, before.clusters)


def test_newcomers_stand_with_their_kind_and_all_others_where_they_were(
    drawn: tuple[Atlas, FloatArray, np.ndarray],
) -> None:
    before, vectors, kind = drawn
    more, more_kind = crowds(60, seed=5)
    gone = np.arange(0, 160, 10)
    ids = np.setdiff1d(np.arange(220), gone)
    now = end(draw(ids, np.concatenate([vectors, more])[ids].__getitem__, before))
    stayed = ids[ids < 160]
    assert np.array_equal(now.places[ids < 160], before.places[stayed])
    assert own_kind(now.places, np.concatenate([kind, more_kind])[ids]) > 0.9


def test_a_library_that_outgrew_its_map_gets_another() -> None:
    few, _ = crowds(12)
    many, kind = crowds(120, seed=7)
    before = end(draw(np.arange(12), few.__getitem__))
    now = end(draw(np.arange(12, 132), many.__getitem__, before))
    assert now.is_landmark.all()
    assert own_kind(now.places, kind) > 0.9


def test_beyond_the_landmarks_all_are_placed_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas, "LANDMARKS", 100)
    vectors, kind = crowds(400)
    drawn = end(draw(np.arange(400), vectors.__getitem__))
    assert drawn.is_landmark.sum() == 100
    assert own_kind(drawn.places, kind) > 0.9
    assert len(np.unique(drawn.places, axis=0)) == 400


@settings(max_examples=20, deadline=None)
@given(n=st.integers(0, 9), seed=st.integers(0, 9))
def test_few_clips_have_a_map_too(n: int, seed: int) -> None:
    vectors, _ = crowds(n, seed)
    drawn = end(draw(np.arange(n), vectors.__getitem__))
    assert drawn.places.shape == (n, 2)
    assert np.isfinite(drawn.places).all()
    assert len(np.unique(drawn.places, axis=0)) == n


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"nonsense", lambda data: b""])
def test_a_damaged_map_is_drawn_again(
    damage: object, drawn: tuple[Atlas, FloatArray, np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "maps" / "m.npz"
    drawn[0].save(path)
    loaded = Atlas.load(path)
    assert loaded is not None
    assert np.array_equal(loaded.places, drawn[0].places)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    assert Atlas.load(path) is None
    assert Atlas.load(tmp_path / "none.npz") is None


def test_the_engine_keeps_its_map(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    drawn = end(engine.draw_map())
    assert sorted(drawn.clip_ids) == sorted(clip.id for clip in engine.clips(range(1, 1000)) if clip.state == "ready")
    assert drawn.folders.names[-1] == "Others"
    assert set(drawn.folders.of) <= set(range(len(drawn.folders.names)))
    kept = [file.read_bytes() for file in engine.places.maps.iterdir()]
    again = end(engine.draw_map())
    assert np.array_equal(again.places, drawn.places)
    assert [file.read_bytes() for file in engine.places.maps.iterdir()] == kept
    assert np.array_equal(end(engine.draw_map(anew=True)).places, drawn.places)


def test_an_empty_library_has_an_empty_map(engine: Engine) -> None:
    assert len(end(engine.draw_map())) == 0


def test_groups_are_named_by_what_is_in_them_and_never_by_a_number_alone() -> None:
    words = [("Music", "Loops")] * 4 + [("Music",)] * 3 + [("Drums",)] * 3 + [()]
    clusters = np.array([0] * 4 + [1] * 3 + [2] * 3 + [3], np.uint8)
    assert _cluster_names(clusters, words) == ("Loops", "Music", "Drums", "Group 1")
    again = np.array([0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3], np.uint8)
    names = _cluster_names(again, [("Music",)] * 7 + [("Drums",)] * 3 + [()])
    assert names == ("Music", "Music 2", "Drums", "Group 1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from soundsearch.engine.service import Engine
from soundsearch.records import ScanReport
from soundsearch.settings import Places
from tests.bundles import small_library
from tests.listed import listed

OpenEngine = Callable[[], Engine]


@pytest.fixture
def open_engine(tmp_path: Path, tiny_model: Path) -> Iterator[OpenEngine]:
    """Opens engines on one data folder with the tiny model."""
    engines: list[Engine] = []

    def open_one(**options: Any) -> Engine:
        engines.append(Engine(Places(tmp_path / "data"), model=str(tiny_model), **options))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(open_engine: OpenEngine) -> Engine:
    return open_engine()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return small_library(tmp_path / "Sounds")


def run_scan(engine: Engine, *roots: Path) -> ScanReport:
    """Drive a scan to its end."""
    steps = engine.scan([str(root) for root in roots])
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def state(engine: Engine) -> dict[str, Any]:
    """All that a catalogue holds and that must not depend on how a scan came to its end: by path, ids left out."""
    catalogue = engine._catalogue
    clips = catalogue.clips([clip for root in catalogue.roots() for clip in listed(catalogue, root.id).values()])
    vectors = dict(
        catalogue._db.query(
            "SELECT clips.path, vector FROM clips JOIN embeddings USING (content_id) WHERE bundle = ?",
            (engine.chosen.bundle.id,),
        )
    )
    return {
        "clips": sorted((c.path, c.state, c.reason, c.duration_s, c.format, c.tags, c.peaks) for c in clips),
        "vectors": vectors,
        "index": sorted(row.tobytes() for row in engine.chosen.index().vectors),
    }

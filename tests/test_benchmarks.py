"""Each benchmark runs, small, and what it says holds together; how fast things are is not judged here."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import (
    frontend,
    growth,
    large_scan,
    memory,
    moments,
    queries,
    recordings,
    rescan,
    scanning,
    search,
    startup,
    tower,
)
from tests.bundles import tiny


def small_tower(_folder: Path) -> tuple[dict[str, Any], str]:
    result = tower.measure("htsat-nano-fused", 1, 2, 64, apart=False)
    assert 0 < result["gflop_per_clip"] < 5
    return result, tower.as_markdown(result)


def small_front_end(_folder: Path) -> tuple[dict[str, Any], str]:
    result = frontend.measure(1, {1.0: 101, 12.0: 2_900})
    return result, frontend.as_markdown(result)


def small_scan(folder: Path) -> tuple[dict[str, Any], str]:
    model = tiny(folder / "tiny")
    result = scanning.measure(model, model, folder, 3, 1, rival=False, apart=False)  # librosa takes long to import
    assert result["mean_s"] > scanning.SHORTEST_S
    return result, scanning.as_markdown(result)


def small_search(folder: Path) -> tuple[dict[str, Any], str]:
    result = search.report([1500], folder, 2, ["hnswlib"], with_graph=True)
    of_each = [row for rows in result["results"]["1,500 clips"]["searches"].values() for row in rows]
    assert min(row["recall"] for row in of_each if row["engine"] == "soundsearch, scan") == 1
    return result, search.as_markdown(result)


def small_rescan(folder: Path) -> tuple[dict[str, Any], str]:
    result = rescan.measure(folder, 300, 2)
    return result, rescan.as_markdown(result)


def small_queries(folder: Path) -> tuple[dict[str, Any], str]:
    result = queries.measure(folder, tiny(folder / "tiny"), 300, 2)
    return result, queries.as_markdown(result)


def small_growth(folder: Path) -> tuple[dict[str, Any], str]:
    result = growth.measure([1000, 1500], folder)
    result["whole"] = large_scan.measure(folder / "libraries", [20, 40], 2, 1, str(tiny(folder / "tiny")))
    assert "| 40 |" in large_scan.as_markdown(result["whole"])
    growth.draw(result, folder / "growth.svg")
    assert (folder / "growth.svg").read_text().count("<circle") == 2 * 6
    return result, growth.as_markdown(result)


def small_memory(folder: Path) -> tuple[dict[str, Any], str]:
    result = memory.measure(folder / "sounds", folder / "data", 6, 0.1, str(tiny(folder / "tiny")))
    assert 0 < len(result["course"]) <= 6 and result["peak_mb"] >= result["end_mb"]["resident"]
    table = memory.as_markdown(result)
    for part in ("growth_mb_per_1000", "course", "settled_after"):  # which may well be, or begin with, none
        del result[part]
    return json.loads(json.dumps(result)), table


def small_start_up(folder: Path) -> tuple[dict[str, Any], str]:
    result = startup.measure(folder / "data", 1, warm_up=False)
    seconds = result["seconds"]
    assert seconds["soundsearch"]["median"] > seconds["an empty window"]["median"]
    return result, startup.as_markdown(result)


def small_recordings(folder: Path) -> tuple[dict[str, Any], str]:
    model = tiny(folder / "tiny")
    result = recordings.measure(model, model, folder, 1, 0.1, 1, rival=False, apart=False)
    return result, recordings.as_markdown(result)


@pytest.mark.parametrize(
    "run",
    [
        small_tower,
        small_front_end,
        small_scan,
        small_recordings,
        small_search,
        small_rescan,
        small_queries,
        small_growth,
        small_memory,
        small_start_up,
    ],
)
def test_it_runs_and_gives_numbers(run: Callable[[Path], tuple[dict[str, Any], str]], tmp_path: Path) -> None:
    result, table = run(tmp_path)
    assert all(math.isfinite(number) and number > 0 for number in numbers(result) if number is not None)
    assert json.loads(json.dumps(result)) == result
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    assert len({row.count("|") for row in rows}) == 1, "a table has as many cells in each row"


def test_moments_are_looked_for_in_recordings(shared_data: Path) -> None:
    result = moments.measure(shared_data, [60.0, math.inf], 2, 0.2, "train", 1)
    assert [row["found"] for row in result["found"]] == [row["lone"] for row in result["found"]]  # louder than all else
    of_sounds = [row for row in result["found"] if row["query"] == "sound"]
    assert [row["level"] for row in of_sounds] == [60, None]
    assert all(row["lone"] == row["first_of_clips"] == row["found_of_those"] == 2 for row in of_sounds)


def numbers(table: Any) -> list[float]:
    """The measured ones: all but the load of the machine, which may be 0."""
    if isinstance(table, dict):
        return [n for key, value in table.items() if key not in ("machine",) for n in numbers(value)]
    return [float(table)] if isinstance(table, int | float) else []

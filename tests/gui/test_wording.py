import re
from pathlib import Path

import pytest

from soundsearch.gui import wording
from soundsearch.records import Progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (0.25, "0:00.2"), (59.94, "0:59.9"), (59.96, "1:00"), (205, "3:25"), (3725.4, "1:02:05")],
)
def test_clock(seconds: float, text: str) -> None:
    assert wording.clock(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0004, "1 ms"), (0.0123, "12 ms"), (0.095, "0:00.1"), (3, "0:03.0")])
def test_length(seconds: float, text: str) -> None:
    assert wording.length(seconds).replace(wording.NUMBER_SPACE, " ") == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(12, "12 bytes"), (1_500, "1.5 kB"), (614_000_000, "614 MB"), (1_400_000_000, "1.4 GB")]
)
def test_size(n_bytes: int, text: str) -> None:
    assert wording.size(n_bytes).replace(wording.NUMBER_SPACE, " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "a few seconds"), (44, "40 s"), (240, "4 min"), (7_800, "2 h 10 min")]
)
def test_time_left(seconds: float, text: str) -> None:
    assert wording.time_left(seconds) == text


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("list"), "looking for sounds"),
        (Progress("list", 812), "looking for sounds · 812 so far"),
        (
            Progress("analyse", 3_201, 12_480, "clips", 41.3),
            "analysing 3,201 of 12,480 · 41/s · 4 min left",
        ),
        (Progress("analyse", 9, 9, "clips", 2.5), "analysing 9 of 9 · 2.5/s"),
        (
            Progress("download", 120_000_000, 614_000_000, "bytes", 3_200_000),
            "downloading 120 MB of 614 MB · 3.2 MB/s · 3 min left",
        ),
    ],
)
def test_progress(progress: Progress, text: str) -> None:
    assert wording.progress(progress).replace(wording.NUMBER_SPACE, " ") == text


def test_counts_have_their_noun() -> None:
    assert wording.count(1, "clip") == "1 clip"
    assert wording.count(12_480, "clip") == "12,480 clips"


def test_every_phase_of_a_job_has_words() -> None:
    root = Path(wording.__file__).parents[1]
    files = [*root.rglob("*.py"), *(root.parent / "trainer").rglob("*.py")]
    sources = [path.read_text(encoding="utf-8") for path in files]
    phases = {phase for source in sources for phase in re.findall(r'Progress\("(\w+)"', source)}
    assert len(phases) > 15
    assert phases <= set(wording.PHASES)

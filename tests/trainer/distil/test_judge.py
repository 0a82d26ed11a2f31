"""The starter's exam itself: its questions have the answers that it takes for right; the card says what was found."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks import starter_card, starter_long, starter_words
from benchmarks.starter import measure_table
from benchmarks.starter_exam import Outcome, alike, is_one_shot, retrieval, zero_shot
from trainer.data import Item

RATE = starter_words.RATE


def tone(hz: float, seconds: float = 1.0, peak: float = 0.5) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def test_signal_numbers_order_sounds_as_an_ear_would() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert 2 ** starter_words.brightness(tone(4000)) == pytest.approx(4000, rel=0.02)
    assert starter_words.length(tone(440, 2.0)) - starter_words.length(tone(440, 0.5)) == pytest.approx(2, abs=0.02)
    louder = starter_words.loudness(tone(440, peak=0.5)) - starter_words.loudness(tone(440, peak=0.05))
    assert louder == pytest.approx(20, abs=0.1)
    assert starter_words.tonality(tone(440)) > starter_words.tonality(noise) + 20
    glide = 220 * 2 ** np.linspace(0, 1, RATE)
    up = np.sin(2 * np.pi * np.cumsum(glide) / RATE).astype(np.float32)
    assert starter_words.rise(up) == pytest.approx(12, abs=1.5)
    assert starter_words.rise(up[::-1]) == pytest.approx(-12, abs=1.5)
    assert np.isnan(starter_words.rise(noise))


def test_generated_pairs_are_the_same_each_time_and_say_nothing_but_the_truth() -> None:
    once, again = starter_words.generated(4), starter_words.generated(4)
    for name, word in starter_words.WORDS.items():
        assert len(once[name]) == 4
        for pair, same in list(zip(once[name], again[name], strict=True)):
            assert np.array_equal(pair.high, same.high) and pair.noun == same.noun
            assert word.of(pair.high) - word.of(pair.low) >= word.apart


def test_a_model_that_leans_the_right_way_is_right() -> None:
    word = starter_words.WORDS["bright/dark"]

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.array([[1.0, 0.0] if "bright" in text else [0.0, 1.0] for text in texts], np.float32)

    leaning = starter_words.lean(np.array([[0.8, 0.6], [0.6, 0.8]], np.float32), word, ["hit", "hit"], embed)
    assert leaning[0] > 0 > leaning[1]


def item(name: str, group: str, label: str = "", tags: tuple[str, ...] = (), caption: str = "") -> Item:
    return Item(name, (caption,) if caption else (), label, tags, group=group)


def test_other_takes_of_the_same_recording_do_not_count() -> None:
    clips = [item("a", "one", "kick"), item("b", "one", "kick"), item("c", "two", "kick"), item("d", "three", "rain")]
    audio = np.eye(4, dtype=np.float32)
    audio[0] = audio[1]  # the take of the same recording is nearest
    _, outcome = alike("set", clips, audio)
    # d has nobody to be found; a and b are right about c alone, which is among the ten whatever its rank.
    assert outcome.values.tolist() == [1.0, 1.0, 1.0]
    assert outcome.clusters == ("one", "one", "two")


def test_a_tag_that_says_where_a_clip_is_from_makes_no_two_clips_alike() -> None:
    clips = [item("a", "one", "kick", ("drums", "one-shot")), item("b", "two", "snare", ("drums", "one-shot"))]
    assert len(alike("set", clips, np.eye(2, dtype=np.float32))[1].values) == 0


def test_perfect_and_useless_models_get_what_they_deserve() -> None:
    clips = [item(str(i), str(i), label=f"l{i}", caption=f"c{i}") for i in range(12)]
    place = {f"c{i}": row for i, row in enumerate(np.eye(12, dtype=np.float32))}
    for audio, wanted in ((np.eye(12, dtype=np.float32), 1.0), (np.ones((12, 12), np.float32), 0.0)):
        found = dict(retrieval("set", clips, audio, lambda texts: np.stack([place[text] for text in texts])))
        assert found["set: text to clip, R@1"].measure.value == wanted
    classes = [f"l{i}" for i in range(12)]
    place = {f"l{i}": row for i, row in enumerate(np.roll(np.eye(12, dtype=np.float32), 1, axis=0))}

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.stack([place[text] for text in texts])

    _, outcome, confusion = zero_shot("set", clips, np.eye(12, dtype=np.float32), classes, classes, embed)
    assert outcome.values.sum() == 0 and confusion.sum() == 12 and np.trace(confusion) == 0


def test_one_shots_are_told_by_their_folder() -> None:
    for path, one_shot in (
        ("/data/library/Drums/Kits/a.wav", True),
        ("/data/library/UI & Notifications/b.ogg", True),
        ("/data/library/FX/Game/c.ogg", False),
        ("/data/library/Loops/Beats/d.ogg", False),
    ):
        assert is_one_shot(item(path, "")) is one_shot


def test_long_clips_hold_what_they_are_asked_for() -> None:
    rng = np.random.default_rng(1)
    bed = item("bed", "bed", "rain", caption="rain")
    clips = [(bed, 0.1 * rng.standard_normal(5 * RATE).astype(np.float32))]
    clips += [(item(str(i), str(i), "hit", caption=f"hit {i}"), tone(200 + 50 * i, 0.5)) for i in range(14)]
    inside, joined = starter_long.build(clips, 5, RATE)
    assert len(inside) == 5 and all(20 * RATE <= len(one.samples) <= 120 * RATE for one in inside)
    assert {one.texts["bed"] for one in inside} == {"rain"} and len({one.texts["event"] for one in inside}) == 5
    assert all(len(one.samples) > 10 * RATE and np.abs(one.samples).max() <= 1 for one in (*inside, *joined))
    parts = [text for one in joined for text in one.texts.values()]
    assert joined and len(parts) == len(set(parts))


def test_the_card_is_renewed_between_its_marks_alone(tmp_path: Path) -> None:
    (tmp_path / "training-data.csv").write_text("licence\nCC0-1.0\nMIT\nMIT\n")
    (tmp_path / "generated.csv").write_text("clips,author,licence,source\n7,Ann,MIT,Notes of a font.\n")
    kept = "<!-- measured: speed -->\nkept\n<!-- end -->\n"
    card = f"before\n<!-- measured: training -->\nold\n<!-- end -->\nbetween\n{kept}"
    renewed = starter_card.refreshed(card, {}, tmp_path)
    assert (
        "old" not in renewed
        and "| 3 | MIT 2, CC0-1.0 1 |" in renewed
        and "| Notes of a font. | 7 | MIT, Ann |" in renewed
    )
    assert renewed.startswith("before\n") and f"between\n{kept}" in renewed
    assert starter_card.refreshed(renewed, {}, tmp_path) == renewed


def test_the_table_has_a_column_of_seeds_only_if_there_are_several() -> None:
    one = {"value": 0.5, "low": 0.4, "high": 0.6}
    models = {"untrained": one, "random 1": one, "bundle 1": one, "bundle 2": one}
    row = {"a": {"questions": 2, "models": models, "gain": {"value": -0.1, "low": -0.2, "high": 0.0}}}
    assert "| a | 50.0 | 50.0 (40 to 60) | 50.0 (40 to 60) | -10.0 (-20 to +0) |" in measure_table(row, 1)
    assert measure_table(row, 2).endswith("| 50.0 / 50.0 |")


def test_the_shipped_card_has_every_part_and_the_manifest_its_checksum() -> None:
    model = Path(__file__).parents[3] / "resources" / "model"
    card = (model / "MODEL_CARD.md").read_text(encoding="utf-8")
    for name in starter_card.PARTS:
        part = card.partition(f"<!-- measured: {name} -->\n")[2].partition("<!-- end -->")[0]
        assert part.strip(), f"nothing was measured for {name}"
    listed = json.loads((model / "soundsearch.json").read_text(encoding="utf-8"))["files"]["MODEL_CARD.md"]
    assert listed["size"] == (model / "MODEL_CARD.md").stat().st_size


def test_an_outcome_is_as_sure_as_its_clusters_are_many() -> None:
    values = np.repeat([0.0, 1.0], 50)
    alone = Outcome(values, tuple(map(str, range(100)))).measure
    together = Outcome(values, ("a",) * 50 + ("b",) * 50).measure
    assert together.high - together.low > alone.high - alone.low

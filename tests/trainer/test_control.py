"""The control list that is shipped: it can be read and asked, its credits are whole, and it tells models apart."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from soundsearch.audio.features import load_features
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder
from soundsearch.settings import resource
from trainer import control
from trainer.evaluate import class_texts, paired, zero_shot_hits


def test_the_list_is_large_small_and_free_enough() -> None:
    items = control.control_items()
    folder = resource("control")
    assert len(items) >= 200
    assert len({item.class_name for item in items}) >= 24
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 3_500_000
    assert {item.path for item in items} == {str(path) for path in (folder / "audio").iterdir()}
    assert max(Counter(item.class_name for item in items).values()) <= 8
    assert all(
        item.author and item.title and item.group and item.licence_class in ("public-domain", "attribution")
        for item in items
    )


def test_every_clip_is_credited_where_a_person_reads_it() -> None:
    credits = resource("control/ATTRIBUTION.md").read_text(encoding="utf-8")
    for item in control.control_items():
        (line,) = [line for line in credits.splitlines() if line.startswith(f"| {Path(item.path).name} ")]
        assert item.author in line
        assert item.licence in line
        assert (item.url or item.source) in line


def test_prompts_name_their_class_and_every_clip_has_one() -> None:
    prompts = control.control_prompts()
    assert list(prompts) == sorted(prompts)
    assert all(name in text for name, texts in prompts.items() for text in texts)
    items = control.control_items()
    assert [list(prompts)[number] for number in control.control_truth(items)] == [item.class_name for item in items]


def test_the_shipped_model_is_neither_at_the_floor_nor_at_the_ceiling() -> None:
    """Three clips of each class are enough to see it; what a destroyed model loses is seen with its interval."""
    bundle = Bundle.open(resource("model"))
    encoder = ClapEncoder(bundle, "cpu")
    seen: Counter[str] = Counter()
    items = []
    for item in control.control_items():
        seen[item.class_name] += 1
        if seen[item.class_name] <= 3:
            items.append(item)
    audio = encoder.embed_features([load_features(item.path, bundle.front_end) for item in items])
    prompts = control.control_prompts()
    texts = np.stack([encoder.embed_texts(texts).mean(axis=0) for texts in prompts.values()])
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    truth = control.control_truth(items)
    groups = [item.group for item in items]
    measured = control.accuracy(audio, texts, truth, groups)
    assert 0.6 < measured.value < 0.95
    assert measured.low < measured.value < measured.high
    noise = np.random.default_rng(0).normal(size=audio.shape).astype(np.float32)
    loss = paired(zero_shot_hits(audio, texts, truth), zero_shot_hits(noise, texts, truth), clusters=groups)
    assert loss.high < -0.4


def test_class_texts_average_the_prompts_and_read_underscores_as_spaces() -> None:
    asked: list[str] = []

    def embed(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.eye(4, dtype=np.float32)[[len(asked) - 1]]

    rows = class_texts(["car_horn"], ["{label}", "a {label}"], embed)  # type: ignore[arg-type]
    assert asked == ["car horn", "a car horn"]
    assert rows == pytest.approx(np.array([[0.5**0.5, 0.5**0.5, 0, 0]]))


def test_the_table_keeps_what_a_reader_of_csv_expects() -> None:
    with resource("control/control.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["trained_on"] for row in rows} == {"yes", "no"}
    assert all("\n" not in value for row in rows for value in row.values())

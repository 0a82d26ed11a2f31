"""Splits: what belongs together stays together, given splits are kept, leaks are named."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer import splits
from trainer.data import Item
from trainer.splits import near_duplicates, split

PARTS = {"train", "validation", "test"}


def clips(count: int, **fields: str) -> list[Item]:
    """Items that no two share their sound."""
    return [Item(f"{k}", (), tags=(f"tag {k % 5}",), digest=str(k), **fields) for k in range(count)]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_shares_and_tags_are_spread() -> None:
    made = split(clips(400), None, seed=1)
    sizes = Counter(item.split for item in made.items)
    assert sizes["validation"] == pytest.approx(60, abs=6) and sizes["test"] == pytest.approx(80, abs=6)
    for part in PARTS:
        tags = Counter(item.tags[0] for item in made.items if item.split == part)
        assert len(tags) == 5 and max(tags.values()) - min(tags.values()) <= 2
    assert not made.leaks and not made.notes


def test_a_tag_of_one_group_is_there_to_be_learned() -> None:
    items = [*clips(100), *(Item(f"rare {k}", (), tags=(f"rare {k}",), digest=f"r{k}") for k in range(5))]
    made = split(items, None, seed=2)
    rare = [item.split for item in made.items if item.path.startswith("rare")]
    assert rare.count("train") >= 3


@pytest.mark.parametrize("count", [15, 16, 20, 36])
def test_a_small_source_still_holds_out_enough_to_prove_something(count: int) -> None:
    items = [Item(f"{k}", (), tags=(f"tag {k}",), digest=str(k)) for k in range(count)]
    sizes = Counter(item.split for item in split(items, None, seed=3).items)
    assert min(sizes[part] for part in PARTS) >= splits.LEAST


names = st.sampled_from(["", "", "a", "b", "c", "d"])
some_items = st.lists(
    st.builds(
        Item,
        path=st.uuids().map(str),
        captions=st.just(()),
        tags=st.lists(st.sampled_from(["kick", "snare", "rain"]), max_size=2).map(tuple),
        group=names,
        pack=names.map(lambda name: name and f"pack {name}"),
        digest=st.integers(0, 30).map(str),
        split=st.sampled_from(["", "train", "validation", "test"]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(some_items, st.integers(0, 5))
def test_nothing_that_belongs_together_is_ever_on_two_sides(items: list[Item], seed: int) -> None:
    made = split(items, None, seed=seed)
    assert [item.path for item in made.items] == [item.path for item in items]
    assert {item.split for item in made.items} <= PARTS
    large = {pack for pack, n in Counter(i.pack for i in items).items() if n > splits.LARGEST_PACK * len(items)}
    sides: dict[str, set[str]] = defaultdict(set)
    for item in made.items:
        for key in (f"group {item.group}" * bool(item.group), f"digest {item.digest}", item.pack):
            if key and key not in large:
                sides[key].add(item.split)
    assert all(len(side) == 1 for side in sides.values())
    assert split(items, None, seed=seed) == made


@settings(max_examples=60, deadline=None)
@given(some_items, st.integers(0, 5))
def test_only_leaks_move_what_a_source_held_out(items: list[Item], seed: int) -> None:
    made = split(items, None, seed=seed)
    told = {path for leak in made.leaks for path in leak.paths}
    has_test = any(item.split == "test" for item in items)
    kept_test = any(item.split == "test" and item.path not in told for item in items)
    for before, after in zip(items, made.items, strict=True):
        if before.split in ("validation", "test") and before.path not in told:
            assert after.split == (before.split if has_test else "test")
        if before.path in told:
            assert after.split != "test" or not kept_test


def test_a_leak_is_named_and_mended() -> None:
    items = [
        *(Item(f"{k}.wav", (), group="", digest=f"{k}", split="train" if k < 8 else "test") for k in range(10)),
        Item("kick.wav", (), group="take 7", digest="k1", split="train"),
        Item("kick again.wav", (), group="take 7", digest="k2", split="test"),
    ]
    made = split(items, None, validation=0.2, seed=0)
    (leak,) = made.leaks
    assert leak.paths == ("kick.wav", "kick again.wav") and leak.splits == ("train", "test")
    assert "kick again.wav" in str(leak) and "the same group take 7" in str(leak)
    assert [item.split for item in made.items[-2:]] in (["train"] * 2, ["validation"] * 2)
    assert [item.split for item in made.items[8:10]] == ["test"] * 2


def test_validation_is_taken_from_train_where_the_source_gives_none() -> None:
    items = [Item(str(k), (), digest=str(k), split="train" if k < 80 else "validation") for k in range(100)]
    sizes = Counter(item.split for item in split(items, None, seed=0).items)
    assert sizes["test"] == 20, "the one held-out split is the proof"
    assert 5 <= sizes["validation"] <= 20 and sum(sizes.values()) == 100


def test_a_pack_that_is_nearly_everything_is_divided_and_that_is_said() -> None:
    items = [Item(str(k), (), digest=str(k), pack="Big Pack" if k < 80 else "") for k in range(100)]
    made = split(items, None, seed=0)
    assert "Big Pack" in made.notes[0] and "80 of 100" in made.notes[0]
    assert {item.split for item in made.items if item.pack} == PARTS
    small = [Item(str(k), (), digest=str(k), pack=f"pack {k // 10}") for k in range(100)]
    made = split(small, None, seed=0)
    assert not made.notes
    assert all(len({item.split for item in made.items if item.pack == f"pack {p}"}) == 1 for p in range(10))


def test_identical_sound_in_another_container_stays_on_one_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    items = []
    for k in range(12):
        samples = rng.integers(-9000, 9000, 2000).astype(np.int16)
        for kind in ("wav", "flac"):
            soundfile.write(tmp_path / f"{k}.{kind}", samples, 44_100, subtype="PCM_16")
            items.append(Item(str(tmp_path / f"{k}.{kind}"), ()))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    made = split([*items, Item(str(tmp_path / "broken.wav"), ())], None, seed=3)
    assert made.together == 12
    for k in range(12):
        assert made.items[2 * k].split == made.items[2 * k + 1].split


def test_near_duplicates_by_embedding_stay_on_one_side() -> None:
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((60, 32)))
    rows[1::2] = unit(rows[::2] + 0.01 * rng.standard_normal((30, 32)))
    made = split(clips(60), rows, seed=0)
    assert made.together == 30
    assert all(made.items[k].split == made.items[k + 1].split for k in range(0, 60, 2))
    given_splits = [Item(str(k), (), split="train" if k % 2 else "test") for k in range(60)]
    leaks = split(given_splits, rows, seed=0).leaks
    assert len(leaks) == 30 and "cosine 0.99" in leaks[0].reason


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 100))
def test_blocks_find_the_same_pairs_as_one_product(count: int, block: int, seed: int) -> None:
    rows = unit(np.random.default_rng(seed).standard_normal((count, 3)))
    alike = rows.astype(np.float64) @ rows.T.astype(np.float64)
    expected = {(a, b) for a in range(count) for b in range(a + 1, count) if alike[a, b] >= 0.9}
    before, splits.BLOCK = splits.BLOCK, block
    try:
        found = {(a, b) for a, b, _ in near_duplicates(rows, 0.9)}
    finally:
        splits.BLOCK = before
    borderline = {(a, b) for a, b in expected ^ found if abs(alike[a, b] - 0.9) < 1e-5}
    assert found ^ expected == borderline

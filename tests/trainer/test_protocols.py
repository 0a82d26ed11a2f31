"""What is measured on each kind of data set, with hand-made embeddings, and the rows of the paper's tables."""

import numpy as np
import pytest

from soundsearch.errors import TrainingError
from soundsearch.records import FloatArray
from trainer import protocols
from trainer.data import Item
from trainer.evaluate import ENSEMBLE, PAPER_PROMPT


class Words:
    """Embeds a text by the first of the known words in it; others fall on an axis of their own."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> FloatArray:
        self.asked += texts
        axes = [next((k for k, word in enumerate(self.words) if word in text), len(self.words)) for text in texts]
        return np.eye(len(self.words) + 1, dtype=np.float32)[axes]

    def audio(self, *heard: str) -> FloatArray:
        return self(list(heard))


def test_captions_one_and_five() -> None:
    """The second captions are nonsense: with one of each clip all are found, with two half of the pooled searches."""
    embed = Words("dog", "cat", "rain")
    items = [Item(word, (f"a {word} {k}", f"nonsense {k}")) for k, word in enumerate(("dog", "cat", "rain"))]
    audio = embed.audio("dog", "cat", "rain")
    one = protocols.caption_table(items, audio, embed, 1)
    assert (one["text_to_audio"]["queries"], one["audio_to_text"]["candidates"]) == (3, 3)
    assert one["text_to_audio"]["recall_1"]["value"] == one["audio_to_text"]["map_10"]["value"] == 1
    two = protocols.caption_table(items, audio, embed, 2)
    assert two["text_to_audio"]["queries"] == 6
    assert two["text_to_audio"]["recall_1"]["value"] == pytest.approx(0.5)
    assert two["audio_to_text"]["recall_1"]["value"] == 1
    # The nonsense ties with five wrong texts: rank 5 with the four others before it, (1 + 2 / 6) / 2.
    assert two["audio_to_text"]["map_10"]["value"] == pytest.approx((1 + 2 / 6) / 2)
    assert two["captions_per_clip"] == 2


def test_classes_are_asked_by_the_papers_prompt_and_by_the_ensemble() -> None:
    embed = Words("dog bark", "siren")
    items = [Item("a", (), class_name="dog_bark", group="x"), Item("b", (), class_name="siren", group="x")]
    table = protocols.class_table(items, ["dog_bark", "siren"], embed.audio("dog bark", "siren"), embed, [PAPER_PROMPT])
    assert "This is a sound of dog bark." in embed.asked
    assert table["zero_shot"]["top_1"] == {"value": 1, "low": 1, "high": 1}
    assert table["zero_shot"]["prompts"] == [PAPER_PROMPT]
    assert table["zero_shot_ensemble"]["prompts"] == list(ENSEMBLE)


def test_several_labels_each() -> None:
    embed = Words("dog", "siren")
    items = [Item("a", (), tags=("dog",)), Item("b", (), tags=("siren",)), Item("c", (), tags=("dog", "siren"))]
    audio = np.array([[1, 0, 0], [0, 1, 0], [0.7, 0.7, 0]], np.float32)
    table = protocols.tag_table(items, ["dog", "siren"], audio, embed, [PAPER_PROMPT])
    assert table["zero_shot"]["map"] == 1
    assert table["tag_to_audio"]["map_10"]["value"] == 1
    assert "top_1" not in table["zero_shot"]


def learnable(clips: int, splits: list[str]) -> tuple[list[Item], FloatArray]:
    rng = np.random.default_rng(3)
    owner = np.arange(clips) % 2
    audio = np.eye(2, dtype=np.float32)[owner] + 0.1 * rng.standard_normal((clips, 2)).astype(np.float32)
    items = [
        Item(str(n), (), class_name=("dog", "rain")[owner[n]], split=splits[n % len(splits)], group=f"r{n // 4}")
        for n in range(clips)
    ]
    return items, audio


def test_a_probe_learns_from_the_clips_that_are_not_measured() -> None:
    items, audio = learnable(80, ["train", "train", "test", "test"])
    measured = np.array([item.split == "test" for item in items])
    audio[measured] *= -1  # it can only be right about the others
    table = protocols.probe_table("linear", items, audio, ["dog", "rain"], measured)
    assert (table["clips"], table["learned_from"], table["folds"]) == (40, 40, 0)
    assert table["accuracy"]["value"] == 0
    with pytest.raises(TrainingError, match="no clips to train the probe on"):
        protocols.probe_table("linear", items, audio, ["cat"], measured)


@pytest.mark.parametrize(("splits", "folds"), [(["fold 1", "fold 1", "fold 2", "fold 2"], 2), ([""], 5)])
def test_a_probe_over_folds_asks_every_clip_once(splits: list[str], folds: int) -> None:
    items, audio = learnable(80, splits)
    table = protocols.probe_table("linear", items, audio, ["dog", "rain"], np.ones(80, bool))
    assert (table["clips"], table["folds"]) == (80, folds)
    assert table["accuracy"]["value"] > 0.95
    assert table["map"] > 0.95


def test_own_folds_keep_a_recording_together() -> None:
    """Each recording has a label of its own: a fold that had a part of one would know it, none does."""
    rng = np.random.default_rng(4)
    items = [Item(str(n), (), class_name=f"c{n // 4}", group=f"c{n // 4}") for n in range(80)]
    audio = np.repeat(rng.standard_normal((20, 30)), 4, axis=0).astype(np.float32)
    table = protocols.probe_table("linear", items, audio, [f"c{n}" for n in range(20)], np.ones(80, bool))
    assert table["accuracy"]["value"] == 0


def test_rows_of_the_papers_tables() -> None:
    measure = {"value": 0.5, "low": 0.4, "high": 0.6}
    side = dict.fromkeys(("recall_1", "recall_5", "recall_10", "map_10"), measure)
    both = {"text_to_audio": side, "audio_to_text": {**side, "map_10": {**measure, "value": 0.25}}}
    two = protocols.row(2, {"Clotho": both})
    assert [(cell["data"], cell["column"], cell["value"]) for cell in two] == [
        ("AudioCaps", "A→T mAP@10", None),
        ("AudioCaps", "T→A mAP@10", None),
        ("Clotho", "A→T mAP@10", 0.25),
        ("Clotho", "T→A mAP@10", 0.5),
    ]
    assert [cell["column"] for cell in protocols.row(3, {})[:6]] == [
        f"{direction} R@{k}" for direction in ("T→A", "A→T") for k in (1, 5, 10)
    ]
    four = protocols.row(
        4, {"FSD50K": {"probe": {"map": 0.65}}, "ESC-50": {"zero_shot": {"top_1": measure}, "clips": 3}}
    )
    assert [cell["value"] for cell in four] == [0.5, None, None, None, 0.65]
    assert protocols.probes(4) == {"VGGSound", "FSD50K"}
    assert protocols.probes(2) == set()

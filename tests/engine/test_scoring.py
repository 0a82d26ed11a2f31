"""Scores: what a label's direction is, that they are probabilities, and that examples and refusals move them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.engine.labels import PROMPTS, label_sets, load_labels
from soundsearch.engine.scoring import (
    ALIKE,
    Background,
    Scorer,
    directions,
    raise_parents,
    scores,
    with_examples,
    with_parents,
)
from soundsearch.errors import QueryError

DIMENSION = 32


def units(seed: int, count: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


BACKGROUND = Background(units(1, 300), units(2, 100))


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 8))
def test_scores_are_probabilities_that_do_not_depend_on_the_batch(seed: int, clips: int, labels: int) -> None:
    rows, names = units(seed, clips), units(seed + 1, labels)
    whole = scores(rows, names, BACKGROUND)
    assert whole.shape == (clips, labels)
    assert ((whole >= 0) & (whole <= 1)).all()
    np.testing.assert_allclose(scores(rows[:1], names, BACKGROUND), whole[:1], atol=1e-6)


def test_a_label_that_is_near_to_everything_gets_no_higher_scores_for_it() -> None:
    """Similarities of one label are shifted by what all clips share: its scores stay where they were."""
    shared = units(9, 1)[0]
    near = Background(BACKGROUND.clips + 0.5 * shared, BACKGROUND.texts)
    clips, label = units(3, 50), units(4, 1)
    hub = label + 2.0 * shared
    hub /= np.linalg.norm(hub)
    before = scores(clips, label, BACKGROUND).mean()
    assert scores(clips + 0.5 * shared, hub, near).mean() < before + 0.05


@given(st.integers(0, 1000), st.integers(2, 12))
def test_a_label_stands_against_the_best_of_those_that_mean_something_else(seed: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    labels, clips = units(seed, count), units(seed + 1, 5)
    labels[1] = labels[0]  # another word for the same
    parents = [int(parent) if parent < i else -1 for i, parent in enumerate(draw.integers(0, 2 * count, count))]
    alone = np.stack([Scorer(labels, BACKGROUND, parents=parents).features(clips[i : i + 1])[0] for i in range(5)])
    together = Scorer(labels, BACKGROUND, parents=parents).features(clips)
    np.testing.assert_allclose(together, alone, atol=1e-5)

    standing = (clips @ labels.T - (BACKGROUND.clips @ labels.T).mean(0)) / (BACKGROUND.clips @ labels.T).std(0)
    standing = (standing + together[:, :, 0]) / 2
    category = [parent if parent >= 0 else i for i, parent in enumerate(parents)]
    for label in range(count):
        rivals = [r for r in range(count) if category[r] != category[label] and labels[r] @ labels[label] < ALIKE]
        if rivals:
            expected = standing[:, label] - standing[:, rivals].max(axis=1)
            np.testing.assert_allclose(together[:, label, 1], expected, atol=1e-4)


def test_examples_raise_what_is_like_them_and_refusals_lower_it() -> None:
    label, kind = units(5, 1), units(6, 1)
    alike = kind + 0.2 * units(7, 20)
    alike /= np.linalg.norm(alike, axis=1, keepdims=True)
    plain = scores(alike[10:], label, BACKGROUND).mean()
    taught = [
        scores(alike[10:], with_examples(label, {0: alike[:n]}, {}, BACKGROUND), BACKGROUND, label).mean()
        for n in (1, 5, 10)
    ]
    refused = scores(alike[10:], with_examples(label, {}, {0: alike[:10]}, BACKGROUND), BACKGROUND, label).mean()
    assert plain < taught[0] < taught[1] < taught[2]
    assert refused < plain


def test_labels_without_prompts_are_never_right_and_categories_follow_their_parts() -> None:
    owners = np.array([0, 0, 2])
    found = with_parents(directions(units(8, 3), owners, 3), [-1, 0, 0])
    scored = scores(units(3, 10), found, BACKGROUND)
    assert (scored[:, 1] == 0).all()
    raised = raise_parents(scored, [-1, 0, 0])
    assert (raised[:, 0] >= raised[:, 2]).all()
    np.testing.assert_array_equal(raised[:, 1:], scored[:, 1:])


def test_a_category_of_which_no_part_is_asked_for_moves_nothing() -> None:
    labels = units(9, 3)
    labels[1:] = 0
    np.testing.assert_array_equal(with_parents(labels, [-1, 0, 0]), labels)  # and no warning of an empty mean


def test_the_shipped_sets_hold_labels_that_are_asked_for() -> None:
    sizes = {one.name: one.labels for one in label_sets()}
    assert sizes["ucs"] == sum(bool(label.prompts) for label in load_labels("ucs")) > 700
    for name, size in sizes.items():
        labels = load_labels(name)
        names = [label.name for label in labels]
        assert len(set(names)) == len(names)
        assert sum(bool(label.prompts) for label in labels) == size
        assert {label.parent for label in labels if label.parent} <= set(names)
    ids = {label.id: label for label in load_labels("ucs")}
    assert ids["AIRBrst"].name == "air burst" and ids["AIRBrst"].prompts[0] == "burst air"
    assert len({label.id for label in load_labels("ucs")} - {""}) == 752


def test_own_labels_come_from_a_file_or_a_list(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("labels") / "mine.txt"
    path.write_text("# of the farm\nDog\n\n  wet   slap \ndog\n", encoding="utf-8")
    assert [label.name for label in load_labels(str(path))] == ["Dog", "wet slap"]
    assert [label.name for label in load_labels("rain, wind,,rain")] == ["rain", "wind"]
    assert load_labels("rain")[0].prompts == tuple(prompt.format("rain") for prompt in PROMPTS)
    assert [label.name for label in load_labels("nofile,")] == ["nofile"]
    path.write_bytes(b"\xff\xfe\xfa")
    for wrong in (str(path), ",", "nowhere/labels.txt", "labels.txt", "", " ", "nofile", "musik", "808"):
        with pytest.raises(QueryError) as error:
            load_labels(wrong)
        assert error.value.hint

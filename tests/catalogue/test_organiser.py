"""What people say about clips: it stays with the sound, and every step can be taken back exactly."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.catalogue.organiser import CHUNK, Organiser
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.errors import CatalogueError
from soundsearch.records import (
    COLOURS,
    ChangeCollection,
    ChangeSearch,
    Clip,
    CollectClips,
    Collection,
    Example,
    Filter,
    MarkClips,
    Organised,
    OrganisingAction,
    SavedSearch,
    TagClips,
    TagCount,
)

TABLES = ("marks", "tags", "collections", "collection_clips", "searches")
CLIPS = 12


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def clips(catalogue: Catalogue) -> list[int]:
    return fill(catalogue, CLIPS)


def fill(catalogue: Catalogue, count: int) -> list[int]:
    """Clips of as many contents."""
    root = catalogue.add_root(b"/sounds", b"/").id
    catalogue.list_files(root, [FoundFile(b"Drums/%05d.wav" % i, 100, 1) for i in range(count)], [])
    analyse(catalogue, list(range(count)))
    return catalogue.select(Filter())[0].tolist()


def analyse(catalogue: Catalogue, contents: list[int]) -> None:
    """Record the pending clips, in the order of their names, with these contents."""
    pending = sorted(catalogue.pending("b", [root.id for root in catalogue.roots()]), key=lambda file: file.path)
    vector = np.array([1, 0], np.float32)
    done = [
        Analysis(file.clip_id, content.to_bytes(16, "big"), 100, file.modified_ns, 1.0, 48_000, 1, "WAV", b"", vector)
        for file, content in zip(pending, contents, strict=True)
    ]
    catalogue.record("b", done, [])


def finish(steps: Any) -> Organised:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def act(catalogue: Catalogue, action: OrganisingAction) -> Organised:
    return finish(catalogue.organiser.act(action))


def one(catalogue: Catalogue, clip_id: int) -> Clip:
    return catalogue.clips([clip_id])[0]


def rows(catalogue: Catalogue) -> dict[str, list[tuple[Any, ...]]]:
    """The tables, bit for bit."""
    return {table: sorted(catalogue._db.query(f"SELECT * FROM {table}")) for table in TABLES}


# -- marks


def test_marks_reach_the_clips_and_leave_no_rows_behind(catalogue: Catalogue, clips: list[int]) -> None:
    act(catalogue, MarkClips(tuple(clips[:2]), favourite=True))
    said = act(catalogue, MarkClips((clips[0],), rating=4, colour="green"))
    assert (one(catalogue, clips[0]).favourite, one(catalogue, clips[0]).rating, one(catalogue, clips[0]).colour) == (
        True, 4, "green",
    )  # fmt: skip
    assert one(catalogue, clips[1]).favourite
    assert not one(catalogue, clips[2]).favourite
    assert said == Organised("rating of 1 clip", "rating of 1 clip")
    act(catalogue, MarkClips(tuple(clips), favourite=False, rating=0, colour=""))
    assert rows(catalogue)["marks"] == []


@pytest.mark.parametrize("bad", [MarkClips((1,), rating=6), MarkClips((1,), rating=-1), MarkClips((1,), colour="pink")])
def test_marks_that_do_not_exist_are_refused(catalogue: Catalogue, clips: list[int], bad: MarkClips) -> None:
    with pytest.raises(CatalogueError) as err:
        act(catalogue, bad)
    assert err.value.hint.startswith("Use ")
    assert rows(catalogue)["marks"] == []


def test_a_clip_that_is_not_analysed_is_left_out_and_said(catalogue: Catalogue, clips: list[int]) -> None:
    catalogue.list_files(catalogue.roots()[0].id, [FoundFile(b"new.wav", 1, 1)], [])
    new = next(clip for clip in catalogue.select(Filter())[0].tolist() if clip not in clips)
    said = act(catalogue, MarkClips((clips[0], new), rating=3))
    assert (said.said, said.left_out) == ("rating of 1 clip", 1)


def test_copies_share_what_is_said_and_a_moved_file_keeps_it(catalogue: Catalogue, clips: list[int]) -> None:
    root = catalogue.roots()[0].id
    catalogue.list_files(root, [FoundFile(b"copy.wav", 100, 1)], [])
    analyse(catalogue, [0])
    copy = next(clip for clip in catalogue.select(Filter())[0].tolist() if clip not in clips)
    act(catalogue, MarkClips((copy,), rating=5))
    assert one(catalogue, clips[0]).rating == 5
    catalogue.mark_missing([clips[3]])
    act(catalogue, CollectClips((clips[3],), "Kept"))
    catalogue.list_files(root, [FoundFile(b"elsewhere.wav", 100, 1)], [])
    analyse(catalogue, [3])
    assert catalogue.organiser.collections_of(clips[3]) == ("Kept",)
    assert one(catalogue, clips[3]).name == "elsewhere.wav"


def test_an_edit_in_place_keeps_what_was_said_and_it_can_still_be_taken_back(
    catalogue: Catalogue, clips: list[int]
) -> None:
    act(catalogue, MarkClips((clips[0],), rating=2))
    act(catalogue, MarkClips((clips[0],), rating=5, colour="red"))
    act(catalogue, TagClips((clips[0],), ("vinyl",)))
    act(catalogue, CollectClips((clips[0],), "Drums"))
    root = catalogue.roots()[0].id
    catalogue.list_files(root, [], [(clips[0], FoundFile(b"Drums/00000.wav", 200, 2))])
    analyse(catalogue, [77])
    edited = one(catalogue, clips[0])
    assert (edited.rating, edited.colour, edited.tags) == (5, "red", ("Drums", "vinyl"))
    assert catalogue.organiser.collections_of(clips[0]) == ("Drums",)
    for _ in range(3):
        finish(catalogue.organiser.undo())
    edited = one(catalogue, clips[0])
    assert (edited.rating, edited.colour, edited.tags) == (2, "", ("Drums",))
    assert catalogue.organiser.collections() == ()


def test_a_file_that_cannot_be_read_for_a_while_keeps_what_was_said(catalogue: Catalogue, clips: list[int]) -> None:
    act(catalogue, MarkClips((clips[0],), rating=5))
    root = catalogue.roots()[0].id
    for clip in clips[:2]:  # the second has nothing to keep
        catalogue.list_files(root, [], [(clip, FoundFile(b"x", 0, 2))])
    catalogue.record("b", [], [(clip, "it is empty") for clip in clips[:2]])
    assert [content for (content,) in catalogue._db.query("SELECT content_id FROM clips WHERE state = 'failed'")] == [
        1, None,
    ]  # fmt: skip
    catalogue.list_files(root, [], [(clips[0], FoundFile(b"x", 100, 3))])
    analyse(catalogue, [99])
    assert one(catalogue, clips[0]).rating == 5


# -- tags


def test_user_tags_are_counted_and_spelled_one_way(catalogue: Catalogue, clips: list[int]) -> None:
    act(catalogue, TagClips(tuple(clips[:3]), ("Vinyl", "dusty")))
    act(catalogue, TagClips((clips[4],), ("vinyl",)))
    assert catalogue.organiser.tags() == (TagCount("Vinyl", 4, ("user",)), TagCount("dusty", 3, ("user",)))
    said = act(catalogue, TagClips((clips[0],), remove=("Vinyl",)))
    assert said.undo == "tag “Vinyl” of 1 clip"
    assert one(catalogue, clips[0]).tags == ("Drums", "dusty")


@pytest.mark.parametrize("bad", ["", "  ", 'a"b', "a\x00b", "\udce9", "x" * 201])
def test_names_that_a_query_cannot_hold_are_refused(catalogue: Catalogue, clips: list[int], bad: str) -> None:
    for action in (TagClips((clips[0],), (bad,)), CollectClips((clips[0],), bad)):
        with pytest.raises(CatalogueError) as err:
            act(catalogue, action)
        assert err.value.hint
    assert catalogue.organiser.tags() == ()


# -- collections and searches


def test_collections_are_made_renamed_and_deleted(catalogue: Catalogue, clips: list[int]) -> None:
    act(catalogue, ChangeCollection("", "Empty {}"))
    act(catalogue, CollectClips(tuple(clips[:5]), "Drums"))
    act(catalogue, CollectClips((clips[6],), "drums"))  # the same one
    act(catalogue, CollectClips((clips[0],), "Drums", remove=True))
    assert catalogue.organiser.collections() == (Collection("Drums", 5), Collection("Empty {}", 0))
    act(catalogue, ChangeCollection("Drums", "Beats"))
    with pytest.raises(CatalogueError, match="already"):
        act(catalogue, ChangeCollection("Beats", "empty {}"))
    with pytest.raises(CatalogueError, match="There is no collection"):
        act(catalogue, ChangeCollection("Drums", "Other"))
    assert act(catalogue, ChangeCollection("Beats", "")).said == "deletion of “Beats”"
    assert [collection.name for collection in catalogue.organiser.collections()] == ["Empty {}"]


def test_saved_searches_come_back_as_they_were(catalogue: Catalogue) -> None:
    odd = Example("/sounds/\udce9.wav", 1.5, 2.25, 0.5)
    saved = SavedSearch("Dark pads", "pad -bright dur>4", (odd,), (Example("/b.wav"),), 0.25, "-rating")
    act(catalogue, ChangeSearch("", saved))
    assert catalogue.organiser.searches() == (saved,)
    act(catalogue, ChangeSearch("Dark pads", replace(saved, name="Pads", order="")))
    assert catalogue.organiser.searches() == (replace(saved, name="Pads", order=""),)
    with pytest.raises(CatalogueError, match="already"):
        act(catalogue, ChangeSearch("", replace(saved, name="pads")))
    act(catalogue, ChangeSearch("Pads", None))
    assert catalogue.organiser.searches() == ()
    finish(catalogue.organiser.undo())
    assert [search.name for search in catalogue.organiser.searches()] == ["Pads"]


# -- undo


def random_action(draw: np.random.Generator, organiser: Organiser, clips: list[int]) -> OrganisingAction:
    some = tuple(int(i) for i in draw.choice(clips, draw.integers(0, len(clips)), replace=False))
    label = f"tag {draw.integers(6)}"
    name = f"collection {draw.integers(6)}"
    search = SavedSearch(f"search {draw.integers(5)}", str(draw.integers(100)), order="-rating")
    collections = [collection.name for collection in organiser.collections()]
    searches = [known.name for known in organiser.searches()]
    choices: list[OrganisingAction] = [
        MarkClips(some, favourite=bool(draw.integers(2))),
        MarkClips(some, rating=int(draw.integers(6))),
        MarkClips(some, colour=str(draw.choice(["", *COLOURS]))),
        TagClips(some, add=(label, "always")),
        TagClips(some, remove=(label, "auto")),
        CollectClips(some, name),
    ]
    if collections:
        chosen = str(draw.choice(collections))
        choices += [CollectClips(some, chosen, remove=True), ChangeCollection(chosen, "")]
        if name not in collections:
            choices.append(ChangeCollection(chosen, name))
    elif name not in collections:
        choices.append(ChangeCollection("", name))
    if search.name not in searches:
        choices.append(ChangeSearch("", search))
    if searches:
        chosen = str(draw.choice(searches))
        choices += [ChangeSearch(chosen, None), ChangeSearch(chosen, replace(search, name=chosen))]
    return choices[draw.integers(len(choices))]


@settings(max_examples=1, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_undo_restores_exactly_for_a_thousand_random_actions(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    catalogue = Catalogue(tmp_path_factory.mktemp("undo") / "catalogue.sqlite")
    clips = fill(catalogue, CLIPS)
    with catalogue._db.transaction():
        catalogue._db.execute("INSERT INTO tags SELECT id, 'auto', 'auto', 1.0 / (id + 2) FROM contents")
    draw, organiser = np.random.default_rng(seed), catalogue.organiser
    states, names = [rows(catalogue)], [""]
    for _ in range(1000):
        said = act(catalogue, random_action(draw, organiser, clips))
        if len(organiser._log._done) == len(states):  # it was a step; one that changes nothing is none
            assert said.undo == said.said
            states.append(rows(catalogue))
            names.append(said.undo)
        assert rows(catalogue) == states[-1]
    assert len(states) > 700
    for state, name in zip(states[-2::-1], names[-2::-1], strict=True):
        assert finish(organiser.undo()).undo == name
        assert rows(catalogue) == state
    assert finish(organiser.undo()) == Organised("", "", names[1])
    for state, name in zip(states[1:], names[1:], strict=True):
        assert finish(organiser.redo()).said == name
        assert rows(catalogue) == state
    assert finish(organiser.redo()).redo == ""
    catalogue.close()


def test_a_new_action_ends_what_could_be_made_again(catalogue: Catalogue, clips: list[int]) -> None:
    act(catalogue, MarkClips((clips[0],), rating=1))
    act(catalogue, MarkClips((clips[0],), rating=2))
    assert finish(catalogue.organiser.undo()).redo == "rating of 1 clip"
    assert act(catalogue, TagClips((clips[1],), ("new",))).redo == ""
    finish(catalogue.organiser.redo())
    assert one(catalogue, clips[0]).rating == 1


def test_undo_passes_over_sounds_that_were_forgotten(catalogue: Catalogue, clips: list[int]) -> None:
    act(catalogue, CollectClips(tuple(clips), "All"))
    act(catalogue, ChangeCollection("All", ""))
    list(catalogue.remove_root("/sounds"))
    finish(catalogue.organiser.undo())
    assert catalogue.organiser.collections() == (Collection("All", 0),)


def test_many_clips_are_taken_in_steps_and_each_action_is_counted(catalogue: Catalogue) -> None:
    clips = fill(catalogue, 3 * CHUNK)
    before = catalogue.changes
    steps = catalogue.organiser.act(MarkClips(tuple(clips), rating=3))
    next(steps)
    assert sum(clip.rating == 3 for clip in catalogue.clips(clips)) == CHUNK
    assert catalogue.changes > before
    assert finish(steps).said == f"rating of {3 * CHUNK:,} clips"
    finish(catalogue.organiser.undo())
    assert rows(catalogue)["marks"] == []

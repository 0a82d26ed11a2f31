"""File names by the Universal Category System."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch import settings as settings_file
from soundsearch.engine.labels import load_labels
from soundsearch.engine.service import Engine
from soundsearch.engine.ucs import ucs_name
from soundsearch.records import Query, Tag, TagClips
from tests.engine.conftest import run_scan

CREAK = Tag("doors wood", "auto", 0.7)


@pytest.mark.parametrize(
    ("path", "tags", "name"),
    [
        ("/a/old_door creak 01.wav", [CREAK], "DOORWood_old door creak 01_AB_LIB.wav"),
        ("/a/creak.tar.flac", [CREAK], "DOORWood_creak.tar_AB_LIB.flac"),
        ("/a/what: a *creak*?.wav", [CREAK], "DOORWood_what a creak_AB_LIB.wav"),
        ("/a/___.wav", [CREAK], "DOORWood_DOORWood_AB_LIB.wav"),
        ("/a/creak.wav", [Tag("Doors Wood", "user")], "DOORWood_creak_AB_LIB.wav"),
        ("/a/creak.wav", [Tag("door", "user"), Tag("rain", "file")], ""),  # a category alone has no CatID
        ("/a/creak.wav", [], ""),
        # Whom one believes, and then the surest.
        ("/a/x.wav", [CREAK, Tag("air burst", "user")], "AIRBrst_x_AB_LIB.wav"),
        ("/a/x.wav", [Tag("air burst", "auto", 0.6), CREAK], "DOORWood_x_AB_LIB.wav"),
        # A name by UCS stays; another category takes the place of its own.
        ("/a/DOORWood_Creak, Slow_CD_Farm_mono.wav", [], "DOORWood_Creak, Slow_CD_Farm_mono.wav"),
        ("/a/DOORWood-Barn_Creak_CD_Farm.wav", [CREAK], "DOORWood-Barn_Creak_CD_Farm.wav"),
        ("/a/AIRBrst_Creak_CD_Farm.wav", [CREAK], "DOORWood_Creak_CD_Farm.wav"),
    ],
)
def test_a_clip_is_called_by_category_name_creator_and_source(path: str, tags: list[Tag], name: str) -> None:
    assert ucs_name(path, tags, "AB", "LIB") == name


def test_what_is_not_known_is_said_to_be_none() -> None:
    assert ucs_name("creak.wav", [CREAK]) == "DOORWood_creak_NONE_NONE.wav"


@given(st.text(st.characters(blacklist_characters="/\0"), min_size=1, max_size=300), st.text(), st.text())
def test_any_name_gives_four_parts_that_every_file_system_takes(stem: str, creator: str, source: str) -> None:
    name = ucs_name(f"/sounds/{stem}.wav", [CREAK], creator, source)
    category, fx_name, *rest = name.removesuffix(".wav").split("_")
    assert category == "DOORWood" and fx_name and len(rest) == 2 and all(rest) and len(name.encode()) <= 255
    assert not set(name) & set('<>:"/\\|?*\n\t')
    assert ucs_name(f"/sounds/{name}", [CREAK], creator, source) == name


def test_every_cat_id_is_used_as_it_is_written() -> None:
    for label in load_labels("ucs"):
        if label.id:
            assert ucs_name("a.wav", [Tag(label.name, "user")]).startswith(f"{label.id}_a_")


def test_export_and_details_say_it_with_the_creator_of_the_settings(engine: Engine, library: Path) -> None:
    run_scan(engine, library)
    engine.settings = replace(engine.settings, ucs_creator="AB", ucs_source="Barn")
    row = next(row for row in engine.exported() if row["state"] == "ready")
    (clip,) = [hit.clip for hit in engine.search(Query(), 100) if hit.clip.path == row["path"]]
    assert row["ucs_name"] == ""
    for _ in engine.organising.act(TagClips((clip.id,), ("doors wood",))):
        pass
    wanted = f"DOORWood_{Path(clip.path).stem}_AB_Barn{Path(clip.path).suffix}"
    assert next(row for row in engine.exported() if row["path"] == clip.path)["ucs_name"] == wanted
    details = engine.organising.details(clip.id)
    assert details is not None and details.ucs_name == wanted


def test_what_the_window_writes_into_the_settings_is_read_when_it_says_so(engine: Engine) -> None:
    file = engine.places.settings
    settings_file.save(replace(settings_file.load(file), ucs_creator="CD"), file)
    assert engine.organising.name_by_ucs("/a/creak.wav", [CREAK]) == "DOORWood_creak_NONE_NONE.wav"
    engine.change_settings()
    assert engine.organising.name_by_ucs("/a/creak.wav", [CREAK]) == "DOORWood_creak_CD_NONE.wav"

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.errors import SettingsError
from soundsearch.settings import CHOICES, Places, Settings, load, resource, save


def test_a_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "settings.toml") == Settings()


@given(
    st.builds(
        Settings,
        device=st.sampled_from(CHOICES["device"]),
        theme=st.sampled_from(CHOICES["theme"]),
        model=st.text(st.characters(exclude_categories=["C"]), max_size=20),
        auto_play=st.booleans(),
        volume_db=st.floats(-60, 6),
    )
)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> None:
    path = tmp_path_factory.getbasetemp() / "settings.toml"
    save(settings, path)
    assert load(path) == settings


def test_an_unknown_key_warns_with_the_nearest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "s.toml").write_text('modell = "x"\n')
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path / "s.toml") == Settings()
    assert "did you mean model?" in caplog.text


@pytest.mark.parametrize(
    "text", ["device = 3", 'device = "abacus"', "= nonsense", "version = 99", 'volume_db = "loud"', "\xff"]
)
def test_what_cannot_be_used_is_refused_with_a_hint(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "s.toml")
    assert caught.value.hint


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("volume_db = -6")
    assert load(tmp_path / "s.toml").volume_db == -6.0


def test_saving_where_it_cannot_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError):
        save(Settings(), tmp_path / "file" / "settings.toml")


def test_places_lie_in_one_folder(tmp_path: Path) -> None:
    places = Places(tmp_path / "data")
    places.create()
    assert {p.parent for p in (places.catalogue, places.index, places.models, places.settings)} == {tmp_path / "data"}
    assert Places.default().data_dir.name == "soundsearch"


def test_a_resource_that_is_not_there_is_named() -> None:
    assert resource("model").is_dir()
    with pytest.raises(SettingsError, match="resources/nothing"):
        resource("nothing")

"""Items: manifests in every spelling, and the sound of a clip wherever it is held."""

import json
from pathlib import Path

import pytest

from soundsearch.errors import TrainingError
from trainer.data import Item, read_manifest


def test_manifests_in_both_formats_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    table = tmp_path / "clips.csv"
    table.write_text("path,caption,tags,label,split,esc_class\na.wav,a dog,dog;pet,dog,val,dog\n", encoding="utf-8-sig")
    row = {"audio": "a.wav", "captions": ["a dog"], "tags": ["dog", "pet"], "label": "dog", "split": "val"}
    lines = tmp_path / "clips.jsonl"
    lines.write_text(json.dumps({**row, "esc_class": "dog"}) + "\n\n")
    expected = Item(str(tmp_path / "a.wav"), ("a dog",), "dog", ("dog", "pet"), "val", class_name="dog")
    assert read_manifest(table) == read_manifest(lines) == [expected]


@pytest.mark.parametrize(("name", "text"), [("a.csv", "name\nx\n"), ("a.jsonl", "{not json"), ("missing.csv", None)])
def test_a_manifest_that_is_none_is_refused(name: str, text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(TrainingError, match=name):
        read_manifest(tmp_path / name)

"""Nothing ships, and nothing was learned from, whose licence is not permissive or whose author is not named."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.data import Item
from trainer.distil.credits import GENERATED, RECORDINGS, generators, write_credits

RESOURCES = Path(__file__).parents[3] / "resources"
NOTICE = Path(__file__).parents[3] / "NOTICE"
PUBLIC_DOMAIN = {"CC0-1.0", "Public Domain"}
ATTRIBUTION = {"CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0", "OGA-BY-3.0", "MIT", "Apache-2.0"}
TABLES = [
    RESOURCES / "model" / RECORDINGS,
    RESOURCES / "model" / GENERATED,
    RESOURCES / "demo" / "attribution.csv",
    RESOURCES / "control" / "control.csv",
]
NOBODY = ("unknown", "not named", "anonymous", "various", "n/a", "?")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def faults(row: dict[str, str]) -> list[str]:
    """What is wrong with the credit of one clip."""
    found = []
    licence, author = row["licence"].strip(), row["author"].strip()
    if licence not in PUBLIC_DOMAIN | ATTRIBUTION:
        found.append(f"{licence or 'no licence'} is not permissive")
    named = {True: "public-domain", False: "attribution"}[licence in PUBLIC_DOMAIN]
    if row.get("licence_class", named) != named:
        found.append(f"{licence} is called {row['licence_class']}")
    if not author:
        found.append("no author")
    if not row["source"].strip():
        found.append("no source")
    if licence in ATTRIBUTION and author.lower().startswith(NOBODY):
        found.append(f"its licence asks for an author, not for {author!r}")
    return found


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_row_is_permissive_and_credited(path: Path) -> None:
    table = rows(path)
    wrong = {next(iter(row.values())): found for row in table if (found := faults(row))}
    assert table and not wrong, f"{len(wrong)} of {len(table)} rows: {dict(list(wrong.items())[:5])}"


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("licence", "CC-BY-NC-4.0", "not permissive"),
        ("licence", "CC-BY-SA-3.0", "not permissive"),
        ("licence", "GPL-2.0-or-later", "not permissive"),
        ("licence", "", "not permissive"),
        ("author", " ", "no author"),
        ("author", "Unknown", "asks for an author"),
        ("source", "", "no source"),
        ("licence_class", "public-domain", "is called"),
    ],
)
def test_the_audit_sees_a_bad_row(column: str, value: str, said: str) -> None:
    good = next(row for row in rows(TABLES[0]) if row["licence"] == "CC-BY-4.0")
    assert faults(good) == []
    assert any(said in fault for fault in faults({**good, column: value}))


def test_no_recording_that_may_not_be_passed_on_is_called_a_generator() -> None:
    """Sound fonts and speakers are others' work: each is listed by its licence, and the one that asks is in NOTICE."""
    made = rows(RESOURCES / "model" / GENERATED)
    assert all(int(row["clips"]) > 0 and row["url"] for row in made)
    notice = NOTICE.read_text(encoding="utf-8")
    for row in made:
        if row["licence"] == "MIT":
            authors = re.split(r"[;,] ", re.sub(r" \(.*?\)", "", row["author"]))
            assert all(author in notice for author in authors), authors


def test_credits_name_recordings_one_by_one_and_generators_with_their_counts(tmp_path: Path) -> None:
    one = Item("a.wav", (), licence="MIT", licence_class="attribution", author="Ann, B.", title='A "hit"', source="kit")
    made = [Item(f"synthetic/kick_{number}", (), generated=True) for number in range(3)]
    rendered = [Item("rendered/drum_0_36_90", (), generated=True)]
    write_credits(tmp_path, [replace(one, path="b.wav"), *made, one, *rendered])
    assert [(row["path"], row["author"], row["title"]) for row in rows(tmp_path / RECORDINGS)] == [
        ("a.wav", "Ann, B.", 'A "hit"'),
        ("b.wav", "Ann, B.", 'A "hit"'),
    ]
    counts = {row["kind"]: (row["clips"], row["licence"]) for row in rows(tmp_path / GENERATED)}
    assert counts == {"rendered": ("1", "MIT"), "synthetic": ("3", "Apache-2.0")}


def test_clips_of_a_generator_without_a_licence_are_refused() -> None:
    with pytest.raises(ValueError, match="sampled/"):
        generators([Item("sampled/kick_1", (), generated=True)])

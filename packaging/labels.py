"""Makes resources/labels/ucs.csv and audioset.csv: `python packaging/labels.py TEXT`.

TEXT is a folder with `ucs/ucs_8.2.1_en.csv` (Universal Category System, from github.com/iluvcapra/ucs-community) and
`audioset_ontology/ontology.json` (from github.com/audioset/ontology). music.csv and form.csv are written by hand.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

HOME = Path(__file__).parent.parent / "resources" / "labels"
COLUMNS = ("label", "parent", "id", "phrases", "more")
LONGEST = 14  # words of an explanation that are asked with; they grow vague after that
NO_SOUND = {"ARCHIVED"}  # a place for files, not a sound
ABSTRACT = {"abstract", "blacklist"}  # classes that AudioSet itself does not label with


def main(text: Path) -> None:
    """Write both files."""
    with (text / "ucs/ucs_8.2.1_en.csv").open(encoding="utf-8", newline="") as file:
        write(HOME / "ucs.csv", ucs(list(csv.DictReader(file))))
    ontology = json.loads((text / "audioset_ontology/ontology.json").read_text(encoding="utf-8"))
    write(HOME / "audioset.csv", audioset(ontology))


def write(path: Path, rows: Iterable[dict[str, str]]) -> None:
    """Write the rows in their order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def ucs(rows: list[dict[str, str]]) -> Iterable[dict[str, str]]:
    """Categories, each before its sub-categories. "Miscellaneous" and the archive are not asked for.

    The synonyms of the list were tried as prompts and left out: they made 3 % fewer clips right.
    """
    seen = set()
    for row in rows:
        category, sub = row["Category"].lower(), row["SubCategory"].lower()
        if category not in seen:
            seen.add(category)
            yield {"label": category, "phrases": "" if row["Category"] in NO_SOUND else category}
        asked = sub != "misc" and row["Category"] not in NO_SOUND
        yield {
            "label": f"{category} {sub}",
            "parent": category,
            "id": row["CatID"],
            "phrases": f"{sub} {category}" if asked else "",
            "more": explained(row["Explanation"]) if asked else "",
        }


def explained(text: str) -> str:
    """The first clause of an explanation: what follows mostly says what else the sound is not."""
    return " ".join(re.split(r"[.;]| [Ss]ee | overlap", text)[0].split()[:LONGEST])


def audioset(classes: list[dict[str, object]]) -> Iterable[dict[str, str]]:
    """Classes by name. A name lists synonyms: each is a phrase of its own."""
    for one in classes:
        if not ABSTRACT & set(one["restrictions"]):  # type: ignore[call-overload]
            name = str(one["name"])
            phrases = [part.strip().lower() for part in re.sub(r"\(.*?\)", "", name).split(",")]
            yield {"label": name, "id": str(one["id"]), "phrases": "|".join(filter(None, phrases))}


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Write what was measured into the starter's card, so that no figure is copied by hand.

    python -m benchmarks.starter_card RESULTS [--bundle resources/model]

RESULTS holds `starter.json`, and where they were made `speed.json`, `long.json` and `text.json`, the JSON of the other
commands. The card's parts between `<!-- measured: NAME -->` and `<!-- end -->` are replaced by their tables, and the
bundle's manifest learns the card's new checksum. A result of other weights than the bundle's is refused.
"""

import argparse
import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import starter, starter_long, starter_speed
from soundsearch.model.bundle import MANIFEST, Bundle, file_digest
from trainer.distil.credits import GENERATED, RECORDINGS

CARD = "MODEL_CARD.md"
_PART = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--bundle", type=Path, default=Path("resources/model"))
    options = parser.parse_args()
    found = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in options.results.glob("*.json")}
    bundle = Bundle.open(options.bundle)
    if "starter" in found and found["starter"]["bundle_id"] != bundle.id:
        raise SystemExit(f"{options.results}/starter.json is of other weights than those in {options.bundle}.")
    card = options.bundle / CARD
    card.write_text(refreshed(card.read_text(encoding="utf-8"), found, options.bundle), encoding="utf-8")
    relist(options.bundle)


def refreshed(card: str, found: dict[str, Any], bundle: Path) -> str:
    """The card with its measured parts made anew; those whose result is not there stay as they are."""

    def made(part: re.Match[str]) -> str:
        result, write = PARTS[part[2]]
        if result == "bundle":
            return f"{part[1]}{write(bundle)}{part[3]}"
        return f"{part[1]}{write(found[result])}{part[3]}" if result in found else part[0]

    return _PART.sub(made, card)


def relist(bundle: Path) -> None:
    """Tell the manifest what the checksums of the card and of the credits are now."""
    file = bundle / MANIFEST
    manifest = json.loads(file.read_text(encoding="utf-8"))
    for written in (bundle / name for name in (CARD, RECORDINGS, GENERATED)):
        manifest["files"][written.name] = {"size": written.stat().st_size, "sha256": file_digest(written)}
    file.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def measures(result: dict[str, Any]) -> str:
    """Retrieval, zero-shot and likeness against the baselines."""
    rows = {name: row for name, row in result["measures"].items() if not name.startswith("words")}
    return starter.measure_table(rows, result["bundles"]) + "\n"


def words(result: dict[str, Any]) -> str:
    """Words for what a signal is like."""
    rows = {name.removeprefix("words, "): row for name, row in result["measures"].items() if name.startswith("words")}
    return starter.measure_table(rows, result["bundles"]) + "\n"


def confusion(result: dict[str, Any]) -> str:
    """Who is heard as whom."""
    return starter.confusion_table(result["families"], result["confusion"]["bundle 1"]) + "\n"


def training(bundle: Path) -> str:
    """How many clips of which licence were learned from."""
    with (bundle / RECORDINGS).open(encoding="utf-8", newline="") as file:
        licences = Counter(row["licence"] for row in csv.DictReader(file))
    with (bundle / GENERATED).open(encoding="utf-8", newline="") as file:
        made = list(csv.DictReader(file))
    said = ", ".join(f"{name} {count}" for name, count in licences.most_common())
    lines = ["| learned from | clips | licence |", "| --- | --- | --- |"]
    lines.append(f"| recordings, each with its author in `{RECORDINGS}` | {sum(licences.values())} | {said} |")
    lines += [f"| {row['source']} | {row['clips']} | {row['licence']}, {row['author']} |" for row in made]
    return "\n".join(lines) + "\n"


def text(result: dict[str, Any]) -> str:
    """The text tower in several precisions."""
    head = ("weights", "MB", "cosine to float32, mean (lowest)", "neighbours kept", "query of 8 tokens, ms")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for name, row in result["kinds"].items():
        cosine = f"{row['cosine_mean']:.4f} ({row['cosine_lowest']:.4f})"
        kept = f"{100 * row['neighbours_kept']:.1f} %"
        lines.append(f"| {name} | {row['mb']:.1f} | {cosine} | {kept} | {row['query_cpu_ms']['median']:.1f} |")
    return "\n".join(lines) + "\n"


def head(result: dict[str, Any]) -> str:
    """What it gains where it matters most, in a sentence."""
    row = result["measures"]["one-shots: text to clip, mAP@10"]
    chance = np.mean([one["value"] for who, one in row["models"].items() if who.startswith("random")])
    lost = [name for name, one in result["measures"].items() if one["gain"]["high"] < 0]
    said = f"It loses on: {'; '.join(lost)}." if lost else "On no measure does it lose beyond its interval."
    gain = f"{starter.signed(row['gain'])} points of mAP@10 over the untrained method ({100 * chance:.1f} is chance)"
    return f"On one-shots it gains {gain}. {said}\n"


def demo(result: dict[str, Any]) -> str:
    """Queries over the demo library."""
    lines = []
    for listed, name in (("as_typed", "Ten queries as people type them"), ("queries", "A longer list")):
        row = result["demo"][listed]
        missed = f" Missed: {', '.join(row['missed'])}." if row["missed"] else ""
        lines.append(f"- {name}: {row['right']} of {row['queries']} put a right clip first.{missed}")
    return "\n".join(lines) + "\n"


PARTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "head": ("starter", head),
    "measures": ("starter", measures),
    "words": ("starter", words),
    "confusion": ("starter", confusion),
    "demo": ("starter", demo),
    "training": ("bundle", training),
    "speed": ("speed", starter_speed.as_markdown),
    "long": ("long", lambda result: starter_long.as_markdown(result).lstrip("\n")),
    "text": ("text", text),
}

if __name__ == "__main__":
    main()

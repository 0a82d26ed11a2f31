"""soundsearch-train eval: how well a model finds clips by text and texts by clips, on own clips and published sets."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soundsearch.errors import TrainingError
from trainer.commands.talk import Say

_COLUMNS = (("R@1", "recall_1"), ("R@5", "recall_5"), ("R@10", "recall_10"), ("mAP@10", "map_10"))
_DIRECTIONS = {
    "text_to_audio": "text → audio", "audio_to_text": "audio → text", "label_to_audio": "label → audio",
    "tag_to_audio": "tag → audio",
}  # fmt: skip
_ZERO_SHOT = (("zero-shot", "zero_shot"), ("  ensemble", "zero_shot_ensemble"))
_CELL = 24  # characters of a number with its interval


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("bundle", metavar="model", help="model, by name or folder")
    parser.add_argument(
        "data",
        type=Path,
        nargs="+",
        help="CSV or JSONL with path and caption, tagged folders, or a published data set: AudioCaps, Clotho, ESC-50, "
        "UrbanSound8K, VGGSound, FSD50K, GTZAN; a folder may hold several of those",
    )
    parser.add_argument("--dataset", default="", metavar="NAME", help="which data set it is, if not recognised")
    parser.add_argument("--table", type=int, choices=(2, 3, 4), help="the row of that table of the CLAP paper")
    parser.add_argument("--split", default="", help="only clips of this split, as val (default: the one to measure)")
    parser.add_argument(
        "--class-column", default="esc_class", help="column of the zero-shot check (default: %(default)s)"
    )
    parser.add_argument(
        "--prompt",
        action="append",
        default=[],
        metavar="TEXT",
        help='zero-shot prompt with {label}; several are averaged (data sets: "This is a sound of {label}.")',
    )
    parser.add_argument(
        "--captions-per-clip", type=int, default=0, metavar="K", help="only the first K captions, each clip for itself"
    )
    parser.add_argument(
        "--probe",
        choices=("linear", "mlp"),
        help="also train a classifier on the embeddings: mlp is the paper's, linear the better one for few clips",
    )
    parser.add_argument(
        "--exclude",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="leave out clips: a file with a name or Freesound or YouTube id on each line, or an overlapping data set",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--data-dir", type=Path, help="where models and settings lie")
    parser.add_argument("--record", action="store_true", help="also write the result into the model's manifest")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Measure.

    Raises:
        SoundSearchError: If the model or the data cannot be used.
    """
    from soundsearch.model.clap import ClapEncoder
    from soundsearch.settings import Places
    from trainer import exam, protocols
    from trainer.bundles import record
    from trainer.start import installed

    if any("{label}" not in prompt for prompt in options.prompt):
        raise TrainingError("A prompt needs {label}.", 'As in "This is a sound of {label}."')
    places = Places(options.data_dir.absolute()) if options.data_dir else Places.default()
    bundle = installed(options.bundle, places)
    exams = _exams(options, say)
    encoder = ClapEncoder(bundle, options.device)
    sets = []
    for one in exams:
        probe: Any = options.probe or ("mlp" if options.table and one.name in protocols.probes(options.table) else None)
        measured = exam.take(one, encoder, say, probe=probe, captions_per_clip=options.captions_per_clip)
        sets.append({"data": one.name, **measured})
        if options.record:
            record(bundle.folder, f"{one.name} {options.split}".strip(), measured)
    head = {"model": bundle.name, "bundle_id": bundle.id}
    if options.table:
        row = protocols.row(options.table, {one["data"]: one for one in sets})
        return {**head, "table": options.table, "row": row, "sets": sets}
    return {**head, **sets[0]} if len(sets) == 1 else {**head, "sets": sets}


def _exams(options: argparse.Namespace, say: Say) -> list[Any]:
    """What is to be measured, in the order it was given."""
    from trainer import datasets, exam, protocols

    excluded = frozenset[str]().union(*(datasets.exclusions(path) for path in options.exclude))
    chosen: dict[str, Any] = {"split": options.split, "prompts": options.prompt, "excluded": excluded}
    wanted = {column.data for column in protocols.TABLES[options.table]} if options.table else set()
    exams = []
    for path in options.data:
        found = [(options.dataset, path)] if options.dataset else datasets.recognise(path)
        exams += [exam.of_data_set(folder, name, **chosen) for name, folder in found if not wanted or name in wanted]
        if not found:
            exams.append(exam.of_own(path, class_column=options.class_column, **chosen))
    if empty := wanted - {one.name for one in exams}:
        say(f"Not there, so left empty in the table: {', '.join(sorted(empty))}.")
    for one in exams:
        absent = f"; {one.missing:,} that its tables name are not there" if one.missing else ""
        say(f"{one.name}, clips to measure on: {len(one.measured):,}{absent}")
    if not exams or not all(one.measured for one in exams):
        raise TrainingError("There are no clips to measure on.", "Check the path, --split and --exclude.")
    return exams


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person."""
    sets = result.get("sets", [result])
    lines = _table(result["table"], result["model"], result["row"]) if "table" in result else []
    for one in sets:
        lines += ([""] if lines else []) + _set(result["model"], one, len(sets) > 1)
    return "\n".join(lines)


def _set(model: str, one: dict[str, Any], several: bool) -> list[str]:
    where = f" of {one['data']}" if several else ""
    left_out = f", {one['left_out']} left out" if one.get("left_out") else ""
    clips = "1 clip" if one["clips"] == 1 else f"{one['clips']:,} clips"
    lines = [f"{model}: {clips}{where}{left_out}"]
    directions = [(title, one[key]) for key, title in _DIRECTIONS.items() if key in one]
    if directions:
        lines.append(" " * 15 + "".join(f"{name:<{_CELL}}" for name, _ in _COLUMNS) + "median rank")
    for title, row in directions:
        cells = "".join(f"{_share(row[field]):<{_CELL}}" for _, field in _COLUMNS)
        lines.append(f"{title:<15}{cells}{row['median_rank']:.0f} of {row['candidates']:,}")
    lines += [_zero_shot(title, one[key]) for title, key in _ZERO_SHOT if key in one]
    if "probe" in one:
        lines.append(_probe(one["probe"]))
    return lines


def _zero_shot(title: str, zero: dict[str, Any]) -> str:
    prompts = zero["prompts"]
    said = f'"{prompts[0]}"' if len(prompts) == 1 else f"the mean of {len(prompts)} prompts"
    found = f"top-1 {_share(zero['top_1'])}" if "top_1" in zero else f"mAP {zero['map']:.3f}"
    return f"{title:<15}{found} over {zero['classes']} classes, {zero['clips']:,} clips, {said}"


def _probe(probe: dict[str, Any]) -> str:
    found = f"accuracy {_share(probe['accuracy'])}, mAP" if "accuracy" in probe else "mAP"
    how = f"{probe['folds']} folds" if probe["folds"] else f"learned from {probe['learned_from']:,} clips"
    title = f"probe ({probe['kind']})"
    return f"{title:<15}{found} {probe['map']:.3f} over {probe['classes']} classes, {how}"


def _table(number: int, model: str, row: Sequence[dict[str, Any]]) -> list[str]:
    """A row as in the paper, in percent."""
    cells = [(cell["data"], cell["column"], _percent(cell)) for cell in row]
    widths = [max(map(len, cell)) + 2 for cell in cells]
    names = ["" if k and cells[k - 1][0] == cell[0] else cell[0] for k, cell in enumerate(cells)]
    first = max(len(model), 8) + 2
    lines = [
        f"{'Table ' + str(number):<{first}}" + "".join(f"{name:<{w}}" for name, w in zip(names, widths, strict=True))
    ]
    for title, place in (("in %", 1), (model, 2)):
        lines.append(
            f"{title:<{first}}" + "".join(f"{cell[place]:<{w}}" for cell, w in zip(cells, widths, strict=True))
        )
    return [line.rstrip() for line in lines]


def _percent(cell: dict[str, Any]) -> str:
    return "–" if cell["value"] is None else f"{100 * cell['value']:.1f}"


def _share(measure: dict[str, float]) -> str:
    return f"{measure['value']:.3f} ({measure['low']:.3f} to {measure['high']:.3f})"

"""soundsearch-train: arguments to a recipe or a measurement. Results on stdout, progress and messages on stderr."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from soundsearch import __version__
from soundsearch.errors import SoundSearchError
from soundsearch.records import FloatArray

PROGRESS_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 could not be done, 2 wrong usage, 130 stopped."""
    options = _parser().parse_args(arguments)
    try:
        result: dict[str, Any] = options.command(options)
    except SoundSearchError as err:
        print("\n".join(line for line in (err.message, err.hint) if line), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(result, indent=1) if options.json else options.as_text(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soundsearch-train", description="Make and measure soundsearch models.")
    parser.set_defaults(json=False, quiet=False)
    # Taken before and after the command: a default would let the command's parser undo what stood before it.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for taker in (parser, common):
        taker.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON value on stdout")
        taker.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help="no progress on stderr")
    parser.add_argument("--version", action="version", version=f"soundsearch-train {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    distil = commands.add_parser(
        "distil", parents=[common], help="train a small model from captioned clips and a tagger"
    )
    distil.add_argument("recipe", type=Path, help="TOML file, as trainer/recipes/starter.toml")
    distil.add_argument("--data", type=Path, required=True, help="folder that the recipe's manifests are in")
    distil.add_argument("--teacher", type=Path, required=True, help="folder with the tagger and audioset_classes.txt")
    distil.add_argument("--text", type=Path, required=True, help="folder with the text tower and its tokenizer")
    distil.add_argument("--out", type=Path, required=True, help="folder that the bundle is written to")
    distil.set_defaults(command=_distil, as_text=_distil_text)

    measure = commands.add_parser("eval", parents=[common], help="measure a model on captioned clips")
    measure.add_argument("bundle", type=Path, help="model folder")
    measure.add_argument("manifest", type=Path, help="CSV or JSONL with path and caption")
    measure.add_argument("--split", default="", help="only rows with this split, as val")
    measure.add_argument(
        "--class-column", default="esc_class", help="column of the zero-shot check (default: %(default)s)"
    )
    measure.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    measure.add_argument("--record", action="store_true", help="also write the result into the model's manifest")
    measure.set_defaults(command=_eval, as_text=_eval_text)
    return parser


def _distil(options: argparse.Namespace) -> dict[str, Any]:
    # Torch takes seconds to import: --help and wrong usage answer without it.
    import numpy as np

    from trainer import config as recipes
    from trainer import data, soundfont
    from trainer.checkpoint import bundle_config, export
    from trainer.loop import Distiller, Step
    from trainer.synth import synthetic_items
    from trainer.teacher import FRONT_END, load_teacher
    from trainer.text import TextTower

    began = time.monotonic()
    recipe = recipes.load(options.recipe)
    text = TextTower(options.text)
    teacher = load_teacher(options.teacher, text, bundle_config(text))
    items = [item for name in recipe.manifests for item in data.trainable(data.read_manifest(options.data / name))]
    recordings, samples = data.readable(
        items, lambda item: data.load_samples(item, FRONT_END.sample_rate), lambda message: _say(options, message)
    )
    data.at_least_one(recordings)
    generated = synthetic_items(recipe.synthetic_clips, FRONT_END.sample_rate, recipe.seed)
    if recipe.general_midi:
        table = options.recipe.parent / recipe.general_midi
        notes = soundfont.plan_notes(table, recipe.notes_per_program, np.random.default_rng(recipe.seed))
        generated += soundfont.render(notes, Path(recipe.soundfont), FRONT_END.sample_rate)
    _say(options, f"{len(recordings)} recordings, {len(generated)} generated clips")
    items = recordings + generated
    samples += [data.load_samples(item, FRONT_END.sample_rate) for item in generated]
    shown = [0.0]
    last: list[Step] = []

    def on_step(step: Step) -> None:
        last[:] = [step]
        if time.monotonic() - shown[0] > PROGRESS_S:
            shown[0] = time.monotonic()
            _say(options, f"{step.stage} step {step.number}: captions {step.contrastive:.3f}, "
                          f"classes {step.classes:.3f}, anchor {step.anchor:.3f}")  # fmt: skip

    audio, log_scale = Distiller(recipe, items, samples, teacher, text, FRONT_END, on_step).run()
    about = {"name": recipe.name, "title": recipe.title, "description": recipe.description}
    credited = data.relative_to(recordings, options.data)
    export(options.out, audio, text, log_scale, FRONT_END, credited, about)
    return {
        "bundle": str(options.out),
        "recordings": len(recordings),
        "generated": len(generated),
        "seconds": round(time.monotonic() - began, 1),
        "last_step": asdict(last[0]),
    }


def _distil_text(result: dict[str, Any]) -> str:
    return f"Wrote {result['bundle']} in {result['seconds']:.0f} s."


def _eval(options: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    from soundsearch.audio.features import load_features
    from soundsearch.model.bundle import Bundle
    from soundsearch.model.clap import ClapEncoder
    from trainer import data, evaluate
    from trainer.checkpoint import record

    bundle = Bundle.open(options.bundle)
    listed = data.read_manifest(options.manifest, options.class_column)
    listed = [item for item in listed if options.split in ("", item.split)]
    encoder = ClapEncoder(bundle, options.device)
    items: list[data.Item] = []
    rows: list[FloatArray] = []
    for start in range(0, len(listed), encoder.parallel):
        kept, heard = data.readable(
            listed[start : start + encoder.parallel],
            lambda item: load_features(item.path, bundle.front_end),
            lambda message: _say(options, message),
        )
        items += kept
        rows.extend(encoder.embed_features(heard))
        if len(items) // 100 != (len(items) - len(kept)) // 100:
            _say(options, f"{len(items)} of {len(listed)} clips")
    data.at_least_one(items)
    wanted = evaluate.wanted_texts(items)
    texts = dict(zip(wanted, encoder.embed_texts(wanted), strict=True))
    measured = evaluate.report(items, np.stack(rows), texts)
    if options.record:
        record(options.bundle, f"{options.manifest.stem} {options.split}".strip(), measured)
    return {"model": bundle.name, "bundle_id": bundle.id, **measured}


def _eval_text(result: dict[str, Any]) -> str:
    lines = [f"{result['model']}: {result['clips']} clips"]
    for key in ("text_to_audio", "audio_to_text", "label_to_audio"):
        if key in result:
            row = result[key]
            shares = [f"{name} {_share(row[field])}" for name, field in _COLUMNS]
            lines.append(f"{key.replace('_', ' ')}: {', '.join(shares)}, median rank {row['median_rank']:.0f}")
    if "zero_shot" in result:
        zero = result["zero_shot"]
        lines.append(f"zero-shot over {zero['classes']} classes, {zero['clips']} clips: {_share(zero['top_1'])}")
    return "\n".join(lines)


_COLUMNS = (("R@1", "recall_1"), ("R@5", "recall_5"), ("R@10", "recall_10"), ("mAP@10", "map_10"))


def _share(measure: dict[str, float]) -> str:
    return f"{measure['value']:.3f} ({measure['low']:.3f} to {measure['high']:.3f})"


def _say(options: argparse.Namespace, message: str) -> None:
    if not options.quiet:
        print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

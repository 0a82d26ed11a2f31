"""soundsearch-train eval: how well a model finds clips by text and texts by clips."""

import argparse
from pathlib import Path
from typing import Any

from soundsearch.records import FloatArray
from trainer.commands.talk import Say

_COLUMNS = (("R@1", "recall_1"), ("R@5", "recall_5"), ("R@10", "recall_10"), ("mAP@10", "map_10"))


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("bundle", type=Path, help="model folder")
    parser.add_argument("manifest", type=Path, help="CSV or JSONL with path and caption")
    parser.add_argument("--split", default="", help="only rows with this split, as val")
    parser.add_argument(
        "--class-column", default="esc_class", help="column of the zero-shot check (default: %(default)s)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--record", action="store_true", help="also write the result into the model's manifest")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Measure.

    Raises:
        SoundSearchError: If the model or the manifest cannot be used.
    """
    import numpy as np

    from soundsearch.audio.features import load_features
    from soundsearch.model.bundle import Bundle
    from soundsearch.model.clap import ClapEncoder
    from trainer import data, evaluate
    from trainer.bundles import record

    bundle = Bundle.open(options.bundle)
    listed = data.read_manifest(options.manifest, options.class_column)
    listed = [item for item in listed if options.split in ("", item.split)]
    encoder = ClapEncoder(bundle, options.device)
    items: list[data.Item] = []
    rows: list[FloatArray] = []
    for start in range(0, len(listed), encoder.parallel):
        kept, heard = data.readable(
            listed[start : start + encoder.parallel], lambda item: load_features(item.path, bundle.front_end), say
        )
        items += kept
        rows.extend(encoder.embed_features(heard))
        if len(items) // 100 != (len(items) - len(kept)) // 100:
            say(f"{len(items)} of {len(listed)} clips")
    data.at_least_one(items)
    wanted = evaluate.wanted_texts(items)
    texts = dict(zip(wanted, encoder.embed_texts(wanted), strict=True))
    measured = evaluate.report(items, np.stack(rows), texts)
    if options.record:
        record(options.bundle, f"{options.manifest.stem} {options.split}".strip(), measured)
    return {"model": bundle.name, "bundle_id": bundle.id, **measured}


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person."""
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


def _share(measure: dict[str, float]) -> str:
    return f"{measure['value']:.3f} ({measure['low']:.3f} to {measure['high']:.3f})"

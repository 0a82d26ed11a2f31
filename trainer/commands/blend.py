"""soundsearch-train blend: a model between another and what it was trained to (WiSE-FT)."""

import argparse
from pathlib import Path
from typing import Any

from soundsearch.errors import TrainingError
from trainer.commands.talk import Say


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("base", help="the model before, by name or folder")
    parser.add_argument("tuned", help="the model after")
    parser.add_argument("--alpha", type=float, required=True, help="share of the change that is kept, 0 to 1")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new model")
    parser.add_argument("--data-dir", type=Path, help="where models and settings lie")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Blend and write.

    Raises:
        SoundSearchError: If the models do not fit each other, or the folder cannot be written.
    """
    if not 0 <= options.alpha <= 1:
        raise TrainingError("--alpha must lie between 0 and 1.", "0 is the model before, 1 the model after.")
    from soundsearch.model.clap import load_dual
    from soundsearch.settings import Places
    from trainer.bundles import blend, check_free, write_tuned
    from trainer.start import installed

    check_free(options.out)
    places = Places(options.data_dir.absolute()) if options.data_dir else Places.default()
    base, tuned = installed(options.base, places), installed(options.tuned, places)
    if options.out.resolve() in (base.folder.resolve(), tuned.folder.resolve()):
        raise TrainingError("A blend cannot be written over one of its parts.", "Choose another folder with --out.")
    if base.front_end != tuned.front_end:
        raise TrainingError("The two models hear differently.", "Blend a model with one that was trained from it.")
    first, last = load_dual(base), load_dual(tuned).state_dict()
    start = first.state_dict()
    if {key: value.shape for key, value in start.items()} != {key: value.shape for key, value in last.items()}:
        raise TrainingError("The two models are not of one shape.", "Blend a model with one that was trained from it.")
    say(f"Blending {100 * options.alpha:.0f} % of {tuned.title} into {base.title}")
    first.load_state_dict(blend(start, last, options.alpha))
    about = {
        "name": options.out.absolute().name,
        "title": f"{tuned.title} ({100 * options.alpha:.0f} %)",
        "description": f"{100 * options.alpha:.0f} % of the way from {base.title} to {tuned.title}.",
        "licence": base.licence,
    }
    made = write_tuned(options.out, base, first, about)
    return {"bundle": str(options.out), "id": made.id, "alpha": options.alpha}


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person."""
    return f"Wrote {result['bundle']}."

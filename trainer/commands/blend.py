"""soundsearch-train blend: a model between another and what it was trained to (WiSE-FT)."""

import argparse
from pathlib import Path
from typing import Any

from soundsearch.errors import TrainingError
from trainer.commands.talk import Say


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("base", type=Path, help="folder of the model before")
    parser.add_argument("tuned", type=Path, help="folder of the model after")
    parser.add_argument("--alpha", type=float, required=True, help="share of the change that is kept, 0 to 1")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new model")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Blend and write.

    Raises:
        SoundSearchError: If the models do not fit each other, or the folder cannot be written.
    """
    if not 0 <= options.alpha <= 1:
        raise TrainingError("--alpha must lie between 0 and 1.", "0 is the model before, 1 the model after.")
    from soundsearch.model.bundle import Bundle
    from soundsearch.model.clap import load_dual
    from trainer.bundles import blend, write_tuned

    base, tuned = Bundle.open(options.base), Bundle.open(options.tuned)
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

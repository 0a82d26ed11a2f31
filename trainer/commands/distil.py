"""soundsearch-train distil: a small audio tower from captioned clips and a tagger."""

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.commands.talk import Say

PROGRESS_S = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("recipe", type=Path, help="TOML file, as trainer/distil/recipes/starter.toml")
    parser.add_argument("--data", type=Path, required=True, help="folder that the recipe's manifests are in")
    parser.add_argument("--teacher", type=Path, required=True, help="folder with the tagger and audioset_classes.txt")
    parser.add_argument("--text", type=Path, required=True, help="folder with the text tower and its tokenizer")
    parser.add_argument("--out", type=Path, required=True, help="folder that the bundle is written to")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Train and write the bundle.

    Raises:
        TrainingError: If the recipe or what it names cannot be used.
    """
    from trainer.distil import config as recipes
    from trainer.distil import credits, material, phrasing
    from trainer.distil.export import bundle_config, export
    from trainer.distil.loop import Distiller, Step
    from trainer.distil.teacher import FRONT_END, load_teacher
    from trainer.distil.text import TextTower

    began = time.monotonic()
    recipe = recipes.load(options.recipe)
    text = TextTower(options.text)
    teacher = load_teacher(options.teacher, text, bundle_config(text))
    learned = material.gather(recipe, options.recipe.parent, options.data, FRONT_END.sample_rate, say)
    generated = [item for item in learned.items if item.generated]
    credits.generators(generated)  # whose they are must be known before the work begins
    say(f"{len(learned.recordings)} recordings, {len(generated)} generated clips")
    shown = [0.0]
    last: list[Step] = []

    def on_step(step: Step) -> None:
        last[:] = [step]
        if time.monotonic() - shown[0] > PROGRESS_S:
            shown[0] = time.monotonic()
            say(f"{step.stage} step {step.number}: captions {step.contrastive:.3f}, "
                f"classes {step.classes:.3f}, anchor {step.anchor:.3f}")  # fmt: skip

    audio, log_scale = Distiller(recipe, learned.items, learned.samples, teacher, text, FRONT_END, on_step).run()
    about = {"name": recipe.name, "title": recipe.title, "description": recipe.description}
    credited = phrasing.relative_to(learned.recordings, options.data) + generated
    export(options.out, audio, text, log_scale, FRONT_END, credited, about)
    return {
        "bundle": str(options.out),
        "recordings": len(learned.recordings),
        "generated": len(generated),
        "seconds": round(time.monotonic() - began, 1),
        "last_step": asdict(last[0]),
    }


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person."""
    return f"Wrote {result['bundle']} in {result['seconds']:.0f} s."

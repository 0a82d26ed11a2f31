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
    import numpy as np

    from trainer import data
    from trainer.distil import config as recipes
    from trainer.distil import credits, phrasing, soundfont
    from trainer.distil.export import bundle_config, export
    from trainer.distil.loop import Distiller, Step
    from trainer.distil.synth import synthetic_items
    from trainer.distil.teacher import FRONT_END, load_teacher
    from trainer.distil.text import TextTower

    began = time.monotonic()
    recipe = recipes.load(options.recipe)
    text = TextTower(options.text)
    teacher = load_teacher(options.teacher, text, bundle_config(text))
    items = [item for name in recipe.manifests for item in phrasing.trainable(data.read_manifest(options.data / name))]
    recordings, samples = data.readable(items, lambda item: data.load_samples(item, FRONT_END.sample_rate), say)
    data.at_least_one(recordings)
    generated = synthetic_items(recipe.synthetic_clips, FRONT_END.sample_rate, recipe.seed)
    if recipe.general_midi:
        table = options.recipe.parent / recipe.general_midi
        notes = soundfont.plan_notes(table, recipe.notes_per_program, np.random.default_rng(recipe.seed))
        generated += soundfont.render(notes, Path(recipe.soundfont), FRONT_END.sample_rate)
    credits.generators(generated)  # whose they are must be known before the work begins
    say(f"{len(recordings)} recordings, {len(generated)} generated clips")
    items = recordings + generated
    samples += [data.load_samples(item, FRONT_END.sample_rate) for item in generated]
    shown = [0.0]
    last: list[Step] = []

    def on_step(step: Step) -> None:
        last[:] = [step]
        if time.monotonic() - shown[0] > PROGRESS_S:
            shown[0] = time.monotonic()
            say(f"{step.stage} step {step.number}: captions {step.contrastive:.3f}, "
                f"classes {step.classes:.3f}, anchor {step.anchor:.3f}")  # fmt: skip

    audio, log_scale = Distiller(recipe, items, samples, teacher, text, FRONT_END, on_step).run()
    about = {"name": recipe.name, "title": recipe.title, "description": recipe.description}
    credited = phrasing.relative_to(recordings, options.data) + generated
    export(options.out, audio, text, log_scale, FRONT_END, credited, about)
    return {
        "bundle": str(options.out),
        "recordings": len(recordings),
        "generated": len(generated),
        "seconds": round(time.monotonic() - began, 1),
        "last_step": asdict(last[0]),
    }


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person."""
    return f"Wrote {result['bundle']} in {result['seconds']:.0f} s."

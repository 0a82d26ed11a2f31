"""soundsearch-train import: make a model of an official CLAP checkpoint."""

import argparse
from pathlib import Path
from typing import Any

from soundsearch.errors import TrainingError
from trainer.commands.talk import Say

# Installed models with the tokenizer that every official checkpoint was trained with.
_WITH_ROBERTA = ("clap-htsat-fused", "clap-htsat-unfused", "larger-clap-general")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("checkpoint", type=Path, help=".pt file of LAION-AI/CLAP")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write the model")
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FOLDER",
        help="folder with the text tower's tokenizer.json, as of roberta-base (default: an installed LAION model's)",
    )
    parser.add_argument("--title", default="", help="what the window calls it (default: from the file)")
    parser.add_argument("--licence", default="", help="licence of the weights, as CC0-1.0 (default: of released files)")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where installed models are looked for")


def run(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Import.

    Raises:
        SoundSearchError: If it cannot be done.
    """
    from trainer import official
    from trainer.bundles import check_free

    if not options.checkpoint.is_file():
        raise TrainingError(f"There is no file {options.checkpoint}.", "Check the path.")
    check_free(options.out)
    tokenizer = options.tokenizer or _installed_tokenizer(options.data_dir)
    if not (tokenizer / "tokenizer.json").is_file():
        raise TrainingError(
            f"There is no tokenizer.json in {tokenizer}.", "Name a folder of roberta-base or a LAION model."
        )
    say(f"reading {options.checkpoint}")
    bundle = official.import_checkpoint(
        options.checkpoint, options.out.absolute(), tokenizer, options.title, options.licence
    )
    audio = bundle.config["audio_config"]
    return {
        "model": str(bundle.folder),
        "title": bundle.title,
        "bundle_id": bundle.id,
        "audio": str(audio["model_type"]),
        "width": int(audio.get("patch_embeds_hidden_size", 0)),
        "fused": bool(audio.get("enable_fusion")),
        "dimension": bundle.dimension,
    }


def as_text(result: dict[str, Any]) -> str:
    """Say it to a person."""
    kind = "fused" if result["fused"] else "unfused"
    return f"{result['title']} ({kind}, {result['dimension']} dimensions) is in {result['model']}"


def _installed_tokenizer(data_dir: Path | None) -> Path:
    from soundsearch.settings import Places

    models = (Places(data_dir.absolute()) if data_dir else Places.default()).models
    for name in _WITH_ROBERTA:
        if (models / name / "tokenizer.json").is_file():
            return models / name
    raise TrainingError(
        "The checkpoint holds no tokenizer, and no LAION model is installed to take one from.",
        "Name a folder with the tokenizer.json of roberta-base by --tokenizer.",
    )

"""The model that a run starts from: one that is installed, a folder, or new towers, filled with published weights."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from soundsearch.errors import TrainingError
from soundsearch.model.bundle import Bundle, default_front_end
from soundsearch.model.store import ModelStore
from soundsearch.model.towers import DualEncoder, audio_preset, dual_config, text_preset
from soundsearch.model.weights import save_bundle, tokenizer_files
from soundsearch.settings import Places, load
from trainer import pretrained
from trainer.pretrained import Say

TEXT_WEIGHTS = {"roberta": "roberta-base", "bert": "bert-base-uncased", "clip": "openai/clip-vit-base-patch32"}
START_FOLDER = "start"


def installed(name: str, places: Places) -> Bundle:
    """Open an installed model by its name, or a model folder.

    Raises:
        ModelError: If it is not there or not usable.
    """
    return ModelStore(places.models, load(places.settings).hub_endpoint).open(name)


def new_towers(
    folder: Path,
    audio: str,
    text: str,
    audio_from: str,
    text_from: str,
    places: Places,
    seed: int,
    say: Say,
    long: Literal["crop", "windows"] = "crop",
) -> Bundle:
    """Make a model of two towers and write it to a folder, for a run to start from.

    Args:
        folder: Where it is written.
        audio: A preset: "htsat-tiny-fused", "cnn14", "timm:mobilenetv3_small_100", ...
        text: A preset: "roberta", "bert" or "clip".
        audio_from: Folder, file or hub name of weights for the audio tower; "" leaves it random.
        text_from: The same for the text tower, "" for the preset's own on the hub. Its tokenizer is taken too.
        places: Where downloads are kept.
        seed: Of the random weights.
        say: Is told what was filled, and what stayed random.
        long: How a tower without fusion hears what is longer than its window: the middle, or windows over all of it
            whose embeddings are averaged (the paper's slice and vote). Training takes a random window.

    Raises:
        SoundSearchError: If there is no such tower, or its weights cannot be had.
    """
    endpoint = load(places.settings).hub_endpoint
    home = places.models / ".pretrained"
    words = pretrained.find(text_from or TEXT_WEIGHTS.get(text, ""), home, endpoint, say)
    if not words.path.is_dir() or not tokenizer_files(words.path):
        raise TrainingError(
            f"There is no tokenizer in {words.path}.", "Give a folder with tokenizer.json as --text-from."
        )
    text_preset(text)  # says which there are
    torch.manual_seed(seed)
    dual = DualEncoder(config := dual_config(audio_preset(audio), pretrained.text_config(words.path)))
    say(str(pretrained.fill_text(dual, words.path)))
    if audio_from:
        say(str(pretrained.fill_audio(dual, pretrained.find(audio_from, home, endpoint, say).path)))
    about = {"name": f"{audio}-{text}", "title": f"{audio} and {text}"}
    front_end = default_front_end(config)
    if front_end.long != "fusion":
        front_end = replace(front_end, long=long)
    return save_bundle(folder, config, dual.state_dict(), tokenizer_files(words.path), front_end, about)

"""Small models with random weights, and small libraries, for tests: the real architecture, little of it."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

# isort: off
from soundsearch.model.towers import DualEncoder, audio_preset, dual_config, text_preset  # see timm_tower
from transformers import ClapConfig, ClapModel

# isort: on
from soundsearch.model.bundle import Bundle, default_front_end
from soundsearch.model.weights import save_bundle

Kind = Literal["fused", "unfused", "base"]

# The published configurations: transformers' defaults are the tiny ones.
PUBLISHED: dict[Kind, dict[str, object]] = {
    "fused": {"enable_fusion": True},
    "unfused": {},
    "base": {"patch_embeds_hidden_size": 128, "depths": [2, 2, 12, 2], "hidden_size": 1024},
}
PARAMETERS: dict[Kind, int] = {"fused": 153_507_530, "unfused": 153_492_890, "base": 193_913_882}


def published(folder: Path, kind: Kind) -> ClapModel:
    """Save a checkpoint in the hub's format, in the published configuration, with random weights."""
    return save_clap(folder, ClapConfig(audio_config=PUBLISHED[kind]), fused=kind == "fused")


def tiny(folder: Path, *, fused: bool = True, seed: int = 0) -> Path:
    """Save a CLAP of the published shape with 1 % of the weights, and a tokenizer of single characters."""
    config = ClapConfig(
        audio_config={
            "enable_fusion": fused,
            "patch_embeds_hidden_size": 16,
            "hidden_size": 128,
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 4, 8],
            "projection_dim": 32,
        },
        text_config={
            "vocab_size": 300,
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 100,
            "projection_dim": 32,
        },
        projection_dim=32,
    )
    save_clap(folder, config, fused=fused, seed=seed)
    character_tokenizer(folder / "tokenizer.json", start=0, padding=1, end=2)
    return folder


def character_tokenizer(file: Path, *, start: int, padding: int, end: int) -> None:
    """Save a tokenizer of single characters, with the special tokens at the given ids."""
    special = {"<s>": start, "<pad>": padding, "</s>": end, "<unk>": 3}
    tokenizer = Tokenizer(models.WordLevel({**special, **{chr(code): code - 28 for code in range(32, 127)}}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", end), ("<s>", start))
    tokenizer.save(str(file))


AUDIO_TOWERS = ("htsat", "htsat-fused", "cnn14", "cnn14-fused", "timm")
TEXT_TOWERS = ("roberta", "bert", "clip")


def dual(audio: str, text: str, *, seed: int = 0) -> DualEncoder:
    """Build one of AUDIO_TOWERS beside one of TEXT_TOWERS, with 32 dimensions and random weights; see `dual_table`."""
    torch.manual_seed(seed)
    model = DualEncoder(dual_table(audio, text)).eval()
    spread(model.text_model, model.text_projection)
    return model


def dual_table(audio: str, text: str) -> dict[str, Any]:
    """The config.json of `dual`: the real architectures, little of them."""
    kind, _, fused = audio.partition("-")
    small: dict[str, Any] = {
        "htsat": {
            "patch_embeds_hidden_size": 16,
            "hidden_size": 128,
            "depths": [1] * 4,
            "num_attention_heads": [1, 2, 4, 8],
        },
        # With so few channels the published dropout leaves nothing: 16 clips did not fit in 80 steps, without in 10.
        "cnn14": {"widths": [8, 16, 16, 32, 32, 32], "block_dropout": 0.0, "dropout": 0.0},
        "timm": {},
    }[kind]
    name = {"htsat": "htsat-nano", "timm": "timm:mobilenetv3_small_050"}.get(kind, kind)
    audio_table = {**audio_preset(f"{name}-{fused}" if fused else name), **small}
    special = {"roberta": {}, "bert": {}, "clip": {"bos_token_id": 298, "eos_token_id": 299, "pad_token_id": 299}}[text]
    text_table = {
        **text_preset(text),
        **special,
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 100,
    }
    return dual_config(audio_table, text_table, 32)


def dual_bundle(folder: Path, audio: str, text: str, *, seed: int = 0) -> Bundle:
    """Save `dual` as a bundle."""
    folder.mkdir(parents=True)
    file = folder.parent / f"{folder.name}-words" / "tokenizer.json"
    file.parent.mkdir()
    ids = {"roberta": (0, 1, 2), "bert": (1, 0, 2), "clip": (298, 297, 299)}[text]
    character_tokenizer(file, start=ids[0], padding=ids[1], end=ids[2])
    table = dual_table(audio, text)
    about = {"name": folder.name, "title": f"{audio} and {text}"}
    tensors = dual(audio, text, seed=seed).state_dict()
    return save_bundle(folder, table, tensors, [file], default_front_end(table), about)


def write_tone(path: Path, hz: float, *, seconds: float = 0.2, rate: int = 44_100) -> None:
    """Write a tone with a little noise: every frequency gives a clip of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(seconds * rate)) / rate
    noise = 0.01 * np.random.default_rng(int(hz)).standard_normal(len(t))
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hz * t) * np.exp(-3 * t) + noise, rate, subtype="PCM_16")


def small_library(folder: Path, clips: int = 12) -> Path:
    """A library of tones in two folders, with an exact copy, a broken file and litter."""
    for i in range(clips):
        write_tone(folder / ("Low" if i < clips // 2 else "High") / f"tone {i:02}.wav", 100.0 * 1.35**i)
    (folder / "High" / "copy of tone 00.wav").write_bytes((folder / "Low" / "tone 00.wav").read_bytes())
    (folder / "broken.wav").write_bytes(b"RIFF____WAVE")
    (folder / "Low" / "._tone 00.wav").write_bytes(b"litter")
    (folder / "notes.txt").write_text("not a sound")
    return folder


def spread(*parts: torch.nn.Module) -> None:
    """Fresh weights are so small that every text gets nearly the same embedding; these spread."""
    with torch.no_grad():
        for parameter in (parameter for part in parts for parameter in part.parameters()):
            if parameter.dim() == 2:
                parameter.normal_(0.0, 2.0 / parameter.shape[1] ** 0.5)


def save_clap(folder: Path, config: ClapConfig, *, fused: bool, seed: int = 0) -> ClapModel:
    torch.manual_seed(seed)
    """Save a checkpoint of transformers' own in the hub's format, with random weights."""
    model = ClapModel(config).eval()
    spread(model.text_model, model.text_projection)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "feature_extractor_type": "ClapFeatureExtractor",
                "feature_size": 64,
                "sampling_rate": 48000,
                "hop_length": 480,
                "fft_window_size": 1024,
                "max_length_s": 10,
                "frequency_min": 50,
                "frequency_max": 14000,
                "padding": "repeatpad",
                "truncation": "fusion" if fused else "rand_trunc",
            }
        )
    )
    return model

"""Small models with random weights, and small libraries, for tests: the real architecture, little of it."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import ClapConfig, ClapModel

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
    return _save(folder, ClapConfig(audio_config=PUBLISHED[kind]), fused=kind == "fused")


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
    _save(folder, config, fused=fused, seed=seed)
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, **{chr(code): code - 28 for code in range(32, 127)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


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


def _save(folder: Path, config: ClapConfig, *, fused: bool, seed: int = 0) -> ClapModel:
    torch.manual_seed(seed)
    model = ClapModel(config).eval()
    # Fresh weights are so small that every text gets nearly the same embedding; these spread.
    with torch.no_grad():
        for parameter in (*model.text_model.parameters(), *model.text_projection.parameters()):
            if parameter.dim() == 2:
                parameter.normal_(0.0, 2.0 / parameter.shape[1] ** 0.5)
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

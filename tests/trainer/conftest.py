"""A tiny text tower and a tagger of random weights, so that the trainer runs in seconds and without shared data."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import ClapTextConfig, ClapTextModelWithProjection

from trainer.distil.synth import clips as synth


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The towers of the tests are too small to gain by several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


REPOSITORY = Path(__file__).parents[2]
WORDS = sorted({word for maker in synth.MAKERS for word in maker.__name__.split("_")} | {
    "a", "an", "the", "sound", "of", "and", "kick", "drum", "snare", "siren", "noise", "white", "pad", "synth", "beep",
    "closed", "open", "hi", "hat", "rising", "falling", "sweep", "bass", "laser", "pink", "brown", "blue", "-", ",",
})  # fmt: skip


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text tower in the layout of the starter's, with random weights: different texts get different vectors."""
    folder = tmp_path_factory.mktemp("text")
    vocabulary = {word: k for k, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    shape = {
        "vocab_size": len(vocabulary), "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "max_position_embeddings": 80, "type_vocab_size": 1, "pad_token_id": 0,
    }  # fmt: skip
    table = {"text_config": shape, "projection_dim": 384, "projection_hidden_act": "relu"}
    (folder / "text_config.json").write_text(json.dumps(table))
    torch.manual_seed(0)
    model = ClapTextModelWithProjection(ClapTextConfig(**shape, projection_dim=384))
    for name, weight in model.named_parameters():
        if "embeddings.word" in name:
            torch.nn.init.normal_(weight)  # transformers' own are so small that all texts would look alike
    save_file(
        {k: v.half() for k, v in model.state_dict().items() if v.is_floating_point()}, folder / "text_tower.safetensors"
    )
    return folder


@pytest.fixture(scope="session")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger of random weights under EfficientAT's names."""
    from soundsearch.model.mobilenet import MobileNetAudioWithProjection

    folder = tmp_path_factory.mktemp("teacher")
    torch.manual_seed(1)
    model = MobileNetAudioWithProjection({"projection_dim": 384, "audio_config": {}}).train()
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = None  # plain average: statistics as of a network that has seen something
    with torch.no_grad():
        model(torch.randn(8, 1, 150, 128))
    tensors = {}
    for key, value in model.state_dict().items():
        room, part, *rest = key.split(".")
        if room == "audio_projection":
            if part.startswith("linear"):
                tensors[f"classifier.{ {'linear1': 2, 'linear2': 5}[part] }.{rest[0]}"] = value
        elif part == "blocks":
            number, _, *inner = rest
            if inner[1] in ("squeeze", "excite"):
                inner[1:2] = ["conc_se_layers", "0", {"squeeze": "fc1", "excite": "fc2"}[inner[1]]]
            tensors[".".join(["features", str(int(number) + 1), "block", *inner])] = value
        else:
            tensors[".".join(["features", {"stem": "0", "last": "16"}[part], *rest])] = value
    save_file(tensors, folder / "tagger.safetensors")
    (folder / "audioset_classes.txt").write_text("\n".join(WORDS[k % len(WORDS)] for k in range(527)) + "\n")
    return folder

"""The official CLAP checkpoints (`.pt`): read without running anything, renamed, and written as a bundle.

Which model it is shows in the names and shapes of its tensors: HTSAT of any size or Cnn14, fused or not, with RoBERTa
or BERT. The file also holds the optimiser and numpy scalars; those are read past.

Source: LAION-AI/CLAP, training/main.py, for the layout; its hub page for the types in the files.
"""

import _codecs
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundsearch.errors import ModelError, TrainingError
from soundsearch.model.bundle import MANIFEST, Bundle, default_front_end, file_digest
from soundsearch.model.clap import ClapEncoder, load_tokenizer
from soundsearch.model.towers import DualEncoder, audio_preset, dual_config, text_preset
from soundsearch.model.weights import fill, save_bundle, tokenizer_files

# The released files, by SHA-256: title and licence. Others are imported under their own name.
RELEASED = {
    "8053c9775516af2f4902e1e8281e356cc1bf7a85e8b761908170767b77c3f037": "LAION CLAP, 630k-audioset-best",
    "fb171dd9b608aebdac3d89286cd7615c5100af4cc7dc37797c7fb8d3cc15e3a5": "LAION CLAP, 630k-audioset-fusion-best",
    "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd": "LAION CLAP, music_audioset_epoch_15",
    "51c68f12f9d7ea25fdaaccf741ec7f81e93ee594455410f3bca4f47f88d8e006": "LAION CLAP, music_speech_audioset_epoch_15",
    "a27dfbd00d96781020d83044136f084343edab799d2657ef3cfe5c4f2222bb28": "LAION CLAP, music_speech_epoch_15",
}
RELEASED_LICENCE = "CC0-1.0"

# What the files hold besides tensors: numbers and arrays of numpy, pickled by old and new versions; arrays are the
# sampler's state beside PANN's weights. None of these runs anything.
_SCALAR = np._core.multiarray.scalar  # type: ignore[attr-defined]
_ARRAY = np._core.multiarray._reconstruct  # type: ignore[attr-defined]
_HARMLESS: list[Any] = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    (_ARRAY, "numpy.core.multiarray._reconstruct"),
    (_ARRAY, "numpy._core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(name)) for name in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u8", "?")),
    (_codecs.encode, "_codecs.encode"),
]
_DROPPED = re.compile(
    r"audio_branch\.(spectrogram_extractor|logmel_extractor|tscam_conv|head|fc_audioset)\."
    r"|.*\.attn_mask$|(audio|text)_transform\.|text_branch\.embeddings\.position_ids$|.*relative_position_index$"
)
_HTSAT_NAMES = (
    (r"^bn0\.", "batch_norm."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.attn\.", ".attention.self."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
)
_NOT_ONE = "Choose a .pt file of LAION-AI/CLAP; models of the hub are downloaded and need no import."


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """Read the state dict of a training checkpoint; nothing is unpickled but tensors, numbers and containers.

    Raises:
        TrainingError: If it is no checkpoint, is damaged, or holds anything else.
    """
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            # The optimiser is most of the file: what is mapped and not used is not read.
            loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except OSError as err:
        raise TrainingError(
            f"Cannot read the checkpoint {file}: {err.strerror or err}.", "Choose another file."
        ) from err
    except (RuntimeError, EOFError, ValueError) as err:
        raise TrainingError(f"{file} is not a checkpoint, or damaged.", _NOT_ONE) from err
    except Exception as err:  # pickle raises what it likes; UnpicklingError both for other files and for refused types
        held = _refused_type(str(err))
        if held:
            message = f"The checkpoint {file} holds more than tensors and numbers: {held}."
            raise TrainingError(message, "It is not opened: such a file can run programs.") from err
        raise TrainingError(f"{file} is not a checkpoint, or damaged.", _NOT_ONE) from err
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
            break
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise TrainingError(f"{file} holds no weights of a model.", _NOT_ONE)
    return {str(key).removeprefix("module."): value for key, value in loaded.items()}


def _refused_type(message: str) -> str:
    found = re.search(r"GLOBAL ([\w.]+)", message)
    return found[1] if found else ""


def convert(tensors: Mapping[str, Tensor], source: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Rename the tensors of an official checkpoint and say which towers they are.

    Args:
        tensors: As `read_checkpoint` gives them.
        source: The file, for messages.

    Returns:
        config.json of the bundle, and the state dict of its DualEncoder.

    Raises:
        TrainingError: If tensors are missing, of a kind that is not known, or not of this layout.
    """
    branches = {name: _below(tensors, f"{name}_branch.") for name in ("audio", "text")}
    if not all(branches.values()):
        raise TrainingError(f"{source} is not an official CLAP checkpoint: it lacks a tower.", _NOT_ONE)
    audio, text = branches["audio"], branches["text"]
    named = {**_prefixed("audio_model.", audio_tensors(audio)), **_prefixed("text_model.", text)}
    for tower in ("audio", "text"):
        for old, new in (("0", "linear1"), ("2", "linear2")):
            named.update(_prefixed(f"{tower}_projection.{new}.", _below(tensors, f"{tower}_projection.{old}.")))
    named.update({key: tensors[key] for key in ("logit_scale_a", "logit_scale_t") if key in tensors})
    try:
        dimension = tensors["audio_projection.2.weight"].shape[0]
        config = dual_config(audio_config(audio), text_config(text), dimension)
        with torch.device("meta"):
            wanted = DualEncoder(config).state_dict()
        if unknown := [key for key in named if key not in wanted]:
            raise TrainingError(
                f"{source} holds a tensor that is not known: {unknown[0]}.", "Its towers are of another kind."
            )
        dual = DualEncoder(config)
        fill(dual, named, source)
    except KeyError as err:
        raise TrainingError(f"{source} is incomplete: it has no {err.args[0]}.", _NOT_ONE) from err
    except ModelError as err:
        raise TrainingError(err.message, "The file is incomplete, or its towers are of another kind.") from err
    return config, dual.state_dict()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What stands under a prefix and belongs to the model."""
    return {
        key[len(prefix) :]: value
        for key, value in tensors.items()
        if key.startswith(prefix) and not _DROPPED.match(key)
    }


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in tensors.items()}


def audio_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of an official audio tower (without `audio_branch.`) to those of our audio_model.

    Cnn14 keeps its names; of the HTSAT's, query, key and value come apart.
    """
    if "conv_block1.conv1.weight" in tensors:
        return dict(tensors)
    named: dict[str, Tensor] = {}
    for old, tensor in tensors.items():
        new = f"audio_encoder.{_renamed(old)}"
        if ".qkv." in new:
            for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                named[new.replace("qkv", part)] = third
        else:
            named[new] = tensor
    return named


def _renamed(key: str) -> str:
    for pattern, name in _HTSAT_NAMES:
        key = re.sub(pattern, name, key)
    return key


def audio_config(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Tell an official audio tower by its tensors (without `audio_branch.`).

    Raises:
        KeyError: If the tensor that tells is missing.
    """
    fused = any(key.startswith(("patch_embed.mel_conv2d", "mel_conv2d")) for key in tensors)
    if "conv_block1.conv1.weight" in tensors:
        convolutions = sorted(key for key in tensors if re.fullmatch(r"conv_block\d\.conv1\.weight", key))
        widths = [tensors[key].shape[0] for key in convolutions]
        return {**audio_preset("cnn14-fused" if fused else "cnn14"), "widths": widths}
    width = tensors["patch_embed.proj.weight"].shape[0]
    blocks = [found for key in tensors if (found := re.match(r"layers\.(\d+)\.blocks\.(\d+)\.attn\.qkv\.weight", key))]
    stages = range(1 + max((int(found[1]) for found in blocks), default=-1))
    table = "layers.{}.blocks.0.attn.relative_position_bias_table"
    return {
        **audio_preset("htsat-tiny-fused" if fused else "htsat-tiny"),
        "patch_embeds_hidden_size": width,
        "hidden_size": tensors["norm.weight"].shape[0],
        "depths": [sum(int(found[1]) == stage for found in blocks) for stage in stages],
        "num_attention_heads": [tensors[table.format(stage)].shape[1] for stage in stages],
    }


def text_config(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Tell a RoBERTa from a BERT, and its size, by its tensors (without `text_branch.`).

    Raises:
        KeyError: If the tensor that tells is missing, as in a text tower of another kind.
    """
    words = tensors["embeddings.word_embeddings.weight"]
    kinds = tensors["embeddings.token_type_embeddings.weight"].shape[0]
    return {
        **text_preset("roberta" if kinds == 1 else "bert"),
        "vocab_size": words.shape[0],
        "hidden_size": words.shape[1],
        "num_hidden_layers": len([key for key in tensors if key.endswith("attention.self.query.weight")]),
        "num_attention_heads": max(1, words.shape[1] // 64),  # no tensor shows it; 64 wide in every published one
        "intermediate_size": tensors["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "max_position_embeddings": tensors["embeddings.position_embeddings.weight"].shape[0],
    }


def import_checkpoint(file: Path, folder: Path, tokenizer: Path, title: str = "", licence: str = "") -> Bundle:
    """Make a bundle of an official checkpoint and let it through the load gate.

    Args:
        file: The `.pt` file.
        folder: Where the bundle will be.
        tokenizer: A folder with the tokenizer.json of the text tower.
        title: What the window calls it; "" takes that of the released file, or the file's name.
        licence: SPDX expression; "" takes that of the released file.

    Raises:
        SoundSearchError: If the file is not one, the tokenizer is another's, or the model is not good.
    """
    config, tensors = convert(read_checkpoint(file), file.name)
    digest = file_digest(file)
    about = {
        "name": folder.name,
        "title": title or RELEASED.get(digest, file.stem),
        "description": f"Imported from the official checkpoint {file.name}.",
        "licence": licence or (RELEASED_LICENCE if digest in RELEASED else ""),
        "source": {"file": file.name, "sha256": digest},
    }
    bundle = save_bundle(folder, config, tensors, tokenizer_files(tokenizer), default_front_end(config), about)
    try:
        _check_tokenizer(bundle)
        ClapEncoder(bundle, "cpu", "float32").check()
    except ModelError:
        (folder / MANIFEST).unlink()  # what is not good is not offered
        raise
    return bundle


def _check_tokenizer(bundle: Bundle) -> None:
    """The tokenizer and the text tower belong together: a mix-up would be silent, or an index out of range."""
    tokens, rows = load_tokenizer(bundle).get_vocab_size(), int(bundle.config["text_config"]["vocab_size"])
    if tokens != rows:
        raise ModelError(
            f"The tokenizer has {tokens:,} tokens and the text tower {rows:,}.",
            "Name the folder of the text tower's own tokenizer with --tokenizer.",
        )

"""Weights between files and modules: read without running anything, filled in strictly, written as a whole bundle."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from soundsearch.audio.features import FrontEnd
from soundsearch.errors import ModelError
from soundsearch.model.bundle import IDENTITY, MANIFEST, PROJECTION, TOKENIZER, Bundle, write_manifest

# Made anew by the modules; old checkpoints carry some of them as tensors.
BUFFERS = ("position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked")
SCALES = ("logit_scale_a", "logit_scale_t")
ROW_SCALE = ".row_scale"  # behind the name of a matrix in int8: what each of its rows is to be multiplied by
_OTHER_KIND = "The checkpoint is of another kind than its config says."


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Read a weights file; never unpickles anything but tensors. Matrices in int8 come out in float16.

    Raises:
        ModelError: If it is damaged or holds anything else.
    """
    try:
        if file.suffix == ".safetensors":
            return unpack_rows(load_file(file))
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as err:
        raise ModelError(f"Cannot read the weights {file}: {err}.", "Download or install the model again.") from err
    except Exception as err:  # pickle raises what it likes
        raise ModelError(f"The weights {file} hold more than tensors.", "Only plain checkpoints are loaded.") from err
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ModelError(f"The weights {file} hold more than tensors.", "Only plain checkpoints are loaded.")
    return tensors


def pack_rows(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Store matrices in half the room of float16: int8, with a scale for each row. Vectors stay as they are."""
    packed = dict(tensors)
    for key, matrix in tensors.items():
        if matrix.ndim == 2 and matrix.is_floating_point():
            scale = (matrix.float().abs().amax(1, keepdim=True) / 127).clamp(min=1e-7).half()
            packed[key] = (matrix.float() / scale.float()).round().clamp(-127, 127).to(torch.int8)
            packed[key + ROW_SCALE] = scale
    return packed


def unpack_rows(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo `pack_rows`: matrices that have a scale for each row, in float16; all others as they are."""
    plain = {key: value for key, value in tensors.items() if not key.endswith(ROW_SCALE)}
    for key in plain:
        if (scale := tensors.get(key + ROW_SCALE)) is not None:
            plain[key] = (plain[key].float() * scale.float()).half()
    return plain


def read_bundle(bundle: Bundle) -> dict[str, Tensor]:
    """Read all weights of a bundle, in float32 where they are floating; a later file overrides an earlier one.

    Raises:
        ModelError: If a file is damaged.
    """
    tensors: dict[str, Tensor] = {}
    for file in bundle.weights:
        tensors.update(read_tensors(file))
    return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}


def fill(module: nn.Module, tensors: Mapping[str, Tensor], source: str, optional: tuple[str, ...] = SCALES) -> None:
    """Put tensors into a module: every one that it has, but for buffers and `optional` ones. Others are ignored.

    Raises:
        ModelError: If one is missing or has another shape; `source` names the place in the message.
    """
    wanted = module.state_dict()
    if missing := [key for key in wanted if key not in tensors and not key.endswith(BUFFERS) and key not in optional]:
        raise ModelError(
            f"The weights in {source} lack {len(missing)} tensors, the first is {missing[0]}.", _OTHER_KIND
        )
    chosen = {key: tensors[key] for key in wanted if key in tensors}
    if wrong := [key for key, tensor in chosen.items() if tensor.shape != wanted[key].shape]:
        raise ModelError(
            f"The tensor {wrong[0]} in {source} has shape {tuple(chosen[wrong[0]].shape)}, "
            f"not {tuple(wanted[wrong[0]].shape)}.",
            _OTHER_KIND,
        )
    module.load_state_dict(chosen, strict=False)


def convert_weights(source: Path, target: Path) -> None:
    """Write the tensors of a `.bin` checkpoint as safetensors; the target appears whole or not at all.

    Raises:
        ModelError: If the source cannot be read or the target not be written.
    """
    _write_tensors(target, read_tensors(source))


def save_bundle(
    folder: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    tokenizer_files: Iterable[Path],
    front_end: FrontEnd,
    about: Mapping[str, Any],
) -> Bundle:
    """Write a complete bundle over what an earlier one left; the manifest comes last and lists all that is there.

    Args:
        folder: Made if it is not there. Other files in it, such as a report, become part of the bundle.
        config: What DualEncoder was built from: config.json.
        tensors: Its state dict. Tensors keep their precision; buffers are left out.
        tokenizer_files: Files to copy, as `tokenizer_files` finds them in another model's folder.
        front_end: How the audio tower wants its sound.
        about: `name`, `title`, `description`, `licence`, and further entries of the manifest, such as `personal`.

    Raises:
        ModelError: If the folder cannot be written.
    """
    kept = {key: value for key, value in tensors.items() if not key.endswith(BUFFERS)}
    text = {key: value for key, value in kept.items() if key.startswith("text_")}
    try:
        _clear(folder)
        _write_tensors(folder / "audio.safetensors", {k: v for k, v in kept.items() if k not in text})
        _write_tensors(folder / "text.safetensors", text)
        (folder / "config.json").write_text(json.dumps(dict(config), indent=1) + "\n", encoding="utf-8")
        for file in tokenizer_files:
            shutil.copyfile(file, folder / file.name)
        write_manifest(folder, front_end=front_end, **{"description": "", "licence": "", **about})
    except OSError as err:
        raise _unwritable(folder, err) from err
    return Bundle.open(folder)


def save_projection_bundle(
    folder: Path, base: Bundle, tensors: Mapping[str, Tensor], about: Mapping[str, Any]
) -> Bundle:
    """Write a bundle that is another one's files and a small file of tensors that override some of theirs.

    The files are hard links where the disk has them, so that ten personal models take the place of one.

    Args:
        folder: Made if it is not there; files of an earlier bundle in it are replaced.
        base: The bundle that was trained from. If it is such a one itself, its own overrides are kept where
            `tensors` has no newer ones.
        tensors: What changed, such as `audio_projection.linear1.weight`.
        about: As in `save_bundle`.

    Raises:
        ModelError: If the folder cannot be written, or the base not be read.
    """
    if folder.resolve() == base.folder.resolve():
        raise ModelError("A model cannot be written over the one that it was trained from.", "Choose another folder.")
    own = base.folder / PROJECTION
    changed = {**(read_tensors(own) if own.exists() else {}), **tensors}
    try:
        _clear(folder)
        for name in (*IDENTITY, *TOKENIZER):
            if name != PROJECTION and (base.folder / name).is_file() and not (folder / name).exists():
                _link(base.folder / name, folder / name)
        _write_tensors(folder / PROJECTION, changed)
        write_manifest(folder, front_end=base.front_end, **{"description": "", "licence": base.licence, **about})
    except OSError as err:
        raise _unwritable(folder, err) from err
    return Bundle.open(folder)


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """The files of a folder that belong to its tokenizer."""
    return tuple(folder / name for name in TOKENIZER if (folder / name).is_file())


def _clear(folder: Path) -> None:
    """Make the folder, or take the manifest and then the model's own files out of it: links must not be written to."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys((MANIFEST, *IDENTITY, *TOKENIZER)):
        (folder / name).unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one that has no hard links
        shutil.copyfile(source, target)


def _write_tensors(target: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write safetensors; the target appears whole or not at all."""
    part = target.with_name(target.name + ".part")
    try:
        plain = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}
        save_file(plain, part, metadata={"format": "pt"})
        part.chmod(0o644)  # safetensors keeps it to its owner: a bundle is shared
        part.replace(target)
    except (OSError, SafetensorError) as err:
        part.unlink(missing_ok=True)
        raise ModelError(f"Cannot write the weights {target}: {err}.", "Make room on the disk and try again.") from err


def _unwritable(folder: Path, err: OSError) -> ModelError:
    return ModelError(f"Cannot write the model to {folder}: {err.strerror or err}.", "Choose another folder.")

"""Towers that start from published weights: found in a folder, a file or on the hub, and put into a DualEncoder.

Text: roberta-base, bert-base-uncased, the text half of CLIP, and their like. Audio: PANN's Cnn14, the HTSAT of the
official code, timm's own weights. Either: any CLAP in the hub's format, projection included.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from soundsearch.errors import ModelError, TrainingError
from soundsearch.model.bundle import Bundle
from soundsearch.model.cnn14 import Cnn14
from soundsearch.model.download import RECORD, download
from soundsearch.model.hub import HubFile, HubModel
from soundsearch.model.timm_tower import TimmAudio
from soundsearch.model.towers import DualEncoder, text_preset
from soundsearch.model.transport import Dropped, Line, Refused, host
from soundsearch.model.weights import BUFFERS, read_bundle, read_tensors
from trainer import official

Say = Callable[[str], None]

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_OF_TOKENIZER = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer_config.json")
_OUTER = ("audio_model", "text_model", "audio_encoder", "patch_embed", "encoder")  # names that say too little
_ASKS = 3  # times that a server which drops the connection is asked what it has
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of one tower.

    Attributes:
        tower: "audio" or "text".
        source: Where the weights came from.
        filled: How many tensors were filled.
        fresh: Names of those that stayed as they were, random: the source does not have them.
        unused: Names of tensors of the source that the tower has no place for.
    """

    tower: str
    source: str
    filled: int
    fresh: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        """One sentence for the log."""
        text = f"The {self.tower} tower starts from {self.source}"
        if not self.fresh:
            return f"{text}."
        parts = sorted({next(part for part in name.split(".") if part not in _OUTER) for name in self.fresh})
        return f"{text}; {len(self.fresh)} tensors start at random, in {', '.join(parts)}."


class Found(NamedTuple):
    """Where published weights lie.

    Attributes:
        path: A folder or a file.
        revision: Commit on the hub; "" for what was not fetched from there.
    """

    path: Path
    revision: str


def find(source: str, home: Path, endpoint: str, say: Say) -> Found:
    """Find weights: a path that exists, else a repository on the hub, which is fetched once.

    Args:
        source: A folder, a file, or a repository such as "roberta-base", "owner/name" or "owner/name@revision".
        home: Folder that keeps what was fetched; a revision that is whole there is not asked for again.
        endpoint: Address of the hub or a mirror.
        say: Is told what is fetched.

    Raises:
        ModelError: If it cannot be found or fetched; what has come is kept for the next try.
    """
    if Path(source).exists():
        return Found(Path(source), "")
    repository, _, revision = source.partition("@")
    if repository.count("/") > 1 or repository.startswith((".", "/", "~")) or "\\" in repository:
        raise ModelError(f"There is no file or folder {source}.", "Correct the path, or name a repository of the hub.")
    folder = home / repository.replace("/", "--")
    kept = _kept_revision(folder, repository)
    if kept and revision in ("", kept):
        return Found(folder, kept)
    return _fetch(repository, revision or "main", folder, endpoint, say)


def _kept_revision(folder: Path, repository: str) -> str:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(record["revision"]) if record["repository"] == repository else ""


def _fetch(repository: str, revision: str, folder: Path, endpoint: str, say: Say) -> Found:
    """Resolve a branch to its commit, see which of the files there are, and download them."""
    base = f"{endpoint.strip().rstrip('/')}/{repository}/resolve"
    there, commit = _ask(f"{base}/{revision}/config.json")
    if not there:
        raise ModelError(
            f"{host(base)} has no model {repository} at {revision}.", "Correct the name, or give a folder instead."
        )
    revision = commit or revision  # a plain file server does not say it
    weights = [name for name in _WEIGHTS if _ask(f"{base}/{revision}/{name}")[0]][:1]
    if not weights:
        raise ModelError(f"{repository} has no weights in one file.", f"It needs {' or '.join(_WEIGHTS)}.")
    words = [name for name in _OF_TOKENIZER if _ask(f"{base}/{revision}/{name}")[0]]
    files = tuple(HubFile(name) for name in ("config.json", *words, *weights))
    model = HubModel(folder.name, repository, repository, revision, files, 0, "", "")
    said = ""
    for progress in download(model, folder, endpoint):
        if progress.detail not in (said, "checking"):
            said = progress.detail
            say(f"fetching {said} of {repository} at {revision[:12]}")
    return Found(folder, revision)


def _ask(url: str) -> tuple[bool, str]:
    """Ask a server whether it has a file, and for the commit that it has it from."""
    for attempt in range(_ASKS):
        try:
            with Line(_TIMEOUT_S).ask(url) as answer:
                return not answer.is_web_page, str(answer.response.headers.get("X-Repo-Commit", ""))
        except Refused as err:
            if err.code in (401, 404):  # the hub answers 401 for what is not there
                return False, ""
            raise ModelError(f"{host(url)} refuses {url} (HTTP {err.code}).", "Check the address of the hub.") from err
        except Dropped:
            time.sleep(0.5 * 2**attempt)
    raise ModelError(f"{host(url)} drops the connection again and again.", "Check the network, and try again.")


def text_config(folder: Path) -> dict[str, Any]:
    """Return the `text_config` of a bundle for the text tower in a folder, of whatever size it is.

    Raises:
        TrainingError: If the folder holds no text tower that we know.
    """
    table = _config(folder)
    kind = str(table.get("model_type", ""))
    if kind == "clap":
        return dict(table["text_config"])
    if kind == "clip":
        inner = {key: value for key, value in table.get("text_config", {}).items() if value is not None}
        return {**text_preset("clip"), **_shape(inner)}
    known = {"roberta": "roberta", "xlm-roberta": "roberta", "bert": "bert", "clip_text_model": "clip"}
    if kind not in known:
        raise TrainingError(f"The model in {folder} is no text tower that can be used: {kind!r}.", "Choose another.")
    return {**text_preset(known[kind]), **_shape(table)}


def _shape(table: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of a config that say what the tower is; not its tokens, which old CLIP files have wrong."""
    names = (
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
        "max_position_embeddings", "type_vocab_size", "layer_norm_eps",
    )  # fmt: skip
    return {name: table[name] for name in names if name in table}


def _config(folder: Path) -> dict[str, Any]:
    try:
        table = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise TrainingError(f"There is no model in {folder}: config.json cannot be read.", "Choose another.") from err
    return dict(table)


def fill_text(dual: DualEncoder, source: Path) -> Filled:
    """Fill the text tower from a folder in the hub's format, and from a CLAP its projection too.

    Raises:
        SoundSearchError: If there are no such weights, or they have other shapes.
    """
    kind = str(_config(source).get("model_type", ""))
    if kind == "clap":
        return _from_clap(dual, "text", source)
    file = next((source / name for name in _WEIGHTS if (source / name).is_file()), None)
    if file is None:
        raise TrainingError(f"The model in {source} has no weights.", f"It needs {' or '.join(_WEIGHTS)}.")
    tensors = {_usual(key): value for key, value in read_tensors(file).items()}
    # CLIP's picture half and the heads of masked language models are no part of the tower.
    prefix = {"clip": "text_model.", "clip_text_model": "text_model."}.get(kind, f"{kind}.")
    if any(key.startswith(prefix) for key in tensors):
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    return _put(dual.text_model, tensors, "text", str(source))


def _usual(key: str) -> str:
    """Names of the first BERT, converted from TensorFlow."""
    return key.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def fill_audio(dual: DualEncoder, source: Path) -> Filled:
    """Fill the audio tower from a CLAP's folder, PANN's or the official code's checkpoint, or timm's file of weights.

    A tower with fusion starts from one without; what mixes the views then stays random.

    Raises:
        SoundSearchError: If there are no such weights, or they have other shapes.
    """
    if source.is_dir() and (source / "config.json").is_file() and _config(source).get("model_type") == "clap":
        return _from_clap(dual, "audio", source)
    file = source
    if source.is_dir():
        file = next((source / name for name in _WEIGHTS if (source / name).is_file()), source)
    tensors = read_tensors(file) if file.suffix == ".safetensors" else official.read_checkpoint(file)
    if isinstance(dual.audio_model, TimmAudio):
        dual.audio_model.load_pretrained(tensors)
        return Filled("audio", str(source), len(dual.audio_model.backbone.state_dict()), (), ())
    for prefix in ("audio_branch.", "sed_model."):  # a whole CLAP, or the HTSAT as it was trained on AudioSet
        if any(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    if not isinstance(dual.audio_model, Cnn14):
        tensors = official.audio_tensors(tensors)
    return _put(dual.audio_model, tensors, "audio", str(source))


def _from_clap(dual: DualEncoder, tower: str, folder: Path) -> Filled:
    tensors = read_bundle(Bundle.open(folder))
    own = {key.removeprefix(f"{tower}_model."): t for key, t in tensors.items() if key.startswith(f"{tower}_model.")}
    filled = _put(dual.get_submodule(f"{tower}_model"), own, tower, str(folder))
    projection = dual.get_submodule(f"{tower}_projection")
    found = {name: tensors.get(f"{tower}_projection.{name}") for name in projection.state_dict()}
    fits = {k: t for k, t in found.items() if t is not None and t.shape == projection.state_dict()[k].shape}
    if len(fits) == len(found):  # one for another dimension is of no use
        projection.load_state_dict(fits)
        return Filled(tower, filled.source, filled.filled + len(fits), filled.fresh, filled.unused)
    fresh = tuple(f"{tower}_projection.{name}" for name in found)
    return Filled(tower, filled.source, filled.filled, (*filled.fresh, *fresh), filled.unused)


def _put(module: nn.Module, tensors: Mapping[str, Tensor], tower: str, source: str) -> Filled:
    """Fill what the source has; say what it has not, and what it has besides."""
    wanted = module.state_dict()
    chosen = {key: tensors[key].float() for key in wanted if key in tensors}
    if not any(not key.endswith(BUFFERS) for key in chosen):
        raise TrainingError(f"{source} holds no weights of this {tower} tower.", "Choose weights of the same kind.")
    for key, tensor in chosen.items():
        if tensor.shape != wanted[key].shape:
            raise TrainingError(
                f"{source} is of another size: {key} is {tuple(tensor.shape)} there, {tuple(wanted[key].shape)} here.",
                "Choose weights of the same kind and size.",
            )
    module.load_state_dict(chosen, strict=False)
    fresh = tuple(f"{tower}_model.{key}" for key in wanted if key not in chosen and not key.endswith(BUFFERS))
    unused = tuple(key for key in tensors if key not in wanted and not key.endswith(BUFFERS))
    return Filled(tower, source, len(chosen), fresh, unused)

"""A model folder: config, weights, tokenizer, front end, manifest with checksums, and the bundle id made of them.

Two kinds of folder are opened alike: our own bundles, which carry a manifest `soundsearch.json`, and any CLAP
checkpoint in the hub's format (`config.json`, `preprocessor_config.json`, `model.safetensors` or `pytorch_model.bin`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from soundsearch.audio.features import FrontEnd, front_end_from_hub
from soundsearch.errors import ModelError

MANIFEST = "soundsearch.json"
FORMAT = 1
PROJECTION = "projection.safetensors"  # a few tensors that override those of the other files
WEIGHTS = ("text.safetensors", "audio.safetensors", "model.safetensors", "pytorch_model.bin", PROJECTION)
TOKENIZER = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)
# What an embedding depends on, and so what the bundle id is made of; a corrected model card does not change it.
IDENTITY = ("config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt", *WEIGHTS)
_BLOCK = 1 << 20
_REINSTALL = "Download or install the model again."


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model folder that was opened and looks complete. Weights are read by `model.clap`.

    Attributes:
        id: Hex digits that name the content; every stored embedding carries them.
        weights: The files to load, in order.
        digests: SHA-256 of each identity file: from the manifest, or computed where there is none.
        manifest: All that `soundsearch.json` says, {} where there is none.
    """

    folder: Path
    name: str
    title: str
    description: str
    licence: str
    id: str
    config: dict[str, Any]
    front_end: FrontEnd
    weights: tuple[Path, ...]
    digests: dict[str, str]
    manifest: dict[str, Any]

    @property
    def has_manifest(self) -> bool:
        """Whether it is a bundle of ours, not a folder of the hub's."""
        return bool(self.manifest)

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.config.get("projection_dim", 512))

    @property
    def tower_id(self) -> str:
        """Hex digits that name all that pooled features depend on: a base and what only its projection differs in."""
        weights = {file.name: self.digests[file.name] for file in self.weights if file.name != PROJECTION}
        table = {"weights": weights, "audio": self.config["audio_config"], "front_end": asdict(self.front_end)}
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def size_bytes(self) -> int:
        """Size of the whole folder."""
        return sum(f.stat().st_size for f in self.folder.iterdir() if f.is_file())

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read a model folder.

        Raises:
            ModelError: If it is not a CLAP model, is incomplete, or its manifest cannot be understood.
        """
        config = _read_json(folder / "config.json")
        if config.get("model_type") != "clap":
            raise ModelError(f"The model in {folder} is not a CLAP model.", "Choose a folder with a CLAP checkpoint.")
        manifest = _read_json(folder / MANIFEST) if (folder / MANIFEST).exists() else {}
        if manifest.get("format", FORMAT) != FORMAT:
            raise ModelError(f"The model in {folder} was made by a newer soundsearch.", "Update soundsearch.")
        weights = tuple(folder / name for name in WEIGHTS if (folder / name).is_file())
        if not weights or weights == (folder / PROJECTION,):
            raise ModelError(f"The model in {folder} has no weights.", _REINSTALL)
        if folder / "model.safetensors" in weights:  # the same weights twice: the safe format wins
            weights = tuple(file for file in weights if file.suffix == ".safetensors")
        present = [name for name in IDENTITY if (folder / name).is_file()]
        if manifest:
            listed = {name: str(entry["sha256"]) for name, entry in manifest.get("files", {}).items()}
            for name in listed:
                if not (folder / name).is_file():
                    raise ModelError(f"The model in {folder} is incomplete: {name} is missing.", _REINSTALL)
            digests = {name: listed[name] if name in listed else file_digest(folder / name) for name in present}
        else:
            digests = {name: file_digest(folder / name) for name in present}
        front_end = _front_end(folder, config, manifest)
        return cls(
            folder=folder,
            name=str(manifest.get("name", folder.name)),
            title=str(manifest.get("title", folder.name)),
            description=str(manifest.get("description", "")),
            licence=str(manifest.get("licence", "")),
            id=_bundle_id(digests, front_end),
            config=config,
            front_end=front_end,
            weights=weights,
            digests=digests,
            manifest=manifest,
        )

    def verify(self) -> None:
        """Compare every identity file with its checksum.

        Raises:
            ModelError: If a file differs from what the manifest says.
        """
        if not self.has_manifest:
            return
        for name, digest in self.digests.items():
            if file_digest(self.folder / name) != digest:
                raise ModelError(f"The model file {self.folder / name} is damaged.", _REINSTALL)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits.

    Raises:
        ModelError: If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as err:
        raise ModelError(f"Cannot read the model file {path}: {err.strerror}.", _REINSTALL) from err
    return digest.hexdigest()


def write_manifest(
    folder: Path, *, name: str, title: str, description: str, licence: str, front_end: FrontEnd, **extra: Any
) -> None:
    """Write `soundsearch.json` over the files that are in the folder: the last step of making a bundle.

    Args:
        folder: The model folder, complete but for the manifest.
        name: What the command line calls it.
        title: What the window calls it.
        description: One plain sentence.
        licence: SPDX expression.
        front_end: How the model wants its sound; only what differs from the defaults is written.
        extra: Further entries, such as `metrics`.
    """
    files = {
        file.name: {"size": file.stat().st_size, "sha256": file_digest(file)}
        for file in sorted(folder.iterdir())
        if file.is_file() and file.name != MANIFEST and not file.name.startswith(".")
    }
    manifest = {
        "format": FORMAT,
        "name": name,
        "title": title,
        "description": description,
        "licence": licence,
        "front_end": _differing(front_end),
        "files": files,
        **extra,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ModelError(f"There is no model in {path.parent}: {path.name} is missing.", _REINSTALL) from err
    except (OSError, ValueError) as err:
        raise ModelError(f"Cannot read {path}: {err}.", _REINSTALL) from err
    if not isinstance(value, dict):
        raise ModelError(f"Cannot read {path}: it does not hold an object.", _REINSTALL)
    return value


def _front_end(folder: Path, config: dict[str, Any], manifest: dict[str, Any]) -> FrontEnd:
    """Weights and mel bank belong together: from the manifest, the hub's file, or the kind of the weights."""
    if "front_end" in manifest:
        known = {f.name for f in fields(FrontEnd)}
        if unknown := set(manifest["front_end"]) - known:
            raise ModelError(
                f"The model in {folder} wants a front end that is not known: {', '.join(sorted(unknown))}.",
                "Update soundsearch.",
            )
        return FrontEnd(**manifest["front_end"])
    fused = bool(config.get("audio_config", {}).get("enable_fusion", False))
    if not (folder / "preprocessor_config.json").exists():
        return default_front_end(config)
    front_end = front_end_from_hub(_read_json(folder / "preprocessor_config.json"))
    if (front_end.long == "fusion") != fused:
        raise ModelError(
            f"The model in {folder} pairs {'fused' if fused else 'unfused'} weights with the other kind's front end.",
            _REINSTALL,
        )
    return front_end


def default_front_end(config: Mapping[str, Any]) -> FrontEnd:
    """How the towers of a config.json want their sound, where no bundle says it: as the published CLAP of their kind.

    The published Cnn14 for 48 kHz learned on the spectrogram of the unfused CLAP; a tower of timm may take any.
    """
    fused = bool(config.get("audio_config", {}).get("enable_fusion", False))
    return FrontEnd() if fused else FrontEnd(mel="slaney", long="crop")


def _differing(front_end: FrontEnd) -> dict[str, Any]:
    """Only what differs from the defaults: a field added later must not change the ids of old bundles."""
    defaults = asdict(FrontEnd())
    return {key: value for key, value in asdict(front_end).items() if value != defaults[key]}


def _bundle_id(digests: dict[str, str], front_end: FrontEnd) -> str:
    text = json.dumps({"files": digests, "front_end": _differing(front_end)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]

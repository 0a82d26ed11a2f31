"""The frozen text tower that a run is trained against."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import ClapTextConfig, ClapTextModelWithProjection

from soundsearch.errors import TrainingError
from soundsearch.model.weights import pack_rows, unpack_rows

MAX_TOKENS = 77
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")


class TextTower:
    """Texts to unit vectors, less a mean vector that can be set once.

    Attributes:
        config: `text_config` of a bundle.
        projection_dim: Length of an embedding.
        tensors: All tensors under their names in a bundle, as they will be stored: matrices packed into int8.
        folder: Where it was loaded from; the tokenizer's files are copied from there.
    """

    def __init__(self, folder: Path) -> None:
        """Load `text_config.json`, `text_tower.safetensors` and `tokenizer.json`.

        Raises:
            TrainingError: If one of them is missing or does not fit the others.
        """
        try:
            table: dict[str, Any] = json.loads((folder / "text_config.json").read_text(encoding="utf-8"))
            self.tensors = pack_rows(load_file(folder / "text_tower.safetensors"))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.projection_dim = int(table["projection_dim"])
            self.activation = str(table["projection_hidden_act"])
            self.config: dict[str, Any] = {"model_type": "clap_text_model", **table["text_config"]}
        except (OSError, ValueError, KeyError, SafetensorError) as err:
            raise TrainingError(f"Cannot load the text tower in {folder}: {err}.", "Check --text.") from err
        self.folder = folder
        shape = {"projection_dim": self.projection_dim, "projection_hidden_act": self.activation}
        self._model = ClapTextModelWithProjection(ClapTextConfig(**{**self.config, **shape}))
        result = self._model.load_state_dict({k: v.float() for k, v in unpack_rows(self.tensors).items()}, strict=False)
        if lost := [key for key in result.missing_keys if not key.endswith(("position_ids", "token_type_ids"))]:
            raise TrainingError(f"The text tower in {folder} lacks {lost[0]}.", "Check --text.")
        self._model.eval()  # type: ignore[no-untyped-call]
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._cache: dict[str, Tensor] = {}

    def subtract(self, mean: Tensor) -> None:
        """Move the origin: subtract a vector (d,) from every embedding before it is scaled to unit length.

        It is taken from the last bias, so the tower that is written does the same by itself. Stored in float32: float16
        would lose a part of a correction that is as large as the embedding's own signal.
        """
        key = "text_projection.linear2.bias"
        self.tensors[key] = self.tensors[key].float() - mean
        self._model.load_state_dict({key: self.tensors[key]}, strict=False)
        self._cache.clear()

    def raw(self, texts: Sequence[str]) -> Tensor:
        """Embed texts without scaling, shape (n, d). Those of as many tokens run together: padding would cost time."""
        new = {text: self._tokenizer.encode(text).ids for text in texts if text not in self._cache}
        with torch.inference_mode():
            for length in {len(ids) for ids in new.values()}:
                some = [text for text, ids in new.items() if len(ids) == length]
                ids = torch.tensor([new[text] for text in some])
                rows = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).text_embeds
                self._cache.update(zip(some, rows.clone(), strict=True))
        return torch.stack([self._cache[text] for text in texts])

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embed texts as unit rows, shape (n, d)."""
        return torch.nn.functional.normalize(self.raw(texts), dim=1).clone()

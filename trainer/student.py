"""Student: a dual encoder as training runs it: on features or pooled features, on locked or learned texts."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from soundsearch.audio.features import Features
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import load_tokenizer
from soundsearch.model.towers import DualEncoder, padding_id
from soundsearch.records import FloatArray

TEXTS = 64  # that are read at once
Heard = Features | Tensor  # features of a clip, or what the tower made of one hearing: (audio_width,)


class Student:
    """Turns what was heard and what was written into unit vectors, with gradients.

    Attributes:
        dual: The model.
        front_end: How it wants its sound.
        dimension: Length of an embedding.
        device: Where it is.
    """

    def __init__(self, dual: DualEncoder, bundle: Bundle, device: torch.device) -> None:
        """Take a model, moved to the device, with the tokenizer and the front end of the bundle it comes from."""
        # Convolutions over few channels run in two thirds of the time with the channels side by side in memory.
        self.dual: DualEncoder = dual.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.front_end, self.dimension = bundle.front_end, bundle.dimension
        self.device = device
        self._tokenizer = load_tokenizer(bundle)
        self._padding = padding_id(bundle.config)
        self._locked: dict[str, Tensor] = {}

    # -- audio

    def embed(self, heard: Sequence[Heard], dropout: float = 0.0) -> Tensor:
        """Embed one view of each clip, as training does: (n, d), unit rows."""
        pooled = self.pool(heard)
        if dropout:
            pooled = functional.dropout(pooled, dropout, training=self.dual.audio_projection.training)
        return functional.normalize(self.dual.project_audio(pooled).float(), dim=1)

    def pool(self, heard: Sequence[Heard]) -> Tensor:
        """What the tower makes of one view of each clip: (n, audio_width). Clips of one shape run together."""
        rows: list[Tensor | None] = [h.to(self.device) if isinstance(h, Tensor) else None for h in heard]
        views = {k: self._view(h) for k, h in enumerate(heard) if isinstance(h, Features)}
        for shape in dict.fromkeys(view.shape for view, _ in views.values()):
            chosen = [k for k, (view, _) in views.items() if view.shape == shape]
            mel = torch.from_numpy(np.stack([views[k][0] for k in chosen])).to(self.device)
            longer = torch.tensor([[views[k][1]] for k in chosen], device=self.device)
            for k, row in zip(chosen, self.dual.pool_audio(mel, longer), strict=True):
                rows[k] = row
        return torch.stack([row for row in rows if row is not None])

    def pool_whole(self, heard: Features) -> FloatArray:
        """What the tower makes of all views of a clip, as the program runs it: (n_views, audio_width)."""
        mels = [heard] if self._is_fused else [Features(view[None], heard.longer) for view in heard.mel]
        with torch.inference_mode():
            pooled: FloatArray = self.pool(mels).float().cpu().numpy()
        return pooled

    def place(self, pooled: Sequence[FloatArray]) -> FloatArray:
        """Embed clips by what `pool_whole` gave: unit rows (n, d); views of one clip are averaged as unit vectors."""
        counts = [len(views) for views in pooled]
        with torch.inference_mode():
            rows = self.dual.project_audio(torch.from_numpy(np.concatenate(pooled)).to(self.device)).float()
            units = functional.normalize(rows, dim=1).split(counts)  # type: ignore[no-untyped-call]
            means = functional.normalize(torch.stack([unit.mean(0) for unit in units]), dim=1)
        embedded: FloatArray = means.cpu().numpy()
        return embedded

    @property
    def _is_fused(self) -> bool:
        return self.front_end.long == "fusion"

    def _view(self, heard: Features) -> tuple[FloatArray, bool]:
        """All four maps of a long clip in a fused model; else the first, which for training is the only one."""
        return (heard.mel if self._is_fused and heard.longer else heard.mel[:1]), heard.longer

    # -- text

    def read(self, texts: Sequence[str]) -> Tensor:
        """Embed texts with gradients: (n, d), unit rows."""
        encoded = [self._tokenizer.encode(text).ids for text in texts]
        length = max(len(ids) for ids in encoded)
        ids = torch.full((len(encoded), length), self._padding)
        mask = torch.zeros((len(encoded), length), dtype=torch.long)
        for row, tokens in enumerate(encoded):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        pooled = self.dual.pool_text(ids.to(self.device), mask.to(self.device))
        return functional.normalize(self.dual.project_text(pooled).float(), dim=1)

    def recall(self, texts: Sequence[str]) -> Tensor:
        """Embed texts of a tower that is locked, each once: (n, d), unit rows, without gradients."""
        with torch.no_grad():  # one by one: in a batch the last digits would depend on what else had to be read
            for text in texts:
                if text not in self._locked:
                    self._locked[text] = self.read([text])[0]
        return torch.stack([self._locked[text] for text in texts])

    def remember(self, texts: Sequence[str]) -> None:
        """Embed all that is known to be needed, in batches, which is several times faster: always the same ones."""
        known = sorted(set(texts), key=lambda text: (len(text), text))  # alike in length: little padding
        with torch.no_grad():
            for at in range(0, len(known), TEXTS):
                several = known[at : at + TEXTS]
                self._locked.update(zip(several, self.read(several), strict=True))

    def forget(self) -> None:
        """Drop remembered texts, because the text tower has changed."""
        self._locked.clear()

    def scales(self) -> tuple[Tensor, Tensor]:
        """1 / temperature, of audio and of text."""
        return self.dual.logit_scale_a.exp(), self.dual.logit_scale_t.exp()

"""What a smaller text tower of the starter would cost: size, faithfulness and latency of float32, float16 and int8.

    python -m benchmarks.starter_text DATA --start STARTER [--bundle resources/model] [--rounds 20]

STARTER/text holds the tower as it was published; the bundle gives the shape and the origin that was moved. int8 here
keeps one scale for each row of a matrix. Stored so and widened when it is loaded, it runs as fast as float32; run as it
is (torch's dynamic quantisation of the linear layers), it is faster. Vocabulary and layers stay whole.
"""

import argparse
import copy
import json
import statistics
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import load_dual, load_tokenizer
from soundsearch.model.weights import BUFFERS
from trainer.data import read_manifest

ROUNDS = 20
ORIGIN = "text_projection.linear2.bias"
QUERY = "a dog barking in the rain"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--start", type=Path, required=True, help="folder with text/")
    parser.add_argument("--bundle", type=Path, default=Path("resources/model"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    print(json.dumps(compare(options.data, options.start / "text", options.bundle, options.rounds), indent=1))


class Text(nn.Module):
    """The text half of a model, with the weights as they were published: token ids to a unit vector."""

    def __init__(self, bundle: Bundle, published: Path) -> None:
        super().__init__()
        dual = load_dual(bundle)
        weights = load_file(published / "text_tower.safetensors")
        moved = {key: value.float() for key, value in weights.items() if key != ORIGIN}
        lost, strange = dual.load_state_dict(moved, strict=False)
        missed = [key for key in lost if key.startswith("text_") and key != ORIGIN and not key.endswith(BUFFERS)]
        assert not strange and not missed, f"another text tower: {strange or missed}"
        self.tower, self.projection = dual.text_model, dual.text_projection

    def forward(self, ids: Tensor) -> Tensor:
        """Embed one text (1, n)."""
        pooled = self.tower(input_ids=ids, attention_mask=torch.ones_like(ids)).pooler_output
        return nn.functional.normalize(self.projection(pooled), dim=1)


def compare(data: Path, published: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Embed every caption with every kind of weights; time one query, the kinds in turn."""
    torch.set_num_threads(1)
    bundle = Bundle.open(folder)
    tokenizer = load_tokenizer(bundle)
    exact = Text(bundle, published).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = {
            "float32": exact,
            "float16, widened when loaded": _changed(exact, lambda w: w.half().float()),
            "bfloat16": copy.deepcopy(exact).bfloat16(),
            "int8 rows, widened when loaded": _changed(exact, _int8),
            "int8, run as it is": torch.ao.quantization.quantize_dynamic(copy.deepcopy(exact), {nn.Linear}),
        }
    counts = sum(weight.numel() for weight in exact.parameters())
    rows = sum(weight.shape[0] for weight in exact.parameters() if weight.ndim == 2)
    size = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "int8": 1.0 + 2.0 * rows / counts}
    captions = sorted({text for name in ("captioned", "library") for item in read_manifest(data / name / f"{name}.csv")
                       if item.split == "val" for text in item.captions})  # fmt: skip
    vectors = {name: _embed(model, tokenizer, captions) for name, model in models.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    query = torch.tensor([tokenizer.encode(QUERY).ids])
    for _ in range(rounds):
        for name, model in models.items():
            with torch.inference_mode():
                began = time.process_time()
                for _ in range(5):
                    model(query)
                times[name].append((time.process_time() - began) * 200)
    truth = vectors["float32"]
    near = np.argsort(-(truth @ truth.T), axis=1)[:, 1:11]
    table = {}
    for name, one in vectors.items():
        cosine = (one * truth).sum(1)
        alike = np.argsort(-(one @ one.T), axis=1)[:, 1:11]
        kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(near, alike, strict=True)])
        table[name] = {
            "mb": round(counts * size[name.split()[0].rstrip(",")] / 1e6, 1),
            "cosine_mean": round(float(cosine.mean()), 5),
            "cosine_lowest": round(float(cosine.min()), 5),
            "neighbours_kept": round(float(kept), 4),
            "query_cpu_ms": {"median": round(statistics.median(times[name]), 2), "low": round(min(times[name]), 2)},
        }
    return {"captions": len(captions), "weights": counts, "kinds": table}


def _changed(model: nn.Module, change: Any) -> nn.Module:
    other = copy.deepcopy(model)
    for weight in other.parameters():
        weight.data = change(weight.data) if weight.ndim == 2 else weight.data
    return other


def _int8(weight: Tensor) -> Tensor:
    """Round each row to 255 steps."""
    scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
    return torch.round(weight / scale) * scale.half().float()


def _embed(model: nn.Module, tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    with torch.inference_mode():
        rows = [model(torch.tensor([tokenizer.encode(text).ids])).float()[0] for text in texts]
    return torch.stack(rows).numpy()


if __name__ == "__main__":
    main()

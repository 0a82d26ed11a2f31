"""The audio tower as we run it, against transformers' eager float32 and against what the processor can multiply.

    python -m benchmarks.tower [--preset htsat-tiny-fused] [--rounds 7] [--json]

All in one run and in turn. The weights are random, which changes nothing about the arithmetic. Clips are of 10 s and
not longer. The rival takes batches of four with all cores in each product; we take a clip on each core, as a scan does.
FLOPs are those of the reference, counted once by torch; the limits are the tower's own linear products alone (on
packed weights), and products of square matrices.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

# isort: off
from soundsearch.model.towers import AUDIO_PRESETS  # before transformers, as in the program
from transformers import ClapAudioConfig, ClapAudioModel

# isort: on
from benchmarks import turns
from soundsearch.model.htsat import QuickHtsat
from soundsearch.model.packed import packed

RIVAL = "transformers, eager float32"
BATCH = 4  # of the rival; one at a time was slower
SQUARE = 2048
CORES = os.cpu_count() or 1


def reference(preset: str) -> ClapAudioModel:
    torch.manual_seed(0)
    return ClapAudioModel(ClapAudioConfig.from_dict(AUDIO_PRESETS[preset])).eval()


def clips(count: int, views: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mel = torch.randn(count, 1, 1001, 64, generator=generator) * 20 - 30
    return mel.expand(-1, views, -1, -1).contiguous(), torch.zeros(count, 1, dtype=torch.bool)


def make_rival(preset: str, batches: int) -> turns.Work:
    model = reference(preset)
    mel, longer = clips(BATCH, 4 if model.config.enable_fusion else 1)

    def work() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(CORES)
        begun = time.perf_counter()
        with torch.inference_mode():
            for _ in range(batches):
                model(mel, longer)
        rate = batches * BATCH / (time.perf_counter() - begun)
        torch.set_num_threads(before)
        return rate

    return work


def on_each_core(task: Callable[[], Any], count: int) -> turns.Work:
    """How often in a second `task` is done, by a thread for each core that uses no others."""
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(CORES)

    def work() -> float:
        begun = time.perf_counter()
        for future in [pool.submit(task) for _ in range(count)]:
            future.result()
        return count / (time.perf_counter() - begun)

    return work


def make_ours(preset: str, precision: str, count: int) -> turns.Work:
    quick = QuickHtsat(reference(preset), getattr(torch, precision))
    mel, longer = clips(1)

    def embed() -> None:
        with torch.inference_mode():
            quick(mel, longer)

    return on_each_core(embed, count)


def products(preset: str) -> list[tuple[int, int, int]]:
    """Rows, inputs and outputs of every linear product that the reference makes for one clip."""
    model, found = reference(preset), []

    def note(layer: nn.Linear, given: tuple[torch.Tensor, ...], _result: torch.Tensor) -> None:
        found.append((given[0].numel() // layer.in_features, layer.in_features, layer.out_features))

    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(note)
    with torch.inference_mode():
        model(*clips(1, 4 if model.config.enable_fusion else 1))
    return found


def make_products(preset: str, precision: str, count: int) -> turns.Work:
    """The linear products of a clip alone, in FLOP/s."""
    shapes, dtype = products(preset), getattr(torch, precision)
    layers = [(packed(nn.Linear(k, n).to(dtype), rows), torch.randn(rows, k).to(dtype)) for rows, k, n in shapes]

    def multiply() -> None:
        with torch.inference_mode():
            for layer, x in layers:
                layer(x)

    work, flops = on_each_core(multiply, count), sum(2 * rows * k * n for rows, k, n in shapes)
    return lambda: work() * flops


def make_square(precision: str, side: int, count: int) -> turns.Work:
    """Products of large square matrices, in FLOP/s."""
    one, other = (torch.randn(side, side).to(getattr(torch, precision)) for _ in range(2))
    work = on_each_core(lambda: one @ other, count)
    return lambda: work() * 2 * side**3


def flops_of_a_clip(preset: str) -> int:
    model, counter = reference(preset), FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        model(*clips(1, 4 if model.config.enable_fusion else 1))
    return int(counter.get_total_flops())


def measure(preset: str, rounds: int, count: int, side: int = SQUARE, *, apart: bool = True) -> dict[str, Any]:
    """Race all and set them in relation; `count` clips are our turn."""
    result: dict[str, Any] = {"machine": turns.machine(), "preset": preset, "rounds": rounds}
    kinds = ("float32", "bfloat16")
    contestants: dict[str, tuple[Any, ...]] = {RIVAL: (make_rival, preset, max(1, count // BATCH // 2))}
    for kind in kinds:
        contestants |= {
            kind: (make_ours, preset, kind, count),
            f"products {kind}": (make_products, preset, kind, count),
            f"square {kind}": (make_square, kind, side, 2 * CORES),
        }
    rates = turns.race(contestants, rounds, apart=apart)
    flops = flops_of_a_clip(preset)
    result["gflop_per_clip"] = flops / 1e9
    result["clips_per_s"] = {name: turns.spread(rates[name]) for name in (RIVAL, *kinds)}
    result["times_the_rival"] = {kind: turns.ratio(rates[kind], rates[RIVAL]) for kind in kinds}
    for limit in ("products", "square"):
        result[f"gflops_{limit}"] = {kind: turns.spread([r / 1e9 for r in rates[f"{limit} {kind}"]]) for kind in kinds}
        result[f"share_of_{limit}"] = {
            kind: turns.ratio([rate * flops for rate in rates[kind]], rates[f"{limit} {kind}"]) for kind in kinds
        }
    return result


def as_markdown(result: dict[str, Any]) -> str:
    rows = [f"| {RIVAL} | {turns.shown(result['clips_per_s'][RIVAL])} | 1 | | | |"]
    for kind in ("float32", "bfloat16"):
        shares = [{key: 100 * v for key, v in result[f"share_of_{limit}"][kind].items()} for limit in LIMITS]
        rows.append(
            f"| ours, {kind} | {turns.shown(result['clips_per_s'][kind])} | "
            f"{turns.shown(result['times_the_rival'][kind], digits=2)} | {turns.shown(shares[0], ' %', 0)} | "
            f"{turns.shown(shares[1], ' %', 0)} | {turns.shown(result['gflops_square'][kind], digits=0)} |"
        )
    return "\n".join(
        [
            turns.in_words(result["machine"]),
            f"{result['gflop_per_clip']:.1f} GFLOP a clip; medians of {result['rounds']} rounds (lowest-highest).",
            "",
            "| tower | clips/s | times the rival | of its linear products | of square products | these, GFLOP/s |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
        ]
    )


LIMITS = ("products", "square")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="htsat-tiny-fused", choices=[n for n in AUDIO_PRESETS if "htsat" in n])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, default=24, help="in each of our turns")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    outcome = measure(options.preset, options.rounds, options.clips)
    print(json.dumps(outcome, indent=1) if options.json else as_markdown(outcome))

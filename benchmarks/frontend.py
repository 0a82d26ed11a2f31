"""The front end, samples to log-mel as the fused tower takes it, against ClapFeatureExtractor: 10 s and 10 minutes.

    python -m benchmarks.frontend [--rounds 7] [--json]

One thread, all in turn in one process. Both take float32 samples at 48 kHz. The limit is the Fourier transform alone,
of as many frames as the model looks at, at float32.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from transformers import ClapFeatureExtractor

from benchmarks import turns
from soundsearch.audio.features import FrontEnd, features
from soundsearch.audio.mel import spectra

RATE = 48_000
FRAMES = {10.0: 1_001, 600.0: 4_903}  # that the model looks at: of ten minutes the shrunk map and three chunks
AGAIN = {10.0: 12, 600.0: 2}  # times in a turn of ours


def timed(task: Callable[[], Any], again: int) -> turns.Work:
    def work() -> float:
        begun = time.perf_counter()
        for _ in range(again):
            task()
        return again / (time.perf_counter() - begun)

    return work


def make_rival(samples: np.ndarray) -> turns.Work:
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="fusion", padding="repeatpad")
    return timed(lambda: extractor(samples, sampling_rate=RATE), 1)


def make_ours(samples: np.ndarray, again: int) -> turns.Work:
    return timed(lambda: features(samples, FrontEnd()), again)


def make_limit(n_frames: int, again: int) -> turns.Work:
    frames = np.random.default_rng(0).standard_normal((n_frames, 1024), np.float32)
    return timed(lambda: [spectra(frames[start : start + 128]) for start in range(0, n_frames, 128)], again)


def measure(rounds: int, lengths: dict[float, int] = FRAMES) -> dict[str, Any]:
    """Race at each length, seconds to frames that the model looks at."""
    result: dict[str, Any] = {"machine": turns.machine(), "rounds": rounds, "lengths": {}}
    for seconds, n_frames in lengths.items():
        samples = 0.1 * np.random.default_rng(1).standard_normal(int(seconds * RATE)).astype(np.float32)
        again = AGAIN.get(seconds, 1)
        contestants: dict[str, tuple[Any, ...]] = {
            "ClapFeatureExtractor": (make_rival, samples),
            "ours": (make_ours, samples, again),
            "transform alone": (make_limit, n_frames, again),
        }
        rates = turns.race(contestants, rounds, apart=False)
        result["lengths"][f"{seconds:g} s"] = {
            "ms": {name: turns.spread([1000 / rate for rate in rates[name]]) for name in rates},
            "times_the_rival": turns.ratio(rates["ours"], rates["ClapFeatureExtractor"]),
            "share_of_the_limit": turns.ratio(rates["ours"], rates["transform alone"]),
        }
    return result


def as_markdown(result: dict[str, Any]) -> str:
    lines = [
        turns.in_words(result["machine"]),
        f"Medians of {result['rounds']} rounds (lowest-highest), one thread.",
        "",
        "| sound | ClapFeatureExtractor, ms | ours, ms | times the rival | transform alone, ms |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for length, row in result["lengths"].items():
        ms = [turns.shown(row["ms"][name]) for name in ("ClapFeatureExtractor", "ours", "transform alone")]
        lines.append(f"| {length} | {ms[0]} | {ms[1]} | {turns.shown(row['times_the_rival'])} | {ms[2]} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    outcome = measure(options.rounds)
    print(json.dumps(outcome, indent=1) if options.json else as_markdown(outcome))

"""Speed and memory of the starter beside the full model, in one run and turn about: a busy machine slows both alike.

    python -m benchmarks.starter_speed [--bundle resources/model] [--rounds 8] [--json]

The full model is the published fused configuration with random weights: the same arithmetic, no download. Each
model runs in processes of its own, held to one core or two. Cold is from the start of Python to the first vector,
files in the system's cache; warm is from samples to vector, front end included. Milliseconds are of processor time,
which other programs change less, and of the clock; the load that there was is told beside them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CLIPS, TEXTS = 6, 12  # of each turn
WORDS = "a dog barking in the rain"  # 8 tokens with MiniLM's vocabulary; with one token a letter six letters are
LETTERS = "kitten"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("resources/model"))
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=4, metavar=("MODEL", "CORES", "PRECISION", "TEXT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        folder, cores, precision, text = options.worker
        work(Path(folder), int(cores), precision, text)
        return
    with tempfile.TemporaryDirectory() as scratch:
        make_full(Path(scratch) / "full")
        result = race(options.bundle, Path(scratch) / "full", options.rounds)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


def make_full(folder: Path) -> None:
    """Write the published configuration in a process of its own: it must not count as this one's memory."""
    code = (
        "import sys, pathlib; from tests import bundles; folder = pathlib.Path(sys.argv[1]);"
        "bundles.published(folder, 'fused');"
        "bundles.character_tokenizer(folder / 'tokenizer.json', start=0, padding=1, end=2)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(folder)], check=True, stdout=subprocess.DEVNULL)


def race(starter: Path, full: Path, rounds: int) -> dict[str, Any]:
    """Let all take turns, on one core and on two."""
    table: dict[str, Any] = {"load_before": os.getloadavg()[0], "cores_there": os.cpu_count(), "runs": {}}
    for cores in (1, 2):
        runners = {
            "starter": Runner(starter, cores, "auto", WORDS),
            "full, as the program runs it": Runner(full, cores, "auto", LETTERS),
            "full, float32": Runner(full, cores, "float32", LETTERS),
        }
        for _ in range(rounds):
            for runner in runners.values():
                runner.turn()
        table["runs"][str(cores)] = {name: runner.end() for name, runner in runners.items()}
    return table | {"load_after": os.getloadavg()[0]}


class Runner:
    """A model in a process, that works when it is told to."""

    def __init__(self, folder: Path, cores: int, precision: str, text: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.starter_speed", "--worker"]
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [*command, str(folder), str(cores), precision, text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._first = self._ask()
        self._first["cold_s"] = time.perf_counter() - began
        self._turns: list[dict[str, Any]] = []

    def turn(self) -> None:
        """Embed some clips and texts."""
        assert self._process.stdin is not None
        print("go", file=self._process.stdin, flush=True)
        self._turns.append(self._ask())

    def end(self) -> dict[str, Any]:
        """Stop the process, and say what was measured: medians with their spread."""
        self._process.communicate()
        keys = [key for key in self._turns[0] if key.endswith("ms")]
        table = {key: _spread([turn[key] for turn in self._turns]) for key in keys}
        return {**self._first, **table, "peak_mb": self._turns[-1]["peak_mb"]}

    def _ask(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def work(folder: Path, cores: int, precision: str, text: str) -> None:
    """Be one model: load, embed one clip, then a batch for every line on stdin."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    import numpy as np

    from soundsearch.audio.features import features
    from soundsearch.model.bundle import Bundle
    from soundsearch.model.clap import ClapEncoder

    encoder = ClapEncoder(Bundle.open(folder), "cpu", precision)
    front = encoder.bundle.front_end
    rng = np.random.default_rng(0)
    ten, one = (
        [(0.1 * rng.standard_normal(s * front.sample_rate)).astype("f4") for _ in range(CLIPS)] for s in (10, 1)
    )
    encoder.embed_audio(ten[0])
    cold_cpu_s = time.process_time()
    encoder.embed_texts([text])
    print(json.dumps({"precision": encoder.precision, "cold_cpu_s": cold_cpu_s, "idle_mb": _peak_mb()}), flush=True)
    while sys.stdin.readline():
        told: dict[str, float] = {}
        for name, clips in (("10_s_clip", ten), ("1_s_clip", one)):
            wall, cpu = time.perf_counter(), time.process_time()
            encoder.embed_features([features(clip, front) for clip in clips])
            told[f"{name}_ms"] = (time.perf_counter() - wall) * 1000 / CLIPS
            told[f"{name}_cpu_ms"] = (time.process_time() - cpu) * 1000 / CLIPS
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(TEXTS):
            encoder.embed_texts([text])
        told["text_ms"] = (time.perf_counter() - wall) * 1000 / TEXTS
        told["text_cpu_ms"] = (time.process_time() - cpu) * 1000 / TEXTS
        print(json.dumps({**told, "peak_mb": _peak_mb()}), flush=True)


def _peak_mb() -> float:
    """Most memory that the process has held so far; getrusage would count what its parent held."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def as_markdown(result: dict[str, Any]) -> str:
    there, before, after = (result[key] for key in ("cores_there", "load_before", "load_after"))
    head = (
        "cores", "model", "10 s clip, ms", "times the starter", "10 s clips a second", "1 s clip, ms", "text, ms",
        "cold, s", "peak MB",
    )  # fmt: skip
    lines = [
        f"Load of the machine's {there} cores: {before:.1f} before, {after:.1f} after.",
        "",
        f"| {' | '.join(head)} |",
        "| --- " * len(head) + "|",
    ]
    for cores, runs in result["runs"].items():
        least = runs["starter"]["10_s_clip_cpu_ms"]["median"]
        for name, run in runs.items():
            clip = run["10_s_clip_cpu_ms"]
            cells = [
                cores,
                f"{name} ({run['precision']})",
                f"{clip['median']:.0f} ({clip['low']:.0f} to {clip['high']:.0f})",
                f"{clip['median'] / least:.1f}",
                f"{1000 / run['10_s_clip_ms']['low']:.1f}", f"{run['1_s_clip_cpu_ms']['median']:.0f}",
                f"{run['text_cpu_ms']['median']:.1f}", f"{run['cold_cpu_s']:.1f} ({run['cold_s']:.1f})",
                f"{run['peak_mb']:.0f}",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

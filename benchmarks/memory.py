"""What a scan costs in memory, from the first clip to the last: the engine's process watched from outside.

    python -m benchmarks.memory [--clips N] [--seconds S] [--keep FOLDER] [--json]

N one-shots of S seconds, each of its own content (16 bit, 44.1 kHz, in folders of 500), are scanned with the starter
model by the process that the window uses, and after each half per cent its resident memory is read. `settled` is what
it held after the first 2,000 clips, `growth_mb_per_1000` a line through everything after that: what a library itself
must cost is its vectors, 2 kB a clip, and a digest. `anonymous` is what was allocated; the rest are mapped files
(weights, libraries, the catalogue), which the system takes back when it likes. Linux only: read from /proc.
"""

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks import turns
from soundsearch.engine.client import EngineClient
from soundsearch.engine.messages import JobDone, JobFailed, JobProgress, Lost, Message, Scan

RATE = 44_100
SETTLED = 2_000  # clips after which memory should stay as it is
READINGS = 200
MB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a clip")
    parser.add_argument("--keep", type=Path, help="where the sounds lie, or are made to be used again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not Path("/proc/self/status").exists():
        parser.error("memory is read from /proc, which this system has not")
    with tempfile.TemporaryDirectory() as folder:
        sounds = (options.keep or Path(folder)).absolute() / f"{options.clips} of {options.seconds:g} s"
        result = measure(sounds, Path(folder) / "data", options.clips, options.seconds)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


def as_markdown(result: dict[str, Any]) -> str:
    low, high = result["after_that_mb"]["resident"]
    lines = [
        turns.in_words(result["machine"]),
        f"{result['clips']:,} clips of {result['seconds']:g} s at {result['clips_per_s']} a second.",
        "",
        "| resident memory of the engine's process | MB |",
        "| --- | ---: |",
        f"| after {result['settled_after']:,} clips | {result['settled_mb']['resident']} |",
        f"| from then on | {low}-{high} |",
        f"| growth for 1,000 clips from then on | {result['growth_mb_per_1000']['resident']} |",
        f"| peak, with the index saved at the end | {result['peak_mb']} |",
    ]
    return "\n".join(lines)


def write_sounds(folder: Path, n: int, seconds: float) -> None:
    """Decaying tones in noise, no two alike; those that are there already stay."""
    draw = np.random.default_rng(11)
    t = np.arange(round(seconds * RATE)) / RATE
    for number in range(n):
        hertz, fall = draw.uniform(60, 6000), draw.uniform(3, 40)
        file = folder / f"pack {number // 500:03}" / f"shot {number:06}.wav"
        if file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        own = np.random.default_rng(number).standard_normal(len(t))
        sound = (0.4 * np.sin(2 * np.pi * hertz * t) + 0.05 * own) * np.exp(-fall * t)
        soundfile.write(file, sound, RATE, "PCM_16")


def measure(sounds: Path, data: Path, n: int, seconds: float, model: str | None = None) -> dict[str, Any]:
    """Write the sounds that are not there, scan, and read the memory of the engine's process as clips are done."""
    machine = turns.machine()
    write_sounds(sounds, n, seconds)
    readings: list[tuple[int, float, float]] = []  # clips, resident and anonymous MB
    over = threading.Event()
    trouble: list[str] = []

    def take(message: Message) -> None:
        match message:
            case JobProgress(_, progress) if progress.phase == "analyse" and client.process_id is not None:
                if not readings or progress.done - readings[-1][0] >= max(1, n // READINGS):
                    readings.append((progress.done, *resident(client.process_id)))
            case JobDone():
                over.set()
            case JobFailed(_, text, hint):
                trouble.append(f"{text} {hint}")
                over.set()
            case Lost(text):
                trouble.append(f"the engine ended: {text}")
                over.set()

    client = EngineClient(data, take, model)
    client.start()
    began = time.monotonic()
    client.send(Scan((str(sounds),)))
    over.wait()
    took = time.monotonic() - began
    assert client.process_id is not None
    end = resident(client.process_id) if not trouble else (0.0, 0.0)
    peak = status_mb(client.process_id, "VmHWM") if not trouble else 0.0
    client.close()
    if trouble:
        raise SystemExit(trouble[0])
    told = {"clips": n, "seconds": seconds, "clips_per_s": round(n / took, 1)}
    return {"machine": machine, **told, **summary(readings, end, peak)}


def resident(process: int) -> tuple[float, float]:
    return status_mb(process, "VmRSS"), status_mb(process, "RssAnon")


def status_mb(process: int, name: str) -> float:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def summary(readings: list[tuple[int, float, float]], end: tuple[float, float], peak: float) -> dict[str, Any]:
    done, rss, anonymous = np.array(readings).T
    settled_after = int(done[(done >= SETTLED).argmax()]) if (done >= SETTLED).sum() > 2 else int(done[0])
    later = done >= settled_after
    return {
        "settled_after": settled_after,
        "peak_mb": round(peak),
        "end_mb": {"resident": round(end[0]), "anonymous": round(end[1])},
        "settled_mb": {"resident": round(rss[later][0]), "anonymous": round(anonymous[later][0])},
        "after_that_mb": {
            "resident": [round(rss[later].min()), round(rss[later].max())],
            "anonymous": [round(anonymous[later].min()), round(anonymous[later].max())],
        },
        "growth_mb_per_1000": {
            "resident": growth(done[later], rss[later]),
            "anonymous": growth(done[later], anonymous[later]),
        },
        "course": [(int(d), round(r), round(a)) for d, r, a in readings[:: max(1, len(readings) // 40)]],
    }


def growth(done: np.ndarray, mb: np.ndarray) -> float:
    """Of a straight line through the readings, for 1,000 clips."""
    return round(float(np.polyfit(done / 1000, mb, 1)[0]), 2) if len(np.unique(done)) > 1 else 0.0


if __name__ == "__main__":
    main()

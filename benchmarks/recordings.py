"""A scan of ten-minute FLACs, to the end and until they can be searched, against librosa and transformers file by file.

    python -m benchmarks.recordings [--files 4] [--minutes 10] [--rounds 3] [--bundle resources/model] [--json]

As `benchmarks.scanning`, whose contestants and clocks these are: a long recording can be searched when what the model
sees of it is embedded; its waveform and its measures, for which every sample is needed, follow in the same scan. Every
turn is a scan of `--files` new recordings. Needs librosa: pip install soundsearch[bench].
"""

import argparse
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks import turns
from benchmarks.scanning import RATE, RIVAL, make_rival, make_scan
from benchmarks.starter_speed import make_full


def write_flacs(folder: Path, count: int, seed: int, seconds: float) -> float:
    """Write long stereo recordings that FLAC can make a little smaller."""
    draw = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        noise = draw.standard_normal((int(RATE * min(seconds, 20)), 2)).cumsum(axis=0) / 4000
        sound = np.resize(np.clip(noise - noise.mean(axis=0), -1, 1), (int(RATE * seconds), 2))
        soundfile.write(folder / f"tape {number:02}.flac", sound, RATE, subtype="PCM_16")
    return count * seconds


def measure(
    full: Path,
    starter: Path,
    scratch: Path,
    files: int,
    minutes: float,
    rounds: int,
    *,
    rival: bool = True,
    apart: bool = True,
) -> dict[str, Any]:
    folders = [scratch / f"tapes {turn}" for turn in range(rounds + 1)]
    for seed, folder in enumerate(folders):
        write_flacs(folder, files, seed, 60 * minutes)
    contestants: dict[str, tuple[Any, ...]] = {}
    if rival and importlib.util.find_spec("librosa"):
        contestants[RIVAL] = (make_rival, full, folders, files)
    for name, model in {"full": full, "starter": starter}.items():
        contestants[name] = (make_scan, model, "auto", folders, scratch / f"data {name}")
    rates = turns.race(contestants, rounds, apart=apart)
    return {
        "machine": turns.machine(),
        "files": files,
        "minutes": minutes,
        "rounds": rounds,
        "seconds_a_file": {name: turns.spread([1 / rate for rate in found]) for name, found in rates.items()},
        "times_the_rival": {n: turns.ratio(found, rates[RIVAL]) for n, found in rates.items() if RIVAL in rates},
    }


def as_markdown(result: dict[str, Any]) -> str:
    lines = [
        turns.in_words(result["machine"]),
        f"{result['files']} stereo FLACs of {result['minutes']:g} minutes in a turn, {result['rounds']} rounds.",
        "",
        "| scan with | seconds a file | times the rival |",
        "| --- | ---: | ---: |",
    ]
    for name, seconds in result["seconds_a_file"].items():
        times = result["times_the_rival"].get(name)
        lines.append(f"| {name} | {turns.shown(seconds, digits=2)} | {turns.shown(times) if times else 'not there'} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4, help="in each turn")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bundle", type=Path, default=Path("resources/model"), help="of the starter")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        make_full(scratch / "full")
        starter = options.bundle.resolve()
        result = measure(scratch / "full", starter, scratch, options.files, options.minutes, options.rounds)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


if __name__ == "__main__":
    main()

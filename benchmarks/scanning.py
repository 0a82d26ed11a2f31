"""A scan end to end, files to searchable clips, against librosa.load, ClapFeatureExtractor and ClapModel file by file.

    python -m benchmarks.scanning [--clips 1000] [--rounds 3] [--bundle resources/model] [--json]

The full model is the published fused configuration with random weights, at work in the precision that the program
chooses; the starter takes part beside it. One-shots are stereo WAV of 44.1 kHz, 0.2 to 4 s long; every turn of ours is
a scan of a folder of `--clips` new ones, with two clocks: until all can be searched (listing, reading, digest,
waveform, embedding, catalogue), which is what the rival does and more; and to the end, measures and index included. The
models are loaded before. The limit is the audio tower alone on features that are ready. As rates hardly depend on the
number, the rival hears a tenth of the clips in its turn and 40 at most, and so many are scanned in float32; it does
what ClapProcessor does with sound, and stores nothing. Needs librosa: pip install soundsearch[bench]; without it there
are no figures of the rival.
"""

import argparse
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks import turns
from benchmarks.starter_speed import make_full

RIVAL = "librosa, ClapFeatureExtractor, ClapModel"
SEARCHABLE, TO_THE_END = "until searchable", "to the end"
RATE = 44_100
SHORTEST_S, LONGEST_S = 0.2, 4.0


def write_one_shots(folder: Path, count: int, seed: int) -> float:
    """Write decaying noises, each of its own length and colour; returns their seconds together."""
    draw, total = np.random.default_rng(seed), 0.0
    folder.mkdir(parents=True)
    for number in range(count):
        seconds = float(np.exp(draw.uniform(np.log(SHORTEST_S), np.log(LONGEST_S))))
        n = int(seconds * RATE)
        tone = np.sin(np.arange(n) * draw.uniform(0.01, 0.5))[:, None]
        sound = (tone + draw.standard_normal((n, 2))) * np.exp(-np.linspace(0, draw.uniform(3, 8), n))[:, None] / 4
        soundfile.write(folder / f"shot {number:04}.wav", sound, RATE, subtype="PCM_16")
        total += seconds
    return total


def make_rival(model: Path, folders: Sequence[Path], count: int) -> turns.Work:
    import librosa
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    torch.set_num_threads(os.cpu_count() or 1)
    clap = ClapModel.from_pretrained(model).eval()
    extractor = ClapFeatureExtractor.from_pretrained(model)
    files: Iterator[Path] = (file for folder in folders for file in sorted(folder.iterdir())[:count])

    def work() -> float:
        begun = time.perf_counter()
        for _ in range(count):
            samples, _rate = librosa.load(next(files), sr=48_000)
            with torch.inference_mode():
                clap.get_audio_features(**extractor(samples, sampling_rate=48_000, return_tensors="pt"))
        return count / (time.perf_counter() - begun)

    return work


def make_scan(model: Path, precision: str, folders: Sequence[Path], data: Path) -> turns.Work:
    from soundsearch.engine.service import Engine
    from soundsearch.records import Query
    from soundsearch.settings import Places

    engine = Engine(Places(data), model=str(model), precision=precision)
    while not engine.start_loading():
        time.sleep(0.05)
    waiting = iter(folders)

    def work() -> dict[str, float]:
        before = engine.status().embedded
        begun = time.perf_counter()
        steps = engine.scan([str(next(waiting))])
        for step in steps:
            if step.phase == "measure":
                break
        engine.search(Query(texts=("bell",)))  # searchable, and not only stored
        searchable = time.perf_counter() - begun
        found = engine.status().embedded - before
        for _ in steps:
            pass
        return {SEARCHABLE: found / searchable, TO_THE_END: found / (time.perf_counter() - begun)}

    return work


def make_tower(model: Path, precision: str, folder: Path, count: int) -> turns.Work:
    from soundsearch.audio.features import load_features
    from soundsearch.model.bundle import Bundle
    from soundsearch.model.clap import ClapEncoder

    encoder = ClapEncoder(Bundle.open(model), "cpu", precision)
    clips = [load_features(str(file), encoder.bundle.front_end) for file in sorted(folder.iterdir())[:count]]

    def work() -> float:
        begun = time.perf_counter()
        encoder.pool_features(clips)
        return len(clips) / (time.perf_counter() - begun)

    return work


def measure(
    full: Path, starter: Path, scratch: Path, clips: int, rounds: int, *, rival: bool = True, apart: bool = True
) -> dict[str, Any]:
    """Race over new one-shots, a folder of `clips` in each turn."""
    few = max(1, min(clips // 10, 40))
    # The first of each is for warming up.
    folders = [scratch / f"shots {turn}" for turn in range(rounds + 1)]
    fewer = [scratch / f"few shots {turn}" for turn in range(rounds + 1)]
    counts = [few, *[clips] * rounds]
    seconds = [write_one_shots(*each) for each in zip(folders, counts, range(rounds + 1), strict=True)]
    for seed, folder in enumerate(fewer):
        write_one_shots(folder, few, 1000 + seed)
    result: dict[str, Any] = {"machine": turns.machine(), "rounds": rounds, "clips_in_a_turn": clips}
    result["mean_s"] = mean_s = sum(seconds[1:]) / (clips * rounds)
    contestants: dict[str, tuple[Any, ...]] = {}
    if rival and importlib.util.find_spec("librosa"):
        contestants[RIVAL] = (make_rival, full, folders, few)
    models = {
        "full": (full, "auto", folders),
        "full, float32": (full, "float32", fewer),
        "starter": (starter, "auto", folders),
    }
    for name, (model, precision, scanned) in models.items():
        contestants[name] = (make_scan, model, precision, scanned, scratch / f"data {name}")
        contestants[f"tower of {name}"] = (make_tower, model, precision, folders[1], min(clips, 80))
    rates = turns.race(contestants, rounds, apart=apart)
    scans = {f"{name}, {clock}": name for name in models for clock in (SEARCHABLE, TO_THE_END)}
    result["clips_per_s"] = {name: turns.spread(values) for name, values in rates.items()}
    result["times_the_rival"] = {s: turns.ratio(rates[s], rates[RIVAL]) for s in scans if RIVAL in rates}
    result["share_of_its_tower"] = {s: turns.ratio(rates[s], rates[f"tower of {n}"]) for s, n in scans.items()}
    result["times_the_full_model"] = {s: turns.ratio(rates[s], rates[s.replace(n, "full")]) for s, n in scans.items()}
    result["times_the_full_tower"] = {n: turns.ratio(rates[f"tower of {n}"], rates["tower of full"]) for n in models}
    result["times_real_time"] = {s: turns.spread([rate * mean_s for rate in rates[s]]) for s in scans}
    return result


def as_markdown(result: dict[str, Any]) -> str:
    task = f"{result['clips_in_a_turn']} one-shots of {result['mean_s']:.1f} s in a turn"
    lines = [
        turns.in_words(result["machine"]),
        f"{task}; medians of {result['rounds']} rounds (lowest-highest).",
        "",
        "| scan with | clips/s | times the rival | of its tower alone | times the full model | times real time |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    if RIVAL in result["clips_per_s"]:
        lines.append(f"| {RIVAL} | {turns.shown(result['clips_per_s'][RIVAL], digits=2)} | 1 | | | |")
    for name, share in result["share_of_its_tower"].items():
        times = result["times_the_rival"].get(name)
        cells = (
            turns.shown(result["clips_per_s"][name], digits=2),
            turns.shown(times) if times else "not there",
            turns.shown({key: 100 * value for key, value in share.items()}, " %", 0),
            turns.shown(result["times_the_full_model"][name], digits=2),
            turns.shown(result["times_real_time"][name], digits=0),
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for name, times in result["times_the_full_tower"].items():
        rate = turns.shown(result["clips_per_s"][f"tower of {name}"], digits=2)
        lines.append(f"| tower of {name} alone | {rate} | | | {turns.shown(times, digits=2)} | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000, help="in each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bundle", type=Path, default=Path("resources/model"), help="of the starter")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        make_full(scratch / "full")
        result = measure(scratch / "full", options.bundle.resolve(), scratch, options.clips, options.rounds)
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


if __name__ == "__main__":
    main()

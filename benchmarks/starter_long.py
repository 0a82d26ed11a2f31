"""How a clip of more than ten seconds becomes one vector: rules compared by what finds the clip again.

    python -m benchmarks.starter_long DATA [--bundle resources/model] [--split train|val] [--clips 80]

Long clips are built, because few real ones have captions: an event somewhere inside a bed of another sound, 20 s to
2 min, and several clips one after the other. They are searched by the caption of the event, of the bed, and of every
part. A rule is chosen on `--split train`: ShareAlike and GPL clips, which nothing was trained on. `--split val`
confirms it.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from soundsearch.audio.decode import decode, mono, resample
from soundsearch.audio.features import MAX_WINDOWS, FrontEnd, chunk_starts, features
from soundsearch.audio.mel import log_mel
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder, load_dual
from soundsearch.records import FloatArray
from trainer import evaluate
from trainer.data import Item, read_manifest

SEED = 417
BED_LABELS = (
    "rain", "wind", "sea waves", "crackling fire", "helicopter", "engine", "stream", "crickets", "birdsong", "factory",
    "room tone", "machinery", "train", "ambient texture", "pad", "ambience", "music", "waterfall", "jet", "cicada",
    "bees",
)  # fmt: skip
Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Long:
    """A built clip and the texts that ought to find it, by what they name of it."""

    samples: FloatArray
    texts: dict[str, str]  # what of it: caption


def material(data: Path, split: str, rate: int, most_s: float | None = 10.0) -> list[tuple[Item, FloatArray]]:
    """Clips that nothing was trained on: of the training part the copyleft ones, of the validation part all."""
    rows = [item for name in ("captioned", "library") for item in read_manifest(data / name / f"{name}.csv")]
    kept = [item for item in rows if item.split == split and item.captions]
    if split == "train":
        kept = [item for item in kept if item.licence_class in ("sharealike", "gpl")]
    made = []
    for item in kept:
        waveform = decode(item.path, end_s=most_s)
        made.append((item, resample(mono(waveform), waveform.sample_rate, rate)))
    return made


def build(clips: Sequence[tuple[Item, FloatArray]], count: int, rate: int) -> tuple[list[Long], list[Long]]:
    """Events inside beds, and parts one after the other; no caption is asked for twice."""
    rng = np.random.default_rng(SEED)
    beds = [one for one in clips if len(one[1]) > 3 * rate and any(word in one[0].label for word in BED_LABELS)]
    bed_paths = {item.path for item, _ in beds}
    by_caption = {
        item.captions[0]: (item, x) for item, x in clips if item.path not in bed_paths and len(x) > 0.1 * rate
    }
    events = [by_caption[caption] for caption in sorted(by_caption)]
    order = rng.permutation(len(events))
    inside = []
    for number in order[:count]:
        item, event = events[number]
        bed_item, bed = beds[int(rng.integers(len(beds)))]
        total = int(np.exp(rng.uniform(np.log(20), np.log(120))) * rate)
        sound = _level(_looped(bed, total, rate), -26.0)
        event = _level(event, -20.0)[: total // 2]
        at = int(rng.integers(total - len(event)))
        sound[at : at + len(event)] += event
        inside.append(Long(_bounded(sound), {"event": item.captions[0], "bed": bed_item.captions[0]}))
    joined = []
    for start in range(0, len(order) - 6, 6):
        size = int(rng.integers(3, 7))
        parts = [events[number] for number in order[start : start + size]]
        sound = np.concatenate([_level(_looped(x, max(len(x), 4 * rate), rate), -20.0) for _, x in parts])
        if len(sound) > 10 * rate:
            joined.append(Long(_bounded(sound), {f"part {i}": item.captions[0] for i, (item, _) in enumerate(parts)}))
    return inside, joined[:count]


def real(clips: Sequence[tuple[Item, FloatArray]], rate: int) -> list[Long]:
    """The clips that are long as they are, to be found among each other."""
    return [Long(x, {"caption": item.captions[0]}) for item, x in clips if len(x) > 10.05 * rate]


def _looped(samples: FloatArray, total: int, rate: int) -> FloatArray:
    """Repeat a sound, half a second silent between, until it is long enough."""
    gap = np.zeros(rate // 2, np.float32) if len(samples) < 3 * rate else np.zeros(0, np.float32)
    once = np.concatenate([samples, gap])
    return np.tile(once, -(-total // len(once)))[:total].copy()


def _level(samples: FloatArray, rms_db: float) -> FloatArray:
    """Bring the loud part of a sound to a level."""
    loud = samples[np.abs(samples) > 0.05 * np.abs(samples).max()]
    return np.asarray(samples * (10 ** (rms_db / 20) / (np.sqrt((loud**2).mean()) + 1e-9)), np.float32)


def _bounded(samples: FloatArray) -> FloatArray:
    return np.asarray(samples / max(1.0, float(np.abs(samples).max())), np.float32)


# Views: samples to mel spectrograms (n_views, n_frames, n_mels).
def _windows(samples: FloatArray, front: FrontEnd, hop: float = 1.0, most: int = MAX_WINDOWS) -> Array:
    length = front.max_samples
    count = max(2, min(most, -(-int(len(samples) - length) // int(hop * length)) + 1))
    starts = [(len(samples) - length) * i // (count - 1) for i in range(count)]
    return np.concatenate([features(samples[at : at + length], front).mel for at in starts])


def _shipped(samples: FloatArray, front: FrontEnd) -> Array:
    return features(samples, front).mel


def _first(samples: FloatArray, front: FrontEnd) -> Array:
    return features(samples[: front.max_samples], front).mel


def _middle(samples: FloatArray, front: FrontEnd) -> Array:
    at = (len(samples) - front.max_samples) // 2
    return features(samples[at : at + front.max_samples], front).mel


def _fusion(samples: FloatArray, front: FrontEnd) -> Array:
    """The full model's views: the whole clip shrunk to ten seconds, and the middle window of each third."""
    mel = log_mel(samples / max(1e-6, float(np.abs(samples).max())), front)
    size = front.max_frames
    position = np.maximum((np.arange(size) + 0.5) * (len(mel) / size) - 0.5, 0)
    low = position.astype(int)
    weight = (position - low)[:, None].astype(np.float32)
    shrunk = mel[low] * (1 - weight) + mel[np.minimum(low + 1, len(mel) - 1)] * weight
    return np.stack([shrunk, *(mel[at : at + size] for at in chunk_starts(len(mel), size))])


# Poolings: raw embeddings (n_views, d) to unit rows that stand for the clip, (1, d) or one for each view.
def _unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _mean_of_units(raw: Array) -> Array:
    return _unit(_unit(raw).mean(0, keepdims=True))


def _mean_of_raw(raw: Array) -> Array:
    return _unit(raw.mean(0, keepdims=True))


def _by_norm(raw: Array) -> Array:
    """Views in which more is heard (a longer embedding) count by the square of it."""
    return _unit((raw * np.linalg.norm(raw, axis=1, keepdims=True)).mean(0, keepdims=True))


def _by_rarity(raw: Array) -> Array:
    """Attention to what is unlike the rest: softmax of the distance from the mean direction."""
    units = _unit(raw)
    away = 1 - units @ _unit(units.mean(0))
    weights = np.exp(away / 0.2)
    return _unit((units * (weights / weights.sum())[:, None]).sum(0, keepdims=True))


def _largest(raw: Array) -> Array:
    """The largest magnitude of every number."""
    units = _unit(raw)
    return _unit(np.take_along_axis(units, np.abs(units).argmax(0)[None], 0))


def _each(raw: Array) -> Array:
    """A vector for every view: what moments store; the best answers for the clip."""
    return _unit(raw)


View = Callable[[FloatArray, FrontEnd], Array]
RULES: dict[str, tuple[View, Callable[[Array], Array]]] = {
    "windows side by side, mean (shipped)": (_shipped, _mean_of_units),
    "windows side by side, mean before scaling": (_shipped, _mean_of_raw),
    "windows side by side, weighted by norm": (_shipped, _by_norm),
    "windows side by side, attention to the unlike": (_shipped, _by_rarity),
    "windows side by side, largest of each number": (_shipped, _largest),
    "windows half over each other, mean": (lambda x, f: _windows(x, f, 0.5, 24), _mean_of_units),
    "windows half over each other, weighted by norm": (lambda x, f: _windows(x, f, 0.5, 24), _by_norm),
    "first window only": (_first, _mean_of_units),
    "middle window only": (_middle, _mean_of_units),
    "shrunk whole and three windows, mean": (_fusion, _mean_of_units),
    "a vector for each window, side by side": (_shipped, _each),
    "a vector for each window, half over each other": (lambda x, f: _windows(x, f, 0.5, 24), _each),
}


def compare(clips: Sequence[Long], folder: Path) -> dict[str, Any]:
    """Apply every rule to every clip and search by every text."""
    bundle = Bundle.open(folder)
    dual, embed = load_dual(bundle), ClapEncoder(bundle, "cpu").embed_texts
    kinds: dict[str, list[tuple[int, str]]] = {}
    for row, clip in enumerate(clips):
        for kind, text in clip.texts.items():
            kinds.setdefault(kind.split()[0], []).append((row, text))
    minutes = sum(len(clip.samples) for clip in clips) / bundle.front_end.sample_rate / 60
    raw: dict[View, tuple[list[Array], float, float]] = {}
    table: dict[str, Any] = {}
    values: dict[str, dict[str, Array]] = {}
    for name, (view, pool) in RULES.items():
        if view not in raw:
            raw[view] = _embed(clips, view, bundle.front_end, dual)
        rows, cpu_s, views = raw[view]
        pooled = [pool(one) for one in rows]
        row: dict[str, Any] = {
            "cpu_s_per_minute": round(cpu_s / minutes, 3),
            "views_per_minute": round(views / minutes, 1),
        }
        for kind, asked in kinds.items():
            texts = list(dict.fromkeys(text for _, text in asked))
            right = np.zeros((len(texts), len(clips)), bool)
            for column, text in asked:
                right[texts.index(text), column] = True
            query = embed(texts)
            similarity = np.stack([(query @ one.T).max(1) for one in pooled], axis=1)
            precision = evaluate.average_precision_10(similarity, right)
            ranks = evaluate.best_ranks(similarity, right)
            values.setdefault(name, {})[kind] = precision
            first = values[next(iter(RULES))][kind]
            row[kind] = {
                "queries": len(texts),
                "recall_1": float((ranks < 1).mean()),
                "map_10": asdict(evaluate.measure(precision)),
                "gain": asdict(evaluate.paired(first, precision)),
            }
        table[name] = row
    return table


def _embed(clips: Sequence[Long], view: View, front: FrontEnd, dual: Any) -> tuple[list[Array], float, float]:
    """Raw embeddings of all views of every clip, processor time in seconds, and the number of views."""
    torch.set_num_threads(1)
    began = time.process_time()
    rows = []
    with torch.inference_mode():
        for clip in clips:
            mels = torch.from_numpy(np.ascontiguousarray(view(clip.samples, front))[:, None])
            pooled = torch.cat([dual.pool_audio(mel[None], torch.zeros(1, 1, dtype=torch.bool)) for mel in mels])
            rows.append(dual.project_audio(pooled).numpy())
    return rows, time.process_time() - began, float(sum(map(len, rows)))


def as_markdown(result: dict[str, Any]) -> str:
    lines = []
    for built, table in result["built"].items():
        kinds = [key for key, cell in next(iter(table.values())).items() if isinstance(cell, dict)]
        head = [f"{built}: rule", *(f"by its {kind}, mAP@10 (gain)" for kind in kinds), "processor s per minute"]
        lines += ["", f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
        for rule, row in table.items():
            cells = [_cell(row[kind]) for kind in kinds]
            cost = f"{row['cpu_s_per_minute']:.2f}"
            lines.append(f"| {' | '.join([rule, *cells, cost])} |")
    return "\n".join(lines) + "\n"


def _cell(found: dict[str, Any]) -> str:
    gain = found["gain"]
    return (
        f"{100 * found['map_10']['value']:.1f} "
        f"({100 * gain['value']:+.1f}, {100 * gain['low']:+.1f} to {100 * gain['high']:+.1f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle", type=Path, default=Path("resources/model"))
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--clips", type=int, default=80)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rate = Bundle.open(options.bundle).front_end.sample_rate
    inside, joined = build(material(options.data, options.split, rate), options.clips, rate)
    found = real(material(options.data, options.split, rate, None), rate)
    built = {
        f"{len(inside)} events in beds": inside,
        f"{len(joined)} rows of clips": joined,
        f"{len(found)} real clips": found,
    }
    result = {"split": options.split, "built": {name: compare(clips, options.bundle) for name, clips in built.items()}}
    print(json.dumps(result, indent=1) if options.json else as_markdown(result))


if __name__ == "__main__":
    main()

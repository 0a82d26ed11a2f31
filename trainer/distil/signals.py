"""Words that can be measured: bright and dark, short and long, rising and falling, tonal and noisy, loud and soft.

Two versions of a clip are told apart by one word each, which they are given only if the measurement of the signal bears
it out clearly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import resample as resample_spectrum

from soundsearch.records import FloatArray
from trainer.data import Item
from trainer.distil.phrasing import sound_of
from trainer.distil.synth.bench import Array, Bench

Measure = Callable[[FloatArray, int], float]
QUIET = 0.01  # of the peak: what is below at the end of a clip is no longer heard


def centroid_hz(samples: FloatArray, sample_rate: int) -> float:
    """Spectral centroid of a clip's magnitudes, in Hz."""
    magnitude = np.abs(np.fft.rfft(samples))
    return float((np.fft.rfftfreq(len(samples), 1 / sample_rate) * magnitude).sum() / max(magnitude.sum(), 1e-9))


def sounding_s(samples: FloatArray, sample_rate: int) -> float:
    """Seconds from the start of a clip to the last sample above a hundredth of its peak."""
    loud = np.flatnonzero(np.abs(samples) > QUIET * np.abs(samples).max(initial=0.0))
    return float(loud[-1] + 1) / sample_rate if len(loud) else 0.0


def glide_octaves(samples: FloatArray, sample_rate: int) -> float:
    """By how many octaves the centroid climbs from the first to the last third of what sounds."""
    heard = samples[: max(3, int(sounding_s(samples, sample_rate) * sample_rate))]
    third = len(heard) // 3
    first, last = centroid_hz(heard[:third], sample_rate), centroid_hz(heard[-third:], sample_rate)
    return float(np.log2(max(last, 1.0) / max(first, 1.0)))


def flatness(samples: FloatArray, sample_rate: int) -> float:
    """Spectral flatness between 100 Hz and 12 kHz: 1 for white noise, near 0 for tones."""
    power = np.abs(np.fft.rfft(samples)) ** 2 + 1e-12
    frequency = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    power = power[(frequency >= 100) & (frequency <= 12_000)]
    return float(np.exp(np.log(power).mean()) / power.mean())


@dataclass(frozen=True, slots=True)
class Axis:
    """Two opposite words and the measurement that decides between them."""

    less: tuple[str, ...]  # names of the low end; the first is the tag
    more: tuple[str, ...]
    measure: Measure
    factor: float  # the higher must measure at least this many times the lower; for octaves: the sum of both ways


AXES = {
    "brightness": Axis(("dark", "dull", "muffled"), ("bright", "crisp"), centroid_hz, 1.8),
    "length": Axis(("short", "brief"), ("long", "sustained"), sounding_s, 3.0),
    "pitch": Axis(("falling", "descending"), ("rising", "ascending"), lambda x, r: 2 ** glide_octaves(x, r), 2.0),
    "noise": Axis(("tonal", "pitched"), ("noisy", "hissing"), flatness, 4.0),
}


def signal_pairs(
    items: Sequence[Item], samples: Sequence[FloatArray], count: int, sample_rate: int, seed: int
) -> list[Item]:
    """Make clips in pairs that differ by one measured word.

    Args:
        items: Whose sounds are changed.
        samples: Their mono samples.
        count: How many clips at most; a pair that does not measure as it should is left out.
        sample_rate: In Hz.
        seed: Of which clip is changed how.
    """
    rng = np.random.default_rng([seed, 3])
    made: list[Item] = []
    kinds = tuple(AXES)
    for number in range(count // 2):
        kind = kinds[number % len(kinds)]
        chosen = int(rng.integers(len(items)))
        if not len(samples[chosen]) or not items[chosen].label:
            continue
        low, high = _CHANGES[kind](samples[chosen][: 4 * sample_rate], sample_rate, rng)
        made += pair(items[chosen], kind, low, high, sample_rate, number)
    return made


def pair(item: Item, kind: str, low: FloatArray, high: FloatArray, sample_rate: int, number: int = 0) -> list[Item]:
    """Name two versions of a clip by the ends of an axis; none if the measurement does not bear it out."""
    axis = AXES[kind]
    if axis.measure(high, sample_rate) < axis.factor * axis.measure(low, sample_rate):
        return []
    name = "sound" if kind == "noise" else sound_of(item.label)  # of which only the loudness over time is left
    return [
        replace(
            item, path=f"pairs/{kind}_{number}_{words[0]}", captions=_captions(name, words), label=name,
            tags=(words[0],), group=f"pairs_{item.group}", samples=_levelled(clip), generated=True, class_name="",
        )
        for words, clip in ((axis.less, low), (axis.more, high))
    ]  # fmt: skip


def _captions(name: str, words: Sequence[str]) -> tuple[str, ...]:
    return (f"a {words[0]} {name}", *(f"{word} {name}" for word in words), f"a {words[0]} sound", words[0])


def _levelled(samples: FloatArray | Array) -> FloatArray:
    return np.asarray(samples / (np.abs(samples).max(initial=0.0) + 1e-6), np.float32)


Change = Callable[[FloatArray, int, np.random.Generator], tuple[FloatArray, FloatArray]]


def _shelves(samples: FloatArray, sample_rate: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Less of the top, and less of the bottom, by a shelf around the clip's own centroid."""
    spectrum = np.fft.rfft(samples)
    ratio = np.fft.rfftfreq(len(samples), 1 / sample_rate) / max(centroid_hz(samples, sample_rate), 50.0)
    slope, floor = rng.uniform(1, 2.5), 10 ** (-rng.uniform(20, 40) / 20)
    dark = spectrum * (floor + (1 - floor) / (1 + ratio ** (2 * slope)))
    bright = spectrum * (floor + (1 - floor) * (1 - 1 / (1 + ratio ** (2 * slope))))
    return _levelled(np.fft.irfft(dark, len(samples))), _levelled(np.fft.irfft(bright, len(samples)))


def _lengths(samples: FloatArray, sample_rate: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A faded start of the clip, and the whole of it: if it is short itself, that is no pair."""
    short = samples[: int(rng.uniform(0.1, 0.5) * sample_rate)]
    return np.asarray(short * np.linspace(1, 0, len(short)) ** 2, np.float32), samples


def _glides(samples: FloatArray, sample_rate: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Played ever slower, and ever faster."""
    heard = samples[: max(2, int(sounding_s(samples, sample_rate) * sample_rate))]
    if len(heard) < sample_rate:
        heard = np.tile(heard, int(np.ceil(sample_rate / len(heard))))
    speed = np.geomspace(1, rng.uniform(3, 6), len(heard)) / 2
    up = np.interp(np.cumsum(speed)[np.cumsum(speed) < len(heard) - 1], np.arange(len(heard)), heard)
    down = np.cumsum(speed[::-1])
    slowed = np.interp(down[down < len(heard) - 1], np.arange(len(heard)), heard)
    return slowed.astype(np.float32), up.astype(np.float32)


def _tones(samples: FloatArray, sample_rate: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """The clip's loudness as the envelope of a tone, and of noise."""
    bench = Bench(sample_rate, rng)
    blocks = np.abs(samples[: len(samples) // 320 * 320]).reshape(-1, 320).max(1, initial=0.0)
    envelope = np.maximum(resample_spectrum(blocks, len(blocks) * 320), 0) if len(blocks) > 1 else np.ones(len(samples))
    seconds = (len(envelope) + 0.5) / sample_rate
    tone = bench.tone(bench.pick(120, 1500), seconds, bench.one_of(("sine", "saw", "triangle")))
    noise = bench.noise(seconds, rng.uniform(0, 1))
    return _levelled(envelope * tone[: len(envelope)]), _levelled(envelope * noise[: len(envelope)])


_CHANGES: dict[str, Change] = {"brightness": _shelves, "length": _lengths, "pitch": _glides, "noise": _tones}

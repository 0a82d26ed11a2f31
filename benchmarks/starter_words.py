"""Words for what a signal is like, against what was measured in the signal: real clips and generated pairs.

For every word there is a pair of poles, as bright and dark, and a number that says where a signal lies between them.
A model is right about two sounds if the one with the higher number lies nearer to "a bright ..." than to "a dark ..."
by more than the other does: what a search with such a word needs. Chance is one half.

The generated pairs are made here, by other formulas than those of the training material, and from seeds of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchmarks.starter_exam import Clips, EmbedTexts, Outcome
from soundsearch.audio.decode import decode, mono, resample
from soundsearch.audio.features import Features, FrontEnd, features
from soundsearch.records import FloatArray

RATE = 32_000
PAIRS = 60  # generated, of each word
MOST_PAIRS = 400  # of real clips, of each word; drawn
SEED = 90_001  # training uses seeds below 90,000
FRAME, HOP = 1024, 512


@dataclass(frozen=True, slots=True)
class Word:
    """Two poles, the number that tells them apart, and how far apart two real sounds must lie to be asked about."""

    high: str
    low: str
    of: Callable[[FloatArray], float]  # NaN where the question makes no sense
    apart: float


def spectra(samples: FloatArray) -> tuple["np.ndarray", "np.ndarray"]:
    """Power spectra (n_frames, n_bins) of Hann windows, and the frames' energies (n_frames,)."""
    padded = np.pad(samples.astype(np.float64), (0, max(0, FRAME - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames)) ** 2
    return power, power.sum(1)


def brightness(samples: FloatArray) -> float:
    """Logarithm to base 2 of the spectral centroid in Hz, over the whole clip."""
    power, _ = spectra(samples)
    total = power.sum(0)
    return float(np.log2((total * np.fft.rfftfreq(FRAME, 1 / RATE)).sum() / total.sum() + 1))


def length(samples: FloatArray) -> float:
    """Logarithm to base 2 of the seconds from the first to the last sample within 40 dB of the peak."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    return float(np.log2((loud[-1] - loud[0] + 1) / RATE))


def loudness(samples: FloatArray) -> float:
    """Level in dB below full scale of the tenth of the frames that is loudest."""
    _, energy = spectra(samples)
    top = np.sort(energy)[-max(1, len(energy) // 10) :]
    return float(10 * np.log10(top.mean() / FRAME**2 + 1e-12))


def tonality(samples: FloatArray) -> float:
    """Minus the spectral flatness in dB between 50 Hz and 14 kHz, of the frames weighted by their energy."""
    power, energy = spectra(samples)
    inside = power[:, 2:448] + 1e-12 * power.max()
    flatness = np.log(inside).mean(1) - np.log(inside.mean(1))
    return float(-10 / np.log(10) * np.average(flatness, weights=energy))


def rise(samples: FloatArray) -> float:
    """Semitones that the pitch rises, by a line through those of the periodic frames; NaN if there is no pitch."""
    size = 2048
    padded = np.pad(samples.astype(np.float64), (0, max(0, size - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::HOP] * np.hanning(size)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * size)) ** 2)[:, :size]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * size)) ** 2)[:size]
    shape = correlation / np.maximum(correlation[:, :1], 1e-12) / (window / window[0])
    lags = shape[:, RATE // 1600 : RATE // 60]
    pitched = (lags.max(1) > 0.85) & (correlation[:, 0] > 1e-3 * correlation[:, 0].max())
    if pitched.sum() < 6:
        return float("nan")
    # The first lag that is nearly as good as the best: else an octave below is taken.
    first = np.argmax(lags > 0.95 * lags.max(1, keepdims=True), axis=1)
    pitch = -12 * np.log2((first + RATE // 1600) / RATE)[pitched]
    time = np.flatnonzero(pitched)
    slope, offset = np.polyfit(time, pitch, 1)
    if np.std(pitch - slope * time - offset) > 2.0:
        return float("nan")
    return float(slope * (time[-1] - time[0]))


WORDS = {
    "bright/dark": Word("bright", "dark", brightness, 1.0),
    "long/short": Word("long", "short", length, 1.0),
    "loud/soft": Word("loud", "soft", loudness, 9.0),
    "rising/falling": Word("rising", "falling", rise, 4.0),
    "tonal/noisy": Word("tonal", "noisy", tonality, 6.0),
}


def lean(audio: FloatArray, word: Word, nouns: Sequence[str], embed: EmbedTexts) -> "np.ndarray":
    """How much nearer each clip (n, d) is to the high pole than to the low one, as said of its noun: (n,)."""
    texts = list(dict.fromkeys(f"a {pole} {noun}" for noun in nouns for pole in (word.high, word.low)))
    place = dict(zip(texts, embed(texts), strict=True))
    way = np.stack([place[f"a {word.high} {noun}"] - place[f"a {word.low} {noun}"] for noun in nouns])
    return np.asarray((audio * way).sum(1), np.float64)


def real(captioned: Clips, library: Clips, captioned_audio: FloatArray, library_audio: FloatArray, embed: EmbedTexts,
         numbers: dict[str, "np.ndarray"]) -> dict[str, Outcome]:  # fmt: skip
    """Pairs of real clips with one label (a bright and a dark snare drum): is the one that is brighter found to be?"""
    items = (*captioned.items, *library.items)
    audio = np.concatenate([captioned_audio, library_audio])
    rng = np.random.default_rng(SEED)
    outcomes = {}
    for name, word in WORDS.items():
        value = numbers[name]
        leaning = lean(audio, word, [item.label or "sound" for item in items], embed)
        pairs = [
            (a, b)
            for a, b in combinations(range(len(items)), 2)
            if items[a].label == items[b].label and abs(value[a] - value[b]) >= word.apart
        ]
        # A clip that is in many pairs would decide alone: pairs are drawn, and drawn whole by label.
        pairs = [pairs[i] for i in rng.permutation(len(pairs))[:MOST_PAIRS]]
        if pairs:
            right = [float((value[a] > value[b]) == (leaning[a] > leaning[b])) for a, b in pairs]
            labels = tuple(items[a].label for a, _ in pairs)
            outcomes[f"words, real pairs of one label: {name}, {len(pairs)} pairs"] = Outcome(np.array(right), labels)
    return outcomes


def numbers_of(clips: Sequence[Clips]) -> dict[str, "np.ndarray"]:
    """What each word's number is for every clip, the sets one after the other."""
    files = [item.path for some in clips for item in some.items]
    table: dict[str, list[float]] = {name: [] for name in WORDS}
    for file in files:
        waveform = decode(file)
        samples = resample(mono(waveform), waveform.sample_rate, RATE)[: 60 * RATE]
        for name, word in WORDS.items():
            table[name].append(word.of(samples))
    return {name: np.array(values) for name, values in table.items()}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sounds that differ in one thing; the first has the higher number."""

    noun: str
    high: FloatArray
    low: FloatArray


def generated(count: int = PAIRS) -> dict[str, list[Pair]]:
    """Make pairs of every word; the same on every machine. Each is checked against the word's own number."""
    rng = np.random.default_rng(SEED)
    makers = dict(zip(WORDS, (_bright, _long, _loud, _rising, _tonal), strict=True))
    table: dict[str, list[Pair]] = {}
    for name, word in WORDS.items():
        made: list[Pair] = []
        while len(made) < count:
            pair = makers[name](rng)
            if word.of(pair.high) - word.of(pair.low) >= word.apart:
                made.append(pair)
        table[name] = made
    return table


def listen(front_end: FrontEnd, pairs: dict[str, list[Pair]]) -> dict[str, list[Features]]:
    """Model input of the pairs: the first of all, then the second of all."""
    return {
        name: [features(sound, front_end) for sound in (*(p.high for p in made), *(p.low for p in made))]
        for name, made in pairs.items()
    }


def artificial(
    pairs: dict[str, list[Pair]], heard: dict[str, list[Features]], embed_features: Callable[..., FloatArray],
    embed: EmbedTexts,
) -> dict[str, Outcome]:  # fmt: skip
    """Is the one that has more of it found to have more?"""
    outcomes = {}
    for name, made in pairs.items():
        nouns = [pair.noun for pair in made]
        leaning = lean(embed_features(heard[name]), WORDS[name], nouns * 2, embed)
        right = (leaning[: len(made)] > leaning[len(made) :]).astype(np.float64)
        outcomes[f"words, generated pairs: {name}, {len(made)} pairs"] = Outcome(
            right, tuple(map(str, range(len(made))))
        )
    return outcomes


def _filtered(samples: "np.ndarray", corner_hz: float, order: float) -> "np.ndarray":
    """Gaussian-edged low-pass filter, in the frequency domain."""
    f = np.fft.rfftfreq(len(samples), 1 / RATE)
    return np.fft.irfft(np.fft.rfft(samples) * np.exp(-((f / corner_hz) ** order)), len(samples))


def _unit(samples: "np.ndarray", peak: float = 0.9) -> FloatArray:
    return (samples / np.abs(samples).max() * peak).astype(np.float32)


def _tone(rng: np.random.Generator, seconds: float, semitones: float = 0.0) -> "np.ndarray":
    """A harmonic tone of random colour; its pitch goes by so many semitones."""
    n = int(seconds * RATE)
    start = 55 * 2 ** (rng.uniform(12, 36) / 12)
    phase = 2 * np.pi * np.cumsum(start * 2 ** (np.linspace(-0.5, 0.5, n) * semitones / 12)) / RATE
    tilt = rng.uniform(0.6, 1.6)
    return np.asarray(sum(np.sin(k * phase + rng.uniform(0, 6)) / k**tilt for k in range(1, 16)))


def _source(rng: np.random.Generator, seconds: float) -> tuple["np.ndarray", str]:
    """Something to be changed, and what to call it."""
    kind = int(rng.integers(4))
    n = int(seconds * RATE)
    if kind == 0:
        return rng.standard_normal(n), "noise"
    if kind == 1:
        return _tone(rng, seconds), "synth tone"
    if kind == 2:
        return _tone(rng, seconds) * np.exp(-np.arange(n) / RATE / rng.uniform(0.1, 0.4)), "plucked note"
    return rng.standard_normal(n) * np.exp(-np.arange(n) / RATE / rng.uniform(0.03, 0.15)), "percussion hit"


def _bright(rng: np.random.Generator) -> Pair:
    samples, noun = _source(rng, float(rng.uniform(0.5, 2)))
    corner = float(rng.uniform(300, 1200))
    return Pair(noun, _unit(_filtered(samples, 14_000, 4)), _unit(_filtered(samples, corner, 2)))


def _long(rng: np.random.Generator) -> Pair:
    samples, noun = _source(rng, 6.0)
    fade = np.exp(-np.arange(len(samples)) / RATE / rng.uniform(0.02, 0.12))
    if noun in ("plucked note", "percussion hit"):
        samples = _tone(rng, 6.0) if noun == "plucked note" else rng.standard_normal(len(samples))
        slow = np.exp(-np.arange(len(samples)) / RATE / rng.uniform(0.8, 1.6))
        return Pair(noun, _unit(samples * slow), _unit((samples * fade)[: RATE // 2]))
    return Pair(noun, _unit(samples), _unit((samples * fade)[: RATE // 2]))


def _loud(rng: np.random.Generator) -> Pair:
    samples, noun = _source(rng, float(rng.uniform(0.5, 2)))
    return Pair(noun, _unit(samples), _unit(samples, float(rng.uniform(0.02, 0.15))))


def _rising(rng: np.random.Generator) -> Pair:
    seconds, way, state = float(rng.uniform(0.5, 2)), float(rng.uniform(5, 18)), int(rng.integers(1 << 30))
    up, down = (_tone(np.random.default_rng(state), seconds, sign * way) for sign in (1, -1))
    return Pair("tone", _unit(up), _unit(down))


def _tonal(rng: np.random.Generator) -> Pair:
    seconds = float(rng.uniform(0.5, 2))
    tone, noise = _tone(rng, seconds), rng.standard_normal(int(seconds * RATE))
    noise = _filtered(noise, float(rng.uniform(3000, 12_000)), 2) * 4
    return Pair("sound", _unit(tone + 0.02 * noise), _unit(0.05 * tone + noise))

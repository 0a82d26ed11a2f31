"""Tempo, where there is one: autocorrelation of the onset strength, and the clip's own length where it is a loop."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]

SLOWEST, FASTEST = 60.0, 200.0  # beats a minute
MIDDLE, WIDTH = 120.0, 0.9  # people tap near 120; octaves, standard deviation (Ellis 2007)
SHORTEST_S = 1.4  # two beats at 85
FREE_S = 4.0  # without the help of its length a clip needs some more beats
STEP = 0.5  # beats a minute
ODD = 0.75  # what three, six, twelve bars' beats count against four, eight, sixteen
# Chosen on all clips of the development data: docs/analysis.md.
LOOP_SCORE, FREE_SCORE = 0.2, 0.45
ONSET = 1.2  # mean rise of the bands, in nats: less is the wavering of a held note
LOOP_END_DB = -15.0  # the end of a loop is about as loud as the rest


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A tempo if there is one. `confidence` is the autocorrelation of the onsets at the beat, 0 to 1."""

    bpm: float | None
    confidence: float
    is_loop: bool  # cut so that it can be repeated


def onset_strength(bands: Float64Array) -> Float64Array:
    """How much louder each frame got: the rise of the logarithm, mean of the bands, in nats. (n_frames,)

    Args:
        bands: Power in mel bands, (n_frames, n_bands).
    Source: Ellis 2007, Beat Tracking by Dynamic Programming.
    """
    if not len(bands):
        return np.zeros(0)
    logarithm = np.log(bands + 1e-5 * max(float(bands.max()), 1e-12))
    rise = np.maximum(np.diff(logarithm, axis=0, prepend=logarithm[:1]), 0)
    strength: Float64Array = rise.mean(axis=1)
    strength[-2:] = 0  # where a sound is cut off there is an edge, but no onset
    return strength


def rhythm(strength: Float64Array, frames_per_s: float, duration_s: float, end_db: float) -> Rhythm:
    """Find the tempo of a clip.

    Args:
        strength: As `onset_strength` gives it, (n_frames,).
        frames_per_s: Of these frames.
        duration_s: Exact length of the clip.
        end_db: Level of its last tenth against the whole.
    """
    if duration_s < SHORTEST_S or strength.max(initial=0) < ONSET:
        return Rhythm(None, 0.0, False)
    bpm, score = _whole_beats(strength, frames_per_s, duration_s)
    if score >= LOOP_SCORE and end_db >= LOOP_END_DB:
        return Rhythm(bpm, score, True)
    bpm, score = _any_tempo(strength, frames_per_s)
    is_enough = score >= FREE_SCORE and duration_s >= FREE_S
    return Rhythm(bpm if is_enough else None, score, False)


def _whole_beats(strength: Float64Array, frames_per_s: float, duration_s: float) -> tuple[float, float]:
    """The best tempo at which the clip is a whole number of beats long, and the circular autocorrelation there.

    A loop is cut to the beat: its length knows the tempo far better than a few seconds of sound do.
    """
    acf = _autocorrelation(strength[: max(2, round(duration_s * frames_per_s))], circular=True)
    best, found = 0.0, (0.0, 0.0)
    for beats in (2, 4, 8, 16, 32, 64, 3, 6, 12, 24, 48):
        bpm = 60 * beats / duration_s
        if not SLOWEST <= bpm <= FASTEST:
            continue
        one, two = np.interp(np.array([1, 2]) * len(acf) / beats, np.arange(len(acf)), acf)
        score = float(one + 0.5 * two) / 1.5 if beats > 2 else float(one)
        rank = score * float(_preference(bpm)) * (ODD if beats % 3 == 0 else 1.0)
        if rank > best:
            best, found = rank, (bpm, min(score, 1.0))
    return found


def _any_tempo(strength: Float64Array, frames_per_s: float) -> tuple[float, float]:
    """The best tempo whatever the length, and the autocorrelation there: at one beat, two and four."""
    acf = _autocorrelation(strength, circular=False)
    bpm = np.arange(SLOWEST, FASTEST + STEP, STEP)
    lag = 60 * frames_per_s / bpm
    score, weight = np.zeros(len(bpm)), np.zeros(len(bpm))
    for beats in (1, 2, 4):
        is_seen = lag * beats < 0.6 * len(acf)
        score += np.where(is_seen, np.interp(lag * beats, np.arange(len(acf)), acf), 0.0) / beats
        weight += is_seen / beats
    score = np.divide(score, weight, out=np.full(len(bpm), -1.0), where=weight > 0)
    best = int(np.argmax(score * _preference(bpm)))
    return float(bpm[best]), float(np.clip(score[best], 0, 1))


def _preference(bpm: float | Float64Array) -> Float64Array:
    result: Float64Array = np.exp(-0.5 * (np.log2(np.asarray(bpm) / MIDDLE) / WIDTH) ** 2)
    return result


def _autocorrelation(strength: Float64Array, *, circular: bool) -> Float64Array:
    """Autocorrelation by lag in frames, 1 at lag 0; what overlaps less and less counts as if it all did."""
    centred = strength - strength.mean()
    n, energy = len(centred), float(centred @ centred)
    if energy <= 1e-9:
        return np.zeros(n)
    spectrum = np.fft.rfft(centred, n if circular else 2 * n)
    raw = np.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), n if circular else 2 * n)[:n] / energy
    result: Float64Array = raw if circular else raw * n / np.maximum(n - np.arange(n), n / 3)
    return result

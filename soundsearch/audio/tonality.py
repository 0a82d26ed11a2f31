"""Key, where there is one: pitch class profiles against key profiles, with a confidence that stays low for noise."""

import numpy as np
import numpy.typing as npt

from soundsearch.records import FloatArray

Float64Array = npt.NDArray[np.float64]

NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
C4_HZ = 261.6256
LOW_HZ, HIGH_HZ = 55.0, 4000.0  # partials that count
FLOOR = 1e-3  # peaks 30 dB below the frame's highest are left out
QUIET = 1e-3  # frames 30 dB below the loudest are
HARMONICS, DECAY = 6, 0.6  # a peak may be a harmonic of a note: of the n-th by DECAY ** (n - 1)
MAX_FRAMES = 640  # a minute is enough to know the key
# Krumhansl and Kessler 1982: how well each degree fits a major and a minor key.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
ONE_NOTE, ALONE = 0.35, 1.6  # a class with this share, so many times the next, is a note: neither major nor minor
# Logistic regression on the training split of the development data: docs/analysis.md.
WEIGHTS = (6.24, -2.72, 8.73, 18.75)
BIAS = -22.45
SURE = 0.7


class Tonality:
    """Collects the pitch classes of a clip from its spectra.

    Source: the harmonic pitch class profile of Gómez 2006, Tonal Description of Polyphonic Audio.
    """

    def __init__(self, sample_rate: int, n_fft: int) -> None:
        """Take spectra of frames of n_fft samples under a Hann window."""
        self._bin_hz = sample_rate / n_fft
        self._low = max(2, int(LOW_HZ / self._bin_hz))
        self._high = max(self._low + 1, min(n_fft // 2 - 1, int(HIGH_HZ / self._bin_hz)))
        self._peaks: list[tuple[Float64Array, Float64Array, npt.NDArray[np.int64]]] = []
        self._totals: list[Float64Array] = []
        self._frames = 0

    @property
    def is_full(self) -> bool:
        """Whether more frames would tell nothing new."""
        return self._frames >= MAX_FRAMES

    def add(self, power: FloatArray) -> None:
        """Take the power spectra of consecutive frames, (n_frames, n_fft // 2 + 1)."""
        part = power[:, self._low - 1 : self._high + 1].astype(np.float64) + 1e-20
        inner = part[:, 1:-1]
        is_peak = (inner >= part[:, :-2]) & (inner > part[:, 2:]) & (inner > FLOOR * inner.max(axis=1, keepdims=True))
        frame, at = np.nonzero(is_peak)
        # A parabola through the logarithms around a peak finds its place far within a bin.
        around = np.stack([part[frame, at + step] for step in range(3)])
        left, middle, right = np.log(around)
        shift = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-9)
        pitch = 12 * np.log2((at + self._low + np.clip(shift, -0.5, 0.5)) * self._bin_hz / C4_HZ)
        self._peaks.append((pitch, around.sum(axis=0), frame + self._frames))
        self._totals.append(inner.sum(axis=1))
        self._frames += len(power)

    def key(self) -> tuple[str, float]:
        """The key, or the note if there is only one, and how probable it is that there is one at all."""
        name, traits = self.traits()
        return name, float(1 / (1 + np.exp(-(traits @ np.array(WEIGHTS) + BIAS))))

    def traits(self) -> tuple[str, Float64Array]:
        """The best key, and what tells whether there is one at all.

        Returns:
            A name; and how much the profile stands out, how it changes from frame to frame, how much of the power is in
            peaks, and how well the profile fits the key: (4,).
        """
        totals = np.concatenate(self._totals) if self._totals else np.zeros(1)
        if totals.max() <= 1e-9:
            return "", np.array([0.0, 1.0, 0.0, 0.0])
        profile, in_peaks = self._profiles(), float(sum(p[1].sum() for p in self._peaks) / totals.sum())
        weight = np.sqrt(totals * (totals > QUIET * totals.max()))
        weight /= weight.sum()
        mean = weight @ profile
        change = np.sqrt(weight @ (profile - mean) ** 2).sum()
        fits = key_fits(mean)
        best, note = int(np.argmax(fits)), int(np.argmax(mean))
        name = NOTES[best % 12] + ("m" if best >= 12 else "")
        if mean[note] >= max(ONE_NOTE, ALONE * np.partition(mean, -2)[-2]):
            name = NOTES[note]
        flatness = -(mean * np.log(mean + 1e-12)).sum() / np.log(12)
        return name, np.array([1 - flatness, change, min(in_peaks, 1.0), fits[best]])

    def _profiles(self) -> Float64Array:
        """The pitch class profile of each frame, (n, 12), with sums of 1."""
        pitches, powers, frames = (np.concatenate(part) for part in zip(*self._peaks, strict=True))
        weights = np.sqrt(powers)
        # Whole recordings may be a little sharp or flat.
        tuning = np.angle((weights * np.exp(2j * np.pi * pitches)).sum()) / (2 * np.pi)
        sums = np.zeros(self._frames * 12)
        for number in range(1, HARMONICS + 1):
            pitch = pitches - tuning - 12 * np.log2(number)
            nearest = np.round(pitch)
            share = weights * DECAY ** (number - 1) * np.cos(np.pi * (pitch - nearest)) ** 2
            sums += np.bincount(frames * 12 + nearest.astype(np.int64) % 12, share, len(sums))
        profile = sums.reshape(-1, 12)
        result: Float64Array = profile / np.maximum(profile.sum(axis=1, keepdims=True), 1e-12)
        return result


def key_fits(profile: Float64Array) -> Float64Array:
    """How well a pitch class profile (12,) fits each key: correlations (24,), major from C on, then minor.

    Source: the Krumhansl-Schmuckler algorithm (Krumhansl 1990, Cognitive Foundations of Musical Pitch).
    """
    centred = profile - profile.mean()
    result: Float64Array = _KEYS @ centred / max(float(np.linalg.norm(centred)), 1e-12)
    return result


def _key_profiles() -> Float64Array:
    keys = np.array([np.roll(kind, step) for kind in (MAJOR, MINOR) for step in range(12)])
    keys = keys - keys.mean(axis=1, keepdims=True)
    result: Float64Array = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    return result


_KEYS = _key_profiles()  # (24, 12), unit rows

"""What sounds are built from: oscillators, noises, filters and envelopes at one sample rate."""

import numpy as np

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
Made = tuple[Array, str, tuple[str, ...]]  # samples, label, captions


class Bench:
    """Oscillators, noises and envelopes at one sample rate, drawing from one generator."""

    def __init__(self, sample_rate: int, rng: np.random.Generator) -> None:
        self.rate = sample_rate
        self.rng = rng

    def time(self, seconds: float) -> Array:
        """Times of the samples in seconds, shape (n,)."""
        return np.arange(int(seconds * self.rate)) / self.rate

    def tone(self, frequency: Array | float, seconds: float, shape: str = "sine") -> Array:
        """One oscillator; `frequency` in Hz, constant or a value per sample."""
        t = self.time(seconds)
        phase = np.cumsum(np.broadcast_to(frequency, t.shape)) / self.rate
        saw = 2 * (phase % 1) - 1
        if shape == "sine":
            return np.asarray(np.sin(2 * np.pi * phase), np.float64)
        if shape == "square":
            return np.asarray(np.sign(saw), np.float64)
        return np.asarray(2 * np.abs(saw) - 1 if shape == "triangle" else saw, np.float64)

    def noise(self, seconds: float, slope: float = 0.0) -> Array:
        """Noise whose power falls with frequency to the given power: 0 white, 1 pink, 2 brown, -1 blue."""
        n = int(seconds * self.rate)
        spectrum = np.fft.rfft(self.rng.standard_normal(n))
        frequency = np.maximum(np.fft.rfftfreq(n, 1 / self.rate), 20.0)
        out = np.fft.irfft(spectrum * frequency ** (-slope / 2), n)
        return np.asarray(out / np.abs(out).max(), np.float64)

    def band(self, samples: Array, low_hz: float, high_hz: float) -> Array:
        """Keep a band, with soft edges."""
        spectrum = np.fft.rfft(samples)
        f = np.maximum(np.fft.rfftfreq(len(samples), 1 / self.rate), 1.0)
        gain = 1 / (1 + (f / high_hz) ** 6) / (1 + (low_hz / f) ** 6)
        return np.asarray(np.fft.irfft(spectrum * gain, len(samples)), np.float64)

    def decay(self, seconds: float, half_life_s: float, attack_s: float = 0.002) -> Array:
        """Envelope that rises at once and halves every half-life."""
        t = self.time(seconds)
        return np.asarray(np.minimum(t / attack_s, 1) * 0.5 ** (t / half_life_s), np.float64)

    def swell(self, seconds: float) -> Array:
        """Envelope that rises to its end."""
        return np.asarray(np.linspace(0, 1, int(seconds * self.rate)) ** 2, np.float64)

    def pick(self, low: float, high: float) -> float:
        """A value drawn so that its logarithm is uniform."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def one_of(self, options: tuple[str, ...]) -> str:
        """One of several words."""
        return str(options[int(self.rng.integers(len(options)))])

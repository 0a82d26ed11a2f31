"""Changes to a waveform that leave its caption true. All draw from a generator that is given."""

import io

import numpy as np
import soundfile
from scipy.signal import fftconvolve

from soundsearch.audio.decode import resample
from soundsearch.records import FloatArray

CODECS = (("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))


def place(samples: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Cut a longer clip at a random place, or lay a shorter one at a random offset into n samples of silence."""
    if len(samples) >= n:
        start = int(rng.integers(len(samples) - n + 1))
        return samples[start : start + n]
    out = np.zeros(n, np.float32)
    # Mostly from the start: that is where inference lays it.
    start = int(rng.integers(n - len(samples) + 1)) if rng.random() < 0.3 else 0
    out[start : start + len(samples)] = samples
    return out


def tilt(samples: FloatArray, rng: np.random.Generator, sample_rate: int) -> FloatArray:
    """Turn a shelf up or down by at most 6 dB above a random frequency: another microphone, another room."""
    corner_hz = float(np.exp(rng.uniform(np.log(300), np.log(6000))))
    gain = 10 ** (rng.uniform(-6, 6) / 20)
    spectrum = np.fft.rfft(samples)
    frequency = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    blend = 1 / (1 + (corner_hz / np.maximum(frequency, 1.0)) ** 2)
    return np.fft.irfft(spectrum * (1 + (gain - 1) * blend), len(samples)).astype(np.float32)


def add_noise(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Add white noise 20 to 50 dB below the clip's loudness."""
    level = float(np.sqrt(np.mean(np.square(samples)))) * 10 ** (-rng.uniform(20, 50) / 20)
    return samples + (level * rng.standard_normal(len(samples))).astype(np.float32)


def mask_bands(mel: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Replace a random run of frames and one of mel bands by the map's mean (SpecAugment, small)."""
    mel = mel.copy()
    fill = float(mel.mean())
    frames, bands = mel.shape
    width = int(rng.integers(1, max(2, frames // 8)))
    start = int(rng.integers(frames - width + 1))
    mel[start : start + width] = fill
    width = int(rng.integers(1, max(2, bands // 8)))
    start = int(rng.integers(bands - width + 1))
    mel[:, start : start + width] = fill
    return mel


def spec_augment(mel: FloatArray, rng: np.random.Generator, frames: int = 64, bands: int = 8) -> FloatArray:
    """Mask two runs of up to `frames` frames and two of up to `bands` mel bands by the map's mean, alike in all views.

    Of a map of few frames no run is more than an eighth.

    Args:
        mel: Shape (n_views, n_frames, n_mels).
        rng: Where the choice comes from.
        frames: Longest run in time.
        bands: Widest run in frequency.

    Source: Park et al., "SpecAugment" (2019), with the sizes of LAION-AI/CLAP, htsat.py.
    """
    mel = mel.copy()
    fill = mel.mean()
    for axis, longest in ((1, min(frames, mel.shape[1] // 8)), (2, min(bands, mel.shape[2] // 8))):
        for _ in range(2):
            width = int(rng.integers(longest + 1))
            start = int(rng.integers(mel.shape[axis] - width + 1))
            mel[(slice(None),) * axis + (slice(start, start + width),)] = fill
    return mel


def equalise(samples: FloatArray, rng: np.random.Generator, sample_rate: int) -> FloatArray:
    """Raise or lower two bands of random width by at most 9 dB."""
    spectrum = np.fft.rfft(samples)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / sample_rate), 20.0))
    gain_db = np.zeros(len(octaves))
    for _ in range(2):
        centre, width = rng.uniform(np.log2(80), np.log2(12_000)), rng.uniform(0.3, 1.5)
        gain_db += rng.uniform(-9, 9) * np.exp(-(((octaves - centre) / width) ** 2))
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(samples)).astype(np.float32)


def reverb(samples: FloatArray, rng: np.random.Generator, sample_rate: int) -> FloatArray:
    """Add a room: noise that decays by 60 dB in 0.15 to 1.2 s, 6 to 24 dB below the clip."""
    decay_s = float(rng.uniform(0.15, 1.2))
    t = np.arange(int(decay_s * sample_rate)) / sample_rate
    response = rng.standard_normal(len(t)) * 10 ** (-3 * t / decay_s)
    wet = fftconvolve(samples, response)[: len(samples)]
    level = np.sqrt(np.mean(np.square(samples)) / max(float(np.mean(np.square(wet))), 1e-12))
    room: FloatArray = (level * 10 ** (-rng.uniform(6, 24) / 20) * wet).astype(np.float32)
    return samples + room


def change_speed(samples: FloatArray, rng: np.random.Generator, sample_rate: int, most: float = 0.08) -> FloatArray:
    """Play faster and higher, or slower and lower, by at most a share."""
    return resample(samples, round(sample_rate * (1 + rng.uniform(-most, most))), sample_rate)


def encode(samples: FloatArray, rng: np.random.Generator, sample_rate: int) -> FloatArray:
    """Store with losses, as Vorbis or MP3 of low quality, and read again."""
    container, codec = CODECS[int(rng.integers(len(CODECS)))]
    peak = float(np.abs(samples).max(initial=0.0)) or 1.0
    memory = io.BytesIO()
    soundfile.write(
        memory, samples / peak, sample_rate, format=container, subtype=codec, compression_level=rng.uniform(0.5, 0.95)
    )
    memory.seek(0)
    read, _ = soundfile.read(memory, dtype="float32")
    out = np.zeros(len(samples), np.float32)
    out[: min(len(read), len(out))] = read[: len(out)] * peak
    return out


def augment(samples: FloatArray, rng: np.random.Generator, sample_rate: int) -> FloatArray:
    """Apply some of the changes, each to a part of the clips; loudness is left to the front end's normalisation."""
    if rng.random() < 0.3:
        samples = tilt(samples, rng, sample_rate)
    if rng.random() < 0.3:
        samples = equalise(samples, rng, sample_rate)
    if rng.random() < 0.25:
        samples = reverb(samples, rng, sample_rate)
    if rng.random() < 0.3:
        samples = add_noise(samples, rng)
    if rng.random() < 0.1:
        samples = encode(samples, rng, sample_rate)
    return samples


def mix(first: FloatArray, second: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Play two clips of one length at once, at most 5 dB apart in loudness."""
    levels = [float(np.sqrt(np.mean(np.square(clip)))) + 1e-6 for clip in (first, second)]
    ratio = levels[0] / levels[1] * 10 ** (rng.uniform(-5, 5) / 20)
    mixed: FloatArray = (first + ratio * second).astype(np.float32)
    return mixed

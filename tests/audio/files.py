"""Writes audio files of every kind for the tests."""

from pathlib import Path

import av
import numpy as np
import soundfile as sf

RATE = 48_000

# extension, libsndfile format, subtype, largest error of a sample (None: lossy, compared by correlation)
SOUNDFILE_KINDS = [
    ("wav", "WAV", "PCM_U8", 1 / 64),
    ("wav", "WAV", "PCM_16", 1 / 16_384),
    ("wav", "WAV", "PCM_24", 1e-6),
    ("wav", "WAV", "PCM_32", 1e-6),
    ("wav", "WAV", "FLOAT", 0),
    ("wav", "WAV", "DOUBLE", 0),
    ("wav", "WAVEX", "PCM_24", 1e-6),
    ("wav", "WAV", "ULAW", None),
    ("wav", "WAV", "IMA_ADPCM", None),
    ("wav", "WAV", "MS_ADPCM", None),
    ("wav", "RF64", "PCM_16", 1 / 16_384),
    ("w64", "W64", "PCM_24", 1e-6),
    ("aiff", "AIFF", "PCM_16", 1 / 16_384),
    ("aif", "AIFF", "PCM_S8", 1 / 64),
    ("aifc", "AIFF", "FLOAT", 0),
    ("caf", "CAF", "PCM_24", 1e-6),
    ("caf", "CAF", "ALAC_16", 1 / 16_384),
    ("au", "AU", "PCM_16", 1 / 16_384),
    ("voc", "VOC", "PCM_16", 1 / 16_384),
    ("flac", "FLAC", "PCM_16", 1 / 16_384),
    ("flac", "FLAC", "PCM_24", 1e-6),
    ("ogg", "OGG", "VORBIS", None),
    ("opus", "OGG", "OPUS", None),
    ("mp3", "MP3", "MPEG_LAYER_III", None),
]

# extension, FFmpeg format, codec, sample format, largest error, samples added at the start
FFMPEG_KINDS = [
    ("m4a", "ipod", "aac", "fltp", None, 0),
    ("m4a", "ipod", "alac", "s16p", 1 / 16_384, 0),
    ("aac", "adts", "aac", "fltp", None, 1024),
    ("wma", "asf", "wmav2", "fltp", None, -2048),
    ("webm", "webm", "libopus", "flt", None, 0),
    ("mka", "matroska", "flac", "s16", 1 / 16_384, 0),
    ("oga", "ogg", "flac", "s16", 1 / 16_384, 0),
    ("wv", "wv", "wavpack", "fltp", 0, 0),
    ("tta", "tta", "tta", "s16", 1 / 16_384, 0),
    ("ac3", "ac3", "ac3", "fltp", None, 256),
]


def stereo(seconds: float, rate: int = RATE) -> np.ndarray:
    """A rising tone on the left, smooth noise on the right, shape (n, 2)."""
    n = np.arange(round(seconds * rate))
    left = 0.5 * np.sin(2 * np.pi * (300 + 20 * n / rate) * n / rate)
    right = np.convolve(np.random.default_rng(4).standard_normal(len(n)), np.ones(40) / 40, "same")
    return np.stack([left, right], axis=1).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int, container: str, subtype: str) -> None:
    """Write by libsndfile, a second at a time: it dies of a minute of Vorbis in one call."""
    channels = samples.shape[1] if samples.ndim == 2 else 1
    with sf.SoundFile(path, "w", rate, channels, format=container, subtype=subtype) as file:
        for start in range(0, len(samples), rate):
            file.write(samples[start : start + rate])


def write_ffmpeg(path: Path, samples: np.ndarray, container: str, codec: str, sample_format: str) -> None:
    """Write stereo samples at RATE by FFmpeg."""
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=RATE, layout="stereo", format=sample_format)
        stream.bit_rate = 128_000
        resampler = av.AudioResampler(format=sample_format, layout="stereo", rate=RATE)
        for start in range(0, len(samples), RATE):
            block = np.ascontiguousarray(samples[start : start + RATE].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, start
            for converted in resampler.resample(frame):
                file.mux(stream.encode(converted))
        file.mux(stream.encode(None))

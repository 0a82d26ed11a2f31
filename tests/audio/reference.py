"""Slow, plain float64 versions of the front ends, to compare with."""

import numpy as np
import scipy.signal

from soundsearch.audio.features import FrontEnd

CLAP_FUSED = FrontEnd()
CLAP_UNFUSED = FrontEnd(mel="slaney", long="crop")
KALDI = FrontEnd(
    sample_rate=32_000,
    window_samples=800,
    window_periodic=False,
    hop_samples=320,
    n_mels=128,
    f_min=0,
    f_max=15_000,
    mel="kaldi",
    log="ln",
    log_offset=4.5,
    log_scale=5,
    preemphasis=0.97,
    int16_step=False,
    peak_normalise=True,
    max_samples=320_000,
    min_samples=48_000,
    short="pad",
    long="windows",
)


def power(samples: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    """Centred power spectrogram in float64, shape (n_frames, 513)."""
    padded = np.pad(samples.astype(np.float64), 512, mode="reflect")
    _, _, spectrum = scipy.signal.stft(
        padded, nperseg=1024, noverlap=1024 - hop, window=window, boundary=None, padded=False, scaling="spectrum"
    )
    return np.abs(spectrum.T * window.sum()) ** 2


def clap_log_mel(samples: np.ndarray, bank: np.ndarray) -> np.ndarray:
    window = scipy.signal.get_window("hann", 1024)
    return 10 * np.log10(np.maximum(power(samples, window, 480) @ bank.astype(np.float64), 1e-10))


def kaldi_bank() -> np.ndarray:
    """128 triangles that are linear in mel, one weight at a time."""

    def mel(hz: float) -> float:
        return 1127 * np.log(1 + hz / 700)

    step = mel(15_000) / 129
    bank = np.zeros((513, 128))
    for k in range(512):
        for m in range(128):
            bank[k, m] = max(0, 1 - abs(mel(k * 32_000 / 1024) - step * (m + 1)) / step)
    return bank


def kaldi_log_mel(samples: np.ndarray) -> np.ndarray:
    emphasised = samples[1:].astype(np.float64) - 0.97 * samples[:-1]
    window = np.pad(scipy.signal.get_window("hann", 800, fftbins=False), 112)
    return (np.log(power(emphasised, window, 320) @ kaldi_bank() + 1e-5) + 4.5) / 5

"""Waveform -> what a model takes, by the `FrontEnd` that each bundle brings. Deterministic: nothing here is random."""

from dataclasses import dataclass
from typing import Literal

from soundsearch.records import FloatArray


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """How a checkpoint wants its sound: weights and front end belong together, a mix-up is silent.

    The defaults are those of the fused LAION checkpoints.
    """

    sample_rate: int = 48_000  # Hz
    n_fft: int = 1024  # samples
    window_samples: int = 1024  # length of the Hann window, centred in n_fft
    window_periodic: bool = True
    hop_samples: int = 480
    n_mels: int = 64
    f_min: float = 50.0  # Hz
    f_max: float = 14_000.0  # Hz
    mel: Literal["htk", "slaney", "kaldi"] = "htk"  # slaney is area-normalised, the others have height 1
    log: Literal["db", "ln"] = "db"  # db: 10 log10(max(x, 1e-10)); ln: ln(x + 1e-5)
    log_offset: float = 0.0  # (log + offset) / scale
    log_scale: float = 1.0
    preemphasis: float = 0.0  # y[n] = x[n+1] - preemphasis x[n]
    int16_step: bool = True  # clap.md-style clip and truncation to 16 bits, as in LAION's training data
    peak_normalise: bool = False
    max_samples: int = 480_000  # the model's window
    min_samples: int = 0  # shorter clips are zero-padded to this ("pad")
    short: Literal["repeatpad", "pad"] = "repeatpad"
    long: Literal["fusion", "crop", "windows"] = "fusion"


@dataclass(frozen=True, slots=True)
class Features:
    """Model input of one clip. `mel` is (n_views, n_frames, n_mels): 4 views for fusion, k windows, or 1."""

    mel: FloatArray
    longer: bool

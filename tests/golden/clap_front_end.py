"""The numbers of clap_front_end.toml, from any log-mel function; run as a script, from transformers'."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np

RATE = 48_000
N = np.arange(10 * RATE)
NOISE = (0.1 * np.random.default_rng(0).standard_normal(len(N))).astype(np.float32)
IMPULSE = (N == 240_000).astype(np.float32)


def golden() -> dict[str, dict[str, object]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def tone(hz: float, seconds: float = 10.0) -> np.ndarray:
    n = np.arange(round(seconds * RATE))
    return (0.5 * np.sin(2 * np.pi * hz * n / RATE)).astype(np.float32)


def numbers(log_mel: Callable[[np.ndarray], np.ndarray], bank: np.ndarray) -> dict[str, object]:
    """Return one table of the file. `log_mel` takes (480000,) samples; `bank` is (513, 64)."""
    sine, impulse, noise = log_mel(tone(1000)), log_mel(IMPULSE), log_mel(NOISE)
    tones = [log_mel(tone(hz))[500] for hz in (440, 4000, 10_000)]
    short = log_mel(np.concatenate([tone(1000, 3)] * 3 + [np.zeros(RATE, np.float32)]))
    return {
        "sine_frame_500_bins_14_19": sine[500, 14:20].tolist(),
        "sine_frame_500_mean": float(sine[500].mean()),
        "sine_frame_0_peak": [int(sine[0].argmax()), float(sine[0].max())],
        "sine_frame_1000_peak_value": float(sine[1000].max()),
        "tones_440_4000_10000_frame_500_peaks": [[int(t.argmax()), float(t.max())] for t in tones],
        "impulse_frames": np.flatnonzero(impulse.max(1) > -100).tolist(),
        "impulse_frame_500_bins_0_1_31_63": impulse[500, [0, 1, 31, 63]].tolist(),
        "noise_mean_and_deviation": [float(noise.mean()), float(noise.std())],
        "noise_frame_500_bins_0_10_20_30_40_50_63": noise[500, [0, 10, 20, 30, 40, 50, 63]].tolist(),
        "noise_frame_0_bins_0_3": noise[0, :4].tolist(),
        "sine_3_s_peaks_at_frames_899_902": short[899:903].max(1).tolist(),
        "bank_nonzero_bins_of_filters_0_31_63": (bank[:, [0, 31, 63]] > 0).sum(0).tolist(),
        "bank_weights_at_bin_21_of_filters_16_17": bank[21, [16, 17]].tolist(),
    }


def main() -> None:
    from transformers import ClapFeatureExtractor

    extractor = ClapFeatureExtractor(frequency_min=50)
    for name, bank in [("slaney", extractor.mel_filters_slaney), ("htk", extractor.mel_filters)]:
        print(f"[{name}]")
        for key, value in numbers(lambda x, bank=bank: extractor._np_extract_fbank_features(x, bank), bank).items():
            print(f"{key} = {value}")


if __name__ == "__main__":
    main()

import numpy as np
import pytest

from soundsearch.audio.features import FrontEnd, front_end_from_hub, log_mel, mel_bank
from soundsearch.audio.mel import mel_points
from tests.audio.reference import CLAP_FUSED, CLAP_UNFUSED, KALDI, clap_log_mel, kaldi_bank, kaldi_log_mel
from tests.golden.clap_front_end import IMPULSE, NOISE, golden, numbers, tone

BANKS = {"htk": CLAP_FUSED, "slaney": CLAP_UNFUSED}
CENTRES = "bank_centres_of_filters_0_1_31_63"
TOLERANCES = {"sine_frame_500_mean": 0.1, "bank_weights_at_bin_21_of_filters_16_17": 1e-6}


@pytest.mark.parametrize("name", BANKS)
def test_the_published_numbers(name: str) -> None:
    front_end = BANKS[name]
    found = numbers(lambda samples: log_mel(samples, front_end), mel_bank(front_end))
    found[CENTRES] = mel_points(front_end)[[1, 2, 32, 64]]
    expected = golden()[name]
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        tolerance = np.where(np.asarray(value, float) < -40, 1, TOLERANCES.get(key, 0.0101))
        assert (np.abs(np.asarray(found[key], float) - np.asarray(value, float)) <= tolerance).all(), key


@pytest.mark.parametrize("name", BANKS)
def test_ten_seconds_give_1001_frames_and_silence_is_exactly_minus_100_db(name: str) -> None:
    mel = log_mel(np.zeros(480_000, np.float32), BANKS[name])
    assert mel.shape == (1001, 64)
    assert mel.dtype == np.float32
    assert (mel == -100).all()


@pytest.mark.parametrize("name", BANKS)
def test_a_tenth_of_the_level_is_20_db_less(name: str) -> None:
    peaks = [log_mel(np.float32(gain) * tone(1000), BANKS[name])[500].max() for gain in (1, 0.1)]
    assert peaks[0] - peaks[1] == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("n_samples", [9_600, 480_000, 480_480, 1_200_000])
@pytest.mark.parametrize("kind", ["noise", "tone", "silence", "click"])
@pytest.mark.parametrize("name", BANKS)
def test_float32_is_close_to_a_float64_reference(name: str, kind: str, n_samples: int) -> None:
    sound = {"noise": NOISE, "tone": tone(1000), "silence": np.zeros(480_000, np.float32), "click": IMPULSE[235_000:]}
    samples = np.resize(sound[kind], n_samples)
    expected = clap_log_mel(samples, mel_bank(BANKS[name]))
    found = log_mel(samples, BANKS[name])
    assert found.shape == expected.shape
    assert_close_in_db(found, expected)


def assert_close_in_db(found: np.ndarray, expected: np.ndarray) -> None:
    error = np.abs(found - expected)
    assert error[expected > -40].max(initial=0) <= 0.01
    assert error.max() <= 1


def test_the_kaldi_bank_is_its_formula() -> None:
    np.testing.assert_allclose(mel_bank(KALDI), kaldi_bank(), atol=1e-6)


@pytest.mark.parametrize("n_samples", [48_000, 100_001, 320_000])
def test_the_kaldi_front_end_is_close_to_a_float64_reference(n_samples: int) -> None:
    noise = np.random.default_rng(3).standard_normal(n_samples).astype(np.float32)
    for samples in (noise / np.abs(noise).max(), np.sin(np.arange(n_samples) * 0.2, dtype=np.float32)):
        found = log_mel(samples, KALDI)
        expected = kaldi_log_mel(samples)
        assert found.shape == expected.shape == ((n_samples - 1) // 320 + 1, 128)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_bank_is_made_once_and_cannot_be_changed() -> None:
    assert mel_bank(CLAP_FUSED) is mel_bank(FrontEnd())
    with pytest.raises(ValueError, match="read-only"):
        mel_bank(CLAP_FUSED)[0, 0] = 1


def test_a_waveform_of_half_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 512"):
        log_mel(np.ones(512, np.float32), CLAP_FUSED)
    assert log_mel(np.ones(513, np.float32), CLAP_FUSED).shape == (2, 64)


PUBLISHED = {
    "chunk_length_s": 10,
    "feature_extractor_type": "ClapFeatureExtractor",
    "feature_size": 64,
    "fft_window_size": 1024,
    "frequency_max": 14000,
    "frequency_min": 50,
    "hop_length": 480,
    "max_length_s": 10,
    "padding": "repeatpad",
    "sampling_rate": 48000,
    "top_db": None,
    "truncation": "fusion",
}


def test_a_published_configuration_gives_its_front_end() -> None:
    assert front_end_from_hub(PUBLISHED) == CLAP_FUSED
    assert front_end_from_hub({**PUBLISHED, "truncation": "rand_trunc"}) == CLAP_UNFUSED


def test_what_a_configuration_leaves_out_is_as_in_transformers() -> None:
    assert front_end_from_hub({}).f_min == 0
    padded = front_end_from_hub({**PUBLISHED, "padding": "pad"})
    assert (padded.short, padded.min_samples) == ("pad", 480_000)


@pytest.mark.parametrize("wrong", [{"truncation": "cut"}, {"padding": "loop"}, {"top_db": 80}])
def test_an_unknown_configuration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not"):
        front_end_from_hub({**PUBLISHED, **wrong})

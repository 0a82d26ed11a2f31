"""What a clip sounds like in numbers: loudness, peak, brightness, tempo, key, loop or one-shot."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from soundsearch.audio.decode import blocks
from soundsearch.audio.mel import FrontEnd, mel_bank, spectra
from soundsearch.audio.rhythm import onset_strength, rhythm
from soundsearch.audio.tonality import SURE, Tonality
from soundsearch.records import FloatArray, Sound

Float64Array = npt.NDArray[np.float64]

FRAME_S = 0.0464  # 2048 samples at 44.1 kHz
N_BANDS = 24  # that onsets are looked for in
CHUNK_FRAMES = 64  # transformed at once
PIECE_SAMPLES = 1 << 18  # of a clip at hand, taken at once: copies of a long one whole cost more than its transforms
RHYTHM_S = 120.0  # two minutes are enough to know the tempo
SILENCE = 1e-9  # power
LOUDEST = 8.0  # float files may hold more, which tells nothing of how they sound
ONE_SHOT_S, ONE_SHOT_END_DB, NOTE_S = 8.0, -10.0, 2.0  # docs/analysis.md has how they were chosen


class Frames:
    """Cuts consecutive pieces of a clip into overlapping frames, half a frame of silence before and after."""

    def __init__(self, size: int, hop: int, channels: int) -> None:
        self._size, self._hop = size, hop
        self._held = np.zeros((channels, size // 2), np.float32)  # each channel in one piece: ten times as fast

    def add(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Yield what frames are whole now, CHUNK_FRAMES at most at a time, (n, n_channels, size)."""
        self._held = np.concatenate([self._held, samples.T], axis=1)
        count = max(0, (self._held.shape[1] - self._size) // self._hop + 1)
        if count:
            view = np.lib.stride_tricks.sliding_window_view(self._held, self._size, axis=1)[:, :: self._hop]
            for start in range(0, count, CHUNK_FRAMES):
                yield view[:, start : min(count, start + CHUNK_FRAMES)].swapaxes(0, 1)
            self._held = self._held[:, count * self._hop :]

    def finish(self) -> Iterator[FloatArray]:
        """Yield the last frames."""
        yield from self.add(np.zeros((self._size // 2 + self._hop - 1, len(self._held)), np.float32))


class Analyser:
    """Measures a clip that comes in pieces, so that hours need no more memory than a piece."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._size = 1 << max(6, round(np.log2(sample_rate * FRAME_S)))
        self._hop = self._size // 2
        self._frames = Frames(self._size, self._hop, channels)
        # Partials of low notes need longer frames to be told apart.
        self._long_size = self._size * 4
        self._long_frames = Frames(self._long_size, self._long_size // 2, 1)
        self._tonality = Tonality(sample_rate, self._long_size)
        self._channel_weights = _channel_weights(channels)
        self._mix = np.full((channels, 1), 1 / channels, np.float32)
        self._samples = 0
        self._peak = 0.0
        self._loud: list[Float64Array] = []  # K weighted power of each frame
        self._mono: list[Float64Array] = []  # bands, total and moment of each frame of the mix
        self._digest = hashlib.blake2b(f"{sample_rate} {channels}".encode(), digest_size=16)

    def add(self, samples: FloatArray) -> None:
        """Take the next samples, (n, n_channels)."""
        self._samples += len(samples)
        self._peak = max(self._peak, float(samples.max(initial=0)), -float(samples.min(initial=0)))
        self._digest.update(np.ascontiguousarray(samples).reshape(-1).data)
        if max(samples.max(initial=0), -samples.min(initial=0)) > LOUDEST:
            samples = np.clip(samples, -LOUDEST, LOUDEST)
        for frames in self._frames.add(samples):
            self._add_spectra(frames)
        if not self._tonality.is_full:
            # A product is many times as fast as the mean over so short an axis.
            for frames in self._long_frames.add(samples @ self._mix):
                self._add_tones(frames)

    def finish(self) -> Sound:
        """Return the measures of all that came."""
        for frames in self._frames.finish():
            self._add_spectra(frames)
        if not self._tonality.is_full:
            for frames in self._long_frames.finish():
                self._add_tones(frames)
        loud, mono = np.concatenate(self._loud), np.concatenate(self._mono)
        bands, total, moment = mono[:, :N_BANDS], mono[:, -2], mono[:, -1]
        frames_per_s, duration_s = self._rate / self._hop, self._samples / self._rate
        strength = onset_strength(bands)
        end_db = _end_db(total)
        beat = rhythm(strength[: int(RHYTHM_S * frames_per_s)], frames_per_s, min(duration_s, RHYTHM_S), end_db)
        key, key_confidence = self._tonality.key()
        return Sound(
            loudness_lufs=loudness(loud, frames_per_s, duration_s),
            peak_db=20 * float(np.log10(self._peak)) if self._peak > 0 else None,
            brightness_hz=float(moment.sum() / total.sum()) if total.sum() > SILENCE else None,
            tempo_bpm=beat.bpm,
            tempo_confidence=beat.confidence,
            key=key if key_confidence >= SURE else "",
            key_confidence=key_confidence,
            kind="loop" if beat.is_loop else "one-shot" if _is_one_shot(strength, end_db, duration_s) else "",
            samples=self._digest.digest(),
        )

    def _add_spectra(self, frames: FloatArray) -> None:
        window, weighting, bank = _tables(self._rate, self._size)
        channels = spectra(frames * window)
        power = _power(channels)
        self._loud.append((power @ weighting) @ self._channel_weights / (self._size * self._rate))
        if channels.shape[1] == 1:
            mono = power[:, 0]
        elif channels.shape[1] == 2:
            mono = _power((channels[:, 0] + channels[:, 1]) * np.float32(0.5))
        else:
            mono = _power(channels.mean(axis=1))
        self._mono.append((mono @ bank).astype(np.float64))

    def _add_tones(self, frames: FloatArray) -> None:
        window = _tables(self._rate, self._long_size)[0] ** 2
        self._tonality.add(_power(spectra(frames[:, 0] * window)))


def analyse(samples: FloatArray, sample_rate: int) -> Sound:
    """Measure a clip that is at hand whole, samples (n, n_channels)."""
    analyser = Analyser(sample_rate, samples.shape[1])
    for start in range(0, len(samples), PIECE_SAMPLES):
        analyser.add(samples[start : start + PIECE_SAMPLES])
    return analyser.finish()


def load_sound(path: str) -> Sound:
    """Measure a file, decoded in blocks.

    Raises:
        DecodeError: If nothing can be decoded.
    """
    analyser: Analyser | None = None
    for block in blocks(path):
        if analyser is None:
            analyser = Analyser(block.sample_rate, block.samples.shape[1])
        analyser.add(block.samples)
    assert analyser is not None, "blocks() yields or raises"
    return analyser.finish()


def _end_db(total: Float64Array) -> float:
    """Level of the last tenth of the frames against all of them; the very last one is half silence."""
    end = total[-max(2, len(total) // 10) - 1 : -1]
    return 10 * float(np.log10((end.mean() + 1e-12) / (total.mean() + 1e-12))) if len(end) else 0.0


def _is_one_shot(strength: Float64Array, end_db: float, duration_s: float) -> bool:
    """Whether a clip is one event: an onset or two that count, and a quiet end, or next to no length."""
    if duration_s > ONE_SHOT_S or (end_db > ONE_SHOT_END_DB and duration_s > NOTE_S):
        return False
    is_top = np.diff(np.flatnonzero(strength > 0.4 * strength.max(initial=0)), prepend=-9) > 4  # apart by 0.1 s
    return int(is_top.sum()) <= 2


def _power(transformed: npt.NDArray[np.complex64]) -> FloatArray:
    result: FloatArray = np.square(transformed.real)
    result += np.square(transformed.imag)
    result[..., 1:-1] *= 2
    result[..., 0] = 0  # a constant offset is no sound
    return result


@lru_cache(maxsize=16)
def _tables(sample_rate: int, size: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sine window (size,), K weighting of power (bins,), and bank (bins, N_BANDS + 2): bands, total, total times Hz."""
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size)
    hz = np.arange(size // 2 + 1) * sample_rate / size
    front_end = FrontEnd(
        sample_rate, size, size, n_mels=N_BANDS, f_min=30.0, f_max=min(16_000.0, sample_rate / 2), mel="htk"
    )
    bank = np.concatenate([mel_bank(front_end), np.ones((len(hz), 1)), hz[:, None]], axis=1)
    return window.astype(np.float32), k_weighting(hz).astype(np.float32), bank.astype(np.float32)


def k_weighting(hz: Float64Array) -> Float64Array:
    """Power response of the K weighting at these frequencies, that of the filters for 48 kHz.

    Source: ITU-R BS.1770-5, annex 1, tables 1 and 2.
    """
    z = np.exp(-2j * np.pi * np.minimum(hz, 23_900.0) / 48_000)
    shelf = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
    high_pass = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
    response = np.ones(len(hz), np.complex128)
    for above, below in (shelf, high_pass):
        response *= (above[0] + above[1] * z + above[2] * z**2) / (below[0] + below[1] * z + below[2] * z**2)
    return np.abs(response) ** 2


def _channel_weights(channels: int) -> Float64Array:
    """Surround channels count 1.5 dB more, the low-frequency effects of 5.1 not at all."""
    return np.array((1.0, 1.0, 1.0, 0.0, 1.41, 1.41)) if channels == 6 else np.ones(channels)


def loudness(power: Float64Array, frames_per_s: float, duration_s: float) -> float | None:
    """Integrated loudness in LUFS of the power of frames (n,), None where it is shorter than a block or silent.

    Source: ITU-R BS.1770-5: blocks of 400 ms, every 100 ms, gated at -70 LUFS and 10 LU below what passes that.
    """
    if duration_s < 0.4:
        return None
    energy = np.concatenate([[0.0], np.cumsum(power)])
    times = np.arange(len(energy)) / frames_per_s - 0.5 / frames_per_s
    starts = np.arange(0.0, duration_s - 0.4 + 1e-6, 0.1)
    blocks = (np.interp(starts + 0.4, times, energy) - np.interp(starts, times, energy)) / 0.4
    level = -0.691 + 10 * np.log10(blocks + 1e-20)
    blocks, level = blocks[level > -70], level[level > -70]
    if not len(blocks):
        return None
    gate = -0.691 + 10 * np.log10(blocks.mean()) - 10
    return float(-0.691 + 10 * np.log10(blocks[level > gate].mean()))

import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from soundsearch.audio import decode
from soundsearch.audio.decode import SUPPORTED_EXTENSIONS, Waveform, is_audio_name, mono, probe, resample
from soundsearch.errors import DecodeError
from tests.audio.files import FFMPEG_KINDS, RATE, SOUNDFILE_KINDS, stereo, write, write_ffmpeg

SOUND = stereo(7)
PARTS = [(0.0, 1.5), (0.25, 0.3), (2.71828, 3.5), (5.5, 6.5)]


def assert_same_sound(found: np.ndarray, expected: np.ndarray, tolerance: float | None) -> None:
    assert found.dtype == np.float32
    if tolerance is None:
        for channel in (0, 1):
            assert np.corrcoef(found[:, channel], expected[:, channel])[0, 1] > 0.98
    else:
        assert np.abs(found - expected).max() <= tolerance


@pytest.mark.parametrize(("extension", "container", "subtype", "tolerance"), SOUNDFILE_KINDS)
def test_what_libsndfile_reads(
    extension: str, container: str, subtype: str, tolerance: float | None, tmp_path: Path
) -> None:
    path = tmp_path / f"sound.{extension}"
    write(path, SOUND, RATE, container, subtype)
    assert is_audio_name(path.name)
    found = decode.decode(str(path))
    info = probe(str(path))
    assert (info.sample_rate, info.channels, info.frames) == (RATE, 2, len(found.samples))
    assert info.subtype == subtype
    assert found.sample_rate == RATE
    assert 0 <= len(found.samples) - len(SOUND) < 2048  # codecs of fixed blocks fill the last one
    assert_same_sound(found.samples[: len(SOUND)], SOUND, tolerance)
    for start_s, end_s in PARTS:
        part = decode.decode(str(path), start_s, end_s)
        np.testing.assert_array_equal(part.samples, found.samples[round(start_s * RATE) : round(end_s * RATE)])


@pytest.mark.parametrize(("extension", "container", "codec", "sample_format", "tolerance", "delay"), FFMPEG_KINDS)
def test_what_only_ffmpeg_reads(
    extension: str,
    container: str,
    codec: str,
    sample_format: str,
    tolerance: float | None,
    delay: int,
    tmp_path: Path,
) -> None:
    path = tmp_path / f"sound.{extension}"
    write_ffmpeg(path, SOUND, container, codec, sample_format)
    assert is_audio_name(path.name)
    info = probe(str(path))
    assert (info.sample_rate, info.channels) == (RATE, 2)
    assert info.duration_s == pytest.approx(7, abs=0.06)
    found = decode.decode(str(path))
    if not delay:
        assert len(found.samples) == len(SOUND)
    shifted = np.pad(SOUND, ((max(0, delay), 0), (0, 0)))[max(0, -delay) :]
    n = min(len(shifted), len(found.samples)) - 1024
    assert_same_sound(found.samples[:n], shifted[:n], tolerance)
    for start_s, end_s in PARTS:
        part = decode.decode(str(path), start_s, end_s)
        expected = found.samples[round(start_s * RATE) : round(end_s * RATE)]
        assert len(part.samples) == len(expected)
        # AAC makes up its noise anew after a seek, which the tone on the left shows to be in place.
        np.testing.assert_allclose(part.samples[:, 0], expected[:, 0], atol=0.01 if codec == "aac" else 0)


@pytest.mark.parametrize(("container", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_parts_of_lossy_files_are_what_the_whole_holds_there(container: str, subtype: str, tmp_path: Path) -> None:
    # Loud noise between silences empties MP3's bit reservoir: where a seek is too late, the decoder starts wrong.
    path = tmp_path / "noise"
    rng = np.random.default_rng(1)
    noise = np.concatenate([rng.standard_normal((RATE, 2)) * (0.1 + 0.1 * np.sin(i)) for i in range(30)])
    write(path, noise.astype(np.float32), RATE, container, subtype)
    whole = decode.decode(str(path)).samples
    np.testing.assert_array_equal(whole, sf.read(path, dtype="float32")[0])
    for start in rng.integers(0, len(whole) - 9000, 12):
        part = decode.decode(str(path), start / RATE, (start + 9000) / RATE)
        np.testing.assert_array_equal(part.samples, whole[start : start + 9000])


@pytest.mark.parametrize(
    "name", ["#1 & 'best' [take]; $HOME %s.wav", "50%20%.wav", "a\nb.wav", "é ñ 音.wav", "c:d.wav"]
)
@pytest.mark.parametrize("kind", ["soundfile", "ffmpeg"])
def test_any_name(name: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if kind == "soundfile":
        write(path, SOUND[:4800], RATE, "WAV", "PCM_16")
    else:
        plain = tmp_path / "plain"
        write_ffmpeg(plain, SOUND[:4800], "ipod", "alac", "s16p")
        plain.rename(path)
    assert len(decode.decode(str(path)).samples) == 4800
    assert probe(str(path)).frames == 4800


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/kick \xff\xfe.wav"
    plain = tmp_path / "plain.wav"
    write(plain, SOUND[:480], RATE, "WAV", "PCM_16")
    try:
        plain.rename(os.fsdecode(raw))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    path = os.fsdecode(raw)
    assert len(decode.decode(path).samples) == 480
    assert is_audio_name(Path(path).name)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    for name, container, subtype in [("a.mp3", "WAV", "PCM_16"), ("a.wav", "OGG", "VORBIS"), ("a", "FLAC", "PCM_16")]:
        write(tmp_path / name, SOUND, RATE, container, subtype)
        assert probe(str(tmp_path / name)).format == container
        assert len(decode.decode(str(tmp_path / name)).samples) == len(SOUND)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 5000),
    st.integers(1, 6),
    st.sampled_from([8000, 22_050, 44_100, 192_000]),
    st.sampled_from([("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("AIFF", "FLOAT"), ("CAF", "PCM_32")]),
)
def test_decoding_keeps_the_length(
    tmp_path_factory: pytest.TempPathFactory, n: int, channels: int, rate: int, kind: tuple[str, str]
) -> None:
    path = tmp_path_factory.mktemp("length") / "x"
    write(path, np.full((n, channels), 0.25, np.float32), rate, *kind)
    found = decode.decode(str(path))
    assert found.samples.shape == (n, channels)
    assert found.sample_rate == rate
    np.testing.assert_allclose(found.samples, 0.25, atol=1e-4)


def test_blocks_join_to_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write(path, SOUND, RATE, "FLAC", "PCM_24")
    parts = [block.samples for block in decode.blocks(str(path), 0.5)]
    assert len(parts) > 2
    np.testing.assert_array_equal(np.concatenate(parts), decode.decode(str(path)).samples[RATE // 2 :])


def test_max_s_limits_what_is_decoded(tmp_path: Path) -> None:
    path = str(tmp_path / "a.wav")
    write(Path(path), SOUND, RATE, "WAV", "PCM_16")
    assert decode.decode(path, max_s=2).duration_s == 2
    assert decode.decode(path, 1, max_s=2).duration_s == 2
    assert decode.decode(path, 1, 2.5, max_s=2).duration_s == 1.5
    assert decode.decode(path, 6, max_s=2).duration_s == 1


def test_a_part_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "a.wav")
    write(Path(path), SOUND, RATE, "WAV", "PCM_16")
    for start_s, end_s in [(7.5, 8), (7, None), (2, 2)]:
        with pytest.raises(DecodeError, match=r"ends before|no samples"):
            decode.decode(path, start_s, end_s)


def test_ten_minutes_take_little_more_memory_than_their_samples(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    rate = 8000
    write(path, np.resize(SOUND[:, 0], 600 * rate), rate, "FLAC", "PCM_16")
    tracemalloc.start()
    waveform = decode.decode(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    part = decode.decode(str(path), 500, 501)
    part_peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert waveform.samples.nbytes == 600 * rate * 4
    assert peak < 1.25 * waveform.samples.nbytes
    assert part.duration_s == 1
    assert part_peak < 4e6


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["WAV", "AIFF", "FLAC", "MP3", "OGG", "m4a", "aac"])
def test_a_file_that_was_cut_gives_its_start_or_a_reason(
    kind: str, share: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut"
    subtypes = {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}
    if kind in ("m4a", "aac"):
        write_ffmpeg(path, SOUND, {"m4a": "ipod"}.get(kind, "adts"), "aac", "fltp")
    else:
        write(path, SOUND, RATE, kind, subtypes.get(kind, "PCM_16"))
    whole = decode.decode(str(path)).samples
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    if kind == "m4a":  # its index stands at the end
        with pytest.raises(DecodeError, match="cut off"):
            decode.decode(str(path))
        return
    found = decode.decode(str(path)).samples
    assert (share - 0.2) * len(whole) < len(found) < min(1.0, share + 0.1) * len(whole)
    n = min(len(found), round((share - 0.2) * len(whole)))
    assert np.corrcoef(found[:n, 0], whole[:n, 0])[0, 1] > 0.9
    assert capfd.readouterr() == ("", "")


def test_an_mp3_whose_header_lies_about_its_length(tmp_path: Path) -> None:
    path = tmp_path / "lie.mp3"
    write(path, SOUND, RATE, "MP3", "MPEG_LAYER_III")
    honest = bytearray(path.read_bytes())
    at = max(honest.find(b"Xing"), honest.find(b"Info"))
    (frames,) = struct.unpack(">I", honest[at + 8 : at + 12])
    for claim in (frames * 100, frames // 4, 0):
        honest[at + 8 : at + 12] = struct.pack(">I", claim)
        path.write_bytes(honest)
        assert probe(str(path)).duration_s == pytest.approx(7, abs=0.1)
        assert decode.decode(str(path)).duration_s == pytest.approx(7, abs=0.1)
        assert decode.decode(str(path), 6, 6.5).duration_s == 0.5


def wav(data: bytes = b"\0" * 400, *, codec: int = 1, channels: int = 1, rate: int = 44_100, bits: int = 16) -> bytes:
    block = max(1, channels * bits // 8) & 0xFFFF
    fmt = struct.pack("<HHIIHH", codec, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


BAD = {
    "empty": (b"", "it is empty"),
    "zeros": (bytes(5000), "only zeros"),
    "text": ("One, two — three.\n".encode() * 99, "text file"),
    "page": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "picture"),
    "zip": (b"PK\x03\x04" + bytes(range(256)) * 20, "archive"),
    "midi": (b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0", "MIDI"),
    "apple double": (b"\x00\x05\x16\x07" + bytes(range(256)) * 4, "macOS"),
    "noise": (np.random.default_rng(9).bytes(9000), "not audio, or of a kind"),
    "noise like mp3": (b"\xff\xe4" + np.random.default_rng(1).bytes(9000), "not audio, or of a kind"),
    "tag": (b"ID3\4\0\0\0\0\0\0", "no sound"),
    "no samples": (wav(b""), "no samples"),
    "no channels": (wav(channels=0), "no channels"),
    "65,535 channels": (wav(channels=65_535), "65,535 channels"),
    "65 channels": (wav(bytes(65 * 2 * 9), channels=65), "65 channels"),
    "rate 0": (wav(rate=0), "sample rate of 0 Hz"),
    "rate 99": (wav(rate=99), "sample rate of 99 Hz"),
    "rate 4 GHz": (wav(rate=2**32 - 1), "sample rate of 4,294,967,295 Hz"),
    "0 bits": (wav(bits=0), "0 bits"),
    "unknown codec": (wav(codec=0x1234), "0x1234"),
    "cut in its header": (wav()[:30], "cut off inside its header"),
    "header alone": (wav()[:36], "cut off inside its header"),
    "NaN": (wav(np.full(500, np.nan, "<f4").tobytes(), codec=3, bits=32), "not one of its samples is a number"),
    "flac head": (b"fLaC" + np.random.default_rng(2).bytes(300), "damaged"),
    "m4a head": (b"\0\0\0\x20ftypM4A \0\0\0\0" + np.random.default_rng(3).bytes(3000), "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_a_reason(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content, reason = BAD[name]
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=reason):
        decode.decode(str(path))
    assert capfd.readouterr() == ("", "")


def test_places_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="not there"):
        decode.decode(str(tmp_path / "gone.wav"))
    with pytest.raises(DecodeError, match="not there"):
        decode.decode("nul\0.wav")
    with pytest.raises(DecodeError, match="not a file"):
        probe(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(DecodeError, match="not a file"):
        decode.decode(str(tmp_path / "pipe.wav"))


def test_a_length_of_zero_left_by_a_crashed_recorder(tmp_path: Path) -> None:
    content = bytearray(wav(SOUND[:1000, 0].astype("<f4").tobytes(), codec=3, bits=32))
    content[40:44] = bytes(4)
    path = tmp_path / "crashed.wav"
    path.write_bytes(content)
    np.testing.assert_array_equal(mono(decode.decode(str(path))), SOUND[:1000, 0])
    assert probe(str(path)).sample_rate == 44_100


def test_samples_that_are_not_numbers_become_silence(tmp_path: Path) -> None:
    samples = SOUND[:1000].copy()
    samples[10:20] = np.nan
    samples[30, 0], samples[40, 1], samples[50] = np.inf, -np.inf, 1e30
    path = tmp_path / "a.wav"
    write(path, samples, RATE, "WAV", "FLOAT")
    found = decode.decode(str(path)).samples
    assert (found[10:20] == 0).all()
    assert (found[30, 0], found[40, 1]) == (0, 0)
    assert (found[50] == 1e9).all()
    np.testing.assert_array_equal(found[60:], samples[60:])


def test_mono_is_the_average_and_cannot_overflow() -> None:
    samples = np.array([[1, -1], [0.5, 0.25], [1e9, 1e9]], np.float32)
    np.testing.assert_array_equal(mono(Waveform(samples, RATE)), np.array([0, 0.375, 1e9], np.float32))


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 48_000), (192_000, 48_000), (11_025, 32_000), (8000, 48_000)])
def test_resampling_keeps_a_tone(from_hz: int, to_hz: int) -> None:
    n, m = np.arange(2 * from_hz), np.arange(2 * to_hz)
    found = resample(np.sin(2 * np.pi * 1000 * n / from_hz).astype(np.float32), from_hz, to_hz)
    assert found.dtype == np.float32
    assert len(found) == decode.resampled_length(len(n), from_hz, to_hz) == len(m)
    middle = slice(to_hz // 2, -to_hz // 2)
    np.testing.assert_allclose(found[middle], np.sin(2 * np.pi * 1000 * m / to_hz)[middle], atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 100, 44_101])
def test_resampled_length_is_the_length(n: int) -> None:
    for from_hz, to_hz in [(44_100, 48_000), (96_000, 48_000), (44_100, 32_000), (192_000, 48_000)]:
        found = len(resample(np.ones(n, np.float32), from_hz, to_hz))
        assert found == max(1, decode.resampled_length(n, from_hz, to_hz))


@pytest.mark.parametrize(
    ("name", "audio"),
    [
        ("a.wav", True),
        ("A.WAV", True),
        ("a.b.Flac", True),
        ("._a.wav", False),
        ("a.wav.asd", False),
        ("a.wav.reapeaks", False),
        (".wav", False),
        ("wav", False),
        (".DS_Store", False),
        ("a.txt", False),
    ],
)
def test_names_that_a_scan_opens(name: str, audio: bool) -> None:
    assert is_audio_name(name) == audio


def test_extensions_are_lower_case_without_dot() -> None:
    assert {
        "wav",
        "aif",
        "flac",
        "ogg",
        "opus",
        "mp3",
        "m4a",
        "aac",
        "wma",
        "caf",
        "w64",
        "webm",
    } <= SUPPORTED_EXTENSIONS
    assert all(e == e.lower() and "." not in e for e in SUPPORTED_EXTENSIONS)

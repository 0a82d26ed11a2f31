import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from soundsearch.audio import decode
from soundsearch.audio.segment import segment_file, segment_name, snapped, write_segment
from soundsearch.errors import SoundSearchError
from tests.audio.files import SOUNDFILE_KINDS, stereo, write, write_ffmpeg

RATE = 44_100
EXACT = {"PCM_U8": "int16", "PCM_16": "int16", "PCM_24": "int32", "PCM_32": "int32", "DOUBLE": "float64"}
START, END = 0.5003, 1.25


@pytest.mark.parametrize(("extension", "form", "subtype", "_"), SOUNDFILE_KINDS)
def test_the_samples_of_a_region_are_those_of_the_clip(
    tmp_path: Path, extension: str, form: str, subtype: str, _: float | None
) -> None:
    rate = 48_000 if subtype == "OPUS" else RATE
    source, target = tmp_path / f"clip.{extension}", tmp_path / "part.wav"
    write(source, stereo(2, rate), rate, form, subtype)
    write_segment(str(source), START, END, target)
    made = sf.info(target)
    assert (made.samplerate, made.channels) == (rate, 2)
    assert made.frames == round(END * rate) - round(START * rate)
    whole = decode.decode(str(source)).samples[round(START * rate) : round(END * rate)]
    np.testing.assert_array_equal(sf.read(target, dtype="float32")[0], whole)
    if subtype in EXACT:
        kind = EXACT[subtype]
        assert made.subtype == subtype
        kept = sf.read(source, dtype=kind)[0][round(START * rate) : round(END * rate)]
        np.testing.assert_array_equal(sf.read(target, dtype=kind)[0], kept)


def test_what_only_ffmpeg_reads_becomes_the_samples_that_are_heard(tmp_path: Path) -> None:
    source, target = tmp_path / "clip.m4a", tmp_path / "part.wav"
    write_ffmpeg(source, stereo(2, RATE), "ipod", "aac", "fltp")
    write_segment(str(source), START, END, target)
    part = decode.decode(str(source), START, END).samples
    np.testing.assert_array_equal(sf.read(target, dtype="float32")[0], part)
    assert sf.info(target).subtype == "FLOAT"


def test_a_file_is_named_by_clip_and_times_written_once_and_anew_when_the_clip_changed(tmp_path: Path) -> None:
    name = os.fsdecode(b"T\xc3\xbcre #3, 100% na\xdf")  # the last letter is no UTF-8
    source = tmp_path / f"{name}.wav"
    write(tmp_path / "made.wav", stereo(2, RATE), RATE, "WAV", "PCM_24")
    (tmp_path / "made.wav").rename(source)
    made = segment_file(str(source), 0.5, 1.25, tmp_path / "regions")
    assert made.name == f"{name} 0.50-1.25.wav"
    written = made.stat().st_mtime_ns
    assert segment_file(str(source), 0.5, 1.25, tmp_path / "regions") == made
    assert made.stat().st_mtime_ns == written
    other = segment_file(str(source), 0.501, 1.25, tmp_path / "regions")
    assert other != made and other.name == made.name  # of the same name, and both stay
    write(tmp_path / "made.wav", stereo(3, RATE), RATE, "WAV", "PCM_24")
    (tmp_path / "made.wav").rename(source)
    assert segment_file(str(source), 0.5, 1.25, tmp_path / "regions") != made
    assert not list((tmp_path / "regions").rglob("part.wav"))


@pytest.mark.parametrize("stem", ["x" * 250, "鼓" * 90, "kick"])
def test_names_are_never_too_long_for_a_file_system(stem: str) -> None:
    name = segment_name(stem, 1.2, 2.45)
    assert len(os.fsencode(name)) <= 200
    assert name.endswith(" 1.20-2.45.wav") and name[0] == stem[0]
    name.encode()


def test_what_cannot_be_done_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "clip.wav"
    write(source, stereo(1, RATE), RATE, "WAV", "PCM_16")
    with pytest.raises(SoundSearchError, match=r"Cannot read clip\.wav: it ends before the part"):
        segment_file(str(source), 3.0, 4.0, tmp_path / "regions")
    assert not list((tmp_path / "regions").rglob("*.wav"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SoundSearchError, match="cannot be written"):
        segment_file(str(source), 0.1, 0.2, tmp_path / "file")
    shutil.rmtree(tmp_path / "regions")
    source.write_bytes(b"RIFF")
    with pytest.raises(SoundSearchError, match=r"Cannot read clip\.wav"):
        segment_file(str(source), 0.1, 0.2, tmp_path / "regions")


def test_edges_snap_to_where_the_sound_crosses_zero(tmp_path: Path) -> None:
    source = tmp_path / "tone.wav"
    n = np.arange(RATE)
    write(source, (0.5 * np.sin(2 * np.pi * 441 * n / RATE + 0.1)).astype(np.float32), RATE, "WAV", "FLOAT")
    samples = sf.read(source, dtype="float32")[0]
    for at in (0.0, 0.2501, 0.5004, 0.9999):
        found = snapped(str(source), at)
        frame = round(found * RATE)
        assert abs(found - at) <= 50 / RATE + 1e-9  # a half period is 50 samples
        assert np.signbit(samples[frame]) != np.signbit(samples[frame - 1])
    write(source, np.full(RATE, 0.5, np.float32), RATE, "WAV", "FLOAT")
    assert snapped(str(source), 0.3) == 0.3

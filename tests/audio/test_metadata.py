"""What files say about themselves: read from every place; written so that others read it, the sound untouched."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import mutagen.id3
import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundsearch.audio import riff
from soundsearch.audio.decode import decode, is_audio_name
from soundsearch.audio.metadata import (
    FileTags,
    UcsFields,
    clean,
    join_labels,
    read_tags,
    split_labels,
    unique_labels,
)
from soundsearch.audio.tag_writing import remove_leftovers, write_tags
from soundsearch.errors import DecodeError

LABELS = st.lists(st.text(max_size=30), max_size=6)


@given(LABELS)
def test_labels_of_any_kind_come_back_from_one_text(labels: list[str]) -> None:
    assert split_labels(join_labels(labels)) == unique_labels(labels)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("dog; bark", ("dog", "bark")),
        ("dog, bark,dog", ("dog", "bark")),
        ("Male speech, man speaking; dog", ("Male speech, man speaking", "dog")),
        ("Male speech, man speaking;", ("Male speech, man speaking",)),
        ("", ()),
        (" ; ;", ()),
    ],
)
def test_keywords_are_divided_as_programs_write_them(text: str, labels: tuple[str, ...]) -> None:
    assert split_labels(text) == labels


@given(st.text())
def test_clean_text_is_one_line_that_xml_can_hold(text: str) -> None:
    assert clean(text) == clean(clean(text))
    assert not {"\n", "\0", "\x1b", "\ud800"} & set(clean(text))


def wave(path: Path, **chunks: bytes) -> Path:
    """A WAV file with chunks behind its sound."""
    sf.write(path, np.zeros(100, np.float32), 8000, subtype="PCM_16")
    plain, body = path.with_suffix(".plain"), {name.encode().ljust(4): body for name, body in chunks.items()}
    path.rename(plain)
    with plain.open("rb") as source, path.open("w+b") as target:
        riff.rewrite(source, target, body)
    plain.unlink()
    return path


def test_a_wave_file_is_asked_in_all_its_chunks(tmp_path: Path) -> None:
    frames = mutagen.id3.ID3()
    frames.add(mutagen.id3.TXXX(encoding=3, desc="Keywords", text=["wood"]))
    frames.save(tmp_path / "id3")
    user = b"<CATID>DOORWood</CATID><KEYWORDS>creak, old door</KEYWORDS><FXNAME>Barn Door</FXNAME>"
    aswg = b"<category>DOORS</category><subCategory>WOOD</subCategory>"
    ixml = b"<BWFXML><USER>" + user + b"</USER><ASWG>" + aswg + b"</ASWG></BWFXML>"
    path = wave(
        tmp_path / "a.wav",
        INFO=riff.info({b"IKEY": b"slam; creak"}),
        iXML=ixml,
        id3=(tmp_path / "id3").read_bytes(),
    )
    tags = read_tags(str(path))
    assert set(tags.labels) == {"slam", "creak", "old door", "wood"}
    assert tags.ucs == UcsFields("DOORWood", "DOORS", "WOOD", "Barn Door")
    assert set(tags.words) == {*tags.labels, "doors wood"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"RIFF\xff\xff\xff\xffWAVE",
        b"RIFF\x10\0\0\0WAVEiXML\xff\xff\xff\xff<BWFXML>",
        b"RIFF\x10\0\0\0WAVELIST\x09\0\0\0INFOIKEY\xff",
        b"RF64\xff\xff\xff\xffWAVEds64\x04\0\0\0\0\0\0\0",
        b"ID3\x04\0\0\0\0\x7f\x7fTXXX\xff\xff\xff\xff",
        b"fLaC\x84\xff\xff\xff",
        b"OggS" + bytes(40),
        b"\0\0\0\x20ftypM4A \0\0\0\0moov\xff",
        b"FORM\xff\xff\xff\xffAIFFID3 \xff\xff\xff\xff",
    ],
)
def test_a_damaged_file_says_nothing(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "bad"
    path.write_bytes(body)
    assert read_tags(str(path)).labels == ()


def test_files_that_cannot_be_read_say_nothing(tmp_path: Path, shared_data: Path) -> None:
    assert read_tags(str(tmp_path / "gone.wav")).labels == ()
    for path in (shared_data / "bad").iterdir():
        read_tags(str(path))


# -- writing

RATE = 44_100
UCS = UcsFields("DOORWood", "DOORS", "WOOD", "Barn Door Slow", "ABC", "Barns")
ODD = ["wood creak", "Tür; quer", "Male speech, man speaking", "鳥 🐦", "back\\slash", "x" * 70]
KINDS = ["wav", "rf64", "flac", "mp3", "ogg", "opus", "m4a", "aiff"]


def sound(path: Path) -> Path:
    """Half a second of stereo in the kind that the name's end says."""
    samples = np.random.default_rng(3).uniform(-0.5, 0.5, (RATE // 2, 2))
    extension = path.suffix[1:]
    if extension == "m4a":
        write_ffmpeg(path, samples)
    elif extension == "rf64":
        sf.write(path, samples, RATE, format="RF64", subtype="PCM_24")
    elif extension == "opus":
        sf.write(path, samples, 48_000, format="OGG", subtype="OPUS")
    else:
        sf.write(path, samples, RATE, subtype="PCM_24" if extension in ("wav", "flac", "aiff") else None)
    return path


def write_ffmpeg(path: Path, samples: np.ndarray) -> None:
    with av.open(str(path), "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T.astype(np.float32)), "fltp", "stereo")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)


def decoded(path: Path) -> bytes:
    """Every sample, as FFmpeg's program decodes it."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-f", "s32le", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def needs(program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"no {program}")


def ffprobe(path: Path) -> str:
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "json", path]
    return flat(subprocess.run(command, capture_output=True, check=True).stdout)


def exiftool(path: Path) -> str:
    return subprocess.run(["exiftool", "-a", path], capture_output=True, check=True).stdout.decode("utf-8", "replace")


def mediainfo(path: Path) -> str:
    return flat(subprocess.run(["mediainfo", "--Output=JSON", path], capture_output=True, check=True).stdout)


def flat(output: bytes) -> str:
    return json.dumps(json.loads(output), ensure_ascii=False)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_read_back_and_the_sound_is_the_same(tmp_path: Path, kind: str) -> None:
    path = sound(tmp_path / f"a.{kind}")
    path.chmod(0o640)
    before = decode(str(path)).samples
    status = write_tags(str(path), ODD, ucs=UCS)
    tags = read_tags(str(path))
    assert (tags.labels, tags.ucs) == (tuple(ODD), UCS)
    # Our reader takes another library for some MP3 with tags than for those without.
    np.testing.assert_allclose(decode(str(path)).samples, before, atol=1e-5 if kind == "mp3" else 0)
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns, now.st_mode & 0o777) == (status.st_size, status.st_mtime_ns, 0o640)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    write_tags(str(path), ["more"])
    assert read_tags(str(path)) == FileTags((*ODD, "more"), UCS)


@pytest.mark.parametrize("kind", KINDS)
def test_programs_of_others_read_what_was_written(tmp_path: Path, kind: str) -> None:
    needs("ffprobe")
    path = sound(tmp_path / f"a.{kind}")
    before = decoded(path)
    write_tags(str(path), ["wood creak", "slam"], ucs=UCS)
    assert "wood creak; slam" in ffprobe(path)
    assert decoded(path) == before
    if kind not in ("wav", "rf64"):  # there they stand in iXML, which FFmpeg does not read
        assert "DOORWood" in ffprobe(path) and "Barn Door Slow" in ffprobe(path)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "m4a", "aiff"])
def test_exiftool_and_mediainfo_read_it_too(tmp_path: Path, kind: str) -> None:
    needs("exiftool")
    needs("mediainfo")
    path = sound(tmp_path / f"a.{kind}")
    write_tags(str(path), ["wood creak", "slam"], ucs=UCS)
    assert "wood creak; slam" in exiftool(path)
    assert "DOORWood" in exiftool(path)
    assert "wood creak; slam" in mediainfo(path) or "DOORWood" in mediainfo(path) or "Barn Door" in mediainfo(path)


def test_what_others_wrote_into_a_wave_file_stays(tmp_path: Path) -> None:
    bext = b"Take 12, stereo pair".ljust(256, b"\0") + b"Recorder".ljust(32, b"\0") + bytes(314) + b"A=PCM,F=48000\r\n"
    ixml = b"<BWFXML><SCENE>12A</SCENE><!-- note --><USER>free text<LIBRARY>Barns</LIBRARY></USER></BWFXML>"
    info = riff.info({b"INAM": b"Door", b"IKEY": b"old"})
    path = wave(tmp_path / "a.wav", bext=bext, iXML=ixml, INFO=info, cue=b"\1\2\3", smpl=bytes(36))
    write_tags(str(path), ["new"], ucs=UcsFields(cat_id="DOORWood"))
    with path.open("rb") as file:
        bodies = {chunk.name: riff.read(file, chunk) for chunk in riff.chunks(file)}
    assert bodies[b"bext"] == bext
    assert (bodies[b"cue "], bodies[b"smpl"]) == (b"\1\2\3", bytes(36))
    assert b"INAM" in bodies[b"LIST"]
    for kept in (b"<SCENE>12A</SCENE>", b"<!-- note -->", b"free text", b"<LIBRARY>Barns</LIBRARY>", b"DOORWood"):
        assert kept in bodies[b"iXML"]
    assert read_tags(str(path)).labels == ("old", "new")


@given(st.lists(st.text(max_size=20), max_size=4), st.text(max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_label_comes_back_from_any_kind(tmp_path: Path, labels: list[str], name: str) -> None:
    for kind in ("wav", "flac"):
        path = sound(tmp_path / f"a.{kind}")
        write_tags(str(path), labels, ucs=UcsFields(fx_name=name))
        tags = read_tags(str(path))
        assert (tags.labels, tags.ucs.fx_name) == (unique_labels(labels), clean(name))
        path.unlink()


@pytest.mark.parametrize("kind", ["mid", "cut.wav", "ixml.wav", "au"])
def test_a_file_that_cannot_take_tags_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "au":
        sf.write(path, np.zeros(100), 8000, format="AU")
    elif kind == "ixml.wav":
        wave(path, iXML=b"<BWFXML><SCENE>")
    else:
        whole = sound(tmp_path / "b.wav").read_bytes()
        path.write_bytes(b"MThd" + bytes(60) if kind == "mid" else whole[:-1000])
    before = path.read_bytes()
    with pytest.raises(DecodeError) as error:
        write_tags(str(path), ["a"])
    assert error.value.message and error.value.hint
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".soundsearch*"))


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """The process is killed in the act, again and again; the file is the old one or the new one."""
    path = tmp_path / "a.wav"
    sf.write(path, np.random.default_rng(5).uniform(-0.5, 0.5, (RATE * 20, 2)), RATE, subtype="PCM_24")
    before, samples = path.read_bytes(), decode(str(path)).samples
    code = "import sys; from soundsearch.audio.tag_writing import write_tags; print('go', flush=True);"
    code += "write_tags(sys.argv[1], ['wood creak'])"
    for delay_s in (0.0, 0.03, 0.1, 0.2):
        process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_s)
        process.kill()
        process.wait()
        process.stdout.close()
        if path.read_bytes() != before:
            assert read_tags(str(path)).labels == ("wood creak",)
        np.testing.assert_array_equal(decode(str(path)).samples, samples)
    for part in tmp_path.iterdir():  # what a kill leaves is not taken for sound
        assert part == path or not is_audio_name(part.name)


def test_what_a_kill_leaves_goes_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    left = [tmp_path / ".soundsearch-ab3_xy9z.part", tmp_path / ".soundsearch-4711.bak.part"]
    others = [tmp_path / name for name in (".soundsearch-notes.txt", ".soundsearch-mine and mine.part", "kick.part")]
    for path in left + others:
        path.write_bytes(b"half a sound")
        os.utime(path, (0, 0))  # dated as old as a kept original may be, whose copy is being made
    folder = tmp_path / ".soundsearch-folder00.part"
    folder.mkdir()
    (tmp_path / ".soundsearch-linked00.part").symlink_to(others[2])
    assert remove_leftovers(tmp_path) == 0  # they may be somebody's who is writing now
    assert remove_leftovers(tmp_path, time.time() + 25 * 3600) == 2
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others) and folder.is_dir()
    assert remove_leftovers(tmp_path / "nowhere") == 0


def test_the_original_is_kept_where_that_is_wished(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.flac")
    before = path.read_bytes()
    write_tags(str(path), ["one"], backup=True)
    write_tags(str(path), ["two"], backup=True)
    assert (tmp_path / "a.flac.bak").read_bytes() == before

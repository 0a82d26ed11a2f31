"""What files say about themselves: read from every place; written so that others read it, the sound untouched."""

from pathlib import Path

import mutagen.id3
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.audio import riff
from soundsearch.audio.metadata import UcsFields, clean, join_labels, read_tags, split_labels, unique_labels

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

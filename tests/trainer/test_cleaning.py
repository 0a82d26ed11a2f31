"""Names -> tags: what the names of real libraries say, what they do not, and that no name breaks it."""

import csv
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.settings import resource
from trainer.cleaning import read_name
from trainer.packs import Name, Tagged, tag_names
from trainer.vocabulary import TABLE, Vocabulary, vocabulary, words_of


def tags(name: str, *, drums: bool = False) -> list[str]:
    return [piece.tag for piece in read_name(name, drums=drums).pieces if piece.tag]


def dropped(name: str) -> dict[str, str]:
    return {piece.raw: piece.reason for piece in read_name(name).pieces if not piece.tag}


def library(*paths: str) -> dict[str, Tagged]:
    names = [Name(PurePosixPath(path).parts[:-1], PurePosixPath(path).stem) for path in paths]
    return dict(zip(paths, tag_names(names), strict=True))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SND_Kick_Punchy_01_Cmin_128bpm", ["kick drum", "punchy"]),
        ("KSHMR_Kick_03", ["kick drum"]),
        ("T_AMB_forest-night (loop) v2 [48k]", ["ambience", "forest", "night", "loop"]),
        ("DS_BOOM_GunShot_Rifle_Ext_Close", ["boom", "gunshot", "rifle", "exterior", "close"]),
        ("HiHatClosed-4", ["closed hi-hat"]),
        ("EE_Hat_Cl_Bs", ["closed hi-hat"]),
        ("VP Hat 1 Op", ["open hi-hat"]),
        ("closehihat3", ["closed hi-hat"]),
        ("hhpedal_02", ["pedal hi-hat"]),
        ("floortom_04", ["floor tom"]),
        ("drum_bass_hard", ["kick drum", "hard"]),
        ("jsnare_05", ["snare drum"]),
        ("tr808closed", ["808", "closed"]),
        ("8bit-snare", ["8-bit", "snare drum"]),
        ("technobass", ["techno", "bass"]),
        ("Acoustic Grand Piano C5", ["acoustic", "grand piano"]),
        ("Slap Bass 2 E1", ["slap bass"]),
        ("Amajor_DOWN_00", ["down"]),
        ("Gsharp minor_00", []),
        ("walk_t_gravel_10", ["footsteps", "gravel"]),
        ("Rain on tent", ["rain on tent"]),
        ("Rusty Gate Creak 3", ["rusty gate creak"]),
        ("MotorcyclePassing", ["motorcycle passing"]),
        ("Bass and Lead", ["bass", "lead"]),
        ("101450__menegass__noise-tom1", ["noise", "tom"]),
        ("1-19898-B", []),
        ("kick_rr2_vel127", ["kick drum"]),
        ("perc_f3a9c0d41b7e_take 2", ["percussion"]),
        ("ＢＤ 808 ディープ", ["kick drum", "808", "ディープ"]),
        ("Amen брейк 🥁", ["amen брейк"]),
        ("Sarangi सारंगी", ["sarangi सारंगी"]),
        ("carpet", ["carpet"]),
        ("Guitarra – deslizar “mi”", ["guitarra deslizar"]),
    ],
)
def test_names_of_real_libraries(name: str, expected: list[str]) -> None:
    assert tags(name) == expected


def test_every_dropped_piece_has_its_reason() -> None:
    reasons = dropped("SND_Kick_Punchy_01_Cmin_128bpm_48k_rr3_v2_20240131")
    assert reasons == {
        "SND": "looks like a vendor's mark", "01": "a number", "Cmin": "a key or note", "128bpm": "a tempo",
        "48k": "a sample format", "rr3": "a round-robin or velocity mark", "v2": "a version", "20240131": "a date",
    }  # fmt: skip
    assert dropped("101450__menegass__tom")["menegass"] == "an author on Freesound"


def test_short_names_mean_drums_only_among_drums() -> None:
    assert tags("sd_08", drums=True) == ["snare drum"] and tags("crash_02", drums=True) == ["crash cymbal"]
    assert tags("crash_02") == ["crash"] and tags("glass break") == ["glass", "break"]
    kit = library("Kits/Odd/bd_1.wav", "Kits/Odd/cc_1.wav", "Kits/Odd/hh_1.wav", "Kits/Odd/snare.wav", "Cars/crash.wav")
    assert kit["Kits/Odd/cc_1.wav"].tags == ("crash cymbal",)
    assert kit["Cars/crash.wav"].tags == ("crash", "car")


def test_ucs_names_give_their_category_and_nothing_of_who_made_them() -> None:
    assert tags("AMBForst_Night Owls_JDoe_NatureLib_take") == ["forest", "ambience", "night", "owls"]
    assert dropped("AMBForst_Night Owls_JDoe_NatureLib")["JDoe"].startswith("UCS")
    with resource("labels/ucs.csv").open(newline="") as file:
        assert len({row["id"] for row in csv.DictReader(file)} - {""}) == 752


def test_bytes_that_are_not_unicode_are_left_out_and_shown() -> None:
    name = b"caf\xe9 snare".decode("utf-8", "surrogateescape")
    reading = read_name(name)
    assert "snare drum" in [piece.tag for piece in reading.pieces]
    assert any("not Unicode" in piece.reason and "�" in piece.raw for piece in reading.pieces)


def test_words_are_kept_or_left_out_as_the_user_says() -> None:
    names = [Name(("Drums", "Kits", "Audiophob"), stem) for stem in ("kick", "snare", "hat")]
    (first, *_) = tag_names(names, keep_words=["Audiophob"], drop_words=["Kick"])
    assert first.tags == ("audiophob", "drum")


def test_pack_and_vendor_folders_are_found_by_what_they_hold() -> None:
    sounds = ("kick", "snare", "clap", "tom", "shaker", "flute")
    found = library(
        *(f"Zorblatt/Zx_{sound}_{n}.wav" for sound in sounds for n in (1, 2)),
        *(f"Oxide/{sound}.wav" for sound in (*sounds, "guitar", "bell", "rain")),
        *(f"Drums/Neat Kit/{sound}.wav" for sound in sounds),
        "Drums/LMNT/kick.wav", "Bass/LMNT/bass.wav", "Glocken/hell.wav", "Glocken/tief.wav", "Doors/creak.wav",
        "esctwenty/dog/1.wav", "esctwenty/rain/2.wav", "esctwenty/helicopter/3.wav",
    )  # fmt: skip
    assert found["Zorblatt/Zx_kick_1.wav"].tags == ("kick drum",)
    assert found["Zorblatt/Zx_kick_1.wav"].pack == "Zorblatt"
    assert found["Oxide/flute.wav"].pack == "Oxide" and found["Oxide/flute.wav"].tags == ("flute",)
    assert found["Drums/Neat Kit/kick.wav"].pack == "Drums/Neat Kit"
    assert found["Drums/LMNT/kick.wav"].pack == "Drums/LMNT" and found["Bass/LMNT/bass.wav"].tags == ("bass",)
    assert found["esctwenty/dog/1.wav"].tags == ("dog",), "what folders below it say counts too"
    assert found["Glocken/hell.wav"].tags == ("hell", "glocken"), "a word of another language is no pack"
    assert found["Doors/creak.wav"].tags == ("creak", "door") and not found["Doors/creak.wav"].pack


def test_a_prefix_before_many_kinds_of_sounds_is_a_vendors() -> None:
    found = library(*(f"Mixed/osfx_{n}_{word}.wav" for n, word in enumerate(("horn", "train", "rain", "door", "bell"))))
    assert found["Mixed/osfx_0_horn.wav"].tags == ("horn", "mixed")
    german = library(*(f"Schlagzeug/trommel_{word}.wav" for word in ("hell", "dunkel", "tief", "hoch", "leise")))
    assert german["Schlagzeug/trommel_hell.wav"].tags[0] == "trommel hell"


def test_what_another_tag_says_already_is_not_said_again() -> None:
    found = library("Drums/Hi-Hats/closed hat.wav", "Instruments/Flute.wav", "Instruments/odd thing.wav")
    assert found["Drums/Hi-Hats/closed hat.wav"].tags == ("closed hi-hat",)
    assert found["Instruments/Flute.wav"].tags == ("flute",)
    assert found["Instruments/odd thing.wav"].tags == ("odd thing", "instrument")


def test_numbers_that_name_a_recording_are_told_from_takes_and_years() -> None:
    assert read_name("1-19898-B").numbers == ("19898",)
    assert read_name("rain 2019 take 03 44100").numbers == ()


@given(st.text(st.characters(), max_size=60), st.booleans(), st.booleans())
def test_any_name_is_read_to_clean_tags(name: str, folder: bool, drums: bool) -> None:
    first, again = (read_name(name, folder=folder, drums=drums) for _ in range(2))
    assert first == again
    for piece in first.pieces:
        assert piece.reason and piece.raw
        assert piece.tag == " ".join(piece.tag.split())
        assert not piece.tag or words_of(piece.tag)
        piece.tag.encode()  # no half surrogates: it goes into JSON, tokenizers and files


@given(st.lists(st.tuples(st.lists(st.text(max_size=8), max_size=3), st.text(max_size=12)), max_size=12))
def test_any_library_is_read(names: list[tuple[list[str], str]]) -> None:
    found = tag_names([Name(tuple(folders), stem) for folders, stem in names])
    assert len(found) == len(names)
    for tagged in found:
        assert len(tagged.tags) == len(tagged.tag_sources) == len(set(tagged.tags))
        assert set(tagged.tag_sources) <= {"name", "folder"}


def test_the_vocabulary_means_one_thing_by_a_word() -> None:
    assert len(vocabulary().kinds) > 250 and TABLE.is_file()
    table = {"sounds": {"kick drum": "bd", "bell": "bd"}, "qualities": {}}
    with pytest.raises(ValueError, match="bd"):
        Vocabulary(table)


def test_tags_of_the_shared_library_agree_with_its_labels(shared_data: Path) -> None:
    with (shared_data / "library" / "library.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = library(*(row["path"].removeprefix("library/") for row in rows))
    hits: Counter[str] = Counter()
    for row in rows:
        tagged = found[row["path"].removeprefix("library/")]
        hits[row["label"]] += row["label"] in tagged.tags
    totals = Counter(row["label"] for row in rows)
    # Of the drums whose names say which they are; one kit of 51 clips has numbers only.
    for label in ("kick drum", "snare drum", "tom", "tambourine", "djembe", "side stick"):
        assert hits[label] >= 0.7 * totals[label], label
    assert all(tagged.tags for tagged in found.values())
    packs = {tagged.pack for tagged in found.values()}
    assert {"Drums/Kits/Audiophob", "Drums/Kits/rumpf_kit_z01", "FX/Game/Wesnoth", "Drums/LMMS"} <= packs
    said = {word for tagged in found.values() for tag in tagged.tags for word in words_of(tag)}
    assert not said & {"wesnoth", "audiophob", "lmms", "megaglest", "rumpf", "menegass", "millo", "kit"}

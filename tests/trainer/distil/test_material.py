"""What the starter learns from: licences, who fits whom, and sounds that are what their captions say."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundsearch.errors import TrainingError
from trainer.augment import augment, change_speed, encode, equalise, mask_bands, mix, place, reverb
from trainer.data import Item
from trainer.distil import soundfont
from trainer.distil.batches import aim, batches, choices, may_change_speed
from trainer.distil.config import DistilConfig
from trainer.distil.phrasing import phrasings, sampling_weights, sound_of, trainable
from trainer.distil.relevance import relevance
from trainer.distil.signals import AXES, centroid_hz, pair, signal_pairs, sounding_s
from trainer.distil.speech import captions, spoken_items
from trainer.distil.synth.clips import MAKERS, synthetic_items
from trainer.distil.teacher import FRONT_END
from trainer.distil.text import TextTower

RATE = 32_000
RECIPES = Path(__file__).parents[3] / "trainer" / "distil" / "recipes"
FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")


def test_only_permissive_credited_training_clips_are_trained_on() -> None:
    good = Item("a", ("x",), split="train", licence_class="public-domain", author="someone")
    others = [
        replace(good, split="val"),
        replace(good, licence_class="sharealike"),
        replace(good, licence_class="gpl"),
        replace(good, licence_class=""),
        replace(good, author=""),
    ]
    assert trainable([*others, good]) == [good]


def test_one_drum_by_several_names_is_one_sound() -> None:
    assert {sound_of(name) for name in ("bass drum 1", "acoustic bass drum", "kick", "kick drum")} == {"kick drum"}
    assert sound_of("crash cymbal 2") == "crash cymbal"


def test_a_files_name_adds_what_the_vocabulary_knows_of_it() -> None:
    item = Item("Drums/drum_tom_lo_hard.flac", ("acoustic tom lo hard",), "tom")
    assert "low hard tom" in phrasings(item)
    assert phrasings(replace(item, path="Drums/beats_04-10.flac")) == ("acoustic tom lo hard", "tom")


def test_clips_that_share_a_caption_or_a_label_fit_each_others_texts() -> None:
    items = [Item("a", ("a dog barking",), "dog"), Item("b", ("a poodle",), "dog"), Item("c", ("rain",), "rain")]
    judged = relevance(items, ["a dog barking", "a poodle", "rain"], [0, 1, 2])
    assert judged.right.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert not judged.unknown.any() and not judged.wrong.any()


def test_an_open_hat_is_no_closed_one_however_near_their_names(text_folder: Path) -> None:
    items = [Item("a", ("an open hi-hat",), "open hi-hat"), Item("b", ("closed hi-hat",), "closed hi-hat")]
    judged = relevance(items, ["an open hi-hat", "closed hi-hat"], [0, 1])
    assert judged.wrong.tolist() == [[False, True], [True, False]]
    config = DistilConfig(near_text=-1.0)  # all texts are nearly the same
    targets = aim(config, items, TextTower(text_folder), np.random.default_rng(0))
    assert not bool(targets.ignored.any()), "the other hat is a wrong answer"


def test_a_measured_word_fits_what_was_measured_and_its_opposite_does_not() -> None:
    dark = Item("a", ("a dark kick drum",), "kick drum", ("dark",), generated=True)
    bright = replace(dark, path="b", captions=("a bright kick drum",), tags=("bright",))
    plain = Item("c", ("a kick",), "kick drum")
    judged = relevance([dark, bright, plain], ["a dark kick drum", "a bright kick drum", "a kick"], [0, 1, 2])
    assert judged.right.tolist() == [[True, False, True], [False, True, True], [False, False, True]]
    assert judged.wrong.tolist() == [[False, True, False], [True, False, False], [False] * 3]
    assert judged.unknown.tolist() == [[False] * 3, [False] * 3, [True, True, False]]


def test_a_mix_is_right_for_its_own_text_only(text_folder: Path) -> None:
    items = [Item("a", ("kick",), "kick"), Item("b", ("snare",), "snare"), Item("c", ("kick",), "kick")]
    config = DistilConfig(near_text=1.01)
    targets = aim(config, items, TextTower(text_folder), np.random.default_rng(2), {0: 1})
    own = int(targets.own[0])
    assert " and " in targets.texts[own]
    assert targets.relevant[0].nonzero().flatten().tolist() == [own]
    assert bool(targets.ignored[0, int(targets.own[1])]), "the snare in the mix is no wrong answer"
    assert bool(targets.ignored[2, own]), "the other kick is no wrong answer to kick and snare"
    assert not bool((targets.relevant & targets.ignored).any())


def test_rare_labels_are_drawn_more_often_than_their_share() -> None:
    items = [Item(str(k), (), "footsteps" if k < 16 else "owl") for k in range(17)]
    weights = sampling_weights(items)
    assert weights.sum() == pytest.approx(1)
    assert weights[16] == pytest.approx(4 * weights[0])


def test_batches_hold_the_share_of_recordings_and_repeat(text_folder: Path) -> None:
    items = synthetic_items(40, RATE, 1)
    items = [replace(item, generated=k >= 20) for k, item in enumerate(items)]
    chosen = next(choices(items, 16, 0.75, np.random.default_rng(0)))
    assert sum(not items[k].generated for k in chosen) == 12 and len(set(chosen)) == 16
    config = DistilConfig(batch_size=16, mix_share=0.5)
    text = TextTower(text_folder)
    samples = [item.samples for item in items if item.samples is not None]
    first, again = (next(batches(config, items, samples, text, FRONT_END, np.random.default_rng(3))) for _ in range(2))
    assert sum(len(mel) for mel in first.mels) == len(first.targets.own) == 16
    assert all(mel.shape[1] == 1 and mel.shape[3] == 128 for mel in first.mels)
    assert first.targets.texts == again.targets.texts
    assert all(bool((a == b).all()) for a, b in zip(first.mels, again.mels, strict=True))


def test_synthetic_sounds_are_what_their_captions_say() -> None:
    items = synthetic_items(3 * len(MAKERS), RATE, 7)
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(items, synthetic_items(9, RATE, 7), strict=False))
    for item in items:
        assert item.samples is not None and item.samples.dtype == np.float32
        assert np.isfinite(item.samples).all() and 0.5 < np.abs(item.samples).max() <= 1, item.path
        assert item.captions and item.label
        if item.label.endswith(" sweep"):
            quarter = len(item.samples) // 4
            rises = centroid_hz(item.samples[-quarter:], RATE) > centroid_hz(item.samples[:quarter], RATE)
            assert rises == item.label.startswith("rising"), item.path
    by_label = {item.label: item.samples for item in items if item.samples is not None}
    assert centroid_hz(by_label["kick drum"], RATE) < 900 < 5000 < centroid_hz(by_label["closed hi-hat"], RATE)
    ring = [sounding_s(by_label[name], RATE) for name in ("closed hi-hat", "open hi-hat", "crash cymbal")]
    assert ring == sorted(ring)
    colours = [f"{colour} noise" for colour in ("brown", "pink", "white", "blue")]
    heights = [centroid_hz(by_label[name], RATE) for name in colours if name in by_label]
    assert len(heights) >= 2 and heights == sorted(heights)


@pytest.mark.parametrize("kind", sorted(AXES))
def test_pairs_measure_as_their_words_say(kind: str) -> None:
    sounds = synthetic_items(len(MAKERS), RATE, 11)
    pairs = signal_pairs(sounds, [item.samples for item in sounds if item.samples is not None], 80, RATE, 4)
    axis = AXES[kind]
    low = [item for item in pairs if item.tags[0] == axis.less[0]]
    high = [item for item in pairs if item.tags[0] == axis.more[0]]
    assert len(low) == len(high) >= 2
    for less, more in zip(low, high, strict=True):
        assert less.samples is not None and more.samples is not None and less.label == more.label
        assert axis.measure(more.samples, RATE) > axis.measure(less.samples, RATE) * 1.5
        assert any(axis.less[0] in text for text in less.captions) and not any(axis.less[0] in t for t in more.captions)


def test_versions_that_do_not_differ_are_no_pair() -> None:
    item = synthetic_items(1, RATE, 0)[0]
    assert item.samples is not None
    assert pair(item, "brightness", item.samples, item.samples, RATE) == []


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not here")
def test_spoken_clips_sound_and_say_who_says_what() -> None:
    items = spoken_items(6, RATE, 5)
    assert len(items) == 6 and {item.label for item in items} <= {"male speech", "female speech", "whispering"}
    for item in items:
        assert item.samples is not None and np.isfinite(item.samples).all()
        assert 0.1 < len(item.samples) / RATE < 8 and item.captions
    again = spoken_items(1, RATE, 5)[0]
    assert again.captions == items[0].captions and np.array_equal(again.samples, items[0].samples)
    assert captions("woman", "number", "seven")[0] == "a woman's voice saying the number seven"


def test_without_espeak_one_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert spoken_items(0, RATE, 1) == []
    with pytest.raises(TrainingError, match="espeak-ng is missing"):
        spoken_items(1, RATE, 1)


def test_augmentation_keeps_length_and_sanity() -> None:
    rng = np.random.default_rng(0)
    clip = synthetic_items(1, RATE, 0)[0].samples
    assert clip is not None
    for n in (100, len(clip), 3 * len(clip)):
        placed = place(clip, n, rng)
        assert len(placed) == n
        changed = augment(placed, rng, RATE)
        assert changed.shape == placed.shape and changed.dtype == np.float32 and np.isfinite(changed).all()
    both = mix(clip, clip[::-1].copy(), rng)
    assert both.shape == clip.shape and np.isfinite(both).all()
    mel = rng.standard_normal((150, 128)).astype(np.float32)
    masked = mask_bands(mel, rng)
    assert masked.shape == mel.shape and 0 < (masked != mel).mean() < 0.3


@pytest.mark.parametrize("change", [equalise, reverb, encode])
def test_each_change_leaves_length_and_something_to_hear(change) -> None:
    clip = np.sin(np.arange(RATE // 2) * 0.05).astype(np.float32) * 0.1
    changed = change(clip, np.random.default_rng(1), RATE)
    assert changed.shape == clip.shape and changed.dtype == np.float32 and np.isfinite(changed).all()
    assert not np.array_equal(changed, clip)
    assert np.corrcoef(changed[: 4 * RATE // 10], clip[: 4 * RATE // 10])[0, 1] > 0.5
    assert np.isfinite(change(np.zeros(1000, np.float32), np.random.default_rng(1), RATE)).all()


def test_speed_moves_the_pitch_and_only_where_no_pitch_is_told() -> None:
    clip = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    changed = change_speed(clip, np.random.default_rng(3), RATE)
    peak_hz = np.argmax(np.abs(np.fft.rfft(changed))) * RATE / len(changed)
    assert peak_hz == pytest.approx(1000 * len(clip) / len(changed), abs=2) and abs(peak_hz - 1000) > 3
    assert may_change_speed(Item("a", ("a snare drum",), "snare drum"))
    assert not may_change_speed(Item("a", ("violin, single note G4",), "violin"))
    assert not may_change_speed(Item("a", ("a rising tone",), "tone", ("rising",), generated=True))


def test_held_out_instruments_are_never_planned() -> None:
    notes = soundfont.plan_notes(RECIPES / "general-midi.toml", 2, np.random.default_rng(0))
    names = {note.name for note in notes}
    assert not names & {"cello", "trumpet", "sitar", "fiddle", "accordion"}
    assert "closed hi-hat, tr-808 kit" not in names and "closed hi-hat, standard kit" in names
    assert sum(note.name == "violin" for note in notes) == 2


def test_midi_file_holds_every_note_in_its_slot() -> None:
    notes = [soundfont.Note(40, 60, 100, False, "violin"), soundfont.Note(25, 36, 90, True, "kick")]
    data = soundfont.midi_file(notes)
    assert data[:4] == b"MThd" and data[14:18] == b"MTrk"
    assert int.from_bytes(data[18:22], "big") == len(data) - 22
    assert b"\xc0\x28\x00\x90\x3c\x64" in data and b"\xc9\x19\x00\x99\x24\x5a" in data
    assert data.endswith(b"\x00\xff\x2f\x00")


@pytest.mark.skipif(not (shutil.which("fluidsynth") and FONT.is_file()), reason="FluidSynth or its font is not here")
def test_rendered_notes_sound_and_are_cut_apart() -> None:
    notes = [soundfont.Note(0, key, 100, False, "piano") for key in (45, 69)]
    items = soundfont.render([*notes, soundfont.Note(0, 36, 110, True, "kick drum, standard kit")], FONT, RATE)
    assert [item.label for item in items] == ["piano", "piano", "kick drum"]
    low, high, kick = (item.samples for item in items)
    assert low is not None and high is not None and kick is not None
    assert all(0.1 * RATE < len(clip) <= soundfont.SLOT_S * RATE for clip in (low, high, kick))
    spectra = [np.abs(np.fft.rfft(clip[: RATE // 2])) for clip in (low, high)]
    assert [int(np.argmax(s[:300])) * 2 for s in spectra] == pytest.approx([110, 440], abs=4)


def test_a_missing_font_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Cannot render the sound font"):
        soundfont.render([], tmp_path / "none.sf2", RATE)

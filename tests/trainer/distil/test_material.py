"""What the starter learns from: licences, who fits whom, and sounds that are what their captions say."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundsearch.errors import TrainingError
from trainer.augment import augment, mask_bands, mix, place
from trainer.data import Item
from trainer.distil import soundfont
from trainer.distil.batches import aim, batches, choices
from trainer.distil.config import DistilConfig
from trainer.distil.phrasing import fits, sampling_weights, sound_of, trainable
from trainer.distil.synth import MAKERS, synthetic_items
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
    assert {sound_of(name) for name in ("bass drum 1", "acoustic bass drum", "kick drum")} == {"kick drum"}
    assert sound_of("crash cymbal 2") == "crash cymbal"


def test_clips_that_share_a_caption_or_a_label_fit_each_others_texts() -> None:
    items = [Item("a", ("a dog barking",), "dog"), Item("b", ("a poodle",), "dog"), Item("c", ("rain",), "rain")]
    right = fits(items, ["a dog barking", "a poodle", "rain"], [0, 1, 2])
    assert right.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


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


def centroid_hz(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float((np.fft.rfftfreq(len(samples), 1 / RATE) * power).sum() / power.sum())


def test_synthetic_sounds_are_what_their_captions_say() -> None:
    items = synthetic_items(4 * len(MAKERS), RATE, 7)
    assert [item.path for item in items] == [item.path for item in synthetic_items(4 * len(MAKERS), RATE, 7)]
    for item in items:
        assert item.samples is not None and item.samples.dtype == np.float32
        assert np.isfinite(item.samples).all() and 0.5 < np.abs(item.samples).max() <= 1, item.path
        assert item.captions and item.label
        if item.label.endswith(" sweep"):
            quarter = len(item.samples) // 4
            rises = centroid_hz(item.samples[-quarter:]) > centroid_hz(item.samples[:quarter])
            assert rises == item.label.startswith("rising"), item.path
    by_label = {item.label: centroid_hz(item.samples) for item in items if item.samples is not None}
    assert by_label["kick drum"] < 400 < 5000 < by_label["closed hi-hat"]
    colours = [
        by_label[name] for name in ("brown noise", "pink noise", "white noise", "blue noise") if name in by_label
    ]
    assert len(colours) >= 2 and colours == sorted(colours)


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

"""Words spoken by espeak-ng, with what is said and by whom as captions."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from soundsearch.audio.decode import decode, mono, resample
from soundsearch.errors import TrainingError
from trainer.data import Item

NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve twenty hundred thousand".split()  # noqa: SIM905
COMMANDS = (
    "stop", "go", "yes", "no", "left", "right", "up", "down", "on", "off", "start", "wait", "hello", "goodbye", "ready",
    "warning", "attention please", "game over", "you win", "welcome", "thank you", "open the door", "turn around",
    "come on", "let's go", "mission complete", "danger", "help me", "follow me", "loading", "access denied",
)  # fmt: skip
SENTENCES = (
    "please leave a message after the tone", "the next train arrives at platform two", "press one to continue",
    "the weather will be cloudy with some rain", "I have been waiting here for a long time",
    "put your hands up in the air", "this is a test of the sound system", "once upon a time there was a king",
)  # fmt: skip
# espeak-ng's variants of a voice, by whom one hears.
SPEAKERS = {
    "man": ("m1", "m2", "m3", "m4", "m6", "m7"),
    "woman": ("f1", "f2", "f3", "f4", "f5"),
    "whisper": ("whisper", "whisperf"),
}
LANGUAGES = ("en-us", "en-gb", "en-gb-scotland", "en-029")
_HINT = "Install the package espeak-ng, or set spoken_clips to 0 in the recipe."


def spoken_items(count: int, sample_rate: int, seed: int) -> list[Item]:
    """Let espeak-ng say numbers, commands and sentences with many voices.

    Args:
        count: How many clips.
        sample_rate: In Hz.
        seed: Of what is said by whom, how fast and how high.

    Raises:
        TrainingError: If espeak-ng is not there or does not speak.
    """
    program = shutil.which("espeak-ng")
    if program is None and count:
        raise TrainingError("Cannot make spoken clips: espeak-ng is missing.", _HINT)
    rng = np.random.default_rng([seed, 2])
    with tempfile.TemporaryDirectory() as folder:
        return [_spoken(str(program), number, rng, Path(folder) / "said.wav", sample_rate) for number in range(count)]


def _spoken(program: str, number: int, rng: np.random.Generator, file: Path, sample_rate: int) -> Item:
    kind, said = (("number", NUMBERS), ("word", COMMANDS), ("sentence", SENTENCES))[
        int(rng.choice(3, p=(0.3, 0.45, 0.25)))
    ]
    words = said[int(rng.integers(len(said)))]
    who = ("man", "woman", "whisper")[int(rng.choice(3, p=(0.45, 0.45, 0.1)))]
    variant = SPEAKERS[who][int(rng.integers(len(SPEAKERS[who])))]
    voice = f"{LANGUAGES[int(rng.integers(len(LANGUAGES)))]}+{variant}"
    manner = ["-s", str(rng.integers(110, 200)), "-p", str(rng.integers(30, 70))]
    result = subprocess.run(
        [program, "-v", voice, *manner, "-w", str(file), words], capture_output=True, check=False, text=True
    )
    if result.returncode or not file.is_file():
        raise TrainingError("espeak-ng could not speak.", result.stderr[-200:] or _HINT)
    waveform = decode(str(file))
    samples = resample(mono(waveform), waveform.sample_rate, sample_rate)
    return Item(
        f"spoken/{number}_{variant}", captions(who, kind, words), _LABELS[who], group=f"spoken_{variant}",
        split="train", samples=samples / (np.abs(samples).max() + 1e-6), generated=True,
    )  # fmt: skip


_LABELS = {"man": "male speech", "woman": "female speech", "whisper": "whispering"}


def captions(who: str, kind: str, words: str) -> tuple[str, ...]:
    """Say who says what: a man, a woman or somebody who whispers; a number, a word or a sentence."""
    said = f"the number {words}" if kind == "number" else words
    if who == "whisper":
        return (f"a voice whispering {said}", "someone whispering", f"a whispered {kind}")
    plain = (f"a {who}'s voice saying {said}", f"a {who} speaking", f"a spoken {kind}", f"a {who} saying {said}")
    return (*plain, "a synthetic voice speaking", "vocal sample")

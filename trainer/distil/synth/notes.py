"""Notes of synthesizers: basses, plucks, pads, leads, bells."""

from collections.abc import Callable

import numpy as np

from trainer.distil.synth.bench import Bench, Made


def synth_bass(b: Bench) -> Made:
    """A low note."""
    seconds, frequency = b.pick(0.4, 2), b.pick(35, 110)
    shape = b.one_of(("saw", "square", "sine"))
    samples = b.band(b.tone(frequency, seconds, shape), 20, b.pick(200, 2500)) * b.decay(seconds, seconds / 2, 0.005)
    word = {"saw": "buzzing", "square": "hollow", "sine": "deep sub"}[shape]
    return samples, "synth bass", (f"a {word} synth bass note", "synth bass", "electronic bass one-shot")


def wobble(b: Bench) -> Made:
    """A bass whose brightness swings."""
    seconds, speed = b.pick(1.5, 3), b.pick(2, 9)
    saw = b.tone(b.pick(40, 80), seconds, "saw")
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * speed * b.time(seconds))
    samples = b.band(saw, 20, 250) * (1 - swing) + b.band(saw, 20, 3000) * swing
    return samples, "wobble bass", ("a wobble bass", "a dubstep wobble bass", "wobbling synth bass")


def pluck(b: Bench) -> Made:
    """A short bright note that loses its top."""
    seconds, frequency = b.pick(0.4, 1.2), b.pick(180, 1200)
    saw = b.tone(frequency, seconds, b.one_of(("saw", "square", "triangle")))
    samples = b.band(saw, 50, 1000) * b.decay(seconds, 0.12) + b.band(saw, 1000, 9000) * b.decay(seconds, 0.04)
    return samples, "synth pluck", ("a synth pluck", "a plucked synth note", "short bright synth pluck")


def pad(b: Bench) -> Made:
    """A held chord with slow edges."""
    seconds, root = b.pick(2.5, 5), b.pick(90, 350)
    minor = b.rng.random() < 0.5
    ratios = (1, 6 / 5 if minor else 5 / 4, 3 / 2, 2)
    voices = [b.tone(root * r * (1 + d), seconds, "saw") for r in ratios for d in (-0.003, 0.003)]
    top = b.pick(500, 5000)
    edge = np.minimum(1, np.minimum(b.time(seconds), b.time(seconds)[::-1]) / (seconds / 4))
    word = "dark" if top < 1200 else "bright"
    captions = (
        f"a {word} synth pad",
        "a warm sustained synth pad",
        f"a {word} {'minor' if minor else 'major'} pad chord",
    )
    return b.band(sum(voices[1:], voices[0]), 40, top) * edge, "synth pad", captions


def drone(b: Bench) -> Made:
    """Low, long and hardly moving."""
    seconds, root = b.pick(3, 5), b.pick(40, 90)
    samples = sum((b.tone(root * r, seconds, "saw") for r in (1.0, 1.004, 1.5)), b.noise(seconds, 2) * 0.5)
    return (
        b.band(samples, 20, b.pick(150, 700)),
        "drone",
        ("a dark drone", "a low ominous drone", "a deep droning tone"),
    )


def lead(b: Bench) -> Made:
    """A few notes of a melody."""
    shape = b.one_of(("saw", "square"))
    scale = np.array([0, 3, 5, 7, 10, 12])
    root, step = b.pick(200, 600), b.pick(0.1, 0.3)
    notes = [root * 2 ** (int(b.rng.choice(scale)) / 12) for _ in range(int(1.5 / step))]
    samples = np.concatenate([b.tone(f, step, shape) * b.decay(step, step, 0.004) for f in notes])
    chip = shape == "square"
    captions = (
        ("an 8-bit chiptune melody", "retro video game music") if chip else ("a synth arpeggio", "a saw synth lead")
    )
    return samples, "chiptune" if chip else "synth arpeggio", captions


def bell(b: Bench) -> Made:
    """A struck bell from inharmonic partials."""
    seconds, root = b.pick(1, 3), b.pick(300, 1500)
    partials = [
        b.tone(root * r, seconds) * b.decay(seconds, seconds / (3 + 2 * r)) / r
        for r in (0.56, 0.92, 1.19, 1.71, 2, 2.74)
    ]
    return sum(partials[1:], partials[0]), "synth bell", ("a synthetic bell", "an fm bell tone", "a bright bell chime")


def supersaw(b: Bench) -> Made:
    """Many saws, a little out of tune, in a chord."""
    seconds, root = b.pick(0.4, 2.5), b.pick(130, 500)
    ratios = (1.0, 5 / 4, 3 / 2) if b.rng.random() < 0.6 else (1.0,)
    voices = [b.tone(root * r * (1 + d), seconds, "saw") for r in ratios for d in (-0.012, -0.005, 0, 0.006, 0.011)]
    samples = b.band(sum(voices[1:], voices[0]), 80, b.pick(4000, 13000)) * b.decay(seconds, seconds, 0.004)
    if len(ratios) > 1:
        return samples, "synth chord", ("a supersaw chord", "a trance synth chord stab", "synth chord")
    return samples, "synth lead", ("a supersaw lead", "a detuned saw lead note", "synth lead")


def stab(b: Bench) -> Made:
    """A short chord."""
    seconds, root = b.pick(0.15, 0.5), b.pick(150, 500)
    voices = [b.tone(root * r, seconds, b.one_of(("saw", "square"))) for r in (1, 6 / 5, 3 / 2, 9 / 5)]
    samples = b.band(sum(voices[1:], voices[0]), 80, b.pick(1200, 7000)) * b.decay(seconds, seconds / 3, 0.003)
    return samples, "synth stab", ("a synth stab", "a short house chord stab", "a rave stab")


def acid(b: Bench) -> Made:
    """A bass line whose resonance moves."""
    step, root = b.pick(0.1, 0.2), b.pick(45, 110)
    parts = []
    for _ in range(int(2 / step)):
        pitch = root * 2 ** (int(b.rng.choice([0, 0, 3, 7, 10, 12])) / 12)
        saw, centre = b.tone(pitch, step, "saw"), b.pick(400, 3000)
        parts.append(
            (b.band(saw, 30, centre) + 2 * b.band(saw, centre * 0.85, centre * 1.2)) * b.decay(step, step, 0.003)
        )
    return np.concatenate(parts), "acid bass", ("an acid bass line", "a squelchy 303 bassline", "acid synth loop")


def reese(b: Bench) -> Made:
    """Two saws that beat against each other."""
    seconds, root = b.pick(1, 3), b.pick(35, 75)
    saws = b.tone(root, seconds, "saw") + b.tone(root * b.rng.uniform(1.006, 1.02), seconds, "saw")
    samples = b.band(saws, 20, b.pick(300, 1800))
    return samples, "reese bass", ("a reese bass", "a drum and bass reese", "a dark detuned bass note")


def fm_bass(b: Bench) -> Made:
    """One sine that bends another, metallic at the front."""
    seconds, root = b.pick(0.3, 1.2), b.pick(40, 120)
    bend = b.tone(root * b.rng.integers(1, 4), seconds) * b.pick(1, 6) * b.decay(seconds, b.pick(0.05, 0.2))
    samples = np.sin(2 * np.pi * root * b.time(seconds) + bend) * b.decay(seconds, seconds / 2, 0.003)
    return np.asarray(samples, np.float64), "synth bass", ("an fm bass note", "a metallic synth bass", "synth bass hit")


def electric_piano(b: Bench) -> Made:
    """A bell-like front over a sine."""
    seconds, root = b.pick(0.8, 2.5), b.pick(110, 700)
    bend = b.tone(root * 14, seconds) * 0.4 * b.decay(seconds, 0.05) + b.tone(root, seconds) * 0.6
    samples = np.sin(2 * np.pi * root * b.time(seconds) + bend) * b.decay(seconds, seconds / 4, 0.003)
    captions = ("an electric piano note", "an fm electric piano", "a rhodes-like key")
    return np.asarray(samples, np.float64), "electric piano", captions


def organ(b: Bench) -> Made:
    """Drawbars: sines at whole multiples, held."""
    seconds, root = b.pick(0.8, 3), b.pick(100, 450)
    bars = sum((b.tone(root * k, seconds) * b.rng.random() for k in (2, 3, 4, 6, 8)), b.tone(root, seconds))
    edge = np.minimum(1, np.minimum(b.time(seconds), b.time(seconds)[::-1]) / 0.01)
    return bars * edge, "organ", ("an electronic organ note", "a drawbar organ tone", "organ")


def string_pad(b: Bench) -> Made:
    """Saws with vibrato and a slow front, as a string machine makes them."""
    seconds, root = b.pick(1.5, 4), b.pick(150, 600)
    sway = 1 + 0.004 * np.sin(2 * np.pi * b.pick(4, 6.5) * b.time(seconds))
    voices = [b.tone(root * r * sway * (1 + d), seconds, "saw") for r in (1, 1.5, 2) for d in (-0.004, 0.004)]
    edge = np.minimum(1, np.minimum(b.time(seconds), b.time(seconds)[::-1]) / (seconds / 5))
    samples = b.band(sum(voices[1:], voices[0]), 150, b.pick(2500, 7000)) * edge
    return samples, "synth strings", ("synth strings", "a string machine chord", "sustained synthetic strings")


def plucked_string(b: Bench) -> Made:
    """Partials of a string, the higher ones sooner gone."""
    seconds, root = b.pick(0.7, 2), b.pick(80, 600)
    count = int(min(24, 12000 / root))
    partials = [
        b.tone(root * k, seconds) * b.decay(seconds, b.pick(0.2, 0.5) / k**0.8, 0.001) * b.rng.uniform(0.3, 1) / k**0.7
        for k in range(1, count + 1)
    ]
    word = "bass" if root < 120 else "string"
    captions = (f"a plucked {word} note", f"a {'bass' if root < 120 else 'guitar-like'} pluck", f"plucked {word}")
    return sum(partials[1:], partials[0]), f"plucked {word}", captions


def mallet(b: Bench) -> Made:
    """A struck bar: a few partials, far apart, soon gone."""
    seconds, root = b.pick(0.4, 1.2), b.pick(200, 1200)
    partials = [b.tone(root * r, seconds) * b.decay(seconds, b.pick(0.05, 0.2) / r, 0.001) / r for r in (1, 3.9, 9.2)]
    return sum(partials[1:], partials[0]), "mallet", ("a marimba-like mallet note", "a soft mallet hit", "synth mallet")


MAKERS: tuple[Callable[[Bench], Made], ...] = (
    synth_bass, wobble, pluck, pad, drone, lead, bell, supersaw, stab, acid, reese, fm_bass, electric_piano, organ,
    string_pad, plucked_string, mallet,
)  # fmt: skip

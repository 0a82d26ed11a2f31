"""Sounds of old games and of user interfaces."""

from collections.abc import Callable

import numpy as np

from trainer.distil.synth.bench import Bench, Made


def game_jump(b: Bench) -> Made:
    """A square wave that hops up."""
    seconds = b.pick(0.12, 0.35)
    glide = np.geomspace(b.pick(150, 400), b.pick(600, 1500), int(seconds * b.rate))
    return b.tone(glide, seconds, "square"), "8-bit jump", ("an 8-bit jump", "a retro video game jump sound")


def game_coin(b: Bench) -> Made:
    """Two square notes, the second higher and longer."""
    first = b.pick(700, 1100)
    parts = [b.tone(first, 0.07, "square"), b.tone(first * 4 / 3, 0.4, "square") * b.decay(0.4, 0.12)]
    return np.concatenate(parts), "8-bit coin", ("an 8-bit coin pickup", "a retro video game coin sound")


def zap(b: Bench) -> Made:
    """A fast fall from high up."""
    seconds = b.pick(0.1, 0.5)
    glide = np.geomspace(b.pick(2500, 7000), b.pick(80, 300), int(seconds * b.rate))
    samples = b.tone(glide, seconds, b.one_of(("saw", "square", "sine"))) * b.decay(seconds, seconds / 2)
    return samples, "laser", ("a laser zap", "a sci-fi laser shot", "a retro video game laser")


def power_up(b: Bench) -> Made:
    """Square notes that climb, or fall when the game is lost."""
    up = b.rng.random() < 0.6
    steps = np.arange(int(b.rng.integers(4, 9))) * int(b.rng.integers(2, 5))
    step_s, root = b.pick(0.04, 0.1), b.pick(250, 700)
    notes = root * 2 ** ((steps if up else -steps) / 12)
    samples = np.concatenate([b.tone(float(f), step_s, "square") for f in notes])
    if up:
        return samples, "8-bit power-up", ("an 8-bit power-up", "a retro game level up sound", "rising chiptune notes")
    return samples, "8-bit game over", ("an 8-bit game over", "a retro game lose sound", "falling chiptune notes")


def game_explosion(b: Bench) -> Made:
    """Noise held for many samples at a time, ever longer."""
    seconds = b.pick(0.5, 1.5)
    hold = np.cumsum(np.geomspace(b.pick(0.2, 0.6), b.pick(0.02, 0.06), int(seconds * b.rate))).astype(int)
    samples = b.rng.uniform(-1, 1, hold[-1] + 1)[hold] * b.decay(seconds, seconds / 4)
    return samples, "8-bit explosion", ("an 8-bit explosion", "a retro video game explosion")


def hurt(b: Bench) -> Made:
    """A square that falls quickly, torn by noise."""
    seconds = b.pick(0.1, 0.3)
    glide = np.geomspace(b.pick(400, 900), b.pick(60, 150), int(seconds * b.rate))
    samples = b.tone(glide, seconds, "square") * (0.6 + 0.4 * np.sign(b.noise(seconds)))
    return samples * b.decay(seconds, seconds), "8-bit hit", ("an 8-bit hit", "a retro game hurt sound")


def notification(b: Bench) -> Made:
    """Two or three soft notes of an interface: rising when it went well, falling when not."""
    up = b.rng.random() < 0.5
    ratios = (1.0, 5 / 4, 3 / 2)[: int(b.rng.integers(2, 4))]
    root, gap = b.pick(400, 1300), b.pick(0.07, 0.16)
    out = np.zeros(int(1.2 * b.rate))
    for number, ratio in enumerate(ratios if up else ratios[::-1]):
        note = b.tone(root * ratio, 0.7, b.one_of(("sine", "triangle"))) * b.decay(0.7, b.pick(0.06, 0.2), 0.004)
        start = int(number * gap * b.rate)
        out[start : start + len(note)] += note
    if up:
        words = ("a positive user interface notification", "a success chime", "a confirmation sound")
    else:
        words = ("a negative user interface notification", "an error chime", "a cancel sound")
    return out, "ui notification", (*words, "a notification chime", "user interface sound")


def buzzer(b: Bench) -> Made:
    """A low rough tone that says no."""
    seconds, pitch = b.pick(0.25, 0.9), b.pick(80, 220)
    samples = b.tone(pitch, seconds, "saw") + b.tone(pitch * b.rng.uniform(1.01, 1.06), seconds, "square")
    return b.band(samples, 60, b.pick(1500, 6000)), "buzzer", ("a wrong answer buzzer", "an error buzz", "buzzer")


MAKERS: tuple[Callable[[Bench], Made], ...] = (
    game_jump, game_coin, zap, power_up, game_explosion, hurt, notification, buzzer,
)  # fmt: skip

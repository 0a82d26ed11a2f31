"""Drums and percussion of drum machines, by the ways the machines make them: swept sines, square clusters, noise."""

from collections.abc import Callable

import numpy as np

from trainer.distil.synth.bench import Array, Bench, Made

# Frequencies in Hz of the six square oscillators that one well-known drum machine makes its cymbals from.
_METAL_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)


def _metal(b: Bench, seconds: float) -> Array:
    """A cluster of squares, no two of them in tune: what cymbals, hats and cowbells of drum machines are cut from."""
    scale = b.pick(0.7, 2.2)
    voices = [b.tone(f * scale * b.rng.uniform(0.95, 1.05), seconds, "square") for f in _METAL_HZ]
    return sum(voices[1:], voices[0]) / len(voices)


def _cymbal_body(b: Bench, seconds: float) -> Array:
    """Metal and noise in a changing share: a machine's cymbal is mostly squares, a struck one sounds like noise."""
    share = b.rng.uniform(0.1, 0.9)
    return share * _metal(b, seconds) + (1 - share) * b.noise(seconds, b.rng.uniform(-1, 1))


def kick(b: Bench) -> Made:
    """A sine that falls, with a click before it."""
    seconds, half = b.pick(0.25, 1.4), b.pick(0.03, 0.3)
    glide = b.pick(38, 65) + b.pick(60, 500) * 0.5 ** (b.time(seconds) / b.pick(0.006, 0.04))
    body = np.tanh(b.pick(1, 5) * b.tone(glide, seconds)) * b.decay(seconds, half, 0.001)
    front = b.band(b.noise(seconds), 800, b.pick(2000, 9000)) * b.decay(seconds, b.pick(0.001, 0.005), 0.0003)
    if half > 0.15:
        words = ("an 808 kick with a long tail", "a boomy kick drum", "a deep sub kick")
    else:
        words = ("a punchy kick", "a tight electronic kick", "a 909 kick drum")
    return body + b.rng.uniform(0, 0.8) * front, "kick drum", (*words, "kick drum", "bass drum", "kick")


def snare(b: Bench) -> Made:
    """Two tones of the skin, and the rattle of the wires."""
    seconds, pitch, half = b.pick(0.2, 0.6), b.pick(140, 300), b.pick(0.02, 0.1)
    skin = (b.tone(pitch, seconds) + 0.6 * b.tone(pitch * 1.8, seconds)) * b.decay(seconds, b.pick(0.015, 0.05))
    rattle = b.band(b.noise(seconds), b.pick(600, 2500), b.pick(6000, 14000)) * b.decay(seconds, half)
    word = "tight" if half < 0.04 else "noisy"
    captions = ("an electronic snare drum", "snare", f"a {word} snare hit", "snare drum")
    return b.rng.uniform(0.2, 1) * skin + rattle, "snare drum", captions


def closed_hat(b: Bench) -> Made:
    """Metal, high and very short."""
    seconds = 0.25
    body = b.band(_cymbal_body(b, seconds), b.pick(4000, 8500), 15500)
    captions = ("a closed hi-hat", "electronic closed hi-hat", "closed hat", "a tight hi-hat tick")
    return body * b.decay(seconds, b.pick(0.006, 0.028), 0.0008), "closed hi-hat", captions


def open_hat(b: Bench) -> Made:
    """The same, left to ring."""
    seconds = b.pick(0.5, 1.1)
    body = b.band(_cymbal_body(b, seconds), b.pick(4000, 8500), 15500)
    captions = ("an open hi-hat", "electronic open hi-hat", "open hat", "a sizzling open hi-hat")
    return body * b.decay(seconds, b.pick(0.08, 0.25), 0.0008), "open hi-hat", captions


def crash(b: Bench) -> Made:
    """A wide band of metal that rings for seconds, its top dying first."""
    seconds, half = b.pick(1.2, 3), b.pick(0.25, 0.8)
    body = _cymbal_body(b, seconds)
    low = b.band(body, b.pick(300, 1500), 5000) * b.decay(seconds, half)
    high = b.band(body, 4000, 15500) * b.decay(seconds, half * 0.7)
    captions = ("a crash cymbal", "crash", "an electronic crash cymbal", "a washy crash cymbal hit")
    return low * b.rng.uniform(0.3, 1) + high * 1.5, "crash cymbal", captions


def ride(b: Bench) -> Made:
    """A ping over a quiet wash."""
    seconds = b.pick(1, 2.5)
    wash = b.band(_cymbal_body(b, seconds), 3000, 14000) * b.decay(seconds, b.pick(0.3, 0.8))
    pitch = b.pick(2500, 5500)
    ping = sum((b.tone(pitch * r, seconds) * b.decay(seconds, b.pick(0.05, 0.3)) for r in (1.34, 1.71)),
               b.tone(pitch, seconds) * b.decay(seconds, 0.15))  # fmt: skip
    captions = ("a ride cymbal", "ride", "a pinging ride cymbal", "ride cymbal hit")
    return b.rng.uniform(0.3, 1) * wash + 0.5 * ping, "ride cymbal", captions


def splash(b: Bench) -> Made:
    """A crash that is soon over."""
    seconds = 0.9
    body = b.band(_cymbal_body(b, seconds), b.pick(1500, 3500), 15500) * b.decay(seconds, b.pick(0.07, 0.16))
    return body, "splash cymbal", ("a splash cymbal", "splash cymbal", "a short cymbal splash")


def reverse_cymbal(b: Bench) -> Made:
    """A crash, played backwards."""
    samples, _, _ = crash(b)
    captions = ("a reversed cymbal", "reverse crash cymbal", "a reverse cymbal swell")
    return samples[::-1], "reverse cymbal", captions


def clap(b: Bench) -> Made:
    """Three bursts and a tail."""
    seconds = 0.5
    burst = b.band(b.noise(seconds), b.pick(500, 1000), b.pick(2500, 9000))
    envelope = b.decay(seconds, b.pick(0.03, 0.09), 0.001)
    for _ in range(3):
        envelope = envelope + np.roll(b.decay(seconds, 0.003, 0.0005), int(b.rng.uniform(0, 0.035) * b.rate))
    return burst * envelope, "hand clap", ("an electronic clap", "an 808 hand clap", "clap", "hand clap")


def tom(b: Bench) -> Made:
    """A sine that falls a little."""
    seconds, base = b.pick(0.3, 1), b.pick(65, 280)
    glide = base * (1 + b.rng.uniform(0.2, 0.8) * 0.5 ** (b.time(seconds) / b.pick(0.02, 0.06)))
    skin = b.tone(glide, seconds, b.one_of(("sine", "triangle"))) * b.decay(seconds, b.pick(0.05, 0.16), 0.001)
    front = b.band(b.noise(seconds), 300, b.pick(1500, 6000)) * b.decay(seconds, 0.008, 0.0003)
    word = "low" if base < 100 else "high" if base > 170 else "mid"
    captions = (f"a {word} electronic tom", "tom drum", f"{word} tom", "tom")
    return skin + b.rng.uniform(0, 0.6) * front, f"{word} tom", captions


def conga(b: Bench) -> Made:
    """A small skin: higher than a tom, and gone sooner."""
    seconds, pitch = 0.5, b.pick(180, 520)
    skin = b.tone(pitch * (1 + 0.06 * 0.5 ** (b.time(seconds) / 0.01)), seconds) * b.decay(seconds, b.pick(0.02, 0.07))
    slap = b.band(b.noise(seconds), 800, 5000) * b.decay(seconds, 0.004, 0.0003)
    word = "bongo" if pitch > 320 else "conga"
    return skin + b.rng.uniform(0, 0.5) * slap, word, (f"a {word} hit", f"electronic {word}", f"{word} drum")


def rimshot(b: Bench) -> Made:
    """Two short high tones."""
    seconds, pitch = 0.2, b.pick(350, 700)
    body = b.tone(pitch, seconds, "triangle") + b.tone(pitch * b.rng.uniform(2.8, 3.9), seconds)
    samples = body * b.decay(seconds, b.pick(0.004, 0.012), 0.0005)
    return samples, "side stick", ("a rimshot", "side stick", "an electronic rim click", "a dry rim tick")


def cowbell(b: Bench) -> Made:
    """Two squares, a little more than a fifth apart."""
    seconds, pitch = 0.6, b.pick(400, 800)
    body = b.tone(pitch, seconds, "square") + b.tone(pitch * b.rng.uniform(1.45, 1.55), seconds, "square")
    samples = b.band(body, pitch * 0.9, b.pick(2500, 6000)) * b.decay(seconds, b.pick(0.04, 0.12), 0.001)
    return samples, "cowbell", ("an 808 cowbell", "cowbell", "an electronic cowbell")


def wood(b: Bench) -> Made:
    """A short dry tone."""
    pitch = b.pick(700, 2800)
    samples = b.tone(pitch, 0.2) * b.decay(0.2, b.pick(0.006, 0.018), 0.0005)
    word = "claves" if pitch > 1700 else "wood block"
    return samples, word, (f"{word}, electronic", word, f"the knock of {'a ' * (word != 'claves')}{word}")


def shaker(b: Bench) -> Made:
    """A puff of high noise with a soft front."""
    seconds = b.pick(0.1, 0.35)
    swell = np.sin(np.pi * np.linspace(0, 1, int(seconds * b.rate)) ** b.rng.uniform(0.4, 1.2)) ** 2
    puff = b.band(b.noise(seconds), b.pick(3000, 6500), 15000) * swell
    return puff, "shaker", ("a shaker", "a single shake of a shaker")


def tambourine(b: Bench) -> Made:
    """Many small jingles."""
    seconds = 0.6
    jingles = np.zeros(int(seconds * b.rate))
    for _ in range(int(b.rng.integers(4, 9))):
        ring = b.tone(b.pick(5000, 11000), seconds) * b.decay(seconds, b.pick(0.02, 0.07), 0.0005)
        shift = int(b.rng.uniform(0, 0.05) * b.rate)
        jingles[shift:] += ring[: len(ring) - shift]
    hiss = b.band(b.noise(seconds), 5000, 15000) * b.decay(seconds, 0.04, 0.001)
    return jingles / 4 + hiss, "tambourine", ("a tambourine hit", "tambourine", "jingles of a tambourine")


def drum_loop(b: Bench) -> Made:
    """Two bars of kick, snare or clap, and hats on a grid."""
    step = 60 / b.pick(85, 165) / 4
    bar = np.zeros(int(33 * step * b.rate))
    parts = [kick(b)[0], (snare if b.rng.random() < 0.6 else clap)(b)[0], closed_hat(b)[0]]
    parts = [part / np.abs(part).max() for part in parts]
    beats = {0: (0, 8, 10, 16, 24), 1: (4, 12, 20, 28), 2: tuple(range(0, 32, int(b.rng.integers(1, 3))))}
    for number, steps in beats.items():
        part = parts[number][: int(6 * step * b.rate)] * (0.4 if number == 2 else 1)
        for at in steps:
            start = int(at * step * b.rate)
            stop = min(start + len(part), len(bar))
            bar[start:stop] += part[: stop - start]
    return bar, "drum loop", ("an electronic drum loop", "drum machine beat", "a drum loop", "beat loop")


MAKERS: tuple[Callable[[Bench], Made], ...] = (
    kick, snare, closed_hat, open_hat, crash, ride, splash, reverse_cymbal, clap, tom, conga, rimshot, cowbell, wood,
    shaker, tambourine, drum_loop,
)  # fmt: skip

"""Procedural sounds whose captions are exact, because the sound was made from them."""

from collections.abc import Callable

import numpy as np

from soundsearch.records import FloatArray
from trainer.data import Item

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
Made = tuple[Array, str, tuple[str, ...]]  # samples, label, captions
SILENT = 1e-4


class Bench:
    """Oscillators, noises and envelopes at one sample rate, drawing from one generator."""

    def __init__(self, sample_rate: int, rng: np.random.Generator) -> None:
        self.rate = sample_rate
        self.rng = rng

    def time(self, seconds: float) -> Array:
        """Times of the samples in seconds, shape (n,)."""
        return np.arange(int(seconds * self.rate)) / self.rate

    def tone(self, frequency: Array | float, seconds: float, shape: str = "sine") -> Array:
        """One oscillator; `frequency` in Hz, constant or a value per sample."""
        t = self.time(seconds)
        phase = np.cumsum(np.broadcast_to(frequency, t.shape)) / self.rate
        saw = 2 * (phase % 1) - 1
        if shape == "sine":
            return np.asarray(np.sin(2 * np.pi * phase), np.float64)
        if shape == "square":
            return np.asarray(np.sign(saw), np.float64)
        return np.asarray(2 * np.abs(saw) - 1 if shape == "triangle" else saw, np.float64)

    def noise(self, seconds: float, slope: float = 0.0) -> Array:
        """Noise whose power falls with frequency to the given power: 0 white, 1 pink, 2 brown, -1 blue."""
        n = int(seconds * self.rate)
        spectrum = np.fft.rfft(self.rng.standard_normal(n))
        frequency = np.maximum(np.fft.rfftfreq(n, 1 / self.rate), 20.0)
        out = np.fft.irfft(spectrum * frequency ** (-slope / 2), n)
        return np.asarray(out / np.abs(out).max(), np.float64)

    def band(self, samples: Array, low_hz: float, high_hz: float) -> Array:
        """Keep a band, with soft edges."""
        spectrum = np.fft.rfft(samples)
        f = np.maximum(np.fft.rfftfreq(len(samples), 1 / self.rate), 1.0)
        gain = 1 / (1 + (f / high_hz) ** 6) / (1 + (low_hz / f) ** 6)
        return np.asarray(np.fft.irfft(spectrum * gain, len(samples)), np.float64)

    def decay(self, seconds: float, half_life_s: float, attack_s: float = 0.002) -> Array:
        """Envelope that rises at once and halves every half-life."""
        t = self.time(seconds)
        return np.asarray(np.minimum(t / attack_s, 1) * 0.5 ** (t / half_life_s), np.float64)

    def swell(self, seconds: float) -> Array:
        """Envelope that rises to its end."""
        return np.asarray(np.linspace(0, 1, int(seconds * self.rate)) ** 2, np.float64)

    def pick(self, low: float, high: float) -> float:
        """A value drawn so that its logarithm is uniform."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def one_of(self, options: tuple[str, ...]) -> str:
        """One of several words."""
        return str(options[int(self.rng.integers(len(options)))])


def sweep(b: Bench) -> Made:
    """A tone that glides."""
    seconds, low, high = b.pick(0.4, 3), b.pick(80, 400), b.pick(1500, 8000)
    up = b.rng.random() < 0.5
    glide = np.geomspace(*((low, high) if up else (high, low)), int(seconds * b.rate))
    word = "rising" if up else "falling"
    captions = (f"a {word} sine sweep", f"{word} tone", f"a tone sweeping {'up' if up else 'down'} in pitch")
    return b.tone(glide, seconds), f"{word} sweep", captions


def riser(b: Bench) -> Made:
    """Noise and saws that build up to a drop."""
    seconds = b.pick(1.5, 5)
    glide = np.geomspace(b.pick(60, 200), b.pick(800, 3000), int(seconds * b.rate))
    body = 0.5 * b.tone(glide, seconds, "saw") + b.noise(seconds) * b.rng.uniform(0.3, 1)
    return (
        body * b.swell(seconds),
        "riser",
        ("a riser building up", "riser", "an uplifter before the drop", "build up fx"),
    )


def downlifter(b: Bench) -> Made:
    """The same, backwards."""
    samples, _, _ = riser(b)
    return samples[::-1], "downlifter", ("a downlifter", "a falling sweep fx after the drop", "downer")


def impact(b: Bench) -> Made:
    """A low boom with a noisy front."""
    seconds = b.pick(1.2, 3)
    glide = b.pick(70, 140) * 0.5 ** (b.time(seconds) / 0.3) + 32
    boom = b.tone(glide, seconds) * b.decay(seconds, b.pick(0.15, 0.5))
    front = b.band(b.noise(seconds, 1), 60, b.pick(800, 4000)) * b.decay(seconds, 0.06)
    captions = ("a deep cinematic impact", "a low boom", "a cinematic hit with a long tail", "sub impact")
    return boom + 1.5 * front, "cinematic impact", captions


def sub_drop(b: Bench) -> Made:
    """A bass tone that falls."""
    seconds = b.pick(1, 3)
    glide = np.geomspace(b.pick(90, 160), b.pick(22, 35), int(seconds * b.rate))
    return b.tone(glide, seconds) * b.decay(seconds, seconds / 2), "sub drop", ("a sub bass drop", "an 808 sub drop")


def click(b: Bench) -> Made:
    """Some milliseconds of noise."""
    seconds = 0.15
    samples = b.band(b.noise(seconds), b.pick(500, 3000), 12000) * b.decay(seconds, b.pick(0.001, 0.004), 0.0003)
    return samples, "click", ("a short click", "a button click", "a user interface click", "mouse click")


def beep(b: Bench) -> Made:
    """A plain tone, or several."""
    frequency, shape = b.pick(500, 3000), b.one_of(("sine", "square", "triangle"))
    length = b.pick(0.06, 0.4)
    one = b.tone(frequency, length, shape) * np.minimum(1, np.minimum(b.time(length), b.time(length)[::-1]) / 0.004)
    count = int(b.rng.integers(1, 4))
    words = {1: ("an electronic beep", "a short beep"), 2: ("two electronic beeps", "double beep")}
    captions = words.get(count, ("three electronic beeps", "repeated beeping"))
    gap = np.zeros(int(0.08 * b.rate))
    return np.concatenate([part for _ in range(count) for part in (one, gap)]), "beep", captions


def alarm(b: Bench) -> Made:
    """Two tones in turn."""
    low, step = b.pick(500, 1200), b.pick(0.1, 0.35)
    high = low * b.rng.uniform(1.2, 1.6)
    parts = [b.tone(f, step, "square") for _ in range(int(2 / step / 2) + 1) for f in (low, high)]
    return np.concatenate(parts), "alarm", ("an electronic alarm beeping", "a two-tone alarm", "a warning alarm")


def siren(b: Bench) -> Made:
    """A tone whose pitch swings."""
    seconds, speed = b.pick(2, 5), b.pick(0.25, 4)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * speed * b.time(seconds))
    glide = 500 + swing * b.pick(500, 1100)
    word = "fast" if speed > 1.5 else "slow"
    captions = ("a siren wailing", f"a {word} siren", "an emergency siren")
    return b.tone(glide, seconds, b.one_of(("sine", "saw", "triangle"))), "siren", captions


def noise_bed(b: Bench) -> Made:
    """Steady noise by its colour."""
    colour = b.one_of(("white", "pink", "brown", "blue"))
    slope = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0}[colour]
    captions = (f"steady {colour} noise", f"{colour} noise")
    return b.noise(b.pick(1, 4), slope), f"{colour} noise", captions


def crackle(b: Bench) -> Made:
    """Random clicks over hiss, as of a record."""
    seconds = b.pick(2, 5)
    n = int(seconds * b.rate)
    clicks = (b.rng.random(n) < b.pick(5, 40) / b.rate) * b.rng.uniform(-1, 1, n)
    samples = b.band(clicks, 400, 9000) * 6 + 0.02 * b.noise(seconds, 1)
    return samples, "vinyl crackle", ("vinyl crackle", "the crackle of an old record", "dusty record surface noise")


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


def whoosh(b: Bench) -> Made:
    """Noise that passes by."""
    seconds = b.pick(0.25, 1.2)
    t = np.linspace(-1, 1, int(seconds * b.rate))
    low = b.pick(200, 700)
    samples = b.band(b.noise(seconds, 1), low, low * b.pick(3, 10)) * np.exp(-((t / 0.4) ** 2))
    return samples, "whoosh", ("a whoosh", "a fast whoosh passing by", "an airy swoosh transition")


def kick(b: Bench) -> Made:
    """An electronic kick."""
    seconds, length = b.pick(0.3, 1.2), b.pick(0.05, 0.25)
    glide = b.pick(42, 60) + b.pick(100, 500) * 0.5 ** (b.time(seconds) / b.pick(0.008, 0.03))
    samples = b.tone(glide, seconds) * b.decay(seconds, length)
    long = length > 0.15
    punch = (
        ("an 808 kick with a long tail", "a boomy kick drum") if long else ("a punchy kick", "a tight electronic kick")
    )
    return samples, "kick drum", (*punch, "kick drum")


def snare(b: Bench) -> Made:
    """An electronic snare."""
    seconds = b.pick(0.2, 0.5)
    body = b.tone(b.pick(150, 260), seconds) * b.decay(seconds, 0.03)
    rattle = b.band(b.noise(seconds), b.pick(800, 2500), 12000) * b.decay(seconds, b.pick(0.02, 0.08))
    return body + rattle, "snare drum", ("an electronic snare drum", "snare", "a crisp snare hit")


def hat(b: Bench) -> Made:
    """An electronic hi-hat, open or closed."""
    opened = b.rng.random() < 0.5
    seconds = 0.8 if opened else 0.2
    metal = sum((b.tone(b.pick(3000, 9000), seconds, "square") for _ in range(5)), 2 * b.noise(seconds, -1))
    half = b.pick(0.09, 0.25) if opened else b.pick(0.008, 0.025)
    word = "open" if opened else "closed"
    captions = (f"{'an' if opened else 'a'} {word} hi-hat", f"electronic {word} hi-hat", f"{word} hat")
    return b.band(metal, 6000, 15000) * b.decay(seconds, half, 0.001), f"{word} hi-hat", captions


def clap(b: Bench) -> Made:
    """Three bursts and a tail."""
    seconds = 0.5
    burst = b.band(b.noise(seconds), 700, b.pick(3000, 8000))
    envelope = b.decay(seconds, b.pick(0.03, 0.08), 0.001)
    for _ in range(3):
        envelope = envelope + np.roll(b.decay(seconds, 0.003, 0.0005), int(b.rng.uniform(0, 0.03) * b.rate))
    return burst * envelope, "hand clap", ("an electronic clap", "an 808 hand clap", "clap")


def tom(b: Bench) -> Made:
    """An electronic tom."""
    seconds, base = b.pick(0.4, 0.9), b.pick(70, 260)
    glide = base * (1 + 0.5 * 0.5 ** (b.time(seconds) / 0.03))
    word = "low" if base < 110 else "high" if base > 180 else "mid"
    return (
        b.tone(glide, seconds) * b.decay(seconds, 0.1),
        "tom",
        (f"a {word} electronic tom", "tom drum", f"{word} tom"),
    )


def bell(b: Bench) -> Made:
    """A struck bell from inharmonic partials."""
    seconds, root = b.pick(1, 3), b.pick(300, 1500)
    partials = [
        b.tone(root * r, seconds) * b.decay(seconds, seconds / (3 + 2 * r)) / r
        for r in (0.56, 0.92, 1.19, 1.71, 2, 2.74)
    ]
    return sum(partials[1:], partials[0]), "synth bell", ("a synthetic bell", "an fm bell tone", "a bright bell chime")


def sine(b: Bench) -> Made:
    """A held tone."""
    frequency = b.pick(60, 6000)
    word = "low" if frequency < 250 else "high" if frequency > 2000 else "steady"
    return b.tone(frequency, b.pick(0.8, 3)), "test tone", (f"a {word} sine tone", "a pure test tone")


def hum(b: Bench) -> Made:
    """Mains hum."""
    base = 50.0 if b.rng.random() < 0.5 else 60.0
    partials = [b.tone(base * k, 2.5) * b.rng.random() / k for k in range(1, 9)]
    return (
        sum(partials[1:], partials[0]),
        "electrical hum",
        ("an electrical mains hum", "a ground loop hum", "a low buzz"),
    )


def glitch(b: Bench) -> Made:
    """Fragments of unlike things."""
    parts = [
        b.tone(b.pick(100, 8000), b.pick(0.01, 0.09), b.one_of(("square", "saw")))
        if b.rng.random() < 0.6
        else b.noise(b.pick(0.01, 0.06))
        for _ in range(int(b.rng.integers(6, 20)))
    ]
    return np.concatenate(parts), "glitch", ("a digital glitch", "glitchy digital noise", "a stuttering glitch effect")


MAKERS: tuple[Callable[[Bench], Made], ...] = (
    sweep, riser, downlifter, impact, sub_drop, click, beep, alarm, siren, noise_bed, crackle, synth_bass, wobble,
    pluck, pad, drone, lead, game_jump, game_coin, zap, whoosh, kick, snare, hat, clap, tom, bell, sine, hum, glitch,
)  # fmt: skip


def synthetic_items(count: int, sample_rate: int, seed: int) -> list[Item]:
    """Make clips, the makers in turn.

    Args:
        count: How many.
        sample_rate: In Hz.
        seed: The same seed gives the same samples.

    Returns:
        Items that carry their samples.
    """
    bench = Bench(sample_rate, np.random.default_rng(seed))
    items = []
    for number in range(count):
        maker = MAKERS[number % len(MAKERS)]
        samples, label, captions = maker(bench)
        samples = samples / (np.abs(samples).max() + SILENT)
        name = f"synthetic/{maker.__name__}_{number}"
        group = f"synthetic_{maker.__name__}"
        audio: FloatArray = samples.astype(np.float32)
        items.append(Item(name, captions, label, group=group, split="train", samples=audio, generated=True))
    return items

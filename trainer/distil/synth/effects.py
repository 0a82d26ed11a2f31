"""Sweeps, risers, impacts, signals and noises."""

from collections.abc import Callable

import numpy as np

from trainer.distil.synth.bench import Bench, Made


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


def whoosh(b: Bench) -> Made:
    """Noise that passes by."""
    seconds = b.pick(0.25, 1.2)
    t = np.linspace(-1, 1, int(seconds * b.rate))
    low = b.pick(200, 700)
    samples = b.band(b.noise(seconds, 1), low, low * b.pick(3, 10)) * np.exp(-((t / 0.4) ** 2))
    return samples, "whoosh", ("a whoosh", "a fast whoosh passing by", "an airy swoosh transition")


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


def noise_sweep(b: Bench) -> Made:
    """A band of noise that climbs or sinks."""
    seconds, low, high = b.pick(0.8, 4), b.pick(200, 500), b.pick(4000, 12000)
    up = b.rng.random() < 0.5
    word = "rising" if up else "falling"
    bands = [b.band(b.noise(seconds), f, f * 1.8) for f in np.geomspace(low, high, 8)]
    place = np.linspace(0, 7, int(seconds * b.rate))
    place = place if up else place[::-1]
    samples = sum((s * np.maximum(0, 1 - np.abs(place - k) / 1.5) for k, s in enumerate(bands)), np.zeros(len(place)))
    captions = (
        f"a {word} white noise sweep",
        f"{word} noise sweep",
        f"a filtered noise sweep going {'up' if up else 'down'}",
    )
    return np.asarray(samples, np.float64), f"{word} noise sweep", captions


def braam(b: Bench) -> Made:
    """Low detuned brass of a film trailer."""
    seconds, root = b.pick(1.5, 4), b.pick(45, 90)
    voices = [b.tone(root * r * b.rng.uniform(0.99, 1.01), seconds, "saw") for r in (0.5, 1, 1, 1.5, 2)]
    opened = b.decay(seconds, seconds / 4, 0.05)
    body = np.tanh(2 * sum(voices[1:], voices[0]))
    samples = b.band(body, 30, 400) * b.decay(seconds, seconds / 2, 0.03) + b.band(body, 400, 4000) * opened
    return samples, "braam", ("a cinematic braam", "a trailer horn blast", "an epic low brass hit")


def tape_stop(b: Bench) -> Made:
    """A chord that slows down until it stands."""
    seconds, root = b.pick(0.6, 1.5), b.pick(200, 500)
    speed = np.linspace(1, 0.02, int(seconds * b.rate)) ** 1.5
    voices = [b.tone(root * r * speed, seconds, "saw") for r in (1, 5 / 4, 3 / 2)]
    samples = b.band(sum(voices[1:], voices[0]), 30, 5000)
    return samples, "tape stop", ("a tape stop effect", "a record slowing to a stop", "a falling tape stop")


def scratch(b: Bench) -> Made:
    """A noisy tone drawn to and fro under the needle."""
    seconds = b.pick(0.3, 0.9)
    swing = np.abs(np.sin(2 * np.pi * b.pick(2, 7) * b.time(seconds)))
    tone = b.tone(150 + b.pick(500, 2000) * swing, seconds, "saw")
    samples = (b.band(tone, 200, 5000) + 0.4 * b.noise(seconds)) * swing
    return samples, "vinyl scratch", ("a turntable scratch", "a vinyl scratch", "dj scratching a record")


def static(b: Bench) -> Made:
    """Radio noise that comes and goes."""
    seconds = b.pick(1, 4)
    gate = np.repeat(b.rng.uniform(0.1, 1, int(seconds * 30) + 2), b.rate // 30)[: int(seconds * b.rate)]
    samples = b.band(b.noise(seconds), 300, b.pick(3000, 9000)) * gate
    return samples, "radio static", ("radio static", "crackling static interference", "untuned radio noise")


def tick(b: Bench) -> Made:
    """Even ticks of a clock or of a metronome."""
    step, pitch = b.pick(0.25, 1), b.pick(1200, 5000)
    one = np.zeros(int(step * b.rate))
    body = b.band(b.noise(0.05), pitch * 0.6, pitch * 1.6) * b.decay(0.05, b.pick(0.002, 0.008), 0.0003)
    one[: len(body)] = body
    word = "metronome" if step < 0.6 else "clock tick"
    captions = ("a metronome ticking", "a click track") if word == "metronome" else ("a clock ticking", "tick tock")
    return np.tile(one, int(3 / step)), word, captions


def dial_tone(b: Bench) -> Made:
    """Keys of a telephone, each two tones."""
    keys = [(float(b.rng.choice([697, 770, 852, 941])), float(b.rng.choice([1209, 1336, 1477]))) for _ in range(5)]
    rest = np.zeros(int(0.06 * b.rate))
    parts = [part for low, high in keys for part in (b.tone(low, 0.12) + b.tone(high, 0.12), rest)]
    return np.concatenate(parts), "telephone dialing", ("a telephone dialing", "touch tone phone keys", "dtmf tones")


def ring(b: Bench) -> Made:
    """An old telephone: two bells, struck some twenty times a second."""
    seconds, speed = b.pick(0.8, 2), b.pick(16, 26)
    strike = 0.5 ** ((b.time(seconds) * speed % 1) * 3)
    pitch = b.pick(1000, 1900)
    bells = sum((b.tone(pitch * r, seconds) / r for r in (1.26, 2.4, 3.1)), b.tone(pitch, seconds))
    return bells * strike, "telephone ring", ("a telephone ringing", "an old phone ring", "an alarm clock bell ringing")


def wind(b: Bench) -> Made:
    """Noise in a narrow band that wanders."""
    seconds = b.pick(3, 6)
    slow = np.interp(b.time(seconds), np.arange(8), b.rng.uniform(0, 1, 8))
    low, high = b.band(b.noise(seconds, 1), 100, 400), b.band(b.noise(seconds, 1), 400, 1200)
    captions = ("wind blowing", "a howling wind", "synthetic wind noise")
    return low * (1.2 - slow) + high * slow * 1.5, "wind", captions


def drops(b: Bench) -> Made:
    """Bubbles: short tones that rise as they burst."""
    out = np.zeros(int(2.5 * b.rate))
    many = b.rng.random() < 0.5
    for _ in range(int(b.rng.integers(12, 30)) if many else int(b.rng.integers(1, 4))):
        length = b.pick(0.02, 0.09)
        glide = b.pick(400, 1600) * (1 + b.rng.uniform(0.3, 1.5) * b.time(length) / length)
        drop = b.tone(glide, length) * b.decay(length, length / 4, 0.001)
        start = int(b.rng.uniform(0, 2.3) * b.rate)
        out[start : start + len(drop)] += drop * b.rng.uniform(0.3, 1)
    if many:
        return out, "bubbles", ("bubbles rising in water", "bubbling liquid", "bubbles")
    return out, "water drops", ("water dripping", "a water drop", "a drip of water")


MAKERS: tuple[Callable[[Bench], Made], ...] = (
    sweep, riser, downlifter, impact, sub_drop, click, beep, alarm, siren, noise_bed, crackle, whoosh, sine, hum,
    glitch, noise_sweep, braam, tape_stop, scratch, static, tick, dial_tone, ring, wind, drops,
)  # fmt: skip

"""Names that break programs which treat paths as text or URLs as paths."""

ODD_NAMES = (
    "kick #3.wav",
    "100% wet.wav",
    "50%25.wav",
    "a b  c.wav",
    "Gitarre – Übung ñ 鼓.wav",
    "what?.wav",
    "a;b&c=d+e.wav",
    "quote'\"s.wav",
    "back\\slash.wav",
    "two\nlines.wav",
    "latin-1 \udce9\udcff.wav",
    "صوت.wav",
    "e\u0301 decomposed.wav",
    ".hidden",
    "~tilde.wav",
    "[brackets]{}.wav",
    "x" * 240 + ".wav",
)

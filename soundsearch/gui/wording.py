"""Numbers, times and progress as people read them."""

from soundsearch.records import Progress, Reason, Strength, TrainingProgress

TAG_SOURCES = {"user": "you", "file": "the file itself", "folder": "its folder", "auto": "a model"}
NUMBER_SPACE = "\N{NO-BREAK SPACE}"
PHASES = {
    "list": "looking for sounds",
    "analyse": "analysing",
    "model": "loading the model",
    "measure": "measuring",
    "moments": "listening to long clips",
    "duplicates": "looking for copies",
    "compare": "comparing what may be copies",
    "index": "building the index",
    "download": "downloading",
    "check": "checking",
    "prepare": "preparing",
    "arrange": "arranging the map",
    "tag": "proposing tags",
    "place": "placing clips on the map",
    "wait": "waiting for the scan",
    "labels": "reading the labels",
    "background": "hearing everyday sounds",
    "write": "writing tags into files",
    "listen": "listening",
    "views": "listening once more, louder and softer",
    "control": "listening to the control list",
    "everyday": "listening to everyday sounds",
    "train": "training",
    "blend": "choosing how much of it to keep",
    "prove": "proving it on clips kept apart",
}
REASONS = {Reason.MEANING: "meaning", Reason.NAME: "name", Reason.FOLDER: "folder", Reason.TAG: "tag"}
STRENGTHS = {Strength.STRONG: "Strong match", Strength.FAIR: "Fair match", Strength.WEAK: "Weak match"}


def count(n: int, noun: str) -> str:
    """A count with its noun: "1 clip", "12,480 clips"."""
    return f"{n:,} {noun if n == 1 else noun + 's'}"


def clock(seconds: float) -> str:
    """A position or duration: "0:01.2" below a minute, "3:25" and "1:02:05" above."""
    if seconds < 59.95:
        return f"0:{seconds:04.1f}"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def length(seconds: float) -> str:
    """A duration: as `clock`, but single cycles of a waveform, which it would call 0:00.0, in milliseconds: "12 ms"."""
    return clock(seconds) if seconds >= 0.095 else f"{max(1, round(1e3 * seconds))}{NUMBER_SPACE}ms"


def channels(number: int) -> str:
    """A number of channels: "mono", "stereo", "6 channels"."""
    return {1: "mono", 2: "stereo"}.get(number, f"{number} channels")


def reasons(flags: Reason) -> str:
    """Why a clip is a hit: "Matched by meaning and name", "" where nothing is known."""
    names = [name for flag, name in REASONS.items() if flag in flags]
    if len(names) > 1:
        names = [", ".join(names[:-1]), names[-1]]
    return f"Matched by {' and '.join(names)}" if names else ""


def size(n_bytes: float) -> str:
    """A file size in decimal units, as file managers and download pages give it: "614 MB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= scale:
            value = n_bytes / scale
            return f"{value:.1f}{NUMBER_SPACE}{unit}" if value < 10 else f"{value:.0f}{NUMBER_SPACE}{unit}"
    return f"{n_bytes:.0f}{NUMBER_SPACE}bytes"


def time_left(seconds: float) -> str:
    """An estimate, no finer than it can be known: "a few seconds", "40 s", "4 min", "2 h 10 min"."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds / 10) * 10} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def share(value: float) -> str:
    """A share of 0 to 1 in per cent: "63 %"."""
    return f"{100 * value:.0f}{NUMBER_SPACE}%"


def progress(state: Progress) -> str:
    """One line about a job: "analysing 3,201 of 12,480 · 41/s · 4 min left"."""
    phase = PHASES.get(state.phase, state.phase)
    as_bytes = state.unit == "bytes"
    if not state.total:
        done = size(state.done) if as_bytes else f"{state.done:,}"
        return f"{phase} · {done}" + ("" if as_bytes else " so far") if state.done else phase
    if as_bytes:
        parts = [f"{phase} {size(state.done)} of {size(state.total)}"]
    else:
        parts = [f"{phase} {state.done:,} of {state.total:,}"]
    if isinstance(state, TrainingProgress) and state.eta_s is not None:
        parts.append(f"{time_left(state.eta_s)} left")
    elif state.rate > 0:
        fine = f"{state.rate:.0f}" if state.rate >= 10 else f"{state.rate:.1f}"
        parts.append(f"{size(state.rate)}/s" if as_bytes else f"{fine}/s")
        if state.total > state.done:
            parts.append(f"{time_left((state.total - state.done) / state.rate)} left")
    return " · ".join(parts)

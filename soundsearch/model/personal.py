"""What a personal model says of itself: the entry "personal" of its manifest, in words."""

from typing import Any


def is_personal(manifest: dict[str, Any]) -> bool:
    """Whether a model was trained on the user's own sounds."""
    return isinstance(manifest.get("personal"), dict)


def describe(manifest: dict[str, Any]) -> str:
    """On what it was trained and how well it does, in two sentences; what the manifest lacks is left out."""
    own = manifest["personal"]
    tags = _number(own.get("tag_count")) or _number(own.get("tags"))
    about = ", ".join(_count(n, noun) for n, noun in ((_number(own.get("clips")), "clip"), (tags, "tag")) if n > 0)
    shares = _shares(own)
    return f"Your sounds{f': {about}' if about else ''}.{f' Finds them {shares} (mAP@10).' if shares else ''}"


def summary(manifest: dict[str, Any]) -> str:
    """The same in a few words, for a menu: "412 clips · 41 % → 63 %"."""
    own = manifest["personal"]
    clips = _number(own.get("clips"))
    return " · ".join(words for words in (_count(clips, "clip") if clips > 0 else "", _shares(own)) if words)


def why_not(manifest: dict[str, Any]) -> str:
    """Why it is not recommended, "" where it is, or where nothing is known against it."""
    own = manifest.get("personal")
    if not isinstance(own, dict) or own.get("offered", True):
        return ""
    return str(own.get("reason") or "It did not get better.")


def _number(value: Any) -> int:
    """A count, the counts of parts together, or the length of a list; 0 for anything else."""
    if isinstance(value, dict):
        return sum(_number(part) for part in value.values())
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) else 0


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun if n == 1 else noun + 's'}"


def _shares(own: dict[str, Any]) -> str:
    before, after = _share(own.get("before")), _share(own.get("after"))
    return "" if before is None or after is None else f"{100 * before:.0f} % → {100 * after:.0f} %"


def _share(value: Any) -> float | None:
    """A share, or the measures that hold it."""
    for key in ("text_to_audio", "map_10", "value"):
        if isinstance(value, dict):
            value = value.get(key)
    return float(value) if isinstance(value, int | float) else None

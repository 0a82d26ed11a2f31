"""What a personal model says of itself: the entry "personal" of its manifest, in words."""

from typing import Any


def is_personal(manifest: dict[str, Any]) -> bool:
    """Whether a model was trained on the user's own sounds."""
    return isinstance(manifest.get("personal"), dict)


def describe(manifest: dict[str, Any]) -> str:
    """On what it was trained and how well it does, in two sentences; what the manifest lacks is left out."""
    own = manifest["personal"]
    clips, tags = _number(own.get("clips")), _number(own.get("tag_count")) or _number(own.get("tags"))
    words = ["Your sounds"]
    if clips:
        words.append(f": {clips:,} {'clip' if clips == 1 else 'clips'}")
        if tags:
            words.append(f", {tags:,} {'tag' if tags == 1 else 'tags'}")
    before, after = _share(own.get("before")), _share(own.get("after"))
    if before is not None and after is not None:
        words.append(f". Finds them {before:.0%} → {after:.0%} (mAP@10)".replace("%", " %"))
    return "".join(words) + "."


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


def _share(value: Any) -> float | None:
    """A share, or the measures that hold it."""
    for key in ("text_to_audio", "map_10", "value"):
        if isinstance(value, dict):
            value = value.get(key)
    return float(value) if isinstance(value, int | float) else None

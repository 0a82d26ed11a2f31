"""What is wrong with a set of clips, found by decoding each once: what cannot be read, and what cannot be learned."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from soundsearch.errors import DecodeError
from trainer.data import READERS, Item, fingerprint

SILENT_PEAK = 1e-4  # -80 dB below full scale: nobody hears it
FEW_CLIPS = 50  # a proof on fewer has intervals too wide to tell anything
FEW_TAGGED = 3  # clips of a tag; with fewer it can be learned or proven, not both
EXAMPLES = 6


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A clip that cannot be used, and why."""

    path: str
    reason: str


def hear(
    items: Sequence[Item], on_progress: Callable[[int], None] = lambda _: None
) -> tuple[list[Item], list[LeftOut]]:
    """Decode every clip once, in threads; what cannot be read, and what is silent, is left out.

    Args:
        items: The clips.
        on_progress: Told how many are done, from time to time.

    Returns:
        The clips that can be used, with digest and length; and the others.
    """
    kept: list[Item] = []
    left_out: list[LeftOut] = []
    with ThreadPoolExecutor(READERS) as pool:
        for done, (item, reason) in enumerate(pool.map(_hear, items), 1):
            if reason:
                left_out.append(LeftOut(item.path, reason))
            else:
                kept.append(item)
            if done % 100 == 0:
                on_progress(done)
    return kept, left_out


def _hear(item: Item) -> tuple[Item, str]:
    try:
        heard = fingerprint(item)
    except DecodeError as err:
        return item, err.message
    return replace(
        item, digest=heard.digest, duration_s=heard.duration_s
    ), "it is silent" if heard.peak < SILENT_PEAK else ""


def tag_counts(items: Sequence[Item]) -> list[tuple[str, int]]:
    """Tags with the number of clips that have them, the most frequent first."""
    return Counter(tag for item in items for tag in item.tags).most_common()


def complaints(items: Sequence[Item]) -> list[str]:
    """What will be hard to learn, or to prove, from these clips; a sentence each."""
    found = []
    if len(items) < FEW_CLIPS:
        found.append(f"{len(items)} clips are few: expect wide intervals in the proof. {FEW_CLIPS} or more are better.")
    if copies := len(items) - len({item.digest or item.path for item in items}):
        found.append(f"Clips that are copies of others: {copies:,}. They stay on one side of the split.")
    counts = tag_counts(items)
    if rare := [tag for tag, count in counts if count < FEW_TAGGED]:
        found.append(
            f"{len(rare):,} of {len(counts):,} tags are on fewer than {FEW_TAGGED} clips, too few to learn from and "
            f"to be proven on: {_some(rare)}"
        )
    if everywhere := [tag for tag, count in counts if count > 0.9 * len(items) > 9]:
        found.append(f"On nearly every clip, and so no help to tell them apart: {_some(everywhere)}")
    return found


def _some(names: Sequence[str]) -> str:
    shown_names = ", ".join(names[:EXAMPLES])
    return f"{shown_names} and {len(names) - EXAMPLES:,} more" if len(names) > EXAMPLES else shown_names

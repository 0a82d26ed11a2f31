"""Splits that prove something: clips of one group, pack or recording, and near-duplicates, are never on both sides."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from soundsearch.audio.decode import probe
from soundsearch.errors import DecodeError
from soundsearch.records import FloatArray
from trainer.data import Item, fingerprint, shown

NAMES = ("train", "validation", "test")
NEAR = 0.99  # cosine from which two clips count as versions of one recording; other takes of one sound lie below it
BLOCK = 2048  # clips of one matrix product: 16 MB of similarities
LARGEST_PACK = 0.25  # of all clips; a pack above this is divided: held out it would leave too little to learn from
READERS = 4  # threads
CLIPS_WEIGHT = 5.0  # of the number of clips against that of one tag, where groups are placed
LEAST = 5  # clips that a split needs to say anything: what fit asks for
_EXAMPLES = 2


@dataclass(frozen=True, slots=True)
class Leak:
    """Clips that belong together and stood on both sides of a given split; those held out went to train."""

    paths: tuple[str, ...]
    splits: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        names = ", ".join(shown(path) for path in self.paths[:_EXAMPLES])
        more = f" and {len(self.paths) - _EXAMPLES} more" if len(self.paths) > _EXAMPLES else ""
        return f"Leak, mended: {names}{more} ({self.reason}) stood in {' and '.join(self.splits)}."


@dataclass(frozen=True, slots=True)
class Splits:
    """Items with their split, and what had to be said about it."""

    items: tuple[Item, ...]
    leaks: tuple[Leak, ...] = ()
    notes: tuple[str, ...] = ()
    together: int = 0  # clips that were kept on one side because they sound the same


def split(
    items: Sequence[Item],
    embeddings: FloatArray | None,
    *,
    validation: float = 0.15,
    test: float = 0.2,
    seed: int,
) -> Splits:
    """Divide items into train, validation and test.

    What belongs together stays together: clips with the same group or pack, with identical decoded samples, and, where
    embeddings are given, nearly the same sound. Splits that the source gives are kept, and leaks in them are moved to
    train. Where it gives only one held-out split, that one is the test, and validation is taken from train. Tags are
    spread as evenly as groups allow, rare ones to train first. The result depends on the items,
    their order and the seed alone.

    Args:
        items: The clips. Those with a `digest` are not decoded again.
        embeddings: Unit rows (n, d) of a model, or None.
        validation: Share of the clips that chooses when to stop.
        test: Share of the clips that only measures.
        seed: Of the order in which equals are placed.
    """
    ties = _Ties(len(items))
    _tie(ties, [item.group for item in items], "the same group")
    notes = _tie_packs(ties, items)
    before = ties.count
    if embeddings is None:
        _tie(ties, _digests(items), "identical audio")
    else:  # the same samples have the same embedding: nothing need be decoded
        for a, b, cosine in near_duplicates(embeddings):
            ties.join(a, b, "identical audio" if cosine > 1 - 1e-6 else f"nearly identical audio, cosine {cosine:.3f}")
    given = _given([item.split if item.split in NAMES else "" for item in items])
    leaks = _mend(items, given, ties)
    wanted = {"validation": validation, "test": test}
    _assign(items, given, ties.groups(), wanted, np.random.default_rng(seed))
    placed = tuple(replace(item, split=part) for item, part in zip(items, given, strict=True))
    return Splits(placed, tuple(leaks), tuple(notes), before - ties.count)


class _Ties:
    """Which items belong together, and why: a union-find."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))
        self._reasons: dict[int, dict[str, None]] = {}
        self.count = size

    def find(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, a: int, b: int, reason: str) -> None:
        a, b = sorted((self.find(a), self.find(b)))
        why = {**self._reasons.get(a, {}), **self._reasons.pop(b, {}), reason: None} if a != b else {}
        if a != b:
            self._parent[b] = a
            self._reasons[a] = why
            self.count -= 1

    def reason(self, root: int) -> str:
        """The first of the reasons, and how many others."""
        reasons = list(self._reasons.get(root, ()))
        return reasons[0] + (f" and {len(reasons) - 1} other reasons" if len(reasons) > 1 else "")

    def groups(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for index in range(len(self._parent)):
            found[self.find(index)].append(index)
        return dict(found)


def _tie(ties: _Ties, keys: Sequence[Hashable], reason: str) -> None:
    """Join items with the same key; "" is none."""
    first: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        if key:
            ties.join(first.setdefault(key, index), index, f"{reason} {key}" if reason.endswith("group") else reason)


def _tie_packs(ties: _Ties, items: Sequence[Item]) -> list[str]:
    """Join the clips of each pack, but not of packs that hold so much that nothing could be held out."""
    sizes = Counter(item.pack for item in items if item.pack)
    too_large = {pack for pack, size in sizes.items() if size > LARGEST_PACK * len(items)}
    _tie(ties, ["" if item.pack in too_large else item.pack for item in items], "the same pack")
    return [
        f"{sizes[pack]:,} of {len(items):,} clips are of one pack, {shown(pack)}: it is divided, so that "
        "the proof says less about sounds from elsewhere."
        for pack in sorted(too_large)
    ]


def _digests(items: Sequence[Item]) -> list[str]:
    """Digests of decoded samples, "" where no other clip's header agrees: only doubtful clips are decoded."""
    keys = [item.digest or shape for item, shape in zip(items, _read(items, _shape), strict=True)]
    often = Counter(keys)
    doubtful = [k for k, item in enumerate(items) if not item.digest and keys[k] and often[keys[k]] > 1]
    found = dict(zip(doubtful, _read([items[k] for k in doubtful], _digest), strict=True))
    return [item.digest or found.get(k, "") for k, item in enumerate(items)]


def _read(items: Sequence[Item], read: Callable[[Item], str]) -> list[str]:
    def attempt(item: Item) -> str:
        try:
            return read(item)
        except DecodeError:
            return ""  # it is left out elsewhere, with its reason

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(attempt, items))


def _shape(item: Item) -> str:
    """What clips with the same samples have in common, without decoding."""
    if item.samples is not None or item.encoded is not None:
        return "in memory"
    info = probe(item.path)
    return f"{info.frames} {info.sample_rate} {info.channels}"


def _digest(item: Item) -> str:
    return fingerprint(item).digest


def near_duplicates(embeddings: FloatArray, threshold: float = NEAR) -> Iterable[tuple[int, int, float]]:
    """Pairs of rows whose cosine reaches a threshold, by blocks of matrix products.

    Args:
        embeddings: Unit rows, shape (n, d).
        threshold: From this cosine on.

    Yields:
        Both indices, the smaller first, and the cosine.
    """
    for low in range(0, len(embeddings), BLOCK):
        for high in range(low, len(embeddings), BLOCK):
            alike = embeddings[low : low + BLOCK] @ embeddings[high : high + BLOCK].T
            for a, b in np.argwhere(alike >= threshold):
                if low + a < high + b:
                    yield int(low + a), int(high + b), float(alike[a, b])


def _given(splits: Sequence[str]) -> list[str]:
    """Given splits; a held-out split that stands alone is the test: it is the proof that its author meant."""
    if "validation" in splits and "test" not in splits:
        return ["test" if part == "validation" else part for part in splits]
    return list(splits)


def _mend(items: Sequence[Item], given: list[str], ties: _Ties) -> list[Leak]:
    """Move what stands on both sides to train, in place, and tell."""
    leaks = []
    for root, members in ties.groups().items():
        sides = sorted({given[k] for k in members if given[k]}, key=NAMES.index)
        if len(sides) > 1:
            leaks.append(Leak(tuple(items[k].path for k in members), tuple(sides), ties.reason(root)))
        if sides:
            for k in members:
                given[k] = "train" if len(sides) > 1 else sides[0]
    return leaks


def _assign(
    items: Sequence[Item],
    given: list[str],
    groups: dict[int, list[int]],
    wanted: dict[str, float],
    rng: np.random.Generator,
) -> None:
    """Place groups, in place: those that no source has placed, and of its train clips as many as a split lacks.

    The largest first, each where it brings the counts of its tags, and of clips, nearest to the wanted shares.
    """
    shares = {"train": 1 - sum(wanted.values()), **wanted}
    parts = _open_parts(given, shares)
    fixed = {part for part in given if part} - (set(parts) if any(given) else set())
    features = [(*dict.fromkeys(item.tags or item.captions), None) for item in items]
    totals = Counter(feature for row in features for feature in row)
    counts: dict[str, Counter[str | None]] = {part: Counter() for part in NAMES}
    for row, part in zip(features, given, strict=True):
        if part in fixed:
            counts[part].update(row)
    free = [members for members in groups.values() if given[members[0]] not in fixed]
    for place in sorted(range(len(free)), key=_by_size(free, rng)):
        held = Counter(feature for k in free[place] for feature in features[k])
        part = min(parts, key=lambda name: _cost(held, counts[name], totals, shares[name]))
        counts[part].update(held)
        for k in free[place]:
            given[k] = part
    _top_up(given, free, [part for part in parts if part != "train"])


def _top_up(given: list[str], groups: Sequence[Sequence[int]], parts: Sequence[str]) -> None:
    """Give each held-out split of a small source the least that it needs, in place: the smallest groups of train."""
    for part in parts:
        for members in sorted(groups, key=len):
            left, held = given.count("train") - len(members), given.count(part)
            if held >= LEAST or left < LEAST:
                break
            if given[members[0]] == "train":
                for k in members:
                    given[k] = part


def _by_size(groups: Sequence[Sequence[int]], rng: np.random.Generator) -> Callable[[int], tuple[int, float]]:
    chance = rng.random(len(groups))
    return lambda place: (-len(groups[place]), float(chance[place]))


def _open_parts(given: Sequence[str], shares: dict[str, float]) -> list[str]:
    """The splits that still take groups: train, and those of which the source gives nothing."""
    return [part for part in NAMES if shares[part] > 0 and (part == "train" or part not in given)]


def _cost(held: Counter[str | None], counts: Counter[str | None], totals: Counter[str | None], share: float) -> float:
    """How much further from the wanted shares the counts of a split would be with a group, per tag."""
    cost = 0.0
    for feature, number in held.items():
        wanted = share * totals[feature]
        further = (counts[feature] + number - wanted) ** 2 - (counts[feature] - wanted) ** 2
        cost += further / totals[feature] * (CLIPS_WEIGHT if feature is None else 1)
    return cost

"""Filters, names and meaning together, against what a reader would write down by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundsearch.catalogue.names import NameHits
from soundsearch.catalogue.store import Analysis, Catalogue, FoundFile
from soundsearch.engine.calibration import Scale
from soundsearch.engine.direction import Direction, Yardstick
from soundsearch.engine.hybrid import depth_of, fuse, hear, look_up
from soundsearch.engine.selection import Everything, Filtered
from soundsearch.engine.service import Engine, parse_query
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import Clip, Example, Filter, FloatArray, Query, Reason, Strength
from tests.engine.conftest import run_scan
from tests.listed import listed

N, DIMENSION = 60, 8
NOTHING = np.zeros((0, DIMENSION), np.float32)


def unit(n: int, seed: int) -> FloatArray:
    rows = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def direction(texts: FloatArray, not_texts: FloatArray = NOTHING) -> Direction:
    return Direction(texts, not_texts, NOTHING, NOTHING)


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, VectorIndex]:
    """Clips that differ in everything that a filter asks for; every tenth is an exact copy, some are not analysed."""
    catalogue = Catalogue(tmp_path_factory.mktemp("varied") / "catalogue.sqlite")
    root = catalogue.add_root(b"/music", b"/")
    kinds = ["wav", "flac", "mp3"]
    names = [f"{('Drums', 'Field', 'Vox')[i % 3]}/{('kick', 'dog', 'take', 'kick')[i % 4]} {i:02}" for i in range(N)]
    paths = [f"{name}.{kinds[i % 3]}" for i, name in enumerate(names)]
    catalogue.list_files(root.id, [FoundFile(path.encode(), 1, 1) for path in paths], [])
    files = sorted(listed(catalogue, root.id).items())
    vectors = unit(N, 1)
    analyses = []
    for i, (_, clip) in enumerate(files[:-5]):
        same = i - 1 if i % 10 == 9 else i
        rate, digest = 44100 + same % 2 * 3900, f"{same:016}".encode()
        about = {"duration_s": 0.25 * same, "sample_rate": rate, "channels": 1 + same % 2}
        analyses.append(Analysis(clip, digest, 1, 1, **about, vector=vectors[same]))
    catalogue.record("b", analyses, [])
    with catalogue._db.transaction():
        for c in range(1, 40, 3):
            catalogue._db.execute("INSERT INTO marks VALUES (?, ?, ?, ?)", (c, c % 2, c % 6, ["", "red"][c % 2]))
        for c in range(1, 40, 4):
            catalogue._db.execute("INSERT INTO tags VALUES (?, ?, 'user', NULL)", (c, ["vinyl", "Voice"][c // 4 % 2]))
        for c in range(1, 40, 2):
            key, kind = ["Am", "A#", ""][c % 3], ["loop", "one-shot", ""][c % 3]
            catalogue._db.execute(
                "INSERT INTO sounds (content_id, version, tempo_bpm, key, kind, samples) VALUES (?, 1, ?, ?, ?, x'')",
                (c, 100.0 + c if c % 3 else None, key, kind),
            )
    index = VectorIndex(DIMENSION)
    index.add(*catalogue.embeddings("b", DIMENSION))
    index.stamp = (1, 0)
    return catalogue, index


def passes(clip: Clip, wanted: Filter) -> bool:
    """What each condition means, in Python."""

    def listed(values: tuple, has: bool) -> bool:
        return not values or has

    marks = {
        "fav": clip.favourite,
        "loop": clip.kind == "loop",
        "one-shot": clip.kind == "one-shot",
        "long": clip.duration_s > 10,
        "pending": clip.state == "pending",
        "tagged": bool(set(clip.tags) & {"vinyl", "Voice"}),
        "untagged": not set(clip.tags) & {"vinyl", "Voice"},
    }
    known = clip.state == "ready"
    words = f"{clip.folder}/{clip.name} {' '.join(clip.tags)}".casefold()
    return (
        (wanted.min_duration_s is None or (known and clip.duration_s >= wanted.min_duration_s))
        and (wanted.max_duration_s is None or (known and clip.duration_s <= wanted.max_duration_s))
        and (wanted.min_bpm is None or (clip.tempo_bpm is not None and clip.tempo_bpm >= wanted.min_bpm))
        and (wanted.max_bpm is None or (clip.tempo_bpm is not None and clip.tempo_bpm <= wanted.max_bpm))
        and all(word.casefold() in words for word in wanted.words)
        and listed(wanted.tags, bool({t.casefold() for t in clip.tags} & {t.casefold() for t in wanted.tags}))
        and listed(wanted.folders, any(f.casefold() in clip.folder.casefold() for f in wanted.folders))
        and listed(wanted.types, clip.name.rpartition(".")[2] in wanted.types)
        and listed(wanted.sample_rates, clip.sample_rate in wanted.sample_rates)
        and listed(wanted.channels, clip.channels in wanted.channels)
        and listed(wanted.keys, clip.key in wanted.keys)
        and listed(wanted.colours, clip.colour in wanted.colours)
        and clip.rating >= wanted.min_rating
        and all(marks[mark] for mark in wanted.marks)
    )


def some(*values: object) -> st.SearchStrategy:
    return st.lists(st.sampled_from(values), max_size=1).map(tuple)


conditions = {
    "tags": some("vinyl", "VOICE", "Drums"),
    "folders": some("dru", "field"),
    "types": some("wav", "mp3"),
    "sample_rates": some(44100),
    "channels": some(1),
    "keys": some("Am", "A#"),
    "marks": some("fav", "loop", "long", "pending", "tagged", "untagged"),
    "colours": some("red"),
}
filters = st.builds(
    Filter,
    min_duration_s=st.none() | st.floats(0, 12),
    max_duration_s=st.none() | st.floats(2, 15),
    min_bpm=st.none() | st.floats(100, 130),
    max_bpm=st.none() | st.floats(110, 140),
    words=some("kick", "1", "voice"),
    min_rating=st.sampled_from([0, 0, 1, 4]),
    **conditions,
)


@given(filters, st.integers(1, 80), st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_filter_then_rank_equals_brute_force(
    varied: tuple[Catalogue, VectorIndex], wanted: Filter, limit: int, seed: int
) -> None:
    catalogue, index = varied
    query = unit(1, seed)
    selected = catalogue.candidates.select(wanted)
    every = catalogue.clips(list(listed(catalogue, 1).values()))
    assert sorted(selected[0].tolist()) == sorted(clip.id for clip in every if passes(clip, wanted))
    heard = hear(Yardstick(direction(query), index), index, Filtered(*selected), limit)
    vectors = dict(zip(index.ids.tolist(), index.vectors, strict=True))
    scores = sorted((float(vectors[c] @ query[0]) for c in selected[1].tolist() if c), reverse=True)[:limit]
    np.testing.assert_allclose(heard.similarity, scores, atol=1e-5)
    content = dict(zip(*(ids.tolist() for ids in selected), strict=True))
    for clip, similarity in zip(heard.clip_ids.tolist(), heard.similarity, strict=True):
        assert float(vectors[content[clip]] @ query[0]) == pytest.approx(similarity, abs=1e-5)


@given(unwanted=st.builds(Filter, **conditions))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_left_out_is_what_any_condition_keeps(varied: tuple[Catalogue, VectorIndex], unwanted: Filter) -> None:
    catalogue, _ = varied
    left = catalogue.candidates.select(Filter(without=unwanted))[0].tolist()
    alone = [Filter(**{name: getattr(unwanted, name)}) for name in conditions if getattr(unwanted, name)]
    out = {clip for one in alone for clip in catalogue.candidates.select(one)[0].tolist()}
    every = catalogue.candidates.select(Filter())[0].tolist()
    assert left == [clip for clip in every if clip not in out]


@given(st.integers(1, 80), st.integers(0, 9), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_without_a_filter_all_clips_are_ranked_alike(
    varied: tuple[Catalogue, VectorIndex], limit: int, seed: int, away: bool
) -> None:
    catalogue, index = varied
    yardstick = Yardstick(direction(unit(1, seed), unit(1, 50) if away else NOTHING), index)
    filtered = hear(yardstick, index, Filtered(*catalogue.candidates.select(Filter())), limit)
    everything = hear(yardstick, index, Everything(catalogue.candidates), limit)
    np.testing.assert_array_equal(everything.clip_ids, filtered.clip_ids)
    np.testing.assert_array_equal(everything.similarity, filtered.similarity)


def test_the_unwanted_falls_and_the_rest_stays() -> None:
    axes = np.eye(DIMENSION, dtype=np.float32)
    clips = np.concatenate([unit(200, 3), axes[:1], (axes[:1] + axes[1:2]) / np.sqrt(2)])
    index = VectorIndex(DIMENSION)
    index.add(np.arange(1, len(clips) + 1), clips.astype(np.float32))
    plain, pushed = (Yardstick(direction(axes[:1], nots), index).scores(clips[-2:]) for nots in (NOTHING, axes[1:2]))
    assert pushed[0] == pytest.approx(plain[0], abs=1e-6)
    assert pushed[1] < plain[1] - 0.2


def test_a_strength_does_not_depend_on_the_models_habits() -> None:
    """A model whose similarities are squeezed together says the same of the same hits."""
    similarity = np.linspace(-0.2, 1.0, 50).astype(np.float32)
    wide = Scale(background=0.1, deviation=0.1, middle=0.1)
    narrow = Scale(background=0.7 + 0.03, deviation=0.03, middle=0.7 + 0.03)
    np.testing.assert_allclose(wide.probabilities(similarity), narrow.probabilities(0.7 + 0.3 * similarity), atol=1e-5)
    assert (np.diff(wide.probabilities(similarity)) >= 0).all()
    assert wide.strengths(similarity)[[0, -1]].tolist() == [Strength.WEAK, Strength.STRONG]


@pytest.fixture
def scanned(engine: Engine, library: Path) -> Engine:
    run_scan(engine, library)
    return engine


@pytest.mark.parametrize("text", ["tone 07", "Tone_07", "tone 07.wav", "copy of tone"])
def test_a_literal_name_comes_first(scanned: Engine, text: str) -> None:
    hit = scanned.search(parse_query(text), 3)[0]
    ranking = scanned.rank(parse_query(text), 3)
    assert hit.clip.name == ("copy of tone 00.wav" if "copy" in text else "tone 07.wav")
    assert hit.strength is Strength.STRONG
    assert ranking.reasons is not None and ranking.reasons[0] & Reason.NAME


def test_clips_that_cannot_be_heard_are_found_by_name(scanned: Engine, library: Path) -> None:
    catalogue = scanned._catalogue
    root = catalogue.roots()[0]
    catalogue.list_files(root.id, [FoundFile(b"High/rain on tent.wav", 1, 1)], [])
    assert scanned.search(parse_query("rain on tent"), 5)[0].clip.name == "rain on tent.wav"
    assert scanned.search(parse_query("broken"), 5)[0].clip.name == "broken.wav"
    assert [hit.clip.name for hit in scanned.search(parse_query("broken folder:High"), 99)].count("broken.wav") == 0
    assert "broken.wav" not in [hit.clip.name for hit in scanned.search(Query(), 99)]
    assert [hit.clip.name for hit in scanned.search(parse_query("is:failed"), 99)] == ["broken.wav"]


def test_every_hit_says_why(scanned: Engine) -> None:
    ranking = scanned.rank(parse_query("high tone 08"), 99)
    clips = scanned.clips(ranking.clip_ids.tolist())
    assert ranking.reasons is not None and (ranking.reasons > 0).all()
    reasons = {clip.name: reason for clip, reason in zip(clips, ranking.reasons, strict=True)}
    assert reasons["tone 08.wav"] & Reason.NAME and reasons["tone 08.wav"] & Reason.FOLDER


def test_names_count_as_far_as_they_can_be_believed() -> None:
    """Names of clips that sound like the query lift them; the same names on other clips hardly do."""
    clips = unit(300, 7)
    index = VectorIndex(DIMENSION)
    ids = np.arange(1, 301)
    index.add(ids, clips)
    yardstick = Yardstick(direction(clips[:1]), index)
    order = ids[np.argsort(-(clips @ clips[0]))]
    selection = Filtered(ids, ids)
    heard = hear(yardstick, index, selection, 300)

    def lifted(named: np.ndarray) -> float:
        named = np.sort(named)
        names = NameHits(named, np.ones(20, np.float32), np.full(20, 2, np.uint8), np.zeros(20, bool))
        ranking = fuse(heard, look_up(names, index, selection), yardstick, Scale(0.0, 0.1, 0.0), index, selection, 300)
        places = {clip: place for place, clip in enumerate(ranking.clip_ids.tolist())}
        before = {clip: place for place, clip in enumerate(order.tolist())}
        return float(np.mean([before[clip] - places[clip] for clip in named.tolist()]))

    assert lifted(order[5:45:2]) > 10
    assert lifted(order[-40::2]) < 5


@given(st.integers(0, 99), st.integers(1, 120), st.booleans())
@settings(deadline=None)
def test_the_best_hits_are_the_same_however_many_are_asked_for(seed: int, limit: int, away: bool) -> None:
    draw = np.random.default_rng(seed)
    clips, ids = unit(300, seed), np.arange(1, 301)
    index, selection = VectorIndex(DIMENSION), Filtered(ids, ids)
    index.add(ids, clips)
    yardstick = Yardstick(direction(unit(1, seed + 100)), index)

    def named() -> NameHits:
        some = np.sort(draw.permutation(ids)[: draw.integers(0, 40)])
        coverage = draw.random(len(some)).astype(np.float32)
        return NameHits(some, coverage, np.full(len(some), 2, np.uint8), coverage > 0.95)

    names = look_up(named(), index, selection)
    unwanted = [(look_up(named(), index, selection), Yardstick(direction(unit(1, seed + 200)), index))] if away else []

    def first(asked: int) -> list[int]:
        heard = hear(yardstick, index, selection, depth_of(asked, unwanted))
        found = fuse(heard, names, yardstick, Scale(0.0, 0.1, 0.0), index, selection, asked, unwanted)
        return found.clip_ids[:limit].tolist()

    assert first(limit) == first(300)


def test_what_is_called_like_the_unwanted_falls_if_it_sounds_so() -> None:
    """Names that tell the truth about the unwanted push a clip down; names that lie about it hardly do."""
    clips, query = unit(300, 7), unit(1, 8)
    index, ids = VectorIndex(DIMENSION), np.arange(1, 301)
    index.add(ids, clips)
    yardstick = Yardstick(direction(query), index)
    selection = Filtered(ids, ids)
    heard = hear(yardstick, index, selection, 300)
    named = np.sort(heard.clip_ids[:6])
    names = NameHits(named, np.ones(6, np.float32), np.full(6, 2, np.uint8), np.zeros(6, bool))
    nothing = NameHits(ids[:0], np.zeros(0, np.float32), np.zeros(0, np.uint8), np.zeros(0, bool))

    def first(alone: FloatArray) -> set[int]:
        unwanted = [(look_up(names, index, selection), Yardstick(direction(alone), index))]
        scale, called = Scale(0.0, 0.1, 0.0), look_up(nothing, index, selection)
        return set(fuse(heard, called, yardstick, scale, index, selection, 10, unwanted).clip_ids.tolist())

    middle = clips[named - 1].mean(axis=0, keepdims=True)
    assert not first(middle / np.linalg.norm(middle)) & set(named.tolist())
    assert set(named.tolist()) <= first(-middle / np.linalg.norm(middle))


def test_examples_weigh_what_they_are_given(scanned: Engine, library: Path) -> None:
    low, high = (str(library / path) for path in ("Low/tone 01.wav", "High/tone 10.wav"))
    only = scanned.rank(Query(likes=(Example(low),)), 99)
    mostly = scanned.rank(Query(likes=(Example(low), Example(high, weight=0.0))), 99)
    np.testing.assert_allclose(only.similarity, mostly.similarity, atol=1e-5)
    both = scanned.rank(Query(likes=(Example(low), Example(high))), 99)
    assert not np.allclose(only.similarity, both.similarity)

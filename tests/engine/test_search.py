import sqlite3
from pathlib import Path

import numpy as np
import pytest

from soundsearch.engine.calibration import Calibration
from soundsearch.engine.direction import Direction, Yardstick
from soundsearch.engine.hybrid import hear
from soundsearch.engine.selection import Filtered
from soundsearch.engine.service import Engine, parse_query
from soundsearch.errors import DecodeError, ModelError
from soundsearch.index.vector_index import VectorIndex
from soundsearch.records import Example, Filter, FloatArray, Query, Strength
from soundsearch.settings import Places, Settings, load, save
from tests.bundles import tiny, write_tone
from tests.engine.conftest import OpenEngine, run_scan


@pytest.fixture
def scanned(engine: Engine, library: Path) -> Engine:
    run_scan(engine, library)
    return engine


def unit(n: int, seed: int) -> FloatArray:
    rows = np.random.default_rng(seed).standard_normal((n, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


NOTHING = np.zeros((0, 8), np.float32)


def test_a_sound_finds_itself_and_its_copy_first(scanned: Engine, library: Path) -> None:
    hits = scanned.search(Query(likes=(Example(str(library / "Low" / "tone 00.wav")),)), 3)
    assert [hit.clip.name for hit in hits[:2]] == ["copy of tone 00.wav", "tone 00.wav"]
    assert hits[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert [hit.rank for hit in hits] == [1, 2, 3]


def test_unlike_pushes_away(scanned: Engine, library: Path) -> None:
    low, high = (Example(str(library / p)) for p in ("Low/tone 00.wav", "High/tone 11.wav"))
    wanted = [hit.clip.name for hit in scanned.search(Query(likes=(low,)), 99)]
    pushed = [hit.clip.name for hit in scanned.search(Query(likes=(low,), unlikes=(high,)), 99)]
    assert pushed.index("tone 11.wav") >= wanted.index("tone 11.wav")
    away = [hit.clip.name for hit in scanned.search(Query(unlikes=(high,)), 99)]
    assert away[-1] == "tone 11.wav"


def test_not_moves_the_answer(scanned: Engine) -> None:
    plain = scanned.rank(Query(texts=("a low tone",)), 99)
    pushed = scanned.rank(Query(texts=("a low tone",), not_texts=("bright hiss",)), 99)
    assert not np.allclose(plain.similarity, pushed.similarity)


def test_the_same_hits_in_another_order(scanned: Engine) -> None:
    best, sorted_ = (scanned.rank(Query(texts=("a low tone",)), 5, order) for order in ("", "-name"))
    assert sorted(best.clip_ids) == sorted(sorted_.clip_ids)
    names = [clip.name.casefold() for clip in scanned.clips(sorted_.clip_ids.tolist())]
    assert names == sorted(names, reverse=True)
    score = dict(zip(best.clip_ids, best.similarity, strict=True))
    assert [score[clip] for clip in sorted_.clip_ids] == sorted_.similarity.tolist()
    listed = scanned.clips(scanned.rank(Query(), 99, "-duration_s").clip_ids.tolist())
    assert [clip.duration_s for clip in listed] == sorted((clip.duration_s for clip in listed), reverse=True)


def test_weight_goes_from_text_to_sound(scanned: Engine, library: Path) -> None:
    query = {"texts": ("a low tone",), "likes": (Example(str(library / "High" / "tone 09.wav")),)}
    text = scanned.rank(Query(texts=query["texts"]), 99)
    like = scanned.rank(Query(likes=query["likes"]), 99)
    assert scanned.rank(Query(**query, text_weight=1.0), 99).clip_ids.tolist() == text.clip_ids.tolist()
    assert scanned.rank(Query(**query, text_weight=0.0), 99).clip_ids.tolist() == like.clip_ids.tolist()


def test_filter_then_rank(scanned: Engine) -> None:
    every = scanned.rank(Query(texts=("a tone",)), 99)
    worst = scanned.clips([int(every.clip_ids[-1])])[0]
    hits = scanned.search(Query(texts=("a tone",), filter=Filter(words=(worst.name,))), 5)
    assert [hit.clip.name for hit in hits] == [worst.name]


def test_limit_counts_clips_and_not_contents(scanned: Engine, library: Path) -> None:
    assert len(scanned.search(Query(likes=(Example(str(library / "Low" / "tone 00.wav")),)), 1)) == 1


def test_a_part_of_a_sound(scanned: Engine, library: Path) -> None:
    path = str(library / "Low" / "tone 04.wav")
    whole, part = (scanned.embed_files([Example(path, *times)])[0] for times in ((None, None), (0.05, 0.15)))
    assert whole.shape == part.shape and not np.array_equal(whole, part)


def test_a_sound_is_heard_once_for_all_letters_and_again_when_its_file_changes(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "hum.wav"
    write_tone(path, 200.0)
    first = engine.embed_files([Example(str(path))])
    assert engine.embed_files([Example(str(path))])[0] is not first[0]  # nobody writes into what is kept
    assert len(engine.chosen._sounds) == 1
    write_tone(path, 900.0, seconds=0.7)
    assert not np.array_equal(engine.embed_files([Example(str(path))]), first)


def test_an_example_that_cannot_be_read_is_named(scanned: Engine, library: Path) -> None:
    with pytest.raises(DecodeError, match=r"broken\.wav"):
        scanned.search(Query(likes=(Example(str(library / "broken.wav")),)))


def test_an_empty_library_answers_nothing(engine: Engine) -> None:
    assert engine.search(parse_query("a dog")) == []


def test_the_index_is_a_cache(open_engine: OpenEngine, library: Path) -> None:
    first = open_engine()
    run_scan(first, library)
    query = Query(texts=("a low tone",))
    expected = first.rank(query, 99)
    folder = first.chosen.index_folder
    for damage in ("removed", "damaged", "old"):
        for file in folder.glob("vectors-*"):
            if damage == "removed":
                file.unlink()
            elif damage == "damaged":
                file.write_bytes(file.read_bytes()[:-8] + b"12345678")
        if damage == "old":
            VectorIndex(first.chosen.bundle.dimension).save(folder)
        second = open_engine()
        if damage != "old":
            assert second.verify() != []
        answer = second.rank(query, 99)
        assert answer.clip_ids.tolist() == expected.clip_ids.tolist()
        second.verify(repair=True)
        assert open_engine().verify() == []


def test_what_another_process_scans_is_found(open_engine: OpenEngine, library: Path) -> None:
    window, scanner = open_engine(), open_engine()
    assert window.search(parse_query("a tone")) == []
    run_scan(scanner, library)
    assert len(window.search(parse_query("a tone"), 99)) == 13


def test_what_another_process_hears_again_is_found_once(open_engine: OpenEngine, library: Path, tmp_path: Path) -> None:
    window, scanner = open_engine(), open_engine()
    run_scan(scanner, library)
    before = np.sort(window.chosen.index().ids)
    with sqlite3.connect(next(tmp_path.rglob("catalogue.sqlite"))) as file:
        file.execute("UPDATE embeddings SET vector = x'00' WHERE seq = (SELECT min(seq) FROM embeddings)")
    scanner.verify(repair=True)
    run_scan(scanner, library)
    assert np.sort(window.chosen.index().ids).tolist() == before.tolist()


@pytest.mark.parametrize("stamp_of_before", [False, True])
def test_what_was_forgotten_meanwhile_leaves_a_saved_index(
    open_engine: OpenEngine, library: Path, stamp_of_before: bool
) -> None:
    first = open_engine()
    run_scan(first, library)
    index = first.chosen.index()
    if stamp_of_before:  # a version without the log saved two numbers
        index.stamp = index.stamp[:2]
        index.save(first.chosen.index_folder)
    first.close()
    second = open_engine()
    gone = sorted(library.rglob("*.wav"))[:3]
    for file in gone:
        file.unlink()
    run_scan(second, library)
    for _ in second._catalogue.missing.forget(second._catalogue.missing.clip_ids(99)):
        pass
    held = second.chosen.index()
    ids, vectors = second._catalogue.embeddings(second.chosen.bundle.id, second.chosen.bundle.dimension)
    assert len(ids) < 12 and sorted(held.ids.tolist()) == sorted(ids.tolist())
    assert (held.vectors_of(ids)[1] == vectors).all()


def test_background_queries_are_mixed_like_the_query() -> None:
    texts, clips = unit(50, 1), unit(80, 2)
    one = Direction(unit(1, 3), NOTHING, NOTHING, NOTHING, 0.5)
    both = Direction(unit(1, 3), NOTHING, unit(1, 4), NOTHING, 0.25)
    np.testing.assert_allclose(np.linalg.norm(both.background(texts, clips), axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose((one.background(texts, clips) @ texts.T).max(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(one.wanted(), unit(1, 3)[0], rtol=1e-5)


def test_a_sound_is_a_strong_hit_for_itself_in_a_library_of_its_like(scanned: Engine, library: Path) -> None:
    hits = scanned.search(Query(likes=(Example(str(library / "Low" / "tone 00.wav")),)), 99)
    assert hits[0].strength is Strength.STRONG
    assert hits[-1].strength is not Strength.STRONG


def test_strength_follows_similarity() -> None:
    index = VectorIndex(8)
    index.add(np.arange(1, 201), unit(200, 5))
    direction = Direction(unit(1, 3), NOTHING, NOTHING, NOTHING, 0.5)
    ids = np.arange(1, 201)
    yardstick = Yardstick(direction, index)
    similarity = hear(yardstick, index, Filtered(ids, ids), 200).similarity
    strength = Calibration().scale(direction, unit(60, 6), yardstick).strengths(similarity)
    assert (np.diff(strength.astype(int)) <= 0).all()
    assert strength[-1] == Strength.WEAK


def test_a_chosen_model_that_is_gone_gives_way_to_the_starter(tmp_path: Path) -> None:
    places = Places(tmp_path / "data")
    places.create()
    save(Settings(model="my-model"), places.settings)
    engine = Engine(places)
    assert engine.chosen.name == "starter" and engine.status().model == "starter"
    engine.close()
    engine = Engine(places, model="my-model")
    with pytest.raises(ModelError):
        engine.status()
    engine.close()


def test_the_model_before_answers_until_the_new_one_has_heard_as_much(
    tmp_path: Path, tiny_model: Path, library: Path
) -> None:
    places = Places(tmp_path / "data")
    places.create()
    save(Settings(model=str(tiny_model)), places.settings)
    engine = Engine(places)
    run_scan(engine, library)
    query, new = Query(texts=("a low tone",)), str(tiny(tmp_path / "new", seed=3))
    expected = engine.rank(query, 99).similarity
    engine.use_model(new)
    engine.close()
    engine = Engine(places)  # the next start, too
    assert engine.chosen.name == new and engine.status().embedded == 0
    np.testing.assert_array_equal(engine.rank(query, 99).similarity, expected)
    run_scan(engine, library)
    changed = engine.rank(query, 99).similarity
    assert len(changed) == 13 and not np.array_equal(changed, expected)
    assert load(places.settings) == Settings(model=new, model_before=str(tiny_model))
    engine.use_model(str(tiny_model))  # the way back needs no scan
    np.testing.assert_array_equal(engine.rank(query, 99).similarity, expected)
    engine.close()

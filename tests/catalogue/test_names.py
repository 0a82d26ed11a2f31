import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundsearch.catalogue.database import Database
from soundsearch.catalogue.names import words_of
from soundsearch.catalogue.schema import MIGRATIONS
from soundsearch.catalogue.store import Catalogue, FoundFile
from soundsearch.records import Filter, Reason
from tests.listed import listed

FILES = [
    "Drums/DistortedKick_01.wav",
    "Drums/DistortedKick_02.wav",
    "Drums/808/kick 808.wav",
    "Field/dog_bark-3.flac",
    "Field/Glöckchen.ogg",
    "Field/rain on tent.wav",
    "Vox/take 2 (final).wav",
]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "catalogue.sqlite")


def fill(catalogue: Catalogue, files: list[str]) -> dict[str, int]:
    root = catalogue.add_root(b"/music", b"/")
    catalogue.list_files(root.id, [FoundFile(name.encode("utf-8", "surrogateescape"), 1, 1) for name in files], [])
    return {path.decode("utf-8", "surrogateescape"): clip for path, clip in listed(catalogue, root.id).items()}


def found(catalogue: Catalogue, text: str) -> list[str]:
    """Files by name, those that hold most of the text first."""
    hits = catalogue.names.search(text)
    order = np.lexsort((hits.clip_ids, -hits.coverage, ~hits.is_literal))
    clips = catalogue.clips(hits.clip_ids[order].tolist())
    return [clip.path.removeprefix("/music/") for clip in clips]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("distorted kick", FILES[0]),
        ("kick 01", FILES[0]),
        ("DistortedKick_02", FILES[1]),
        ("distortedkick_02.wav", FILES[1]),
        ("a dog that barks", FILES[3]),
        ("dogs barking", FILES[3]),
        ("glockchen", FILES[4]),
        ("glöckch", FILES[4]),
        ("tent ra", FILES[5]),
        ("take 2", FILES[6]),
        ('"take 2" (final).wav', FILES[6]),
    ],
)
def test_finds_by_words_as_people_see_them(catalogue: Catalogue, text: str, expected: str) -> None:
    fill(catalogue, FILES)
    assert found(catalogue, text)[0] == expected


@pytest.mark.parametrize(
    "text", ["", "   ", "the of", "xylophone", '"', "NEAR( AND *", "-- ; DROP TABLE clips", "a" * 5000]
)
def test_what_is_called_like_nothing(catalogue: Catalogue, text: str) -> None:
    fill(catalogue, FILES)
    assert len(catalogue.names.search(text)) == 0


def test_literal_names_are_marked(catalogue: Catalogue) -> None:
    ids = fill(catalogue, [*FILES, "rain.wav", "Field/rain heavy.wav"])

    def literal(text: str) -> set[int]:
        hits = catalogue.names.search(text)
        return set(hits.clip_ids[hits.is_literal].tolist())

    assert literal("rain") == {ids["rain.wav"]}  # a word alone describes, too: only the whole name counts
    assert literal("Rain on") == {ids["Field/rain on tent.wav"]}
    assert literal("distorted kick") == {ids[FILES[0]], ids[FILES[1]]}
    assert literal("kick 808.wav") == {ids[FILES[2]]}
    assert literal("heavy rain") == set()


def test_says_where_the_words_stand(catalogue: Catalogue) -> None:
    ids = fill(catalogue, FILES)
    hits = catalogue.names.search("drums kick")
    reasons = dict(zip(hits.clip_ids.tolist(), hits.reasons.tolist(), strict=True))
    assert reasons[ids[FILES[2]]] == Reason.NAME | Reason.FOLDER
    assert set(reasons) == {ids[name] for name in FILES[:3]}


def test_rare_words_count_more(catalogue: Catalogue) -> None:
    fill(catalogue, [*(f"loop {n:03}.wav" for n in range(200)), "door.wav"])
    assert found(catalogue, "door loop")[0] == "door.wav"


def test_follows_what_happens_to_clips(catalogue: Catalogue) -> None:
    ids = fill(catalogue, ["Old/kick.wav", "Old/snare.wav"])
    assert catalogue.names.search("snare").clip_ids.tolist() == [ids["Old/snare.wav"]]
    catalogue.mark_missing([ids["Old/snare.wav"]])  # never analysed: it is removed
    assert len(catalogue.names.search("snare")) == 0
    catalogue.add_root(b"/", b"/")  # the old root becomes part of it, its clips get other paths
    hits = catalogue.names.search("music kick")
    assert hits.reasons.tolist() == [Reason.NAME | Reason.FOLDER]
    list(catalogue.remove_root("/"))
    assert len(catalogue.names.search("kick")) == 0


def test_finds_by_tags_that_people_gave(catalogue: Catalogue) -> None:
    ids = fill(catalogue, FILES)
    with catalogue._db.transaction():
        for content, path in enumerate(FILES, start=1):
            catalogue._db.execute(
                "INSERT INTO contents VALUES (?, ?, 1.0, 48000, 1, 'WAV', x'')", (content, path.encode())
            )
            catalogue._db.execute("UPDATE clips SET content_id = ? WHERE id = ?", (content, ids[path]))
        catalogue._db.execute("INSERT INTO tags VALUES (3, 'Vinyl Crackle', 'user', NULL)")
    hits = catalogue.names.search("vinyl crackles")
    assert hits.clip_ids.tolist() == [ids[FILES[2]]] and hits.reasons.tolist() == [Reason.TAG]
    with catalogue._db.transaction():
        catalogue._db.execute("DELETE FROM tags")
    assert len(catalogue.names.search("vinyl")) == 0


def test_an_older_catalogue_gets_its_names(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    before = next(n for n, script in enumerate(MIGRATIONS) if "TABLE names" in script)
    old = Database(path, MIGRATIONS[:before])
    with old.transaction():
        old.execute("INSERT INTO roots (id, path, mount) VALUES (1, x'2f', x'2f')")
        for name in (b"a/dog_bark.wav", b"a/caf\xe9 \xff.wav"):
            old.execute(
                "INSERT INTO clips (root_id, path, words, folder, extension, size_bytes, modified_ns, state)"
                " VALUES (1, ?, '', '', '', 1, 1, 'pending')",
                (name,),
            )
    old.close()
    catalogue = Catalogue(path)
    assert catalogue.names.search("barking dog").clip_ids.tolist() == [1]
    assert catalogue.names.search("caf").clip_ids.tolist() == [2]
    catalogue.close()


@given(st.text(max_size=30))
def test_words_hold_all_letters(text: str) -> None:
    assert [c for c in words_of(text) if c.isalnum()] == [c for c in unicodedata.normalize("NFC", text) if c.isalnum()]


def test_many_names_are_looked_up_quickly(catalogue: Catalogue) -> None:
    words = ["kick", "snare", "hat", "dog", "rain", "door", "wet", "long", "short", "deep"]
    files = [f"{words[n % 10]}/{words[n // 10 % 10]}_{words[n // 100 % 10]} {n:05}.wav" for n in range(20_000)]
    ids = fill(catalogue, files)
    begun = time.process_time()
    hits = catalogue.names.search("wet rain kick 00123")
    assert time.process_time() - begun < 0.5  # 0.04 s alone on one core
    assert ids[files[123]] in hits.clip_ids
    assert len(catalogue.candidates.select(Filter())[0]) == len(files)

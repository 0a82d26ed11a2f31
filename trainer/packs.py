"""What only the whole library tells: which folders are packs, which words are vendors', where drums are.

A pack's name says nothing about a sound, but packs matter: a model is proven on packs that it has not heard.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from trainer.cleaning import SKIPPED, Piece, Reading, read_name
from trainer.vocabulary import Unit, is_english, vocabulary, words_of

SEVERAL = 3  # different sounds below a folder whose name no dictionary knows make it a pack
MANY = 8  # the same for one whose name is an English word
LARGEST_SHARE = 0.6  # of one sound among them; more, and the folder is about that sound
PREFIX_SHARE = 0.8  # of the clips of a folder that begin alike
PREFIX_CLIPS = 4
Place = tuple[str, ...]  # the folders above a clip, outermost first


@dataclass(frozen=True, slots=True)
class Name:
    """A clip by its folders below the source, outermost first, and its name without extension."""

    folders: Place
    stem: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a clip's names say: tags and where each is from, its pack, and the pieces they were read as."""

    tags: tuple[str, ...]
    tag_sources: tuple[str, ...]  # "name" or "folder"
    pack: str
    numbers: tuple[str, ...]
    pieces: tuple[tuple[str, Piece], ...]  # ("name" or "folder", piece)


@dataclass
class _Folder:
    """All folders of one name."""

    places: set[Place] = field(default_factory=set)
    clips: int = 0
    sounds: Counter[str] = field(default_factory=Counter)  # of the clips below, by their names and folders
    unknown: tuple[str, ...] = ()
    above: set[str] = field(default_factory=set)


def tag_names(names: Sequence[Name], keep_words: Iterable[str] = (), drop_words: Iterable[str] = ()) -> list[Tagged]:
    """Read all names of a library.

    Args:
        names: One for each clip.
        keep_words: Words that are tags whatever the rules say.
        drop_words: Words that are none.
    """
    keep, drop = (frozenset(word.lower() for word in words) for words in (keep_words, drop_words))
    return _Library(names, keep, drop).tagged()


class _Library:
    def __init__(self, names: Sequence[Name], keep: frozenset[str], unwanted: frozenset[str]) -> None:
        self.names, self.words, self.unwanted = names, vocabulary(), unwanted
        self.keep: Callable[[str], bool] = keep.__contains__
        self._by_place: dict[Place, list[str]] = defaultdict(list)
        for name in names:
            self._by_place[name.folders].append(name.stem)
        self.drums = {place: self._among_drums(place) for place in self._by_place}
        self.first = [read_name(n.stem, drums=self.drums[n.folders], keep=self.keep) for n in names]
        self.folders = self._survey()
        self.packs = {key: why for key, folder in self.folders.items() if (why := self._is_pack(key, folder))}
        self.pack_words = {word for key in self.packs for word in self.folders[key].unknown}
        self.prefixes = self._prefixes()

    def _among_drums(self, place: Place) -> bool:
        family = self.words.drum_family
        if any(unit.text in family for folder in place for unit in self._read(folder)):
            return True
        heard = sum(any(unit.text in family for unit in self._read(stem)) for stem in self._by_place[place])
        return heard >= max(2, len(self._by_place[place]) / 5)

    @lru_cache(maxsize=65536)  # noqa: B019  # a library lives as long as it is read
    def _read(self, name: str) -> Sequence[Unit]:
        return self.words.read([part for word in words_of(name) for part in self.words.split(word)])

    def _survey(self) -> dict[str, _Folder]:
        """Every folder name with what is below it."""
        found: dict[str, _Folder] = defaultdict(_Folder)
        for name, reading in zip(self.names, self.first, strict=True):
            sounds = {piece.tag for piece in reading.pieces if piece.sound}
            for depth, folder in reversed(list(enumerate(name.folders))):
                entry = found[folder.casefold()]
                entry.places.add(name.folders[: depth + 1])
                entry.clips += 1
                entry.sounds.update(sounds)
                entry.above.update(above.casefold() for above in name.folders[:depth][-1:])
                sounds = sounds | {unit.text for unit in self._read(folder) if unit.kind == "sound"}
        for key, entry in found.items():
            entry.unknown = self._unknown(key)
        return found

    def _unknown(self, folder: str) -> tuple[str, ...]:
        """The words of a folder's name that are in no table, "GM" and "LMMS" included."""
        filler = self.words.folder_filler
        words = [unit.text for unit in self._read(folder) if unit.kind == "word"]
        return tuple(
            w for w in words if not (w.isdigit() or len(w) == 1 or w in filler or w in SKIPPED or self.keep(w))
        )

    def _is_pack(self, key: str, folder: _Folder) -> str:
        """Why a folder's name is that of a pack, "" if it is not."""
        written = set(words_of(key.casefold()))
        if written & self.words.pack_words or any(above in self.words.containers for above in folder.above):
            return "the name of a pack"
        if not folder.unknown:
            return ""
        sounds, most = len(folder.sounds), max(folder.sounds.values(), default=0)
        various = most <= LARGEST_SHARE * folder.clips
        if not any(is_english(word) for word in folder.unknown):
            if sounds >= SEVERAL and various:
                return "the name of a pack or vendor: no dictionary knows it, and it holds several kinds of sounds"
            several = len({place[:-1] for place in folder.places}) > 1 or self._elsewhere(key, folder)
            if sounds > 1 and various and several:
                return "the name of a pack or vendor: no dictionary knows it, and it is found in several places"
            return ""
        if sounds >= MANY and various and not self._elsewhere(key, folder):
            return "the name of a pack: it holds many kinds of sounds, and no other name has the word"
        return ""

    def _elsewhere(self, key: str, folder: _Folder) -> bool:
        """Whether another folder, or a clip that is not below this one, has a word of its name."""
        words = set(folder.unknown)
        if any(words & set(other.unknown) for name, other in self.folders.items() if name != key):
            return True
        return any(
            words & set(words_of(name.stem.lower()))
            for name in self.names
            if all(part.casefold() != key for part in name.folders)
        )

    def _prefixes(self) -> dict[Place, set[str]]:
        """Words that most names of a folder begin with, before several kinds of sounds: a vendor's or a pack's."""
        begins: dict[Place, Counter[str]] = defaultdict(Counter)
        sounds: dict[tuple[Place, str], set[str]] = defaultdict(set)
        for name, reading in zip(self.names, self.first, strict=True):
            kept = [piece for piece in reading.pieces if piece.tag]
            words = [word for piece in kept for word in piece.tag.split()]
            if len(words) < 2 or kept[0].reason != "words of its own":
                continue
            word = words[0]
            begins[name.folders][word] += 1
            sounds[name.folders, word].update(piece.tag for piece in kept if piece.sound)
        return {
            place: {
                word
                for word, count in counts.items()
                if count >= max(PREFIX_CLIPS, PREFIX_SHARE * len(self._by_place[place]))
                and len(sounds[place, word]) >= SEVERAL
                and not is_english(word)
            }
            for place, counts in begins.items()
        }

    def tagged(self) -> list[Tagged]:
        """The second reading, with what the first has shown."""
        folders = {place: self._folder_pieces(place) for place in self._by_place}
        return [self._tag(name, folders[name.folders]) for name in self.names]

    def _folder_pieces(self, place: Place) -> list[Piece]:
        """Pieces of the folders above a clip, innermost first."""
        pieces: list[Piece] = []
        for folder in reversed(place):
            reason = self.packs.get(folder.casefold(), "")
            drop: Callable[[str], str] = partial(_always, reason)
            reading = read_name(
                folder,
                folder=True,
                drums=self.drums.get(place, False),
                drop=drop,
                keep=self.keep,
                unwanted=self.unwanted,
            )
            pieces += reading.pieces
        return pieces

    def _tag(self, name: Name, above: Sequence[Piece]) -> Tagged:
        reading = self._second(name)
        own = [("name", piece) for piece in reading.pieces]
        pieces = (*own, *(("folder", piece) for piece in above))
        chosen = _without_parts([(piece.tag, source) for source, piece in pieces if piece.tag])
        return Tagged(
            tuple(tag for tag, _ in chosen),
            tuple(source for _, source in chosen),
            self._pack(name.folders),
            reading.numbers,
            pieces,
        )

    def _second(self, name: Name) -> Reading:
        prefixes = self.prefixes.get(name.folders, set())

        def drop(word: str) -> str:
            if word in self.pack_words and not is_english(word):
                return "the name of a pack or vendor"
            return "a prefix of the pack's or vendor's names" if word in prefixes else ""

        return read_name(name.stem, drums=self.drums[name.folders], drop=drop, keep=self.keep, unwanted=self.unwanted)

    def _pack(self, place: Place) -> str:
        for depth in range(len(place), 0, -1):
            if place[depth - 1].casefold() in self.packs:
                return "/".join(place[:depth])
        return ""


def _always(reason: str, word: str) -> str:
    del word
    return reason


def _without_parts(tags: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each tag once, and none whose words another one holds: beside "closed hi-hat", "hi-hat" says nothing."""
    unique = list({tag: (tag, source) for tag, source in reversed(tags)}.values())[::-1]
    kinds = vocabulary().kinds
    sets = [frozenset(words_of(tag)) for tag, _ in unique]
    wholes = [words for (tag, _), words in zip(unique, sets, strict=True) if kinds.get(tag) != "quality"]
    return [
        (tag, source)
        for (tag, source), words in zip(unique, sets, strict=True)
        if not any(words < other for other in wholes)
        and not vocabulary().says_nothing(tag, (other for other, _ in unique if other != tag))
    ]

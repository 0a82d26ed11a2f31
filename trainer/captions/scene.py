"""The phrases of one clip, each put where it goes in a sentence: who does what, where, and how it sounds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

from trainer.captions.lexicon import Phrase, belongs, in_music, is_contact, is_instrument, is_shelf, rank
from trainer.captions.words import article, join, participle, singular, word_classes


@dataclass(slots=True)
class Scene:
    """The phrases of one clip by the place they take in a sentence."""

    sources: list[Phrase] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    families: list[Phrase] = field(default_factory=list)
    qualities: list[str] = field(default_factory=list)
    classifiers: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)

    @property
    def modifiers(self) -> str:
        """What goes before the head: "short, punchy acoustic"."""
        return spaced(", ".join(self.qualities), *self.classifiers)

    @property
    def setting(self) -> str:
        """What goes last: "in a cave with reverb in C minor at 90 bpm"."""
        return spaced(*self.places, f"with {join(self.effects)}" if self.effects else "", *self.terms)


def arrange(phrases: Sequence[Phrase]) -> Scene:
    """Give each phrase its place in a sentence."""
    phrases = _shelved(_in_context(phrases))

    def of(*kinds: str) -> list[Phrase]:
        return [phrase for phrase in phrases if phrase.kind in kinds]

    # "a chord strum", "a coin pickup": what can be done stands behind what can only be.
    parts = sorted(of("part"), key=lambda phrase: "VERB" in word_classes(phrase.words))
    scene = Scene(
        parts=[phrase.words for phrase in parts[:2]],
        forms=[phrase.words for phrase in of("form")],
        families=of("family"),
        qualities=[phrase.words for phrase in of("quality")],
        classifiers=[phrase.words for phrase in (*sorted(of("classifier"), key=rank), *of("genre"))],
        effects=[phrase.words for phrase in of("effect")],
        terms=[f"{phrase.lead} {phrase.words}" for phrase in of("term")],
    )
    scene.sources = _merge(of("source"), scene)
    _act(scene, phrases)
    scene.sources += parts[2:]
    _ground(scene, of("material"), of("surface"))
    scene.places += [_placed(place) for place in of("place")]
    _give_head(scene, phrases)
    return scene


def _in_context(phrases: Sequence[Phrase]) -> list[Phrase]:
    """In music "open" is how a hi-hat is and a break is a thing; a door opens and glass breaks."""
    kinds = {phrase.kind for phrase in phrases}
    families = {singular(phrase.words) for phrase in phrases if phrase.kind == "family"}
    music = (
        kinds & {"genre", "term"} or families & {"drum", "instrument", "percussion"} or any(map(is_instrument, phrases))
    )
    if not music:
        return list(phrases)
    if any(is_instrument(phrase) and not is_shelf(phrase) for phrase in phrases) and "part" not in kinds:
        shelves = [replace(p, kind="family") for p in phrases if p.kind == "source" and is_shelf(p)]
        named = {shelf.words for shelf in shelves}
        phrases = [*shelves, *(phrase for phrase in phrases if phrase.words not in named)]
    return [replace(phrase, kind=in_music(phrase)) for phrase in phrases]


def _shelved(phrases: Sequence[Phrase]) -> Sequence[Phrase]:
    """On a shelf, what has a name of its own is a thing: "an instrument sound of a marimba note", yet "a drum fill"."""
    kinds = [phrase.kind for phrase in phrases]
    if "family" not in kinds or "source" in kinds:
        return phrases
    return [replace(p, kind="source") if p.kind == "part" and " " in p.words else p for p in phrases]


def _merge(sources: list[Phrase], scene: Scene) -> list[Phrase]:
    """Say "an 808 kick" for an 808 and a kick; what is from a kit is from there."""
    kits = [phrase for phrase in sources if phrase.words.split(" ")[-1] in ("kit", "set")]
    if len(kits) == 1 and (len(sources) > 1 or scene.parts):
        scene.places.append("from " + noun_phrase(kits[0]))
        sources = [phrase for phrase in sources if phrase is not kits[0]]
    for owner, thing in permutations(sources, 2):
        if belongs(owner, thing) and not owner.tail:
            whole = replace(thing, words=f"{singular(owner.words)} {thing.words}")
            return [whole if phrase is thing else phrase for phrase in sources if phrase is not owner]
    return sources


def _act(scene: Scene, phrases: Sequence[Phrase]) -> None:
    """Let each action be done by the source before it, or by the first; without a source it is a sound itself."""
    for k, action in enumerate(phrases):
        if action.kind != "action":
            continue
        bodies = [phrase for phrase in phrases if phrase.kind in ("material", "surface")]
        if not scene.sources and bodies and not is_contact(action):
            scene.sources = [replace(bodies[0], kind="source")]
        if scene.sources and scene.sources[0].kind == "source":
            _do(scene.sources, action, [phrase.words for phrase in phrases[:k] if phrase.kind == "source"])
        elif action.nominal and not scene.parts and not scene.sources:
            scene.parts.append(action.words)
        elif action.nominal:  # "a neigh and a whinny"
            scene.sources += [Phrase("part", words) for words in (*scene.parts, action.words)]
            scene.parts.clear()
        else:
            scene.sources.append(replace(action, words=participle(action.words), number="mass"))


def _do(sources: list[Phrase], action: Phrase, before: Sequence[str]) -> None:
    names = [phrase.words for phrase in sources]
    doer = names.index(before[-1]) if before and before[-1] in names else 0
    tail = sources[doer].tail
    doing = f"{tail} and {participle(action.words)}" if tail else participle(action.words)
    sources[doer] = replace(sources[doer], tail=doing, compound="")


def _ground(scene: Scene, materials: list[Phrase], surfaces: list[Phrase]) -> None:
    """Materials and surfaces: what is stepped on, what a thing is made of, or what sounds itself."""
    taken = {phrase.words for phrase in scene.sources}
    materials = [phrase for phrase in materials if phrase.words not in taken]
    surfaces = [phrase for phrase in surfaces if phrase.words not in taken]
    if scene.sources and is_contact(scene.sources[0]):
        surfaces, materials = materials + surfaces, []
    if surfaces and (scene.sources or scene.parts):
        scene.places.append("on " + join(noun_phrase(phrase) for phrase in surfaces))
    else:
        scene.sources += surfaces
    if scene.sources and not scene.parts and scene.sources[0].number not in ("count", "plural"):
        scene.sources += materials
    elif scene.sources or scene.parts or scene.forms or scene.families:
        scene.classifiers += [phrase.words for phrase in materials]
    else:
        scene.sources += materials


def _placed(place: Phrase) -> str:
    lead = f"{place.lead[:-2]} {article(place.words)}" if place.lead.endswith(" a") else place.lead
    return f"{lead} {place.words}".strip()


def _give_head(scene: Scene, phrases: Sequence[Phrase]) -> None:
    """Where nothing is named that sounds, what there is sounds: a forest, techno, reverb."""
    if scene.sources or scene.parts or scene.forms or scene.families:
        return
    for phrase in phrases:
        if phrase.kind == "place" and phrase.lead.endswith((" a", " the")):
            the = "the " if phrase.lead.endswith(" the") else ""
            scene.places.remove(_placed(phrase))
            scene.sources = [replace(phrase, words=the + phrase.words)]
        elif phrase.kind == "genre" and not scene.effects:
            scene.classifiers.remove(phrase.words)
            scene.sources = [phrase]
        elif phrase.kind == "effect":
            scene.effects.remove(phrase.words)
            scene.sources = [phrase]
        else:
            continue
        return


def noun_phrase(phrase: Phrase, modifiers: str = "", clause: bool = True) -> str:
    """Say "a heavy door slamming"; with `clause` false "a heavy door slam", where that can be said."""
    if phrase.words.startswith("the "):
        return spaced("the", modifiers, phrase.words[4:], phrase.tail)
    if phrase.compound and not clause:
        return counted(spaced(modifiers, phrase.compound))
    words = spaced(modifiers, phrase.words)
    return spaced(counted(words) if phrase.number == "count" else words, phrase.tail)


def counted(words: str) -> str:
    """Put "a" or "an" before it."""
    return f"{article(words)} {words}"


def spaced(*parts: str) -> str:
    """Join what is there by single spaces."""
    return " ".join(part for part in parts if part)

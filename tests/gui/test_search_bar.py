from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from soundsearch.engine.messages import Search
from soundsearch.gui.chips import BalanceChip, PartChip, SoundChip
from soundsearch.gui.draft import Draft, History, Sound, draft_of, lift, part_title
from soundsearch.gui.filter_editors import BalanceEditor, ChoiceEditor, Popover, RangeEditor, WeightEditor, WordEditor
from soundsearch.gui.filters import KINDS, Vocabulary
from soundsearch.gui.search_bar import DEBOUNCE_MS, MAX_EXAMPLES, SearchBar
from soundsearch.gui.suggestions import suggest
from soundsearch.gui.theme import Theme
from soundsearch.records import Example


@pytest.fixture
def bar(qtbot: Any, theme: Theme) -> SearchBar:
    made = SearchBar(theme)
    qtbot.addWidget(made)
    made.resize(600, 60)
    made.show()
    made.asked = []  # type: ignore[attr-defined]
    made.search_requested.connect(made.asked.append)  # type: ignore[attr-defined]
    yield made
    made._settle.stop()
    made._debounce.stop()


def asked(bar: SearchBar) -> list[Search]:
    return bar.asked  # type: ignore[attr-defined, no-any-return]


def chips(bar: SearchBar) -> list[SoundChip]:
    return [chip for chip in bar.chips.chips if isinstance(chip, SoundChip)]


def part_chips(bar: SearchBar) -> dict[str, PartChip]:
    return {chip.part: chip for chip in bar.chips.chips if isinstance(chip, PartChip)}


def popover(bar: SearchBar) -> Popover:
    made = [p for p in bar.window().findChildren(Popover) if p.isVisible()]
    assert len(made) == 1
    return made[0]


def test_typing_is_gathered_into_one_search(qtbot: Any, bar: SearchBar) -> None:
    qtbot.keyClicks(bar.box, "kick", delay=10)
    assert asked(bar) == []
    with qtbot.waitSignal(bar.search_requested, timeout=4 * DEBOUNCE_MS):
        pass
    assert asked(bar) == [Search("kick")]


def test_enter_does_not_wait(qtbot: Any, bar: SearchBar) -> None:
    qtbot.keyClicks(bar.box, "kick")
    qtbot.keyClick(bar.box, Qt.Key.Key_Return)
    assert asked(bar) == [Search("kick")]


def test_down_searches_at_once_and_goes_to_the_list(qtbot: Any, bar: SearchBar) -> None:
    qtbot.keyClicks(bar.box, "kick")
    with qtbot.waitSignal(bar.list_entered):
        qtbot.keyClick(bar.box, Qt.Key.Key_Down)
    assert asked(bar) == [Search("kick")]


def test_sounds_become_chips_and_examples(bar: SearchBar) -> None:
    bar.add_sounds(("/a/kick #1.wav", "/a/ü.wav", "/a/kick #1.wav"))
    assert [chip.sound.path for chip in chips(bar)] == ["/a/kick #1.wav", "/a/ü.wav"]
    assert asked(bar) == [Search("", (Example("/a/kick #1.wav"), Example("/a/ü.wav")))]


def test_a_chip_turns_to_unlike_and_back(qtbot: Any, bar: SearchBar) -> None:
    bar.add_sounds(("/a.wav",))
    qtbot.mouseClick(chips(bar)[0].like_button, Qt.MouseButton.LeftButton)
    assert asked(bar)[-1] == Search("", (), (Example("/a.wav"),))
    assert chips(bar)[0].like_button.accessibleName() == "Unlike a.wav"
    qtbot.mouseClick(chips(bar)[0].like_button, Qt.MouseButton.LeftButton)
    assert asked(bar)[-1] == Search("", (Example("/a.wav"),))


def test_a_chip_is_removed_by_its_button_or_by_backspace(qtbot: Any, bar: SearchBar) -> None:
    bar.add_sounds(("/a.wav", "/b.wav", "/c.wav"))
    qtbot.mouseClick(chips(bar)[0].remove_button, Qt.MouseButton.LeftButton)
    assert [chip.sound.path for chip in chips(bar)] == ["/b.wav", "/c.wav"]
    bar.activateWindow()
    bar.box.setFocus()
    qtbot.keyClick(bar.box, Qt.Key.Key_Backspace)  # goes to the last chip
    last = chips(bar)[-1].body
    qtbot.waitUntil(last.hasFocus)
    qtbot.keyClick(last, Qt.Key.Key_Left)
    qtbot.keyClick(chips(bar)[0].body, Qt.Key.Key_Right)
    qtbot.keyClick(last, Qt.Key.Key_Delete)
    assert asked(bar)[-1] == Search("", (Example("/b.wav"),))
    only = chips(bar)[0].body
    qtbot.waitUntil(only.hasFocus)
    with qtbot.waitSignal(bar.list_entered):
        qtbot.keyClick(only, Qt.Key.Key_Down)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up):
        only.setFocus()
        qtbot.keyClick(only, key)
        assert bar.box.hasFocus()


def test_a_sound_is_weighed_and_turned_by_keyboard(qtbot: Any, bar: SearchBar) -> None:
    bar.add_sounds(("/a.wav", "/b.wav"))
    qtbot.keyClick(chips(bar)[0].body, Qt.Key.Key_Return)
    editor = popover(bar)
    assert isinstance(editor, WeightEditor)
    for _ in range(5):
        qtbot.keyClick(editor.slider, Qt.Key.Key_Right)
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: asked(bar)[-1].likes == (Example("/a.wav", weight=1.5), Example("/b.wav")))
    qtbot.waitUntil(lambda: chips(bar)[0].body.text() == "a.wav 150\N{NO-BREAK SPACE}%")
    qtbot.keyClick(chips(bar)[0].body, Qt.Key.Key_Return)
    turn = popover(bar)
    assert isinstance(turn, WeightEditor)
    qtbot.keyClick(turn.turn, Qt.Key.Key_Space)
    assert asked(bar)[-1].unlikes == (Example("/a.wav", weight=1.5),)


def test_more_sounds_than_make_sense_are_counted(bar: SearchBar) -> None:
    assert bar.add_sounds(tuple(f"/{i}.wav" for i in range(MAX_EXAMPLES + 5))) == 5
    assert len(chips(bar)) == MAX_EXAMPLES


def test_many_chips_go_on_in_the_next_line(qtbot: Any, bar: SearchBar) -> None:
    bar.add_sounds(("/one sound.wav",))
    one_line = bar.sizeHint().height()
    bar.add_sounds(tuple(f"/a rather long name of a sound {i}.wav" for i in range(8)))
    qtbot.waitUntil(lambda: bar.heightForWidth(400) > one_line + 60)
    assert bar.heightForWidth(400) > bar.heightForWidth(1400)


def test_clearing_empties_words_and_sounds(qtbot: Any, bar: SearchBar) -> None:
    bar.set_draft(Draft("kick", (Sound("/a.wav"),)))
    qtbot.mouseClick(bar.clear_button, Qt.MouseButton.LeftButton)
    assert bar.draft == Draft()
    assert not bar.clear_button.isVisible()
    assert asked(bar)[-1] == Search("")


def test_history_goes_back_and_on(bar: SearchBar) -> None:
    for text in ("kick", "snare"):
        bar.set_draft(Draft(text))
        bar.remember()
    bar.find_similar("/a.wav")
    seen = []
    for step in (-1, -1, -1, -1, 1, 1, 1, 1):
        bar.go(step)
        seen.append(bar.draft)
    similar = Draft("", (Sound("/a.wav"),))
    kick, snare, empty = Draft("kick"), Draft("snare"), Draft()
    assert seen == [snare, kick, empty, empty, kick, snare, similar, similar]


def test_a_region_becomes_the_query(bar: SearchBar) -> None:
    bar.find_similar("/rain.wav", 1.5, 63.0)
    assert asked(bar)[-1] == Search("", (Example("/rain.wav", 1.5, 63.0),))
    assert chips(bar)[0].sound.name == "rain.wav 0:01.5–1:03"
    assert draft_of(asked(bar)[-1]) == bar.draft


def test_going_back_keeps_what_was_just_typed(qtbot: Any, bar: SearchBar) -> None:
    bar.set_draft(Draft("kick"))
    bar.remember()
    bar.box.end(False)
    qtbot.keyClicks(bar.box, " deep")
    bar.go(-1)
    assert bar.draft == Draft("kick")
    bar.go(1)
    assert bar.draft == Draft("kick deep")


def test_a_new_query_drops_what_was_ahead() -> None:
    history = History()
    for text in ("a", "b", "c"):
        history.visit(Draft(text))
    history.step(-1)
    history.visit(Draft("d"))
    assert history.step(1) is None
    assert history.step(-1) == Draft("b")


def test_filters_and_excluded_words_become_chips_when_the_next_word_begins(qtbot: Any, bar: SearchBar) -> None:
    bar.activateWindow()
    bar.box.setFocus()
    qtbot.keyClicks(bar.box, 'wet dur<2 -voice slap "take 2" tag:')
    assert bar.box.text() == "wet slap tag:"
    assert list(part_chips(bar)) == ["dur<2", "-voice", '"take 2"']
    assert [chip.body.text() for chip in bar.chips.chips] == ["under 2 s", "not voice", "“take 2”"]
    assert bar.draft == Draft("wet slap tag:", (), ("dur<2", "-voice", '"take 2"'))
    qtbot.keyClicks(bar.box, "vinyl")
    qtbot.keyClick(bar.box, Qt.Key.Key_Return)
    assert bar.box.text() == "wet slap "
    assert asked(bar)[-1] == Search('wet slap dur<2 -voice "take 2" tag:vinyl')
    assert draft_of(asked(bar)[-1]) == Draft("wet slap ", (), ("dur<2", "-voice", '"take 2"', "tag:vinyl"))
    qtbot.mouseClick(part_chips(bar)["-voice"].remove_button, Qt.MouseButton.LeftButton)
    assert asked(bar)[-1] == Search('wet slap dur<2 "take 2" tag:vinyl')


def test_the_word_that_is_being_typed_stays_a_word() -> None:
    assert lift("kick dur<2 deep", 15) == ("kick deep", 6, ("dur<2",))
    assert lift("kick dur<2", 5) == ("kick dur<2", 0, ())
    assert lift('kick "take ', 11) == ('kick "take ', 0, ())
    assert lift("kick dur<x ", 11) == ("kick dur<x ", 0, ())
    assert lift("durr<2 kick", 11) == ("durr<2 kick", 0, ())


def test_a_half_typed_filter_is_waited_for_and_a_wrong_one_is_underlined(qtbot: Any, bar: SearchBar) -> None:
    bar.activateWindow()
    bar.box.setFocus()
    qtbot.keyClicks(bar.box, "kick dur<")
    qtbot.wait(2 * DEBOUNCE_MS)
    assert asked(bar) == []
    assert bar.box.wrong is None
    qtbot.keyClick(bar.box, Qt.Key.Key_Return)
    assert asked(bar) == [Search("kick dur<")]  # the answer says what is wrong
    assert bar.box.wrong == (5, 9)
    bar.box.grab()
    qtbot.keyClicks(bar.box, "2")
    assert bar.box.wrong is None
    with qtbot.waitSignal(bar.search_requested):
        pass
    assert asked(bar)[-1] == Search("kick dur<2")


def test_filters_are_built_without_typing(qtbot: Any, bar: SearchBar) -> None:
    bar.know(Vocabulary(("vinyl", "deep kick"), ("Drums/Kicks",)))
    qtbot.mouseClick(bar.filters.buttons["dur"], Qt.MouseButton.LeftButton)
    editor = popover(bar)
    assert isinstance(editor, RangeEditor)
    qtbot.mouseClick(editor.presets[1], Qt.MouseButton.LeftButton)
    assert asked(bar)[-1] == Search("dur:1-5")
    assert bar.filters.buttons["dur"].property("on") == "true"
    qtbot.mouseClick(bar.filters.buttons["tag"], Qt.MouseButton.LeftButton)
    tags = popover(bar)
    assert isinstance(tags, ChoiceEditor)
    qtbot.keyClicks(tags.line, "deep")
    qtbot.keyClick(tags.line, Qt.Key.Key_Return)
    qtbot.keyClicks(tags.line, "my own")
    qtbot.keyClick(tags.line, Qt.Key.Key_Return)
    tags.close()
    qtbot.waitUntil(lambda: asked(bar)[-1] == Search('dur:1-5 tag:"deep kick" tag:"my own"'))
    qtbot.waitUntil(lambda: 'tag:"my own"' in part_chips(bar))


def test_a_range_is_changed_and_a_mistake_is_said(qtbot: Any, bar: SearchBar) -> None:
    bar.set_draft(Draft("", (), ("dur:0.5-4",)))
    qtbot.keyClick(part_chips(bar)["dur:0.5-4"].body, Qt.Key.Key_Return)
    editor = popover(bar)
    assert isinstance(editor, RangeEditor)
    assert (editor.low.text(), editor.high.text()) == ("0.5", "4")
    editor.high.clear()
    qtbot.keyClicks(editor.high, "x")
    assert editor.trouble.text() == "Write a number of seconds."
    editor.high.clear()
    qtbot.keyClicks(editor.high, "0,2")
    assert "No clip" in editor.trouble.text()
    editor.high.selectAll()
    qtbot.keyClicks(editor.high, "8")
    assert not editor.trouble.isVisible()
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: asked(bar)[-1] == Search("dur:0.5-8"))


def test_an_excluded_word_is_changed(qtbot: Any, bar: SearchBar) -> None:
    bar.set_draft(Draft("slap", (), ("-voice",)))
    qtbot.keyClick(part_chips(bar)["-voice"].body, Qt.Key.Key_Return)
    editor = popover(bar)
    assert isinstance(editor, WordEditor)
    editor.line.selectAll()
    qtbot.keyClicks(editor.line, "-music")
    editor.close()
    qtbot.waitUntil(lambda: asked(bar)[-1] == Search("slap -music"))
    qtbot.waitUntil(lambda: list(part_chips(bar)) == ["-music"])


def test_buttons_without_room_are_found_under_more(qtbot: Any, bar: SearchBar) -> None:
    bar.resize(260, 90)
    qtbot.waitUntil(lambda: not bar.filters.buttons["tag"].isVisible())
    assert bar.filters.more.isVisible()
    bar.resize(700, 90)
    qtbot.waitUntil(lambda: bar.filters.buttons["tag"].isVisible())


def test_suggestions_leave_enter_and_down_alone_and_tab_takes_one(qtbot: Any, bar: SearchBar) -> None:
    bar.know(Vocabulary(("vinyl", "violin"), ("Drums/Vintage kit",)))
    bar.activateWindow()
    bar.box.setFocus()
    qtbot.keyClicks(bar.box, "slap vi")
    shown = bar.suggester.shown
    assert [s.title for s in shown] == ["vinyl", "violin", "Drums/Vintage kit"]
    qtbot.keyClick(bar.box, Qt.Key.Key_Return)
    assert asked(bar)[-1] == Search("slap vi")
    assert bar.suggester.shown == ()
    qtbot.keyClicks(bar.box, "o")
    qtbot.keyClick(bar.box, Qt.Key.Key_Tab)
    assert bar.draft == Draft("slap ", (), ("tag:violin",))
    assert bar.box.hasFocus()
    qtbot.keyClicks(bar.box, "folder:")
    qtbot.keyClick(bar.box, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(bar.box, Qt.Key.Key_Tab)
    assert bar.draft.parts[-1] == 'folder:"Drums/Vintage kit"' or bar.draft.parts[-1] == "folder:Drums/Vintage kit"
    qtbot.keyClicks(bar.box, "du")
    assert bar.suggester.shown[0].title.startswith("dur<2")
    qtbot.keyClick(bar.box, Qt.Key.Key_Escape)
    assert bar.suggester.shown == ()


def test_what_is_suggested() -> None:
    known = Vocabulary(("kick", "sidekick", "deep kick"), ("Kicks", "Drums/Kick drums"))
    past = (Draft("kick drum with reverb"), Draft("kick"))
    titles = [(s.title, s.remark) for s in suggest("kick", 4, known, past)]
    assert titles == [
        ("kick", "tag"), ("deep kick", "tag"), ("Kicks", "folder"), ("Drums/Kick drums", "folder"),
        ("kick drum with reverb", "searched before"),
    ]  # fmt: skip
    assert suggest("k", 1, known, past) == ()
    assert [s.text for s in suggest("a -tag:si", 9, known, past)] == ["-tag:sidekick "]
    assert [s.text for s in suggest("is:lo", 5, known, past)] == ["is:loop ", "is:long "]
    assert {s.text for s in suggest("temp", 4, known, ())} == {"bpm:"}


@pytest.mark.parametrize(
    ("part", "title"),
    [
        ("dur<2", "under 2 s"), ("dur:0.5-4", "0.5–4 s"), ("bpm>120", "over 120 BPM"), ("tag:vinyl", "tag vinyl"),
        ("-tag:vinyl", "not tag vinyl"), ("ch:2", "stereo"), ("rate:44100", "44.1 kHz"), ("is:fav", "favourites"),
        ("rating:4", "4 stars or more"), ('folder:"My kit"', "folder My kit"),
    ],
)  # fmt: skip
def test_pieces_are_said_in_words(part: str, title: str) -> None:
    assert part_title(part) == title


def test_every_kind_of_filter_has_its_editor(qtbot: Any, bar: SearchBar) -> None:
    for name in KINDS:
        bar._editing.edit_kind(name, bar.filters.more)
        made = popover(bar)
        assert all(child.accessibleName() for child in (made.focusProxy(), made))
        made.close()
        qtbot.waitUntil(lambda: not [p for p in bar.window().findChildren(Popover) if p.isVisible()])


def test_queries_are_remembered_for_next_time(bar: SearchBar) -> None:
    sound = Sound("/odd \udce9.wav", False, 1.5, 3.0, 0.5)
    bar.set_draft(Draft("kick", (sound,), ("dur<2", "-voice")))
    bar.remember()
    bar.set_draft(Draft())
    text = bar._history.to_json()
    other = History()
    other.restore(text)
    assert other.latest == (Draft("kick", (sound,), ("dur<2", "-voice")),)
    assert other.step(-1) == Draft("kick", (sound,), ("dur<2", "-voice"))
    for damaged in ("", "{}", '[{"text": "a"}]', '[{"text":"","sounds":[],"parts":["durr<"],"text_weight":0.5}]'):
        other = History()
        other.restore(damaged)
        assert other.latest == ()


def test_the_focused_field_shows_it(qtbot: Any, bar: SearchBar, qapp: Any) -> None:
    other = QWidget()
    qtbot.addWidget(other)
    bar.activateWindow()
    bar.focus_box()
    qtbot.waitUntil(lambda: bar.field.property("focused") == "true")
    bar.box.clearFocus()
    assert bar.field.property("focused") == "false"


def test_words_are_weighed_against_sounds(qtbot: Any, bar: SearchBar) -> None:
    bar.add_sounds(("/sounds/kick.wav",))
    assert not bar.chips.shows_balance  # nothing to weigh
    bar.box.setFocus()
    qtbot.keyClicks(bar.box, "soft")
    (chip,) = [chip for chip in bar.chips.chips if isinstance(chip, BalanceChip)]
    qtbot.keyClick(chip.body, Qt.Key.Key_Return)
    editor = popover(bar)
    assert isinstance(editor, BalanceEditor)
    for _ in range(4):
        qtbot.keyClick(editor.slider, Qt.Key.Key_Right)
    assert editor.says.text() == "Words count 70 %, sounds 30 %"
    editor.close()
    assert asked(bar)[-1] == Search("soft", (Example("/sounds/kick.wav"),), text_weight=0.7)
    (chip,) = [chip for chip in bar.chips.chips if isinstance(chip, BalanceChip)]
    qtbot.keyClick(chip.body, Qt.Key.Key_Delete)
    assert asked(bar)[-1].text_weight == 0.5
    bar.box.clear()
    assert not bar.chips.shows_balance


def test_a_narrow_query_has_the_whole_width_and_the_buttons_stand_below_it(qtbot: Any, bar: SearchBar) -> None:
    bar.resize(320, 100)
    qtbot.waitUntil(lambda: bar.menu_button.y() > bar.field.geometry().bottom())
    assert bar.field.width() == 320 - 16
    assert bar.box.width() > 180
    assert bar.library_button.y() == bar.map_button.y()
    bar.resize(600, 100)
    qtbot.waitUntil(lambda: bar.menu_button.x() > bar.field.geometry().right())
    assert bar.library_button.y() == bar.field.y()

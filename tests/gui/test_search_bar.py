from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from soundsearch.engine.messages import Search
from soundsearch.gui.search_bar import DEBOUNCE_MS, MAX_EXAMPLES, Chip, Draft, History, SearchBar, Sound
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


def chips(bar: SearchBar) -> list[Chip]:
    return [chip for chip in bar.findChildren(Chip) if chip.isVisible()]


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
    qtbot.keyClick(bar.box, Qt.Key.Key_Backspace)
    assert asked(bar)[-1] == Search("", (Example("/b.wav"),))


def test_chips_work_by_keyboard(qtbot: Any, bar: SearchBar) -> None:
    bar.add_sounds(("/a.wav",))
    qtbot.keyClick(chips(bar)[0].like_button, Qt.Key.Key_Space)
    assert asked(bar)[-1].unlikes == (Example("/a.wav"),)
    qtbot.keyClick(chips(bar)[0].remove_button, Qt.Key.Key_Space)
    assert asked(bar)[-1] == Search("")


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


def test_the_focused_field_shows_it(qtbot: Any, bar: SearchBar, qapp: Any) -> None:
    other = QWidget()
    qtbot.addWidget(other)
    bar.activateWindow()
    bar.focus_box()
    qtbot.waitUntil(lambda: bar.field.property("focused") == "true")
    bar.box.clearFocus()
    assert bar.field.property("focused") == "false"

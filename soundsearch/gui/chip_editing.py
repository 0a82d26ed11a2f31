"""What happens when a chip, or a button of the filter bar, is pressed: which editor opens, and what it changes."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QToolButton, QWidget

from soundsearch.gui.chips import EVEN, BalanceChip, PartChip, SoundChip
from soundsearch.gui.draft import Draft, Sound, kind_of
from soundsearch.gui.filter_editors import (
    BalanceEditor,
    ChoiceEditor,
    Popover,
    RangeEditor,
    WeightEditor,
    WordEditor,
)
from soundsearch.gui.filters import KINDS, Vocabulary, values_of


class ChipEditing(QObject):
    """Changes the chips of a draft.

    Signals:
        amended (Draft): An editor is open and changed this; more may follow.
        changed (Draft): This was changed at one stroke.
        closed: An editor was closed.

    Attributes:
        vocabulary: The values that may be chosen from.
    """

    amended = Signal(object)
    changed = Signal(object)
    closed = Signal()

    def __init__(self, draft: Callable[[], Draft], field: QWidget) -> None:
        """Take what tells the draft as it is now, and the widget under which editors of chips open."""
        super().__init__(field)
        self._draft, self._field = draft, field
        self.vocabulary = Vocabulary()

    def remove_sound(self, gone: Sound) -> None:
        """Take a sound out."""
        draft = self._draft()
        self.changed.emit(replace(draft, sounds=tuple(sound for sound in draft.sounds if sound != gone)))

    def remove_part(self, gone: str) -> None:
        """Take a filter or an excluded word out."""
        draft = self._draft()
        self.changed.emit(replace(draft, parts=tuple(part for part in draft.parts if part != gone)))

    def turn(self, sound: Sound) -> None:
        """From wanted to unwanted, or back."""
        self.changed.emit(self._with(sound, replace(sound, liked=not sound.liked)))

    def edit_sound(self, chip: SoundChip) -> None:
        """Say how much a sound counts."""
        now = chip.sound

        def weigh(weight: float) -> None:
            nonlocal now
            before, now = now, replace(now, weight=weight)
            self.amended.emit(self._with(before, now))

        editor = WeightEditor(now, self._anchor(chip))
        editor.weighed.connect(weigh)
        editor.turned.connect(lambda: self.turn(now))
        self._open(editor)

    def edit_balance(self, chip: BalanceChip) -> None:
        """Say how much the words count against the sounds."""
        editor = BalanceEditor(chip.text_weight, self._anchor(chip))
        editor.weighed.connect(lambda share: self.amended.emit(replace(self._draft(), text_weight=share)))
        self._open(editor)

    def even_balance(self) -> None:
        """Let words and sounds count the same."""
        self.changed.emit(replace(self._draft(), text_weight=EVEN))

    def edit_part(self, chip: PartChip) -> None:
        """Change a filter by its own editor, all else as it is written."""
        kind, now = kind_of(chip.part), chip.part
        if kind in KINDS:
            self.edit_kind(kind, chip)
            return

        def change(parts: tuple[str, ...]) -> None:
            nonlocal now
            if parts:
                draft = self._draft()
                self.amended.emit(
                    replace(draft, parts=tuple(parts[0] if part == now else part for part in draft.parts))
                )
                now = parts[0]

        editor = WordEditor(chip.part, self._anchor(chip))
        editor.changed.connect(change)
        self._open(editor)

    def edit_kind(self, name: str, anchor: QWidget) -> None:
        """Open what builds the filters of a kind."""
        kind = KINDS[name]
        own = tuple(part for part in self._draft().parts if kind_of(part) == name)

        def change(parts: tuple[str, ...]) -> None:
            draft = self._draft()
            others = tuple(part for part in draft.parts if kind_of(part) != name)
            self.amended.emit(replace(draft, parts=(*others, *parts)))

        if kind.unit:
            limits = RangeEditor(kind, own, self._anchor(anchor))
            limits.changed.connect(change)
            self._open(limits)
        else:
            choice = ChoiceEditor(kind, own, values_of(kind, self.vocabulary), self._anchor(anchor))
            choice.changed.connect(change)
            self._open(choice)

    def _open(self, editor: Popover) -> None:
        editor.closed.connect(self.closed)
        editor.open()

    def _with(self, old: Sound, new: Sound) -> Draft:
        draft = self._draft()
        return replace(draft, sounds=tuple(new if sound == old else sound for sound in draft.sounds))

    def _anchor(self, widget: QWidget) -> QWidget:
        """What an editor hangs on: chips are made anew while it is open, so theirs is the field."""
        return widget if isinstance(widget, QToolButton) else self._field

"""The details of the current clip: what it is, what is said of it, and what sounds like it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QCompleter,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from soundsearch.gui import wording
from soundsearch.gui.bridge import EngineBridge
from soundsearch.gui.file_exchange import display_name
from soundsearch.gui.flow_layout import FlowLayout
from soundsearch.gui.labels import label
from soundsearch.gui.naming import MAX_NAME
from soundsearch.gui.panel_rows import PanelRow, Section
from soundsearch.gui.scrolling import scrolling
from soundsearch.gui.theme import Theme
from soundsearch.gui.ucs_row import UcsRow
from soundsearch.records import COLOURS, Clip, ClipDetails, Tag

DETAILS_WIDTH = 240
ASK_MS = 80  # the details are asked for once the selection rests


class DetailsPanel(QFrame):
    """What there is to know of one clip. Marks and tags given here are given to the whole selection.

    Signals:
        favourite_toggled
        rated (int), coloured (str): Stars from 0 to 5; a colour label's name, or "".
        tag_added, tag_removed (str)
        collection_chosen (str): Its clips should be shown.
        similar_chosen (Clip): It should be heard.
        name_wanted (str): This file name should go to the clipboard.
    """

    favourite_toggled = Signal()
    rated = Signal(int)
    coloured = Signal(str)
    tag_added = Signal(str)
    tag_removed = Signal(str)
    collection_chosen = Signal(str)
    similar_chosen = Signal(object)
    name_wanted = Signal(str)

    def __init__(self, bridge: EngineBridge, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("details")
        self._bridge, self._theme = bridge, theme
        self._clip: Clip | None = None
        self._wanted: int | None = None
        self._drawn: tuple[object, ...] = ()  # what the icons were drawn for
        self._shown_tags: tuple[Tag, ...] | None = None
        self._shown_rest: tuple[tuple[str, ...], tuple[Clip, ...]] | None = None
        self._ask_soon = QTimer(self, singleShot=True, interval=ASK_MS)
        self._ask_soon.timeout.connect(self._ask)
        self.name = label(role="query")
        self.path = label(tone="muted", role="small")
        self.path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.remark = label(tone="warn", role="small")
        self.favourite = self._mark_button("Favourite (F)", "Favourite")
        self.favourite.clicked.connect(self.favourite_toggled)
        self.stars = [self._mark_button(f"{wording.count(n, 'star')} ({n})", wording.count(n, "star"))
                      for n in range(1, 6)]  # fmt: skip
        for number, star in enumerate(self.stars, start=1):
            star.clicked.connect(partial(self._rate, number))
        self.colours = {name: self._mark_button(f"{name.capitalize()} label", f"{name.capitalize()} label")
                        for name in COLOURS}  # fmt: skip
        for name, button in self.colours.items():
            button.clicked.connect(partial(self._colour, name))
        self._tags = QWidget()
        self._tag_flow = FlowLayout(self._tags)
        self.tag_field = QLineEdit()
        self.tag_field.setPlaceholderText("Add a tag")
        self.tag_field.setAccessibleName("Add a tag")
        self.tag_field.setMaxLength(MAX_NAME)
        self.tag_field.returnPressed.connect(self._add_tag)
        self.ucs_name = UcsRow(theme)
        self.ucs_name.name_wanted.connect(self.name_wanted)
        self._facts = QGridLayout()
        self._fact_labels: list[tuple[QLabel, QLabel]] = []  # kept: making them anew is felt under the arrow keys
        self.tags_section = Section("Tags", theme)
        self.facts_section = Section("Analysis", theme)
        self.collections_section = Section("Collections", theme)
        self.similar_section = Section("Similar", theme)
        self._collection_lines = _Lines(self.collections_section, theme, "collection")
        self._similar_lines = _Lines(self.similar_section, theme, "play")
        self._lay_out()
        bridge.details_known.connect(self._show)
        bridge.changed.connect(self.refresh)
        theme.changed.connect(self._dress)
        self.show_nothing()

    def sizeHint(self) -> QSize:
        """A narrow column."""
        return QSize(DETAILS_WIDTH, 400)

    def sections(self) -> dict[str, Section]:
        """Its sections by a name that is remembered."""
        return {
            "details_tags": self.tags_section,
            "details_facts": self.facts_section,
            "details_collections": self.collections_section,
            "details_similar": self.similar_section,
        }

    def show_clip(self, clip: Clip | None, selected: int = 1) -> None:
        """Show what is known at once, and ask for the rest; `selected` clips get what is said here."""
        if clip is None:
            self.show_nothing()
            return
        self._wanted = clip.id
        other = self._clip is None or self._clip.id != clip.id
        self._show_known(clip)
        self.remark.setText(f"Marks and tags go to all {selected:,} selected clips" if selected > 1 else "")
        self.remark.setVisible(selected > 1)
        if other:
            self._show_tags(tuple(Tag(tag, "") for tag in clip.tags))
            self._show_rest((), ())
            self.ucs_name.show_name("")
        self.refresh()

    def show_nothing(self) -> None:
        """No clip is chosen."""
        self._wanted = self._clip = None
        self._body.hide()
        self._empty.show()

    def refresh(self) -> None:
        """Ask again for what is shown, if anyone can see it."""
        if self._wanted is not None and self.isVisible():
            self._ask_soon.start()

    def complete_tags(self, labels: tuple[str, ...]) -> None:
        """Tags to complete what is typed."""
        completer = QCompleter(list(labels), self.tag_field)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.tag_field.setCompleter(completer)

    def showEvent(self, event: object) -> None:
        """What was chosen while it was closed is asked for now."""
        self.refresh()

    def _ask(self) -> None:
        if self._wanted is not None:
            self._bridge.ask_details(self._wanted)

    def _show(self, details: ClipDetails | None) -> None:
        if details is None:
            self.show_nothing()
        elif details.clip.id == self._wanted:
            self._show_known(details.clip)
            self._show_tags(details.tags)
            self._show_rest(details.collections, details.similar)
            self.ucs_name.show_name(details.ucs_name)

    def _show_known(self, clip: Clip) -> None:
        self._clip = clip
        self._empty.hide()
        self._body.show()
        # A break may stand after each separator: a path has no spaces to wrap at.
        self.name.setText(display_name(clip.name).replace("_", "_\N{ZERO WIDTH SPACE}"))
        self.path.setText(display_name(clip.path.removesuffix(clip.name)).replace("/", "/\N{ZERO WIDTH SPACE}"))
        self.path.setAccessibleName(display_name(clip.path))
        self._dress()
        known = facts(clip)
        while len(self._fact_labels) < len(known):
            pair = (label("", tone="muted", role="small"), label("", role="small"))
            pair[1].setAlignment(Qt.AlignmentFlag.AlignRight)
            for column, part in enumerate(pair):
                self._facts.addWidget(part, len(self._fact_labels), column)
            self._fact_labels.append(pair)
        for row, pair in enumerate(self._fact_labels):
            for part, words in zip(pair, known[row] if row < len(known) else ("", ""), strict=True):
                part.setText(words)
                part.setVisible(row < len(known))

    def _show_tags(self, tags: tuple[Tag, ...]) -> None:
        if tags == self._shown_tags:
            return  # what has the keyboard keeps it
        self._shown_tags = tags
        _empty(self._tag_flow)
        by_label: dict[str, list[Tag]] = {}
        for tag in tags:
            by_label.setdefault(tag.label, []).append(tag)
        for same in by_label.values():
            chip = self._tag_chip(same)
            self._tag_flow.addWidget(chip)
            chip.show()

    def _tag_chip(self, same: list[Tag]) -> QPushButton:
        """A chip for a label, whoever gave it; what its folder says alone cannot be removed."""
        name = display_name(same[0].label)
        removable = [tag for tag in same if tag.source not in ("folder", "")]
        by = " and ".join(_giver(tag) for tag in same if tag.source)
        chip = QPushButton(f"{name}  ×" if removable else name)
        chip.setProperty("role", "chip")
        chip.setProperty("tag", same[0].label)
        chip.setProperty("source", " ".join(tag.source for tag in same))
        if removable:
            chip.setToolTip(f"Given by {by}: press to remove it")
            chip.setAccessibleName(f"Remove the tag {name}, given by {by}")
            chip.clicked.connect(partial(self.tag_removed.emit, removable[0].label))
        else:
            chip.setEnabled(False)
            chip.setToolTip(f"Given by {by}" if by else "")
            chip.setAccessibleName(f"Tag {name}")
        return chip

    def _show_rest(self, collections: tuple[str, ...], similar: tuple[Clip, ...]) -> None:
        if (collections, similar) == self._shown_rest:
            return
        self._shown_rest = (collections, similar)
        self._collection_lines.show(
            [(name, "", "Show its clips", partial(self.collection_chosen.emit, name)) for name in collections]
        )
        self._similar_lines.show([self._similar_line(clip) for clip in similar])

    def _similar_line(self, clip: Clip) -> "Line":
        tip = f"Hear it\n{display_name(clip.path)}"
        return clip.name, wording.length(clip.duration_s), tip, partial(self.similar_chosen.emit, clip)

    def _rate(self, stars: int) -> None:
        same = self._clip is not None and self._clip.rating == stars
        self.rated.emit(0 if same else stars)
        self._dress()

    def _colour(self, name: str) -> None:
        same = self._clip is not None and self._clip.colour == name
        self.coloured.emit("" if same else name)
        self._dress()

    def _add_tag(self) -> None:
        if tag := self.tag_field.text().strip():
            self.tag_added.emit(tag)
        self.tag_field.clear()

    def _mark_button(self, tip: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("small", "true")
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setAccessibleName(name)
        button.setIconSize(QSize(16, 16))
        return button

    def _lay_out(self) -> None:
        marks = QHBoxLayout()
        marks.setSpacing(0)
        for button in (*self.stars, self.favourite):
            marks.addWidget(button)
        marks.insertStretch(5, 1)
        dots = QHBoxLayout()
        dots.setSpacing(0)
        for button in self.colours.values():
            dots.addWidget(button)
        dots.addStretch(1)
        top = QVBoxLayout()
        top.setContentsMargins(12, 12, 8, 4)
        top.setSpacing(4)
        for widget in (self.name, self.path, self.remark):
            top.addWidget(widget)
        top.addLayout(marks)
        top.addLayout(dots)
        for section, inside in ((self.tags_section, self._tags), (self.facts_section, None)):
            section.rows.setContentsMargins(8, 0, 4, 4)
            if inside:
                section.rows.addWidget(inside)
        self.tags_section.rows.setSpacing(6)
        self.tags_section.rows.addWidget(self.tag_field)
        self.tags_section.rows.addWidget(self.ucs_name)
        self._facts.setColumnStretch(1, 1)
        self._facts.setVerticalSpacing(2)
        self.facts_section.rows.addLayout(self._facts)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(4)
        body.addLayout(top)
        for section in self.sections().values():
            body.addWidget(section)
        body.addStretch(1)
        self._empty = label("Select a clip to see its details.", tone="muted")
        self._empty.setContentsMargins(12, 16, 12, 12)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._body)
        column.addWidget(self._empty)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(scrolling(content))
        self.setMinimumWidth(200)

    def _dress(self) -> None:
        clip = self._clip
        self.favourite.setChecked(bool(clip and clip.favourite))
        for number, star in enumerate(self.stars, start=1):
            star.setChecked(bool(clip and clip.rating == number))
        for name, button in self.colours.items():
            button.setChecked(bool(clip and clip.colour == name))
        drawn = (clip.rating if clip else 0, clip.colour if clip else "", self._theme.tokens, self.devicePixelRatioF())
        if drawn != self._drawn:  # each new icon has the panel laid out anew, which is felt under the arrow keys
            self._drawn = drawn
            self._draw_icons()

    def _draw_icons(self) -> None:
        self.favourite.setIcon(self._theme.icon("favourite", "muted", 16))
        for number, star in enumerate(self.stars, start=1):
            lit = self._clip is not None and self._clip.rating >= number
            star.setIcon(self._theme.icon("star-full" if lit else "star", "accent" if lit else "muted", 16))
        for name, button in self.colours.items():
            button.setIcon(self._dot(name, button.isChecked()))

    def _dot(self, name: str, chosen: bool) -> QIcon:
        """A filled circle in the colour of a label, with a ring if it is the clip's."""
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(QSize(16, 16) * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.label_color(name))
        painter.drawEllipse(4, 4, 8, 8)
        if chosen:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self._theme.tokens.color("text"))
            painter.drawEllipse(1, 1, 14, 14)
        painter.end()
        return QIcon(pixmap)


Line = tuple[str, str, str, Callable[[], object]]  # name, what stands at the end, tip, what a press does


class _Lines:
    """The rows of a section. They are kept: making them anew is felt under the arrow keys."""

    def __init__(self, section: Section, theme: Theme, icon: str) -> None:
        self._section, self._theme, self._icon = section, theme, icon
        self._rows: list[PanelRow] = []
        self._lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these in place of the ones before; without any the section goes."""
        self._lines = lines
        while len(self._rows) < len(lines):
            self._add()
        for row, line in zip(self._rows, lines, strict=False):
            row.show_line(line[0], line[1], tip=line[2])
        for number, row in enumerate(self._rows):
            row.setVisible(number < len(lines))
        self._section.setVisible(bool(lines))

    def _add(self) -> None:
        row = PanelRow(self._theme, self._icon)
        row.setCheckable(False)
        number = len(self._rows)
        row.clicked.connect(lambda: self._lines[number][3]())
        self._rows.append(row)
        self._section.rows.addWidget(row)


def facts(clip: Clip) -> list[tuple[str, str]]:
    """What is known of a clip, as lines of a table; what is not known has none."""
    found = [
        ("Length", wording.length(clip.duration_s) if clip.duration_s else ""),
        ("Kind", clip.kind.capitalize()),
        ("Tempo", f"{clip.tempo_bpm:.0f} BPM" if clip.tempo_bpm else ""),
        ("Key", clip.key),
        ("Loudness", f"{clip.loudness_lufs:.1f} LUFS" if clip.loudness_lufs is not None else ""),
        ("Peak", f"{clip.peak_db:.1f} dB" if clip.peak_db is not None else ""),
        ("Brightness", f"{clip.brightness_hz:,.0f} Hz" if clip.brightness_hz else ""),
        ("Format", clip.format.upper()),
        ("Sample rate", f"{clip.sample_rate / 1000:g} kHz" if clip.sample_rate else ""),
        ("Channels", wording.channels(clip.channels) if clip.channels else ""),
        ("Size", wording.size(clip.size_bytes) if clip.size_bytes else ""),
        (
            "Changed",
            datetime.fromtimestamp(clip.modified_ns / 1e9).strftime("%d %b %Y") if clip.modified_ns > 0 else "",
        ),
    ]
    return [(what, value) for what, value in found if value]


def _giver(tag: Tag) -> str:
    score = "" if tag.score is None else f" ({wording.share(tag.score)} sure)"
    return wording.TAG_SOURCES[tag.source] + score


def _empty(flow: FlowLayout) -> None:
    while item := flow.takeAt(0):
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()

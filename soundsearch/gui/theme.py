"""Colours, sizes, fonts and icons of the window, from one table of tokens for dark and one for light."""

import logging
from dataclasses import dataclass, fields
from functools import lru_cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from soundsearch.settings import resource

log = logging.getLogger(__name__)

DESIGN_BODY_PX = 13  # the design's sizes are given for this body size; all grow with a larger system font


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme. Nothing in the window names a colour but through these."""

    base: str  # list background
    panel: str  # side and bottom panels
    raised: str  # menus, chips, fields
    line: str  # hairlines
    text: str
    muted: str  # secondary text, at least 4.5:1 on base, panel and raised
    accent: str  # selection bar, play position, primary button
    accent_soft: str  # selected row
    on_accent: str  # text on accent
    warn: str  # offline, weak
    error: str
    is_dark: bool

    def color(self, name: str) -> QColor:
        """A token as a colour; `name` is a field above."""
        return QColor(getattr(self, name))


DARK = Tokens(
    base="#16181C",
    panel="#1D2026",
    raised="#272B33",
    line="#333842",
    text="#E8EAED",
    muted="#9AA1AD",
    accent="#4FB3A5",
    accent_soft="#203B38",
    on_accent="#0E1413",
    warn="#D9A441",
    error="#E5726A",
    is_dark=True,
)
LIGHT = Tokens(
    base="#FBFBFA",
    panel="#F1F2F0",
    raised="#FFFFFF",
    line="#DADCD8",
    text="#1B1D21",
    muted="#5B616B",
    accent="#0F766E",
    accent_soft="#DAEFEB",
    on_accent="#FFFFFF",
    warn="#8A5A00",
    error="#B3261E",
    is_dark=False,
)

# Colour labels of clips, as dots: (dark, light). Their names are `records.COLOURS`.
LABELS = {
    "red": ("#E5726A", "#C4352B"),
    "orange": ("#E0914A", "#B85C00"),
    "yellow": ("#D9C04A", "#9A7B00"),
    "green": ("#6DBE6B", "#2E7D32"),
    "blue": ("#6AA5E8", "#1E63B8"),
    "purple": ("#B18AE0", "#7440B0"),
    "grey": ("#9AA1AD", "#5B616B"),
}

STYLE = """
* {{ font-size: {body}px; color: {text}; outline: none; }}
QMainWindow, QDialog, #page {{ background: {base}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; padding: 4px 8px; }}
#panel, #details, #player, #status {{ background: {panel}; }}
#details {{ border-left: 1px solid {line}; }}
#panel {{ border-right: 1px solid {line}; }}
#player {{ border-top: 1px solid {line}; }}
#status {{ border-top: 1px solid {line}; }}
#searchBar {{ background: {base}; }}

QLabel {{ background: transparent; }}
QLabel[tone="muted"] {{ color: {muted}; }}
QLabel[tone="warn"] {{ color: {warn}; }}
QLabel[tone="error"] {{ color: {error}; }}
QLabel[tone="accent"] {{ color: {accent}; }}
QLabel[role="small"] {{ font-size: {small}px; }}
QLabel[role="query"] {{ font-size: {query}px; }}
QLabel[role="title"] {{ font-size: {title}px; font-weight: 500; }}
QLabel[role="heading"] {{ font-size: {small}px; font-weight: 500; color: {muted}; }}

QToolButton {{ background: transparent; border: 2px solid transparent; border-radius: 4px; padding: 3px; }}
QToolButton:hover {{ background: {raised}; }}
QToolButton:pressed {{ background: {accent_soft}; }}
QToolButton:checked {{ color: {accent}; }}
QToolButton:focus {{ border-color: {accent}; }}
QToolButton:disabled {{ color: {muted}; }}
QToolButton::menu-indicator {{ image: none; width: 0; }}
#sectionHeading {{ font-size: {small}px; font-weight: 500; color: {muted}; text-align: left; padding: 3px 2px; }}
#sectionHeading:hover {{ color: {text}; background: transparent; }}
#sectionHeading:checked {{ color: {muted}; }}
QToolButton[small="true"] {{ padding: 0px; border-width: 2px; font-size: {small}px; color: {muted}; }}
QToolButton[small="true"]:hover {{ color: {text}; }}

QPushButton {{ background: {raised}; border: 2px solid {line}; border-radius: 4px; padding: 4px 12px; }}
QPushButton:hover {{ border-color: {muted}; }}
QPushButton:pressed {{ background: {accent_soft}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {muted}; }}
QPushButton[role="primary"] {{ background: {accent}; color: {on_accent}; border-color: {accent}; font-weight: 500; }}
QPushButton[role="primary"]:hover {{ border-color: {text}; }}
QPushButton[role="primary"]:focus {{ border-color: {text}; }}
QPushButton[role="primary"]:disabled {{ background: {raised}; color: {muted}; border-color: {line}; }}
QPushButton[role="large"] {{ background: {accent}; color: {on_accent}; border-color: {accent}; font-weight: 500;
    font-size: {query}px; padding: 10px 24px; border-radius: 6px; }}
QPushButton[role="large"]:hover, QPushButton[role="large"]:focus {{ border-color: {text}; }}
QPushButton[role="quiet"] {{ background: transparent; border-color: transparent; color: {muted}; }}
QPushButton[role="quiet"]:hover {{ color: {text}; }}
QPushButton[role="quiet"]:focus {{ border-color: {accent}; }}
QPushButton[role="note"] {{ background: transparent; border-color: transparent; color: {muted}; padding: 2px 4px; }}
QPushButton[role="note"]:hover {{ color: {text}; }}
QPushButton[role="note"]:focus {{ border-color: {accent}; }}
QPushButton[role="chip"] {{ background: {raised}; border-color: {line}; border-radius: 12px; padding: 2px 10px; }}
QPushButton[role="chip"]:hover {{ border-color: {muted}; }}
QPushButton[role="chip"]:focus {{ border-color: {accent}; }}

#field {{ background: {raised}; border: 2px solid {line}; border-radius: 6px; }}
#field[focused="true"] {{ border-color: {accent}; }}
#field[dropping="true"] {{ border-color: {accent}; background: {accent_soft}; }}
#field QLineEdit {{ background: transparent; placeholder-text-color: {muted}; border: none; font-size: {query}px;
    padding: 2px 0; selection-background-color: {accent}; selection-color: {on_accent}; }}
#chip {{ background: {panel}; border: 1px solid {line}; border-radius: 12px; }}
#chip[liked="false"] {{ border: 1px dashed {warn}; }}
QToolButton[chip="true"] {{ padding: 1px 0px; border-radius: 8px; }}
QToolButton[filter="true"] {{ padding: 1px 8px; border-radius: 10px; font-size: {small}px; color: {muted}; }}
QToolButton[filter="true"][on="true"] {{ color: {accent}; font-weight: 500; }}
QToolButton[filter="true"]:hover {{ color: {text}; }}
#popover {{ background: {raised}; border: 1px solid {line}; border-radius: 4px; }}
#suggestions {{ background: {raised}; border: 1px solid {line}; border-radius: 4px; }}
#popover QListWidget {{ background: transparent; border: none; selection-background-color: {accent_soft}; }}
#popover QListWidget::item {{ padding: 3px 2px; color: {text}; }}
QListWidget::indicator {{ width: 12px; height: 12px; border: 2px solid {muted}; border-radius: 4px;
    background: {raised}; }}
QListWidget::indicator:checked {{ background: {accent}; border-color: {accent}; image: url("{tick}"); }}
#popover QListWidget::item:selected {{ background: {accent_soft}; color: {text}; }}
#footer {{ background: {panel}; border-top: 1px solid {line}; }}
#notice {{ background: {panel}; border-top: 1px solid {line}; border-bottom: 1px solid {line}; }}

QTableView {{ background: {base}; border: none; gridline-color: transparent; selection-background-color: {accent_soft};
    selection-color: {text}; }}
QTableView[framed="true"]::item {{ padding: 0 5px; }}
QTreeView {{ background: {raised}; border: 2px solid {line}; border-radius: 4px; padding: 2px;
    selection-background-color: {accent_soft}; selection-color: {text}; }}
QTreeView:focus {{ border-color: {accent}; }}
QTreeView::item {{ padding: 2px 0; }}
QTreeView::item:selected {{ background: {accent_soft}; }}
QTreeView::item:hover:!selected {{ background: transparent; }}
QLineEdit {{ background: {raised}; border: 2px solid {line}; border-radius: 4px; padding: 4px 8px;
    placeholder-text-color: {muted};
    selection-background-color: {accent}; selection-color: {on_accent}; }}
QLineEdit:focus {{ border-color: {accent}; }}
QListWidget[framed="true"] {{ background: {raised}; border: 2px solid {line}; border-radius: 4px; padding: 2px; }}
QListWidget[framed="true"]:focus {{ border-color: {accent}; }}
QListWidget[framed="true"]::item {{ padding: 3px 6px; color: {text}; }}
QListWidget[framed="true"]::item:selected {{ background: {accent_soft}; }}
QComboBox {{ background: {raised}; border: 2px solid {line}; border-radius: 4px; padding: 2px 6px; }}
QComboBox:hover {{ border-color: {muted}; }}
QComboBox:focus {{ border-color: {accent}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ width: 12px; height: 12px; image: url("{arrow}"); }}
QComboBox QAbstractItemView {{ background: {raised}; border: 1px solid {line}; padding: 4px 0;
    selection-background-color: {accent_soft}; selection-color: {text}; }}
#tour {{ background: {raised}; border: 1px solid {accent}; border-radius: 6px; }}
QListWidget {{ background: {raised}; border: 2px solid {line}; border-radius: 4px; }}
QListWidget:focus {{ border-color: {accent}; }}
QListWidget::item {{ padding: 4px 6px; }}
QListWidget::item:selected {{ background: {accent_soft}; color: {text}; }}
QCheckBox {{ border: 2px solid transparent; border-radius: 4px; padding: 2px 6px 2px 2px; spacing: 8px; }}
QCheckBox:focus {{ border-color: {accent}; }}
QCheckBox::indicator {{ width: 12px; height: 12px; border: 2px solid {muted}; border-radius: 3px;
    background: {raised}; }}
QCheckBox::indicator:checked {{ border-color: {accent}; background: {accent}; image: url("{tick}"); }}
QRadioButton {{ border: 2px solid transparent; border-radius: 4px; padding: 1px 6px 1px 2px; spacing: 10px; }}
QRadioButton:focus {{ border-color: {accent}; }}
QRadioButton::indicator {{ width: 10px; height: 10px; border: 2px solid {muted}; border-radius: 7px;
    background: {raised}; }}
QRadioButton::indicator:checked {{ width: 4px; height: 4px; border: 5px solid {accent}; background: {on_accent}; }}
QHeaderView {{ background: {base}; border: none; }}
QHeaderView::section {{ background: {base}; color: {muted}; font-size: {small}px; border: none;
    border-bottom: 1px solid {line}; padding: 4px 8px; }}
QHeaderView::up-arrow, QHeaderView::down-arrow {{ image: none; width: 0; height: 0; }}
QTableCornerButton::section {{ background: {base}; border: none; }}

QMenu {{ background: {raised}; border: 1px solid {line}; padding: 4px 0; }}
QMenu::item {{ padding: 6px 24px 6px 12px; background: transparent; }}
QMenu::icon {{ left: 10px; }}
QMenu::indicator {{ width: 12px; height: 12px; left: 10px; }}
QMenu::indicator:checked {{ image: url("{check}"); }}
QMenu::item:selected {{ background: {accent_soft}; }}
QMenu::item:disabled {{ color: {muted}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 0; }}

QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {line}; border-radius: 3px; margin: 2px; min-height: 32px; min-width: 32px; }}
QScrollBar::handle:hover {{ background: {muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}

QSplitter::handle {{ background: {base}; }}
QSplitter::handle:horizontal {{ width: 1px; }}

QSlider {{ border: 2px solid transparent; border-radius: 4px; padding: 0 4px; }}
QSlider:focus {{ border-color: {accent}; }}
QSlider::groove:horizontal {{ height: 3px; background: {line}; border-radius: 1px; }}
QSlider::sub-page:horizontal {{ background: {muted}; border-radius: 1px; }}
QSlider::handle:horizontal {{ background: {text}; width: 10px; height: 10px; margin: -4px 0; border-radius: 5px; }}

QProgressBar {{ background: {line}; border: none; border-radius: 1px; max-height: 3px; min-height: 3px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 1px; }}

QPlainTextEdit {{ background: {raised}; border: 2px solid {line}; border-radius: 4px; }}
QPlainTextEdit:focus, QTableView[framed="true"]:focus {{ border-color: {accent}; }}
"""


class Theme(QObject):
    """The look in force. Widgets that paint by hand read `tokens` and repaint on `changed`.

    Signals:
        changed: Tokens or sizes are others than before.
    """

    changed = Signal()

    def __init__(self, app: QApplication, choice: str = "system") -> None:
        """Follow the system, or keep to "dark" or "light"."""
        super().__init__(app)
        self._app = app
        self._choice = choice
        self._fonts: dict[tuple[int, bool], QFont] = {}
        self.tokens = DARK
        app.setStyle("fusion")
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._follow)
        self._apply()

    def choose(self, choice: str) -> None:
        """Change to "system", "dark" or "light"."""
        self._choice = choice
        hints = QGuiApplication.styleHints()  # for what is not ours: title bars, the system's dialogs
        if choice == "system":
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if choice == "dark" else Qt.ColorScheme.Light)
        self._apply()

    @property
    def choice(self) -> str:
        """What was chosen, which is not always what is shown."""
        return self._choice

    def px(self, design_px: int) -> int:
        """A type size of the design in pixels here: larger where the user's system font is larger."""
        system_px = QFontInfo(QGuiApplication.font()).pixelSize()
        return round(design_px * max(1.0, system_px / DESIGN_BODY_PX))

    def font(self, design_px: int = DESIGN_BODY_PX, medium: bool = False) -> QFont:
        """The system font in a size of the design, with figures of equal width."""
        key = (design_px, medium)
        if key not in self._fonts:
            font = self._fonts[key] = QFont(QGuiApplication.font())
            font.setPixelSize(self.px(design_px))
            font.setWeight(QFont.Weight.Medium if medium else QFont.Weight.Normal)
            font.setFeature(QFont.Tag("tnum"), 1)
        return self._fonts[key]

    def label_color(self, name: str) -> QColor:
        """The colour of a colour label."""
        return QColor(LABELS[name][0 if self.tokens.is_dark else 1])

    def icon(self, name: str, token: str = "text", size: int = 20, checked: str = "accent") -> QIcon:
        """An icon of `resources/icons` in the colour of a token, in another when checked, faded when disabled."""
        tokens = self.tokens
        return _icon(name, getattr(tokens, token), getattr(tokens, checked), tokens.line, size)

    def pixmap(self, name: str, token: str, size: int, ratio: float) -> QPixmap:
        """An icon for painting by hand, `size` logical pixels wide on a screen with `ratio` pixels to each."""
        return _tinted(name, getattr(self.tokens, token), size, ratio)

    def _follow(self) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        # Where the system says nothing (no desktop settings), dark: most audio programs are.
        light = self._choice == "light" or (
            self._choice == "system" and QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
        )
        self.tokens = LIGHT if light else DARK
        self._fonts.clear()
        self._app.setPalette(_palette(self.tokens))
        colors = {f.name: getattr(self.tokens, f.name) for f in fields(Tokens)}
        self._app.setStyleSheet(
            STYLE.format(
                **colors,
                tick=_drawn("tick", self.tokens),
                arrow=_drawn("arrow", self.tokens),
                check=_drawn("check", self.tokens),
                small=self.px(11),
                body=self.px(13),
                query=self.px(15),
                title=self.px(20),
            )
        )
        self.changed.emit()


def _drawn(name: str, tokens: Tokens) -> str:
    """The tick of a box or the arrow of a choice, for the style sheet, which takes files only."""
    return resource(f"theme/{name}-{'dark' if tokens.is_dark else 'light'}.svg").as_posix()


def _palette(tokens: Tokens) -> QPalette:
    """For what the style sheet does not reach: text selection, placeholder text, native dialogs of Qt."""
    palette = QPalette()
    role = QPalette.ColorRole
    for where, token in [
        (role.Window, "base"),
        (role.Base, "base"),
        (role.AlternateBase, "panel"),
        (role.Button, "raised"),
        (role.ToolTipBase, "raised"),
        (role.Mid, "line"),
        (role.Highlight, "accent"),
        (role.HighlightedText, "on_accent"),
        (role.Link, "accent"),
        (role.PlaceholderText, "muted"),
        (role.WindowText, "text"),
        (role.Text, "text"),
        (role.ButtonText, "text"),
        (role.ToolTipText, "text"),
    ]:
        palette.setColor(where, tokens.color(token))
    for where in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, tokens.color("muted"))
    return palette


@lru_cache(maxsize=64)
def _drawing(name: str) -> str:
    return resource(f"icons/{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def _tinted(name: str, color: str, size: int, ratio: float) -> QPixmap:
    # Qt's SVG knows no currentColor
    renderer = QSvgRenderer(QByteArray(_drawing(name).replace("currentColor", color).encode()))
    pixmap = QPixmap(QSize(size, size) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


@lru_cache(maxsize=256)
def _icon(name: str, color: str, checked: str, disabled: str, size: int) -> QIcon:
    """Kept: the details panel asks for a dozen under each arrow key."""
    icon = QIcon()
    for scale in (1, 2, 3):  # screens of 100, 200 and 300 %
        icon.addPixmap(_tinted(name, color, size, scale))
        icon.addPixmap(_tinted(name, checked, size, scale), state=QIcon.State.On)
        icon.addPixmap(_tinted(name, disabled, size, scale), QIcon.Mode.Disabled)
    return icon


def app_icon() -> QIcon:
    """The program's own mark, which keeps its colours in both themes."""
    return QIcon(str(resource("icons/soundsearch.svg")))

import re
from itertools import product

import numpy as np
import pytest
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import QApplication, QLabel

from soundsearch.gui.theme import DARK, LIGHT, STYLE, Theme, Tokens
from soundsearch.gui.waveform import ramp
from soundsearch.settings import resource


def luminance(color: QColor) -> float:
    """Source: WCAG 2.2, relative luminance."""
    parts = [color.redF(), color.greenF(), color.blueF()]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *product(("text", "muted"), ("base", "panel", "raised", "accent_soft")),
        *product(("warn", "error", "accent"), ("base", "panel", "raised")),
        *product(("warn", "accent"), ("accent_soft",)),  # an error is never text on a selected row
        ("on_accent", "accent"),
    ],
)
def test_text_can_be_read(tokens: Tokens, text: str, ground: str) -> None:
    assert contrast(tokens.color(text), tokens.color(ground)) >= 4.5


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_every_rule_of_the_style_that_names_text_and_ground_can_be_read(tokens: Tokens) -> None:
    found = 0
    for selector, rule in re.findall(r"([^{}]+)\{\{(.*?)\}\}", STYLE, re.S):
        text = re.search(r"(?<![-\w])color: \{(\w+)\}", rule)
        ground = re.search(r"background(?:-color)?: \{(\w+)\}", rule)
        if text and ground:
            found += 1
            assert contrast(tokens.color(text[1]), tokens.color(ground[1])) >= 4.5, selector
    assert found > 5


@pytest.mark.parametrize("is_dark", [True, False])
def test_hues_of_the_ramp_are_equally_light(is_dark: bool) -> None:
    """Colour tells brightness, lightness tells level: neither may leak into the other."""
    loud = [luminance(QColor(*map(int, rgb))) for rgb in ramp(is_dark)[:, -1]]
    assert max(loud) - min(loud) < 0.12
    levels = [luminance(QColor(*map(int, rgb))) for rgb in ramp(is_dark)[128]]
    assert np.all(np.diff(levels) > 0) if is_dark else np.all(np.diff(levels) < 0)


def test_a_choice_changes_what_is_shown(theme: Theme, qapp: QApplication) -> None:
    seen = []
    theme.changed.connect(lambda: seen.append(theme.tokens))
    label = QLabel("x")
    label.ensurePolished()
    theme.choose("light")
    assert theme.tokens == LIGHT
    assert label.palette().windowText().color() == LIGHT.color("text")
    theme.choose("dark")
    assert seen == [LIGHT, DARK]


def test_every_icon_draws_something_in_its_colour(theme: Theme) -> None:
    names = [file.stem for file in resource("icons").glob("*.svg")]
    assert len(names) > 20
    for name in names:
        image = theme.pixmap(name, "accent", 20, 2.0).toImage().convertToFormat(QImage.Format.Format_ARGB32)
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(40, 40, 4)
        solid = pixels[pixels[..., 3] == 255][:, 2::-1]
        assert len(solid) > 20, name
        if name != "soundsearch":
            assert np.abs(solid.mean(0) - QColor(DARK.accent).getRgb()[:3]).max() < 2, name


def test_a_checked_icon_is_accented(theme: Theme) -> None:
    icon = theme.icon("loop")
    on = icon.pixmap(20, QIcon.Mode.Normal, QIcon.State.On).toImage()
    off = icon.pixmap(20, QIcon.Mode.Normal, QIcon.State.Off).toImage()
    assert on != off


def test_sizes_grow_with_the_system_font(theme: Theme, qapp: QApplication) -> None:
    before = qapp.font()
    try:
        large = qapp.font()
        large.setPixelSize(26)
        qapp.setFont(large)
        assert theme.px(13) == 26
        assert theme.px(11) == 22
    finally:
        qapp.setFont(before)

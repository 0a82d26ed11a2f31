"""The menus: of the window, of the models, of selected clips, of a root. Built when opened, from what is the case."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from soundsearch.gui import wording
from soundsearch.gui.theme import Theme
from soundsearch.records import ModelInfo, Root

THEMES = (("system", "Like the system"), ("dark", "Dark"), ("light", "Light"))


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a menu; without `act` it is a remark, without `text` a separator."""

    text: str = ""
    act: Callable[[], None] | None = None
    icon: str = ""
    keys: str = ""  # shown only: the shortcut itself belongs to the window or the list
    enabled: bool = True
    checked: bool | None = None
    is_alone: bool = False  # checked or not whatever the others are
    items: tuple["Item", ...] = field(default=())
    tip: str = ""


SEPARATOR = Item()


def build(items: tuple[Item, ...], theme: Theme, parent: QWidget) -> QMenu:
    """Make a menu that deletes itself when closed."""
    menu = QMenu(parent)
    menu.setToolTipsVisible(True)
    _fill(menu, items, theme)
    menu.aboutToHide.connect(menu.deleteLater)
    return menu


def _fill(menu: QMenu, items: tuple[Item, ...], theme: Theme) -> None:
    group = QActionGroup(menu)
    for item in items:
        if not item.text:
            menu.addSeparator()
            continue
        if item.items:
            inner = (
                menu.addMenu(theme.icon(item.icon, "muted", 16), item.text) if item.icon else menu.addMenu(item.text)
            )
            _fill(inner, item.items, theme)
            continue
        action = QAction(item.text.replace("&", "&&"), menu)
        if item.icon:
            action.setIcon(theme.icon(item.icon, "muted", 16))
        if item.keys:
            action.setShortcut(QKeySequence(item.keys))
        action.setToolTip(item.tip)
        action.setEnabled(item.enabled and item.act is not None)
        if item.checked is not None:
            action.setCheckable(True)
            action.setChecked(item.checked)
            if not item.is_alone and len([i for i in items if i.checked is not None]) > 1:
                group.addAction(action)
        if item.act:
            act = item.act
            action.triggered.connect(lambda _=False, act=act: act())
        menu.addAction(action)


def _nothing() -> None:
    """What choosing the model that is active already does."""


def model_items(
    models: tuple[ModelInfo, ...], use: Callable[[str], None], download: Callable[[str], None], busy: set[str]
) -> tuple[Item, ...]:
    """Installed models to choose from, and those that can be downloaded, with their size."""
    if not models:
        return (Item("Looking for models"),)
    installed = tuple(
        Item(
            (f"{m.title} · not recommended" if m.reason else m.title) + (f"\t{m.summary}" if m.summary else ""),
            _nothing if m.active else partial(use, m.name),
            checked=m.active,
            tip=f"{m.description}\n{m.reason}".strip(),
        )
        for m in models
        if m.installed
    )
    rest = tuple(
        Item(
            f"Download {m.title} ({wording.size(m.size_bytes)})" + (" · recommended" if m.recommended else ""),
            partial(download, m.name),
            icon="download",
            tip=m.description,
            enabled=m.name not in busy,
        )
        for m in models
        if not m.installed
    )
    return (*installed, SEPARATOR, *rest) if rest else installed


def own_model_items(
    models: tuple[ModelInfo, ...], show_report: Callable[[str], None], delete: Callable[[ModelInfo], None]
) -> tuple[Item, ...]:
    """What can be done with the models that were trained here."""
    items: list[Item] = []
    for model in models:
        if model.personal:
            show = partial(show_report, model.report)
            items.append(Item(f"Report on {model.title}", show, "train", enabled=bool(model.report)))
            tip = "It is in use: choose another model first" if model.active else ""
            items.append(
                Item(f"Delete {model.title}", partial(delete, model), "remove", enabled=not model.active, tip=tip)
            )
    return tuple(items)


def root_items(
    root: Root,
    scan: Callable[[], None],
    tag: Callable[[], None],
    show: Callable[[], None],
    locate: Callable[[], None],
    remove: Callable[[], None],
) -> tuple[Item, ...]:
    """What can be done with a root."""
    return (
        Item("Scan this folder", scan, "refresh", enabled=root.online),
        Item("Propose tags…", tag, "tag"),
        Item("Show in file manager", show, "reveal", enabled=root.online),
        Item("It is somewhere else now…", locate, "search", tip="Choose where this folder was moved; nothing is lost"),
        SEPARATOR,
        Item("Remove from the library", remove, "remove"),
    )

"""The pages say what is true: commands that parse, defaults that are the defaults, every module in its place."""

import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from trainer.cli import _parser
from trainer.config import RECIPES, recipe

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands() -> list[str]:
    """What the pages tell people to type, without the program's name."""
    lines = [
        line.partition("  #")[0].removeprefix("$ ")
        for page in PAGES
        for block in re.findall(r"```\w*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in block.splitlines()
    ]
    inline = [found for page in PAGES for found in re.findall(r"`(soundsearch-train [^`]+ [^`]+)`", page.read_text())]
    found = [re.fullmatch(r"(?:torchrun .*-m trainer\.cli|soundsearch-train) (.+)", line) for line in lines + inline]
    return sorted({match[1] for match in found if match})


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_pages_is_understood(line: str) -> None:
    assert _parser().parse_args(shlex.split(line)).run


def test_the_table_of_recipes_tells_the_defaults() -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \|[^|]+\| (\d+) \| (\d+) \| (\S+) \| (\S+) \|$", page, re.MULTILINE)
    told = {name: (int(steps), int(batch), tower, float(rate)) for name, steps, batch, tower, rate in rows}
    assert list(told) == list(RECIPES)
    for name, (steps, batch, tower, rate) in told.items():
        config = recipe(name)
        assert (steps, batch, rate) == (config.steps, config.batch_size, config.projection_rate)
        assert (0.0 if tower == "–" else float(tower)) == config.tower_rate


def test_the_settings_that_the_page_names_are_there() -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    file = re.search(r"cat mine\.toml\n(.*?)\n\n", page, re.DOTALL)
    assert file
    known = {field.name for field in dataclasses.fields(recipe("lora"))}
    assert {line.partition(" = ")[0] for line in file[1].splitlines()} <= known


def test_every_module_of_the_trainer_has_its_place_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## The trainer")[2]
    below = [path for path in (ROOT / "trainer").iterdir() if path.name not in ("__init__.py", "__pycache__")]
    names = {f"{path.name}/" if path.is_dir() else path.name for path in below}
    assert not {name for name in names if f"`{name}`" not in table}

"""What a stranger meets first: the set-up script, the versions, the licence, the words of the README."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import soundsearch
from soundsearch.settings import resource

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def load_go(root: Path) -> ModuleType:
    """The script as it is in a folder; it works on the folder that it lies in."""
    spec = importlib.util.spec_from_file_location("go", root / "go.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the script looks at, and no environment."""
    for name in ("go.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_the_script_uses_the_standard_library_only() -> None:
    source = (ROOT / "go.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE))
    assert imported <= sys.stdlib_module_names


def test_the_script_explains_itself_and_refuses_what_it_does_not_know(checkout: Path) -> None:
    help_ = subprocess.run([sys.executable, "go.py", "--help"], cwd=checkout, capture_output=True, text=True)
    wrong = subprocess.run([sys.executable, "go.py", "tset"], cwd=checkout, capture_output=True, text=True)
    assert (help_.returncode, wrong.returncode) == (0, 2)
    assert "python3 go.py test" in help_.stdout
    assert not (checkout / ".venv").exists()


def test_the_script_tells_an_older_python_so_in_a_sentence(checkout: Path) -> None:
    code = "import sys; sys.version_info = (3, 9, 2, 'final', 0); sys.argv = ['go.py']; exec(open('go.py').read())"
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "soundsearch needs Python 3.11 or newer; this is 3.9. Start go.py with a newer one.\n"


def test_an_installation_is_fresh_until_what_it_asks_for_changes(checkout: Path) -> None:
    go = load_go(checkout)
    before = go.fingerprint()
    assert before == go.fingerprint()
    with (checkout / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    assert go.fingerprint() != before


def test_a_finished_installation_is_not_done_again_but_an_unfinished_one_is(checkout: Path) -> None:
    """The environment's Python is a script that notes how it was called, and fails for as long as it is told to."""
    go = load_go(checkout)
    log, broken = checkout / "calls", checkout / "broken"
    go.PYTHON.parent.mkdir(parents=True)
    go.PYTHON.write_text(f'#!/bin/sh\necho "$@" >> {log}\ntest ! -e {broken}\n')
    go.PYTHON.chmod(0o755)
    broken.touch()
    with pytest.raises(SystemExit, match="installation failed"):
        go.install(["test"])
    assert not go.STAMP.exists()
    broken.unlink()
    go.install(["test"])
    calls = log.read_text().splitlines()
    assert [call.rpartition(" ")[2] for call in calls] == [f"{checkout}[{e}]" for e in ("test", "test")]
    assert all(f"-c {checkout / 'constraints.txt'}" in call for call in calls)
    go.install([])
    go.install(["test"])
    assert log.read_text().splitlines() == calls


@pytest.mark.skipif(sys.platform != "linux", reason="Debian packages are looked for on Linux only")
def test_missing_libraries_are_named_by_their_packages(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = load_go(checkout)
    monkeypatch.setattr(go.ctypes.util, "find_library", lambda name: None if name in ("EGL", "xcb-cursor") else name)
    assert "libegl1" in go.missing_packages(screen=False, tests=False)
    assert "libxcb-cursor0" not in go.missing_packages(screen=False, tests=False)
    assert {"libegl1", "libxcb-cursor0"} <= set(go.missing_packages(screen=True, tests=False))
    monkeypatch.setenv("PATH", str(checkout))
    assert {"xvfb", "xdotool", "pulseaudio"} <= set(go.missing_packages(screen=True, tests=True))


@pytest.mark.skipif(sys.platform != "linux", reason="a display can be absent on Linux only")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, False),
    ],
)
def test_a_display_is_known_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_go(ROOT).has_display() is expected


def test_every_dependency_has_one_version_that_any_machine_can_get() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line) for line in CONSTRAINTS), "no local builds"
    pinned = {plain(line.partition("==")[0]) for line in CONSTRAINTS}
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    names = {plain(re.split(r"[\[<>=!~;, ]", wanted)[0]) for group in groups for wanted in group} - {"soundsearch"}
    assert names <= pinned


def test_what_is_installed_here_is_what_the_constraints_say() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    installed = {plain(entry["name"]): entry["version"].partition("+")[0] for entry in json.loads(done.stdout)}
    pins = {plain(name): version for name, _, version in (line.partition("==") for line in CONSTRAINTS)}
    differing = {name: installed[name] for name in pins.keys() & installed.keys() if installed[name] != pins[name]}
    assert not differing


def test_continuous_integration_does_what_the_readme_says() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines == ["#!/usr/bin/env bash", "set -e", 'cd "$(dirname "$0")/.."', "python3 go.py test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_readme_has_exactly_two_set_up_commands_and_no_dead_links() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    set_up = readme.partition("## Set up")[2].partition("\n## ")[0]
    commands = [line for block in re.findall(r"```\w*\n(.*?)```", set_up, re.DOTALL) for line in block.splitlines()]
    assert [command.partition("#")[0].strip() for command in commands] == ["python3 go.py", "python3 go.py test"]
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert re.match(r"https?://", link) or (page.parent / link).exists(), f"{page.name}: {link}"


def test_licence_and_version_are_the_same_everywhere() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence and "END OF TERMS AND CONDITIONS" in licence
    assert PROJECT["project"]["license"] == "Apache-2.0"
    version = re.escape(soundsearch.__version__)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{version}\]", changelog, re.MULTILINE) or "## [Unreleased]" in changelog


@pytest.mark.parametrize("name", ["model/config.json", "demo/ATTRIBUTION.md", "icons/soundsearch.svg"])
def test_resources_are_found_in_a_checkout(name: str) -> None:
    assert resource(name).samefile(ROOT / "resources" / name)

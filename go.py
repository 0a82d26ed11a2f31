"""Set soundsearch up on this machine and run it: `python3 go.py`, or `python3 go.py test` for the tests.

Needs Python 3.11 and nothing else: it makes `.venv/`, installs into it once per change of pyproject.toml and
constraints.txt, and looks for the system libraries that Python packages cannot bring along. With a display it opens
the window; without one it scans the demo library, answers some queries here and saves a picture of the window.
"""

import ctypes.util
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if sys.version_info < (3, 11):  # noqa: UP036 - whoever has an older Python shall be told so, not shown a traceback
    sys.exit(
        "soundsearch needs Python 3.11 or newer; this is {}.{}. Start go.py with a newer one.".format(*sys.version_info)
    )

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PROGRAM = VENV / ("Scripts/soundsearch.exe" if os.name == "nt" else "bin/soundsearch")
STAMP = VENV / "soundsearch-installed.json"
DEMO = ROOT / "resources" / "demo"
QUERIES = ("a dog barking", "heavy rain", "glass breaking", "church bells", "punchy kick drum")
BUILD = ROOT / "build"

# What each shared library is called, and the Debian package that holds it.
QT_LIBRARIES = {
    "glib-2.0": "libglib2.0-0",
    "GL": "libgl1",
    "EGL": "libegl1",
    "xkbcommon": "libxkbcommon0",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
}
SCREEN_LIBRARIES = {
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-shape": "libxcb-shape0",
    "portaudio": "libportaudio2",
}
TEST_PROGRAMS = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "pulseaudio": "pulseaudio",
    "parec": "pulseaudio-utils",
    "openssl": "openssl",
    "ffprobe": "ffmpeg",
    "exiftool": "libimage-exiftool-perl",
    "mediainfo": "mediainfo",
    "openbox": "openbox",
    "xprop": "x11-utils",
    "pcmanfm": "pcmanfm",
    "mhwaveedit": "mhwaveedit",
}
PULSE_PLUGIN = "*/alsa-lib/libasound_module_pcm_pulse.so"


def main(arguments: list[str]) -> int:
    """Do what was asked for and return the exit code."""
    if arguments[:1] not in ([], ["test"]):
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    is_test = bool(arguments)
    on_screen = has_display()
    supply_system_packages(missing_packages(screen=on_screen or is_test, tests=is_test))
    make_environment()
    install(["test"] if is_test else [])
    if is_test:
        return call([PYTHON, "-m", "pytest", *arguments[1:]], HF_HUB_OFFLINE="1")
    if on_screen and call([PROGRAM]) == 0:
        return 0
    if on_screen:
        say("The window could not be opened on this display: showing what soundsearch does without it.")
    return demonstrate()


def demonstrate() -> int:
    """Scan the demo library, answer some queries and save a picture of the window."""
    data_dir, picture = BUILD / "demo", BUILD / "window.png"
    BUILD.mkdir(exist_ok=True)
    program = [PROGRAM, "--data-dir", data_dir, "--quiet"]
    say(f"\nNo display here: scanning the demo library {DEMO}")
    if code := call([*program, "scan", DEMO]):
        return code
    for text in QUERIES:
        say(f'\n$ soundsearch search "{text}" --limit 3')
        if code := call([*program, "search", text, "--limit", "3"]):
            return code
    draw = "import sys; from pathlib import Path; from soundsearch.gui.app import picture; "
    draw += "picture(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])"
    code = call([PYTHON, "-c", draw, picture, data_dir, QUERIES[0]], QT_QPA_PLATFORM="offscreen")
    if code == 0:
        say(f"\nA picture of the window: {picture}\nWith a display, the same command opens it.")
    return code


def has_display() -> bool:
    """Whether a window can be seen; on Windows and macOS it always can."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing_packages(screen: bool, tests: bool) -> list[str]:
    """Name the Debian packages of what this Linux machine lacks; nothing on other systems."""
    if sys.platform != "linux":
        return []
    libraries = {**QT_LIBRARIES, **(SCREEN_LIBRARIES if screen else {})}
    packages = [package for library, package in libraries.items() if not ctypes.util.find_library(library)]
    if importlib.util.find_spec("ensurepip") is None and not VENV.exists():  # Debian's own Python
        packages.append("python3-venv")
    if tests:
        packages += [package for program, package in TEST_PROGRAMS.items() if not shutil.which(program)]
        if not any(Path("/usr/lib").glob(PULSE_PLUGIN)):
            packages.append("libasound2-plugins")
    return packages


def supply_system_packages(packages: list[str]) -> None:
    """Install Debian packages as root; name them otherwise. What is still missing is found out by what needs it."""
    if not packages:
        return
    can_install = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if can_install:
        say(f"Installing system packages: {' '.join(packages)}")
        call(["apt-get", "update", "-qq"])
        apt = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        if call([*apt, *packages], DEBIAN_FRONTEND="noninteractive") == 0:
            return
    say("This machine lacks system packages. Debian and Ubuntu have them by these names:")
    say(f"  sudo apt-get install {' '.join(packages)}")


def make_environment() -> None:
    """Make `.venv/`, or make it anew when its Python does not work any more."""
    if PYTHON.exists() and call([PYTHON, "-c", "import pip"], quiet=True) == 0:
        return
    say(f"Making a virtual environment in {VENV}")
    if call([sys.executable, "-m", "venv", "--clear", VENV]):
        sys.exit("The virtual environment could not be made. On Debian and Ubuntu: sudo apt-get install python3-venv")


def install(extras: list[str]) -> None:
    """Install the project, unless that was done to its end since the last change of what it asks for."""
    stamp = read_stamp()
    if stamp.get("fingerprint") == fingerprint() and set(extras) <= set(stamp["extras"]):
        return
    STAMP.unlink(missing_ok=True)  # an installation that is interrupted is done again
    extras = sorted({*extras, *stamp.get("extras", [])})
    say("Installing soundsearch and what it needs: some minutes the first time, 1.5 GB and more on disk")
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-c", ROOT / "constraints.txt"]
    if not sys.stdout.isatty():
        pip.append("--quiet")
    if call([*pip, "-e", project(extras)]):
        sys.exit("The installation failed; pip says why above. Run this again: it goes on with what is there.")
    STAMP.write_text(json.dumps({"fingerprint": fingerprint(), "extras": extras}))


def project(extras: list[str]) -> str:
    """Return the project's folder as pip wants it, with extras."""
    return f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)


def fingerprint() -> str:
    """Digest of what an installation depends on: where the project is, what it asks for, in which versions."""
    parts = [str(ROOT).encode(), (ROOT / "pyproject.toml").read_bytes(), (ROOT / "constraints.txt").read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def read_stamp() -> dict[str, Any]:
    """Return what the last finished installation was, {} if there is none."""
    try:
        stamp: dict[str, Any] = json.loads(STAMP.read_text())
        return stamp
    except (OSError, ValueError):
        return {}


def call(command: Sequence[object], quiet: bool = False, **environment: str) -> int:
    """Run a command in the project's folder and return its exit code."""
    output = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output).returncode


def say(text: str) -> None:
    """Print at once, so that it stands before what the next command prints."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

"""What the program stands on: versions, devices, codecs, sound output, places; and what to fix."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from typing import Any

import soundsearch
from soundsearch.audio.decode import SUPPORTED_EXTENSIONS
from soundsearch.catalogue.store import Catalogue
from soundsearch.errors import SoundSearchError
from soundsearch.settings import Places

PACKAGES = (
    "torch",
    "transformers",
    "numpy",
    "soundfile",
    "av",
    "soxr",
    "sounddevice",
    "numkong",
    "usearch",
    "PySide6-Essentials",
)
LITTLE_SPACE_BYTES = 2_000_000_000


def examine(places: Places, device: str) -> dict[str, Any]:
    """Look at everything that the program needs.

    Args:
        places: Where its files lie.
        device: The device that is wanted.
    Returns:
        Groups of facts by name, and under "problems" a list of sentences that each say what to do.
    """
    problems: list[str] = []
    return {
        "versions": _versions(),
        "devices": _devices(device, problems),
        "codecs": {"extensions": sorted(SUPPORTED_EXTENSIONS)},
        "sound": _sound(problems),
        "paths": _paths(places, problems),
        "catalogue": _catalogue(places, problems),
        "model": _model(places, problems),
        "problems": problems,
    }


def _versions() -> dict[str, str]:
    versions = {
        "soundsearch": soundsearch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _devices(wanted: str, problems: list[str]) -> dict[str, Any]:
    from soundsearch.model.clap import available_devices

    found = available_devices()
    if wanted != "auto" and wanted not in found:
        problems.append(f"There is no {wanted} device on this computer. Use --device auto.")
    return {"available": found, "used": wanted if wanted != "auto" else found[0], "processors": os.cpu_count()}


def _sound(problems: list[str]) -> dict[str, Any]:
    from soundsearch.audio.playback import devices

    outputs = devices()
    if not outputs:
        problems.append(
            "There is no sound output: clips are found, but not heard. Connect one, or install libportaudio2."
        )
    return {"outputs": outputs}


def _paths(places: Places, problems: list[str]) -> dict[str, Any]:
    try:
        places.create()
        writable = os.access(places.data_dir, os.W_OK)
        free = shutil.disk_usage(places.data_dir).free
    except (SoundSearchError, OSError):
        writable, free = False, 0
    if not writable:
        problems.append(f"The data folder {places.data_dir} cannot be written. Choose another one with --data-dir.")
    elif free < LITTLE_SPACE_BYTES:
        problems.append(f"Only {free / 1e6:.0f} MB are free where the data folder is. Make room for models and index.")
    return {
        "data_dir": str(places.data_dir),
        "catalogue": str(places.catalogue),
        "models": str(places.models),
        "settings": str(places.settings),
        "log": str(places.log),
        "writable": writable,
        "free_bytes": free,
    }


def _catalogue(places: Places, problems: list[str]) -> dict[str, Any]:
    pooled = places.pooled.stat().st_size if places.pooled.exists() else 0
    if not places.catalogue.exists():
        return {"usable": True, "clips": 0, "pooled_bytes": pooled}
    try:
        catalogue = Catalogue(places.catalogue)
        clips = sum(catalogue.tallies.states().values())
        catalogue.close()
    except SoundSearchError as err:
        problems.append(str(err))
        return {"usable": False}
    return {"usable": True, "clips": clips, "pooled_bytes": pooled}


def _model(places: Places, problems: list[str]) -> dict[str, Any]:
    from soundsearch import settings
    from soundsearch.model.store import ModelStore

    try:
        chosen = settings.load(places.settings)
        bundle = ModelStore(places.models, chosen.hub_endpoint).open(chosen.model)
    except SoundSearchError as err:
        problems.append(str(err))
        return {"usable": False}
    return {"usable": True, "name": chosen.model, "title": bundle.title, "id": bundle.id, "dimension": bundle.dimension}

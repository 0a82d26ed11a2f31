"""Settings as TOML, the places where files live, and the three homes of `resources/`."""

import difflib
import logging
import os
import sys
import tempfile
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import platformdirs
import tomli_w

from soundsearch.errors import SettingsError

log = logging.getLogger(__name__)

VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose. Window geometry, which only Qt reads, lives in QSettings instead."""

    version: int = VERSION
    model: str = "starter"  # name of the active model
    previous_model: str = ""  # answers searches until `model` has heard as many clips, then ""
    model_before: str = ""  # the one that `model` took the place of: what going back goes back to
    device: str = "auto"  # auto, cpu, cuda or mps
    precision: str = "auto"  # auto, float32 or bfloat16
    hub_endpoint: str = "https://huggingface.co"  # where models are downloaded from; a mirror's address works too
    pooled_limit_mb: int = 4000  # cache by which personal models hear a library in seconds; 0 keeps none
    moments: bool = False  # scans also embed windows of long clips, so that they answer with the moment that matched
    pause_on_battery: bool = False  # scans rest while the computer runs on its battery
    ucs_creator: str = ""  # CreatorID in file names by the Universal Category System
    ucs_source: str = ""  # SourceID in them: a library or a show
    theme: str = "system"  # system, dark or light
    auto_play: bool = True  # a selected row plays at once
    volume_db: float = 0.0  # playback volume
    output_device: str = ""  # name of the sound output, "" for the system's default
    same_loudness: bool = False  # clips are played about equally loud
    snap_regions: bool = False  # edges of a region move to where the sound crosses zero

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SettingsError(
                    f"The setting {name} cannot be {getattr(self, name)!r}.", f"Use {' or '.join(allowed)}."
                )


CHOICES: dict[str, tuple[str, ...]] = {
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "float32", "bfloat16"),
    "theme": ("system", "dark", "light"),
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the program keeps its files. One folder holds everything, so that it can be moved, kept or removed."""

    data_dir: Path
    catalogue: Path = field(init=False)
    pooled: Path = field(init=False)
    index: Path = field(init=False)
    maps: Path = field(init=False)
    models: Path = field(init=False)
    settings: Path = field(init=False)
    overviews: Path = field(init=False)  # waveforms of long clips: a cache
    regions: Path = field(init=False)  # files of regions that were dragged out or copied: never deleted by us
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        for name, leaf in [
            ("catalogue", "catalogue.sqlite"),
            ("pooled", "pooled.sqlite"),
            ("index", "index"),
            ("maps", "maps"),
            ("models", "models"),
            ("settings", "settings.toml"),
            ("overviews", "overviews"),
            ("regions", "regions"),
            ("log", "soundsearch.log"),
        ]:
            object.__setattr__(self, name, self.data_dir / leaf)

    @classmethod
    def default(cls) -> Self:
        """The platform's folder for application data."""
        return cls(Path(platformdirs.user_data_dir("soundsearch", appauthor=False)))

    def create(self) -> None:
        """Make the folders.

        Raises:
            SettingsError: If the data folder cannot be made.
        """
        try:
            for folder in (self.data_dir, self.index, self.models):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise SettingsError(
                f"Cannot use the data folder {self.data_dir}: {err.strerror}.",
                "Choose another one with --data-dir.",
            ) from err


def load(path: Path) -> Settings:
    """Read settings; a missing file gives the defaults, an unknown key a warning with the nearest known name.

    Raises:
        SettingsError: If the file is not TOML, or a value cannot be used.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise SettingsError(f"Cannot read the settings in {path}: {err}.", "Correct the file or remove it.") from err
    known = {f.name: f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            log.warning("%s: unknown setting %s%s", path, key, f"; did you mean {near[0]}?" if near else "")
            continue
        default = known[key].default
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            raise SettingsError(
                f"The setting {key} in {path} must be of type {type(default).__name__}.",
                "Correct or remove it.",
            )
        values[key] = value
    if values.get("version", VERSION) > VERSION:
        raise SettingsError(f"The settings in {path} were written by a newer soundsearch.", "Update soundsearch.")
    return replace(Settings(), **values)


def save(settings: Settings, path: Path) -> None:
    """Write the settings so that a crash leaves either the old or the new file.

    Raises:
        SettingsError: If they cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "wb") as file:
            tomli_w.dump(asdict(settings), file)
        Path(name).replace(path)
    except OSError as err:
        raise SettingsError(
            f"Cannot save the settings: {err.strerror}.", f"Check that {path.parent} is writable."
        ) from err


def resource(name: str) -> Path:
    """Return a file or folder of `resources/` in a checkout, an installed wheel or a frozen program.

    Raises:
        SettingsError: If it is in none of them.
    """
    package = Path(__file__).parent
    homes = [package / "resources", package.parent / "resources"]
    if frozen := getattr(sys, "_MEIPASS", None):
        homes.insert(0, Path(frozen) / "resources")
    for home in homes:
        if (home / name).exists():
            return home / name
    raise SettingsError(f"The program's own file resources/{name} is missing.", "Install soundsearch again.")

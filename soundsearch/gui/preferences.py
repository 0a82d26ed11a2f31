"""What the window remembers: the user's settings, and places and sizes that only Qt reads."""

import logging
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSettings

from soundsearch import settings as settings_file
from soundsearch.errors import SettingsError
from soundsearch.settings import Places, Settings

log = logging.getLogger(__name__)


class Preferences:
    """The user's choices in `settings.toml`, and the window's own in `window.ini`, both in the data folder.

    Attributes:
        window: What only Qt reads.
        regions: Where the files of regions that were dragged out are.
        models: Where models are kept.
        recordings: Where recordings from the microphone are kept.
    """

    def __init__(self, places: Places) -> None:
        """Read them; what cannot be read is told by `trouble` and replaced by the defaults."""
        self._path = places.settings
        self.regions = places.regions
        self.models = places.models
        self.recordings = places.data_dir / "recordings"
        self.trouble: SettingsError | None = None
        self._mine: dict[str, Any] = {}  # changed by the window; the engine writes the model into the same file
        self.window = QSettings(str(places.data_dir / "window.ini"), QSettings.Format.IniFormat)
        try:
            self.settings = settings_file.load(self._path)
        except SettingsError as err:
            log.warning("%s", err)
            self.trouble = err
            self.settings = Settings()

    def change(self, **values: Any) -> None:
        """Change settings and save them, leaving what the engine wrote since."""
        self._mine |= values
        self.settings = replace(self.settings, **values)
        self.save()

    def save(self) -> None:
        """Write the window's changes over what the file holds now; a file that cannot be read is left alone."""
        if not self._mine:
            return
        try:
            self.settings = replace(settings_file.load(self._path), **self._mine)
            settings_file.save(self.settings, self._path)
        except SettingsError as err:
            log.warning("%s", err)

    def flag(self, name: str, default: bool) -> bool:
        """A yes or no of the window's own."""
        value = self.window.value(name, default)
        return value if isinstance(value, bool) else str(value).lower() == "true"

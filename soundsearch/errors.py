"""Troubles of the world that a user can understand and act on. Anything else that is raised is our bug."""


class SoundSearchError(Exception):
    """What was being done and to what, in one sentence; and what to do next.

    Attributes:
        message: One sentence that names the thing that failed.
        hint: One sentence with the remedy, or "".
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class DecodeError(SoundSearchError):
    """An audio file cannot be read. `message` is a readable reason without the path."""


class ModelError(SoundSearchError):
    """A model bundle is missing, damaged, unusable or cannot be downloaded."""


class CatalogueError(SoundSearchError):
    """The catalogue cannot be opened, read or written."""


class IndexStoreError(SoundSearchError):
    """The vector index cannot be written. It is a cache: it can always be rebuilt."""


class PlaybackError(SoundSearchError):
    """There is no sound output, or it went away."""


class RecordingError(SoundSearchError):
    """Nothing can be recorded."""


class SettingsError(SoundSearchError):
    """A setting or an option has a value that cannot be used."""


class QueryError(SoundSearchError):
    """The text of a query cannot be understood.

    Attributes:
        position: Index of the offending character in the text.
    """

    def __init__(self, message: str, hint: str = "", position: int = 0) -> None:
        super().__init__(message, hint)
        self.position = position


class EngineLostError(SoundSearchError):
    """The engine process ended while it was needed."""


class TrainingError(SoundSearchError):
    """Training cannot start or go on."""


class Cancelled(Exception):
    """The user stopped a job. Not an error: shown nowhere."""

"""`soundsearch`: the window when called alone, a command of the command line otherwise."""

import gc
import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundsearch.settings import Places


def main() -> int:
    """Entry point of the console script and of `python -m soundsearch`; returns the exit code."""
    multiprocessing.freeze_support()  # first: in a frozen program the engine process starts here too
    try:
        from soundsearch import cli  # here, so that Ctrl+C is understood from the first moment

        return cli.main(sys.argv[1:], open_window)
    except KeyboardInterrupt:
        return 130


def open_window(places: "Places", model: str | None, device: str | None) -> int:
    """Show the window until it is closed.

    Raises:
        SoundSearchError: If there is no display.
    """
    from soundsearch.errors import SoundSearchError

    displays = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in displays):
        raise SoundSearchError("There is no display to open the window on.", "The commands work: soundsearch --help.")
    gc.disable()  # until the window is painted: what is made until then stays, and looking at it costs 40 ms
    from soundsearch.gui import app  # Qt: the command line does without it

    return app.main(data_dir=places.data_dir, model=model, device=device)


if __name__ == "__main__":
    sys.exit(main())

"""`soundsearch`: the window when called alone, a command of the command line otherwise."""

import multiprocessing
import sys

from soundsearch import cli
from soundsearch.settings import Places


def main() -> int:
    """Entry point of the console script and of `python -m soundsearch`; returns the exit code."""
    multiprocessing.freeze_support()  # first: in a frozen program the engine process starts here too
    return cli.main(sys.argv[1:], open_window)


def open_window(places: Places, model: str | None, device: str | None) -> int:
    """Show the window until it is closed."""
    from soundsearch.gui.app import main as show_window  # Qt: the command line does without it

    return show_window(data_dir=places.data_dir, model=model, device=device)


if __name__ == "__main__":
    sys.exit(main())

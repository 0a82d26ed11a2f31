"""What every command is given to speak with while it works."""

from collections.abc import Callable

Say = Callable[[str], None]  # one line of progress, to stderr unless --quiet

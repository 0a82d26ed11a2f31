"""soundsearch-train: one module of `trainer.commands` for each command. Results on stdout, the rest on stderr."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from soundsearch import __version__
from soundsearch.errors import SoundSearchError

# Command, its module, and what it does. Modules import torch only when they run: --help answers without it.
COMMANDS = (
    ("prepare", "prepare", "show what would be trained on"),
    ("fit", "fit", "train a model on your own clips, and prove that it helped"),
    ("blend", "blend", "make a model between another and what it was trained to"),
    ("eval", "evaluate", "measure a model on captioned clips"),
    ("import", "import_", "make a model of an official CLAP checkpoint (.pt)"),
    ("distil", "distil", "train a small model from captioned clips and a tagger"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 could not be done, 2 wrong usage, 130 stopped."""
    options = _parser().parse_args(arguments)

    def say(message: str) -> None:
        if not options.quiet:
            print(message, file=sys.stderr, flush=True)

    try:
        result: dict[str, Any] = options.run(options, say)
    except SoundSearchError as err:
        print("\n".join(line for line in (err.message, err.hint) if line), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    try:
        print(json.dumps(result, indent=1) if options.json else options.as_text(result), flush=True)
    except BrokenPipeError:  # `soundsearch-train prepare … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soundsearch-train", description="Make and measure soundsearch models.")
    parser.set_defaults(json=False, quiet=False)
    # Taken before and after the command: a default would let the command's parser undo what stood before it.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for taker in (parser, common):
        taker.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON value on stdout")
        taker.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help="no progress on stderr")
    parser.add_argument("--version", action="version", version=f"soundsearch-train {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module_name, what in COMMANDS:
        module = import_module(f"trainer.commands.{module_name}")
        command = commands.add_parser(name, parents=[common], help=what, description=f"{what[0].upper()}{what[1:]}.")
        configure: Callable[[argparse.ArgumentParser], None] = module.configure
        configure(command)
        command.set_defaults(run=module.run, as_text=module.as_text)
    return parser


if __name__ == "__main__":
    sys.exit(main())

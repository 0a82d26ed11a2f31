"""Which clips: the arguments that prepare and fit have in common, so that one shows what the other takes."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.sources import Collected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare a source, and what of it."""
    parser.add_argument("source", help="folder of tagged sounds, CSV or JSONL manifest, shards, or a data folder")
    parser.add_argument("--folders", nargs="+", default=(), metavar="DIR", help="only clips below these")
    parser.add_argument(
        "--collections", nargs="+", default=(), metavar="NAME", help="only clips in these collections of a data folder"
    )
    parser.add_argument("--exclude", nargs="+", default=(), metavar="PATTERN", help="leave out clips that match")
    what = "words of folder and file names that are tags, whatever the cleaning says"
    parser.add_argument("--keep-words", nargs="+", default=(), metavar="WORD", help=what)
    parser.add_argument("--drop-words", nargs="+", default=(), metavar="WORD", help="words that are no tags")


def collect(options: argparse.Namespace) -> "Collected":
    """The clips that the arguments name.

    Raises:
        SoundSearchError: If the source cannot be read or holds no clips.
    """
    from trainer import sources

    return sources.collect(
        options.source,
        folders=options.folders,
        collections=options.collections,
        exclude=options.exclude,
        keep_words=options.keep_words,
        drop_words=options.drop_words,
    )

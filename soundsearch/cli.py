"""The command line: results to stdout, progress and messages to stderr; --json: exactly one JSON value on stdout."""

import argparse
import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import soundsearch
from soundsearch.errors import Cancelled, CatalogueError, QueryError, SoundSearchError
from soundsearch.records import (
    Clip,
    DuplicateGroup,
    Example,
    Failure,
    FloatArray,
    Hit,
    LibraryStatus,
    ProposedTag,
    TagProposals,
)
from soundsearch.settings import Places
from soundsearch.terminal import drive, duration, print_json, say, shown

if TYPE_CHECKING:
    from soundsearch.engine.service import Engine

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 130
_REGION = re.compile(r"(?P<path>.+)@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)", re.DOTALL)

_EXCLUDED = re.compile(r"-[^-\s]", re.DOTALL)  # a word of a query that pushes away

OpenWindow = Callable[[Places, str | None, str | None], int]


def main(argv: Sequence[str] | None = None, open_window: OpenWindow | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 could not be done, 2 wrong usage, 130 stopped by the user.

    Args:
        argv: Arguments without the program's name.
        open_window: What to do when no command is given.
    """
    for stream in (sys.stdout, sys.stderr):  # paths may hold bytes that are not UTF-8
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    if "-h" in rest:
        parser.parse_args([options.command, "--help"])
    if options.command == "search" and all(_EXCLUDED.match(word) or word[:1] != "-" for word in rest):
        options.text += rest  # `search wet slap -voice`: no option is written with one dash and more than one letter
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if options.command is None and open_window is None:
        parser.error("name a command")
    if options.data_dir == "" or "" in getattr(options, "roots", ()):
        parser.error("the name of a folder is empty")
    places = Places(Path(options.data_dir).absolute()) if options.data_dir else Places.default()
    try:
        if options.command is None:
            assert open_window is not None
            return open_window(places, options.model, options.device)
        code: int = options.run(options, places)
        if sys.stdout is not None:  # it was closed by whoever called
            sys.stdout.flush()
        return code
    except QueryError as err:
        say(f"{err.message}\n{err.hint}" if err.hint else err.message)
        return USAGE
    except SoundSearchError as err:
        say(f"{err.message}\n{err.hint}" if err.hint else err.message)
        return FAILED
    except (KeyboardInterrupt, Cancelled):
        say("Stopped.")
        return STOPPED
    except BrokenPipeError:  # `soundsearch search … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as err:
        if err.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        say("The output cannot be written: the disk is full.\nMake room, or write it elsewhere.")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    """Common options are understood before and after the command."""

    def common(default: Any) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(add_help=False)
        given: dict[str, Any] = {} if default else {"default": argparse.SUPPRESS}
        group = parser.add_argument_group("common options")
        group.add_argument("--data-dir", metavar="DIR", help="catalogue, index, models and settings", **given)
        group.add_argument("--model", metavar="NAME|DIR", help="a model's name or folder", **given)
        group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), help="where the model runs", **given)
        flag: dict[str, Any] = {"action": "store_true", **given}
        group.add_argument("--json", help="one JSON value on stdout", **flag)
        group.add_argument("--quiet", help="no progress", **flag)
        return parser

    parser = argparse.ArgumentParser(
        prog="soundsearch",
        description="Find sounds by what they sound like. Without a command the window opens.",
        parents=[common(True)],
    )
    parser.add_argument("--version", action="version", version=f"soundsearch {soundsearch.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace, Places], int], text: str) -> argparse.ArgumentParser:
        # A search has no -h of argparse's: it would swallow `search wet -hiss`.
        has_words = name == "search"
        sub = commands.add_parser(name, help=text, description=text, parents=[common(False)], add_help=not has_words)
        if has_words:
            sub.add_argument("--help", action="help", help="show this and exit")
        sub.set_defaults(run=run)
        return sub

    sub = command("scan", _scan, "Add folders and bring the catalogue up to date; run it again to go on.")
    sub.add_argument("roots", nargs="*", metavar="ROOT", help="folders of sounds (default: all that are known)")
    sub.add_argument("--moments", action="store_true", help="also embed windows of long clips, to find moments in them")
    sub.add_argument("--workers", type=_positive, metavar="N", help="threads that decode")

    sub = command("search", _search, "Find sounds by a description, by a sound, or both.")
    sub.add_argument("text", nargs="*", metavar="TEXT", help='such as: wet slap -voice "take 2" dur<2 tag:vinyl')
    sub.add_argument("--like", action="append", default=[], metavar="FILE[@START-END]", help="a sound to be like")
    sub.add_argument("--unlike", action="append", default=[], metavar="FILE[@START-END]", help="a sound to be unlike")
    sub.add_argument("--not", action="append", default=[], dest="not_texts", metavar="TEXT", help="what to avoid")
    sub.add_argument("--weight", type=_share, default=0.5, metavar="W", help="text against example, 0 to 1")
    sub.add_argument("--limit", type=_positive, default=20, metavar="N", help="how many hits (default 20)")

    sub = command("tag", _tag, "Propose tags for every clip below folders; store them, write them into the files.")
    sub.add_argument("roots", nargs="+", metavar="ROOT", help="a folder; one that is new to the library is scanned")
    sub.add_argument("--labels", required=True, metavar="SET", help="ucs, audioset, music, form, a text file, or a,b,c")
    sub.add_argument("--bar", type=_share, default=0.5, metavar="B", help="score to be accepted, 0 to 1 (default 0.5)")
    sub.add_argument("--apply", action="store_true", help="store what is accepted in the catalogue")
    sub.add_argument("--write-files", action="store_true", help="also write it into the files; implies --apply")
    sub.add_argument("--backup", action="store_true", help="with --write-files: keep each original as NAME.bak")

    sub = command("export", _export, "Write all clips with their tags, marks and collections to stdout.")
    sub.add_argument("--format", choices=("csv", "json"), default="csv", help="default csv")

    sub = command("embed", _embed, "Write the embeddings of files, or of texts, as a NumPy file.")
    sub.add_argument("files", nargs="*", metavar="FILE", help="sounds, FILE@START-END for a part of one")
    sub.add_argument("--text", nargs="+", action="extend", metavar="T", help="texts in place of files")
    sub.add_argument("--out", required=True, metavar="X.npy", help="where to write: float32 (n, dim), unit rows")

    models = command("models", _models, "List, download, choose, check and remove models; undo the last choice.")
    actions = ("list", "download", "use", "check", "back", "remove")
    models.add_argument("action", choices=actions, nargs="?", default="list")
    models.add_argument("name", nargs="?", metavar="NAME", help="which model")

    sub = command("duplicates", _duplicates, "Clips that hold the same sound, and which to keep; nothing is deleted.")
    sub.add_argument("--near", action="store_true", help="also near copies: other format, level or rate, cut shorter")

    command("status", _status, "Catalogue and index at a glance.")
    sub = command("verify", _verify, "Check catalogue, vectors and index against one another.")
    sub.add_argument("--repair", action="store_true", help="rebuild what can be rebuilt")
    command("doctor", _doctor, "Versions, devices, codecs, sound output, paths, and what to fix.")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _engine(options: argparse.Namespace, places: Places, precision: str | None = None) -> "Engine":
    # Only here: it brings SQL and the index, and this module is also the way to the window, which has neither.
    from soundsearch.engine.service import Engine

    return Engine(places, model=options.model, device=options.device, precision=precision)


# -- commands


def _scan(options: argparse.Namespace, places: Places) -> int:
    engine = _engine(options, places)
    report = drive(engine.scan(options.roots, options.workers, options.moments), options.quiet)
    numbers = {
        name: getattr(report, name)
        for name in ("found", "added", "changed", "unchanged", "moved", "missing", "removed")
    }
    failed = [{"path": failure.path, "reason": failure.reason} for failure in report.failed]
    for root in report.offline:
        say(f"{shown(root)} cannot be reached: its clips stay listed and come back with it.")
    if options.json:
        print_json({**numbers, "failed": failed, "embedded": report.embedded, "seconds": round(report.seconds, 3)})
        return DONE
    for failure in report.failed:
        print(f"cannot read {shown(failure.path)}: {failure.reason}")
    counts = ", ".join(f"{count} {name}" for name, count in numbers.items() if count or name == "found")
    print(f"{counts}, {len(failed)} failed, {report.embedded} embedded in {report.seconds:.1f} s")
    return DONE


def _search(options: argparse.Namespace, places: Places) -> int:
    from soundsearch.engine.service import parse_query

    query = parse_query(
        " ".join(options.text),
        [_example(text) for text in options.like],
        [_example(text) for text in options.unlike],
        options.not_texts,
        options.weight,
    )
    if query == parse_query("", text_weight=options.weight):
        raise QueryError("There is nothing to look for.", "Describe a sound, or name one with --like.")
    engine = _engine(options, places)
    hits = engine.search(query, options.limit)
    if options.json:
        print_json([_hit_json(hit) for hit in hits])
        return DONE
    for hit in hits:
        strength = hit.strength.name.lower() if hit.strength else ""
        print(f"{hit.rank:3}  {strength:6} {duration(hit.clip.duration_s):>8}  {shown(hit.clip.path)}")
    if not hits:
        say(_why_nothing(engine.status()))
    return DONE


def _why_nothing(status: LibraryStatus) -> str:
    if status.clips == 0:
        return "There are no clips yet: soundsearch scan FOLDER brings them in."
    if status.embedded == 0:
        return f"The model {status.model} has not heard these clips yet: soundsearch scan lets it."
    return "Nothing found."


def _hit_json(hit: Hit) -> dict[str, Any]:
    is_listed = not hit.strength  # only filters were asked for, and they hold entirely
    return {
        "rank": hit.rank,
        "path": hit.clip.path,
        "similarity": 1.0 if is_listed else round(hit.similarity, 6),
        "strength": "strong" if is_listed else hit.strength.name.lower(),
        "duration_s": hit.clip.duration_s,
        "start_s": hit.start_s,
        "end_s": hit.end_s,
        "tags": list(hit.clip.tags),
    }


def _duplicates(options: argparse.Namespace, places: Places) -> int:
    engine = _engine(options, places)
    groups = drive(engine.find_duplicates(options.near), options.quiet)
    found = [(group, engine.clips(group.clip_ids)) for group in groups]
    if options.json:
        print_json([_duplicates_object(group, clips) for group, clips in found])
        return DONE
    for group, clips in found:
        print(f"{len(clips)} {group.kind} copies")
        for clip in clips:
            mark = "keep" if clip is clips[0] else "    "
            print(f"  {mark}  {shown(clip.path)}  ({clip.format}, {clip.sample_rate} Hz, {clip.duration_s:.2f} s)")
    if not groups:
        print("There are no duplicates.")
    return DONE


def _duplicates_object(group: DuplicateGroup, clips: Sequence[Clip]) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "similarity": group.similarity,
        "keep": clips[0].path,
        "clips": [
            {
                "path": clip.path,
                "format": clip.format,
                "sample_rate": clip.sample_rate,
                "channels": clip.channels,
                "duration_s": clip.duration_s,
                "size_bytes": clip.size_bytes,
                "offline": clip.offline,
            }
            for clip in clips
        ],
    }


def _tag(options: argparse.Namespace, places: Places) -> int:
    engine = _engine(options, places)
    if unknown := engine.unknown_folders(options.roots):
        say(f"Scanning {', '.join(map(shown, unknown))} first.")
        drive(engine.scan(unknown), options.quiet)
    steps = engine.tagging.propose(options.labels, options.roots, bar=options.bar, for_review=False)
    proposals: TagProposals = drive(steps, options.quiet)
    accepted = {clip.clip_id: [(tag.label, tag.score) for tag in clip.tags if tag.accepted] for clip in proposals.clips}
    if options.apply or options.write_files:
        for _ in engine.tagging.apply(options.labels, list(accepted.items())):
            pass
    failed: tuple[Failure, ...] = ()
    if options.write_files:
        labels = {clip: [label for label, _ in found] for clip, found in accepted.items() if found}
        failed = drive(engine.tagging.write(options.labels, labels, options.backup), options.quiet).failed
    for failure in failed:
        say(f"Cannot write into {shown(failure.path)}: {failure.reason}")
    if options.json:
        print_json([{"path": clip.path, "tags": [_told(tag) for tag in clip.tags]} for clip in proposals.clips])
    else:
        _print_proposals(proposals)
    return FAILED if failed else DONE


def _told(tag: ProposedTag) -> dict[str, object]:
    return {"label": tag.label, "score": tag.score, "accepted": tag.accepted}


def _print_proposals(proposals: TagProposals) -> None:
    for clip in proposals.clips:
        words = ", ".join(f"{tag.label} {tag.score:.2f}" for tag in clip.tags if tag.accepted)
        print(f"{shown(clip.path)}: {words or '-'}")
    about = ", ".join(f"{label} ({clips} of {len(proposals.clips)})" for label, clips in proposals.summary)
    print(f"In common: {about or 'nothing'}")


def _export(options: argparse.Namespace, places: Places) -> int:
    from soundsearch.engine.exporting import as_csv

    clips = _engine(options, places).exported()
    if options.format == "csv" and not options.json:
        for line in as_csv(clips):
            print(line, end="")
    else:
        print_json(list(clips))
    return DONE


def _embed(options: argparse.Namespace, places: Places) -> int:
    if bool(options.files) == bool(options.text):
        raise QueryError(
            "There is nothing to embed." if not options.files else "Files and texts cannot be mixed.",
            "Name files, or texts with --text.",
        )
    engine = _engine(options, places, precision="float32")
    rows = (
        engine.embed_texts(options.text) if options.text else engine.embed_files([_example(f) for f in options.files])
    )
    _write_array(Path(options.out), rows)
    if options.json:
        print_json({"shape": list(rows.shape), "model": engine.chosen.name})
    else:
        print(f"{rows.shape[0]} embeddings of {rows.shape[1]} numbers in {options.out}")
    return DONE


def _write_array(path: Path, rows: FloatArray) -> None:
    """Whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            np.save(file, rows)
        part.replace(path)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise SoundSearchError(f"Cannot write {path}: {err.strerror}.", "Choose another place with --out.") from err


def _models(options: argparse.Namespace, places: Places) -> int:
    engine = _engine(options, places)
    if options.action not in ("list", "back") and not options.name:
        raise QueryError(f"Which model shall I {options.action}?", "soundsearch models list shows them.")
    if options.action == "list":
        infos = engine.list_models()
        if options.json:
            print_json([asdict(info) for info in infos])
            return DONE
        for info in infos:
            state = "active" if info.active else "installed" if info.installed else f"{info.size_bytes / 1e6:.0f} MB"
            words = f"{info.description} Not recommended: {info.reason}" if info.reason else info.description
            print(f"{info.name:22} {state:10} {words}")
        return DONE
    if options.action == "remove":
        engine.remove_model(options.name)
        if options.json:
            print_json({"removed": options.name})
        else:
            print(f"{options.name} is removed.")
        return DONE
    if options.action == "download":
        info = drive(engine.download_model(options.name), options.quiet)
        text = f"{info.title} is installed. Use it with: soundsearch models use {info.name}"
    elif options.action in ("use", "back"):
        info = engine.use_model(options.name) if options.action == "use" else engine.revert_model()
        text = f"{info.title} is the active model. Run soundsearch scan, so that it hears your clips."
    else:
        bundle = engine.models.check(options.name)
        info = engine.model_info(options.name)
        text = f"{bundle.title} is fine."
    if options.json:
        print_json(asdict(info))
    else:
        print(text)
    return DONE


def _status(options: argparse.Namespace, places: Places) -> int:
    status = _engine(options, places).status()
    if options.json:
        print_json(
            {
                "clips": status.clips,
                "embedded": status.embedded,
                "failed": status.failed,
                "missing": status.missing,
                "pending": status.pending,
                "roots": [root.path for root in status.roots],
                "offline": [root.path for root in status.roots if not root.online],
                "model": status.model,
                "index_bytes": status.index_bytes,
                "catalogue_bytes": status.catalogue_bytes,
                "version": status.version,
            }
        )
        return DONE
    for root in status.roots:
        print(f"{root.clips:8} clips  {shown(root.path)}{'' if root.online else '  (offline)'}")
    print(
        f"{status.clips:8} clips, {status.embedded} embedded with {status.model}, {status.failed} failed, "
        f"{status.missing} missing; catalogue {status.catalogue_bytes / 1e6:.1f} MB, "
        f"index {status.index_bytes / 1e6:.1f} MB"
    )
    return DONE


def _verify(options: argparse.Namespace, places: Places) -> int:
    try:
        engine = _engine(options, places)
        problems = engine.verify(options.repair)
    except CatalogueError as err:
        if options.json:
            print_json({"ok": False, "problems": [err.message]})
        raise
    left = engine.verify() if problems and options.repair else problems
    if options.json:
        print_json({"ok": not left, "problems": problems})
    else:
        for problem in problems:
            print(problem)
        print("Everything is in order." if not problems else "Repaired." if not left else "Not in order.")
    if left and not options.repair:
        say("Run soundsearch verify --repair to rebuild what can be rebuilt.")
    return FAILED if left else DONE


def _doctor(options: argparse.Namespace, places: Places) -> int:
    from soundsearch.engine.doctor import examine  # looks at everything: no other command needs it

    report = examine(places, options.device or "auto")
    if options.json:
        print_json(report)
        return DONE
    for part, values in report.items():
        print(part)
        for line in values.items() if isinstance(values, dict) else values:
            print("  " + (f"{line[0]}: {line[1]}" if isinstance(line, tuple) else str(line)))
    return DONE


# -- details


def _example(text: str) -> Example:
    """`FILE`, or `FILE@1.5-3.0`; a file whose very name ends so is meant as it is."""
    region = _REGION.fullmatch(text)
    if region is None or Path(text).exists():
        return Example(text)
    start, end = float(region["start"]), float(region["end"])
    if end <= start:
        raise QueryError(f"The part {region['start']}-{region['end']} of {region['path']} is empty.", "Swap the times.")
    return Example(region["path"], start, end)

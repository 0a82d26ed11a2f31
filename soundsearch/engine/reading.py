"""Reading: what a decoding thread makes of a file before its clip goes to the model."""

import hashlib
import logging
import os
from collections.abc import Container
from dataclasses import dataclass, replace

from soundsearch.audio.decode import decode, mono, probe, resample
from soundsearch.audio.features import WHOLE_MAX_S, Features, FrontEnd, features, load_features, load_in_parts
from soundsearch.audio.mel import spectra
from soundsearch.audio.metadata import read_tags
from soundsearch.audio.peaks import peaks
from soundsearch.catalogue.store import Analysis, PendingFile
from soundsearch.errors import DecodeError

log = logging.getLogger(__name__)

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was made of a file: an analysis with or without features, or the reason why there is none."""

    analysis: Analysis | None = None
    features: Features | None = None
    reason: str = ""
    gone: bool = False  # not there any more, or changing while it was read: the next scan will see


def read(file: PendingFile, front_end: FrontEnd, known: Container[bytes]) -> Outcome:
    """Hash a file, and unless the same content is embedded already decode it and make features."""
    try:
        before = os.stat(file.path)
        digest = _digest(file.path)
        if digest in known:
            return Outcome(Analysis(file.clip_id, digest, before.st_size, before.st_mtime_ns))
        analysis, model_input = _hear(file.path, front_end)
        after = os.stat(file.path)
    except DecodeError as err:
        if not os.path.exists(file.path):
            return Outcome(gone=True)
        return Outcome(reason=err.message)
    except (FileNotFoundError, NotADirectoryError):
        return Outcome(gone=True)
    except OSError as err:
        if not os.path.exists(file.path):
            return Outcome(gone=True)
        return Outcome(reason=f"it cannot be opened: {(err.strerror or str(err)).lower()}")
    except MemoryError:
        return Outcome(reason="it does not fit into memory")
    except Exception:  # our bug in one clip must not end a scan of a million
        log.exception("analysing %r", file.path)
        return Outcome(reason="something went wrong while it was analysed; the log has the details")
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return Outcome(gone=True)  # still being written
    return Outcome(
        replace(
            analysis,
            clip_id=file.clip_id,
            digest=digest,
            size_bytes=before.st_size,
            modified_ns=before.st_mtime_ns,
            labels=read_tags(file.path).words,
        ),
        model_input,
    )


def _digest(path: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.digest()


def _hear(path: str, front_end: FrontEnd) -> tuple[Analysis, Features]:
    """Make a clip searchable. What is decoded whole for that is drawn, too; all else follows when all can be searched.

    A long file whose parts can be had exactly is not decoded whole, one that is too long to hold is read in blocks.
    """
    info = probe(path)
    model_input = load_in_parts(path, info, front_end)
    if model_input is None and info.duration_s > WHOLE_MAX_S:
        model_input = load_features(path, front_end)
    if model_input is not None:
        return Analysis(0, b"", 0, 0, info.duration_s, info.sample_rate, info.channels, info.format), model_input
    waveform = decode(path)
    samples, rate = mono(waveform), waveform.sample_rate
    drawn = peaks(samples, rate, transform=spectra).to_bytes()
    model_input = features(resample(samples, rate, front_end.sample_rate), front_end)
    heard = Analysis(0, b"", 0, 0, waveform.duration_s, rate, waveform.samples.shape[1], info.format, drawn)
    return heard, model_input

"""ClapEncoder: the two towers of a bundle, on the device that is there. One owner of torch and transformers.

An embedding is a pure function of samples and bundle. On the CPU each clip and each text runs by itself on one thread,
several side by side: equally fast as one batch on all threads (matrix kernels of other shapes round differently, so
a batched vector would depend on its neighbours), and the same bytes in any batch, process and number of cores.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.overrides import TorchFunctionMode

from soundsearch.audio.features import Features, features
from soundsearch.errors import ModelError
from soundsearch.model import htsat
from soundsearch.model.bundle import Bundle
from soundsearch.model.mobilenet import MODEL_TYPE as MOBILENET
from soundsearch.model.mobilenet import MobileNetAudio, QuickMobileNet
from soundsearch.model.packed import pack_linears
from soundsearch.model.roberta import USUAL_TOKENS, QuickRobertaText, RobertaText
from soundsearch.model.towers import HTSAT, DualEncoder, audio_kind, padding_id
from soundsearch.model.weights import fill, read_bundle
from soundsearch.records import FloatArray

log = logging.getLogger(__name__)

MAX_TOKENS = 77
TEXT_PROBES = 4  # texts whose embeddings decide about the precision
GPU_BATCH = 64  # halved whenever the device runs out of memory
# bfloat16 is used only where it keeps the embeddings of this very bundle. A text is compared with sounds, from which it
# is far: turned by its 1.8 degrees at most, it changes a similarity by some 0.001, a fiftieth of what tells hits apart.
MIN_BF16_COSINE = 0.9999
MIN_BF16_TEXT_COSINE = 0.9995
MAX_TEXT_COSINE = 0.8  # unrelated sentences: good checkpoints give 0.18-0.29, a collapsed text tower 0.9993
_UNRELATED = (
    "a dog barking",
    "heavy rain on a tin roof",
    "a punchy kick drum",
    "a woman singing opera",
    "a car engine starting",
    "glass breaking on the floor",
    "a slow ambient synthesizer pad",
    "typing on a keyboard",
    "a crowd cheering in a stadium",
    "a church bell in the distance",
)


class ClapEncoder:
    """Embeds sound and text with one bundle.

    Attributes:
        bundle: What was loaded.
        device: "cpu", "cuda" or "mps".
        precision: Of the audio tower, "float32" or "bfloat16".
        text_precision: Of the text tower's products, the same.
    """

    def __init__(self, bundle: Bundle, device: str = "auto", precision: str = "auto") -> None:
        """Load both towers.

        Args:
            bundle: A folder that was opened.
            device: "cpu", "cuda" or "mps"; "auto" takes the fastest that is there.
            precision: "float32" or "bfloat16"; "auto" takes bfloat16 on a CPU that is faster in it, where this bundle
                keeps its embeddings.

        Raises:
            ModelError: If a checksum or a tensor is wrong, or the device is not there.
        """
        self.bundle = bundle
        self.device = _choose_device(device)
        self._dual = load_dual(bundle, for_search=True)
        self._tokenizer: Tokenizer | None = None
        self._batch = GPU_BATCH
        self.precision = "float32"
        # A query does not queue behind the clips of a scan. Other devices than the CPU do one thing at a time.
        workers = os.cpu_count() or 1
        self._asked = ThreadPoolExecutor(workers, thread_name_prefix="asked")
        self._scanned = ThreadPoolExecutor(workers, thread_name_prefix="tower")
        self._turn = threading.Lock()
        if self.device == "cpu":
            torch.set_num_threads(1)
        self._dual.to(self.device)
        self.text_precision = self._prepare_texts(precision) if self.device == "cpu" else "float32"
        self._towers = {"": self._dual.audio_model}  # while the precision is chosen
        self._compute_in("float32")
        if self._wants_bfloat16(precision):
            self._compute_in("bfloat16")
        self._towers.clear()

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self.bundle.dimension

    @property
    def parallel(self) -> int:
        """How many clips a call should bring to keep the device busy."""
        return (os.cpu_count() or 1) if self.device == "cpu" else self._batch

    def embed_features(self, batch: Sequence[Features]) -> FloatArray:
        """Embed clips that went through the bundle's front end.

        Returns:
            Unit rows, shape (len(batch), dimension), float32. A row that is not finite is all NaN; its neighbours are
            not affected.
        """
        return self.project(self._pooled(batch, self._asked))

    def pool_features(self, batch: Sequence[Features]) -> list[FloatArray]:
        """Run the audio tower alone; what it gives can be kept, and is the same for bundles of the same `tower_id`.

        Several threads may call it at a time; whatever else is asked for does not wait until all of a batch is done.

        Returns:
            For each clip one row for each view that was run, shape (n_views, audio_width), float32: one view of a
            fused clip, else as many as the front end made.
        """
        return self._pooled(batch, self._scanned)

    def _pooled(self, batch: Sequence[Features], pool: ThreadPoolExecutor) -> list[FloatArray]:
        views = [self._views(clip) for clip in batch]
        flat = [view for of_clip in views for view in of_clip]
        if self.device == "cpu":
            rows = list(pool.map(lambda view: self._audio_rows([view])[0], flat))
        else:
            rows = self._in_batches(flat, self._audio_rows)
        ends = np.cumsum([len(of_clip) for of_clip in views]).tolist()
        return [np.stack(rows[end - len(of_clip) : end]) for of_clip, end in zip(views, ends, strict=True)]

    def project(self, pooled: Sequence[FloatArray]) -> FloatArray:
        """Make embeddings of what `pool_features` gave.

        Returns:
            Unit rows, shape (len(pooled), dimension), float32.
        """
        if not pooled:
            return np.zeros((0, self.dimension), np.float32)
        flat = np.concatenate(pooled)
        # One by one on the CPU, as in the tower: a row must not depend on its neighbours.
        rows = flat[:, None] if self.device == "cpu" else [flat]
        units = _unit(np.concatenate(self._asked.submit(lambda: [self._projected(row) for row in rows]).result()))
        ends = np.cumsum([len(rows) for rows in pooled]).tolist()
        # Windows of one clip are averaged as unit vectors; the mean of one is itself.
        return _unit(
            np.stack([units[end - len(rows) : end].mean(axis=0) for rows, end in zip(pooled, ends, strict=True)])
        )

    def embed_audio(self, samples: FloatArray) -> FloatArray:
        """Embed mono samples at the bundle's sample rate, shape (n_samples,); returns (dimension,), a unit vector."""
        row: FloatArray = self.embed_features([features(samples, self.bundle.front_end)])[0]
        return row

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embed texts.

        Returns:
            Unit rows, shape (len(texts), dimension), float32.

        Raises:
            ModelError: If the bundle has no tokenizer.
        """
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self.bundle)
        # A command line may hold bytes that are not UTF-8; the tokenizer takes none.
        readable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        encoded = [self._tokenizer.encode(text).ids for text in readable]
        if self.device == "cpu":
            rows = list(self._asked.map(lambda ids: self._text_rows([ids])[0], encoded))
        else:
            rows = self._in_batches(encoded, self._text_rows)
        return _unit(np.stack(rows))

    def check(self) -> None:
        """Run the load gate: it catches every checkpoint that is known to be bad.

        Raises:
            ModelError: If all texts get the same embedding, a clip twice gives other bytes, or silence is not finite.
        """
        rows = self.embed_texts(_UNRELATED)
        pairs = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
        if not pairs.mean() < MAX_TEXT_COSINE:
            raise ModelError(
                f"The model {self.bundle.title} cannot tell texts apart (mean similarity {pairs.mean():.3f}).",
                "Choose another model.",
            )
        noise = _probe(self.bundle.front_end.sample_rate)[0]
        if self.embed_audio(noise).tobytes() != self.embed_audio(noise).tobytes():
            raise ModelError(
                f"The model {self.bundle.title} gives the same sound different embeddings.", "Report this."
            )
        if not np.isfinite(self.embed_audio(np.zeros_like(noise))).all():
            raise ModelError(f"The model {self.bundle.title} cannot embed silence.", "Choose another model.")

    def _views(self, clip: Features) -> list[tuple[FloatArray, bool]]:
        """What runs through the tower for one clip: all four views of a fused clip at once, else view by view."""
        if self.bundle.front_end.long == "fusion":
            return [(clip.mel if clip.longer else clip.mel[:1], clip.longer)]
        return [(view[None], clip.longer) for view in clip.mel]

    def _audio_rows(self, views: Sequence[tuple[FloatArray, bool]]) -> FloatArray:
        """Tower over views; views of other shapes run by themselves. (n, audio_width)."""
        rows = np.empty((len(views), self._dual.audio_width), np.float32)
        shapes = [mel.shape for mel, _ in views]
        for shape in dict.fromkeys(shapes):
            chosen = [i for i, s in enumerate(shapes) if s == shape]
            mel = torch.from_numpy(np.stack([views[i][0] for i in chosen])).to(self.device)
            longer = torch.tensor([[views[i][1]] for i in chosen], device=self.device)
            # The restructured tower holds its weights in the precision; others are cast as they are used.
            reduced = self.precision == "bfloat16" and not isinstance(self._dual.audio_model, htsat.QuickHtsat)
            autocast = torch.autocast(self.device, torch.bfloat16, enabled=reduced)
            with self._on_device(), torch.inference_mode(), autocast:
                rows[chosen] = self._dual.pool_audio(mel, longer).float().cpu().numpy()
        return rows

    def _projected(self, pooled: FloatArray) -> FloatArray:
        """Projection over pooled rows, always in float32. (n, dimension), not unit length."""
        with self._on_device(), torch.inference_mode():
            rows: FloatArray = self._dual.project_audio(torch.from_numpy(pooled).to(self.device)).cpu().numpy()
        return rows

    def _text_rows(self, encoded: Sequence[list[int]]) -> FloatArray:
        """Tower and projection over token ids, padded to the longest. (n, dimension), not unit length."""
        length = max(len(ids) for ids in encoded)
        tokens = torch.full((len(encoded), length), padding_id(self.bundle.config))
        mask = torch.zeros((len(encoded), length), dtype=torch.long)
        for row, ids in enumerate(encoded):
            tokens[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
        with self._on_device(), torch.inference_mode():
            pooled = self._dual.pool_text(tokens.to(self.device), mask.to(self.device))
            result: FloatArray = self._dual.project_text(pooled).float().cpu().numpy()
        return result

    def _on_device(self) -> AbstractContextManager[object]:
        """A graphics card does one thing at a time, in memory for one; on the CPU everybody goes on."""
        return nullcontext() if self.device == "cpu" else self._turn

    def _in_batches(self, items: Sequence[Any], embed: Callable[[Sequence[Any]], FloatArray]) -> list[FloatArray]:
        """Run in batches as large as the device's memory takes."""
        rows: list[FloatArray] = []
        while len(rows) < len(items):
            try:
                rows.extend(embed(items[len(rows) : len(rows) + self._batch]))
            except torch.OutOfMemoryError as err:
                if self._batch == 1:
                    raise ModelError(
                        f"The {self.device} device has too little memory for the model {self.bundle.title}.",
                        "Close other programs that use it, or choose --device cpu.",
                    ) from err
                self._batch //= 2
                log.info("out of device memory; batches of %d from now on", self._batch)
                if self.device == "cuda":
                    torch.cuda.empty_cache()
        return rows

    def _compute_in(self, precision: str) -> None:
        """Choose the audio tower's precision; towers that can be restructured for embedding alone are."""
        self.precision = precision
        reference: Any = self._towers[""]
        if isinstance(reference, MobileNetAudio):
            self._dual.audio_model = QuickMobileNet(reference)
        if audio_kind(self.bundle.config) == HTSAT and htsat.fits(reference.config):
            if precision not in self._towers:
                self._towers[precision] = htsat.QuickHtsat(reference, getattr(torch, precision)).to(self.device)
            self._dual.audio_model = self._towers[precision]

    def _prepare_texts(self, precision: str) -> str:
        """Lay the text tower's weights out for the CPU, and return the precision of its products.

        Of some ten rows most of the time is reading the weights: laid out a query takes 0.6 of it, in bfloat16 0.25.
        """
        reference = self._dual.text_model
        if not isinstance(reference, RobertaText):
            pack_linears(reference, USUAL_TOKENS)
            return "float32"
        self._dual.text_model = exactly = QuickRobertaText(reference)
        may_round = precision == "auto" and self._may_round() and (self.bundle.folder / "tokenizer.json").exists()
        if precision != "bfloat16" and not may_round:
            return "float32"
        exact = self.embed_texts(_UNRELATED[:TEXT_PROBES]) if may_round else None
        self._dual.text_model = QuickRobertaText(reference, torch.bfloat16)
        if exact is None or self._keeps(exact, self.embed_texts(_UNRELATED[:TEXT_PROBES]), MIN_BF16_TEXT_COSINE):
            return "bfloat16"
        self._dual.text_model = exactly
        return "float32"

    def _wants_bfloat16(self, precision: str) -> bool:
        """Decide by measurement: the processor has units for it, and this bundle's embeddings stay what they are."""
        if precision != "auto" or not self._may_round():
            return precision == "bfloat16"
        probes = [features(sound, self.bundle.front_end) for sound in _probe(self.bundle.front_end.sample_rate)]
        exact = self.embed_features(probes)
        self._compute_in("bfloat16")
        found = self.embed_features(probes)
        self._compute_in("float32")
        return self._keeps(exact, found, MIN_BF16_COSINE)

    def _may_round(self) -> bool:
        """Whether bfloat16 can be of use: small towers gain nothing, and processors lose without units for it."""
        is_small = audio_kind(self.bundle.config) == MOBILENET
        return not is_small and self.device != "mps" and (self.device != "cpu" or _has_bfloat16_units())

    def _keeps(self, exact: FloatArray, found: FloatArray, least: float) -> bool:
        """Whether embeddings (n, dimension) in bfloat16 are those of float32, to a cosine of `least` each."""
        cosine = float((exact * found).sum(axis=1).min())
        log.info("bfloat16 keeps embeddings of %s to cosine %.6f, wanted %.4f", self.bundle.title, cosine, least)
        return cosine >= least


def _has_bfloat16_units() -> bool:
    """Whether this processor computes our towers faster in bfloat16, by what it is: a timing would not always agree.

    AMX does, and AMD's AVX-512 of bfloat16; that of Intel's processors is slower than their float32
    (docs/performance.md).
    """
    if getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)():  # no public name yet (torch 2.13)
        return True
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # {} where torch is older
    return bool(found.get("avx512_bf16")) and str(found.get("cpu_name", "")).startswith("AMD")


def available_devices() -> list[str]:
    """Devices that a model can run on here, the fastest first; "cpu" is always the last."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, there in found.items() if there]


def _choose_device(device: str) -> str:
    available = available_devices()
    if device == "auto":
        return available[0]
    if device not in available:
        raise ModelError(f"There is no {device} device on this computer.", "Choose --device auto or cpu.")
    return device


_RANDOM = {"normal_", "uniform_", "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "trunc_normal_"}


class _Unfilled(TorchFunctionMode):
    """What is built here keeps what memory held: numbers that are overwritten need not be drawn (starter: 0.13 s)."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "") in _RANDOM:
            return given.get("tensor", args[0] if args else None)
        return func(*args, **given)


def load_dual(bundle: Bundle, *, for_search: bool = False) -> DualEncoder:
    """Build both towers of a bundle in float32, fill every tensor, and leave them in evaluation mode.

    Args:
        bundle: A folder that was opened.
        for_search: They will never be trained; see `DualEncoder`.

    Raises:
        ModelError: If a checksum or a tensor is wrong.
    """
    bundle.verify()
    tensors = read_bundle(bundle)
    with _Unfilled():
        dual = DualEncoder(bundle.config, for_search=for_search)
    fill(dual, tensors, str(bundle.folder))
    return dual.eval()


def load_tokenizer(bundle: Bundle) -> Tokenizer:
    """Open the fast tokenizer alone: transformers' wrapper takes a second to import and adds nothing here.

    Texts are cut to MAX_TOKENS, keeping the end token, and not padded.

    Raises:
        ModelError: If the bundle has none, or it cannot be read.
    """
    file = bundle.folder / "tokenizer.json"
    if not file.exists():
        raise ModelError(f"The model in {bundle.folder} has no tokenizer.json.", "It can embed sounds, but not texts.")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as err:  # the binding raises bare Exception
        raise ModelError(f"Cannot read {file}: {err}.", "Download or install the model again.") from err
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _probe(sample_rate: int) -> list[FloatArray]:
    """Noise, a falling tone and clicks: unlike enough that a precision that changes one of them is seen."""
    n = 2 * sample_rate
    t = np.arange(n) / sample_rate
    noise = 0.1 * np.random.default_rng(0).standard_normal(n)
    tone = 0.5 * np.sin(2 * np.pi * (2000 * t - 450 * t**2))
    clicks = np.where(np.arange(n) % (sample_rate // 5) < 20, 0.8, 0.0)
    return [sound.astype(np.float32) for sound in (noise, tone, clicks)]


def _unit(rows: FloatArray) -> FloatArray:
    """Scale rows to unit length; a row that is not finite, or has no direction, becomes NaN."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit: FloatArray = np.where(norms > 0, rows / norms, np.nan).astype(np.float32)
    return unit

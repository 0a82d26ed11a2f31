"""Keyword to caption by a T5 of the keytotext family, as the paper made its captions (arXiv:2211.06687, section 3.2).

Such models lose tags and make up others. What they write is taken only if every tag is in it and it does not
stammer, after made-up genders are taken out; else the grammar writes the caption, and that is counted.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import T5ForConditionalGeneration
from transformers.utils.logging import disable_progress_bar

from soundsearch import settings
from soundsearch.audio.decode import probe
from soundsearch.errors import DecodeError, ModelError
from soundsearch.model.download import download
from soundsearch.model.hub import HubFile, HubModel
from soundsearch.records import Progress
from trainer.captions import grammar
from trainer.captions.debias import debias
from trainer.captions.template import tags_of
from trainer.captions.words import clean_tag, split_tags
from trainer.data import Item

BATCH = 32
MOST_TAGS = 12  # the models were made with three to five; of more they lose some for certain
LONGEST_INPUT = 512  # tokens, T5's own limit
LONGEST_CAPTION = 64  # tokens; CLAP reads 77 of its own
SHORTEST_S = 2.0  # the paper gave no generated captions to shorter clips
# Beam search as keytotext has it.
SEARCH = {"num_beams": 4, "length_penalty": 1.5, "no_repeat_ngram_size": 3, "early_stopping": True, "do_sample": False}


@dataclass(frozen=True, slots=True)
class Captioner:
    """A keyword-to-caption model on the hub, and what stands between the keywords it was trained with."""

    repository: str
    revision: str = "main"
    size_bytes: int = 250_000_000
    separator: str = "| "


CAPTIONERS = {
    "k2t": Captioner("gagan3012/k2t", "2ec03a29638166ef378437666baef1008abfaecd"),
    "k2t-base": Captioner("gagan3012/k2t-base", size_bytes=900_000_000),
    "k2t-new": Captioner("gagan3012/k2t-new", separator=" "),
}


def locate(
    source: str,
    folder: Path | None = None,
    endpoint: str = "",
    on_progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Find the folder of a model, and download the model if it is not there.

    Args:
        source: A folder, a name of `CAPTIONERS`, or a hub repository, as "gagan3012/k2t".
        folder: Where downloaded models are; None is the program's data folder.
        endpoint: Address of the hub; "" is that of the user's settings.
        on_progress: Told how far a download is.

    Raises:
        ModelError: If there is no such folder, or the download cannot be done.
    """
    if Path(source).is_dir():
        return Path(source)
    captioner = CAPTIONERS.get(source) or Captioner(source)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", captioner.repository):
        names = ", ".join(CAPTIONERS)
        raise ModelError(f"There is no folder {source}.", f"Name a folder, a hub repository, or one of {names}.")
    places = settings.Places.default()
    target = (folder or places.data_dir / "captioners") / captioner.repository.replace("/", "--")
    if (target / "download.json").is_file():
        return target
    model = HubModel(
        name=source,
        title=captioner.repository,
        repository=captioner.repository,
        revision=captioner.revision,
        files=tuple(map(HubFile, ("config.json", "tokenizer.json", "pytorch_model.bin"))),
        size_bytes=captioner.size_bytes,
        description="Writes captions from keywords.",
        licence="",
    )
    for progress in download(model, target, endpoint or settings.load(places.settings).hub_endpoint):
        if on_progress:
            on_progress(progress)
    return target


class T5Writer:
    """Given captions, then what a T5 makes of the tags, in place of the template."""

    def __init__(self, folder: Path, *, seed: int = 3407, device: str = "cpu", shortest_s: float = 0.0) -> None:
        """Load the model.

        Args:
            folder: Holds config.json, tokenizer.json and model.safetensors or pytorch_model.bin.
            seed: Of the grammar, where it steps in.
            device: Where the model runs.
            shortest_s: Shorter clips get the grammar's caption; the paper's rule is `SHORTEST_S`.

        Raises:
            ModelError: If the folder holds no such model.
        """
        self._seed = seed
        self._shortest_s = shortest_s
        self._separator = _separator(folder)
        self._tokenizer, self._model = _load(folder)
        self._model.to(device)
        self._device = device
        self._written: dict[tuple[str, ...], str] = {}  # "" where what the model wrote cannot be used

    def texts(self, item: Item) -> tuple[str, ...]:
        """Given captions, then the generated one."""
        tags = split_tags(tags_of(item))
        caption = "" if self._is_short(item) else self._caption(tags)
        own = (caption,) if caption else grammar.captions(tags, self._seed, 1)
        return tuple(dict.fromkeys(text for text in (*item.captions, *own) if text.strip()))

    def prepare(self, items: Sequence[Item]) -> None:
        """Write the captions of all clips in batches; each set of tags once."""
        self._write(split_tags(tags_of(item)) for item in items if not self._is_short(item))

    def notes(self) -> tuple[str, ...]:
        """How often what the model wrote could not be used."""
        lost = sum(not caption for caption in self._written.values())
        if not lost:
            return ()
        share = f"{lost} of {len(self._written)} captions"
        return (f"The caption model lost a tag or stammered in {share}: the grammar wrote those.",)

    def _is_short(self, item: Item) -> bool:
        if not self._shortest_s:
            return False
        try:
            duration_s = item.duration_s or probe(item.path).duration_s
        except DecodeError:
            return False  # not known: a clip of a shard has no file of its own
        return duration_s < self._shortest_s

    def _caption(self, tags: tuple[str, ...]) -> str:
        if tags not in self._written:
            self._write([tags])
        return self._written[tags]

    def _write(self, wanted: Iterable[tuple[str, ...]]) -> None:
        # In one order, whatever that of the clips: a batch is padded to its longest.
        new = sorted({tags for tags in wanted if tags not in self._written}, key=lambda tags: (len(str(tags)), tags))
        self._written |= {tags: "" for tags in new if not 0 < len(tags) <= MOST_TAGS}
        todo = [tags for tags in new if tags not in self._written]
        for start in range(0, len(todo), BATCH):
            batch = todo[start : start + BATCH]
            for tags, caption in zip(batch, self._generate(batch), strict=True):
                text = debias(clean_caption(caption), keep={word for tag in tags for word in tag.split()})
                self._written[tags] = text if text and grammar.reads(text, tags) else ""

    def _generate(self, batch: Sequence[tuple[str, ...]]) -> list[str]:
        """Beam search over a padded batch."""
        end, pad = int(self._model.config.eos_token_id), int(self._model.config.pad_token_id)
        rows = [self._tokenizer.encode(self._separator.join(tags)).ids[: LONGEST_INPUT - 1] for tags in batch]
        rows = [row if row and row[-1] == end else [*row, end] for row in rows]
        width = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows], device=self._device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self._device)
        with torch.inference_mode():
            out = self._model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=LONGEST_CAPTION, **SEARCH)
        texts: list[str] = self._tokenizer.decode_batch(out.tolist(), skip_special_tokens=True)
        return texts


def clean_caption(text: str) -> str:
    """One line with single spaces, without what is not a sentence's: tokens of the model, separators, a lone dot."""
    text = re.sub(r"<[^<>\s]*>|\|", " ", text)
    text = " ".join(text.split())
    return re.sub(r"\s+([.,!?])", r"\1", text) if clean_tag(text) else ""


def _separator(folder: Path) -> str:
    names = {captioner.repository.replace("/", "--"): captioner.separator for captioner in CAPTIONERS.values()}
    return names.get(folder.name, Captioner("").separator)


def _load(folder: Path) -> tuple[Any, Any]:
    if not (folder / "tokenizer.json").is_file():
        hint = "Save it with tokenizer.json, as AutoTokenizer.from_pretrained(...).save_pretrained does."
        raise ModelError(f"The caption model in {folder} has no tokenizer.json.", hint)
    hint = "It needs config.json, tokenizer.json and the weights of a T5."
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        disable_progress_bar()  # type: ignore[no-untyped-call] # what is said on stderr is ours to say
        # from_pretrained reads a pytorch_model.bin with weights_only: tensors, no code.
        loaded: Any = T5ForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
    except Exception as err:  # the tokenizers binding raises bare Exception, transformers whatever a file provokes
        raise ModelError(f"Cannot load the caption model in {folder}: {err}.", hint) from err
    model, said = loaded
    if said["missing_keys"]:
        raise ModelError(f"The caption model in {folder} lacks {sorted(said['missing_keys'])[0]}.", hint)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model.eval()
    return tokenizer, model

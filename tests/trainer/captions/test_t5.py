"""The neural captioner: a tiny T5 that has learned three captions, and one that has learned nothing."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import T5Config, T5ForConditionalGeneration

from soundsearch.errors import ModelError
from trainer.captions import grammar
from trainer.captions.t5 import T5Writer, clean_caption, locate
from trainer.captions.writer import caption_writer
from trainer.data import Item

# What it is taught: a good caption, one with a made-up man, and one that loses a tag.
LESSONS = {
    ("dog", "bark", "distant"): "a distant dog barks",
    ("door", "slam"): "a man slams his door",
    ("rain", "roof"): "rain on a street",
}
WORDS = sorted({word for tags, text in LESSONS.items() for word in (*tags, *text.split())})
VOCABULARY = {word: k for k, word in enumerate(["<pad>", "</s>", "<unk>", "|", *WORDS])}


def items() -> list[Item]:
    return [Item(f"{'-'.join(tags)}.wav", (), tags=tags) for tags in LESSONS]


def save(folder: Path, steps: int) -> Path:
    """Write a tiny T5, trained for some steps, and its tokenizer."""
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(
        T5Config(vocab_size=len(VOCABULARY), d_model=32, d_kv=8, d_ff=64, num_layers=1, num_decoder_layers=1,
                 num_heads=4, dropout_rate=0.0, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    pairs = [([*tokenizer.encode("| ".join(tags)).ids, 1], [*tokenizer.encode(text).ids, 1])
             for tags, text in LESSONS.items()]  # fmt: skip
    for _ in range(steps):
        losses = [model(input_ids=torch.tensor([a]), labels=torch.tensor([b])).loss for a, b in pairs]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("t5") / "taught", 150)


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("t5") / "untaught", 0)


def test_takes_good_captions_and_leaves_bad_ones(taught: Path) -> None:
    writer = T5Writer(taught)
    dog, door, rain = items()
    assert writer.texts(dog) == ("a distant dog barks",)
    assert writer.texts(door) == ("a person slams their door",)
    assert writer.texts(rain) == grammar.captions(rain.tags, 3407, 1)
    assert writer.notes() == ("The caption model lost a tag or stammered in 1 of 3 captions: the grammar wrote those.",)


def test_a_batch_writes_what_single_clips_get(taught: Path) -> None:
    alone, together = T5Writer(taught), T5Writer(taught)
    together.prepare(items())
    assert [together.texts(item) for item in items()] == [alone.texts(item) for item in reversed(items())][::-1]


def test_people_come_first_and_their_tags_keep_their_words(taught: Path) -> None:
    item = Item("x.wav", ("My door!",), tags=("door", "slam"))
    assert T5Writer(taught).texts(item) == ("My door!", "a person slams their door")
    own = Item("x.wav", (), tags=("man", "door", "slam"))
    text = T5Writer(taught).texts(own)[0]
    assert "man" in text.split()


def test_without_learning_the_grammar_writes_everything(untaught: Path) -> None:
    writer = caption_writer("t5", t5=str(untaught), seed=7)
    assert isinstance(writer, T5Writer)
    writer.prepare(items())
    assert [writer.texts(item) for item in items()] == [grammar.captions(item.tags, 7, 1) for item in items()]
    assert "3 of 3" in writer.notes()[0]


def test_takes_any_tags(untaught: Path) -> None:
    writer = T5Writer(untaught)
    odd = [
        Item("a", ()),
        Item("b", (), tags=("箏", "\udcff", "")),
        Item("c", (), tags=tuple(f"t{k}" for k in range(99))),
    ]
    writer.prepare(odd)
    assert writer.texts(odd[0]) == ()
    assert "箏" in writer.texts(odd[1])[0]
    assert "t98" in writer.texts(odd[2])[0]


def test_short_clips_can_be_left_to_the_grammar(taught: Path, tmp_path: Path) -> None:
    file = tmp_path / "short.wav"
    soundfile.write(file, np.zeros(8000), 8000)
    writer = T5Writer(taught, shortest_s=2.0)
    tags = ("dog", "bark", "distant")
    assert writer.texts(Item(str(file), (), tags=tags)) == grammar.captions(tags, 3407, 1)
    assert writer.texts(Item(str(file), (), tags=tags, duration_s=3.0)) == ("a distant dog barks",)
    assert writer.texts(Item(str(tmp_path / "gone.wav"), (), tags=tags)) == ("a distant dog barks",)


def test_cleans_what_a_model_writes() -> None:
    assert clean_caption(" <pad> a dog| barks  .</s>\n") == "a dog barks."
    assert clean_caption(" . ") == ""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def hub(untaught: Path, tmp_path: Path) -> Iterator[str]:
    """A plain file server in the hub's layout."""
    place = tmp_path / "hub" / "somebody" / "k2t-tiny" / "resolve" / "main"
    place.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        (place / name).write_bytes((untaught / name).read_bytes())
    torch.save(T5ForConditionalGeneration.from_pretrained(untaught).state_dict(), place / "pytorch_model.bin")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "hub")))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_comes_from_a_hub_once(hub: str, tmp_path: Path) -> None:
    seen = []
    folder = locate("somebody/k2t-tiny", tmp_path / "captioners", hub, seen.append)
    assert T5Writer(folder).texts(items()[0])
    assert seen[-1].done == seen[-1].total > 0
    assert locate("somebody/k2t-tiny", tmp_path / "captioners", "http://127.0.0.1:1") == folder


def test_says_what_is_wrong(tmp_path: Path, taught: Path) -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        locate(str(tmp_path / "no" / "such" / "folder"))
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        T5Writer(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in taught.iterdir():
        data = file.read_bytes()
        (broken / file.name).write_bytes(data[: len(data) // 2] if file.suffix == ".safetensors" else data)
    with pytest.raises(ModelError, match="Cannot load"):
        T5Writer(broken)


def test_untrained_weights_are_not_made_up(tmp_path: Path, untaught: Path) -> None:
    from safetensors.torch import load_file, save_file

    lacking = tmp_path / "lacking"
    lacking.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (lacking / name).write_bytes((untaught / name).read_bytes())
    tensors = load_file(untaught / "model.safetensors")
    del tensors["encoder.final_layer_norm.weight"]
    save_file(tensors, lacking / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="lacks encoder"):
        T5Writer(lacking)

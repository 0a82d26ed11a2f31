"""Every audio tower beside every text tower, with every kind of caption, learns sixteen real clips by heart, and finds
each of them first from the command line afterwards.

The towers are the real ones with few weights; they start as if they had been trained before: statistics of batch
normalisation are those of the clips.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from soundsearch import cli
from soundsearch.audio.features import Features
from soundsearch.model import timm_tower
from soundsearch.model.bundle import Bundle, default_front_end
from soundsearch.model.towers import DualEncoder
from soundsearch.model.weights import save_bundle
from tests import bundles
from tests.trainer.runs import demo_items, make_run
from trainer.bundles import write_tuned
from trainer.captions.writer import caption_writer
from trainer.config import recipe
from trainer.data import Item
from trainer.draw import Draw
from trainer.recipes import NORMS
from trainer.student import Student

CLIPS = 16
STEPS = 400
WINDOW_SAMPLES = 122_000  # 2.5 s: a quarter of the work of 10 s; longer clips are fused, or cut
IDS = {"roberta": (0, 1, 2), "bert": (1, 0, 2), "clip": (298, 297, 299)}  # start, padding, end
AUDIO = ("htsat", "htsat-fused", "cnn14", "cnn14-fused", "timm")

Heard = dict[str, dict[int, Features]]


def combinations() -> list[Any]:
    """All of them; one for each audio tower is enough for every day, with all text towers and kinds of captions."""
    return [
        pytest.param(audio, text, captions, marks=[pytest.mark.long] if (i + 2 * j + 3 * k) % 6 else [])
        for i, audio in enumerate(AUDIO)
        for j, text in enumerate(IDS)
        for k, captions in enumerate(("template", "grammar"))
    ]


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return demo_items(CLIPS)


@pytest.fixture(scope="module")
def heard() -> Heard:
    """Features by kind of front end, so that each clip is decoded twice and not forty times."""
    return {}


def words(file: Path, texts: list[str], ids: tuple[int, int, int]) -> Path:
    """A tokenizer of whole words."""
    split = pre_tokenizers.Whitespace()
    known = sorted({word for text in texts for word, _ in split.pre_tokenize_str(text.lower())})
    free = [number for number in range(3, 297) if number not in ids]
    vocabulary = {
        "<s>": ids[0],
        "<pad>": ids[1],
        "</s>": ids[2],
        "<unk>": free.pop(),
        **dict(zip(known, free, strict=False)),
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), split
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", ids[2]), ("<s>", ids[0]))
    file.parent.mkdir(parents=True)
    tokenizer.save(str(file))
    return file


def small_start(folder: Path, audio: str, text: str, texts: list[str]) -> Bundle:
    table = bundles.dual_table(audio, text)
    if audio.startswith("htsat"):
        table["audio_config"] |= {"spec_size": 128, "window_size": 4}
    table["text_config"] |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attention_dropout": 0.0}
    torch.manual_seed(0)
    dual = DualEncoder(table)
    bundles.spread(dual.text_model, dual.text_projection)
    tokenizer = words(folder / "words" / "tokenizer.json", texts, IDS[text])
    front_end = replace(default_front_end(table), max_samples=WINDOW_SAMPLES)
    about = {"name": "start", "title": f"{audio} and {text}"}
    return save_bundle(folder / "start", table, dual.state_dict(), [tokenizer], front_end, about)


def settle(student: Student, clips: list[Features]) -> None:
    """Give batch normalisation the statistics of the clips."""
    norms = [module for module in student.dual.audio_model.modules() if isinstance(module, NORMS)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the plain mean
    student.dual.audio_model.train()
    with torch.no_grad():
        student.pool(clips)
    student.dual.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def recall_1(student: Student, clips: list[Features], texts: list[str]) -> float:
    student.dual.eval()
    with torch.no_grad():
        nearest = (student.read(texts) @ student.embed(clips).T).argmax(1)
    return float((nearest == torch.arange(len(clips))).float().mean())


@pytest.mark.parametrize(("audio", "text", "captions"), combinations())
def test_sixteen_clips_are_learned_and_found(
    audio: str, text: str, captions: str, items: list[Item], heard: Heard, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if audio == "timm" and not timm_tower.available():
        pytest.skip("timm is not installed, or cannot be imported beside this torch")
    writer = caption_writer(captions)
    texts = [writer.texts(item)[0] for item in items]
    base = small_start(tmp_path, audio, text, [text for item in items for text in writer.texts(item)])
    rate = 3e-3 if audio.startswith("htsat") else 2e-3
    config = recipe(
        "scratch", captions=captions, steps=STEPS, evaluate_every=STEPS, batch_size=CLIPS, micro_batch=CLIPS,
        tower_rate=rate, projection_rate=rate, text_rate=rate, warmup=0.05, drop_path=0.0, freeze_norm=True,
    )  # fmt: skip
    run, student = make_run(base, items, config, tmp_path / "run", plain=True)
    known = heard.setdefault(base.front_end.long, {})
    listen = run.listen

    def once(draw: Draw) -> Features:
        if draw.index not in known:
            clip = listen(draw)
            assert isinstance(clip, Features)
            known[draw.index] = clip
        return known[draw.index]

    run.listen = once
    clips = [once(Draw.of(index, (0,))) for index in range(CLIPS)]
    assert sum(clip.longer for clip in clips) >= 3
    settle(student, clips)
    for progress in run.steps():
        if progress.loss is not None and progress.done % 10 == 0 and recall_1(student, clips, texts) == 1:
            break
    assert recall_1(student, clips, texts) == 1
    if captions == "grammar":  # the way through a bundle is the same
        return

    about = {"name": "learned", "title": "Learned", "description": "", "licence": ""}
    write_tuned(tmp_path / "learned", base, run.lesson.finish(), about)
    library = tmp_path / "library"
    library.mkdir()
    for number, item in enumerate(items):
        source = Path(item.path)
        (library / f"{number:02}{source.suffix}").write_bytes(source.read_bytes())
    told = ["--data-dir", str(tmp_path / "data"), "--model", str(tmp_path / "learned"), "--quiet", "--json"]
    assert cli.main([*told, "scan", str(library)]) == 0
    assert json.loads(capsys.readouterr().out)["embedded"] == CLIPS
    found = []
    for number, words_of in enumerate(texts):
        assert cli.main([*told, "search", words_of, "--limit", "3"]) == 0
        hits = json.loads(capsys.readouterr().out)
        found.append(Path(hits[0]["path"]).stem == f"{number:02}")
    # Training heard the first seconds of each clip, the library is whole: what is cut or fused may differ for those.
    cut = sum(clip.longer for clip in clips)
    assert sum(found) >= CLIPS - cut

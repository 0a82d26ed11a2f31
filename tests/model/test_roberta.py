"""The text tower for inference: what transformers' gives, without transformers."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from transformers import ClapTextConfig, ClapTextModel

from soundsearch.model.roberta import QuickRobertaText, RobertaConfig, RobertaText, fits
from soundsearch.model.weights import fill
from soundsearch.settings import resource
from tests.bundles import dual_table, spread

TABLE: dict[str, Any] = dual_table("htsat", "roberta")["text_config"]
WIDER = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "pad_token_id": 0, "layer_norm_eps": 1e-5}


@pytest.mark.parametrize("changed", [{}, WIDER], ids=["one layer", "three layers"])
def test_it_gives_what_transformers_gives(changed: dict[str, Any]) -> None:
    table = {**TABLE, **changed}
    torch.manual_seed(1)
    reference = ClapTextModel(ClapTextConfig.from_dict(table)).eval()
    spread(reference)
    plain = RobertaText(RobertaConfig.from_table(table)).eval()
    fill(plain, reference.state_dict(), "the reference", optional=())
    quick, rounded = QuickRobertaText(plain), QuickRobertaText(plain, torch.bfloat16)
    padding = table["pad_token_id"]
    for lengths in ([6], [1], [70], [9, 3, 1]):
        ids = torch.full((len(lengths), max(lengths)), padding)
        for row, length in enumerate(lengths):
            ids[row, :length] = torch.randint(4, 300, (length,))
        mask = (ids != padding).long()
        with torch.inference_mode():
            expected = reference(ids, mask).pooler_output
            torch.testing.assert_close(plain(ids, mask), expected, atol=5e-6, rtol=0)
            torch.testing.assert_close(quick(ids, mask), expected, atol=5e-6, rtol=0)
            roughly = rounded(ids, mask)
            assert torch.cosine_similarity(roughly, expected).min() > 0.999 and not torch.equal(roughly, expected)
    assert isinstance(quick.traced.traced, torch.jit.ScriptModule)


@pytest.mark.parametrize(
    "changed",
    [
        {"model_type": "bert"},
        {"hidden_act": "relu"},
        {"num_attention_heads": 5},
        {"num_attention_heads": 0},
        {"hidden_size": "32"},
        {"vocab_size": None},
    ],
)
def test_what_it_does_not_know_is_left_to_transformers(changed: dict[str, Any]) -> None:
    assert fits(TABLE)
    assert not fits({**TABLE, **changed})


def test_the_starter_searches_without_transformers() -> None:
    code = f"""
import sys
from pathlib import Path
from soundsearch.model.bundle import Bundle
from soundsearch.model.clap import ClapEncoder
encoder = ClapEncoder(Bundle.open(Path({str(resource("model"))!r})), "cpu")
assert encoder.embed_texts(["a dog barking"]).shape == (1, encoder.dimension)
assert not {{"transformers", "torchvision", "scipy"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

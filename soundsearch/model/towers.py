"""DualEncoder: any audio tower beside any text tower, each with a projection, under the tensor names of the hub.

One class for inference and training. What a bundle's config.json says decides which towers; presets make such configs.
transformers is imported only where one of its towers is built: it takes longer than all else that a search needs.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from soundsearch.errors import ModelError
from soundsearch.model import cnn14, mobilenet, roberta, timm_tower
from soundsearch.model.fusion import steady

HTSAT = "clap_audio_model"
# Of each text tower: its config and its class in transformers, and the token id that it is padded with by default.
TEXT_MODELS = {
    roberta.MODEL_TYPE: ("ClapTextConfig", "ClapTextModel", 1),
    "bert": ("BertConfig", "BertModel", 0),
    "clip_text_model": ("CLIPTextConfig", "CLIPTextModel", 1),
}
LOGIT_SCALE = 1 / 0.07  # 1 / temperature at the start of training from nothing


class Projection(nn.Module):
    """Pooled features to an embedding that is not yet of unit length: two layers with an activation between."""

    def __init__(self, width: int, dimension: int, activation: str = "relu") -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, dimension)
        self.activation = _activation(activation)
        self.linear2 = nn.Linear(dimension, dimension)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (B, width) to (B, dimension)."""
        projected: Tensor = self.linear2(self.activation(self.linear1(pooled)))
        return projected


def _activation(name: str) -> nn.Module:
    if name == "relu":  # that of every published checkpoint
        return nn.ReLU()
    made: nn.Module = timm_tower.transformers().activations.ACT2FN[name]
    return made


class DualEncoder(nn.Module):
    """Two towers with their projections and the two logarithms of 1 / temperature.

    Attributes:
        audio_model, audio_projection, text_model, text_projection: Modules; their tensors are named as on the hub.
        logit_scale_a, logit_scale_t: Scalars; the first serves both directions, the second the loss with own heads.
        audio_width, text_width: Lengths of the pooled features.
        fuses: Whether the audio tower takes the four views of a long clip at once.
    """

    def __init__(self, config: Mapping[str, Any], *, for_search: bool = False) -> None:
        """Build for a bundle's config.json, with fresh weights drawn from torch's global generator.

        Args:
            config: The table.
            for_search: Its weights will be filled in and never trained: the text tower may be one that gives the same
                and is there sooner.

        Raises:
            ModelError: If the config names a tower that is not known, not installed, or of impossible shape.
        """
        super().__init__()
        dimension = int(config.get("projection_dim", 512))
        activation = str(config.get("projection_hidden_act", "relu"))
        try:
            self.audio_model, self.audio_width = _audio_tower(config)
            self.text_model, self.text_width = _text_tower(config["text_config"], for_search)
            self.text_projection: nn.Module = Projection(self.text_width, dimension, activation)
        except (TypeError, ValueError, KeyError) as err:
            raise ModelError(f"The config of the model cannot be used: {err}.", "") from err
        self.audio_projection: nn.Module = (
            mobilenet.ClassProjection(mobilenet.MobileNetConfig.from_bundle(config))
            if audio_kind(config) == mobilenet.MODEL_TYPE
            else Projection(self.audio_width, dimension, activation)
        )
        self.fuses = bool(config["audio_config"].get("enable_fusion", False))
        start = math.log(float(config.get("logit_scale_init_value", LOGIT_SCALE)))
        self.logit_scale_a = nn.Parameter(torch.tensor(start))
        self.logit_scale_t = nn.Parameter(torch.tensor(start))

    def pool_audio(self, input_features: Tensor, is_longer: Tensor | None = None) -> Tensor:
        """Run the audio tower.

        While training with fusion a batch without long clips still gives every parameter a gradient, of zero: the
        official code declares one clip at random longer for that, which bends its embedding.

        Args:
            input_features: Log-mel spectrograms by the front end, shape (B, views, n_frames, n_mels), float; with
                fusion 4 views, or 1 where no clip is longer; else 1.
            is_longer: Which clips have local views, shape (B, 1), bool; needed with fusion only.

        Returns:
            Pooled features, shape (B, audio_width).
        """
        if not self.fuses:
            output = self.audio_model(input_features)
            return _pooled(output)
        if is_longer is None:
            raise ValueError("a tower with fusion must be told which clips are longer")
        pooled = _pooled(self.audio_model(input_features, is_longer))
        if self.training and not bool(is_longer.any()):
            unused = [p.sum() for name, p in self.audio_model.named_parameters() if _is_fusion(name)]
            pooled = pooled + 0 * torch.stack(unused).sum()
        return pooled

    def project_audio(self, pooled: Tensor) -> Tensor:
        """Map pooled features (B, audio_width) to embeddings (B, projection_dim), not normalised."""
        output = self.audio_projection(pooled)
        embedding: Tensor = output.audio_embeds if isinstance(output, mobilenet.AudioOutput) else output
        return embedding

    def pool_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Run the text tower over token ids (B, n), padded where the mask (B, n) is 0; gives (B, text_width)."""
        return _pooled(self.text_model(input_ids=input_ids, attention_mask=attention_mask))

    def project_text(self, pooled: Tensor) -> Tensor:
        """Map pooled features (B, text_width) to embeddings (B, projection_dim), not normalised."""
        embedding: Tensor = self.text_projection(pooled)
        return embedding


def _pooled(output: Any) -> Tensor:
    pooled: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return pooled


def _is_fusion(name: str) -> bool:
    return "mel_conv2d" in name or "fusion_model" in name


def audio_kind(config: Mapping[str, Any]) -> str:
    """Which audio tower a bundle's config.json names; a hub checkpoint that names none has the HTSAT."""
    return str(config["audio_config"].get("model_type", HTSAT))


def _audio_tower(config: Mapping[str, Any]) -> tuple[nn.Module, int]:
    """Build the audio tower and say how wide its pooled features are."""
    if audio_kind(config) == HTSAT:
        library = timm_tower.transformers()
        shape = library.ClapAudioConfig.from_dict(dict(config["audio_config"]))
        htsat: nn.Module = library.ClapAudioModel(shape)
        steady(htsat)
        return htsat, int(shape.hidden_size)
    builders: dict[str, Callable[[], tuple[nn.Module, int]]] = {
        mobilenet.MODEL_TYPE: lambda: _mobilenet(mobilenet.MobileNetConfig.from_bundle(config)),
        cnn14.MODEL_TYPE: lambda: _with_width(cnn14.Cnn14(cnn14.Cnn14Config.from_bundle(config))),
        timm_tower.MODEL_TYPE: lambda: _with_width(timm_tower.TimmAudio(timm_tower.TimmConfig.from_bundle(config))),
    }
    if audio_kind(config) not in builders:
        raise ModelError(f"The audio tower {audio_kind(config)} of the model is not known.", "Update soundsearch.")
    return builders[audio_kind(config)]()


def _mobilenet(shape: mobilenet.MobileNetConfig) -> tuple[nn.Module, int]:
    return mobilenet.MobileNetAudio(shape), shape.pooled


def _with_width(tower: cnn14.Cnn14 | timm_tower.TimmAudio) -> tuple[nn.Module, int]:
    return tower, tower.pooled


def _text_tower(config: Mapping[str, Any], for_search: bool) -> tuple[nn.Module, int]:
    if for_search and roberta.fits(config):
        quick = roberta.RobertaConfig.from_table(config)
        return roberta.RobertaText(quick), quick.hidden_size
    kind = str(config.get("model_type", roberta.MODEL_TYPE))
    if kind not in TEXT_MODELS:
        raise ModelError(f"The text tower {kind} of the model is not known.", "Update soundsearch.")
    library = timm_tower.transformers()
    make_config, make_model, _ = TEXT_MODELS[kind]
    shape = getattr(library, make_config).from_dict(dict(config))
    return getattr(library, make_model)(shape), int(shape.hidden_size)


def padding_id(config: Mapping[str, Any]) -> int:
    """Token id that texts are padded with, for a bundle's config.json."""
    table = config["text_config"]
    usual = TEXT_MODELS[str(table.get("model_type", roberta.MODEL_TYPE))][2]
    return int(table.get("pad_token_id", usual))


def audio_preset(name: str) -> dict[str, Any]:
    """Return the `audio_config` of a tower: one of AUDIO_PRESETS, or "timm:" and a model of timm.

    Raises:
        ModelError: If there is none of that name.
    """
    if name.startswith("timm:"):
        return {"model_type": timm_tower.MODEL_TYPE, "name": name.removeprefix("timm:")}
    if name not in AUDIO_PRESETS:
        raise ModelError(
            f"There is no audio tower called {name!r}.", f"Choose one of {', '.join(AUDIO_PRESETS)}, timm:<model>."
        )
    return dict(AUDIO_PRESETS[name])


def text_preset(name: str) -> dict[str, Any]:
    """Return the `text_config` of a tower: one of TEXT_PRESETS.

    Raises:
        ModelError: If there is none of that name.
    """
    if name not in TEXT_PRESETS:
        raise ModelError(f"There is no text tower called {name!r}.", f"Choose one of {', '.join(TEXT_PRESETS)}.")
    return dict(TEXT_PRESETS[name])


def dual_config(audio: Mapping[str, Any], text: Mapping[str, Any], dimension: int = 512) -> dict[str, Any]:
    """Return the config.json of a bundle with these towers, as two presets gave them."""
    return {
        "model_type": "clap",
        "projection_dim": dimension,
        "projection_hidden_act": "relu",
        "logit_scale_init_value": LOGIT_SCALE,
        "audio_config": dict(audio),
        "text_config": dict(text),
    }


def _htsat(
    width: int, depths: list[int], heads: list[int], *, fused: bool = False, drop: float = 0.1
) -> dict[str, Any]:
    """Shapes of clap.md 2.1, with the regularisation of the official code: drop path, and no dropout."""
    return {
        "model_type": HTSAT,
        "patch_embeds_hidden_size": width,
        "hidden_size": width * 8,
        "depths": depths,
        "num_attention_heads": heads,
        "enable_fusion": fused,
        "fusion_type": "aff_2d" if fused else None,
        "drop_path_rate": drop,
        "hidden_dropout_prob": 0.0,
    }


# The nano ones are for tests and small machines: too few weights to hear finely.
AUDIO_PRESETS: dict[str, dict[str, Any]] = {
    "htsat-tiny": _htsat(96, [2, 2, 6, 2], [4, 8, 16, 32]),
    "htsat-tiny-fused": _htsat(96, [2, 2, 6, 2], [4, 8, 16, 32], fused=True),
    "htsat-base": _htsat(128, [2, 2, 12, 2], [4, 8, 16, 32]),
    "htsat-nano": _htsat(32, [1, 1, 2, 1], [2, 4, 8, 16], drop=0.0),
    "htsat-nano-fused": _htsat(32, [1, 1, 2, 1], [2, 4, 8, 16], fused=True, drop=0.0),
    "cnn14": {"model_type": cnn14.MODEL_TYPE},
    "cnn14-fused": {"model_type": cnn14.MODEL_TYPE, "enable_fusion": True},
}
# Shapes of roberta-base, bert-base-uncased and openai/clip-vit-base-patch32: what differs from transformers' defaults.
TEXT_PRESETS: dict[str, dict[str, Any]] = {
    "roberta": {"model_type": "clap_text_model", "layer_norm_eps": 1e-5, "pad_token_id": 1},
    "bert": {"model_type": "bert", "pad_token_id": 0},
    "clip": {"model_type": "clip_text_model", "pad_token_id": 49407, "eos_token_id": 49407},
}

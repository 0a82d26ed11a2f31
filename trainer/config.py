"""FitConfig: everything that decides what fine-tuning gives, as one typed record; and recipes as TOML files."""

import difflib
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from soundsearch.errors import TrainingError

T = TypeVar("T")
RUN_FOLDER = "training"  # below the bundle: what a run keeps
CHECKPOINT = "checkpoint.pt"

Recipe = Literal["projection", "lora", "last-stage", "full", "scratch"]
Captions = Literal["template", "grammar", "t5", "given"]
Text = Literal["locked", "projection", "full"]
Precision = Literal["float32", "bfloat16", "float16"]
LossKind = Literal["contrastive", "mlp"]


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How a model is trained. Rates are peaks of the schedule; shares lie between 0 and 1."""

    recipe: Recipe = "projection"
    captions: Captions = "grammar"
    t5: str = ""  # folder or hub name of the keyword-to-caption model
    seed: int = 3407
    # Data
    validation: float = 0.15  # share of clips that chooses when to stop and how much to blend
    test: float = 0.2  # share of clips that is only measured at the end
    max_s: float = 60.0  # of a clip; what comes later is not heard
    # How long
    steps: int = 300  # of the optimiser, at most
    evaluate_every: int = 25  # steps
    patience: int = 5  # evaluations without a better one before it stops
    # Batches
    batch_size: int = 256  # clips of one contrastive comparison, over all devices together
    micro_batch: int = 0  # clips in the towers at once, the rest by GradCache; 0 goes by the tower
    accumulate: int = 1  # batches of one step of the optimiser
    per_tag: int = 0  # clips with the same rarest tag in a batch, at most; 0 is no limit
    balanced: bool = True  # rare tags are drawn more often; else every clip once an epoch
    # What is learned
    text: Text = "locked"  # how much of the text tower: "locked" is LiT
    lora_rank: int = 8
    lora_alpha: int = 16
    tower_rate: float = 0.0
    projection_rate: float = 1e-3
    text_rate: float = 0.0
    layer_decay: float = 1.0  # the rate of a stage is this times that of the next
    learn_scale: bool = False
    warmup: float = 0.1  # share of the steps
    beta2: float = 0.999
    weight_decay: float = 0.0
    max_gradient: float = 5.0  # norm at which gradients are cut
    dropout: float = 0.0  # of pooled features, with the recipe "projection"
    drop_path: float = 0.0
    freeze_norm: bool = True  # statistics of batch normalisation
    keep: float = 0.0  # weight of 1 - cosine to what the start says of the same hearing
    rehearse: float = 0.0  # the same for the demo library's sounds, so that what nobody trains on stays in place
    # Losses
    loss: LossKind = "contrastive"
    near_text: float = 0.9  # texts that the start finds at least this alike are not wrong for each other's clips
    tag_share: float = 0.3  # of the texts drawn: a single tag, as people type it
    # Augmentation
    views: int = 3  # hearings of each clip that are pooled beforehand, with the recipe "projection"
    gain_db: float = 6.0
    colour: bool = True  # equaliser and noise
    spec_augment: bool = True
    mix_share: float = 0.1  # of a batch: two clips at once, with joined texts
    # Afterwards
    blend: float = -1.0  # share of the trained weights; below 0 it is chosen on the validation clips (WiSE-FT)
    # Machine
    precision: Precision = "float32"
    checkpoint_every: int = 100  # steps

    def __post_init__(self) -> None:
        for name in ("validation", "test", "warmup", "dropout", "mix_share", "tag_share", "drop_path"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"{name} must lie between 0 and 1.", "Correct it.")
        for name in ("steps", "evaluate_every", "patience", "accumulate", "views", "checkpoint_every", "lora_rank"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1.", "Correct it.")
        if self.validation + self.test >= 1:
            raise TrainingError("validation and test leave nothing to learn from.", "Together they must be below 1.")
        if self.recipe == "projection" and self.mix_share:
            raise TrainingError(
                "The recipe projection cannot mix clips: they are heard beforehand.", "Set mix_share to 0."
            )
        if self.batch_size < 2:
            raise TrainingError("batch_size must be at least 2: a clip is compared with others.", "Correct it.")
        choices: tuple[tuple[str, Any], ...] = (
            ("recipe", Recipe), ("captions", Captions), ("text", Text), ("precision", Precision), ("loss", LossKind),
        )  # fmt: skip
        for name, kind in choices:
            if (value := getattr(self, name)) not in get_args(kind):
                raise TrainingError(f"{name} cannot be {value}.", f"Choose one of: {', '.join(get_args(kind))}.")


# What differs from the defaults. Rates for fine-tuning are this project's own, tuned on its development data.
RECIPES: dict[str, dict[str, Any]] = {
    "projection": {"dropout": 0.2, "keep": 1.0, "rehearse": 10.0, "mix_share": 0.0},
    "lora": {
        "steps": 100, "evaluate_every": 20, "batch_size": 64, "tower_rate": 5e-4, "projection_rate": 1e-3, "keep": 1.0,
        "rehearse": 10.0,
    },
    "last-stage": {
        "steps": 100, "evaluate_every": 20, "batch_size": 64, "tower_rate": 3e-5, "projection_rate": 3e-4, "keep": 1.0,
        "layer_decay": 0.7, "drop_path": 0.1, "rehearse": 10.0,
    },
    "full": {
        "steps": 300, "batch_size": 96, "tower_rate": 2e-5, "projection_rate": 2e-4, "keep": 0.5,
        "layer_decay": 0.7, "drop_path": 0.1, "rehearse": 5.0,
    },
    # The paper's: Adam, 1e-4, a warm-up of 3200 steps of about 100,000, everything learned.
    "scratch": {
        "steps": 100_000, "evaluate_every": 1000, "batch_size": 768, "micro_batch": 96, "text": "full",
        "tower_rate": 1e-4, "projection_rate": 1e-4, "text_rate": 1e-4, "learn_scale": True, "warmup": 0.032,
        "freeze_norm": False, "balanced": False, "tag_share": 0.0, "mix_share": 0.0, "colour": False, "blend": 1.0,
        "patience": 20, "drop_path": 0.1, "near_text": 1.0,
    },
}  # fmt: skip


def recipe(name: str, **changes: Any) -> FitConfig:
    """Return a recipe with its own defaults and some changes.

    Raises:
        TrainingError: If there is no such recipe, or a value cannot be used.
    """
    if name not in RECIPES:
        raise TrainingError(f"There is no recipe {name}.", f"Choose one of: {', '.join(RECIPES)}.")
    return FitConfig(**{"recipe": name, **RECIPES[name], **changes})


def load(path: Path, kind: type[T], base: dict[str, Any] | None = None) -> T:
    """Read a TOML file into a dataclass whose fields all have defaults.

    Args:
        path: The file.
        kind: The dataclass.
        base: Values that the file may override.

    Raises:
        TrainingError: If the file cannot be read, or a key or a value is not known.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise TrainingError(f"Cannot read the recipe {path}: {err.strerror}.", "Check the path.") from err
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise TrainingError(f"Cannot read the recipe {path}: {err}.", "Correct the file.") from err
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = dict(base or {})
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "Remove it."
            raise TrainingError(f"The recipe {path} has an unknown key {key}.", hint)
        default = known[key].default
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(str(entry) for entry in value)
        elif isinstance(default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            raise TrainingError(f"{key} in {path} must be of type {type(default).__name__}.", "Correct it.")
        values[key] = value
    return kind(**values)

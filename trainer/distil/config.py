"""DistilConfig: everything that decides what a training run gives, as one typed record and one TOML file."""

from dataclasses import dataclass
from pathlib import Path

from soundsearch.errors import TrainingError
from trainer.config import load as load_record


@dataclass(frozen=True, slots=True)
class DistilConfig:
    """A recipe for a small audio tower. Paths are relative to the data folder unless they start with a slash."""

    name: str = "starter"  # of the bundle
    title: str = "Starter"
    description: str = ""  # one plain sentence for the model menu
    seed: int = 3407
    start: str = "teacher"  # or "random", to compare with
    # What is learned from
    manifests: tuple[str, ...] = ()  # CSV or JSONL
    general_midi: str = ""  # TOML with instrument names, beside the recipe; "" renders nothing
    soundfonts: tuple[str, ...] = ()  # SF2 or SF3 files that the notes are rendered from
    notes_per_program: int = 4  # from each font
    notes_per_drum: int = 1
    synthetic_clips: int = 0  # procedural sounds with exact captions
    spoken_clips: int = 0  # by espeak-ng
    paired_clips: int = 0  # at most; changed copies of the others that are told apart by one measured word
    real_share: float = 0.75  # of a batch; the rest is rendered and synthetic
    mix_share: float = 0.1  # of a batch: two clips heard at once, captions joined
    # How long and how fast: first the projection alone, then the upper blocks with it, then everything
    projection_steps: int = 150
    projection_batch: int = 256
    projection_rate: float = 1e-3  # peak learning rates
    views: int = 4  # hearings of each clip that the first two stages draw from, all but one of them augmented
    cut: int = 10  # blocks of the tower's lower part, which only the last stage trains
    upper_steps: int = 0
    upper_batch: int = 128
    upper_rate: float = 1e-4
    upper_projection_rate: float = 3e-4
    steps: int = 200
    batch_size: int = 64
    tower_rate: float = 3e-5
    tower_projection_rate: float = 2e-4  # of the projection, while the tower is trained
    # Last, clips in beds: the whole tower learns to hear them as it hears them alone
    bed_steps: int = 0
    bed_batch: int = 40
    bed_rate: float = 1e-3
    bed_place_weight: float = 2.0  # of the places of the clips alone
    bed_text_weight: float = 0.15  # of their captions
    bed_keep_weight: float = 3.0  # of what is heard without a bed staying in its place
    bed_blend: float = 0.4  # share of these weights in what goes on; the rest is what was there before
    warmup_steps: int = 20
    weight_decay: float = 1e-2
    max_gradient: float = 5.0  # norm at which gradients are cut
    dropout: float = 0.2  # of the pooled features
    norm_momentum: float = 1e-3  # how fast the batch normalisation's statistics follow the training data
    blend: float = 1.0  # share of the trained weights in what is written; the rest is the start (WiSE-FT)
    # Losses
    temperature: float = 0.07  # at the start; learned
    near_text: float = 0.8  # a text at least this like a clip's own is not counted as wrong for it
    contrastive_weight: float = 1.0
    class_weight: float = 1.0  # teacher's class scores
    anchor_weight: float = 1.0  # teacher's class scores carried into text space
    generated_anchor: float = 0.3  # the anchor's weight for rendered and synthetic clips, which it knows less of

    def __post_init__(self) -> None:
        shares = {
            "real_share": self.real_share,
            "mix_share": self.mix_share,
            "blend": self.blend,
            "bed_blend": self.bed_blend,
        }
        if self.start not in ("teacher", "random"):
            raise TrainingError(f"A run cannot start from {self.start!r}.", 'Choose "teacher" or "random".')
        if wrong := [name for name, value in shares.items() if not 0 <= value <= 1]:
            raise TrainingError(f"{wrong[0]} must lie between 0 and 1.", "Correct it in the recipe.")
        if (
            self.steps + self.projection_steps + self.upper_steps + self.bed_steps < 1
            or min(self.batch_size, self.projection_batch) < 2
        ):
            raise TrainingError("A run needs at least 1 step and batches of at least 2 clips.", "Correct the recipe.")


def load(path: Path) -> DistilConfig:
    """Read a recipe.

    Raises:
        TrainingError: If the file cannot be read, or a key or a value is not known.
    """
    return load_record(path, DistilConfig)

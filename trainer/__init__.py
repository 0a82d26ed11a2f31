"""Fine-tuning and evaluation of soundsearch models."""

from importlib.util import find_spec

if find_spec("torchvision"):  # broken beside a CPU torch, and then nothing of transformers imports: mended first
    from soundsearch.model.timm_tower import mend_torchvision

    mend_torchvision()

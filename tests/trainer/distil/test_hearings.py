"""Hearings that are computed once are what the whole tower would hear."""

import numpy as np
import torch

from soundsearch.audio.features import features
from trainer.distil.export import bundle_config
from trainer.distil.hearings import listen
from trainer.distil.synth.clips import synthetic_items
from trainer.distil.teacher import FRONT_END, load_teacher
from trainer.distil.text import TextTower


def test_the_upper_part_finishes_what_the_lower_began(text_folder, teacher_folder) -> None:
    text = TextTower(text_folder)
    tower = load_teacher(teacher_folder, text, bundle_config(text)).audio_model
    items = synthetic_items(5, FRONT_END.sample_rate, 2)
    samples = [item.samples for item in items]
    heard = listen(tower, 10, items, samples, 2, FRONT_END, np.random.default_rng(0))
    keys = [(4, 0), (0, 0), (2, 1), (1, 0)]
    with torch.no_grad():
        pooled = heard.pooled(tower, keys)
        whole = torch.cat([tower(torch.from_numpy(features(clip, FRONT_END).mel[:, None])) for clip in samples])
    scale = float(whole.abs().max())
    for row, (clip, hearing) in enumerate(keys):
        near = float((pooled[row] - whole[clip]).abs().max()) / scale
        assert near < 5e-3 if hearing == 0 else near > 5e-3, "float16 costs a little, a change much"

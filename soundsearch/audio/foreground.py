"""The parts of a recording that stand out of it: a bark in the rain, from where it begins to where it ends."""

import numpy as np

from soundsearch.audio.mel import FrontEnd, log_mel
from soundsearch.records import FloatArray

# How these were chosen is in docs/moments.md.
FRAME_S = 0.02
N_BANDS = 40
USUAL = 0.9  # the level that a band does not exceed in so many of the frames
MOST_DB = 30.0  # that one band counts for
# Root mean square over the bands of what lies above, so that a whistle in two of them counts, too. A part reaches the
# one and goes on above the other.
BEGIN_DB, GO_ON_DB = 6.0, 3.0
GAP_S = 0.2  # between the sounds of one part
SHORTEST_S = 0.1
EDGE_S = 0.06  # before and after


def foreground(samples: FloatArray, sample_rate: int, longest_s: float) -> FloatArray:
    """Find the parts that are louder, in some of their bands, than the recording mostly is.

    What fills a tenth of it is how it mostly is.

    Args:
        samples: Mono samples of what is at hand of a recording, about a minute, (n,).
        sample_rate: In Hz.
        longest_s: Parts that go on are cut there.
    Returns:
        Begin and end of each in seconds, (n_parts, 2), in the order of time.
    """
    from scipy import ndimage  # as in mel.py: nobody's start need wait for it

    hop = round(FRAME_S * sample_rate)
    n_fft = 1 << round(np.log2(1.6 * hop))
    if len(samples) <= n_fft // 2:
        return np.zeros((0, 2), np.float32)
    bands = FrontEnd(
        sample_rate, n_fft, n_fft, hop_samples=hop, n_mels=N_BANDS, f_max=min(15_000.0, 0.47 * sample_rate)
    )
    levels = log_mel(samples, bands)
    above = np.clip(levels - np.quantile(levels, USUAL, axis=0), 0, MOST_DB)
    above = ndimage.uniform_filter1d(np.sqrt(np.square(above).mean(axis=1)), 3)
    gap = round(GAP_S / FRAME_S)
    goes_on = ndimage.binary_closing(np.pad(above > GO_ON_DB, gap), np.ones(gap + 1))[gap:-gap]
    numbers, _ = ndimage.label(goes_on)
    parts = [
        (max(0.0, begin * FRAME_S - EDGE_S), min(end * FRAME_S + EDGE_S, begin * FRAME_S - EDGE_S + longest_s))
        for begin, end in ((where[0].start, where[0].stop) for where in ndimage.find_objects(numbers))
        if above[begin:end].max() >= BEGIN_DB and (end - begin) * FRAME_S >= SHORTEST_S
    ]
    ends_s = len(samples) / sample_rate
    return np.minimum(np.array(parts, np.float32).reshape(-1, 2), np.float32(ends_s))

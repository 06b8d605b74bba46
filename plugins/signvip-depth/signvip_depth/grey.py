"""From a network's depth to the grey of `Clip.known`: near is white, and one scale holds for the whole clip."""

from __future__ import annotations

import numpy as np
from PIL import Image

OUTLIERS = 0.5  # percent at either end that are cut: one bright pixel must not darken a clip
NEAREST = 0.1  # metres; a network that says less has no idea


def grey(maps: np.ndarray, size: tuple[int, int], metres: bool = False) -> np.ndarray:
    """Return maps (F, h, w) as (F, H, W) uint8 of `size`; `metres` where large numbers are far, else they are near."""
    values = maps.astype(np.float32)
    near = 1 / np.maximum(values, NEAREST) if metres else values
    low, high = np.percentile(near, [OUTLIERS, 100 - OUTLIERS])
    scaled = np.clip((near - low) / max(high - low, 1e-6), 0, 1)
    whole = np.round(255 * scaled).astype(np.uint8)
    if whole.shape[1:] == tuple(size):
        return whole
    bilinear = Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(one).resize(size[::-1], bilinear)) for one in whole])

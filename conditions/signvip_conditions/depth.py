"""The condition `depth`: how near each pixel is, as a grey picture (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

import signvip
from signvip_conditions.known import known


class Depth:
    """White is nearest, black is the background; three equal channels."""

    needs = ("depth",)

    class Config(signvip.Config):
        max_side: int = 320  # larger maps are stored smaller: depth is smooth, and its bytes are not few

    def __init__(self, config: Config) -> None:
        self.config = config

    def extract(self, clip: signvip.Clip) -> dict[str, np.ndarray]:
        """Return {"depth": (F, h, w) uint8}, h and w at most `max_side`."""
        maps = known(clip, "depth", "depth", (-1, -1)).astype(np.uint8)
        shrink = self.config.max_side / max(maps.shape[1:])
        if shrink < 1:
            maps = _resize(maps, (round(maps.shape[1] * shrink), round(maps.shape[2] * shrink)))
        return {"depth": maps}

    def draw(
        self, data: Mapping[str, np.ndarray], size: tuple[int, int], frames: Sequence[int] | None = None
    ) -> np.ndarray:
        """Draw the map at (H, W): (F, H, W, 3) uint8."""
        maps = data["depth"] if frames is None else data["depth"][list(frames)]
        return np.repeat(_resize(maps, size)[..., None], 3, axis=-1)


def _resize(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if maps.shape[1:] == size:
        return maps
    bilinear = Image.Resampling.BILINEAR
    resized = [np.asarray(Image.fromarray(one).resize(size[::-1], bilinear)) for one in maps]
    return np.stack(resized) if resized else np.empty((0, *size), np.uint8)

"""Drawing with Pillow on a canvas several times too large, so that lines are smooth and may be thin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
SEEN = 0.3  # points of less confidence are not drawn (DWPose's threshold)


def supersampling(size: tuple[int, int]) -> int:
    """Return how many times larger than the picture the canvas is; small pictures need more."""
    return 4 if min(size) <= 96 else 3 if min(size) <= 192 else 2


def render(
    size: tuple[int, int], count: int, paint: Callable[[int, ImageDraw.ImageDraw], None]
) -> np.ndarray:
    """Call `paint(i, canvas)` for each of `count` frames on black: (count, H, W, 3) uint8."""
    height, width = size
    factor = supersampling(size)
    frames = np.empty((count, height, width, 3), np.uint8)
    for i in range(count):
        image = Image.new("RGB", (width * factor, height * factor))
        paint(i, ImageDraw.Draw(image))
        frames[i] = np.asarray(image.reduce(factor))
    return frames


def thickness(fraction: float, size: tuple[int, int]) -> int:
    """Return a line width given as a fraction of the shorter side, in pixels of the canvas."""
    return max(1, round(fraction * min(size) * supersampling(size)))


def pixels(fractions: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return x and y (..., 2) in fractions of width and height, as float32 pixels of the canvas."""
    height, width = size
    return fractions.astype(np.float32) * np.array([width, height], np.float32) * supersampling(size)

"""The visible label: a word in the upper corner, where hands seldom are."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORD = "generated"
_SHARE = 14  # the label's height is this part of the shorter side
_LEAST = 9  # pixels; smaller letters cannot be read
_SHADE = 0.6  # how much of the picture the ground of the label covers


def label(frames: np.ndarray) -> np.ndarray:
    """Return frames (F, H, W, 3) uint8 RGB with the word in their upper left corner."""
    plate = _plate(*frames.shape[1:3])
    height, width = plate.shape
    labelled = frames.copy()
    corner = labelled[:, :height, :width].astype(np.float32) * (1 - _SHADE)
    labelled[:, :height, :width] = np.maximum(corner, plate[..., None]).astype(np.uint8)
    return labelled


@cache
def _plate(height: int, width: int) -> np.ndarray:
    """White letters on black (h, w) uint8, no wider than the frame."""
    size = max(_LEAST, min(height, width) // _SHARE)
    font = ImageFont.load_default(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(WORD))
    plate = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(plate).text((2 - left, 2 - top), WORD, fill=255, font=font)
    if plate.width > width:
        plate = plate.resize((width, max(1, plate.height * width // plate.width)))
    return np.asarray(plate)[:height]

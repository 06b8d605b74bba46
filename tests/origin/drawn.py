"""A signer that is drawn in no time: a body that stands and a hand that moves, for marks to be put into."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

FPS = 12.0


def clip(frames: int = 48, side: int = 64, seed: int = 0) -> np.ndarray:
    """Frames (F, side, side, 3) uint8 RGB."""
    numbers = np.random.default_rng(seed)
    ground, coat, skin = (tuple(int(level) for level in numbers.integers(40, 215, 3)) for _ in range(3))
    pace, place = numbers.uniform(3, 9), numbers.uniform(0, 6)
    made = []
    for number in range(frames):
        picture = Image.new("RGB", (128, 128), ground)
        drawing = ImageDraw.Draw(picture)
        drawing.ellipse((44, 10, 84, 58), fill=skin)
        drawing.rectangle((30, 60, 98, 128), fill=coat)
        x, y = 64 + 40 * np.sin(place + number / pace), 85 + 25 * np.cos(number / 4)
        drawing.ellipse((x - 9, y - 9, x + 9, y + 9), fill=skin)
        made.append(np.asarray(picture.resize((side, side))))
    return np.stack(made)


def resized(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale every frame."""
    return np.stack([np.asarray(Image.fromarray(frame).resize((width, height))) for frame in frames])

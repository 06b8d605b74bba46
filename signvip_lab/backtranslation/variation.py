"""Changes that training makes to a clip's pictures: the framing, light and sharpness of another camera."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from torch import Tensor, nn

from signvip_lab.backtranslation.config import Frames


@dataclass(frozen=True)
class Variation:
    """One change for all frames of a clip; moves and the blur's deviation are shares of the picture."""

    down: float = 0.0
    right: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    blur: float = 0.0

    @classmethod
    def draw(cls, random: np.random.Generator, ranges: Frames) -> Variation:
        """Draw one, uniformly from what the configuration allows."""
        down, right = random.uniform(-ranges.shift, ranges.shift, size=2)
        contrast, brightness = random.uniform(-ranges.light, ranges.light, size=2)
        return cls(down, right, contrast, brightness, random.uniform(0, ranges.blur))

    def pictures(self, pictures: Tensor) -> Tensor:
        """Pictures (F, 3, H, W) uint8, moved by whole pixels."""
        height, width = pictures.shape[-2:]
        varied = _moved(pictures.float(), *self._pixels(height, width))
        varied = _softened(varied, self.blur * min(height, width))
        varied = varied * (1 + self.contrast) + 255 * self.brightness / 2
        return varied.round().clamp(0, 255).byte()

    def keypoints(self, keypoints: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Keypoints (F, 128, 3) of pictures of (H, W), where `pictures` takes them."""
        down, right = self._pixels(*size)
        moved = keypoints.copy()
        moved[..., :2] += (right / size[1], down / size[0])
        return moved

    def _pixels(self, height: int, width: int) -> tuple[int, int]:
        return round(self.down * height), round(self.right * width)


def _moved(pictures: Tensor, down: int, right: int) -> Tensor:
    """Shift pictures; what comes in at one side repeats its border."""
    height, width = pictures.shape[-2:]
    top, left = max(down, 0), max(right, 0)
    padded = nn.functional.pad(pictures, (left, max(-right, 0), top, max(-down, 0)), mode="replicate")
    return padded[..., top - down : top - down + height, left - right : left - right + width]


def _softened(pictures: Tensor, deviation: float) -> Tensor:
    if deviation < 0.1:  # pixels: less changes no byte
        return pictures
    from torchvision.transforms.functional import gaussian_blur

    return gaussian_blur(pictures, 2 * ceil(3 * deviation) + 1, deviation)

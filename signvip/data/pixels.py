"""Pixels: bytes in data, numbers in [-1, 1] in models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def to_model(images: Tensor) -> Tensor:
    """Turn uint8 pixels of any shape into floats in [-1, 1]."""
    return images.float() / 127.5 - 1


def to_pixels(images: Tensor) -> np.ndarray:
    """Turn (F, 3, H, W) in [-1, 1] into (F, H, W, 3) uint8."""
    bytes_ = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return bytes_.permute(0, 2, 3, 1).cpu().numpy()

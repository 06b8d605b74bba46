"""From a corpus's own pictures to the size of the shards, with everything that is known of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from PIL import Image

from signvip.contracts import Clip

Fit = Literal["crop", "pad"]
"""How another aspect is met: by a crop about the middle, as the paper does, or by black margins."""


def fit(clip: Clip, size: tuple[int, int], how: Fit) -> Clip:
    """The clip at (H, W), with keypoints, hands and depth in their new places; the same clip where it fits already."""
    height, width = clip.frames.shape[1:3]
    if (height, width) == tuple(size):
        return clip
    box = _box((height, width), size, how)
    known = {name: _moved(name, values, box, (height, width), size) for name, values in clip.known.items()}
    return replace(clip, frames=_pictures(clip.frames, box, size), known=known)


Box = tuple[float, float, float, float]
"""Left, top, right and bottom of what becomes the picture, in pixels; beyond the edges where it is padded."""


def _box(have: tuple[int, int], size: tuple[int, int], how: Fit) -> Box:
    scales = have[0] / size[0], have[1] / size[1]
    scale = min(scales) if how == "crop" else max(scales)
    height, width = size[0] * scale, size[1] * scale
    left, top = (have[1] - width) / 2, (have[0] - height) / 2
    return left, top, left + width, top + height


def _pictures(frames: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:  # (F, H, W[, 3])
    """Cut and scale, with smoothing where pictures become smaller."""
    height, width = frames.shape[1:3]
    left, top, right, bottom = box
    inside = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
    scale = size[1] / (right - left)
    x, y = round((inside[0] - left) * scale), round((inside[1] - top) * scale)
    shape = round((inside[2] - inside[0]) * scale), round((inside[3] - inside[1]) * scale)
    made = np.zeros((len(frames), *size, *frames.shape[3:]), np.uint8)
    for frame, target in zip(frames, made, strict=True):
        small = Image.fromarray(frame).resize(shape, Image.Resampling.BICUBIC, box=inside)
        target[y : y + shape[1], x : x + shape[0]] = np.asarray(small)
    return made


def _moved(
    name: str, values: np.ndarray, box: Box, have: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    if name == "depth":
        return _pictures(values, box, size)
    if name not in ("keypoints", "hands", "meshes"):
        return values
    left, top, right, bottom = box
    values = np.array(values, np.float32)
    values[..., 0] = (values[..., 0] * have[1] - left) / (right - left)
    values[..., 1] = (values[..., 1] * have[0] - top) / (bottom - top)
    if name != "keypoints":
        values[..., 2] *= have[1] / (right - left)  # z is a fraction of the width
    return values

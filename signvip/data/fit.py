"""From a dataset's own pictures to the size of the shards, with everything that is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from PIL import Image

from signvip.contracts import MOVES, Clip, Moves
from signvip.errors import DataError

Fit = Literal["crop", "pad"]
"""How another aspect is met: by a crop about the middle, as the paper does, or by black margins."""


def fit(clip: Clip, size: tuple[int, int], how: Fit, moves: Mapping[str, Moves] = MOVES) -> Clip:
    """Return the clip at (H, W), with what is known of it moved along; the same clip where it fits already.

    DataError for something known of which `moves` does not say how it moves.
    """
    height, width = clip.frames.shape[1:3]
    if (height, width) == tuple(size):
        return clip
    box = _box((height, width), size, how)
    known = {name: _moved(name, values, box, clip, size, moves) for name, values in clip.known.items()}
    return replace(clip, frames=_pictures(clip.frames, box, size), known=known)


Box = tuple[float, float, float, float]
"""Left, top, right and bottom of what becomes the picture, in pixels; beyond the edges where it is padded."""


def _box(have: tuple[int, int], size: tuple[int, int], how: Fit) -> Box:
    scales = have[0] / size[0], have[1] / size[1]
    scale = min(scales) if how == "crop" else max(scales)
    height, width = size[0] * scale, size[1] * scale
    left, top = (have[1] - width) / 2, (have[0] - height) / 2
    return left, top, left + width, top + height


def _pictures(
    frames: np.ndarray, box: Box, size: tuple[int, int], smooth: bool = True
) -> np.ndarray:  # (F, H, W[, 3])
    """Cut and scale, with smoothing where pictures become smaller, or by the nearest pixel; 0 beyond the edges."""
    height, width = frames.shape[1:3]
    left, top, right, bottom = box
    inside = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
    scale = size[1] / (right - left)
    x, y = round((inside[0] - left) * scale), round((inside[1] - top) * scale)
    shape = round((inside[2] - inside[0]) * scale), round((inside[3] - inside[1]) * scale)
    made = np.zeros((len(frames), *size, *frames.shape[3:]), frames.dtype)
    filtering = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    for frame, target in zip(frames, made, strict=True):
        small = Image.fromarray(frame).resize(shape, filtering, box=inside)
        target[y : y + shape[1], x : x + shape[0]] = np.asarray(small)
    return made


def _maps(values: np.ndarray, box: Box, size: tuple[int, int], smooth: bool) -> np.ndarray:  # (F, H, W, ...)
    """Maps of any type, channel by channel; bytes as pictures are."""
    if values.dtype == np.uint8 and (values.ndim == 3 or values.shape[3:] == (3,)):
        return _pictures(values, box, size, smooth)
    flat = np.asarray(values, np.float32 if smooth else np.int32).reshape(*values.shape[:3], -1)
    made = [_pictures(np.ascontiguousarray(flat[..., n]), box, size, smooth) for n in range(flat.shape[-1])]
    moved = np.stack(made, axis=-1).reshape(len(values), *size, *values.shape[3:])
    if smooth and values.dtype.kind in "biu":  # a blend overshoots beside edges
        moved = moved.round().clip(values.min(initial=0), values.max(initial=0))
    return moved.astype(values.dtype)


def _moved(
    name: str, values: np.ndarray, box: Box, clip: Clip, size: tuple[int, int], moves: Mapping[str, Moves]
) -> np.ndarray:
    have = clip.frames.shape[1:3]
    match moves.get(name):
        case "fixed":
            return values
        case "points":
            return _points(values, box, (have[0], have[1]))
        case "map" | "labels" as kind:
            if values.shape[1:3] != have:
                raise DataError(
                    f"{name} has maps of {values.shape[1:3]} for pictures of {have}; make them equal"
                )
            return _maps(values, box, size, kind == "map")
    raise DataError(
        f"nothing says how {name} moves when pictures are cropped or scaled; whoever adds it declares that, such as "
        f'moves = {{"{name}": "map"}} (or points, labels, fixed)'
    )


def _points(values: np.ndarray, box: Box, have: tuple[int, int]) -> np.ndarray:
    """x and y as fractions of the picture in the first columns; of four the third is z, a fraction of its width."""
    left, top, right, bottom = box
    values = np.array(values, np.float32)
    values[..., 0] = (values[..., 0] * have[1] - left) / (right - left)
    values[..., 1] = (values[..., 1] * have[0] - top) / (bottom - top)
    if values.shape[-1] == 4:
        values[..., 2] *= have[1] / (right - left)
    return values

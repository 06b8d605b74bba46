"""Frames of a pipeline's result to an mp4 that says it was generated, as `signvip generate` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from signvip.errors import DataError
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.writing import GeneratedVideo, check_origin


def write_video(
    path: str | PathLike[str],
    frames: Any,
    fps: float,
    *,
    origin: Origin | None = None,
    options: OriginOptions | None = None,
) -> dict[str, Any]:
    """Write frames of any `output_type` of one video; returns what a sidecar says of the origin.

    `frames` themselves carry no mark; the file does. `origin` says what they were made from.
    """
    options = options or OriginOptions()
    check_origin(options)
    with GeneratedVideo(Path(path), fps, origin or Origin(), options) as video:
        video.write(to_bytes(frames))
    return video.told


def to_bytes(frames: Any) -> np.ndarray:
    """Return frames (F, H, W, 3) uint8 of pictures, an array in [0, 1] or bytes, or a tensor (F, 3, H, W) in [0, 1]."""
    if hasattr(frames, "detach"):  # a tensor, without an import of torch
        frames = frames.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    elif isinstance(frames, Sequence):
        frames = np.stack([np.asarray(frame) for frame in frames])
    if not isinstance(frames, np.ndarray) or frames.ndim != 4 or frames.shape[-1] != 3:
        raise DataError("The frames are not those of one video; give `result.frames` of one text.")
    return frames if frames.dtype == np.uint8 else np.rint(frames.clip(0, 1) * 255).astype(np.uint8)

"""Values that a dataset knows of a clip, checked before they are stored."""

from __future__ import annotations

import numpy as np

import signvip


def known(clip: signvip.Clip, name: str, condition: str, row: tuple[int, ...]) -> np.ndarray:
    """Return `clip.known[name]`, (F, *row); DataError where it is missing or has another shape.

    A -1 in `row` stands for any length.
    """
    if name not in clip.known:
        raise signvip.DataError(
            f"Clip {clip.id} comes without {name}, which {condition} draws; name an estimator that finds them "
            f"(install plugins/signvip-mediapipe, then --estimator mediapipe), or leave {condition} out of --condition."
        )
    values = np.asarray(clip.known[name])
    fits = values.ndim == 1 + len(row) and len(values) == len(clip.frames)
    if not fits or any(want not in (-1, size) for want, size in zip(row, values.shape[1:], strict=True)):
        raise signvip.DataError(
            f"{name} of clip {clip.id} has shape {values.shape}, but its {len(clip.frames)} frames need "
            f"{(len(clip.frames), *row)}; fix the dataset's reader or leave this clip out."
        )
    return values


def points(clip: signvip.Clip, name: str, condition: str, row: tuple[int, ...]) -> np.ndarray:
    """Like `known`, as float16 with NaN as unseen: 0.13 pixels exact at 512, and half the bytes of float32."""
    values = known(clip, name, condition, row).astype(np.float32)
    seen = np.isfinite(values).all(axis=-1, keepdims=True)
    return np.where(seen, np.clip(np.nan_to_num(values), -4, 4), 0).astype(np.float16)

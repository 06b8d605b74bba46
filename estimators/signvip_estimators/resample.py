"""Keypoints of one frame rate at the times of another's frames."""

from __future__ import annotations

import numpy as np

from signvip.errors import DataError
from signvip.estimation.signer import SEEN

TOLERANCE = 0.5  # seconds that two tellings of one clip may differ in length; and a tenth of it


def resample(points: np.ndarray, fps: float, frames: int, wanted: float) -> np.ndarray:
    """Return points (F, ..., C) at `fps`, as `frames` rows at `wanted` a second; unseen past the end.

    Between two sights on a straight line, beside a lost one as the nearest. DataError where the lengths cannot be
    those of one clip.
    """
    if len(points) == frames:
        return points
    have, want = len(points) / fps, frames / wanted
    if abs(have - want) > max(TOLERANCE, 0.1 * want):
        raise DataError(
            f"the stored points last {have:.2f} s ({len(points)} frames at {fps:g} a second) and the clip "
            f"{want:.2f} s; set the fps that they were made at, or make them of this clip"
        )
    place = np.arange(frames) * fps / wanted
    before = np.minimum(np.floor(place).astype(int), len(points) - 1)
    after = np.minimum(before + 1, len(points) - 1)
    share = (place - before).clip(0, 1).reshape(-1, *[1] * (points.ndim - 1))
    a, b = points[before], points[after]
    both = (a[..., -1:] >= SEEN) & (b[..., -1:] >= SEEN)
    nearer = (share < 0.5) | ((share == 0.5) & (a[..., -1:] >= b[..., -1:]))
    found = np.where(both, a + (b - a) * share, np.where(nearer, a, b))
    found[place > len(points) - 0.5] = 0
    return found.astype(points.dtype)

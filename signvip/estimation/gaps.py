"""Points that were lost for a moment: short gaps are interpolated, long ones stay empty."""

from __future__ import annotations

import numpy as np

from signvip.estimation.signer import SEEN


def fill_gaps(points: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Bridge gaps of up to `longest` frames in points (F, ..., C), confidence last; also what was bridged, (F, ...).

    Straight lines from the last sight to the next, as sure as the less sure of the two. Points of less confidence than
    is drawn count as lost.
    """
    seen = points[..., -1] >= SEEN
    time = np.arange(len(points)).reshape(-1, *[1] * (seen.ndim - 1))
    last = np.maximum.accumulate(np.where(seen, time, -1), axis=0)
    following = np.minimum.accumulate(np.where(seen, time, len(points))[::-1], axis=0)[::-1]
    bridged = ~seen & (last >= 0) & (following < len(points)) & (following - last - 1 <= longest)
    if not bridged.any():
        return points, bridged
    a = np.take_along_axis(points, last.clip(0)[..., None], axis=0)
    b = np.take_along_axis(points, following.clip(max=len(points) - 1)[..., None], axis=0)
    share = ((time - last) / np.maximum(following - last, 1))[..., None]
    between = a + (b - a) * share
    between[..., -1] = np.minimum(a[..., -1], b[..., -1])
    return np.where(bridged[..., None], between, points).astype(points.dtype), bridged


def longest_gap(seen: np.ndarray) -> int:
    """Return the longest run of frames (F,) in which something is not seen."""
    longest = run = 0
    for there in seen.tolist():
        run = 0 if there else run + 1
        longest = max(longest, run)
    return longest

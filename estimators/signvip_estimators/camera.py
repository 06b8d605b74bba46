"""From camera space to the picture: x to the right, y down, z away, in one unit."""

from __future__ import annotations

import numpy as np


def project(
    points: np.ndarray,
    seen: np.ndarray,
    focal: np.ndarray,
    size: tuple[float, float],
    principal: np.ndarray | None,
    reach: float,
) -> np.ndarray:
    """Hands (F, 2, N, 3), seen (F, 2), as (F, 2, N, 4): fractions of the picture, z from the usual wrist, confidence.

    `focal` in pixels of `size` (H, W), for all frames or (F,); `principal` (x, y) is the middle where it is None. The
    first point of a hand is its wrist; it is put at most `reach` widths before or behind the usual one.
    """
    height, width = size
    centre = np.array([width, height]) / 2 if principal is None else np.asarray(principal, float)
    lens = np.broadcast_to(np.asarray(focal, float), len(points)).reshape(-1, 1, 1, 1)
    there = seen[..., None, None]
    safe = np.where(there, points.astype(float), 1.0)
    xy = (safe[..., :2] / safe[..., 2:] * lens + centre) / (width, height)
    wrist = safe[:, :, :1, 2:]
    usual = np.median(wrist[seen]) if seen.any() else 1.0
    a_width = wrist * width / lens  # what one width of the picture is, at the distance of this wrist
    z = (safe[..., 2:] - wrist) / a_width + np.clip((wrist - usual) / a_width, -reach, reach)
    found = np.concatenate([xy, z, np.ones_like(z)], axis=-1)
    return np.where(there, found, 0).astype(np.float32)

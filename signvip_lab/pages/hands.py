"""Where the hands are in each frame, to be shown enlarged."""

from __future__ import annotations

import numpy as np

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.data.picture_scores import SEEN
from signvip_lab.pages.contents import Boxes

ROOM = 1.5  # of the largest extent of a hand in the clip: one side for all frames, so that the picture does not pump


def hand_boxes(keypoints: np.ndarray, size: tuple[int, int]) -> Boxes:
    """Turn keypoints (F, 128, 3), x and y in fractions, into boxes; size is (H, W) in pixels.

    The hand on the left of the picture, which is the signer's right, comes first.
    """
    scale = np.array(size[::-1], float)
    hands = [_boxes(keypoints[:, hand].astype(float), scale) for hand in (RIGHT_HAND, LEFT_HAND)]
    return [list(pair) for pair in zip(*hands, strict=True)]


def _boxes(points: np.ndarray, scale: np.ndarray) -> list[list[int] | None]:
    """Boxes of one hand (F, 21, 3); where none of its points is seen there is none."""
    seen = np.asarray(points[..., 2] >= SEEN)
    places = np.where(seen[..., None], points[..., :2] * scale, np.nan)
    there = np.asarray(seen.any(axis=1))
    if not there.any():
        return [None] * len(points)
    low, high = np.nanmin(places[there], axis=1), np.nanmax(places[there], axis=1)
    side = ROOM * float((high - low).max())
    corners = np.full((len(points), 2), np.nan)
    corners[there] = (low + high) / 2 - side / 2
    width, height = (1000 * side / scale).round().astype(int).tolist()
    fractions = 1000 * corners / scale
    return [
        [round(x), round(y), width, height] if known else None
        for (x, y), known in zip(fractions.tolist(), there.tolist(), strict=True)
    ]

"""Left hands stay left: a hand belongs to the wrist it hangs on, and does not jump to the other from frame to frame.

Detectors that look for each hand where its wrist is may also find one hand twice, for a second or more.
"""

from __future__ import annotations

import numpy as np

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.estimation.layouts import LEFT_WRIST, RIGHT_WRIST
from signvip.estimation.signer import SEEN

SAME = 0.5  # in lengths of the palm, the mean over all joints: what lies closer is one hand found twice
MARGIN = (
    0.25  # in lengths of the hand: how much better the exchange must fit, so that noise exchanges nothing
)
_WRISTS = [LEFT_WRIST, RIGHT_WRIST]


def swapped_hands(points: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """Return the frames (F,) of keypoints (F, 128, 3) whose left and right hands stand in each other's place."""
    scale = np.array([aspect, 1.0])
    hands = np.stack([points[:, LEFT_HAND], points[:, RIGHT_HAND]], axis=1)  # (F, 2, 21, 3)
    there = (hands[..., 2] >= SEEN).mean(axis=-1) > 0.5
    wrists = points[:, _WRISTS, :2] * scale
    sure = points[:, _WRISTS, 2] >= SEEN
    roots = hands[:, :, 0, :2] * scale
    palms = palm_length(hands[..., :2] * scale)[there]
    margin = MARGIN * float(np.median(palms)) if len(palms) else 0.0
    before: list[np.ndarray | None] = [None, None]
    swapped = np.zeros(len(points), bool)
    for frame in range(len(points)):
        targets = [_targets(wrists[frame, side], sure[frame, side], before[side]) for side in (0, 1)]
        swapped[frame] = _fits_better(roots[frame], there[frame], targets, margin)
        for side in (0, 1):
            source = 1 - side if swapped[frame] else side
            before[side] = roots[frame, source] if there[frame, source] else None
    return swapped


def doubled_hands(points: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """Hands (F, 2), left and right, of keypoints (F, 128, 3) that are the other one, found twice.

    The one farther from its own wrist is said to be so.
    """
    scale = np.array([aspect, 1.0])
    hands = np.stack([points[:, LEFT_HAND], points[:, RIGHT_HAND]], axis=1)
    there = (hands[..., 2] >= SEEN).mean(axis=-1) > 0.5
    doubled = there.all(axis=1) & same_hand(hands[:, 0, :, :2] * scale, hands[:, 1, :, :2] * scale)
    off = (hands[:, :, 0, :2] - points[:, _WRISTS, :2]) * scale
    away = np.hypot(off[..., 0], off[..., 1])
    left = away[:, 0] > away[:, 1]
    return doubled[:, None] & np.stack([left, ~left], axis=1)


def same_hand(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return whether two hands (..., 21, 2) in one unit are the same hand, found twice."""
    apart = np.linalg.norm(one - other, axis=-1).mean(axis=-1)
    return apart < SAME * np.maximum(palm_length(one), palm_length(other))


def palm_length(hand: np.ndarray) -> np.ndarray:
    """Measure hands (..., 21, 2): wrist to knuckle of the middle finger, or across the knuckles if longer."""
    along = np.linalg.norm(hand[..., 9, :] - hand[..., 0, :], axis=-1)
    across = np.linalg.norm(hand[..., 5, :] - hand[..., 17, :], axis=-1)
    return np.maximum(along, across)


def exchange(points: np.ndarray, swapped: np.ndarray) -> np.ndarray:
    """Put the hands of those frames (F,) of keypoints (F, 128, 3) into their own places."""
    points = points.copy()
    left, right = points[swapped, LEFT_HAND].copy(), points[swapped, RIGHT_HAND].copy()
    points[swapped, LEFT_HAND], points[swapped, RIGHT_HAND] = right, left
    return points


def _targets(wrist: np.ndarray, sure: bool, before: np.ndarray | None) -> list[np.ndarray]:
    """Return where to look for a hand: at the wrist of the body, and where it was one frame ago."""
    return [
        place for place, known in ((wrist, sure), (before, before is not None)) if known and place is not None
    ]


def _fits_better(
    roots: np.ndarray, there: np.ndarray, targets: list[list[np.ndarray]], margin: float
) -> bool:
    as_named, exchanged = 0.0, 0.0
    for hand in (0, 1):
        if there[hand]:
            if not targets[0] or not targets[1]:
                return False
            as_named += _distance(roots[hand], targets[hand])
            exchanged += _distance(roots[hand], targets[1 - hand])
    return exchanged + margin < as_named


def _distance(root: np.ndarray, targets: list[np.ndarray]) -> float:
    return float(np.mean([np.hypot(*(root - target)) for target in targets]))

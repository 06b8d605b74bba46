"""Left hands stay left: a hand belongs to the wrist it hangs on, and does not jump to the other from frame to frame."""

from __future__ import annotations

import numpy as np

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.estimation.layouts import LEFT_WRIST, RIGHT_WRIST
from signvip.estimation.signer import SEEN

MARGIN = 0.25  # in lengths of the hand: how much better the exchange must fit, so that noise exchanges nothing
_WRISTS = [LEFT_WRIST, RIGHT_WRIST]


def swapped_hands(points: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """The frames (F,) of keypoints (F, 128, 3) whose left and right hands stand in each other's place."""
    scale = np.array([aspect, 1.0])
    hands = np.stack([points[:, LEFT_HAND], points[:, RIGHT_HAND]], axis=1)  # (F, 2, 21, 3)
    there = (hands[..., 2] >= SEEN).mean(axis=-1) > 0.5
    wrists = points[:, _WRISTS, :2] * scale
    sure = points[:, _WRISTS, 2] >= SEEN
    roots = hands[:, :, 0, :2] * scale
    length = _length(hands[..., :2] * scale, there)
    before: list[np.ndarray | None] = [None, None]
    swapped = np.zeros(len(points), bool)
    for frame in range(len(points)):
        targets = [_targets(wrists[frame, side], sure[frame, side], before[side]) for side in (0, 1)]
        swapped[frame] = _fits_better(roots[frame], there[frame], targets, MARGIN * length)
        for side in (0, 1):
            source = 1 - side if swapped[frame] else side
            before[side] = roots[frame, source] if there[frame, source] else None
    return swapped


def exchange(points: np.ndarray, swapped: np.ndarray) -> np.ndarray:
    """Put the hands of those frames (F,) of keypoints (F, 128, 3) into their own places."""
    points = points.copy()
    left, right = points[swapped, LEFT_HAND].copy(), points[swapped, RIGHT_HAND].copy()
    points[swapped, LEFT_HAND], points[swapped, RIGHT_HAND] = right, left
    return points


def _targets(wrist: np.ndarray, sure: bool, before: np.ndarray | None) -> list[np.ndarray]:
    """Where a hand is to be looked for: at the wrist of the body, and where it was a frame ago."""
    return [place for place, known in ((wrist, sure), (before, before is not None)) if known and place is not None]


def _fits_better(roots: np.ndarray, there: np.ndarray, targets: list[list[np.ndarray]], margin: float) -> bool:
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


def _length(hands: np.ndarray, there: np.ndarray) -> float:
    """The usual distance of wrist and knuckle of the middle finger, in heights of the picture."""
    palms = np.hypot(*np.moveaxis(hands[:, :, 9] - hands[:, :, 0], -1, 0))[there]
    return float(np.median(palms)) if len(palms) else 0.0

"""Check that stored points fit a picture: head and shoulders lie in it, and hands are not larger than they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signvip.contracts import LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip.errors import DataError
from signvip.estimation.hands import palm_length
from signvip.estimation.signer import SEEN, TRUNK, follow, trunks
from signvip.estimation.stored_clip import Stored

LEGS = slice(
    8, 14
)  # hips, knees, ankles: guessed far below a picture of head and shoulders, and used by nothing
_USED = np.r_[0 : LEGS.start, LEGS.stop : NUM_KEYPOINTS]
_HANDS = np.r_[LEFT_HAND, RIGHT_HAND]
_SPECK = 0.02  # of the picture: a signer no larger than this was not measured in its pixels
_INSIDE = 0.5  # of head and shoulders: the least that is in the picture; real files have 0.92 and more
_OUTSIDE = 1.0  # in sides of the picture: what is farther out was not seen
_PALM = 1.0  # in sizes of head and shoulders: a longer one was not seen; real ones have 0.3


def signer_of(stored: Stored, size: tuple[float, float], path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the signer's keypoints (F, 128, 3), and hands (F, 2, 21, 4) if stored, as `Clip.known` has them.

    `size` (H, W) is that of the pictures they count in. DataError where nobody or no hand was seen, or the points are
    those of no picture.
    """
    height, width = size
    points = follow([people / (width, height, 1) for people in stored.people], width / height)
    if not (points[..., 2] >= SEEN).any():
        raise DataError(f"{path} shows nobody; leave this clip out")
    check_places(points, size, path)
    believed = plausible(points, width / height)
    points = np.where(believed[..., None], points, 0).astype(np.float32)
    if not (points[:, _HANDS, 2] >= SEEN).any():
        raise DataError(f"{path} shows no hands; leave this clip out, or extract them")
    if stored.hands is None:
        return points, None
    sides = np.stack([believed[:, LEFT_HAND], believed[:, RIGHT_HAND]], axis=1)
    hands = stored.hands / (width, height, width, 1)
    return points, np.where(sides[..., None], hands, 0).astype(np.float32)


def check_places(points: np.ndarray, size: tuple[float, float], path: Path) -> None:
    """Refuse keypoints (F, 128, 3), in fractions of a picture of `size` (H, W), that were not measured in it."""
    seen = points[:, _USED][points[:, _USED, 2] >= SEEN][:, :2]
    speck = len(seen) > 0 and np.ptp(seen, axis=0).max() < _SPECK
    pictures = f"pictures of {size[1]:g}x{size[0]:g}" if min(size) > 1 else "pictures"
    if speck and _share_inside(points * (size[1], size[0], 1)) >= _INSIDE:
        raise DataError(
            f"{path} is in fractions of its {pictures}, not in pixels; multiply x by the width and y by the height"
        )
    if speck or _share_inside(points) < _INSIDE:
        raise DataError(
            f"{path} has its points about the signer, not at places in its {pictures}; give the file before it was "
            f"normalised, or the right size"
        )


def _share_inside(points: np.ndarray) -> float:
    """Return the share of the seen head and shoulders, in fractions (F, 128, 3), inside the picture; 1 if none are."""
    trunk = points[:, TRUNK]
    seen = trunk[trunk[..., 2] >= SEEN][:, :2]
    return float(((seen >= 0) & (seen <= 1)).all(axis=1).mean()) if len(seen) else 1.0


def plausible(points: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """Return which keypoints (F, 128, 3), in fractions, can be real (F, 128): not far outside, nor a giant's hand.

    A tracker that loses a hand may put it anywhere, twenty times as large as the signer; `aspect` is width / height.
    """
    near = (points[..., :2] > -_OUTSIDE) & (points[..., :2] < 1 + _OUTSIDE)
    believed = np.asarray(near.all(axis=-1))
    boxes = trunks(points, aspect)
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    if np.isfinite(sizes).any():
        largest = _PALM * float(np.nanmedian(sizes))
        for part in (LEFT_HAND, RIGHT_HAND):
            believed[:, part] &= (palm_length(points[:, part, :2] * (aspect, 1)) <= largest)[:, None]
    return believed

"""Poses moved to the signer of a reference picture: head and body each by a scale and a shift of its own.

A translator knows no signer, so a text's poses have the build of those that it learned from. A denoiser that is guided
by them draws a face where the pose has one and copies that of the picture, and a signer whose head is elsewhere, or
smaller, gets two pairs of eyes. Not in the paper, whose poses are never read; what drives others' pictures by the poses
of another person scales them likewise (Animate Anyone, arXiv:2311.17117, and what came after it).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from signvip.contracts import FACE, KEYPOINTS, NUM_KEYPOINTS


class Part(NamedTuple):
    """A part of the signer: the points that say where it is, and those that move with it."""

    landmarks: tuple[int, ...]
    points: tuple[int, ...]


def _named(*names: str) -> tuple[int, ...]:
    return tuple(KEYPOINTS.index(name) for name in names)


_HEAD = (*_named("nose", "right_eye", "left_eye", "right_ear", "left_ear"), *range(FACE.start, FACE.stop))
PARTS = (
    Part(landmarks=_HEAD, points=_HEAD),
    Part(
        landmarks=_named("right_shoulder", "left_shoulder"),
        points=tuple(point for point in range(NUM_KEYPOINTS) if point not in _HEAD),
    ),
)
LANDMARKS = sorted(point for part in PARTS for point in part.landmarks)
"""The points that say where the parts of a signer are."""
MOST = 3.0  # times as large, or as small: beyond, the points of the picture were misread


def retarget(poses: Tensor, signer: Tensor) -> Tensor:
    """Poses (F, 128, 3) moved to where a signer's keypoints (128, 3) have their parts; both in pixels, and confidence.

    Of each part, the median over the frames goes to where the signer has it, by the scale and the shift of least
    squares; all frames move alike, so that what the part does stays. Hands go with the body. A part of which fewer than
    half of the landmarks are seen in both stays where it is, and so do points that are unseen.
    """
    moved = poses.clone()
    for part in PARTS:
        fit = _fit(usual_places(poses[:, part.landmarks]), signer[list(part.landmarks)])
        if fit is not None:
            points = list(part.points)
            moved[:, points, :2] = (poses[:, points, :2] - fit.origin) * fit.scale + fit.target
    return torch.where(poses[..., 2:] > 0, moved, poses)


def lacks(signer: Tensor) -> bool:
    """Return whether a picture's keypoints (128, 3) show too little of a part for poses to be moved there."""
    return not all(_seen_enough(signer[list(part.landmarks), 2] > 0) for part in PARTS)


def usual_places(points: Tensor) -> Tensor:
    """Median places (P, 3) over the frames of points (F, P, 3) that see them, and 1; zeros where none does."""
    seen = points[..., 2] > 0
    places = torch.where(seen[..., None], points[..., :2], torch.nan).nanmedian(dim=0).values
    return torch.cat([places.nan_to_num(0.0), seen.any(dim=0)[:, None].to(points)], dim=-1)


class _Fit(NamedTuple):
    origin: Tensor  # (2,), what is moved to `target`
    target: Tensor  # (2,)
    scale: Tensor  # ()


def _fit(own: Tensor, signer: Tensor) -> _Fit | None:
    """Return the scale and shift that take points (P, 3) to a signer's; None where these cannot be the same part."""
    both = (own[:, 2] > 0) & (signer[:, 2] > 0)
    if not _seen_enough(both):
        return None
    origin, target = own[both, :2].mean(dim=0), signer[both, :2].mean(dim=0)
    left, right = own[both, :2] - origin, signer[both, :2] - target
    scale = (left * right).sum() / left.square().sum().clamp(min=1e-6)
    return _Fit(origin, target, scale) if 1 / MOST < float(scale) < MOST else None


def _seen_enough(seen: Tensor) -> bool:
    return 2 * int(seen.sum()) >= len(seen)

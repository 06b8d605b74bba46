"""The losses of the pose head: heatmaps of where points are, their mean places, and whether they are seen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.models.pose_head import Maps, cell_centres, confidence_logits, mean_places

FINGERS = (
    4.0  # the weight of a hand's point: with all alike the face, which hardly moves, is most of the loss
)
SPREAD = 1.0  # cells: the deviation of the bump that a heat map is taught


def keypoint_loss(maps: Maps, truth: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the sum of the three losses of maps against keypoints (B, 128, 3), and each of them to log."""
    heat, places, confidence = heat_loss(maps, truth), place_loss(maps, truth), confidence_loss(maps, truth)
    values = {"heat": heat.detach(), "places": places.detach(), "confidence": confidence.detach()}
    return heat + places + confidence, values


def heat_loss(maps: Maps, truth: Tensor) -> Tensor:
    """Return the divergence of where points are from the truth (B, 128, 3); without it little is learned."""
    return bump_loss(maps.where, truth)


def bump_loss(where: Tensor, truth: Tensor) -> Tensor:
    """Divergence of heat maps, given as logits (B, P, h, w), from a bump at each seen point of truth (B, P, 3)."""
    target = bumps(where, truth)
    logarithm = where.flatten(2).log_softmax(-1)
    return _over_seen((torch.special.xlogy(target, target) - target * logarithm).sum(-1), truth)


def place_loss(maps: Maps, truth: Tensor) -> Tensor:
    """Mean distance along an axis, in cells, between mean places and seen points of truth (B, 128, 3)."""
    height, width = maps.where.shape[2:]
    apart = (mean_places(maps.where) - truth[..., :2]).abs()
    return _over_seen((apart[..., 0] * width + apart[..., 1] * height) / 2, truth)


def confidence_loss(maps: Maps, truth: Tensor) -> Tensor:
    """Cross-entropy of the confidence of all points with that of truth (B, 128, 3)."""
    return functional.binary_cross_entropy_with_logits(confidence_logits(maps), truth[..., 2])


def bumps(grid: Tensor, truth: Tensor) -> Tensor:
    """Normal densities (B, P, h*w), which sum to 1, about points (B, P, 3) in fractions, on the grid (..., h, w)."""
    squares = [
        ((centres - truth[..., axis, None]) * len(centres) / SPREAD).square()
        for axis, centres in enumerate(cell_centres(grid))
    ]
    return (-(squares[1][..., None] + squares[0][..., None, :]) / 2).flatten(2).softmax(-1)


def _over_seen(losses: Tensor, truth: Tensor) -> Tensor:
    """Mean of losses (B, P) over the points that are seen, those of hands `FINGERS` times as heavy."""
    weights = (truth[..., 2] > 0).to(losses)
    for hand in (LEFT_HAND, RIGHT_HAND):
        weights[:, hand] *= FINGERS
    return (losses * weights).sum() / weights.sum().clamp(min=1)

"""Find the hands of a frame by their true keypoints, to teach token groups and to weight Eq. 6."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.models.pose_head import cell_centres, mean_places

if TYPE_CHECKING:
    from signvip.training.validation import Sums

MARGIN = 0.02  # of the picture: a hand is wider than its joints


def hand_points(keypoints: Tensor) -> Tensor:
    """Return the points (B, 2, 21, 3) of the left hand and the right, of keypoints (B, 128, 3)."""
    return torch.stack([keypoints[:, LEFT_HAND], keypoints[:, RIGHT_HAND]], dim=1)


def hands_alone(keypoints: Tensor) -> Tensor:
    """Keypoints (B, 128, 3) of which those of hands are seen and no others."""
    alone = torch.zeros_like(keypoints)
    for hand in (LEFT_HAND, RIGHT_HAND):
        alone[:, hand] = keypoints[:, hand]
    return alone


def hand_boxes(keypoints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Least and greatest x and y (B, 2, 2) of the seen points of each hand, as fractions; and which are seen (B, 2)."""
    points = hand_points(keypoints)
    places, seen = points[..., :2], points[..., 2:] > 0
    low = places.masked_fill(~seen, torch.inf).amin(2)
    high = places.masked_fill(~seen, -torch.inf).amax(2)
    return low, high, seen[..., 0].any(2)


def hand_centres(keypoints: Tensor) -> Tensor:
    """Return the middle of each hand's box as a point (B, 2, 3): x, y and 1, all zeros where the hand is not seen."""
    low, high, seen = hand_boxes(keypoints)
    centres = torch.cat([(low + high) / 2, torch.ones_like(low[..., :1])], dim=-1)
    return torch.where(seen[..., None], centres, torch.zeros_like(centres))


def hand_cells(keypoints: Tensor, grid: tuple[int, int]) -> Tensor:
    """Mark the cells (B, h, w) of a grid over the picture that lie in the box of a hand, as ones among zeros."""
    low, high, _ = hand_boxes(keypoints)  # of one not seen: from infinity to minus infinity, where no cell is
    x, y = cell_centres(torch.zeros(grid, device=keypoints.device))
    columns, rows = (
        (centres >= low[..., axis, None] - MARGIN) & (centres <= high[..., axis, None] + MARGIN)
        for axis, centres in enumerate((x, y))
    )
    return (rows[..., None] & columns[..., None, :]).any(1).to(keypoints.dtype)


def place_errors(where: Tensor, keypoints: Tensor, size: tuple[int, int]) -> Sums:
    """Sum of pixels between the places that heat maps (B, 2, h, w) tell and hands that are seen; and how many are."""
    truth = hand_centres(keypoints)
    apart = (mean_places(where) - truth[..., :2]) * truth.new_tensor([size[1], size[0]])
    return {"apart": float((apart.norm(dim=-1) * truth[..., 2]).sum()), "hands": float(truth[..., 2].sum())}

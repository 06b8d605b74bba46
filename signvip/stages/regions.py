"""Weight errors in the boxes of hands and faces: they are small in a frame, yet signs are read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from signvip.data.picture_scores import face_boxes, hand_boxes

if TYPE_CHECKING:
    import numpy as np

    from signvip.config import RegionWeights


def region_weights(keypoints: np.ndarray, size: tuple[int, int], weights: RegionWeights) -> Tensor:
    """Weights (F, H, W) float32 of the pixels of frames with these keypoints (F, 128, 3); a hand hides the face."""
    pixels = torch.ones(len(keypoints), *size)
    for frame, points in zip(pixels, keypoints, strict=True):
        for boxes, weight in ((face_boxes, weights.face), (hand_boxes, weights.hands)):
            for rows, columns in boxes(points, size):
                frame[rows, columns] = weight
    return pixels


def on_cells(pixels: Tensor, latents: Tensor) -> Tensor:
    """Weights of the cells of latents (B, F, 4, h, w), for all of their channels: the mean of a cell's pixels."""
    return functional.adaptive_avg_pool2d(pixels, (latents.shape[-2], latents.shape[-1]))[:, :, None]

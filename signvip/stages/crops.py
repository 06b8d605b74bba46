"""Choose a square of each frame to look at in training: around a hand, around a face, or anywhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from signvip.config import Crops, RunConfig
from signvip.contracts import NUM_KEYPOINTS
from signvip.data.picture_scores import Box, face_boxes, hand_boxes
from signvip.errors import ConfigError
from signvip.models.vae import shrinks_by
from signvip.registry import drawing


def check_crops(crops: Crops, key: str, config: RunConfig, *, keypoints: bool) -> None:
    """ConfigError for crops, which `key` names, that frames, VAE or shards (with keypoints?) cannot give."""
    height, width = config.size
    factor = shrinks_by(config.vae)
    if crops.size > min(height, width) or crops.size % factor:
        raise ConfigError(
            f"{key}.size is {crops.size}; frames have {height}x{width} pixels, and the VAE takes multiples "
            f"of {factor}: choose one that fits."
        )
    if crops.hands + crops.faces > 0 and not keypoints:
        names, how = " and ".join(config.conditions), drawing("keypoints")
        raise ConfigError(
            f"{key} looks for hands and faces, and {names} store no keypoints; train with {how}, "
            f"or set {key}.hands=0 and {key}.faces=0."
        )


def crop_frames(
    frames: Tensor, keypoints: np.ndarray | None, crops: Crops, random: np.random.Generator
) -> Tensor:
    """Crop one square of each frame (F, 3, H, W) to (F, 3, size, size), by keypoints (F, 128, 3) if they are known.

    Where what was drawn is not seen in a frame, its square lies anywhere.
    """
    size = frames.shape[2], frames.shape[3]
    points = np.zeros((len(frames), NUM_KEYPOINTS, 3)) if keypoints is None else keypoints
    corners = draw_corners(points, size, crops, random)
    return torch.stack(
        [
            frame[:, top : top + crops.size, left : left + crops.size]
            for frame, (top, left) in zip(frames, corners, strict=True)
        ]
    )


def draw_corners(
    keypoints: np.ndarray, size: tuple[int, int], crops: Crops, random: np.random.Generator
) -> list[tuple[int, int]]:
    """First row and column of one square in each frame of a size, whose keypoints are (F, 128, 3)."""
    corners = []
    for points in keypoints:
        rows, columns = _draw(points, size, crops, random)
        top = _start(rows, size[0], crops.size, random)
        corners.append((top, _start(columns, size[1], crops.size, random)))
    return corners


def _draw(points: np.ndarray, size: tuple[int, int], crops: Crops, random: np.random.Generator) -> Box:
    """Choose what the square has to show: the box of a hand or of the face, or the whole frame."""
    turn = random.random()
    boxes: list[Box] = []
    if turn < crops.hands:
        boxes = hand_boxes(points, size)
    elif turn < crops.hands + crops.faces:
        boxes = face_boxes(points, size)
    if not boxes:
        return slice(0, size[0]), slice(0, size[1])
    return boxes[int(random.integers(len(boxes)))]


def _start(span: slice, side: int, crop: int, random: np.random.Generator) -> int:
    """Draw where a crop begins that holds a span of a side of the frame, or lies within a span that is longer."""
    ends = sorted((span.start, span.stop - crop))
    least, most = (min(max(end, 0), side - crop) for end in ends)
    return int(random.integers(least, most + 1))

"""Show how the VAE rebuilds dev frames, for a person to look at: whole, and their hands enlarged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from signvip.data.picture_scores import Box, hand_boxes
from signvip.data.sheet import contact_sheet


def vae_sheet(shown: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray | None]]) -> Image.Image:
    """Lay frames (H, W, 3) of the truth over those of the VAE, and hands of both below where keypoints show one."""
    rows = {"truth": [truth for truth, _, _ in shown], "VAE": [made for _, made, _ in shown]}
    boxes = [None if points is None else _hand(points, truth) for truth, _, points in shown]
    if any(boxes):
        rows |= {f"{name}, hand": _cut(frames, boxes) for name, frames in rows.items()}
    return contact_sheet(list(rows.values()), list(rows), scale=2)


def _hand(points: np.ndarray, frame: np.ndarray) -> Box | None:
    boxes = hand_boxes(points, (frame.shape[0], frame.shape[1]))
    return boxes[-1] if boxes else None  # the right one where both are seen


def _cut(frames: Sequence[np.ndarray], boxes: Sequence[Box | None]) -> list[np.ndarray]:
    """Return the boxes of frames; white where there is none."""
    return [
        np.full_like(frame, 255) if box is None else frame[box]
        for frame, box in zip(frames, boxes, strict=True)
    ]

"""Holistic sees one person. With several in the picture, it is shown the columns that the signer stands in."""

from __future__ import annotations

from typing import Any

import numpy as np

from signvip.estimation import signer_boxes

LOOKS = 7  # frames of a clip that are looked at
SMALLEST = 0.5  # a face of less than this share of the signer's is a picture on the wall, or a mistake
NEAREST = 1.5  # in widths of the signer's face: two faces stand apart, two detections of one do not


def signer_window(frames: np.ndarray, detector: Any) -> tuple[int, int]:
    """Return the columns [x0, x1) of frames (F, H, W, 3) to look for the signer in: all, where there is one face.

    Else from halfway to the neighbour on the left to halfway to the one on the right. `detector` is MediaPipe's
    FaceDetection.
    """
    width = frames.shape[2]
    looks = np.unique(np.linspace(0, len(frames) - 1, LOOKS).round().astype(int))
    faces = [_faces(detector.process(frames[look]), width, frames.shape[1]) for look in looks]
    picked = signer_boxes(faces, width)
    lefts, rights = [], []
    for boxes, who in zip(faces, picked, strict=True):
        if who is None:
            continue
        middle, others = _middle(boxes[who]), _others(boxes, who)
        lefts.append(max((_middle(box) for box in others if _middle(box) < middle), default=-middle))
        rights.append(
            min((_middle(box) for box in others if _middle(box) > middle), default=2 * width - middle)
        )
        lefts[-1], rights[-1] = (lefts[-1] + middle) / 2, (rights[-1] + middle) / 2
    if not lefts:
        return 0, width
    return max(0, round(float(np.median(lefts)))), min(width, round(float(np.median(rights))))


def _faces(found: Any, width: int, height: int) -> np.ndarray:
    """Return the boxes (P, 4) in pixels."""
    boxes = [detection.location_data.relative_bounding_box for detection in found.detections or ()]
    corners = [(box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height) for box in boxes]
    return np.array(corners, float).reshape(-1, 4) * (width, height, width, height)


def _others(boxes: np.ndarray, who: int) -> list[np.ndarray]:
    """Return the faces beside the signer's that are people's."""
    size = boxes[who, 2] - boxes[who, 0]
    return [
        box
        for box in boxes
        if box[2] - box[0] >= SMALLEST * size and abs(_middle(box) - _middle(boxes[who])) >= NEAREST * size
    ]


def _middle(box: np.ndarray) -> float:
    return float(box[0] + box[2]) / 2

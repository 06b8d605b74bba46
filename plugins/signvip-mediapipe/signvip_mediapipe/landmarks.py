"""MediaPipe's landmark lists as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

BODY_POINTS, FACE_POINTS, HAND_POINTS = 33, 478, 21


def array(landmarks: Any, count: int) -> np.ndarray:
    """(count, 4) x, y, z, visibility; zeros where nothing was found."""
    if landmarks is None:
        return np.zeros((count, 4), np.float32)
    return np.array([[p.x, p.y, p.z, p.visibility or 0] for p in landmarks.landmark], np.float32)


def sure(landmarks: Any, count: int) -> np.ndarray:
    """Return the same for face and hands, which are found as a whole or not: confidence 1 or 0."""
    values = array(landmarks, count)
    values[:, 3] = landmarks is not None
    return values

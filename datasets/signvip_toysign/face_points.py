"""The 68 iBUG landmarks of a face that moves: brows, eyelids, mouth.

Local coordinates: x and y in half widths and half heights of the face (chin at y = 1), z from the viewer.
"""

from __future__ import annotations

import numpy as np

JAW, RIGHT_BROW, LEFT_BROW, NOSE = slice(0, 17), slice(17, 22), slice(22, 27), slice(27, 36)
RIGHT_EYE, LEFT_EYE, LIPS, MOUTH = slice(36, 42), slice(42, 48), slice(48, 60), slice(60, 68)


def landmarks(face: np.ndarray) -> np.ndarray:
    """Return the landmarks (F, 68, 3) from face values (F, 7) as `motion` lays them out; the head is not turned yet."""
    brows, squint, opened, rounded = (face[:, index, None] for index in range(4))
    parts = [_jaw(opened), *_brows(brows), _nose(opened), *_eyes(squint, brows), *_mouth(opened, rounded)]
    flat = np.concatenate(parts, axis=1)
    depth = surface(flat)
    depth[:, NOSE] -= np.array([0.02, 0.08, 0.16, 0.26, 0.08, 0.13, 0.18, 0.13, 0.08])
    return np.concatenate([flat, depth[..., None]], axis=2)


def surface(points: np.ndarray) -> np.ndarray:
    """Return z of points (..., 2) on the front of the head."""
    round_ = 1 - (points[..., 0] / 1.06) ** 2 - (points[..., 1] / 1.3) ** 2
    return np.asarray(-0.85 * np.sqrt(np.maximum(round_, 0)))


def _points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.broadcast_arrays(x, y)
    return np.stack([x, y], axis=2)


def _jaw(opened: np.ndarray) -> np.ndarray:
    angle = np.pi * np.arange(17) / 16
    down = np.sin(angle)
    return _points(-np.cos(angle) * (1 - 0.10 * down**3), -0.12 + 1.12 * down**0.95 + 0.07 * opened * down**6)


def _brows(brows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0.76, 0.18, 5)
    frown = np.linspace(0, 1, 5)[None] * np.maximum(-brows, 0)
    y = -0.40 - 0.09 * np.sin(np.linspace(0.35, np.pi - 0.5, 5)) - 0.15 * np.maximum(brows, 0) + 0.13 * frown
    inward = x - 0.05 * frown
    return _points(-inward, y), _points(inward[:, ::-1], y[:, ::-1])


def _nose(opened: np.ndarray) -> np.ndarray:
    x = np.array([0, 0, 0, 0, -0.17, -0.09, 0, 0.09, 0.17])
    y = np.array([-0.14, 0.0, 0.13, 0.25, 0.31, 0.34, 0.36, 0.34, 0.31])
    return _points(x[None] + 0 * opened, y)


def _eyes(squint: np.ndarray, brows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lid = 0.135 * np.clip(1 - 0.62 * squint + 0.25 * np.maximum(brows, 0), 0.06, 1.3)
    x = np.array([0.66, 0.52, 0.33, 0.19, 0.33, 0.52])
    side = np.array([0, -1, -1, 0, 0.75, 0.75])
    y = -0.13 + side * lid
    left = [3, 2, 1, 0, 5, 4]  # the left eye begins at its inner corner
    return _points(-x[None] + 0 * lid, y), _points(x[None, left] + 0 * lid, y[:, left])


def _mouth(opened: np.ndarray, rounded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = 0.34 * (1 - 0.42 * np.maximum(rounded, 0) + 0.22 * np.maximum(-rounded, 0))
    gap = 0.15 * np.clip(opened, 0, 1.2)
    lip = 0.055 * (1 + 0.5 * np.maximum(rounded, 0))
    upper, lower = np.linspace(-1, 1, 7), np.linspace(1, -1, 7)[1:-1]
    bow = np.array([0.6, 0.85, 1.0, 0.85, 1.0, 0.85, 0.6])
    top = 0.60 - bow * (lip + 0.35 * gap)
    bottom = 0.59 + np.sqrt(1 - lower**2) * (1.25 * lip + gap)
    lips = np.concatenate([_points(half * upper, top), _points(half * lower, bottom)], axis=1)
    inner = np.array([-0.86, -0.45, 0, 0.45, 0.86])
    arch = np.array([0, 0.85, 1, 0.85, 0])
    above = _points(half * inner, 0.60 - 0.35 * gap * arch)
    below = _points(half * inner[3:0:-1], 0.60 + gap * arch[3:0:-1])
    return lips, np.concatenate([above, below], axis=1)

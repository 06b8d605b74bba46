"""Directions by name, and orientations as quaternions, which blend without collapsing."""

from __future__ import annotations

from functools import cache

import numpy as np


class Directions:
    """Canonical unit directions: x away from the middle on the hand's own side, y down, z from the viewer."""

    UP = (0.0, -1.0, 0.0)
    DOWN = (0.0, 1.0, 0.0)
    OUT = (0.0, 0.0, -1.0)
    IN = (0.0, 0.0, 1.0)
    SIDE = (1.0, 0.0, 0.0)
    ACROSS = (-1.0, 0.0, 0.0)


def direction(name: str) -> np.ndarray:
    """Return the unit vector of a name such as "up" or "up-across"."""
    total = np.sum([getattr(Directions, part.upper()) for part in name.split("-")], axis=0)
    return np.asarray(total / np.linalg.norm(total))


@cache
def orientation(fingers: str, palm: str) -> np.ndarray:
    """Return the quaternion (4,) of a hand by where its fingers and its palm look."""
    up = direction(fingers)
    front = direction(palm)
    front = front - up * (front @ up)
    front = front / np.linalg.norm(front)
    found = _from_matrix(np.stack([-np.cross(up, front), up, front], axis=1))
    found.flags.writeable = False  # it is shared
    return found


def axes(quaternion: np.ndarray) -> np.ndarray:
    """Return the columns (..., 3, 3): the directions of thumb side, fingers and palm."""
    w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    rotation = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    # The frame (thumb side, fingers, palm) is left-handed in canonical axes; `_from_matrix` flipped its first axis.
    return np.asarray(rotation * np.array([-1.0, 1.0, 1.0]))


def near(quaternion: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the one of q and -q (the same orientation) that is closer to `other`."""
    return quaternion if float(quaternion @ other) >= 0 else -quaternion


def euler(yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Return rotation matrices (..., 3, 3) of a head that turns (yaw), nods (pitch) and tilts (roll), in radians."""
    one, zero = np.ones_like(yaw), np.zeros_like(yaw)
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    turn = _matrix([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]])
    nod = _matrix([[one, zero, zero], [zero, cp, -sp], [zero, sp, cp]])
    tilt = _matrix([[cr, -sr, zero], [sr, cr, zero], [zero, zero, one]])
    return np.asarray(tilt @ turn @ nod)


def _matrix(rows: list[list[np.ndarray]]) -> np.ndarray:
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _from_matrix(frame: np.ndarray) -> np.ndarray:
    rotation = frame * np.array([-1.0, 1.0, 1.0])
    # The eigenvector of the largest eigenvalue of this symmetric matrix is the quaternion (Bar-Itzhack, 2000).
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    symmetric = np.array(
        [
            [xx - yy - zz, yx + xy, zx + xz, zy - yz],
            [yx + xy, yy - xx - zz, zy + yz, xz - zx],
            [zx + xz, zy + yz, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    x, y, z, w = np.linalg.eigh(symmetric)[1][:, -1]
    quaternion = np.array([w, x, y, z])
    largest = quaternion[np.argmax(np.abs(quaternion))]
    return np.asarray(quaternion * np.sign(largest))

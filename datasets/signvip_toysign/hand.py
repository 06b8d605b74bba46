"""A hand of 21 joints: from a handshape and an orientation to joints in 3D (forward kinematics).

Everything here is canonical: x points away from the body's middle on the hand's own side, y down, z away
from the viewer. The left and the right hand are the same until `skeleton` mirrors one of them.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

# Knuckles as (towards the thumb, towards the fingertips) and phalanges, in lengths of a hand.
KNUCKLES = np.array([[0.175, 0.46], [0.055, 0.49], [-0.065, 0.465], [-0.175, 0.41]])
PHALANGES = np.array([[0.23, 0.14, 0.11], [0.25, 0.16, 0.11], [0.235, 0.15, 0.11], [0.19, 0.12, 0.10]])
THUMB_ROOT = np.array([0.14, 0.13])
THUMB = np.array([0.17, 0.15, 0.12])
FAN = np.array([1.0, 0.25, -0.45, -1.15])  # how far each finger turns when the hand spreads


class Handshape(NamedTuple):
    """Angles in degrees: knuckle and middle-joint bend of four fingers, spread, and the thumb's three."""

    knuckle: tuple[float, float, float, float]
    bend: tuple[float, float, float, float]
    spread: float
    thumb_out: float  # 0 lies along the fingers, 90 sticks out to the side
    thumb_front: float  # towards where the palm looks
    thumb_bend: float

    def vector(self) -> np.ndarray:
        """Return the twelve angles in radians, so that handshapes can be blended."""
        return np.radians([*self.knuckle, *self.bend, *self[2:]])


class Handshapes:
    """The handshapes of both toy languages; a lexicon names them in lower case."""

    FLAT = Handshape((0, 0, 0, 0), (3, 3, 3, 3), 2, 22, 8, 4)
    FIVE = Handshape((0, 0, 0, 0), (4, 4, 4, 4), 17, 62, 5, 0)
    FIST = Handshape((82, 84, 84, 82), (98, 98, 98, 98), 1, -12, 42, 30)
    INDEX = Handshape((0, 84, 84, 82), (3, 98, 98, 98), 1, -12, 42, 30)
    VEE = Handshape((0, 0, 84, 82), (3, 3, 98, 98), 15, -16, 44, 30)
    THREE = Handshape((0, 0, 0, 80), (3, 3, 3, 96), 15, -20, 48, 32)
    ELL = Handshape((0, 84, 84, 82), (3, 98, 98, 98), 2, 82, 4, -4)
    HORNS = Handshape((82, 84, 84, 0), (98, 98, 98, 3), 14, 78, 4, -4)
    THUMB = Handshape((82, 84, 84, 82), (98, 98, 98, 98), 1, 74, 4, -6)
    CLAW = Handshape((18, 18, 18, 18), (58, 58, 58, 58), 17, 58, 24, 26)
    ROUND = Handshape((46, 50, 54, 58), (54, 54, 54, 54), 3, 30, 46, 26)
    REST = Handshape((20, 24, 28, 32), (22, 24, 26, 28), 3, 28, 18, 10)
    HOOK = Handshape((12, 84, 84, 82), (88, 98, 98, 98), 1, -12, 42, 30)


@cache
def handshape(name: str) -> np.ndarray:
    """Return the angles (12,) of a handshape by its lower-case name."""
    shape: Handshape = getattr(Handshapes, name.upper())
    found = shape.vector()
    found.flags.writeable = False  # it is shared
    return found


def forward(shape: np.ndarray, rotation: np.ndarray, length: float) -> np.ndarray:
    """Return the joints (..., 21, 3) relative to the wrist, from angles (..., 12) and axes (..., 3, 3).

    The columns of `rotation` are the directions of thumb side, fingers and palm.
    """
    side, up, palm = (rotation[..., None, :, axis] for axis in range(3))
    knuckle, bend, spread = shape[..., 0:4, None], shape[..., 4:8, None], shape[..., 8:9, None]
    turn = spread * FAN[:, None]
    along = np.cos(turn) * up + np.sin(turn) * side
    joints = [KNUCKLES[:, :1] * side + KNUCKLES[:, 1:] * up]
    for part, angle in enumerate((knuckle, knuckle + bend, knuckle + 1.7 * bend)):
        step = np.cos(angle) * along + np.sin(angle) * palm
        joints.append(joints[-1] + PHALANGES[:, part, None] * step)
    fingers = np.stack(joints, axis=-2)  # (..., 4, 4, 3)
    thumb = _thumb(shape[..., 9:], side[..., 0, :], up[..., 0, :], palm[..., 0, :])
    wrist = np.zeros_like(thumb[..., :1, :])
    flat = fingers.reshape(*fingers.shape[:-3], 16, 3)
    return length * np.concatenate([wrist, thumb, flat], axis=-2)


def _thumb(angles: np.ndarray, side: np.ndarray, up: np.ndarray, palm: np.ndarray) -> np.ndarray:
    out, front, bend = (angles[..., index, None] for index in range(3))
    joints = [THUMB_ROOT[0] * side + THUMB_ROOT[1] * up]
    for part in range(3):
        # The root bone always leaves the palm sideways; only what follows crosses it.
        turn = np.maximum(out, 0.45) if part == 0 else out - (part - 1) * bend
        flat = np.cos(turn) * up + np.sin(turn) * side
        joints.append(joints[-1] + THUMB[part] * (np.cos(front) * flat + np.sin(front) * palm))
    return np.stack(joints, axis=-2)

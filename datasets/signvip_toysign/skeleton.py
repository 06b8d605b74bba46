"""From a motion and a build to joints in 3D, and from those to the keypoints of `contracts.Clip`.

Scene coordinates: x to the right of the picture from its middle, y down from its top, z away from the viewer, in
shorter sides of the picture. The signer's left is at positive x: the camera faces the signer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signvip.contracts import BODY, FACE, LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip_toysign.face_points import LEFT_EYE, RIGHT_EYE, landmarks
from signvip_toysign.hand import forward
from signvip_toysign.motion import HANDS, PITCH, ROLL, YAW, Motion
from signvip_toysign.rotations import axes, euler
from signvip_toysign.signer import Signer

SIDES = np.array([1.0, -1.0])  # the signer's left, then right
SHOULDER_Y, SHOULDER_Z, HIP_Y, HEAD_Y = 0.53, -0.02, 0.97, 0.268
USUAL_SHOULDER = 0.175
UPPER_ARM, FOREARM = 0.235, 0.215
HALF_FACE = np.array([0.116, 0.148, 0.116])
ELBOW_POLE = np.array([0.62, 0.74, 0.25])  # elbows hang outwards, down and a little back
EARS = np.array([[-1.02, 0.0, 0.05], [1.02, 0.0, 0.05]])
NECK_JOINT = 0.95  # in half faces below the middle of the head: what it turns about


@dataclass(frozen=True)
class View:
    """The view of a picture: the scene's point (x, y) in its middle, and the unit `zoom` times its shorter side."""

    x: float = 0.0
    y: float = 0.5
    zoom: float = 1.0


WHOLE = View()  # the scene's unit square


@dataclass(frozen=True)
class Skeleton:
    """Joints in scene coordinates: shoulder, elbow, wrist (F, 2, 3); hands (F, 2, 21, 3); face (F, 68, 3).

    `palm` (F, 2, 3) is where the palms look; `head` (F, 3, 3) turns local head coordinates.
    """

    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray
    hands: np.ndarray
    palm: np.ndarray
    face: np.ndarray
    ears: np.ndarray
    head: np.ndarray
    signer: Signer

    def on_head(self, local: np.ndarray) -> np.ndarray:
        """Return the scene coordinates (F, n, 3) of local head points (n, 3) or (F, n, 3)."""
        return turn_head(local, self.head, self.signer)


def pose(motion: Motion, signer: Signer) -> Skeleton:
    """Put the signer into every frame of the motion."""
    mirror = np.stack([SIDES, np.ones(2), np.ones(2)], axis=1)
    shoulder = np.array([signer.shoulder, SHOULDER_Y, SHOULDER_Z])
    elbow, wrist = reach(
        shoulder, _fitted(motion.wrist, signer), UPPER_ARM * signer.arm, FOREARM * signer.arm
    )
    rotation = axes(motion.rotation)
    hands = wrist[:, :, None] + forward(motion.shape, rotation, signer.hand)
    face, head = landmarks(motion.face), head_rotation(motion)
    frames = len(motion)
    return Skeleton(
        shoulder=np.broadcast_to(shoulder * mirror, (frames, 2, 3)),
        elbow=elbow * mirror,
        wrist=wrist * mirror,
        hands=hands * mirror[:, None],
        palm=rotation[..., 2] * mirror,
        face=turn_head(face, head, signer),
        ears=turn_head(EARS, head, signer),
        head=head,
        signer=signer,
    )


def reach(
    shoulder: np.ndarray, target: np.ndarray, upper: float, lower: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the elbow and wrist (..., 3) of a two-bone arm; a target out of reach is pulled in along its direction."""
    way = target - shoulder
    far = np.linalg.norm(way, axis=-1, keepdims=True)
    ahead = way / np.maximum(far, 1e-6)
    far = np.clip(far, abs(upper - lower) + 0.02, 0.995 * (upper + lower))
    along = (upper**2 - lower**2 + far**2) / (2 * far)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0))
    pole = ELBOW_POLE - ahead * (ahead @ ELBOW_POLE)[..., None]
    pole = pole / np.linalg.norm(pole, axis=-1, keepdims=True)
    return shoulder + along * ahead + aside * pole, shoulder + far * ahead


def head_rotation(motion: Motion) -> np.ndarray:
    """Return the rotation (F, 3, 3) of the head."""
    yaw, pitch, roll = (motion.face[:, column - HANDS] for column in (YAW, PITCH, ROLL))
    return euler(yaw, pitch, roll)


def turn_head(local: np.ndarray, head: np.ndarray, signer: Signer) -> np.ndarray:
    """Return the scene coordinates (F, n, 3) of local head points, turned about the top of the neck."""
    size = HALF_FACE * signer.head * np.array([signer.face, 1.0, 1.0])
    pivot = np.array([0.0, NECK_JOINT, 0.0]) * size
    middle = np.array([0.0, HEAD_Y, -0.05])
    return (local * size - pivot) @ np.swapaxes(head, 1, 2) + pivot + middle


def keypoints(skeleton: Skeleton, size: tuple[int, int], view: View = WHOLE) -> tuple[np.ndarray, np.ndarray]:
    """Return `keypoints` (F, 128, 3) and `hands` (F, 2, 21, 4), float32, as `contracts.Clip` lays them out."""
    points = np.zeros((len(skeleton.face), NUM_KEYPOINTS, 3), np.float32)
    joints, sure = body(skeleton)
    for part, values in (
        (BODY, joints), (FACE, skeleton.face), (LEFT_HAND, skeleton.hands[:, 0]), (RIGHT_HAND, skeleton.hands[:, 1]),
    ):  # fmt: skip
        points[:, part, :2] = fractions(values, size, view)
    points[:, :, 2] = 1
    points[:, BODY, 2] = sure
    points[:, BODY] *= sure[:, None]
    depth = skeleton.hands[..., 2:] * view.zoom * min(size) / size[1]
    hands = np.concatenate([fractions(skeleton.hands, size, view), depth, np.ones_like(depth)], axis=-1)
    return points, hands.astype(np.float32)


def body(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Return the OpenPose-18 joints (F, 18, 3), and which the picture has (18,): knees and ankles are out of it."""
    joints = np.zeros((len(skeleton.face), 18, 3))
    joints[:, 0] = skeleton.face[:, 30]
    joints[:, 1] = skeleton.shoulder.mean(axis=1)
    for side, first in ((1, 2), (0, 5)):
        for offset, part in enumerate((skeleton.shoulder, skeleton.elbow, skeleton.wrist)):
            joints[:, first + offset] = part[:, side]
    for side, index in ((1, 8), (0, 11)):
        joints[:, index] = [SIDES[side] * 0.62 * skeleton.signer.shoulder, HIP_Y, 0]
    joints[:, 14], joints[:, 15] = (
        skeleton.face[:, RIGHT_EYE].mean(axis=1),
        skeleton.face[:, LEFT_EYE].mean(axis=1),
    )
    joints[:, 16:18] = skeleton.ears
    sure = np.ones(18, np.float32)
    sure[[9, 10, 12, 13]] = 0
    return joints, sure


def fractions(points: np.ndarray, size: tuple[int, int], view: View = WHOLE) -> np.ndarray:
    """Return x and y (..., 2) as fractions of width and height, from scene coordinates."""
    return pixels(points, size, view) / np.array([size[1], size[0]])


def pixels(points: np.ndarray, size: tuple[int, int], view: View = WHOLE) -> np.ndarray:
    """Return x and y (..., 2) in pixels, from scene coordinates."""
    height, width = size
    scale = min(size) * view.zoom
    return points[..., :2] * scale + np.array([width / 2 - view.x * scale, height / 2 - view.y * scale])


def _fitted(wrist: np.ndarray, signer: Signer) -> np.ndarray:
    """Return the places of the average build, for this one: arms scale them about the shoulders."""
    middle = np.array([0.0, SHOULDER_Y, 0.0])
    spread = np.array([signer.shoulder / USUAL_SHOULDER, 1.0, 1.0])
    return (wrist - middle) * signer.arm * spread + middle

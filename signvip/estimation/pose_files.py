"""`.pose` files of MediaPipe, OpenPose and COCO-WholeBody, read by the library pose-format."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from signvip.errors import DataError, PluginError
from signvip.estimation.hand_depth import depth_scale
from signvip.estimation.layouts import from_holistic, from_openpose
from signvip.estimation.stored_clip import PARTS, Stored

# The names of the 33 points of MediaPipe's body, in their order.
BLAZEPOSE = (
    "NOSE LEFT_EYE_INNER LEFT_EYE LEFT_EYE_OUTER RIGHT_EYE_INNER RIGHT_EYE RIGHT_EYE_OUTER LEFT_EAR RIGHT_EAR "
    "MOUTH_LEFT MOUTH_RIGHT LEFT_SHOULDER RIGHT_SHOULDER LEFT_ELBOW RIGHT_ELBOW LEFT_WRIST RIGHT_WRIST "
    "LEFT_PINKY RIGHT_PINKY LEFT_INDEX RIGHT_INDEX LEFT_THUMB RIGHT_THUMB LEFT_HIP RIGHT_HIP LEFT_KNEE "
    "RIGHT_KNEE LEFT_ANKLE RIGHT_ANKLE LEFT_HEEL RIGHT_HEEL LEFT_FOOT_INDEX RIGHT_FOOT_INDEX"
).split()
_NEAR = 1.25  # a unit of z that is no farther from the width of the picture is that: one clip tells no better
HANDS = {"LEFT_HAND_LANDMARKS": 21, "RIGHT_HAND_LANDMARKS": 21}


def read_pose(path: Path) -> Stored:
    """Read a file of any version; DataError where it is damaged or its points are unknown."""
    try:
        from pose_format import Pose
    except ImportError as error:
        raise PluginError(f'Reading {path} needs pose-format; pip install "signvip[pose-format]"') from error
    content = path.read_bytes()
    try:
        pose = Pose.read(content)
        lost = _frames_lost(content, len(pose.body.data))
    except Exception as error:  # a cut file ends in whatever error its library meets first
        raise DataError(f"{path} is not a .pose file, or is cut short ({error}); make it again") from error
    if lost:
        raise DataError(f"{path} is cut short ({lost} of its frames are missing); make it again")
    fps = float(pose.body.fps)
    parts = _parts(pose)
    size = float(pose.header.dimensions.height), float(pose.header.dimensions.width)
    if not 1 < min(size) < math.inf:
        raise DataError(
            f"{path} says that its pictures have {size[1]:g}x{size[0]:g} pixels, so it is in fractions of them or "
            f"normalised; give the file before that was done"
        )
    if "pose_keypoints_2d" in parts:
        everybody = np.concatenate([_padded(parts, name, count) for name, count in PARTS], axis=2)
        return Stored(list(from_openpose(everybody[..., [0, 1, -1]])), size, fps)
    if "POSE_LANDMARKS" in parts:
        return _holistic(parts, pose, size)
    raise DataError(
        f"{path} has the parts {', '.join(parts)}; SignViP knows those of MediaPipe Holistic (POSE_LANDMARKS ...) and "
        f"OpenPose (pose_keypoints_2d ...); store it in one of these"
    )


def _frames_lost(content: bytes, found: int) -> int:
    """Count the frames that a file of version 0.1 announces but lacks: its library misreads what is left."""
    from pose_format.pose_header import PoseHeader
    from pose_format.utils.reader import BufferReader

    reader = BufferReader(content)
    if round(PoseHeader.read(reader).version, 3) != 0.1:
        return 0
    _, announced = struct.unpack_from("<HH", content, reader.read_offset)
    return int((announced - found) % 2**16)  # of longer files it holds the lower two bytes


def _parts(pose: Any) -> dict[str, np.ndarray]:
    """Return each component by name, (F, P, n, D + 1): coordinates as stored, then confidence; zeros for NaN."""
    values = np.ma.filled(pose.body.data.astype(np.float32), 0.0)
    everything = np.concatenate([values, np.asarray(pose.body.confidence, np.float32)[..., None]], axis=-1)
    everything[~np.isfinite(everything).all(axis=-1)] = 0
    parts, start = {}, 0
    for component in pose.header.components:
        parts[component.name] = everything[:, :, start : start + len(component.points)]
        start += len(component.points)
    return parts


def _padded(parts: dict[str, np.ndarray], name: str, count: int) -> np.ndarray:
    """Return a component as it is, or an empty one."""
    body = parts["pose_keypoints_2d"]
    return parts.get(name, np.zeros((*body.shape[:2], count, body.shape[3]), np.float32))


def _holistic(parts: dict[str, np.ndarray], pose: Any, size: tuple[float, float]) -> Stored:
    """MediaPipe's points by their names, since reduced files leave some out; hands with z where it is stored."""
    named = {component.name: list(component.points) for component in pose.header.components}
    wanted = {"POSE_LANDMARKS": BLAZEPOSE, "FACE_LANDMARKS": [str(number) for number in range(478)]}
    shape, dims = parts["POSE_LANDMARKS"].shape[:2], parts["POSE_LANDMARKS"].shape[3]
    found = {name: np.zeros((*shape, len(points), dims), np.float32) for name, points in wanted.items()}
    for name, points in wanted.items():
        for number, point in enumerate(named.get(name, ())):
            if point in points:
                found[name][:, :, points.index(point)] = parts[name][:, :, number]
    for name, count in HANDS.items():
        found[name] = parts.get(name, np.zeros((*shape, count, dims), np.float32))
    people = from_holistic(*(part[..., [0, 1, -1]] for part in found.values()))
    stored = Stored(list(people), size, float(pose.body.fps))
    if dims == 4 and shape[1] == 1:
        return _deep(stored, np.stack([found[name][:, 0] for name in HANDS], axis=1), size[1])
    return stored


def _deep(stored: Stored, hands: np.ndarray, width: float) -> Stored:
    """Add hands (F, 2, 21, 4) with z from their wrists, in pixels; none where no z is stored.

    MediaPipe gives z as a fraction of the width of its picture; whoever scales x and y later leaves z as it was.
    """
    hands = hands - np.array([0, 0, 1, 0]) * hands[:, :, :1]
    fitted = depth_scale(hands[(hands[..., 3] > 0).all(axis=-1)][..., :3], usual=width)
    if fitted is None:
        return stored
    depth = width if 1 / _NEAR < fitted / width < _NEAR else fitted
    return replace(stored, hands=hands * np.array([1, 1, depth, 1]), depth=depth, fitted=fitted)

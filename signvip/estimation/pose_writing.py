"""Keypoints as a `.pose` file in the layout of MediaPipe Holistic, which pose-format and its viewers read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from signvip.contracts import BODY, FACE, LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip.errors import DataError, PluginError
from signvip.estimation.facemesh import IBUG_OF_FACE_MESH
from signvip.estimation.layouts import NECK, OF_BLAZEPOSE
from signvip.estimation.limbs import FACE_LINES
from signvip.estimation.pose_files import BLAZEPOSE
from signvip.storage.files import replacing

MESH = 468  # points of the face; those that no keypoint stands for are unseen
_HAND = [
    "WRIST",
    *(f"THUMB_{joint}" for joint in ("CMC", "MCP", "IP", "TIP")),
    *(
        f"{finger}_{joint}"
        for finger in ("INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")
        for joint in ("MCP", "PIP", "DIP", "TIP")
    ),
]  # MediaPipe's names, in its order
_BODY_LIMBS = [
    (11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24), (0, 2), (0, 5), (2, 7), (5, 8)
]  # fmt: skip
_HAND_LIMBS = [(0 if joint % 4 == 1 else joint - 1, joint) for joint in range(1, 21)] + [
    (5, 9),
    (9, 13),
    (13, 17),
]
_COLOURS = {"POSE": (255, 128, 0), "FACE": (128, 128, 128), "LEFT": (0, 160, 0), "RIGHT": (0, 96, 255)}


def check_writable() -> None:
    """PluginError with the command that installs it, where the library that writes `.pose` files is missing."""
    if find_spec("pose_format") is None:
        raise PluginError('Writing .pose files needs pose-format; pip install "signvip[pose-format]"')


def write_pose(path: Path, points: np.ndarray, *, size: tuple[int, int], fps: float) -> None:
    """Write keypoints (F, 128, 3), in pixels of frames of `size` (H, W) and confidence, whole or not at all.

    All 543 points of MediaPipe Holistic are there; those that our keypoints lack are unseen, and z is 0 throughout. The
    neck, which MediaPipe lacks, is left out: readers put it between the shoulders.
    """
    check_writable()
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderDimensions

    if points.ndim != 3 or points.shape[1:] != (NUM_KEYPOINTS, 3) or not len(points):
        raise DataError(
            f"Keypoints of shape {points.shape} are not (F, {NUM_KEYPOINTS}, 3); give those of a clip."
        )
    parts = _parts(points.astype(np.float32))
    everything = np.concatenate(list(parts.values()), axis=1)[:, None]  # (F, people, 543, 3)
    places = np.concatenate([everything[..., :2], np.zeros_like(everything[..., :1])], axis=-1)
    confidence = everything[..., 2]
    unseen = np.repeat(confidence[..., None] == 0, 3, axis=-1)
    header = PoseHeader(0.2, PoseHeaderDimensions(size[1], size[0], size[1]), _components(parts))
    with replacing(path) as temporary, temporary.open("wb") as file:
        Pose(header, NumPyPoseBody(fps, np.ma.masked_array(places, unseen), confidence)).write(file)


def _parts(points: np.ndarray) -> dict[str, np.ndarray]:
    """MediaPipe's components by name, (F, n, 3): the reverse of `layouts.from_holistic`."""
    body, face = (np.zeros((len(points), count, 3), np.float32) for count in (len(BLAZEPOSE), MESH))
    ours = [point for point in range(BODY.stop) if point != NECK]
    body[:, [OF_BLAZEPOSE[point] for point in ours]] = points[:, ours]
    face[:, IBUG_OF_FACE_MESH] = points[:, FACE]
    return {
        "POSE_LANDMARKS": body,
        "FACE_LANDMARKS": face,
        "LEFT_HAND_LANDMARKS": points[:, LEFT_HAND],
        "RIGHT_HAND_LANDMARKS": points[:, RIGHT_HAND],
    }


def _components(names: Iterable[str]) -> list[object]:
    from pose_format.pose_header import PoseHeaderComponent

    return [
        PoseHeaderComponent(name, list(points), limbs, [_COLOURS[name.split("_")[0]]] * len(limbs), "XYZC")
        for name in names
        for points, limbs in [_drawn(name)]
    ]


def _drawn(name: str) -> tuple[Sequence[str], list[tuple[int, int]]]:
    """Return the points of a component, and the lines that viewers draw between them."""
    if name == "POSE_LANDMARKS":
        return BLAZEPOSE, _BODY_LIMBS
    if name == "FACE_LANDMARKS":
        return [str(number) for number in range(MESH)], list(_face_limbs())
    return _HAND, _HAND_LIMBS


def _face_limbs() -> Iterable[tuple[int, int]]:
    for line, closed in FACE_LINES:
        points = [IBUG_OF_FACE_MESH[point] for point in line]
        yield from zip(points, points[1:] + points[:1] * closed, strict=False)

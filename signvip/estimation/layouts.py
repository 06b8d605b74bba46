"""From the points of OpenPose, COCO-WholeBody and MediaPipe to those of `Clip.known`.

All arrays are (..., points, 3): x, y, confidence. What comes out has the order of `contracts`: OpenPose-18, iBUG-68,
left hand, right hand.
"""

from __future__ import annotations

import numpy as np

from signvip.contracts import BODY, FACE, LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip.estimation.facemesh import CONTOURS, IBUG_OF_FACE_MESH

NOSE, NECK, RIGHT_SHOULDER, RIGHT_WRIST, LEFT_SHOULDER, LEFT_WRIST, RIGHT_EYE, LEFT_EYE = (
    0,
    1,
    2,
    4,
    5,
    7,
    14,
    15,
)
OPENPOSE, WHOLEBODY, REDUCED = (
    137,
    133,
    178,
)  # BODY_25 with face and hands; COCO-WholeBody; part of MediaPipe's

# Where each of OpenPose's 18 body points stands in the others; a shoulder holds the place of the neck, which they lack.
_OF_BODY_25 = [*range(8), *range(9, 19)]
_OF_COCO = [0, 5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
_OF_REDUCED = [11, 12, 13, 14, 15, 16, 23, 24]
OF_BLAZEPOSE = [0, 11, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7]


def from_openpose(points: np.ndarray) -> np.ndarray:
    """OpenPose's (..., 137, 3), BODY_25, a face of 70, left hand, right hand, as (..., 128, 3)."""
    body, face = points[..., _OF_BODY_25, :], points[..., 25:93, :]
    return _joined(body, face, points[..., 95:116, :], points[..., 116:137, :])


def from_wholebody(points: np.ndarray) -> np.ndarray:
    """COCO-WholeBody's (..., 133, 3), which DWPose and RTMPose give, as (..., 128, 3)."""
    body = with_neck(points[..., _OF_COCO, :])
    return _joined(body, points[..., 23:91, :], points[..., 91:112, :], points[..., 112:133, :])


def from_holistic(pose: np.ndarray, face: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """MediaPipe's 33 points of the body, 468 or 478 of the face and 21 a hand, as (..., 128, 3)."""
    contours = face[..., IBUG_OF_FACE_MESH, :]
    body = _with_face(with_neck(pose[..., OF_BLAZEPOSE, :]), contours)
    return _joined(body, contours, left, right)


def from_reduced(points: np.ndarray) -> np.ndarray:
    """MediaPipe's (..., 178, 3), as pose-format reduces it to arms, hips, contours and hands, as (..., 128, 3)."""
    body, face = np.zeros((*points.shape[:-2], 33, 3)), np.zeros((*points.shape[:-2], 468, 3))
    body[..., _OF_REDUCED, :], face[..., CONTOURS, :] = points[..., :8, :], points[..., 8:136, :]
    return from_holistic(body, face, points[..., 136:157, :], points[..., 157:, :])


def with_neck(body: np.ndarray) -> np.ndarray:
    """Put the neck (..., 18, 3) between the shoulders, as sure as the less sure of them."""
    body = body.copy()
    right, left = body[..., RIGHT_SHOULDER, :], body[..., LEFT_SHOULDER, :]
    body[..., NECK, :2] = (right[..., :2] + left[..., :2]) / 2
    body[..., NECK, 2] = np.minimum(right[..., 2], left[..., 2])
    return body


def _with_face(body: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Take nose and eyes from the face where the body lacks them: reduced `.pose` files store arms alone."""
    body = body.copy()
    for point, of_face in ((NOSE, [30]), (RIGHT_EYE, range(36, 42)), (LEFT_EYE, range(42, 48))):
        found = face[..., list(of_face), :].mean(axis=-2)
        sure = face[..., list(of_face), 2].min(axis=-1)
        lacking = (body[..., point, 2] == 0) & (sure > 0)
        body[..., point, :] = np.where(lacking[..., None], found, body[..., point, :])
    return body


def _joined(body: np.ndarray, face: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    points = np.zeros((*body.shape[:-2], NUM_KEYPOINTS, 3), np.float32)
    for part, values in ((BODY, body), (FACE, face), (LEFT_HAND, left), (RIGHT_HAND, right)):
        points[..., part, :] = values
    return cleaned(points)


def cleaned(points: np.ndarray) -> np.ndarray:
    """Points (..., 3) or (..., 4) with the confidence last, in [0, 1]; what is not seen or no number is all zeros."""
    confidence = points[..., -1:]
    seen = np.isfinite(points).all(axis=-1, keepdims=True) & (confidence > 0)
    points = np.where(seen, points, 0).astype(np.float32)
    points[..., -1] = points[..., -1].clip(0, 1)
    return points

"""Pairs of points that are joined: OpenPose-18 body, iBUG-68 face, 21-point hands."""

from __future__ import annotations

BODY_LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7)),  # shoulders and arms
    *((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),  # trunk and legs
    *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),  # head
)

FACE_LINES = (
    tuple(range(17)),  # contour
    tuple(range(17, 22)),  # brows
    tuple(range(22, 27)),
    tuple(range(27, 31)),  # nose
    tuple(range(31, 36)),
    (*range(36, 42), 36),  # eyes
    (*range(42, 48), 42),
    (*range(48, 60), 48),  # lips, outer and inner
    (*range(60, 68), 60),
)

HAND_BONES = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1)
    for finger in range(5)
    for joint in range(4)
)
HAND_PALM = (0, 5, 9, 13, 17)  # wrist and the knuckles of the four fingers

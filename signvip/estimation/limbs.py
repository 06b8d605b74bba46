"""Which of the 128 keypoints are joined, for whoever draws them as a skeleton."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from signvip.contracts import BODY, FACE, LEFT_HAND, RIGHT_HAND

_BODY = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7)),  # shoulders and arms
    *((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),  # trunk and legs
    *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),  # head
)  # of OpenPose-18
FACE_LINES = (  # of iBUG-68: jaw, brows, nose, eyes, lips; True where a line is closed
    (range(17), False), (range(17, 22), False), (range(22, 27), False), (range(27, 31), False), (range(31, 36), False),
    (range(36, 42), True), (range(42, 48), True), (range(48, 60), True), (range(60, 68), True),
)  # fmt: skip


def _limbs() -> Iterator[tuple[int, int]]:
    yield from ((BODY.start + a, BODY.start + b) for a, b in _BODY)
    for line, closed in FACE_LINES:
        points = [FACE.start + point for point in line]
        yield from pairwise(points + points[:1] * closed)
    for hand in (LEFT_HAND, RIGHT_HAND):
        for joint in range(1, 21):
            yield hand.start + (0 if joint % 4 == 1 else joint - 1), hand.start + joint


LIMBS = tuple(_limbs())
"""Pairs of places in `contracts.KEYPOINTS`."""

"""Everybody's keypoints of one clip, as a file holds them, before the signer is picked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signvip.errors import DataError

SLOWEST, FASTEST = 1.0, 1000.0  # frames a second of any camera
PARTS = (  # of a person in OpenPose's files
    ("pose_keypoints_2d", 25),
    ("face_keypoints_2d", 70),
    ("hand_left_keypoints_2d", 21),
    ("hand_right_keypoints_2d", 21),
)


@dataclass(frozen=True)
class Stored:
    """The contents of a file: everybody's keypoints (P, 128, 3) per frame, in pixels of `size` (H, W) or fractions.

    Without a size it is unknown which.
    """

    people: list[np.ndarray]
    size: tuple[float, float] | None = None
    fps: float | None = None
    hands: np.ndarray | None = None  # (F, 2, 21, 4) in the same unit, of files that know one person
    depth: float | None = None  # what z was multiplied by to get there, where that had to be found
    fitted: float | None = None  # what these hands alone say that it should be

    def measure(self, path: Path) -> tuple[tuple[float, float], float]:
        """Return the size (H, W) and frames per second of a clip read from `path`; DataError where it lacks them."""
        if self.size is None or self.fps is None or not SLOWEST <= self.fps <= FASTEST:
            told = "" if self.fps is None else f" (it says {self.fps:g})"
            raise DataError(f"{path} does not say how many frames a second it has{told}; make it again")
        return self.size, self.fps

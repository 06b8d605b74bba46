"""Poses against others, aligned in time: joints (F, J, D) in any unit, keypoints (F, 128, 3) in pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from signvip.contracts import FACE, KEYPOINTS, LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip.data.trajectories import JOINTS, align, distances, joints
from signvip.errors import DataError
from signvip.measures import MeanOfClips, Summed, check_pairs


class TimeWarping(Summed):
    """Cost of the cheapest time alignment over the length of the truth, mean over clips; lower is better.

    The cost of two frames is the mean over joints of their Euclidean distance. (What the field calls DTW after
    ProgressiveTransformersSLP sums absolute differences instead; the two are not comparable.) `dtwp_norm` is the same
    cost over the steps of the alignment: a short clip is cheap by the first and not by the second.
    """

    takes, higher_is_better = "poses", False
    signature = (
        "dynamic time warping, Euclidean, mean over joints, over the true length, or the path's (dtwp_norm)"
    )
    unit = "of the frame"

    def statistics(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> np.ndarray:
        pairs = aligned("dtw", generated, truth)
        return np.array([(d.sum() / len(b), d.mean(), 1.0) for d, b in zip(pairs, truth, strict=True)])

    def score(self, sums: np.ndarray) -> dict[str, float]:
        by_truth, by_path, clips = sums.tolist()
        return {"dtw": by_truth / clips, "dtwp_norm": by_path / clips}


class JointError(MeanOfClips):
    """Mean over aligned frames and joints of the Euclidean distance (MPJPE after time alignment), mean over clips.

    Lower is better. Where all joints weigh alike, as here, it is the number that others print as `dtwp_norm`.
    """

    takes, higher_is_better = "poses", False
    key = "mpjpe"
    signature = "Euclidean, after dynamic time warping, mean over aligned frames and joints, then clips"
    unit = "of the frame"

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        return [float(d.mean()) for d in aligned("mpjpe", generated, truth)]


def aligned(name: str, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the distances along each clip's alignment: mean over joints, one for each aligned pair of frames."""
    check_pairs(name, generated, truth)
    found = []
    for clip, (made, wanted) in enumerate(zip(generated, truth, strict=True)):
        if made.ndim != 3 or made.shape[1:] != wanted.shape[1:] or not (len(made) and len(wanted)):
            raise DataError(
                f"{name} takes joints (F, J, D) of one skeleton; clip {clip} has {made.shape} and its truth "
                f"{wanted.shape}."
            )
        if not np.isfinite(made).all() or np.isinf(wanted).any():
            raise DataError(f"{name} was given joints of clip {clip} that are not numbers; leave them out.")
        first, second = np.array(align(made, wanted)).T
        found.append(distances(made[first], wanted[second]).mean(axis=-1))
    return found


class PointError(MeanOfClips):
    """Mean Euclidean distance in pixels of some keypoints, over aligned frames and the points that the truth sees.

    Frames are aligned by dynamic time warping of arms and hands. Mean over clips in which such points are seen.
    """

    takes, higher_is_better = "keypoints", False
    signature = "Euclidean in pixels, after dynamic time warping of 50 joints, over seen points, then clips"
    unit = "pixels"
    points: Sequence[int]

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        check_pairs(self.key, generated, truth)
        return [self._of_clip(made, wanted) for made, wanted in zip(generated, truth, strict=True)]

    def _of_clip(self, made: np.ndarray, wanted: np.ndarray) -> float | None:
        for points in (made, wanted):
            if points.ndim != 3 or points.shape[1:] != (NUM_KEYPOINTS, 3) or not len(points):
                raise DataError(
                    f"{self.key} takes keypoints (F, {NUM_KEYPOINTS}, 3) in pixels; one of these has the shape "
                    f"{points.shape}."
                )
        first, second = np.array(align(made[:, JOINTS, :2], joints(wanted))).T
        found, there = made[first][:, self.points], wanted[second][:, self.points]
        apart = np.linalg.norm(found[..., :2] - there[..., :2], axis=-1)[there[..., 2] > 0]
        return float(apart.mean()) if apart.size else None


class WristError(PointError):
    """Of both wrists of the body."""

    key, points = "wrist_error", tuple(KEYPOINTS.index(f"{side}_wrist") for side in ("right", "left"))


class FingerError(PointError):
    """Of the twenty finger joints of each hand, at their places in the picture."""

    key = "finger_error"
    points = (*range(LEFT_HAND.start + 1, LEFT_HAND.stop), *range(RIGHT_HAND.start + 1, RIGHT_HAND.stop))


class FaceError(PointError):
    """Of the 68 points of the face."""

    key, points = "face_error", tuple(range(FACE.start, FACE.stop))

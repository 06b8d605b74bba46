"""Poses (F, J, D) against poses of another length: joints aligned in time. Units are those of the joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from signvip.errors import DataError
from signvip.evaluation.trajectories import align
from signvip.metrics.base import Measure, check_pairs


class PoseMeasure(Measure):
    """A metric of joints; lower is better."""

    takes = "poses"
    higher_is_better = False


class TimeWarping(PoseMeasure):
    """Cost of the cheapest time alignment over the length of the truth, mean over clips.

    The cost of two frames is the mean over joints of their Euclidean distance. (What the field calls DTW after
    ProgressiveTransformersSLP sums absolute differences instead; the two are not comparable.)
    """

    signature = "dynamic time warping, Euclidean, mean over joints, over the true length"

    def __call__(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
        pairs = aligned("dtw", generated, truth)
        costs = [float(d.sum()) / len(b) for d, b in zip(pairs, truth, strict=True)]
        return {"dtw": float(np.mean(costs))}


class JointError(PoseMeasure):
    """Mean over aligned frames and joints of the Euclidean distance (MPJPE after time alignment), mean over clips."""

    signature = "Euclidean, after dynamic time warping, mean over aligned frames and joints, then clips"

    def __call__(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
        return {"mpjpe": float(np.mean([d.mean() for d in aligned("mpjpe", generated, truth)]))}


def aligned(name: str, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Distances along each clip's alignment: mean over joints, one for each aligned pair of frames."""
    check_pairs(name, generated, truth)
    found = []
    for clip, (made, wanted) in enumerate(zip(generated, truth, strict=True)):
        if made.ndim != 3 or made.shape[1:] != wanted.shape[1:] or not (len(made) and len(wanted)):
            raise DataError(
                f"{name} takes joints (F, J, D) of one skeleton; clip {clip} has {made.shape} and its truth "
                f"{wanted.shape}."
            )
        if not (np.isfinite(made).all() and np.isfinite(wanted).all()):
            raise DataError(f"{name} was given joints of clip {clip} that are no numbers; leave them out.")
        first, second = np.array(align(made, wanted)).T
        found.append(np.linalg.norm(made[first] - wanted[second], axis=-1).mean(axis=-1))
    return found

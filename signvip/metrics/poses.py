"""Poses (F, J, D) against poses of another length: joints aligned in time. Units are those of the joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from signvip.errors import DataError
from signvip.evaluation.trajectories import align
from signvip.metrics.base import MeanOfClips, Summed, check_pairs


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

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        return [float(d.mean()) for d in aligned("mpjpe", generated, truth)]


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

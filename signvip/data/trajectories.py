"""Compare the trajectories of joints, aligned in time: what metrics and the laboratory share."""

from __future__ import annotations

import numpy as np

from signvip.contracts import LEFT_HAND, RIGHT_HAND

JOINTS = [*range(8), *range(LEFT_HAND.start, RIGHT_HAND.stop)]  # nose, neck, arms, hands: the usual 50


def joints(keypoints: np.ndarray) -> np.ndarray:
    """Keypoints (F, 128, 3) to the places (F, 50, 2) of arms and hands, not a number where one is unseen."""
    chosen = keypoints[:, JOINTS].astype(np.float64)
    return np.where(chosen[..., 2:] > 0, chosen[..., :2], np.nan)


def distances(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Euclidean distances (..., J) of joints (..., J, D); an unseen joint has the mean of its frame's others.

    Unseen is what is not a number. Where nothing is seen nothing is wrong: 0.
    """
    apart = np.asarray(np.linalg.norm(made - truth, axis=-1))
    known = np.isfinite(apart)
    if known.all():
        return apart
    mean = np.where(known, apart, 0).sum(axis=-1) / known.sum(axis=-1).clip(min=1)
    return np.where(known, apart, mean[..., None])


def align(made: np.ndarray, truth: np.ndarray) -> list[tuple[int, int]]:
    """Dynamic time warping of two trajectories (F, J, D), by the summed Euclidean distance of all joints."""
    cost = distances(made[:, None], truth[None]).sum(axis=-1)
    total = np.full((len(made) + 1, len(truth) + 1), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(*cost.shape):
        total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    path = [(len(made) - 1, len(truth) - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        path.append(
            min(((a, b) for a, b in before if a >= 0 and b >= 0), key=lambda ab: total[ab[0] + 1, ab[1] + 1])
        )
    return path[::-1]

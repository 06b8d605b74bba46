"""Are wrists and fingers in the right place? Trajectories read from embeddings e, aligned in time with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signvip.contracts import LEFT_HAND, RIGHT_HAND

JOINTS = [*range(8), *range(LEFT_HAND.start, RIGHT_HAND.stop)]  # nose, neck, arms, hands: the usual 50
RIGHT_WRIST, LEFT_WRIST = 4, 7  # OpenPose-18
TOLERANCE = 0.1  # of the frame
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class WristProbe:
    """A linear map from embeddings to wrist positions; it can only read what the embeddings hold.

    Positions are (F, 2, 2): right and left wrist, x and y as fractions of the frame.
    """

    mean: np.ndarray
    scale: float
    weights: np.ndarray
    bias: np.ndarray

    def __call__(self, e: np.ndarray) -> np.ndarray:
        """Embeddings (F, C, h, w) to positions (F, 2, 2)."""
        flat = (e.reshape(len(e), -1) - self.mean) / self.scale
        return (flat @ self.weights + self.bias).reshape(-1, 2, 2)


def fit_wrist_probe(train: tuple[np.ndarray, np.ndarray], dev: tuple[np.ndarray, np.ndarray]) -> WristProbe:
    """Ridge regression on training frames; its strength is chosen on dev frames. Pairs of (e, positions)."""
    flat = train[0].reshape(len(train[0]), -1).astype(np.float64)
    mean, scale = flat.mean(axis=0), float(flat.std()) or 1.0
    flat = (flat - mean) / scale
    wanted = train[1].reshape(len(flat), -1)
    bias = wanted.mean(axis=0)
    gram = flat @ flat.T
    probes = []
    for strength in STRENGTHS:
        ridge = strength * np.trace(gram) / len(gram) * np.eye(len(gram))
        weights = flat.T @ np.linalg.solve(gram + ridge, wanted - bias)
        probes.append(WristProbe(mean, scale, weights, bias))
    return min(probes, key=lambda probe: float(np.abs(probe(dev[0]) - dev[1]).mean()))


def wrist_positions(keypoints: np.ndarray) -> np.ndarray:
    """Keypoints (F, 128, 3) to wrist positions (F, 2, 2)."""
    return keypoints[:, [RIGHT_WRIST, LEFT_WRIST], :2].astype(np.float64)


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


def share_in_place(made: np.ndarray, truth: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """Share of aligned frames in which both wrists are within `tolerance` of the frame of the truth."""
    near = [
        bool((np.linalg.norm(made[i] - truth[j], axis=-1) <= tolerance).all()) for i, j in align(made, truth)
    ]
    return float(np.mean(near))

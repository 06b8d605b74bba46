"""Read wrists from embeddings e with a linear probe, and count how many frames have both in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signvip.data.trajectories import align

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


def share_in_place(made: np.ndarray, truth: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """Share of aligned frames in which both wrists are within `tolerance` of the frame of the truth."""
    near = [
        bool((np.linalg.norm(made[i] - truth[j], axis=-1) <= tolerance).all()) for i, j in align(made, truth)
    ]
    return float(np.mean(near))
